// Package cms builds and reads the one form of CMS SignedData (RFC 5652) that
// PAdES baseline signatures use (EN 319 142-1, 6.3): detached, one signer,
// DER, with the attributes content-type, message-digest and
// signing-certificate-v2 (RFC 5035), and no signing-time. Time stamp tokens (RFC
// 3161) are the same with the content inside.
package cms

import (
	"crypto"
	_ "crypto/sha256" // the digests that are allowed
	_ "crypto/sha512"
	"crypto/x509/pkix"
	"encoding/asn1"
)

// Object identifiers of content types, attributes and algorithms.
var (
	oidData       = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	oidSignedData = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}

	oidContentType   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 3}
	oidMessageDigest = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 4}
	oidSigningTime   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 5}
	oidSigningCert   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 12}
	oidSigningCertV2 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 47}

	// oidTimestamp is id-aa-signatureTimeStampToken (RFC 3161, Appendix A).
	oidTimestamp = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 14}

	// Where signatures carry revocation data: Adobe's signed attribute (ISO 32000-1,
	// 12.8.3.3.2), and CAdES' unsigned one (ETSI TS 101 733, 6.3.4).
	oidArchival         = asn1.ObjectIdentifier{1, 2, 840, 113583, 1, 1, 8}
	oidRevocationValues = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 24}
	oidOtherOCSP        = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 16, 2}    // RFC 5940
	oidBasicOCSP        = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 1} // RFC 6960

	oidSHA256 = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
	oidSHA384 = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 2}
	oidSHA512 = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 3}

	oidRSA         = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}
	oidMGF1        = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 8}
	oidRSAPSS      = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 10}
	oidRSASHA256   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11}
	oidRSASHA384   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 12}
	oidRSASHA512   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 13}
	oidECDSASHA256 = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}
	oidECDSASHA384 = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 3}
	oidECDSASHA512 = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 4}
	oidEd25519     = asn1.ObjectIdentifier{1, 3, 101, 112}
)

// Scheme is how a key signs.
type Scheme int

// The signature schemes.
const (
	PKCS1v15 Scheme = iota + 1
	PSS
	ECDSA
	Ed25519
)

func (s Scheme) String() string {
	switch s {
	case PKCS1v15:
		return "RSA PKCS#1 v1.5"
	case PSS:
		return "RSA-PSS"
	case ECDSA:
		return "ECDSA"
	case Ed25519:
		return "Ed25519"
	}
	return "unknown scheme"
}

func hashOID(h crypto.Hash) asn1.ObjectIdentifier {
	switch h {
	case crypto.SHA256:
		return oidSHA256
	case crypto.SHA384:
		return oidSHA384
	case crypto.SHA512:
		return oidSHA512
	}
	return nil
}

func oidHash(oid asn1.ObjectIdentifier) crypto.Hash {
	switch {
	case oid.Equal(oidSHA256):
		return crypto.SHA256
	case oid.Equal(oidSHA384):
		return crypto.SHA384
	case oid.Equal(oidSHA512):
		return crypto.SHA512
	}
	return 0
}

var asn1Null = asn1.RawValue{Tag: asn1.TagNull, FullBytes: []byte{5, 0}}

// pssParameters is RSASSA-PSS-params (RFC 4055, 3.1).
type pssParameters struct {
	Hash pkix.AlgorithmIdentifier `asn1:"explicit,tag:0"`
	MGF  pkix.AlgorithmIdentifier `asn1:"explicit,tag:1"`
	Salt int                      `asn1:"explicit,tag:2"`
}

// signatureAlgorithm gives the DER AlgorithmIdentifier of a scheme and digest.
func signatureAlgorithm(s Scheme, h crypto.Hash) ([]byte, error) {
	id := pkix.AlgorithmIdentifier{}
	switch s {
	case PKCS1v15:
		id.Algorithm = map[crypto.Hash]asn1.ObjectIdentifier{
			crypto.SHA256: oidRSASHA256, crypto.SHA384: oidRSASHA384, crypto.SHA512: oidRSASHA512}[h]
		id.Parameters = asn1Null
	case ECDSA:
		id.Algorithm = map[crypto.Hash]asn1.ObjectIdentifier{
			crypto.SHA256: oidECDSASHA256, crypto.SHA384: oidECDSASHA384, crypto.SHA512: oidECDSASHA512}[h]
	case Ed25519:
		id.Algorithm = oidEd25519
	case PSS:
		digest := pkix.AlgorithmIdentifier{Algorithm: hashOID(h), Parameters: asn1Null}
		inner, err := asn1.Marshal(digest)
		if err != nil {
			return nil, err
		}
		params, err := asn1.Marshal(pssParameters{
			Hash: digest,
			MGF:  pkix.AlgorithmIdentifier{Algorithm: oidMGF1, Parameters: asn1.RawValue{FullBytes: inner}},
			Salt: h.Size(),
		})
		if err != nil {
			return nil, err
		}
		id.Algorithm = oidRSAPSS
		id.Parameters = asn1.RawValue{FullBytes: params}
	}
	return asn1.Marshal(id)
}
