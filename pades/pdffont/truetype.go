package pdffont

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/go-text/typesetting/font/opentype"
)

// trueType holds the tables of a font with glyf outlines, read when first used.
type trueType struct {
	tables   map[string][]byte
	glyphs   int
	longLoca bool
	hMetrics int
}

// kept are the tables a CIDFontType2 font program needs (ISO 32000-1, 9.9).
var kept = []string{"cvt ", "fpgm", "glyf", "head", "hhea", "hmtx", "loca", "maxp", "prep"}

// readTrueType gives nil for a font without glyf outlines.
func readTrueType(loader *opentype.Loader) (*trueType, error) {
	if !loader.HasTable(opentype.MustNewTag("glyf")) {
		return nil, nil
	}
	t := &trueType{tables: map[string][]byte{}}
	for _, name := range kept {
		tag := opentype.MustNewTag(name)
		if !loader.HasTable(tag) {
			continue
		}
		data, err := loader.RawTable(tag)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrFont, err)
		}
		t.tables[name] = data
	}
	head, hhea, maxp := t.tables["head"], t.tables["hhea"], t.tables["maxp"]
	if len(head) < 54 || len(hhea) < 36 || len(maxp) < 6 {
		return nil, fmt.Errorf("%w: a table is missing", ErrFont)
	}
	t.longLoca = binary.BigEndian.Uint16(head[50:]) == 1
	t.hMetrics = int(binary.BigEndian.Uint16(hhea[34:]))
	t.glyphs = int(binary.BigEndian.Uint16(maxp[4:]))
	entry := 2
	if t.longLoca {
		entry = 4
	}
	if t.hMetrics == 0 || len(t.tables["hmtx"]) < 4*t.hMetrics || len(t.tables["loca"]) < entry*(t.glyphs+1) {
		return nil, fmt.Errorf("%w: a table is too short", ErrFont)
	}
	return t, nil
}

// outline gives the glyf data of a glyph; nil where it has none.
func (t *trueType) outline(gid uint32) []byte {
	if int(gid) >= t.glyphs {
		return nil
	}
	loca, glyf := t.tables["loca"], t.tables["glyf"]
	var a, b int
	if t.longLoca {
		a, b = int(binary.BigEndian.Uint32(loca[4*gid:])), int(binary.BigEndian.Uint32(loca[4*gid+4:]))
	} else {
		a, b = 2*int(binary.BigEndian.Uint16(loca[2*gid:])), 2*int(binary.BigEndian.Uint16(loca[2*gid+2:]))
	}
	if a > b || b > len(glyf) || b-a < 10 {
		return nil
	}
	return glyf[a:b]
}

// bearing gives the advance and the left side bearing as hmtx has them.
func (t *trueType) bearing(gid uint32) (advance, left uint16) {
	hmtx, g := t.tables["hmtx"], int(gid)
	if g < t.hMetrics {
		return binary.BigEndian.Uint16(hmtx[4*g:]), binary.BigEndian.Uint16(hmtx[4*g+2:])
	}
	advance = binary.BigEndian.Uint16(hmtx[4*(t.hMetrics-1):])
	if at := 4*t.hMetrics + 2*(g-t.hMetrics); at+2 <= len(hmtx) {
		left = binary.BigEndian.Uint16(hmtx[at:])
	}
	return advance, left
}

// subset gives a font program with just these shapes, numbered as they come;
// parts of composite glyphs follow behind.
func (t *trueType) subset(shapes []Shape) (program []byte, glyphs int) {
	s := &subsetter{t: t, shapes: shapes, parts: map[uint32]uint16{}}
	glyf, loca := []byte{}, []byte{}
	var hmtx []byte
	for n := 0; n < len(s.shapes); n++ { // grows while composites name their parts
		loca = binary.BigEndian.AppendUint32(loca, uint32(len(glyf)))
		glyf = append(glyf, s.drawn(s.shapes[n])...)
		for len(glyf)%4 != 0 {
			glyf = append(glyf, 0)
		}
		advance, left := s.metrics(s.shapes[n], glyf[binary.BigEndian.Uint32(loca[4*n:]):])
		hmtx = binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(hmtx, advance), left)
	}
	loca = binary.BigEndian.AppendUint32(loca, uint32(len(glyf)))
	head, maxp, hhea := clone(t.tables["head"]), clone(t.tables["maxp"]), clone(t.tables["hhea"])
	binary.BigEndian.PutUint16(head[50:], 1)
	binary.BigEndian.PutUint32(head[8:], 0)
	binary.BigEndian.PutUint16(maxp[4:], uint16(len(s.shapes)))
	if len(maxp) >= 32 { // composites may have more parts, one level deeper, than any of the font had
		binary.BigEndian.PutUint16(maxp[28:], max(binary.BigEndian.Uint16(maxp[28:]), s.most))
		binary.BigEndian.PutUint16(maxp[30:], min(binary.BigEndian.Uint16(maxp[30:])+1, 16))
	}
	binary.BigEndian.PutUint16(hhea[34:], uint16(len(s.shapes)))
	return assemble(map[string][]byte{
		"cvt ": t.tables["cvt "], "fpgm": t.tables["fpgm"], "prep": t.tables["prep"],
		"glyf": glyf, "head": head, "hhea": hhea, "hmtx": hmtx, "loca": loca, "maxp": maxp,
	}), len(s.shapes)
}

func clone(b []byte) []byte { return append([]byte(nil), b...) }

type subsetter struct {
	t      *trueType
	shapes []Shape
	parts  map[uint32]uint16 // new numbers of composites' parts
	most   uint16            // parts of one composed shape
}

// part gives the new number of a glyph that is part of another.
func (s *subsetter) part(gid uint32) uint16 {
	n, known := s.parts[gid]
	if !known && len(s.shapes) < 0xFFFF {
		n = uint16(len(s.shapes))
		s.parts[gid] = n
		s.shapes = append(s.shapes, Plain(gid))
	}
	return n
}

// drawn gives a shape's outline, with the new numbers of its parts.
func (s *subsetter) drawn(shape Shape) []byte {
	if shape.composed {
		return s.composed(shape)
	}
	outline := s.t.outline(shape.gid)
	if len(outline) < 10 || int16(binary.BigEndian.Uint16(outline)) >= 0 {
		return outline
	}
	d := clone(outline)
	for at := 10; at+4 <= len(d); {
		flags := binary.BigEndian.Uint16(d[at:])
		binary.BigEndian.PutUint16(d[at+2:], s.part(uint32(binary.BigEndian.Uint16(d[at+2:]))))
		at += 4 + componentSize(flags)
		if flags&moreParts == 0 {
			break
		}
	}
	return d
}

// Flags of a composite glyph's parts.
const (
	argumentsAreWords = 0x0001
	argumentsAreXY    = 0x0002
	moreParts         = 0x0020
)

// composed makes a composite glyph of a shape's parts.
func (s *subsetter) composed(shape Shape) []byte {
	box := [4]int{math.MaxInt16, math.MaxInt16, math.MinInt16, math.MinInt16}
	var parts []byte
	count, last := uint16(0), 0
	shape.each(func(p Part) {
		outline := s.t.outline(p.GID)
		if len(outline) < 10 {
			return // a blank
		}
		x0, y0, x1, y1 := bounds(outline)
		dx, dy := int(p.DX), int(p.DY)
		box = [4]int{min(box[0], x0+dx), min(box[1], y0+dy), max(box[2], x1+dx), max(box[3], y1+dy)}
		count, last = count+1, len(parts)
		for _, v := range []uint16{argumentsAreWords | argumentsAreXY | moreParts, s.part(p.GID), uint16(p.DX), uint16(p.DY)} {
			parts = binary.BigEndian.AppendUint16(parts, v)
		}
	})
	if count == 0 {
		return nil
	}
	s.most = max(s.most, count)
	parts[last+1] &^= moreParts
	d := []byte{0xFF, 0xFF}
	for _, v := range box {
		d = binary.BigEndian.AppendUint16(d, uint16(whole(float64(v))))
	}
	return append(d, parts...)
}

// bounds reads the box from the beginning of an outline.
func bounds(outline []byte) (x0, y0, x1, y1 int) {
	at := func(i int) int { return int(int16(binary.BigEndian.Uint16(outline[i:]))) }
	return at(2), at(4), at(6), at(8)
}

// metrics gives a shape's advance and left side bearing. That of a composed
// shape is where its outline begins, so that nothing moves it.
func (s *subsetter) metrics(shape Shape, outline []byte) (advance, left uint16) {
	if !shape.composed {
		return s.t.bearing(shape.gid)
	}
	if len(outline) >= 10 {
		x0, _, _, _ := bounds(outline)
		left = uint16(x0)
	}
	return uint16(max(shape.wide, 0)), left
}

// componentSize is the size of a component's arguments and transformation.
func componentSize(flags uint16) int {
	n := 2
	if flags&0x01 != 0 {
		n = 4
	}
	switch {
	case flags&0x08 != 0:
		n += 2
	case flags&0x40 != 0:
		n += 4
	case flags&0x80 != 0:
		n += 8
	}
	return n
}

// assemble writes the tables as a font file with its checksums.
func assemble(tables map[string][]byte) []byte {
	var names []string
	for _, n := range kept {
		if tables[n] != nil {
			names = append(names, n)
		}
	}
	count := len(names)
	pow := 1
	shift := 0
	for pow*2 <= count {
		pow *= 2
		shift++
	}
	out := binary.BigEndian.AppendUint32(nil, 0x00010000)
	for _, v := range []int{count, pow * 16, shift, count*16 - pow*16} {
		out = binary.BigEndian.AppendUint16(out, uint16(v))
	}
	at := 12 + 16*count
	var body []byte
	headAt := 0
	for _, n := range names {
		t := tables[n]
		out = append(out, n...)
		out = binary.BigEndian.AppendUint32(out, checksum(t))
		out = binary.BigEndian.AppendUint32(out, uint32(at+len(body)))
		out = binary.BigEndian.AppendUint32(out, uint32(len(t)))
		if n == "head" {
			headAt = at + len(body)
		}
		body = append(body, t...)
		for len(body)%4 != 0 {
			body = append(body, 0)
		}
	}
	out = append(out, body...)
	binary.BigEndian.PutUint32(out[headAt+8:], 0xB1B0AFBA-checksum(out))
	return out
}

func checksum(b []byte) (sum uint32) {
	for len(b) >= 4 {
		sum += binary.BigEndian.Uint32(b)
		b = b[4:]
	}
	if len(b) > 0 {
		var last [4]byte
		copy(last[:], b)
		sum += binary.BigEndian.Uint32(last[:])
	}
	return sum
}
