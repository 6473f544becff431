package storetest

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/service"
)

// waiting makes n rows of a flow, due one after the other.
func waiting(kind, orgID, docType, unit string, n int) []service.Backlogged {
	out := make([]service.Backlogged, n)
	for i := range out {
		due := Start.Add(time.Duration(i-n) * time.Second)
		out[i] = service.Backlogged{Org: orgID, OperationID: newID("op"), Kind: kind, Type: docType, Unit: unit, DocumentID: "doc_1", Trace: "t", EnqueuedAt: due, DueAt: due}
	}
	return out
}

func enqueue(t testing.TB, s service.Store, rows ...[]service.Backlogged) {
	t.Helper()
	write(t, s, func(ctx context.Context, tx service.Tx) error { return tx.Enqueue(ctx, slices.Concat(rows...)) })
}

// commands are the service's over a store, at the time c says.
func commands(s service.Store, c clock.Clock) *service.Service {
	return service.New(service.Config{Store: s, Clock: c, Log: slog.New(slog.DiscardHandler)})
}

func claim(t testing.TB, s *service.Service, kind string, n int) []service.Backlogged {
	t.Helper()
	got, err := s.Claim(t.Context(), kind, "worker", n)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// backlog: one row's way through hands that fail, stop and come too late.
func backlog(t *testing.T, s service.Store) {
	kind, svc := newID("kind"), commands(s, clock.NewFake(Start))
	rows := waiting(kind, org, "t", "u", 3)
	enqueue(t, s, rows)
	got := claim(t, svc, kind, 2)
	if len(got) != 2 || got[0].OperationID != rows[0].OperationID || got[1].OperationID != rows[1].OperationID {
		t.Fatalf("claimed %+v", got)
	}
	want := rows[0]
	want.Holder, want.Token, want.Weight = "worker", 2, 1
	same(t, "claimed", got[0], want)
	if err := svc.Fail(t.Context(), got[0], time.Minute, "c", "r"); err != nil {
		t.Fatal(err)
	}
	if err := svc.Return(t.Context(), got[1], false); err != nil {
		t.Fatal(err)
	}
	next := claim(t, svc, kind, 5)
	if len(next) != 2 || next[0].OperationID != rows[1].OperationID || next[1].OperationID != rows[2].OperationID {
		t.Errorf("what was returned comes first, what failed later: %+v", next)
	}
	// Who lost a row changes nothing.
	if err := svc.Done(t.Context(), got[1]); err != nil {
		t.Error(err)
	}
	if err := svc.Fail(t.Context(), got[1], 0, "late", ""); err != nil {
		t.Error(err)
	}
	// Begun anew while somebody has it: that one has lost it.
	enqueue(t, s, rows[2:])
	if err := svc.Done(t.Context(), next[1]); err != nil {
		t.Error(err)
	}
	if again := claim(t, svc, kind, 5); len(again) != 1 || again[0].OperationID != rows[2].OperationID {
		t.Errorf("a retried operation is not there: %+v", again)
	}
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		row, err := tx.Backlogged(ctx, org, rows[0].OperationID)
		if row.Failures != 1 || row.Code != "c" || row.Reason != "r" || row.Holder != "" || !row.DueAt.Equal(Start.Add(time.Minute)) {
			t.Errorf("after a failure: %+v", row)
		}
		held, err2 := tx.Backlogged(ctx, org, rows[1].OperationID)
		if held.Holder != "worker" || held.Code != "" {
			t.Errorf("a late hand changed %+v", held)
		}
		return errorsOf(err, err2)
	})
	if err := svc.Done(t.Context(), next[0]); err != nil {
		t.Error(err)
	}
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		_, err := tx.Backlogged(ctx, org, rows[1].OperationID)
		gone(t, "a row that is done", err)
		_, err = tx.Backlogged(ctx, other, rows[0].OperationID)
		gone(t, "another organisation's row", err)
		return nil
	})
}

func errorsOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// shares: turns go by weight, a flood does not keep a newcomer out, a type's
// limit holds, and no organisation has more by dividing itself.
func shares(t *testing.T, s service.Store) {
	kind, svc := newID("kind"), commands(s, clock.NewFake(Start))
	org, other := "org_one", "org_two" // whose units no other test counts
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		return errorsOf(tx.InsertUnit(ctx, document.Unit{Org: org, Name: "heavy", Weight: 3, CreatedAt: at(0)}), tx.InsertUnit(ctx, document.Unit{Org: org, Name: "light", CreatedAt: at(0)}),
			tx.SaveDocumentType(ctx, document.Type{Org: org, Name: "narrow", MaxRunning: 2, CreatedAt: at(0), UpdatedAt: at(0)}))
	})
	enqueue(t, s, waiting(kind, org, "letter", "light", 500))
	for range 40 { // one at a time, as places become free
		claim(t, svc, kind, 1)
	}
	enqueue(t, s, waiting(kind, org, "letter", "heavy", 60))
	counts := map[string]int{}
	for _, b := range claim(t, svc, kind, 40) {
		counts[b.Unit]++
	}
	if counts["heavy"] < 29 || counts["heavy"] > 31 {
		t.Errorf("of 40 turns with weights 3 and 1: %v", counts)
	}
	lone := waiting(kind, org, "letter", "lone", 1)
	enqueue(t, s, lone)
	at := slices.IndexFunc(claim(t, svc, kind, 10), func(b service.Backlogged) bool { return b.OperationID == lone[0].OperationID })
	if at < 0 || at > 4 {
		t.Errorf("beside a flood the one of another unit was number %d", at+1)
	}
	enqueue(t, s, waiting(kind, org, "narrow", "light", 9))
	counts = map[string]int{}
	for _, b := range claim(t, svc, kind, 10) {
		counts[b.Type]++
	}
	if counts["narrow"] != 2 || counts["letter"] != 8 {
		t.Errorf("of a type limited to 2: %v", counts)
	}
	enqueue(t, s, waiting(kind, other, "letter", "u", 20))
	counts = map[string]int{}
	for _, b := range claim(t, svc, kind, 20) {
		counts[b.Org]++
	}
	if counts[other] != 10 {
		t.Errorf("of 20 turns two organisations had %v", counts)
	}
}

// deaths: what its process took down with it waits again; after a few times it is
// suspected, and kept apart from the turns of the others.
func deaths(t *testing.T, s service.Store) {
	now := clock.NewFake(Start)
	kind, svc := newID("kind"), commands(s, now)
	rows := waiting(kind, org, "t", "u", 1)
	enqueue(t, s, rows)
	for n := range service.SuspectedAfter {
		got, err := svc.Claim(t.Context(), kind, "dying", 1)
		if err != nil || len(got) != 1 || got[0].Deaths != n {
			t.Fatalf("after %d deaths: %+v, %v", n, got, err)
		}
		if back, err := svc.GiveBack(t.Context(), "dying"); back != 1 || err != nil {
			t.Fatalf("gave back %d, %v", back, err)
		}
		if err := svc.Done(t.Context(), got[0]); err != nil { // a paused process that comes back
			t.Fatal(err)
		}
	}
	if got := claim(t, svc, kind, 1); len(got) != 0 {
		t.Errorf("a suspect was claimed among the others: %+v", got)
	}
	b, overdue, err := svc.Suspect(t.Context())
	if err != nil || b == nil || b.OperationID != rows[0].OperationID || overdue {
		t.Fatalf("the suspect is %+v, overdue %v, %v", b, overdue, err)
	}
	now.Advance(time.Hour)
	if _, overdue, _ := svc.Suspect(t.Context()); !overdue {
		t.Error("it is not overdue after an hour")
	}
	twin := *b
	mine, err := svc.ClaimSuspect(t.Context(), b, "alone")
	if !mine || err != nil {
		t.Fatalf("the suspect could not be claimed: %v", err)
	}
	if mine, err := svc.ClaimSuspect(t.Context(), &twin, "another"); mine || err != nil {
		t.Errorf("it was claimed twice: %v", err)
	}
	if err := svc.Fail(t.Context(), *b, 0, "c", "it lived"); err != nil {
		t.Fatal(err)
	}
	got := claim(t, svc, kind, 1)
	if len(got) != 1 || got[0].Alone || got[0].Deaths != 0 {
		t.Errorf("after an attempt that its process survived: %+v", got)
	}
	refused(t, s.Write(t.Context(), func(ctx context.Context, tx service.Tx) error {
		late := *b
		return tx.UpdateBacklogged(ctx, &late)
	}), fault.Conflict, "stale")
}

// parts: an operation lets go and waits until the last of its parts has ended,
// whoever has them, and is then the first of its flow. Its document counts as one.
func parts(t *testing.T, s service.Store) {
	const org = "org_parts"
	now := clock.NewFake(Start)
	kind, svc := newID("kind"), commands(s, now)
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		return tx.SaveDocumentType(ctx, document.Type{Org: org, Name: "narrow", MaxRunning: 1, CreatedAt: at(0), UpdatedAt: at(0)})
	})
	rows := waiting(kind, org, "narrow", "u", 2)
	rows[0].DocumentID, rows[1].DocumentID = "doc_long", "doc_other"
	enqueue(t, s, rows)
	got := claim(t, svc, kind, 2)
	if len(got) != 1 {
		t.Fatalf("claimed %+v", got)
	}
	whole, late := got[0], got[0]
	divided, err := svc.Divide(t.Context(), whole, []service.Part{{First: 1, Last: 40}, {First: 41, Last: 80}, {First: 81, Last: 99}})
	if err != nil || !divided {
		t.Fatalf("divided: %v, %v", divided, err)
	}
	if again, err := svc.Divide(t.Context(), late, []service.Part{{First: 1, Last: 2}}); again || err != nil {
		t.Errorf("divided twice: %v, %v", again, err)
	}
	if err := svc.Done(t.Context(), late); err != nil { // it has let go
		t.Error(err)
	}
	mine := func() (out []service.Backlogged) {
		for _, b := range claim(t, svc, service.KindPages, 10) {
			if b.Org == org {
				out = append(out, b)
			}
		}
		return out
	}
	all := mine() // beyond the type's limit: the document is in work already
	if len(all) != 3 || all[0].First != 1 || all[0].Last != 40 || all[2].Last != 99 || all[1].Parent != whole.OperationID || all[1].DocumentID != "doc_long" {
		t.Fatalf("the parts are %+v", all)
	}
	if got := claim(t, svc, kind, 5); len(got) != 0 {
		t.Errorf("while its pages are read something of its type was claimed: %+v", got)
	}
	look := func(left, held int) {
		t.Helper()
		read(t, s, func(ctx context.Context, tx service.Reader) error {
			l, h, err := tx.Parts(ctx, org, whole.OperationID)
			if l != left || h != held {
				t.Errorf("%d parts are left, %d of them held; want %d and %d", l, h, left, held)
			}
			return err
		})
	}
	look(3, 3)
	if err := svc.Return(t.Context(), all[1], false); err != nil {
		t.Fatal(err)
	}
	look(3, 2)
	for _, i := range []int{0, 2} {
		if err := svc.Done(t.Context(), all[i]); err != nil {
			t.Fatal(err)
		}
	}
	queues, _, err := svc.AllQueues(t.Context(), org)
	if err != nil || len(queues) != 2 || queues[0].Kind != kind || queues[0].Running != 1 || queues[0].Waiting != 1 || queues[0].Later != 0 || queues[1].Waiting != 1 {
		t.Errorf("the queues are %+v, %v", queues, err)
	}
	last := mine()
	if len(last) != 1 || last[0].OperationID != all[1].OperationID {
		t.Fatalf("left are %+v", last)
	}
	// It died, and somebody else ends it.
	if n, err := svc.GiveBack(t.Context(), "worker"); n == 0 || err != nil {
		t.Fatal(n, err)
	}
	if err := svc.Done(t.Context(), last[0]); err != nil { // comes back too late
		t.Fatal(err)
	}
	look(1, 0)
	if last = mine(); len(last) != 1 || last[0].Deaths != 1 {
		t.Fatalf("after a death %+v", last)
	}
	if err := svc.Done(t.Context(), last[0]); err != nil {
		t.Fatal(err)
	}
	if got = claim(t, svc, kind, 5); len(got) != 1 || got[0].OperationID != whole.OperationID || got[0].Parts != 3 || got[0].Code != "" {
		t.Fatalf("after its last part %+v", got)
	}
	// Parts that end at the same moment: one of them is the last.
	for round := range 5 {
		again := waiting(kind, org, "wide", "u", 1)
		enqueue(t, s, again)
		whole := claim(t, svc, kind, 1)
		if len(whole) != 1 || whole[0].OperationID != again[0].OperationID {
			t.Fatalf("round %d: claimed %+v", round, whole)
		}
		if _, err := svc.Divide(t.Context(), whole[0], []service.Part{{First: 1, Last: 1}, {First: 2, Last: 2}, {First: 3, Last: 3}, {First: 4, Last: 4}}); err != nil {
			t.Fatal(err)
		}
		var ending sync.WaitGroup
		for _, b := range mine() {
			ending.Go(func() {
				if err := svc.Done(t.Context(), b); err != nil {
					t.Error(err)
				}
			})
		}
		ending.Wait()
		next := claim(t, svc, kind, 1)
		if len(next) != 1 || next[0].OperationID != again[0].OperationID {
			t.Fatalf("round %d: after its parts ended at once, %+v", round, next)
		}
		if err := svc.Done(t.Context(), next[0]); err != nil {
			t.Fatal(err)
		}
	}
	// Retried, it begins anew.
	enqueue(t, s, rows[:1])
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		b, err := tx.Backlogged(ctx, org, whole.OperationID)
		if b.Parts != 0 || b.Holder != "" {
			t.Errorf("begun anew: %+v", b)
		}
		return err
	})
}

// openBox is a box that hides nothing.
type openBox struct{}

func (openBox) Seal(plain, _ []byte) ([]byte, error)  { return plain, nil }
func (openBox) Open(sealed, _ []byte) ([]byte, error) { return sealed, nil }
func (openBox) Prefix() []byte                        { return nil }

// kept: many processes keep pages of one operation at once; none is refused, and
// the operation says how many there are.
func kept(t *testing.T, s service.Store) {
	const pages = 40
	svc := service.New(service.Config{Store: s, Clock: clock.NewFake(Start), Log: slog.New(slog.DiscardHandler), Box: openBox{}})
	op := service.Operation{ID: newID("op"), Org: org, Unit: "kept", Kind: service.OpCapture, State: service.OperationRunning, CreatedAt: at(1), Revision: 1}
	write(t, s, func(ctx context.Context, tx service.Tx) error { return tx.InsertOperation(ctx, op) })
	var keeping sync.WaitGroup
	for i := range pages {
		keeping.Go(func() {
			for range 2 { // read twice, it counts once
				if err := svc.KeepPage(t.Context(), service.SystemCall(org, "capture", ""), op.ID, service.PageKept{No: i + 2, Data: []byte{byte(i)}}, 1, pages+1); err != nil {
					t.Error(err)
				}
			}
		})
	}
	keeping.Wait()
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		got, err := tx.Operation(ctx, org, op.ID)
		if got.Done != pages+1 || got.Total != pages+1 || got.Step != "read" {
			t.Errorf("it says %s %d of %d", got.Step, got.Done, got.Total)
		}
		return err
	})
	all, err := svc.KeptPages(t.Context(), org, op.ID)
	if err != nil || len(all) != pages || string(all[pages+1]) != string([]byte{pages - 1}) {
		t.Errorf("kept: %d, %v", len(all), err)
	}
}
