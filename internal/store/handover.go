package store

import (
	"context"
	"time"

	"github.com/paraph/paraph/internal/service"
)

var (
	exportColumns = []string{"org", "id", "unit", "operation_id", "state", "code", "made_by", "manifest_sha256", "counts", "log_size", "size", "sha256",
		"created_at", "ended_at", "expires_at", "revision"}
	selectExport  = selectFrom("unit_export", "e", exportColumns)
	insertExport  = insertInto("unit_export", exportColumns, 1, "")
	archiveCols   = []string{"org", "id", "blob", "key_id", "data_key", "size", "sha256"}
	insertArchive = insertInto("handover_file", archiveCols, 1, "")
)

func scanExport(s scanner) (e service.UnitExport, err error) {
	var counts []byte
	err = s.Scan(&e.Org, &e.ID, &e.Unit, &e.Operation, &e.State, &e.Code, &e.By, &e.Manifest, rawJSON{&counts}, &e.LogSize, &e.Size, &e.SHA256,
		stamp{&e.CreatedAt}, stamp{&e.EndedAt}, stamp{&e.ExpiresAt}, &e.Revision)
	if len(counts) > 0 {
		e.Counts = counts
	}
	return
}

// Export implements service.Reader.
func (r *Reader) Export(ctx context.Context, org, id string) (service.UnitExport, error) {
	return one(ctx, r.c, scanExport, selectExport+"WHERE e.org = ? AND e.id = ?", org, id)
}

// ExportByOperation implements service.Reader.
func (r *Reader) ExportByOperation(ctx context.Context, org, operationID string) (service.UnitExport, error) {
	return one(ctx, r.c, scanExport, selectExport+"WHERE e.org = ? AND e.operation_id = ?", org, operationID)
}

// Exports implements service.Reader.
func (r *Reader) Exports(ctx context.Context, f service.HandoverFilter) ([]service.UnitExport, error) {
	var w where
	w.add("e.org = ?", f.Org)
	w.is("e.unit", f.Unit)
	w.before("e.id", f.Before)
	return list(ctx, r.c, scanExport, selectExport+w.clause("e.id DESC", f.Limit), w.args...)
}

// ExpiredExports implements service.Reader.
func (r *Reader) ExpiredExports(ctx context.Context, before time.Time, limit int) ([]service.UnitExport, error) {
	return list(ctx, r.c, scanExport, selectExport+"WHERE e.state = 'ready' AND e.expires_at <= ? ORDER BY e.expires_at LIMIT ?", before, limit)
}

// HandoverFile implements service.Reader.
func (r *Reader) HandoverFile(ctx context.Context, org, id string) (service.Blob, error) {
	scan := func(s scanner) (b service.Blob, err error) {
		err = s.Scan(&b.Org, &b.ID, &b.KeyID, &b.DataKey, &b.Size, &b.SHA256)
		return
	}
	return one(ctx, r.c, scan, "SELECT f.org, f.blob, f.key_id, f.data_key, f.size, f.sha256 FROM handover_file f WHERE f.org = ? AND f.id = ?", org, id)
}

// InsertExport implements service.Tx.
func (t *Tx) InsertExport(ctx context.Context, e service.UnitExport) error {
	_, err := change(ctx, t.c, 1, insertExport, e.Org, e.ID, e.Unit, e.Operation, e.State, e.Code, e.By, e.Manifest, string(e.Counts), e.LogSize, e.Size, e.SHA256,
		e.CreatedAt, e.EndedAt, e.ExpiresAt, e.Revision)
	return err
}

// UpdateExport implements service.Tx.
func (t *Tx) UpdateExport(ctx context.Context, e *service.UnitExport) error {
	ok, err := change(ctx, t.c, 1, `UPDATE unit_export SET state = ?, code = ?, manifest_sha256 = ?, counts = ?, log_size = ?, size = ?, sha256 = ?, ended_at = ?, expires_at = ?, revision = ?
		WHERE org = ? AND id = ? AND revision = ?`, e.State, e.Code, e.Manifest, string(e.Counts), e.LogSize, e.Size, e.SHA256, e.EndedAt, e.ExpiresAt, e.Revision+1, e.Org, e.ID, e.Revision)
	return advanced(ok, err, &e.Revision)
}

// OutdateExports implements service.Tx.
func (t *Tx) OutdateExports(ctx context.Context, org, unit string) error {
	ready := "(SELECT id FROM unit_export WHERE org = ? AND unit = ? AND state = 'ready')"
	for _, s := range []struct {
		sql  string
		args []any
	}{
		{"DELETE FROM document_key WHERE org = ? AND document_id IN " + ready, []any{org, org, unit}},
		{"DELETE FROM handover_file WHERE org = ? AND id IN " + ready, []any{org, org, unit}},
		{"UPDATE unit_export SET code = CASE WHEN state = 'ready' THEN ? ELSE code END, state = CASE WHEN state = 'ready' THEN 'ended' ELSE state END, revision = revision + 1 WHERE org = ? AND unit = ? AND state IN ('ready', 'running')",
			[]any{service.EndedOutdated, org, unit}},
	} {
		if _, err := exec(ctx, t.c, s.sql, s.args...); err != nil {
			return err
		}
	}
	return nil
}

// InsertHandoverFile implements service.Tx.
func (t *Tx) InsertHandoverFile(ctx context.Context, id string, b service.Blob) error {
	_, err := change(ctx, t.c, 1, insertArchive, b.Org, id, b.ID, b.KeyID, b.DataKey, b.Size, b.SHA256)
	return err
}

// DropHandoverFile implements service.Tx.
func (t *Tx) DropHandoverFile(ctx context.Context, org, id string) error {
	for _, s := range []string{"DELETE FROM handover_file WHERE org = ? AND id = ?", "DELETE FROM document_key WHERE org = ? AND document_id = ?"} {
		if _, err := exec(ctx, t.c, s, org, id); err != nil {
			return err
		}
	}
	return nil
}
