package soak

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/config"
	"github.com/paraph/paraph/internal/failpoint"
	"github.com/paraph/paraph/internal/server"
)

const (
	callers   = 6
	followers = 3
	// bound is how long a life may take to reach its failpoint.
	bound = 6 * time.Second
	// patience is how long what must come is waited for at the end.
	patience = 3 * time.Minute
)

// world is one store under fire, with everything that lives through the kills.
type world struct {
	t        testing.TB
	name     string
	program  string
	cache    string  // folder that both stores share: what the PDF engine compiled
	database string  // "": SQLite in the data folder
	bucket   *bucket // nil: files are in the data folder

	conf    config.Config
	address string
	http    *http.Client
	token   atomic.Value // string
	post    *office
	plan    *plan
	model   *model
	log     *history
	gate    *gate
	read    []*follower
	audits  int
	sound   int

	lives        int
	life, before *life
	tired        bool        // something was begun so often that the next life lets it end
	scan         atomic.Bool // the next flow reads a scan,
	doom         atomic.Bool // disposes of a document,
	turn         atomic.Bool // rotates a key
	pause        sync.RWMutex
	ending       atomic.Bool // callers end what they began, and nothing new
	work         sync.WaitGroup
	busy         sync.WaitGroup // followers
}

// compiling lets one store at a time make its first start: the second finds the
// PDF engine compiled.
var compiling sync.Mutex

func (w *world) open(seed uint64) {
	w.t.Helper()
	w.conf = config.Default()
	w.conf.DataDir, w.conf.Database = filepath.Join(w.t.TempDir(), "data"), config.Secret(w.database)
	cache := filepath.Join(w.cache, "cache")
	for _, dir := range []string{w.conf.DataDir, cache} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			w.t.Fatal(err)
		}
	}
	if err := os.Symlink(cache, filepath.Join(w.conf.DataDir, "cache")); err != nil {
		w.t.Fatal(err)
	}
	w.http = &http.Client{Timeout: patience, Transport: &http.Transport{MaxIdleConnsPerHost: callers + followers + 2}}
	w.plan, w.gate, w.post = newPlan(seed, w.database != ""), newGate(), postOffice(w.t)
	w.model, w.log = newModel(w, seed), newHistory()
	w.address = w.freeAddress()
}

// freeAddress gives an address below the ports that the kernel hands to outgoing
// connections, so that no stranger takes it while the program is down.
func (w *world) freeAddress() string {
	w.t.Helper()
	for range 100 {
		address := fmt.Sprintf("127.0.0.1:%d", 20000+w.plan.rnd.IntN(10000)+os.Getpid()%2000)
		if l, err := net.Listen("tcp", address); err == nil {
			if err := l.Close(); err == nil {
				return address
			}
		}
	}
	w.t.Fatal("no free port")
	return ""
}

// kills counts the lives that were ended so far.
func (w *world) kills() int { return w.plan.hits + w.plan.blind }

// firstStart makes the data folder, the first credential, and a first document.
func (w *world) firstStart() {
	w.t.Helper()
	compiling.Lock()
	defer compiling.Unlock()
	l := w.start(shot{})
	if !l.up() {
		w.t.Fatalf("the program does not start:\n%s", l.said.String())
	}
	w.model.id, w.model.secret = l.first.ID, l.first.Secret
	if err := w.login(); err != nil {
		w.t.Fatal(err)
	}
	w.gate.open(l.no)
	done := make(chan struct{})
	go func() {
		defer close(done)
		c := &caller{world: w, name: "first", rnd: w.plan.rnd}
		id := c.upload(textPDF("To warm up"), "application/pdf")
		c.settle(id)
		w.model.goal(id, "draft")
	}()
	<-done
	w.gate.shut()
	l.kill()
}

// round is one life: it starts, is compared with what was acknowledged before,
// works, and is killed.
func (w *world) round() {
	w.t.Helper()
	s := w.plan.next(w.tired)
	l := w.start(s)
	switch {
	case s.early:
		l.over(s.after)
	case !l.up():
	case !w.check():
		l.over(bound) // it is ending: the connection broke
	default:
		w.provoke(s.point)
		w.gate.open(l.no)
		if s.rest {
			w.rest()
		}
		if s.point != "" {
			s.after = bound
		}
		l.over(s.after)
	}
	w.gate.shut()
	itself := l.over(0)
	l.kill()
	w.gate.empty()
	if !l.killedItself() {
		w.t.Fatalf("life %d ended by itself: %v\n%s", l.no, l.cmd.ProcessState, l.said.String())
	}
	w.plan.ended(s, itself && s.point != "")
}

// provoke has somebody do what passes the point, where few do.
func (w *world) provoke(p failpoint.Point) {
	switch p {
	case failpoint.CaptureRendered:
		w.scan.Store(true)
	case failpoint.DisposeRead, failpoint.DisposeDeleted, failpoint.DisposeForgotten, failpoint.DisposeScrubbed:
		w.doom.Store(true)
	case failpoint.RotateRewrapped, failpoint.RotateEmptied, failpoint.RotateDestroyed:
		w.turn.Store(true)
	}
}

// check compares a life that has just begun with the model. It gives false where
// the life ended meanwhile: the rest is looked at in the next one.
func (w *world) check() bool {
	w.t.Helper()
	w.audit()
	if !w.catchUp() {
		return false
	}
	w.model.confirm(w.log)
	return w.model.compare() == nil
}

// audit re-reads the log as `paraph audit verify` does.
func (w *world) audit() *server.AuditReport {
	w.t.Helper()
	report, err := server.Audit(context.Background(), &w.conf, "", nil)
	w.audits++
	if err != nil || !report.Sound {
		w.t.Errorf("%s, life %d: the log is not sound: %+v %v", w.name, w.life.no, report, err)
		return report
	}
	w.sound++
	return report
}

// said gives what the last two lives wrote.
func (w *world) said() string {
	text := ""
	for _, l := range []*life{w.before, w.life} {
		if l != nil {
			text += fmt.Sprintf("life %d:\n%s\n", l.no, l.said.String())
		}
	}
	return text
}
