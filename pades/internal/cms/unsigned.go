package cms

import (
	"encoding/asn1"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// unsigned visits the values of one unsigned attribute.
func (s *Signature) unsigned(wanted asn1.ObjectIdentifier, visit func(*cryptobyte.String) bool) error {
	in := cryptobyte.String(s.UnsignedAttrs)
	for !in.Empty() {
		var attr, values cryptobyte.String
		var oid asn1.ObjectIdentifier
		if !in.ReadASN1(&attr, cbasn1.SEQUENCE) || !attr.ReadASN1ObjectIdentifier(&oid) || !attr.ReadASN1(&values, cbasn1.SET) || !attr.Empty() {
			return malformed("an unsigned attribute")
		}
		for oid.Equal(wanted) && !values.Empty() {
			if !visit(&values) {
				return malformed("the value of the unsigned attribute " + oid.String())
			}
		}
	}
	return nil
}

// Timestamps gives the tokens of the unsigned attribute signature-time-stamp,
// not looked into.
func (s *Signature) Timestamps() ([][]byte, error) {
	var tokens [][]byte
	err := s.unsigned(oidTimestamp, func(values *cryptobyte.String) bool {
		var token cryptobyte.String
		ok := values.ReadASN1Element(&token, cbasn1.SEQUENCE)
		tokens = append(tokens, token)
		return ok
	})
	return tokens, err
}

// Revocations gives the OCSP answers and CRLs that the signature itself carries,
// wherever signers put them. What cannot be read is left out: nothing rests on it.
func (s *Signature) Revocations() (ocsps, crls [][]byte) {
	in := cryptobyte.String(s.crls) // RevocationInfoChoices (RFC 5652, 10.2.1)
	for !in.Empty() {
		var one, other cryptobyte.String
		var tag cbasn1.Tag
		if !in.ReadAnyASN1Element(&one, &tag) {
			break
		}
		if tag == cbasn1.SEQUENCE {
			crls = append(crls, one)
			continue
		}
		var oid asn1.ObjectIdentifier
		if tag == tag1 && one.ReadASN1(&other, tag1) && other.ReadASN1ObjectIdentifier(&oid) && oid.Equal(oidOtherOCSP) {
			ocsps = append(ocsps, other)
		}
	}
	archived := cryptobyte.String(s.archival)
	lists(&archived, &crls, &ocsps)
	var basic [][]byte
	err := s.unsigned(oidRevocationValues, func(values *cryptobyte.String) bool { return lists(values, &crls, &basic) })
	if err != nil {
		return ocsps, crls
	}
	for _, b := range basic {
		ocsps = append(ocsps, wrapOCSP(b))
	}
	return ocsps, crls
}

// lists reads a SEQUENCE of [0] CRLs and [1] OCSP answers, all of them in DER.
func lists(in *cryptobyte.String, crls, ocsps *[][]byte) bool {
	var seq cryptobyte.String
	if !in.ReadASN1(&seq, cbasn1.SEQUENCE) {
		return false
	}
	for _, part := range []struct {
		tag  cbasn1.Tag
		into *[][]byte
	}{{tag0, crls}, {tag1, ocsps}} {
		var wrapped, list cryptobyte.String
		var has bool
		if !seq.ReadOptionalASN1(&wrapped, &has, part.tag) || has && !wrapped.ReadASN1(&list, cbasn1.SEQUENCE) {
			return false
		}
		for !list.Empty() {
			var one cryptobyte.String
			if !list.ReadASN1Element(&one, cbasn1.SEQUENCE) {
				return false
			}
			*part.into = append(*part.into, one)
		}
	}
	return true
}

// wrapOCSP makes an OCSPResponse of a BasicOCSPResponse (RFC 6960, 4.2.1).
func wrapOCSP(basic []byte) []byte {
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Enum(0)
		b.AddASN1(tag0, func(b *cryptobyte.Builder) {
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier(oidBasicOCSP)
				b.AddASN1OctetString(basic)
			})
		})
	})
	return b.BytesOrPanic() // nothing in it can fail
}
