package work

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/store"
)

// TestWhatFailsHoldsNoPlace: with one place, an operation that fails in the
// middle of others waits for its time while they are worked, and keeps its reason.
func TestWhatFailsHoldsNoPlace(t *testing.T) {
	t.Parallel()
	ctx, now := t.Context(), time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	log, c := slog.New(slog.DiscardHandler), clock.NewFake(now)
	db, err := store.Open(ctx, store.Options{URL: filepath.Join(t.TempDir(), "p.db"), Clock: c, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	var rows []service.Backlogged
	for i := range 20 {
		due := now.Add(time.Duration(i-20) * time.Second)
		rows = append(rows, service.Backlogged{Org: "o", OperationID: fmt.Sprintf("op_%02d", i), Kind: service.OpCapture, Type: "t", Unit: "u", EnqueuedAt: due, DueAt: due})
	}
	if err := db.Write(ctx, func(ctx context.Context, tx service.Tx) error { return tx.Enqueue(ctx, rows) }); err != nil {
		t.Fatal(err)
	}
	const poison = "op_07"
	worked := make(chan string, 100)
	attempt := func(_ context.Context, b service.Backlogged) error {
		worked <- b.OperationID
		if b.OperationID == poison {
			return errors.New("it bites")
		}
		return nil
	}
	svc := service.New(service.Config{Store: db, Clock: c, Log: log})
	r := NewRunner(svc, attempt, RunnerConfig{Holder: "w", Slots: map[string]int{service.OpCapture: 1}, Retries: []time.Duration{time.Hour}, Log: log})
	r.Start(ctx)
	for i := range rows {
		if got := <-worked; got != rows[i].OperationID {
			t.Errorf("number %d was %s", i, got)
		}
	}
	if err := r.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	err = db.Read(ctx, func(ctx context.Context, tx service.Reader) error {
		b, err := tx.Backlogged(ctx, "o", poison)
		if b.Failures != 1 || b.Holder != "" || !b.DueAt.Equal(now.Add(time.Hour)) {
			t.Errorf("what failed is %+v", b)
		}
		queues, err2 := tx.Queues(ctx, "o", now)
		if len(queues) != 1 || queues[0].Waiting != 0 || queues[0].Later != 1 || queues[0].Running != 0 {
			t.Errorf("the queues are %+v", queues)
		}
		return errors.Join(err, err2)
	})
	if err != nil {
		t.Error(err)
	}
}
