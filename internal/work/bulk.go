package work

import (
	"context"

	"github.com/paraph/paraph/internal/service"
)

// rowsPerTurn is how many rows of a bulk send make a turn: then another one that waits
// gets its place, of another organisation before one of the same.
const rowsPerTurn = 50

// BulkSender sends the rows of bulk sends, one after the other. What was sent is marked
// in the transaction that sends it, so every step may be repeated.
type BulkSender struct {
	Service *service.Service
}

// Handle implements Handler for operations of kind bulk_send.
func (b *BulkSender) Handle(ctx context.Context, job Job) error {
	for range rowsPerTurn {
		more, err := b.Service.SendBulkRow(ctx, job.Call, job.Operation.ID)
		if err != nil || !more {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return ErrTurnOver
}
