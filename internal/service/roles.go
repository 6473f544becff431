package service

import (
	"context"
	"slices"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/event"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/journal"
)

// OwnRoles lists the roles that an organisation has made, by name.
func (s *Service) OwnRoles(ctx context.Context, a access.Actor) (out []access.OwnRole, err error) {
	if err := access.Allowed(a, access.ReadSettings); err != nil {
		return nil, err
	}
	err = s.Store.Read(Within(ctx, a.Org), func(ctx context.Context, tx Reader) error {
		out, err = tx.OwnRoles(ctx, a.Org)
		return err
	})
	return out, err
}

// ownRole gives one of them; its revision is 0 where there is none.
func ownRole(ctx context.Context, tx Reader, org string, name access.Role) (access.OwnRole, error) {
	all, err := tx.OwnRoles(ctx, org)
	if i := slices.IndexFunc(all, func(r access.OwnRole) bool { return r.Name == name }); i >= 0 {
		return all[i], err
	}
	return access.OwnRole{Org: org, Name: name}, err
}

// SaveRole makes or changes one of the organisation's roles. Whoever has it has its
// scopes within seconds. revision is what the caller saw, 0 for any.
//
// Faults: Invalid "invalid_role"; Precondition; Forbidden "missing_scope",
// "confined_to_units", "not_yours_to_give".
func (s *Service) SaveRole(ctx context.Context, call Call, name access.Role, title string, scopes []access.Scope, revision int64) (Result[access.OwnRole], error) {
	return changeRole(ctx, s, call, func(ctx context.Context, c *change) (access.OwnRole, error) {
		r, err := ownRole(ctx, c, c.actor.Org, name)
		if err == nil {
			err = expected(revision, r.Revision)
		}
		if err != nil {
			return r, err
		}
		if r.Revision == 0 {
			r.CreatedAt = c.Now()
		}
		had := r.Scopes
		r.Title, r.Scopes, r.UpdatedAt = title, scopes, c.Now()
		var l fault.List
		r.Check(s.Roles, &l)
		if err := l.Err("invalid_role", "The role has faults."); err != nil {
			return r, err
		}
		gets := slices.DeleteFunc(slices.Clone(scopes), func(sc access.Scope) bool { return slices.Contains(had, sc) })
		if err := mayGive(c.actor, gets); err != nil {
			return r, err
		}
		if err := c.logRole(journal.RoleSaved, &r); err != nil {
			return r, err
		}
		return r, c.SaveRole(ctx, &r)
	})
}

// RemoveRole removes one of the organisation's roles. Faults: NotFound; Precondition;
// Conflict "role_in_use" while a client in force has it; those of SaveRole.
func (s *Service) RemoveRole(ctx context.Context, call Call, name access.Role, revision int64) (Result[access.OwnRole], error) {
	return changeRole(ctx, s, call, func(ctx context.Context, c *change) (access.OwnRole, error) {
		r, err := ownRole(ctx, c, c.actor.Org, name)
		if err == nil && r.Revision == 0 {
			err = access.NotFound()
		}
		if err == nil {
			err = expected(revision, r.Revision)
		}
		if err != nil {
			return access.OwnRole{}, err
		}
		clients, err := c.Clients(ctx, r.Org)
		if err != nil {
			return r, err
		}
		for _, cl := range clients {
			if cl.RevokedAt.IsZero() && slices.Contains(cl.Roles, name) {
				return r, fault.New(fault.Conflict, "role_in_use", "The client %s (%s) has the role. Take it away there first.", cl.Name, cl.ID)
			}
		}
		if err := c.logRole(journal.RoleRemoved, &r); err != nil {
			return r, err
		}
		return r, c.RemoveRole(ctx, r)
	})
}

// changeRole runs a command about a role of the actor's organisation.
func changeRole(ctx context.Context, s *Service, call Call, fn func(context.Context, *change) (access.OwnRole, error)) (Result[access.OwnRole], error) {
	err := access.Allowed(call.Actor, access.ManageSettings)
	if err == nil {
		err = access.WholeOrganisation(call.Actor)
	}
	if err != nil {
		return Result[access.OwnRole]{}, err
	}
	return run(ctx, s, call, false, func(ctx context.Context, c *change) (access.OwnRole, error) {
		c.Notify(TopicRevoked)
		return fn(ctx, c)
	})
}

func (c *change) logRole(kind journal.Kind, r *access.OwnRole) error {
	return c.log(r.Org, "", note{kind: kind, subject: "role", id: string(r.Name), data: event.Role{Name: r.Name, Title: r.Title, Scopes: r.Scopes}})
}
