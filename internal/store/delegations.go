package store

import (
	"context"
	"time"

	"github.com/paraph/paraph/internal/delegation"
	"github.com/paraph/paraph/internal/service"
)

var (
	delegationColumns = []string{"id", "org", "client_id", "user_id", "scopes", "resources", "jkt", "x5t", "login_at", "methods", "sealed",
		"generation", "rotated_at", "created_at", "expires_at", "idle_until", "revoked_at", "reason", "revision", "passkey"}
	selectDelegation = selectFrom("delegation", "d", delegationColumns)
)

func scanDelegation(s scanner) (d delegation.Delegation, err error) {
	err = s.Scan(&d.ID, &d.Org, &d.ClientID, &d.UserID, asJSON{&d.Scopes}, asJSON{&d.Resources}, &d.Bound.JKT, &d.Bound.X5T, stamp{&d.LoginAt}, asJSON{&d.Methods}, &d.Key,
		&d.Generation, stamp{&d.RotatedAt}, stamp{&d.CreatedAt}, stamp{&d.ExpiresAt}, stamp{&d.IdleUntil}, stamp{&d.RevokedAt}, &d.Reason, &d.Revision, &d.Passkey)
	return
}

// Delegation implements service.Reader.
func (r *Reader) Delegation(ctx context.Context, id string) (delegation.Delegation, error) {
	return one(ctx, r.c, scanDelegation, selectDelegation+"WHERE d.id = ?", id)
}

// Delegations implements service.Reader.
func (r *Reader) Delegations(ctx context.Context, f service.DelegationFilter) ([]delegation.Delegation, error) {
	var w where
	w.add("d.org = ?", f.Org)
	w.is("d.user_id", f.UserID)
	w.is("d.client_id", f.ClientID)
	w.before("d.id", f.Before)
	if !f.InForce.IsZero() {
		w.add("d.revoked_at IS NULL AND d.expires_at > ? AND d.idle_until > ?", f.InForce, f.InForce)
	}
	return list(ctx, r.c, scanDelegation, selectDelegation+w.clause("d.id DESC", f.Limit), w.args...)
}

// DelegationsNotSealedBy implements service.Reader.
func (r *Reader) DelegationsNotSealedBy(ctx context.Context, prefix []byte, after string, limit int) ([]delegation.Delegation, error) {
	return list(ctx, r.c, scanDelegation, selectDelegation+"WHERE d.sealed IS NOT NULL AND substr(d.sealed, 1, ?) <> ? AND d.id > ? ORDER BY d.id LIMIT ?", len(prefix), prefix, after, limit)
}

// InsertDelegation implements service.Tx.
func (t *Tx) InsertDelegation(ctx context.Context, d delegation.Delegation) error {
	ok, err := change(ctx, t.c, 1, insertInto("delegation", delegationColumns, 1, "ON CONFLICT DO NOTHING"),
		d.ID, d.Org, d.ClientID, d.UserID, encode(d.Scopes), encode(d.Resources), d.Bound.JKT, d.Bound.X5T, d.LoginAt, encode(d.Methods), d.Key,
		d.Generation, d.RotatedAt, d.CreatedAt, d.ExpiresAt, d.IdleUntil, d.RevokedAt, d.Reason, d.Revision, d.Passkey)
	if err == nil && !ok {
		return taken("a delegation of this id")
	}
	return err
}

// UpdateDelegation implements service.Tx. What a person agreed to never changes.
func (t *Tx) UpdateDelegation(ctx context.Context, d *delegation.Delegation) error {
	ok, err := change(ctx, t.c, 1, `UPDATE delegation SET jkt = ?, x5t = ?, sealed = ?, generation = ?, rotated_at = ?, idle_until = ?, revoked_at = ?, reason = ?, revision = revision + 1
		WHERE id = ? AND revision = ?`, d.Bound.JKT, d.Bound.X5T, d.Key, d.Generation, d.RotatedAt, d.IdleUntil, d.RevokedAt, d.Reason, d.ID, d.Revision)
	return advanced(ok, err, &d.Revision)
}

var (
	codeColumns = []string{"hash", "delegation_id", "client_id", "redirect_uri", "challenge", "jkt", "nonce", "created_at", "expires_at", "used_at"}
	selectCode  = selectFrom("authorization_code", "c", codeColumns)
)

func scanCode(s scanner) (c delegation.Code, err error) {
	err = s.Scan(&c.Hash, &c.DelegationID, &c.ClientID, &c.RedirectURI, &c.Challenge, &c.JKT, &c.Nonce, stamp{&c.CreatedAt}, stamp{&c.ExpiresAt}, stamp{&c.UsedAt})
	return
}

// AuthorizationCode implements service.Reader.
func (r *Reader) AuthorizationCode(ctx context.Context, hash []byte) (delegation.Code, error) {
	return one(ctx, r.c, scanCode, selectCode+"WHERE c.hash = ?", hash)
}

// InsertAuthorizationCode implements service.Tx.
func (t *Tx) InsertAuthorizationCode(ctx context.Context, c delegation.Code) error {
	_, err := change(ctx, t.c, 1, insertInto("authorization_code", codeColumns, 1, ""),
		c.Hash, c.DelegationID, c.ClientID, c.RedirectURI, c.Challenge, c.JKT, c.Nonce, c.CreatedAt, c.ExpiresAt, c.UsedAt)
	return err
}

// UseAuthorizationCode implements service.Tx.
func (t *Tx) UseAuthorizationCode(ctx context.Context, hash []byte, at time.Time) error {
	ok, err := change(ctx, t.c, 1, "UPDATE authorization_code SET used_at = ? WHERE hash = ? AND used_at IS NULL", at, hash)
	if err == nil && !ok {
		return stale()
	}
	return err
}

var (
	deviceColumns = []string{"hash", "user_hash", "org", "client_id", "scopes", "resources", "jkt", "state", "delegation_id", "pause", "polled_at", "created_at",
		"expires_at", "revision"}
	selectDevice = selectFrom("device_code", "d", deviceColumns)
)

func scanDevice(s scanner) (d delegation.Device, err error) {
	var pause int64
	err = s.Scan(&d.Hash, &d.UserHash, &d.Org, &d.ClientID, asJSON{&d.Scopes}, asJSON{&d.Resources}, &d.JKT, &d.State, &d.DelegationID, &pause, stamp{&d.PolledAt},
		stamp{&d.CreatedAt}, stamp{&d.ExpiresAt}, &d.Revision)
	d.Interval = time.Duration(pause) * time.Microsecond
	return
}

// Device implements service.Reader.
func (r *Reader) Device(ctx context.Context, hash []byte) (delegation.Device, error) {
	return one(ctx, r.c, scanDevice, selectDevice+"WHERE d.hash = ?", hash)
}

// DeviceOf implements service.Reader.
func (r *Reader) DeviceOf(ctx context.Context, userHash []byte) (delegation.Device, error) {
	return one(ctx, r.c, scanDevice, selectDevice+"WHERE d.user_hash = ?", userHash)
}

// InsertDevice implements service.Tx.
func (t *Tx) InsertDevice(ctx context.Context, d delegation.Device) error {
	ok, err := change(ctx, t.c, 1, insertInto("device_code", deviceColumns, 1, "ON CONFLICT DO NOTHING"),
		d.Hash, d.UserHash, d.Org, d.ClientID, encode(d.Scopes), encode(d.Resources), d.JKT, string(d.State), d.DelegationID, d.Interval.Microseconds(), d.PolledAt,
		d.CreatedAt, d.ExpiresAt, d.Revision)
	if err == nil && !ok {
		return taken("a device of this code")
	}
	return err
}

// UpdateDevice implements service.Tx.
func (t *Tx) UpdateDevice(ctx context.Context, d *delegation.Device) error {
	ok, err := change(ctx, t.c, 1, `UPDATE device_code SET state = ?, delegation_id = ?, pause = ?, polled_at = ?, revision = revision + 1
		WHERE hash = ? AND revision = ?`, string(d.State), d.DelegationID, d.Interval.Microseconds(), d.PolledAt, d.Hash, d.Revision)
	return advanced(ok, err, &d.Revision)
}

var (
	pushedColumns = []string{"hash", "client_id", "form", "expires_at"}
	selectPushed  = selectFrom("pushed_request", "p", pushedColumns)
)

func scanPushed(s scanner) (p service.PushedRequest, err error) {
	err = s.Scan(&p.Hash, &p.ClientID, &p.Form, stamp{&p.ExpiresAt})
	return
}

// PushedRequest implements service.Reader.
func (r *Reader) PushedRequest(ctx context.Context, hash []byte) (service.PushedRequest, error) {
	return one(ctx, r.c, scanPushed, selectPushed+"WHERE p.hash = ?", hash)
}

// InsertPushedRequest implements service.Tx.
func (t *Tx) InsertPushedRequest(ctx context.Context, p service.PushedRequest) error {
	_, err := change(ctx, t.c, 1, insertInto("pushed_request", pushedColumns, 1, ""), p.Hash, p.ClientID, p.Form, p.ExpiresAt)
	return err
}

// DropPushedRequest implements service.Tx.
func (t *Tx) DropPushedRequest(ctx context.Context, hash []byte) error {
	ok, err := change(ctx, t.c, 1, "DELETE FROM pushed_request WHERE hash = ?", hash)
	if err == nil && !ok {
		return stale()
	}
	return err
}

const takeOnce = "INSERT INTO used_once (hash, expires_at) VALUES (?, ?) ON CONFLICT DO NOTHING"

// TakeOnce implements service.Tx.
func (t *Tx) TakeOnce(ctx context.Context, hash [32]byte, until time.Time) error {
	ok, err := change(ctx, t.c, 1, takeOnce, hash[:], until)
	if err == nil && !ok {
		return taken("one of these, which can be used once only")
	}
	return err
}

// Revocations implements service.Reader.
func (r *Reader) Revocations(ctx context.Context, now time.Time) ([]string, error) {
	return list(ctx, r.c, scanString, "SELECT subject FROM revocation WHERE expires_at > ? ORDER BY subject", now)
}

// InsertRevocation implements service.Tx.
func (t *Tx) InsertRevocation(ctx context.Context, subject string, until time.Time) error {
	_, err := change(ctx, t.c, 1, `INSERT INTO revocation (subject, expires_at) VALUES (?, ?)
		ON CONFLICT (subject) DO UPDATE SET expires_at = CASE WHEN revocation.expires_at > excluded.expires_at THEN revocation.expires_at ELSE excluded.expires_at END`, subject, until)
	return err
}

var (
	tokenKeyColumns = []string{"id", "algorithm", "public", "sealed", "created_at", "signs_at", "withdrawn_at"}
	selectTokenKey  = selectFrom("token_key", "k", tokenKeyColumns)
)

func scanTokenKey(s scanner) (k service.TokenKey, err error) {
	err = s.Scan(&k.ID, &k.Algorithm, rawJSON{&k.Public}, &k.Sealed, stamp{&k.CreatedAt}, stamp{&k.SignsAt}, stamp{&k.WithdrawnAt})
	return
}

// TokenKeys implements service.Reader.
func (r *Reader) TokenKeys(ctx context.Context) ([]service.TokenKey, error) {
	return list(ctx, r.c, scanTokenKey, selectTokenKey+"ORDER BY k.signs_at, k.id")
}

// InsertTokenKey implements service.Tx.
func (t *Tx) InsertTokenKey(ctx context.Context, k service.TokenKey) error {
	ok, err := change(ctx, t.c, 1, insertInto("token_key", tokenKeyColumns, 1, "ON CONFLICT DO NOTHING"), k.ID, k.Algorithm, string(k.Public), k.Sealed, k.CreatedAt, k.SignsAt, k.WithdrawnAt)
	if err == nil && !ok {
		return taken("a token key of this id")
	}
	return err
}

// UpdateTokenKey implements service.Tx.
func (t *Tx) UpdateTokenKey(ctx context.Context, k service.TokenKey) error {
	_, err := change(ctx, t.c, 1, "UPDATE token_key SET sealed = ?, signs_at = ?, withdrawn_at = ? WHERE id = ?", k.Sealed, k.SignsAt, k.WithdrawnAt, k.ID)
	return err
}

// DropTokenKey implements service.Tx.
func (t *Tx) DropTokenKey(ctx context.Context, id string) error {
	_, err := exec(ctx, t.c, "DELETE FROM token_key WHERE id = ?", id)
	return err
}

// PurgeTokens implements service.Tx.
func (t *Tx) PurgeTokens(ctx context.Context, before, ended time.Time) (n int64, err error) {
	for _, table := range []string{"authorization_code", "pushed_request", "device_code", "used_once", "revocation"} {
		gone, err := exec(ctx, t.c, "DELETE FROM "+table+" WHERE expires_at < ?", before)
		if n += gone; err != nil {
			return n, err
		}
	}
	for _, table := range []string{"login_session", "invitation"} {
		gone, err := exec(ctx, t.c, "DELETE FROM "+table+" WHERE expires_at < ?", ended)
		if n += gone; err != nil {
			return n, err
		}
	}
	gone, err := exec(ctx, t.c, "DELETE FROM delegation WHERE expires_at < ? OR idle_until < ? OR revoked_at < ?", ended, ended, ended)
	return n + gone, err
}
