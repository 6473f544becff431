package work

import (
	"context"

	"github.com/riverqueue/river"

	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/service"
)

// AdoptWorker moves operations that a version before the backlog left in the job
// queue into the backlog: at an upgrade, and while both versions run side by side.
type AdoptWorker struct {
	river.WorkerDefaults[OperationArgs]
	Service *service.Service
}

// Work implements river.Worker.
func (w *AdoptWorker) Work(ctx context.Context, job *river.Job[OperationArgs]) error {
	a := job.Args
	err := w.Service.Adopt(ctx, a.Org, a.OperationID, a.DocumentType, a.Trace)
	if fault.KindOf(err) == fault.NotFound {
		return nil
	}
	return err
}
