package pdfa

import (
	"encoding/binary"
	"math"
	"strconv"
	"strings"

	"github.com/go-text/typesetting/font/cff"
	"github.com/go-text/typesetting/font/opentype"
)

// compact is what is looked at of an embedded CFF font program.
type compact struct {
	parsed *cff.CFF
	global [][]byte
	fonts  []private
	choice []byte // font dictionary of each glyph; nil where there is one
	cids   []int  // CID of each glyph; nil where they are the same
	names  map[string]int
	unit   float64 // thousandths of the type size
}

// private is the part of a font dictionary that tells widths.
type private struct {
	standard, nominal float64
	local             [][]byte
}

func readCompact(b []byte) (f *compact, err error) {
	defer func() {
		if recover() != nil { // an index that points outside
			f, err = nil, errFont
		}
	}()
	f = &compact{unit: 1}
	if f.parsed, err = cff.Parse(b); err != nil {
		return nil, err
	}
	_, at := index(b, int(b[2]))
	tops, at := index(b, at)
	_, at = index(b, at)
	f.global, _ = index(b, at)
	top := dictionary(tops[0])
	if m := top[12<<8|7]; len(m) == 6 {
		f.unit = m[0] * 1000
	}
	if _, cid := top[12<<8|30]; cid {
		dicts, _ := index(b, int(top[12<<8|36][0]))
		for _, d := range dicts {
			f.fonts = append(f.fonts, readPrivate(b, dictionary(d)))
		}
		f.choice = choices(b[int(top[12<<8|37][0]):], len(f.parsed.Charstrings))
		f.cids = charset(b, top, len(f.parsed.Charstrings))
		return f, nil
	}
	f.fonts = []private{readPrivate(b, top)}
	f.names = map[string]int{}
	for gid := range f.parsed.Charstrings {
		f.names[f.parsed.GlyphName(opentype.GID(gid))] = gid
	}
	return f, nil
}

// index reads an INDEX and gives where it ends.
func index(b []byte, at int) (objects [][]byte, end int) {
	count := int(binary.BigEndian.Uint16(b[at:]))
	if count == 0 {
		return nil, at + 2
	}
	size := int(b[at+2])
	offset := func(i int) int {
		v := 0
		for _, c := range b[at+3+i*size : at+3+(i+1)*size] {
			v = v<<8 | int(c)
		}
		return v
	}
	start := at + 2 + (count+1)*size
	for i := range count {
		objects = append(objects, b[start+offset(i):start+offset(i+1)])
	}
	return objects, start + offset(count)
}

// dictionary reads operands by operator; two-byte operators have 12 above.
func dictionary(b []byte) map[int][]float64 {
	out := map[int][]float64{}
	var args []float64
	for i := 0; i < len(b); {
		switch c := b[i]; {
		case c <= 21:
			op := int(c)
			if c == 12 {
				i++
				op = 12<<8 | int(b[i])
			}
			out[op] = args
			args = nil
			i++
		case c == 30:
			var v float64
			v, i = realNumber(b, i+1)
			args = append(args, v)
		case c == 29:
			args = append(args, float64(int32(binary.BigEndian.Uint32(b[i+1:]))))
			i += 5
		default:
			var v float64
			v, i = number(b, i)
			args = append(args, v)
		}
	}
	return out
}

func realNumber(b []byte, i int) (float64, int) {
	var s strings.Builder
	for {
		c := b[i]
		i++
		for _, n := range []byte{c >> 4, c & 15} {
			if n == 15 {
				v, _ := strconv.ParseFloat(s.String(), 64)
				return v, i
			}
			s.WriteString([]string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", ".", "E", "E-", "", "-"}[n])
		}
	}
}

// number reads a number as dictionaries and charstrings have them alike.
func number(b []byte, i int) (float64, int) {
	switch c := int(b[i]); {
	case c == 28:
		return float64(int16(binary.BigEndian.Uint16(b[i+1:]))), i + 3
	case c >= 32 && c <= 246:
		return float64(c - 139), i + 1
	case c >= 247 && c <= 250:
		return float64((c-247)*256 + int(b[i+1]) + 108), i + 2
	case c >= 251 && c <= 254:
		return float64(-(c-251)*256 - int(b[i+1]) - 108), i + 2
	case c == 255: // 16.16, in charstrings only
		return float64(int32(binary.BigEndian.Uint32(b[i+1:]))) / 65536, i + 5
	}
	panic(errFont)
}

func readPrivate(b []byte, d map[int][]float64) (p private) {
	place := d[18]
	if len(place) != 2 {
		return p
	}
	start := int(place[1])
	inner := dictionary(b[start : start+int(place[0])])
	if v := inner[20]; len(v) > 0 {
		p.standard = v[0]
	}
	if v := inner[21]; len(v) > 0 {
		p.nominal = v[0]
	}
	if v := inner[19]; len(v) > 0 {
		p.local, _ = index(b, start+int(v[0]))
	}
	return p
}

func choices(b []byte, glyphs int) []byte {
	if b[0] == 0 {
		return b[1 : 1+glyphs]
	}
	out := make([]byte, glyphs)
	ranges := int(binary.BigEndian.Uint16(b[1:]))
	for i := range ranges {
		at := b[3+3*i:]
		for g := int(binary.BigEndian.Uint16(at)); g < min(int(binary.BigEndian.Uint16(at[3:])), glyphs); g++ {
			out[g] = at[2]
		}
	}
	return out
}

func charset(b []byte, top map[int][]float64, glyphs int) []int {
	out := make([]int, 1, glyphs)
	place := top[15]
	if len(place) == 0 || place[0] <= 2 {
		panic(errFont) // a CID font has one of its own
	}
	at := int(place[0])
	format := b[at]
	for at++; len(out) < glyphs; {
		first := int(binary.BigEndian.Uint16(b[at:]))
		left := 0
		switch at += 2; format {
		case 1:
			left = int(b[at])
			at++
		case 2:
			left = int(binary.BigEndian.Uint16(b[at:]))
			at += 2
		}
		for n := 0; n <= left && len(out) < glyphs; n++ {
			out = append(out, first+n)
		}
	}
	return out
}

func (f *compact) gidOf(cid int) int {
	if f.cids == nil {
		return cid
	}
	for gid, c := range f.cids {
		if c == cid {
			return gid
		}
	}
	return -1
}

func (f *compact) named(name string) int {
	if gid, ok := f.names[name]; ok && name != "" {
		return gid
	}
	return -1
}

// width runs a charstring as far as its first operator that clears the stack:
// one operand more than that takes is the width (Technical Note 5177, 3.1).
func (f *compact) width(gid int) (w float64, ok bool) {
	if gid < 0 || gid >= len(f.parsed.Charstrings) {
		return 0, false
	}
	p := f.fonts[0]
	if f.choice != nil {
		p = f.fonts[f.choice[gid]]
	}
	defer func() {
		if recover() != nil {
			w, ok = math.NaN(), false
		}
	}()
	run := &widthRun{f: f, p: p}
	run.do(f.parsed.Charstrings[gid], 0)
	if run.extra {
		return (p.nominal + run.stack[0]) * f.unit, true
	}
	return p.standard * f.unit, true
}

type widthRun struct {
	f     *compact
	p     private
	stack []float64
	extra bool
}

// do runs a charstring and tells whether the width is known.
func (r *widthRun) do(b []byte, depth int) bool {
	if depth > 10 {
		panic(errFont)
	}
	for i := 0; i < len(b); {
		c := b[i]
		if c >= 32 || c == 28 {
			var v float64
			v, i = number(b, i)
			r.stack = append(r.stack, v)
			continue
		}
		i++
		n := len(r.stack)
		switch c {
		case 1, 3, 18, 23, 19, 20: // stems and masks take pairs
			r.extra = n%2 == 1
		case 21: // rmoveto
			r.extra = n > 2
		case 22, 4: // hmoveto, vmoveto
			r.extra = n > 1
		case 14: // endchar, also with an accent
			r.extra = n == 1 || n == 5
		case 10, 29:
			subrs := r.p.local
			if c == 29 {
				subrs = r.f.global
			}
			bias := 107
			if len(subrs) >= 33900 {
				bias = 32768
			} else if len(subrs) >= 1240 {
				bias = 1131
			}
			at := int(r.stack[n-1]) + bias
			r.stack = r.stack[:n-1]
			if r.do(subrs[at], depth+1) {
				return true
			}
			continue
		case 11: // return
			return false
		default:
			panic(errFont)
		}
		return true
	}
	return false
}
