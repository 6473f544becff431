package certificate

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"codeberg.org/go-pdf/fpdf"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goitalic"
	"golang.org/x/image/font/gofont/gomono"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/text/unicode/bidi"
)

// The faces of the page: the Go fonts, which cover Latin, Greek and Cyrillic.
const (
	regular = "regular"
	bold    = "bold"
	italic  = "italic"
	mono    = "mono"
)

var faces = map[string][]byte{regular: goregular.TTF, bold: gobold.TTF, italic: goitalic.TTF, mono: gomono.TTF}

// typesetter writes text with whatever face has its letters: one of ours, or,
// for other scripts, a font of the system.
type typesetter struct {
	pdf      *fpdf.Fpdf
	parsed   map[string]*sfnt.Font
	fontDir  string   // "" = use no fonts of the system
	system   []string // candidate files, best first; nil until first needed
	chosen   map[rune]string
	buffer   sfnt.Buffer
	searched bool
}

func newTypesetter(pdf *fpdf.Fpdf, fontDir string) (*typesetter, error) {
	t := &typesetter{pdf: pdf, parsed: map[string]*sfnt.Font{}, fontDir: fontDir, chosen: map[rune]string{}}
	for name, data := range faces {
		font, err := sfnt.Parse(data)
		if err != nil {
			return nil, err
		}
		t.parsed[name] = font
		pdf.AddUTF8FontFromBytes(name, "", data)
	}
	return t, pdf.Error()
}

// run is a piece of text in one face.
type run struct{ face, text string }

// missing is what stands for a letter that no font here has.
const missing = '?'

// runs splits a text by the faces that have its letters, in the order in which
// it is to be painted.
func (t *typesetter) runs(face, text string) []run {
	var result []run
	for _, r := range visual(text) {
		in, letter := t.faceOf(face, r)
		if n := len(result); n > 0 && (result[n-1].face == in || r == ' ') {
			result[n-1].text += string(letter)
			continue
		}
		result = append(result, run{in, string(letter)})
	}
	return result
}

func (t *typesetter) faceOf(face string, r rune) (string, rune) {
	if t.has(face, r) {
		return face, r
	}
	if t.has(regular, r) {
		return regular, r
	}
	if r > 0xFFFF { // the PDF writer's fonts end with the basic plane
		return face, missing
	}
	if name, ok := t.chosen[r]; ok {
		if name == "" {
			return face, missing
		}
		return name, r
	}
	name := t.search(r)
	t.chosen[r] = name
	if name == "" {
		return face, missing
	}
	return name, r
}

func (t *typesetter) has(face string, r rune) bool {
	index, err := t.parsed[face].GlyphIndex(&t.buffer, r)
	return err == nil && index != 0
}

// search finds a font of the system for a letter: first among those in use,
// then on disk. It gives the face's name, or "".
func (t *typesetter) search(r rune) string {
	for name := range t.parsed {
		if _, own := faces[name]; !own && t.has(name, r) {
			return name
		}
	}
	for _, path := range t.candidates() {
		if t.parsed[path] != nil {
			continue
		}
		data, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		font, err := sfnt.Parse(data)
		if err != nil {
			continue
		}
		if index, err := font.GlyphIndex(&t.buffer, r); err != nil || index == 0 {
			continue
		}
		t.parsed[path] = font
		t.pdf.AddUTF8FontFromBytes(path, "", data)
		return path
	}
	return ""
}

// candidates lists plain upright TrueType fonts of the system; the broadest first.
func (t *typesetter) candidates() []string {
	if t.searched || t.fontDir == "" {
		return t.system
	}
	t.searched = true
	// A folder that cannot be read only means fewer letters.
	_ = filepath.WalkDir(t.fontDir, func(path string, entry os.DirEntry, err error) error {
		name := filepath.Base(path)
		if err == nil && !entry.IsDir() && (strings.HasSuffix(name, "-Regular.ttf") || name == "DejaVuSans.ttf") && len(t.system) < 2000 {
			t.system = append(t.system, path)
		}
		return nil
	})
	slices.SortStableFunc(t.system, func(a, b string) int {
		if d := order(a) - order(b); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	return t.system
}

// order puts the broad fonts first and the serif ones last.
func order(path string) int {
	switch name := filepath.Base(path); {
	case name == "DejaVuSans.ttf":
		return 0
	case strings.HasPrefix(name, "NotoSans-"):
		return 1
	case strings.HasPrefix(name, "NotoSans"):
		return 2
	}
	return 3
}

// visual puts a line of mixed directions in the order of painting. Letters of
// Arabic are not joined.
func visual(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r): // also forged direction marks
			return -1
		}
		return r
	}, text)
	if !strings.ContainsFunc(text, rightToLeft) {
		return text
	}
	var paragraph bidi.Paragraph
	if _, err := paragraph.SetString(text); err != nil {
		return text
	}
	ordering, err := paragraph.Order()
	if err != nil {
		return text
	}
	var out strings.Builder
	for i := range ordering.NumRuns() {
		part := ordering.Run(i)
		if part.Direction() == bidi.RightToLeft {
			out.WriteString(bidi.ReverseString(part.String()))
		} else {
			out.WriteString(part.String())
		}
	}
	return out.String()
}

func rightToLeft(r rune) bool {
	properties, _ := bidi.LookupRune(r)
	class := properties.Class()
	return class == bidi.R || class == bidi.AL
}

// width gives the width of a text in points.
func (t *typesetter) width(face string, size float64, text string) float64 {
	width := 0.0
	for _, part := range t.runs(face, text) {
		t.pdf.SetFont(part.face, "", size)
		width += t.pdf.GetStringWidth(part.text)
	}
	return width
}

// write paints one line with its baseline at y and gives its width.
func (t *typesetter) write(x, y float64, face string, size float64, text string) float64 {
	start := x
	for _, part := range t.runs(face, text) {
		t.pdf.SetFont(part.face, "", size)
		t.pdf.Text(x, y, part.text)
		x += t.pdf.GetStringWidth(part.text)
	}
	return x - start
}

// wrap breaks a text into lines no wider than width: at spaces, and inside a
// word only where the word alone is too wide.
func (t *typesetter) wrap(face string, size, width float64, text string) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		joined := strings.TrimPrefix(line+" "+word, " ")
		if t.width(face, size, joined) <= width {
			line = joined
			continue
		}
		if line != "" {
			lines = append(lines, line)
		}
		for t.width(face, size, word) > width {
			head := t.fitting(face, size, width, word)
			lines = append(lines, head)
			word = word[len(head):]
		}
		line = word
	}
	if line != "" || len(lines) == 0 {
		lines = append(lines, line)
	}
	return lines
}

// fitting gives the longest beginning of a word that fits, at least one letter.
func (t *typesetter) fitting(face string, size, width float64, word string) string {
	last := 0
	for i, r := range word {
		end := i + utf8.RuneLen(r)
		if last > 0 && t.width(face, size, word[:end]) > width {
			break
		}
		last = end
	}
	return word[:last]
}
