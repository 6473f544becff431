package pdfa

import (
	"encoding/binary"
	"errors"
	"strings"
	"sync"

	"golang.org/x/text/encoding/charmap"

	"github.com/paraph/paraph/pades/pdffile"
)

var errFont = errors.New("the font program is damaged")

// trueType is what is looked at of an embedded TrueType font.
type trueType struct {
	hmtx     []byte
	metrics  int
	glyphs   int
	unit     float64
	subtable map[[2]uint16][]byte // of cmap, by platform and encoding
	count    int                  // subtables
}

func readTrueType(b []byte) (t *trueType, err error) {
	defer func() {
		if recover() != nil { // a table that ends too early
			t, err = nil, errFont
		}
	}()
	tables := map[string][]byte{}
	for i := range int(binary.BigEndian.Uint16(b[4:])) {
		at := b[12+16*i:]
		offset, size := int(binary.BigEndian.Uint32(at[8:])), int(binary.BigEndian.Uint32(at[12:]))
		tables[string(at[:4])] = b[offset : offset+size]
	}
	t = &trueType{hmtx: tables["hmtx"], subtable: map[[2]uint16][]byte{}}
	t.metrics = int(binary.BigEndian.Uint16(tables["hhea"][34:]))
	t.glyphs = int(binary.BigEndian.Uint16(tables["maxp"][4:]))
	t.unit = 1000 / float64(binary.BigEndian.Uint16(tables["head"][18:]))
	if t.metrics == 0 || len(t.hmtx) < 4*t.metrics || len(tables["loca"]) < 2*(t.glyphs+1) || tables["glyf"] == nil {
		return nil, errFont
	}
	if cmap := tables["cmap"]; cmap != nil {
		t.count = int(binary.BigEndian.Uint16(cmap[2:]))
		for i := range t.count {
			at := cmap[4+8*i:]
			t.subtable[[2]uint16{binary.BigEndian.Uint16(at), binary.BigEndian.Uint16(at[2:])}] = cmap[binary.BigEndian.Uint32(at[4:]):]
		}
	}
	return t, nil
}

func (t *trueType) width(gid int) (float64, bool) {
	if gid < 0 || gid >= t.glyphs {
		return 0, false
	}
	return float64(binary.BigEndian.Uint16(t.hmtx[4*min(gid, t.metrics-1):])) * t.unit, true
}

// simple says how codes become glyphs in a simple font (9.6.6.4, and ISO
// 19005-3, 6.2.11.6).
func (t *trueType) simple(encoding *[256]string, flags pdffile.Integer) (gid func(byte) int, wrong string) {
	const symbolic, nonsymbolic = 4, 32
	symbols, roman := t.subtable[[2]uint16{3, 0}], t.subtable[[2]uint16{1, 0}]
	if flags&symbolic != 0 {
		switch {
		case encoding != nil:
			return nil, "is of signs, and has an encoding all the same"
		case symbols != nil:
			return func(code byte) int {
				for _, page := range []int{0xF000, 0, 0xF100, 0xF200} {
					if g := lookup(symbols, page|int(code)); g != 0 {
						return g
					}
				}
				return 0
			}, ""
		case roman != nil && t.count == 1:
			return func(code byte) int { return lookup(roman, int(code)) }, ""
		}
		return nil, "does not say which glyph is which"
	}
	unicode := t.subtable[[2]uint16{3, 1}]
	if flags&nonsymbolic == 0 || encoding == nil || unicode == nil {
		return nil, "has an encoding that cannot be looked at here"
	}
	return func(code byte) int { return lookup(unicode, int(runeOf(encoding[code]))) }, ""
}

// lookup finds a code in a cmap subtable of format 0, 4 or 6; 0 where it is not in it.
func lookup(b []byte, code int) (gid int) {
	defer func() {
		if recover() != nil { // a table that ends too early
			gid = 0
		}
	}()
	u16 := func(at int) int { return int(binary.BigEndian.Uint16(b[at:])) }
	switch u16(0) {
	case 0:
		if code < 256 {
			return int(b[6+code])
		}
	case 4:
		segments := u16(6) / 2
		for i := range segments {
			end, start := u16(14+2*i), u16(16+2*segments+2*i)
			if code > end {
				continue
			}
			if code < start {
				return 0
			}
			delta, at := u16(16+4*segments+2*i), 16+6*segments+2*i
			if offset := u16(at); offset != 0 {
				if g := u16(at + offset + 2*(code-start)); g != 0 {
					return (g + delta) & 0xFFFF
				}
				return 0
			}
			return (code + delta) & 0xFFFF
		}
	case 6:
		if first := u16(6); code >= first && code < first+u16(8) {
			return u16(10 + 2*(code-first))
		}
	}
	return 0
}

// baseEncodings are those by name that PDF/A allows, as characters by code.
var baseEncodings = map[pdffile.Name]func() *[256]rune{
	"WinAnsiEncoding":  sync.OnceValue(func() *[256]rune { return runesOf(charmap.Windows1252) }),
	"MacRomanEncoding": sync.OnceValue(func() *[256]rune { return runesOf(charmap.Macintosh) }),
}

func runesOf(m *charmap.Charmap) *[256]rune {
	var out [256]rune
	for i := range out {
		if out[i] = m.DecodeByte(byte(i)); out[i] == '\ufffd' || i < 32 {
			out[i] = 0
		}
	}
	if m == charmap.Windows1252 { // Annex D, notes 3 to 5
		out[0xA0], out[0xAD] = ' ', '-'
		for _, i := range []int{127, 129, 141, 143, 144, 157} {
			out[i] = '•'
		}
	}
	return &out
}

// runeOf gives the character of a glyph's name; 0 where it is not known here.
func runeOf(name string) rune {
	if r, ok := names()[name]; ok {
		return r
	}
	return 0
}

// glyphName is the reverse.
func glyphName(r rune) string {
	if r == 0 {
		return ""
	}
	return reverse()[r]
}

var reverse = sync.OnceValue(func() map[rune]string {
	out := map[rune]string{}
	for name, r := range names() {
		out[r] = name
	}
	return out
})

// names are the glyph names of the two encodings (Annex D.2).
var names = sync.OnceValue(func() map[string]rune {
	out := map[string]rune{}
	for entry := range strings.FieldsSeq(glyphList) {
		r := []rune(entry)
		out[string(r[1:])] = r[0]
	}
	for r := 'A'; r <= 'Z'; r++ {
		out[string(r)], out[string(r|0x20)] = r, r|0x20
	}
	out["space"], out["hyphen"] = ' ', '-'
	return out
})

const glyphList = `!exclam "quotedbl #numbersign $dollar %percent &ampersand 'quotesingle (parenleft )parenright *asterisk +plus ,comma .period /slash
0zero 1one 2two 3three 4four 5five 6six 7seven 8eight 9nine :colon ;semicolon <less =equal >greater ?question @at [bracketleft \backslash ]bracketright
^asciicircum _underscore ` + "`grave" + ` {braceleft |bar }braceright ~asciitilde ¡exclamdown ¢cent £sterling ¤currency ¥yen ¦brokenbar §section ¨dieresis ©copyright
ªordfeminine «guillemotleft ¬logicalnot ®registered ¯macron °degree ±plusminus ²twosuperior ³threesuperior ´acute µmu ¶paragraph ·periodcentered ¸cedilla
¹onesuperior ºordmasculine »guillemotright ¼onequarter ½onehalf ¾threequarters ¿questiondown ÀAgrave ÁAacute ÂAcircumflex ÃAtilde ÄAdieresis ÅAring ÆAE
ÇCcedilla ÈEgrave ÉEacute ÊEcircumflex ËEdieresis ÌIgrave ÍIacute ÎIcircumflex ÏIdieresis ÐEth ÑNtilde ÒOgrave ÓOacute ÔOcircumflex ÕOtilde ÖOdieresis
×multiply ØOslash ÙUgrave ÚUacute ÛUcircumflex ÜUdieresis ÝYacute ÞThorn ßgermandbls àagrave áaacute âacircumflex ãatilde äadieresis åaring æae çccedilla
èegrave éeacute êecircumflex ëedieresis ìigrave íiacute îicircumflex ïidieresis ðeth ñntilde òograve óoacute ôocircumflex õotilde öodieresis ÷divide øoslash
ùugrave úuacute ûucircumflex üudieresis ýyacute þthorn ÿydieresis €Euro ‚quotesinglbase ƒflorin „quotedblbase …ellipsis †dagger ‡daggerdbl ˆcircumflex
‰perthousand ŠScaron ‹guilsinglleft ŒOE ŽZcaron ‘quoteleft ’quoteright “quotedblleft ”quotedblright •bullet –endash —emdash ˜tilde ™trademark šscaron
›guilsinglright œoe žzcaron ŸYdieresis ıdotlessi łlslash ŁLslash ˇcaron ˘breve ˙dotaccent ˚ring ˛ogonek ˝hungarumlaut ﬁfi ﬂfl ⁄fraction −minus`
