// Package id makes Paraph's identifiers: opaque to callers, prefixed by what
// they name, and sortable by the time they were made.
//
// An id is PREFIX_ followed by 26 characters of Crockford base 32 (lower case):
// 48 bits of milliseconds, then 80 random bits, as in the ULID specification.
package id

import (
	"crypto/rand"
	"strings"
	"time"
)

// Alphabet are the characters of an id behind its prefix, in their order.
const Alphabet = "0123456789abcdefghjkmnpqrstvwxyz"

// length is the number of characters after the prefix and its underscore.
const length = 26

// New makes an id for the prefix at the time now.
func New(prefix string, now time.Time) string {
	var raw [16]byte
	ms := uint64(now.UnixMilli())
	for i := 5; i >= 0; i-- {
		raw[i] = byte(ms)
		ms >>= 8
	}
	rand.Read(raw[6:]) // never fails: crypto/rand ends the process instead
	return prefix + "_" + encode(raw)
}

// Next gives the id that sorts right after prev, an id of New: for things made
// together that have to keep the order in which they were made.
func Next(prev string) string {
	b := []byte(prev)
	for i := len(b) - 1; i >= 0 && b[i] != '_'; i-- {
		if n := strings.IndexByte(Alphabet, b[i]); n+1 < len(Alphabet) {
			b[i] = Alphabet[n+1]
			return string(b)
		}
		b[i] = Alphabet[0]
	}
	return string(b)
}

// encode writes 128 bits as 26 characters, 5 bits each, the first holding 3.
func encode(raw [16]byte) string {
	var out [length]byte
	var acc uint32
	bits := 2 // 130 - 128: two leading zero bits
	n := 0
	for _, b := range raw {
		acc = acc<<8 | uint32(b)
		bits += 8
		for bits >= 5 {
			bits -= 5
			out[n] = Alphabet[acc>>bits&31]
			n++
		}
	}
	return string(out[:])
}

// Valid tells whether s is an id with the given prefix. It looks at the form
// only; whether the thing exists is the store's business.
func Valid(prefix, s string) bool {
	rest, ok := strings.CutPrefix(s, prefix+"_")
	if !ok || len(rest) != length {
		return false
	}
	for i := 0; i < len(rest); i++ {
		if strings.IndexByte(Alphabet, rest[i]) < 0 {
			return false
		}
	}
	return true
}
