// Package tsp is the Time-Stamp Protocol (RFC 3161, with RFC 5816): it asks
// authorities for time stamps, checks them, and can be an authority itself.
//
// A digest goes in, a token comes out:
//
//	client, err := tsp.NewClient(tsp.ClientConfig{Authorities: []tsp.Endpoint{{URL: "https://tsa.example.com", Chain: tsp.Roots(pool)}}, HTTP: doer})
//	stamp, err := client.Stamp(ctx, crypto.SHA256, digest)
//	// stamp.Token.DER to keep, stamp.Token.Time, stamp.Signer and stamp.Chain to keep with it
//
// and later, with the same digest:
//
//	token, err := tsp.Parse(der)
//	v, err := token.Verify(digest, tsp.VerifyOptions{Chain: tsp.Roots(pool)})
//
// Everything is read strictly as DER and within bounds. What is refused gives an
// *Error whose Reason is stable; a Client's error is a *FailedError that has one
// for each authority.
package tsp

import (
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"math/big"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/paraph/paraph/pades/internal/cms"
)

// Bounds of what is read, in bytes. Tokens may carry chains and revocation lists.
const (
	MaxRequest  = 16 << 10
	MaxToken    = 1 << 20
	MaxResponse = MaxToken + 4<<10
)

// Media types of RFC 3161, 3.4, and of a bare token (ETSI EN 319 162-1).
const (
	QueryType = "application/timestamp-query"
	ReplyType = "application/timestamp-reply"
	TokenType = "application/vnd.etsi.timestamp-token"
)

var oidTSTInfo = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 4} // id-ct-TSTInfo

const (
	tag0         = cbasn1.Tag(0x80 | 0x20)
	tag1         = cbasn1.Tag(0x80 | 0x20 | 1)
	tag0Implicit = cbasn1.Tag(0x80)
	tag1Implicit = cbasn1.Tag(0x80 | 1)
)

// addImprint writes MessageImprint.
func addImprint(b *cryptobyte.Builder, h crypto.Hash, digest []byte) {
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		cms.AddDigestAlgorithm(b, h)
		b.AddASN1OctetString(digest)
	})
}

// readImprint reads MessageImprint: a digest of SHA-256, SHA-384 or SHA-512, or
// any that is known.
func readImprint(in *cryptobyte.String, any bool) (crypto.Hash, []byte, error) {
	var imprint, digest cryptobyte.String
	if !in.ReadASN1(&imprint, cbasn1.SEQUENCE) {
		return 0, nil, malformed("there is no message imprint")
	}
	read := cms.ReadDigestAlgorithm
	if any {
		read = cms.ReadAnyDigestAlgorithm
	}
	h, ok := read(&imprint)
	if !ok || !imprint.ReadASN1(&digest, cbasn1.OCTET_STRING) || !imprint.Empty() {
		return 0, nil, malformed("the message imprint")
	}
	if h == 0 {
		return 0, nil, refuse(ReasonAlgorithm, "the digest of the message imprint is none of SHA-256, SHA-384 and SHA-512")
	}
	if len(digest) != h.Size() {
		return 0, nil, malformed("the digest of the message imprint has %d bytes instead of the %d of %v", len(digest), h.Size(), h)
	}
	return h, digest, nil
}

// addOID writes an object identifier of any length, given in dotted form.
func addOID(b *cryptobyte.Builder, dotted string) {
	oid, err := x509.ParseOID(dotted)
	if err != nil {
		b.SetError(refuse(ReasonPolicy, "%q is no object identifier", dotted))
		return
	}
	der, err := oid.MarshalBinary()
	if err != nil {
		b.SetError(err)
		return
	}
	b.AddASN1(cbasn1.OBJECT_IDENTIFIER, func(b *cryptobyte.Builder) { b.AddBytes(der) })
}

// readOID reads an object identifier of any length; policies under 2.25 have
// arcs of 128 bits.
func readOID(in *cryptobyte.String) (string, bool) {
	var der cryptobyte.String
	var oid x509.OID
	if !in.ReadASN1(&der, cbasn1.OBJECT_IDENTIFIER) || oid.UnmarshalBinary(der) != nil {
		return "", false
	}
	return oid.String(), true
}

// maxInteger bounds serial numbers and nonces, in bits. RFC 3161 demands 160 of
// whoever reads.
const maxInteger = 512

func readInteger(in *cryptobyte.String) (*big.Int, bool) {
	n := new(big.Int)
	return n, in.ReadASN1Integer(n) && n.BitLen() <= maxInteger
}

// readOptionalInteger gives nil where the next value is no INTEGER.
func readOptionalInteger(in *cryptobyte.String) (*big.Int, bool) {
	if !in.PeekASN1Tag(cbasn1.INTEGER) {
		return nil, true
	}
	return readInteger(in)
}

// readFlag reads BOOLEAN DEFAULT FALSE, which DER leaves out where it is false.
func readFlag(in *cryptobyte.String) (set, ok bool) {
	if !in.PeekASN1Tag(cbasn1.BOOLEAN) {
		return false, true
	}
	ok = in.ReadASN1Boolean(&set)
	return set, ok && set
}

// sameInteger compares two integers that may be missing.
func sameInteger(a, b *big.Int) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Cmp(b) == 0
}

// timeFormat is GeneralizedTime as DER has it, without the fraction.
const timeFormat = "20060102150405"

// formatTime gives GeneralizedTime to the microsecond: a fraction only where there
// is one, and no zeros at its end (RFC 3161, 2.4.2).
func formatTime(t time.Time) string {
	return t.UTC().Format(timeFormat+".999999") + "Z"
}
