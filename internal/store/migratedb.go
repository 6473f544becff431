package store

import (
	"context"
	"log/slog"

	"github.com/paraph/paraph/internal/clock"
)

// MigrateDatabase brings a database's schema to the program's without serving
// it, and tells what it applied. Faults: as Open.
func MigrateDatabase(ctx context.Context, o Options) (done []Migration, err error) {
	o.KeepSchema = true
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Clock == nil {
		o.Clock = clock.System{}
	}
	s, err := openEngine(ctx, o)
	if err != nil {
		return nil, mapped(err)
	}
	defer s.close()
	return s.Migrate(ctx)
}
