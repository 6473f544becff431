package server

import (
	"context"

	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/work"
)

// disposalsAtOnce is how many disposals delete files at the same time.
const disposalsAtOnce = 2

func (s *Server) disposer() *work.Disposer {
	return &work.Disposer{Service: s.Service, Vault: s.Vault, Jobs: forgetter{s}, Store: s.Store}
}

// forgetter reaches the queue, which is made after its workers.
type forgetter struct{ s *Server }

func (f forgetter) Forget(ctx context.Context, about service.Remains, except string) error {
	return f.s.jobs.Forget(ctx, about, except)
}
