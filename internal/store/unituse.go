package store

import (
	"context"
	"math"

	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/service"
)

var useColumns = []string{"org", "unit", "what", "used", "told"}

const selectUse = "SELECT used, told FROM unit_use WHERE org = ? AND unit = ? AND what = ?"

func scanUse(s scanner) (u service.UnitUse, err error) { err = s.Scan(&u.Used, &u.Told); return }

// UnitUse implements service.Reader.
func (r *Reader) UnitUse(ctx context.Context, org, unit, what string) (service.UnitUse, error) {
	u, err := one(ctx, r.c, scanUse, selectUse, org, unit, what)
	if fault.KindOf(err) == fault.NotFound {
		err = nil
	}
	return u, err
}

// AddUse implements service.Tx.
func (t *Tx) AddUse(ctx context.Context, org, unit, what string, n, below int64) error {
	if below == 0 {
		below = math.MaxInt64
	}
	ok, err := change(ctx, t.c, 1, insertInto("unit_use", useColumns, 1, "ON CONFLICT (org, unit, what) DO UPDATE SET used = unit_use.used + ?, told = 0 WHERE unit_use.used + ? < ?"),
		org, unit, what, n, 0, n, n, below)
	if err == nil && !ok {
		return stale()
	}
	return err
}

// LockUse implements service.Tx.
func (t *Tx) LockUse(ctx context.Context, org, unit, what string) (service.UnitUse, error) {
	if err := t.locks(); err != nil {
		return service.UnitUse{}, err
	}
	if _, err := exec(ctx, t.c, insertInto("unit_use", useColumns, 1, "ON CONFLICT DO NOTHING"), org, unit, what, 0, 0); err != nil {
		return service.UnitUse{}, err
	}
	return one(ctx, t.c, scanUse, selectUse+t.c.dialect().lock, org, unit, what)
}

// SetUse implements service.Tx.
func (t *Tx) SetUse(ctx context.Context, org, unit, what string, u service.UnitUse) error {
	_, err := change(ctx, t.c, 1, "UPDATE unit_use SET used = ?, told = ? WHERE org = ? AND unit = ? AND what = ?", u.Used, u.Told, org, unit, what)
	return err
}

// StoredBytes implements service.Reader.
func (r *Reader) StoredBytes(ctx context.Context, org, unit string) (int64, error) {
	return one(ctx, r.c, scanInt, `SELECT CAST(COALESCE(SUM(b.size), 0) AS BIGINT) FROM blob b WHERE b.org = ? AND b.destroyed_at IS NULL AND b.id IN (
		SELECT v.blob FROM version v JOIN document d ON d.org = v.org AND d.id = v.document_id WHERE d.org = ? AND d.unit = ? UNION
		SELECT p.blob FROM page p JOIN document d ON d.org = p.org AND d.id = p.document_id WHERE d.org = ? AND d.unit = ? UNION
		SELECT a.package FROM archive_record a JOIN document d ON d.org = a.org AND d.id = a.document_id WHERE d.org = ? AND d.unit = ? UNION
		SELECT a.package FROM archive_addition a JOIN document d ON d.org = a.org AND d.id = a.document_id WHERE d.org = ? AND d.unit = ?)`,
		org, org, unit, org, unit, org, unit, org, unit)
}
