// Package page writes pages: text in any script, tables, drawings, links and
// form fields, from top to bottom with breaks between pages. It writes them into
// a new document or behind those of an existing one, and describes their
// structure for readers that see no pages (tagged PDF, ISO 32000-1, 14.8).
//
// Lengths are points. Positions count from the upper left corner of the page; y
// grows downwards.
package page

import (
	"strconv"

	"github.com/paraph/paraph/pades/mark"
	"github.com/paraph/paraph/pades/pdffile"
	"github.com/paraph/paraph/pades/pdffont"
	"github.com/paraph/paraph/pades/pdftext"
)

// Options say how pages look.
type Options struct {
	Width, Height float64 // default A4
	Margin        float64 // on all sides; default 56
	Foot          float64 // room at the bottom beside the margin, for the footer
	Language      string  // of the text, BCP 47
	RTL           bool    // columns stand from right to left
	Fonts         []*pdffont.Face
	Tagged        bool // describe the structure

	// Footer gives what stands at the foot of a page, at its beginning and at its end.
	Footer func(page, total int) (start, end Text)
}

// A4 in points.
const (
	A4Width  = 595.28
	A4Height = 841.89
)

// Color is red, green and blue, each from 0 to 1.
type Color = mark.Color

// Text is a text and how it is set.
type Text struct {
	Text  string
	Face  *pdffont.Face
	Size  float64
	Color Color
	Align Align
}

// Align says where the lines of a text stand.
type Align int

// The alignments.
const (
	Column  Align = iota // at the side where the page's columns begin
	Natural              // where the text itself begins: on the right for Arabic
	Opposite
	Center
	Justified
)

// leading is the distance of baselines in type sizes.
const leading = 1.47

func (t *Text) leading() float64 { return t.Size * leading }

// Writer writes pages. Its methods never fail: what can fail does so in Close.
type Writer struct {
	u     *pdffile.Update
	o     Options
	set   *pdftext.Setter
	fonts *pdftext.Fonts
	pen   *mark.Pen
	pages []*sheet
	y     float64 // of the upper edge of what comes next

	root   *element // what all pages belong to
	at     *element // the open one
	fields pdffile.Array
	err    error
}

// sheet is one page being written.
type sheet struct {
	ref     pdffile.Ref
	content []byte
	objects pdffile.Dict // XObjects
	annots  pdffile.Array
	marked  []*element // by MCID
}

// New begins writing pages into an update.
func New(u *pdffile.Update, o Options) *Writer {
	if o.Width <= 0 || o.Height <= 0 {
		o.Width, o.Height = A4Width, A4Height
	}
	if o.Margin <= 0 {
		o.Margin = 56
	}
	w := &Writer{u: u, o: o, set: pdftext.New(o.Language, o.Fonts), fonts: pdftext.NewFonts(u), root: &element{tag: "Document"}}
	w.pen = mark.NewSharedPen(u, w.set, w.fonts)
	w.at = w.root
	w.Break()
	return w
}

// Inner is the width between the margins.
func (w *Writer) Inner() float64 { return w.o.Width - 2*w.o.Margin }

// Margin is the distance from the page's edges.
func (w *Writer) Margin() float64 { return w.o.Margin }

// Y is where the next thing begins.
func (w *Writer) Y() float64 { return w.y }

// Pages counts the pages so far.
func (w *Writer) Pages() int { return len(w.pages) }

// Move goes down, or up again where something is to stand beside something.
func (w *Writer) Move(by float64) { w.y += by }

func (w *Writer) bottom() float64 { return w.o.Height - w.o.Margin - w.o.Foot }

// Break begins a new page.
func (w *Writer) Break() {
	w.pages = append(w.pages, &sheet{ref: w.u.Reserve(), objects: pdffile.Dict{}})
	w.y = w.o.Margin
}

// Need begins a new page unless so much room is left on this one, or the page
// is empty anyway.
func (w *Writer) Need(height float64) {
	if w.y+height > w.bottom() && w.y > w.o.Margin {
		w.Break()
	}
}

func (w *Writer) sheet() *sheet { return w.pages[len(w.pages)-1] }

// flip turns a distance from the top into a height from the bottom.
func (w *Writer) flip(y float64) float64 { return w.o.Height - y }

// left gives the left edge of something that begins start points from the side
// where columns begin.
func (w *Writer) left(start, width float64) float64 {
	if w.o.RTL {
		return w.o.Width - w.o.Margin - start - width
	}
	return w.o.Margin + start
}

// Rule draws a hairline across the column at the current height.
func (w *Writer) Rule(c Color) { w.ruleAt(w.sheet(), w.y, c) }

func (w *Writer) ruleAt(s *sheet, y float64, c Color) {
	s.artifact("", func(b []byte) []byte {
		b = appendColor(b, c, "RG")
		b = append(b, "0.75 w "...)
		b = appendPoint(b, w.o.Margin, w.flip(y), "m")
		return appendPoint(b, w.o.Width-w.o.Margin, w.flip(y), "l S\n")
	})
}

// artifact draws what belongs to the page and not to the text (14.8.2.2).
func (s *sheet) artifact(kind string, draw func([]byte) []byte) {
	if kind == "" {
		s.content = append(s.content, "/Artifact BMC q "...)
	} else {
		s.content = append(s.content, "/Artifact <</Type /Pagination /Subtype /"+kind+">> BDC q "...)
	}
	s.content = append(draw(s.content), "Q EMC\n"...)
}

func appendColor(b []byte, c Color, op string) []byte {
	for _, v := range []float64{c.R, c.G, c.B} {
		b = append(pdftext.AppendNumber(b, min(max(v, 0), 1)), ' ')
	}
	return append(append(b, op...), '\n')
}

func appendPoint(b []byte, x, y float64, op string) []byte {
	b = append(pdftext.AppendNumber(b, x), ' ')
	b = append(pdftext.AppendNumber(b, y), ' ')
	return append(append(b, op...), ' ')
}

// Figure draws a mark at a place of the current page, start points from where
// columns begin, as a picture with a text for those who don't see it. Without a
// text it is an ornament.
func (w *Writer) Figure(alt string, start, y, width, height float64, items ...mark.Item) {
	shown := &pdffile.Page{CropBox: pdffile.Rect{X1: w.o.Width, Y1: w.o.Height}}
	rect := mark.Rect{X: w.left(start, width), Y: y, Width: width, Height: height}
	form, matrix, box, err := w.pen.Form(shown, mark.Mark{Rect: rect, Items: items}, false)
	if err != nil {
		w.fail(err)
		return
	}
	s := w.sheet()
	name := "X" + strconv.Itoa(int(form.Num))
	s.objects[pdffile.Name(name)] = form
	draw := func(b []byte) []byte {
		for _, v := range matrix {
			b = append(pdftext.AppendNumber(b, v), ' ')
		}
		return append(b, "cm /"+name+" Do "...)
	}
	if alt == "" {
		s.artifact("", draw)
		return
	}
	e := w.at.add("Figure")
	e.alt = alt
	e.attributes = pdffile.Dict{"O": pdffile.Name("Layout"), "BBox": box.Array(), "Placement": pdffile.Name("Block")}
	w.mark(e, func(b []byte) []byte { return append(draw(append(b, "q "...)), "Q "...) })
}

func (w *Writer) fail(err error) {
	if w.err == nil {
		w.err = err
	}
}
