package pdffile

import (
	"errors"
	"fmt"
	"io"
)

// The kinds of refusal; test for them with errors.Is.
var (
	// ErrDamaged: the file breaks ISO 32000 in a way that readers mend differently.
	ErrDamaged = errors.New("damaged PDF")
	// ErrEncrypted: the file is encrypted in a way that this package does not read.
	ErrEncrypted = errors.New("encrypted PDF")
	// ErrPassword: the file is encrypted and the password is missing or wrong. It is an ErrEncrypted too.
	ErrPassword = fmt.Errorf("%w that needs its password", ErrEncrypted)
	// ErrUnsupported: the structure uses a feature this package does not read.
	ErrUnsupported = errors.New("unsupported PDF feature")
	// ErrLimit: reading on would pass one of the Limits.
	ErrLimit = errors.New("PDF exceeds a limit")
)

// Error is a refusal with its reason; Offset is a byte position in the file, or -1.
type Error struct {
	Kind   error
	Offset int64
	Reason string
}

func (e *Error) Error() string {
	if e.Offset < 0 {
		return fmt.Sprintf("%v: %s", e.Kind, e.Reason)
	}
	return fmt.Sprintf("%v: %s (at byte %d)", e.Kind, e.Reason, e.Offset)
}

// Unwrap gives the kind, so that errors.Is(err, ErrDamaged) works.
func (e *Error) Unwrap() error { return e.Kind }

// Deviation is a breach of ISO 32000 that was accepted because all readers
// take it alike. Offset is a byte position in the file, or -1.
type Deviation struct {
	Offset int64  `json:"offset"`
	Reason string `json:"reason"`
}

func damaged(off int64, format string, args ...any) error {
	return &Error{Kind: ErrDamaged, Offset: off, Reason: fmt.Sprintf(format, args...)}
}

func unsupported(format string, args ...any) error {
	return &Error{Kind: ErrUnsupported, Offset: -1, Reason: fmt.Sprintf(format, args...)}
}

func overLimit(format string, args ...any) error {
	return &Error{Kind: ErrLimit, Offset: -1, Reason: fmt.Sprintf(format, args...)}
}

// readFull fills b from off; a short file is damage, any other fault passes through.
func readFull(r io.ReaderAt, b []byte, off int64) error {
	n, err := r.ReadAt(b, off)
	if n == len(b) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return damaged(off, "the file ends too early")
	}
	return err
}
