package pdffile

import "errors"

// common are names that are not worth an allocation each time.
var common = func() map[string]Object {
	m := map[string]Object{}
	for _, n := range [...]Name{
		"Type", "Page", "Pages", "Catalog", "Kids", "Count", "Parent", "MediaBox", "CropBox", "Rotate", "Resources", "Contents",
		"Font", "XObject", "ProcSet", "ExtGState", "ColorSpace", "Annots", "Length", "Filter", "FlateDecode", "DecodeParms",
		"Size", "Root", "Info", "ID", "Prev", "W", "Index", "XRef", "ObjStm", "N", "First", "Columns", "Predictor",
		"AcroForm", "Fields", "FT", "Sig", "T", "V", "P", "F", "Rect", "Subtype", "Widget", "Annot", "Metadata", "Lang",
		"StructTreeRoot", "StructParents", "MarkInfo", "Group", "Outlines", "PageLabels", "Names", "ViewerPreferences",
	} {
		m[string(n)] = n
	}
	return m
}()

func (p *parser) name() (Object, error) {
	// Mostly the whole name is in the window and has no escapes.
	for i := p.i; i < len(p.buf) && i-p.i <= 64; i++ {
		c := p.buf[i]
		if c == '#' {
			break
		}
		if !isSpace(c) && !isDelimiter(c) {
			continue
		}
		b := p.buf[p.i:i]
		p.i = i
		if n, ok := common[string(b)]; ok {
			return n, p.spend(int64(len(b)))
		}
		return Name(b), p.spend(int64(len(b)))
	}
	var room [48]byte
	n := room[:0]
	for {
		c, err := p.peek()
		if err != nil && !errors.Is(err, errEnd) {
			return nil, err
		}
		if err != nil || isSpace(c) || isDelimiter(c) {
			return Name(n), p.spend(int64(len(n)))
		}
		p.i++
		if c == '#' {
			c = p.escaped()
		}
		if n = append(n, c); len(n) > 4096 {
			return nil, damaged(p.pos(), "a name is longer than 4096 bytes")
		}
	}
}

// escaped reads the two digits behind a # in a name. Where they are missing the
// # stands for itself, as it did before PDF 1.2.
func (p *parser) escaped() byte {
	back := p.pos()
	hi, err1 := p.next()
	lo, err2 := p.next()
	h, ok1 := unhex(hi)
	l, ok2 := unhex(lo)
	if err1 != nil || err2 != nil || !ok1 || !ok2 {
		p.seek(back)
		return '#'
	}
	return h<<4 | l
}

func unhex(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

func (p *parser) hexString() (Object, error) {
	var room [64]byte
	s := room[:0]
	var high byte
	half := false
	for {
		c, err := p.next()
		if err != nil {
			return nil, p.fail(err, "a hexadecimal string")
		}
		if c == '>' {
			if half {
				s = append(s, high<<4)
			}
			return String(s), nil
		}
		if isSpace(c) {
			continue
		}
		v, ok := unhex(c)
		if !ok {
			return nil, damaged(p.pos()-1, "a hexadecimal string holds %q", c)
		}
		if !half {
			high, half = v, true
			continue
		}
		half = false
		s = append(s, high<<4|v)
		if err := p.spend(1); err != nil {
			return nil, err
		}
	}
}

// literal reads a string in parentheses (7.3.4.2).
func (p *parser) literal() (Object, error) {
	var s []byte
	for open := 1; ; {
		c, err := p.next()
		if err != nil {
			return nil, p.fail(err, "a string")
		}
		if err := p.spend(1); err != nil {
			return nil, err
		}
		switch c {
		case '(':
			open++
		case ')':
			if open--; open == 0 {
				return String(s), nil
			}
		case '\\':
			if s, err = p.escape(s); err != nil {
				return nil, err
			}
			continue
		case '\r':
			if n, err := p.peek(); err == nil && n == '\n' {
				p.i++
			}
			c = '\n'
		}
		s = append(s, c)
	}
}

func (p *parser) escape(s []byte) ([]byte, error) {
	c, err := p.next()
	if err != nil {
		return nil, p.fail(err, "a string")
	}
	switch c {
	case 'n':
		return append(s, '\n'), nil
	case 'r':
		return append(s, '\r'), nil
	case 't':
		return append(s, '\t'), nil
	case 'b':
		return append(s, '\b'), nil
	case 'f':
		return append(s, '\f'), nil
	case '\r':
		if n, err := p.peek(); err == nil && n == '\n' {
			p.i++
		}
		return s, nil
	case '\n':
		return s, nil
	}
	if c < '0' || c > '7' {
		return append(s, c), nil
	}
	v := int(c - '0')
	for range 2 {
		n, err := p.peek()
		if err != nil || n < '0' || n > '7' {
			break
		}
		v = v<<3 | int(n-'0')
		p.i++
	}
	return append(s, byte(v)), nil
}
