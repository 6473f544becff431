package store

import (
	"context"
	"time"

	"github.com/paraph/paraph/internal/service"
)

var (
	operationColumns = []string{"org", "id", "unit", "kind", "document_id", "envelope_id", "state", "step", "done", "total",
		"attempts", "code", "reason", "retryable", "created_at", "started_at", "ended_at", "revision"}
	selectOperation = selectFrom("operation", "o", operationColumns)
	insertOperation = insertInto("operation", operationColumns, 1, "")
	updateOperation = `UPDATE operation SET unit = ?, kind = ?, document_id = ?, envelope_id = ?, state = ?, step = ?, done = ?, total = ?,
		attempts = ?, code = ?, reason = ?, retryable = ?, created_at = ?, started_at = ?, ended_at = ?, revision = ?
		WHERE org = ? AND id = ? AND revision = ?`
)

func operationRow(o *service.Operation, revision int64) []any {
	return []any{o.Unit, o.Kind, o.DocumentID, o.EnvelopeID, string(o.State), o.Step, o.Done, o.Total,
		o.Attempts, o.Code, o.Reason, o.Retryable, o.CreatedAt, o.StartedAt, o.EndedAt, revision}
}

func scanOperation(s scanner) (o service.Operation, err error) {
	err = s.Scan(&o.Org, &o.ID, &o.Unit, &o.Kind, &o.DocumentID, &o.EnvelopeID, &o.State, &o.Step, &o.Done, &o.Total,
		&o.Attempts, &o.Code, &o.Reason, &o.Retryable, stamp{&o.CreatedAt}, stamp{&o.StartedAt}, stamp{&o.EndedAt}, &o.Revision)
	return
}

// Operation implements service.Reader.
func (r *Reader) Operation(ctx context.Context, org, id string) (service.Operation, error) {
	return one(ctx, r.c, scanOperation, selectOperation+"WHERE o.org = ? AND o.id = ?", org, id)
}

// Operations implements service.Reader.
func (r *Reader) Operations(ctx context.Context, f service.OperationFilter) ([]service.Operation, error) {
	var w where
	w.add("o.org = ?", f.Org)
	w.within("o.unit", f.Units, "")
	w.is("o.state", f.State)
	w.is("o.kind", f.Kind)
	w.is("o.document_id", f.DocumentID)
	w.before("o.id", f.Before)
	return list(ctx, r.c, scanOperation, selectOperation+w.clause("o.id DESC", f.Limit), w.args...)
}

// InsertOperation implements service.Tx. The revision is written as given.
func (t *Tx) InsertOperation(ctx context.Context, o service.Operation) error {
	_, err := change(ctx, t.c, 1, insertOperation, append([]any{o.Org, o.ID}, operationRow(&o, o.Revision)...)...)
	return err
}

// LockOperation implements service.Tx.
func (t *Tx) LockOperation(ctx context.Context, org, id string) (service.Operation, error) {
	if err := t.locks(); err != nil {
		return service.Operation{}, err
	}
	return one(ctx, t.c, scanOperation, selectOperation+"WHERE o.org = ? AND o.id = ?"+t.c.dialect().lock, org, id)
}

// UpdateOperation implements service.Tx.
func (t *Tx) UpdateOperation(ctx context.Context, o *service.Operation) error {
	args := append(operationRow(o, o.Revision+1), o.Org, o.ID, o.Revision)
	ok, err := change(ctx, t.c, 1, updateOperation, args...)
	return swapped(ctx, t.c, ok, err, &o.Revision, "operation", o.Org, o.ID)
}

var (
	archiveColumns = []string{"org", "id", "unit", "document_id", "version", "sha256", "package", "package_sha256",
		"package_size", "files", "rule", "archived_at"}
	selectArchive = selectFrom("archive_record", "a", archiveColumns)
)

func scanArchive(s scanner) (a service.ArchiveRecord, err error) {
	err = s.Scan(&a.Org, &a.ID, &a.Unit, &a.DocumentID, &a.Version, &a.SHA256, &a.Package, &a.PackageSHA256,
		&a.PackageSize, rawJSON{(*[]byte)(&a.Files)}, &a.Rule, stamp{&a.ArchivedAt})
	return
}

// ArchiveRecord implements service.Reader.
func (r *Reader) ArchiveRecord(ctx context.Context, org, id string) (service.ArchiveRecord, error) {
	return one(ctx, r.c, scanArchive, selectArchive+"WHERE a.org = ? AND a.id = ?", org, id)
}

// ArchiveRecords implements service.Reader.
func (r *Reader) ArchiveRecords(ctx context.Context, f service.ArchiveFilter) ([]service.ArchiveRecord, error) {
	var w where
	w.add("a.org = ?", f.Org)
	w.within("a.unit", f.Units, "")
	w.is("a.document_id", f.DocumentID)
	w.before("a.id", f.Before)
	return list(ctx, r.c, scanArchive, selectArchive+w.clause("a.id DESC", f.Limit), w.args...)
}

// InsertArchiveRecord implements service.Tx. The document must be there.
func (t *Tx) InsertArchiveRecord(ctx context.Context, a service.ArchiveRecord) error {
	ok, err := change(ctx, t.c, 1, insertInto("archive_record", archiveColumns, 1, "ON CONFLICT (org, document_id) DO NOTHING"),
		a.Org, a.ID, a.Unit, a.DocumentID, a.Version, a.SHA256, a.Package, a.PackageSHA256, a.PackageSize, raw(a.Files), a.Rule, a.ArchivedAt)
	if err == nil && !ok {
		return taken("an archive record of this document")
	}
	return err
}

// Cursor implements service.Reader; 0 where it was never set.
func (r *Reader) Cursor(ctx context.Context, name string) (int64, error) {
	found, err := list(ctx, r.c, scanInt, "SELECT next FROM dispatch_cursor WHERE name = ?", name)
	if err != nil || len(found) == 0 {
		return 0, err
	}
	return found[0], nil
}

// SetCursor implements service.Tx.
func (t *Tx) SetCursor(ctx context.Context, name string, next int64) error {
	moved, err := exec(ctx, t.c, `INSERT INTO dispatch_cursor (name, next) VALUES (?, ?)
		ON CONFLICT (name) DO UPDATE SET next = excluded.next WHERE dispatch_cursor.next < excluded.next`, name, next)
	if err == nil && moved == 0 {
		return stale()
	}
	return err
}

// Setting implements service.Reader.
func (r *Reader) Setting(ctx context.Context, key string) (string, error) {
	return one(ctx, r.c, scanString, "SELECT value FROM setting WHERE name = ?", key)
}

// SetSetting implements service.Tx.
func (t *Tx) SetSetting(ctx context.Context, key, value string) error {
	_, err := change(ctx, t.c, 1, "INSERT INTO setting (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", key, value)
	return err
}

// tally is one line of a count by name, with the oldest time.
type tally struct {
	name   string
	n      int64
	oldest time.Time
}

func scanTally(s scanner) (t tally, err error) {
	err = s.Scan(&t.name, &t.n, stamp{&t.oldest})
	return
}

// Figures implements service.Reader.
func (r *Reader) Figures(ctx context.Context) (service.Figures, error) {
	f := service.Figures{DocumentsByState: map[string]int64{}, OpenOperations: map[string]int64{}, OldestOperation: map[string]time.Time{}, Cursors: map[string]int64{}}
	for _, q := range []struct {
		sql string
		put func(tally)
	}{
		{"SELECT state, COUNT(*), NULL FROM document GROUP BY state", func(t tally) { f.DocumentsByState[t.name] = t.n }},
		{"SELECT '', COUNT(*), MIN(at) FROM entry WHERE idx IS NULL", func(t tally) { f.Unnumbered, f.OldestUnnumbered = t.n, t.oldest }},
		{"SELECT '', size, NULL FROM log_head", func(t tally) { f.LogSize = t.n }},
		{"SELECT kind, COUNT(*), MIN(created_at) FROM operation WHERE state IN ('pending', 'running') GROUP BY kind",
			func(t tally) { f.OpenOperations[t.name], f.OldestOperation[t.name] = t.n, t.oldest }},
		{"SELECT '', COUNT(*), NULL FROM inbound WHERE state = 'quarantined'", func(t tally) { f.Quarantined = t.n }},
		{"SELECT name, next, NULL FROM dispatch_cursor", func(t tally) { f.Cursors[t.name] = t.n }},
	} {
		found, err := list(ctx, r.c, scanTally, q.sql)
		if err != nil {
			return f, err
		}
		for _, t := range found {
			q.put(t)
		}
	}
	return f, nil
}
