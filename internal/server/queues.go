package server

import (
	"context"
	"time"

	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/telemetry"
	"github.com/paraph/paraph/internal/work"
)

// queues gathers what waits: operations by kind and document type, and the jobs.
func (s *Server) queues(ctx context.Context, jobs map[string]work.QueueDepth) (out []telemetry.Queue, err error) {
	for _, name := range append(service.OperationKinds(), work.QueueMail, work.QueueTimer) {
		out = append(out, telemetry.Queue{Name: name, Waiting: jobs[name].Waiting, Oldest: jobs[name].Oldest})
	}
	all, _, err := s.Service.AllQueues(ctx, "")
	for _, q := range all {
		out = append(out, telemetry.Queue{Name: q.Kind, DocumentType: q.Type, Waiting: int64(q.Waiting), Oldest: q.Oldest})
	}
	return out, err
}

// queuesEvery is how often it is looked whether anything waits too long.
const queuesEvery = time.Minute

// watchQueues warns of what waits longer than it should, and says why.
func (s *Server) watchQueues(ctx context.Context) error {
	tick := time.NewTicker(queuesEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			s.warnOfQueues(ctx)
		}
	}
}

func (s *Server) warnOfQueues(ctx context.Context) {
	all, workers, err := s.Service.AllQueues(ctx, "")
	if err != nil && ctx.Err() == nil {
		s.log.Warn("what waits could not be looked at", "error", err)
	}
	for _, q := range all {
		if q.Oldest.IsZero() {
			continue
		}
		if age := s.clock.Now().Sub(q.Oldest); age > s.Config.QueueAgeWarning {
			s.log.Warn("work waits too long", "kind", q.Kind, "document_type", q.Type, "business_unit", q.Unit, "organisation", q.Org,
				"age", age.Round(time.Second).String(), "waiting", q.Waiting, "running", q.Running, "workers", workers, "code", string(q.Code), "reason", q.Reason)
		}
	}
}
