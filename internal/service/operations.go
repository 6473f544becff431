package service

import (
	"context"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/id"
	"github.com/paraph/paraph/internal/journal"
)

// operationData is the public event data of an operation's entry. A dispatcher
// makes a job of every operation.started and operation.retried.
type operationData struct {
	OperationID  string `json:"operation_id"`
	Kind         string `json:"kind"`
	DocumentID   string `json:"document_id"`
	DocumentType string `json:"document_type"`
	EnvelopeID   string `json:"envelope_id,omitempty"`
	Code         string `json:"code,omitempty"`
	Reason       string `json:"reason,omitempty"`
}

func operationDataOf(o *Operation, d *document.Document) operationData {
	return operationData{OperationID: o.ID, Kind: o.Kind, DocumentID: o.DocumentID, DocumentType: d.Type, EnvelopeID: o.EnvelopeID, Code: o.Code, Reason: o.Reason}
}

// startOperation makes an operation for a document, shows it there, and notes
// operation.started, of which the work is made. The caller writes both rows.
func (s *Service) startOperation(_ context.Context, c *change, d *document.Document, kind, envelopeID string) (Operation, error) {
	op := Operation{
		ID: id.New("op", c.Now()), Org: d.Org, Unit: d.Unit, Kind: kind, DocumentID: d.ID, EnvelopeID: envelopeID,
		State: OperationPending, CreatedAt: c.Now(), Revision: 1,
	}
	d.Processing = document.Processing{Status: document.StatusPending, Step: kind, Operation: op.ID}
	return op, c.logDocument(d, note{kind: journal.OperationStarted, subject: "operation", id: op.ID, data: operationDataOf(&op, d)})
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
	if err := c.logDocument(d, note{kind: journal.OperationFailed, subject: "operation", id: op.ID, data: operationDataOf(&op, d)}); err != nil {
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
	err = s.Store.Read(ctx, func(ctx context.Context, tx Reader) error {
		if op, err = tx.Operation(ctx, a.Org, opID); err != nil {
			return err
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
	err = s.Store.Read(ctx, func(ctx context.Context, tx Reader) error {
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
		d, err := c.document(ctx, op.DocumentID, access.WriteDocument)
		if err != nil {
			return op, err
		}
		if op.State != OperationFailed {
			return op, fault.New(fault.Conflict, "operation_not_failed", "The operation is %s; only a failed one can be retried.", op.State)
		}
		if !op.Retryable {
			return op, fault.New(fault.Conflict, "operation_not_retryable", "Trying again cannot help: %s Upload a corrected file.", op.Reason)
		}
		if d.Processing.Operation != op.ID {
			return op, fault.New(fault.Conflict, "operation_not_retryable", "Another operation, %s, has taken the place of this one.", d.Processing.Operation)
		}
		// The new round counts its own attempts: what broke once before is not at fault yet.
		op.State, op.Code, op.Reason, op.Attempts, op.EndedAt = OperationPending, "", "", 0, time.Time{}
		d.Processing = document.Processing{Status: document.StatusPending, Step: op.Kind, Operation: op.ID}
		if err := c.logDocument(&d, note{kind: journal.OperationRetried, subject: "operation", id: op.ID, data: operationDataOf(&op, &d)}); err != nil {
			return op, err
		}
		if err := c.UpdateDocument(ctx, &d); err != nil {
			return op, err
		}
		return op, c.UpdateOperation(ctx, &op)
	})
}

// BeginWork marks an operation as running, for a worker that starts an attempt.
// It returns the operation and its document. Fault Conflict "operation_ended"
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
		if doc, err = c.Document(ctx, op.Org, op.DocumentID); err != nil {
			return op, err
		}
		op.State, op.Attempts = OperationRunning, op.Attempts+1
		if op.StartedAt.IsZero() {
			op.StartedAt = c.Now()
		}
		doc.Processing.Status, doc.Processing.Step, doc.Processing.Operation = document.StatusRunning, op.Kind, op.ID
		if err := c.UpdateDocument(ctx, &doc); err != nil {
			return op, err
		}
		return op, c.UpdateOperation(ctx, &op)
	})
	return out.Value, doc, err
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
		d, err := c.Document(ctx, op.Org, op.DocumentID)
		if err != nil {
			return op, err
		}
		if op.Kind == OpProtect {
			return op, s.endProtection(ctx, c, &op, &d, &f)
		}
		op.State, op.EndedAt, op.Code, op.Reason, op.Retryable = OperationFailed, c.Now(), f.Code, f.Reason, f.Retryable
		kind := journal.DocumentProcessingFailed
		d.Processing = document.Processing{Status: document.StatusFailed, Step: op.Kind, Operation: op.ID, Code: f.Code, Reason: f.Reason}
		if f.Quarantine {
			kind, d.Processing.Status = journal.DocumentQuarantined, document.StatusQuarantined
		}
		data := dataOf(&d)
		data.Code, data.Reason = f.Code, f.Reason
		if err := c.logDocument(&d, note{kind: kind, data: data}); err != nil {
			return op, err
		}
		if err := c.logDocument(&d, note{kind: journal.OperationFailed, subject: "operation", id: op.ID, data: operationDataOf(&op, &d)}); err != nil {
			return op, err
		}
		if err := c.DropPages(ctx, op.Org, op.ID); err != nil {
			return op, err
		}
		if err := c.UpdateDocument(ctx, &d); err != nil {
			return op, err
		}
		return op, c.UpdateOperation(ctx, &op)
	})
	return err
}

// succeed ends an operation and notes it; the caller writes the document.
func (c *change) succeed(ctx context.Context, op *Operation, d *document.Document) error {
	op.State, op.EndedAt, op.Code, op.Reason = OperationSucceeded, c.Now(), "", ""
	op.Done = op.Total
	d.Processing = document.Processing{Status: document.StatusDone, Step: op.Kind, Operation: op.ID}
	if err := c.logDocument(d, note{kind: journal.OperationSucceeded, subject: "operation", id: op.ID, data: operationDataOf(op, d)}); err != nil {
		return err
	}
	if err := c.DropPages(ctx, op.Org, op.ID); err != nil {
		return err
	}
	return c.UpdateOperation(ctx, op)
}
