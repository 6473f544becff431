package cms

import (
	"encoding/asn1"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// Timestamps gives the tokens of the unsigned attribute signature-time-stamp,
// not looked into.
func (s *Signature) Timestamps() ([][]byte, error) {
	var tokens [][]byte
	in := cryptobyte.String(s.UnsignedAttrs)
	for !in.Empty() {
		var attr, values cryptobyte.String
		var oid asn1.ObjectIdentifier
		if !in.ReadASN1(&attr, cbasn1.SEQUENCE) || !attr.ReadASN1ObjectIdentifier(&oid) || !attr.ReadASN1(&values, cbasn1.SET) || !attr.Empty() {
			return nil, malformed("an unsigned attribute")
		}
		for oid.Equal(oidTimestamp) && !values.Empty() {
			var token cryptobyte.String
			if !values.ReadASN1Element(&token, cbasn1.SEQUENCE) {
				return nil, malformed("a timestamp token")
			}
			tokens = append(tokens, token)
		}
	}
	return tokens, nil
}
