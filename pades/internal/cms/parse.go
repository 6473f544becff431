package cms

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"slices"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// ErrSigners: the SignedData has no or several SignerInfos.
var ErrSigners = errors.New("the signature has not exactly one signer")

// ErrContent: the SignedData carries content of its own.
var ErrContent = errors.New("the signature carries content of its own")

// Signature is a parsed SignedData with its one signer.
type Signature struct {
	Certificates  []*x509.Certificate
	Hash          crypto.Hash
	Scheme        Scheme
	SignedAttrs   []byte // DER SET OF, as signed
	Value         []byte
	ContentType   asn1.ObjectIdentifier
	MessageDigest []byte
	SigningTime   bool // the attribute that PAdES forbids is there
	UnsignedAttrs []byte
	PSSSalt       int
	Content       []byte // nil where the signature is detached

	Unreadable int // certificates that crypto/x509 cannot read and that were passed over

	want      asn1.ObjectIdentifier // the content's type
	attached  bool                  // the content has to be there
	any       bool                  // algorithms are judged by the caller
	crls      []byte                // the field of that name, as it stands
	archival  []byte                // the signed attribute of revocation information
	issuer    []byte
	serial    *big.Int
	keyID     []byte
	certIDs   []certID // signing-certificate-v2
	certIDsV1 []certID // signing-certificate
	digests   []crypto.Hash
}

// certID is an ESSCertIDv2, or an ESSCertID, whose digest is SHA-1.
type certID struct {
	hash   crypto.Hash
	digest []byte
	issuer []byte   // DER of the issuer's name; nil: not said
	serial *big.Int // nil: not said
}

func malformed(what string) error { return fmt.Errorf("the CMS structure is malformed: %s", what) }

const (
	tag0 = cbasn1.Tag(0x80 | 0x20)
	tag1 = cbasn1.Tag(0x80 | 0x20 | 1)
)

// Parse reads a detached DER SignedData over data, strictly. Trailing bytes are refused.
func Parse(der []byte) (*Signature, error) {
	return parse(der, &Signature{want: oidData})
}

// ParseAny is Parse for judging what others made, long ago perhaps: digests that
// nobody should use any more are read too, and certificates that cannot be read are
// passed over. Whether the algorithms are to be relied on is for the caller to say.
func ParseAny(der []byte) (*Signature, error) {
	return parse(der, &Signature{want: oidData, any: true})
}

func parse(der []byte, s *Signature) (*Signature, error) {
	in := cryptobyte.String(der)
	var info, wrapped, sd cryptobyte.String
	var oid asn1.ObjectIdentifier
	if !in.ReadASN1(&info, cbasn1.SEQUENCE) || !in.Empty() ||
		!info.ReadASN1ObjectIdentifier(&oid) || !oid.Equal(oidSignedData) ||
		!info.ReadASN1(&wrapped, tag0) || !info.Empty() ||
		!wrapped.ReadASN1(&sd, cbasn1.SEQUENCE) || !wrapped.Empty() {
		return nil, malformed("no SignedData in DER")
	}
	signer, err := s.signedData(sd)
	if err != nil {
		return nil, err
	}
	if err := s.signerInfo(signer); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Signature) signedData(sd cryptobyte.String) (signer cryptobyte.String, err error) {
	var version int
	var digests, encap, certs, crls, signers cryptobyte.String
	var hasCerts, hasCRLs bool
	var oid asn1.ObjectIdentifier
	if !sd.ReadASN1Integer(&version) || version < 1 || version > 5 ||
		!sd.ReadASN1(&digests, cbasn1.SET) || !sd.ReadASN1(&encap, cbasn1.SEQUENCE) ||
		!encap.ReadASN1ObjectIdentifier(&oid) {
		return nil, malformed("the head of SignedData")
	}
	if !oid.Equal(s.want) {
		return nil, malformed("the content type is " + oid.String() + " instead of " + s.want.String())
	}
	if err := s.content(encap, version); err != nil {
		return nil, err
	}
	if !sd.ReadOptionalASN1(&certs, &hasCerts, tag0) || !sd.ReadOptionalASN1(&crls, &hasCRLs, tag1) ||
		!sd.ReadASN1(&signers, cbasn1.SET) || !sd.Empty() {
		return nil, malformed("the body of SignedData")
	}
	if !signers.ReadASN1(&signer, cbasn1.SEQUENCE) || !signers.Empty() {
		return nil, ErrSigners
	}
	for !digests.Empty() {
		oid, params, ok := readAlgorithm(&digests)
		if !ok || !nullOrAbsent(params) {
			return nil, malformed("the digest algorithms")
		}
		s.digests = append(s.digests, s.hash(oid))
	}
	s.crls = crls
	return signer, s.certificates(certs)
}

// maxCertificates bounds the chain a signature may carry.
const maxCertificates = 50

func (s *Signature) certificates(in cryptobyte.String) error {
	for !in.Empty() {
		var raw cryptobyte.String
		var tag cbasn1.Tag
		if !in.ReadAnyASN1Element(&raw, &tag) {
			return malformed("the certificates")
		}
		if tag != cbasn1.SEQUENCE {
			continue // attribute certificates say nothing about the signer's key
		}
		c, err := x509.ParseCertificate(raw)
		if err != nil && s.any {
			s.Unreadable++
			continue
		}
		if err != nil {
			return fmt.Errorf("a certificate in the signature cannot be read: %w", err)
		}
		if s.Certificates = append(s.Certificates, c); len(s.Certificates) > maxCertificates {
			return malformed("too many certificates")
		}
	}
	return nil
}

func (s *Signature) signerInfo(in cryptobyte.String) error {
	var version int
	if !in.ReadASN1Integer(&version) || (version != 1 && version != 3) {
		return malformed("the version of SignerInfo")
	}
	if err := s.signerID(&in, version); err != nil {
		return err
	}
	digest, params, ok := readAlgorithm(&in)
	if s.Hash = s.hash(digest); !ok || s.Hash == 0 || !nullOrAbsent(params) {
		return malformed("the digest algorithm is not SHA-256, SHA-384 or SHA-512")
	}
	if !slices.Contains(s.digests, s.Hash) {
		return malformed("the signer's digest algorithm is not listed")
	}
	var attrs, unsigned, value cryptobyte.String
	if !in.PeekASN1Tag(tag0) || !in.ReadASN1Element(&attrs, tag0) {
		return malformed("there are no signed attributes")
	}
	s.SignedAttrs = bytes.Clone(attrs)
	s.SignedAttrs[0] = byte(cbasn1.SET)
	if err := s.attributes(s.SignedAttrs); err != nil {
		return err
	}
	algorithm, params, ok := readAlgorithm(&in)
	if !ok || !in.ReadASN1(&value, cbasn1.OCTET_STRING) {
		return malformed("the signature value")
	}
	how, err := signatureAlgorithmOf(algorithm, params, s.Hash)
	if err != nil {
		return err
	}
	if how.Hash != s.Hash {
		return malformed("the signature algorithm uses another digest than the attributes")
	}
	s.Scheme, s.PSSSalt = how.Scheme, how.Salt
	s.Value = value
	if in.PeekASN1Tag(tag1) {
		if !in.ReadASN1(&unsigned, tag1) {
			return malformed("the unsigned attributes")
		}
		s.UnsignedAttrs = unsigned
	}
	if !in.Empty() {
		return malformed("the end of SignerInfo")
	}
	return nil
}

func (s *Signature) signerID(in *cryptobyte.String, version int) error {
	if version == 3 {
		var id cryptobyte.String
		if !in.ReadASN1(&id, cbasn1.Tag(0).ContextSpecific()) {
			return malformed("the signer's key identifier")
		}
		s.keyID = id
		return nil
	}
	var id, issuer cryptobyte.String
	s.serial = new(big.Int)
	if !in.ReadASN1(&id, cbasn1.SEQUENCE) || !id.ReadASN1Element(&issuer, cbasn1.SEQUENCE) ||
		!id.ReadASN1Integer(s.serial) || !id.Empty() {
		return malformed("the signer's issuer and serial number")
	}
	s.issuer = issuer
	return nil
}

func readAlgorithm(in *cryptobyte.String) (oid asn1.ObjectIdentifier, params cryptobyte.String, ok bool) {
	var seq cryptobyte.String
	if !in.ReadASN1(&seq, cbasn1.SEQUENCE) || !seq.ReadASN1ObjectIdentifier(&oid) {
		return nil, nil, false
	}
	return oid, seq, true
}

func nullOrAbsent(params cryptobyte.String) bool {
	return len(params) == 0 || bytes.Equal(params, []byte{5, 0})
}

func (s *Signature) attributes(der []byte) error {
	in := cryptobyte.String(der)
	var set cryptobyte.String
	if !in.ReadASN1(&set, cbasn1.SET) || !in.Empty() {
		return malformed("the signed attributes")
	}
	seen := map[string]bool{}
	for !set.Empty() {
		var attr, values cryptobyte.String
		var oid asn1.ObjectIdentifier
		if !set.ReadASN1(&attr, cbasn1.SEQUENCE) || !attr.ReadASN1ObjectIdentifier(&oid) ||
			!attr.ReadASN1(&values, cbasn1.SET) || !attr.Empty() {
			return malformed("a signed attribute")
		}
		if seen[oid.String()] {
			return malformed("a signed attribute stands twice")
		}
		seen[oid.String()] = true
		if !s.attribute(oid, values) {
			return malformed("the value of the signed attribute " + oid.String())
		}
	}
	if s.ContentType == nil || s.MessageDigest == nil {
		return malformed("the attribute content-type or message-digest is missing")
	}
	return nil
}

func (s *Signature) attribute(oid asn1.ObjectIdentifier, v cryptobyte.String) bool {
	switch {
	case oid.Equal(oidContentType):
		return v.ReadASN1ObjectIdentifier(&s.ContentType) && v.Empty() && s.ContentType.Equal(s.want)
	case oid.Equal(oidMessageDigest):
		var d cryptobyte.String
		ok := v.ReadASN1(&d, cbasn1.OCTET_STRING) && v.Empty()
		s.MessageDigest = d
		return ok && len(d) == s.Hash.Size()
	case oid.Equal(oidSigningTime):
		s.SigningTime = true
	case oid.Equal(oidSigningCertV2):
		return s.signingCertificate(v, crypto.SHA256, &s.certIDs)
	case oid.Equal(oidSigningCert):
		return s.signingCertificate(v, crypto.SHA1, &s.certIDsV1)
	case oid.Equal(oidArchival):
		s.archival = v
	}
	return true
}

// hash gives the digest of an identifier, 0 where it is not accepted.
func (s *Signature) hash(oid asn1.ObjectIdentifier) crypto.Hash {
	if s.any {
		return anyHash(oid)
	}
	return oidHash(oid)
}

// signingCertificate reads SigningCertificate or SigningCertificateV2 (RFC 5035, 4
// and 5), whose digest is natural unless the second names another.
func (s *Signature) signingCertificate(v cryptobyte.String, natural crypto.Hash, into *[]certID) bool {
	var outer, ids cryptobyte.String
	if !v.ReadASN1(&outer, cbasn1.SEQUENCE) || !v.Empty() || !outer.ReadASN1(&ids, cbasn1.SEQUENCE) {
		return false
	}
	for !ids.Empty() {
		var id, digest cryptobyte.String
		one := certID{hash: natural}
		if !ids.ReadASN1(&id, cbasn1.SEQUENCE) {
			return false
		}
		if natural != crypto.SHA1 && id.PeekASN1Tag(cbasn1.SEQUENCE) {
			oid, params, ok := readAlgorithm(&id)
			if one.hash = s.hash(oid); !ok || one.hash == 0 || !nullOrAbsent(params) {
				return false
			}
		}
		if !id.ReadASN1(&digest, cbasn1.OCTET_STRING) || len(digest) != one.hash.Size() || !one.issuerSerial(id) {
			return false
		}
		one.digest = digest
		*into = append(*into, one)
	}
	return len(*into) > 0
}

// Signer finds the signer's certificate among those in the signature.
func (s *Signature) Signer() (*x509.Certificate, error) { return s.SignerAmong(s.Certificates) }

// SignerAmong finds the signer's certificate among others.
func (s *Signature) SignerAmong(certificates []*x509.Certificate) (*x509.Certificate, error) {
	for _, c := range certificates {
		if s.keyID != nil {
			if bytes.Equal(c.SubjectKeyId, s.keyID) {
				return c, nil
			}
			continue
		}
		if bytes.Equal(c.RawIssuer, s.issuer) && c.SerialNumber.Cmp(s.serial) == 0 {
			return c, nil
		}
	}
	return nil, errors.New("the signer's certificate is not in the signature")
}

// NamesCertificate tells whether signing-certificate-v2 names the certificate
// first, as RFC 5035 demands, and whether the attribute is there at all.
func (s *Signature) NamesCertificate(c *x509.Certificate) (matches, present bool) {
	if len(s.certIDs) == 0 {
		return false, false
	}
	h := s.certIDs[0].hash.New()
	h.Write(c.Raw)
	return bytes.Equal(h.Sum(nil), s.certIDs[0].digest), true
}

// Verify checks the signature value over the signed attributes.
func (s *Signature) Verify(c *x509.Certificate) error {
	return VerifyValue(s.Scheme, s.Hash, s.PSSSalt, c.PublicKey, s.SignedAttrs, s.Value)
}
