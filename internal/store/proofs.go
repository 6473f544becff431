package store

import (
	"context"
	"time"

	"github.com/paraph/paraph/internal/people"
)

var (
	passkeyColumns = []string{"id", "user_id", "name", "credential", "created_at", "used_at", "revision"}
	selectPasskey  = selectFrom("passkey", "k", passkeyColumns)
)

func scanPasskey(s scanner) (k people.Passkey, err error) {
	err = s.Scan(&k.ID, &k.UserID, &k.Name, rawJSON{&k.Credential}, stamp{&k.CreatedAt}, stamp{&k.UsedAt}, &k.Revision)
	return
}

// Passkeys implements service.Reader.
func (r *Reader) Passkeys(ctx context.Context, userID string) ([]people.Passkey, error) {
	return list(ctx, r.c, scanPasskey, selectPasskey+"WHERE k.user_id = ? ORDER BY k.created_at, k.id", userID)
}

// InsertPasskey implements service.Tx.
func (t *Tx) InsertPasskey(ctx context.Context, k people.Passkey) error {
	ok, err := change(ctx, t.c, 1, insertInto("passkey", passkeyColumns, 1, "ON CONFLICT DO NOTHING"), k.ID, k.UserID, k.Name, string(k.Credential), k.CreatedAt, k.UsedAt, k.Revision)
	if err == nil && !ok {
		return taken("a passkey of this id")
	}
	return err
}

// UpdatePasskey implements service.Tx.
func (t *Tx) UpdatePasskey(ctx context.Context, k *people.Passkey) error {
	ok, err := change(ctx, t.c, 1, "UPDATE passkey SET name = ?, credential = ?, used_at = ?, revision = revision + 1 WHERE id = ? AND revision = ?", k.Name, string(k.Credential), k.UsedAt, k.ID, k.Revision)
	return advanced(ok, err, &k.Revision)
}

// DropPasskey implements service.Tx.
func (t *Tx) DropPasskey(ctx context.Context, userID string, id []byte) error {
	_, err := exec(ctx, t.c, "DELETE FROM passkey WHERE user_id = ? AND id = ?", userID, id)
	return err
}

var (
	totpColumns = []string{"user_id", "sealed", "created_at", "confirmed_at", "last_step", "revision"}
	selectTOTP  = selectFrom("totp", "o", totpColumns)
)

func scanTOTP(s scanner) (o people.TOTP, err error) {
	err = s.Scan(&o.UserID, &o.Sealed, stamp{&o.CreatedAt}, stamp{&o.ConfirmedAt}, &o.LastStep, &o.Revision)
	return
}

// TOTP implements service.Reader.
func (r *Reader) TOTP(ctx context.Context, userID string) (people.TOTP, error) {
	return one(ctx, r.c, scanTOTP, selectTOTP+"WHERE o.user_id = ?", userID)
}

// PutTOTP implements service.Tx.
func (t *Tx) PutTOTP(ctx context.Context, o people.TOTP) error {
	_, err := change(ctx, t.c, 1, insertInto("totp", totpColumns, 1, `ON CONFLICT (user_id) DO UPDATE SET sealed = excluded.sealed, created_at = excluded.created_at,
		confirmed_at = excluded.confirmed_at, last_step = excluded.last_step, revision = totp.revision + 1`), o.UserID, o.Sealed, o.CreatedAt, o.ConfirmedAt, o.LastStep, o.Revision)
	return err
}

// UpdateTOTP implements service.Tx.
func (t *Tx) UpdateTOTP(ctx context.Context, o *people.TOTP) error {
	ok, err := change(ctx, t.c, 1, "UPDATE totp SET confirmed_at = ?, last_step = ?, revision = revision + 1 WHERE user_id = ? AND revision = ?", o.ConfirmedAt, o.LastStep, o.UserID, o.Revision)
	return advanced(ok, err, &o.Revision)
}

// DropTOTP implements service.Tx.
func (t *Tx) DropTOTP(ctx context.Context, userID string) error {
	_, err := exec(ctx, t.c, "DELETE FROM totp WHERE user_id = ?", userID)
	return err
}

var recoveryColumns = []string{"user_id", "hash", "created_at", "used_at"}

// RecoveryCodes implements service.Reader.
func (r *Reader) RecoveryCodes(ctx context.Context, userID string) ([]people.RecoveryCode, error) {
	return list(ctx, r.c, func(s scanner) (c people.RecoveryCode, err error) {
		err = s.Scan(&c.UserID, &c.Hash, stamp{&c.CreatedAt}, stamp{&c.UsedAt})
		return
	}, selectFrom("recovery_code", "c", recoveryColumns)+"WHERE c.user_id = ? ORDER BY c.hash", userID)
}

// ReplaceRecoveryCodes implements service.Tx.
func (t *Tx) ReplaceRecoveryCodes(ctx context.Context, userID string, codes []people.RecoveryCode) error {
	if _, err := exec(ctx, t.c, "DELETE FROM recovery_code WHERE user_id = ?", userID); err != nil {
		return err
	}
	rows := make([][]any, 0, len(codes))
	for _, c := range codes {
		rows = append(rows, []any{userID, c.Hash, c.CreatedAt, c.UsedAt})
	}
	_, err := insertRows(ctx, t.c, "recovery_code", recoveryColumns, "", rows)
	return err
}

// UseRecoveryCode implements service.Tx.
func (t *Tx) UseRecoveryCode(ctx context.Context, userID string, hash []byte, at time.Time) error {
	ok, err := change(ctx, t.c, 1, "UPDATE recovery_code SET used_at = ? WHERE user_id = ? AND hash = ? AND used_at IS NULL", at, userID, hash)
	if err == nil && !ok {
		return stale()
	}
	return err
}
