package store

import (
	"context"
	"strings"

	"github.com/paraph/paraph/internal/document"
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
	return exists(ctx, r.c, "SELECT 1 FROM blob WHERE id = ? UNION ALL SELECT 1 FROM upload_part WHERE blob = ? UNION ALL SELECT 1 FROM handover_file WHERE blob = ?", id, id, id)
}

// InsertBlob implements service.Tx.
func (t *Tx) InsertBlob(ctx context.Context, b service.Blob) error {
	_, err := change(ctx, t.c, 1, insertBlob, b.ID, b.Org, b.KeyID, b.DataKey, b.Size, b.SHA256, b.CreatedAt, b.DestroyedAt)
	return err
}

var (
	keyColumns = []string{"id", "org", "unit", "class", "master_id", "wrapped", "created_at", "superseded_at"}
	selectKey  = selectFrom("unit_key", "k", keyColumns)
)

func scanKey(s scanner) (k service.Key, err error) {
	err = s.Scan(&k.ID, &k.Org, &k.Unit, &k.Class, &k.MasterID, &k.Wrapped, stamp{&k.CreatedAt}, stamp{&k.SupersededAt})
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
	ok, err := change(ctx, t.c, 1, insertInto("unit_key", keyColumns, 1, "ON CONFLICT DO NOTHING"), k.ID, k.Org, k.Unit, k.Class, k.MasterID, k.Wrapped, k.CreatedAt, k.SupersededAt)
	if err == nil && !ok {
		return taken("a key for this unit and class")
	}
	return err
}

var (
	documentKeyColumns = []string{"id", "org", "document_id", "key_id", "wrapped", "created_at", "destroyed_at"}
	selectDocumentKey  = selectFrom("document_key", "k", documentKeyColumns)
	insertDocumentKey  = "INSERT INTO document_key (" + strings.Join(documentKeyColumns, ", ") + ") SELECT " + marks(len(documentKeyColumns)) +
		" FROM unit_key u WHERE u.id = ? AND u.superseded_at IS NULL"
)

func scanDocumentKey(s scanner) (k service.DocumentKey, err error) {
	err = s.Scan(&k.ID, &k.Org, &k.DocumentID, &k.KeyID, &k.Wrapped, stamp{&k.CreatedAt}, stamp{&k.DestroyedAt})
	return
}

// DocumentKey implements service.Reader.
func (r *Reader) DocumentKey(ctx context.Context, org, documentID string) (service.DocumentKey, error) {
	return one(ctx, r.c, scanDocumentKey, selectDocumentKey+"WHERE k.org = ? AND k.document_id = ?", org, documentID)
}

// DocumentKeyByID implements service.Reader.
func (r *Reader) DocumentKeyByID(ctx context.Context, id string) (service.DocumentKey, error) {
	return one(ctx, r.c, scanDocumentKey, selectDocumentKey+"WHERE k.id = ?", id)
}

// Unkeyed implements service.Reader.
func (r *Reader) Unkeyed(ctx context.Context, after *document.Document, limit int) ([]document.Document, error) {
	org, id := "", ""
	if after != nil {
		org, id = after.Org, after.ID
	}
	return list(ctx, r.c, scanDocument, selectDocument+`WHERE (d.org, d.id) > (?, ?) AND NOT EXISTS
		(SELECT 1 FROM document_key k WHERE k.org = d.org AND k.document_id = d.id) ORDER BY d.org, d.id LIMIT ?`, org, id, limit)
}

// BlobsOf implements service.Reader.
func (r *Reader) BlobsOf(ctx context.Context, org, documentID string) ([]service.Blob, error) {
	return list(ctx, r.c, scanBlob, selectBlob+`WHERE b.org = ? AND b.id IN (
		SELECT blob FROM version WHERE org = ? AND document_id = ? UNION
		SELECT blob FROM page WHERE org = ? AND document_id = ? UNION
		SELECT package FROM archive_record WHERE org = ? AND document_id = ? UNION
		SELECT package FROM archive_addition WHERE org = ? AND document_id = ?) ORDER BY b.id`,
		org, org, documentID, org, documentID, org, documentID, org, documentID)
}

// InsertDocumentKey implements service.Tx.
func (t *Tx) InsertDocumentKey(ctx context.Context, k service.DocumentKey) error {
	ok, err := change(ctx, t.c, 1, insertDocumentKey+t.c.dialect().share+" ON CONFLICT DO NOTHING",
		k.ID, k.Org, k.DocumentID, k.KeyID, k.Wrapped, k.CreatedAt, k.DestroyedAt, k.KeyID)
	if err != nil || ok {
		return err
	}
	if err := t.HoldKey(ctx, k.KeyID); err != nil {
		return err
	}
	return taken("a key for this document")
}

// RewrapBlob implements service.Tx.
func (t *Tx) RewrapBlob(ctx context.Context, b service.Blob, from string) error {
	_, err := exec(ctx, t.c, "UPDATE blob SET key_id = ?, data_key = ? WHERE id = ? AND key_id = ? AND destroyed_at IS NULL", b.KeyID, b.DataKey, b.ID, from)
	return err
}
