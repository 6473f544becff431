package store

import (
	"context"

	"github.com/paraph/paraph/internal/access"
)

var (
	deviceRuleColumns = []string{"org", "name", "title", "off", "holds", "demands", "revision", "created_at", "updated_at"}
	selectDeviceRule  = selectFrom("device_rule", "r", deviceRuleColumns)
)

func scanDeviceRule(s scanner) (r access.DeviceRule, err error) {
	err = s.Scan(&r.Org, &r.Name, &r.Title, &r.Off, asJSON{&r.For}, asJSON{&r.Demands}, &r.Revision, stamp{&r.CreatedAt}, stamp{&r.UpdatedAt})
	return
}

// DeviceRules implements service.Reader; by name.
func (r *Reader) DeviceRules(ctx context.Context, org string) ([]access.DeviceRule, error) {
	return list(ctx, r.c, scanDeviceRule, selectDeviceRule+"WHERE r.org = ? ORDER BY r.name", org)
}

// SaveDeviceRule implements service.Tx.
func (t *Tx) SaveDeviceRule(ctx context.Context, r *access.DeviceRule) error {
	if r.Revision == 0 {
		ok, err := change(ctx, t.c, 1, insertInto("device_rule", deviceRuleColumns, 1, "ON CONFLICT DO NOTHING"),
			r.Org, r.Name, r.Title, r.Off, encode(r.For), encode(r.Demands), 1, r.CreatedAt, r.UpdatedAt)
		return advanced(ok, err, &r.Revision)
	}
	ok, err := change(ctx, t.c, 1, "UPDATE device_rule SET title = ?, off = ?, holds = ?, demands = ?, updated_at = ?, revision = revision + 1 WHERE org = ? AND name = ? AND revision = ?",
		r.Title, r.Off, encode(r.For), encode(r.Demands), r.UpdatedAt, r.Org, r.Name, r.Revision)
	return advanced(ok, err, &r.Revision)
}

// RemoveDeviceRule implements service.Tx.
func (t *Tx) RemoveDeviceRule(ctx context.Context, r access.DeviceRule) error {
	ok, err := change(ctx, t.c, 1, "DELETE FROM device_rule WHERE org = ? AND name = ? AND revision = ?", r.Org, r.Name, r.Revision)
	return advanced(ok, err, &r.Revision)
}
