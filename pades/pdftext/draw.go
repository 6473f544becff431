package pdftext

import (
	"math"
	"strconv"
	"unicode/utf16"

	"github.com/paraph/paraph/pades/pdffile"
	"github.com/paraph/paraph/pades/pdffont"
)

// Fonts are the fonts of one file: each face is embedded once, with what was
// used of it.
type Fonts struct {
	u    *pdffile.Update
	list []*pdffont.Embedded
	by   map[*pdffont.Face]int
}

// NewFonts begins the fonts of a file.
func NewFonts(u *pdffile.Update) *Fonts { return &Fonts{u: u, by: map[*pdffont.Face]int{}} }

// Use gives a face's number, under which Name and Dict speak of it.
func (f *Fonts) Use(face *pdffont.Face) int {
	n, ok := f.by[face]
	if !ok {
		n = len(f.list)
		f.list = append(f.list, pdffont.Embed(f.u, face))
		f.by[face] = n
	}
	return n
}

// Name is the name of a font in resources.
func Name(n int) string { return "F" + strconv.Itoa(n) }

// Into puts a face's font into a /Font entry of resources.
func (f *Fonts) Into(d pdffile.Dict, face *pdffont.Face) {
	n := f.Use(face)
	d[pdffile.Name(Name(n))] = f.list[n].Ref
}

// Dict gives the resources' /Font entry with all fonts used so far.
func (f *Fonts) Dict() pdffile.Dict {
	d := pdffile.Dict{}
	for n, e := range f.list {
		d[pdffile.Name(Name(n))] = e.Ref
	}
	return d
}

// Close writes the fonts.
func (f *Fonts) Close() error {
	for _, e := range f.list {
		if err := e.Close(); err != nil {
			return err
		}
	}
	return nil
}

// Draw appends a text object that shows the line in a size, with the left end
// of its baseline at x, y. Colour is that of the graphics state.
func (l *Line) Draw(b []byte, fonts *Fonts, x, y, size float64) []byte {
	b = append(b, "BT 1 0 0 1 "...)
	b = append(AppendNumber(b, x), ' ')
	b = append(AppendNumber(b, y), " Tm\n"...)
	w := writer{b: b, size: size}
	for i := range l.Runs {
		if run := &l.Runs[i]; len(run.Glyphs) > 0 {
			w.run(run, fonts)
		}
	}
	return append(w.b, "ET\n"...)
}

// writer shows glyphs and keeps track of where the pen is and where it should be.
type writer struct {
	b    []byte
	size float64
	off  float64 // how far right of its place the pen stands
	text bool    // a string in the TJ array is open
}

func (w *writer) run(run *Run, fonts *Fonts) {
	n := fonts.Use(run.Face)
	font := fonts.list[n]
	w.b = append(w.b, '/')
	w.b = append(append(w.b, Name(n)...), ' ')
	w.b = append(AppendNumber(w.b, w.size), " Tf\n"...)
	if run.RTL {
		w.b = append(w.b, "/ReversedChars BMC\n"...) // 14.8.2.3.3
	}
	w.b = append(w.b, '[')
	for i := range run.Glyphs {
		w.glyph(&run.Glyphs[i], font)
	}
	if w.text {
		w.b = append(w.b, '>')
	}
	w.text = false
	w.b = append(w.b, "] TJ\n"...)
	if run.RTL {
		w.b = append(w.b, "EMC\n"...)
	}
}

func (w *writer) glyph(g *Glyph, font *pdffont.Embedded) {
	if math.Abs(w.off) >= 0.5 {
		if w.text {
			w.b = append(w.b, '>')
			w.text = false
		}
		w.b = append(AppendNumber(w.b, w.off), ' ')
		w.off = 0
	}
	if !w.text {
		w.b = append(w.b, '<')
		w.text = true
	}
	code, advance := font.Add(g.Shape, g.Text)
	const digits = "0123456789abcdef"
	w.b = append(w.b, digits[code>>12], digits[code>>8&15], digits[code>>4&15], digits[code&15])
	w.off += advance - g.Advance
}

// AppendNumber appends a number with three decimals at most.
func AppendNumber(b []byte, v float64) []byte {
	if math.IsNaN(v) || math.Abs(v) > 1e9 {
		v = 0
	}
	n := int64(math.Round(v * 1000))
	if n < 0 {
		b, n = append(b, '-'), -n
	}
	b = strconv.AppendInt(b, n/1000, 10)
	if rest := n % 1000; rest != 0 {
		b = append(b, '.', byte('0'+rest/100), byte('0'+rest/10%10), byte('0'+rest%10))
		for b[len(b)-1] == '0' {
			b = b[:len(b)-1]
		}
	}
	return b
}

// TextString encodes text as 7.9.2.2 says: ASCII as it is, anything else as UTF-16.
func TextString(s string) pdffile.String {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			b := []byte{0xFE, 0xFF}
			for _, u := range utf16.Encode([]rune(s)) {
				b = append(b, byte(u>>8), byte(u))
			}
			return pdffile.String(b)
		}
	}
	return pdffile.String(s)
}
