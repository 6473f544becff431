package store

import (
	"context"
	"time"

	"github.com/paraph/paraph/internal/service"
)

var (
	backlogColumns = []string{"org", "operation_id", "kind", "doc_type", "unit", "document_id", "trace", "enqueued_at", "due_at",
		"holder", "token", "failures", "deaths", "alone", "code", "reason", "parent", "first_page", "last_page", "parts"}
	selectBacklog = selectFrom("backlog", "b", backlogColumns)
)

func scanBacklogged(s scanner) (b service.Backlogged, err error) {
	err = s.Scan(&b.Org, &b.OperationID, &b.Kind, &b.Type, &b.Unit, &b.DocumentID, &b.Trace, stamp{&b.EnqueuedAt}, stamp{&b.DueAt},
		&b.Holder, &b.Token, &b.Failures, &b.Deaths, &b.Alone, &b.Code, &b.Reason, &b.Parent, &b.First, &b.Last, &b.Parts)
	return
}

// Backlogged implements service.Reader.
func (r *Reader) Backlogged(ctx context.Context, org, operationID string) (service.Backlogged, error) {
	return one(ctx, r.c, scanBacklogged, selectBacklog+"WHERE b.org = ? AND b.operation_id = ?", org, operationID)
}

// BacklogDue implements service.Reader.
func (r *Reader) BacklogDue(ctx context.Context, kind string, now time.Time) (bool, error) {
	return exists(ctx, r.c, "SELECT 1 FROM backlog WHERE kind = ? AND holder = '' AND due_at <= ? LIMIT 1", kind, now)
}

func scanFlow(s scanner) (f service.Flow, err error) {
	err = s.Scan(&f.Org, &f.Type, &f.Unit, &f.TypeWeight, &f.UnitWeight, &f.MaxRunning, stamp{&f.Due})
	return
}

// Flows implements service.Reader. Each flow that ever was has its turn, so that
// the first of each is looked up by the index and the backlog is never read whole.
func (r *Reader) Flows(ctx context.Context, kind string) ([]service.Flow, error) {
	return list(ctx, r.c, scanFlow, `SELECT f.org, f.doc_type, f.unit, f.type_weight, f.unit_weight, f.max_running, f.due FROM (
		SELECT t.org, t.doc_type, t.unit, COALESCE(d.weight, 1) AS type_weight, COALESCE(u.weight, 1) AS unit_weight, COALESCE(d.max_running, 0) AS max_running,
			(SELECT MIN(b.due_at) FROM backlog b WHERE b.kind = t.kind AND b.org = t.org AND b.doc_type = t.doc_type AND b.unit = t.unit AND b.alone = FALSE AND b.holder = '') AS due
		FROM turn t LEFT JOIN unit u ON u.org = t.org AND u.name = t.unit LEFT JOIN document_type d ON d.org = t.org AND d.name = t.doc_type
		WHERE t.kind = ? AND t.level = 3) f
		WHERE f.due IS NOT NULL ORDER BY f.due, f.org, f.doc_type, f.unit`, kind)
}

// FlowHead implements service.Reader.
func (r *Reader) FlowHead(ctx context.Context, kind string, f service.Flow, now time.Time) (service.Backlogged, error) {
	return one(ctx, r.c, scanBacklogged, selectBacklog+`WHERE b.kind = ? AND b.org = ? AND b.doc_type = ? AND b.unit = ? AND b.alone = FALSE
		AND b.holder = '' AND b.due_at <= ? ORDER BY b.due_at, b.operation_id LIMIT 1`, kind, f.Org, f.Type, f.Unit, now)
}

// Suspect implements service.Reader.
func (r *Reader) Suspect(ctx context.Context, now time.Time) (service.Backlogged, error) {
	return one(ctx, r.c, scanBacklogged, selectBacklog+"WHERE b.holder = '' AND b.alone = TRUE AND b.due_at <= ? ORDER BY b.due_at LIMIT 1", now)
}

type inWork struct {
	of service.TypeOf
	n  int
}

func scanInWork(s scanner) (w inWork, err error) {
	err = s.Scan(&w.of.Org, &w.of.Type, &w.n)
	return
}

// InWork implements service.Reader. Each half is served by its own index.
func (r *Reader) InWork(ctx context.Context) (map[service.TypeOf]int, error) {
	found, err := list(ctx, r.c, scanInWork, `SELECT org, doc_type, COUNT(DISTINCT document_id) FROM (
		SELECT org, doc_type, document_id FROM backlog WHERE holder <> '' UNION ALL
		SELECT org, doc_type, document_id FROM backlog WHERE code = 'parted' AND holder = '') w GROUP BY org, doc_type`)
	out := map[service.TypeOf]int{}
	for _, w := range found {
		out[w.of] = w.n
	}
	return out, err
}

type partCount struct{ left, held int }

func scanPartCount(s scanner) (n partCount, err error) {
	err = s.Scan(&n.left, &n.held)
	return
}

// Parts implements service.Reader.
func (r *Reader) Parts(ctx context.Context, org, operationID string) (left, held int, err error) {
	n, err := one(ctx, r.c, scanPartCount, "SELECT COUNT(*), COALESCE(SUM(CASE WHEN holder <> '' THEN 1 ELSE 0 END), 0) FROM backlog WHERE org = ? AND parent = ? AND parent <> ''", org, operationID)
	return n.left, n.held, err
}

// LockBacklogged implements service.Tx.
func (t *Tx) LockBacklogged(ctx context.Context, org, operationID string) (service.Backlogged, error) {
	if err := t.locks(); err != nil {
		return service.Backlogged{}, err
	}
	return one(ctx, t.c, scanBacklogged, selectBacklog+"WHERE b.org = ? AND b.operation_id = ?"+t.c.dialect().lock, org, operationID)
}

// Holders implements service.Reader.
func (r *Reader) Holders(ctx context.Context) ([]string, error) {
	return list(ctx, r.c, scanString, "SELECT DISTINCT holder FROM backlog WHERE holder <> '' ORDER BY holder")
}

func scanTurn(s scanner) (t service.Turn, err error) {
	var level int
	names := make([]string, 3)
	err = s.Scan(&level, &names[0], &names[1], &names[2], &t.Tag.Clock, &t.Tag.Finish)
	t.Names = names[:level]
	return
}

// Turns implements service.Reader.
func (r *Reader) Turns(ctx context.Context, kind string) ([]service.Turn, error) {
	return list(ctx, r.c, scanTurn, "SELECT level, org, doc_type, unit, clock, finish FROM turn WHERE kind = ?", kind)
}

const beginAnew = `ON CONFLICT (org, operation_id) DO UPDATE SET enqueued_at = excluded.enqueued_at, due_at = excluded.due_at, holder = '',
	token = backlog.token + 1, failures = 0, deaths = 0, alone = FALSE, code = '', reason = '',
	first_page = excluded.first_page, last_page = excluded.last_page, parts = 0`

// Enqueue implements service.Tx.
func (t *Tx) Enqueue(ctx context.Context, rows []service.Backlogged) error {
	last := map[[2]string]int{} // an operation may have been started and retried in one batch
	for i, b := range rows {
		last[[2]string{b.Org, b.OperationID}] = i
	}
	var all [][]any
	flows := map[[4]string]bool{}
	for i, b := range rows {
		if last[[2]string{b.Org, b.OperationID}] != i {
			continue
		}
		all = append(all, []any{b.Org, b.OperationID, b.Kind, b.Type, b.Unit, b.DocumentID, b.Trace, b.EnqueuedAt, b.DueAt, "", 1, 0, 0, false, "", "", b.Parent, b.First, b.Last, 0})
		flows[[4]string{b.Kind, b.Org, b.Type, b.Unit}] = true
	}
	if _, err := insertRows(ctx, t.c, "backlog", backlogColumns, beginAnew, all); err != nil {
		return err
	}
	for f := range flows {
		if _, err := exec(ctx, t.c, insertTurn+"DO NOTHING", f[0], 3, f[1], f[2], f[3], 0, 0); err != nil {
			return err
		}
	}
	return nil
}

const insertTurn = "INSERT INTO turn (kind, level, org, doc_type, unit, clock, finish) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (kind, level, org, doc_type, unit) "

// LockTurns implements service.Tx: it writes the root's row.
func (t *Tx) LockTurns(ctx context.Context, kind string) error {
	_, err := exec(ctx, t.c, insertTurn+"DO UPDATE SET finish = turn.finish", kind, 0, "", "", "", 0, 0)
	return err
}

// SaveTurns implements service.Tx.
func (t *Tx) SaveTurns(ctx context.Context, kind string, turns []service.Turn) error {
	for _, turn := range turns {
		var names [3]string
		copy(names[:], turn.Names)
		_, err := exec(ctx, t.c, insertTurn+"DO UPDATE SET clock = excluded.clock, finish = excluded.finish",
			kind, len(turn.Names), names[0], names[1], names[2], turn.Tag.Clock, turn.Tag.Finish)
		if err != nil {
			return err
		}
	}
	return nil
}

// UpdateBacklogged implements service.Tx.
func (t *Tx) UpdateBacklogged(ctx context.Context, b *service.Backlogged) error {
	n, err := exec(ctx, t.c, `UPDATE backlog SET due_at = ?, holder = ?, token = ?, failures = ?, deaths = ?, alone = ?, code = ?, reason = ?, parts = ?
		WHERE org = ? AND operation_id = ? AND token = ?`,
		b.DueAt, b.Holder, b.Token+1, b.Failures, b.Deaths, b.Alone, b.Code, b.Reason, b.Parts, b.Org, b.OperationID, b.Token)
	if err == nil && n == 0 {
		return stale()
	}
	if err == nil {
		b.Token++
	}
	return err
}

// RemoveBacklogged implements service.Tx.
func (t *Tx) RemoveBacklogged(ctx context.Context, b service.Backlogged) error {
	_, err := exec(ctx, t.c, "DELETE FROM backlog WHERE org = ? AND operation_id = ? AND token = ?", b.Org, b.OperationID, b.Token)
	return err
}

// GiveBack implements service.Tx.
func (t *Tx) GiveBack(ctx context.Context, holder string) (int64, error) {
	return exec(ctx, t.c, `UPDATE backlog SET holder = '', token = token + 1, deaths = deaths + 1, alone = (deaths + 1 >= ?) WHERE holder = ? AND holder <> ''`,
		service.SuspectedAfter, holder)
}

func scanKept(s scanner) (p service.PageKept, err error) {
	err = s.Scan(&p.No, &p.Data)
	return
}

// KeptPages implements service.Reader.
func (r *Reader) KeptPages(ctx context.Context, org, operationID string) ([]service.PageKept, error) {
	return list(ctx, r.c, scanKept, "SELECT number, data FROM kept_page WHERE org = ? AND operation_id = ? ORDER BY number", org, operationID)
}

// CountKept implements service.Reader.
func (r *Reader) CountKept(ctx context.Context, org, operationID string) (int, error) {
	n, err := one(ctx, r.c, scanInt, "SELECT COUNT(*) FROM kept_page WHERE org = ? AND operation_id = ?", org, operationID)
	return int(n), err
}

// KeepPage implements service.Tx.
func (t *Tx) KeepPage(ctx context.Context, org, operationID string, p service.PageKept) error {
	_, err := exec(ctx, t.c, "INSERT INTO kept_page (org, operation_id, number, data) VALUES (?, ?, ?, ?) ON CONFLICT (org, operation_id, number) DO NOTHING", org, operationID, p.No, p.Data)
	return err
}

// DropPages implements service.Tx.
func (t *Tx) DropPages(ctx context.Context, org, operationID string) error {
	_, err := exec(ctx, t.c, "DELETE FROM kept_page WHERE org = ? AND operation_id = ?", org, operationID)
	return err
}

// Ahead implements service.Reader.
func (r *Reader) Ahead(ctx context.Context, b service.Backlogged, most int) (int, error) {
	n, err := one(ctx, r.c, scanInt, `SELECT COUNT(*) FROM (SELECT 1 AS one FROM backlog WHERE kind = ? AND org = ? AND doc_type = ? AND unit = ? AND alone = ? AND holder = ''
		AND (due_at < ? OR (due_at = ? AND operation_id < ?)) LIMIT ?) ahead`, b.Kind, b.Org, b.Type, b.Unit, b.Alone, b.DueAt, b.DueAt, b.OperationID, most)
	return int(n), err
}

func scanQueue(s scanner) (q service.QueueState, err error) {
	err = s.Scan(&q.Org, &q.Kind, &q.Type, &q.Unit, &q.Waiting, &q.Later, &q.Suspected, &q.Running, stamp{&q.Oldest}, stamp{&q.Next})
	return
}

// Queues implements service.Reader.
func (r *Reader) Queues(ctx context.Context, org string, now time.Time) ([]service.QueueState, error) {
	return list(ctx, r.c, scanQueue, `SELECT org, kind, doc_type, unit, SUM(CASE WHEN holder = '' AND due_at <= ? THEN 1 ELSE 0 END), SUM(CASE WHEN holder = '' AND due_at > ? AND code <> 'parted' THEN 1 ELSE 0 END),
		SUM(CASE WHEN holder = '' AND alone = TRUE THEN 1 ELSE 0 END), SUM(CASE WHEN holder <> '' OR code = 'parted' THEN 1 ELSE 0 END),
		MIN(CASE WHEN holder = '' AND due_at <= ? THEN due_at END), MIN(CASE WHEN holder = '' AND due_at > ? AND code <> 'parted' THEN due_at END)
		FROM backlog WHERE org = ? OR ? = '' GROUP BY org, kind, doc_type, unit ORDER BY org, kind, doc_type, unit`, now, now, now, now, org, org)
}

// Workers implements service.Reader. Leases go by the database's clock.
func (r *Reader) Workers(ctx context.Context) ([]string, error) {
	return list(ctx, r.c, scanString, "SELECT name FROM lease WHERE name LIKE ? AND until > CAST("+r.c.dialect().now+" AS BIGINT) ORDER BY name", service.WorkerLease("%"))
}
