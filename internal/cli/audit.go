package cli

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/paraph/paraph/internal/server"
)

// runAudit re-reads a whole store: every entry against its leaf, every leaf
// against the tree, the tree against the last signed checkpoint.
func runAudit(ctx context.Context, env *Env, args []string) int {
	if len(args) == 0 || args[0] != "verify" {
		fmt.Fprintln(env.Stderr, "Usage: paraph audit verify [flags]")
		return exitUsage
	}
	fs := flags(env, "audit")
	asJSON := fs.Bool("json", false, "Write JSON.")
	key := fs.String("log-key", "", "The log's verifier key; default: that of the data folder.")
	l, code, done := settings(env, fs, args[1:])
	if done {
		return code
	}
	report, err := server.Audit(ctx, &l.Config, *key, progress(env.Stderr))
	if err != nil {
		return fail(env, err)
	}
	if *asJSON {
		printJSON(env, report)
	} else {
		printAudit(env.Stdout, report)
	}
	if !report.Sound {
		return exitFailed
	}
	return exitOK
}

// progress writes how far long work is, at most a few times a second.
func progress(w io.Writer) func(done, total int64) {
	var last time.Time
	return func(done, total int64) {
		if now := time.Now(); total > 10_000 && now.Sub(last) > 300*time.Millisecond {
			last = now
			fmt.Fprintf(w, "%d of %d entries\n", done, total)
		}
	}
}

func printAudit(w io.Writer, r *server.AuditReport) {
	word := "✓ sound"
	if !r.Sound {
		word = "✗ NOT sound"
	}
	fmt.Fprintf(w, "%s  the log %s: %d entries, %d of them checked against their leaves, in %s\n", word, r.Origin, r.Size, r.Entries, r.Took.Round(time.Millisecond))
	if r.Waiting > 0 {
		fmt.Fprintf(w, "    %d entries have no place in the log yet\n", r.Waiting)
	}
	for _, f := range r.Faults {
		fmt.Fprintf(w, "    – %s\n", f)
	}
}
