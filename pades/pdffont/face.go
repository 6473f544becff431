// Package pdffont finds fonts for any script and embeds what is used of them in
// PDF files, as Type 0 fonts (ISO 32000-1, 9.7): TrueType outlines as
// CIDFontType2, all others as CIDFontType0. Package pdftext sets text in them.
package pdffont

import (
	"bytes"
	_ "embed" // the built-in fonts
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/go-text/typesetting/font"
	"github.com/go-text/typesetting/font/opentype"
	"golang.org/x/image/font/gofont/gomono"
)

// ErrFont: the data is no font with outlines.
var ErrFont = errors.New("no usable font")

// Face is a parsed font; it is safe for concurrent use.
type Face struct {
	font *font.Font
	name string  // PostScript-like, for /BaseFont
	unit float64 // thousandths of the type size per font unit
	ascent, descent,
	capHeight float64
	box     [4]float64
	angle   float64
	glyf    *trueType // nil where the outlines are no TrueType
	metrics sync.Pool // *font.Face: each keeps caches and serves one goroutine
}

//go:embed fonts/NotoSans-Regular.ttf
var notoRegular []byte

//go:embed fonts/NotoSans-Bold.ttf
var notoBold []byte

//go:embed fonts/NotoSans-Italic.ttf
var notoItalic []byte

// The built-in faces: Noto Sans for Latin, Greek and Cyrillic, and Go Mono for digests.
var (
	Regular = sync.OnceValue(func() *Face { return mustParse(notoRegular) })
	Italic  = sync.OnceValue(func() *Face { return mustParse(notoItalic) })
	Bold    = sync.OnceValue(func() *Face { return mustParse(notoBold) })
	Mono    = sync.OnceValue(func() *Face { return mustParse(gomono.TTF) })
)

func mustParse(data []byte) *Face {
	f, err := Parse(data)
	if err != nil {
		panic(err) // the built-in fonts are part of the program
	}
	return f
}

// Parse reads a TrueType or OpenType font.
func Parse(data []byte) (*Face, error) { return read(bytes.NewReader(data), 0) }

// Source is what a font is read from.
type Source interface {
	io.ReadSeeker
	io.ReaderAt
}

// read parses the font at an index of a file; a collection has several.
func read(source Source, index int) (face *Face, err error) {
	defer func() {
		// The parser has bounds of its own; should one be missing, a font counts as unusable.
		if cause := recover(); cause != nil {
			face, err = nil, fmt.Errorf("%w: %v", ErrFont, cause)
		}
	}()
	loaders, err := opentype.NewLoaders(source)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFont, err)
	}
	if index >= len(loaders) {
		return nil, fmt.Errorf("%w: the file holds %d fonts", ErrFont, len(loaders))
	}
	loader := loaders[index]
	parsed, err := font.NewFont(loader)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFont, err)
	}
	f := &Face{font: parsed, unit: 1000 / float64(parsed.Upem())}
	f.metrics.New = func() any { return font.NewFace(parsed) }
	if f.glyf, err = readTrueType(loader); err != nil {
		return nil, err
	}
	if f.glyf == nil && !loader.HasTable(opentype.MustNewTag("CFF ")) && !loader.HasTable(opentype.MustNewTag("CFF2")) {
		return nil, fmt.Errorf("%w: it has no outlines", ErrFont)
	}
	return f, f.describe(loader)
}

// describe reads what the font descriptor tells (9.8).
func (f *Face) describe(loader *opentype.Loader) error {
	head, err := loader.RawTable(opentype.MustNewTag("head"))
	if err != nil || len(head) < 54 {
		return fmt.Errorf("%w: its head is missing", ErrFont)
	}
	for i := range f.box {
		f.box[i] = float64(int16(binary.BigEndian.Uint16(head[36+2*i:]))) * f.unit
	}
	m := f.borrow()
	defer f.metrics.Put(m)
	if e, ok := m.FontHExtents(); ok {
		f.ascent, f.descent = float64(e.Ascender)*f.unit, float64(e.Descender)*f.unit
	}
	if f.ascent <= 0 {
		f.ascent, f.descent = 800, -200
	}
	f.capHeight = float64(m.LineMetric(font.CapHeight)) * f.unit
	if post, err := loader.RawTable(opentype.MustNewTag("post")); err == nil && len(post) >= 8 {
		f.angle = float64(int32(binary.BigEndian.Uint32(post[4:]))) / (1 << 16)
	}
	f.name = strings.Map(func(r rune) rune {
		if r > ' ' && r < 0x7F && !strings.ContainsRune("()<>[]{}/%#", r) {
			return r
		}
		return -1
	}, f.font.Describe().Family)
	if f.name == "" {
		f.name = "Font"
	}
	return nil
}

func (f *Face) borrow() *font.Face { return f.metrics.Get().(*font.Face) }

// Shaping gives the font as the shaper wants it, for one goroutine.
func (f *Face) Shaping() *font.Face { return font.NewFace(f.font) }

// Name is the font's family, without what a PDF name cannot hold.
func (f *Face) Name() string { return f.name }

// Glyph gives the glyph of a character; ok is false if the font lacks it.
func (f *Face) Glyph(r rune) (gid uint32, ok bool) {
	g, ok := f.font.NominalGlyph(r)
	return uint32(g), ok && g != 0
}

// Advance gives the width of a glyph in thousandths of the type size.
func (f *Face) Advance(gid uint32) float64 {
	m := f.borrow()
	defer f.metrics.Put(m)
	return float64(m.HorizontalAdvance(font.GID(gid))) * f.unit
}

// Ascent gives the height above the baseline in thousandths of the type size.
func (f *Face) Ascent() float64 { return f.ascent }

// Descent gives the depth below the baseline, negative, in the same unit.
func (f *Face) Descent() float64 { return f.descent }
