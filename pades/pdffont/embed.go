package pdffont

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"unicode/utf16"

	"github.com/paraph/paraph/pades/pdffile"
)

// Embedded is a font in a file: first text is encoded, then Close writes the
// font with just the glyphs that were used.
//
// A code stands for a glyph and for what it means where it stands: the same
// glyph with another meaning is another code, so that readers find the text
// again whatever ligatures, joined forms and reorderings it is drawn with.
type Embedded struct {
	Ref   pdffile.Ref // of the Type 0 font, for /Resources
	face  *Face
	u     *pdffile.Update
	codes map[meaning]uint16
	used  []meaning // by code
	wide  []float64 // advances by code
}

type meaning struct {
	Shape
	text string
}

// maxCodes is how many codes a font can have.
const maxCodes = 0xFFFF

// Embed begins a font in an update.
func Embed(u *pdffile.Update, face *Face) *Embedded {
	return &Embedded{Ref: u.Reserve(), face: face, u: u, codes: map[meaning]uint16{}, used: []meaning{{}}, wide: []float64{face.Advance(0)}}
}

// Face is the font's face.
func (e *Embedded) Face() *Face { return e.face }

// Add gives the two-byte code of a shape that stands for text, and its advance.
// Code 0, the sign for a missing glyph, comes back only when there are no more codes.
func (e *Embedded) Add(s Shape, text string) (code uint16, advance float64) {
	m := meaning{s, text}
	code, known := e.codes[m]
	if !known && len(e.used) < maxCodes {
		code = uint16(len(e.used))
		e.codes[m] = code
		e.used, e.wide = append(e.used, m), append(e.wide, e.face.width(s))
	}
	return code, e.wide[code]
}

// Close writes the font's objects into the update.
func (e *Embedded) Close() error {
	shapes := make([]Shape, len(e.used))
	for code, m := range e.used {
		shapes[code] = m.Shape
	}
	program, glyphs, key, entries := e.face.program(shapes)
	packed, err := pdffile.Deflate(program)
	if err != nil {
		return err
	}
	entries["Filter"] = pdffile.Name("FlateDecode")
	file := e.u.AddStream(entries, packed)
	name := pdffile.Name(fmt.Sprintf("%s+%s", tag(program), e.face.name))
	cmap, err := pdffile.Deflate(e.toUnicode())
	if err != nil {
		return err
	}
	toUnicode := e.u.AddStream(pdffile.Dict{"Filter": pdffile.Name("FlateDecode")}, cmap)
	descriptor := e.descriptor(name, key, file)
	if descriptor["CIDSet"], err = e.all(glyphs); err != nil {
		return err
	}
	descendant := pdffile.Dict{
		"Type": pdffile.Name("Font"), "Subtype": pdffile.Name("CIDFontType0"), "BaseFont": name,
		"CIDSystemInfo": pdffile.Dict{
			"Registry": pdffile.String("Adobe"), "Ordering": pdffile.String("Identity"), "Supplement": pdffile.Integer(0),
		},
		"FontDescriptor": e.u.Add(descriptor), "W": pdffile.Array{pdffile.Integer(0), e.widths()},
	}
	if e.face.glyf != nil {
		descendant["Subtype"], descendant["CIDToGIDMap"] = pdffile.Name("CIDFontType2"), pdffile.Name("Identity")
	}
	e.u.Set(e.Ref, pdffile.Dict{
		"Type": pdffile.Name("Font"), "Subtype": pdffile.Name("Type0"), "BaseFont": name,
		"Encoding": pdffile.Name("Identity-H"), "DescendantFonts": pdffile.Array{e.u.Add(descendant)}, "ToUnicode": toUnicode,
	})
	return nil
}

// program gives the font program for shapes in the order of their codes, how many
// glyphs it has with those that are only parts of others, and under which key and
// with which entries a descriptor holds it (Table 126).
func (f *Face) program(shapes []Shape) (data []byte, glyphs int, key pdffile.Name, entries pdffile.Dict) {
	if f.glyf != nil {
		data, glyphs = f.glyf.subset(shapes)
		return data, glyphs, "FontFile2", pdffile.Dict{"Length1": pdffile.Integer(len(data))}
	}
	return f.compact(shapes), len(shapes), "FontFile3", pdffile.Dict{"Subtype": pdffile.Name("CIDFontType0C")}
}

func (e *Embedded) descriptor(name, key pdffile.Name, file pdffile.Ref) pdffile.Dict {
	f := e.face
	flags := 4 // symbolic: the codes are the font's own
	if f.angle != 0 {
		flags |= 64
	}
	box := pdffile.Array{}
	for _, v := range f.box {
		box = append(box, pdffile.Real(v))
	}
	return pdffile.Dict{
		"Type": pdffile.Name("FontDescriptor"), "FontName": name, "Flags": pdffile.Integer(flags), "FontBBox": box,
		"ItalicAngle": pdffile.Real(f.angle), "Ascent": pdffile.Real(f.ascent), "Descent": pdffile.Real(f.descent),
		"CapHeight": pdffile.Real(f.capHeight), "StemV": pdffile.Integer(80), key: file,
	}
}

// all says in a bit for each that the font program has the glyphs with the first
// numbers: PDF/A-1 asks for it (ISO 19005-1, 6.3.5), and later parts want it right.
func (e *Embedded) all(glyphs int) (pdffile.Object, error) {
	bits := bytes.Repeat([]byte{0xFF}, (glyphs+7)/8)
	if rest := glyphs % 8; rest != 0 {
		bits[len(bits)-1] <<= 8 - rest
	}
	packed, err := pdffile.Deflate(bits)
	return e.u.AddStream(pdffile.Dict{"Filter": pdffile.Name("FlateDecode")}, packed), err
}

// tag makes the six letters that name a subset (9.6.4).
func tag(program []byte) string {
	sum := sha256.Sum256(program)
	b := sum[:6]
	for i := range b {
		b[i] = 'A' + b[i]%26
	}
	return string(b)
}

func (e *Embedded) widths() pdffile.Array {
	w := make(pdffile.Array, len(e.wide))
	for i, v := range e.wide {
		w[i] = pdffile.Real(v)
	}
	return w
}

// toUnicode writes the CMap that lets text be found and copied (9.10.3).
func (e *Embedded) toUnicode() []byte {
	var b bytes.Buffer
	b.WriteString("/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n" +
		"/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def\n" +
		"/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n" +
		"1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n")
	code := 1
	for batch := range slices.Chunk(e.used[1:], 100) {
		fmt.Fprintf(&b, "%d beginbfchar\n", len(batch))
		for _, m := range batch {
			fmt.Fprintf(&b, "<%04X> <%s>\n", code, hexUTF16(m.text))
			code++
		}
		b.WriteString("endbfchar\n")
	}
	b.WriteString("endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend")
	return b.Bytes()
}

func hexUTF16(text string) string {
	units := utf16.Encode([]rune(text))
	raw := make([]byte, 0, 2*len(units))
	for _, u := range units {
		raw = append(raw, byte(u>>8), byte(u))
	}
	return hex.EncodeToString(raw)
}
