package pdffile

import (
	"maps"
	"math"
	"slices"
	"strconv"
)

// Object is one of Null, Bool, Integer, Real, Name, String, Array, Dict, Ref,
// *Stream and, when writing, *Verbatim.
type Object interface{ isObject() }

type (
	// Null is the null object; missing dictionary entries read as Null too.
	Null struct{}
	// Bool is true or false.
	Bool bool
	// Integer is a whole number.
	Integer int64
	// Real is a number with a fraction.
	Real float64
	// Name is a name without its slash, escapes resolved.
	Name string
	// String is a byte string, literal or hexadecimal in the file.
	String string
	// Array is a sequence of objects.
	Array []Object
	// Dict is a dictionary; the order of its keys is not kept.
	Dict map[Name]Object
)

// Ref points at an indirect object. The zero Ref points at nothing.
type Ref struct {
	Num uint32
	Gen uint16
}

// Stream is a dictionary with data, either at a place in the file or in memory.
type Stream struct {
	Dict   Dict
	Offset int64  // of the raw data in the file; unused when Data is set
	Length int64  // of the raw data in bytes
	Data   []byte // raw (encoded) data of a stream that is to be written

	seal seal // how the data in the file is encrypted
}

// Verbatim is written exactly as given; after writing, Offset tells at which
// byte of the resulting file it begins. Signature placeholders are made of it.
type Verbatim struct {
	Data   []byte
	Offset int64
}

func (Null) isObject()      {}
func (Bool) isObject()      {}
func (Integer) isObject()   {}
func (Real) isObject()      {}
func (Name) isObject()      {}
func (String) isObject()    {}
func (Array) isObject()     {}
func (Dict) isObject()      {}
func (Ref) isObject()       {}
func (*Stream) isObject()   {}
func (*Verbatim) isObject() {}

// IsZero tells whether the reference points at nothing.
func (r Ref) IsZero() bool { return r.Num == 0 }

// Clone copies the dictionary, not the values in it.
func (d Dict) Clone() Dict { return maps.Clone(d) }

// Clone copies the array, not the values in it.
func (a Array) Clone() Array { return slices.Clone(a) }

// Number gives the value of an Integer or a finite Real.
func Number(o Object) (float64, bool) {
	switch v := o.(type) {
	case Integer:
		return float64(v), true
	case Real:
		f := float64(v)
		return f, !math.IsNaN(f) && !math.IsInf(f, 0)
	}
	return 0, false
}

// isNull treats a missing entry like the null object, as 7.3.9 says.
func isNull(o Object) bool {
	if o == nil {
		return true
	}
	_, ok := o.(Null)
	return ok
}

// AppendObject appends the object in PDF syntax. A Stream must carry its data;
// positions of Verbatim values are counted from base, the file offset of b[0].
func AppendObject(b []byte, o Object, base int64) []byte {
	switch v := o.(type) {
	case nil, Null:
		return append(b, "null"...)
	case Bool:
		return strconv.AppendBool(b, bool(v))
	case Integer:
		return strconv.AppendInt(b, int64(v), 10)
	case Real:
		return appendReal(b, float64(v))
	case Name:
		return appendName(b, v)
	case String:
		return appendString(b, v)
	case Ref:
		b = strconv.AppendUint(b, uint64(v.Num), 10)
		b = append(b, ' ')
		b = strconv.AppendUint(b, uint64(v.Gen), 10)
		return append(b, " R"...)
	case Array:
		b = append(b, '[')
		for i, e := range v {
			if i > 0 {
				b = append(b, ' ')
			}
			b = AppendObject(b, e, base)
		}
		return append(b, ']')
	case Dict:
		return appendDict(b, v, base)
	case *Stream:
		b = appendDict(b, v.Dict, base)
		b = append(b, "\nstream\n"...)
		b = append(b, v.Data...)
		return append(b, "\nendstream"...)
	case *Verbatim:
		v.Offset = base + int64(len(b))
		return append(b, v.Data...)
	}
	panic("pdffile: object of unknown type")
}

func appendDict(b []byte, d Dict, base int64) []byte {
	var room [24]Name
	keys := room[:0]
	for k := range d {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	b = append(b, "<<"...)
	for _, k := range keys {
		b = appendName(b, k)
		b = append(b, ' ')
		b = AppendObject(b, d[k], base)
	}
	return append(b, ">>"...)
}

// appendReal writes at most six decimals: PDF knows no exponents, and more
// digits than that say nothing about positions on a page.
func appendReal(b []byte, f float64) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		f = 0
	}
	start := len(b)
	b = strconv.AppendFloat(b, f, 'f', 6, 64)
	for len(b) > start && b[len(b)-1] == '0' {
		b = b[:len(b)-1]
	}
	if b[len(b)-1] == '.' {
		b = b[:len(b)-1]
	}
	if string(b[start:]) == "-0" {
		b = append(b[:start], '0')
	}
	return b
}

const hexDigits = "0123456789ABCDEF"

func appendName(b []byte, n Name) []byte {
	b = append(b, '/')
	for i := range len(n) {
		c := n[i]
		if c <= ' ' || c > '~' || c == '#' || isDelimiter(c) {
			b = append(b, '#', hexDigits[c>>4], hexDigits[c&15])
			continue
		}
		b = append(b, c)
	}
	return b
}

// appendString writes printable text literally and everything else in hex.
func appendString(b []byte, s String) []byte {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			b = append(b, '<')
			for j := range len(s) {
				b = append(b, hexDigits[s[j]>>4], hexDigits[s[j]&15])
			}
			return append(b, '>')
		}
	}
	b = append(b, '(')
	for i := range len(s) {
		if s[i] == '(' || s[i] == ')' || s[i] == '\\' {
			b = append(b, '\\')
		}
		b = append(b, s[i])
	}
	return append(b, ')')
}
