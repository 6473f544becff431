package cms

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha1" // names certificates in old time stamp tokens (ESSCertID)
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"io"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// ParseAttached reads a DER SignedData that carries content of the given type,
// strictly. Trailing bytes are refused.
func ParseAttached(der []byte, contentType asn1.ObjectIdentifier) (*Signature, error) {
	return parse(der, &Signature{want: contentType, attached: true})
}

// ParseAttachedAny is to ParseAttached as ParseAny is to Parse.
func ParseAttachedAny(der []byte, contentType asn1.ObjectIdentifier) (*Signature, error) {
	return parse(der, &Signature{want: contentType, attached: true, any: true})
}

// content reads what is left of EncapsulatedContentInfo behind the type.
func (s *Signature) content(encap cryptobyte.String, version int) error {
	if !s.attached {
		if !encap.Empty() {
			return ErrContent
		}
		return nil
	}
	var wrapped, content cryptobyte.String
	if !encap.ReadASN1(&wrapped, tag0) || !encap.Empty() || !wrapped.ReadASN1(&content, cbasn1.OCTET_STRING) || !wrapped.Empty() {
		return malformed("the content is missing or no OCTET STRING")
	}
	if version < 3 { // RFC 5652, 5.1
		return malformed("the version does not fit content that is not data")
	}
	s.Content = content
	return nil
}

// CheckDigest tells whether the content is the one whose digest is signed.
func (s *Signature) CheckDigest() error {
	h := s.Hash.New()
	h.Write(s.Content)
	if !bytes.Equal(h.Sum(nil), s.MessageDigest) {
		return errors.New("the content is not the signed one: its digest differs")
	}
	return nil
}

// issuerSerial reads the optional IssuerSerial, the end of an ESSCertID.
func (c *certID) issuerSerial(rest cryptobyte.String) bool {
	if rest.Empty() {
		return true
	}
	var both, names, name, dn cryptobyte.String
	c.serial = new(big.Int)
	if !rest.ReadASN1(&both, cbasn1.SEQUENCE) || !rest.Empty() ||
		!both.ReadASN1(&names, cbasn1.SEQUENCE) || !both.ReadASN1Integer(c.serial) || !both.Empty() {
		return false
	}
	if !names.ReadASN1(&name, cbasn1.Tag(4).ContextSpecific().Constructed()) || !names.Empty() ||
		!name.ReadASN1Element(&dn, cbasn1.SEQUENCE) || !name.Empty() {
		return false
	}
	c.issuer = dn
	return true
}

func (c *certID) names(cert *x509.Certificate) bool {
	h := c.hash.New()
	h.Write(cert.Raw)
	return bytes.Equal(h.Sum(nil), c.digest) &&
		(c.serial == nil || c.serial.Cmp(cert.SerialNumber) == 0 && bytes.Equal(c.issuer, cert.RawIssuer))
}

// Binds tells whether the signed attributes signing-certificate and
// signing-certificate-v2, as far as they are there, both name the certificate
// first (RFC 5035, 3); present is false where neither is there.
func (s *Signature) Binds(c *x509.Certificate) (matches, present bool) {
	matches = true
	for _, ids := range [][]certID{s.certIDs, s.certIDsV1} {
		if len(ids) > 0 {
			present, matches = true, matches && ids[0].names(c)
		}
	}
	return matches && present, present
}

// NewTemplate makes a Template for the key of the chain's first certificate, and
// checks that they fit. h 0 chooses the digest by the key; pss makes RSA keys
// sign with RSA-PSS.
func NewTemplate(chain []*x509.Certificate, h crypto.Hash, pss bool) (Template, error) {
	t := Template{Chain: chain, Hash: h}
	natural := crypto.SHA256
	if len(chain) > 0 {
		switch pub := chain[0].PublicKey.(type) {
		case *rsa.PublicKey:
			if t.Scheme = PKCS1v15; pss {
				t.Scheme = PSS
			}
		case *ecdsa.PublicKey:
			t.Scheme = ECDSA
			switch bits := pub.Curve.Params().BitSize; {
			case bits > 384:
				natural = crypto.SHA512
			case bits > 256:
				natural = crypto.SHA384
			}
		case ed25519.PublicKey:
			t.Scheme, natural = Ed25519, crypto.SHA512
		}
	}
	if t.Hash == 0 {
		t.Hash = natural
	}
	return t, t.Check()
}

// Sign signs the attributes as the template says.
func (t Template) Sign(key crypto.Signer, attrs []byte) ([]byte, error) {
	if t.Scheme == Ed25519 {
		return key.Sign(rand.Reader, attrs, crypto.Hash(0))
	}
	h := t.Hash.New()
	h.Write(attrs)
	var opts crypto.SignerOpts = t.Hash
	if t.Scheme == PSS {
		opts = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: t.Hash}
	}
	var random io.Reader = rand.Reader
	if _, inMemory := key.(*ecdsa.PrivateKey); inMemory {
		random = nil // the nonce comes of key and digest (RFC 6979, FIPS 186-5 section 6.3), at three quarters of the time
	}
	return key.Sign(random, h.Sum(nil), opts)
}

// AddDigestAlgorithm writes the AlgorithmIdentifier of an allowed digest.
func AddDigestAlgorithm(b *cryptobyte.Builder, h crypto.Hash) { b.AddBytes(derDigests[h]) }

// ReadDigestAlgorithm reads an AlgorithmIdentifier. h is 0 where it names a digest
// that is not allowed; ok is false where there is none, or with parameters.
func ReadDigestAlgorithm(in *cryptobyte.String) (h crypto.Hash, ok bool) {
	oid, params, ok := readAlgorithm(in)
	return oidHash(oid), ok && nullOrAbsent(params)
}

// ReadAnyDigestAlgorithm is ReadDigestAlgorithm with digests that are not allowed any more.
func ReadAnyDigestAlgorithm(in *cryptobyte.String) (h crypto.Hash, ok bool) {
	oid, params, ok := readAlgorithm(in)
	return anyHash(oid), ok && nullOrAbsent(params)
}

// Allowed tells whether the digest is one that signatures may use.
func Allowed(h crypto.Hash) bool { return hashOID(h) != nil }
