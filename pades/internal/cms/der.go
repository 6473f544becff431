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

// pieces is DER in several parts, put together once, at the end.
type pieces [][]byte

func (p pieces) size() (n int) {
	for _, b := range p {
		n += len(b)
	}
	return n
}

// node gives a DER value whose content is the children.
func node(tag byte, children ...pieces) pieces {
	n, count := 0, 1
	for _, c := range children {
		n += c.size()
		count += len(c)
	}
	out := append(make(pieces, 0, count), header(tag, n))
	for _, c := range children {
		out = append(out, c...)
	}
	return out
}

// header is the tag and the length of a DER value of n bytes, n below 16 MiB.
func header(tag byte, n int) []byte {
	switch {
	case n < 1<<7:
		return []byte{tag, byte(n)}
	case n < 1<<8:
		return []byte{tag, 0x81, byte(n)}
	case n < 1<<16:
		return []byte{tag, 0x82, byte(n >> 8), byte(n)}
	}
	return []byte{tag, 0x83, byte(n >> 16), byte(n >> 8), byte(n)}
}

// tlv gives a DER value with the parts as its content.
func tlv(tag byte, parts ...[]byte) []byte {
	n := pieces(parts).size()
	b := append(make([]byte, 0, derSize(n)), header(tag, n)...)
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
func integer(n *big.Int) []byte {
	b := n.Bytes()
	if len(b) == 0 || b[0]&0x80 != 0 {
		return tlv(derInteger, []byte{0}, b)
	}
	return tlv(derInteger, b)
}

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
	derVersion1    = mustDER(1)
	derVersion3    = mustDER(3)

	derDigests = map[crypto.Hash][]byte{} // AlgorithmIdentifier without parameters
	derSchemes = map[schemeHash][]byte{}  // AlgorithmIdentifier of the signature
)

type schemeHash struct {
	scheme Scheme
	hash   crypto.Hash
}

func init() {
	for _, h := range []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512} {
		derDigests[h] = tlv(derSequence, mustDER(hashOID(h)))
		for _, s := range []Scheme{PKCS1v15, PSS, ECDSA, Ed25519} {
			b, err := signatureAlgorithm(s, h)
			if err != nil {
				panic(err) // written in this package
			}
			derSchemes[schemeHash{s, h}] = b
		}
	}
}
