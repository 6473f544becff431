package storetest

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/service"
)

// proposals: what a proposal relied on and lost makes it run again, and what it
// cannot know makes it run in turn.
func proposals(t *testing.T, s service.Store) {
	t.Run("overtaken", func(t *testing.T) { overtaken(t, s) })
	t.Run("own changes", func(t *testing.T) { ownChanges(t, s) })
	t.Run("fails", func(t *testing.T) { failing(t, s) })
	t.Run("many", func(t *testing.T) { many(t, s) })
}

// overtaken: between its decision and its turn another command changes the
// document. Nothing of the first decision stays.
func overtaken(t *testing.T, s service.Store) {
	d := put(t, s, newDocument(org, "overtaken"))
	runs := 0
	err := s.Propose(t.Context(), func(ctx context.Context, tx service.Tx) error {
		got, err := tx.Document(ctx, org, d.ID)
		if err != nil {
			return err
		}
		if runs++; runs == 1 {
			write(t, inTurn(s), func(ctx context.Context, tx service.Tx) error {
				other := got
				other.Title = "by another"
				return tx.UpdateDocument(ctx, &other)
			})
			if err := tx.InsertEntry(ctx, newEntry(t, org, "overtaken", journal.SetupLinkMade, "", 0)); err != nil {
				return err
			}
		}
		got.EntrySeq += 10
		return tx.UpdateDocument(ctx, &got)
	})
	if err != nil {
		t.Fatal(err)
	}
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		got, err := tx.Document(ctx, org, d.ID)
		same(t, "runs, title and count", []any{runs, got.Title, got.EntrySeq - d.EntrySeq, got.Revision}, []any{2, "by another", int64(10), d.Revision + 2})
		return err
	})
	same(t, "entries of what was undone", countEntries(t, s, "overtaken"), 0)
}

// inTurn gives the store whose Write does not propose.
func inTurn(s service.Store) service.Store {
	if p, ok := s.(proposing); ok {
		return p.Store
	}
	return s
}

// ownChanges: a command that reads what it has written sees it.
func ownChanges(t *testing.T, s service.Store) {
	d := put(t, s, newDocument(org, "own"))
	runs := 0
	err := s.Propose(t.Context(), func(ctx context.Context, tx service.Tx) error {
		runs++
		got, err := tx.Document(ctx, org, d.ID)
		if err != nil {
			return err
		}
		got.Title = "changed"
		if err := tx.UpdateDocument(ctx, &got); err != nil {
			return err
		}
		again, err := tx.Document(ctx, org, d.ID)
		if err == nil {
			same(t, "title", again.Title, "changed")
		}
		return err
	})
	if err != nil || runs != 2 {
		t.Errorf("%v after %d runs", err, runs)
	}
}

func failing(t *testing.T, s service.Store) {
	d := newDocument(org, "fails")
	err := s.Propose(t.Context(), func(ctx context.Context, tx service.Tx) error {
		if err := tx.InsertDocument(ctx, d); err != nil {
			return err
		}
		return fault.New(fault.Conflict, "on_purpose", "No.")
	})
	refused(t, err, fault.Conflict, "on_purpose")
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		_, err := tx.Document(ctx, org, d.ID)
		gone(t, "what was proposed and failed", err)
		return nil
	})
	twin := put(t, s, newDocument(org, "fails"))
	err = s.Propose(t.Context(), func(ctx context.Context, tx service.Tx) error { return tx.InsertDocument(ctx, twin) })
	if err == nil {
		t.Error("a second document of one id")
	}
}

// many: of those that are carried out together each stands or falls by itself.
func many(t *testing.T, s service.Store) {
	d := put(t, s, newDocument(org, "many"))
	var all sync.WaitGroup
	var won, entries atomic.Int64
	for range 48 {
		all.Go(func() {
			mine := newDocument(org, "many")
			err := s.Propose(t.Context(), func(ctx context.Context, tx service.Tx) error {
				if err := tx.InsertDocument(ctx, mine); err != nil {
					return err
				}
				tx.Notify(service.TopicEntries)
				return tx.InsertEntry(ctx, newEntry(t, org, "many", journal.DocumentCreated, mine.ID, 1))
			})
			if err != nil {
				t.Error(err)
			}
			entries.Add(1)
			err = s.Propose(t.Context(), func(ctx context.Context, tx service.Tx) error {
				got, err := tx.Document(ctx, org, d.ID)
				if err != nil {
					return err
				}
				got.EntrySeq++
				return tx.UpdateDocument(ctx, &got)
			})
			if err == nil {
				won.Add(1)
			} else if fault.CodeOf(err) != "stale" {
				t.Error(err)
			}
		})
	}
	all.Wait()
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		got, err := tx.Document(ctx, org, d.ID)
		same(t, "counted", got.EntrySeq-d.EntrySeq, won.Load())
		found, err2 := tx.Documents(ctx, service.DocumentFilter{Org: org, Unit: "many"})
		same(t, "documents", int64(len(found)), entries.Load()+1)
		if err == nil {
			err = err2
		}
		return err
	})
	same(t, "entries", countEntries(t, s, "many"), int(entries.Load()))
}

// countEntries counts the entries of a unit that wait for their numbers.
func countEntries(t *testing.T, s service.Store, unit string) (n int) {
	t.Helper()
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		n = 0
		wait, err := tx.Unnumbered(ctx, 10000)
		for _, p := range wait {
			if e, err := tx.Entry(ctx, org, p.ID); err == nil && e.Unit == unit {
				n++
			}
		}
		return err
	})
	return n
}
