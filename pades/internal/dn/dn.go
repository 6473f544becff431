// Package dn compares distinguished names as RFC 5280, 7.1 says: not by their
// bytes, but by what is written in them, whatever the string type, the case and the
// blanks.
package dn

import (
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// Key gives the same text for names that are the same. What cannot be read is its
// own key.
func Key(raw []byte) string {
	list, ok := RDNs(raw)
	if !ok {
		return "\x00" + string(raw)
	}
	return strings.Join(list, "\x01")
}

// Equal tells whether two names in DER are the same.
func Equal(a, b []byte) bool { return string(a) == string(b) || Key(a) == Key(b) }

// RDNs takes a name apart; each part is in the form in which it can be compared.
func RDNs(raw []byte) (list []string, ok bool) {
	in := cryptobyte.String(raw)
	var seq cryptobyte.String
	if !in.ReadASN1(&seq, cbasn1.SEQUENCE) || !in.Empty() {
		return nil, false
	}
	for !seq.Empty() {
		var set cryptobyte.String
		if !seq.ReadASN1(&set, cbasn1.SET) {
			return nil, false
		}
		var parts []string
		for !set.Empty() {
			var pair, oid, value cryptobyte.String
			var tag cbasn1.Tag
			if !set.ReadASN1(&pair, cbasn1.SEQUENCE) || !pair.ReadASN1(&oid, cbasn1.OBJECT_IDENTIFIER) ||
				!pair.ReadAnyASN1(&value, &tag) || !pair.Empty() {
				return nil, false
			}
			parts = append(parts, string(oid)+"="+text(tag, value))
		}
		slices.Sort(parts)
		list = append(list, strings.Join(parts, "\x02"))
	}
	return list, true
}

// Tags of string types that cryptobyte does not name.
const (
	tagTeletex = cbasn1.Tag(20)
	tagBMP     = cbasn1.Tag(30)
)

// text gives the comparable form of a value: folded, with single blanks; values
// that are no text keep their tag and bytes.
func text(tag cbasn1.Tag, b []byte) string {
	var s string
	switch tag {
	case cbasn1.UTF8String, cbasn1.PrintableString, cbasn1.IA5String:
		if !utf8.Valid(b) {
			return string(rune(tag)) + string(b)
		}
		s = string(b)
	case tagTeletex: // taken as Latin-1, as everybody does
		runes := make([]rune, len(b))
		for i, c := range b {
			runes[i] = rune(c)
		}
		s = string(runes)
	case tagBMP:
		units := make([]uint16, 0, len(b)/2)
		for i := 0; i+1 < len(b); i += 2 {
			units = append(units, uint16(b[i])<<8|uint16(b[i+1]))
		}
		s = string(utf16.Decode(units))
	default:
		return string(rune(tag)) + string(b)
	}
	return strings.ToLower(strings.Join(strings.Fields(s), " "))
}

// Within tells whether a name lies in the subtree of another.
func Within(name, subtree []byte) bool {
	a, ok1 := RDNs(name)
	b, ok2 := RDNs(subtree)
	return ok1 && ok2 && len(a) >= len(b) && slices.Equal(a[:len(b)], b)
}
