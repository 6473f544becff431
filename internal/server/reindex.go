package server

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/paraph/paraph/internal/config"
	"github.com/paraph/paraph/internal/id"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/store"
	"github.com/paraph/paraph/internal/work"
)

// Reindex empties the full-text index and fills it from the journal. Where a
// running server keeps the index, that one fills it.
func Reindex(ctx context.Context, c *config.Config, log *slog.Logger) error {
	if !strings.HasPrefix(DatabaseURL(c), "postgres") {
		lock, err := lockFolder(c.DataDir)
		if err != nil {
			return err
		}
		defer lock.Close()
	}
	st, err := store.Open(ctx, store.Options{URL: DatabaseURL(c), Log: log, Across: "reindex"})
	if err != nil {
		return err
	}
	defer st.Close()
	if err := service.New(service.Config{Store: st, Log: log}).RebuildSearch(ctx); err != nil {
		return err
	}
	return work.NewSearchIndexer(st, work.Holder{Name: id.New("proc", time.Now())}, log).CatchUp(ctx)
}
