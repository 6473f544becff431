package pdffont

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"unicode/utf16"

	"github.com/paraph/paraph/pades/pdffile"
)

// Embedded is a font in a file: first text is encoded, then Close writes the
// font with just the glyphs that were used.
type Embedded struct {
	Ref  pdffile.Ref // of the Type 0 font, for /Resources
	face *Face
	u    *pdffile.Update
	used map[uint16]rune
}

// Embed begins a font in an update.
func Embed(u *pdffile.Update, face *Face) *Embedded {
	return &Embedded{Ref: u.Reserve(), face: face, u: u, used: map[uint16]rune{}}
}

// Face is the font's face.
func (e *Embedded) Face() *Face { return e.face }

// Add marks a glyph as used for a character, and gives its two-byte code.
// Glyph 0 is the font's sign for a missing character.
func (e *Embedded) Add(gid uint16, r rune) uint16 {
	if old, ok := e.used[gid]; !ok || gid != 0 && r < old {
		e.used[gid] = r
	}
	return gid
}

// Close writes the font's objects into the update.
func (e *Embedded) Close() error {
	program := e.face.subset(e.used)
	packed, err := pdffile.Deflate(program)
	if err != nil {
		return err
	}
	name := pdffile.Name(fmt.Sprintf("%s+%s", e.tag(program), "Go"))
	file := e.u.AddStream(pdffile.Dict{
		"Filter": pdffile.Name("FlateDecode"), "Length1": pdffile.Integer(len(program)),
	}, packed)
	toUnicode := e.u.AddStream(nil, e.toUnicode())
	f := e.face
	descriptor := e.u.Add(pdffile.Dict{
		"Type": pdffile.Name("FontDescriptor"), "FontName": name, "Flags": pdffile.Integer(4),
		"FontBBox": pdffile.Array{
			pdffile.Real(f.metric("head", 36)), pdffile.Real(f.metric("head", 38)),
			pdffile.Real(f.metric("head", 40)), pdffile.Real(f.metric("head", 42)),
		},
		"ItalicAngle": pdffile.Integer(0), "Ascent": pdffile.Real(f.Ascent()), "Descent": pdffile.Real(f.Descent()),
		"CapHeight": pdffile.Integer(700), "StemV": pdffile.Integer(80), "FontFile2": file,
	})
	descendant := e.u.Add(pdffile.Dict{
		"Type": pdffile.Name("Font"), "Subtype": pdffile.Name("CIDFontType2"), "BaseFont": name,
		"CIDSystemInfo": pdffile.Dict{
			"Registry": pdffile.String("Adobe"), "Ordering": pdffile.String("Identity"), "Supplement": pdffile.Integer(0),
		},
		"FontDescriptor": descriptor, "CIDToGIDMap": pdffile.Name("Identity"), "W": e.widths(),
	})
	e.u.Set(e.Ref, pdffile.Dict{
		"Type": pdffile.Name("Font"), "Subtype": pdffile.Name("Type0"), "BaseFont": name,
		"Encoding": pdffile.Name("Identity-H"), "DescendantFonts": pdffile.Array{descendant}, "ToUnicode": toUnicode,
	})
	return nil
}

// tag makes the six letters that name a subset (9.6.4).
func (e *Embedded) tag(program []byte) string {
	sum := sha256.Sum256(program)
	b := sum[:6]
	for i := range b {
		b[i] = 'A' + b[i]%26
	}
	return string(b)
}

func (e *Embedded) glyphs() []uint16 { return slices.Sorted(maps.Keys(e.used)) }

func (e *Embedded) widths() pdffile.Array {
	w := pdffile.Array{}
	for _, g := range e.glyphs() {
		w = append(w, pdffile.Integer(g), pdffile.Array{pdffile.Real(e.face.Advance(g))})
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
	for batch := range slices.Chunk(e.glyphs(), 100) {
		fmt.Fprintf(&b, "%d beginbfchar\n", len(batch))
		for _, g := range batch {
			fmt.Fprintf(&b, "<%04X> <", g)
			for _, unit := range utf16.Encode([]rune{e.used[g]}) {
				fmt.Fprintf(&b, "%04X", unit)
			}
			b.WriteString(">\n")
		}
		b.WriteString("endbfchar\n")
	}
	b.WriteString("endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend")
	return b.Bytes()
}
