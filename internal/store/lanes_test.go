package store

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"

	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/store/pgtest"
)

func testDocument(id string) document.Document {
	return document.Document{ID: id, Org: "o", Unit: "u", Type: "t", State: document.Draft, Revision: 1}
}

// TestLanesPartWays: of proposals that share a transaction, the one that was
// overtaken runs again, and the others stay.
func TestLanesPartWays(t *testing.T) {
	t.Parallel()
	s := openPg(t, pgtest.Database(t))
	for _, id := range []string{"doc_busy", "doc_stale"} {
		must(t, s.Write(t.Context(), func(ctx context.Context, tx service.Tx) error { return tx.InsertDocument(ctx, testDocument(id)) }))
	}
	count := func(id string, decided func()) error {
		return s.Propose(t.Context(), func(ctx context.Context, tx service.Tx) error {
			d, err := tx.Document(ctx, "o", id)
			if err != nil {
				return err
			}
			decided()
			d.EntrySeq++
			return tx.UpdateDocument(ctx, &d)
		})
	}
	// One transaction holds a document, and proposals about it hold all lanes.
	holding, release := make(chan struct{}), make(chan struct{})
	var all, decided sync.WaitGroup
	all.Go(func() {
		must(t, s.Write(context.Background(), func(ctx context.Context, tx service.Tx) error {
			d, err := tx.Document(ctx, "o", "doc_busy")
			if err != nil {
				return err
			}
			d.EntrySeq++
			if err := tx.UpdateDocument(ctx, &d); err != nil {
				return err
			}
			close(holding)
			<-release
			return nil
		}))
	})
	<-holding
	for range laneCount {
		var once sync.Once
		decided.Add(1)
		all.Go(func() { must(t, count("doc_busy", func() { once.Do(decided.Done) })) })
	}
	decided.Wait()
	eventually(t, func() bool { return len(s.engine.(*postgresEngine).lanes.queue) == 0 })
	// These wait together, and one of them is overtaken meanwhile.
	var once sync.Once
	decided.Add(1)
	all.Go(func() { must(t, count("doc_stale", func() { once.Do(decided.Done) })) })
	decided.Wait()
	must(t, s.Write(t.Context(), func(ctx context.Context, tx service.Tx) error {
		d, err := tx.Document(ctx, "o", "doc_stale")
		if err != nil {
			return err
		}
		d.EntrySeq++
		return tx.UpdateDocument(ctx, &d)
	}))
	const others = 5
	for i := range others {
		all.Go(func() {
			must(t, s.Propose(t.Context(), func(ctx context.Context, tx service.Tx) error {
				return tx.InsertDocument(ctx, testDocument(fmt.Sprint("doc_", i)))
			}))
		})
	}
	eventually(t, func() bool { return len(s.engine.(*postgresEngine).lanes.queue) == others+1 })
	close(release)
	all.Wait()
	must(t, s.Read(t.Context(), func(ctx context.Context, tx service.Reader) error {
		busy, err := tx.Document(ctx, "o", "doc_busy")
		if err != nil || busy.EntrySeq != 1+laneCount {
			t.Errorf("the busy document was counted %d times: %v", busy.EntrySeq, err)
		}
		stale, err := tx.Document(ctx, "o", "doc_stale")
		if err != nil || stale.EntrySeq != 2 {
			t.Errorf("the overtaken one was counted %d times: %v", stale.EntrySeq, err)
		}
		found, err := tx.Documents(ctx, service.DocumentFilter{Org: "o", Limit: 100})
		if len(found) != others+2 {
			t.Errorf("%d documents", len(found))
		}
		return err
	}))
}

// TestLanesWaitForNobody: a document that a transaction keeps locked holds up the
// commands about it, and no others.
func TestLanesWaitForNobody(t *testing.T) {
	t.Parallel()
	s := openPg(t, pgtest.Database(t))
	write := func(id string, first bool, then func()) func(context.Context, service.Tx) error {
		return func(ctx context.Context, tx service.Tx) error {
			if first {
				return tx.InsertDocument(ctx, testDocument(id))
			}
			d, err := tx.Document(ctx, "o", id)
			if err != nil {
				return err
			}
			d.EntrySeq++
			err = tx.UpdateDocument(ctx, &d)
			then()
			return err
		}
	}
	must(t, s.Write(t.Context(), write("doc_locked", true, nil)))
	must(t, s.Write(t.Context(), write("doc_free", true, nil)))
	locked, release := make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		must(t, s.Write(context.Background(), write("doc_locked", false, func() { close(locked); <-release })))
	})
	<-locked
	for range 2 * laneCount {
		all.Go(func() { must(t, s.Propose(context.Background(), write("doc_locked", false, func() {}))) })
	}
	for range 10 {
		must(t, s.Propose(t.Context(), write("doc_free", false, func() {})))
	}
	close(release)
	all.Wait()
	must(t, s.Read(t.Context(), func(ctx context.Context, tx service.Reader) error {
		d, err := tx.Document(ctx, "o", "doc_locked")
		if d.EntrySeq != 1+2*laneCount {
			t.Errorf("the locked document was counted %d times", d.EntrySeq)
		}
		return err
	}))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}

// eventually waits until the condition holds; the test's time limit ends it.
func eventually(t *testing.T, is func() bool) {
	t.Helper()
	for !is() {
		if t.Context().Err() != nil {
			t.Fatal("it never came to that")
		}
		runtime.Gosched()
	}
}
