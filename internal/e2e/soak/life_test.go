package soak

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/paraph/paraph/internal/store/pgtest"
)

func itoa(n int) string { return strconv.Itoa(n) }

// life is one run of the program, from its start to its end.
type life struct {
	no    int
	cmd   *exec.Cmd
	gone  chan struct{} // closed when the process is
	ready chan struct{} // closed when it serves
	first struct {
		ID     string `json:"client_id"`
		Secret string `json:"client_secret"`
	}
	said buffer
}

// buffer keeps what a life wrote to its log.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

// String gives the last lines.
func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	lines := strings.Split(strings.TrimSpace(b.b.String()), "\n")
	return strings.Join(lines[max(0, len(lines)-15):], "\n")
}

// start begins a life that ends as the shot says. It does not wait until the
// program serves: that may never come.
func (w *world) start(s shot) *life {
	w.t.Helper()
	if w.database != "" && w.life != nil {
		// Time passes for the leases of the process that died. On SQLite there is
		// nothing to wait for: the one process takes over at once.
		pgtest.Exec(w.t, w.database, "UPDATE lease SET until = 0", "DELETE FROM river_leader")
	}
	l := &life{no: w.lives, gone: make(chan struct{}), ready: make(chan struct{})}
	w.lives++
	w.before, w.life = w.life, l
	l.cmd = exec.Command(w.program, "serve", "--json", "--data-dir", w.conf.DataDir, "--listen", w.address,
		"--rate-limit", "0", "--ocr-languages", "eng", "--log-level", "warn", "--token-lifetime", "1h",
		"--smtp-host", "127.0.0.1", "--smtp-port", itoa(w.post.port), "--smtp-tls", "none",
		"--smtp-from", fmt.Sprintf("Paraph <life-%d@paraph.example>", l.no))
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "PARAPH_") {
			l.cmd.Env = append(l.cmd.Env, v)
		}
	}
	l.cmd.Env = append(append(l.cmd.Env, "PARAPH_DATABASE="+w.database, "PARAPH_FAILPOINTS="+s.spec()), w.bucket.env()...)
	l.cmd.Stderr = &l.said
	stdout, err := l.cmd.StdoutPipe()
	if err == nil {
		err = l.cmd.Start()
	}
	if err != nil {
		w.t.Fatal(err)
	}
	go l.watch(stdout)
	w.t.Cleanup(l.kill)
	return l
}

// watch waits for the greeting and then for the end.
func (l *life) watch(stdout io.Reader) {
	defer close(l.gone)
	r := bufio.NewReader(stdout)
	if line, err := r.ReadBytes('\n'); err == nil && json.Unmarshal(line, &l.first) == nil {
		close(l.ready)
	}
	_, _ = io.Copy(io.Discard, r)
	_ = l.cmd.Wait() // mostly it is killed: there is no good ending to ask for
}

// kill ends the process as a power cut would end it, and waits until it is gone.
func (l *life) kill() {
	_ = l.cmd.Process.Kill() // it may be gone already
	<-l.gone
}

// up waits until the life serves; false where it ended before.
func (l *life) up() bool {
	select {
	case <-l.ready:
		return true
	case <-l.gone:
		return false
	}
}

// over waits for the life's end, at most so long.
func (l *life) over(most time.Duration) bool {
	ctx, cancel := context.WithTimeout(context.Background(), most)
	defer cancel()
	select {
	case <-l.gone:
		return true
	case <-ctx.Done():
	}
	select {
	case <-l.gone: // at the same time
		return true
	default:
		return false
	}
}

// killedItself tells whether a life that is gone ended by a kill, rather than by
// a fault of its own.
func (l *life) killedItself() bool { return strings.Contains(l.cmd.ProcessState.String(), "killed") }

// gate lets callers through while a life serves, and tells when nobody is inside.
type gate struct {
	mu     sync.Mutex
	change *sync.Cond
	no     int // of the life that serves; -1: closed
	inside int
	left   bool // abandoned: whoever waits gives up
}

func newGate() *gate {
	g := &gate{no: -1}
	g.change = sync.NewCond(&g.mu)
	return g
}

// enter waits until a life after the given one serves, and gives its number;
// false where that will not be.
func (g *gate) enter(after int) (int, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for g.no <= after && !g.left {
		g.change.Wait()
	}
	if g.left {
		return 0, false
	}
	g.inside++
	return g.no, true
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside--
	g.change.Broadcast()
}

// open lets callers in to a life.
func (g *gate) open(no int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.no = no
	g.change.Broadcast()
}

// shut lets nobody in any more.
func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.no = -1
}

// empty waits until all are outside, once the life is gone.
func (g *gate) empty() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for g.inside > 0 {
		g.change.Wait()
	}
}

// abandon sends everybody home.
func (g *gate) abandon() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.left = true
	g.change.Broadcast()
}
