package revocation

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"slices"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/paraph/paraph/pades/internal/cms"
)

var (
	oidDelta      = asn1.ObjectIdentifier{2, 5, 29, 27}
	oidPoint      = asn1.ObjectIdentifier{2, 5, 29, 28}
	oidCertIssuer = asn1.ObjectIdentifier{2, 5, 29, 29}
	oidExpired    = asn1.ObjectIdentifier{2, 5, 29, 60}
	oidKnownCRL   = []asn1.ObjectIdentifier{{2, 5, 29, 20}, {2, 5, 29, 35}, oidDelta, oidPoint}
)

const removeFromCRL = 8 // reason code: the certificate is no longer on the list

// CRL is a certificate revocation list as it was read (RFC 5280, 5). Nothing in it
// is to be believed before About.
type CRL struct {
	list    *x509.RevocationList
	points  []byte    // IssuingDistributionPoint; nil: none
	expired time.Time // expiredCertsOnCRL
	unfit   error     // why it can say nothing about any certificate
	signers map[[32]byte]signer
	index   map[string]*x509.RevocationListEntry
}

// ParseCRL reads a CRL. It returns an *Error.
func ParseCRL(der []byte) (*CRL, error) {
	list, err := x509.ParseRevocationList(der)
	if err != nil {
		return nil, &Error{Reason: Malformed, Detail: err.Error()}
	}
	c := &CRL{list: list, signers: map[[32]byte]signer{}, index: make(map[string]*x509.RevocationListEntry, len(list.RevokedCertificateEntries))}
	for _, e := range list.Extensions {
		switch {
		case e.Id.Equal(oidDelta):
			c.unfit = &Error{Reason: Unfit, Detail: "the list only tells changes of another one"}
		case e.Id.Equal(oidPoint):
			c.points = e.Value
		case e.Id.Equal(oidExpired):
			in := cryptobyte.String(e.Value)
			if !in.ReadASN1GeneralizedTime(&c.expired) {
				return nil, &Error{Reason: Malformed, Detail: "the list's extension about certificates that have run out"}
			}
		case e.Critical && !slices.ContainsFunc(oidKnownCRL, e.Id.Equal):
			c.unfit = &Error{Reason: Unfit, Detail: "the list has the critical extension " + e.Id.String()}
		}
	}
	for i := range list.RevokedCertificateEntries {
		entry := &list.RevokedCertificateEntries[i]
		for _, e := range entry.Extensions {
			if e.Id.Equal(oidCertIssuer) {
				c.unfit = &Error{Reason: Unfit, Detail: "the list speaks for other issuers too"}
			}
		}
		c.index[string(entry.SerialNumber.Bytes())] = entry
	}
	return c, nil
}

// Of tells whether the list is one of the certificate's issuer, by name.
func (c *CRL) Of(cert *x509.Certificate) bool { return bytes.Equal(c.list.RawIssuer, cert.RawIssuer) }

// About gives what the list says of a certificate, after checking that it is a
// complete list of the certificate's own issuer (RFC 5280, 6.3.3): signature and
// scope. It returns an *Error.
func (c *CRL) About(cert, issuer *x509.Certificate) (*Answer, error) {
	if !c.Of(cert) {
		return nil, &Error{Reason: Unfit, Detail: "the list is of another issuer"}
	}
	by := c.signer(issuer)
	switch {
	case by.err != nil:
		return nil, by.err
	case c.unfit != nil:
		return nil, c.unfit
	case c.points != nil:
		if err := inScope(c.points, cert); err != nil {
			return nil, err
		}
	}
	a := &Answer{
		DER: c.list.Raw, Signer: issuer, How: by.how, ThisUpdate: c.list.ThisUpdate, NextUpdate: c.list.NextUpdate, ProducedAt: c.list.ThisUpdate, Reports: c.expired,
	}
	if entry := c.index[string(cert.SerialNumber.Bytes())]; entry != nil && entry.ReasonCode != removeFromCRL {
		a.Revoked, a.RevokedAt, a.Reason = true, entry.RevocationTime, entry.ReasonCode
	}
	return a, nil
}

func fingerprint(c *x509.Certificate) [32]byte { return sha256.Sum256(c.Raw) }

// signer checks, once for each issuer, that the issuer signed the list.
func (c *CRL) signer(issuer *x509.Certificate) signer {
	key := fingerprint(issuer)
	if s, ok := c.signers[key]; ok {
		return s
	}
	s := signer{cert: issuer}
	var err error
	if s.how, err = cms.CheckSigned(c.list.Raw, issuer); err != nil {
		s.err = &Error{Reason: Unauthorised, Detail: "the list is not signed by the issuer: " + err.Error()}
	} else if issuer.KeyUsage != 0 && issuer.KeyUsage&x509.KeyUsageCRLSign == 0 {
		s.err = &Error{Reason: Unauthorised, Detail: "the issuer's certificate is not for signing lists"}
	}
	c.signers[key] = s
	return s
}

// inScope reads IssuingDistributionPoint (RFC 5280, 5.2.5): the list must speak
// for certificates of this kind, for every reason, and for the point named in it.
func inScope(der []byte, cert *x509.Certificate) error {
	in := cryptobyte.String(der)
	var seq, value cryptobyte.String
	if !in.ReadASN1(&seq, cbasn1.SEQUENCE) || !in.Empty() {
		return &Error{Reason: Malformed, Detail: "the list's distribution point cannot be read"}
	}
	for !seq.Empty() {
		var tag cbasn1.Tag
		if !seq.ReadAnyASN1(&value, &tag) {
			return &Error{Reason: Malformed, Detail: "the list's distribution point cannot be read"}
		}
		set := len(value) == 1 && value[0] != 0
		context := func(n uint8) cbasn1.Tag { return cbasn1.Tag(n).ContextSpecific() }
		switch tag {
		case context(0).Constructed():
			if !pointNamed(value, cert) {
				return &Error{Reason: Unfit, Detail: "the list is of another distribution point"}
			}
		case context(1):
			if set && cert.IsCA {
				return &Error{Reason: Unfit, Detail: "the list is of end users' certificates only"}
			}
		case context(2):
			if set && !cert.IsCA {
				return &Error{Reason: Unfit, Detail: "the list is of authorities' certificates only"}
			}
		case context(3):
			return &Error{Reason: Unfit, Detail: "the list is of some reasons only"}
		case context(4):
			if set {
				return &Error{Reason: Unfit, Detail: "the list speaks for other issuers too"}
			}
		case context(5):
			if set {
				return &Error{Reason: Unfit, Detail: "the list is of attribute certificates only"}
			}
		}
	}
	return nil
}

// pointNamed tells whether the certificate names one of the list's own points.
func pointNamed(point cryptobyte.String, cert *x509.Certificate) bool {
	var names cryptobyte.String
	if !point.ReadASN1(&names, cbasn1.Tag(0).ContextSpecific().Constructed()) {
		return false // a name relative to the issuer, which nobody uses
	}
	for !names.Empty() {
		var name cryptobyte.String
		var tag cbasn1.Tag
		if !names.ReadAnyASN1(&name, &tag) {
			return false
		}
		if tag == cbasn1.Tag(6).ContextSpecific() && slices.Contains(cert.CRLDistributionPoints, string(name)) {
			return true
		}
	}
	return false
}
