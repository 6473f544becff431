package pdffont

import (
	"encoding/binary"
	"math"
)

// Shape is what one code draws: a plain glyph, or several put together, such as
// a letter with its marks. Put together they are one character for whoever reads
// the file, at one place on one baseline. The zero Shape is the sign for a
// missing glyph.
type Shape struct {
	gid      uint32
	composed bool
	parts    string // of a composed shape: each part's glyph and where it stands
	wide     int16  // its advance in font units
}

// Part is a glyph within a shape and how far it is moved, in font units.
type Part struct {
	GID    uint32
	DX, DY int16
}

// Plain is a glyph as the font has it.
func Plain(gid uint32) Shape { return Shape{gid: gid} }

// Compose puts glyphs together; wide is the advance in font units. Without parts
// the shape draws nothing.
func Compose(wide int16, parts ...Part) Shape {
	b := make([]byte, 0, 8*len(parts))
	for _, p := range parts {
		b = binary.BigEndian.AppendUint32(b, p.GID)
		b = binary.BigEndian.AppendUint16(b, uint16(p.DX))
		b = binary.BigEndian.AppendUint16(b, uint16(p.DY))
	}
	return Shape{composed: true, parts: string(b), wide: wide}
}

// each visits the parts of a shape.
func (s Shape) each(visit func(Part)) {
	if !s.composed {
		visit(Part{GID: s.gid})
		return
	}
	for b := []byte(s.parts); len(b) >= 8; b = b[8:] {
		visit(Part{binary.BigEndian.Uint32(b), int16(binary.BigEndian.Uint16(b[4:])), int16(binary.BigEndian.Uint16(b[6:]))})
	}
}

// width gives a shape's advance in thousandths of the type size.
func (f *Face) width(s Shape) float64 {
	if s.composed {
		return float64(s.wide) * f.unit
	}
	return f.Advance(s.gid)
}

// Units gives thousandths of the type size in font units.
func (f *Face) Units(thousandths float64) int16 { return whole(thousandths / f.unit) }

func whole(v float64) int16 { return int16(min(max(math.Round(v), math.MinInt16), math.MaxInt16)) }
