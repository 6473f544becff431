package cli

import (
	"context"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/internal/config"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/server"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/store"
)

// auditBatch is how many entries are read at a time.
const auditBatch = 1000

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
	db, err := store.Open(ctx, store.Options{URL: databaseURL(&l.Config), KeepSchema: true})
	if err != nil {
		return fail(env, err)
	}
	defer db.Close()
	verifier, err := logVerifier(ctx, db, &l.Config, *key)
	if err != nil {
		return fail(env, err)
	}
	report, err := auditStore(ctx, db, verifier, progress(env.Stderr))
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

// logVerifier gives the verifier of the store's log: with the given key, or with
// the public half of the key in the data folder.
func logVerifier(ctx context.Context, db *store.Store, c *config.Config, key string) (*journal.Verifier, error) {
	if key != "" {
		return journal.NewVerifier(strings.TrimSpace(key))
	}
	signer, err := server.LogSigner(ctx, db, c, clock.System{})
	if err != nil {
		return nil, err
	}
	return signer.Verifier(), nil
}

// auditReport is the outcome of a whole audit.
type auditReport struct {
	Sound   bool           `json:"sound"`
	Origin  string         `json:"origin"`
	Size    int64          `json:"size"`    // entries the checkpoint vouches for
	Entries int64          `json:"entries"` // entries whose content agrees with its leaf
	Waiting int64          `json:"waiting"` // entries that have no place in the log yet
	Faults  []string       `json:"faults,omitempty"`
	Tree    journal.Report `json:"tree"`
	Took    time.Duration  `json:"took_ns"`
}

func (r *auditReport) fault(format string, args ...any) {
	r.Faults = append(r.Faults, fmt.Sprintf(format, args...))
}

func auditStore(ctx context.Context, db service.Store, v *journal.Verifier, progress func(done, total int64)) (*auditReport, error) {
	started := time.Now()
	r := &auditReport{}
	err := db.Read(ctx, func(ctx context.Context, tx service.Reader) error {
		head, err := tx.LogHead(ctx)
		if err != nil {
			return err
		}
		figures, err := tx.Figures(ctx)
		if err != nil {
			return err
		}
		r.Size, r.Waiting = head.Size, figures.Unnumbered
		if head.Checkpoint == "" {
			if head.Size > 0 {
				r.fault("the log has %d entries and no checkpoint", head.Size)
			}
			return nil
		}
		cp, err := v.OpenCheckpoint([]byte(head.Checkpoint))
		if err != nil {
			r.fault("the newest checkpoint is refused: %v", err)
			return nil
		}
		r.Origin = cp.Origin
		if cp.Head.Size != head.Size || cp.Head.Root != head.Root {
			r.fault("the head (%d entries) is not that of the newest checkpoint (%d entries)", head.Size, cp.Head.Size)
		}
		r.Tree, err = journal.Audit(ctx, cp.Head, rows(ctx, tx, cp.Head.Size), service.HashesOf(ctx, tx), progress)
		return err
	})
	r.Took = time.Since(started)
	if d := r.Tree.Disagreement; d != nil {
		r.fault("at entry %d: %s", d.Index, d.About)
	}
	r.Entries = r.Tree.Checked
	r.Sound = len(r.Faults) == 0
	return r, err
}

// rows streams the log's entries in their order.
func rows(ctx context.Context, tx service.Reader, size int64) iter.Seq2[journal.Row, error] {
	return func(yield func(journal.Row, error) bool) {
		for from := int64(0); from < size; {
			entries, err := tx.EntriesFrom(ctx, from, auditBatch)
			if err != nil {
				yield(journal.Row{}, err)
				return
			}
			if len(entries) == 0 {
				return
			}
			for _, e := range entries {
				if !yield(journal.Row{Index: e.Index, Leaf: e.Leaf, Entry: &e}, nil) {
					return
				}
				from = e.Index + 1
			}
		}
	}
}

// progress writes how far long work is, at most a few times a second.
func progress(w io.Writer) func(done, total int64) {
	var last time.Time
	return func(done, total int64) {
		if now := time.Now(); total > 10*auditBatch && now.Sub(last) > 300*time.Millisecond {
			last = now
			fmt.Fprintf(w, "%d of %d entries\n", done, total)
		}
	}
}

func printAudit(w io.Writer, r *auditReport) {
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
