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

// SignedAttributes gives the DER of the attributes as a SET OF, which is what is signed.
func (t Template) SignedAttributes(digest []byte) ([]byte, error) {
	a, err := t.Attributes()
	if err != nil {
		return nil, err
	}
	return a.With(digest), nil
}

// Attributes are signed attributes that wait for the document's digest.
type Attributes struct {
	der []byte
	at  int // of the digest
}

// Attributes makes the attributes, all but the digest.
func (t Template) Attributes() (Attributes, error) {
	contentType, digest := derDataType, derNoDigest[t.Hash]
	if t.ContentType != nil {
		other, err := asn1.Marshal(t.ContentType)
		if err != nil {
			return Attributes{}, err
		}
		contentType = tlv(derSequence, derContentType, tlv(derSet, other))
	}
	attrs := [][]byte{contentType, digest, t.signingCertificate()}
	slices.SortFunc(attrs, bytes.Compare) // DER orders a SET OF (X.690, 11.6); the digest decides nothing there
	a := Attributes{der: tlv(derSet, attrs...)}
	a.at = len(a.der)
	for i := len(attrs) - 1; i >= 0; i-- {
		if &attrs[i][0] == &digest[0] {
			a.at -= t.Hash.Size()
			break
		}
		a.at -= len(attrs[i])
	}
	return a, nil
}

// With puts the digest in, in place, and gives the DER.
func (a Attributes) With(digest []byte) []byte {
	copy(a.der[a.at:], digest)
	return a.der
}

// signingCertificate is the attribute of that name, with one ESSCertIDv2 (RFC
// 5035, 4). SHA-256 is its default digest and therefore left out in DER.
func (t Template) signingCertificate() []byte {
	cert := t.Chain[0]
	var algorithm []byte
	if t.Hash != crypto.SHA256 {
		algorithm = derDigests[t.Hash]
	}
	h := t.Hash.New()
	h.Write(cert.Raw)
	w := newBackwards(len(cert.RawIssuer) + 256)
	w.integer(cert.SerialNumber)
	serial := w.size()
	w.value(derContext4, cert.RawIssuer)
	w.wrap(derSequence, serial)
	w.wrap(derSequence, 0) // IssuerSerial
	w.value(derOctets, h.Sum(nil))
	w.put(algorithm)
	for _, tag := range []byte{derSequence, derSequence, derSequence, derSet} { // ESSCertIDv2, its list, the attribute's value
		w.wrap(tag, 0)
	}
	w.put(derSigningCert)
	w.wrap(derSequence, 0)
	return w.bytes()
}

// Build assembles the SignedData from the signed attributes and their signature.
func (t Template) Build(signedAttrs, signature []byte) ([]byte, error) {
	return t.BuildStamped(signedAttrs, signature, nil)
}

// BuildStamped is Build with a timestamp token over the signature, or nil.
func (t Template) BuildStamped(signedAttrs, signature, token []byte) ([]byte, error) {
	algorithm, digest := derSchemes[schemeHash{t.Scheme, t.Hash}], derDigests[t.Hash]
	if algorithm == nil || len(signedAttrs) == 0 {
		return nil, fmt.Errorf("%v with %v cannot be written", t.Scheme, t.Hash)
	}
	version, content := derVersion1, derDataContent
	if t.ContentType != nil { // content that is not data (RFC 5652, 5.1)
		contentType, err := asn1.Marshal(t.ContentType)
		if err != nil {
			return nil, err
		}
		var inside []byte
		if t.Content != nil {
			inside = tlv(derContext0, tlv(derOctets, t.Content))
		}
		version, content = derVersion3, tlv(derSequence, contentType, inside)
	}
	room := 512 + len(signedAttrs) + len(signature) + len(token) + len(content) + len(t.Chain[0].RawIssuer)
	var certs [][]byte
	if !t.Bare {
		certs = t.included()
	}
	for _, c := range certs {
		room += len(c)
	}
	w := newBackwards(room)
	t.signerInfo(w, digest, algorithm, signedAttrs, signature, token)
	w.wrap(derSet, 0)
	if !t.Bare {
		signers := w.size()
		w.put(certs...)
		w.wrap(derContext0, signers)
	}
	w.put(version, tlv(derSet, digest), content)
	w.wrap(derSequence, 0)
	w.wrap(derContext0, 0)
	w.put(derSignedData)
	w.wrap(derSequence, 0)
	return w.bytes(), nil
}

// included is the chain without its root: the verifier has to have that already,
// and a copy that no signature protects could be changed.
func (t Template) included() [][]byte {
	certs := make([][]byte, 0, len(t.Chain))
	for i, c := range t.Chain {
		if i == 0 || !bytes.Equal(c.RawSubject, c.RawIssuer) {
			certs = append(certs, c.Raw)
		}
	}
	slices.SortFunc(certs, bytes.Compare)
	return slices.CompactFunc(certs, bytes.Equal)
}

// signerInfo writes the signer (RFC 5652, 5.3).
func (t Template) signerInfo(w *backwards, digest, algorithm, attrs, signature, token []byte) {
	if token != nil {
		w.value(derSet, token)
		w.put(derTimestamp)
		w.wrap(derSequence, 0)
		w.wrap(derContext1, 0)
	}
	w.value(derOctets, signature)
	w.put(digest, implicit0, attrs[1:], algorithm) // [0] IMPLICIT instead of SET OF
	rest := w.size()
	w.integer(t.Chain[0].SerialNumber)
	w.put(t.Chain[0].RawIssuer)
	w.wrap(derSequence, rest)
	w.put(derVersion1)
	w.wrap(derSequence, 0)
}

var implicit0 = []byte{derContext0}

// MaxSize is the size of the largest SignedData that Build can give.
func (t Template) MaxSize() (int, error) {
	a, err := t.Attributes()
	if err != nil {
		return 0, err
	}
	return t.MaxStamped(a, 0), nil
}

// MaxStamped is the size of the largest detached SignedData over data, with
// these attributes and a timestamp token of at most so many bytes; 0 is without
// one. It counts what BuildStamped writes.
func (t Template) MaxStamped(a Attributes, token int) int {
	unsigned := 0
	if token > 0 {
		unsigned = derSize(derSize(len(derTimestamp) + derSize(token)))
	}
	digest := len(derDigests[t.Hash])
	signer := derSize(len(derVersion1) + derSize(len(t.Chain[0].RawIssuer)+integerSize(t.Chain[0].SerialNumber)) + digest + len(a.der) +
		len(derSchemes[schemeHash{t.Scheme, t.Hash}]) + derSize(t.MaxSignature()) + unsigned)
	certs := 0
	for _, c := range t.included() {
		certs += len(c)
	}
	body := derSize(len(derVersion1) + derSize(digest) + len(derDataContent) + derSize(certs) + derSize(signer))
	return derSize(len(derSignedData) + derSize(body))
}
