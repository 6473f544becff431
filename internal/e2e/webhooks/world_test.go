package webhooks

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/internal/config"
	"github.com/paraph/paraph/internal/e2e/programtest"
	"github.com/paraph/paraph/internal/server"
	"github.com/paraph/paraph/internal/store/pgtest"
)

// patience is how long a test waits for what has to happen, on a busy machine.
const patience = 2 * time.Minute

// world is a running Paraph and its first administrator.
type world struct {
	t     *testing.T
	srv   *server.Server
	clock *clock.Fake
	*programtest.Caller
}

// onBoth runs fn over a running server on each database, both in parallel.
func onBoth(t *testing.T, fn func(w *world)) {
	t.Helper()
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) { t.Parallel(); fn(start(t, "")) })
	t.Run("postgres", func(t *testing.T) { t.Parallel(); fn(start(t, pgtest.Database(t))) })
}

// start starts a server that reads no files: what the tests need is made of details alone.
func start(t *testing.T, database string) *world {
	t.Helper()
	c := config.Default()
	c.DataDir, c.Database, c.RateLimit, c.OutboundAllow, c.TokenLifetime = t.TempDir(), config.Secret(database), 0, []string{"127.0.0.0/8"}, time.Hour
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	fake := clock.NewFake(time.Now().UTC().Truncate(time.Second))
	srv, err := server.New(t.Context(), &c, server.Options{Version: "test", Listener: listener, Clock: fake, ChildArgv: []string{"/nowhere"},
		Log: slog.New(slog.NewTextHandler(logged{t}, &slog.HandlerOptions{Level: slog.LevelError}))})
	must(t, err)
	must(t, srv.Start(t.Context()))
	t.Cleanup(func() {
		if err := srv.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Errorf("the server did not stop in order: %v", err)
		}
	})
	w := &world{t: t, srv: srv, clock: fake}
	w.login()
	return w
}

// login gets a new token: the old one runs out when the clock is moved.
func (w *world) login() {
	w.t.Helper()
	c, err := programtest.Login(w.srv.URL(), w.srv.Admin.Client.ID, w.srv.Admin.Secret)
	must(w.t, err)
	w.Caller = c
}

// later moves the clock.
func (w *world) later(d time.Duration) {
	w.t.Helper()
	w.clock.Advance(d)
	w.login()
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

type logged struct{ t testing.TB }

func (l logged) Write(p []byte) (int, error) {
	l.t.Logf("%s", bytes.TrimSpace(p))
	return len(p), nil
}

type object = map[string]any

// do sends a request, checks the status of its answer, and reads it into into. Time
// passes with each, so that ids are in the order in which things happened.
func (w *world) do(method, path string, body any, status int, into any) {
	w.t.Helper()
	if method != "GET" {
		w.clock.Advance(2 * time.Millisecond)
	}
	var raw []byte
	if body != nil {
		var err error
		raw, err = json.Marshal(body)
		must(w.t, err)
	}
	a, err := w.Do(method, path, raw)
	must(w.t, err)
	if a.Status != status {
		w.t.Fatalf("%s %s: %d, want %d: %s", method, path, a.Status, status, a.Body)
	}
	if into != nil {
		must(w.t, a.Into(into))
	}
}

// refused checks that a request is answered with a problem of that code.
func (w *world) refused(method, path string, body any, code string) {
	w.t.Helper()
	raw, err := json.Marshal(body)
	must(w.t, err)
	a, err := w.Do(method, path, raw)
	must(w.t, err)
	if a.Code() != code {
		w.t.Errorf("%s %s: %d %s, want %s", method, path, a.Status, a.Body, code)
	}
}

// endpoint is an endpoint as the API tells of it.
type endpoint struct {
	ID       string
	Enabled  bool
	Code     string `json:"disabled_code"`
	Reason   string `json:"disabled_reason"`
	Revision int
	Health   struct {
		State         string
		Pending, Dead int
		BlockedBy     string    `json:"blocked_by"`
		Strikes       int       `json:"failures_in_a_row"`
		LastFailure   time.Time `json:"last_failure_at"`
	}
	secret, public string
}

const base = "/v1/webhook-endpoints"

// listens makes an endpoint for a receiver.
func (w *world) listens(r *receiver, settings object) endpoint {
	w.t.Helper()
	body := object{"url": r.server.URL + "/hook", "types": []string{"document.*"}, "retry_seconds": []int{60, 600}}
	for k, v := range settings {
		body[k] = v
	}
	var made struct {
		Endpoint endpoint
		Secret   string
		Public   string `json:"public_key"`
	}
	w.do("POST", base, body, 201, &made)
	made.Endpoint.secret, made.Endpoint.public = made.Secret, made.Public
	return made.Endpoint
}

func (w *world) look(id string) (e endpoint) {
	w.t.Helper()
	w.do("GET", base+"/"+id, nil, 200, &e)
	return e
}

// until looks at an endpoint until it is as wanted.
func (w *world) until(id, what string, as func(endpoint) bool) endpoint {
	w.t.Helper()
	end := time.Now().Add(patience)
	wake, cancel := w.srv.Store.Subscribe("deliveries")
	defer cancel()
	for {
		e := w.look(id)
		if as(e) {
			return e
		}
		if time.Now().After(end) {
			w.t.Fatalf("not yet %s: %+v", what, e)
		}
		select {
		case <-wake:
		case <-time.After(20 * time.Millisecond):
		}
	}
}

type delivery struct {
	EventID  string `json:"event_id"`
	Type     string
	State    string
	Code     string
	Attempts int
	Body     string `json:"request_body"`
	History  []struct {
		Number int
		Status int
		Code   string
		Reason string
		Answer string
		Cut    bool `json:"answer_cut"`
		Probe  bool
		Header map[string]string `json:"answer_headers"`
	}
}

func (w *world) delivery(endpointID, eventID string) (d delivery) {
	w.t.Helper()
	w.do("GET", base+"/"+endpointID+"/deliveries/"+eventID, nil, 200, &d)
	return d
}

func (w *world) deliveries(endpointID, query string) []delivery {
	w.t.Helper()
	var page struct{ Items []delivery }
	w.do("GET", base+"/"+endpointID+"/deliveries?"+query, nil, 200, &page)
	return page.Items
}

// happens makes n documents, each of which causes the event document.created.
func (w *world) happens(n int, details ...object) (ids []string) {
	w.t.Helper()
	for i := range n {
		body := object{"title": fmt.Sprint("Request ", i)}
		for _, d := range details {
			for k, v := range d {
				body[k] = v
			}
		}
		var d struct{ ID string }
		w.do("POST", "/v1/drafts", body, 201, &d)
		ids = append(ids, d.ID)
	}
	return ids
}

// changed changes a document's metadata: one more event of it.
func (w *world) changed(docID string, n int) {
	w.t.Helper()
	w.do("PATCH", "/v1/documents/"+docID, object{"metadata": object{"amount": n}}, 200, nil)
}

// arrived is a request as a receiver got it.
type arrived struct {
	ID     string
	Header http.Header
	Body   []byte
	Type   string
	Doc    string
}

// receiver is a subscriber's server. It answers 204, or what answer says.
type receiver struct {
	t      *testing.T
	server *httptest.Server
	mu     sync.Mutex
	got    []arrived
	answer func(n int, a arrived) int // n counts from 1; 0: 204
	more   chan struct{}
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{t: t, more: make(chan struct{}, 1)}
	r.server = httptest.NewServer(r)
	t.Cleanup(r.server.Close)
	return r
}

// answers sets what it answers from now on.
func (r *receiver) answers(fn func(n int, a arrived) int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = fn
}

func always(status int) func(int, arrived) int { return func(int, arrived) int { return status } }

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return
	}
	a := arrived{ID: req.Header.Get("webhook-id"), Header: req.Header, Body: body}
	var e struct{ Type, DocumentID string }
	if err := json.Unmarshal(body, &e); err != nil {
		r.t.Errorf("what came is no JSON: %s", body)
	}
	a.Type, a.Doc = e.Type, e.DocumentID
	r.mu.Lock()
	r.got = append(r.got, a)
	status := 0
	if r.answer != nil {
		status = r.answer(len(r.got), a)
	}
	r.mu.Unlock()
	select {
	case r.more <- struct{}{}:
	default:
	}
	if status == 0 {
		status = http.StatusNoContent
	}
	if status == 410 || status >= 500 || status == 400 {
		w.Header().Set("X-Why", "because")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "no, "+strings.Repeat("really ", 1000))
		return
	}
	w.WriteHeader(status)
}

// all gives everything that came.
func (r *receiver) all() []arrived {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]arrived{}, r.got...)
}

// wait waits until n requests have come, and gives them.
func (r *receiver) wait(n int) []arrived {
	r.t.Helper()
	over := time.After(patience)
	for {
		if got := r.all(); len(got) >= n {
			return got
		}
		select {
		case <-r.more:
		case <-over:
			r.t.Fatalf("%d requests came, want %d", len(r.all()), n)
		}
	}
}
