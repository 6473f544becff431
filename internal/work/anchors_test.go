package work

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/anchor"
	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/id"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/store"
	"github.com/paraph/paraph/internal/store/storetest"
	"github.com/paraph/paraph/pades/tsp"
	"github.com/paraph/paraph/pades/tsp/tsptest"
)

// anchored is a log with a worker that has it time-stamped, by a clock that is
// moved by hand.
type anchored struct {
	t      *testing.T
	clock  *clock.Fake
	store  *store.Store
	svc    *service.Service
	signer *journal.Signer
	seq    *Sequencer
	org    string
	tsa    *tsptest.TSA
	tsas   []tsp.Endpoint
	keeper *standIn
	failed map[string]int
	*Anchors
}

// standIn is a LogKeeper that notes what leaves.
type standIn struct {
	mu       sync.Mutex
	released []string
	broken   error
}

func (k *standIn) Release(note string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.released = append(k.released, note)
	return nil
}

func (k *standIn) Sound() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.broken
}

func (k *standIn) breakWith(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.broken = err
}

func (a *anchored) AnchorFailed(reason string) { a.failed[reason]++ }

// morning is when the tests begin.
var morning = time.Date(2026, 11, 3, 9, 20, 0, 0, time.UTC)

func newAnchored(t *testing.T, open storetest.Open) *anchored {
	t.Helper()
	a := &anchored{t: t, clock: clock.NewFake(morning), keeper: &standIn{}, failed: map[string]int{}}
	a.store = open(storetest.With(a.clock))
	a.tsa = tsptest.New(t, tsptest.Options{Now: a.clock.Now})
	a.tsas = []tsp.Endpoint{{URL: a.tsa.Serve(t), Policy: tsptest.Policy, Chain: a.tsa.Chain()}}
	seed := sha256.Sum256([]byte("the log"))
	var err error
	if a.signer, err = journal.NewSigner("log.example/audit", ed25519.NewKeyFromSeed(seed[:])); err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	a.seq = NewSequencer(a.signer, Holder{Name: "local", Alone: true}, log)
	a.svc = service.New(service.Config{Store: a.store, Clock: a.clock, Keeper: a.keeper, Anchoring: &service.AnchorPlan{Interval: time.Hour}, Log: log})
	admin, _, err := a.svc.Bootstrap(t.Context(), "Test Works")
	if err != nil {
		t.Fatal(err)
	}
	a.org = admin.Client.Org
	a.number()
	a.restart()
	return a
}

// restart makes the worker anew, as after the process was.
func (a *anchored) restart() {
	a.t.Helper()
	plain := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	client, err := tsp.NewClient(tsp.ClientConfig{Authorities: a.tsas, HTTP: plain, Now: a.clock.Now, Timeout: 5 * time.Second})
	if err != nil {
		a.t.Fatal(err)
	}
	a.Anchors = NewAnchors(AnchorsConfig{
		Service: a.svc, Store: a.store, Keeper: a.keeper, Verifier: a.signer.Verifier(), Stamper: client,
		Interval: time.Hour, Clock: a.clock, Holder: Holder{Name: "one", Alone: true}, Meter: a, Log: slog.New(slog.DiscardHandler),
	})
}

// number gives the entries that wait their places in the log.
func (a *anchored) number() {
	a.t.Helper()
	err := a.store.Write(context.Background(), func(ctx context.Context, tx service.Tx) error {
		_, err := a.seq.Number(ctx, tx)
		return err
	})
	if err != nil {
		a.t.Fatal(err)
	}
}

// grow adds an entry to the log.
func (a *anchored) grow() {
	a.t.Helper()
	err := a.store.Write(context.Background(), func(ctx context.Context, tx service.Tx) error {
		e := journal.Entry{ID: id.New(journal.Prefix, a.clock.Now()), Org: a.org, Kind: journal.UnitCreated, SubjectType: "unit", SubjectID: "u", At: a.clock.Now(), Actor: journal.Actor{Kind: journal.ActorSystem}}
		if err := journal.Seal(&e, journal.Hash{}); err != nil {
			return err
		}
		return tx.InsertEntry(ctx, e)
	})
	if err != nil {
		a.t.Fatal(err)
	}
	a.number()
}

// to moves the clock to a time of the day, days after the first, and steps.
func (a *anchored) to(days int, at string) {
	a.t.Helper()
	moment, err := time.Parse("15:04:05", at)
	if err != nil {
		a.t.Fatal(err)
	}
	a.clock.Set(day(morning).AddDate(0, 0, days).Add(moment.Sub(day(moment))))
	a.step()
}

func (a *anchored) step() {
	a.t.Helper()
	if err := a.Step(context.Background()); err != nil {
		a.t.Fatal(err)
	}
	a.number()
}

func (a *anchored) all() (rows []service.Anchor, state service.Anchoring, head service.LogHead) {
	a.t.Helper()
	err := a.store.Read(context.Background(), func(ctx context.Context, tx service.Reader) (err error) {
		if rows, err = tx.Anchors(ctx, service.AnchorFilter{}); err != nil {
			return err
		}
		if head, err = tx.LogHead(ctx); err != nil {
			return err
		}
		state, err = service.ReadAnchoring(ctx, tx)
		return err
	})
	if err != nil {
		a.t.Fatal(err)
	}
	return rows, state, head
}

// want demands so many anchors.
func (a *anchored) want(n int, why string) {
	a.t.Helper()
	if rows, _, _ := a.all(); len(rows) != n {
		a.t.Errorf("%s: there are %d anchors instead of %d", why, len(rows), n)
	}
}

func onBothStores(t *testing.T, fn func(*anchored)) {
	t.Helper()
	t.Parallel()
	storetest.Each(t, func(t *testing.T, open storetest.Open) { fn(newAnchored(t, open)) })
}

func TestAnchorsOnSchedule(t *testing.T) {
	onBothStores(t, func(a *anchored) {
		a.step()
		a.want(1, "the first start has the log stamped at once")
		a.grow()
		a.to(0, "09:59:59")
		a.want(1, "before the hour")
		a.to(0, "10:00:00")
		a.want(2, "on the hour")
		a.step()
		a.to(0, "10:30:00")
		a.want(2, "once an hour")
		a.to(0, "11:00:00")
		a.want(2, "nothing was logged but the anchor itself")
		a.grow()
		a.to(0, "11:40:00")
		a.want(2, "the hour in which nothing was logged is over")
		a.to(0, "12:00:01")
		a.want(3, "the next hour")
		a.to(0, "23:59:59")
		a.want(3, "an idle day")
		a.to(1, "00:00:00")
		a.want(4, "the day's end has one in any case")
		a.to(1, "09:00:00")
		a.want(4, "an idle morning")
		a.grow()
		a.restart()
		a.step()
		a.want(5, "a start makes up for what was missed")
		a.to(4, "17:31:00")
		a.want(6, "days asleep are made up for by one")
		a.checkAll()
	})
}

// checkAll verifies all anchors: checkpoint, token, entry, and that each left the
// process only after it was remembered outside.
func (a *anchored) checkAll() {
	a.t.Helper()
	rows, state, _ := a.all()
	if !state.DueSince.IsZero() {
		a.t.Errorf("something is due: %+v", state)
	}
	err := a.store.Read(context.Background(), func(ctx context.Context, tx service.Reader) error {
		for _, r := range rows {
			v, err := anchor.Verify([]byte(r.Note), r.Token, a.signer.Verifier(), a.tsa.Chain())
			if err != nil {
				return err
			}
			if !v.Trusted || v.Checkpoint.Head.Size != r.Size || !v.At.Equal(r.StampedAt) || r.TSA == "" {
				a.t.Errorf("the anchor %+v says %v", r, v)
			}
			entries, err := tx.Entries(ctx, service.EntryFilter{Org: a.org, SubjectID: r.ID})
			if err != nil {
				return err
			}
			sum := sha256.Sum256(r.Token)
			if len(entries) != 1 || entries[0].Kind != journal.LogAnchored || entries[0].Digests["token"] != "sha256:"+hex.EncodeToString(sum[:]) {
				a.t.Errorf("the entries of %s are %+v", r.ID, entries)
			}
			found := false
			for _, note := range a.keeper.released {
				found = found || note == r.Note
			}
			if !found {
				a.t.Errorf("%s was not remembered before it left", r.ID)
			}
		}
		return nil
	})
	if err != nil {
		a.t.Error(err)
	}
}

// TestOutOfOrder: an authority that is out is asked again and again, ever less
// often; everybody can see why; and once it answers, all is well.
func TestOutOfOrder(t *testing.T) {
	onBothStores(t, func(a *anchored) {
		a.tsa.Misbehave(tsptest.Status500)
		a.step()
		_, state, _ := a.all()
		if state.Code != "timestamp_http" || state.Attempts != 1 || !state.DueSince.Equal(morning) || len(state.Authorities) != 1 ||
			!strings.Contains(state.Authorities[0].Reason, "500") || !state.RetryAt.Equal(morning.Add(30*time.Second)) {
			a.t.Fatalf("the state is %+v", state)
		}
		for _, seconds := range []int{10, 29} {
			a.clock.Set(morning.Add(time.Duration(seconds) * time.Second))
			a.step()
		}
		if a.tsa.Asked() != 1 {
			a.t.Errorf("it was asked %d times", a.tsa.Asked())
		}
		for range 100 {
			a.clock.Advance(30 * time.Second)
			a.step()
		}
		_, state, _ = a.all()
		if n := a.tsa.Asked(); n < 5 || n > 12 || a.failed["http"] != n {
			a.t.Errorf("in 50 minutes it was asked %d times, %v failures were counted", n, a.failed)
		}
		if !state.DueSince.Equal(morning) || state.Attempts < 5 {
			a.t.Errorf("the state is %+v", state)
		}
		a.want(0, "out of order")
		a.tsa.Misbehave(tsptest.None)
		a.clock.Set(state.RetryAt)
		a.step()
		a.want(1, "it answers again")
		a.checkAll()
	})
}

// TestEveryFaultIsSeen: whatever the authority does, no token is stored that does
// not verify, and the reason can be told.
func TestEveryFaultIsSeen(t *testing.T) {
	onBothStores(t, func(a *anchored) {
		for fault, reason := range tsptest.Reasons {
			if fault == tsptest.Slow || fault == tsptest.Long {
				continue // bounded by the client, which pades/tsp tests
			}
			a.tsa.Misbehave(fault)
			a.clock.Advance(20 * time.Minute)
			a.step()
			_, state, _ := a.all()
			if state.Code != "timestamp_"+string(reason) || state.Reason == "" {
				a.t.Errorf("%s: the state is %+v", fault, state)
			}
		}
		a.want(0, "out of order")
	})
}

// TestSecondAuthorityStepsIn: the order is kept, and what failed is not noted as
// long as somebody gives a time stamp.
func TestSecondAuthorityStepsIn(t *testing.T) {
	onBothStores(t, func(a *anchored) {
		second := tsptest.New(a.t, tsptest.Options{Now: a.clock.Now})
		a.tsas = append(a.tsas, tsp.Endpoint{URL: second.Serve(a.t), Chain: second.Chain()})
		a.restart()
		a.tsa.Misbehave(tsptest.WrongNonce)
		a.step()
		rows, state, _ := a.all()
		if len(rows) != 1 || rows[0].TSA != a.tsas[1].URL || state.Code != "" {
			a.t.Errorf("%+v, %+v", rows, state)
		}
	})
}

// TestFailuresAreCountedOnce: an authority that is being left alone has not failed
// again.
func TestFailuresAreCountedOnce(t *testing.T) {
	onBothStores(t, func(a *anchored) {
		second := tsptest.New(a.t, tsptest.Options{Now: a.clock.Now})
		a.tsas = append(a.tsas, tsp.Endpoint{URL: second.Serve(a.t), Chain: second.Chain()})
		a.restart()
		a.tsa.Misbehave(tsptest.Status500)
		second.Misbehave(tsptest.RejectsRequest)
		a.step()
		a.clock.Advance(30 * time.Second)
		a.step() // asked again, and rests for longer
		a.clock.Advance(30 * time.Second)
		a.step()
		_, state, _ := a.all()
		if a.failed["http"] != 2 || a.failed["rejected"] != 3 || state.Attempts != 3 || len(state.Authorities) != 2 || state.Authorities[0].Code != "timestamp_http" {
			a.t.Errorf("counted: %v; the state is %+v", a.failed, state)
		}
	})
}

// TestFirstAnchorOfEachEntry: an entry's anchor is the first that covers it, with a
// proof under the stamped checkpoint; what none covers is left out.
func TestFirstAnchorOfEachEntry(t *testing.T) {
	onBothStores(t, func(a *anchored) {
		for range 8 {
			a.grow()
		}
		var entries []journal.Entry
		notes := map[int64]string{}
		err := a.store.Write(a.t.Context(), func(ctx context.Context, tx service.Tx) (err error) {
			for _, size := range []int64{2, 5, 6} {
				head, err := journal.HeadAt(size, service.HashesOf(ctx, tx))
				if err != nil {
					return err
				}
				cp, err := a.signer.Sign(head)
				if err != nil {
					return err
				}
				notes[size] = string(cp.Note)
				row := service.Anchor{ID: id.New("anc", a.clock.Now()), Size: size, Note: notes[size], TSA: "x", Token: []byte{1}, StampedAt: morning}
				if err := a.svc.AddAnchor(ctx, tx, row, hex.EncodeToString(make([]byte, 32))); err != nil {
					return err
				}
			}
			entries, err = tx.EntriesFrom(ctx, 1, 7)
			return err
		})
		if err != nil {
			a.t.Fatal(err)
		}
		found, err := a.svc.EntryAnchors(a.t.Context(), append(entries[:2:2], entries[3:]...)) // without that at 3
		if err != nil {
			a.t.Fatal(err)
		}
		got := map[int64][]int64{}
		for _, f := range found {
			for _, p := range f.Proofs {
				shown, err := journal.VerifyProof(p.Proof, a.signer.Verifier(), p.Entry.Leaf)
				if err != nil || string(shown.Checkpoint.Note) != notes[f.Size] {
					a.t.Errorf("entry %d under %d: %v", p.Entry.Index, f.Size, err)
				}
				got[f.Size] = append(got[f.Size], p.Entry.Index)
			}
		}
		if want := map[int64][]int64{2: {1}, 5: {2, 4}, 6: {5}}; !maps.EqualFunc(got, want, slices.Equal) {
			a.t.Errorf("the anchors cover %v, want %v", got, want)
		}
	})
}

// TestAskedFor: whoever asks for a time stamp gets one beside the schedule, also
// from an authority that was being left alone.
func TestAskedFor(t *testing.T) {
	onBothStores(t, func(a *anchored) {
		a.step()
		call := service.SystemCall(a.org, "test", "")
		ask := func() error {
			a.t.Helper()
			_, err := a.svc.RequestAnchor(context.Background(), call)
			a.number()
			a.next = time.Time{} // Run is woken by the topic
			return err
		}
		a.clock.Advance(time.Minute)
		if err := ask(); err != nil {
			a.t.Fatal(err)
		}
		if err := ask(); fault.CodeOf(err) != "timestamp_requested" || fault.From(err).RetryAfter <= 0 {
			a.t.Errorf("asked twice: %v", err)
		}
		a.step()
		a.want(2, "asked for")
		a.step()
		a.want(2, "asked for once")

		a.tsa.Misbehave(tsptest.Status500)
		a.grow()
		a.to(0, "10:00:00")
		for range 5 { // it rests for many minutes by now
			a.clock.Set(a.next)
			a.step()
		}
		a.tsa.Misbehave(tsptest.None)
		a.clock.Advance(time.Second)
		a.step()
		a.want(2, "it is left alone")
		if err := ask(); err != nil {
			a.t.Fatal(err)
		}
		a.step()
		a.want(3, "asked again at once")
	})
}

// TestUnsoundLogIsNotStamped: nothing is vouched for that may be wrong.
func TestUnsoundLogIsNotStamped(t *testing.T) {
	onBothStores(t, func(a *anchored) {
		a.keeper.breakWith(fault.New(fault.Unavailable, "log_damaged", "x"))
		a.step()
		a.want(0, "not sound")
		if a.tsa.Asked() != 0 || len(a.keeper.released) != 0 {
			a.t.Error("something left the process")
		}
		a.keeper.breakWith(nil)
		a.clock.Advance(time.Minute)
		a.step()
		a.want(1, "sound again")
	})
}

// TestNewLogName: after a restored backup was accepted, the log's new name is stamped.
func TestNewLogName(t *testing.T) {
	onBothStores(t, func(a *anchored) {
		if err := a.Step(a.t.Context()); err != nil {
			a.t.Fatal(err)
		}
		other, err := journal.NewSigner("log.example/audit/2", ed25519.NewKeyFromSeed(make([]byte, 32)))
		if err != nil {
			a.t.Fatal(err)
		}
		a.signer, a.seq = other, NewSequencer(other, Holder{Name: "local", Alone: true}, slog.New(slog.DiscardHandler))
		a.number() // only the anchor's own entry is new, and the name
		a.restart()
		a.to(0, "10:00:00")
		rows, _, _ := a.all()
		if len(rows) != 2 || rows[0].Origin() != "log.example/audit/2" {
			a.t.Errorf("the anchors are %+v", rows)
		}
	})
}

// TestOneOfTwoStamps: of two processes one has the log stamped; when it goes, the
// other goes on; and one that lost the lease while it asked stores nothing.
func TestOneOfTwoStamps(t *testing.T) {
	onBothStores(t, func(a *anchored) {
		two := func(name string, s Stamper) *Anchors {
			c := a.AnchorsConfig
			c.Holder = Holder{Name: name, Lease: 24 * time.Hour}
			if s != nil {
				c.Stamper = s
			}
			return NewAnchors(c)
		}
		step := func(w *Anchors) {
			a.t.Helper()
			if err := w.Step(a.t.Context()); err != nil {
				a.t.Fatal(err)
			}
			a.number()
		}
		first, second := two("first", nil), two("second", nil)
		step(first)
		step(second)
		a.want(1, "one of two")
		a.grow()
		a.clock.Set(morning.Add(time.Hour))
		step(second)
		a.want(1, "the other waits")
		first.leader.release(a.t.Context())
		thief := two("thief", nil)
		slow := two("slow", stamperFunc(func(ctx context.Context) (*tsp.Stamp, error) {
			s, err := a.Stamper.Stamp(ctx, anchor.Hash, anchor.Digest([]byte(a.note())))
			slow := two("slow", nil)
			slow.leader.epoch = 1
			slow.leader.release(ctx)
			step(thief)
			return s, err
		}))
		step(slow)
		a.want(2, "the thief's alone")
		a.checkAll()
	})
}

func (a *anchored) note() string {
	_, _, head := a.all()
	return head.Checkpoint
}

type stamperFunc func(ctx context.Context) (*tsp.Stamp, error)

func (f stamperFunc) Stamp(ctx context.Context, _ crypto.Hash, _ []byte) (*tsp.Stamp, error) {
	return f(ctx)
}
func (stamperFunc) Retry() {}

// TestRunWakes: Run stamps when it is asked to, and lets its lease go at the end.
func TestRunWakes(t *testing.T) {
	onBothStores(t, func(a *anchored) {
		wake, cancel := a.store.Subscribe(service.TopicEntries)
		defer cancel()
		ctx, stop := context.WithCancel(a.t.Context())
		var running sync.WaitGroup
		running.Go(func() {
			if err := a.Run(ctx); err != nil && !errors.Is(err, context.Canceled) {
				a.t.Error(err)
			}
		})
		for n := 1; n <= 2; n++ {
			for rows, _, _ := a.all(); len(rows) < n; rows, _, _ = a.all() {
				<-wake
				a.number()
			}
			a.clock.Advance(2 * time.Minute)
			if _, err := a.svc.RequestAnchor(ctx, service.SystemCall(a.org, "test", "")); err != nil {
				a.t.Fatal(err)
			}
		}
		stop()
		running.Wait()
	})
}

func TestSlots(t *testing.T) {
	t.Parallel()
	at := func(s string) time.Time {
		m, err := time.Parse(time.DateTime, s)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	for _, c := range []struct {
		now, slot, next string
		interval        time.Duration
	}{
		{"2026-11-03 09:20:00", "2026-11-03 09:00:00", "2026-11-03 10:00:00", time.Hour},
		{"2026-11-03 09:00:00", "2026-11-03 09:00:00", "2026-11-03 10:00:00", time.Hour},
		{"2026-11-03 23:59:59", "2026-11-03 23:00:00", "2026-11-04 00:00:00", time.Hour},
		{"2026-11-03 22:00:00", "2026-11-03 21:00:00", "2026-11-04 00:00:00", 7 * time.Hour},
		{"2026-11-03 12:00:00", "2026-11-03 00:00:00", "2026-11-04 00:00:00", 24 * time.Hour},
	} {
		if got := slot(at(c.now), c.interval); !got.Equal(at(c.slot)) {
			t.Errorf("the slot of %s is %s", c.now, got)
		}
		if got := nextSlot(at(c.now), c.interval); !got.Equal(at(c.next)) {
			t.Errorf("the slot after %s is %s", c.now, got)
		}
	}
	berlin := time.FixedZone("CET", 3600)
	if got := day(time.Date(2026, 11, 3, 0, 30, 0, 0, berlin)); !got.Equal(at("2026-11-02 00:00:00")) {
		t.Errorf("days are those of UTC: %s", got)
	}
}
