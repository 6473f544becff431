package service

import (
	"context"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/event"
	"github.com/paraph/paraph/internal/fair"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/journal"
)

// UnitDetails are what an administrator says of a business unit.
type UnitDetails struct {
	Title  string
	Weight int
	Limits document.UnitLimits
	Closed bool // it takes no new documents
}

func (u *UnitDetails) check(name string) error {
	var l fault.List
	if !document.Slug(name) {
		l.Add("/name", "bad_slug", "A business unit is 1 to 63 characters of a-z, 0-9, _ and -, and starts with a letter or digit.")
	}
	if len(u.Title) > 200 {
		l.Add("/title", "bad_length", "A title has at most 200 bytes.")
	}
	if u.Weight < 1 || u.Weight > fair.MaxWeight {
		l.Add("/weight", "out_of_range", "A weight is 1 to %d.", fair.MaxWeight)
	}
	u.Limits.Check(&l)
	return l.Err("invalid_unit", "The business unit has faults.")
}

// CreateUnit makes a business unit.
// Faults: Invalid "invalid_unit"; Conflict "exists"; Forbidden "missing_scope", "confined_to_units".
func (s *Service) CreateUnit(ctx context.Context, call Call, name string, in UnitDetails) (Result[document.Unit], error) {
	err := access.Allowed(call.Actor, access.ManageSettings)
	if err == nil {
		err = access.WholeOrganisation(call.Actor)
	}
	if err == nil {
		err = in.check(name)
	}
	if err != nil {
		return Result[document.Unit]{}, err
	}
	return run(ctx, s, call, false, func(ctx context.Context, c *change) (document.Unit, error) {
		u := document.Unit{Org: call.Actor.Org, Name: name, CreatedAt: c.Now(), Revision: 1}
		in.onto(&u, c.Now())
		if err := c.InsertUnit(ctx, u); err != nil {
			return u, err
		}
		return u, c.logUnit(journal.UnitCreated, &u)
	})
}

func (u *UnitDetails) onto(to *document.Unit, now time.Time) {
	to.Title, to.Weight, to.Limits = u.Title, u.Weight, u.Limits
	switch {
	case !u.Closed:
		to.ClosedAt = time.Time{}
	case to.ClosedAt.IsZero():
		to.ClosedAt = now
	}
}

func (c *change) logUnit(kind journal.Kind, u *document.Unit) error {
	l := u.Limits
	return c.log(u.Org, u.Name, note{kind: kind, subject: "unit", id: u.Name, data: event.Unit{
		Name: u.Name, Weight: u.Weight, Bytes: l.Bytes, Documents: l.Documents, FileBytes: l.FileBytes, Pages: l.Pages, Closed: !u.ClosedAt.IsZero()}})
}

// Units lists the organisation's business units by name.
func (s *Service) Units(ctx context.Context, a access.Actor) (out []document.Unit, err error) {
	if err := access.Allowed(a, access.ReadSettings); err != nil {
		return nil, err
	}
	err = s.Store.Read(Within(ctx, a.Org), func(ctx context.Context, tx Reader) error {
		out, err = tx.Units(ctx, a.Org)
		return err
	})
	return out, err
}

// UnitState is a business unit with what it uses and the key it is under.
type UnitState struct {
	document.Unit
	Key       Key // without an id where nothing was kept for it yet
	Bytes     int64
	Documents int64  // new ones in the month
	Month     string // YYYY-MM, UTC
}

// Unit gives one that the actor may act in. Fault NotFound.
func (s *Service) Unit(ctx context.Context, a access.Actor, name string) (out UnitState, err error) {
	if err := access.Allowed(a, access.ReadSettings); err != nil {
		return out, err
	}
	if !a.InUnit(name) {
		return out, access.NotFound()
	}
	err = s.Store.Read(Within(ctx, a.Org), func(ctx context.Context, tx Reader) error {
		if out.Unit, err = tx.Unit(ctx, a.Org, name); err != nil {
			return err
		}
		out.Key, err = tx.Key(ctx, a.Org, name, ClassDocuments)
		if err = orElse(err, nil); err != nil {
			return err
		}
		out.Month = monthOf(tx.Now())
		bytes, err := tx.UnitUse(ctx, a.Org, name, useBytes)
		if err != nil {
			return err
		}
		docs, err := tx.UnitUse(ctx, a.Org, name, useDocuments+out.Month)
		out.Bytes, out.Documents = bytes.Used, docs.Used
		return err
	})
	return out, err
}

// ChangeUnit changes what edit changes of a business unit. What it may take up at most
// is for an administrator of the whole organisation to change. revision is what the
// caller saw, 0 for any. edit may run twice.
//
// Faults: Invalid "invalid_unit"; NotFound; Precondition; Forbidden "missing_scope",
// "confined_to_units".
func (s *Service) ChangeUnit(ctx context.Context, call Call, name string, revision int64, edit func(*UnitDetails) error) (Result[document.Unit], error) {
	if err := access.Allowed(call.Actor, access.ManageSettings); err != nil {
		return Result[document.Unit]{}, err
	}
	if !call.Actor.InUnit(name) {
		return Result[document.Unit]{}, access.NotFound()
	}
	return run(ctx, s, call, false, func(ctx context.Context, c *change) (document.Unit, error) {
		u, err := c.Unit(ctx, call.Actor.Org, name)
		if err == nil {
			err = expected(revision, u.Revision)
		}
		if err != nil {
			return document.Unit{}, err
		}
		in := UnitDetails{Title: u.Title, Weight: u.Weight, Limits: u.Limits, Closed: !u.ClosedAt.IsZero()}
		if err = edit(&in); err == nil {
			err = in.check(name)
		}
		if err == nil && (in.Limits != u.Limits || in.Closed != !u.ClosedAt.IsZero()) {
			err = access.WholeOrganisation(c.actor)
		}
		if err != nil {
			return u, err
		}
		in.onto(&u, c.Now())
		if err := c.logUnit(journal.UnitChanged, &u); err != nil {
			return u, err
		}
		return u, c.UpdateUnit(ctx, &u)
	})
}
