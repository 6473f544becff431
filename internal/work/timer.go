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
	// The queue goes by the database's clock. A command that finds its time not
	// come yet does nothing, and the timer would be gone.
	if early := args.At.Sub(w.Service.Clock.Now()); early > 0 {
		return river.JobSnooze(early)
	}
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
			return river.JobSnooze(next.Sub(w.Service.Clock.Now()))
		}
	}
	if fault.KindOf(err) == fault.NotFound {
		return nil // what it was set for is gone
	}
	return err
}
