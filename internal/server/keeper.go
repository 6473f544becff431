package server

import (
	"path/filepath"

	"github.com/paraph/paraph/internal/config"
	"github.com/paraph/paraph/internal/journal"
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
