package server

import "context"

// purgeBulk takes away what rows of bulk sends hold that were not sent, and will not be.
func (s *Server) purgeBulk(ctx context.Context) {
	n, err := s.Service.PurgeBulkRows(ctx, s.clock.Now().Add(-s.Config.BulkKeep))
	switch {
	case err != nil && ctx.Err() == nil:
		s.log.Warn("removing the cells of old rows failed; it is tried again", "error", err)
	case n > 0:
		s.log.Info("the cells of rows that were not sent were removed", "rows", n)
	}
}
