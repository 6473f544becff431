package server

import (
	"context"
	"errors"
	"iter"
	"math"
	"runtime"
	"sync"

	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/service"
)

// log re-reads the entries, the tree and every stored checkpoint.
func (a *storeAudit) log(ctx context.Context) error {
	return a.db.Read(ctx, func(ctx context.Context, tx service.Reader) error {
		head, err := tx.LogHead(ctx)
		if err != nil {
			return err
		}
		figures, err := tx.Figures(ctx)
		if err != nil {
			return err
		}
		a.count(func(r *AuditReport) { r.Size, r.Waiting = head.Size, figures.Unnumbered })
		if err := a.beyond(ctx, tx, head.Size); err != nil {
			return err
		}
		verifiers, err := a.verifiers()
		if err != nil {
			return err
		}
		want := journal.Head{Size: head.Size, Root: head.Root}
		rows, stop := a.rows(ctx, head.Size, verifiers)
		defer stop()
		tree, err := journal.Audit(ctx, want, rows, service.HashesOf(ctx, tx), func(done, total int64) { a.progress("entries", done, total) })
		if service.Unreadable(err) && tree.Disagreement == nil {
			tree.Disagreement, err = &journal.Disagreement{Index: tree.Size, Code: "entry", About: fault.From(err).Message}, nil
		}
		if d := tree.Disagreement; d != nil {
			a.fault(service.Faultf(d.Code, "at entry %d: %s", d.Index, d.About))
		}
		a.count(func(r *AuditReport) { r.Tree, r.Entries, r.Erased = tree, tree.Checked, tree.Erased })
		return err
	})
}

// verifiers gives those of the log's present name and of its earlier ones.
func (a *storeAudit) verifiers() ([]*journal.Verifier, error) {
	out := []*journal.Verifier{a.verifier}
	for _, name := range a.report.Earlier {
		v, err := a.verifier.Under(name)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// beyond looks for what stands behind the end of the log.
func (a *storeAudit) beyond(ctx context.Context, tx service.Reader, size int64) error {
	entries, err := tx.EntriesFrom(ctx, size, 1)
	if err != nil {
		return err
	}
	if len(entries) > 0 {
		a.fault(service.Faultf("beyond", "entry %d stands behind the end of the log, %d entries", entries[0].Index, size))
	}
	notes, err := tx.Checkpoints(ctx, size, math.MaxInt64)
	if err != nil {
		return err
	}
	if len(notes) > 0 {
		a.fault(service.Faultf("checkpoint", "a checkpoint over %d entries is stored, the log has %d", notes[0].Size, size))
	}
	return nil
}

// rowBatch is a part of the log that is being looked at.
type rowBatch struct {
	rows    []journal.Row
	checked sync.WaitGroup
	err     error
}

// rows streams the log's entries in their order, each compared with its leaf. The
// next entries are read while those before them are compared, on all cores, and
// their hashes taken, on one. stop ends the reading.
func (a *storeAudit) rows(ctx context.Context, size int64, verifiers []*journal.Verifier) (iter.Seq2[journal.Row, error], func()) {
	ctx, cancel := context.WithCancel(ctx)
	ahead := make(chan *rowBatch, 2)
	var reading sync.WaitGroup
	reading.Go(func() {
		defer close(ahead)
		err := a.db.Read(ctx, func(ctx context.Context, tx service.Reader) error {
			return a.readRows(ctx, tx, size, verifiers, ahead)
		})
		if err != nil && ctx.Err() == nil {
			ahead <- &rowBatch{err: err}
		}
	})
	stop := func() {
		cancel()
		for range ahead { // whoever waits to hand on is let go
		}
		reading.Wait()
	}
	return func(yield func(journal.Row, error) bool) {
		for b := range ahead {
			if b.err != nil {
				yield(journal.Row{}, b.err)
				return
			}
			b.checked.Wait()
			for _, row := range b.rows {
				if !yield(row, nil) {
					return
				}
			}
		}
		if err := ctx.Err(); err != nil {
			yield(journal.Row{}, err)
		}
	}, stop
}

// readRows reads batch after batch and has each looked at.
func (a *storeAudit) readRows(ctx context.Context, tx service.Reader, size int64, verifiers []*journal.Verifier, out chan<- *rowBatch) error {
	for from := int64(0); from < size; {
		entries, err := tx.EntriesFrom(ctx, from, int(min(auditBatch, size-from)))
		if bad := service.Unreadable(err); err != nil && !bad || len(entries) == 0 {
			return err
		}
		broken := err
		first := from
		from = entries[len(entries)-1].Index + 1
		notes, err := tx.Checkpoints(ctx, first, from)
		if err != nil {
			return err
		}
		b := &rowBatch{rows: make([]journal.Row, len(entries))}
		for i := range entries {
			e := &entries[i]
			b.rows[i] = journal.Row{Index: e.Index, Leaf: e.Leaf, Entry: e, Checked: true}
		}
		b.look(func(i int) { b.rows[i].Outcome = journal.Check(b.rows[i].Entry) }, len(b.rows))
		for _, n := range notes {
			if at := n.Size - 1 - entries[0].Index; at >= 0 && at < int64(len(b.rows)) {
				root := journal.Hash(n.Root)
				b.rows[at].Signed = &root
			}
		}
		b.look(func(i int) { a.checkpoint(notes[i], verifiers) }, len(notes))
		a.count(func(r *AuditReport) { r.Checkpoints += int64(len(notes)) })
		select {
		case out <- b:
		case <-ctx.Done():
			b.checked.Wait()
			return ctx.Err()
		}
		if broken != nil {
			return broken
		}
	}
	return nil
}

// look runs each for 0 to n-1 on all cores; checked ends with the last.
func (b *rowBatch) look(each func(i int), n int) {
	share := (n + runtime.GOMAXPROCS(0) - 1) / runtime.GOMAXPROCS(0)
	for from := 0; from < n; from += share {
		to := min(from+share, n)
		b.checked.Go(func() {
			for i := from; i < to; i++ {
				each(i)
			}
		})
	}
}

// checkpoint checks the signature of a stored checkpoint and what it says.
func (a *storeAudit) checkpoint(n service.StoredCheckpoint, verifiers []*journal.Verifier) {
	err := errors.New("no key")
	var cp journal.Checkpoint
	for _, v := range verifiers {
		if cp, err = v.OpenCheckpoint([]byte(n.Note)); err == nil {
			break
		}
	}
	switch {
	case err != nil:
		a.fault(service.Faultf("checkpoint", "the stored checkpoint over %d entries is not signed by the log's key", n.Size))
	case cp.Head.Size != n.Size || cp.Head.Root != journal.Hash(n.Root):
		a.fault(service.Faultf("checkpoint", "the stored checkpoint over %d entries says something else than its row", n.Size))
	}
}
