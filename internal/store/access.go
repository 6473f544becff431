package store

import (
	"context"
	"time"

	"github.com/paraph/paraph/internal/access"
)

var organisationColumns = []string{"id", "name", "created_at"}

func scanOrganisation(s scanner) (o access.Organisation, err error) {
	err = s.Scan(&o.ID, &o.Name, stamp{&o.CreatedAt})
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

var selectOrganisation = selectFrom("organisation", "o", organisationColumns)

// InsertOrganisation implements service.Tx. Fault Conflict "exists".
func (t *Tx) InsertOrganisation(ctx context.Context, o access.Organisation) error {
	ok, err := change(ctx, t.c, 1, insertInto("organisation", organisationColumns, 1, "ON CONFLICT DO NOTHING"), o.ID, o.Name, o.CreatedAt)
	if err == nil && !ok {
		return taken("an organisation of this id")
	}
	return err
}

var (
	clientColumns = []string{"id", "org", "name", "principal", "scopes", "units", "secret_hash", "created_at", "revoked_at", "roles"}
	selectClient  = selectFrom("client", "c", clientColumns)
)

func scanClient(s scanner) (c access.OAuthClient, err error) {
	err = s.Scan(&c.ID, &c.Org, &c.Name, &c.Principal, asJSON{&c.Scopes}, asJSON{&c.Units}, &c.SecretHash, stamp{&c.CreatedAt}, stamp{&c.RevokedAt}, asJSON{&c.Roles})
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
		c.ID, c.Org, c.Name, c.Principal, encode(c.Scopes), encode(c.Units), c.SecretHash, c.CreatedAt, c.RevokedAt, encode(append([]access.Role{}, c.Roles...)))
	if err == nil && !ok {
		return taken("a client of this id")
	}
	return err
}

// RevokeClient implements service.Tx.
func (t *Tx) RevokeClient(ctx context.Context, org, id string, at time.Time) error {
	ok, err := change(ctx, t.c, 1, "UPDATE client SET revoked_at = COALESCE(revoked_at, ?) WHERE org = ? AND id = ?", at, org, id)
	if err == nil && !ok {
		return access.NotFound()
	}
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
