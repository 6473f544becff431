package service

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/fault"
)

// SettingAudit is the setting with the LogAudit, as JSON.
const SettingAudit = "log_audit"

// LogAudit is how far the background audit of the log is: it re-reads all
// entries, slowly and again and again, and remembers its place.
type LogAudit struct {
	Position int64     `json:"position"` // entries of this pass that were found to agree
	Size     int64     `json:"size"`     // entries of this pass; 0 before the first
	Root     [32]byte  `json:"root"`     // what their signed checkpoint says
	BeganAt  time.Time `json:"began_at"`

	PassedAt   time.Time `json:"passed_at"`   // end of the last whole pass without a fault; zero: none
	PassedSize int64     `json:"passed_size"` // entries of that pass

	Fault *LogFault `json:"fault,omitempty"` // of the last pass; nil: none
}

// LogFault is the place where the log was found to contradict what was signed.
type LogFault struct {
	Code    string    `json:"code"`  // as journal.Disagreement
	Index   int64     `json:"index"` // of the entry
	About   string    `json:"about"`
	FoundAt time.Time `json:"found_at"`
}

// Err gives the fault for which writing stops: Unavailable, "log_damaged".
func (f *LogFault) Err() *fault.Fault {
	return fault.New(fault.Unavailable, "log_damaged", "The log contradicts what was signed, at entry %d: %s Nothing is written until that is cleared up: run `paraph audit verify`, and restore what was changed.", f.Index, f.About)
}

// ReadLogAudit reads how far the audit is; the zero LogAudit before its first pass.
func ReadLogAudit(ctx context.Context, tx Reader) (a LogAudit, err error) {
	raw, err := tx.Setting(ctx, SettingAudit)
	if fault.KindOf(err) == fault.NotFound && err != nil {
		return a, nil
	}
	if err != nil {
		return a, err
	}
	if err := json.Unmarshal([]byte(raw), &a); err != nil {
		return a, fmt.Errorf("the state of the log's audit: %w", err)
	}
	return a, nil
}

// LogState is the log as its readers see it, with its audit.
type LogState struct {
	Size  int64 // entries of the newest checkpoint
	Audit LogAudit
	Sound error // nil, or why nothing may be added
}

// AuditState tells how large the log is and how far its audit. Faults: Forbidden "missing_scope".
func (s *Service) AuditState(ctx context.Context, a access.Actor) (out LogState, err error) {
	if err := access.Allowed(a, access.ReadEvent); err != nil {
		return out, err
	}
	err = s.Store.Read(Within(ctx, a.Org), func(ctx context.Context, tx Reader) error {
		head, err := tx.LogHead(ctx)
		if err != nil {
			return err
		}
		out.Size = head.Size
		out.Audit, err = ReadLogAudit(ctx, tx)
		return err
	})
	out.Sound = s.sound()
	return out, err
}
