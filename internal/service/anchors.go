package service

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/journal"
)

// TopicAnchors is notified when somebody asks for a time stamp now.
const TopicAnchors = "anchors"

const (
	// SettingAnchoring is the setting with the Anchoring, as JSON.
	SettingAnchoring = "anchoring"
	// SettingAnchorWanted says when somebody last asked for a time stamp (RFC 3339).
	SettingAnchorWanted = "anchor_wanted"

	// anchorRequests is how often callers may ask for one: authorities have quotas.
	anchorRequests = time.Minute
)

type anchorReader interface {
	// Anchors lists time stamps over checkpoints, newest first.
	Anchors(ctx context.Context, f AnchorFilter) ([]Anchor, error)
	// Anchor gives one. NotFound where there is none of the id.
	Anchor(ctx context.Context, id string) (Anchor, error)
	// AnchorCovering gives the first whose checkpoint, of the log of that name,
	// covers the entry at index. NotFound where there is none yet.
	AnchorCovering(ctx context.Context, origin string, index int64) (Anchor, error)
	// CountAnchors tells how many there are.
	CountAnchors(ctx context.Context) (int64, error)
}

type anchorWriter interface {
	// InsertAnchor: Conflict "exists" for a second anchor of the id.
	InsertAnchor(ctx context.Context, a Anchor) error
}

// Anchor is a time stamp over a checkpoint.
type Anchor struct {
	ID        string // anc_…
	Size      int64
	Note      string // the bytes that were stamped: a checkpoint, verbatim
	TSA       string // address of the authority
	Token     []byte // RFC 3161 time stamp token, DER
	StampedAt time.Time
	At        time.Time // when it was stored
}

// AnchorFilter narrows a list of anchors. Zero fields do not narrow.
type AnchorFilter struct {
	Before string // id: older ones only
	Limit  int    // 0: all
}

// AnchorPlan is who time-stamps checkpoints, and how often.
type AnchorPlan struct {
	Interval    time.Duration
	Authorities []string // addresses, in the order in which they are asked
}

// Anchoring is how time-stamping goes, as its worker last wrote it down. The zero
// value says that nothing is wrong.
type Anchoring struct {
	DueSince    time.Time         `json:"due_since,omitzero"` // since when a time stamp is due that could not be had
	TriedAt     time.Time         `json:"tried_at,omitzero"`
	RetryAt     time.Time         `json:"retry_at,omitzero"`
	Attempts    int               `json:"attempts,omitempty"` // since DueSince
	Code        string            `json:"code,omitempty"`     // timestamp_…
	Reason      string            `json:"reason,omitempty"`
	Authorities []AnchorAuthority `json:"authorities,omitempty"` // those that failed
}

// AnchorAuthority is what came of asking one authority.
type AnchorAuthority struct {
	Address string    `json:"address"`
	Code    string    `json:"code"` // timestamp_…
	Reason  string    `json:"reason"`
	Until   time.Time `json:"until,omitzero"` // it is not asked before
}

// ReadAnchoring reads how time-stamping goes.
func ReadAnchoring(ctx context.Context, tx Reader) (a Anchoring, err error) {
	raw, err := tx.Setting(ctx, SettingAnchoring)
	if fault.KindOf(err) == fault.NotFound && err != nil {
		return a, nil
	}
	if err != nil {
		return a, err
	}
	if err := json.Unmarshal([]byte(raw), &a); err != nil {
		return a, fmt.Errorf("the state of time-stamping: %w", err)
	}
	return a, nil
}

// SaveAnchoring writes it.
func SaveAnchoring(ctx context.Context, tx Tx, a Anchoring) error {
	raw, err := json.Marshal(a)
	if err != nil {
		return err
	}
	return tx.SetSetting(ctx, SettingAnchoring, string(raw))
}

// AnchorWanted tells when somebody last asked for a time stamp; the zero time: never.
func AnchorWanted(ctx context.Context, tx Reader) (time.Time, error) {
	raw, err := tx.Setting(ctx, SettingAnchorWanted)
	if fault.KindOf(err) == fault.NotFound && err != nil {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, err
	}
	return time.Parse(time.RFC3339Nano, raw)
}

// anchored gives the newest anchor, nil before the first, and how the next one fares.
func anchored(ctx context.Context, tx Reader) (newest *Anchor, state *Anchoring, err error) {
	rows, err := tx.Anchors(ctx, AnchorFilter{Limit: 1})
	if err != nil {
		return nil, nil, err
	}
	if len(rows) > 0 {
		newest = &rows[0]
	}
	a, err := ReadAnchoring(ctx, tx)
	return newest, &a, err
}

// Anchors lists the time stamps over checkpoints, newest first.
// Faults: Forbidden "missing_scope".
func (s *Service) Anchors(ctx context.Context, a access.Actor, f AnchorFilter) (out []Anchor, err error) {
	if err := access.Allowed(a, access.ReadSettings); err != nil {
		return nil, err
	}
	f.Limit = limit(f.Limit)
	err = s.Store.Read(Within(ctx, a.Org), func(ctx context.Context, tx Reader) error {
		out, err = tx.Anchors(ctx, f)
		return err
	})
	return out, err
}

// Anchor gives one time stamp over a checkpoint. Faults: NotFound; Forbidden
// "missing_scope".
func (s *Service) Anchor(ctx context.Context, a access.Actor, id string) (out Anchor, err error) {
	if err := access.Allowed(a, access.ReadSettings); err != nil {
		return out, err
	}
	err = s.Store.Read(Within(ctx, a.Org), func(ctx context.Context, tx Reader) error {
		out, err = tx.Anchor(ctx, id)
		return err
	})
	return out, err
}

// RequestAnchor asks for a time stamp now, whatever the schedule says, and that
// authorities which failed are asked again at once. Faults: Forbidden
// "missing_scope"; Conflict "timestamps_not_configured"; TooMany "timestamp_requested".
func (s *Service) RequestAnchor(ctx context.Context, call Call) (Result[time.Time], error) {
	return run(ctx, s, call, false, func(ctx context.Context, c *change) (time.Time, error) {
		if err := access.Allowed(call.Actor, access.ManageSettings); err != nil {
			return time.Time{}, err
		}
		if s.Anchoring == nil {
			return time.Time{}, fault.New(fault.Conflict, "timestamps_not_configured", "No time stamping authority is configured. Name one with timestamp-authorities.")
		}
		last, err := AnchorWanted(ctx, c)
		if err != nil {
			return time.Time{}, err
		}
		if wait := last.Add(anchorRequests).Sub(c.Now()); wait > 0 {
			f := fault.New(fault.TooMany, "timestamp_requested", "A time stamp was asked for a moment ago. See what came of it in the state of the log.")
			f.RetryAfter = wait
			return time.Time{}, f
		}
		if err := c.SetSetting(ctx, SettingAnchorWanted, c.Now().Format(time.RFC3339Nano)); err != nil {
			return time.Time{}, err
		}
		c.Notify(TopicAnchors)
		return c.Now(), c.log(call.Actor.Org, "", note{kind: journal.LogAnchorRequested, subject: "log", id: "log"})
	})
}

// AddAnchor stores a time stamp over a checkpoint and notes it in the log, within
// the transaction of the worker that had it made. It stands under the oldest
// organisation, which runs the installation. token is the SHA-256 of a.Token in
// hexadecimal. Faults: as Keeper.Sound; Conflict "log_empty", "exists".
func (s *Service) AddAnchor(ctx context.Context, tx Tx, a Anchor, token string) error {
	if err := s.sound(); err != nil {
		return err
	}
	orgs, err := tx.Organisations(ctx)
	if err != nil {
		return err
	}
	if len(orgs) == 0 {
		return fault.New(fault.Conflict, "log_empty", "The database has no organisation yet.")
	}
	a.At = tx.Now()
	if err := tx.InsertAnchor(ctx, a); err != nil {
		return err
	}
	c := &change{Tx: tx, actor: SystemCall(orgs[0].ID, "anchor", "").Actor}
	data := map[string]any{"anchor_id": a.ID, "size": a.Size, "tsa": a.TSA, "stamped_at": a.StampedAt}
	err = c.log(orgs[0].ID, "", note{kind: journal.LogAnchored, subject: "log", id: a.ID, data: data, digests: map[string]string{"token": token}})
	if err != nil {
		return err
	}
	return c.flush(ctx)
}

// EntryAnchor is a time stamp with proofs that entries stand under its checkpoint.
type EntryAnchor struct {
	Anchor
	Proofs []EventProof
}

// EntryAnchors gives for entries, in the order of the log, the first time stamp
// that covers each, with the proof under the stamped checkpoint itself. Entries
// that none covers yet are left out.
func (s *Service) EntryAnchors(ctx context.Context, entries []journal.Entry) (out []EntryAnchor, err error) {
	err = s.Store.Read(ctx, func(ctx context.Context, tx Reader) error {
		head, err := tx.LogHead(ctx)
		if err != nil {
			return err
		}
		for len(entries) > 0 {
			a, err := tx.AnchorCovering(ctx, firstLine(head.Checkpoint), entries[0].Index)
			if fault.KindOf(err) == fault.NotFound && err != nil || err == nil && a.Size > head.Size {
				return nil // none yet, or one that cannot be of this log: `paraph audit verify` names it
			}
			if err != nil {
				return err
			}
			one := EntryAnchor{Anchor: a}
			under := journal.Checkpoint{Head: journal.Head{Size: a.Size}, Note: []byte(a.Note)}
			for len(entries) > 0 && entries[0].Index < a.Size {
				p, err := proofUnder(ctx, tx, entries[0], under)
				if err != nil {
					return err
				}
				one.Proofs, entries = append(one.Proofs, p), entries[1:]
			}
			out = append(out, one)
		}
		return nil
	})
	return out, err
}

// Origin gives the name of the log whose checkpoint the anchor stamps.
func (a *Anchor) Origin() string { return firstLine(a.Note) }
