package store

import (
	"context"

	"github.com/paraph/paraph/internal/service"
)

var (
	importColumns = []string{"org", "id", "unit", "operation_id", "state", "code", "made_by", "size", "sha256", "manifest_sha256", "origin", "documents", "made", "known",
		"disposed", "failed", "created_at", "ended_at", "revision"}
	selectImport = selectFrom("unit_import", "m", importColumns)
	insertImport = insertInto("unit_import", importColumns, 1, "")
	rowColumns   = []string{"org", "import_id", "number", "unit", "manifest_sha256", "origin_id", "document_id", "outcome", "code", "reason"}
	selectRow    = selectFrom("import_row", "r", rowColumns)
	keepRow      = insertInto("import_row", rowColumns, 1, `ON CONFLICT (org, import_id, number) DO UPDATE SET unit = excluded.unit,
		manifest_sha256 = excluded.manifest_sha256, origin_id = excluded.origin_id, document_id = excluded.document_id, outcome = excluded.outcome, code = excluded.code, reason = excluded.reason`)
)

func scanImport(s scanner) (m service.UnitImport, err error) {
	err = s.Scan(&m.Org, &m.ID, &m.Unit, &m.Operation, &m.State, &m.Code, &m.By, &m.Size, &m.SHA256, &m.Manifest, asJSON{&m.Origin}, &m.Documents, &m.Made, &m.Known,
		&m.Disposed, &m.Failed, stamp{&m.CreatedAt}, stamp{&m.EndedAt}, &m.Revision)
	return
}

func scanImportRow(s scanner) (r service.ImportRow, err error) {
	err = s.Scan(&r.Org, &r.Import, &r.Number, &r.Unit, &r.Manifest, &r.Origin, &r.Document, &r.Outcome, &r.Code, &r.Reason)
	return
}

// Import implements service.Reader.
func (r *Reader) Import(ctx context.Context, org, id string) (service.UnitImport, error) {
	return one(ctx, r.c, scanImport, selectImport+"WHERE m.org = ? AND m.id = ?", org, id)
}

// ImportByOperation implements service.Reader.
func (r *Reader) ImportByOperation(ctx context.Context, org, operationID string) (service.UnitImport, error) {
	return one(ctx, r.c, scanImport, selectImport+"WHERE m.org = ? AND m.operation_id = ?", org, operationID)
}

// Imports implements service.Reader.
func (r *Reader) Imports(ctx context.Context, f service.HandoverFilter) ([]service.UnitImport, error) {
	var w where
	w.add("m.org = ?", f.Org)
	w.is("m.unit", f.Unit)
	w.before("m.id", f.Before)
	return list(ctx, r.c, scanImport, selectImport+w.clause("m.id DESC", f.Limit), w.args...)
}

// ImportRows implements service.Reader.
func (r *Reader) ImportRows(ctx context.Context, f service.ImportRowFilter) ([]service.ImportRow, error) {
	var w where
	w.add("r.org = ?", f.Org)
	w.is("r.import_id", f.Import)
	w.is("r.outcome", string(f.Outcome))
	w.add("r.number > ?", f.After)
	return list(ctx, r.c, scanImportRow, selectRow+w.clause("r.number", f.Limit), w.args...)
}

// ImportRow implements service.Reader.
func (r *Reader) ImportRow(ctx context.Context, org, importID string, number int64) (service.ImportRow, error) {
	return one(ctx, r.c, scanImportRow, selectRow+"WHERE r.org = ? AND r.import_id = ? AND r.number = ?", org, importID, number)
}

// ImportedBefore implements service.Reader.
func (r *Reader) ImportedBefore(ctx context.Context, org, unit, manifest, origin string) (string, error) {
	return one(ctx, r.c, scanString, "SELECT r.document_id FROM import_row r WHERE r.org = ? AND r.unit = ? AND r.manifest_sha256 = ? AND r.origin_id = ? AND r.outcome = 'made'",
		org, unit, manifest, origin)
}

// CountImportRows implements service.Reader.
func (r *Reader) CountImportRows(ctx context.Context, org, importID string) (map[service.Outcome]int64, error) {
	type count struct {
		outcome service.Outcome
		n       int64
	}
	rows, err := list(ctx, r.c, func(s scanner) (c count, err error) { return c, s.Scan(&c.outcome, &c.n) },
		"SELECT r.outcome, count(*) FROM import_row r WHERE r.org = ? AND r.import_id = ? GROUP BY r.outcome", org, importID)
	if len(rows) == 0 {
		return nil, err
	}
	out := map[service.Outcome]int64{}
	for _, c := range rows {
		out[c.outcome] = c.n
	}
	return out, err
}

// InsertImport implements service.Tx.
func (t *Tx) InsertImport(ctx context.Context, m service.UnitImport) error {
	_, err := change(ctx, t.c, 1, insertImport, m.Org, m.ID, m.Unit, m.Operation, m.State, m.Code, m.By, m.Size, m.SHA256, m.Manifest, encode(m.Origin), m.Documents, m.Made, m.Known,
		m.Disposed, m.Failed, m.CreatedAt, m.EndedAt, m.Revision)
	return err
}

// UpdateImport implements service.Tx.
func (t *Tx) UpdateImport(ctx context.Context, m *service.UnitImport) error {
	ok, err := change(ctx, t.c, 1, `UPDATE unit_import SET state = ?, code = ?, manifest_sha256 = ?, origin = ?, documents = ?, made = ?, known = ?, disposed = ?, failed = ?, ended_at = ?, revision = ?
		WHERE org = ? AND id = ? AND revision = ?`, m.State, m.Code, m.Manifest, encode(m.Origin), m.Documents, m.Made, m.Known, m.Disposed, m.Failed, m.EndedAt, m.Revision+1, m.Org, m.ID, m.Revision)
	return advanced(ok, err, &m.Revision)
}

// KeepImportRow implements service.Tx.
func (t *Tx) KeepImportRow(ctx context.Context, r service.ImportRow) error {
	_, err := change(ctx, t.c, 1, keepRow, r.Org, r.Import, r.Number, r.Unit, r.Manifest, r.Origin, r.Document, r.Outcome, r.Code, r.Reason)
	return err
}
