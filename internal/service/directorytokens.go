package service

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/event"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/id"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/people"
)

// DirectoryTokenPrefix begins a directory's token, so that people who look for secrets
// in the wrong places know it, and so that nobody takes it for another kind of token.
const DirectoryTokenPrefix = "pdt_"

// NewDirectoryToken is a token that was just made, with its text, which is shown once.
type NewDirectoryToken struct {
	people.DirectoryToken
	Token string
}

// MakeDirectoryToken makes a token by which a directory says who works here, by SCIM
// and nothing else, until it runs out. Only its hash is kept.
//
// Faults: Invalid "invalid_directory_token"; Forbidden "missing_scope",
// "confined_to_units", "device_required".
func (s *Service) MakeDirectoryToken(ctx context.Context, call Call, name string, until time.Time) (Result[NewDirectoryToken], error) {
	if err := manageDirectories(call.Actor); err != nil {
		return Result[NewDirectoryToken]{}, err
	}
	return run(ctx, s, call, true, func(ctx context.Context, c *change) (NewDirectoryToken, error) {
		text := randomText(DirectoryTokenPrefix)
		d := people.DirectoryToken{ID: id.New(people.DirectoryPrefix, c.Now()), Org: c.actor.Org, Name: name, Hash: hashText(text), By: c.actor.Principal,
			CreatedAt: c.Now(), ExpiresAt: until.UTC().Truncate(time.Microsecond), Revision: 1}
		var l fault.List
		d.Check(c.Now(), &l)
		if err := l.Err("invalid_directory_token", "The directory's token has faults."); err != nil {
			return NewDirectoryToken{}, err
		}
		return NewDirectoryToken{d, text}, cmp.Or(c.logDirectory(journal.DirectoryTokenCreated, &d), c.InsertDirectoryToken(ctx, d))
	})
}

// manageDirectories is who may make and end directories' tokens: whoever has one can
// change everybody in the organisation.
func manageDirectories(a access.Actor) error {
	return cmp.Or(access.Allowed(a, access.ManageSettings), access.WholeOrganisation(a))
}

// DirectoryTokens lists them, newest first, also those that have ended.
func (s *Service) DirectoryTokens(ctx context.Context, a access.Actor) (out []people.DirectoryToken, err error) {
	if err := manageDirectories(a); err != nil {
		return nil, err
	}
	err = s.Store.Read(Within(ctx, a.Org), func(ctx context.Context, tx Reader) error {
		out, err = tx.DirectoryTokens(ctx, a.Org)
		return err
	})
	return out, err
}

// RevokeDirectoryToken ends one at once. To repeat it does nothing.
// Faults: NotFound; those of MakeDirectoryToken.
func (s *Service) RevokeDirectoryToken(ctx context.Context, call Call, tokenID string) (Result[people.DirectoryToken], error) {
	if err := manageDirectories(call.Actor); err != nil {
		return Result[people.DirectoryToken]{}, err
	}
	return run(ctx, s, call, false, func(ctx context.Context, c *change) (people.DirectoryToken, error) {
		all, err := c.DirectoryTokens(ctx, c.actor.Org)
		i := slices.IndexFunc(all, func(d people.DirectoryToken) bool { return d.ID == tokenID })
		if err != nil || i < 0 {
			return people.DirectoryToken{}, cmp.Or(err, access.NotFound())
		}
		d := all[i]
		if !d.RevokedAt.IsZero() {
			return d, nil
		}
		d.RevokedAt = c.Now()
		return d, cmp.Or(c.logDirectory(journal.DirectoryTokenRevoked, &d), c.UpdateDirectoryToken(ctx, &d))
	})
}

// Directory tells which directory a token is of. The actor may provision people and
// nothing else. Fault Unauthorized "invalid_token", the same for every reason.
func (s *Service) Directory(ctx context.Context, token string, from access.Source) (a access.Actor, err error) {
	var d people.DirectoryToken
	now := s.Clock.Now()
	err = s.Store.Read(Across(ctx, "finding a directory"), func(ctx context.Context, tx Reader) error {
		if d, err = tx.DirectoryToken(ctx, hashText(token)); err != nil {
			return err
		}
		o, err := tx.Organisation(ctx, d.Org)
		if err == nil && (!o.ClosedAt.IsZero() || !d.Works(now)) {
			err = access.NotFound()
		}
		return err
	})
	if fault.KindOf(err) == fault.NotFound {
		s.NoteFailedLogin(event.WayDirectory, "", from.Address)
		return a, fault.New(fault.Unauthorized, "invalid_token", "The directory's token is not known, was revoked or has run out. An administrator can make another.")
	}
	if err == nil && d.Touch(now) {
		err = s.Store.Propose(Within(ctx, d.Org), func(ctx context.Context, tx Tx) error { return tx.TouchDirectoryToken(ctx, d) })
	}
	if err != nil {
		return a, err
	}
	return s.concernDevices(ctx, access.Actor{Kind: access.Client, Org: d.Org, ID: d.ID, Client: d.ID, Principal: "directory " + d.Name, Scopes: []access.Scope{access.PeopleProvision}, Source: from})
}

// WarnOfDirectoryTokens tells of each token that is about to end, once.
func (s *Service) WarnOfDirectoryTokens(ctx context.Context) error {
	var ending []people.DirectoryToken
	err := s.Store.Read(Across(ctx, "finding tokens that end"), func(ctx context.Context, tx Reader) (err error) {
		ending, err = tx.EndingDirectoryTokens(ctx, s.Clock.Now())
		return err
	})
	for _, d := range ending {
		if err != nil {
			return err
		}
		_, err = run(ctx, s, SystemCall(d.Org, "security", ""), false, func(ctx context.Context, c *change) (struct{}, error) {
			d := d // a command may run twice
			d.WarnedAt = c.Now()
			return struct{}{}, cmp.Or(c.logDirectory(journal.DirectoryTokenEnding, &d), c.UpdateDirectoryToken(ctx, &d))
		})
		if fault.CodeOf(err) == "stale" { // another process was first
			err = nil
		}
	}
	return err
}

func (c *change) logDirectory(kind journal.Kind, d *people.DirectoryToken) error {
	data := event.DirectoryToken{TokenID: d.ID, Name: d.Name, ExpiresAt: &d.ExpiresAt}
	if !d.UsedAt.IsZero() {
		data.UsedAt = &d.UsedAt
	}
	return c.log(d.Org, "", note{kind: kind, subject: "directory_token", id: d.ID, data: data})
}
