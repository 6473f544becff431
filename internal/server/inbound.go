package server

import (
	"context"

	"github.com/paraph/paraph/internal/mapping"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/work"
)

const (
	// mappersAtOnce is how many mappings run at the same time, each in a child of its own.
	mappersAtOnce = 2
	// inboundAtOnce is how many events that came in are processed at the same time. Most
	// of them wait for their sender's interface.
	inboundAtOnce = 8
)

// openMapper makes what runs mappings. Its children start with the first one.
func (s *Server) openMapper() (err error) {
	s.mapper, err = mapping.New(s.opts.ChildArgv, mappersAtOnce)
	return err
}

// inbound is the worker of events that came in.
func (s *Server) inbound() (*work.InboundWorker, error) {
	allow, err := s.Config.Outbound()
	if err != nil {
		return nil, err
	}
	return &work.InboundWorker{Service: s.Service, Facts: work.NewFactsClient(allow), Meter: s.Metrics, Tracer: s.tracing, Log: s.log}, nil
}

// attempts gives what makes one attempt at whatever was taken out of the backlog.
func (s *Server) attempts() (func(context.Context, service.Backlogged) error, error) {
	operations := s.operations()
	inbound, err := s.inbound()
	return func(ctx context.Context, b service.Backlogged) error {
		if b.Kind == service.OpInbound {
			return inbound.Work(ctx, b)
		}
		return operations.Work(ctx, b)
	}, err
}

// purgeInbound takes away what came with events that ended long ago.
func (s *Server) purgeInbound(ctx context.Context) {
	n, err := s.Service.PurgeInbound(ctx, s.clock.Now().Add(-s.Config.InboundKeep))
	switch {
	case err != nil && ctx.Err() == nil:
		s.log.Warn("removing what came in long ago failed; it is tried again", "error", err)
	case n > 0:
		s.log.Info("what came with events long ago was removed", "events", n)
	}
}
