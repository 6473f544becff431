package server

import (
	"context"
	"errors"

	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/work"
)

// capturesPerChild is how many documents are read at once for each child
// process. Their pages share the children in turns, so that a long document does
// not keep short ones out.
const capturesPerChild = 2

// protectionsAtOnce is how many documents are protected at once: most of that time
// somebody else's server is waited for.
const protectionsAtOnce = 4

// rotationsAtOnce is how many units' keys are rotated at a time: it is the
// database's work, not that of the children.
const rotationsAtOnce = 1

// bulkSendsAtOnce is how many bulk sends have a turn at a time: each makes a transaction
// for every row, and others want to write, too.
const bulkSendsAtOnce = 2

// handoversAtOnce is how many business units are exported at a time, and how many
// archives imported: each reads or writes as fast as the disk can.
const handoversAtOnce = 1

// buildRunner makes what takes operations and events out of the backlog.
func (s *Server) buildRunner() error {
	attempt, err := s.attempts()
	if err != nil {
		return err
	}
	n := s.Tools.Children()
	s.runner = work.NewRunner(s.Service, attempt, work.RunnerConfig{
		Holder: s.worker, Retries: s.opts.Retries, Log: s.log,
		Slots: map[string]int{service.OpCapture: capturesPerChild * n, service.KindPages: n, service.OpSeal: n, service.OpProtect: protectionsAtOnce, service.OpArchive: n,
			service.OpDispose: disposalsAtOnce, service.OpRotateKey: rotationsAtOnce, service.OpBulkSend: bulkSendsAtOnce, service.OpExport: handoversAtOnce, service.OpImport: handoversAtOnce,
			service.OpInbound: inboundAtOnce},
	})
	return nil
}

// pagesPerTurn is how many pages of a document make a turn; 0: work's own.
func (s *Server) pagesPerTurn() int {
	if s.opts.PagesPerTurn > 0 {
		return s.opts.PagesPerTurn
	}
	return s.Config.PagesPerTurn
}

// startWork says that this process lives and begins to work. Alone on its
// database it first takes back what the process before it had when it died.
func (s *Server) startWork(ctx context.Context) error {
	if s.Store.Pool() == nil {
		if _, err := s.Service.GiveBack(ctx, s.worker); err != nil {
			return err
		}
	}
	alive := work.NewLiveness(s.Store, s.jobs, s.leaseholder(), s.log)
	if err := alive.Beat(ctx); err != nil {
		return err
	}
	s.goPart(ctx, "liveness", alive.Run)
	s.runner.Start(ctx)
	return s.jobs.Start(ctx)
}

func (s *Server) stopWork(ctx context.Context) error {
	stopped := make(chan error, 1)
	go func() { stopped <- s.runner.Stop(ctx) }()
	return errors.Join(s.jobs.Stop(ctx), <-stopped)
}

// memoryPerChild is what pages in work may take for each child, in bytes, where
// the budget is not set: an A4 page of 600 dpi fits, larger ones go alone.
const memoryPerChild = 768 << 20

func (s *Server) memoryBudget() int64 {
	if s.Config.MemoryBudget > 0 {
		return s.Config.MemoryBudget
	}
	return int64(s.Tools.Children()) * memoryPerChild
}
