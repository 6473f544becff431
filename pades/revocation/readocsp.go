package revocation

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"math/big"
	"slices"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/paraph/paraph/pades/internal/cms"
)

var (
	oidBasicOCSP = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 1}
	oidNonce     = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 2}
	oidCutoff    = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 6}
)

// OCSP is an OCSP answer as it was read (RFC 6960, 4.2.1). Nothing in it is to be
// believed before About.
type OCSP struct {
	DER          []byte
	Certificates []*x509.Certificate // that came with it
	ProducedAt   time.Time
	Nonce        []byte // nil: none

	basic   []byte
	name    []byte // DER of the responder's name, or
	key     []byte // SHA-1 of its key
	singles []single
	signers map[[32]byte]signer // by the issuer
}

// single is what the answer says of one certificate.
type single struct {
	hash                   crypto.Hash
	issuerName, issuerKey  []byte
	serial                 *big.Int
	good, revoked          bool
	revokedAt              time.Time
	reason                 int
	thisUpdate, nextUpdate time.Time
	cutoff                 time.Time
}

// signer is who signed an answer for one issuer, or why nobody did who may.
type signer struct {
	cert *x509.Certificate
	how  cms.Algorithm
	err  error
}

// Bounds of what one answer may hold.
const (
	maxSingles    = 64
	maxCompanions = 10
)

var explicit = func(n uint8) cbasn1.Tag { return cbasn1.Tag(n).ContextSpecific().Constructed() }

func garbled(what string) error {
	return &Error{Reason: Malformed, Detail: "the answer cannot be read: " + what}
}

// ParseOCSP reads an OCSPResponse strictly. An answer that only tells of a failure
// gives an *Error with the reason Refused.
func ParseOCSP(der []byte) (*OCSP, error) {
	in := cryptobyte.String(der)
	var outer, wrapped, typed, basic cryptobyte.String
	var status int
	var oid asn1.ObjectIdentifier
	if !in.ReadASN1(&outer, cbasn1.SEQUENCE) || !in.Empty() || !outer.ReadASN1Enum(&status) {
		return nil, garbled("it is no OCSP answer")
	}
	if status != 0 {
		return nil, &Error{Reason: Refused, Detail: "the responder says " + failures[status]}
	}
	if !outer.ReadASN1(&wrapped, explicit(0)) || !outer.Empty() || !wrapped.ReadASN1(&typed, cbasn1.SEQUENCE) || !wrapped.Empty() ||
		!typed.ReadASN1ObjectIdentifier(&oid) || !oid.Equal(oidBasicOCSP) || !typed.ReadASN1(&basic, cbasn1.OCTET_STRING) || !typed.Empty() {
		return nil, garbled("it is no basic answer")
	}
	o := &OCSP{DER: der, basic: basic, signers: map[[32]byte]signer{}}
	tbs, _, _, rest, err := cms.ReadSigned(basic)
	if err != nil {
		return nil, garbled(err.Error())
	}
	if err := o.companions(rest); err != nil {
		return nil, err
	}
	return o, o.data(tbs)
}

// failures are the statuses of an answer that answers nothing (RFC 6960, 4.2.1).
var failures = map[int]string{1: "malformed request", 2: "internal error", 3: "try later", 5: "signature required", 6: "unauthorized"}

func (o *OCSP) companions(rest cryptobyte.String) error {
	var wrapped, list cryptobyte.String
	var has bool
	if !rest.ReadOptionalASN1(&wrapped, &has, explicit(0)) || !rest.Empty() || has && (!wrapped.ReadASN1(&list, cbasn1.SEQUENCE) || !wrapped.Empty()) {
		return garbled("its certificates")
	}
	for !list.Empty() {
		var one cryptobyte.String
		if !list.ReadASN1Element(&one, cbasn1.SEQUENCE) || len(o.Certificates) == maxCompanions {
			return garbled("its certificates")
		}
		c, err := x509.ParseCertificate(one)
		if err != nil {
			return garbled(err.Error())
		}
		o.Certificates = append(o.Certificates, c)
	}
	return nil
}

func (o *OCSP) data(tbs []byte) error {
	in := cryptobyte.String(tbs)
	var data, wrapped, list, extensions cryptobyte.String
	var has bool
	if !in.ReadASN1(&data, cbasn1.SEQUENCE) || !data.SkipOptionalASN1(explicit(0)) {
		return garbled("its data")
	}
	switch {
	case data.PeekASN1Tag(explicit(1)):
		var name cryptobyte.String
		if !data.ReadASN1(&wrapped, explicit(1)) || !wrapped.ReadASN1Element(&name, cbasn1.SEQUENCE) || !wrapped.Empty() {
			return garbled("the responder's name")
		}
		o.name = name
	default:
		var key cryptobyte.String
		if !data.ReadASN1(&wrapped, explicit(2)) || !wrapped.ReadASN1(&key, cbasn1.OCTET_STRING) || !wrapped.Empty() {
			return garbled("the responder's key")
		}
		o.key = key
	}
	if !data.ReadASN1GeneralizedTime(&o.ProducedAt) || !data.ReadASN1(&list, cbasn1.SEQUENCE) ||
		!data.ReadOptionalASN1(&extensions, &has, explicit(1)) || !data.Empty() {
		return garbled("its data")
	}
	for !list.Empty() {
		s, ok := readSingle(&list)
		if !ok || len(o.singles) == maxSingles {
			return garbled("what it says of a certificate")
		}
		o.singles = append(o.singles, s)
	}
	ok := eachExtension(extensions, func(oid asn1.ObjectIdentifier, critical bool, value cryptobyte.String) bool {
		if oid.Equal(oidNonce) {
			o.Nonce = value
			var inner cryptobyte.String
			if v := value; v.ReadASN1(&inner, cbasn1.OCTET_STRING) {
				o.Nonce = inner
			}
			return true
		}
		return !critical
	})
	if has && !ok {
		return garbled("its extensions")
	}
	return nil
}

// eachExtension visits Extensions; it gives false where they are malformed or visit does.
func eachExtension(in cryptobyte.String, visit func(asn1.ObjectIdentifier, bool, cryptobyte.String) bool) bool {
	var list cryptobyte.String
	if !in.ReadASN1(&list, cbasn1.SEQUENCE) || !in.Empty() {
		return false
	}
	for !list.Empty() {
		var one, value cryptobyte.String
		var oid asn1.ObjectIdentifier
		var critical bool
		if !list.ReadASN1(&one, cbasn1.SEQUENCE) || !one.ReadASN1ObjectIdentifier(&oid) ||
			!one.ReadOptionalASN1Boolean(&critical, cbasn1.BOOLEAN, false) || !one.ReadASN1(&value, cbasn1.OCTET_STRING) || !one.Empty() {
			return false
		}
		if !visit(oid, critical, value) {
			return false
		}
	}
	return true
}

func readSingle(list *cryptobyte.String) (s single, ok bool) {
	var one, id, name, key, status, next, extensions cryptobyte.String
	var tag cbasn1.Tag
	var has bool
	s.serial = new(big.Int)
	if !list.ReadASN1(&one, cbasn1.SEQUENCE) || !one.ReadASN1(&id, cbasn1.SEQUENCE) {
		return s, false
	}
	if s.hash, ok = cms.ReadAnyDigestAlgorithm(&id); !ok || !id.ReadASN1(&name, cbasn1.OCTET_STRING) || !id.ReadASN1(&key, cbasn1.OCTET_STRING) ||
		!id.ReadASN1Integer(s.serial) || !id.Empty() || !one.ReadAnyASN1(&status, &tag) || !one.ReadASN1GeneralizedTime(&s.thisUpdate) ||
		!one.ReadOptionalASN1(&next, &has, explicit(0)) || has && (!next.ReadASN1GeneralizedTime(&s.nextUpdate) || !next.Empty()) {
		return s, false
	}
	s.issuerName, s.issuerKey = name, key
	switch tag {
	case cbasn1.Tag(0).ContextSpecific():
		s.good = true
	case explicit(1):
		var reason cryptobyte.String
		s.revoked = true
		if !status.ReadASN1GeneralizedTime(&s.revokedAt) || !status.ReadOptionalASN1(&reason, &has, explicit(0)) ||
			has && !reason.ReadASN1Enum(&s.reason) || !status.Empty() {
			return s, false
		}
	case cbasn1.Tag(2).ContextSpecific(): // the responder does not know it
	default:
		return s, false
	}
	if !one.ReadOptionalASN1(&extensions, &has, explicit(1)) || !one.Empty() {
		return s, false
	}
	return s, !has || eachExtension(extensions, func(oid asn1.ObjectIdentifier, critical bool, value cryptobyte.String) bool {
		if oid.Equal(oidCutoff) {
			return value.ReadASN1GeneralizedTime(&s.cutoff) && value.Empty()
		}
		return !critical
	})
}

// about tells whether the entry is that of a certificate. Its issuer is named by
// digests; nothing rests on their strength.
func (s *single) about(cert, issuer *x509.Certificate) bool {
	if s.hash == 0 || s.serial.Cmp(cert.SerialNumber) != 0 {
		return false
	}
	sum := func(b []byte) []byte {
		h := s.hash.New()
		h.Write(b)
		return h.Sum(nil)
	}
	return bytes.Equal(s.issuerName, sum(cert.RawIssuer)) && bytes.Equal(s.issuerKey, sum(publicKey(issuer)))
}

// About gives what the answer says of a certificate, after checking that it is
// signed by the certificate's issuer or by one whom the issuer has certified for
// that (RFC 6960, 4.2.2.2). It returns an *Error.
func (o *OCSP) About(cert, issuer *x509.Certificate) (*Answer, error) {
	var newest *single
	for i := range o.singles {
		if s := &o.singles[i]; s.about(cert, issuer) && (newest == nil || s.thisUpdate.After(newest.thisUpdate)) {
			newest = s
		}
	}
	if newest == nil {
		return nil, &Error{Reason: Unfit, Detail: "the answer is about other certificates"}
	}
	by := o.signer(issuer)
	if by.err != nil {
		return nil, by.err
	}
	if !newest.good && !newest.revoked {
		return nil, &Error{Reason: Refused, Detail: "the responder does not know the certificate"}
	}
	return &Answer{
		DER: o.DER, OCSP: true, Signer: by.cert, How: by.how, ProducedAt: o.ProducedAt, ThisUpdate: newest.thisUpdate, NextUpdate: newest.nextUpdate,
		Revoked: newest.revoked, RevokedAt: newest.revokedAt, Reason: newest.reason, Reports: newest.cutoff,
	}, nil
}

// signer finds and checks who signed the answer, once for each issuer.
func (o *OCSP) signer(issuer *x509.Certificate) signer {
	key := fingerprint(issuer)
	if s, ok := o.signers[key]; ok {
		return s
	}
	s := o.findSigner(issuer)
	o.signers[key] = s
	return s
}

func (o *OCSP) findSigner(issuer *x509.Certificate) signer {
	for _, c := range append(slices.Clip(o.Certificates), issuer) {
		if o.name != nil && !bytes.Equal(o.name, c.RawSubject) || o.key != nil && !bytes.Equal(o.key, keyHash(c)) {
			continue
		}
		how, err := cms.CheckSigned(o.basic, c)
		if err != nil {
			return signer{err: &Error{Reason: Malformed, Detail: "the answer is not signed by its responder: " + err.Error()}}
		}
		return signer{c, how, o.authorised(c, issuer)}
	}
	return signer{err: &Error{Reason: Unauthorised, Detail: "the answer names another responder than the one who signed it"}}
}

// authorised: the issuer answers itself, or one whom it has certified for that.
func (o *OCSP) authorised(c, issuer *x509.Certificate) error {
	if c.Equal(issuer) {
		return nil
	}
	switch {
	case !slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageOCSPSigning):
		return &Error{Reason: Unauthorised, Detail: "the responder's certificate is not for OCSP"}
	case !bytes.Equal(c.RawIssuer, issuer.RawSubject):
		return &Error{Reason: Unauthorised, Detail: "the responder was certified by somebody else than the issuer"}
	case o.ProducedAt.Before(c.NotBefore) || o.ProducedAt.After(c.NotAfter):
		return &Error{Reason: Unauthorised, Detail: "the responder's certificate was not valid when it answered"}
	}
	if _, err := cms.CheckSigned(c.Raw, issuer); err != nil {
		return &Error{Reason: Unauthorised, Detail: fmt.Sprintf("the responder's certificate is not signed by the issuer: %v", err)}
	}
	return nil
}
