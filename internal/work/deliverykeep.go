package work

import (
	"context"
	"time"

	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/webhook"
)

// DeliveryKeeper lets go of deliveries that ended long ago, with their attempts,
// and of those of endpoints that were deleted.
type DeliveryKeeper struct {
	Store service.Store
	Done  time.Duration // how long what was delivered or skipped is kept
	Dead  time.Duration // how long what is dead is kept
}

// forgetAtOnce deliveries are deleted in one transaction.
const forgetAtOnce = 500

// Sweep deletes what may go, some at a time, and tells how much.
func (k *DeliveryKeeper) Sweep(ctx context.Context) (n int, err error) {
	var queues []webhook.Queue
	var deleted []int64
	err = k.Store.Read(ctx, func(ctx context.Context, tx service.Reader) (err error) {
		if deleted, err = tx.DeletedEndpoints(ctx); err != nil {
			return err
		}
		queues, err = tx.WebhookQueues(ctx)
		return err
	})
	if err != nil {
		return 0, err
	}
	for _, no := range deleted {
		err := k.rounds(ctx, &n, func(ctx context.Context, tx service.Tx) (int, error) { return tx.ForgetEndpoint(ctx, no, forgetAtOnce) })
		if err != nil {
			return n, err
		}
	}
	for _, q := range queues {
		for state, keep := range map[webhook.State]time.Duration{webhook.Delivered: k.Done, webhook.Skipped: k.Done, webhook.Dead: k.Dead} {
			err := k.rounds(ctx, &n, func(ctx context.Context, tx service.Tx) (int, error) {
				found, err := tx.ForgetDeliveries(ctx, q.Endpoint, state, tx.Now().Add(-keep), forgetAtOnce)
				if err != nil || found == 0 || state != webhook.Dead {
					return found, err
				}
				// What blocked a strict queue may be among them.
				blocking, err := tx.DeliveriesAt(ctx, q.Endpoint, []int64{q.Blocked})
				if err != nil {
					return found, err
				}
				tx.Notify(service.TopicEndpoints)
				return found, tx.Poke(ctx, q.Endpoint, 0, -int64(found), q.Blocked >= 0 && len(blocking) == 0)
			})
			if err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

// rounds calls fn, each time in a transaction, until it finds less than it may delete.
func (k *DeliveryKeeper) rounds(ctx context.Context, n *int, fn func(context.Context, service.Tx) (int, error)) error {
	for {
		found := 0
		err := k.Store.Write(ctx, func(ctx context.Context, tx service.Tx) (err error) {
			found, err = fn(ctx, tx)
			return err
		})
		if *n += found; err != nil || found < forgetAtOnce {
			return err
		}
	}
}
