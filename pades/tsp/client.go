package tsp

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Doer makes HTTP exchanges; *http.Client is one. It decides what may be reached,
// and follows no redirects unless it wants to.
type Doer interface {
	Do(*http.Request) (*http.Response, error)
}

// Endpoint is an authority as a client knows it.
type Endpoint struct {
	URL    string // http or https; what answers is signed
	Policy string // asked for, and demanded of the token; "" leaves it to the authority

	// Credentials are sent over https only: either user and password, or a bearer token.
	User, Password string
	Bearer         string

	Chain ChainVerifier // such as Roots; nil: whoever signs the token is taken
}

// ClientConfig is what a Client is made of. Authorities and HTTP are required; the
// zero value of all else gives what is said beside it.
type ClientConfig struct {
	Authorities []Endpoint // in the order in which they are asked
	HTTP        Doer

	Timeout time.Duration // of one exchange; 0: 10 s
	MaxBody int64         // of an answer, in bytes; 0: 256 KiB
	Skew    time.Duration // how far the authority's clock may differ from this one; 0: 5 min

	// Rest is how long an authority that failed is passed over, and MaxRest the
	// most to which that time doubles while it goes on failing; 0: 30 s and 10 min.
	Rest, MaxRest time.Duration

	Now    func() time.Time // nil: time.Now
	Random io.Reader        // for nonces; nil: crypto/rand
}

// Client gets time stamps from the first of several authorities that gives a good
// one. It is safe for concurrent use.
type Client struct {
	c     ClientConfig
	peers []*peer
}

// NewClient makes a Client. The error says which authority cannot be used as given.
func NewClient(c ClientConfig) (*Client, error) {
	or := func(into *time.Duration, d time.Duration) {
		if *into <= 0 {
			*into = d
		}
	}
	or(&c.Timeout, 10*time.Second)
	or(&c.Skew, 5*time.Minute)
	or(&c.Rest, 30*time.Second)
	or(&c.MaxRest, 10*time.Minute)
	if c.MaxBody <= 0 {
		c.MaxBody = 256 << 10
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if len(c.Authorities) == 0 {
		return nil, errors.New("no time stamping authority is given")
	}
	if c.HTTP == nil {
		return nil, errors.New("nothing is given to reach time stamping authorities by")
	}
	out := &Client{c: c}
	for _, e := range c.Authorities {
		if err := e.check(); err != nil {
			return nil, err
		}
		out.peers = append(out.peers, &peer{Endpoint: e})
	}
	return out, nil
}

func (e *Endpoint) check() error {
	u, err := url.Parse(e.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.Fragment != "" {
		return fmt.Errorf("%q is not the address of a time stamping authority: http or https, without user name and fragment", e.Address())
	}
	if secret := e.User != "" || e.Password != "" || e.Bearer != ""; secret && u.Scheme != "https" {
		return fmt.Errorf("credentials for %s would be sent in the clear: it needs https", e.Address())
	}
	if e.Bearer != "" && (e.User != "" || e.Password != "") {
		return fmt.Errorf("%s cannot have both a user name and a bearer token", e.Address())
	}
	if _, err := x509.ParseOID(e.Policy); e.Policy != "" && err != nil {
		return fmt.Errorf("the policy %q for %s is no object identifier", e.Policy, e.Address())
	}
	return nil
}

// Address gives the URL fit to be shown: without what may be a secret in it.
func (e *Endpoint) Address() string {
	u, err := url.Parse(e.URL)
	if err != nil {
		return "an address that cannot be read"
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// Stamp is a token that was verified against its request.
type Stamp struct {
	*Verification
	URL string // of the authority that gave it, as Endpoint.Address
}

// Attempt is what came of one authority.
type Attempt struct {
	URL    string    // as Endpoint.Address
	Err    error     // an *Error
	Passed bool      // it was not asked now, because it failed before; Err is of then
	Until  time.Time // when it is asked again
}

// FailedError tells that no authority gave a token that could be used.
type FailedError struct {
	Attempts []Attempt // in the order of the authorities
}

// Error lists the reason of each authority.
func (e *FailedError) Error() string {
	var lines []string
	for _, a := range e.Attempts {
		line := a.URL + ": " + a.Err.Error()
		if a.Passed {
			line = fmt.Sprintf("%s: not asked before %s, since it failed: %v", a.URL, a.Until.UTC().Format(time.RFC3339), a.Err)
		}
		lines = append(lines, line)
	}
	return "no time stamp could be had: " + strings.Join(lines, "; ")
}

// Unwrap gives the errors of all attempts.
func (e *FailedError) Unwrap() []error {
	out := make([]error, len(e.Attempts))
	for i, a := range e.Attempts {
		out[i] = a.Err
	}
	return out
}

// Stamp gets a token over a digest from the first authority, in their order, that
// gives one which passes Token.Verify against the request, and whose time lies
// between sending and receiving, up to its accuracy and the skew. It returns a
// *FailedError with the reason of each authority, an *Error where the digest
// cannot be stamped, or the context's error.
func (c *Client) Stamp(ctx context.Context, h crypto.Hash, digest []byte) (*Stamp, error) {
	failed := &FailedError{}
	for _, p := range c.peers {
		req, err := NewRequest(h, digest, p.Policy, c.c.Random)
		if err != nil {
			return nil, err
		}
		began := c.c.Now()
		if a, ok := p.take(began, c.c.Timeout); !ok {
			failed.Attempts = append(failed.Attempts, a)
			continue
		}
		v, err := c.ask(ctx, &p.Endpoint, req)
		if err == nil {
			p.done()
			return &Stamp{v, p.Address()}, nil
		}
		if now := c.c.Now(); ctx.Err() != nil && now.Sub(began) < c.c.Timeout/2 {
			p.untried() // a caller in a hurry says nothing of the authority
		} else {
			failed.Attempts = append(failed.Attempts, p.failed(err, now, c.c.Rest, c.c.MaxRest))
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
	}
	return nil, failed
}

// ask makes one exchange and verifies what comes of it.
func (c *Client) ask(ctx context.Context, e *Endpoint, req *Request) (*Verification, error) {
	ctx, cancel := context.WithTimeout(ctx, c.c.Timeout)
	defer cancel()
	query, err := req.Marshal()
	if err != nil {
		return nil, err
	}
	sent := c.c.Now()
	body, err := c.exchange(ctx, e, query)
	if err != nil {
		return nil, err
	}
	received := c.c.Now()
	res, err := ParseResponse(body)
	if err != nil {
		return nil, err
	}
	if err := res.Err(); err != nil {
		return nil, err
	}
	token, err := Parse(res.Token)
	if err != nil {
		return nil, err
	}
	v, err := token.Verify(req.Digest, VerifyOptions{Chain: e.Chain, Request: req})
	if err == nil {
		err = token.timely(sent, received, c.c.Skew)
	}
	if err != nil {
		return nil, err
	}
	return v, nil
}

// exchange POSTs a query and gives the answer's body.
func (c *Client) exchange(ctx context.Context, e *Endpoint, query []byte) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, e.URL, bytes.NewReader(query))
	if err != nil {
		return nil, refuseWith(err, ReasonUnreachable, "the request could not be made")
	}
	r.Header.Set("Content-Type", QueryType)
	r.Header.Set("Accept", ReplyType)
	switch {
	case e.Bearer != "":
		r.Header.Set("Authorization", "Bearer "+e.Bearer)
	case e.User != "":
		r.SetBasicAuth(e.User, e.Password)
	}
	res, err := c.c.HTTP.Do(r)
	if err != nil {
		var outer *url.Error // names the address again, with all that stands in it
		if errors.As(err, &outer) {
			err = outer.Err
		}
		return nil, refuseWith(err, ReasonUnreachable, "the authority does not answer")
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, refuse(ReasonHTTP, "the authority answers with HTTP status %d", res.StatusCode)
	}
	if media, _, err := mime.ParseMediaType(res.Header.Get("Content-Type")); err != nil || media != ReplyType {
		return nil, refuse(ReasonMediaType, "the answer has the media type %q instead of %s", oneLine(res.Header.Get("Content-Type")), ReplyType)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, c.c.MaxBody+1))
	if int64(len(body)) > c.c.MaxBody {
		return nil, refuse(ReasonTooLarge, "the answer is longer than %d bytes", c.c.MaxBody)
	}
	if err != nil {
		return nil, refuseWith(err, ReasonUnreachable, "the answer broke off")
	}
	return body, nil
}
