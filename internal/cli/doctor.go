package cli

import (
	"context"
	"fmt"

	"github.com/paraph/paraph/internal/server"
)

func runDoctor(ctx context.Context, env *Env, args []string) int {
	fs := flags(env, "doctor")
	asJSON := fs.Bool("json", false, "Write JSON.")
	l, code, done := settings(env, fs, args)
	if done {
		return code
	}
	all := server.Doctor(ctx, &l.Config)
	code = exitOK
	for _, f := range all {
		if !f.OK {
			code = exitFailed
		}
		if *asJSON {
			continue
		}
		sign := "✓"
		if !f.OK {
			sign = "✗"
		}
		fmt.Fprintf(env.Stdout, "%s %s: %s\n", sign, f.About, f.Says)
		if f.Mend != "" {
			fmt.Fprintf(env.Stdout, "    mend it: %s\n", f.Mend)
		}
	}
	if *asJSON {
		printJSON(env, all)
	}
	return code
}
