package cli

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/paraph/paraph/internal/server"
)

func runMigrate(ctx context.Context, env *Env, args []string) int {
	fs := flags(env, "migrate")
	asJSON := fs.Bool("json", false, "Write JSON.")
	l, code, done := settings(env, fs, args)
	if done {
		return code
	}
	applied, err := server.Migrate(ctx, &l.Config)
	if err != nil {
		return fail(env, err)
	}
	if *asJSON {
		printJSON(env, map[string]any{"applied": applied})
		return exitOK
	}
	for _, m := range applied {
		fmt.Fprintln(env.Stdout, "applied", m)
	}
	if len(applied) == 0 {
		fmt.Fprintln(env.Stdout, "the database is at this version already")
	}
	return exitOK
}

func runReindex(ctx context.Context, env *Env, args []string) int {
	l, code, done := settings(env, flags(env, "reindex"), args)
	if done {
		return code
	}
	if err := server.Reindex(ctx, &l.Config, slog.New(slog.NewTextHandler(env.Stderr, nil))); err != nil {
		return fail(env, err)
	}
	fmt.Fprintln(env.Stdout, "the full-text index is emptied and is filled from the journal")
	return exitOK
}
