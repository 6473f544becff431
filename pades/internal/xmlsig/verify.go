package xmlsig

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	_ "crypto/sha256" // the digests that are allowed
	_ "crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"
)

// Namespaces and algorithms.
const (
	dsig     = "http://www.w3.org/2000/09/xmldsig#"
	xades    = "http://uri.etsi.org/01903/v1.3.2#"
	excC14N  = "http://www.w3.org/2001/10/xml-exc-c14n#"
	envelop  = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
	propType = "http://uri.etsi.org/01903#SignedProperties"
)

var digestAlgorithms = map[string]crypto.Hash{
	"http://www.w3.org/2001/04/xmlenc#sha256":       crypto.SHA256,
	"http://www.w3.org/2001/04/xmldsig-more#sha384": crypto.SHA384,
	"http://www.w3.org/2001/04/xmlenc#sha512":       crypto.SHA512,
}

// scheme is how a signature value was made.
type scheme struct {
	hash  crypto.Hash
	pss   bool
	ecdsa bool
}

var signatureAlgorithms = map[string]scheme{
	"http://www.w3.org/2001/04/xmldsig-more#rsa-sha256":      {hash: crypto.SHA256},
	"http://www.w3.org/2001/04/xmldsig-more#rsa-sha384":      {hash: crypto.SHA384},
	"http://www.w3.org/2001/04/xmldsig-more#rsa-sha512":      {hash: crypto.SHA512},
	"http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1": {hash: crypto.SHA256, pss: true},
	"http://www.w3.org/2007/05/xmldsig-more#sha384-rsa-MGF1": {hash: crypto.SHA384, pss: true},
	"http://www.w3.org/2007/05/xmldsig-more#sha512-rsa-MGF1": {hash: crypto.SHA512, pss: true},
	"http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256":    {hash: crypto.SHA256, ecdsa: true},
	"http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384":    {hash: crypto.SHA384, ecdsa: true},
	"http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512":    {hash: crypto.SHA512, ecdsa: true},
}

// ErrSigner: the document is signed by somebody who is not accepted.
var ErrSigner = errors.New("the list is signed by somebody who may not sign it")

func refuse(format string, args ...any) error { return fmt.Errorf("XML signature: "+format, args...) }

// Signed is a document whose signature holds.
type Signed struct {
	Root   *Element // read from the signed bytes, without the signature
	Signer *x509.Certificate
	Time   time.Time // as the signer claims; zero where it is not said
}

// Verify reads a document whose root element has the given name and checks its
// signature. accept tells whether a certificate's owner may sign it.
func Verify(b []byte, space, local string, accept func(*x509.Certificate) bool) (*Signed, error) {
	root, err := Parse(b)
	if err != nil {
		return nil, err
	}
	if !root.Is(space, local) {
		return nil, refuse("the root element is %s", root.Local)
	}
	s, err := findSignature(root)
	if err != nil {
		return nil, err
	}
	signed := &Signed{}
	if signed.Signer, err = s.signer(); err != nil {
		return nil, err
	}
	if err := s.value(signed.Signer); err != nil {
		return nil, err
	}
	canonical, err := s.references()
	if err != nil {
		return nil, err
	}
	if signed.Time, err = s.properties(signed.Signer); err != nil {
		return nil, err
	}
	if !accept(signed.Signer) {
		return nil, ErrSigner
	}
	signed.Root, err = Parse(canonical)
	return signed, err
}

// signature is the one signature of a document.
type signature struct {
	root, element, info, props *Element
}

// findSignature finds the signature where it must be, and nowhere else.
func findSignature(root *Element) (*signature, error) {
	count := 0
	ids := map[string]int{}
	root.walk(func(e *Element) {
		if e.Is(dsig, "Signature") {
			count++
		}
		for _, a := range e.Attrs {
			if strings.EqualFold(a.Local, "id") {
				ids[a.Value]++
			}
		}
	})
	s := &signature{root: root, element: root.Child(dsig, "Signature")}
	if count != 1 || s.element == nil {
		return nil, refuse("there is not exactly one signature, in the root element")
	}
	for id, n := range ids {
		if n > 1 {
			return nil, refuse("the identifier %q stands %d times", id, n)
		}
	}
	s.info = s.element.Child(dsig, "SignedInfo")
	s.props = s.element.Child(dsig, "Object").Path(xades, "QualifyingProperties", "SignedProperties")
	if s.info == nil || s.props == nil {
		return nil, refuse("it has no SignedInfo, or not one Object with SignedProperties")
	}
	return s, nil
}

// signer reads the certificate of KeyInfo; where it gives several, the one that the
// signed properties name.
func (s *signature) signer() (*x509.Certificate, error) {
	var list []*x509.Certificate
	for _, data := range s.element.Child(dsig, "KeyInfo").Children(dsig, "X509Data") {
		for _, e := range data.Children(dsig, "X509Certificate") {
			der, err := base64Of(e)
			if err != nil {
				return nil, err
			}
			c, err := x509.ParseCertificate(der)
			if err != nil {
				return nil, refuse("its certificate cannot be read: %v", err)
			}
			list = append(list, c)
		}
	}
	for _, c := range list {
		if s.names(c) == nil {
			return c, nil
		}
	}
	if len(list) == 0 {
		return nil, refuse("it brings no certificate")
	}
	return list[0], nil
}

func base64Of(e *Element) ([]byte, error) {
	b, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(e.Value()), ""))
	if err != nil || len(b) == 0 {
		return nil, refuse("there is no base64 where there should be")
	}
	return b, nil
}

// value checks the signature over SignedInfo.
func (s *signature) value(by *x509.Certificate) error {
	if s.info.Child(dsig, "CanonicalizationMethod").Attr("Algorithm") != excC14N || len(s.info.Child(dsig, "CanonicalizationMethod").Elements()) > 0 {
		return refuse("its canonicalization is not the exclusive one")
	}
	how, ok := signatureAlgorithms[s.info.Child(dsig, "SignatureMethod").Attr("Algorithm")]
	if !ok {
		return refuse("its algorithm is not accepted")
	}
	value, err := base64Of(s.element.Child(dsig, "SignatureValue"))
	if err != nil {
		return err
	}
	h := how.hash.New()
	h.Write(Canonical(s.info, nil))
	digest := h.Sum(nil)
	switch key := by.PublicKey.(type) {
	case *rsa.PublicKey:
		if bits := key.N.BitLen(); how.ecdsa || bits < 2048 || bits > 16384 {
			return refuse("its key does not fit")
		}
		if how.pss {
			err = rsa.VerifyPSS(key, how.hash, digest, value, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
		} else {
			err = rsa.VerifyPKCS1v15(key, how.hash, digest, value)
		}
	case *ecdsa.PublicKey:
		// Two integers of the curve's size (XML Signature 1.1, 6.4.3).
		n := (key.Curve.Params().BitSize + 7) / 8
		if !how.ecdsa || key.Curve.Params().BitSize < 256 || len(value) != 2*n {
			return refuse("its key does not fit")
		}
		if r, v := new(big.Int).SetBytes(value[:n]), new(big.Int).SetBytes(value[n:]); !ecdsa.Verify(key, digest, r, v) {
			err = errors.New("wrong")
		}
	default:
		return refuse("its key is of a kind that is not accepted")
	}
	if err != nil {
		return refuse("the value does not fit what is signed and the certificate's key")
	}
	return nil
}

// references checks that exactly the root element and the signed properties are
// signed, and perhaps KeyInfo; it gives the root's canonical form.
func (s *signature) references() ([]byte, error) {
	refs := s.info.Children(dsig, "Reference")
	if len(refs) < 2 || len(refs) > 3 || len(s.info.Elements()) != 2+len(refs) {
		return nil, refuse("it signs %d things instead of the list and its own properties", len(refs))
	}
	var canonical []byte
	properties, keyInfo := false, false
	key := s.element.Child(dsig, "KeyInfo")
	for _, ref := range refs {
		transforms := transformsOf(ref)
		var b []byte
		switch uri := ref.Attr("URI"); {
		case ref.Attr("Type") == propType:
			if properties || uri == "" || uri != "#"+s.props.Attr("Id") || transforms != excC14N {
				return nil, refuse("the reference to its properties is not as it must be")
			}
			properties = true
			b = Canonical(s.props, nil)
		case len(uri) > 1 && uri == "#"+key.Attr("Id"):
			if keyInfo || transforms != excC14N {
				return nil, refuse("the reference to its key is not as it must be")
			}
			keyInfo = true
			b = Canonical(key, nil)
		case uri == "" && hasURI(ref), len(uri) > 1 && uri == "#"+s.root.Attr("Id"):
			if canonical != nil || transforms != envelop+" "+excC14N {
				return nil, refuse("the reference to the list is not as it must be")
			}
			canonical = Canonical(s.root, s.element)
			b = canonical
		default:
			return nil, refuse("it refers to %q, which is not the list", uri)
		}
		h, ok := digestAlgorithms[ref.Child(dsig, "DigestMethod").Attr("Algorithm")]
		if !ok {
			return nil, refuse("a digest algorithm is not accepted")
		}
		want, err := base64Of(ref.Child(dsig, "DigestValue"))
		if err != nil {
			return nil, err
		}
		sum := h.New()
		sum.Write(b)
		if !bytes.Equal(sum.Sum(nil), want) {
			return nil, refuse("what is signed was changed: its digest differs")
		}
	}
	if canonical == nil || !properties {
		return nil, refuse("it does not sign the list and its own properties")
	}
	return canonical, nil
}

func hasURI(ref *Element) bool {
	for _, a := range ref.Attrs {
		if a.Space == "" && a.Local == "URI" {
			return true
		}
	}
	return false
}

// transformsOf joins the algorithms of a reference; one with parameters of its own
// fits nothing.
func transformsOf(ref *Element) string {
	var list []string
	for _, t := range ref.Child(dsig, "Transforms").Elements() {
		if !t.Is(dsig, "Transform") || len(t.Elements()) > 0 {
			return "unknown"
		}
		list = append(list, t.Attr("Algorithm"))
	}
	return strings.Join(list, " ")
}

// properties checks that the signed properties name the signer's certificate, and
// gives the claimed time.
func (s *signature) properties(by *x509.Certificate) (time.Time, error) {
	target := s.props.Parent.Attr("Target")
	if target == "" || target != "#"+s.element.Attr("Id") {
		return time.Time{}, refuse("its properties are of another signature")
	}
	if err := s.names(by); err != nil {
		return time.Time{}, err
	}
	text := s.props.Path(xades, "SignedSignatureProperties", "SigningTime").Value()
	if text == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, refuse("its time cannot be read")
	}
	return at, nil
}

// names checks the property SigningCertificateV2, or SigningCertificate.
func (s *signature) names(by *x509.Certificate) error {
	props := s.props.Child(xades, "SignedSignatureProperties")
	for _, name := range []string{"SigningCertificateV2", "SigningCertificate"} {
		certs := props.Child(xades, name).Children(xades, "Cert")
		if len(certs) == 0 {
			continue
		}
		id := certs[0].Child(xades, "CertDigest")
		h, ok := digestAlgorithms[id.Child(dsig, "DigestMethod").Attr("Algorithm")]
		if !ok {
			return refuse("a digest algorithm is not accepted")
		}
		want, err := base64Of(id.Child(dsig, "DigestValue"))
		if err != nil {
			return err
		}
		sum := h.New()
		sum.Write(by.Raw)
		if !bytes.Equal(sum.Sum(nil), want) {
			return refuse("its properties name another certificate")
		}
		return nil
	}
	return refuse("its properties name no certificate")
}
