package server

import (
	"context"
	"time"

	"github.com/paraph/paraph/internal/service"
)

// failedLogins writes the wrong credentials of each minute into the log, and what device
// rules have decided; the last ones when the server stops.
func (s *Server) failedLogins(ctx context.Context) error {
	tick := time.NewTicker(service.FailuresEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
		if err := s.Service.WriteFailedLogins(context.WithoutCancel(ctx)); err != nil {
			s.log.Warn("wrong credentials could not be written into the log", "error", err)
		}
		if err := s.Service.WriteDeviceDecisions(context.WithoutCancel(ctx)); err != nil {
			s.log.Warn("decisions on devices could not be written into the log", "error", err)
		}
		if ctx.Err() != nil {
			return nil
		}
	}
}
