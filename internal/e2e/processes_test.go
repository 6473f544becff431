package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// house is an installation of several processes on one PostgreSQL database, one
// folder of documents and one folder of keys.
type house struct {
	t        testing.TB
	program  string
	dir      string
	database string
	env      []string
	begun    atomic.Int64
}

// member is one process of a house.
type member struct {
	house *house
	cmd   *exec.Cmd
	roles string
	gone  chan struct{}
	err   error // how it ended, once gone
	heard *heard
	said  struct {
		Address string
		Admin   string
		ID      string `json:"client_id"`
		Secret  string `json:"client_secret"`
	}
}

// heard keeps what a process writes to its log, and wakes who waits for words.
type heard struct {
	mu   sync.Mutex
	text bytes.Buffer
	more chan struct{}
}

func (h *heard) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.text.Write(p)
	close(h.more)
	h.more = make(chan struct{})
	return len(p), nil
}

// says waits until the log holds the words.
func (m *member) says(words string) {
	m.house.t.Helper()
	over := time.After(time.Minute)
	for {
		m.heard.mu.Lock()
		found, more := strings.Contains(m.heard.text.String(), words), m.heard.more
		m.heard.mu.Unlock()
		if found {
			return
		}
		select {
		case <-more:
		case <-over:
			m.house.t.Fatalf("%s never said %q:\n%s", m.roles, words, m.log())
		}
	}
}

func (m *member) log() string {
	m.heard.mu.Lock()
	defer m.heard.mu.Unlock()
	return m.heard.text.String()
}

// begin starts a process and does not wait until it serves.
func (h *house) begin(roles string) (*member, *bufio.Reader) {
	h.t.Helper()
	m := &member{house: h, roles: roles, gone: make(chan struct{}), heard: &heard{more: make(chan struct{})}}
	m.cmd = exec.Command(h.program, "serve", "--json", "--roles", roles)
	m.cmd.Env = append(append(os.Environ(), h.env...), "PARAPH_DATA_DIR="+h.dir, "PARAPH_DATABASE="+h.database,
		"PARAPH_LISTEN=127.0.0.1:0", "PARAPH_PUBLIC_URL=https://paraph.example", "PARAPH_RATE_LIMIT=0", "PARAPH_OCR_LANGUAGES=eng", "PARAPH_WORKERS=1",
		fmt.Sprintf("PARAPH_LOG_HIGH_WATER=%s/highwater-%d", h.dir, h.begun.Add(1)))
	m.cmd.Stderr = m.heard
	stdout, err := m.cmd.StdoutPipe()
	if err == nil {
		err = m.cmd.Start()
	}
	if err != nil {
		h.t.Fatal(err)
	}
	r := bufio.NewReader(stdout)
	return m, r
}

// up waits until a process serves.
func (m *member) up(r *bufio.Reader) *member {
	m.house.t.Helper()
	line, err := r.ReadBytes('\n')
	go func() {
		defer close(m.gone)
		_, _ = io.Copy(io.Discard, r)
		m.err = m.cmd.Wait()
	}()
	m.house.t.Cleanup(m.kill)
	if err == nil {
		err = json.Unmarshal(line, &m.said)
	}
	if err != nil {
		m.house.t.Fatalf("%s did not start: %v\n%s", m.roles, err, m.log())
	}
	return m
}

func (h *house) start(roles string) *member {
	h.t.Helper()
	m, r := h.begin(roles)
	return m.up(r)
}

func (m *member) signal(s os.Signal) { _ = m.cmd.Process.Signal(s) } // it may be gone already

// kill ends it as a power cut would.
func (m *member) kill() {
	m.signal(syscall.SIGKILL)
	<-m.gone
}

// stop asks it to end in order, and waits until it has.
func (m *member) stop() {
	m.house.t.Helper()
	m.signal(syscall.SIGTERM)
	<-m.gone
	if m.err != nil {
		m.house.t.Errorf("%s did not stop in order: %v\n%s", m.roles, m.err, m.log())
	}
}

// balancer spreads requests over the processes that say they are ready, in turn,
// and sends none twice.
type balancer struct {
	mu    sync.Mutex
	ready []*httputil.ReverseProxy
	turn  atomic.Int64
	all   map[string]*httputil.ReverseProxy
	t     testing.TB
}

func (b *balancer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	ready := b.ready
	b.mu.Unlock()
	if len(ready) == 0 {
		http.Error(w, "nobody is ready", http.StatusBadGateway)
		return
	}
	ready[int(b.turn.Add(1))%len(ready)].ServeHTTP(w, r)
}

// look asks each process whether it is ready.
func (b *balancer) look() {
	b.mu.Lock()
	all := make(map[string]*httputil.ReverseProxy, len(b.all))
	for at, p := range b.all {
		all[at] = p
	}
	b.mu.Unlock()
	var ready []*httputil.ReverseProxy
	for at, p := range all {
		res, err := (&http.Client{Timeout: 5 * time.Second}).Get(at + "/readyz")
		if err != nil {
			continue
		}
		res.Body.Close()
		if res.StatusCode == http.StatusOK {
			ready = append(ready, p)
		}
	}
	b.mu.Lock()
	b.ready = ready
	b.mu.Unlock()
}

func (b *balancer) add(m *member) {
	target, err := url.Parse(m.said.Address)
	if err != nil {
		b.t.Fatal(err)
	}
	p := httputil.NewSingleHostReverseProxy(target)
	p.Transport = &http.Transport{MaxIdleConnsPerHost: 16}
	b.mu.Lock()
	b.all[m.said.Address] = p
	b.mu.Unlock()
	b.look()
}

func (b *balancer) remove(m *member) {
	b.mu.Lock()
	delete(b.all, m.said.Address)
	b.mu.Unlock()
}

// watch looks again and again until the context ends.
func (b *balancer) watch(ctx context.Context) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			b.look()
		}
	}
}

// leader gives the holder and the epoch of the sequencer's lease while it lasts.
func (h *house) leader() (holder string, epoch int64) {
	h.t.Helper()
	ctx := context.Background()
	c, err := pgx.Connect(ctx, h.database)
	if err != nil {
		h.t.Fatal(err)
	}
	defer c.Close(ctx)
	const lives = `SELECT CASE WHEN until > EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 THEN holder ELSE '' END, epoch FROM lease WHERE name = 'sequencer'`
	if err := c.QueryRow(ctx, lives).Scan(&holder, &epoch); err != nil {
		h.t.Fatal(err)
	}
	return holder, epoch
}

// follower waits until another than before leads, and gives its epoch.
func (h *house) follower(before string) int64 {
	h.t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	over := time.After(time.Minute)
	for {
		if holder, epoch := h.leader(); holder != "" && holder != before {
			return epoch
		}
		select {
		case <-tick.C:
		case <-over:
			h.t.Fatalf("nobody leads in the place of %s", before)
		}
	}
}

// leads tells whether the holder of a lease is this process.
func (m *member) leads(holder string) bool {
	host, _ := os.Hostname()
	rest, ok := strings.CutPrefix(holder, host+"-")
	pid, _, _ := strings.Cut(rest, "-")
	return ok && pid == strconv.Itoa(m.cmd.Process.Pid)
}

func newHouse(t testing.TB, program, database string) *house {
	dir := t.TempDir()
	return &house{t: t, program: program, dir: dir, database: database, env: []string{
		"PARAPH_KEYS_DIR=" + filepath.Join(dir, "shared-keys"), "PARAPH_ADMIN_LISTEN=127.0.0.1:0",
		"PARAPH_DRAIN_DELAY=400ms", "PARAPH_LEASE=1s",
	}}
}
