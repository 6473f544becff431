package store

import (
	"context"
	"time"

	"github.com/paraph/paraph/internal/fault"
)

// suspect looks whether an error says that the disk does not take writes. If so
// the writer refuses further ones: after a failed sync nobody knows what is on
// the disk, until a later write has reached it.
func (w *writer) suspect(err error) error {
	code, ok := sqliteCode(err)
	if !ok {
		return err
	}
	switch code {
	case sqliteFull, sqliteIOErr, sqliteReadOnly, sqliteCorrupt, sqliteCantOpen, sqliteNotADB:
		f := fault.From(mapSQLite(code, err))
		if w.broken.Swap(f) == nil {
			w.log.Error("the database does not take writes", "error", err)
		}
		w.probed = time.Now()
	}
	return err
}

// refused gives the fault of a store that does not take writes, after trying, at
// most once in probeGap, whether it does again. Only the writer's goroutine calls it.
func (w *writer) refused() error {
	f := w.broken.Load()
	if f == nil {
		return nil
	}
	if time.Since(w.probed) < time.Duration(w.gap.Load()) {
		return f
	}
	w.probed = time.Now()
	err := w.probe()
	w.dead = err != nil
	if w.dead {
		return fault.From(mapped(err))
	}
	w.broken.Store(nil)
	w.log.Info("the database takes writes again")
	return nil
}

// probe writes one row and syncs it.
func (w *writer) probe() error {
	ctx := context.Background()
	tx, err := w.e.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(ctx, "UPDATE probe SET n = n + 1"); err != nil {
		return err
	}
	return w.commit(&sqlConn{tx: tx})
}

// healthy is nil while writes pass. Where they did not, it asks the writer to try.
func (w *writer) healthy(ctx context.Context) error {
	if w.broken.Load() != nil {
		return w.submit(ctx, func(context.Context, *Tx) error { return nil })
	}
	select {
	case <-w.quit:
		return errClosed()
	default:
		return w.e.readers.PingContext(ctx)
	}
}
