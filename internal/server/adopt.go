package server

import "context"

// adopt gives keys of their own to documents from before there were such keys,
// or that a process of the version before has taken in meanwhile.
func (s *Server) adopt(ctx context.Context) {
	n, err := s.Vault.AdoptAll(ctx)
	if err != nil && ctx.Err() == nil {
		s.log.Warn("giving documents keys of their own failed; it is tried again", "error", err)
	}
	if n > 0 {
		s.log.Info("documents were given keys of their own", "documents", n)
	}
}
