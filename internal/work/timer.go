package work

import (
	"context"
	"time"

	"github.com/riverqueue/river"

	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/service"
)

// TimerWorker fires timers. A timer decides nothing: the command it calls
// checks whether it still applies.
type TimerWorker struct {
	river.WorkerDefaults[TimerArgs]
	Service *service.Service
	Tracer  Tracer
}

// Work implements river.Worker.
func (w *TimerWorker) Work(ctx context.Context, job *river.Job[TimerArgs]) (err error) {
	args := job.Args
	ctx, end := w.Tracer.Job(ctx, args.Trace, "timer "+args.Timer)
	defer func() { end(err) }()
	call := service.SystemCall(args.Org, "timer", args.Trace)
	switch args.Timer {
	case TimerEnvelopeExpiry:
		err = w.Service.ExpireEnvelope(ctx, call, args.EnvelopeID)
	case TimerReviewDue:
		err = w.Service.ExpireDue(ctx, call, args.DocumentID, args.At)
	case TimerReminder:
		var next time.Time
		next, err = w.Service.RemindDue(ctx, call, args.EnvelopeID, args.RecipientID)
		if err == nil && !next.IsZero() {
			return river.JobSnooze(time.Until(next))
		}
	}
	if fault.KindOf(err) == fault.NotFound {
		return nil // what it was set for is gone
	}
	return err
}
