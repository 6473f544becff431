package pades

import (
	"context"
	"io"

	"github.com/paraph/paraph/pades/mark"
	"github.com/paraph/paraph/pades/pdffile"
	"github.com/paraph/paraph/pades/pdffont"
)

// Stamp draws marks as page content in a revision of its own, without a
// signature. A file that carries a signature gives ErrSignedContent.
func Stamp(ctx context.Context, in io.ReaderAt, size int64, out io.Writer, marks []mark.Mark, fonts []*pdffont.Face) error {
	f, err := pdffile.Open(in, size)
	if err != nil {
		return err
	}
	if err := f.Check(); err != nil {
		return err
	}
	signed, err := carriesSignature(f)
	if err != nil {
		return err
	}
	if signed {
		return ErrSignedContent
	}
	u := pdffile.NewUpdate(f)
	pen := mark.NewPen(u, fonts)
	if err := pen.Stamp(marks); err != nil {
		return err
	}
	if err := pen.Close(); err != nil {
		return err
	}
	if err := copyTo(ctx, out, in, size); err != nil {
		return err
	}
	_, err = u.AppendTo(out)
	return err
}
