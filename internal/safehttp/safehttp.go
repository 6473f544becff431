// Package safehttp makes HTTP clients for addresses that people type in: those
// of witnesses, time stamping authorities and, later, of subscribers. Such a
// client reaches the public internet and what its operator allowed, nothing
// else: a name is resolved once, each of its addresses is judged, and the
// connection goes to a judged address, so that a name which changes its answer
// between two questions gains nothing.
//
// It follows no redirects, takes no proxy from the environment, speaks TLS 1.2
// or newer, and bounds time and length of every answer.
package safehttp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// Options are what a client is allowed. The zero value is the strictest.
type Options struct {
	// Allow names networks that may be reached although they are not public.
	Allow []netip.Prefix
	// PlainHTTP allows http: addresses, for protocols whose messages are signed.
	PlainHTTP bool
	// AllowedOnly keeps to the networks in Allow: the public internet is not reached.
	AllowedOnly bool
	// Timeout bounds one exchange, from the look-up to the last byte; default 30 s.
	Timeout time.Duration
	// MaxBody is the longest answer read, in bytes; default 1 MiB. Below 0 whoever
	// reads an answer bounds it.
	MaxBody int64
	// Certificates are shown to servers that ask for one.
	Certificates []tls.Certificate
	// Idle is how many connections to one host are kept open; default 2.
	Idle int
	// Roots are the authorities a server's certificate is checked against; nil: the system's.
	Roots *x509.CertPool
	// Lookup resolves names; nil: the system's resolver.
	Lookup func(ctx context.Context, host string) ([]netip.Addr, error)
}

const (
	defaultTimeout = 30 * time.Second
	defaultMaxBody = 1 << 20
	maxHeader      = 64 << 10
	dialTimeout    = 10 * time.Second
)

// ErrTooLong is what reading an answer's body gives beyond Options.MaxBody.
var ErrTooLong = errors.New("the answer is longer than allowed")

// DeniedError tells that an address may not be reached.
type DeniedError struct {
	Host string
	Addr netip.Addr // the zero value where a rule about the address as written was broken
	Why  string
}

// Error names host, address and reason.
func (e *DeniedError) Error() string {
	if e.Addr.IsValid() && e.Addr.String() != e.Host {
		return fmt.Sprintf("%s (%s) is not reached: %s", e.Host, e.Addr, e.Why)
	}
	return fmt.Sprintf("%s is not reached: %s", e.Host, e.Why)
}

// New makes a client.
func New(o Options) *http.Client {
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if o.MaxBody == 0 {
		o.MaxBody = defaultMaxBody
	}
	if o.Idle <= 0 {
		o.Idle = 2
	}
	if o.Lookup == nil {
		o.Lookup = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	g := &guard{o}
	return &http.Client{
		Timeout: o.Timeout,
		// A redirect is an answer like any other: whoever asked decides about it.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &bounded{o, &http.Transport{
			Proxy:                  nil, // not even the environment's
			DialContext:            g.dial,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.Roots, Certificates: o.Certificates},
			TLSHandshakeTimeout:    dialTimeout,
			ForceAttemptHTTP2:      true,
			DisableCompression:     true, // an answer is as long as it looks
			MaxResponseHeaderBytes: maxHeader,
			MaxIdleConnsPerHost:    o.Idle,
			IdleConnTimeout:        90 * time.Second,
		}},
	}
}

// bounded checks a request before it goes, and bounds its answer.
type bounded struct {
	o    Options
	next *http.Transport
}

// RoundTrip implements http.RoundTripper.
func (b *bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := b.o.form(r.URL); err != nil {
		return nil, err
	}
	res, err := b.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if b.o.MaxBody < 0 {
		return res, nil
	}
	if res.ContentLength > b.o.MaxBody {
		res.Body.Close()
		return nil, ErrTooLong
	}
	res.Body = &limited{res.Body, b.o.MaxBody}
	return res, nil
}

// form refuses an address for the way it is written.
func (o *Options) form(u *url.URL) error {
	switch {
	case u.Scheme != "https" && (u.Scheme != "http" || !o.PlainHTTP):
		return &DeniedError{Host: u.Host, Why: "the scheme " + u.Scheme + " is not allowed here"}
	case u.User != nil:
		return &DeniedError{Host: u.Hostname(), Why: "an address must not hold a user name or password"}
	}
	return nil
}

// Check refuses, with a DeniedError, what no client of these options would reach
// whatever its name resolves to: for those who are told an address long before it
// is used. What a name resolves to is judged when it is used.
func (o Options) Check(u *url.URL) error {
	if err := o.form(u); err != nil {
		return err
	}
	host := u.Hostname()
	if host == "" {
		return &DeniedError{Host: u.Host, Why: "it names no host"}
	}
	if a, err := netip.ParseAddr(host); err == nil {
		if why := (&guard{o}).denied(a); why != "" {
			return &DeniedError{Host: host, Addr: a, Why: why}
		}
	}
	return nil
}

// CloseIdleConnections lets http.Client reach the transport's.
func (b *bounded) CloseIdleConnections() { b.next.CloseIdleConnections() }

// limited reads at most left bytes and fails where more come.
type limited struct {
	io.ReadCloser
	left int64
}

// Read implements io.Reader.
func (l *limited) Read(p []byte) (int, error) {
	if int64(len(p)) > l.left+1 {
		p = p[:l.left+1]
	}
	n, err := l.ReadCloser.Read(p)
	if int64(n) > l.left {
		n, err = int(l.left), ErrTooLong
	}
	l.left -= int64(n)
	return n, err
}

// guard dials what may be reached.
type guard struct{ o Options }

func (g *guard) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	addrs, err := g.resolve(ctx, host)
	if err != nil {
		return nil, err
	}
	// Control sees the address the kernel connects to: a second wall, which no
	// mistake in the first can open.
	d := net.Dialer{Timeout: dialTimeout, Control: g.control}
	var failed error
	for _, a := range addrs {
		if why := g.denied(a); why != "" {
			failed = errors.Join(failed, &DeniedError{Host: host, Addr: a, Why: why})
			continue
		}
		conn, err := d.DialContext(ctx, network, net.JoinHostPort(a.String(), port))
		if err == nil {
			return conn, nil
		}
		failed = errors.Join(failed, err)
	}
	return nil, failed
}

func (g *guard) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, nil
	}
	addrs, err := g.o.Lookup(ctx, strings.TrimSuffix(host, "."))
	if err == nil && len(addrs) == 0 {
		err = fmt.Errorf("the name %s has no address", host)
	}
	return addrs, err
}

func (g *guard) control(_, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	if why := g.denied(to.Addr()); why != "" {
		return &DeniedError{Host: to.Addr().String(), Addr: to.Addr(), Why: why}
	}
	return nil
}

// denied says why an address may not be reached; "" where it may.
func (g *guard) denied(a netip.Addr) string {
	if a.Zone() != "" {
		return "it is an address of this network's link only"
	}
	a = a.Unmap()
	for _, p := range g.o.Allow {
		if p.Contains(a) {
			return ""
		}
	}
	if g.o.AllowedOnly {
		return "its network is none of those that an operator allowed"
	}
	return notPublic(a)
}
