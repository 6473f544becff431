package pades

import (
	"context"
	"crypto"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"

	"github.com/paraph/paraph/pades/pdffile"
)

// output copies a file to a writer and appends revisions to it. It keeps the
// digest of all that was written, and can be read as the file written so far.
type output struct {
	ctx      context.Context
	in       io.ReaderAt
	size     int64 // of in
	out      io.Writer
	password string
	whole    hash.Hash // SHA-256 of everything written
	tail     []byte    // the revisions appended
}

func newOutput(ctx context.Context, in io.ReaderAt, size int64, out io.Writer, password string) *output {
	return &output{ctx: ctx, in: in, size: size, out: out, password: password, whole: sha256.New()}
}

// copy writes the original and gives its digest by h, to which more can be added.
func (o *output) copy(h crypto.Hash) (hash.Hash, error) {
	if h == crypto.SHA256 {
		if err := copyTo(o.ctx, &tee{o.whole, nil, o.out}, o.in, o.size); err != nil {
			return nil, err
		}
		return o.state()
	}
	document := h.New()
	return document, copyTo(o.ctx, &tee{o.whole, document, o.out}, o.in, o.size)
}

// tee writes to one or two hashes and then to a writer.
type tee struct {
	first, second hash.Hash
	out           io.Writer
}

func (t *tee) Write(b []byte) (int, error) {
	t.first.Write(b)
	if t.second != nil {
		t.second.Write(b)
	}
	return t.out.Write(b)
}

// state copies the running digest, so that the long common beginning of what
// is hashed is hashed once.
func (o *output) state() (hash.Hash, error) {
	c, ok := o.whole.(hash.Cloner)
	if !ok {
		return nil, fmt.Errorf("the hash %T cannot be cloned", o.whole)
	}
	return c.Clone()
}

// append writes a revision, which it keeps.
func (o *output) append(b []byte) error {
	if _, err := o.out.Write(b); err != nil {
		return err
	}
	o.whole.Write(b)
	if o.tail == nil {
		o.tail = b
		return nil
	}
	o.tail = append(o.tail, b...)
	return nil
}

func (o *output) total() int64 { return o.size + int64(len(o.tail)) }

func (o *output) sum() (b [32]byte) {
	o.whole.Sum(b[:0])
	return b
}

// ReadAt reads what was written.
func (o *output) ReadAt(b []byte, off int64) (int, error) {
	n := 0
	if off < o.size {
		var err error
		n, err = o.in.ReadAt(b[:min(int64(len(b)), o.size-off)], off)
		if off+int64(n) < o.size || n == len(b) {
			return n, err
		}
	}
	if at := off + int64(n) - o.size; at < int64(len(o.tail)) {
		n += copy(b[n:], o.tail[at:])
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// open reads what was written as a PDF file. It was checked before, and what
// was appended since is our own.
func (o *output) open() (*pdffile.File, error) {
	return pdffile.OpenWith(o, o.total(), pdffile.OpenOptions{Password: o.password})
}

// copyTo streams the first size bytes of in, stopping when ctx ends.
func copyTo(ctx context.Context, w io.Writer, in io.ReaderAt, size int64) error {
	const chunk = 64 << 10 // stays in the processor's cache between hashing and writing
	b := make([]byte, min(size, chunk))
	for at := int64(0); at < size; {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := in.ReadAt(b[:min(int64(len(b)), size-at)], at)
		if n == 0 && err != nil {
			return fmt.Errorf("read the document at byte %d: %w", at, err)
		}
		if _, err := w.Write(b[:n]); err != nil {
			return err
		}
		at += int64(n)
	}
	return nil
}
