package service

import (
	"cmp"
	"context"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/approval"
	"github.com/paraph/paraph/internal/delegation"
	"github.com/paraph/paraph/internal/event"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/id"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/people"
)

// NewUser is what is said of a user to be made.
type NewUser struct {
	Name       string // e-mail address
	Display    string
	Roles      []access.Role
	Units      []string // where the roles hold; nil: everywhere
	Locale     string
	ExternalID string
	Groups     []string // ids of groups that the user is to be in
	Inactive   bool
}

// UserChange is what is to be changed of a user; nil stays as it is.
type UserChange struct {
	Name, Display, Locale, ExternalID *string
	Roles                             *[]access.Role
	Units                             *[]string // where the roles hold; a nil list: everywhere
	Active                            *bool
	// Revision refuses the change where it is not the user's: Conflict "revision_changed". 0: any.
	Revision int64
}

// UserDetail is a user with what the groups add.
type UserDetail struct {
	people.User
	Groups []people.Group
	// AllRoles and AllUnits are what the user has by everything together; nil units: all.
	AllRoles []access.Role
	AllUnits []string
	Scopes   []access.Scope
}

// managePeople is who may make and change users and groups: an administrator of the
// whole organisation, or a directory. Who is confined to business units could give
// out more than they have.
func managePeople(a access.Actor) error {
	err := access.Allowed(a, access.ManageSettings)
	if err != nil && access.Allowed(a, access.ProvisionPeople) == nil {
		err = nil
	}
	if err == nil && a.Units != nil {
		err = fault.New(fault.Forbidden, "whole_organisation", "People belong to the whole organisation. Ask an administrator who is not confined to business units.")
	}
	return err
}

// giveRoles is who may say what users and groups are allowed.
func giveRoles(a access.Actor, given bool) error {
	if !given {
		return nil
	}
	return access.Allowed(a, access.ManageSettings)
}

// CreateUser makes a person known to the organisation.
// Faults: Invalid "invalid_user"; Conflict "exists"; Forbidden "missing_scope",
// "whole_organisation"; NotFound for a group.
func (s *Service) CreateUser(ctx context.Context, call Call, in NewUser) (Result[UserDetail], error) {
	if err := managePeople(call.Actor); err != nil {
		return Result[UserDetail]{}, err
	}
	return run(ctx, s, call, false, func(ctx context.Context, c *change) (UserDetail, error) {
		u, err := s.insertUser(ctx, c, in)
		if err != nil {
			return UserDetail{}, err
		}
		return s.detail(ctx, c, u)
	})
}

// checkUser checks a user against the roles that count in the organisation, and whether
// the caller may give what they are worth.
func (s *Service) checkUser(ctx context.Context, c *change, u *people.User) error {
	roles, err := s.rolesOf(ctx, c, u.Org)
	if err != nil {
		return err
	}
	var l fault.List
	u.Check(&l, roles)
	if err := l.Err("invalid_user", "The user has faults."); err != nil {
		return err
	}
	return mayGive(c.actor, roles.Worth(nil, u.Roles))
}

func (s *Service) insertUser(ctx context.Context, c *change, in NewUser) (people.User, error) {
	if err := giveRoles(c.actor, len(in.Roles) > 0 || in.Units != nil); err != nil {
		return people.User{}, err
	}
	u := people.User{ID: id.New(people.UserPrefix, c.Now()), Org: c.actor.Org, Name: approval.Normalise(in.Name), Display: in.Display, Active: !in.Inactive, Roles: in.Roles, Units: in.Units,
		Locale: in.Locale, ExternalID: in.ExternalID, CreatedAt: c.Now(), UpdatedAt: c.Now(), Revision: 1}
	if in.Inactive {
		u.DeactivatedAt = c.Now()
	}
	if err := s.checkUser(ctx, c, &u); err != nil {
		return u, err
	}
	groups := make([]people.Group, 0, len(in.Groups))
	for _, groupID := range in.Groups {
		g, err := c.Group(ctx, u.Org, groupID)
		if err != nil {
			return u, err
		}
		groups = append(groups, g)
	}
	before, err := c.UserNamed(ctx, u.Org, u.Name)
	switch {
	case fault.KindOf(err) == fault.NotFound:
		err = c.InsertUser(ctx, u)
	case err == nil && !before.DeletedAt.IsZero(): // the user comes back
		u.ID, u.CreatedAt, u.Revision = before.ID, before.CreatedAt, before.Revision
		err = c.UpdateUser(ctx, &u)
	case err == nil:
		err = fault.New(fault.Conflict, "exists", "There is already a user of this name.")
	}
	if err != nil {
		return u, err
	}
	if err := c.log(u.Org, "", userNote(journal.UserCreated, &u, "")); err != nil {
		return u, err
	}
	for i := range groups {
		if err := s.joinGroup(ctx, c, &groups[i], []string{u.ID}, nil); err != nil {
			return u, err
		}
	}
	return u, nil
}

func userNote(kind journal.Kind, u *people.User, reason string) note {
	return note{kind: kind, subject: "user", id: u.ID, data: event.User{UserID: u.ID, UserName: u.Name, Name: u.Display, Active: u.Active, Roles: texts(u.Roles), Units: u.Units,
		ExternalID: u.ExternalID, Reason: reason}}
}

func texts(roles []access.Role) []string {
	out := make([]string, 0, len(roles))
	for _, r := range roles {
		out = append(out, string(r))
	}
	return out
}

// ChangeUser changes a user. One who is deactivated loses every session, and
// everything that clients were allowed in the user's name, at once.
// Faults: NotFound; Invalid "invalid_user"; Conflict "exists", "revision_changed";
// Forbidden "missing_scope", "whole_organisation".
func (s *Service) ChangeUser(ctx context.Context, call Call, userID string, in UserChange) (Result[UserDetail], error) {
	if err := managePeople(call.Actor); err != nil {
		return Result[UserDetail]{}, err
	}
	if err := giveRoles(call.Actor, in.Roles != nil || in.Units != nil); err != nil {
		return Result[UserDetail]{}, err
	}
	return run(ctx, s, call, false, func(ctx context.Context, c *change) (UserDetail, error) {
		u, err := userOfOrg(ctx, c, call.Actor.Org, userID)
		if err != nil {
			return UserDetail{}, err
		}
		if err := s.changeUser(ctx, c, &u, in, ""); err != nil {
			return UserDetail{}, err
		}
		return s.detail(ctx, c, u)
	})
}

// changeUser writes what changes of a user; nothing where nothing does.
func (s *Service) changeUser(ctx context.Context, c *change, u *people.User, in UserChange, reason string) error {
	if in.Revision != 0 && in.Revision != u.Revision {
		return revisionChanged()
	}
	was := *u
	for into, from := range map[*string]*string{&u.Display: in.Display, &u.Locale: in.Locale, &u.ExternalID: in.ExternalID} {
		if from != nil {
			*into = *from
		}
	}
	if in.Name != nil {
		u.Name = approval.Normalise(*in.Name)
	}
	if in.Roles != nil {
		u.Roles = *in.Roles
	}
	if in.Units != nil {
		u.Units = *in.Units
	}
	if err := s.checkUser(ctx, c, u); err != nil {
		return err
	}
	if u.Name != was.Name {
		if _, err := c.UserNamed(ctx, u.Org, u.Name); err == nil {
			return fault.New(fault.Conflict, "exists", "There is already a user of this name.")
		} else if fault.KindOf(err) != fault.NotFound {
			return err
		}
	}
	kind := journal.UserUpdated
	switch {
	case in.Active == nil || *in.Active == was.Active:
		if u.Same(&was) {
			return nil
		}
	case *in.Active:
		u.Active, u.DeactivatedAt, kind = true, time.Time{}, journal.UserReactivated
	default:
		u.Active, u.DeactivatedAt, kind = false, c.Now(), journal.UserDeactivated
		if err := c.logOut(ctx, u, delegation.ReasonAdmin); err != nil {
			return err
		}
	}
	u.UpdatedAt = c.Now()
	c.Notify(TopicRevoked)
	if err := c.UpdateUser(ctx, u); err != nil {
		return err
	}
	return c.log(u.Org, "", userNote(kind, u, reason))
}

func revisionChanged() error {
	return fault.New(fault.Conflict, "revision_changed", "It was changed since you read it. Read it again, then decide.")
}

// logOut ends every session of a user, and what clients may do in the user's name.
func (c *change) logOut(ctx context.Context, u *people.User, reason string) error {
	if err := c.DropLoginSessions(ctx, u.ID); err != nil {
		return err
	}
	given, err := c.Delegations(ctx, DelegationFilter{Org: u.Org, UserID: u.ID, InForce: c.Now()})
	if err != nil {
		return err
	}
	for i := range given {
		if err := c.revoke(ctx, &given[i], journal.DelegationRevoked, reason); err != nil {
			return err
		}
	}
	return nil
}

// DeleteUser deletes a user for a directory: the user is deactivated, leaves every
// group, and is in no list any more.
// Faults: NotFound; Conflict "revision_changed"; Forbidden "missing_scope", "whole_organisation".
func (s *Service) DeleteUser(ctx context.Context, call Call, userID string, revision int64) error {
	if err := managePeople(call.Actor); err != nil {
		return err
	}
	_, err := run(ctx, s, call, false, func(ctx context.Context, c *change) (struct{}, error) {
		u, err := userOfOrg(ctx, c, call.Actor.Org, userID)
		if err != nil {
			return struct{}{}, err
		}
		groups, err := c.GroupsOf(ctx, u.ID)
		if err != nil {
			return struct{}{}, err
		}
		if revision != 0 && revision != u.Revision {
			return struct{}{}, revisionChanged()
		}
		if err := c.logOut(ctx, &u, delegation.ReasonAdmin); err != nil {
			return struct{}{}, err
		}
		for i := range groups {
			if err := s.joinGroup(ctx, c, &groups[i], nil, []string{u.ID}); err != nil {
				return struct{}{}, err
			}
		}
		u.Active, u.UpdatedAt, u.DeletedAt = false, c.Now(), c.Now()
		if u.DeactivatedAt.IsZero() {
			u.DeactivatedAt = c.Now()
		}
		c.Notify(TopicRevoked)
		return struct{}{}, cmp.Or(c.UpdateUser(ctx, &u), c.log(u.Org, "", userNote(journal.UserDeactivated, &u, "deleted")))
	})
	return err
}

// userOfOrg finds a user of the organisation. NotFound for any other, and for one who
// was deleted.
func userOfOrg(ctx context.Context, tx Reader, org, userID string) (people.User, error) {
	u, err := tx.User(ctx, userID)
	if err == nil && (u.Org != org || !u.DeletedAt.IsZero()) {
		return people.User{}, access.NotFound()
	}
	return u, err
}

// detail adds what the groups give.
func (s *Service) detail(ctx context.Context, tx Reader, u people.User) (d UserDetail, err error) {
	d.User = u
	if d.Groups, err = tx.GroupsOf(ctx, u.ID); err != nil {
		return d, err
	}
	roles, err := s.rolesOf(ctx, tx, u.Org)
	d.AllRoles, d.AllUnits = people.Rights(&u, d.Groups)
	d.Scopes = roles.Worth(nil, d.AllRoles)
	return d, err
}

// UserByID gives a user. Faults: NotFound; Forbidden "missing_scope", "whole_organisation".
func (s *Service) UserByID(ctx context.Context, a access.Actor, userID string) (d UserDetail, err error) {
	if err := managePeople(a); err != nil {
		return d, err
	}
	err = s.Store.Read(Within(ctx, a.Org), func(ctx context.Context, tx Reader) error {
		u, err := userOfOrg(ctx, tx, a.Org, userID)
		if err != nil {
			return err
		}
		d, err = s.detail(ctx, tx, u)
		return err
	})
	return d, err
}

// Users lists users of the organisation, newest first, without what groups add.
// Faults: Forbidden "missing_scope", "whole_organisation".
func (s *Service) Users(ctx context.Context, a access.Actor, f UserFilter) (out []people.User, err error) {
	if err := managePeople(a); err != nil {
		return nil, err
	}
	f.Org, f.Name = a.Org, approval.Normalise(f.Name)
	err = s.Store.Read(Within(ctx, a.Org), func(ctx context.Context, tx Reader) error {
		out, err = tx.Users(ctx, f)
		return err
	})
	return out, err
}
