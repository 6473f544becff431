// Package pdffont embeds subsets of TrueType fonts in PDF files, as Type 0
// fonts with CIDFontType2 descendants (ISO 32000-1, 9.7), so that any text
// that the font covers can be shown, selected and archived.
package pdffont

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goitalic"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/sfnt"
)

// ErrFont: the data is no TrueType font with glyf outlines.
var ErrFont = errors.New("no usable TrueType font")

// Face is a parsed font; it is safe for concurrent use.
type Face struct {
	font     *sfnt.Font
	tables   map[string][]byte
	unitsEm  float64
	glyphs   int
	longLoca bool
	hMetrics int
}

// The built-in faces: the Go fonts, which cover Latin, Greek and Cyrillic.
var (
	Regular = sync.OnceValue(func() *Face { return mustParse(goregular.TTF) })
	Italic  = sync.OnceValue(func() *Face { return mustParse(goitalic.TTF) })
	Bold    = sync.OnceValue(func() *Face { return mustParse(gobold.TTF) })
)

func mustParse(data []byte) *Face {
	f, err := Parse(data)
	if err != nil {
		panic(err) // the built-in fonts are part of the program
	}
	return f
}

// Parse reads a TrueType font; fonts with CFF outlines give ErrFont.
func Parse(data []byte) (*Face, error) {
	font, err := sfnt.Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFont, err)
	}
	f := &Face{font: font, tables: map[string][]byte{}, unitsEm: float64(font.UnitsPerEm())}
	if err := f.directory(data); err != nil {
		return nil, err
	}
	head, hhea, maxp := f.tables["head"], f.tables["hhea"], f.tables["maxp"]
	if len(head) < 54 || len(hhea) < 36 || len(maxp) < 6 || f.tables["glyf"] == nil {
		return nil, fmt.Errorf("%w: a table is missing", ErrFont)
	}
	f.longLoca = binary.BigEndian.Uint16(head[50:]) == 1
	f.hMetrics = int(binary.BigEndian.Uint16(hhea[34:]))
	f.glyphs = int(binary.BigEndian.Uint16(maxp[4:]))
	entry := 2
	if f.longLoca {
		entry = 4
	}
	if f.hMetrics == 0 || len(f.tables["hmtx"]) < 4*f.hMetrics || len(f.tables["loca"]) < entry*(f.glyphs+1) {
		return nil, fmt.Errorf("%w: a table is too short", ErrFont)
	}
	return f, nil
}

func (f *Face) directory(data []byte) error {
	if len(data) < 12 {
		return ErrFont
	}
	n := int(binary.BigEndian.Uint16(data[4:]))
	for i := range n {
		at := 12 + 16*i
		if at+16 > len(data) {
			return ErrFont
		}
		off := int64(binary.BigEndian.Uint32(data[at+8:]))
		size := int64(binary.BigEndian.Uint32(data[at+12:]))
		if off+size > int64(len(data)) {
			return ErrFont
		}
		f.tables[string(data[at:at+4])] = data[off : off+size]
	}
	return nil
}

// Glyph gives the glyph of a character; ok is false if the font lacks it.
func (f *Face) Glyph(r rune) (gid uint16, ok bool) {
	var b sfnt.Buffer
	g, err := f.font.GlyphIndex(&b, r)
	return uint16(g), err == nil && g != 0 && int(g) < f.glyphs
}

// Advance gives the width of a glyph in thousandths of the type size.
func (f *Face) Advance(gid uint16) float64 {
	i := min(int(gid), f.hMetrics-1)
	return float64(binary.BigEndian.Uint16(f.tables["hmtx"][4*i:])) * 1000 / f.unitsEm
}

// Ascent gives the height above the baseline in thousandths of the type size.
func (f *Face) Ascent() float64 { return f.metric("hhea", 4) }

// Descent gives the depth below the baseline, negative, in the same unit.
func (f *Face) Descent() float64 { return f.metric("hhea", 6) }

func (f *Face) metric(table string, at int) float64 {
	return float64(int16(binary.BigEndian.Uint16(f.tables[table][at:]))) * 1000 / f.unitsEm
}

// outline gives the glyf data of a glyph.
func (f *Face) outline(gid uint16) []byte {
	loca, glyf := f.tables["loca"], f.tables["glyf"]
	var a, b int
	if f.longLoca {
		a, b = int(binary.BigEndian.Uint32(loca[4*int(gid):])), int(binary.BigEndian.Uint32(loca[4*int(gid)+4:]))
	} else {
		a, b = 2*int(binary.BigEndian.Uint16(loca[2*int(gid):])), 2*int(binary.BigEndian.Uint16(loca[2*int(gid)+2:]))
	}
	if a > b || b > len(glyf) {
		return nil
	}
	return glyf[a:b]
}
