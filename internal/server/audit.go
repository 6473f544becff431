package server

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/internal/config"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/store"
)

const (
	// auditBatch is how many entries are read at a time.
	auditBatch = 1000
	// auditDocuments is how many documents are read at a time, with all that belongs to them.
	auditDocuments = 200
	// auditFaults is how many faults are told; what comes after them is counted.
	auditFaults = 100
)

// DatabaseURL is the database that a configuration names.
func DatabaseURL(c *config.Config) string {
	if url := c.Database.Reveal(); url != "" {
		return url
	}
	return filepath.Join(c.DataDir, "paraph.db")
}

// AuditOptions say how a store is re-read.
type AuditOptions struct {
	Key   string // the log's verifier key; "": that of the data folder
	Blobs bool   // read every stored file as well
	// Progress, if not nil, is called now and then, from several goroutines: stage
	// is "entries" or "documents".
	Progress func(stage string, done, total int64)
}

// Audit re-reads a whole store with the log's key, "" for that of the data folder.
func Audit(ctx context.Context, c *config.Config, key string, progress func(done, total int64)) (*AuditReport, error) {
	o := AuditOptions{Key: key}
	if progress != nil {
		o.Progress = func(stage string, done, total int64) {
			if stage == "entries" {
				progress(done, total)
			}
		}
	}
	return AuditStore(ctx, c, o)
}

// AuditStore re-reads a whole store: every entry against its leaf, every leaf
// against the tree, every stored checkpoint against tree and key, the tree against
// the newest checkpoint and the high-water mark; every time stamp over the log
// against the checkpoint it is over; every document, version and archive package
// against the document's chain of entries; and, where wanted, every file against
// its digest. It changes nothing, and its memory does not grow with the store.
func AuditStore(ctx context.Context, c *config.Config, o AuditOptions) (*AuditReport, error) {
	db, err := store.Open(ctx, store.Options{URL: DatabaseURL(c), KeepSchema: true, Across: "audit"})
	if err != nil {
		return nil, err
	}
	defer db.Close()
	verifier, err := logVerifier(ctx, db, c, o.Key)
	if err != nil {
		return nil, err
	}
	a := &storeAudit{db: db, verifier: verifier, options: o, report: &AuditReport{Origin: verifier.Origin()}}
	if o.Blobs {
		if a.vault, err = auditVault(ctx, c, db); err != nil {
			return nil, err
		}
	}
	started := time.Now()
	if err := a.outside(ctx, c); err != nil {
		return nil, err
	}
	var logErr, docErr, stampErr error
	var both sync.WaitGroup
	both.Go(func() { logErr, stampErr = a.log(ctx), a.anchors(ctx) })
	both.Go(func() { docErr = a.documents(ctx) })
	both.Wait()
	r := a.report
	r.Took, r.Sound = time.Since(started), len(r.Faults) == 0
	return r, errors.Join(logErr, stampErr, docErr)
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
	Sound       bool                 `json:"sound"`
	Origin      string               `json:"origin"`
	Earlier     []string             `json:"earlier_origins,omitempty"` // names before restored backups were accepted
	Size        int64                `json:"size"`                      // entries the checkpoint vouches for
	Entries     int64                `json:"entries"`                   // entries whose content agrees with its leaf
	Erased      int64                `json:"erased"`                    // entries whose content was erased; their leaves stand
	Waiting     int64                `json:"waiting"`                   // entries that have no place in the log yet
	Checkpoints int64                `json:"checkpoints"`
	Anchors     int64                `json:"anchors"`    // time stamps over checkpoints
	HighWater   int64                `json:"high_water"` // entries the mark outside the database vouches for; -1: none
	Documents   int64                `json:"documents"`
	Versions    int64                `json:"versions"`
	Files       int64                `json:"files"` // stored files that were read
	FileBytes   int64                `json:"file_bytes"`
	Faults      []service.AuditFault `json:"faults,omitempty"`
	MoreFaults  int64                `json:"more_faults,omitempty"` // beyond those told
	Tree        journal.Report       `json:"tree"`
	Took        time.Duration        `json:"took_ns"`
}

// storeAudit is one re-reading. The log and the documents are read side by side,
// each on a snapshot of its own; neither needs the other's.
type storeAudit struct {
	db       service.Store
	verifier *journal.Verifier
	vault    service.Vault // nil: files are left alone
	options  AuditOptions

	mu     sync.Mutex
	report *AuditReport
}

func (a *storeAudit) fault(faults ...service.AuditFault) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, f := range faults {
		if len(a.report.Faults) >= auditFaults {
			a.report.MoreFaults++
			continue
		}
		a.report.Faults = append(a.report.Faults, f)
	}
}

// count changes a figure of the report.
func (a *storeAudit) count(change func(r *AuditReport)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change(a.report)
}

func (a *storeAudit) progress(stage string, done, total int64) {
	if a.options.Progress != nil {
		a.options.Progress(stage, done, total)
	}
}

// outside runs the check of a start: head, newest checkpoint, high-water mark.
func (a *storeAudit) outside(ctx context.Context, c *config.Config) error {
	return a.db.Read(ctx, func(ctx context.Context, tx service.Reader) error {
		earlier, err := service.EarlierOrigins(ctx, tx)
		if err != nil {
			return err
		}
		a.report.Earlier, a.report.HighWater = earlier, -1
		seen, err := highWater(c, a.verifier).Load(earlier)
		if err != nil {
			a.fault(asAuditFault(err))
		}
		if seen != nil {
			a.report.HighWater = seen.Head.Size
		}
		head, err := tx.LogHead(ctx)
		if err != nil {
			return err
		}
		r := journal.Resumption{Head: journal.Head{Size: head.Size, Root: head.Root}, Note: head.Checkpoint, Seen: seen, Earlier: earlier}
		err = a.verifier.Resume(r, service.HashesOf(ctx, tx), func(from, to int64) ([][]byte, error) { return tx.Leaves(ctx, from, to) })
		if err != nil && fault.KindOf(err) == fault.Unavailable && fault.CodeOf(err) != "store_unavailable" {
			a.fault(asAuditFault(err))
			return nil
		}
		return err
	})
}

func asAuditFault(err error) service.AuditFault {
	f := fault.From(err)
	return service.Faultf(f.Code, "%s", f.Message)
}
