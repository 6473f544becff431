package work

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/service"
)

const (
	auditLease = "log-audit"
	// auditPart is how many entries are looked at in one go.
	auditPart = 500
	// auditRests is how many times as long as it worked the auditor rests, so that
	// it takes at most a tenth of one core and of the disk.
	auditRests = 9
	// auditNotes is how often its place is written down, and its lease renewed.
	auditNotes = 10 * time.Second
	auditTTL   = 3 * auditNotes
	// auditAgain is the pause before a log that was found faulty is read again.
	auditAgain = time.Minute
)

// Auditor re-reads the whole log in the background, again and again: every entry
// against its leaf, every leaf against the stored tree, the tree against the
// checkpoint that was newest when the pass began. It remembers its place over
// restarts. A fault stops all writing (Keeper.Found) until a later pass is clean.
type Auditor struct {
	store    service.Store
	keeper   *Keeper
	verifier *journal.Verifier
	clock    clock.Clock
	holder   string
	interval time.Duration // from the beginning of one pass to that of the next
	log      *slog.Logger

	state service.LogAudit
	tree  journal.Tree // of state.Position entries
	noted time.Time    // when the state was written down
	news  bool         // the other processes are to look at it
}

// NewAuditor makes an Auditor. holder names the process: one at a time audits.
func NewAuditor(store service.Store, k *Keeper, clk clock.Clock, holder string, interval time.Duration, log *slog.Logger) *Auditor {
	return &Auditor{store: store, keeper: k, verifier: k.verifier, clock: clk, holder: holder, interval: interval, log: log}
}

// Run audits until ctx ends.
func (a *Auditor) Run(ctx context.Context) error {
	leads := false
	for {
		began := time.Now()
		rest, err := auditAgain, error(nil)
		if !leads {
			leads, err = a.takeOver(ctx)
		}
		if leads && err == nil {
			var more bool
			if more, err = a.Step(ctx); more {
				rest = auditRests * time.Since(began)
			}
			if err == nil && a.clock.Now().Sub(a.noted) >= auditNotes {
				leads, err = a.note(ctx, auditTTL)
			}
		}
		if err != nil && ctx.Err() == nil {
			leads = false // who knows what was written: begin where the database says
			a.log.Warn("the log's audit could not go on; it is tried again", "error", err)
		}
		pause := time.NewTimer(rest)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			if leads {
				_, err = a.note(context.WithoutCancel(ctx), 0) // whoever wants may take over at once
				return err
			}
			return nil
		}
	}
}

// takeOver reads where the audit stands, if nobody else is at it.
func (a *Auditor) takeOver(ctx context.Context) (leads bool, err error) {
	err = a.store.Write(ctx, func(ctx context.Context, tx service.Tx) (err error) {
		if _, leads, err = tx.Lease(ctx, auditLease, a.holder, auditTTL); err != nil || !leads {
			return err
		}
		if a.state, err = service.ReadLogAudit(ctx, tx); err != nil {
			return err
		}
		a.tree, err = journal.LoadTree(a.state.Position, service.HashesOf(ctx, tx))
		return err
	})
	if err != nil && leads {
		// The place cannot be taken up: its hashes are gone. A pass from the
		// beginning says what is wrong with them.
		a.state.Position, a.state.Size, a.state.BeganAt, a.tree, err = 0, 0, time.Time{}, journal.Tree{}, nil
	}
	a.noted = a.clock.Now()
	return leads, err
}

// note writes down where the audit stands, and keeps the lease for ttl.
func (a *Auditor) note(ctx context.Context, ttl time.Duration) (leads bool, err error) {
	raw, err := json.Marshal(a.state)
	if err != nil {
		return false, err
	}
	err = a.store.Write(ctx, func(ctx context.Context, tx service.Tx) (err error) {
		if _, leads, err = tx.Lease(ctx, auditLease, a.holder, ttl); err != nil || !leads {
			return err
		}
		if a.news {
			tx.Notify(service.TopicJournal) // every process looks, and stops or goes on
		}
		return tx.SetSetting(ctx, service.SettingAudit, string(raw))
	})
	a.noted = a.clock.Now()
	a.news = a.news && err != nil
	return leads, err
}

// Step looks at the next part of the log, or begins a pass that is due. more is
// false where there is nothing to do for a while.
func (a *Auditor) Step(ctx context.Context) (more bool, err error) {
	if a.state.Size == a.state.Position {
		if begun, err := a.begin(ctx); err != nil || !begun {
			return false, err
		}
	}
	want := journal.Head{Size: a.state.Size, Root: a.state.Root}
	var wrong *journal.Disagreement
	grown := a.tree
	err = a.store.Read(ctx, func(ctx context.Context, tx service.Reader) error {
		entries, err := tx.EntriesFrom(ctx, a.state.Position, int(min(auditPart, a.state.Size-a.state.Position)))
		broken := service.Unreadable(err)
		if err != nil && !broken {
			return err
		}
		bad := err
		rows := make([]journal.Row, len(entries))
		for i := range entries {
			rows[i] = journal.Row{Index: entries[i].Index, Leaf: entries[i].Leaf, Entry: &entries[i]}
		}
		if len(rows) == 0 && !broken {
			wrong = &journal.Disagreement{Index: a.state.Position, Code: "missing", About: "The checkpoint was signed over more entries than there are."}
			return nil
		}
		grown, wrong, err = journal.AuditPart(a.tree, want, rows, service.HashesOf(ctx, tx))
		if broken && wrong == nil {
			wrong = &journal.Disagreement{Index: grown.Size(), Code: "entry", About: fault.From(bad).Message}
		}
		return err
	})
	if err != nil {
		return false, err
	}
	if wrong != nil {
		return false, a.found(ctx, wrong)
	}
	a.tree, a.state.Position = grown, grown.Size()
	if a.state.Position < a.state.Size {
		return true, nil
	}
	return false, a.passed(ctx)
}

// begin begins a pass, if one is due: over the log as its newest checkpoint has it.
func (a *Auditor) begin(ctx context.Context) (bool, error) {
	now := a.clock.Now()
	due := a.state.BeganAt.IsZero() || a.state.Fault != nil || a.interval > 0 && now.Sub(a.state.BeganAt) >= a.interval
	if !due {
		return false, nil
	}
	var head service.LogHead
	err := a.store.Read(ctx, func(ctx context.Context, tx service.Reader) (err error) {
		head, err = tx.LogHead(ctx)
		return err
	})
	if err != nil || head.Checkpoint == "" {
		return false, err
	}
	cp, err := a.verifier.OpenCheckpoint([]byte(head.Checkpoint))
	if err != nil {
		return false, a.found(ctx, &journal.Disagreement{Index: head.Size, Code: "checkpoint", About: "The newest checkpoint is not signed by the log's key."})
	}
	a.state.Position, a.state.Size, a.state.Root, a.state.BeganAt = 0, cp.Head.Size, cp.Head.Root, now
	a.tree = journal.Tree{}
	return true, nil
}

// found notes a fault, and everything stops that would be built on the log.
func (a *Auditor) found(ctx context.Context, d *journal.Disagreement) error {
	a.state.Fault = &service.LogFault{Code: d.Code, Index: d.Index, About: d.About, FoundAt: a.clock.Now()}
	a.state.Position, a.state.Size = 0, 0 // the next pass begins at the beginning
	a.keeper.Found(a.state.Fault)
	a.news = true
	_, err := a.note(ctx, auditTTL)
	return err
}

// passed ends a pass without a fault.
func (a *Auditor) passed(ctx context.Context) error {
	a.news = a.state.Fault != nil
	a.state.Fault, a.state.PassedAt, a.state.PassedSize = nil, a.clock.Now(), a.state.Size
	a.keeper.Found(nil)
	a.log.Info("the log's audit is through: every entry agrees with what was signed", "entries", a.state.Size)
	_, err := a.note(ctx, auditTTL)
	return err
}
