package httpapi

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/oauth"
	"github.com/paraph/paraph/internal/service"
)

var limitStart = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

func TestLimiter(t *testing.T) {
	t.Parallel()
	l := NewLimiter(access.RequestLimits{access.Reads: {PerSecond: 2, Burst: 3}, access.Writes: {PerSecond: 1, Burst: 9, AtOnce: 2}, access.Waits: {AtOnce: 1}}, access.RequestLimit{PerSecond: 1, Burst: 2})
	now, h := limitStart, http.Header{}
	enter := func(who string, class access.Class) (func(), error) { return l.Enter(h, who, nil, class, now) }
	for i := range 3 {
		if _, err := enter("a", access.Reads); err != nil {
			t.Fatalf("request %d: %v", i, err)
		}
	}
	_, err := enter("a", access.Reads)
	if fault.CodeOf(err) != "rate_limited" || fault.From(err).RetryAfter < 500*time.Millisecond {
		t.Errorf("the fourth: %v", err)
	}
	if got := h.Get("RateLimit-Policy") + " " + h.Get("RateLimit"); got != `"reads";q=3;w=2 "reads";r=0;t=2` {
		t.Errorf("headers %s", got)
	}
	for _, other := range []struct {
		who   string
		class access.Class
	}{{"b", access.Reads}, {"a", access.Uploads}} {
		if _, err := enter(other.who, other.class); err != nil {
			t.Errorf("%v: %v", other, err)
		}
	}
	now = now.Add(time.Second)
	if _, err := enter("a", access.Reads); err != nil {
		t.Errorf("a second later: %v", err)
	}

	first, err1 := enter("a", access.Writes)
	second, err2 := enter("a", access.Writes)
	_, third := enter("a", access.Writes)
	if err1 != nil || err2 != nil || fault.CodeOf(third) != "too_many_at_once" || fault.From(third).RetryAfter == 0 {
		t.Errorf("at once: %v, %v, %v", err1, err2, third)
	}
	if got := h.Get("RateLimit-Policy") + " " + h.Get("RateLimit"); got != `"writes";q=9;w=9, "writes-at-once";q=2;qu="concurrent-requests" "writes";r=7;t=2, "writes-at-once";r=0` {
		t.Errorf("headers %s", got)
	}
	first()
	first() // giving back twice gives one place
	if _, err := enter("a", access.Writes); err != nil {
		t.Errorf("after one left: %v", err)
	}
	if _, err := enter("a", access.Writes); fault.CodeOf(err) != "too_many_at_once" {
		t.Errorf("one too many: %v", err)
	}
	second()

	own := access.RequestLimits{access.Reads: {Burst: 1}}
	if _, err := l.Enter(h, "c", own, access.Reads, now); err != nil {
		t.Error(err)
	}
	if _, err := l.Enter(h, "c", own, access.Reads, now); fault.CodeOf(err) != "rate_limited" {
		t.Errorf("its own limit is not held: %v", err)
	}
	if own.Exceed(l.limits) != "" || (access.RequestLimits{access.Reads: {PerSecond: 3}}).Exceed(l.limits) != access.Reads {
		t.Error("what exceeds the installation's limits is wrong")
	}
}

// TestLimiterForgets: its memory is bounded, and a flood of addresses makes it forget no client.
func TestLimiterForgets(t *testing.T) {
	t.Parallel()
	l := NewLimiter(access.RequestLimits{access.Reads: {PerSecond: 0.001, Burst: 1}}, access.RequestLimit{PerSecond: 2, Burst: 3})
	h := http.Header{}
	if _, err := l.Enter(h, "a", nil, access.Reads, limitStart); err != nil {
		t.Fatal(err)
	}
	for i := range 3 * maxCallers {
		if err := l.FromAddress(h, fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255), limitStart); err != nil {
			t.Fatal(err)
		}
	}
	if len(l.addresses.all) > maxCallers {
		t.Errorf("%d addresses are remembered", len(l.addresses.all))
	}
	if _, err := l.Enter(h, "a", nil, access.Reads, limitStart); err == nil {
		t.Error("a flood of addresses made it forget a client")
	}
}

// TestNetworks: an IPv6 address counts by its /64, another one by itself.
func TestNetworks(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"192.0.2.7": "192.0.2.7", "::ffff:192.0.2.7": "::ffff:192.0.2.7", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64", "2001:db8:1:2:ffff::1": "2001:db8:1:2::/64", "2001:db8:1:3::1": "2001:db8:1:3::/64",
		"fe80::1%eth0": "fe80::/64", "": "", "unix": "unix",
	} {
		if got := networkOf(address); got != want {
			t.Errorf("%q counts as %q, want %q", address, got, want)
		}
	}
}

// from sends as a proxy does that says where a request came from.
func (c *caller) from(address, method, path string) *answer {
	c.t.Helper()
	return c.send(method, path, nil, "X-Forwarded-For", address)
}

// TestFloods: a client's flood, of requests or of ones that last, takes nobody else's
// place; nor does an address that tries tokens, or another's client id.
func TestFloods(t *testing.T) {
	var limiter *Limiter
	onBoth(t, func(s *stack) {
		loud, calm := s.client("loud", nil, "documents:read", "events:read"), s.client("calm", nil, "documents:read", "events:read")
		for range 5 {
			loud.get("/v1/documents").want(200)
		}
		loud.get("/v1/documents").problem(429, "rate_limited")
		calm.get("/v1/documents").want(200)
		loud.get("/v1/search?q=x").want(200) // another class

		// One waits for an event; the second of the kind has no place.
		leave, err := limiter.Enter(http.Header{}, loud.id, nil, access.Waits, s.clock.Now())
		if err != nil {
			t.Fatal(err)
		}
		res := loud.get("/v1/events?latest=true&wait=1").problem(429, "too_many_at_once")
		if res.header.Get("Retry-After") == "" || !strings.Contains(res.header.Get("RateLimit-Policy"), `"waits-at-once";q=1;qu="concurrent-requests"`) {
			t.Errorf("%v", res.header)
		}
		calm.get("/v1/events?latest=true&wait=1").want(200)
		leave()
		loud.get("/v1/events?latest=true&wait=1").want(200)

		// Tokens that are tried cost the address, and only what is wrong does.
		guess := &caller{stack: s, token: "guess"}
		for range 3 {
			guess.from("192.0.2.1", "GET", "/v1/documents").problem(401, "invalid_token")
		}
		guess.from("192.0.2.1", "GET", "/v1/documents").problem(429, "rate_limited")
		calm.from("192.0.2.1", "GET", "/v1/documents").want(200)
		guess.from("192.0.2.2", "GET", "/v1/documents").problem(401, "invalid_token")
		nobody := &caller{stack: s}
		for range 3 {
			nobody.from("2001:db8::1", "GET", "/docs").want(200)
		}
		nobody.from("2001:db8::ffff", "GET", "/docs").problem(429, "rate_limited")
		nobody.from("2001:db8:0:1::1", "GET", "/docs").want(200)
	}, func(c *Config) {
		limiter = NewLimiter(access.RequestLimits{access.Reads: {PerSecond: 1, Burst: 5}, access.Waits: {AtOnce: 1}}, access.RequestLimit{PerSecond: 1, Burst: 3})
		c.Limiter = limiter
		c.Spared = oauth.MachinePaths()
	})
}

// TestGuessesLockNobodyOut: whoever guesses a client's secret, from one address, slows
// itself down and not the client.
func TestGuessesLockNobodyOut(t *testing.T) {
	onBoth(t, func(s *stack) {
		var made ClientSecret
		s.admin.post("/v1/clients", `{"name":"erp","principal":"erp","scopes":["documents:read"]}`).want(201).into(&made)
		try := func(address, secret string) int {
			form := url.Values{"grant_type": {"client_credentials"}, "client_id": {made.Client.ID}, "client_secret": {secret}}
			return (&caller{stack: s}).send("POST", oauth.TokenPath, strings.NewReader(form.Encode()), "Content-Type", "application/x-www-form-urlencoded", "X-Forwarded-For", address).status
		}
		slowed := 0
		for range 50 {
			switch try("192.0.2.66", "wrong") {
			case 401:
			case 429:
				slowed++
			default:
				t.Fatal("a wrong secret did something else")
			}
		}
		if slowed < 30 {
			t.Errorf("of 50 guesses %d were slowed down", slowed)
		}
		for _, address := range []string{"198.51.100.1", "192.0.2.66"} {
			if got := try(address, made.Secret); got != 200 {
				t.Errorf("the right secret from %s: %d", address, got)
			}
		}
	})
}

// TestOwnLimits: a client's own limits hold; to allow it more than the installation
// does takes whoever runs that.
func TestOwnLimits(t *testing.T) {
	onBoth(t, func(s *stack) {
		s.svc.RequestLimits = access.RequestLimits{access.Reads: {PerSecond: 10, Burst: 5, AtOnce: 3}}
		boss := s.client("boss", nil, "admin")
		var made ClientSecret
		boss.post("/v1/clients", `{"name":"slow","principal":"slow","scopes":["documents:read"],"request_limits":{"reads":{"burst":2}}}`).want(201).into(&made)
		boss.post("/v1/clients", `{"name":"x","principal":"x","scopes":["documents:read"],"request_limits":{"eats":{"burst":-2}}}`).problem(422, "invalid_client_request", "/request_limits", "/request_limits")
		boss.json("PATCH", "/v1/clients/"+made.Client.ID, `{"request_limits":{"reads":{"burst":50}}}`).problem(403, "above_installation")
		slow := s.caller(service.ClientSecret{Client: access.OAuthClient{ID: made.Client.ID}, Secret: made.Secret})
		for range 2 {
			slow.get("/v1/documents").want(200)
		}
		slow.get("/v1/documents").problem(429, "rate_limited")
		s.admin.json("PATCH", "/v1/clients/"+made.Client.ID, `{"request_limits":{"reads":{"burst":50}}}`).want(200)
	}, func(c *Config) {
		c.Limiter = NewLimiter(access.RequestLimits{access.Reads: {PerSecond: 10, Burst: 500}}, access.RequestLimit{})
	})
}
