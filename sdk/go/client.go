package paraph

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	mrand "math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Config says which server to speak to, and as whom.
type Config struct {
	URL          string       // of the server, without a path behind its root
	ClientID     string       // of an OAuth 2 client; empty: only what needs no token
	ClientSecret string       //
	Scopes       []string     // to narrow the tokens to; nil: all the client has
	HTTP         *http.Client // nil: one with sensible limits
	Retries      int          // repeats of a request at most; 0: 4; below 0: none
	UserAgent    string       // put before the SDK's own name
}

// Client speaks with one server as one OAuth client. It may be used from many
// goroutines.
type Client struct {
	base    *url.URL
	http    *http.Client
	retries int
	agent   string
	tokens  tokens
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
	out := &Client{base: base, http: c.HTTP, retries: c.Retries, agent: strings.TrimSpace(c.UserAgent + " paraph-go/1"), pause: pause, now: time.Now}
	if out.http == nil {
		out.http = &http.Client{Transport: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
			TLSHandshakeTimeout:   10 * time.Second,
			ResponseHeaderTimeout: 100 * time.Second, // the longest wait the API knows is 60 s
			IdleConnTimeout:       90 * time.Second,
			ForceAttemptHTTP2:     true,
			MaxIdleConnsPerHost:   16,
		}}
	}
	switch {
	case c.Retries == 0:
		out.retries = 4
	case c.Retries < 0:
		out.retries = 0
	}
	out.tokens = tokens{id: c.ClientID, secret: c.ClientSecret, scope: strings.Join(c.Scopes, " "), place: make(lock, 1)}
	return out, nil
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

// request is one call, ready to be sent more than once.
type request struct {
	method, path string
	query        url.Values
	header       http.Header
	body         func() (io.Reader, error) // a fresh reader for each attempt; nil: no body
	length       int64                     // of the body; -1: unknown
	once         bool                      // the body can be read a single time
	open         bool                      // needs no token
	fault        *readFault                // of the caller's own reader
}

// readFault keeps the error of a caller's reader, which no repeat can mend.
type readFault struct {
	io.Reader
	err error
}

func (r *readFault) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		r.err = err
	}
	return n, err
}

// newKey names a writing request.
func newKey() string { return rand.Text() }

// do sends a request, again where that may help, and gives an answer below 400.
// The caller closes its body.
func (c *Client) do(ctx context.Context, r *request) (*http.Response, error) {
	if r.header == nil {
		r.header = http.Header{}
	}
	if r.method != http.MethodGet && r.header.Get("Idempotency-Key") == "" {
		r.header.Set("Idempotency-Key", keyOf(ctx))
	}
	renewed := false
	for attempt := 0; ; attempt++ {
		res, err := c.send(ctx, r)
		wait, again := c.retry(err, attempt)
		var p *Problem
		if errors.As(err, &p) && p.Status == http.StatusUnauthorized && !r.open && !renewed && !r.once {
			c.tokens.forget(p.token)
			renewed, again, wait = true, true, 0
		}
		if err == nil || !again || ctx.Err() != nil || r.once && r.body != nil || r.fault != nil && r.fault.err != nil {
			return res, err
		}
		if perr := c.pause(ctx, wait); perr != nil {
			return nil, errors.Join(perr, err)
		}
	}
}

// retry tells whether a request that failed should be sent again, and when.
func (c *Client) retry(err error, attempt int) (time.Duration, bool) {
	if err == nil || attempt >= c.retries {
		return 0, false
	}
	wait := backoff(attempt)
	var p *Problem
	if errors.As(err, &p) {
		switch p.Status {
		case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			return max(wait, p.RetryAfter), true
		}
		return 0, false
	}
	var broken *connectionError
	return wait, errors.As(err, &broken)
}

// backoff doubles from 200 ms up to 10 s, with up to half of it by chance so
// that many clients do not come back at once.
func backoff(attempt int) time.Duration {
	d := min(200*time.Millisecond<<min(attempt, 10), 10*time.Second)
	return d/2 + mrand.N(d/2+1)
}

// connectionError is a request that got no answer.
type connectionError struct{ err error }

func (e *connectionError) Error() string { return "paraph: no answer: " + e.err.Error() }
func (e *connectionError) Unwrap() error { return e.err }

// send makes one attempt.
func (c *Client) send(ctx context.Context, r *request) (*http.Response, error) {
	var body io.Reader
	if r.body != nil {
		var err error
		if body, err = r.body(); err != nil {
			return nil, err
		}
		r.fault = &readFault{Reader: body}
		body = io.NopCloser(r.fault) // the caller's reader is the caller's to close
	}
	u, err := url.Parse(c.base.String() + r.path) // the path comes escaped
	if err != nil {
		return nil, err
	}
	u.RawQuery = r.query.Encode()
	req, err := http.NewRequestWithContext(ctx, r.method, u.String(), body)
	if err != nil {
		return nil, err
	}
	req.Header = r.header.Clone()
	if body != nil {
		req.ContentLength = r.length
		if r.length == 0 {
			req.Body = http.NoBody
		}
	}
	req.Header.Set("User-Agent", c.agent)
	token := ""
	if !r.open {
		if token, err = c.tokens.get(ctx, c); err != nil {
			return nil, err
		}
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, &connectionError{err}
	}
	if res.StatusCode >= 400 {
		defer res.Body.Close()
		p := problemOf(res, c.now())
		p.token = token
		return nil, p
	}
	return res, nil
}

// maxAnswer bounds a JSON answer, in bytes.
const maxAnswer = 64 << 20

// json sends in as JSON (nil: no body) and reads the answer into out (nil: the
// answer is not of interest).
func (c *Client) json(ctx context.Context, r *request, in, out any) error {
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("paraph: the request: %w", err)
		}
		r.body = func() (io.Reader, error) { return bytes.NewReader(raw), nil }
		r.length = int64(len(raw))
		if r.header == nil {
			r.header = http.Header{}
		}
		r.header.Set("Content-Type", "application/json")
	}
	for attempt := 0; ; attempt++ {
		res, err := c.do(ctx, r)
		if err != nil {
			return err
		}
		raw, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
		res.Body.Close()
		if err != nil { // the answer broke off: the same request gives it again
			err = &connectionError{err}
			wait, again := c.retry(err, attempt)
			if !again || ctx.Err() != nil {
				return err
			}
			if perr := c.pause(ctx, wait); perr != nil {
				return errors.Join(perr, err)
			}
			continue
		}
		if out == nil {
			return nil
		}
		if err := json.Unmarshal(raw, out); err != nil {
			return fmt.Errorf("paraph: the answer to %s %s: %w", r.method, r.path, err)
		}
		return nil
	}
}

func (c *Client) get(ctx context.Context, path string, query url.Values, out any) error {
	return c.json(ctx, &request{method: http.MethodGet, path: path, query: query}, nil, out)
}

func (c *Client) post(ctx context.Context, path string, in, out any) error {
	return c.json(ctx, &request{method: http.MethodPost, path: path}, in, out)
}

type keyName struct{}

// WithIdempotencyKey names the next writing request made with the context, for
// callers that keep their keys over a restart. One key serves one request.
func WithIdempotencyKey(ctx context.Context, key string) context.Context {
	return context.WithValue(ctx, keyName{}, key)
}

func keyOf(ctx context.Context) string {
	if key, ok := ctx.Value(keyName{}).(string); ok && key != "" {
		return key
	}
	return newKey()
}

// waitHeader asks the server to hold its answer back for so many seconds
// (RFC 7240 section 4.3).
func waitHeader(d time.Duration) http.Header {
	h := http.Header{}
	if s := int(d.Seconds()); s > 0 {
		h.Set("Prefer", "wait="+strconv.Itoa(min(s, 60)))
	}
	return h
}
