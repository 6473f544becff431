package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// result is what one run showed.
type result struct {
	changes                   int
	took                      time.Duration
	latencies                 []time.Duration // sorted
	server, database, callers time.Duration   // CPU time
	floor                     float64         // changes a second of the bare rows; 0: not measured
	lag50, lag99              time.Duration
}

func (r *result) rate() float64 { return float64(r.changes) / r.took.Seconds() }

func (r *result) at(share float64) time.Duration {
	if len(r.latencies) == 0 {
		return 0
	}
	return r.latencies[min(int(share*float64(len(r.latencies))), len(r.latencies)-1)]
}

// tokens are the people who work: ana makes and decides, bob decides.
type tokens struct{ ana, bob string }

// caller is one connection that works through documents, one request after the other.
type caller struct {
	host   string
	conn   net.Conn
	r      *bufio.Reader
	w      bytes.Buffer
	body   bytes.Buffer
	tokens tokens
	n      int // its number
	step   int
	docs   [4]string
	tasks  []string
	record func(time.Duration)
}

// The mix: of ten changes four create, two submit, three decide and one voids.
var mix = []func(*caller) error{
	(*caller).create0, (*caller).create1, (*caller).submit2, (*caller).decideAna, (*caller).create2,
	(*caller).decideBob, (*caller).submit1, (*caller).create3, (*caller).decideAna, (*caller).void,
}

func (c *caller) create0() error { return c.create(0) }
func (c *caller) create1() error { return c.create(1) }
func (c *caller) create2() error { return c.create(2) }
func (c *caller) create3() error { return c.create(3) }

// filler makes a request of creation 4 KB long.
var filler = strings.Repeat("The quick brown fox jumps over the lazy dog and signs in triplicate. ", 54)

func (c *caller) create(i int) error {
	body := fmt.Sprintf(`{"title":"Order %d of caller %d","external_id":"ext-%d-%d-%d","labels":{"caller":"%d"},"metadata":{"amount":%d,"currency":"EUR","text":"%s"}}`,
		c.step, c.n, started, c.n, c.step, c.n, c.step, filler)
	answer, err := c.post(c.tokens.ana, "/v1/drafts", body, http.StatusCreated)
	if err == nil {
		c.docs[i], err = after(answer, `"id":"`)
	}
	return err
}

func (c *caller) submit2() error { return c.submit(0, `"ana@example.com","bob@example.com"`) }
func (c *caller) submit1() error { return c.submit(1, `"ana@example.com"`) }

func (c *caller) submit(i int, approvers string) error {
	body := fmt.Sprintf(`{"document_id":"%s","document_type":"document","initiator":{"user_id":"ana","email":"ana@example.com"},"approvers":[%s],"metadata":{"amount":%d},"policy":{"mode":"parallel"}}`,
		c.docs[i], approvers, c.step)
	answer, err := c.post(c.tokens.ana, "/v1/approvals", body, http.StatusCreated)
	if err != nil {
		return err
	}
	c.tasks = c.tasks[:0]
	for rest := answer; ; {
		at := bytes.Index(rest, []byte(`"id":"task_`))
		if at < 0 {
			break
		}
		rest = rest[at+6:]
		c.tasks = append(c.tasks, string(rest[:bytes.IndexByte(rest, '"')]))
	}
	if len(c.tasks) == 0 {
		return fmt.Errorf("no tasks in %s", answer)
	}
	return nil
}

func (c *caller) decideAna() error { return c.decide(c.tokens.ana, 0) }
func (c *caller) decideBob() error { return c.decide(c.tokens.bob, 1) }

func (c *caller) decide(token string, task int) error {
	_, err := c.post(token, "/v1/tasks/"+c.tasks[task]+"/decision", `{"outcome":"approve","comment":"Fine."}`, http.StatusOK)
	return err
}

func (c *caller) void() error {
	_, err := c.post(c.tokens.ana, "/v1/documents/"+c.docs[2]+"/void", `{"reason":"Ordered twice."}`, http.StatusOK)
	return err
}

// after gives the text between a mark and the next quotation mark.
func after(answer []byte, mark string) (string, error) {
	_, rest, ok := bytes.Cut(answer, []byte(mark))
	end := bytes.IndexByte(rest, '"')
	if !ok || end < 0 {
		return "", fmt.Errorf("no %s in %s", mark, answer)
	}
	return string(rest[:end]), nil
}

// started tells the runs of this process on one store apart.
var started = time.Now().UnixNano()

// post sends one request by hand, so that the callers take little of the machine
// they share with what is measured.
func (c *caller) post(token, path, body string, want int) ([]byte, error) {
	if c.conn == nil {
		var err error
		if c.conn, err = net.Dial("tcp", c.host); err != nil {
			return nil, err
		}
		c.r = bufio.NewReaderSize(c.conn, 16<<10)
	}
	c.w.Reset()
	fmt.Fprintf(&c.w, "POST %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nIdempotency-Key: k-%d-%d-%d\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		path, c.host, token, started, c.n, c.step, len(body), body)
	begun := time.Now()
	if _, err := c.conn.Write(c.w.Bytes()); err != nil {
		return nil, err
	}
	res, err := http.ReadResponse(c.r, nil)
	if err != nil {
		return nil, err
	}
	c.body.Reset()
	if _, err := io.Copy(&c.body, res.Body); err != nil {
		return nil, err
	}
	c.record(time.Since(begun))
	if res.StatusCode != want {
		return nil, fmt.Errorf("%s: %s: %s", path, res.Status, c.body.Bytes())
	}
	return c.body.Bytes(), nil
}

// drive lets callers work: a warm-up, then the measured time. begin and end are
// called at the measured time's edges.
func drive(ctx context.Context, host string, t tokens, callers int, warm, length time.Duration, begin, end func()) (*result, error) {
	var phase atomic.Int32 // 0 warm-up, 1 measured, 2 over
	all := make([][]time.Duration, callers)
	errs := make([]error, callers)
	var group sync.WaitGroup
	for n := range callers {
		c := &caller{host: host, tokens: t, n: n}
		c.record = func(d time.Duration) {
			if phase.Load() == 1 {
				all[n] = append(all[n], d)
			}
		}
		group.Go(func() {
			for phase.Load() < 2 && ctx.Err() == nil {
				if err := mix[c.step%len(mix)](c); err != nil {
					errs[n] = fmt.Errorf("caller %d, step %d: %w", n, c.step, err)
					return
				}
				c.step++
			}
			if c.conn != nil {
				_ = c.conn.Close()
			}
		})
	}
	time.Sleep(warm)
	begin()
	from := time.Now()
	phase.Store(1)
	time.Sleep(length)
	phase.Store(2)
	r := &result{took: time.Since(from)}
	end()
	group.Wait()
	for _, list := range all {
		r.latencies = append(r.latencies, list...)
	}
	slices.Sort(r.latencies)
	r.changes = len(r.latencies)
	return r, errors.Join(errs...)
}
