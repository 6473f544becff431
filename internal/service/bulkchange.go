package service

import (
	"context"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/bulk"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/journal"
)

// codePaused is why a bulk send stands still that somebody paused.
const codePaused = "paused"

// PauseBulkSend stops a bulk send between two rows; it can be resumed. Of one that
// stands still by itself the reason is replaced.
// Faults: NotFound; Conflict "bulk_send_not_open".
func (s *Service) PauseBulkSend(ctx context.Context, call Call, bulkID, reason string) (Result[bulk.Send], error) {
	return s.changeBulk(ctx, call, bulkID, func(ctx context.Context, c *change, b *bulk.Send) error {
		if err := b.Apply(bulk.Pause, c.Now()); err != nil {
			return err
		}
		if b.Code, b.Reason = codePaused, reason; reason == "" {
			b.Reason = "It was paused by " + c.actor.Principal + "."
		}
		if err := c.endBulkWork(ctx, b, "The bulk send was paused."); err != nil {
			return err
		}
		return c.logBulk(b, journal.BulkSendPaused)
	})
}

// CancelBulkSend ends a bulk send. What was sent stays sent; the rows that wait never are.
// Faults: NotFound; Conflict "bulk_send_not_open".
func (s *Service) CancelBulkSend(ctx context.Context, call Call, bulkID string) (Result[bulk.Send], error) {
	return s.changeBulk(ctx, call, bulkID, func(ctx context.Context, c *change, b *bulk.Send) error {
		if err := b.Apply(bulk.Cancel, c.Now()); err != nil {
			return err
		}
		if err := c.endBulkWork(ctx, b, "The bulk send was cancelled."); err != nil {
			return err
		}
		return c.logBulk(b, journal.BulkSendCancelled)
	})
}

// ResumeBulkSend lets a bulk send that was paused go on, as the one who resumes it.
// Faults: NotFound; Forbidden; Conflict "bulk_send_not_open"; Gone "bulk_rows_gone".
func (s *Service) ResumeBulkSend(ctx context.Context, call Call, bulkID string) (Result[bulk.Send], error) {
	return s.changeBulk(ctx, call, bulkID, func(ctx context.Context, c *change, b *bulk.Send) error {
		return c.resumeBulk(ctx, b, bulk.Resume)
	})
}

// RetryBulkSend tries the rows that were refused once more, as the one who asks for it.
// Faults: NotFound; Forbidden; Conflict "bulk_send_not_open", "nothing_refused"; Gone "bulk_rows_gone".
func (s *Service) RetryBulkSend(ctx context.Context, call Call, bulkID string) (Result[bulk.Send], error) {
	return s.changeBulk(ctx, call, bulkID, func(ctx context.Context, c *change, b *bulk.Send) error {
		if b.Refused == 0 {
			return fault.New(fault.Conflict, "nothing_refused", "No row of the bulk send was refused.")
		}
		if err := c.bulkRowsKept(ctx, b, bulk.Refused); err != nil {
			return err
		}
		if _, err := c.RetryBulkRows(ctx, b.Org, b.ID); err != nil {
			return err
		}
		b.Refused = 0
		return c.resumeBulk(ctx, b, bulk.Retry)
	})
}

// changeBulk is what the commands on a bulk send have in common.
func (s *Service) changeBulk(ctx context.Context, call Call, bulkID string, fn func(context.Context, *change, *bulk.Send) error) (Result[bulk.Send], error) {
	return run(ctx, s, call, false, func(ctx context.Context, c *change) (bulk.Send, error) {
		b, err := bulkFor(ctx, c, c.actor, bulkID, access.WriteEnvelope)
		if err == nil {
			err = fn(ctx, c, &b)
		}
		if err != nil {
			return b, err
		}
		return b, c.UpdateBulkSend(ctx, &b)
	})
}

func (c *change) resumeBulk(ctx context.Context, b *bulk.Send, do bulk.Action) (err error) {
	for _, right := range []access.Action{access.WriteDocument, access.SubmitDocument} {
		if err := access.Check(c.actor, right, access.Resource{Org: b.Org, Unit: b.Unit}); err != nil {
			return err
		}
	}
	if b.By, err = callerOf(c.actor); err != nil {
		return err
	}
	if err := c.bulkRowsKept(ctx, b, bulk.Waiting); err != nil {
		return err
	}
	if err := b.Apply(do, c.Now()); err != nil {
		return err
	}
	return c.beginBulk(ctx, b, journal.BulkSendResumed)
}

// bulkRowsKept tells whether the rows in a state can still be sent. Fault Gone
// "bulk_rows_gone" where their cells were purged.
func (c *change) bulkRowsKept(ctx context.Context, b *bulk.Send, state bulk.RowState) error {
	rows, err := c.BulkRows(ctx, b.Org, b.ID, state, 0, 1)
	if err == nil && len(rows) > 0 && rows[0].Values == nil {
		err = fault.New(fault.Gone, "bulk_rows_gone", "The cells of its rows are not kept any more. Begin another bulk send.")
	}
	return err
}

// PurgeBulkRows takes away the cells of rows that were not sent of bulk sends that ended
// before the time, or have stood still since then.
func (s *Service) PurgeBulkRows(ctx context.Context, before time.Time) (n int64, err error) {
	err = s.Store.Write(ctx, func(ctx context.Context, tx Tx) error {
		n, err = tx.PurgeBulkRows(ctx, before)
		return err
	})
	return n, err
}

// endBulkWork ends the operation that sends the rows. Its worker finds it ended.
func (c *change) endBulkWork(ctx context.Context, b *bulk.Send, reason string) error {
	op, err := c.Operation(ctx, b.Org, b.Operation)
	if err != nil || op.State.Ended() {
		return err
	}
	op.State, op.EndedAt, op.Code, op.Reason = OperationFailed, c.Now(), "superseded", reason
	if err := c.logOperation(&op, nil, journal.OperationFailed); err != nil {
		return err
	}
	return c.UpdateOperation(ctx, &op)
}

// keepBulkSend pauses the bulk send whose operation has failed, with the reason.
func (c *change) keepBulkSend(ctx context.Context, op *Operation, f Failure) error {
	b, err := c.BulkSendOf(ctx, op.Org, op.ID)
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return err
	}
	if err == nil && b.State == bulk.Running {
		if err := b.Apply(bulk.Pause, c.Now()); err != nil {
			return err
		}
		b.Code, b.Reason = f.Code, f.Reason
		if err := c.logBulk(&b, journal.BulkSendPaused); err != nil {
			return err
		}
		if err := c.UpdateBulkSend(ctx, &b); err != nil {
			return err
		}
	}
	op.State, op.EndedAt, op.Code, op.Reason, op.Retryable = OperationFailed, c.Now(), f.Code, f.Reason, false
	if err := c.logOperation(op, nil, journal.OperationFailed); err != nil {
		return err
	}
	return c.UpdateOperation(ctx, op)
}
