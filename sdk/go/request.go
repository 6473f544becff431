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
	"net/http"
	"net/url"
	"strings"
	"time"
)

// request is one call, ready to be sent more than once.
type request struct {
	method, path string
	query        url.Values
	header       http.Header
	body         func() (io.Reader, error) // a fresh reader for each attempt; nil: no body
	length       int64                     // of the body; -1: unknown
	once         bool                      // the body can be read a single time
	open         bool                      // needs no token
	began        bool                      // an attempt has left for the server
	moved        bool                      // the attempt brought something that counts: the patience starts anew
	wait         time.Duration             // that the server may hold its answer back
	progress     func(done, total int64)
	base         int64      // bytes of the file that the server had before
	fault        *readFault // of the caller's own reader
}

// readFault keeps the error of a caller's reader, which no repeat can mend, and
// tells each piece that was read.
type readFault struct {
	io.Reader
	err  error
	note func(n int)
}

func (r *readFault) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		r.err = err
	}
	r.note(n)
	return n, err
}

// hopeless tells that no further attempt can be made.
func (r *request) hopeless() bool {
	return r.once && r.body != nil && r.began || r.fault != nil && r.fault.err != nil
}

// do sends a request, again where that may help. read takes an answer below 300; a
// connectionError of it is one more reason to repeat.
func (c *Client) do(ctx context.Context, r *request, options []Option, read func(*http.Response) error) error {
	if r.header == nil {
		r.header = http.Header{}
	}
	for _, o := range options {
		o(r)
	}
	if r.method != http.MethodGet && r.method != http.MethodHead && r.header.Get("Idempotency-Key") == "" {
		r.header.Set("Idempotency-Key", rand.Text())
	}
	renewed, nonces := false, 0
	for attempt := 0; ; attempt++ {
		r.moved = false
		err := c.try(ctx, r, read)
		if err == nil || ctx.Err() != nil || r.hopeless() {
			return err
		}
		if r.moved {
			attempt = 0
		}
		wait, again := c.retry(err, attempt)
		var p *Problem
		switch {
		case !errors.As(err, &p) || p.Status != http.StatusUnauthorized:
		case p.wantsNonce && nonces < 2:
			nonces++
			wait, again = 0, true
		case p.token != "" && !renewed:
			c.tokens.forget(p.token)
			renewed, wait, again = true, 0, true
		}
		if !again {
			return err
		}
		if perr := c.pause(ctx, wait); perr != nil {
			return errors.Join(perr, err)
		}
	}
}

// retry tells whether a request that failed should be sent again, and when.
func (c *Client) retry(err error, attempt int) (time.Duration, bool) {
	if attempt >= c.retries {
		return 0, false
	}
	wait := c.nap(attempt)
	var p *Problem
	if errors.As(err, &p) {
		switch p.Status {
		case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			return max(wait, p.RetryAfter), p.RetryAfter <= maxRetryAfter
		}
		return 0, false
	}
	var broken *ConnectionError
	return wait, errors.As(err, &broken)
}

// nap doubles from the first backoff up to 10 s, with up to half of it by chance so
// that many clients do not come back at once.
func (c *Client) nap(attempt int) time.Duration {
	d := min(c.backoff<<min(attempt, 10), mostBackoff)
	return d/2 + mrand.N(d/2+1)
}

// ConnectionError is a request that got no answer, or half of one.
type ConnectionError struct{ Err error }

func (e *ConnectionError) Error() string { return "paraph: no whole answer: " + e.Err.Error() }
func (e *ConnectionError) Unwrap() error { return e.Err }

// ErrTimeout is the reason of a ConnectionError where the other side was silent for
// longer than Config.Timeout.
var ErrTimeout = errors.New("the server was silent for too long")

// watch ends an attempt that nothing moves for a while.
type watch struct {
	timer    *time.Timer
	patience time.Duration
	ctx      context.Context
	cancel   context.CancelCauseFunc
}

func newWatch(ctx context.Context, patience time.Duration) *watch {
	w := &watch{patience: patience}
	w.ctx, w.cancel = context.WithCancelCause(ctx)
	w.timer = time.AfterFunc(patience, func() { w.cancel(ErrTimeout) })
	return w
}

func (w *watch) moved() { w.timer.Reset(w.patience) }
func (w *watch) end()   { w.timer.Stop(); w.cancel(nil) }
func (w *watch) why(err error) error {
	if errors.Is(context.Cause(w.ctx), ErrTimeout) {
		err = ErrTimeout
	}
	return &ConnectionError{err}
}

// try makes one attempt, with a token, and reads the answer.
func (c *Client) try(ctx context.Context, r *request, read func(*http.Response) error) error {
	token := ""
	if !r.open {
		var err error
		if token, err = c.tokens.get(ctx, c); err != nil {
			return err
		}
	}
	w := newWatch(ctx, c.timeout+r.wait)
	defer w.end()
	req, err := c.request(w, r, token)
	if err != nil {
		return err
	}
	r.began = true
	res, err := c.http.Do(req)
	if err != nil {
		return w.why(err)
	}
	defer res.Body.Close()
	w.moved()
	res.Body = &watched{ReadCloser: res.Body, watch: w}
	c.proof.note(res)
	if res.StatusCode >= 300 {
		p := problemOf(res, c.now())
		p.token = token
		return p
	}
	return read(res)
}

// watched is an answer's body under a watch.
type watched struct {
	io.ReadCloser
	*watch
}

func (b *watched) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.moved()
	if err != nil && err != io.EOF {
		err = b.why(err)
	}
	return n, err
}

// request builds the attempt's HTTP request.
func (c *Client) request(w *watch, r *request, token string) (*http.Request, error) {
	var body io.Reader
	if r.body != nil {
		var err error
		if body, err = r.body(); err != nil {
			return nil, err
		}
		var done int64
		r.fault = &readFault{Reader: body, note: func(n int) {
			w.moved()
			if done += int64(n); r.progress != nil && n > 0 {
				r.progress(r.base+done, max(-1, r.base+r.length))
			}
		}}
		body = io.NopCloser(r.fault) // the caller's reader is the caller's to close
	}
	u, err := url.Parse(c.base.String() + r.path) // the path comes escaped
	if err != nil {
		return nil, err
	}
	u.RawQuery = r.query.Encode()
	req, err := http.NewRequestWithContext(w.ctx, r.method, u.String(), body)
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
	return req, c.proof.authorize(req, token, c.now())
}

// maxAnswer bounds a JSON answer, in bytes.
const maxAnswer = 64 << 20

// json sends in as JSON (nil: no body) and reads the answer into out.
func (c *Client) json(ctx context.Context, r *request, in, out any, options []Option) error {
	if r.header == nil {
		r.header = http.Header{}
	}
	r.header.Set("Accept", "application/json")
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("paraph: the request: %w", err)
		}
		r.body = func() (io.Reader, error) { return bytes.NewReader(raw), nil }
		r.length = int64(len(raw))
		r.header.Set("Content-Type", "application/json")
	}
	return c.do(ctx, r, options, func(res *http.Response) error {
		raw, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
		if err != nil {
			return err
		}
		if err := json.Unmarshal(raw, out); err != nil {
			return fmt.Errorf("paraph: the answer to %s %s: %w", r.method, r.path, err)
		}
		return nil
	})
}

// call is an operation whose answer is one thing.
func call[T any](ctx context.Context, c *Client, r *request, in any, options []Option) (*T, error) {
	var out T
	if err := c.json(ctx, r, in, &out, options); err != nil {
		return nil, err
	}
	return &out, nil
}

// items is an operation whose answer is a list that comes whole.
func items[T any](ctx context.Context, c *Client, r *request, options []Option) ([]T, error) {
	page, err := call[Page[T]](ctx, c, r, nil, options)
	if err != nil {
		return nil, err
	}
	return page.Items, nil
}

// text is an operation whose answer is a small text.
func (c *Client) text(ctx context.Context, r *request, options []Option) (string, error) {
	var b strings.Builder
	err := c.do(ctx, r, options, func(res *http.Response) error {
		b.Reset()
		_, err := io.Copy(&b, io.LimitReader(res.Body, maxAnswer))
		return err
	})
	return b.String(), err
}
