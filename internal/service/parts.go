package service

import (
	"context"
	"fmt"
	"time"

	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/fault"
)

// KindPages is the kind of a part of a capture in the backlog: some pages of a long
// document, which any worker process may read. It is no operation of its own.
const KindPages = "pages"

// codeParted marks the row of an operation whose parts are in the backlog. It
// waits for them, and nobody has it.
const codeParted = "parted"

// partPatience is after how long an operation is looked at though some of its parts
// have not ended: whoever takes it then reads what is missing.
const partPatience = time.Hour

// Part is a range of pages, both ends included.
type Part struct{ First, Last int }

// parted tells whether the row waits for its parts.
func (b *Backlogged) parted() bool { return b.Holder == "" && b.Code == codeParted }

// Divide puts the parts of an operation into the backlog, for whoever has its row:
// that one lets go of it, and the operation waits until the last part has ended.
// Then it is the first of its flow. It is false where the row changed hands.
func (s *Service) Divide(ctx context.Context, b Backlogged, parts []Part) (bool, error) {
	divided := true
	err := s.Store.Write(ctx, func(ctx context.Context, tx Tx) error {
		now, err := tx.Backlogged(ctx, b.Org, b.OperationID)
		if divided = err == nil && now.Token == b.Token; !divided {
			if fault.KindOf(err) == fault.NotFound {
				err = nil
			}
			return err
		}
		rows := make([]Backlogged, len(parts))
		for i, p := range parts {
			rows[i] = Backlogged{
				Org: b.Org, OperationID: fmt.Sprintf("%s.%d", b.OperationID, i+1), Parent: b.OperationID, Kind: KindPages, First: p.First, Last: p.Last,
				Type: b.Type, Unit: b.Unit, DocumentID: b.DocumentID, Trace: b.Trace, EnqueuedAt: b.EnqueuedAt, DueAt: tx.Now(),
			}
		}
		if err := tx.Enqueue(ctx, rows); err != nil {
			return err
		}
		parent := b
		parent.Holder, parent.DueAt, parent.Parts, parent.Code, parent.Reason = "", tx.Now().Add(partPatience), len(parts), codeParted, ""
		parent.Deaths, parent.Alone = 0, false
		tx.Notify(TopicBacklog)
		return tx.UpdateBacklogged(ctx, &parent)
	})
	return divided, err
}

// endPart removes a part that has ended. With the last one its operation goes on.
func endPart(ctx context.Context, tx Tx, b Backlogged) error {
	// The operation's row is locked first: of two parts that end at the same moment
	// one sees that it is the last.
	parent, err := tx.LockBacklogged(ctx, b.Org, b.Parent)
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return err
	}
	there := err == nil
	if err := tx.RemoveBacklogged(ctx, b); err != nil {
		return err
	}
	left, _, err := tx.Parts(ctx, b.Org, b.Parent)
	if err != nil || left > 0 || !there || !parent.parted() {
		return err
	}
	parent.DueAt, parent.Code = parent.EnqueuedAt, ""
	return tx.UpdateBacklogged(ctx, &parent)
}

// BeginPart gives the operation and the document of a part, for a worker that
// begins to read it. Fault Conflict "operation_ended" where there is nothing to do.
func (s *Service) BeginPart(ctx context.Context, b Backlogged) (op Operation, d document.Document, err error) {
	err = s.Store.Read(ctx, func(ctx context.Context, tx Reader) error {
		if op, err = tx.Operation(ctx, b.Org, b.Parent); err != nil {
			return err
		}
		if op.State != OperationRunning {
			return fault.New(fault.Conflict, "operation_ended", "The operation is %s.", op.State)
		}
		d, err = tx.Document(ctx, op.Org, op.DocumentID)
		return err
	})
	return op, d, err
}

// WorkersAlive counts the worker processes that say that they live.
func (s *Service) WorkersAlive(ctx context.Context) (n int, err error) {
	err = s.Store.Read(ctx, func(ctx context.Context, tx Reader) error {
		all, err := tx.Workers(ctx)
		n = len(all)
		return err
	})
	return n, err
}
