package server

import (
	"context"
	"fmt"

	"github.com/paraph/paraph/internal/config"
	"github.com/paraph/paraph/internal/durable"
	"github.com/paraph/paraph/internal/store"
)

// Migrate brings the database to this version and names what it applied.
func Migrate(ctx context.Context, c *config.Config) (applied []string, err error) {
	if err := durable.MakeFolder(c.DataDir); err != nil {
		return nil, err
	}
	done, err := store.MigrateDatabase(ctx, store.Options{URL: DatabaseURL(c)})
	for _, m := range done {
		applied = append(applied, fmt.Sprintf("%04d %s", m.Number, m.Name))
	}
	return applied, err
}
