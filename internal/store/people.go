package store

import (
	"context"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/people"
	"github.com/paraph/paraph/internal/service"
)

var (
	userColumns = []string{"id", "org", "name", "display", "active", "roles", "units", "locale", "external_id", "created_at", "updated_at", "deactivated_at", "deleted_at", "revision"}
	selectUser  = selectFrom("person", "p", userColumns)
)

func scanUser(s scanner) (u people.User, err error) {
	err = s.Scan(&u.ID, &u.Org, &u.Name, &u.Display, &u.Active, asJSON{&u.Roles}, asJSON{&u.Units}, &u.Locale, &u.ExternalID, stamp{&u.CreatedAt}, stamp{&u.UpdatedAt},
		stamp{&u.DeactivatedAt}, stamp{&u.DeletedAt}, &u.Revision)
	return
}

// User implements service.Reader.
func (r *Reader) User(ctx context.Context, id string) (people.User, error) {
	return one(ctx, r.c, scanUser, selectUser+"WHERE p.id = ?", id)
}

// UserNamed implements service.Reader.
func (r *Reader) UserNamed(ctx context.Context, org, name string) (people.User, error) {
	return one(ctx, r.c, scanUser, selectUser+"WHERE p.org = ? AND p.name = ?", org, name)
}

// UsersNamed implements service.Reader.
func (r *Reader) UsersNamed(ctx context.Context, name string) ([]people.User, error) {
	return list(ctx, r.c, scanUser, selectUser+"WHERE p.name = ? ORDER BY p.id", name)
}

// Users implements service.Reader.
func (r *Reader) Users(ctx context.Context, f service.UserFilter) ([]people.User, error) {
	var w where
	w.add("p.org = ? AND p.deleted_at IS NULL", f.Org)
	w.is("p.name", f.Name)
	w.is("p.external_id", f.ExternalID)
	if f.GroupID != "" {
		w.add("p.id IN (SELECT m.user_id FROM group_member m WHERE m.group_id = ?)", f.GroupID)
	}
	if f.Active != nil {
		w.add("p.active = ?", *f.Active)
	}
	w.before("p.id", f.Before)
	return list(ctx, r.c, scanUser, selectUser+w.clause("p.id DESC", f.Limit), w.args...)
}

// InsertUser implements service.Tx.
func (t *Tx) InsertUser(ctx context.Context, u people.User) error {
	ok, err := change(ctx, t.c, 1, insertInto("person", userColumns, 1, "ON CONFLICT DO NOTHING"),
		u.ID, u.Org, u.Name, u.Display, u.Active, encode(roles(u.Roles)), encode(u.Units), u.Locale, u.ExternalID, u.CreatedAt, u.UpdatedAt, u.DeactivatedAt, u.DeletedAt, u.Revision)
	if err == nil && !ok {
		return taken("a user of this name")
	}
	return err
}

// roles are written as a list, never as nothing.
func roles(r []access.Role) []access.Role { return append([]access.Role{}, r...) }

// UpdateUser implements service.Tx.
func (t *Tx) UpdateUser(ctx context.Context, u *people.User) error {
	ok, err := change(ctx, t.c, 1, `UPDATE person SET name = ?, display = ?, active = ?, roles = ?, units = ?, locale = ?, external_id = ?, updated_at = ?, deactivated_at = ?, deleted_at = ?,
		revision = revision + 1 WHERE id = ? AND revision = ?`,
		u.Name, u.Display, u.Active, encode(roles(u.Roles)), encode(u.Units), u.Locale, u.ExternalID, u.UpdatedAt, u.DeactivatedAt, u.DeletedAt, u.ID, u.Revision)
	return advanced(ok, err, &u.Revision)
}

var (
	groupColumns = []string{"id", "org", "name", "external_id", "roles", "units", "created_at", "updated_at", "revision"}
	selectGroup  = selectFrom("people_group", "g", groupColumns)
)

func scanGroup(s scanner) (g people.Group, err error) {
	err = s.Scan(&g.ID, &g.Org, &g.Name, &g.ExternalID, asJSON{&g.Roles}, asJSON{&g.Units}, stamp{&g.CreatedAt}, stamp{&g.UpdatedAt}, &g.Revision)
	return
}

// Group implements service.Reader.
func (r *Reader) Group(ctx context.Context, org, id string) (people.Group, error) {
	return one(ctx, r.c, scanGroup, selectGroup+"WHERE g.org = ? AND g.id = ?", org, id)
}

// Groups implements service.Reader.
func (r *Reader) Groups(ctx context.Context, f service.GroupFilter) ([]people.Group, error) {
	var w where
	w.add("g.org = ?", f.Org)
	w.is("g.name", f.Name)
	w.is("g.external_id", f.ExternalID)
	w.before("g.id", f.Before)
	return list(ctx, r.c, scanGroup, selectGroup+w.clause("g.id DESC", f.Limit), w.args...)
}

// GroupsOf implements service.Reader.
func (r *Reader) GroupsOf(ctx context.Context, userID string) ([]people.Group, error) {
	return list(ctx, r.c, scanGroup, selectGroup+"JOIN group_member m ON m.group_id = g.id WHERE m.user_id = ? ORDER BY g.id", userID)
}

// Members implements service.Reader.
func (r *Reader) Members(ctx context.Context, groupIDs ...string) (map[string][]people.Member, error) {
	out := map[string][]people.Member{}
	err := chunks(len(groupIDs), func(from, to int) error {
		_, err := list(ctx, r.c, func(s scanner) (none struct{}, err error) {
			var group string
			var m people.Member
			err = s.Scan(&group, &m.UserID, &m.Name, &m.Display)
			out[group] = append(out[group], m)
			return none, err
		}, "SELECT m.group_id, p.id, p.name, p.display FROM group_member m JOIN person p ON p.id = m.user_id WHERE m.group_id IN ("+marks(to-from)+") ORDER BY m.group_id, p.id", anys(groupIDs[from:to])...)
		return err
	})
	return out, err
}

// InsertGroup implements service.Tx.
func (t *Tx) InsertGroup(ctx context.Context, g people.Group) error {
	ok, err := change(ctx, t.c, 1, insertInto("people_group", groupColumns, 1, "ON CONFLICT DO NOTHING"),
		g.ID, g.Org, g.Name, g.ExternalID, encode(roles(g.Roles)), encode(g.Units), g.CreatedAt, g.UpdatedAt, g.Revision)
	if err == nil && !ok {
		return taken("a group of this name")
	}
	return err
}

// UpdateGroup implements service.Tx.
func (t *Tx) UpdateGroup(ctx context.Context, g *people.Group) error {
	ok, err := change(ctx, t.c, 1, "UPDATE people_group SET name = ?, external_id = ?, roles = ?, units = ?, updated_at = ?, revision = revision + 1 WHERE id = ? AND revision = ?",
		g.Name, g.ExternalID, encode(roles(g.Roles)), encode(g.Units), g.UpdatedAt, g.ID, g.Revision)
	return advanced(ok, err, &g.Revision)
}

// DropGroup implements service.Tx.
func (t *Tx) DropGroup(ctx context.Context, id string) error {
	if _, err := exec(ctx, t.c, "DELETE FROM group_member WHERE group_id = ?", id); err != nil {
		return err
	}
	_, err := exec(ctx, t.c, "DELETE FROM people_group WHERE id = ?", id)
	return err
}

// AddMember implements service.Tx.
func (t *Tx) AddMember(ctx context.Context, groupID, userID string) error {
	_, err := exec(ctx, t.c, "INSERT INTO group_member (group_id, user_id) VALUES (?, ?) ON CONFLICT DO NOTHING", groupID, userID)
	return err
}

// DropMember implements service.Tx.
func (t *Tx) DropMember(ctx context.Context, groupID, userID string) error {
	_, err := exec(ctx, t.c, "DELETE FROM group_member WHERE group_id = ? AND user_id = ?", groupID, userID)
	return err
}
