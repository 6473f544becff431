package pades

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/paraph/paraph/pades/trust"
	"github.com/paraph/paraph/pades/tsp"
	"github.com/paraph/paraph/pades/validation"
)

// readStamps reads the timestamps inside a signature and checks their cryptography.
func (v *verifier) readStamps(f *found) {
	tokens, err := f.cms.Timestamps()
	if err != nil {
		f.checks.fail(CheckTimestamp, err.Error())
		return
	}
	for _, der := range tokens {
		s := &stamp{}
		f.stamps = append(f.stamps, s)
		if s.token, err = tsp.ParseAny(der); err == nil {
			s.report.Time = s.token.Time
			h := s.token.Hash.New()
			h.Write(f.cms.Value)
			var verified *tsp.Verification
			if verified, err = s.token.Verify(h.Sum(nil), tsp.VerifyOptions{Others: v.certificates()}); err == nil {
				s.signer, s.report.Authority = verified.Signer, verified.Signer.Subject.CommonName
				continue
			}
		}
		// A token that is not of this signature was put there by somebody.
		sub := tokenSub(err)
		s.report.Indication, s.report.Sub, s.report.Message = sub.Indication(), sub, err.Error()
		f.checks.failAs(CheckTimestamp, validation.ConstraintsFailure, "a timestamp inside the signature is not one of it: "+err.Error())
	}
}

// judgeStamps judges the timestamps inside a signature; those that pass prove when
// the signature was there.
func (v *verifier) judgeStamps(j *validation.Judge, f *found) {
	at := j.POE.Of(f.value)
	for _, s := range f.stamps {
		if s.signer == nil {
			continue
		}
		s.result = j.Certificate(s.signer, trust.Stamping, at, at.Before(j.Now))
		p := s.result.Problem
		if p == nil {
			p = weakToken(j, s.token, s.signer, at)
		}
		if p == nil && s.token.Time.After(at.Add(maxSkew)) {
			p = &validation.Problem{Sub: validation.TimestampOrder, Reason: fmt.Sprintf("it says %s, but the signature is proven for %s already", moment(s.token.Time), moment(at))}
		}
		if p != nil {
			s.report.Indication, s.report.Sub, s.report.Message = p.Sub.Indication(), p.Sub, p.Reason
			f.checks.note(CheckTimestamp, "a timestamp inside the signature does not count: "+p.Reason)
			continue
		}
		s.report.Indication = validation.TotalPassed
		s.report.Message = "the signature is proven to have been there on " + moment(s.token.Time)
		f.checks.ok(CheckTimestamp, s.report.Message)
		j.POE.Prove(f.value, s.token.Time)
		j.POE.Prove(f.cert.Raw, s.token.Time) // which the signed attributes name
		f.prove(s.token.Time, "signature-timestamp")
	}
	for _, s := range f.stamps {
		f.report.Timestamps = append(f.report.Timestamps, s.report)
	}
	if at.Before(j.Now) {
		f.prove(at, "document-timestamp")
	}
}

// prove notes since when a signature is proven to have been there.
func (f *found) prove(at time.Time, by string) {
	if f.report.Proven.IsZero() || at.Before(f.report.Proven) {
		f.report.Proven, f.report.By = at, by
	}
}

// judgeSignature judges the signer's certificate at the time for which the signature
// is proven (EN 319 102-1, 5.5.4 and 5.6.2).
func (v *verifier) judgeSignature(j *validation.Judge, f *found) {
	at, proven := j.Now, false
	if !f.report.Proven.IsZero() {
		at, proven = f.report.Proven, true
	}
	if problem := usage(f.cert); problem != "" {
		f.checks.fail(CheckKeyUsage, problem)
	} else {
		f.checks.ok(CheckKeyUsage, "the certificate is for signing documents")
	}
	v.claimedTime(f, at)
	r := j.Certificate(f.cert, trust.Signing, at, proven)
	f.report.Chain = chainReport(r)
	if r.Problem != nil {
		f.failed(r.Problem)
	} else {
		f.chainPassed(r, at)
		f.report.Qualification = qualification(r, f.cert, at)
	}
	if p := validation.Reliable(f.cert.PublicKey, f.cms.Hash, at, j.Now, "the signature"); p != nil {
		f.checks.failAs(CheckAlgorithm, p.Sub, p.Reason)
	} else if r.Problem == nil {
		f.checks.ok(CheckAlgorithm, "what it was made with is to be relied on")
	}
}

// claimSlack is how far the claimed time may be off: it may be in local time.
const claimSlack = 24 * time.Hour

// claimedTime compares what the signer claims with what is known.
func (v *verifier) claimedTime(f *found, at time.Time) {
	m := f.report.Time
	switch {
	case m.IsZero():
	case m.After(at.Add(claimSlack)):
		f.checks.fail(CheckTime, fmt.Sprintf("the signer claims to have signed on %s, but the signature was there on %s", moment(m), moment(at)))
	case m.Before(f.cert.NotBefore.Add(-claimSlack)):
		f.checks.fail(CheckTime, fmt.Sprintf("the signer claims to have signed on %s, before the certificate was made on %s", moment(m), moment(f.cert.NotBefore)))
	default:
		f.checks.ok(CheckTime, "the time that the signer claims is possible")
	}
}

// failed notes a problem of the certificates under the check that it belongs to. A
// status that nobody was asked for is a check that was not made.
func (f *found) failed(p *validation.Problem) {
	switch p.Sub {
	case validation.TryLater:
		f.checks.notRun(CheckRevocation, p.Reason)
	case validation.RevokedNoPOE, validation.RevokedCANoPOE, validation.RevocationOutNoPOE:
		f.checks.failAs(CheckRevocation, p.Sub, p.Reason)
	case validation.CryptoConstraints, validation.CryptoNoPOE:
		f.checks.failAs(CheckAlgorithm, p.Sub, p.Reason)
	default:
		f.checks.failAs(CheckCertificate, p.Sub, p.Reason)
	}
}

// chainPassed says where the path leads and what is known of revocation.
func (f *found) chainPassed(r *validation.Result, at time.Time) {
	f.checks.ok(CheckCertificate, fmt.Sprintf("the certificate leads to %q, trusted by %s, and was valid on %s",
		r.Anchor.Certificate.Subject.CommonName, r.Anchor.From, moment(at)))
	var good []string
	for _, l := range r.Path {
		if l.Status.State == validation.Good {
			good = append(good, fmt.Sprintf("%s by %s", l.Certificate.Subject.CommonName, answeredBy(l.Status)))
		}
	}
	if len(good) > 0 {
		f.checks.ok(CheckRevocation, "not revoked: "+strings.Join(good, "; "))
	}
	for _, n := range r.Notes {
		f.checks.note(CheckRevocation, n)
	}
}

func answeredBy(s validation.Status) string {
	if s.Answer == nil {
		return ""
	}
	kind := "CRL"
	if s.Answer.OCSP {
		kind = "OCSP"
	}
	return kind + ", " + s.From
}

func chainReport(r *validation.Result) []CertificateReport {
	var list []CertificateReport
	for i, l := range r.Path {
		sum := sha256.Sum256(l.Certificate.Raw)
		c := CertificateReport{
			Subject: l.Certificate.Subject.String(), Serial: l.Certificate.SerialNumber.Text(16), SHA256: hex.EncodeToString(sum[:]),
			NotBefore: l.Certificate.NotBefore.UTC(), NotAfter: l.Certificate.NotAfter.UTC(),
			Revocation: l.Status.State, AnsweredBy: answeredBy(l.Status),
		}
		if l.Status.Answer != nil {
			c.AnsweredAt = l.Status.Answer.ThisUpdate
		}
		if i == len(r.Path)-1 && r.Anchor != nil {
			c.TrustedBy = r.Anchor.From
		}
		list = append(list, c)
	}
	return list
}

// Extended key usages for documents beside e-mail: RFC 9336, Microsoft, Adobe.
var documentUsages = []asn1.ObjectIdentifier{
	{1, 3, 6, 1, 5, 5, 7, 3, 36}, {1, 3, 6, 1, 4, 1, 311, 10, 3, 12}, {1, 2, 840, 113583, 1, 1, 5},
}

// usage tells why a certificate is not for signing documents, or "".
func usage(c *x509.Certificate) string {
	if c.IsCA && c.KeyUsage == 0 {
		return "the certificate is that of an authority and does not say that it signs documents"
	}
	if c.KeyUsage != 0 && c.KeyUsage&(x509.KeyUsageDigitalSignature|x509.KeyUsageContentCommitment) == 0 {
		return "the certificate's key is not for signatures"
	}
	if len(c.ExtKeyUsage)+len(c.UnknownExtKeyUsage) == 0 {
		return ""
	}
	for _, u := range c.ExtKeyUsage {
		if u == x509.ExtKeyUsageAny || u == x509.ExtKeyUsageEmailProtection || u == x509.ExtKeyUsageClientAuth {
			return ""
		}
	}
	for _, u := range c.UnknownExtKeyUsage {
		for _, known := range documentUsages {
			if u.Equal(known) {
				return ""
			}
		}
	}
	return "the certificate's extended key usage is for something else than documents"
}
