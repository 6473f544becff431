package pdftext

import (
	"slices"
	"unicode"

	"golang.org/x/text/unicode/bidi"
)

// level is an embedding level of UAX 9: even reads from left to right, odd from right to left.
type level uint8

// rightToLeft tells the direction of a paragraph by its first letter that has one (P2).
func rightToLeft(text []rune) bool {
	for _, r := range text {
		switch class(r) {
		case bidi.L:
			return false
		case bidi.R, bidi.AL:
			return true
		}
	}
	return false
}

func class(r rune) bidi.Class {
	if r < 0x80 && r|0x20 >= 'a' && r|0x20 <= 'z' {
		return bidi.L
	}
	properties, _ := bidi.LookupRune(r)
	return properties.Class()
}

// plain tells that a text has nothing that reads from right to left.
func plain(text []rune) bool {
	for _, r := range text {
		if r >= 0x590 {
			switch class(r) {
			case bidi.R, bidi.AL, bidi.AN:
				return false
			}
		}
	}
	return true
}

// levels gives the embedding level of each character of a paragraph by the
// rules of UAX 9. Clean has removed all marks that embed, override or isolate,
// so that the implicit rules are all there is.
func levels(text []rune, base level) []level {
	out := make([]level, len(text))
	if base == 0 && plain(text) {
		return out
	}
	original := make([]bidi.Class, len(text))
	for i, r := range text {
		original[i] = class(r)
	}
	classes := slices.Clone(original)
	edge := bidi.L
	if base == 1 {
		edge = bidi.R
	}
	weak(classes, edge)
	brackets(text, classes, original, edge)
	neutral(classes, edge)
	for i, c := range classes { // I1, I2
		switch {
		case c == bidi.R && base == 0, c == bidi.L && base == 1, (c == bidi.EN || c == bidi.AN) && base == 1:
			out[i] = base + 1
		case c == bidi.EN || c == bidi.AN:
			out[i] = base + 2
		default:
			out[i] = base
		}
	}
	return out
}

// weak resolves marks, numbers and what stands between them (W1 to W7).
func weak(c []bidi.Class, edge bidi.Class) {
	before, strong := edge, edge
	for i := range c {
		if c[i] == bidi.NSM { // W1
			c[i] = before
		}
		before = c[i]
		switch c[i] {
		case bidi.L, bidi.R, bidi.AL:
			strong = c[i]
		case bidi.EN: // W2
			if strong == bidi.AL {
				c[i] = bidi.AN
			}
		}
	}
	for i := range c {
		if c[i] == bidi.AL { // W3
			c[i] = bidi.R
		}
	}
	for i := 1; i+1 < len(c); i++ { // W4
		if around := c[i-1]; around == c[i+1] && (around == bidi.EN && (c[i] == bidi.ES || c[i] == bidi.CS) || around == bidi.AN && c[i] == bidi.CS) {
			c[i] = around
		}
	}
	for i := 0; i < len(c); i++ { // W5
		if c[i] != bidi.ET && c[i] != bidi.BN {
			continue
		}
		end := i
		for end < len(c) && (c[end] == bidi.ET || c[end] == bidi.BN) {
			end++
		}
		if i > 0 && c[i-1] == bidi.EN || end < len(c) && c[end] == bidi.EN {
			for ; i < end; i++ {
				c[i] = bidi.EN
			}
		}
		i = end
	}
	strong = edge
	for i := range c {
		switch c[i] {
		case bidi.ES, bidi.ET, bidi.CS, bidi.BN: // W6
			c[i] = bidi.ON
		case bidi.L, bidi.R:
			strong = c[i]
		case bidi.EN: // W7
			if strong == bidi.L {
				c[i] = bidi.L
			}
		}
	}
}

// pairs are brackets that open, each with the one that closes.
var pairs = map[rune]rune{
	'(': ')', '[': ']', '{': '}', '〈': '〉', '《': '》', '「': '」', '『': '』', '【': '】', '〔': '〕', '〖': '〗',
	'（': '）', '［': '］', '｛': '｝', '｢': '｣', '⟨': '⟩', '⟦': '⟧', '⁽': '⁾', '₍': '₎', '༺': '༻', '༼': '༽',
}

// canonical takes the two brackets that have equals elsewhere to those.
func canonical(r rune) rune {
	switch r {
	case '\u2329':
		return '〈'
	case '\u232a':
		return '〉'
	}
	return r
}

// brackets resolves pairs of brackets by what stands in them (N0).
func brackets(text []rune, c, original []bidi.Class, edge bidi.Class) {
	type pair struct{ open, end int }
	var open []int
	var found []pair
	for i, r := range text {
		if c[i] != bidi.ON {
			continue
		}
		r = canonical(r)
		if _, ok := pairs[r]; ok {
			if len(open) == 63 {
				break
			}
			open = append(open, i)
			continue
		}
		for n := len(open) - 1; n >= 0; n-- {
			if pairs[canonical(text[open[n]])] == r {
				found = append(found, pair{open[n], i})
				open = open[:n]
				break
			}
		}
	}
	slices.SortFunc(found, func(a, b pair) int { return a.open - b.open })
	for _, p := range found {
		inside := bidi.ON
		for i := p.open + 1; i < p.end; i++ {
			if s := strength(c[i]); s == edge {
				inside = edge
				break
			} else if s != bidi.ON {
				inside = s
			}
		}
		if inside != bidi.ON && inside != edge {
			before := edge
			for i := p.open - 1; i >= 0; i-- {
				if s := strength(c[i]); s != bidi.ON {
					before = s
					break
				}
			}
			if before != inside {
				inside = edge
			}
		}
		if inside == bidi.ON {
			continue
		}
		for _, at := range []int{p.open, p.end} {
			c[at] = inside
			for i := at + 1; i < len(c) && original[i] == bidi.NSM; i++ {
				c[i] = inside
			}
		}
	}
}

// strength counts numbers as reading from right to left, as N0 and N1 do.
func strength(c bidi.Class) bidi.Class {
	switch c {
	case bidi.L:
		return bidi.L
	case bidi.R, bidi.EN, bidi.AN:
		return bidi.R
	}
	return bidi.ON
}

// neutral gives spaces and signs the direction of what is around them (N1, N2).
func neutral(c []bidi.Class, edge bidi.Class) {
	before := edge
	for i := 0; i < len(c); i++ {
		if s := strength(c[i]); s != bidi.ON {
			before = s
			continue
		}
		end := i
		for end < len(c) && strength(c[end]) == bidi.ON {
			end++
		}
		after := edge
		if end < len(c) {
			after = strength(c[end])
		}
		if after != before {
			after = edge
		}
		for ; i < end; i++ {
			c[i] = after
		}
		i = end - 1
	}
}

// reorder puts runs in the order in which they stand on the line (L2).
func reorder(runs []Run, levels []level) {
	if len(runs) == 0 {
		return
	}
	for l := slices.Max(levels); l > 0; l-- {
		for i := 0; i < len(runs); i++ {
			end := i
			for end < len(runs) && levels[end] >= l {
				end++
			}
			if end > i {
				slices.Reverse(runs[i:end])
				slices.Reverse(levels[i:end])
				i = end
			}
		}
	}
}

// Visual gives a line's characters in the order in which they stand, from left to
// right. Marks come before the letter they stand on where it reads from right to
// left: readers turn such letters around one by one.
func Visual(line string) []rune {
	text := []rune(line)
	base := level(0)
	if rightToLeft(text) {
		base = 1
	}
	depth := levels(text, base)
	for l := slices.Max(append(depth, 0)); l > 0; l-- {
		for i := 0; i < len(text); i++ {
			end := i
			for end < len(text) && depth[end] >= l {
				end++
			}
			if end > i {
				slices.Reverse(text[i:end])
				slices.Reverse(depth[i:end])
				i = end
			}
		}
	}
	return text
}

// RightToLeft tells whether a text has letters that read from right to left.
func RightToLeft(text string) bool { return !plain([]rune(text)) }

// invisible tells a character that takes no part in choosing a font.
func invisible(r rune) bool {
	return unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Variation_Selector, r)
}
