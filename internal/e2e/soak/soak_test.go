package soak

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/e2e/programtest"
	"github.com/paraph/paraph/internal/store/pgtest"
	"github.com/paraph/paraph/internal/testneed"
)

var (
	kills = flag.Int("kills", 10, "kills on each store")
	seed  = flag.Uint64("seed", 0, "seed of the plan and the callers; 0: a new one")
	only  = flag.String("store", "", "sqlite, postgres, s3 (PostgreSQL, with the files in a bucket), or all; default sqlite and postgres")
)

// TestSoak kills the server under load, on each store, and finds nothing lost
// and nothing doubled.
func TestSoak(t *testing.T) {
	t.Parallel()
	testneed.Command(t, "tesseract")
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	say(t, fmt.Sprintf("soak: seed %d", *seed))
	shared := t.TempDir()
	program := programtest.Build(t, "failpoints")
	for name, with := range map[string]func(t *testing.T, w *world){
		"sqlite":   func(*testing.T, *world) {},
		"postgres": func(t *testing.T, w *world) { w.database = pgtest.Database(t) },
		"s3":       func(t *testing.T, w *world) { w.database, w.bucket = pgtest.Database(t), newBucket(t) },
	} {
		if !wanted(name) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := &world{t: t, name: name, program: program, cache: shared}
			with(t, w)
			soak(t, w)
		})
	}
}

// wanted tells whether a store is to be soaked. The one with a bucket is when it is
// asked for: it shows what the others show, and what a bucket adds.
func wanted(name string) bool { return *only == name || *only == "all" || *only == "" && name != "s3" }

// soak is the whole of one store's trial.
func soak(t *testing.T, w *world) {
	began := time.Now()
	w.open(*seed)
	w.firstStart()
	for n := range callers {
		w.employ(n)
	}
	for range followers {
		w.follow()
	}
	for w.kills() < *kills && !t.Failed() {
		w.round()
		if n := w.kills(); n%50 == 0 && n < *kills {
			say(t, fmt.Sprintf("soak %s: %d of %d kills", w.name, n, *kills))
		}
	}
	if !t.Failed() {
		w.finish()
	}
	w.gate.abandon() // where it failed: nobody waits for another start
	w.busy.Wait()
	say(t, w.summary()+", "+time.Since(began).Round(100*time.Millisecond).String())
	if t.Failed() {
		t.Logf("the program said at last:\n%s", w.said())
	}
}

// say tells a line at once where somebody watches, else with the test's outcome.
func say(t *testing.T, line string) {
	t.Helper()
	if testing.Verbose() {
		fmt.Fprintln(os.Stderr, line)
		return
	}
	t.Log(line)
}

// summary is what the trial comes to, in a line.
func (w *world) summary() string {
	m := w.model
	m.mu.Lock()
	defer m.mu.Unlock()
	reached := len(w.plan.reached)
	missed := []string{}
	for _, p := range points {
		if w.plan.reached[p] == 0 && w.plan.missed[p] > 0 {
			missed = append(missed, string(p))
		}
	}
	slices.Sort(missed)
	late := ""
	if len(missed) > 0 {
		late = " (not reached in their round: " + strings.Join(missed, ", ") + ")"
	}
	return fmt.Sprintf("soak %s: %d kills, %d at %d of %d failpoints%s, %d at random moments; %d acknowledged changes, %d answers lost and asked for again, %d entries; %d lost, %d doubled, %d otherwise wrong; %d audits, all sound: %v; %d letters, %d of them again after a kill; seed %d",
		w.name, w.plan.hits+w.plan.blind, w.plan.hits, reached, len(points), late, w.plan.blind, m.acknowledged, m.repeated, len(w.log.public)+w.log.private,
		m.lost, m.doubled, m.wrong, w.audits, w.audits == w.sound, w.post.count(), w.post.again(), w.plan.seed)
}
