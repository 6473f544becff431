// Package pdftext sets text for PDF pages: it orders mixed directions (UAX 9),
// shapes every script by its font's rules, breaks lines (UAX 14), and writes
// the operators that show them so that readers find the text again.
package pdftext

import (
	"math"
	"strings"
	"unicode"

	"github.com/go-text/typesetting/di"
	"github.com/go-text/typesetting/font"
	"github.com/go-text/typesetting/language"
	"github.com/go-text/typesetting/shaping"
	"golang.org/x/image/math/fixed"

	"github.com/paraph/paraph/pades/pdffont"
)

// Setter sets text in lines. It serves one goroutine.
type Setter struct {
	fallbacks []*pdffont.Face
	shaped    map[*pdffont.Face]*font.Face
	origin    map[*font.Face]*pdffont.Face
	language  language.Language

	segmenter shaping.Segmenter
	shaper    shaping.HarfbuzzShaper
	wrapper   shaping.LineWrapper
	primary   *pdffont.Face // while text is split into runs
}

// New makes a setter. Characters that the built-in faces lack are taken from
// the fallbacks, in order. lang (BCP 47, may be empty) decides between forms of
// letters where a font has several.
func New(lang string, fallbacks []*pdffont.Face) *Setter {
	return &Setter{
		fallbacks: fallbacks, language: language.NewLanguage(lang),
		shaped: map[*pdffont.Face]*font.Face{}, origin: map[*font.Face]*pdffont.Face{},
	}
}

// Line is text that stands on one line. All lengths are thousandths of the type size.
type Line struct {
	Runs  []Run // from left to right
	Width float64
	RTL   bool // the paragraph reads from right to left
	Last  bool // of its paragraph
}

// Run is a part of a line in one face and direction.
type Run struct {
	Face   *pdffont.Face
	RTL    bool
	Glyphs []Glyph // from left to right
}

// Glyph is a shape and what it stands for: a letter, a cluster of letters and
// marks, a ligature. A blank one carries a character that is drawn with another.
type Glyph struct {
	pdffont.Shape
	Advance float64
	Text    string
}

// maxWidth stands for lines without a bound.
const maxWidth = 1 << 24

// Lines sets a text in lines of at most width thousandths of the type size; 0
// breaks only at line ends in the text. A text has at least one line.
func (s *Setter) Lines(face *pdffont.Face, text string, width float64) []Line {
	if width <= 0 || width > maxWidth {
		width = maxWidth
	}
	var lines []Line
	for paragraph := range strings.SplitSeq(Clean(text), "\n") {
		lines = append(lines, s.paragraph(face, []rune(paragraph), width)...)
	}
	return lines
}

// Width gives the width of a text on one line.
func (s *Setter) Width(face *pdffont.Face, text string) float64 {
	wide := 0.0
	for _, l := range s.Lines(face, text, 0) {
		wide = max(wide, l.Width)
	}
	return wide
}

// Clean makes a text fit to be set: bytes that are no text, control characters
// and marks that would turn the direction of what follows are left out, so that
// no name can be made to read as another. Line ends stay.
func Clean(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return r
		case r == '\t', unicode.Is(unicode.Zs, r) && r != '\u00a0' && r != '\u202f' && r != '\u3000':
			return ' '
		case unicode.IsControl(r), r == '\u2028', r == '\u2029', r == '\ufeff', r == '\u200b', r == '\u00ad',
			r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2069', r == '\u200e', r == '\u200f', r == '\u061c':
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "\ufffd"))
}

func (s *Setter) paragraph(face *pdffont.Face, text []rune, width float64) []Line {
	if len(text) == 0 {
		return []Line{{Last: true}}
	}
	base := level(0)
	if rightToLeft(text) {
		base = 1
	}
	s.primary = face
	drawn := s.replaced(text)
	depth := levels(drawn, base)
	outputs := s.shape(drawn, depth)
	config := shaping.WrapConfig{Direction: direction(base), BreakPolicy: shaping.WhenNecessary, DisableTrailingWhitespaceTrim: true}
	wrapped, _ := s.wrapper.WrapParagraphF(config, fixed.Int26_6(math.Floor(width*64)), drawn, shaping.NewSliceIterator(outputs))
	lines := make([]Line, len(wrapped))
	for i, line := range wrapped {
		lines[i] = s.line(text, line, depth)
		lines[i].RTL, lines[i].Last = base == 1, i == len(wrapped)-1
	}
	return lines
}

func direction(l level) di.Direction {
	if l%2 == 1 {
		return di.DirectionRTL
	}
	return di.DirectionLTR
}

// shape shapes the runs of a paragraph, each of one level, script and face.
func (s *Setter) shape(text []rune, depth []level) (out []shaping.Output) {
	for start := 0; start < len(text); {
		end := start + 1
		for end < len(text) && depth[end] == depth[start] {
			end++
		}
		for _, run := range s.segmenter.Split(shaping.Input{
			Text: text, RunStart: start, RunEnd: end, Direction: direction(depth[start]), Size: fixed.I(1000), Language: s.language,
		}, s) {
			run.Direction = direction(depth[start]) // the segmenter saw only a part of the paragraph
			out = append(out, s.shaper.ShapeNoExtents(run))
		}
		start = end
	}
	return out
}

// standIn stands for a character that no face has.
const standIn = '\ufffd'

// replaced gives the text as it can be drawn: what no face has is drawn as a
// sign for it, and keeps its meaning.
func (s *Setter) replaced(text []rune) []rune {
	drawn, copied := text, false
	for i, r := range text {
		if s.faceOf(r) != nil || invisible(r) {
			continue
		}
		if !copied {
			drawn, copied = append([]rune(nil), text...), true
		}
		drawn[i] = standIn
	}
	return drawn
}

// faceOf gives the first face that has a character, or nil.
func (s *Setter) faceOf(r rune) *pdffont.Face {
	if _, ok := s.primary.Glyph(r); ok {
		return s.primary
	}
	if _, ok := pdffont.Regular().Glyph(r); ok {
		return pdffont.Regular()
	}
	for _, f := range s.fallbacks {
		if _, ok := f.Glyph(r); ok {
			return f
		}
	}
	return nil
}

// ResolveFace serves the splitting of text into runs of one face.
func (s *Setter) ResolveFace(r rune) *font.Face {
	face := s.faceOf(r)
	if face == nil {
		face = s.primary
	}
	m, ok := s.shaped[face]
	if !ok {
		m = face.Shaping()
		s.shaped[face], s.origin[m] = m, face
	}
	return m
}

// line takes over a wrapped line: its runs in the order in which they stand.
func (s *Setter) line(text []rune, wrapped shaping.Line, depth []level) Line {
	end := 0 // of the line without the spaces behind it
	for _, out := range wrapped {
		end = max(end, out.Runes.Offset+out.Runes.Count)
	}
	for end > 0 && text[end-1] == ' ' {
		end--
	}
	line := Line{}
	order := make([]level, 0, len(wrapped))
	for i := range wrapped {
		out := &wrapped[i]
		run := Run{Face: s.origin[out.Face], RTL: out.Direction == di.DirectionRTL}
		s.glyphs(&run, out.Glyphs, text, end)
		for _, g := range run.Glyphs {
			line.Width += g.Advance
		}
		line.Runs = append(line.Runs, run)
		order = append(order, depth[min(out.Runes.Offset, len(depth)-1)])
	}
	reorder(line.Runs, order)
	return line
}

// glyphs takes over a run's glyphs, cluster by cluster. Spaces behind the line take no room.
func (s *Setter) glyphs(run *Run, glyphs []shaping.Glyph, text []rune, lineEnd int) {
	for start := 0; start < len(glyphs); {
		end := start + 1
		for end < len(glyphs) && glyphs[end].TextIndex() == glyphs[start].TextIndex() {
			end++
		}
		from := min(max(glyphs[start].TextIndex(), 0), len(text))
		to := min(from+glyphs[start].RunesCount(), len(text))
		first := len(run.Glyphs)
		s.cluster(glyphs[start:end], text[from:to], run)
		for i := first; i < len(run.Glyphs) && from >= lineEnd; i++ {
			run.Glyphs[i].Advance = 0
		}
		start = end
	}
}

// cluster makes one shape of a cluster, whatever glyphs it takes, so that reading
// shapes in order gives the text in order. Readers turn runs that read from
// right to left around by themselves, one character after another; there all
// characters but the first get a blank shape of their own.
func (s *Setter) cluster(glyphs []shaping.Glyph, text []rune, run *Run) {
	own := text
	if run.RTL && len(text) > 1 {
		for i := len(text) - 1; i > 0; i-- {
			run.Glyphs = append(run.Glyphs, Glyph{Shape: pdffont.Compose(0), Text: string(text[i])})
		}
		own = text[:1]
	}
	g := glyphs[0]
	if len(glyphs) == 1 && g.XOffset == 0 && g.YOffset == 0 {
		run.Glyphs = append(run.Glyphs, Glyph{Shape: pdffont.Plain(uint32(g.GlyphID)), Advance: float64(g.Advance) / 64, Text: string(own)})
		return
	}
	parts, x := make([]pdffont.Part, len(glyphs)), 0.0
	for i, g := range glyphs {
		parts[i] = pdffont.Part{GID: uint32(g.GlyphID), DX: run.Face.Units(x + float64(g.XOffset)/64), DY: run.Face.Units(float64(g.YOffset) / 64)}
		x += float64(g.Advance) / 64
	}
	run.Glyphs = append(run.Glyphs, Glyph{Shape: pdffont.Compose(run.Face.Units(x), parts...), Advance: x, Text: string(own)})
}

// Justify widens the line's spaces until it is as wide as said, unless it is a
// paragraph's last line or has no spaces.
func (l *Line) Justify(width float64) {
	spaces := 0
	for _, run := range l.Runs {
		for _, g := range run.Glyphs {
			if g.Text == " " && g.Advance > 0 {
				spaces++
			}
		}
	}
	if l.Last || spaces == 0 || l.Width >= width {
		return
	}
	each := (width - l.Width) / float64(spaces)
	for _, run := range l.Runs {
		for i, g := range run.Glyphs {
			if g.Text == " " && g.Advance > 0 {
				run.Glyphs[i].Advance += each
			}
		}
	}
	l.Width = width
}
