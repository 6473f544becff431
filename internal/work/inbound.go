package work

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"

	"github.com/paraph/paraph/internal/failpoint"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/hook"
	"github.com/paraph/paraph/internal/mapping"
	"github.com/paraph/paraph/internal/service"
)

// InboundWorker processes events that came in: it fetches the facts of hints, lets the
// source's mapping make a command of the event, and carries that out as the source's client.
type InboundWorker struct {
	Service *service.Service
	Facts   Facts
	Meter   Meter
	Tracer  Tracer
	Log     *slog.Logger
}

const (
	// inboundAttempts is how often an event is tried that fails for a reason that may
	// pass; with DefaultRetries that is half a day.
	inboundAttempts = 12
	// earlyAttempts is how often it is tried while what it names is not there: it may
	// have come before the thing itself, by minutes at most.
	earlyAttempts = 6
)

// passing are conflicts that end by themselves.
var passing = map[string]bool{"stale": true, "document_processing": true, "not_in_log_yet": true}

// Work makes one attempt at an event. nil says that it has come to an end, good or
// bad; anything else that it has not.
func (w *InboundWorker) Work(ctx context.Context, b service.Backlogged) (err error) {
	ctx, end := w.Tracer.Job(ctx, b.Trace, b.Kind)
	defer func() { end(err) }()
	attempt := b.Failures + 1
	if b.Deaths >= service.MaxDeaths {
		err = fault.New(fault.Invalid, "event_unprocessable", "The server died %d times in a row while it worked on this event. It may be made to do harm.", b.Deaths)
		return w.settle(ctx, b, err, attempt)
	}
	documentID, err := w.process(ctx, b)
	if err == nil {
		err = failpoint.Hit(failpoint.InboundDone)
	}
	if err == nil {
		err = w.Service.FinishInbound(ctx, b.Org, b.OperationID, documentID, attempt)
	}
	return w.settle(ctx, b, err, attempt)
}

// process does what is to be done for an event and gives the document it was about. A
// panic is an attempt that failed.
func (w *InboundWorker) process(ctx context.Context, b service.Backlogged) (documentID string, err error) {
	defer func() {
		if p := recover(); p != nil {
			w.Log.Error("a worker panicked", "event", b.OperationID, "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	p, err := w.Service.BeginInbound(ctx, b.Org, b.OperationID, b.Trace)
	if err != nil || p.Command == "" {
		return "", err
	}
	data := p.Content.Body
	if p.Event.Via == hook.ViaHook {
		if data, err = w.command(ctx, &p); err != nil || data == nil {
			return "", err // data nil: the mapping found nothing to do
		}
	}
	return w.Service.Execute(ctx, p.Call, p.Command, data)
}

// command lets the source's mapping make the data of its command.
func (w *InboundWorker) command(ctx context.Context, p *service.Processing) ([]byte, error) {
	var fact []byte
	if p.Fetch != "" {
		var err error
		if fact, err = w.Facts.Get(ctx, p.Fetch, p.FetchName, p.FetchKey); err != nil {
			return nil, err
		}
	}
	input, err := hook.NewInput(&p.Event, p.Name, p.Content, fact)
	if err != nil {
		return nil, err
	}
	return w.Service.Mapper.Map(ctx, p.Program, input)
}

// settle decides what an attempt's outcome means.
func (w *InboundWorker) settle(ctx context.Context, b service.Backlogged, err error, attempt int) error {
	if err == nil || fault.CodeOf(err) == "event_ended" {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%w: %w", context.Canceled, err) // the server stops: it waits again
	}
	f := fault.From(err)
	if attempt < attemptsAt(f) {
		w.Meter.Retry(b.Kind)
		w.Log.Warn("an event could not be processed and will be tried again", "event", b.OperationID, "attempt", attempt, "code", f.Code, "error", err)
		return err
	}
	w.Log.Warn("an event is put into quarantine", "event", b.OperationID, "code", f.Code, "error", err)
	return w.Service.QuarantineInbound(ctx, b.Org, b.OperationID, service.Failure{Code: f.Code, Reason: says(f)}, attempt)
}

// attemptsAt gives how often an event is tried that fails so.
func attemptsAt(f *fault.Fault) int {
	switch {
	case f.Kind == fault.NotFound:
		return earlyAttempts
	case f.Kind == fault.Unavailable, f.Kind == fault.Internal, f.Kind == fault.TooMany, f.Kind == fault.Conflict && passing[f.Code]:
		return inboundAttempts
	}
	return 1
}

// says words a fault with everything it lists.
func says(f *fault.Fault) string {
	text := reason(f)
	for _, d := range f.Details {
		text += " " + d.Pointer + ": " + d.Message
	}
	return cut(text, service.MaxComment)
}

// Mapper implements service.Mapper over programs in child processes.
type Mapper struct{ Tools *mapping.Tools }

// Check implements service.Mapper.
func (m Mapper) Check(ctx context.Context, program string) error {
	return mapped(m.Tools.Check(ctx, program))
}

// Map implements service.Mapper.
func (m Mapper) Map(ctx context.Context, program string, input []byte) ([]byte, error) {
	out, err := m.Tools.Map(ctx, program, input)
	return out, mapped(err)
}

func mapped(err error) error {
	switch {
	case err == nil:
		return nil
	case mapping.AtFault(err):
		return fault.Wrap(err, fault.Invalid, "bad_mapping", "The mapping cannot be used: %s.", sentence(err.Error()))
	case errors.Is(err, context.Canceled):
		return err
	}
	return fault.Wrap(err, fault.Unavailable, "mapping_unavailable", "The mapping could not be run just now.")
}
