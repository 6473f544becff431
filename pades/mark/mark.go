// Package mark draws visible marks: a drawn signature, a typed name, a date,
// small lines of text. Each becomes a Form XObject (ISO 32000-1, 8.10) that
// stands upright on the page as it is shown, whatever its /Rotate and crop box.
//
// Positions are in points of the page as shown: the origin is the upper left
// corner of the shown (cropped, turned) page, x runs right, y runs down.
// Inside a mark the same holds from the mark's own upper left corner.
package mark

import (
	"errors"
	"fmt"
	"math"

	"github.com/paraph/paraph/pades/pdffile"
	"github.com/paraph/paraph/pades/pdffont"
)

// ErrMark: a mark lies outside its page or has impossible numbers.
var ErrMark = errors.New("the mark cannot be drawn")

// Rect is a place in points, measured from the upper left corner.
type Rect struct {
	X, Y          float64
	Width, Height float64
}

// Point is a place on the canvas of a drawing.
type Point struct{ X, Y float64 }

// Color is red, green and blue, each from 0 to 1. The zero Color is black.
type Color struct{ R, G, B float64 }

// Mark is one visible mark on one page.
type Mark struct {
	Page  int // index from 0
	Rect  Rect
	Items []Item
	Frame bool // draw a thin grey line around it
}

// Item is Strokes, Path, Text or Image.
type Item interface{ draw(d *drawing) error }

// Strokes is a drawing by pen: polylines on a canvas that is fitted into Box
// without distortion.
type Strokes struct {
	Box           Rect    // within the mark; the zero Rect is the whole mark
	Width, Height float64 // of the canvas that the points are on
	Pen           float64 // width of the line on the canvas
	Lines         [][]Point
	Color         Color
}

// Style selects one of the built-in faces.
type Style int

// The styles of text.
const (
	Regular Style = iota
	Italic
	Bold
)

func (s Style) face() *pdffont.Face {
	switch s {
	case Italic:
		return pdffont.Italic()
	case Bold:
		return pdffont.Bold()
	}
	return pdffont.Regular()
}

// Text is one or more lines (separated by \n) at the upper left of Box. It is
// made smaller where it would not fit the box's width.
type Text struct {
	Box   Rect // within the mark; the zero Rect is the whole mark
	Text  string
	Size  float64 // in points; 0 is the largest that fits the box
	Style Style
	Align Align
	Color Color
}

// Align says where a line stands in its box.
type Align int

// The alignments of text.
const (
	Left Align = iota
	Center
	Right
)

func finite(values ...float64) bool {
	for _, v := range values {
		if math.IsNaN(v) || math.Abs(v) > 1e6 {
			return false
		}
	}
	return true
}

func fault(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrMark, fmt.Sprintf(format, args...))
}

// Shown gives the size of the page as it is shown, in points.
func Shown(p *pdffile.Page) (width, height float64) {
	if p.Rotate == 90 || p.Rotate == 270 {
		return p.CropBox.Height(), p.CropBox.Width()
	}
	return p.CropBox.Width(), p.CropBox.Height()
}

// place gives the matrix from the mark's form space (origin lower left, y up)
// to the page's user space, and the rectangle it covers there.
func place(p *pdffile.Page, r Rect) (m [6]float64, box pdffile.Rect, err error) {
	w, h := Shown(p)
	const slack = 0.5
	if !finite(r.X, r.Y, r.Width, r.Height) || r.Width <= 0 || r.Height <= 0 ||
		r.X < -slack || r.Y < -slack || r.X+r.Width > w+slack || r.Y+r.Height > h+slack {
		return m, box, fault("its place %.0f,%.0f %.0f×%.0f is not on the page of %.0f×%.0f points",
			r.X, r.Y, r.Width, r.Height, w, h)
	}
	c := p.CropBox
	switch p.Rotate {
	case 90:
		m = [6]float64{0, 1, -1, 0, c.X0 + r.Y + r.Height, c.Y0 + r.X}
	case 180:
		m = [6]float64{-1, 0, 0, -1, c.X1 - r.X, c.Y0 + r.Y + r.Height}
	case 270:
		m = [6]float64{0, -1, 1, 0, c.X1 - r.Y - r.Height, c.Y1 - r.X}
	default:
		m = [6]float64{1, 0, 0, 1, c.X0 + r.X, c.Y1 - r.Y - r.Height}
	}
	x0, y0 := m[4], m[5]
	x1, y1 := m[0]*r.Width+m[2]*r.Height+m[4], m[1]*r.Width+m[3]*r.Height+m[5]
	return m, pdffile.Rect{X0: min(x0, x1), Y0: min(y0, y1), X1: max(x0, x1), Y1: max(y0, y1)}, nil
}

// Place gives the place on the shown page of a rectangle in the page's user
// space, such as that of a form field; it is the reverse of what a mark does.
func Place(p *pdffile.Page, box pdffile.Rect) Rect {
	c := p.CropBox
	w, h := box.Width(), box.Height()
	switch p.Rotate {
	case 90:
		return Rect{box.Y0 - c.Y0, box.X0 - c.X0, h, w}
	case 180:
		return Rect{c.X1 - box.X1, box.Y0 - c.Y0, w, h}
	case 270:
		return Rect{c.Y1 - box.Y1, c.X1 - box.X1, h, w}
	}
	return Rect{box.X0 - c.X0, c.Y1 - box.Y1, w, h}
}
