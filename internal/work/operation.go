package work

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"time"

	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/failpoint"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/sealkey"
	"github.com/paraph/paraph/internal/service"
)

// Meter receives what the workers measure. Implemented by internal/telemetry.
type Meter interface {
	// Step is how long a step of processing took, per document type.
	Step(step, documentType string, d time.Duration)
	// Retry counts an attempt that failed and will be repeated, by kind of work.
	Retry(kind string)
}

// Tracer continues the trace of the request that caused a job.
type Tracer interface {
	// Job starts a span under the traceparent; end closes it with the outcome.
	Job(ctx context.Context, traceparent, name string) (spanCtx context.Context, end func(error))
}

// Job is one attempt at an operation, as a handler sees it.
type Job struct {
	Call      service.Call
	Operation service.Operation
	Document  document.Document
	Failures  int // attempts before this one that failed
	Weight    int // of its unit
	Row       service.Backlogged
}

// Handler does the work of one kind of operation. It finishes the operation
// itself, through the service. What it returns decides what happens next:
//
//   - nil, or fault Conflict "operation_ended": done, or a twin was first
//   - a fault of kind Invalid, Unsupported or TooLarge: the file itself is at
//     fault; the document goes into quarantine with the reason
//   - ErrTurnOver: it goes on when its turn comes again
//   - anything else: tried again later, until the attempts are used up
type Handler func(ctx context.Context, job Job) error

// ErrTurnOver says that an operation has had its turn, others wait, and what it
// has done so far is kept.
var ErrTurnOver = errors.New("the operation has had its turn")

// errDivided says that an operation was divided into parts, and that its row waits
// for them.
var errDivided = errors.New("the operation waits for its parts")

// OperationWorker makes attempts at operations.
type OperationWorker struct {
	Service  *service.Service
	Handlers map[string]Handler // by the kind in the backlog
	Meter    Meter
	Tracer   Tracer
	Log      *slog.Logger
}

// codeUnprocessable is a file that twice broke the tools, choked or outran them.
// A machine under load can make a sound file look like that, so it may be tried again.
const codeUnprocessable = "file_unprocessable"

// worthRetrying are the codes of files in quarantine that may come out of it as they are.
var worthRetrying = []string{codeUnprocessable, codeMalware, codeTooLargeToScan, service.CodePageLimit}

// operationAttempts is how often an operation is tried before it fails for good.
const operationAttempts = 5

// patientAttempts is how often an operation is tried that waits for something elsewhere
// which cannot be reached, the sealing key's keeper or the malware scanner: with
// DefaultRetries that is over two days.
const patientAttempts = 40

// attemptsAfter is how often an operation that failed so is tried.
func attemptsAfter(err error) int {
	if sealkey.ReasonOf(err) == sealkey.Unreachable || fault.CodeOf(err) == codeScannerAway {
		return patientAttempts
	}
	return operationAttempts
}

// evidencePatience is how long one attempt at evidence waits for the log's
// witnesses, where the configuration demands them, before others have their turn.
const evidencePatience = 10 * time.Second

// Work makes one attempt at an operation. nil says that the operation has come
// to an end, good or bad; anything else that it has not: the context's error
// where the server stops, ErrTurnOver where it makes room for others, or why the
// attempt failed.
func (w *OperationWorker) Work(ctx context.Context, b service.Backlogged) (err error) {
	ctx, end := w.Tracer.Job(ctx, b.Trace, b.Kind)
	defer func() { end(err) }()
	if err := failpoint.Hit(failpoint.JobTaken); err != nil {
		return err
	}
	if b.Kind == service.OpSeal || b.Kind == service.OpArchive {
		ready, err := w.Service.AwaitEvidence(ctx, b.Org, b.DocumentID, evidencePatience)
		if err != nil {
			return err
		}
		if !ready {
			return ErrTurnOver
		}
	}
	call := service.SystemCall(b.Org, b.Kind, b.Trace)
	op, doc, err := w.begin(ctx, call, b)
	if fault.CodeOf(err) == "operation_ended" {
		return nil
	}
	if err != nil {
		return err
	}
	if b.Deaths >= service.MaxDeaths {
		err = fault.New(fault.Invalid, codeUnprocessable, "The server died %d times in a row while it worked on this, the last times on nothing else. The file may be made to do harm.", b.Deaths)
		return w.settle(ctx, call, op, err, true)
	}
	started := time.Now()
	err = w.attempt(ctx, Job{Call: call, Operation: op, Document: doc, Failures: b.Failures, Weight: b.Weight, Row: b})
	w.Meter.Step(b.Kind, b.Type, time.Since(started))
	if err == nil {
		err = failpoint.Hit(failpoint.JobDone)
	}
	return w.settle(ctx, call, op, err, b.Failures+1 >= attemptsAfter(err))
}

// begin begins an attempt at an operation, or at a part of one.
func (w *OperationWorker) begin(ctx context.Context, call service.Call, b service.Backlogged) (service.Operation, document.Document, error) {
	if b.Parent != "" {
		return w.Service.BeginPart(ctx, b)
	}
	return w.Service.BeginWork(ctx, call, b.OperationID)
}

// attempt runs the handler; a panic in it is an attempt that failed.
func (w *OperationWorker) attempt(ctx context.Context, job Job) (err error) {
	defer func() {
		if p := recover(); p != nil {
			w.Log.Error("a worker panicked", "operation", job.Operation.ID, "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	handle, ok := w.Handlers[job.Row.Kind]
	if !ok {
		return fmt.Errorf("no handler for operations of kind %s", job.Row.Kind)
	}
	switch job.Operation.Kind {
	case service.OpCapture, service.OpExport, service.OpImport: // whose steps have times of their own, or which take as long as there is something left
	default:
		var cancel context.CancelFunc
		ctx, cancel = within(ctx, job.Document.Pages)
		defer cancel()
	}
	return handle(ctx, job)
}

// settle decides what an attempt's outcome means.
func (w *OperationWorker) settle(ctx context.Context, call service.Call, op service.Operation, err error, last bool) error {
	if err == nil || fault.CodeOf(err) == "operation_ended" {
		return nil
	}
	if ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		// The server stops. That is nobody's fault: the operation waits again.
		return fmt.Errorf("%w: %w", context.Canceled, err)
	}
	if errors.Is(err, ErrTurnOver) || errors.Is(err, errDivided) {
		return err
	}
	f := fault.From(err)
	ctx = context.WithoutCancel(ctx) // the reason is written down though the attempt's time is up
	switch {
	case f.Kind == fault.Conflict && (f.Code == "action_not_allowed" || f.Code == "envelope_not_sealing"):
		w.Log.Warn("an operation came too late", "operation", op.ID, "document", op.DocumentID, "code", f.Code, "error", err)
		return w.Service.FailWork(ctx, call, op.ID, service.Failure{Code: f.Code, Reason: f.Message})
	case f.Kind == fault.Invalid || f.Kind == fault.Unsupported || f.Kind == fault.TooLarge:
		w.Log.Warn("a file cannot be processed", "operation", op.ID, "document", op.DocumentID, "code", f.Code, "error", err)
		return w.Service.FailWork(ctx, call, op.ID, service.Failure{Code: f.Code, Reason: f.Message, Quarantine: op.Kind == service.OpCapture, Retryable: op.Kind != service.OpCapture || slices.Contains(worthRetrying, f.Code)})
	case last:
		w.Log.Error("an operation failed for good", "operation", op.ID, "document", op.DocumentID, "code", f.Code, "error", err)
		return w.Service.FailWork(ctx, call, op.ID, service.Failure{Code: f.Code, Reason: reason(f), Retryable: true})
	}
	w.Meter.Retry(op.Kind)
	w.Log.Warn("an attempt failed and will be repeated", "operation", op.ID, "attempt", op.Attempts, "code", f.Code, "error", err)
	return err
}

// reason gives words for people; an unclassified error's own text stays in the log.
func reason(f *fault.Fault) string {
	if f.Kind == fault.Internal {
		return "Something went wrong on our side while the document was processed. The log has the details."
	}
	return f.Message
}
