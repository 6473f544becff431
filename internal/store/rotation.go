package store

import (
	"context"
	"time"

	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/service"
)

// KeysNotUnder implements service.Reader.
func (r *Reader) KeysNotUnder(ctx context.Context, masterID string, limit int) ([]service.Key, error) {
	return list(ctx, r.c, scanKey, selectKey+"WHERE k.master_id <> ? ORDER BY k.id LIMIT ?", masterID, limit)
}

// SupersededKeys implements service.Reader.
func (r *Reader) SupersededKeys(ctx context.Context) ([]service.Key, error) {
	return list(ctx, r.c, scanKey, selectKey+"WHERE k.superseded_at IS NOT NULL ORDER BY k.id")
}

// DocumentKeysUnder implements service.Reader.
func (r *Reader) DocumentKeysUnder(ctx context.Context, keyID string, limit int) ([]service.DocumentKey, error) {
	return list(ctx, r.c, scanDocumentKey, selectDocumentKey+"WHERE k.key_id = ? AND k.destroyed_at IS NULL ORDER BY k.id LIMIT ?", keyID, limit)
}

// CountDocumentKeysUnder implements service.Reader.
func (r *Reader) CountDocumentKeysUnder(ctx context.Context, keyID string) (int, error) {
	n, err := one(ctx, r.c, scanInt, "SELECT count(*) FROM document_key WHERE key_id = ? AND destroyed_at IS NULL", keyID)
	return int(n), err
}

// HoldKey implements service.Tx.
func (t *Tx) HoldKey(ctx context.Context, id string) error {
	if err := t.locks(); err != nil {
		return err
	}
	inForce, err := exists(ctx, t.c, "SELECT 1 FROM unit_key WHERE id = ? AND superseded_at IS NULL"+t.c.dialect().share, id)
	if err == nil && !inForce {
		err = fault.New(fault.Unavailable, service.CodeKeyRotated, "The key of the business unit was rotated a moment ago. Try again.")
	}
	return err
}

// LockKey implements service.Tx.
func (t *Tx) LockKey(ctx context.Context, id string) error {
	if err := t.locks(); err != nil {
		return err
	}
	_, err := one(ctx, t.c, scanString, "SELECT id FROM unit_key WHERE id = ?"+t.c.dialect().lock, id)
	return err
}

// KeyInUse implements service.Reader. The second condition on blob is that of
// its index.
func (r *Reader) KeyInUse(ctx context.Context, keyID string) (bool, error) {
	return exists(ctx, r.c, `SELECT 1 FROM document_key WHERE key_id = ? AND destroyed_at IS NULL
		UNION ALL SELECT 1 FROM blob WHERE key_id = ? AND substr(key_id, 1, 4) = 'kek_' AND destroyed_at IS NULL`, keyID, keyID)
}

// MasterUse implements service.Reader.
func (r *Reader) MasterUse(ctx context.Context) (map[string]int, error) {
	type use struct {
		id string
		n  int
	}
	rows, err := list(ctx, r.c, func(s scanner) (u use, err error) {
		err = s.Scan(&u.id, &u.n)
		return
	}, "SELECT master_id, count(*) FROM unit_key GROUP BY master_id")
	out := make(map[string]int, len(rows))
	for _, u := range rows {
		out[u.id] = u.n
	}
	return out, err
}

// SealedUntil implements service.Reader. Pages kept for a capture end with it.
func (r *Reader) SealedUntil(ctx context.Context, prefix []byte) (until time.Time, err error) {
	const latest = "SELECT max(expires_at) FROM idempotency WHERE substr(result, 1, ?) = ?"
	if until, err = one(ctx, r.c, scanStamp, latest, len(prefix), prefix); err != nil || !until.IsZero() {
		return until, err
	}
	kept, err := exists(ctx, r.c, "SELECT 1 FROM kept_page WHERE substr(data, 1, ?) = ?", len(prefix), prefix)
	if kept || err != nil {
		return service.UntilCaptured, err
	}
	for _, at := range sealedColumns {
		rests, err := exists(ctx, r.c, "SELECT 1 FROM "+at.table+" WHERE substr("+at.column+", 1, ?) = ? LIMIT 1", len(prefix), prefix)
		if rests || err != nil {
			return service.UntilResealed, err
		}
	}
	return until, nil
}

// sealedColumns are those whose values rest sealed by the box for as long as their
// rows do. Each is bound to its table, organisation and id.
var sealedColumns = []struct{ table, column string }{
	{"hook_secret", "sealed"},
	{"inbound", "payload"},
}

// SealedOtherwise implements service.Reader.
func (r *Reader) SealedOtherwise(ctx context.Context, prefix []byte, limit int) (out []service.SealedValue, err error) {
	for _, at := range sealedColumns {
		found, err := list(ctx, r.c, func(s scanner) (v service.SealedValue, err error) {
			v.Table = at.table
			err = s.Scan(&v.Org, &v.ID, &v.Value)
			return
		}, "SELECT org, id, "+at.column+" FROM "+at.table+" WHERE "+at.column+" IS NOT NULL AND substr("+at.column+", 1, ?) <> ? LIMIT ?", len(prefix), prefix, limit)
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	return out, nil
}

// Reseal implements service.Tx.
func (t *Tx) Reseal(ctx context.Context, v service.SealedValue, from []byte) error {
	for _, at := range sealedColumns {
		if at.table == v.Table {
			_, err := exec(ctx, t.c, "UPDATE "+at.table+" SET "+at.column+" = ? WHERE org = ? AND id = ? AND "+at.column+" = ?", v.Value, v.Org, v.ID, from)
			return err
		}
	}
	return fault.New(fault.Internal, "internal", "The table %s holds no sealed values.", v.Table)
}

func scanStamp(s scanner) (at time.Time, err error) {
	err = s.Scan(stamp{&at})
	return
}

// RewrapKey implements service.Tx.
func (t *Tx) RewrapKey(ctx context.Context, k service.Key, from string) error {
	_, err := exec(ctx, t.c, "UPDATE unit_key SET master_id = ?, wrapped = ? WHERE id = ? AND master_id = ? AND class = ?", k.MasterID, k.Wrapped, k.ID, from, k.Class)
	return err
}

// RewrapDocumentKey implements service.Tx.
func (t *Tx) RewrapDocumentKey(ctx context.Context, k service.DocumentKey, from string) error {
	_, err := exec(ctx, t.c, "UPDATE document_key SET key_id = ?, wrapped = ? WHERE id = ? AND key_id = ? AND destroyed_at IS NULL", k.KeyID, k.Wrapped, k.ID, from)
	return err
}

// SupersedeKey implements service.Tx.
func (t *Tx) SupersedeKey(ctx context.Context, k service.Key) error {
	n, err := exec(ctx, t.c, "UPDATE unit_key SET class = ?, master_id = ?, wrapped = ?, superseded_at = ? WHERE id = ? AND superseded_at IS NULL",
		k.Class, k.MasterID, k.Wrapped, k.SupersededAt, k.ID)
	if err == nil && n == 0 {
		return stale()
	}
	return err
}

// DestroyKey implements service.Tx.
func (t *Tx) DestroyKey(ctx context.Context, id string) error {
	_, err := exec(ctx, t.c, "DELETE FROM unit_key WHERE id = ? AND superseded_at IS NOT NULL", id)
	return err
}
