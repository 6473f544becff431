// Package pades signs PDF files as PAdES baseline B-B (ETSI EN 319 142-1) and
// verifies such signatures.
//
// A signature is always an incremental update: the bytes of the file stay an
// identical prefix of the result, so that earlier signatures, forms and tags
// stay as they are. Files are read through io.ReaderAt and hashed as a stream;
// memory does not depend on their size.
//
// Signing has two halves, so that the key may be elsewhere: Prepare gives the
// attributes to be signed, Complete takes their signature and writes the file.
// Sign does both with a crypto.Signer.
package pades
