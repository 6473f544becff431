package service

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/journal"
)

// Settings of the log that rest in the database.
const (
	// SettingOrigin is the log's name.
	SettingOrigin = "log_origin"
	// SettingEarlier is a JSON list of the names it had before restored backups were accepted.
	SettingEarlier = "log_origins_before"
	// SettingMarked says, where it is set, that a high-water mark was kept: its
	// file must not be missing.
	SettingMarked = "log_marked"
)

// LogKeeper stands between the log and the world. Implemented by internal/work.
type LogKeeper interface {
	// Release makes sure that a checkpoint is remembered outside the database; no
	// checkpoint, and no proof under it, is handed out before. Unavailable:
	// "checkpoint_forged", "log_forked", "storage_full", "storage_unavailable".
	Release(note string) error
	// Sound gives nil, or the fault for which nothing may be added to the log:
	// Unavailable "log_damaged" and its like.
	Sound() error
}

// release lets a checkpoint leave the process.
func (s *Service) release(note string) error {
	if s.Keeper == nil || note == "" {
		return nil
	}
	if err := s.Keeper.Sound(); err != nil {
		if code := fault.CodeOf(err); code == "log_rolled_back" || code == "log_forked" {
			return err // a witness has seen another log: this one is not shown to anybody
		}
	}
	return s.Keeper.Release(note)
}

// sound refuses commands while the log is not sound: what would be written could
// not be numbered, and what is not numbered nobody vouches for.
func (s *Service) sound() error {
	if s.Keeper == nil {
		return nil
	}
	return s.Keeper.Sound()
}

// EarlierOrigins gives the names the log had before restored backups were
// accepted, oldest first.
func EarlierOrigins(ctx context.Context, tx Reader) ([]string, error) {
	raw, err := tx.Setting(ctx, SettingEarlier)
	if fault.KindOf(err) == fault.NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var names []string
	if err := json.Unmarshal([]byte(raw), &names); err != nil {
		return nil, fmt.Errorf("the log's earlier names: %w", err)
	}
	return names, nil
}

// LogRestore is the acceptance of a restored backup: what was signed before, what
// is there now, and the name under which the log goes on.
type LogRestore struct {
	From, To string        // origins
	Seen     *journal.Head // the high-water mark; nil where it is not known
	Restored journal.Head
	Reason   string // the operator's words
}

// AcceptRestore gives the log its new name and writes the entry that says so, the
// first to stand under that name. number numbers it in the same transaction.
func (s *Service) AcceptRestore(ctx context.Context, r LogRestore, number func(context.Context, Tx) error) error {
	return s.Store.Write(ctx, func(ctx context.Context, tx Tx) error {
		orgs, err := tx.Organisations(ctx)
		if err != nil {
			return err
		}
		if len(orgs) == 0 {
			return fault.New(fault.Conflict, "log_empty", "The database has no organisation yet: there is nothing to accept.")
		}
		c := &change{Tx: tx, actor: SystemCall(orgs[0].ID, "accept-restore", "").Actor}
		data := map[string]any{"from": r.From, "to": r.To, "restored_size": r.Restored.Size, "restored_root": r.Restored.Root.String(), "reason": r.Reason}
		if r.Seen != nil {
			data["seen_size"], data["seen_root"] = r.Seen.Size, r.Seen.Root.String()
		}
		if err := c.log(orgs[0].ID, "", note{kind: journal.LogRestored, subject: "log", id: r.To, data: data}); err != nil {
			return err
		}
		earlier, err := EarlierOrigins(ctx, tx)
		if err != nil {
			return err
		}
		names, err := json.Marshal(append(earlier, r.From))
		if err != nil {
			return err
		}
		if err := tx.SetSetting(ctx, SettingEarlier, string(names)); err != nil {
			return err
		}
		if err := tx.SetSetting(ctx, SettingOrigin, r.To); err != nil {
			return err
		}
		// What was shown of the history that is given up speaks of another log now.
		if err := KeepLogEvidence(ctx, tx, nil); err != nil {
			return err
		}
		if err := c.flush(ctx); err != nil {
			return err
		}
		return number(ctx, tx)
	})
}
