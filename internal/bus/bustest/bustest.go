// Package bustest is what a bus promises, as tests that every kind has to pass
// against a real server.
package bustest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/bus"
	"github.com/paraph/paraph/internal/event"
	"github.com/paraph/paraph/internal/journal"
)

// Server is a real server of a bus.
type Server interface {
	// Address is one for bus.Open.
	Address() string
	// Stop ends the server as a failure would; Start starts it again on its data.
	Stop(t testing.TB)
	Start(t testing.TB)
	// Read reads the first n messages of "events" or "dead", by another client than
	// the one under test.
	Read(t testing.TB, what string, n int) []Got
	// Send sends a command message, as another system would.
	Send(t testing.TB, client, id string, body []byte)
	// Dedupes tells whether the server itself drops a repeated id.
	Dedupes() bool
}

// Got is a message as another system sees it.
type Got struct {
	ID, Key, Code, Reason, Media string
	Partition                    int
	Body                         []byte
}

// time bound of a test against a server.
const bound = 90 * time.Second

// Run holds the kind of bus to its promises. The server is empty.
func Run(t *testing.T, s Server) {
	b := open(t, s)
	ctx, cancel := context.WithTimeout(t.Context(), 4*bound)
	defer cancel()
	var sent []event.Message
	t.Run("events", func(t *testing.T) { sent = published(ctx, t, s, b) })
	t.Run("outage", func(t *testing.T) { sent = outage(ctx, t, s, b, sent) })
	t.Run("commands", func(t *testing.T) { commands(ctx, t, s, b) })
	t.Run("dead letters", func(t *testing.T) { dead(ctx, t, s, b) })
	t.Run("look", func(t *testing.T) {
		got, err := b.Look(ctx)
		if err != nil || len(got) == 0 || !got[0].OK {
			t.Errorf("%+v %v", got, err)
		}
	})
}

func open(t testing.TB, s Server) bus.Bus {
	t.Helper()
	b, err := bus.Open(s.Address(), testLog(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// messages makes n events of several keys.
func messages(from, n int) []event.Message {
	out := make([]event.Message, n)
	for i := range out {
		at := from + i
		out[i] = event.Message{
			ID: fmt.Sprintf("evt_%06d", at), Org: "org_1", Unit: fmt.Sprintf("unit-%d", at%5), DocumentType: []string{"invoice", "", "order"}[at%3], Kind: journal.DocumentCreated,
			Body: fmt.Appendf(nil, `{"specversion":"1.0","id":"evt_%06d","data":{"n":%d,"ä":"<&>"}}`, at, at),
		}
	}
	return out
}

// published: all are there, byte for byte, each key in one partition and in order;
// sent again by another process, the ids tell that they are the same.
func published(ctx context.Context, t *testing.T, s Server, b bus.Bus) []event.Message {
	all := messages(0, 400)
	for part := range slices.Chunk(all, 150) {
		if err := b.Publish(ctx, part); err != nil {
			t.Fatal(err)
		}
	}
	arrived(t, s, all)
	if err := open(t, s).Publish(ctx, all[300:]); err != nil { // as after a crash
		t.Fatal(err)
	}
	arrived(t, s, all)
	return all
}

// arrived compares what the server has with what was sent: every event, and the keys
// in order, once repetitions are dropped by their ids.
func arrived(t *testing.T, s Server, sent []event.Message) {
	t.Helper()
	want, partition := map[string][]string{}, map[string]int{}
	bodies := map[string][]byte{}
	for i := range sent {
		want[sent[i].Key()] = append(want[sent[i].Key()], sent[i].ID)
		bodies[sent[i].ID] = sent[i].Body
	}
	got, seen, again := map[string][]string{}, map[string]bool{}, 0
	for _, m := range s.Read(t, "events", len(sent)) {
		if seen[m.ID] {
			again++
			continue
		}
		seen[m.ID] = true
		got[m.Key] = append(got[m.Key], m.ID)
		if !bytes.Equal(m.Body, bodies[m.ID]) || m.Media != event.MediaType {
			t.Errorf("%s arrived as %s %s", m.ID, m.Media, m.Body)
		}
		if p, known := partition[m.Key]; known && p != m.Partition {
			t.Errorf("%s is in partitions %d and %d", m.Key, p, m.Partition)
		}
		partition[m.Key] = m.Partition
	}
	if s.Dedupes() && again > 0 {
		t.Errorf("%d events are there again", again)
	}
	t.Logf("%d events, %d of them again", len(seen), again)
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if !slices.Equal(got[key], want[key]) {
			t.Errorf("of %s are there %d of %d, or in another order", key, len(got[key]), len(want[key]))
		}
	}
	if len(partition) != len(want) {
		t.Errorf("%d keys arrived, %d were sent", len(partition), len(want))
	}
}

// outage: while the server is away publishing fails, soon and plainly; once it is
// back the same call works, by the same bus.
func outage(ctx context.Context, t *testing.T, s Server, b bus.Bus, sent []event.Message) []event.Message {
	more := messages(len(sent), 60)
	s.Stop(t)
	if err := b.Publish(ctx, more); err == nil {
		t.Error("nobody was there, and it was published")
	}
	if _, err := b.Look(ctx); err == nil {
		t.Error("nobody was there, and nothing was found")
	}
	s.Start(t)
	eventually(ctx, t, "publishing after the outage", func() error { return b.Publish(ctx, more) })
	sent = append(sent, more...)
	arrived(t, s, sent)
	return sent
}

// eventually tries until it works, or the test's time is over.
func eventually(ctx context.Context, t testing.TB, what string, try func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	for {
		err := try()
		if err == nil {
			return
		}
		wait := time.NewTimer(200 * time.Millisecond)
		select {
		case <-ctx.Done():
			wait.Stop()
			t.Fatalf("%s: %v", what, err)
		case <-wait.C:
		}
	}
}

// orders collects what was handed over.
type orders struct {
	mu   sync.Mutex
	done map[string]int
	wake chan struct{}
	fail map[string]int // how often to refuse an id at first
}

func (o *orders) handle(_ context.Context, m event.Order) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.fail[m.ID] > 0 {
		o.fail[m.ID]--
		return errors.New("not now")
	}
	o.done[m.Client+" "+m.ID+" "+string(m.Body)]++
	select {
	case o.wake <- struct{}{}:
	default:
	}
	return nil
}

func (o *orders) count() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.done)
}

// commands: what other systems send is handed over, what could not be taken comes
// again, and what was taken does not come to a later listener.
func commands(ctx context.Context, t *testing.T, s Server, b bus.Bus) {
	got := &orders{done: map[string]int{}, wake: make(chan struct{}, 1), fail: map[string]int{"c-3": 2, "c-7": 1}}
	listen := func(b bus.Bus) (stop func()) {
		ctx, cancel := context.WithCancel(ctx)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			for ctx.Err() == nil {
				if err := b.Receive(ctx, got.handle); err != nil {
					t.Logf("listening ended: %v", err)
				}
			}
		}()
		return func() { cancel(); <-ended }
	}
	stop := listen(b)
	want := map[string]int{}
	for i := range 20 {
		id, body := fmt.Sprintf("c-%d", i), fmt.Sprintf(`{"n":%d}`, i)
		s.Send(t, "cli_1", id, []byte(body))
		want["cli_1 "+id+" "+body] = 1
	}
	got.until(ctx, t, 20)
	stop()
	second := listen(open(t, s)) // another process takes over
	s.Send(t, "cli_2", "later", []byte("{}"))
	want["cli_2 later {}"] = 1
	got.until(ctx, t, 21)
	second()
	got.mu.Lock()
	defer got.mu.Unlock()
	if !maps.Equal(got.done, want) {
		t.Errorf("handed over were %v", got.done)
	}
}

func (o *orders) until(ctx context.Context, t *testing.T, n int) {
	t.Helper()
	late := time.NewTimer(bound)
	defer late.Stop()
	for o.count() < n {
		select {
		case <-o.wake:
		case <-late.C:
			t.Fatalf("%d of %d were handed over", o.count(), n)
		case <-ctx.Done():
			t.Fatal(ctx.Err())
		}
	}
}

// dead: a refused message is put aside as it came, with the reason in one line.
func dead(ctx context.Context, t *testing.T, s Server, b bus.Bus) {
	letter := event.DeadLetter{ID: "inb_1", Client: "cli_1", Code: "bad_command", Reason: "It is\nno command.", Body: []byte("\x00 what came")}
	for range 2 {
		if err := b.Refuse(ctx, letter); err != nil {
			t.Fatal(err)
		}
	}
	got := s.Read(t, "dead", 1)[0]
	if got.ID != "inb_1" || got.Key != "cli_1" || got.Code != "bad_command" || got.Reason != "It is no command." || string(got.Body) != "\x00 what came" {
		t.Errorf("the dead letter is %+v", got)
	}
	if n := len(s.Read(t, "dead", 1)); s.Dedupes() && n != 1 {
		t.Errorf("it is there %d times", n)
	}
}
