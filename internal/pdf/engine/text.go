package engine

import (
	"math"
	"os"
	"strings"
	"unicode"

	"github.com/klippa-app/go-pdfium/references"
	"github.com/klippa-app/go-pdfium/requests"

	"github.com/paraph/paraph/internal/pdf"
)

// maxGlyphs bounds the text read from one page; a dense page of print has some
// ten thousand.
const maxGlyphs = 200_000

// PageText gives the words of a page with their boxes.
//
// Faults: those of opening, and pdf.ErrNoSuchPage.
func (e *Engine) PageText(file *os.File, number int, limits pdf.Limits) (*pdf.PageText, error) {
	doc, err := e.open(file, limits)
	if err != nil {
		return nil, err
	}
	defer doc.close()
	return doc.pageText(number)
}

func (d *document) pageText(number int) (*pdf.PageText, error) {
	g, err := d.geometry(number)
	if err != nil {
		return nil, err
	}
	page, err := d.page(number)
	if err != nil {
		return nil, err
	}
	result := &pdf.PageText{Number: number, Words: []pdf.Word{}}
	result.Width, result.Height = g.size()
	loaded, err := d.pdfium.FPDFText_LoadPage(&requests.FPDFText_LoadPage{Page: page})
	if err != nil {
		return nil, pdf.ErrDamaged.With("the text of page %d cannot be read: %v", number, err)
	}
	count, err := d.pdfium.FPDFText_CountChars(&requests.FPDFText_CountChars{TextPage: loaded.TextPage})
	if err != nil {
		return nil, pdf.ErrDamaged.With("the text of page %d cannot be read: %v", number, err)
	}
	gather := gatherer{g: g, into: result}
	for i := range min(count.Count, maxGlyphs) {
		d.glyph(loaded.TextPage, i, &gather)
	}
	gather.flush()
	return result, nil
}

func (d *document) glyph(page references.FPDF_TEXTPAGE, i int, gather *gatherer) {
	char, err := d.pdfium.FPDFText_GetUnicode(&requests.FPDFText_GetUnicode{TextPage: page, Index: i})
	if err != nil || char.Unicode == 0 {
		return
	}
	r := rune(uint32(char.Unicode))
	if r == '\n' || r == '\r' {
		gather.newline()
		return
	}
	if unicode.IsSpace(r) {
		gather.flush()
		return
	}
	box, err := d.pdfium.FPDFText_GetLooseCharBox(&requests.FPDFText_GetLooseCharBox{TextPage: page, Index: i})
	if err != nil {
		return
	}
	gather.add(r, gather.g.display(float64(box.Rect.Left), float64(box.Rect.Bottom), float64(box.Rect.Right), float64(box.Rect.Top)))
}

// gatherer builds words out of glyphs in reading order.
type gatherer struct {
	g    geometry
	into *pdf.PageText
	text strings.Builder
	box  pdf.Box
	line int
	used bool // the current line has words
	high rune // first half of a surrogate pair
}

func (w *gatherer) add(r rune, box pdf.Box) {
	// pdfium gives UTF-16 units for characters beyond the basic plane.
	if r >= 0xD800 && r < 0xDC00 {
		w.high = r
		return
	}
	if r >= 0xDC00 && r < 0xE000 {
		if w.high == 0 {
			return
		}
		r = (w.high-0xD800)<<10 | (r - 0xDC00) + 0x10000
	}
	w.high = 0
	if r == 0xAD || r == 0x02 || r == 0xFFFE {
		r = '-' // how pdfium reports a hyphen at a line's end
	}
	if unicode.IsControl(r) {
		return
	}
	if w.text.Len() == 0 {
		w.box = box
	} else {
		w.box = pdf.Box{X0: min(w.box.X0, box.X0), Y0: min(w.box.Y0, box.Y0), X1: max(w.box.X1, box.X1), Y1: max(w.box.Y1, box.Y1)}
	}
	w.text.WriteRune(r)
}

func (w *gatherer) flush() {
	if w.text.Len() == 0 {
		return
	}
	w.into.Words = append(w.into.Words, pdf.Word{Text: w.text.String(), Box: rounded(w.box), Line: w.line})
	w.text.Reset()
	w.used = true
}

func (w *gatherer) newline() {
	w.flush()
	if w.used {
		w.line++
		w.used = false
	}
}

func rounded(b pdf.Box) pdf.Box {
	round := func(v float64) float64 { return math.Round(v*100) / 100 }
	return pdf.Box{X0: round(b.X0), Y0: round(b.Y0), X1: round(b.X1), Y1: round(b.Y1)}
}
