package work

import (
	"context"
	"io"

	"github.com/paraph/paraph/internal/fault"
)

// Scanner looks for malware. Implemented by internal/clamd.
type Scanner interface {
	// Scan reads a file to its end and gives the name of what it found; "" where it
	// found nothing. Faults: Unavailable "scanner_unavailable"; TooLarge
	// "file_too_large_to_scan".
	Scan(ctx context.Context, file io.Reader) (found string, err error)
}

// Codes of files that are looked through.
const (
	codeMalware        = "malware_found"
	codeScannerAway    = "scanner_unavailable"
	codeTooLargeToScan = "file_too_large_to_scan"
)

// harmless demands that a scanner finds no malware in a file; nil finds none in any.
// Fault Invalid "malware_found"; those of the scanner: a file that nobody could look
// through waits.
func harmless(ctx context.Context, s Scanner, file io.Reader) error {
	if s == nil {
		return nil
	}
	found, err := s.Scan(ctx, file)
	if err == nil && found != "" {
		err = fault.New(fault.Invalid, codeMalware, "The malware scanner found %.200q in the file. It is not handed out. Send another copy; if the scanner is mistaken, have that mended, and retry.", found)
	}
	return err
}
