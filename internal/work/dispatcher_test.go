package work

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/riverqueue/river"

	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/id"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/store"
)

// inserter takes jobs, but not at first.
type inserter struct{ fail, jobs int }

func (i *inserter) Insert(_ context.Context, _ service.Tx, jobs []river.InsertManyParams) error {
	if i.fail > 0 {
		i.fail--
		return errors.New("the queue is away")
	}
	i.jobs += len(jobs)
	return nil
}

// TestNoWorkIsPassedOver: what a dispatcher has seen without handing it out, because
// another process led or because the write failed, it hands out later.
func TestNoWorkIsPassedOver(t *testing.T) {
	t.Parallel()
	ctx, now := t.Context(), time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	log := slog.New(slog.DiscardHandler)
	db, err := store.Open(ctx, store.Options{URL: filepath.Join(t.TempDir(), "p.db"), Clock: clock.NewFake(now), Log: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := journal.NewSigner("test", key)
	if err != nil {
		t.Fatal(err)
	}
	seq := NewSequencer(signer, Holder{Name: "s", Alone: true}, log)
	write := func(fn func(context.Context, service.Tx) error) {
		t.Helper()
		if err := db.Write(ctx, fn); err != nil {
			t.Fatal(err)
		}
	}
	happens := func(kind journal.Kind, subject, data string) {
		t.Helper()
		e := journal.Entry{ID: id.New(journal.Prefix, now), Org: "o", Kind: kind, SubjectType: "operation", SubjectID: subject, At: now, Actor: journal.Actor{Kind: journal.ActorSystem, ID: "t"}, Data: []byte(data)}
		if err := journal.Seal(&e, journal.Hash{}); err != nil {
			t.Fatal(err)
		}
		write(func(ctx context.Context, tx service.Tx) error {
			if err := tx.InsertEntry(ctx, e); err != nil {
				return err
			}
			_, err := seq.Number(ctx, tx)
			return err
		})
	}
	jobs := &inserter{}
	d := NewDispatcher(db, jobs, Rules{}, Holder{Name: "me"}, log)
	const lease = "dispatcher/" + dispatcherName
	write(func(ctx context.Context, tx service.Tx) error {
		_, _, err := tx.Lease(ctx, lease, "another", time.Hour)
		return err
	})
	happens(journal.OperationStarted, "op_1", `{"operation_id":"op_1","kind":"capture"}`)
	if _, err := d.step(ctx); err != nil {
		t.Fatal(err)
	}
	write(func(ctx context.Context, tx service.Tx) error { return tx.Release(ctx, lease, "another") })
	if _, err := d.step(ctx); err != nil {
		t.Fatal(err)
	}
	err = db.Read(ctx, func(ctx context.Context, tx service.Reader) error {
		_, err := tx.Backlogged(ctx, "o", "op_1")
		return err
	})
	if err != nil {
		t.Errorf("what it saw before it led is not handed out: %v %v", err, fault.CodeOf(err))
	}
	jobs.fail = 1
	happens(journal.DocumentQuarantined, "doc_1", `{"document_id":"doc_1"}`)
	if _, err := d.step(ctx); err == nil {
		t.Error("a failure is not told")
	}
	if _, err := d.step(ctx); err != nil {
		t.Fatal(err)
	}
	if jobs.jobs != 1 {
		t.Errorf("after a failure %d jobs are handed out, want 1", jobs.jobs)
	}
}
