// Package revocation collects what proves later that certificates were good
// when they signed: the chain, OCSP answers (RFC 6960) and CRLs (RFC 5280).
//
// What is collected was checked first: who answers is allowed to, the answer is
// fresh, and it is about the certificate that was asked for. Everything comes
// through an injected HTTP client, from addresses that stand in certificates,
// so that client must decide what may be reached.
package revocation

import (
	"crypto/x509"
	"fmt"
	"strings"
	"time"
)

// Reason says in one word why evidence could not be had.
type Reason string

// The reasons.
const (
	Revoked      Reason = "revoked"       // the certificate was revoked before the time asked for
	NoIssuer     Reason = "no-issuer"     // the issuer's certificate is nowhere to be found
	NoSource     Reason = "no-source"     // the certificate names neither OCSP nor CRL
	Unreachable  Reason = "unreachable"   // no exchange came about
	Refused      Reason = "refused"       // the server gave no answer to this question
	Malformed    Reason = "malformed"     // the answer cannot be read
	Unauthorised Reason = "unauthorised"  // who answered is not allowed to
	Stale        Reason = "stale"         // the answer is too old, or from the future
	Unfit        Reason = "unfit"         // the answer is not about this certificate
	Exhausted    Reason = "limit-reached" // more would have to be fetched than is allowed
)

// Attempt is one source that was tried in vain.
type Attempt struct {
	Source string // address, "OCSP" or "CRL" before it
	Reason Reason
	Detail string
}

// Error tells for which certificate no evidence could be had, and why.
type Error struct {
	Reason      Reason // that of the last attempt, or what stopped the work
	Certificate *x509.Certificate
	Detail      string
	Attempts    []Attempt
	RevokedAt   time.Time // with Revoked
}

func (e *Error) Error() string {
	name := "a certificate"
	if e.Certificate != nil {
		name = "the certificate of " + e.Certificate.Subject.String()
	}
	parts := []string{}
	if e.Detail != "" {
		parts = append(parts, e.Detail)
	}
	for _, a := range e.Attempts {
		parts = append(parts, fmt.Sprintf("%s: %s", a.Source, a.Detail))
	}
	return fmt.Sprintf("no evidence for %s (%s): %s", name, e.Reason, strings.Join(parts, "; "))
}

// Evidence is what was collected; everything is DER, without doubles.
type Evidence struct {
	Certs [][]byte
	OCSPs [][]byte
	CRLs  [][]byte
	// Until is the earliest time at which an answer in it grows stale.
	Until time.Time
}

// Merge adds what another has.
func (e *Evidence) Merge(o *Evidence) {
	for _, b := range o.Certs {
		add(&e.Certs, b)
	}
	for _, b := range o.OCSPs {
		add(&e.OCSPs, b)
	}
	for _, b := range o.CRLs {
		add(&e.CRLs, b)
	}
	e.lasts(o.Until)
}

func (e *Evidence) lasts(until time.Time) {
	if !until.IsZero() && (e.Until.IsZero() || until.Before(e.Until)) {
		e.Until = until
	}
}

func add(list *[][]byte, b []byte) {
	for _, old := range *list {
		if string(old) == string(b) {
			return
		}
	}
	*list = append(*list, b)
}
