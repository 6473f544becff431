package store

import (
	"context"
	"time"

	"github.com/paraph/paraph/internal/people"
)

var (
	sessionColumns = []string{"hash", "id", "org", "user_id", "methods", "address", "user_agent", "created_at", "used_at", "expires_at", "idle_until", "passkey"}
	selectSession  = selectFrom("login_session", "s", sessionColumns)
)

func scanSession(s scanner) (l people.Session, err error) {
	err = s.Scan(&l.Hash, &l.ID, &l.Org, &l.UserID, asJSON{&l.Methods}, &l.Address, &l.UserAgent, stamp{&l.CreatedAt}, stamp{&l.UsedAt}, stamp{&l.ExpiresAt}, stamp{&l.IdleUntil}, &l.Passkey)
	return
}

// LoginSession implements service.Reader.
func (r *Reader) LoginSession(ctx context.Context, hash []byte) (people.Session, error) {
	return one(ctx, r.c, scanSession, selectSession+"WHERE s.hash = ?", hash)
}

// LoginSessions implements service.Reader.
func (r *Reader) LoginSessions(ctx context.Context, userID string, now time.Time) ([]people.Session, error) {
	return list(ctx, r.c, scanSession, selectSession+"WHERE s.user_id = ? AND s.expires_at > ? AND s.idle_until > ? ORDER BY s.created_at DESC, s.id", userID, now, now)
}

// InsertLoginSession implements service.Tx.
func (t *Tx) InsertLoginSession(ctx context.Context, l people.Session) error {
	_, err := change(ctx, t.c, 1, insertInto("login_session", sessionColumns, 1, ""), l.Hash, l.ID, l.Org, l.UserID, encode(l.Methods), l.Address, l.UserAgent, l.CreatedAt, l.UsedAt, l.ExpiresAt, l.IdleUntil, l.Passkey)
	return err
}

// TouchLoginSession implements service.Tx.
func (t *Tx) TouchLoginSession(ctx context.Context, l people.Session) error {
	_, err := exec(ctx, t.c, "UPDATE login_session SET used_at = ?, idle_until = ? WHERE hash = ?", l.UsedAt, l.IdleUntil, l.Hash)
	return err
}

// DropLoginSession implements service.Tx.
func (t *Tx) DropLoginSession(ctx context.Context, hash []byte) error {
	_, err := exec(ctx, t.c, "DELETE FROM login_session WHERE hash = ?", hash)
	return err
}

// DropLoginSessions implements service.Tx.
func (t *Tx) DropLoginSessions(ctx context.Context, userID string) error {
	_, err := exec(ctx, t.c, "DELETE FROM login_session WHERE user_id = ?", userID)
	return err
}

var (
	invitationColumns = []string{"id", "org", "user_id", "purpose", "hash", "browser", "tries", "made_by", "created_at", "expires_at", "ended_at", "revision"}
	selectInvitation  = selectFrom("invitation", "i", invitationColumns)
)

func scanInvitation(s scanner) (i people.Invitation, err error) {
	err = s.Scan(&i.ID, &i.Org, &i.UserID, &i.Purpose, &i.Hash, &i.Browser, &i.Tries, &i.By, stamp{&i.CreatedAt}, stamp{&i.ExpiresAt}, stamp{&i.EndedAt}, &i.Revision)
	return
}

// Invitation implements service.Reader.
func (r *Reader) Invitation(ctx context.Context, org, id string) (people.Invitation, error) {
	return one(ctx, r.c, scanInvitation, selectInvitation+"WHERE i.org = ? AND i.id = ?", org, id)
}

// InvitationOf implements service.Reader.
func (r *Reader) InvitationOf(ctx context.Context, hash []byte) (people.Invitation, error) {
	return one(ctx, r.c, scanInvitation, selectInvitation+"WHERE i.hash = ?", hash)
}

// Invitations implements service.Reader.
func (r *Reader) Invitations(ctx context.Context, org, userID string, purpose people.Purpose) ([]people.Invitation, error) {
	var w where
	w.add("i.org = ? AND i.purpose = ?", org, string(purpose))
	w.is("i.user_id", userID)
	return list(ctx, r.c, scanInvitation, selectInvitation+w.clause("i.id DESC", 0), w.args...)
}

// InsertInvitation implements service.Tx.
func (t *Tx) InsertInvitation(ctx context.Context, i people.Invitation) error {
	_, err := change(ctx, t.c, 1, insertInto("invitation", invitationColumns, 1, ""),
		i.ID, i.Org, i.UserID, string(i.Purpose), i.Hash, i.Browser, i.Tries, i.By, i.CreatedAt, i.ExpiresAt, i.EndedAt, i.Revision)
	return err
}

// UpdateInvitation implements service.Tx.
func (t *Tx) UpdateInvitation(ctx context.Context, i *people.Invitation) error {
	ok, err := change(ctx, t.c, 1, "UPDATE invitation SET hash = ?, tries = ?, ended_at = ?, revision = revision + 1 WHERE id = ? AND revision = ?", i.Hash, i.Tries, i.EndedAt, i.ID, i.Revision)
	return advanced(ok, err, &i.Revision)
}

var (
	providerColumns = []string{"id", "org", "name", "settings", "sealed", "created_at", "updated_at", "revision"}
	selectProvider  = selectFrom("login_provider", "p", providerColumns)
)

func scanProvider(s scanner) (p people.Provider, err error) {
	err = s.Scan(&p.ID, &p.Org, &p.Name, asJSON{&p.Settings}, &p.Sealed, stamp{&p.CreatedAt}, stamp{&p.UpdatedAt}, &p.Revision)
	return
}

// LoginProvider implements service.Reader.
func (r *Reader) LoginProvider(ctx context.Context, id string) (people.Provider, error) {
	return one(ctx, r.c, scanProvider, selectProvider+"WHERE p.id = ?", id)
}

// LoginProviders implements service.Reader.
func (r *Reader) LoginProviders(ctx context.Context, org string) ([]people.Provider, error) {
	w := where{conditions: []string{"(p.org = ? OR ? = '')"}, args: []any{org, org}}
	return list(ctx, r.c, scanProvider, selectProvider+w.clause("p.name, p.id", 0), w.args...)
}

// InsertLoginProvider implements service.Tx.
func (t *Tx) InsertLoginProvider(ctx context.Context, p people.Provider) error {
	ok, err := change(ctx, t.c, 1, insertInto("login_provider", providerColumns, 1, "ON CONFLICT DO NOTHING"), p.ID, p.Org, p.Name, encode(p.Settings), p.Sealed, p.CreatedAt, p.UpdatedAt, p.Revision)
	if err == nil && !ok {
		return taken("a provider of this name")
	}
	return err
}

// UpdateLoginProvider implements service.Tx.
func (t *Tx) UpdateLoginProvider(ctx context.Context, p *people.Provider) error {
	ok, err := change(ctx, t.c, 1, "UPDATE login_provider SET name = ?, settings = ?, sealed = ?, updated_at = ?, revision = revision + 1 WHERE id = ? AND revision = ?",
		p.Name, encode(p.Settings), p.Sealed, p.UpdatedAt, p.ID, p.Revision)
	return advanced(ok, err, &p.Revision)
}

// DropLoginProvider implements service.Tx.
func (t *Tx) DropLoginProvider(ctx context.Context, id string) error {
	if _, err := exec(ctx, t.c, "DELETE FROM login_identity WHERE provider_id = ?", id); err != nil {
		return err
	}
	_, err := exec(ctx, t.c, "DELETE FROM login_provider WHERE id = ?", id)
	return err
}

// Identity implements service.Reader.
func (r *Reader) Identity(ctx context.Context, providerID, subject string) (userID string, err error) {
	return one(ctx, r.c, scanString, "SELECT i.user_id FROM login_identity i WHERE i.provider_id = ? AND i.subject = ?", providerID, subject)
}

// InsertIdentity implements service.Tx.
func (t *Tx) InsertIdentity(ctx context.Context, providerID, subject, userID string, at time.Time) error {
	_, err := exec(ctx, t.c, "INSERT INTO login_identity (provider_id, subject, user_id, created_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", providerID, subject, userID, at)
	return err
}
