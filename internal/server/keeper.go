package server

import (
	"context"
	"path/filepath"

	"github.com/paraph/paraph/internal/config"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/telemetry"
	"github.com/paraph/paraph/internal/work"
)

// highWater is the file with the log's high-water mark.
func highWater(c *config.Config, v *journal.Verifier) *work.HighWater {
	path := c.LogHighWater
	if path == "" {
		path = filepath.Join(c.DataDir, "log.highwater")
	}
	return work.NewHighWater(path, v)
}

// auditor re-reads the log in the background.
func (s *Server) auditor() *work.Auditor {
	return work.NewAuditor(s.Store, s.keeper, s.clock, s.holder(), s.Config.AuditInterval, s.log)
}

// logState is what the gauges show of the log's audit.
func (s *Server) logState(ctx context.Context) telemetry.LogState {
	var a service.LogAudit
	err := s.Store.Read(ctx, func(ctx context.Context, tx service.Reader) (err error) {
		a, err = service.ReadLogAudit(ctx, tx)
		return err
	})
	if err != nil {
		s.log.Warn("the state of the log's audit could not be read", "error", err)
	}
	return telemetry.LogState{Sound: s.keeper.Sound() == nil, Audited: a.Position, AuditSize: a.Size, PassedAt: a.PassedAt}
}
