package store

import (
	"context"

	"github.com/paraph/paraph/internal/service"
)

// sharing marks the context of what takes part in one transaction.
type sharing struct{}

// together is a transaction that several commands share.
type together struct {
	tx *Tx
	// again says that the whole has to run once more: something that a part relied
	// on was changed meanwhile, or the database undid it for another's sake.
	again error
}

// Together implements service.Store.
func (s *Store) Together(ctx context.Context, fn func(context.Context) error) error {
	return s.Write(ctx, func(ctx context.Context, tx service.Tx) error {
		j := &together{tx: tx.(*Tx)}
		err := fn(context.WithValue(ctx, sharing{}, j))
		if j.again != nil {
			return j.again
		}
		return err
	})
}

// share runs fn as a part of the context's shared transaction, and tells whether
// there is one. A part that fails is undone alone: its caller may try it again, or
// give up the whole.
func share(ctx context.Context, fn func(context.Context, service.Tx) error) (shared bool, err error) {
	j, _ := ctx.Value(sharing{}).(*together)
	if j == nil {
		return false, nil
	}
	ctx = context.WithValue(ctx, sharing{}, (*together)(nil)) // a command in a command is a mistake here, too
	for range 2 {                                             // the second time it finds what the first one missed
		if err = j.savepoint(ctx, fn); !isStale(err) {
			break
		}
	}
	if isStale(err) || retryable(err) {
		j.again = err
	}
	return true, mapped(err)
}

func (j *together) savepoint(ctx context.Context, fn func(context.Context, service.Tx) error) error {
	if _, err := j.tx.c.exec(ctx, "SAVEPOINT part", nil); err != nil {
		return err
	}
	err := guard(func() error { return fn(ctx, j.tx) })
	if err != nil {
		if _, err := j.tx.c.exec(ctx, "ROLLBACK TO part", nil); err != nil {
			return err
		}
	}
	if _, err := j.tx.c.exec(ctx, "RELEASE part", nil); err != nil {
		return err
	}
	return err
}
