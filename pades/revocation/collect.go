package revocation

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Doer makes HTTP exchanges; *http.Client is one. It decides what may be reached.
type Doer interface {
	Do(*http.Request) (*http.Response, error)
}

// Config is what a Collector is made of; HTTP is required. The zero value of
// all else gives what is said beside it.
type Config struct {
	HTTP  Doer
	Cache Cache // nil: 256 answers in memory

	// CRL gives the newest CRL of an issuer that is known without asking the
	// network, or nil. It is checked as any other.
	CRL func(issuer *x509.Certificate) []byte

	Nonce   bool          // ask OCSP with a nonce; an answer without one is still taken
	Timeout time.Duration // of one exchange; 0: 10 s
	MaxOCSP int64         // bytes of an OCSP answer or a certificate; 0: 128 KiB
	MaxCRL  int64         // bytes of a CRL; 0: 32 MiB
	Fetches int           // exchanges in one Collect; 0: 40
	Skew    time.Duration // how far other clocks may be ahead; 0: 5 min
	MaxAge  time.Duration // of an answer that does not say when the next comes; 0: 24 h

	Now func() time.Time // nil: time.Now
}

// Collector gathers evidence. It is safe for concurrent use.
type Collector struct {
	c Config

	mu     sync.Mutex
	recent map[[32]byte]found // by the certificate
}

// found is evidence that was checked a moment ago, so that a server which seals
// with one certificate does not verify the same answers for every document.
type found struct {
	evidence *Evidence
	until    time.Time
}

// Bounds of what is remembered so.
const (
	maxRecent = 64
	recently  = 10 * time.Minute
)

// New makes a Collector.
func New(c Config) (*Collector, error) {
	if c.HTTP == nil {
		return nil, errors.New("nothing is given to reach responders by")
	}
	if c.Cache == nil {
		c.Cache = NewMemory(256)
	}
	if c.Timeout <= 0 {
		c.Timeout = 10 * time.Second
	}
	if c.MaxOCSP <= 0 {
		c.MaxOCSP = 128 << 10
	}
	if c.MaxCRL <= 0 {
		c.MaxCRL = 32 << 20
	}
	if c.Fetches <= 0 {
		c.Fetches = 40
	}
	if c.Skew <= 0 {
		c.Skew = 5 * time.Minute
	}
	if c.MaxAge <= 0 {
		c.MaxAge = 24 * time.Hour
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Collector{c: c, recent: map[[32]byte]found{}}, nil
}

// Bounds of a chain and of responders that need evidence themselves.
const (
	maxChain = 10
	maxDepth = 3
)

// run is one call of Collect.
type run struct {
	*Collector
	ctx  context.Context
	at   time.Time
	left int // exchanges

	revoked bool // an answer tells of a revocation after at
	out     *Evidence
	done    map[string]bool // certificates that are seen to
}

// Collect gathers the chain of a certificate and, for each certificate of it
// but the root, an OCSP answer or a CRL. at is the time at which the certificate
// was used: a revocation after that is evidence too, one before is an error.
// others are certificates that may belong to the chain. It returns an *Error, or
// the context's.
func (c *Collector) Collect(ctx context.Context, cert *x509.Certificate, others []*x509.Certificate, at time.Time) (*Evidence, error) {
	key := sha256.Sum256(cert.Raw)
	if e := c.remembered(key); e != nil {
		return e, nil
	}
	r := &run{Collector: c, ctx: ctx, at: at, left: c.c.Fetches, out: &Evidence{}, done: map[string]bool{}}
	if err := r.certificate(cert, others, 0); err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, err
	}
	if !r.revoked {
		c.remember(key, r.out)
	}
	return r.out, nil
}

func (c *Collector) remembered(key [32]byte) *Evidence {
	c.mu.Lock()
	defer c.mu.Unlock()
	f, ok := c.recent[key]
	if !ok || !c.c.Now().Before(f.until) {
		return nil
	}
	e := *f.evidence
	return &e
}

func (c *Collector) remember(key [32]byte, e *Evidence) {
	until := c.c.Now().Add(recently)
	if e.Until.Before(until) {
		until = e.Until
	}
	kept := Evidence{slices.Clip(e.Certs), slices.Clip(e.OCSPs), slices.Clip(e.CRLs), e.Until} // callers append to theirs
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.recent) == maxRecent {
		clear(c.recent)
	}
	c.recent[key] = found{&kept, until}
}

// Chain gives the certificate with its issuers up to a root, as far as they are
// among others or can be fetched. It is complete where its last one is self-issued.
func (c *Collector) Chain(ctx context.Context, cert *x509.Certificate, others []*x509.Certificate) ([]*x509.Certificate, error) {
	r := &run{Collector: c, ctx: ctx, left: c.c.Fetches, out: &Evidence{}, done: map[string]bool{}}
	return r.chain(cert, others)
}

func selfIssued(c *x509.Certificate) bool { return bytes.Equal(c.RawIssuer, c.RawSubject) }

func (r *run) chain(cert *x509.Certificate, others []*x509.Certificate) ([]*x509.Certificate, error) {
	chain := []*x509.Certificate{cert}
	for last := cert; !selfIssued(last); last = chain[len(chain)-1] {
		if len(chain) == maxChain {
			return nil, &Error{Reason: NoIssuer, Certificate: last, Detail: "the chain is too long"}
		}
		issuer, err := r.issuer(last, others)
		if err != nil {
			return nil, err
		}
		chain = append(chain, issuer)
	}
	return chain, nil
}

// certificate sees to one certificate and its issuers.
func (r *run) certificate(cert *x509.Certificate, others []*x509.Certificate, depth int) error {
	if depth > maxDepth {
		return &Error{Reason: Exhausted, Certificate: cert, Detail: "responders lead to responders without end"}
	}
	chain, err := r.chain(cert, others)
	if err != nil {
		return err
	}
	for i, c := range chain {
		if r.done[string(c.Raw)] {
			continue
		}
		r.done[string(c.Raw)] = true // a responder may be of the same chain
		if i+1 < len(chain) && !unrevocable(c) {
			if err := r.status(c, chain[i+1], others, depth); err != nil {
				delete(r.done, string(c.Raw))
				return err
			}
		}
		add(&r.out.Certs, c.Raw)
	}
	return nil
}

// Extensions by which an issuer says that it will not revoke: ocsp-nocheck (RFC
// 6960, 4.2.2.2.1), noRevAvail (RFC 9608) and ETSI's validity-assured
// short-term (EN 319 412-1, 5.2).
var unrevocableOIDs = []asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 48, 1, 5}, {2, 5, 29, 56}, {0, 4, 0, 194121, 2, 1}}

func unrevocable(c *x509.Certificate) bool {
	return slices.ContainsFunc(c.Extensions, func(e pkixExtension) bool {
		return slices.ContainsFunc(unrevocableOIDs, e.Id.Equal)
	})
}

// status finds one good answer about a certificate: OCSP in the order of the
// certificate, then the CRL that is known, then those it names.
func (r *run) status(cert, issuer *x509.Certificate, others []*x509.Certificate, depth int) error {
	failed := &Error{Certificate: cert, Reason: NoSource, Detail: "it names no source that could be used"}
	note := func(source string, err error) (stop bool) {
		e, ok := errors.AsType[*Error](err)
		if !ok {
			e = &Error{Reason: Unreachable, Detail: err.Error()}
		}
		failed.Reason, failed.Detail = e.Reason, ""
		failed.Attempts = append(failed.Attempts, Attempt{source, e.Reason, e.Detail})
		failed.RevokedAt = e.RevokedAt
		return e.Reason == Revoked || e.Reason == Exhausted || r.ctx.Err() != nil
	}
	for _, url := range cert.OCSPServer {
		err := r.ocsp(url, cert, issuer, others, depth)
		if err == nil {
			return nil
		}
		if note("OCSP "+url, err) {
			return failed
		}
	}
	keep := func(der []byte, until time.Time) {
		add(&r.out.CRLs, der)
		r.out.lasts(until)
	}
	if der := r.known(issuer); der != nil {
		until, err := r.checkCRL(der, cert, issuer)
		if err == nil {
			keep(der, until)
			return nil
		}
		if note("CRL that is known", err) {
			return failed
		}
	}
	for _, url := range cert.CRLDistributionPoints {
		der, until, err := r.fetch(url, r.c.MaxCRL, func(der []byte) (time.Time, error) { return r.checkCRL(der, cert, issuer) })
		if err == nil {
			keep(der, until)
			return nil
		}
		if note("CRL "+url, err) {
			return failed
		}
	}
	return failed
}

func (r *run) known(issuer *x509.Certificate) []byte {
	if r.c.CRL == nil {
		return nil
	}
	return r.c.CRL(issuer)
}

// fresh judges the times of an answer.
func (r *run) fresh(thisUpdate, nextUpdate time.Time) error {
	now := r.c.Now()
	switch {
	case thisUpdate.After(now.Add(r.c.Skew)):
		return &Error{Reason: Stale, Detail: "the answer is from the future, " + thisUpdate.UTC().Format(time.RFC3339)}
	case nextUpdate.IsZero() && now.Sub(thisUpdate) > r.c.MaxAge:
		return &Error{Reason: Stale, Detail: "the answer is of " + thisUpdate.UTC().Format(time.RFC3339)}
	case !nextUpdate.IsZero() && now.After(nextUpdate.Add(r.c.Skew)):
		return &Error{Reason: Stale, Detail: "the answer was to be replaced on " + nextUpdate.UTC().Format(time.RFC3339)}
	}
	return nil
}

// Issuers gives the certificates that may have issued cert, from the first address
// in it that has one. It returns an *Error, or the context's.
func (c *Collector) Issuers(ctx context.Context, cert *x509.Certificate) ([]*x509.Certificate, error) {
	r := &run{Collector: c, ctx: ctx, left: c.c.Fetches, out: &Evidence{}, done: map[string]bool{}}
	issuer, err := r.issuer(cert, nil)
	if err != nil {
		return nil, err
	}
	return []*x509.Certificate{issuer}, nil
}

// Status gives what the sources named in a certificate say of it, be that good or
// bad: an OCSP answer or a CRL that is fresh and rightly signed, and what its
// signer needs itself. It returns an *Error, or the context's.
func (c *Collector) Status(ctx context.Context, cert, issuer *x509.Certificate) (*Evidence, error) {
	r := &run{Collector: c, ctx: ctx, left: c.c.Fetches, out: &Evidence{}, done: map[string]bool{}} // at is long ago: what was revoked since is told
	if err := r.status(cert, issuer, []*x509.Certificate{issuer}, 0); err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, err
	}
	return r.out, nil
}
