package validation

import (
	"crypto/sha256"
	"time"
)

// POE are proofs of existence (EN 319 102-1, 5.6.2): since when the bytes of
// signatures, certificates and answers are proven to have been there. Everything is
// proven for the time of the validation.
type POE struct {
	now time.Time
	at  map[[32]byte]time.Time
}

// NewPOE begins with what is there now.
func NewPOE(now time.Time) *POE { return &POE{now, map[[32]byte]time.Time{}} }

// Prove notes that the bytes were there at a time.
func (p *POE) Prove(b []byte, at time.Time) {
	key := sha256.Sum256(b)
	if old, ok := p.at[key]; !ok || at.Before(old) {
		p.at[key] = at
	}
}

// Of gives since when the bytes are proven to have been there.
func (p *POE) Of(b []byte) time.Time {
	if at, ok := p.at[sha256.Sum256(b)]; ok && at.Before(p.now) {
		return at
	}
	return p.now
}
