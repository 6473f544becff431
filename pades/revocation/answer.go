package revocation

import (
	"crypto/x509"
	"time"

	"github.com/paraph/paraph/pades/internal/cms"
)

// Answer is what an OCSP answer or a CRL says of one certificate. Whoever reads
// it has verified its signature and that its signer may speak; when it counts is
// for the caller to judge.
type Answer struct {
	DER    []byte // the whole OCSP answer or CRL
	OCSP   bool   // else it is a CRL
	Signer *x509.Certificate
	How    cms.Algorithm // of the answer's signature

	ThisUpdate time.Time
	NextUpdate time.Time // zero: not said
	ProducedAt time.Time // of a CRL: ThisUpdate

	Revoked   bool
	RevokedAt time.Time
	Reason    int // CRLReason (RFC 5280, 5.3.1)
	// Reports is the earliest end of a certificate that is still reported after it
	// has run out (archiveCutoff, expiredCertsOnCRL); zero: those may be left out.
	Reports time.Time
}

// onHold is the reason of a revocation that may be taken back.
const onHold = 6

// OnHold tells whether the revocation may be taken back.
func (a *Answer) OnHold() bool { return a.Revoked && a.Reason == onHold }

// Speaks tells whether the answer knows of a certificate that had run out when it
// was given.
func (a *Answer) Speaks(c *x509.Certificate) bool {
	return !a.ThisUpdate.After(c.NotAfter) || !a.Reports.IsZero() && !a.Reports.After(c.NotAfter)
}
