package store

import (
	"context"
	"time"

	"github.com/paraph/paraph/internal/bulk"
	"github.com/paraph/paraph/internal/service"
)

var (
	bulkColumns = []string{"org", "id", "unit", "document_id", "template", "columns", "caller", "operation_id", "state", "code", "reason", "total", "sent", "refused",
		"created_at", "ended_at", "revision"}
	selectBulk     = selectFrom("bulk_send", "b", bulkColumns)
	insertBulk     = insertInto("bulk_send", bulkColumns, 1, "")
	bulkRowColumns = []string{"org", "bulk_id", "number", "state", "document_id", "envelope_id", "code", "settled_at", "cells", "reason", "faults"}
	selectBulkRow  = selectFrom("bulk_row", "r", bulkRowColumns[2:])
)

func scanBulk(s scanner) (b bulk.Send, err error) {
	err = s.Scan(&b.Org, &b.ID, &b.Unit, &b.DocumentID, asJSON{&b.Template}, asJSON{&b.Columns}, asJSON{&b.By}, &b.Operation, &b.State, &b.Code, &b.Reason,
		&b.Total, &b.Sent, &b.Refused, stamp{&b.CreatedAt}, stamp{&b.EndedAt}, &b.Revision)
	return
}

func scanBulkRow(s scanner) (r bulk.Row, err error) {
	err = s.Scan(&r.Number, &r.State, &r.DocumentID, &r.EnvelopeID, &r.Code, stamp{&r.SettledAt}, asJSON{&r.Values}, &r.Reason, asJSON{&r.Faults})
	return
}

// BulkSend implements service.Reader.
func (r *Reader) BulkSend(ctx context.Context, org, id string) (bulk.Send, error) {
	return one(ctx, r.c, scanBulk, selectBulk+"WHERE b.org = ? AND b.id = ?", org, id)
}

// BulkSendOf implements service.Reader.
func (r *Reader) BulkSendOf(ctx context.Context, org, operationID string) (bulk.Send, error) {
	return one(ctx, r.c, scanBulk, selectBulk+"WHERE b.org = ? AND b.operation_id = ?", org, operationID)
}

// BulkSends implements service.Reader.
func (r *Reader) BulkSends(ctx context.Context, f service.BulkFilter) ([]bulk.Send, error) {
	var w where
	w.add("b.org = ?", f.Org)
	w.within("b.unit", f.Units, "")
	w.is("b.state", f.State)
	w.is("b.document_id", f.DocumentID)
	w.before("b.id", f.Before)
	return list(ctx, r.c, scanBulk, selectBulk+w.clause("b.id DESC", f.Limit), w.args...)
}

// BulkRows implements service.Reader.
func (r *Reader) BulkRows(ctx context.Context, org, bulkID string, state bulk.RowState, after, limit int) ([]bulk.Row, error) {
	var w where
	w.add("r.org = ?", org)
	w.add("r.bulk_id = ?", bulkID)
	w.is("r.state", string(state))
	w.add("r.number > ?", after)
	return list(ctx, r.c, scanBulkRow, selectBulkRow+w.clause("r.number", limit), w.args...)
}

// InsertBulkSend implements service.Tx.
func (t *Tx) InsertBulkSend(ctx context.Context, b bulk.Send, rows []bulk.Row) error {
	_, err := change(ctx, t.c, 1, insertBulk, b.Org, b.ID, b.Unit, b.DocumentID, encode(b.Template), encode(b.Columns), encode(b.By), b.Operation, string(b.State), b.Code, b.Reason,
		b.Total, b.Sent, b.Refused, b.CreatedAt, b.EndedAt, b.Revision)
	if err != nil {
		return err
	}
	values := make([][]any, len(rows))
	for i, r := range rows {
		values[i] = []any{b.Org, b.ID, r.Number, string(r.State), "", "", "", r.SettledAt, encode(r.Values), "", nil}
	}
	_, err = insertRows(ctx, t.c, "bulk_row", bulkRowColumns, "", values)
	return err
}

// UpdateBulkSend implements service.Tx.
func (t *Tx) UpdateBulkSend(ctx context.Context, b *bulk.Send) error {
	ok, err := change(ctx, t.c, 1, `UPDATE bulk_send SET caller = ?, operation_id = ?, state = ?, code = ?, reason = ?, sent = ?, refused = ?, ended_at = ?, revision = ?
		WHERE org = ? AND id = ? AND revision = ?`, encode(b.By), b.Operation, string(b.State), b.Code, b.Reason, b.Sent, b.Refused, b.EndedAt, b.Revision+1, b.Org, b.ID, b.Revision)
	return advanced(ok, err, &b.Revision)
}

// SettleBulkRow implements service.Tx.
func (t *Tx) SettleBulkRow(ctx context.Context, org, bulkID string, r bulk.Row) error {
	var faults any
	if len(r.Faults) > 0 {
		faults = encode(r.Faults)
	}
	ok, err := change(ctx, t.c, 1, `UPDATE bulk_row SET state = ?, document_id = ?, envelope_id = ?, code = ?, settled_at = ?, reason = ?, faults = ?
		WHERE org = ? AND bulk_id = ? AND number = ? AND state = 'waiting'`, string(r.State), r.DocumentID, r.EnvelopeID, r.Code, r.SettledAt, r.Reason, faults, org, bulkID, r.Number)
	if err == nil && !ok {
		return stale()
	}
	return err
}

// PurgeBulkRows implements service.Tx.
func (t *Tx) PurgeBulkRows(ctx context.Context, before time.Time) (int64, error) {
	// The end of the operation that sent its rows is when a bulk send was paused.
	return exec(ctx, t.c, `UPDATE bulk_row SET cells = NULL, reason = '', faults = NULL WHERE document_id = '' AND cells IS NOT NULL AND EXISTS (
		SELECT 1 FROM bulk_send b LEFT JOIN operation o ON o.org = b.org AND o.id = b.operation_id
		WHERE b.org = bulk_row.org AND b.id = bulk_row.bulk_id AND b.state <> 'running' AND COALESCE(b.ended_at, o.ended_at) < ?)`, before)
}

// RetryBulkRows implements service.Tx.
func (t *Tx) RetryBulkRows(ctx context.Context, org, bulkID string) (int64, error) {
	return exec(ctx, t.c, "UPDATE bulk_row SET state = 'waiting', code = '', reason = '', faults = NULL, settled_at = NULL WHERE org = ? AND bulk_id = ? AND state = 'refused'", org, bulkID)
}
