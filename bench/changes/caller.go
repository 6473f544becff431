package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/paraph/paraph/bench/rig"
)

// pair is one measurement of the server and of the floor.
type pair struct {
	rate, p50, p95, p99      float64 // a second; milliseconds
	server, database, client float64 // CPU microseconds per change
	floor                    float64 // changes a second
	lags                     []time.Duration
}

// caller is one client on one connection that stays open. It writes and reads
// HTTP/1.1 by hand: what the load costs is not to be taken for what the server costs.
type caller struct {
	conn   net.Conn
	r      *bufio.Reader
	w      bytes.Buffer
	head   string // Host and Authorization
	run    string // makes idempotency keys of this run its own
	sent   int
	body   []byte
	drafts []string // documents that wait for their next step
	took   []time.Duration
}

// person approves: the administrator decides in their names.
const person, other = "anna@bench.example", "boris@bench.example"

// filler makes the body of a new document 4 KB long.
var filler = strings.Repeat("Measured twice, cut once. ", 145)

func dial(address, token string, n int) (*caller, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	var run [6]byte
	rand.Read(run[:])
	return &caller{conn: conn, r: bufio.NewReaderSize(conn, 16<<10), run: fmt.Sprintf("%s-%d", hex.EncodeToString(run[:]), n),
		head: "\r\nHost: " + address + "\r\nAuthorization: Bearer " + token + "\r\nContent-Type: application/json\r\nIdempotency-Key: "}, nil
}

// post sends one state change and keeps its answer in c.body.
func (c *caller) post(path, body string) error {
	c.sent++
	c.w.Reset()
	c.w.WriteString("POST ")
	c.w.WriteString(path)
	c.w.WriteString(" HTTP/1.1")
	c.w.WriteString(c.head)
	c.w.WriteString(c.run)
	c.w.WriteByte('-')
	c.w.WriteString(strconv.Itoa(c.sent))
	c.w.WriteString("\r\nContent-Length: ")
	c.w.WriteString(strconv.Itoa(len(body)))
	c.w.WriteString("\r\n\r\n")
	c.w.WriteString(body)
	began := time.Now()
	if _, err := c.conn.Write(c.w.Bytes()); err != nil {
		return err
	}
	status, err := c.answer()
	if err != nil {
		return err
	}
	if status/100 != 2 {
		return fmt.Errorf("%s: %d: %s", path, status, c.body)
	}
	c.took = append(c.took, time.Since(began))
	return nil
}

// answer reads one answer of known length, or one in chunks.
func (c *caller) answer() (status int, err error) {
	line, err := c.r.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	if len(line) < 12 {
		return 0, fmt.Errorf("no HTTP: %q", line)
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, err
	}
	length, chunked := 0, false
	for {
		line, err := c.r.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		if len(line) <= 2 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(": "))
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return 0, err
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			chunked = true
		}
	}
	c.body = c.body[:0]
	if !chunked {
		return status, c.take(length)
	}
	for {
		line, err := c.r.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		n, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 16, 32)
		if err != nil {
			return 0, err
		}
		if err := c.take(int(n)); err != nil {
			return 0, err
		}
		if _, err := c.r.Discard(2); err != nil || n == 0 {
			return status, err
		}
	}
}

func (c *caller) take(n int) error {
	from := len(c.body)
	c.body = append(c.body, make([]byte, n)...)
	_, err := io.ReadFull(c.r, c.body[from:])
	return err
}

// idAfter gives the id that stands after a text of the answer.
func (c *caller) idAfter(prefix string, nth int) (string, error) {
	rest := c.body
	for {
		at := bytes.Index(rest, []byte(`"`+prefix+`_`))
		if at < 0 {
			return "", fmt.Errorf("no %s in %s", prefix, c.body)
		}
		rest = rest[at+1:]
		if nth--; nth < 0 {
			return string(rest[:bytes.IndexByte(rest, '"')]), nil
		}
		rest = rest[len(prefix)+20:]
	}
}

func (c *caller) create() error {
	err := c.post("/v1/drafts", `{"title":"Purchase request","labels":{"batch":"`+c.run+`"},"metadata":{"amount":4711,"text":"`+filler+`"}}`)
	if err != nil {
		return err
	}
	doc, err := c.idAfter("doc", 0)
	c.drafts = append(c.drafts, doc)
	return err
}

func (c *caller) submit(doc string, approvers ...string) (tasks []string, err error) {
	if err := c.post("/v1/approvals", `{"document_id":"`+doc+`","document_type":"document","initiator":{"user_id":"u_1","email":"ana@bench.example"},"approvers":["`+strings.Join(approvers, `","`)+`"]}`); err != nil {
		return nil, err
	}
	at := c.body
	for {
		i := bytes.Index(at, []byte(`"id":"task_`))
		if i < 0 {
			break
		}
		at = at[i+6:]
		tasks = append(tasks, string(at[:bytes.IndexByte(at, '"')]))
	}
	if len(tasks) != len(approvers) {
		return nil, fmt.Errorf("%d tasks in %s", len(tasks), c.body)
	}
	return tasks, nil
}

func (c *caller) decide(task, who string) error {
	return c.post("/v1/tasks/"+task+"/decision", `{"outcome":"approve","comment":"Within budget.","on_behalf_of":"`+who+`"}`)
}

// steps are ten state changes in the mix's proportions: four documents are made;
// one gets one approver and one two, all of whom agree; one is withdrawn and one
// stays a draft.
func (c *caller) steps() []func() error {
	var one, two []string
	doc := func(i int) string { return c.drafts[i] }
	return []func() error{
		func() error { c.drafts = c.drafts[:0]; return c.create() },
		c.create,
		func() (err error) { one, err = c.submit(doc(0), person); return },
		func() error { return c.decide(one[0], person) },
		c.create,
		func() (err error) { two, err = c.submit(doc(1), person, other); return },
		func() error { return c.decide(two[0], person) },
		c.create,
		func() error { return c.decide(two[1], other) },
		func() error { return c.post("/v1/documents/"+doc(2)+"/void", `{"reason":"Ordered twice."}`) },
	}
}

// load lets the callers work for a while and measures it.
func load(ctx context.Context, s *server, at storePlace, callers int, length time.Duration) (pair, error) {
	token, err := s.login.Token(ctx)
	if err != nil {
		return pair{}, err
	}
	address := strings.TrimPrefix(s.login.URL, "http://")
	all := make([]*caller, callers)
	for i := range all {
		if all[i], err = dial(address, token, i); err != nil {
			return pair{}, err
		}
		defer all[i].conn.Close()
	}
	watch, err := newWatch(ctx, at, address, token)
	if err != nil {
		return pair{}, err
	}
	defer watch.close()
	server, own := s.cpu(), rig.OwnCPU()
	database := at.cluster.CPU()
	began := time.Now()
	end := began.Add(length)
	work, _ := errgroup.WithContext(ctx)
	for _, c := range all {
		work.Go(func() error {
			for {
				for _, step := range c.steps() {
					if time.Now().After(end) || ctx.Err() != nil {
						return ctx.Err()
					}
					if err := step(); err != nil {
						return err
					}
				}
			}
		})
	}
	work.Go(func() error { return watch.run(ctx, end) })
	if err := work.Wait(); err != nil {
		return pair{}, err
	}
	took := time.Since(began)
	var times []time.Duration
	for _, c := range all {
		times = append(times, c.took...)
	}
	n := float64(len(times))
	if n == 0 {
		return pair{}, fmt.Errorf("nothing was changed")
	}
	per := func(d time.Duration) float64 { return float64(d.Microseconds()) / n }
	return pair{
		rate: n / took.Seconds(), p50: ms(quantile(times, 0.5)), p95: ms(quantile(times, 0.95)), p99: ms(quantile(times, 0.99)),
		server: per(s.cpu() - server), client: per(rig.OwnCPU() - own), database: per(at.cluster.CPU() - database), lags: watch.lags,
	}, nil
}
