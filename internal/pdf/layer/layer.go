// Package layer lays recognised text under the pages of a PDF, so that it can
// be searched and copied while the pages look as before.
//
// The text is drawn in the invisible rendering mode (ISO 32000-1, 9.3.6) by an
// incremental update: the original bytes stay an identical prefix. It goes
// before a page's own content, where it cannot be disturbed by whatever
// graphics state that content leaves behind.
package layer

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"unicode"

	"github.com/paraph/paraph/internal/pdf"
	"github.com/paraph/paraph/pades/pdffile"
	"github.com/paraph/paraph/pades/pdftext"
)

// ErrNoSuchPage tells that words were given for a page the document lacks.
var ErrNoSuchPage = errors.New("the document has no such page")

// Add writes the file with the words of the given pages to out. Pages without
// words stay as they are; so does the whole file when there are none at all.
func Add(file *pdffile.File, pages []pdf.PageWords, out io.Writer) error {
	update := pdffile.NewUpdate(file)
	letters := newAlphabet()
	font := update.Reserve()
	changed := false
	total, err := file.NumPages()
	if err != nil {
		return err
	}
	tagged, err := isTagged(file)
	if err != nil {
		return err
	}
	for _, words := range pages {
		if words.Number < 1 || words.Number > total {
			return fmt.Errorf("%w: %d of %d", ErrNoSuchPage, words.Number, total)
		}
		if len(words.Words) == 0 {
			continue
		}
		page, err := file.Page(words.Number - 1)
		if err != nil {
			return err
		}
		content := draw(page, userUnit(file, page), words, letters)
		if tagged { // nothing of the structure speaks of it
			content = "/Artifact BMC\n" + content + "EMC\n"
		}
		if err := put(update, page, content, font); err != nil {
			return err
		}
		changed = true
	}
	if !changed {
		_, err := io.Copy(out, io.NewSectionReader(file.Source(), 0, file.Size()))
		return err
	}
	letters.write(update, font) // last, when all letters are known
	_, err = update.WriteTo(out)
	return err
}

// isTagged tells whether the file describes its structure (14.8).
func isTagged(file *pdffile.File) (bool, error) {
	catalog, err := file.Catalog()
	if err != nil {
		return false, err
	}
	info, err := file.Dict(catalog["MarkInfo"])
	return info["Marked"] == pdffile.Object(pdffile.Bool(true)), err
}

func userUnit(file *pdffile.File, page *pdffile.Page) float64 {
	o, err := file.Resolve(page.Dict["UserUnit"])
	if err != nil {
		return 1
	}
	if v, ok := pdffile.Number(o); ok && v > 0 {
		return v
	}
	return 1
}

// put replaces the page's dictionary by one that shows content first.
func put(u *pdffile.Update, page *pdffile.Page, content string, font pdffile.Ref) error {
	file := u.File()
	dict := page.Dict.Clone()
	own, err := contents(file, dict["Contents"])
	if err != nil {
		return err
	}
	stream := u.AddStream(pdffile.Dict{"Filter": pdffile.Name("FlateDecode")}, deflate([]byte(content)))
	dict["Contents"] = append(pdffile.Array{stream}, own...)
	inherited, err := file.Dict(page.Resources)
	if err != nil {
		return err
	}
	resources := cloned(inherited)
	old, err := file.Dict(resources["Font"])
	if err != nil {
		return err
	}
	fonts := cloned(old)
	fonts[fontKey] = font
	resources["Font"] = fonts
	dict["Resources"] = resources
	u.Set(page.Ref, dict)
	return nil
}

// fontKey is the font's name on pages; long enough to meet no other.
const fontKey = "ParaphUnseen"

func cloned(d pdffile.Dict) pdffile.Dict {
	if d == nil {
		return pdffile.Dict{}
	}
	return d.Clone()
}

// contents gives a page's content streams as a list: none, one, or several.
func contents(file *pdffile.File, o pdffile.Object) (pdffile.Array, error) {
	resolved, err := file.Resolve(o)
	if err != nil {
		return nil, err
	}
	switch v := resolved.(type) {
	case pdffile.Array:
		return v, nil
	case *pdffile.Stream:
		return pdffile.Array{o}, nil
	}
	return nil, nil
}

// placer takes positions from the displayed, straightened page to the page's
// own space.
type placer struct {
	box            pdffile.Rect
	rotate         int
	unit           float64
	sin, cos       float64
	middleX, midY  float64
	letters        *alphabet
	out            strings.Builder
	lastSize       float64
	lastStretching float64
}

func draw(page *pdffile.Page, unit float64, words pdf.PageWords, letters *alphabet) string {
	p := &placer{box: page.CropBox, rotate: page.Rotate, unit: unit, letters: letters}
	p.sin, p.cos = math.Sincos(words.Angle * math.Pi / 180)
	width, height := p.box.Width()*unit, p.box.Height()*unit
	if p.rotate == 90 || p.rotate == 270 {
		width, height = height, width
	}
	p.middleX, p.midY = width/2, height/2
	p.out.WriteString("q BT 3 Tr\n")
	for start := 0; start < len(words.Words); {
		end := start + 1
		for end < len(words.Words) && words.Words[end].Line == words.Words[start].Line {
			end++
		}
		p.line(words.Words[start:end])
		start = end
	}
	p.out.WriteString("ET Q\n")
	return p.out.String()
}

// The text's size is the height of its line; its baseline stands a fifth above
// the bottom, where descenders hang from it.
const (
	descent     = 0.2
	smallest    = 4.0 // points
	commonLimit = 1.6 // a line higher than so many of its words is slanted: its words stand for themselves
)

func (p *placer) line(words []pdf.Word) {
	top, bottom, tallest := math.Inf(1), math.Inf(-1), 0.0
	for _, w := range words {
		top, bottom, tallest = min(top, w.Box.Y0), max(bottom, w.Box.Y1), max(tallest, w.Box.Y1-w.Box.Y0)
	}
	common := bottom-top <= commonLimit*tallest
	if slices.ContainsFunc(words, func(w pdf.Word) bool { return pdftext.RightToLeft(w.Text) }) {
		words = slices.Clone(words)
		slices.SortStableFunc(words, func(a, b pdf.Word) int { return cmp.Compare(a.Box.X0, b.Box.X0) }) // as they stand, too
	}
	for _, w := range words {
		t, b := w.Box.Y0, w.Box.Y1
		if common {
			t, b = top, bottom
		}
		p.word(w, max(smallest, b-t), b)
	}
}

func (p *placer) word(w pdf.Word, size, bottom float64) {
	// Readers take letters that read from right to left as they stand, and turn them around.
	hex, n := p.letters.hex(pdftext.Visual(clean(w.Text)))
	width := w.Box.X1 - w.Box.X0
	if n == 0 || !(width > 0) || !finite(w.Box, size) {
		return
	}
	space, _ := p.letters.hex([]rune{' '})
	stretch := 100 * width / (float64(n) * size * advance / 1000)
	x, y := p.own(w.Box.X0, bottom-descent*size)
	rightX, rightY := p.direction(1, 0)
	upX, upY := p.direction(0, -1)
	if size != p.lastSize {
		fmt.Fprintf(&p.out, "/%s %.2f Tf\n", fontKey, size/p.unit)
		p.lastSize = size
	}
	if stretch != p.lastStretching {
		fmt.Fprintf(&p.out, "%.2f Tz\n", stretch)
		p.lastStretching = stretch
	}
	fmt.Fprintf(&p.out, "%.5f %.5f %.5f %.5f %.3f %.3f Tm <%s%s> Tj\n", rightX, rightY, upX, upY, x, y, hex, space)
}

// finite refuses positions that no page has.
func finite(b pdf.Box, size float64) bool {
	for _, v := range []float64{b.X0, b.Y0, b.X1, b.Y1, size} {
		if math.IsNaN(v) || math.Abs(v) > 1e6 {
			return false
		}
	}
	return true
}

// clean drops what is no visible character.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.IsSpace(r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, text)
}

// turn rotates a displayed vector counter-clockwise by the ink's angle; y grows
// downwards there.
func (p *placer) turn(x, y float64) (float64, float64) {
	return x*p.cos + y*p.sin, -x*p.sin + y*p.cos
}

// own takes a point of the straightened displayed page to the page's own space.
func (p *placer) own(x, y float64) (float64, float64) {
	x, y = p.turn(x-p.middleX, y-p.midY)
	x, y = (x+p.middleX)/p.unit, (y+p.midY)/p.unit
	switch p.rotate {
	case 90:
		return p.box.X0 + y, p.box.Y0 + x
	case 180:
		return p.box.X1 - x, p.box.Y0 + y
	case 270:
		return p.box.X1 - y, p.box.Y1 - x
	}
	return p.box.X0 + x, p.box.Y1 - y
}

// direction takes a displayed unit vector to the page's own space.
func (p *placer) direction(x, y float64) (float64, float64) {
	x, y = p.turn(x, y)
	switch p.rotate {
	case 90:
		return y, x
	case 180:
		return -x, y
	case 270:
		return -y, -x
	}
	return x, -y
}
