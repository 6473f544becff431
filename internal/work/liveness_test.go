package work

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/riverqueue/river"

	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/store"
	"github.com/paraph/paraph/internal/store/pgtest"
)

func TestJobsOfADeadProcessAreGivenBack(t *testing.T) {
	t.Parallel()
	ctx, now := t.Context(), clock.NewFake(time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC))
	log := slog.New(slog.DiscardHandler)
	db, err := store.Open(ctx, store.Options{URL: pgtest.Database(t), Clock: now, Log: log, MaxConns: 8, Across: "tests"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	jobs, err := NewPostgresJobs(ctx, db.Pool(), JobsConfig{ID: "living", Log: log})
	if err != nil {
		t.Fatal(err)
	}
	insert := []river.InsertManyParams{{Args: TimerArgs{Timer: "x"}, InsertOpts: &river.InsertOpts{Queue: QueueTimer}}}
	if err := db.Write(ctx, func(ctx context.Context, tx service.Tx) error { return jobs.Insert(ctx, tx, insert) }); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Pool().Exec(ctx, `UPDATE river_job SET state = 'running', attempt = 1, attempted_at = now(), attempted_by = '{long_gone,dying}'`); err != nil {
		t.Fatal(err)
	}
	living, dying := NewLiveness(db, jobs, Holder{Name: "living"}, log), NewLiveness(db, jobs, Holder{Name: "dying"}, log)
	if err := dying.Beat(ctx); err != nil {
		t.Fatal(err)
	}
	state := func() (s string) {
		t.Helper()
		if err := living.Reap(ctx); err != nil {
			t.Fatal(err)
		}
		if err := db.Pool().QueryRow(ctx, `SELECT state::text || ' ' || attempt FROM river_job`).Scan(&s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	now.Advance(living.ttl - time.Second)
	if got := state(); got != "running 1" {
		t.Errorf("while its process lives the job is %s", got)
	}
	now.Advance(time.Second)
	if got := state(); got != "available 0" {
		t.Errorf("after its process died the job is %s", got)
	}
}
