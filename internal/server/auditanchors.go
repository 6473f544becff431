package server

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"

	"github.com/paraph/paraph/internal/anchor"
	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/service"
)

// anchors re-reads every time stamp over the log: each entry that tells of one
// against its row, the row's checkpoint against tree and key, its token against
// the checkpoint; and looks for rows that no entry tells of. Who made the token is
// not asked: authorities come and go over the years.
func (a *storeAudit) anchors(ctx context.Context) error {
	verifiers, err := a.verifiers()
	if err != nil {
		return err
	}
	return a.db.Read(ctx, func(ctx context.Context, tx service.Reader) error {
		orgs, err := tx.Organisations(ctx)
		if err != nil {
			return err
		}
		rows, err := tx.CountAnchors(ctx)
		if err != nil {
			return err
		}
		told := int64(0)
		for _, org := range orgs {
			n, err := a.anchorsOf(ctx, tx, org.ID, verifiers)
			if err != nil {
				return err
			}
			told += n
		}
		a.count(func(r *AuditReport) { r.Anchors = told })
		figures, err := tx.Figures(ctx)
		if err != nil {
			return err
		}
		if rows > told+figures.Unnumbered { // an entry that tells of a row may wait for its number
			a.fault(service.Faultf("anchor", "%d time stamps over the log are stored that no entry tells of", rows-told))
		}
		return nil
	})
}

// anchorsOf checks those an organisation's entries tell of, and counts the rows found.
func (a *storeAudit) anchorsOf(ctx context.Context, tx service.Reader, org string, verifiers []*journal.Verifier) (found int64, err error) {
	f := service.EntryFilter{Org: org, Kinds: []string{string(journal.LogAnchored)}, Limit: auditBatch}
	for {
		entries, err := tx.Entries(ctx, f)
		if err != nil || len(entries) == 0 {
			return found, err
		}
		for i := range entries {
			e := &entries[i]
			row, err := tx.Anchor(ctx, e.SubjectID)
			if fault.KindOf(err) == fault.NotFound && err != nil {
				a.fault(service.Faultf("anchor", "the time stamp %s, of which entry %d tells, is missing", e.SubjectID, e.Index))
				continue
			}
			if err != nil {
				return found, err
			}
			found++
			if err := a.oneAnchor(ctx, tx, e, row, verifiers); err != nil {
				return found, err
			}
		}
		f.From = entries[len(entries)-1].Index + 1
	}
}

// oneAnchor compares a row with its entry, the tree and itself.
func (a *storeAudit) oneAnchor(ctx context.Context, tx service.Reader, e *journal.Entry, row service.Anchor, verifiers []*journal.Verifier) error {
	wrong := func(format string, args ...any) error {
		a.fault(service.Faultf("anchor", "the time stamp "+row.ID+" "+format, args...))
		return nil
	}
	var told struct {
		Size int64
		TSA  string
	}
	sum := sha256.Sum256(row.Token)
	if err := json.Unmarshal(e.Data, &told); err != nil || told.Size != row.Size || told.TSA != row.TSA || e.Digests["token"] != "sha256:"+hex.EncodeToString(sum[:]) {
		return wrong("is not the one of which entry %d tells", e.Index)
	}
	at := slices.IndexFunc(verifiers, func(v *journal.Verifier) bool { return v.Origin() == row.Origin() })
	if at < 0 {
		return wrong("is over a checkpoint of another log, %s", row.Origin())
	}
	shown, err := anchor.Verify([]byte(row.Note), row.Token, verifiers[at], nil)
	if err != nil {
		return wrong("is not good: %s", fault.From(err).Message)
	}
	if shown.Checkpoint.Head.Size != row.Size || !clock.Cut(shown.At).Equal(row.StampedAt) {
		return wrong("says something else than its row")
	}
	head, err := journal.HeadAt(row.Size, service.HashesOf(ctx, tx))
	if err != nil && !errors.Is(err, journal.ErrHashMissing) {
		return err
	}
	if err != nil || head.Root != shown.Checkpoint.Head.Root {
		return wrong("is over %d entries that are not those of the log", row.Size)
	}
	return nil
}
