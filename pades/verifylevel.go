package pades

import (
	"crypto/x509"
	"slices"

	"github.com/paraph/paraph/pades/internal/dn"
	"github.com/paraph/paraph/pades/revocation"
	"github.com/paraph/paraph/pades/validation"
)

// level tells which PAdES baseline level a signature has (EN 319 142-1, 6.1): what
// stands in the file to protect it, whoever made that. "" is none.
//
//	B-B    the profile is kept
//	B-T    and a whole timestamp is over the signature
//	B-LT   and the store has every certificate and an answer about each that needs one
//	B-LTA  and a whole document timestamp is over that store
func (v *verifier) level(j *validation.Judge, f *found, store *storeOf) string {
	if !keeps(f.checks) {
		return ""
	}
	var subjects []*x509.Certificate
	for _, s := range f.stamps {
		if s.signer != nil {
			subjects = append(subjects, s.signer)
		}
	}
	for _, d := range v.found { // the first document timestamp over it serves as one, too
		if len(subjects) == 0 && d.token != nil && d.sound && d.revision > f.revision {
			subjects = append(subjects, d.cert)
		}
	}
	if len(subjects) == 0 {
		return BB.String()
	}
	e := v.evidenceIn(f, store)
	if !slices.ContainsFunc(slices.Concat(store.ocsps, store.crls), func(k kept) bool { return k.revision > f.revision }) {
		return BT.String()
	}
	last := 0
	for _, c := range append(subjects, f.cert) {
		at, ok := e.covers(j, c, 0)
		if !ok {
			return BT.String()
		}
		last = max(last, at)
	}
	for _, d := range v.found {
		if d.token != nil && d.sound && d.revision >= last && d.revision > f.revision && d.revision > 0 {
			return BLTA.String()
		}
	}
	return BLT.String()
}

// keeps tells whether a signature keeps the baseline profile.
func keeps(list checks) bool {
	ok := false
	for _, c := range list {
		switch c.Code {
		case CheckProfile, CheckSigningCert:
			if c.Status != OK {
				return false
			}
			ok = true
		}
	}
	return ok
}

// evidenceAt is what the file itself holds about certificates, with the revision of
// each piece.
type evidenceAt struct {
	certs map[string][]keptCertificate // by the key of the subject's name
	ocsps []keptOCSP
	crls  []keptCRL
}

type (
	keptCertificate struct {
		*x509.Certificate
		revision int
	}
	keptOCSP struct {
		*revocation.OCSP
		revision int
	}
	keptCRL struct {
		*revocation.CRL
		revision int
	}
)

func (e *evidenceAt) add(c *x509.Certificate, revision int) {
	key := dn.Key(c.RawSubject)
	e.certs[key] = append(e.certs[key], keptCertificate{c, revision})
}

func (v *verifier) evidenceIn(f *found, store *storeOf) *evidenceAt {
	e := &evidenceAt{certs: map[string][]keptCertificate{}}
	for _, k := range store.certs {
		if c, err := x509.ParseCertificate(k.der); err == nil {
			e.add(c, k.revision)
		}
	}
	for _, o := range v.found {
		if o.cms == nil {
			continue
		}
		for _, c := range o.cms.Certificates {
			e.add(c, o.revision)
		}
	}
	for _, s := range f.stamps {
		if s.token != nil {
			for _, c := range s.token.Certificates {
				e.add(c, f.revision)
			}
		}
	}
	for _, k := range store.ocsps {
		if o, err := revocation.ParseOCSP(k.der); err == nil {
			for _, c := range o.Certificates {
				e.add(c, k.revision)
			}
			e.ocsps = append(e.ocsps, keptOCSP{o, k.revision})
		}
	}
	for _, k := range store.crls {
		if c, err := revocation.ParseCRL(k.der); err == nil {
			e.crls = append(e.crls, keptCRL{c, k.revision})
		}
	}
	return e
}

// covers tells whether the file has the path of a certificate up to a root or an
// anchor, and an answer about each on the way that may be revoked; at is the
// earliest revision by which all of that is there.
func (e *evidenceAt) covers(j *validation.Judge, c *x509.Certificate, depth int) (at int, ok bool) {
	if j.Trusts(c) || dn.Equal(c.RawIssuer, c.RawSubject) {
		return 0, true
	}
	if depth > 10 {
		return 0, false
	}
	issuers := slices.Clone(e.certs[dn.Key(c.RawIssuer)])
	for _, a := range j.Trust.Named(c.RawIssuer) { // whoever trusts it has it
		issuers = append(issuers, keptCertificate{a.Certificate, 0})
	}
	best := -1
	for _, issuer := range issuers {
		answered, ok := e.answers(c, issuer.Certificate)
		if !ok {
			continue
		}
		above, ok := e.covers(j, issuer.Certificate, depth+1)
		if !ok {
			continue
		}
		if n := max(issuer.revision, answered, above); best < 0 || n < best {
			best = n
		}
	}
	return max(best, 0), best >= 0
}

// answers finds the earliest answer about a certificate.
func (e *evidenceAt) answers(c, issuer *x509.Certificate) (at int, ok bool) {
	if validation.Unrevocable(c) {
		return 0, true
	}
	best := -1
	for _, o := range e.ocsps {
		if _, err := o.About(c, issuer); err == nil && (best < 0 || o.revision < best) {
			best = o.revision
		}
	}
	for _, l := range e.crls {
		if !l.Of(c) {
			continue
		}
		if _, err := l.About(c, issuer); err == nil && (best < 0 || l.revision < best) {
			best = l.revision
		}
	}
	if best < 0 && len(c.OCSPServer)+len(c.CRLDistributionPoints) == 0 {
		return 0, true // nobody could be asked
	}
	return max(best, 0), best >= 0
}
