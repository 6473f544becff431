package pades_test

import (
	"context"
	"errors"
	"image"
	"io"
	"strings"
	"testing"

	"github.com/paraph/paraph/pades"
	"github.com/paraph/paraph/pades/internal/testpdf"
	"github.com/paraph/paraph/pades/mark"
)

// pictures draws nothing: it gives a picture for each length of the file, as a
// renderer that was deceived, or is deceiving, would.
type pictures struct {
	paint func(size int64, page int, g *image.Gray) error
}

func (p pictures) Render(_ context.Context, _ io.ReaderAt, size int64, _ string, page int) (*image.Gray, error) {
	g := image.NewGray(image.Rect(0, 0, 595, 842))
	for i := range g.Pix {
		g.Pix[i] = 255
	}
	return g, p.paint(size, page, g)
}

// block paints a rectangle of a page's picture.
func block(g *image.Gray, r image.Rectangle, shade uint8) {
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			g.Pix[y*g.Stride+x] = shade
		}
	}
}

// TestWhatIsSeen: a second signature shows itself. Nothing else may look different,
// it may hide nothing, and where nobody can look, nothing is valid.
func TestWhatIsSeen(t *testing.T) {
	t.Parallel()
	first, second := identity(t, "Ada Signer", "p256"), identity(t, "Ben Second", "p256")
	once := sign(t, testpdf.Make(testpdf.Options{Pages: 2}), first, options(first))
	o := options(second)
	o.Visible = drawn(1, 100, 200) // 200 × 70 points, from the top left
	twice := sign(t, once, second, o)
	shown := image.Rect(100, 200, 300, 270)
	for _, c := range []struct {
		name   string
		r      pades.Renderer
		want   pades.Verdict
		reason string
	}{
		{"nothing but the signature", pictures{func(size int64, _ int, g *image.Gray) error {
			block(g, image.Rect(50, 50, 400, 60), 0)
			if size == int64(len(twice)) {
				block(g, shown.Inset(20), 0)
			}
			return nil
		}}, pades.Valid, ""},
		{"something beside it", pictures{func(size int64, _ int, g *image.Gray) error {
			if size == int64(len(twice)) {
				block(g, image.Rect(400, 600, 420, 610), 0)
			}
			return nil
		}}, pades.Invalid, "changed outside of what was added"},
		{"a single point beside it", pictures{func(size int64, _ int, g *image.Gray) error {
			if size == int64(len(twice)) {
				block(g, image.Rect(400, 600, 401, 601), 0)
			}
			return nil
		}}, pades.Invalid, "changed outside of what was added"},
		{"a word that is gone", pictures{func(size int64, _ int, g *image.Gray) error {
			if size != int64(len(twice)) {
				block(g, image.Rect(400, 600, 420, 610), 0)
			}
			return nil
		}}, pades.Invalid, "changed outside of what was added"},
		{"a text under it that is gone", pictures{func(size int64, _ int, g *image.Gray) error {
			if size != int64(len(twice)) {
				block(g, shown.Inset(20), 0)
			}
			return nil
		}}, pades.Invalid, "hides something"},
		{"a page that cannot be drawn", pictures{func(int64, int, *image.Gray) error { return errors.New("no ink") }}, pades.Indeterminate, "could not be drawn to be compared: no ink"},
		{"nobody who draws", nil, pades.Indeterminate, "could not be drawn here"},
		{"another page than it is on", pictures{func(_ int64, page int, _ *image.Gray) error {
			if page != 1 {
				return errors.New("this page needs no drawing")
			}
			return nil
		}}, pades.Valid, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := pades.VerifyOptions{Renderer: c.r}
			r := verifyPlain(t, twice, o)
			if r.Verdict != c.want || !strings.Contains(explain(r), c.reason) {
				t.Error(explain(r))
			}
			// What is unsaid of the later signature does not touch the later signature itself.
			if last := r.Signatures[len(r.Signatures)-1]; last.Verdict != pades.Valid {
				t.Errorf("the second signature is %s", last.Verdict)
			}
		})
	}
}

// TestMarksAreTransparent draws with poppler: our own marks hide nothing, not even
// over the text of the page.
func TestMarksAreTransparent(t *testing.T) {
	t.Parallel()
	first, second := identity(t, "Ada Signer", "p256"), identity(t, "Ben Second", "p256")
	once := sign(t, testpdf.Make(testpdf.Options{}), first, options(first))
	for name, at := range map[string]mark.Rect{"over the text": {X: 40, Y: 60, Width: 500, Height: 120}, "beside it": {X: 100, Y: 500, Width: 200, Height: 70}} {
		o := options(second)
		o.Visible = drawn(0, 0, 0)
		o.Visible.Rect = at
		if r := verify(t, sign(t, once, second, o), pades.VerifyOptions{}); r.Verdict != pades.Valid {
			t.Errorf("%s: %s", name, explain(r))
		}
	}
}
