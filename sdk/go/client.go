package paraph

import (
	"context"
	"crypto/ecdsa"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Config says which server to speak to, and as whom.
type Config struct {
	URL          string            // of the server, without a path behind its root
	ClientID     string            // of an OAuth 2 client; empty: only what needs no token
	ClientSecret string            //
	Scopes       []string          // to narrow the tokens to; nil: all the client has
	Sessions     Sessions          // of a person who logged in; then no secret is needed
	DPoP         *ecdsa.PrivateKey // binds tokens to this P-256 key (RFC 9449); nil: bearer tokens
	HTTP         *http.Client      // nil: one with sensible limits
	Retries      int               // repeats of a request at most; 0: 4; below 0: none
	Backoff      time.Duration     // before the first repeat, doubling up to 10 s; 0: 200 ms
	Timeout      time.Duration     // of silence: without an answer, or between its bytes; 0: 100 s
	UserAgent    string            // put before the SDK's own name
}

// Defaults of Config. The longest wait that the API knows is 60 s.
const (
	defaultRetries = 4
	defaultBackoff = 200 * time.Millisecond
	defaultTimeout = 100 * time.Second
	mostBackoff    = 10 * time.Second
)

// Client speaks with one server as one OAuth client. It may be used from many
// goroutines.
type Client struct {
	base    *url.URL
	http    *http.Client
	retries int
	backoff time.Duration
	timeout time.Duration
	agent   string
	tokens  tokens
	proof   *prover                                          // nil: bearer tokens
	pause   func(ctx context.Context, d time.Duration) error // waits; replaced in tests
	now     func() time.Time
}

// New makes a client. It speaks with nobody yet.
func New(c Config) (*Client, error) {
	base, err := url.Parse(c.URL)
	if err != nil {
		return nil, fmt.Errorf("paraph: the server's URL: %w", err)
	}
	if base.Scheme != "http" && base.Scheme != "https" || base.Host == "" {
		return nil, fmt.Errorf("paraph: the server's URL %q is not an http or https URL", c.URL)
	}
	base.Path, base.RawPath, base.RawQuery, base.Fragment = strings.TrimRight(base.Path, "/"), "", "", ""
	out := &Client{
		base: base, http: client(c.HTTP), retries: c.Retries, backoff: c.Backoff, timeout: c.Timeout,
		agent: strings.TrimSpace(c.UserAgent + " paraph-go/1"), pause: pause, now: time.Now,
	}
	switch {
	case c.Retries == 0:
		out.retries = defaultRetries
	case c.Retries < 0:
		out.retries = 0
	}
	if out.backoff <= 0 {
		out.backoff = defaultBackoff
	}
	if out.timeout <= 0 {
		out.timeout = defaultTimeout
	}
	if c.DPoP != nil {
		if out.proof, err = newProver(c.DPoP); err != nil {
			return nil, err
		}
	}
	out.tokens = tokens{id: c.ClientID, secret: c.ClientSecret, scope: strings.Join(c.Scopes, " "), sessions: c.Sessions, place: make(lock, 1)}
	return out, nil
}

// client gives the HTTP client to use. It never follows a redirect: the API makes
// none, and a token must not go where an answer points.
func client(given *http.Client) *http.Client {
	out := http.Client{Transport: &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout: 10 * time.Second,
		IdleConnTimeout:     90 * time.Second,
		ForceAttemptHTTP2:   true,
		MaxIdleConnsPerHost: 16,
	}}
	if given != nil {
		out = *given
	}
	out.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &out
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
