package work

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/safehttp"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/store"
	"github.com/paraph/paraph/internal/witness"
)

// watchedLog is a store whose log grows within its commits.
type watchedLog struct {
	t      *testing.T
	store  *store.Store
	signer *journal.Signer
	word   string // in its entries: another word makes another history
}

func newWatchedLog(t *testing.T, word string) *watchedLog {
	t.Helper()
	seed := sha256.Sum256([]byte("the log"))
	signer, err := journal.NewSigner("log.example/audit", ed25519.NewKeyFromSeed(seed[:]))
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	seq := NewSequencer(signer, Holder{Name: "local", Alone: true}, log)
	db, err := store.Open(t.Context(), store.Options{URL: filepath.Join(t.TempDir(), "paraph.db"), Log: log, BeforeCommit: func(ctx context.Context, tx service.Tx) error {
		_, err := seq.Number(ctx, tx)
		return err
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return &watchedLog{t, db, signer, word}
}

// grow commits n entries, each by itself. Salt and time are fixed, so equal words
// make equal histories.
func (l *watchedLog) grow(n int) *watchedLog {
	l.t.Helper()
	for range n {
		size := l.head().Size
		at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC).Add(time.Duration(size) * time.Second)
		e := journal.Entry{ID: fmt.Sprintf("%s_%026d", journal.Prefix, size), Org: "org_1", Kind: journal.UnitCreated, SubjectType: "unit",
			SubjectID: l.word, At: at, Actor: journal.Actor{Kind: journal.ActorSystem}, Salt: sha256.Sum256(fmt.Append(nil, size))}
		if err := journal.Seal(&e, journal.Hash{}); err != nil {
			l.t.Fatal(err)
		}
		l.write(func(ctx context.Context, tx service.Tx) error { return tx.InsertEntry(ctx, e) })
	}
	return l
}

func (l *watchedLog) write(fn func(ctx context.Context, tx service.Tx) error) {
	l.t.Helper()
	if err := l.store.Write(context.Background(), fn); err != nil {
		l.t.Fatal(err)
	}
}

func (l *watchedLog) read(fn func(ctx context.Context, tx service.Reader) error) {
	l.t.Helper()
	if err := l.store.Read(context.Background(), fn); err != nil {
		l.t.Fatal(err)
	}
}

func (l *watchedLog) head() (head service.LogHead) {
	l.t.Helper()
	l.read(func(ctx context.Context, tx service.Reader) (err error) {
		head, err = tx.LogHead(ctx)
		return err
	})
	return head
}

// party is a witness at another party; it can be away.
type party struct {
	url  string
	key  *journal.WitnessKey
	away atomic.Bool
	asks atomic.Int64
}

func newParty(t *testing.T, name string, logs ...*watchedLog) *party {
	t.Helper()
	seed := sha256.Sum256([]byte(name))
	cosigner, err := journal.NewCosigner(name, ed25519.NewKeyFromSeed(seed[:]))
	if err != nil {
		t.Fatal(err)
	}
	c := witness.Config{Dir: t.TempDir(), Cosigner: cosigner}
	for _, l := range logs {
		c.Logs = append(c.Logs, l.signer.Verifier())
	}
	w, err := witness.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	p := &party{key: cosigner.Verifier()}
	srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		p.asks.Add(1)
		if p.away.Load() {
			http.Error(rw, "out for lunch", http.StatusBadGateway)
			return
		}
		w.Handler().ServeHTTP(rw, r)
	}))
	p.url = srv.URL
	t.Cleanup(func() { srv.Close(); w.Close() })
	return p
}

// policy writes a policy of parties named a, b, c.
func policy(t *testing.T, rest string, parties ...*party) *journal.Policy {
	t.Helper()
	text := ""
	for i, p := range parties {
		text += fmt.Sprintf("witness %c %s %s\n", 'a'+i, p.key, p.url)
	}
	out, err := journal.ParsePolicy([]byte(text + rest + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// submitter is a running Witnesses.
type submitter struct {
	log    *watchedLog
	policy *journal.Policy
	mu     sync.Mutex
	halted *fault.Fault
}

func submit(l *watchedLog, holder string, p *journal.Policy) *submitter {
	s := &submitter{log: l, policy: p}
	w := NewWitnesses(WitnessesConfig{
		Store: l.store, Policy: p, Verifier: l.signer.Verifier(), Holder: Holder{Name: holder, Alone: true}, Log: slog.New(slog.DiscardHandler),
		Client:  safehttp.New(safehttp.Options{PlainHTTP: true, Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}),
		Release: func(string) error { return nil }, Backoff: func(int) time.Duration { return time.Millisecond },
		Halt: func(err error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.halted = fault.From(err)
		},
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	l.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			l.t.Error(err)
		}
	})
	return s
}

// until waits until the witnesses' state is as wanted; the test's own deadline is the only one.
func (s *submitter) until(want func(service.Witnessed, map[string]service.WitnessState) bool) (service.Witnessed, map[string]service.WitnessState) {
	s.log.t.Helper()
	wake, stop := s.log.store.Subscribe(service.TopicWitnessed)
	defer stop()
	for {
		var w service.Witnessed
		states := map[string]service.WitnessState{}
		s.log.read(func(ctx context.Context, tx service.Reader) (err error) {
			if w, err = tx.Witnessed(ctx); err != nil {
				return err
			}
			all, err := tx.WitnessStates(ctx)
			for _, one := range all {
				if p, ok := s.policy.Witness(one.Witness); ok {
					states[p.Name] = one
				}
			}
			return err
		})
		if want(w, states) {
			return w, states
		}
		select {
		case <-wake:
		case <-s.log.t.Context().Done():
			s.log.t.Fatal("the test ended before")
		}
	}
}

// cosigned waits until the whole log is witnessed, and checks what is shown.
func (s *submitter) cosigned() {
	s.log.t.Helper()
	head := s.log.head()
	w, _ := s.until(func(w service.Witnessed, _ map[string]service.WitnessState) bool { return w.Size == head.Size })
	cp, sigs, err := s.policy.OpenFor(s.log.signer.Verifier(), []byte(w.Note))
	if err != nil || cp.Head.Size != head.Size || cp.Head.Root != head.Root || len(sigs) == 0 {
		s.log.t.Fatalf("the cosigned checkpoint is refused: %v\n%s", err, w.Note)
	}
}

func TestOneWitness(t *testing.T) {
	t.Parallel()
	l := newWatchedLog(t, "true").grow(3)
	w := newParty(t, "w.example", l)
	s := submit(l, "one", policy(t, "quorum a", w))
	s.cosigned()
	l.grow(20)
	s.cosigned()

	// Away: commits go on, its trouble is to be seen, and the lag grows.
	w.away.Store(true)
	l.grow(5)
	_, states := s.until(func(_ service.Witnessed, st map[string]service.WitnessState) bool { return st["a"].Code != "" })
	if st := states["a"]; st.Code != codeRefuses || !strings.Contains(st.Reason, "out for lunch") || st.Size != 23 {
		t.Errorf("the state is %+v", st)
	}
	l.read(func(ctx context.Context, tx service.Reader) error {
		at, err := tx.CheckpointAfter(ctx, states["a"].Size)
		if at.IsZero() {
			t.Error("nothing tells since when it lags")
		}
		return err
	})
	w.away.Store(false)
	s.cosigned()
	_, states = s.until(func(_ service.Witnessed, st map[string]service.WitnessState) bool { return st["a"].Code == "" })
	if states["a"].Size != 28 {
		t.Errorf("it stands at %d", states["a"].Size)
	}
}

func TestTwoOfThree(t *testing.T) {
	t.Parallel()
	l := newWatchedLog(t, "true").grow(4)
	a, b, c := newParty(t, "a.example", l), newParty(t, "b.example", l), newParty(t, "c.example", l)
	c.away.Store(true)
	s := submit(l, "one", policy(t, "group g 2 a b c\nquorum g", a, b, c))
	s.cosigned()
	l.grow(6)
	s.cosigned()
	b.away.Store(true) // one of three is not enough
	l.grow(1)
	before, _ := s.until(func(_ service.Witnessed, st map[string]service.WitnessState) bool {
		return st["a"].Size == 11 && st["b"].Code != ""
	})
	if before.Size != 10 {
		t.Errorf("with one witness %d entries count as witnessed", before.Size)
	}
	c.away.Store(false)
	s.cosigned()
}

// TestTwoSubmitters: two processes, each of which believes to lead, ask the same
// witness; all that comes of it is one cosigned history.
func TestTwoSubmitters(t *testing.T) {
	t.Parallel()
	l := newWatchedLog(t, "true").grow(2)
	w := newParty(t, "w.example", l)
	p := policy(t, "quorum a", w)
	one := submit(l, "same", p) // the lease takes both for one
	two := submit(l, "same", p)
	for range 10 {
		l.grow(3)
	}
	one.cosigned()
	two.cosigned()
	if one.halted != nil || two.halted != nil {
		t.Errorf("they halted: %v %v", one.halted, two.halted)
	}
}

// TestWhatTheWitnessShows are the rows of the attack table that the log's own
// start cannot see: the witness shows what was signed before, and all stops.
func TestWhatTheWitnessShows(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		other *watchedLog
		code  string
	}{
		"an old backup restored":                {newWatchedLog(t, "true").grow(4), "log_rolled_back"},
		"everything rewritten with the key":     {newWatchedLog(t, "false").grow(9), "log_forked"},
		"rewritten and grown beyond":            {newWatchedLog(t, "false").grow(15), "log_forked"},
		"rewritten, and shorter than before":    {newWatchedLog(t, "false").grow(5), "log_rolled_back"},
		"the very same, grown: that is allowed": {newWatchedLog(t, "true").grow(12), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newWatchedLog(t, "true").grow(9)
			w := newParty(t, "w.example", l)
			p := policy(t, "quorum a", w)
			submit(l, "one", p).cosigned()
			c.other.t = t
			s := submit(c.other, "one", p)
			if c.code == "" {
				s.cosigned()
				return
			}
			_, states := s.until(func(_ service.Witnessed, st map[string]service.WitnessState) bool { return st["a"].Code != "" })
			s.mu.Lock()
			defer s.mu.Unlock()
			if states["a"].Code != c.code || fault.CodeOf(s.halted) != c.code {
				t.Fatalf("the state is %+v, halted by %v", states["a"], s.halted)
			}
			svc := service.New(service.Config{Store: c.other.store, Clock: clock.System{}, Witnesses: p})
			if _, err := svc.Checkpoint(t.Context(), false); fault.CodeOf(err) != c.code {
				t.Errorf("the checkpoint is still shown: %v", err)
			}
		})
	}
}

// TestWhoAccusesHasToShow: a witness that merely says it stands elsewhere raises
// an alarm and stops nothing.
func TestWhoAccusesHasToShow(t *testing.T) {
	t.Parallel()
	l := newWatchedLog(t, "true").grow(3)
	liar := newParty(t, "liar.example", l)
	for name, answer := range map[string]http.HandlerFunc{
		"a larger size": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", journal.SizeMedia)
			w.WriteHeader(http.StatusConflict)
			w.Write(journal.EncodeSize(1000))
		},
		"the same size again": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusConflict)
			w.Write(journal.EncodeSize(0))
		},
		"no proof is good": func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusUnprocessableEntity) },
	} {
		srv := httptest.NewServer(answer)
		p := &party{url: srv.URL, key: liar.key}
		w := NewWitnesses(WitnessesConfig{Store: l.store, Policy: policy(t, "quorum a", p), Verifier: l.signer.Verifier(), Log: slog.New(slog.DiscardHandler),
			Client: srv.Client(), Halt: func(error) { t.Error("the log was halted") }})
		cp, err := l.signer.Verifier().OpenCheckpoint([]byte(l.head().Checkpoint))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.submit(t.Context(), w.peers[0].PolicyWitness, cp, 0); fault.CodeOf(err) != codeContradicts {
			t.Errorf("%s: %v", name, err)
		}
		srv.Close()
	}
}

// TestAckLevels asks how far a change has come.
func TestAckLevels(t *testing.T) {
	t.Parallel()
	l := newWatchedLog(t, "true").grow(2)
	w := newParty(t, "w.example", l)
	w.away.Store(true)
	p := policy(t, "quorum a", w)
	s := submit(l, "one", p)
	svc := service.New(service.Config{Store: l.store, Clock: clock.System{}, Witnesses: p, EvidenceAck: service.AckWitnessed})
	without := service.New(service.Config{Store: l.store, Clock: clock.System{}})
	r := &service.Receipt{Org: "org_1", Entry: fmt.Sprintf("%s_%026d", journal.Prefix, 1)}
	for _, c := range []struct {
		s    *service.Service
		r    *service.Receipt
		want service.Ack
		got  service.Ack
	}{
		{svc, r, service.AckCommitted, service.AckCommitted},
		{svc, r, service.AckCheckpointed, service.AckCheckpointed},
		{svc, r, service.AckWitnessed, service.AckCheckpointed}, // the witness is away
		{without, r, service.AckWitnessed, service.AckCheckpointed},
		{svc, &service.Receipt{Org: "org_1"}, service.AckWitnessed, service.AckCommitted},
		{svc, &service.Receipt{Org: "org_2", Entry: r.Entry}, service.AckWitnessed, service.AckCommitted},
	} {
		if got := c.s.AwaitAck(t.Context(), *c.r, c.want, 0); got != c.got {
			t.Errorf("asked for %s: %s, want %s", c.want, got, c.got)
		}
	}
	w.away.Store(false)
	if got := svc.AwaitAck(t.Context(), *r, service.AckWitnessed, time.Hour); got != service.AckWitnessed {
		t.Errorf("with the witness back: %s", got)
	}
	s.cosigned()
	actor := access.Actor{Kind: access.Client, Org: "org_1", Scopes: slices.Collect(maps.Keys(access.Scopes()))}
	state, err := svc.Vouching(t.Context(), actor)
	if err != nil || state.Witnessed.Size != 2 || len(state.Witnesses) != 1 || state.Witnesses[0].Size != 2 || state.Quorum != "a" {
		t.Errorf("the state is %+v, %v", state, err)
	}
}
