package httpapi

import (
	"fmt"
	"math"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/paraph/paraph/internal/fault"
)

// Rate is how many requests one client may send.
type Rate struct {
	PerSecond float64 // lasting; below 0: without limit
	Burst     int     // at once
}

// DefaultRate is the rate where nothing is configured.
var DefaultRate = Rate{PerSecond: 100, Burst: 400}

// maxBuckets bounds the memory of a limiter; beyond it, idle buckets are dropped.
const maxBuckets = 10_000

// limiter is a token bucket per caller.
type limiter struct {
	rate    Rate
	mu      sync.Mutex
	buckets map[string]*rate.Limiter
}

func newLimiter(r Rate) *limiter { return &limiter{rate: r, buckets: map[string]*rate.Limiter{}} }

// allow takes one request out of the caller's bucket and says in the headers
// (draft-ietf-httpapi-ratelimit-headers) how many are left. Fault TooMany "rate_limited".
func (l *limiter) allow(h http.Header, caller string, now time.Time) error {
	if l.rate.PerSecond < 0 {
		return nil
	}
	b := l.bucket(caller, now)
	ok := b.AllowN(now, 1)
	left := b.TokensAt(now)
	refill := math.Ceil(math.Max(0, float64(l.rate.Burst)-left) / l.rate.PerSecond)
	h.Set("RateLimit-Policy", fmt.Sprintf(`"client";q=%d;w=%d`, l.rate.Burst, int(math.Ceil(float64(l.rate.Burst)/l.rate.PerSecond))))
	h.Set("RateLimit", fmt.Sprintf(`"client";r=%d;t=%d`, int(math.Max(0, left)), int(refill)))
	if ok {
		return nil
	}
	f := fault.New(fault.TooMany, "rate_limited", "Too many requests: this client may send %g a second. Wait as long as Retry-After says.", l.rate.PerSecond)
	f.RetryAfter = max(time.Duration((1-left)/l.rate.PerSecond*float64(time.Second)), time.Second)
	return f
}

// charge takes n more requests out of the caller's bucket, which may leave it in
// debt: a batch that was let in is carried out, and its sender then waits the longer.
func (l *limiter) charge(caller string, n int, now time.Time) {
	if l.rate.PerSecond < 0 {
		return
	}
	b := l.bucket(caller, now)
	for n > 0 {
		piece := min(n, l.rate.Burst)
		if piece < 1 || !b.ReserveN(now, piece).OK() {
			return
		}
		n -= piece
	}
}

func (l *limiter) bucket(caller string, now time.Time) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	if b := l.buckets[caller]; b != nil {
		return b
	}
	if len(l.buckets) >= maxBuckets {
		for name, b := range l.buckets {
			if b.TokensAt(now) >= float64(l.rate.Burst) { // full: as good as new
				delete(l.buckets, name)
			}
		}
	}
	if len(l.buckets) >= maxBuckets { // everybody is busy: forget rather than grow
		clear(l.buckets)
	}
	b := rate.NewLimiter(rate.Limit(l.rate.PerSecond), l.rate.Burst)
	l.buckets[caller] = b
	return b
}
