package cli

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/paraph/paraph/internal/server"
)

// runAudit does what concerns the whole log of a store.
func runAudit(ctx context.Context, env *Env, args []string) int {
	if len(args) > 0 {
		switch args[0] {
		case "verify":
			return runAuditVerify(ctx, env, args[1:])
		case "accept-restore":
			return runAcceptRestore(ctx, env, args[1:])
		}
	}
	fmt.Fprintln(env.Stderr, "Usage: paraph audit verify|accept-restore [flags]")
	return exitUsage
}

// runAcceptRestore accepts a database that is older than what was vouched for.
func runAcceptRestore(ctx context.Context, env *Env, args []string) int {
	fs := flags(env, "audit")
	asJSON := fs.Bool("json", false, "Write JSON.")
	reason := fs.String("reason", "", "What happened, in your words; it goes into the log. Needed.")
	anyway := fs.Bool("anyway", false, "Also where the high-water mark agrees, because it was restored as well.")
	l, code, done := settings(env, fs, args)
	if done {
		return code
	}
	if *reason == "" {
		fmt.Fprintln(env.Stderr, "Say what happened with --reason; it goes into the log.")
		return exitUsage
	}
	r, err := server.AcceptRestore(ctx, &l.Config, *reason, *anyway)
	if err != nil {
		return fail(env, err)
	}
	if *asJSON {
		printJSON(env, r)
		return exitOK
	}
	seen := "what was signed before is not known here"
	if r.Seen >= 0 {
		seen = fmt.Sprintf("%d entries were vouched for before", r.Seen)
	}
	fmt.Fprintf(env.Stdout, "The restored log of %d entries is accepted (%s).\nIt was %s and goes on as %s. Announce its new key:\n  %s\n", r.Size, seen, r.From, r.To, r.VKey)
	if r.SetAside != "" {
		fmt.Fprintf(env.Stdout, "The mark before is kept as evidence: %s\n", r.SetAside)
	}
	return exitOK
}

// runAuditVerify re-reads a whole store: every entry against its leaf, every leaf
// against the tree, the tree against the last signed checkpoint.
func runAuditVerify(ctx context.Context, env *Env, args []string) int {
	fs := flags(env, "audit")
	asJSON := fs.Bool("json", false, "Write JSON.")
	key := fs.String("log-key", "", "The log's verifier key; default: that of the data folder.")
	files := fs.Bool("files", false, "Read every stored file as well, and compare it with the journal.")
	l, code, done := settings(env, fs, args)
	if done {
		return code
	}
	report, err := server.AuditStore(ctx, &l.Config, server.AuditOptions{Key: *key, Blobs: *files, Progress: progress(env.Stderr)})
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
func progress(w io.Writer) func(stage string, done, total int64) {
	var mu sync.Mutex
	var last time.Time
	return func(stage string, done, total int64) {
		mu.Lock()
		defer mu.Unlock()
		if now := time.Now(); total > 10_000 && now.Sub(last) > 300*time.Millisecond {
			last = now
			fmt.Fprintf(w, "%d of %d %s\n", done, total, stage)
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
	fmt.Fprintf(w, "    %d checkpoints, %d time stamps, %d documents, %d versions", r.Checkpoints, r.Anchors, r.Documents, r.Versions)
	if r.Files > 0 {
		fmt.Fprintf(w, ", %d files of %d MB", r.Files, r.FileBytes>>20)
	}
	fmt.Fprintln(w)
	for _, name := range r.Earlier {
		fmt.Fprintf(w, "    before a restored backup was accepted, the log was %s\n", name)
	}
	for _, f := range r.Faults {
		fmt.Fprintf(w, "    – %s (%s)\n", f.About, f.Code)
	}
	if r.MoreFaults > 0 {
		fmt.Fprintf(w, "    and %d more\n", r.MoreFaults)
	}
}
