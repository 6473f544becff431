package e2e

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/config"
	"github.com/paraph/paraph/internal/e2e/programtest"
	"github.com/paraph/paraph/internal/server"
	"github.com/paraph/paraph/internal/store/pgtest"
)

// load changes the state of documents again and again, and keeps what was
// acknowledged. Any answer that is no success is a failure: nothing is sent twice.
type load struct {
	*caller
	stop    chan struct{}
	workers sync.WaitGroup
	mu      sync.Mutex
	voided  []string
	failed  []string
	sent    atomic.Int64
}

func (l *load) run(workers int) {
	for range workers {
		l.workers.Go(func() {
			for {
				select {
				case <-l.stop:
					return
				default:
					l.once()
				}
			}
		})
	}
}

// once makes a document and voids it.
func (l *load) once() {
	n := l.sent.Add(1)
	created, err := l.try(context.Background(), http.MethodPost, "/v1/drafts", bytes.NewReader(fmt.Appendf(nil, `{"title":"Chairs %d"}`, n)), "Content-Type", "application/json")
	if !l.good(created, err, http.StatusCreated) {
		return
	}
	var d struct{ ID string }
	created.into(&d)
	voided, err := l.try(context.Background(), http.MethodPost, "/v1/documents/"+d.ID+"/void", bytes.NewReader([]byte(`{"reason":"not wanted"}`)), "Content-Type", "application/json")
	if l.good(voided, err, http.StatusOK) {
		l.mu.Lock()
		l.voided = append(l.voided, d.ID)
		l.mu.Unlock()
	}
}

func (l *load) good(a *answer, err error, want int) bool {
	if err == nil && a.status == want {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.failed = append(l.failed, err.Error())
	} else {
		l.failed = append(l.failed, fmt.Sprintf("%s: %d %s", a.what, a.status, a.body))
	}
	return false
}

// TestRolesApart runs six processes of separate roles under load behind a load
// balancer. Started at once on nothing, they agree on their keys. Each is
// restarted in its turn, then the log's leader is paused until another leads,
// and the next leader is killed. No request fails, nothing is lost or doubled,
// and there is one log.
func TestRolesApart(t *testing.T) {
	t.Parallel()
	h := newHouse(t, programtest.Build(t), pgtest.Database(t))
	members := h.startAtOnce("api", "api", "sequencer,dispatch", "sequencer,dispatch", "work", "work")
	front := &balancer{t: t, all: map[string]*httputil.ReverseProxy{}}
	var id, secret string
	for _, m := range members {
		if m.said.ID != "" {
			if id != "" {
				t.Error("two processes made a first administrator")
			}
			id, secret = m.said.ID, m.said.Secret
		}
		if m.roles == "api" {
			front.add(m)
		}
	}
	proxy := httptest.NewServer(front)
	t.Cleanup(proxy.Close)
	go front.watch(t.Context())
	l := &load{caller: login(t, &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}, proxy.URL, id, secret), stop: make(chan struct{})}
	s := &stack{http: l.http, url: l.url, caller: l.caller}
	l.run(3)
	h.reads(s)

	_, first := h.leader()
	for i, m := range members {
		m.stop()
		front.remove(m)
		if members[i] = h.start(m.roles); m.roles == "api" {
			front.add(members[i])
		}
	}
	holder, handed := h.leader()
	if handed <= first {
		t.Errorf("the leaders were restarted, and the epoch is %d after %d", handed, first)
	}
	h.pause(members, holder)
	h.killLeader(s, members)
	h.reads(s)
	close(l.stop)
	l.workers.Wait()
	l.check(t, s)
	for _, m := range members {
		if m.roles != "dead" {
			m.stop()
		}
	}
	conf := config.Default()
	conf.DataDir, conf.KeysDir, conf.Database = h.dir, h.dir+"/shared-keys", config.Secret(h.database)
	report, err := server.Audit(context.Background(), &conf, "", nil)
	if err != nil || !report.Sound || report.Waiting != 0 {
		t.Errorf("the log: %+v %v", report, err)
	}
	t.Logf("%d documents, %d entries", l.sent.Load(), report.Entries)
}

// startAtOnce starts all processes before any of them serves.
func (h *house) startAtOnce(roles ...string) []*member {
	h.t.Helper()
	members, said := make([]*member, len(roles)), make([]*bufio.Reader, len(roles))
	for i, r := range roles {
		members[i], said[i] = h.begin(r)
	}
	for i, m := range members {
		m.up(said[i])
	}
	return members
}

// reads takes a file through api, sequencer, dispatch and work.
func (h *house) reads(s *stack) {
	h.t.Helper()
	began := time.Now()
	var up uploaded
	s.send(http.MethodPost, "/v1/documents", bytes.NewReader(textPDF("Order")), "Content-Type", "application/pdf").want(http.StatusAccepted).into(&up)
	s.until(up.Document.ID, "document.captured")
	h.t.Logf("read after %s", time.Since(began).Round(time.Millisecond))
}

// pause stops the leader until another leads. Woken up, it changes nothing and
// says calmly that another leads.
func (h *house) pause(members []*member, holder string) {
	h.t.Helper()
	for _, m := range members {
		if m.leads(holder) {
			m.signal(syscall.SIGSTOP)
			h.follower(holder)
			m.signal(syscall.SIGCONT)
			m.says("another process leads now")
			return
		}
	}
	h.t.Errorf("no process is the leader %s", holder)
}

// killLeader kills the leader, and waits until what is committed from then on is numbered.
func (h *house) killLeader(s *stack, members []*member) {
	h.t.Helper()
	holder, before := h.leader()
	for _, m := range members {
		if !m.leads(holder) {
			continue
		}
		m.kill()
		m.roles = "dead"
		began := time.Now()
		var d struct{ ID string }
		s.post("/v1/drafts", map[string]any{"title": "After the death"}).want(http.StatusCreated).into(&d)
		s.until(d.ID, "document.created")
		h.t.Logf("numbered %s after the leader was killed", time.Since(began).Round(time.Millisecond))
		if epoch := h.follower(holder); epoch <= before {
			h.t.Errorf("the epoch is %d after %d", epoch, before)
		}
		return
	}
	h.t.Errorf("no process is the leader %s", holder)
}

// check compares what was acknowledged with what the log says.
func (l *load) check(t *testing.T, s *stack) {
	t.Helper()
	for _, f := range l.failed {
		t.Errorf("a request failed: %s", f)
	}
	if len(l.voided) == 0 {
		t.Error("nothing was changed")
	}
	for _, id := range l.voided {
		s.until(id, "document.voided")
		if n := count(kinds(s.events(id))); n["document.created"] != 1 || n["document.voided"] != 1 {
			t.Errorf("%s: %v", id, n)
		}
	}
}
