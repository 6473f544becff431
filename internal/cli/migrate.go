package cli

import (
	"context"
	"fmt"

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
