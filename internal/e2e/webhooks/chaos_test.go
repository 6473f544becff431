package webhooks

import (
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/e2e/programtest"
	"github.com/paraph/paraph/internal/store/pgtest"
)

var (
	kills  = flag.Int("kills", 3, "kills on each store")
	events = flag.Int("events", 400, "events on each store")
	seed   = flag.Uint64("seed", 0, "seed of the kills; 0: a new one")
)

const (
	chaosCallers = 16
	perDocument  = 4 // events of each document
)

// TestChaos kills the program again and again while events happen and are sent to
// three endpoints: one that is well, one that refuses every fifth request, one that
// is away. Nothing is lost, and the events of a document arrive in their order.
func TestChaos(t *testing.T) {
	t.Parallel()
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	t.Run("sqlite", func(t *testing.T) { t.Parallel(); chaos(t, "") })
	t.Run("postgres", func(t *testing.T) { t.Parallel(); chaos(t, pgtest.Database(t)) })
}

func chaos(t *testing.T, database string) {
	began := time.Now()
	c := &storm{t: t, rnd: rand.New(rand.NewPCG(*seed, 1)), options: programtest.Options{Data: t.TempDir(), Database: database, Args: []string{"--outbound-allow", "127.0.0.0/8"}}}
	c.serve()
	healthy, flapping := newCounter(t, 0), newCounter(t, 0.2)
	away, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	must(t, away.Close())
	ids := map[string]string{}
	for name, url := range map[string]string{"healthy": healthy.url, "flapping": flapping.url, "away": "http://" + away.Addr().String()} {
		ids[name] = c.listens(url)
	}
	for range *kills {
		c.round(*events / perDocument / (*kills + 1))
	}
	c.finish(*events / perDocument)
	entries := c.log()
	c.settled(len(entries), func() int { return healthy.taken() })
	c.settled(len(entries), func() int { return flapping.taken() })
	c.settled(len(entries), func() int { q := c.queue(ids["away"]); return q.Pending + q.Dead })
	for name, r := range map[string]*counter{"healthy": healthy, "flapping": flapping} {
		r.compare(t, name, entries)
	}
	if q := c.queue(ids["away"]); q.Pending+q.Dead != len(entries) {
		t.Errorf("the endpoint that is away has %d waiting and %d dead, but %d events happened", q.Pending, q.Dead, len(entries))
	}
	say(t, fmt.Sprintf("chaos %s: %d kills, %d events, 0 lost: %v; healthy received %d (%d again), flapping %d (%d again, %d refused); %v; seed %d", t.Name(), *kills, len(entries), !t.Failed(),
		healthy.total, healthy.total-len(healthy.seen), flapping.total, flapping.total-len(flapping.seen), flapping.refused, time.Since(began).Round(time.Second), *seed))
}

func say(t *testing.T, line string) {
	t.Helper()
	if testing.Verbose() {
		fmt.Fprintln(os.Stderr, line)
		return
	}
	t.Log(line)
}

// storm is a program that is killed, and those that go on asking it all the same.
type storm struct {
	t       *testing.T
	rnd     *rand.Rand
	options programtest.Options
	process *programtest.Process
	id      string
	secret  string
	api     *programtest.Caller

	mu   sync.Mutex
	docs int   // made so far
	left []*op // what was not answered
}

// op is a document on its way through its events. What was not answered is asked
// again under the same key.
type op struct {
	n, step int
	doc     string
}

func (c *storm) serve() {
	c.t.Helper()
	c.process = programtest.Serve(c.t, c.options)
	if c.process.ID != "" {
		c.id, c.secret = c.process.ID, c.process.Secret
	}
	var err error
	c.api, err = programtest.Login(c.process.URL, c.id, c.secret)
	must(c.t, err)
	c.api.HTTP.Transport = &http.Transport{MaxIdleConnsPerHost: chaosCallers}
}

func (c *storm) listens(url string) string {
	c.t.Helper()
	body, err := json.Marshal(object{"url": url, "types": []string{"document.*"}, "order": "by_document", "retry_seconds": []int{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}})
	must(c.t, err)
	a, err := c.api.Do("POST", base, body)
	must(c.t, err)
	var made struct{ Endpoint struct{ ID string } }
	must(c.t, a.Into(&made))
	if made.Endpoint.ID == "" {
		c.t.Fatalf("%s", a.Body)
	}
	return made.Endpoint.ID
}

// round lets callers work on so many documents, and kills the program somewhere in it.
func (c *storm) round(documents int) {
	c.t.Helper()
	mark := 1 + c.rnd.IntN(max(documents*perDocument, 1))
	answered := make(chan struct{}, documents*perDocument+chaosCallers)
	done := c.work(c.docs+documents, answered)
	for range mark {
		select {
		case <-answered:
		case <-done:
		}
	}
	c.process.Kill()
	<-done
	c.serve()
}

// finish lets callers end what was begun, up to so many documents.
func (c *storm) finish(documents int) {
	c.t.Helper()
	<-c.work(documents, nil)
	if len(c.left) > 0 {
		c.t.Fatalf("%d requests were not answered although nobody was killed", len(c.left))
	}
}

// work lets callers work until there are so many documents, or nobody answers.
func (c *storm) work(documents int, answered chan<- struct{}) <-chan struct{} {
	done := make(chan struct{})
	var group sync.WaitGroup
	for range chaosCallers {
		group.Go(func() {
			for o := c.take(documents); o != nil; o = c.take(documents) {
				for o.step < perDocument {
					if !c.ask(o) {
						c.mu.Lock()
						c.left = append(c.left, o)
						c.mu.Unlock()
						return
					}
					o.step++
					select {
					case answered <- struct{}{}:
					default:
					}
				}
			}
		})
	}
	go func() { group.Wait(); close(done) }()
	return done
}

func (c *storm) take(documents int) *op {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(c.left); n > 0 {
		o := c.left[n-1]
		c.left = c.left[:n-1]
		return o
	}
	if c.docs >= documents {
		return nil
	}
	c.docs++
	return &op{n: c.docs}
}

// ask makes the next event of a document happen; false where nobody answered.
func (c *storm) ask(o *op) bool {
	method, path, body := "POST", "/v1/drafts", fmt.Sprintf(`{"title":"Request %d"}`, o.n)
	if o.step > 0 {
		method, path, body = "PATCH", "/v1/documents/"+o.doc, fmt.Sprintf(`{"metadata":{"step":%d}}`, o.step)
	}
	a, err := c.api.Do(method, path, []byte(body), "Idempotency-Key", fmt.Sprintf("chaos-%d-%d", o.n, o.step))
	if err != nil || a.Status >= 500 {
		return false
	}
	if a.Status >= 300 {
		c.t.Errorf("%s %s: %d %s", method, path, a.Status, a.Body)
		return false
	}
	if o.step > 0 {
		return true
	}
	var d struct{ ID string }
	if err := a.Into(&d); err != nil {
		c.t.Errorf("%s: %v", a.Body, err)
		return false
	}
	o.doc = d.ID
	return true
}

// entry is an event as the log has it.
type entry struct {
	ID  string `json:"id"`
	Doc string `json:"documentid"`
	Seq int    `json:"documentsequence"`
}

// log reads all events of documents, once everything has its place in the log.
func (c *storm) log() (out []entry) {
	c.t.Helper()
	after, end := "", time.Now().Add(patience)
	for len(out) < c.docs*perDocument {
		a, err := c.api.Do("GET", "/v1/events?type=document.*&limit=200&wait=1&after="+after, nil)
		must(c.t, err)
		var page struct {
			Items []entry
			Next  string
		}
		must(c.t, a.Into(&page))
		out, after = append(out, page.Items...), page.Next
		if len(page.Items) == 0 && time.Now().After(end) {
			c.t.Fatalf("the log has %d events of documents, want %d", len(out), c.docs*perDocument)
		}
	}
	return out
}

type queue struct{ Pending, Dead int }

func (c *storm) queue(id string) queue {
	c.t.Helper()
	a, err := c.api.Do("GET", base+"/"+id, nil)
	must(c.t, err)
	var e struct{ Health queue }
	must(c.t, a.Into(&e))
	return e.Health
}

// settled waits until a count is whole, for as long as something moves. A queue that
// is empty says nothing: after a kill the next process leads only once the lease of
// the one that died has run out, and queues nothing before.
func (c *storm) settled(want int, count func() int) {
	c.t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	last, since := -1, time.Now()
	for n := count(); n < want; n = count() {
		if n != last {
			last, since = n, time.Now()
		}
		if time.Since(since) > patience {
			return // what is compared says what is missing
		}
		<-tick.C
	}
}

// counter is a receiver that counts, and refuses a share of what comes.
type counter struct {
	url     string
	mu      sync.Mutex
	rnd     *rand.Rand
	seen    map[string][32]byte // what was taken, by its id
	last    map[string]int      // the newest event taken, by document
	total   int                 // taken, with repetitions
	refused int
	wrong   []string
}

// taken gives how many different events were taken.
func (r *counter) taken() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.seen)
}

func newCounter(t *testing.T, refuses float64) *counter {
	c := &counter{rnd: rand.New(rand.NewPCG(*seed, 2)), seen: map[string][32]byte{}, last: map[string]int{}}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.rnd.Float64() < refuses {
			c.refused++
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		c.take(r.Header.Get("webhook-id"), body)
	}))
	t.Cleanup(s.Close)
	c.url = s.URL
	return c
}

func (c *counter) take(id string, body []byte) {
	sum := sha256.Sum256(body)
	c.total++
	if before, known := c.seen[id]; known {
		if before != sum {
			c.wrong = append(c.wrong, id+" came with another body")
		}
		return
	}
	c.seen[id] = sum
	var e entry
	if err := json.Unmarshal(body, &e); err != nil || e.ID != id {
		c.wrong = append(c.wrong, id+" came with "+string(body))
		return
	}
	if e.Seq != c.last[e.Doc]+1 {
		c.wrong = append(c.wrong, fmt.Sprintf("event %d of %s came after event %d", e.Seq, e.Doc, c.last[e.Doc]))
	}
	c.last[e.Doc] = e.Seq
}

// compare holds what was taken against the log.
func (c *counter) compare(t *testing.T, name string, entries []entry) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	lost := 0
	for _, e := range entries {
		if _, ok := c.seen[e.ID]; !ok {
			lost++
		}
	}
	if lost > 0 || len(c.seen) != len(entries) {
		t.Errorf("%s: %d events are lost; it has %d of %d", name, lost, len(c.seen), len(entries))
	}
	for _, w := range c.wrong[:min(len(c.wrong), 10)] {
		t.Errorf("%s: %s", name, w)
	}
}
