package service

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/fault"
)

// Protect asks for a higher level of a document's signatures, or for a further
// time stamp over them. It starts an operation.
//
// Faults: NotFound; Invalid "invalid_level"; Conflict "action_not_allowed" where
// the document is not signed or archived, or being worked on, "document_unsigned",
// "level_reached", "timestamps_not_configured".
func (s *Service) Protect(ctx context.Context, call Call, docID string, want document.Level, renew bool) (Result[Operation], error) {
	return run(ctx, s, call, false, func(ctx context.Context, c *change) (Operation, error) {
		d, err := c.document(ctx, docID, access.WriteDocument)
		if err != nil {
			return Operation{}, err
		}
		if err := s.protectable(&d, want, renew); err != nil {
			return Operation{}, err
		}
		lines, err := s.lines(ctx, c, &d)
		if err != nil {
			return Operation{}, err
		}
		some := false
		for _, l := range lines {
			asked := want
			if want == document.Unmeasured {
				asked = document.Higher(l.Wanted, s.Protection.Level)
			}
			if !l.Ask(asked, renew, c.Now()) {
				continue
			}
			some = true
			if err := c.SaveProtection(ctx, l); err != nil {
				return Operation{}, err
			}
		}
		if !some {
			return Operation{}, fault.New(fault.Conflict, "level_reached", "The signatures are protected that far already. Ask for a renewal to have another time stamp added.")
		}
		return s.startProtection(ctx, c, &d)
	})
}

// protectable says why a document's signatures cannot be protected now.
func (s *Service) protectable(d *document.Document, want document.Level, renew bool) error {
	if err := d.Gone(); err != nil {
		return err
	}
	if want != document.Unmeasured && !want.Valid() {
		return fault.New(fault.Invalid, "invalid_level", "There is no level %q.", want).With(
			fault.Detail{Pointer: "/level", Code: "bad_level", Message: "The levels are b, t, lt and lta."})
	}
	if !d.State.Kept() {
		return fault.New(fault.Conflict, "action_not_allowed", "The document is %s. Signatures are protected once it is signed, or in the archive.", d.State)
	}
	if !s.Protection.Stamps && (renew || want.Reaches(document.LevelT) || want == document.Unmeasured) {
		return fault.New(fault.Conflict, "timestamps_not_configured", "No time stamping authority is configured. Name one with timestamp-authorities.")
	}
	return idle(d)
}

// lines gives the lines of a document, which are made where there are none yet.
// Fault Conflict "document_unsigned".
func (s *Service) lines(ctx context.Context, c *change, d *document.Document) ([]document.Protection, error) {
	lines, err := c.Protections(ctx, d.Org, d.ID)
	if err != nil || len(lines) > 0 {
		return lines, err
	}
	versions, err := c.Versions(ctx, d.Org, d.ID)
	if err != nil {
		return nil, err
	}
	if lines = s.newLines(d, versions, c.Now()); len(lines) == 0 {
		return nil, fault.New(fault.Conflict, "document_unsigned", "The document carries no PDF signature that could be protected.")
	}
	return lines, nil
}

// startProtection starts the operation; the caller has written the lines.
func (s *Service) startProtection(ctx context.Context, c *change, d *document.Document) (Operation, error) {
	op, err := s.startOperation(ctx, c, d, OpProtect, "")
	if err != nil {
		return op, err
	}
	if err := c.InsertOperation(ctx, op); err != nil {
		return op, err
	}
	return op, c.UpdateDocument(ctx, d)
}

// ProtectDue starts the operation of a document for which something is due. It is
// false where that is not so any more, or something else is at work on it: then
// who calls looks again later.
func (s *Service) ProtectDue(ctx context.Context, org, docID string) (bool, error) {
	out, err := run(ctx, s, SystemCall(org, "protection", ""), false, func(ctx context.Context, c *change) (bool, error) {
		d, err := c.Document(ctx, org, docID)
		if err != nil || !d.State.Kept() || idle(&d) != nil {
			return false, err
		}
		lines, err := s.lines(ctx, c, &d)
		if err != nil {
			return false, err
		}
		due := false
		for _, l := range lines {
			if l.DueAt.IsZero() || l.DueAt.After(c.Now()) {
				continue
			}
			due = true
			l.Renew = l.RenewalDue(s.Protection, c.Now())
			if err := c.SaveProtection(ctx, l); err != nil {
				return false, err
			}
		}
		if !due {
			return false, nil
		}
		_, err = s.startProtection(ctx, c, &d)
		return true, err
	})
	if fault.CodeOf(err) == "document_unsigned" || fault.KindOf(err) == fault.NotFound && err != nil {
		return false, nil
	}
	return out.Value, err
}

// SettingProtecting is the setting with how time-stamping of signatures goes, an
// Anchoring as JSON.
const SettingProtecting = "protecting"

// Protecting tells how time-stamping of signatures goes. The zero value says that
// nothing is wrong.
func Protecting(ctx context.Context, tx Reader) (a Anchoring, err error) {
	raw, err := tx.Setting(ctx, SettingProtecting)
	if fault.KindOf(err) == fault.NotFound && err != nil {
		return a, nil
	}
	if err != nil {
		return a, err
	}
	if err := json.Unmarshal([]byte(raw), &a); err != nil {
		return a, fmt.Errorf("the state of protection: %w", err)
	}
	return a, nil
}

// NoteProtecting writes how time-stamping of signatures goes, where that is news.
func (s *Service) NoteProtecting(ctx context.Context, next func(before Anchoring) (Anchoring, bool)) error {
	var before Anchoring
	err := s.Store.Read(ctx, func(ctx context.Context, tx Reader) (err error) {
		before, err = Protecting(ctx, tx)
		return err
	})
	if err != nil {
		return err
	}
	if _, news := next(before); !news {
		return nil
	}
	return s.Store.Write(ctx, func(ctx context.Context, tx Tx) error {
		before, err := Protecting(ctx, tx)
		if err != nil {
			return err
		}
		after, news := next(before)
		if !news {
			return nil
		}
		raw, err := json.Marshal(after)
		if err != nil {
			return err
		}
		tx.Notify(TopicProtection)
		return tx.SetSetting(ctx, SettingProtecting, string(raw))
	})
}

// ProtectionCount counts the signed files that have, want and lack the same.
type ProtectionCount struct {
	Level, Wanted document.Level
	Code          string // what is lacking; "": nothing
	Files         int64
	// Of them, those whose protection has run out, or does within 30, 90 and 365 days.
	Ended, Month, Quarter, Year int64
	First                       time.Time // when the first one's runs out
}

// ProtectionReport is how the signed files of an organisation stand.
type ProtectionReport struct {
	At     time.Time
	Plan   document.Plan
	Counts []ProtectionCount
	State  Anchoring // of time-stamping; the zero value: nothing is wrong
}

// ProtectionReport counts them. Faults: Forbidden "missing_scope".
func (s *Service) ProtectionReport(ctx context.Context, a access.Actor) (out ProtectionReport, err error) {
	if err := access.Allowed(a, access.ReadDocument); err != nil {
		return out, err
	}
	out = ProtectionReport{At: s.Clock.Now(), Plan: s.Protection}
	err = s.Store.Read(Within(ctx, a.Org), func(ctx context.Context, tx Reader) error {
		if out.Counts, err = tx.ProtectionReport(ctx, a.Org, a.Units, out.At); err != nil {
			return err
		}
		out.State, err = Protecting(ctx, tx)
		return err
	})
	return out, err
}

// Protections gives the lines of a document. Faults: as Document.
func (s *Service) Protections(ctx context.Context, a access.Actor, docID string) (out []document.Protection, err error) {
	err = s.Store.Read(Within(ctx, a.Org), func(ctx context.Context, tx Reader) error {
		if _, err := documentFor(ctx, tx, a, docID, access.ReadDocument); err != nil {
			return err
		}
		out, err = tx.Protections(ctx, a.Org, docID)
		return err
	})
	return out, err
}
