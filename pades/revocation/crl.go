package revocation

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"slices"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

var (
	oidDelta      = asn1.ObjectIdentifier{2, 5, 29, 27}
	oidPoint      = asn1.ObjectIdentifier{2, 5, 29, 28}
	oidCertIssuer = asn1.ObjectIdentifier{2, 5, 29, 29}
	oidKnownCRL   = []asn1.ObjectIdentifier{{2, 5, 29, 20}, {2, 5, 29, 35}, oidDelta, oidPoint}
)

const removeFromCRL = 8 // reason code: the certificate is no longer on the list

// checkCRL verifies a complete CRL of the certificate's own issuer (RFC 5280,
// 6.3.3): signature, scope and freshness, and that it does not list the certificate.
func (r *run) checkCRL(der []byte, cert, issuer *x509.Certificate) (time.Time, error) {
	list, err := x509.ParseRevocationList(der)
	if err != nil {
		return time.Time{}, &Error{Reason: Malformed, Detail: err.Error()}
	}
	if !bytes.Equal(list.RawIssuer, cert.RawIssuer) {
		return time.Time{}, &Error{Reason: Unfit, Detail: "the list is of another issuer"}
	}
	if err := list.CheckSignatureFrom(issuer); err != nil {
		return time.Time{}, &Error{Reason: Unauthorised, Detail: "the list is not signed by the issuer: " + err.Error()}
	}
	for _, e := range list.Extensions {
		switch {
		case e.Id.Equal(oidDelta):
			return time.Time{}, &Error{Reason: Unfit, Detail: "the list only tells changes of another one"}
		case e.Id.Equal(oidPoint):
			if err := inScope(e.Value, cert); err != nil {
				return time.Time{}, err
			}
		case e.Critical && !slices.ContainsFunc(oidKnownCRL, e.Id.Equal):
			return time.Time{}, &Error{Reason: Unfit, Detail: "the list has the critical extension " + e.Id.String()}
		}
	}
	if err := r.fresh(list.ThisUpdate, list.NextUpdate); err != nil {
		return time.Time{}, err
	}
	until := list.NextUpdate
	if until.IsZero() {
		until = list.ThisUpdate.Add(r.c.MaxAge)
	}
	for i := range list.RevokedCertificateEntries {
		entry := &list.RevokedCertificateEntries[i]
		for _, e := range entry.Extensions {
			if e.Id.Equal(oidCertIssuer) {
				return time.Time{}, &Error{Reason: Unfit, Detail: "the list speaks for other issuers too"}
			}
		}
		if entry.SerialNumber.Cmp(cert.SerialNumber) != 0 || entry.ReasonCode == removeFromCRL {
			continue
		}
		if entry.RevocationTime.After(r.at) {
			r.revoked = true
			continue
		}
		return time.Time{}, &Error{Reason: Revoked, RevokedAt: entry.RevocationTime, Detail: "revoked on " + entry.RevocationTime.UTC().Format(time.RFC3339)}
	}
	return until, nil
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
