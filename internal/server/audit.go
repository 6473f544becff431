package server

import (
	"context"
	"fmt"
	"iter"
	"path/filepath"
	"strings"
	"time"

	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/internal/config"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/store"
)

// auditBatch is how many entries are read at a time.
const auditBatch = 1000

// DatabaseURL is the database that a configuration names.
func DatabaseURL(c *config.Config) string {
	if url := c.Database.Reveal(); url != "" {
		return url
	}
	return filepath.Join(c.DataDir, "paraph.db")
}

// Audit re-reads a whole store: every entry against its leaf, every leaf against
// the tree, the tree against the last signed checkpoint. key is the log's
// verifier key, "" for that of the data folder. progress may be nil.
func Audit(ctx context.Context, c *config.Config, key string, progress func(done, total int64)) (*AuditReport, error) {
	db, err := store.Open(ctx, store.Options{URL: DatabaseURL(c), KeepSchema: true})
	if err != nil {
		return nil, err
	}
	defer db.Close()
	verifier, err := logVerifier(ctx, db, c, key)
	if err != nil {
		return nil, err
	}
	return auditStore(ctx, db, verifier, progress)
}

// logVerifier gives the verifier of the store's log: with the given key, or with
// the public half of the key in the data folder.
func logVerifier(ctx context.Context, db service.Store, c *config.Config, key string) (*journal.Verifier, error) {
	if key != "" {
		return journal.NewVerifier(strings.TrimSpace(key))
	}
	signer, err := LogSigner(ctx, db, c, clock.System{})
	if err != nil {
		return nil, err
	}
	return signer.Verifier(), nil
}

// AuditReport is the outcome of re-reading a whole store.
type AuditReport struct {
	Sound   bool           `json:"sound"`
	Origin  string         `json:"origin"`
	Size    int64          `json:"size"`    // entries the checkpoint vouches for
	Entries int64          `json:"entries"` // entries whose content agrees with its leaf
	Waiting int64          `json:"waiting"` // entries that have no place in the log yet
	Faults  []string       `json:"faults,omitempty"`
	Tree    journal.Report `json:"tree"`
	Took    time.Duration  `json:"took_ns"`
}

func (r *AuditReport) fault(format string, args ...any) {
	r.Faults = append(r.Faults, fmt.Sprintf(format, args...))
}

func auditStore(ctx context.Context, db service.Store, v *journal.Verifier, progress func(done, total int64)) (*AuditReport, error) {
	started := time.Now()
	r := &AuditReport{}
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
