package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/paraph/paraph/internal/server"
)

// runProtection lists the signed files whose protection runs out. It reads the
// store, of a server that runs or of one that doesn't.
func runProtection(ctx context.Context, env *Env, args []string) int {
	fs := flags(env, "protection")
	asJSON := fs.Bool("json", false, "Write JSON, a line for each file and a last one with the counts.")
	within := fs.Duration("within", 365*24*time.Hour, "List what runs out within this time.")
	l, code, done := settings(env, fs, args)
	if done {
		return code
	}
	now := time.Now().UTC()
	ending, lacking := 0, 0
	files, err := server.LookEnding(ctx, &l.Config, now.Add(*within), func(e server.Ending) {
		if !e.Until.IsZero() && e.Until.Before(now.Add(*within)) {
			ending++
		}
		if e.Lacking != "" {
			lacking++
		}
		if *asJSON {
			printLine(env, e)
			return
		}
		fmt.Fprintf(env.Stdout, "%s  %s  version %d  %s\n", e.Document, level(e.Level), e.Version, e.Title)
		if !e.Until.IsZero() {
			fmt.Fprintf(env.Stdout, "    until %s: %s\n", e.Until.Format(time.DateOnly), e.Because)
		}
		if e.Lacking != "" {
			fmt.Fprintf(env.Stdout, "    lacks %s for %s: %s\n", e.Lacking, level(e.Wanted), e.Reason)
		}
		if !e.NextAt.IsZero() {
			fmt.Fprintf(env.Stdout, "    next attempt or renewal: %s\n", e.NextAt.Format(time.RFC3339))
		}
	})
	if err != nil {
		return fail(env, err)
	}
	if *asJSON {
		printLine(env, map[string]any{"files": files, "ending": ending, "lacking": lacking, "before": now.Add(*within)})
	} else {
		fmt.Fprintf(env.Stdout, "%d signed files: the protection of %d runs out before %s, %d lack something.\n", files, ending, now.Add(*within).Format(time.DateOnly), lacking)
	}
	if ending+lacking > 0 {
		return exitFailed
	}
	return exitOK
}

// level gives a level as the standard writes it.
func level(l string) string {
	if l == "" {
		return "not measured"
	}
	return "B-" + strings.ToUpper(l)
}
