package validation

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"slices"
	"time"

	"github.com/paraph/paraph/pades/revocation"
	"github.com/paraph/paraph/pades/trust"
)

// State is what is known of a certificate's revocation.
type State string

// The states.
const (
	Unknown State = "unknown"    // no answer counts
	Good    State = "good"       // not revoked when it was used
	Revoked State = "revoked"    // before it was used, as far as that is proven
	Spared  State = "not-needed" // its issuer does not revoke it, or nobody says where to ask
)

// Status is what is known of a certificate's revocation, and from where.
type Status struct {
	State  State
	Answer *revocation.Answer // nil where none counted
	From   string             // where the answer comes from, for people
	Why    string             // of Unknown and Spared
	// Late: an answer existed only after its signer's certificate had run out.
	Late bool
}

// revoked finds the status of every certificate below the anchor.
func (s *search) revoked(r *Result) *Problem {
	for i := len(r.Path) - 2; i >= 0; i-- {
		st := s.status(r.Path, i, s.at, 0)
		r.Path[i].Status = st
		c := r.Path[i].Certificate
		switch {
		case st.State == Spared && st.Why != "":
			r.Notes = append(r.Notes, st.Why)
		case st.State == Revoked && st.Answer.OnHold():
			return problem(TryLater, "the certificate of %q is suspended since %s", nameOf(c), moment(st.Answer.RevokedAt))
		case st.State == Revoked && i == 0:
			return problem(RevokedNoPOE, "the certificate of %q was revoked on %s%s, and nothing proves that it was used before that", nameOf(c), moment(st.Answer.RevokedAt), reasonOf(st.Answer))
		case st.State == Revoked:
			return problem(RevokedCANoPOE, "the issuing certificate of %q was revoked on %s%s, and nothing proves that it was used before that", nameOf(c), moment(st.Answer.RevokedAt), reasonOf(st.Answer))
		case st.State == Unknown && st.Late:
			return problem(RevocationOutNoPOE, "whether the certificate of %q was revoked is not known: %s", nameOf(c), st.Why)
		case st.State == Unknown:
			return problem(TryLater, "whether the certificate of %q was revoked is not known: %s", nameOf(c), st.Why)
		}
	}
	return nil
}

// reasons are the words for CRLReason (RFC 5280, 5.3.1).
var reasons = map[int]string{
	1: "the key was compromised", 2: "the authority was compromised", 3: "its owner changed", 4: "it was replaced", 5: "it was no longer needed",
	9: "a privilege was withdrawn",
}

func reasonOf(a *revocation.Answer) string {
	if text, ok := reasons[a.Reason]; ok {
		return " (" + text + ")"
	}
	return ""
}

// Extensions by which an issuer says that it will not revoke: ocsp-nocheck for
// responders (RFC 6960, 4.2.2.2.1), noRevAvail (RFC 9608) and ETSI's
// validity-assured short-term (EN 319 412-1, 5.2).
var (
	oidNoCheck   = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 5}
	oidNoRevoke  = asn1.ObjectIdentifier{2, 5, 29, 56}
	oidShortTerm = asn1.ObjectIdentifier{0, 4, 0, 194121, 2, 1}
)

func has(c *x509.Certificate, oid asn1.ObjectIdentifier) bool {
	return slices.ContainsFunc(c.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(oid) })
}

func unrevocable(c *x509.Certificate) bool { return has(c, oidNoRevoke) || has(c, oidShortTerm) }

// Unrevocable tells whether a certificate's issuer says that it will not revoke it.
func Unrevocable(c *x509.Certificate) bool { return unrevocable(c) || has(c, oidNoCheck) }

// maxDepth bounds responders whose certificates need answers themselves.
const maxDepth = 3

// status finds the newest answer about a certificate of a path that counts for its
// use at a time.
func (j *Judge) status(path []Link, i int, at time.Time, depth int) Status {
	c, issuer := path[i].Certificate, path[i+1].Certificate
	if unrevocable(c) || depth > 0 && has(c, oidNoCheck) {
		return Status{State: Spared}
	}
	st := j.atHand(c, issuer, path[i+1:], at, depth)
	if st.State != Unknown {
		return st
	}
	if len(c.OCSPServer)+len(c.CRLDistributionPoints) == 0 {
		if !j.RequireRevocation && st.Why == "" {
			return Status{State: Spared, Why: fmt.Sprintf("the certificate of %q names nobody who would tell of its revocation", nameOf(c))}
		}
		if st.Why == "" {
			st.Why = "it names nobody who would tell, and no answer is at hand"
		}
		return st
	}
	if j.Fetch == nil {
		j.want(c, issuer)
		if st.Why == "" {
			st.Why = "no answer is at hand, and none was fetched"
		}
		return st
	}
	if err := j.fetchStatus(c, issuer); err != nil {
		st.Why = err.Error()
		return st
	}
	again := j.atHand(c, issuer, path[i+1:], at, depth)
	if again.State == Unknown && again.Why == "" {
		again.Why = "what was fetched says nothing that counts"
	}
	return again
}

// fetchStatus asks the fetcher, once for each certificate.
func (j *Judge) fetchStatus(c, issuer *x509.Certificate) error {
	key := fingerprint(c)
	key[0] ^= 0xFF // apart from the search for issuers
	if err, done := j.asked[key]; done {
		return err
	}
	e, err := j.Fetch.Status(j.ctx, c, issuer)
	j.asked[key] = err
	if err == nil {
		for _, der := range e.Certs {
			if c, err := x509.ParseCertificate(der); err == nil {
				j.Know(c)
			}
		}
		j.Evidence("asked just now", e.OCSPs, e.CRLs)
	}
	return err
}

// atHand looks through the evidence at hand. above is the path from the issuer on.
func (j *Judge) atHand(c, issuer *x509.Certificate, above []Link, at time.Time, depth int) Status {
	best := Status{State: Unknown}
	for _, list := range [][]evidence{j.ocsps, j.crls} {
		for k := range list {
			e := &list[k]
			if e.crl != nil && !e.crl.Of(c) {
				continue
			}
			a, err := e.about(c, issuer)
			if err != nil {
				continue
			}
			why, late := j.counts(a, c, issuer, above, at, depth)
			if why != "" {
				if best.Answer == nil {
					best.Why, best.Late = why, late
				}
				continue
			}
			if best.Answer != nil && !a.ThisUpdate.After(best.Answer.ThisUpdate) {
				continue
			}
			best = Status{State: Good, Answer: a, From: e.from}
			if a.Revoked && !a.RevokedAt.After(at) {
				best.State = Revoked
			}
		}
	}
	return best
}

// counts tells why an answer says nothing about the use of a certificate at a time;
// "" where it does. late: only a proof that the answer is older would help.
func (j *Judge) counts(a *revocation.Answer, c, issuer *x509.Certificate, above []Link, at time.Time, depth int) (why string, late bool) {
	next := a.NextUpdate
	if next.IsZero() {
		next = a.ThisUpdate.Add(j.MaxAge)
	}
	since := j.POE.Of(a.DER)
	kind := "the list"
	if a.OCSP {
		kind = "the answer"
	}
	switch {
	case a.ThisUpdate.After(j.Now.Add(j.Skew)):
		return fmt.Sprintf("%s is from the future, %s", kind, moment(a.ThisUpdate)), false
	case a.ThisUpdate.Add(j.Skew).Before(c.NotBefore):
		return kind + " is older than the certificate", false
	case !a.Speaks(c):
		return kind + " is from after the certificate's end, when it may not be told of any more", false
	case at.After(next.Add(j.Skew)):
		return fmt.Sprintf("%s was to be replaced on %s, before the certificate was used", kind, moment(next)), false
	case since.After(a.Signer.NotAfter) && !j.Trusts(a.Signer):
		return fmt.Sprintf("%s is proven only for %s, when its signer's certificate had run out", kind, moment(since)), true
	}
	if p := Reliable(a.Signer.PublicKey, a.How.Hash, since, j.Now, kind); p != nil {
		return p.Reason, true
	}
	if a.Signer.Equal(issuer) {
		return "", false
	}
	if depth == maxDepth {
		return "responders lead to responders without end", false
	}
	responder := append([]Link{{Certificate: a.Signer}}, above...)
	switch st := j.status(responder, 0, a.ProducedAt, depth+1); st.State {
	case Revoked:
		return "the responder's certificate was revoked", false
	case Unknown:
		return "whether the responder's certificate was revoked is not known: " + st.Why, false
	}
	return "", false
}

// Trusts tells whether a certificate is itself an anchor.
func (j *Judge) Trusts(c *x509.Certificate) bool {
	_, ok := trust.Find(j.Trust, c)
	return ok
}
