package store

import (
	"context"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/approval"
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
	clientColumns = []string{"id", "org", "name", "principal", "scopes", "units", "secret_hash", "created_at", "revoked_at", "profile"}
	selectClient  = selectFrom("client", "c", clientColumns)
)

func scanClient(s scanner) (c access.OAuthClient, err error) {
	err = s.Scan(&c.ID, &c.Org, &c.Name, &c.Principal, asJSON{&c.Scopes}, asJSON{&c.Units}, &c.SecretHash, stamp{&c.CreatedAt}, stamp{&c.RevokedAt}, asJSON{&c.Profile})
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
		c.ID, c.Org, c.Name, c.Principal, encode(c.Scopes), encode(c.Units), c.SecretHash, c.CreatedAt, c.RevokedAt, encode(c.Profile))
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

// Related implements service.Reader.
func (r *Reader) Related(ctx context.Context, org, documentID, principal string) (bool, error) {
	p := approval.Normalise(principal)
	if p == "" {
		return false, nil
	}
	return exists(ctx, r.c, `SELECT 1 FROM task WHERE org = ? AND assignee = ? AND document_id = ?
		UNION ALL SELECT 1 FROM recipient WHERE org = ? AND email = ? AND document_id = ? LIMIT 1`,
		org, p, documentID, org, p, documentID)
}
