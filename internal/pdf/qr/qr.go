// Package qr makes QR codes (ISO/IEC 18004) of texts, with medium error
// correction: a code that is one seventh soiled is still read.
package qr

import "errors"

// ErrTooLong: the text has more bytes than the largest code holds.
var ErrTooLong = errors.New("the text is too long for a QR code")

// Code is a square of modules; true is dark.
type Code struct {
	Size    int // modules on a side, without the quiet zone of four around it
	modules []bool
	fixed   []bool // function patterns, which no mask changes
}

// At tells whether a module is dark.
func (c *Code) At(x, y int) bool { return c.modules[y*c.Size+x] }

// Level M: codewords of error correction in each block, and blocks, by version (Table 9).
var (
	correction = [41]int{0, 10, 16, 26, 18, 24, 16, 18, 22, 22, 26, 30, 22, 22, 24, 24, 28, 28, 26, 26, 26, 26, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28}
	blocks     = [41]int{0, 1, 1, 1, 2, 2, 4, 4, 4, 5, 5, 5, 8, 9, 9, 10, 10, 11, 13, 14, 16, 17, 17, 18, 20, 21, 23, 25, 26, 28, 29, 31, 33, 35, 37, 38, 40, 43, 45, 47, 49}
)

// capacity counts the codewords of a version, data and correction together.
func capacity(version int) int {
	n := (16*version+128)*version + 64
	if version >= 2 {
		align := version/7 + 2
		n -= (25*align-10)*align - 55
		if version >= 7 {
			n -= 36
		}
	}
	return n / 8
}

func dataSize(version int) int { return capacity(version) - correction[version]*blocks[version] }

// Encode makes the smallest code that holds the text, in byte mode.
func Encode(text string) (*Code, error) {
	for version := 1; version <= 40; version++ {
		length := 8
		if version >= 10 {
			length = 16
		}
		if (4+length+8*len(text)+7)/8 <= dataSize(version) {
			return draw(version, interleaved(version, data(text, length, dataSize(version)))), nil
		}
	}
	return nil, ErrTooLong
}

// data packs mode, length and bytes into codewords and fills up the rest.
func data(text string, lengthBits, size int) []byte {
	var bits bitWriter
	bits.write(4, 4) // byte mode
	bits.write(len(text), lengthBits)
	for i := range len(text) {
		bits.write(int(text[i]), 8)
	}
	bits.write(0, min(4, 8*size-bits.n)) // terminator
	bits.write(0, -bits.n&7)
	for pad := 0xEC; len(bits.out) < size; pad ^= 0xEC ^ 0x11 {
		bits.write(pad, 8)
	}
	return bits.out
}

type bitWriter struct {
	out []byte
	n   int
}

func (w *bitWriter) write(v, bits int) {
	for i := bits - 1; i >= 0; i-- {
		if w.n%8 == 0 {
			w.out = append(w.out, 0)
		}
		w.out[w.n/8] |= byte(v>>i&1) << (7 - w.n%8)
		w.n++
	}
}

// interleaved splits the data into blocks, corrects each, and mixes them (7.6).
func interleaved(version int, data []byte) []byte {
	count, ecc := blocks[version], correction[version]
	divisor := generator(ecc)
	short := len(data) / count
	longer := len(data) % count // so many blocks at the end have one more
	parts, checks := make([][]byte, count), make([][]byte, count)
	for i := range count {
		n := short
		if i >= count-longer {
			n++
		}
		parts[i], data = data[:n], data[n:]
		checks[i] = remainder(parts[i], divisor)
	}
	var out []byte
	for at := 0; at <= short; at++ {
		for _, p := range parts {
			if at < len(p) {
				out = append(out, p[at])
			}
		}
	}
	for at := range ecc {
		for _, c := range checks {
			out = append(out, c[at])
		}
	}
	return out
}

// Reed-Solomon over GF(256) with the polynomial x⁸+x⁴+x³+x²+1.
func multiply(a, b byte) byte {
	product := 0
	for i := 7; i >= 0; i-- {
		product = product<<1 ^ product>>7*0x11D
		product ^= int(b>>i&1) * int(a)
	}
	return byte(product)
}

func generator(degree int) []byte {
	g := make([]byte, degree)
	g[degree-1] = 1
	root := byte(1)
	for range degree {
		for i := range g {
			g[i] = multiply(g[i], root)
			if i+1 < degree {
				g[i] ^= g[i+1]
			}
		}
		root = multiply(root, 2)
	}
	return g
}

func remainder(data, divisor []byte) []byte {
	r := make([]byte, len(divisor))
	for _, b := range data {
		factor := b ^ r[0]
		copy(r, r[1:])
		r[len(r)-1] = 0
		for i, d := range divisor {
			r[i] ^= multiply(d, factor)
		}
	}
	return r
}
