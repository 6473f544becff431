package service

import (
	"context"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/event"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/id"
	"github.com/paraph/paraph/internal/journal"
)

// logOperation notes what happened to an operation, in the chain of its document
// where it has one. A dispatcher makes work of every operation.started and operation.retried.
func (c *change) logOperation(o *Operation, d *document.Document, kind journal.Kind) error {
	data := event.Operation{OperationID: o.ID, Kind: o.Kind, DocumentID: o.DocumentID, EnvelopeID: o.EnvelopeID, Code: o.Code, Reason: o.Reason}
	n := note{kind: kind, subject: "operation", id: o.ID}
	if d == nil {
		n.data = data
		return c.log(o.Org, o.Unit, n)
	}
	data.DocumentType = d.Type
	n.data = data
	return c.logDocument(d, n)
}

// documentOf gives the document of an operation, nil where it belongs to none.
func (c *change) documentOf(ctx context.Context, o *Operation) (*document.Document, error) {
	if o.DocumentID == "" {
		return nil, nil
	}
	d, err := c.Document(ctx, o.Org, o.DocumentID)
	return &d, err
}

// startOperation makes an operation for a document, shows it there, and notes
// operation.started, of which the work is made. The caller writes both rows.
func (s *Service) startOperation(_ context.Context, c *change, d *document.Document, kind, envelopeID string) (Operation, error) {
	op := Operation{
		ID: id.New("op", c.Now()), Org: d.Org, Unit: d.Unit, Kind: kind, DocumentID: d.ID, EnvelopeID: envelopeID,
		State: OperationPending, CreatedAt: c.Now(), Revision: 1,
	}
	d.Processing = document.Processing{Status: document.StatusPending, Step: kind, Operation: op.ID}
	return op, c.logOperation(&op, d, journal.OperationStarted)
}

// supersede ends the operation that is still at work on a document whose place
// another takes. Its worker finds it ended and throws its results away. The
// caller writes the document.
func (c *change) supersede(ctx context.Context, d *document.Document, reason string) error {
	if d.Processing.Operation == "" {
		return nil
	}
	op, err := c.Operation(ctx, d.Org, d.Processing.Operation)
	if err != nil || op.State.Ended() {
		return err
	}
	op.State, op.EndedAt, op.Retryable = OperationFailed, c.Now(), false
	op.Code, op.Reason = "superseded", reason
	if err := c.logOperation(&op, d, journal.OperationFailed); err != nil {
		return err
	}
	if err := c.DropPages(ctx, op.Org, op.ID); err != nil {
		return err
	}
	return c.UpdateOperation(ctx, &op)
}

// idle is fault Conflict "action_not_allowed" while a worker has, or will have, the document.
func idle(d *document.Document) error {
	if s := d.Processing.Status; s != document.StatusPending && s != document.StatusRunning {
		return nil
	}
	return fault.New(fault.Conflict, "action_not_allowed", "Operation %s (%s) is still at work on the document. Wait for its end, then try again.", d.Processing.Operation, d.Processing.Step)
}

// Operation gives one operation. Faults: NotFound.
func (s *Service) Operation(ctx context.Context, a access.Actor, opID string) (op Operation, err error) {
	if err := access.Allowed(a, access.ReadSettings); err != nil {
		return op, err
	}
	err = s.Store.Read(Within(ctx, a.Org), func(ctx context.Context, tx Reader) error {
		if op, err = tx.Operation(ctx, a.Org, opID); err != nil {
			return err
		}
		if op.DocumentID == "" {
			return access.Check(a, access.ReadSettings, access.Resource{Org: op.Org, Unit: op.Unit})
		}
		err := check(ctx, tx, a, access.ReadDocument, op.Unit, op.DocumentID)
		if k := fault.KindOf(err); err == nil || (k != fault.NotFound && k != fault.Forbidden) {
			return err
		}
		return access.Check(a, access.WriteDocument, access.Resource{Org: op.Org, Unit: op.Unit})
	})
	return op, err
}

// AwaitOperation gives an operation as soon as it has ended, or as it is when
// wait is over or the caller gone. Faults: NotFound.
func (s *Service) AwaitOperation(ctx context.Context, a access.Actor, opID string, wait time.Duration) (Operation, error) {
	wake, cancel := s.Store.Subscribe(TopicEntries) // every end of an operation is an entry
	defer cancel()
	over := time.NewTimer(wait)
	defer over.Stop()
	for {
		op, err := s.Operation(ctx, a, opID)
		if err != nil || op.State.Ended() || wait <= 0 {
			return op, err
		}
		select {
		case <-wake:
		case <-over.C:
			wait = 0 // one last look
		case <-s.Closing:
			return op, nil
		case <-ctx.Done():
			return op, nil
		}
	}
}

// Operations lists operations, newest first: the open ones, the stuck ones, all.
func (s *Service) Operations(ctx context.Context, a access.Actor, f OperationFilter) (out []Operation, err error) {
	if err := access.Allowed(a, access.ReadSettings); err != nil {
		return nil, err
	}
	f.Org, f.Units, f.Limit = a.Org, a.Units, limit(f.Limit)
	err = s.Store.Read(Within(ctx, a.Org), func(ctx context.Context, tx Reader) error {
		out, err = tx.Operations(ctx, f)
		return err
	})
	return out, err
}

// RetryOperation starts a failed operation again.
// Faults: NotFound; Conflict "operation_not_failed", "operation_not_retryable".
func (s *Service) RetryOperation(ctx context.Context, call Call, opID string) (Result[Operation], error) {
	return run(ctx, s, call, false, func(ctx context.Context, c *change) (Operation, error) {
		op, err := c.Operation(ctx, call.Actor.Org, opID)
		if err != nil {
			return op, err
		}
		var d *document.Document
		if op.DocumentID == "" {
			err = access.Check(c.actor, access.ManageSettings, access.Resource{Org: op.Org, Unit: op.Unit})
		} else {
			var of document.Document
			of, err = c.document(ctx, op.DocumentID, access.WriteDocument)
			d = &of
		}
		if err != nil {
			return op, err
		}
		if op.State != OperationFailed {
			return op, fault.New(fault.Conflict, "operation_not_failed", "The operation is %s; only a failed one can be retried.", op.State)
		}
		if op.Kind == OpBulkSend {
			return op, fault.New(fault.Conflict, "operation_not_retryable", "A bulk send is taken further by resuming it: POST /v1/bulk-sends/{id}/resume.")
		}
		if !op.Retryable {
			return op, fault.New(fault.Conflict, "operation_not_retryable", "Trying again cannot help: %s Upload a corrected file.", op.Reason)
		}
		if d != nil && d.Processing.Operation != op.ID {
			return op, fault.New(fault.Conflict, "operation_not_retryable", "Another operation, %s, has taken the place of this one.", d.Processing.Operation)
		}
		// The new round counts its own attempts: what broke once before is not at fault yet.
		op.State, op.Code, op.Reason, op.Attempts, op.EndedAt = OperationPending, "", "", 0, time.Time{}
		if d != nil {
			d.Processing = document.Processing{Status: document.StatusPending, Step: op.Kind, Operation: op.ID}
		}
		if err := c.logOperation(&op, d, journal.OperationRetried); err != nil {
			return op, err
		}
		return op, c.writeWork(ctx, &op, d)
	})
}

// BeginWork marks an operation as running, for a worker that starts an attempt.
// It returns the operation and its document, an empty one where it has none. Fault Conflict "operation_ended"
// where there is nothing left to do: the job is a late twin.
func (s *Service) BeginWork(ctx context.Context, call Call, opID string) (Operation, document.Document, error) {
	var doc document.Document
	out, err := run(ctx, s, call, false, func(ctx context.Context, c *change) (Operation, error) {
		op, err := c.Operation(ctx, call.Actor.Org, opID)
		if err != nil {
			return op, err
		}
		if op.State.Ended() {
			return op, fault.New(fault.Conflict, "operation_ended", "The operation has %s already.", op.State)
		}
		d, err := c.documentOf(ctx, &op)
		if err != nil {
			return op, err
		}
		op.State, op.Attempts = OperationRunning, op.Attempts+1
		if op.StartedAt.IsZero() {
			op.StartedAt = c.Now()
		}
		if d != nil {
			d.Processing.Status, d.Processing.Step, d.Processing.Operation = document.StatusRunning, op.Kind, op.ID
		}
		if err := c.writeWork(ctx, &op, d); err != nil {
			return op, err
		}
		if d != nil {
			doc = *d
		}
		return op, nil
	})
	return out.Value, doc, err
}

// writeWork writes an operation, and its document where it has one.
func (c *change) writeWork(ctx context.Context, op *Operation, d *document.Document) error {
	if d != nil {
		if err := c.UpdateDocument(ctx, d); err != nil {
			return err
		}
	}
	return c.UpdateOperation(ctx, op)
}

// Progress notes how far a running operation has come. It is not journaled.
// Fault Conflict "operation_ended" where another took its place: the worker stops.
func (s *Service) Progress(ctx context.Context, call Call, opID, step string, done, total int) error {
	_, err := run(ctx, s, call, false, func(ctx context.Context, c *change) (Operation, error) {
		op, err := c.Operation(ctx, call.Actor.Org, opID)
		if err == nil && op.State.Ended() {
			err = fault.New(fault.Conflict, "operation_ended", "The operation has %s already.", op.State)
		}
		if err != nil || op.State != OperationRunning {
			return op, err
		}
		op.Step, op.Done, op.Total = step, done, total
		return op, c.UpdateOperation(ctx, &op)
	})
	return err
}

// Failure is how an operation ends without success.
type Failure struct {
	Code       string
	Reason     string // for people
	Retryable  bool   // an API call may start it again
	Quarantine bool   // the file itself cannot be processed
}

// FailWork ends an operation without success and shows the reason on its document.
func (s *Service) FailWork(ctx context.Context, call Call, opID string, f Failure) error {
	_, err := run(ctx, s, call, false, func(ctx context.Context, c *change) (Operation, error) {
		op, err := c.Operation(ctx, call.Actor.Org, opID)
		if err != nil || op.State.Ended() {
			return op, err
		}
		d, err := c.documentOf(ctx, &op)
		if err != nil {
			return op, err
		}
		switch op.Kind {
		case OpProtect:
			return op, s.endProtection(ctx, c, &op, d, &f)
		case OpBulkSend:
			return op, c.keepBulkSend(ctx, &op, f)
		}
		op.State, op.EndedAt, op.Code, op.Reason, op.Retryable = OperationFailed, c.Now(), f.Code, f.Reason, f.Retryable
		if err := c.failDocument(d, &op, f.Quarantine); err != nil {
			return op, err
		}
		if err := c.logOperation(&op, d, journal.OperationFailed); err != nil {
			return op, err
		}
		if err := c.DropPages(ctx, op.Org, op.ID); err != nil {
			return op, err
		}
		return op, c.writeWork(ctx, &op, d)
	})
	return err
}

// failDocument shows on a document that its operation failed.
func (c *change) failDocument(d *document.Document, op *Operation, quarantine bool) error {
	if d == nil {
		return nil
	}
	kind := journal.DocumentProcessingFailed
	d.Processing = document.Processing{Status: document.StatusFailed, Step: op.Kind, Operation: op.ID, Code: op.Code, Reason: op.Reason}
	if quarantine {
		kind, d.Processing.Status = journal.DocumentQuarantined, document.StatusQuarantined
	}
	data := dataOf(d)
	data.Code, data.Reason = op.Code, op.Reason
	return c.logDocument(d, note{kind: kind, data: data})
}

// succeed ends an operation and notes it; the caller writes the document, where it has one.
func (c *change) succeed(ctx context.Context, op *Operation, d *document.Document) error {
	op.State, op.EndedAt, op.Code, op.Reason = OperationSucceeded, c.Now(), "", ""
	op.Done = op.Total
	if d != nil {
		d.Processing = document.Processing{Status: document.StatusDone, Step: op.Kind, Operation: op.ID}
	}
	if err := c.logOperation(op, d, journal.OperationSucceeded); err != nil {
		return err
	}
	if err := c.DropPages(ctx, op.Org, op.ID); err != nil {
		return err
	}
	return c.UpdateOperation(ctx, op)
}
