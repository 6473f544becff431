package pades

import (
	"crypto/x509"
	"time"

	"github.com/paraph/paraph/pades/validation"
)

// qualification asks the anchor what trusted lists make of the certificate.
func qualification(r *validation.Result, c *x509.Certificate, at time.Time) *Qualification {
	q, ok := r.Anchor.About.(interface {
		Qualify(c *x509.Certificate, at time.Time) (level, meaning string, reasons []string)
	})
	if !ok {
		return nil
	}
	level, meaning, reasons := q.Qualify(c, at)
	return &Qualification{level, meaning, reasons}
}
