package work

import (
	"context"

	"github.com/paraph/paraph/internal/failpoint"
	"github.com/paraph/paraph/internal/service"
)

// Scrubber takes what was deleted out of the database's files too.
type Scrubber interface {
	Scrub(ctx context.Context) error
}

// Forgetter deletes the queue's own rows about a document.
type Forgetter interface {
	Forget(ctx context.Context, about service.Remains, except string) error
}

// Disposer deletes what is left of a document that was disposed of. Its key is
// destroyed already, and its entry stands in a checkpoint: the operation's entry
// would not have been dispatched otherwise. Every step may be repeated.
type Disposer struct {
	Service *service.Service
	Vault   service.Vault
	Jobs    Forgetter
	Store   Scrubber
}

// Handle implements Handler for operations of kind dispose.
func (d *Disposer) Handle(ctx context.Context, job Job) error {
	left, err := d.Service.Remains(ctx, job.Operation.Org, job.Document.ID)
	if err != nil {
		return err
	}
	if err := failpoint.Hit(failpoint.DisposeRead); err != nil {
		return err
	}
	for i, id := range left.Blobs {
		if i%100 == 0 {
			if err := d.Service.Progress(ctx, job.Call, job.Operation.ID, "delete", i, len(left.Blobs)); err != nil {
				return err
			}
		}
		if err := d.Vault.Remove(ctx, id); err != nil {
			return err
		}
		if err := failpoint.Hit(failpoint.DisposeDeleted); err != nil {
			return err
		}
	}
	if err := d.Jobs.Forget(ctx, left, job.Operation.ID); err != nil {
		return err
	}
	if err := failpoint.Hit(failpoint.DisposeForgotten); err != nil {
		return err
	}
	if err := d.Store.Scrub(ctx); err != nil {
		return err
	}
	if err := failpoint.Hit(failpoint.DisposeScrubbed); err != nil {
		return err
	}
	return d.Service.FinishDispose(ctx, job.Call, job.Operation.ID)
}
