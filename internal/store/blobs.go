package store

import (
	"context"

	"github.com/paraph/paraph/internal/service"
)

var (
	blobColumns = []string{"id", "org", "key_id", "data_key", "size", "sha256", "created_at", "destroyed_at"}
	selectBlob  = selectFrom("blob", "b", blobColumns)
	insertBlob  = insertInto("blob", blobColumns, 1, "")
)

func scanBlob(s scanner) (b service.Blob, err error) {
	err = s.Scan(&b.ID, &b.Org, &b.KeyID, &b.DataKey, &b.Size, &b.SHA256, stamp{&b.CreatedAt}, stamp{&b.DestroyedAt})
	return
}

// Blob implements service.Reader.
func (r *Reader) Blob(ctx context.Context, org, id string) (service.Blob, error) {
	return one(ctx, r.c, scanBlob, selectBlob+"WHERE b.org = ? AND b.id = ?", org, id)
}

// KnownBlob implements service.Reader.
func (r *Reader) KnownBlob(ctx context.Context, id string) (bool, error) {
	return exists(ctx, r.c, "SELECT 1 FROM blob WHERE id = ?", id)
}

// InsertBlob implements service.Tx.
func (t *Tx) InsertBlob(ctx context.Context, b service.Blob) error {
	_, err := exec(ctx, t.c, insertBlob, b.ID, b.Org, b.KeyID, b.DataKey, b.Size, b.SHA256, b.CreatedAt, b.DestroyedAt)
	return err
}

var (
	keyColumns = []string{"id", "org", "unit", "class", "master_id", "wrapped", "created_at"}
	selectKey  = selectFrom("unit_key", "k", keyColumns)
)

func scanKey(s scanner) (k service.Key, err error) {
	err = s.Scan(&k.ID, &k.Org, &k.Unit, &k.Class, &k.MasterID, &k.Wrapped, stamp{&k.CreatedAt})
	return
}

// Key implements service.Reader.
func (r *Reader) Key(ctx context.Context, org, unit, class string) (service.Key, error) {
	return one(ctx, r.c, scanKey, selectKey+"WHERE k.org = ? AND k.unit = ? AND k.class = ?", org, unit, class)
}

// KeyByID implements service.Reader.
func (r *Reader) KeyByID(ctx context.Context, id string) (service.Key, error) {
	return one(ctx, r.c, scanKey, selectKey+"WHERE k.id = ?", id)
}

// InsertKey implements service.Tx.
func (t *Tx) InsertKey(ctx context.Context, k service.Key) error {
	n, err := exec(ctx, t.c, insertInto("unit_key", keyColumns, 1, "ON CONFLICT DO NOTHING"), k.ID, k.Org, k.Unit, k.Class, k.MasterID, k.Wrapped, k.CreatedAt)
	if err == nil && n == 0 {
		return taken("a key for this unit and class")
	}
	return err
}
