package store

import (
	"context"
	"strings"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/service"
)

var (
	organisationColumns = []string{"id", "name", "created_at", "closed_at", "revision"}
	selectOrganisation  = selectFrom("organisation", "o", organisationColumns)
)

func scanOrganisation(s scanner) (o access.Organisation, err error) {
	err = s.Scan(&o.ID, &o.Name, stamp{&o.CreatedAt}, stamp{&o.ClosedAt}, &o.Revision)
	return
}

// Organisation implements service.Reader.
func (r *Reader) Organisation(ctx context.Context, id string) (access.Organisation, error) {
	return one(ctx, r.c, scanOrganisation, selectOrganisation+"WHERE o.id = ?", id)
}

// Organisations implements service.Reader; by id.
func (r *Reader) Organisations(ctx context.Context) ([]access.Organisation, error) {
	return list(ctx, r.c, scanOrganisation, selectOrganisation+"ORDER BY o.id")
}

// InsertOrganisation implements service.Tx. Fault Conflict "exists".
func (t *Tx) InsertOrganisation(ctx context.Context, o access.Organisation) error {
	ok, err := change(ctx, t.c, 1, insertInto("organisation", organisationColumns, 1, "ON CONFLICT DO NOTHING"), o.ID, o.Name, o.CreatedAt, o.ClosedAt, max(o.Revision, 1))
	if err == nil && !ok {
		return taken("an organisation of this id")
	}
	return err
}

// UpdateOrganisation implements service.Tx.
func (t *Tx) UpdateOrganisation(ctx context.Context, o *access.Organisation) error {
	ok, err := change(ctx, t.c, 1, "UPDATE organisation SET name = ?, closed_at = ?, revision = revision + 1 WHERE id = ? AND revision = ?", o.Name, o.ClosedAt, o.ID, o.Revision)
	return advanced(ok, err, &o.Revision)
}

var (
	clientColumns = []string{"id", "org", "name", "principal", "scopes", "units", "secret_hash", "created_at", "revoked_at", "profile", "roles",
		"revision", "old_secret_hash", "old_secret_until"}
	// A client is read with whether its organisation is closed.
	selectClient = "SELECT c." + strings.Join(clientColumns, ", c.") + ", o.closed_at IS NOT NULL FROM client c JOIN organisation o ON o.id = c.org "
)

func scanClient(s scanner) (c access.OAuthClient, err error) {
	err = s.Scan(&c.ID, &c.Org, &c.Name, &c.Principal, asJSON{&c.Scopes}, asJSON{&c.Units}, &c.SecretHash, stamp{&c.CreatedAt}, stamp{&c.RevokedAt}, asJSON{&c.Profile}, asJSON{&c.Roles},
		&c.Revision, &c.OldHash, stamp{&c.OldUntil}, &c.Closed)
	return
}

// Client implements service.Reader.
func (r *Reader) Client(ctx context.Context, id string) (access.OAuthClient, error) {
	return one(ctx, r.c, scanClient, selectClient+"WHERE c.id = ?", id)
}

// Clients implements service.Reader; newest first.
func (r *Reader) Clients(ctx context.Context, org string) ([]access.OAuthClient, error) {
	return list(ctx, r.c, scanClient, selectClient+"WHERE c.org = ? ORDER BY c.id DESC", org)
}

// InsertClient implements service.Tx. Fault Conflict "exists".
func (t *Tx) InsertClient(ctx context.Context, c access.OAuthClient) error {
	ok, err := change(ctx, t.c, 1, insertInto("client", clientColumns, 1, "ON CONFLICT DO NOTHING"),
		c.ID, c.Org, c.Name, c.Principal, encode(c.Scopes), encode(c.Units), c.SecretHash, c.CreatedAt, c.RevokedAt, encode(c.Profile), encode(append([]access.Role{}, c.Roles...)),
		max(c.Revision, 1), c.OldHash, c.OldUntil)
	if err == nil && !ok {
		return taken("a client of this id")
	}
	return err
}

// UpdateClient implements service.Tx.
func (t *Tx) UpdateClient(ctx context.Context, c *access.OAuthClient) error {
	ok, err := change(ctx, t.c, 1, `UPDATE client SET name = ?, principal = ?, scopes = ?, units = ?, secret_hash = ?, revoked_at = ?, profile = ?, roles = ?,
		old_secret_hash = ?, old_secret_until = ?, revision = revision + 1 WHERE org = ? AND id = ? AND revision = ?`,
		c.Name, c.Principal, encode(c.Scopes), encode(c.Units), c.SecretHash, c.RevokedAt, encode(c.Profile), encode(append([]access.Role{}, c.Roles...)),
		c.OldHash, c.OldUntil, c.Org, c.ID, c.Revision)
	return swapped(ctx, t.c, ok, err, &c.Revision, "client", c.Org, c.ID)
}

var (
	roleColumns = []string{"org", "name", "title", "scopes", "revision", "created_at", "updated_at"}
	selectRole  = selectFrom("org_role", "r", roleColumns)
)

func scanRole(s scanner) (r access.OwnRole, err error) {
	err = s.Scan(&r.Org, &r.Name, &r.Title, asJSON{&r.Scopes}, &r.Revision, stamp{&r.CreatedAt}, stamp{&r.UpdatedAt})
	return
}

// OwnRoles implements service.Reader; by name.
func (r *Reader) OwnRoles(ctx context.Context, org string) ([]access.OwnRole, error) {
	return list(ctx, r.c, scanRole, selectRole+"WHERE r.org = ? ORDER BY r.name", org)
}

// SaveRole implements service.Tx.
func (t *Tx) SaveRole(ctx context.Context, r *access.OwnRole) error {
	if r.Revision == 0 {
		ok, err := change(ctx, t.c, 1, insertInto("org_role", roleColumns, 1, "ON CONFLICT DO NOTHING"), r.Org, string(r.Name), r.Title, encode(r.Scopes), 1, r.CreatedAt, r.UpdatedAt)
		return advanced(ok, err, &r.Revision)
	}
	ok, err := change(ctx, t.c, 1, "UPDATE org_role SET title = ?, scopes = ?, updated_at = ?, revision = revision + 1 WHERE org = ? AND name = ? AND revision = ?",
		r.Title, encode(r.Scopes), r.UpdatedAt, r.Org, string(r.Name), r.Revision)
	return advanced(ok, err, &r.Revision)
}

// RemoveRole implements service.Tx.
func (t *Tx) RemoveRole(ctx context.Context, r access.OwnRole) error {
	ok, err := change(ctx, t.c, 1, "DELETE FROM org_role WHERE org = ? AND name = ? AND revision = ?", r.Org, string(r.Name), r.Revision)
	return advanced(ok, err, &r.Revision)
}

var (
	setupColumns = []string{"hash", "org", "created_at", "expires_at"}
	selectSetup  = selectFrom("setup_link", "l", setupColumns)
)

// SetupLink implements service.Reader.
func (r *Reader) SetupLink(ctx context.Context, hash []byte) (service.SetupLink, error) {
	return one(ctx, r.c, func(s scanner) (l service.SetupLink, err error) {
		err = s.Scan(&l.Hash, &l.Org, stamp{&l.CreatedAt}, stamp{&l.ExpiresAt})
		return
	}, selectSetup+"WHERE l.hash = ?", hash)
}

// InsertSetupLink implements service.Tx.
func (t *Tx) InsertSetupLink(ctx context.Context, l service.SetupLink) error {
	_, err := change(ctx, t.c, 1, insertInto("setup_link", setupColumns, 1, ""), l.Hash, l.Org, l.CreatedAt, l.ExpiresAt)
	return err
}

// UseSetupLink implements service.Tx. Fault Conflict "stale" where somebody was first.
func (t *Tx) UseSetupLink(ctx context.Context, hash []byte) error {
	ok, err := change(ctx, t.c, 1, "DELETE FROM setup_link WHERE hash = ?", hash)
	if err == nil && !ok {
		return stale()
	}
	return err
}

// PurgeSetupLinks implements service.Tx.
func (t *Tx) PurgeSetupLinks(ctx context.Context, before time.Time) error {
	_, err := exec(ctx, t.c, "DELETE FROM setup_link WHERE expires_at < ?", before)
	return err
}

// Part implements service.Reader.
func (r *Reader) Part(ctx context.Context, org, documentID, principal string) (part access.Relation, err error) {
	for _, relation := range access.Relations() {
		condition, args := partAs(relation, "d.org", "d.id", principal, r.now)
		if condition == "" {
			continue
		}
		has, err := exists(ctx, r.c, "SELECT 1 FROM document d WHERE d.org = ? AND d.id = ? AND "+condition, append([]any{org, documentID}, args...)...)
		if err != nil {
			return 0, err
		}
		if has {
			part |= relation
		}
	}
	return part, nil
}

var (
	grantColumns = []string{"org", "id", "document_id", "principal", "purpose", "granted_by", "from_at", "until_at", "created_at", "revoked_at"}
	selectGrant  = selectFrom("document_grant", "g", grantColumns)
)

func scanGrant(s scanner) (g access.Grant, err error) {
	err = s.Scan(&g.Org, &g.ID, &g.DocumentID, &g.Principal, &g.Purpose, &g.By, stamp{&g.From}, stamp{&g.Until}, stamp{&g.CreatedAt}, stamp{&g.RevokedAt})
	return
}

// Grant implements service.Reader.
func (r *Reader) Grant(ctx context.Context, org, id string) (access.Grant, error) {
	return one(ctx, r.c, scanGrant, selectGrant+"WHERE g.org = ? AND g.id = ?", org, id)
}

// Grants implements service.Reader.
func (r *Reader) Grants(ctx context.Context, org, documentID string) ([]access.Grant, error) {
	return list(ctx, r.c, scanGrant, selectGrant+"WHERE g.org = ? AND g.document_id = ? ORDER BY g.id DESC", org, documentID)
}

// InsertGrant implements service.Tx. Fault Conflict "exists".
func (t *Tx) InsertGrant(ctx context.Context, g access.Grant) error {
	ok, err := change(ctx, t.c, 1, insertInto("document_grant", grantColumns, 1, "ON CONFLICT DO NOTHING"),
		g.Org, g.ID, g.DocumentID, g.Principal, g.Purpose, g.By, g.From, g.Until, g.CreatedAt, g.RevokedAt)
	if err == nil && !ok {
		return taken("a grant of this id")
	}
	return err
}

// RevokeGrant implements service.Tx.
func (t *Tx) RevokeGrant(ctx context.Context, org, id string, at time.Time) error {
	ok, err := change(ctx, t.c, 1, "UPDATE document_grant SET revoked_at = COALESCE(revoked_at, ?) WHERE org = ? AND id = ?", at, org, id)
	if err == nil && !ok {
		return access.NotFound()
	}
	return err
}
