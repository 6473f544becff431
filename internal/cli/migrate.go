package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/paraph/paraph/internal/config"
	"github.com/paraph/paraph/internal/store"
)

// databaseURL is the database a configuration names.
func databaseURL(c *config.Config) string {
	if url := c.Database.Reveal(); url != "" {
		return url
	}
	return filepath.Join(c.DataDir, "paraph.db")
}

func runMigrate(ctx context.Context, env *Env, args []string) int {
	fs := flags(env, "migrate")
	asJSON := fs.Bool("json", false, "Write JSON.")
	l, code, done := settings(env, fs, args)
	if done {
		return code
	}
	if err := os.MkdirAll(l.Config.DataDir, 0o700); err != nil {
		return fail(env, err)
	}
	applied, err := store.MigrateDatabase(ctx, store.Options{URL: databaseURL(&l.Config)})
	if err != nil {
		return fail(env, err)
	}
	if *asJSON {
		printJSON(env, map[string]any{"applied": applied})
		return exitOK
	}
	for _, m := range applied {
		fmt.Fprintf(env.Stdout, "applied %v\n", m)
	}
	if len(applied) == 0 {
		fmt.Fprintln(env.Stdout, "the database is at this version already")
	}
	return exitOK
}
