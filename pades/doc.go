// Package pades signs PDF files as PAdES baseline signatures (ETSI EN 319
// 142-1) of the levels B-B, B-T, B-LT and B-LTA, raises and renews the
// signatures of files that anybody signed, and verifies them.
//
// A signature is always an incremental update: the bytes of the file stay an
// identical prefix of the result, so that earlier signatures, forms and tags
// stay as they are. Files are read through io.ReaderAt, hashed and copied as a
// stream; memory does not depend on their size.
//
// Signing has two halves, so that the key may be elsewhere: Prepare gives the
// attributes to be signed, Complete takes their signature and writes the file.
// Sign does both with a crypto.Signer. What a level needs beside the key comes
// through two interfaces: Stamper (as pades/tsp has it) and EvidenceSource (as
// pades/revocation has it). Where these fail the signature is made all the same,
// and Result tells which level was reached and why not more; Upgrade goes on
// from there later.
//
// The parts may be used by themselves: pdffile reads and extends PDF files, mark
// draws what is seen of a signature, pdffont embeds fonts, tsp asks for
// timestamps and gives them, revocation collects OCSP answers and CRLs.
package pades
