package pdffont

import (
	"encoding/binary"
	"slices"
)

// kept are the tables a CIDFontType2 font program needs (ISO 32000-1, 9.9).
var kept = []string{"cvt ", "fpgm", "glyf", "head", "hhea", "hmtx", "loca", "maxp", "prep"}

// subset gives a font program in which only the given glyphs have outlines.
// Glyph numbers stay as they are, so that no composite has to be rewritten.
func (f *Face) subset(used map[uint16]rune) []byte {
	keep := map[uint16]bool{0: true}
	for g := range used {
		f.close(g, keep, 0)
	}
	last := 0
	for g := range keep {
		last = max(last, int(g))
	}
	n := last + 1
	glyf := []byte{}
	loca := make([]byte, 4*(n+1))
	for g := range n {
		binary.BigEndian.PutUint32(loca[4*g:], uint32(len(glyf)))
		if keep[uint16(g)] {
			glyf = append(glyf, f.outline(uint16(g))...)
			for len(glyf)%4 != 0 {
				glyf = append(glyf, 0)
			}
		}
	}
	binary.BigEndian.PutUint32(loca[4*n:], uint32(len(glyf)))
	head := slices.Clone(f.tables["head"])
	binary.BigEndian.PutUint16(head[50:], 1)
	binary.BigEndian.PutUint32(head[8:], 0)
	maxp := slices.Clone(f.tables["maxp"])
	binary.BigEndian.PutUint16(maxp[4:], uint16(n))
	hhea := slices.Clone(f.tables["hhea"])
	hmtx, metrics := f.shortMetrics(n)
	binary.BigEndian.PutUint16(hhea[34:], uint16(metrics))
	return assemble(map[string][]byte{
		"cvt ": f.tables["cvt "], "fpgm": f.tables["fpgm"], "prep": f.tables["prep"],
		"glyf": glyf, "head": head, "hhea": hhea, "hmtx": hmtx, "loca": loca, "maxp": maxp,
	})
}

// shortMetrics cuts hmtx to n glyphs.
func (f *Face) shortMetrics(n int) (table []byte, full int) {
	full = min(n, f.hMetrics)
	table = slices.Clone(f.tables["hmtx"][:4*full])
	if rest := n - full; rest > 0 {
		bearings := f.tables["hmtx"][4*f.hMetrics:]
		table = append(table, bearings[:min(len(bearings), 2*rest)]...)
	}
	return table, full
}

// close adds a glyph and the parts that a composite glyph is made of.
func (f *Face) close(g uint16, keep map[uint16]bool, depth int) {
	if keep[g] && g != 0 || int(g) >= f.glyphs || depth > 8 {
		return
	}
	keep[g] = true
	d := f.outline(g)
	if len(d) < 10 || int16(binary.BigEndian.Uint16(d)) >= 0 {
		return
	}
	for at := 10; at+4 <= len(d); {
		flags := binary.BigEndian.Uint16(d[at:])
		f.close(binary.BigEndian.Uint16(d[at+2:]), keep, depth+1)
		at += 4 + componentSize(flags)
		if flags&0x20 == 0 {
			return
		}
	}
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
