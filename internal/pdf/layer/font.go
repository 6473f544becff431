package layer

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"

	"github.com/paraph/paraph/pades/pdffile"
)

// advance is the width of every glyph, in thousandths of the font size.
const advance = 500

// alphabet gives every character that occurs a code of its own, so that
// characters beyond the basic plane are one code like any other.
type alphabet struct {
	codes map[rune]uint16
	runes []rune // by code-1
}

// maxCodes leaves out code 0, which some readers take as "no character".
const maxCodes = 65_534

func newAlphabet() *alphabet { return &alphabet{codes: map[rune]uint16{}} }

// code gives the character's code; 0 when there are more different characters
// than codes, which no human text has.
func (a *alphabet) code(r rune) uint16 {
	if code, ok := a.codes[r]; ok {
		return code
	}
	if len(a.runes) >= maxCodes {
		return 0
	}
	a.runes = append(a.runes, r)
	code := uint16(len(a.runes))
	a.codes[r] = code
	return code
}

// hex gives characters as the operand of a text showing operator, and the number
// of their codes.
func (a *alphabet) hex(text []rune) (string, int) {
	var out strings.Builder
	n := 0
	for _, r := range text {
		if code := a.code(r); code != 0 {
			fmt.Fprintf(&out, "%04X", code)
			n++
		}
	}
	return out.String(), n
}

// write puts the font into the update under the given reference: a composite font (ISO 32000-1, 9.7) whose
// every code shows the same glyph without area, with a ToUnicode map that says what
// the codes mean.
func (a *alphabet) write(u *pdffile.Update, font pdffile.Ref) {
	program := emptyFont()
	file := u.AddStream(pdffile.Dict{"Filter": pdffile.Name("FlateDecode"), "Length1": pdffile.Integer(len(program))}, deflate(program))
	gids := make([]byte, 2*(len(a.runes)+1))
	for i := range a.runes {
		gids[2*i+3] = 1
	}
	toGID := u.AddStream(pdffile.Dict{"Filter": pdffile.Name("FlateDecode")}, deflate(gids))
	descriptor := u.Add(pdffile.Dict{
		"Type": pdffile.Name("FontDescriptor"), "FontName": pdffile.Name(fontName), "Flags": pdffile.Integer(5), // fixed pitch, symbolic
		"FontBBox": pdffile.Array{pdffile.Integer(0), pdffile.Integer(-200), pdffile.Integer(advance), pdffile.Integer(800)},
		"Ascent":   pdffile.Integer(800), "Descent": pdffile.Integer(-200), "CapHeight": pdffile.Integer(700),
		"ItalicAngle": pdffile.Integer(0), "StemV": pdffile.Integer(80), "FontFile2": file,
	})
	descendant := u.Add(pdffile.Dict{
		"Type": pdffile.Name("Font"), "Subtype": pdffile.Name("CIDFontType2"), "BaseFont": pdffile.Name(fontName),
		"CIDSystemInfo":  pdffile.Dict{"Registry": pdffile.String("Adobe"), "Ordering": pdffile.String("Identity"), "Supplement": pdffile.Integer(0)},
		"FontDescriptor": descriptor, "DW": pdffile.Integer(advance), "CIDToGIDMap": toGID,
	})
	meaning := u.AddStream(pdffile.Dict{"Filter": pdffile.Name("FlateDecode")}, deflate(a.toUnicode()))
	u.Set(font, pdffile.Dict{
		"Type": pdffile.Name("Font"), "Subtype": pdffile.Name("Type0"), "BaseFont": pdffile.Name(fontName),
		"Encoding": pdffile.Name("Identity-H"), "DescendantFonts": pdffile.Array{descendant}, "ToUnicode": meaning,
	})
}

// toUnicode writes the map from codes to UTF-16 (9.10.3), in blocks of at most
// a hundred, as CMap files must.
func (a *alphabet) toUnicode() []byte {
	var out bytes.Buffer
	out.WriteString("/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n" +
		"/CIDSystemInfo <</Registry (Adobe) /Ordering (UCS) /Supplement 0>> def\n/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n" +
		"1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n")
	code := 1
	for block := range slices.Chunk(a.runes, 100) {
		fmt.Fprintf(&out, "%d beginbfchar\n", len(block))
		for _, r := range block {
			fmt.Fprintf(&out, "<%04X> <", code)
			for _, unit := range utf16.Encode([]rune{r}) {
				fmt.Fprintf(&out, "%04X", unit)
			}
			out.WriteString(">\n")
			code++
		}
		out.WriteString("endbfchar\n")
	}
	out.WriteString("endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n")
	return out.Bytes()
}

func deflate(data []byte) []byte {
	var out bytes.Buffer
	z := zlib.NewWriter(&out)
	_, _ = z.Write(data) // into memory: cannot fail
	_ = z.Close()
	return out.Bytes()
}

const fontName = "ParaphUnseen"

// emptyFont builds a TrueType program of two glyphs that paint nothing: the
// smallest that readers accept as an embedded font.
func emptyFont() []byte {
	be := func(values ...uint16) []byte {
		out := make([]byte, 0, 2*len(values))
		for _, v := range values {
			out = binary.BigEndian.AppendUint16(out, v)
		}
		return out
	}
	minus200 := uint16(0x10000 - 200)
	tables := map[string][]byte{
		// version, revision, checksum (set below), magic, flags, 1000 units an em, two dates, box, style, size, direction, short offsets
		"head": be(1, 0, 1, 0, 0, 0, 0x5F0F, 0x3CF5, 0, 1000, 0, 0, 0, 0, 0, 0, 0, 0, 0, minus200, advance, 800, 0, 8, 2, 0, 0),
		"hhea": be(1, 0, 800, minus200, 0, advance, 0, 0, advance, 1, 0, 0, 0, 0, 0, 0, 0, 1),
		"maxp": be(1, 0, 2, 2, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0),
		"hmtx": be(advance, 0, 0),
		"loca": be(0, 0, 12),
		// One contour of two points, a line without area: nothing to paint in any
		// mode, yet a box that readers measure turned text by.
		"glyf": append(append(be(1, 0, minus200, advance, 800, 1, 0), 1, 1), be(0, advance, minus200, 1000)...),
		"cmap": be(0, 1, 3, 1, 0, 12, 4, 24, 0, 2, 2, 0, 0, 0xFFFF, 0, 0xFFFF, 1, 0),
		"post": be(3, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0),
		"name": be(0, 0, 6),
		"OS/2": be(3, advance, 400, 5, 0, 500, 500, 0, 0, 500, 500, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
			0x5052, 0x5048, 0x40, 0xFFFF, 0xFFFF, 800, minus200, 0, 800, 200, 0, 0, 0, 0, 500, 700, 0, 32, 0)[:96],
	}
	names := make([]string, 0, len(tables))
	for name := range tables {
		names = append(names, name)
	}
	slices.Sort(names)
	directory := be(1, 0, uint16(len(names)), 128, 3, uint16(len(names)*16-128))
	offset := len(directory) + 16*len(names)
	var body []byte
	headAt := 0
	for _, name := range names {
		table := tables[name]
		if name == "head" {
			headAt = offset + len(body)
		}
		directory = append(directory, name...)
		directory = binary.BigEndian.AppendUint32(directory, checksum(table))
		directory = binary.BigEndian.AppendUint32(directory, uint32(offset+len(body)))
		directory = binary.BigEndian.AppendUint32(directory, uint32(len(table)))
		body = append(body, table...)
		for len(body)%4 != 0 {
			body = append(body, 0)
		}
	}
	font := append(directory, body...)
	binary.BigEndian.PutUint32(font[headAt+8:], 0xB1B0AFBA-checksum(font))
	return font
}

// checksum adds up a table as 32-bit words, padded with zeroes.
func checksum(table []byte) uint32 {
	var sum uint32
	for len(table) > 0 {
		var word [4]byte
		table = table[copy(word[:], table):]
		sum += binary.BigEndian.Uint32(word[:])
	}
	return sum
}
