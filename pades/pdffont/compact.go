package pdffont

import (
	"encoding/binary"
	"math"
	"strconv"

	"github.com/go-text/typesetting/font"
	"github.com/go-text/typesetting/font/opentype"
)

// compact writes a CID-keyed CFF font program (Adobe Technical Note 5176) with
// just these glyphs, in which glyph and CID number are one. The outlines are
// drawn anew as the parser gives them, so that it serves whatever the font
// itself holds: CFF with its subroutines, CFF2, a variable font's default.
func (f *Face) compact(shapes []Shape) []byte {
	glyphs := make([][]byte, len(shapes))
	m := f.borrow()
	defer f.metrics.Put(m)
	for i, s := range shapes {
		glyphs[i] = charstring(f, m, s)
	}
	c := compactFont{glyphs: glyphs, upem: float64(f.font.Upem()), name: f.name}
	for i, v := range f.box {
		c.box[i] = int(math.Round(v / f.unit))
	}
	return c.write()
}

// charstring draws a shape in Type 2 operators (Technical Note 5177): its
// width, then moves, lines and curves.
func charstring(f *Face, m *font.Face, s Shape) []byte {
	p := pen{}
	p.number(int(whole(f.width(s) / f.unit))) // nominalWidthX is 0
	s.each(func(part Part) {
		outline, _ := m.GlyphDataOutline(font.GID(part.GID))
		for _, segment := range outline.Segments {
			for i := range segment.Args {
				segment.Args[i].Move(float32(part.DX), float32(part.DY))
			}
			p.segment(segment)
		}
	})
	return append(p.out, 14) // endchar
}

func (p *pen) segment(s opentype.Segment) {
	a := s.Args
	switch s.Op {
	case opentype.SegmentOpMoveTo:
		p.to(a[0])
		p.out = append(p.out, 21) // rmoveto
	case opentype.SegmentOpLineTo:
		p.to(a[0])
		p.out = append(p.out, 5) // rlineto
	case opentype.SegmentOpQuadTo:
		from := opentype.SegmentPoint{X: float32(p.x), Y: float32(p.y)}
		p.to(third(from, a[0]))
		p.to(third(a[1], a[0]))
		p.to(a[1])
		p.out = append(p.out, 8) // rrcurveto
	case opentype.SegmentOpCubeTo:
		p.to(a[0])
		p.to(a[1])
		p.to(a[2])
		p.out = append(p.out, 8)
	}
}

// third gives a cubic curve's control point: two thirds of the way to the
// quadratic one's.
func third(from, control opentype.SegmentPoint) opentype.SegmentPoint {
	return opentype.SegmentPoint{X: from.X + 2*(control.X-from.X)/3, Y: from.Y + 2*(control.Y-from.Y)/3}
}

// pen writes relative numbers; x and y are where it stands, in whole units, so
// that rounding does not add up.
type pen struct {
	out  []byte
	x, y int
}

func (p *pen) to(pt opentype.SegmentPoint) {
	x, y := int(math.Round(float64(pt.X))), int(math.Round(float64(pt.Y)))
	p.number(x - p.x)
	p.number(y - p.y)
	p.x, p.y = x, y
}

// number writes an operand: Type 2 knows whole numbers of 16 bits.
func (p *pen) number(v int) {
	v = min(max(v, math.MinInt16), math.MaxInt16)
	switch {
	case v >= -107 && v <= 107:
		p.out = append(p.out, byte(v+139))
	case v >= 108 && v <= 1131:
		v -= 108
		p.out = append(p.out, byte(v>>8+247), byte(v))
	case v >= -1131 && v <= -108:
		v = -v - 108
		p.out = append(p.out, byte(v>>8+251), byte(v))
	default:
		p.out = append(p.out, 28, byte(v>>8), byte(v))
	}
}

type compactFont struct {
	name   string
	glyphs [][]byte
	upem   float64
	box    [4]int
}

// write puts the parts behind each other. Offsets in the dictionaries have a
// fixed width, so that the parts' places are known before they are written.
func (c *compactFont) write() []byte {
	head := []byte{1, 0, 4, 4} // version 1.0, header size, offset size
	head = appendIndex(head, []byte(c.name))
	strings := appendIndex(nil, []byte("Adobe"), []byte("Identity"))
	strings = appendIndex(strings) // global subroutines: none
	charset := binary.BigEndian.AppendUint16([]byte{2, 0, 1}, uint16(max(len(c.glyphs)-2, 0)))
	// FDSelect, format 3: one range, all glyphs belong to the first font dictionary.
	choice := binary.BigEndian.AppendUint16([]byte{3, 0, 1, 0, 0, 0}, uint16(len(c.glyphs)))
	chars := appendIndex(nil, c.glyphs...)
	private := dict{}.real(0, 20).real(0, 21) // defaultWidthX, nominalWidthX

	topSize := len(appendIndex(nil, c.top(0, 0, 0, 0)))
	at := len(head) + topSize + len(strings)
	atCharset := at
	atChoice := atCharset + len(charset)
	atChars := atChoice + len(choice)
	atPrivate := atChars + len(chars)
	atFonts := atPrivate + len(private)
	fonts := appendIndex(nil, dict{}.offset(len(private)).offset(atPrivate).op(18))

	out := append(head, appendIndex(nil, c.top(atCharset, atChoice, atChars, atFonts))...)
	for _, part := range [][]byte{strings, charset, choice, chars, private, fonts} {
		out = append(out, part...)
	}
	return out
}

func (c *compactFont) top(charset, choice, chars, fonts int) dict {
	const firstOwnString = 391
	d := dict{}.number(firstOwnString).number(firstOwnString+1).number(0).op(12, 30) // ROS: Adobe-Identity-0
	if c.upem != 1000 {
		d = d.real(1/c.upem, -1).real(0, -1).real(0, -1).real(1/c.upem, -1).real(0, -1).real(0, -1).op(12, 7)
	}
	for _, v := range c.box {
		d = d.number(v)
	}
	d = d.op(5).number(len(c.glyphs)).op(12, 34) // FontBBox, CIDCount
	return d.offset(charset).op(15).offset(choice).op(12, 37).offset(chars).op(17).offset(fonts).op(12, 36)
}

// dict is a CFF dictionary being written: operands, then their operator.
type dict []byte

func (d dict) op(code ...byte) dict { return append(d, code...) }

func (d dict) number(v int) dict { return append(d, 28, byte(v>>8), byte(v)) }

func (d dict) offset(v int) dict { return binary.BigEndian.AppendUint32(append(d, 29), uint32(v)) }

// real writes a real number, and the operator unless it is negative.
func (d dict) real(v float64, op int) dict {
	const ends = 0xF
	text := []byte(formatReal(v))
	d = append(d, 30)
	high, half := byte(0), false
	nibble := func(n byte) {
		if half {
			d = append(d, high<<4|n)
		}
		high, half = n, !half
	}
	for i, c := range text {
		switch {
		case c == '.':
			nibble(0xA)
		case c == '-' && i == 0:
			nibble(0xE)
		default:
			nibble(c - '0')
		}
	}
	nibble(ends)
	if half {
		nibble(ends)
	}
	if op >= 0 {
		d = append(d, byte(op))
	}
	return d
}

func formatReal(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// appendIndex appends an INDEX of objects with offsets of four bytes.
func appendIndex(b []byte, objects ...[]byte) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(len(objects)))
	if len(objects) == 0 {
		return b
	}
	b = append(b, 4)
	offset := uint32(1)
	b = binary.BigEndian.AppendUint32(b, offset)
	for _, o := range objects {
		offset += uint32(len(o))
		b = binary.BigEndian.AppendUint32(b, offset)
	}
	for _, o := range objects {
		b = append(b, o...)
	}
	return b
}
