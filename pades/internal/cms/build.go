package cms

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"slices"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// Template is all of a SignedData but the signature value.
type Template struct {
	Scheme Scheme
	Hash   crypto.Hash         // of the document and the signed attributes
	Chain  []*x509.Certificate // the signer's certificate first

	ContentType asn1.ObjectIdentifier // nil: data
	Content     []byte                // carried inside; nil: the signature is detached
	Bare        bool                  // no certificates inside
}

func (t Template) contentType() asn1.ObjectIdentifier {
	if t.ContentType == nil {
		return oidData
	}
	return t.ContentType
}

// Check tells whether the key of the signer's certificate fits scheme and
// digest. Ed25519 demands SHA-512 (RFC 8419, 3.1).
func (t Template) Check() error {
	if len(t.Chain) == 0 {
		return fmt.Errorf("no certificate of the signer is given")
	}
	if hashOID(t.Hash) == nil {
		return fmt.Errorf("the digest %v is not allowed", t.Hash)
	}
	fits := false
	switch pub := t.Chain[0].PublicKey.(type) {
	case *rsa.PublicKey:
		if pub.N.BitLen() < 2048 {
			return fmt.Errorf("an RSA key of %d bits is too short", pub.N.BitLen())
		}
		fits = t.Scheme == PKCS1v15 || t.Scheme == PSS
	case *ecdsa.PublicKey:
		fits = t.Scheme == ECDSA
	case ed25519.PublicKey:
		fits = t.Scheme == Ed25519
		if fits && t.Hash != crypto.SHA512 {
			return fmt.Errorf("Ed25519 signatures need SHA-512 as digest of the document")
		}
	}
	if !fits {
		return fmt.Errorf("%v does not fit a key of type %T", t.Scheme, t.Chain[0].PublicKey)
	}
	return nil
}

// MaxSignature is the largest signature value the key can give, in bytes.
func (t Template) MaxSignature() int {
	switch pub := t.Chain[0].PublicKey.(type) {
	case *rsa.PublicKey:
		return pub.Size()
	case *ecdsa.PublicKey:
		n := (pub.Curve.Params().BitSize+7)/8 + 1 // each integer may need a leading zero
		inner := 2 * derSize(n)
		return derSize(inner)
	}
	return ed25519.SignatureSize
}

// derSize is the size of a DER value with n bytes of content.
func derSize(n int) int {
	switch {
	case n < 128:
		return n + 2
	case n < 256:
		return n + 3
	case n < 1<<16:
		return n + 4
	}
	return n + 5
}

// SignedAttributes gives the DER of the attributes as a SET OF, which is what is signed.
func (t Template) SignedAttributes(digest []byte) ([]byte, error) {
	attrs := [][]byte{}
	for _, a := range []struct {
		oid   asn1.ObjectIdentifier
		value func(*cryptobyte.Builder)
	}{
		{oidContentType, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(t.contentType()) }},
		{oidMessageDigest, func(b *cryptobyte.Builder) { b.AddASN1OctetString(digest) }},
		{oidSigningCertV2, t.signingCertificate},
	} {
		var b cryptobyte.Builder
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(a.oid)
			b.AddASN1(cbasn1.SET, a.value)
		})
		der, err := b.Bytes()
		if err != nil {
			return nil, err
		}
		attrs = append(attrs, der)
	}
	slices.SortFunc(attrs, bytes.Compare) // DER orders a SET OF (X.690, 11.6)
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SET, func(b *cryptobyte.Builder) {
		for _, a := range attrs {
			b.AddBytes(a)
		}
	})
	return b.Bytes()
}

// signingCertificate writes SigningCertificateV2 with one ESSCertIDv2 (RFC 5035,
// 4). SHA-256 is its default digest and therefore left out in DER.
func (t Template) signingCertificate(b *cryptobyte.Builder) {
	cert := t.Chain[0]
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
				if t.Hash != crypto.SHA256 {
					addAlgorithm(b, hashOID(t.Hash))
				}
				h := t.Hash.New()
				h.Write(cert.Raw)
				b.AddASN1OctetString(h.Sum(nil))
				b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
						b.AddASN1(cbasn1.Tag(4).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) {
							b.AddBytes(cert.RawIssuer)
						})
					})
					b.AddASN1BigInt(cert.SerialNumber)
				})
			})
		})
	})
}

func addAlgorithm(b *cryptobyte.Builder, oid asn1.ObjectIdentifier) {
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(oid) })
}

// Build assembles the SignedData from the signed attributes and their signature.
func (t Template) Build(signedAttrs, signature []byte) ([]byte, error) {
	algorithm, err := signatureAlgorithm(t.Scheme, t.Hash)
	if err != nil {
		return nil, err
	}
	implicit := bytes.Clone(signedAttrs)
	implicit[0] = 0xA0 // [0] IMPLICIT instead of SET OF (RFC 5652, 5.3)
	version := int64(1)
	if t.ContentType != nil {
		version = 3 // content that is not data (RFC 5652, 5.1)
	}
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(oidSignedData)
		b.AddASN1(cbasn1.Tag(0).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) {
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1Int64(version)
				b.AddASN1(cbasn1.SET, func(b *cryptobyte.Builder) { addAlgorithm(b, hashOID(t.Hash)) })
				b.AddASN1(cbasn1.SEQUENCE, t.addContent)
				if !t.Bare {
					b.AddASN1(cbasn1.Tag(0).ContextSpecific().Constructed(), t.addCertificates)
				}
				b.AddASN1(cbasn1.SET, func(b *cryptobyte.Builder) {
					t.addSignerInfo(b, algorithm, implicit, signature)
				})
			})
		})
	})
	return b.Bytes()
}

// addContent writes EncapsulatedContentInfo (RFC 5652, 5.2).
func (t Template) addContent(b *cryptobyte.Builder) {
	b.AddASN1ObjectIdentifier(t.contentType())
	if t.Content != nil {
		b.AddASN1(tag0, func(b *cryptobyte.Builder) { b.AddASN1OctetString(t.Content) })
	}
}

// addCertificates includes the chain without its root: the verifier has to
// have that already, and a copy that no signature protects could be changed.
func (t Template) addCertificates(b *cryptobyte.Builder) {
	var certs [][]byte
	for i, c := range t.Chain {
		if i == 0 || !bytes.Equal(c.RawSubject, c.RawIssuer) {
			certs = append(certs, c.Raw)
		}
	}
	slices.SortFunc(certs, bytes.Compare)
	for _, c := range slices.CompactFunc(certs, bytes.Equal) {
		b.AddBytes(c)
	}
}

func (t Template) addSignerInfo(b *cryptobyte.Builder, algorithm, attrs, signature []byte) {
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(1)
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddBytes(t.Chain[0].RawIssuer)
			b.AddASN1BigInt(t.Chain[0].SerialNumber)
		})
		addAlgorithm(b, hashOID(t.Hash))
		b.AddBytes(attrs)
		b.AddBytes(algorithm)
		b.AddASN1OctetString(signature)
	})
}

// MaxSize is the size of the largest SignedData that Build can give.
func (t Template) MaxSize() (int, error) {
	attrs, err := t.SignedAttributes(make([]byte, t.Hash.Size()))
	if err != nil {
		return 0, err
	}
	der, err := t.Build(attrs, make([]byte, t.MaxSignature()))
	return len(der), err
}
