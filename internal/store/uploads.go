package store

import (
	"context"
	"time"

	"github.com/paraph/paraph/internal/service"
)

var (
	uploadColumns = []string{"org", "id", "owner", "unit", "length", "position", "parts", "details", "document_id", "operation_id", "code", "reason",
		"created_at", "expires_at", "revision"}
	selectUpload = selectFrom("upload", "u", uploadColumns)
	insertUpload = insertInto("upload", uploadColumns, 1, "")
	partColumns  = []string{"org", "upload_id", "number", "blob", "key_id", "data_key", "size", "sha256"}
	insertPart   = insertInto("upload_part", partColumns, 1, "ON CONFLICT (org, upload_id, number) DO NOTHING")
)

func scanUpload(s scanner) (u service.ResumableUpload, err error) {
	err = s.Scan(&u.Org, &u.ID, &u.Owner, &u.Unit, &u.Length, &u.Position, &u.Parts, asJSON{&u.Details}, &u.DocumentID, &u.OperationID, &u.Code, &u.Reason,
		stamp{&u.CreatedAt}, stamp{&u.ExpiresAt}, &u.Revision)
	return
}

// Upload implements service.Reader.
func (r *Reader) Upload(ctx context.Context, org, id string) (service.ResumableUpload, error) {
	return one(ctx, r.c, scanUpload, selectUpload+"WHERE u.org = ? AND u.id = ?", org, id)
}

// CountUploads implements service.Reader.
func (r *Reader) CountUploads(ctx context.Context, org, owner string) (int, error) {
	n, err := one(ctx, r.c, scanInt, "SELECT count(*) FROM upload u WHERE u.org = ? AND u.owner = ? AND u.document_id = ''", org, owner)
	return int(n), err
}

// UploadParts implements service.Reader.
func (r *Reader) UploadParts(ctx context.Context, org, id string) ([]service.Blob, error) {
	scan := func(s scanner) (b service.Blob, err error) {
		err = s.Scan(&b.Org, &b.ID, &b.KeyID, &b.DataKey, &b.Size, &b.SHA256)
		return
	}
	return list(ctx, r.c, scan, "SELECT p.org, p.blob, p.key_id, p.data_key, p.size, p.sha256 FROM upload_part p WHERE p.org = ? AND p.upload_id = ? ORDER BY p.number", org, id)
}

// ExpiredUploads implements service.Reader.
func (r *Reader) ExpiredUploads(ctx context.Context, before time.Time, limit int) ([]service.ResumableUpload, error) {
	return list(ctx, r.c, scanUpload, selectUpload+"WHERE u.expires_at <= ? ORDER BY u.expires_at LIMIT ?", before, limit)
}

// InsertUpload implements service.Tx.
func (t *Tx) InsertUpload(ctx context.Context, u service.ResumableUpload) error {
	_, err := change(ctx, t.c, 1, insertUpload, u.Org, u.ID, u.Owner, u.Unit, u.Length, u.Position, u.Parts, encode(u.Details), u.DocumentID, u.OperationID, u.Code, u.Reason,
		u.CreatedAt, u.ExpiresAt, u.Revision)
	return err
}

// UpdateUpload implements service.Tx.
func (t *Tx) UpdateUpload(ctx context.Context, u *service.ResumableUpload) error {
	ok, err := change(ctx, t.c, 1, `UPDATE upload SET position = ?, parts = ?, document_id = ?, operation_id = ?, code = ?, reason = ?, expires_at = ?, revision = ?
		WHERE org = ? AND id = ? AND revision = ?`, u.Position, u.Parts, u.DocumentID, u.OperationID, u.Code, u.Reason, u.ExpiresAt, u.Revision+1, u.Org, u.ID, u.Revision)
	return advanced(ok, err, &u.Revision)
}

// InsertUploadPart implements service.Tx. Fault Conflict "stale" where there is a piece of the number.
func (t *Tx) InsertUploadPart(ctx context.Context, org, id string, number int, b service.Blob) error {
	ok, err := change(ctx, t.c, 1, insertPart, org, id, number, b.ID, b.KeyID, b.DataKey, b.Size, b.SHA256)
	if err == nil && !ok {
		return stale()
	}
	return err
}

// DropUploadParts implements service.Tx.
func (t *Tx) DropUploadParts(ctx context.Context, org, id string) error {
	_, err := exec(ctx, t.c, "DELETE FROM upload_part WHERE org = ? AND upload_id = ?", org, id)
	return err
}

// DropUpload implements service.Tx.
func (t *Tx) DropUpload(ctx context.Context, org, id string) error {
	if err := t.DropUploadParts(ctx, org, id); err != nil {
		return err
	}
	for _, s := range []string{
		"DELETE FROM upload WHERE org = ? AND id = ?", "DELETE FROM document_key WHERE org = ? AND document_id = ?",
	} {
		if _, err := exec(ctx, t.c, s, org, id); err != nil {
			return err
		}
	}
	return nil
}
