package service

import (
	"cmp"
	"context"
	"slices"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/event"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/id"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/people"
)

// NewGroup is what is said of a group to be made.
type NewGroup struct {
	Name       string
	ExternalID string
	Roles      []access.Role
	Units      []string // where the roles hold; nil: everywhere
	Members    []string // ids of users
}

// GroupChange is what is to be changed of a group; nil stays as it is.
type GroupChange struct {
	Name, ExternalID *string
	Roles            *[]access.Role
	Units            *[]string // where the roles hold; a nil list: everywhere
	Members          *[]string // all of them, by id
	Add, Remove      []string  // members, by id
	Revision         int64     // refuses the change where it is not the group's: Conflict "revision_changed". 0: any
}

// GroupDetail is a group with its members.
type GroupDetail struct {
	people.Group
	Members []people.Member
}

// CreateGroup makes a group of users.
// Faults: Invalid "invalid_group"; Conflict "exists"; NotFound for a member;
// Forbidden "missing_scope", "whole_organisation".
func (s *Service) CreateGroup(ctx context.Context, call Call, in NewGroup) (Result[GroupDetail], error) {
	if err := cmp.Or(managePeople(call.Actor), giveRoles(call.Actor, len(in.Roles) > 0 || in.Units != nil)); err != nil {
		return Result[GroupDetail]{}, err
	}
	return run(ctx, s, call, false, func(ctx context.Context, c *change) (GroupDetail, error) {
		g := people.Group{ID: id.New(people.GroupPrefix, c.Now()), Org: call.Actor.Org, Name: in.Name, ExternalID: in.ExternalID, Roles: in.Roles, Units: in.Units,
			CreatedAt: c.Now(), UpdatedAt: c.Now(), Revision: 1}
		members, err := s.checkGroup(ctx, c, &g, in.Members)
		if err != nil {
			return GroupDetail{}, err
		}
		if err := c.InsertGroup(ctx, g); err != nil {
			return GroupDetail{}, err
		}
		for _, m := range members {
			if err := c.AddMember(ctx, g.ID, m.UserID); err != nil {
				return GroupDetail{}, err
			}
		}
		return GroupDetail{g, members}, c.log(g.Org, "", groupNote(journal.GroupCreated, &g, ids(members), nil))
	})
}

func ids(members []people.Member) []string {
	out := make([]string, 0, len(members))
	for i := range members {
		out = append(out, members[i].UserID)
	}
	return out
}

// checkGroup checks a group, and finds the users who are to be members.
func (s *Service) checkGroup(ctx context.Context, tx *change, g *people.Group, userIDs []string) ([]people.Member, error) {
	roles, err := s.rolesOf(ctx, tx, g.Org)
	if err != nil {
		return nil, err
	}
	var l fault.List
	g.Check(&l, roles)
	if err := l.Err("invalid_group", "The group has faults."); err != nil {
		return nil, err
	}
	if err := mayGive(tx.actor, roles.Worth(nil, g.Roles)); err != nil {
		return nil, err
	}
	slices.Sort(userIDs)
	var out []people.Member
	for _, userID := range slices.Compact(userIDs) {
		u, err := userOfOrg(ctx, tx, g.Org, userID)
		if err != nil {
			return nil, err
		}
		out = append(out, people.Member{UserID: u.ID, Name: u.Name, Display: u.Display})
	}
	return out, nil
}

func groupNote(kind journal.Kind, g *people.Group, added, removed []string) note {
	return note{kind: kind, subject: "group", id: g.ID, data: event.Group{GroupID: g.ID, Name: g.Name, Roles: texts(g.Roles), Units: g.Units, ExternalID: g.ExternalID, Added: added, Removed: removed}}
}

// joinGroup writes who comes into a group and who goes, with the entry.
func (s *Service) joinGroup(ctx context.Context, c *change, g *people.Group, added, removed []string) error {
	roles, err := s.rolesOf(ctx, c, g.Org)
	if err == nil && len(added) > 0 {
		err = mayGive(c.actor, roles.Worth(nil, g.Roles))
	}
	if err != nil {
		return err
	}
	for _, userID := range added {
		if err := c.AddMember(ctx, g.ID, userID); err != nil {
			return err
		}
	}
	for _, userID := range removed {
		if err := c.DropMember(ctx, g.ID, userID); err != nil {
			return err
		}
	}
	g.UpdatedAt = c.Now()
	c.Notify(TopicRevoked)
	if err := c.UpdateGroup(ctx, g); err != nil {
		return err
	}
	return c.log(g.Org, "", groupNote(journal.GroupUpdated, g, added, removed))
}

// ChangeGroup changes a group or who is in it. What its members may do changes with
// their next request.
// Faults: NotFound, also for a member; Invalid "invalid_group"; Conflict "exists",
// "revision_changed"; Forbidden "missing_scope", "whole_organisation".
func (s *Service) ChangeGroup(ctx context.Context, call Call, groupID string, in GroupChange) (Result[GroupDetail], error) {
	if err := cmp.Or(managePeople(call.Actor), giveRoles(call.Actor, in.Roles != nil || in.Units != nil)); err != nil {
		return Result[GroupDetail]{}, err
	}
	return run(ctx, s, call, false, func(ctx context.Context, c *change) (GroupDetail, error) {
		d, err := groupDetail(ctx, c, call.Actor.Org, groupID)
		if err != nil {
			return d, err
		}
		if in.Revision != 0 && in.Revision != d.Revision {
			return d, revisionChanged()
		}
		was := d.Group
		in.onto(&d.Group)
		members, err := s.checkGroup(ctx, c, &d.Group, in.members(ids(d.Members)))
		if err != nil {
			return d, err
		}
		if d.Name != was.Name {
			if taken, err := c.Groups(ctx, GroupFilter{Org: was.Org, Name: d.Name, Limit: 1}); err != nil || len(taken) > 0 {
				return d, cmp.Or[error](err, fault.New(fault.Conflict, "exists", "There is already a group of this name."))
			}
		}
		before, after := ids(d.Members), ids(members)
		added, removed := without(after, before), without(before, after)
		d.Members = members
		if len(added)+len(removed) == 0 && d.Group.Same(&was) {
			return d, nil
		}
		return d, s.joinGroup(ctx, c, &d.Group, added, removed)
	})
}

func (in *GroupChange) onto(g *people.Group) {
	if in.Name != nil {
		g.Name = *in.Name
	}
	if in.ExternalID != nil {
		g.ExternalID = *in.ExternalID
	}
	if in.Roles != nil {
		g.Roles = *in.Roles
	}
	if in.Units != nil {
		g.Units = *in.Units
	}
}

// members gives the ids of all members after the change.
func (in *GroupChange) members(before []string) []string {
	if in.Members != nil {
		before = *in.Members
	}
	return append(without(before, in.Remove), in.Add...)
}

// without gives the members of a list that are not in another.
func without(list, other []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(other, s) })
}

// DeleteGroup deletes a group. Its members stay users, without what it gave them.
// Faults: NotFound; Conflict "revision_changed"; Forbidden "missing_scope", "whole_organisation".
func (s *Service) DeleteGroup(ctx context.Context, call Call, groupID string, revision int64) (Result[people.Group], error) {
	if err := managePeople(call.Actor); err != nil {
		return Result[people.Group]{}, err
	}
	return run(ctx, s, call, false, func(ctx context.Context, c *change) (people.Group, error) {
		g, err := c.Group(ctx, call.Actor.Org, groupID)
		if err != nil {
			return g, err
		}
		if revision != 0 && revision != g.Revision {
			return g, revisionChanged()
		}
		c.Notify(TopicRevoked)
		if err := c.DropGroup(ctx, g.ID); err != nil {
			return g, err
		}
		return g, c.log(g.Org, "", groupNote(journal.GroupDeleted, &g, nil, nil))
	})
}

func groupDetail(ctx context.Context, tx Reader, org, groupID string) (d GroupDetail, err error) {
	if d.Group, err = tx.Group(ctx, org, groupID); err != nil {
		return d, err
	}
	members, err := tx.Members(ctx, groupID)
	d.Members = members[groupID]
	return d, err
}

// GroupByID gives a group with its members. Faults: NotFound; Forbidden
// "missing_scope", "whole_organisation".
func (s *Service) GroupByID(ctx context.Context, a access.Actor, groupID string) (d GroupDetail, err error) {
	if err := managePeople(a); err != nil {
		return d, err
	}
	err = s.Store.Read(Within(ctx, a.Org), func(ctx context.Context, tx Reader) error {
		d, err = groupDetail(ctx, tx, a.Org, groupID)
		return err
	})
	return d, err
}

// Groups lists groups of the organisation with their members, newest first.
// Faults: Forbidden "missing_scope", "whole_organisation".
func (s *Service) Groups(ctx context.Context, a access.Actor, f GroupFilter) (out []GroupDetail, err error) {
	if err := managePeople(a); err != nil {
		return nil, err
	}
	f.Org = a.Org
	err = s.Store.Read(Within(ctx, a.Org), func(ctx context.Context, tx Reader) error {
		groups, err := tx.Groups(ctx, f)
		if err != nil {
			return err
		}
		var groupIDs []string
		for i := range groups {
			groupIDs = append(groupIDs, groups[i].ID)
		}
		members, err := tx.Members(ctx, groupIDs...)
		for _, g := range groups {
			out = append(out, GroupDetail{g, members[g.ID]})
		}
		return err
	})
	return out, err
}
