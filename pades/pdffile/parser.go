package pdffile

import (
	"errors"
	"io"
	"reflect"
	"strconv"
)

// Span is a range of bytes in the file, End exclusive.
type Span struct{ Start, End int64 }

const parserChunk = 4096

// parser reads objects from a window that moves forward over the file, or from
// bytes in memory (then src is nil and base is 0).
type parser struct {
	src   io.ReaderAt
	size  int64
	base  int64 // file position of buf[0]
	buf   []byte
	i     int
	chunk []byte
	lim   *Limits
	room  int64 // bytes and elements the current object may still take

	// spans, when set, records where the values of the outermost dictionary stand.
	spans map[Name]Span
}

func memoryParser(b []byte, lim *Limits) *parser {
	return &parser{buf: b, size: int64(len(b)), lim: lim, room: lim.ObjectSize}
}

func (p *parser) pos() int64 { return p.base + int64(p.i) }

func (p *parser) seek(pos int64) {
	if pos >= p.base && pos <= p.base+int64(len(p.buf)) {
		p.i = int(pos - p.base)
		return
	}
	p.base, p.buf, p.i = pos, p.chunk[:0], 0
}

// errEnd marks the end of input; parse functions turn it into damage.
var errEnd = errors.New("end of input")

func (p *parser) peek() (byte, error) {
	if p.i < len(p.buf) {
		return p.buf[p.i], nil
	}
	if p.src == nil || p.pos() >= p.size || p.pos() < 0 {
		return 0, errEnd
	}
	if p.chunk == nil {
		p.chunk = make([]byte, parserChunk)
	}
	p.base, p.i = p.pos(), 0
	n, err := p.src.ReadAt(p.chunk[:min(parserChunk, p.size-p.base)], p.base)
	if n == 0 {
		p.buf = p.chunk[:0]
		if err == nil || errors.Is(err, io.EOF) {
			return 0, errEnd
		}
		return 0, err
	}
	p.buf = p.chunk[:n]
	return p.buf[0], nil
}

func (p *parser) next() (byte, error) {
	c, err := p.peek()
	if err == nil {
		p.i++
	}
	return c, err
}

// spend takes n from the budget of the object being read.
func (p *parser) spend(n int64) error {
	if p.room -= n; p.room < 0 {
		return overLimit("an object is larger than %d bytes", p.lim.ObjectSize)
	}
	return nil
}

func (p *parser) fail(err error, what string) error {
	if errors.Is(err, errEnd) {
		return damaged(p.pos(), "the data ends inside %s", what)
	}
	return err
}

func isSpace(c byte) bool {
	return c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == '\f' || c == 0
}

func isDelimiter(c byte) bool {
	switch c {
	case '(', ')', '<', '>', '[', ']', '{', '}', '/', '%':
		return true
	}
	return false
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// skipSpace passes white space and comments (7.2.3, 7.2.4).
func (p *parser) skipSpace() error {
	comment := false
	for {
		for ; p.i < len(p.buf); p.i++ {
			c := p.buf[p.i]
			switch {
			case comment:
				comment = c != '\n' && c != '\r'
			case c == '%':
				comment = true
			case !isSpace(c):
				return nil
			}
		}
		if _, err := p.peek(); err != nil {
			return ignoreEnd(err)
		}
	}
}

// word reads regular characters up to the next delimiter or white space. What
// it gives holds until the parser reads on.
func (p *parser) word() ([]byte, error) {
	i := p.i
	for i < len(p.buf) && !isSpace(p.buf[i]) && !isDelimiter(p.buf[i]) {
		i++
	}
	if i < len(p.buf) && i-p.i <= maxWord {
		w := p.buf[p.i:i]
		p.i = i
		return w, nil
	}
	var w []byte
	for {
		c, err := p.peek()
		if errors.Is(err, errEnd) {
			return w, nil
		}
		if err != nil {
			return nil, err
		}
		if isSpace(c) || isDelimiter(c) {
			return w, nil
		}
		if len(w) == maxWord {
			return nil, damaged(p.pos(), "a word is longer than %d characters", maxWord)
		}
		w = append(w, c)
		p.i++
	}
}

const maxWord = 127

// keyword reads the expected word after optional white space.
func (p *parser) keyword(want string) error {
	if err := p.skipSpace(); err != nil {
		return err
	}
	at := p.pos()
	got, err := p.word()
	if err != nil {
		return err
	}
	if string(got) != want {
		return damaged(at, "%q expected, %q found", want, got)
	}
	return nil
}

func (p *parser) unsigned(what string) (int64, error) {
	if err := p.skipSpace(); err != nil {
		return 0, err
	}
	at := p.pos()
	w, err := p.word()
	if err != nil {
		return 0, err
	}
	n, ok := digits(w)
	if !ok {
		return 0, damaged(at, "%s expected, %q found", what, w)
	}
	return n, nil
}

// digits reads a number that is made of digits only.
func digits(w []byte) (int64, bool) {
	if len(w) == 0 || len(w) > 18 {
		return 0, false
	}
	var n int64
	for i := range len(w) {
		if !isDigit(w[i]) {
			return 0, false
		}
		n = n*10 + int64(w[i]-'0')
	}
	return n, true
}

// object reads one object; depth counts the arrays and dictionaries around it.
func (p *parser) object(depth int) (Object, error) {
	if depth > p.lim.Depth {
		return nil, overLimit("objects are nested deeper than %d", p.lim.Depth)
	}
	if err := p.skipSpace(); err != nil {
		return nil, err
	}
	if err := p.spend(16); err != nil {
		return nil, err
	}
	c, err := p.peek()
	if err != nil {
		return nil, p.fail(err, "an object")
	}
	switch {
	case c == '/':
		p.i++
		return p.name()
	case c == '(':
		p.i++
		return p.literal()
	case c == '<':
		p.i++
		if c, err = p.peek(); err != nil {
			return nil, p.fail(err, "a string")
		}
		if c == '<' {
			p.i++
			return p.dict(depth)
		}
		return p.hexString()
	case c == '[':
		p.i++
		return p.array(depth)
	case isDigit(c):
		return p.numberOrRef()
	case c == '+' || c == '-' || c == '.':
		return p.number()
	}
	return p.constant()
}

func (p *parser) constant() (Object, error) {
	at := p.pos()
	w, err := p.word()
	if err != nil {
		return nil, err
	}
	switch string(w) {
	case "true":
		return Bool(true), nil
	case "false":
		return Bool(false), nil
	case "null":
		return Null{}, nil
	}
	return nil, damaged(at, "an object expected, %q found", w)
}

func (p *parser) number() (Object, error) {
	at := p.pos()
	w, err := p.word()
	if err != nil {
		return nil, err
	}
	figures, dots := 0, 0
	for i := range w {
		switch {
		case isDigit(w[i]):
			figures++
		case w[i] == '.':
			dots++
		case i == 0 && (w[i] == '+' || w[i] == '-'):
		default:
			return nil, damaged(at, "%q is not a number", w)
		}
	}
	if figures == 0 || dots > 1 {
		return nil, damaged(at, "%q is not a number", w)
	}
	if n, ok := digits(w); ok {
		return Integer(n), nil
	}
	if dots == 0 {
		n, err := strconv.ParseInt(string(w), 10, 64)
		if err != nil {
			return nil, damaged(at, "the number %q is too large", w)
		}
		return Integer(n), nil
	}
	f, err := strconv.ParseFloat(string(w), 64)
	if err != nil {
		return nil, damaged(at, "%q is not a number", w)
	}
	return Real(f), nil
}

// numberOrRef looks two words ahead, because "12 0 R" starts like a number.
func (p *parser) numberOrRef() (Object, error) {
	first, err := p.number()
	if err != nil {
		return nil, err
	}
	num, ok := first.(Integer)
	if !ok || num > maxObjectNumber {
		return first, nil
	}
	back := p.pos()
	if ref, ok, err := p.refTail(num); err != nil || ok {
		return ref, err
	}
	p.seek(back)
	return first, nil
}

func (p *parser) refTail(num Integer) (Object, bool, error) {
	if err := p.skipSpace(); err != nil {
		return nil, false, err
	}
	if c, err := p.peek(); err != nil || !isDigit(c) {
		return nil, false, ignoreEnd(err)
	}
	w, err := p.word()
	if err != nil {
		return nil, false, nil //nolint:nilerr // an overlong word is read again, as itself
	}
	gen, ok := digits(w)
	if !ok || gen > 65535 {
		return nil, false, nil
	}
	if err := p.skipSpace(); err != nil {
		return nil, false, err
	}
	if c, err := p.peek(); err != nil || c != 'R' {
		return nil, false, ignoreEnd(err)
	}
	if w, err = p.word(); err != nil || string(w) != "R" {
		return nil, false, err
	}
	if num == 0 {
		return Null{}, true, nil
	}
	return Ref{uint32(num), uint16(gen)}, true, nil
}

func ignoreEnd(err error) error {
	if errors.Is(err, errEnd) {
		return nil
	}
	return err
}

func (p *parser) array(depth int) (Object, error) {
	var few [4]Object // mostly a rectangle, or a kid
	a := few[:0]
	for {
		if err := p.skipSpace(); err != nil {
			return nil, err
		}
		c, err := p.peek()
		if err != nil {
			return nil, p.fail(err, "an array")
		}
		if c == ']' {
			p.i++
			return append(Array{}, a...), nil
		}
		o, err := p.object(depth + 1)
		if err != nil {
			return nil, err
		}
		a = append(a, o)
	}
}

func (p *parser) dict(depth int) (Object, error) {
	d := Dict{}
	for {
		if err := p.skipSpace(); err != nil {
			return nil, err
		}
		at := p.pos()
		c, err := p.next()
		if err != nil {
			return nil, p.fail(err, "a dictionary")
		}
		if c == '>' {
			if c, err = p.next(); err != nil || c != '>' {
				return nil, damaged(at, "a dictionary is not closed")
			}
			return d, nil
		}
		if c != '/' {
			return nil, damaged(at, "a dictionary key expected, %q found", c)
		}
		if err := p.entry(d, depth); err != nil {
			return nil, err
		}
	}
}

func (p *parser) entry(d Dict, depth int) error {
	at := p.pos()
	k, err := p.name()
	if err != nil {
		return err
	}
	key := k.(Name)
	if err := p.skipSpace(); err != nil {
		return err
	}
	start := p.pos()
	v, err := p.object(depth + 1)
	if err != nil {
		return err
	}
	// Readers differ in which of two values they believe.
	if old, twice := d[key]; twice && !reflect.DeepEqual(old, v) {
		return damaged(at, "the key /%s stands twice in a dictionary, with different values", key)
	}
	if depth == 0 && p.spans != nil {
		p.spans[key] = Span{start, p.pos()}
	}
	d[key] = v
	return nil
}
