package storetest

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
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
	if err := svc.Fail(t.Context(), *b, 0, "c", fmt.Sprint("it lived")); err != nil {
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
