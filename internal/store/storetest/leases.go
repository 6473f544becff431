package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/service"
)

func take(t *testing.T, s service.Store, name, holder string, ttl time.Duration) (epoch int64, held bool) {
	t.Helper()
	write(t, s, func(ctx context.Context, tx service.Tx) (err error) {
		epoch, held, err = tx.Lease(ctx, name, holder, ttl)
		return err
	})
	return epoch, held
}

func leases(t *testing.T, s service.Store) {
	for i, step := range []struct {
		holder string
		ttl    time.Duration
		epoch  int64
		held   bool
	}{
		{"one", time.Minute, 1, true}, {"two", time.Minute, 1, false}, {"one", time.Minute, 1, true},
		{"one", 0, 1, true}, // runs out at once
		{"two", time.Minute, 2, true}, {"one", time.Minute, 2, false}, {"two", -time.Second, 2, true}, {"one", time.Minute, 3, true},
	} {
		epoch, held := take(t, s, "leader", step.holder, step.ttl)
		if epoch != step.epoch || held != step.held {
			t.Errorf("step %d: epoch %d held %v, want %d %v", i, epoch, held, step.epoch, step.held)
		}
	}
}

// releases: who lets go of a lease is followed at once, under a higher epoch.
func releases(t *testing.T, s service.Store) {
	release := func(holder string) {
		write(t, s, func(ctx context.Context, tx service.Tx) error { return tx.Release(ctx, "released", holder) })
	}
	woken, cancel := s.Subscribe(service.TopicLeases)
	defer cancel()
	take(t, s, "released", "one", time.Minute)
	release("two")
	if epoch, held := take(t, s, "released", "two", time.Minute); epoch != 1 || held {
		t.Errorf("a lease was released by another: epoch %d held %v", epoch, held)
	}
	select {
	case <-woken:
		t.Error("a lease that nobody released woke others")
	default:
	}
	release("one")
	<-woken
	if epoch, held := take(t, s, "released", "two", time.Minute); epoch != 2 || !held {
		t.Errorf("after the release: epoch %d held %v", epoch, held)
	}
	release("one")
	if epoch, held := take(t, s, "released", "one", time.Minute); epoch != 2 || held {
		t.Errorf("a former holder released it: epoch %d held %v", epoch, held)
	}
}

// heldToTheEnd: a lease that a transaction has taken changes hands only after
// the transaction, though its time runs out within it; and what the transaction
// says of the log is seen by nobody before its end.
func heldToTheEnd(t *testing.T, s service.Store) {
	take(t, s, "paused", "one", 0)
	head := func() (h service.LogHead) {
		read(t, s, func(ctx context.Context, tx service.Reader) (err error) { h, err = tx.LogHead(ctx); return err })
		return h
	}
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		return tx.InsertEntry(ctx, newEntry(t, org, "num", journal.SetupLinkMade, "", 0))
	})
	before := head()
	taken, goOn := make(chan struct{}, 1), make(chan struct{})
	var order []string
	var mu sync.Mutex
	note := func(what string) { mu.Lock(); defer mu.Unlock(); order = append(order, what) }
	var both sync.WaitGroup
	both.Go(func() {
		defer close(taken) // also where it fails
		err := s.Write(context.Background(), func(ctx context.Context, tx service.Tx) error {
			_, held, err := tx.Lease(ctx, "paused", "one", time.Minute)
			if err != nil || !held {
				return fmt.Errorf("not held: %w", err)
			}
			if err := number(ctx, tx, before.Epoch); err != nil {
				return err
			}
			taken <- struct{}{}
			<-goOn
			note("one")
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
	<-taken
	if now := head(); now.Size != before.Size || now.Checkpoint != before.Checkpoint {
		t.Error("a checkpoint is seen before its transaction ended")
	}
	started := make(chan struct{})
	both.Go(func() {
		close(started)
		var held bool
		err := s.Write(context.Background(), func(ctx context.Context, tx service.Tx) (err error) {
			_, held, err = tx.Lease(ctx, "paused", "two", time.Minute)
			return err
		})
		note("two")
		if held || err != nil {
			t.Errorf("the lease was taken from under a transaction: %v %v", held, err)
		}
	})
	<-started
	close(goOn)
	both.Wait()
	if len(order) != 2 || order[0] != "one" {
		t.Errorf("ended in the order %v", order)
	}
	if now := head(); now.Size != before.Size+1 {
		t.Errorf("the log has %d entries, want %d", now.Size, before.Size+1)
	}
}

// fencing works on a database whose log only it writes to: nobody numbers who
// does not hold the sequencer's lease at its present epoch.
func fencing(t *testing.T, s service.Store) {
	for range 5 { // beyond the epochs that the tests before it made up
		take(t, s, service.LeaseSequencer, "zero", 0)
		take(t, s, service.LeaseSequencer, "one", 0)
	}
	old, _ := take(t, s, service.LeaseSequencer, "one", 0)
	late := newEntry(t, org, "num", journal.SetupLinkMade, "", 0)
	var head service.LogHead
	write(t, s, func(ctx context.Context, tx service.Tx) (err error) {
		if head, err = tx.LogHead(ctx); err != nil {
			return err
		}
		return tx.InsertEntry(ctx, late)
	})
	epoch, held := take(t, s, service.LeaseSequencer, "two", time.Minute)
	if !held || epoch != old+1 {
		t.Fatalf("two: epoch %d held %v", epoch, held)
	}
	// The head has not moved since "one" led: size and the head's epoch let it pass.
	for name, n := range map[string]service.Numbering{
		"the leader before":                  {Holder: "one", Epoch: old},
		"the leader before, under a new one": {Holder: "one", Epoch: epoch},
		"the leader under an epoch before":   {Holder: "two", Epoch: old},
		"the leader under one to come":       {Holder: "two", Epoch: epoch + 1},
		"nobody":                             {Epoch: epoch},
	} {
		n.First, n.IDs, n.Note = head.Size, []string{late.ID}, "forged"
		err := s.Write(t.Context(), func(ctx context.Context, tx service.Tx) error { return tx.Number(ctx, n) })
		if fault.CodeOf(err) != "stale" {
			t.Errorf("%s numbers: %v", name, err)
		}
	}
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		return tx.Number(ctx, service.Numbering{Holder: "two", Epoch: epoch, First: head.Size, IDs: []string{late.ID}, Note: "true"})
	})
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		now, err := tx.LogHead(ctx)
		same(t, "note", now.Checkpoint, "true")
		same(t, "epoch", now.Epoch, epoch)
		return err
	})
}

// cursors move on only: what one dispatcher did, another does not do again.
func cursors(t *testing.T, s service.Store) {
	set := func(next int64) error {
		return s.Write(t.Context(), func(ctx context.Context, tx service.Tx) error { return tx.SetCursor(ctx, "moves", next) })
	}
	if err := errors.Join(set(4), set(7)); err != nil {
		t.Fatal(err)
	}
	for _, back := range []int64{7, 4, 0} {
		refused(t, set(back), fault.Conflict, "stale")
	}
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		at, err := tx.Cursor(ctx, "moves")
		same(t, "cursor", at, int64(7))
		return err
	})
}

// present: a process says that it is there, and what it leads.
func present(t *testing.T, s service.Store) {
	p := service.Process{ID: "host-1-x", Roles: []string{"api", "work"}, Version: "v1", StartedAt: at(3)}
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		return errors.Join(tx.SeeProcess(ctx, p), tx.SeeProcess(ctx, service.Process{ID: "host-2-y", Roles: []string{"sequencer"}, StartedAt: at(4)}))
	})
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		p.StartedAt = at(3)
		return errors.Join(tx.SeeProcess(ctx, p), tx.ForgetProcess(ctx, "host-2-y"))
	})
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		all, err := tx.Processes(ctx)
		if err != nil || len(all) != 1 {
			t.Fatalf("processes %+v, %v", all, err)
		}
		if all[0].Silent < 0 || all[0].Silent > time.Hour {
			t.Errorf("silent for %s", all[0].Silent)
		}
		all[0].Silent = 0
		same(t, "process", all[0], p)
		_, err = tx.Leaders(ctx)
		return err
	})
}
