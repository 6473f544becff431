package revocation

import (
	"crypto/x509"
	"time"
)

// checkCRL verifies a CRL about a certificate, its freshness, and that it does not
// list the certificate.
func (r *run) checkCRL(der []byte, cert, issuer *x509.Certificate) (time.Time, error) {
	list, err := ParseCRL(der)
	if err != nil {
		return time.Time{}, err
	}
	answer, err := list.About(cert, issuer)
	if err != nil {
		return time.Time{}, err
	}
	return r.good(answer)
}

// good judges an answer: it must be fresh, and the certificate not revoked when it
// was used. It gives when the answer grows stale.
func (r *run) good(a *Answer) (time.Time, error) {
	if err := r.fresh(a.ThisUpdate, a.NextUpdate); err != nil {
		return time.Time{}, err
	}
	until := a.NextUpdate
	if until.IsZero() {
		until = a.ThisUpdate.Add(r.c.MaxAge)
	}
	if !a.Revoked {
		return until, nil
	}
	if a.RevokedAt.After(r.at) {
		r.revoked = true
		return until, nil
	}
	return time.Time{}, &Error{Reason: Revoked, RevokedAt: a.RevokedAt, Detail: "revoked on " + a.RevokedAt.UTC().Format(time.RFC3339)}
}
