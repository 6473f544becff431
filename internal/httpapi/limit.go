package httpapi

import (
	"fmt"
	"math"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/fault"
)

// maxCallers bounds the memory of a limiter; beyond it, idle callers are dropped.
const maxCallers = 10_000

// Limiter counts requests by who sends them, each caller apart: nobody's flood takes
// another's place. It counts those of one process. Clients and addresses are counted
// apart too, so that a flood from many addresses does not make it forget clients.
type Limiter struct {
	limits             access.RequestLimits // of a client, by class
	address            access.RequestLimit
	clients, addresses callers
}

// NewLimiter makes a Limiter: limits for each client by class, and one for what comes
// without a credential, by address.
func NewLimiter(limits access.RequestLimits, address access.RequestLimit) *Limiter {
	return &Limiter{limits: limits, address: address, clients: callers{all: map[string]*counted{}}, addresses: callers{all: map[string]*counted{}}}
}

// Enter takes a place for a request of a client, and says in the headers how many are
// left; own is what its profile says. leave gives the place back, and is never nil.
// Faults TooMany "rate_limited", "too_many_at_once".
func (l *Limiter) Enter(h http.Header, client string, own access.RequestLimits, class access.Class, now time.Time) (leave func(), err error) {
	return l.clients.enter(h, client, string(class), own.Over(l.limits, class), now)
}

// Charge counts n more requests of a client, which may leave it in debt: a batch that
// was let in is carried out, and its sender then waits the longer.
func (l *Limiter) Charge(client string, own access.RequestLimits, class access.Class, n int, now time.Time) {
	limit := own.Over(l.limits, class)
	if limit.PerSecond <= 0 {
		return
	}
	l.clients.mu.Lock()
	defer l.clients.mu.Unlock()
	one := l.clients.of(string(class)+" "+client, limit, now)
	for n > 0 {
		piece := min(n, limit.Burst)
		if piece < 1 || !one.bucket.ReserveN(now, piece).OK() {
			return
		}
		n -= piece
	}
}

// FromAddress takes a place for a request from an address; IPv6 addresses count by
// their /64, of which everybody has one. Fault TooMany "rate_limited".
func (l *Limiter) FromAddress(h http.Header, address string, now time.Time) error {
	_, err := l.addresses.enter(h, networkOf(address), "address", l.address, now)
	return err
}

// networkOf gives what an address is counted by.
func networkOf(address string) string {
	addr, err := netip.ParseAddr(address)
	if err != nil || addr.Unmap().Is4() {
		return address
	}
	if p, err := addr.WithZone("").Prefix(64); err == nil {
		return p.String()
	}
	return address
}

// callers counts requests by caller and class.
type callers struct {
	mu  sync.Mutex
	all map[string]*counted
}

type counted struct {
	bucket *rate.Limiter
	inside int
}

func (c *callers) enter(h http.Header, who, class string, limit access.RequestLimit, now time.Time) (leave func(), err error) {
	if limit == (access.RequestLimit{}) {
		return func() {}, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	one := c.of(class+" "+who, limit, now)
	if limit.AtOnce > 0 && one.inside >= limit.AtOnce {
		announce(h, class, limit, one, now)
		f := fault.New(fault.TooMany, "too_many_at_once", "%d requests of this kind are being answered for this client, which is as many as there may be. Wait until one is done.", limit.AtOnce)
		f.RetryAfter = time.Second
		return func() {}, f
	}
	ok := limit.PerSecond <= 0 || one.bucket.AllowN(now, 1)
	announce(h, class, limit, one, now)
	if !ok {
		f := fault.New(fault.TooMany, "rate_limited", "Too many requests: there may be %g of this kind in a second. Wait as long as Retry-After says.", limit.PerSecond)
		f.RetryAfter = max(time.Duration((1-one.bucket.TokensAt(now))/limit.PerSecond*float64(time.Second)), time.Second)
		return func() {}, f
	}
	one.inside++
	return sync.OnceFunc(func() {
		c.mu.Lock()
		one.inside--
		c.mu.Unlock()
	}), nil
}

// announce says in the headers what the limits are and what is left of them
// (draft-ietf-httpapi-ratelimit-headers-10).
func announce(h http.Header, class string, limit access.RequestLimit, one *counted, now time.Time) {
	var policies, left []string
	if limit.PerSecond > 0 {
		tokens := one.bucket.TokensAt(now)
		refill := math.Ceil(math.Max(0, float64(limit.Burst)-tokens) / limit.PerSecond)
		policies = append(policies, fmt.Sprintf(`"%s";q=%d;w=%d`, class, limit.Burst, int(math.Ceil(float64(limit.Burst)/limit.PerSecond))))
		left = append(left, fmt.Sprintf(`"%s";r=%d;t=%d`, class, int(math.Max(0, tokens)), int(refill)))
	}
	if limit.AtOnce > 0 {
		policies = append(policies, fmt.Sprintf(`"%s-at-once";q=%d;qu="concurrent-requests"`, class, limit.AtOnce))
		left = append(left, fmt.Sprintf(`"%s-at-once";r=%d`, class, max(0, limit.AtOnce-one.inside-1)))
	}
	h.Set("RateLimit-Policy", strings.Join(policies, ", "))
	h.Set("RateLimit", strings.Join(left, ", "))
}

// of gives what is known of a caller, under the limit that it has now.
func (c *callers) of(name string, limit access.RequestLimit, now time.Time) *counted {
	one := c.all[name]
	if one == nil {
		if len(c.all) >= maxCallers {
			c.forget(now)
		}
		one = &counted{bucket: rate.NewLimiter(rate.Limit(limit.PerSecond), limit.Burst)}
		c.all[name] = one
	}
	if one.bucket.Limit() != rate.Limit(limit.PerSecond) || one.bucket.Burst() != limit.Burst {
		one.bucket.SetLimitAt(now, rate.Limit(limit.PerSecond))
		one.bucket.SetBurstAt(now, limit.Burst)
	}
	return one
}

// forget drops those who are as good as new; all, where everybody is busy: it forgets
// rather than grows. Who is inside keeps what it has to give back.
func (c *callers) forget(now time.Time) {
	for name, one := range c.all {
		if one.inside == 0 && one.bucket.TokensAt(now) >= float64(one.bucket.Burst()) {
			delete(c.all, name)
		}
	}
	if len(c.all) >= maxCallers {
		clear(c.all)
	}
}
