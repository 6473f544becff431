package cms

import (
	"crypto"
	"encoding/asn1"
	"math/big"
)

// Tags that are written here.
const (
	derInteger  = 0x02
	derOctets   = 0x04
	derSequence = 0x30
	derSet      = 0x31
	derContext0 = 0xA0
	derContext1 = 0xA1
	derContext4 = 0xA4
)

// backwards writes DER from its end to its beginning, so that the length of a value is
// known when its header is written.
type backwards struct {
	buf []byte
	at  int // of what was written last
}

func newBackwards(room int) *backwards { return &backwards{make([]byte, room), room} }

// put writes the parts, which stand in this order before all that was written so far.
func (w *backwards) put(parts ...[]byte) {
	for i := len(parts) - 1; i >= 0; i-- {
		w.make(len(parts[i]))
		copy(w.buf[w.at:], parts[i])
	}
}

// make makes room for n bytes before what was written.
func (w *backwards) make(n int) {
	if n > w.at {
		more := make([]byte, len(w.buf)+n)
		copy(more[len(more)-w.size():], w.buf[w.at:])
		w.at, w.buf = len(more)-w.size(), more
	}
	w.at -= n
}

// size is how many bytes were written.
func (w *backwards) size() int { return len(w.buf) - w.at }

// wrap makes a value of all that was written since size was before.
func (w *backwards) wrap(tag byte, before int) {
	n := w.size() - before
	w.make(derSize(n) - n)
	putHeader(w.buf[w.at:w.at], tag, n)
}

// value writes a value with this content.
func (w *backwards) value(tag byte, content []byte) {
	before := w.size()
	w.put(content)
	w.wrap(tag, before)
}

// bytes gives what was written.
func (w *backwards) bytes() []byte { return w.buf[w.at:] }

// putHeader appends the tag and the length of a DER value of n bytes, n below 16 MiB.
func putHeader(b []byte, tag byte, n int) []byte {
	switch {
	case n < 1<<7:
		return append(b, tag, byte(n))
	case n < 1<<8:
		return append(b, tag, 0x81, byte(n))
	case n < 1<<16:
		return append(b, tag, 0x82, byte(n>>8), byte(n))
	}
	return append(b, tag, 0x83, byte(n>>16), byte(n>>8), byte(n))
}

// tlv gives a DER value with the parts as its content.
func tlv(tag byte, parts ...[]byte) []byte {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	b := putHeader(make([]byte, 0, derSize(n)), tag, n)
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

// derSize is the size of a DER value with n bytes of content, n below 16 MiB.
func derSize(n int) int {
	switch {
	case n < 1<<7:
		return n + 2
	case n < 1<<8:
		return n + 3
	case n < 1<<16:
		return n + 4
	}
	return n + 5
}

// integer writes a number that is not negative.
func (w *backwards) integer(n *big.Int) {
	size := n.BitLen()/8 + 1 // the highest bit is the sign
	w.make(size)
	n.FillBytes(w.buf[w.at : w.at+size])
	w.wrap(derInteger, w.size()-size)
}

// integerSize is the size of such a number.
func integerSize(n *big.Int) int { return derSize(n.BitLen()/8 + 1) }

// mustDER encodes what stands in this package.
func mustDER(v any) []byte {
	b, err := asn1.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

// Encodings that never change.
var (
	derData        = mustDER(oidData)
	derSignedData  = mustDER(oidSignedData)
	derContentType = mustDER(oidContentType)
	derDigest      = mustDER(oidMessageDigest)
	derSigningCert = mustDER(oidSigningCertV2)
	derTimestamp   = mustDER(oidTimestamp)
	derDataContent = tlv(derSequence, derData)
	derDataType    = tlv(derSequence, derContentType, tlv(derSet, derData)) // the attribute
	derVersion1    = mustDER(1)
	derVersion3    = mustDER(3)

	derDigests  = map[crypto.Hash][]byte{} // AlgorithmIdentifier without parameters
	derSchemes  = map[schemeHash][]byte{}  // AlgorithmIdentifier of the signature
	derNoDigest = map[crypto.Hash][]byte{} // the attribute messageDigest, of zeros
)

type schemeHash struct {
	scheme Scheme
	hash   crypto.Hash
}

func init() {
	for _, h := range []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512} {
		derDigests[h] = tlv(derSequence, mustDER(hashOID(h)))
		derNoDigest[h] = tlv(derSequence, derDigest, tlv(derSet, tlv(derOctets, make([]byte, h.Size()))))
		for _, s := range []Scheme{PKCS1v15, PSS, ECDSA, Ed25519} {
			b, err := signatureAlgorithm(s, h)
			if err != nil {
				panic(err) // written in this package
			}
			derSchemes[schemeHash{s, h}] = b
		}
	}
}
