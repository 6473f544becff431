// Package pdffile reads PDF files strictly and extends them by incremental updates.
//
// The reader takes an io.ReaderAt, so a file is never held in memory whole:
// cross-reference data is read at Open, objects when they are asked for. It
// follows ISO 32000-1 (7.3 objects, 7.5 file structure) and repairs nothing.
// A file that other programs would silently mend is refused with ErrDamaged
// and a reason, because two programs that mend differently show different
// documents, which a signature must not allow.
//
// The writer only appends. The bytes of the original file stay an identical
// prefix, and the new section uses the file's own kind of cross-reference
// (table or stream, 7.5.6 and 7.5.8), which Acrobat demands of signed files.
//
// Values returned by a File are shared with its cache and must not be changed;
// use Dict.Clone and Array.Clone. A File is not safe for concurrent use.
package pdffile
