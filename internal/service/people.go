package service

import (
	"cmp"
	"context"
	"strings"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/approval"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/people"
)

// ActiveUser gives a person who has logged in, as long as the user is active, or
// the access key was not revoked. Fault Unauthorized "invalid_token".
func (s *Service) ActiveUser(ctx context.Context, id string) (access.User, error) {
	if strings.HasPrefix(id, people.UserPrefix+"_") {
		return s.activeUser(ctx, id)
	}
	cl, err := s.ActiveClient(ctx, id)
	if err == nil && !logsIn(&cl) {
		err = mayNotLogIn()
	}
	if err != nil {
		return access.User{}, err
	}
	return userOf(&cl), nil
}

func mayNotLogIn() error {
	return fault.New(fault.Unauthorized, "invalid_token", "The token's person may not log in.")
}

func (s *Service) activeUser(ctx context.Context, id string) (out access.User, err error) {
	err = s.Store.Read(Across(ctx, "finding a person"), func(ctx context.Context, tx Reader) error {
		u, err := tx.User(ctx, id)
		if fault.KindOf(err) == fault.NotFound || err == nil && !u.Active {
			return mayNotLogIn()
		}
		if err != nil {
			return err
		}
		if o, err := tx.Organisation(ctx, u.Org); err != nil || !o.ClosedAt.IsZero() {
			return cmp.Or(err, mayNotLogIn())
		}
		d, err := s.detail(ctx, tx, u)
		out = access.User{ID: u.ID, Org: u.Org, Name: cmp.Or(u.Display, u.Name), Principal: u.Name, Scopes: d.Scopes, Units: d.AllUnits, Roles: d.AllRoles}
		return err
	})
	return out, err
}

// speaksForLeaver tells whether a client speaks for a user who is not active: the
// keys of somebody who has left work as little as the person's logins.
func speaksForLeaver(ctx context.Context, tx Reader, cl *access.OAuthClient) (bool, error) {
	if !access.Person(cl.Principal) {
		return false, nil
	}
	u, err := tx.UserNamed(ctx, cl.Org, approval.Normalise(cl.Principal))
	if fault.KindOf(err) == fault.NotFound {
		return false, nil
	}
	return err == nil && !u.Active, err
}

// logsIn tells whether a client is a person's access key, too: one with a secret
// that may do for itself whatever it may. A program's own secret is not.
func logsIn(cl *access.OAuthClient) bool {
	return cl.Profile.Auth == access.AuthSecret && cl.Profile.May(access.GrantClient)
}

func userOf(cl *access.OAuthClient) access.User {
	return access.User{ID: cl.ID, Org: cl.Org, Name: cl.Name, Principal: cl.Principal, Scopes: cl.Scopes, Units: cl.Units, Roles: cl.Roles}
}
