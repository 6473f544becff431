package pdfa

import (
	"strconv"
	"strings"
)

// token is a token of a content stream: an operator, or an operand.
type token struct {
	kind byte // 'o' operator, 'n' number, '/' name, 's' string, '[' and ']', '<' and '>' for dictionaries
	text string
}

// lexer takes a content stream apart (7.8.2).
type lexer struct {
	b   []byte
	i   int
	bad bool
}

func space(c byte) bool {
	return c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == '\f' || c == 0
}

func delimiter(c byte) bool { return strings.IndexByte("()<>[]{}/%", c) >= 0 }

// next gives the next token; ok is false at the end.
func (l *lexer) next() (t token, ok bool) {
	for l.i < len(l.b) {
		switch c := l.b[l.i]; {
		case space(c):
			l.i++
		case c == '%':
			for l.i < len(l.b) && l.b[l.i] != '\n' && l.b[l.i] != '\r' {
				l.i++
			}
		default:
			return l.token(c), true
		}
	}
	return t, false
}

func (l *lexer) token(c byte) token {
	switch c {
	case '/':
		l.i++
		return token{'/', l.name()}
	case '(':
		return token{'s', l.literal()}
	case '[', ']':
		l.i++
		return token{c, ""}
	case '<', '>':
		if l.i+1 < len(l.b) && l.b[l.i+1] == c {
			l.i += 2
			return token{c, ""}
		}
		if c == '<' {
			return token{'s', l.hex()}
		}
	case '{', '}', ')':
	default:
		word := l.word()
		if _, err := strconv.ParseFloat(word, 64); err == nil {
			return token{'n', word}
		}
		return token{'o', word}
	}
	l.bad = true
	l.i++
	return token{'o', "?"}
}

func (l *lexer) word() string {
	start := l.i
	for l.i < len(l.b) && !space(l.b[l.i]) && !delimiter(l.b[l.i]) {
		l.i++
	}
	return string(l.b[start:l.i])
}

func (l *lexer) name() string {
	word := l.word()
	if !strings.Contains(word, "#") {
		return word
	}
	var b strings.Builder
	for i := 0; i < len(word); i++ {
		if word[i] == '#' && i+2 < len(word) {
			if v, err := strconv.ParseUint(word[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(v))
				i += 2
				continue
			}
		}
		b.WriteByte(word[i])
	}
	return b.String()
}

func (l *lexer) literal() string {
	var b strings.Builder
	depth := 0
	for ; l.i < len(l.b); l.i++ {
		switch c := l.b[l.i]; c {
		case '(':
			if depth++; depth > 1 {
				b.WriteByte(c)
			}
		case ')':
			if depth--; depth == 0 {
				l.i++
				return b.String()
			}
			b.WriteByte(c)
		case '\\':
			l.escape(&b)
		default:
			b.WriteByte(c)
		}
	}
	l.bad = true
	return b.String()
}

// escape reads what follows a backslash and stays on its last byte.
func (l *lexer) escape(b *strings.Builder) {
	l.i++
	if l.i >= len(l.b) {
		return
	}
	c := l.b[l.i]
	if at := strings.IndexByte("nrtbf", c); at >= 0 {
		b.WriteByte("\n\r\t\b\f"[at])
		return
	}
	switch {
	case c >= '0' && c <= '7':
		v := 0
		n := 0
		for ; n < 3 && l.i+n < len(l.b) && l.b[l.i+n] >= '0' && l.b[l.i+n] <= '7'; n++ {
			v = v*8 + int(l.b[l.i+n]-'0')
		}
		l.i += n - 1
		b.WriteByte(byte(v))
	case c == '\r':
		if l.i+1 < len(l.b) && l.b[l.i+1] == '\n' {
			l.i++
		}
	case c == '\n':
	default:
		b.WriteByte(c)
	}
}

func (l *lexer) hex() string {
	var b strings.Builder
	half, n := 0, 0
	for l.i++; l.i < len(l.b); l.i++ {
		c := l.b[l.i]
		switch v := strings.IndexByte("0123456789abcdef", c|0x20); {
		case c == '>':
			l.i++
			if n%2 == 1 {
				l.bad = true // PDF/A wants pairs (6.1.6)
			}
			return b.String()
		case space(c):
		case v >= 0 && (c < 'A' || c|0x20 >= 'a') && c|0x20 == c || v >= 0:
			if n%2 == 1 {
				b.WriteByte(byte(half<<4 | v))
			}
			half = v
			n++
		default:
			l.bad = true
		}
	}
	l.bad = true
	return b.String()
}

// inlineImage skips an inline picture's data: ID stands before, EI behind.
func (l *lexer) inlineImage() {
	for l.i++; l.i+2 <= len(l.b); l.i++ {
		if l.b[l.i] == 'E' && l.b[l.i+1] == 'I' && l.i > 0 && space(l.b[l.i-1]) && (l.i+2 == len(l.b) || space(l.b[l.i+2])) {
			l.i += 2
			return
		}
	}
	l.bad = true
	l.i = len(l.b)
}
