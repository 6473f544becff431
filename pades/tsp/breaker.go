package tsp

import (
	"errors"
	"sync"
	"time"
)

// peer is an authority with what is remembered of it, so that an outage costs
// time once and not with every stamp.
type peer struct {
	Endpoint

	mu       sync.Mutex
	failures int       // in a row
	err      error     // of the last one
	until    time.Time // it is passed over before
}

// take tells whether the authority is to be asked now. Of several callers that
// come once it has rested, one asks; the others pass it over for as long as that
// may take.
func (p *peer) take(now time.Time, patience time.Duration) (Attempt, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failures == 0 {
		return Attempt{}, true
	}
	if now.Before(p.until) {
		return Attempt{URL: p.Address(), Err: p.err, Passed: true, Until: p.until}, false
	}
	p.until = now.Add(patience)
	return Attempt{}, true
}

// done notes a good answer.
func (p *peer) done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failures, p.err, p.until = 0, nil, time.Time{}
}

// untried takes back take: the caller gave up, which says nothing of the authority.
func (p *peer) untried() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failures > 0 {
		p.until = time.Time{}
	}
}

// failed notes a failure. A refusal of this one request is none: the next may be
// another.
func (p *peer) failed(err error, now time.Time, rest, most time.Duration) Attempt {
	p.mu.Lock()
	defer p.mu.Unlock()
	var status *StatusError
	if errors.As(err, &status) && status.aboutRequest() {
		return Attempt{URL: p.Address(), Err: err, Until: now}
	}
	p.failures++
	p.err = err
	p.until = now.Add(min(rest<<min(p.failures-1, 10), most))
	return Attempt{URL: p.Address(), Err: err, Until: p.until}
}

// State is what a client remembers of an authority.
type State struct {
	URL      string    // as Endpoint.Address
	Failures int       // in a row; 0: it answers, or was not asked yet
	Err      error     // of the last failure; nil where Failures is 0
	Until    time.Time // it is passed over before
}

// States lists the authorities in their order.
func (c *Client) States() []State {
	var out []State
	for _, p := range c.peers {
		p.mu.Lock()
		out = append(out, State{URL: p.Address(), Failures: p.failures, Err: p.err, Until: p.until})
		p.mu.Unlock()
	}
	return out
}

// Retry forgets which authorities failed: the next stamp asks them again at once.
func (c *Client) Retry() {
	for _, p := range c.peers {
		p.untried()
	}
}
