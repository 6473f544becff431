package cms

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"errors"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// Algorithm is how a signature was made.
type Algorithm struct {
	Scheme Scheme
	Hash   crypto.Hash
	Salt   int // of RSA-PSS, in bytes
}

// Identifiers of algorithms that are read, never written.
var (
	oidSHA1        = asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}
	oidSHA224      = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 4}
	oidRSASHA1     = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 5}
	oidRSASHA224   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 14}
	oidECDSASHA1   = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 1}
	oidECDSASHA224 = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 1}
	oidECKey       = asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1} // in place of an algorithm, by some signers
)

// anyHash knows digests that are not allowed any more beside those that are.
func anyHash(oid asn1.ObjectIdentifier) crypto.Hash {
	switch {
	case oid.Equal(oidSHA1):
		return crypto.SHA1
	case oid.Equal(oidSHA224):
		return crypto.SHA224
	}
	return oidHash(oid)
}

// schemes are the identifiers that say scheme and digest; digest 0 is the one
// that stands beside them.
var schemes = []struct {
	oid asn1.ObjectIdentifier
	Algorithm
}{
	{oidRSA, Algorithm{PKCS1v15, 0, 0}}, {oidECKey, Algorithm{ECDSA, 0, 0}}, {oidEd25519, Algorithm{Ed25519, 0, 0}},
	{oidRSASHA256, Algorithm{PKCS1v15, crypto.SHA256, 0}}, {oidRSASHA384, Algorithm{PKCS1v15, crypto.SHA384, 0}},
	{oidRSASHA512, Algorithm{PKCS1v15, crypto.SHA512, 0}}, {oidECDSASHA256, Algorithm{ECDSA, crypto.SHA256, 0}},
	{oidECDSASHA384, Algorithm{ECDSA, crypto.SHA384, 0}}, {oidECDSASHA512, Algorithm{ECDSA, crypto.SHA512, 0}},
	{oidRSASHA1, Algorithm{PKCS1v15, crypto.SHA1, 0}}, {oidRSASHA224, Algorithm{PKCS1v15, crypto.SHA224, 0}},
	{oidECDSASHA1, Algorithm{ECDSA, crypto.SHA1, 0}}, {oidECDSASHA224, Algorithm{ECDSA, crypto.SHA224, 0}},
}

// signatureAlgorithmOf reads a signature's AlgorithmIdentifier; beside is the
// digest that is named elsewhere, or 0.
func signatureAlgorithmOf(oid asn1.ObjectIdentifier, params cryptobyte.String, beside crypto.Hash) (Algorithm, error) {
	if oid.Equal(oidRSAPSS) {
		return readPSS(params)
	}
	if !nullOrAbsent(params) {
		return Algorithm{}, malformed("the parameters of the signature algorithm")
	}
	for _, s := range schemes {
		if oid.Equal(s.oid) {
			if s.Hash == 0 {
				s.Hash = beside
			}
			return s.Algorithm, nil
		}
	}
	return Algorithm{}, malformed("the signature algorithm " + oid.String() + " is not allowed")
}

type pkixAlgorithm struct {
	Algorithm  asn1.ObjectIdentifier
	Parameters asn1.RawValue `asn1:"optional"`
}

func readPSS(params cryptobyte.String) (Algorithm, error) {
	var p pssParameters
	if rest, err := asn1.Unmarshal(params, &p); err != nil || len(rest) > 0 {
		return Algorithm{}, malformed("the parameters of RSA-PSS")
	}
	var mgf pkixAlgorithm
	h := oidHash(p.Hash.Algorithm)
	if rest, err := asn1.Unmarshal(p.MGF.Parameters.FullBytes, &mgf); err != nil || len(rest) > 0 ||
		!p.MGF.Algorithm.Equal(oidMGF1) || h == 0 || oidHash(mgf.Algorithm) != h {
		return Algorithm{}, malformed("the mask generation of RSA-PSS")
	}
	return Algorithm{PSS, h, p.Salt}, nil
}

// ReadSigned takes apart what certificates, CRLs and OCSP answers all are: a
// SEQUENCE of what is signed, the algorithm, and the signature. rest is what
// follows in the SEQUENCE.
func ReadSigned(der []byte) (tbs []byte, how Algorithm, value []byte, rest cryptobyte.String, err error) {
	in := cryptobyte.String(der)
	var seq, signed cryptobyte.String
	if !in.ReadASN1(&seq, cbasn1.SEQUENCE) || !in.Empty() || !seq.ReadASN1Element(&signed, cbasn1.SEQUENCE) {
		return nil, how, nil, nil, malformed("no signed structure")
	}
	oid, params, ok := readAlgorithm(&seq)
	if !ok || !seq.ReadASN1BitStringAsBytes(&value) {
		return nil, how, nil, nil, malformed("the signature of a certificate or answer")
	}
	how, err = signatureAlgorithmOf(oid, params, crypto.SHA512) // the digest is that of Ed25519, whatever it is called
	return signed, how, value, seq, err
}

// CheckSigned verifies a structure of ReadSigned with the key of a certificate.
// Algorithms that nobody relies on any more are computed all the same.
func CheckSigned(der []byte, by *x509.Certificate) (Algorithm, error) {
	tbs, how, value, _, err := ReadSigned(der)
	if err != nil {
		return how, err
	}
	return how, how.Verify(by.PublicKey, tbs, value)
}

// Verify checks a signature over a message.
func (a Algorithm) Verify(key crypto.PublicKey, message, value []byte) error {
	return VerifyValue(a.Scheme, a.Hash, a.Salt, key, message, value)
}

// maxRSA bounds what checking one signature can cost, in bits of the modulus.
const maxRSA = 16384

// VerifyValue checks a signature value over DER attributes.
func VerifyValue(scheme Scheme, h crypto.Hash, salt int, key crypto.PublicKey, attrs, value []byte) error {
	bad := errors.New("the signature value does not fit the signed attributes and the certificate's key")
	d := h.New()
	d.Write(attrs)
	digest := d.Sum(nil)
	switch pub := key.(type) {
	case *rsa.PublicKey:
		if pub.N.BitLen() > maxRSA {
			return errors.New("the key is too long to be used")
		}
		if scheme == PKCS1v15 && rsa.VerifyPKCS1v15(pub, h, digest, value) == nil {
			return nil
		}
		if scheme == PSS && salt >= 0 && salt <= pub.Size() && // some signers take as much salt as there is room for
			rsa.VerifyPSS(pub, h, digest, value, &rsa.PSSOptions{SaltLength: saltOption(salt), Hash: h}) == nil {
			return nil
		}
	case *ecdsa.PublicKey:
		if scheme == ECDSA && ecdsa.VerifyASN1(pub, digest, value) {
			return nil
		}
	case ed25519.PublicKey:
		if scheme == Ed25519 && ed25519.Verify(pub, attrs, value) {
			return nil
		}
	}
	return bad
}

// saltOption avoids Go's meaning of 0, which is to find the length by itself.
func saltOption(salt int) int {
	if salt == 0 {
		return rsa.PSSSaltLengthAuto
	}
	return salt
}
