package service

import (
	"crypto/sha256"
	"sync"
	"time"
)

// vouchers remembers which devices were found to be vouched for, so that a request does
// not pay again for signatures that were checked already. What a rule's roots, a chain of
// certificates, or what is kept of a passkey say is a matter of their bytes and of the
// time, so a rule, certificate or passkey that is changed is judged anew at once. Only
// what was found good is remembered: whoever is refused cannot fill it.
type vouchers struct {
	mu    sync.Mutex
	known map[vouched]voucher
}

// vouched is what was judged, and by which demand.
type vouched struct {
	roots, models string
	by            [sha256.Size]byte // the device's own
}

// voucher is the outcome, and from when until when it holds; why is "" where it is good.
type voucher struct {
	because, why string
	from, until  time.Time
}

const (
	maxVouchers = 10_000
	// attestationHolds is how long a passkey's make is believed: the library judges the
	// makers' certificates, and does not say how long they hold.
	attestationHolds = time.Minute
)

// of gives the outcome that is remembered, or judges.
func (k *vouchers) of(what vouched, now time.Time, judge func() voucher) (because, why string) {
	k.mu.Lock()
	v, ok := k.known[what]
	k.mu.Unlock()
	if ok && !now.Before(v.from) && !now.After(v.until) {
		return v.because, ""
	}
	if v = judge(); v.why != "" {
		return v.because, v.why
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.known == nil || len(k.known) >= maxVouchers {
		k.known = map[vouched]voucher{}
	}
	k.known[what] = v
	return v.because, ""
}

// digestOf is SHA-256 over texts, each with its length before it.
func digestOf(texts ...[]byte) (out [sha256.Size]byte) {
	h := sha256.New()
	for _, t := range texts {
		n := len(t)
		h.Write([]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
		h.Write(t)
	}
	return [sha256.Size]byte(h.Sum(nil))
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
