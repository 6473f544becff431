package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/webhook"
)

var (
	deliveryColumns = []string{"idx", "endpoint", "state", "order_key", "form", "attempts", "tries", "next_at", "ended_at", "status", "code"}
	selectDelivery  = selectFrom("delivery", "d", deliveryColumns)
)

// ofPending is the condition of what waits, as its index has it.
const ofPending = "d.state = 0"

func scanDelivery(s scanner) (d webhook.Delivery, err error) {
	var next int64
	err = s.Scan(&d.Index, &d.Endpoint, &d.State, &d.Key, &d.Form, &d.Attempts, &d.Tries, &next, stamp{&d.Ended}, &d.Status, &d.Code)
	if next != 0 {
		d.Next = time.UnixMicro(next).UTC()
	}
	return
}

// micros writes a time that is 0 where there is none: it stands in an index.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// FreshDeliveries implements service.Reader.
func (r *Reader) FreshDeliveries(ctx context.Context, from, to int64) ([]webhook.Delivery, error) {
	return list(ctx, r.c, scanDelivery, selectDelivery+"WHERE d.idx >= ? AND d.idx < ? AND +d.state = 0 AND d.next_at = 0 ORDER BY d.idx, d.endpoint", from, to)
}

// WaitingDeliveries implements service.Reader.
func (r *Reader) WaitingDeliveries(ctx context.Context, endpoint, after int64, limit int) ([]webhook.Delivery, error) {
	return list(ctx, r.c, scanDelivery, selectDelivery+"WHERE d.endpoint = ? AND "+ofPending+" AND d.next_at = 0 AND d.idx > ? ORDER BY d.idx LIMIT ?", endpoint, after, limit)
}

// ofDue is the condition of what waits for its own time, behind a place in that order.
const ofDue = "d.endpoint = ? AND " + ofPending + " AND d.next_at > 0 AND (d.next_at > ? OR (d.next_at = ? AND d.idx > ?)) AND d.next_at >= ?"

func dueAfter(endpoint int64, after webhook.Delivery) []any {
	at := micros(after.Next)
	return []any{endpoint, at, at, after.Index, at}
}

// DueDeliveries implements service.Reader.
func (r *Reader) DueDeliveries(ctx context.Context, endpoint int64, after webhook.Delivery, now time.Time, limit int) ([]webhook.Delivery, error) {
	return list(ctx, r.c, scanDelivery, selectDelivery+"WHERE "+ofDue+" AND d.next_at <= ? ORDER BY d.next_at, d.idx LIMIT ?", append(dueAfter(endpoint, after), now, limit)...)
}

// NextDue implements service.Reader.
func (r *Reader) NextDue(ctx context.Context, endpoint int64, after webhook.Delivery) (time.Time, error) {
	return one(ctx, r.c, scanStamp, "SELECT MIN(d.next_at) FROM delivery d WHERE "+ofDue, dueAfter(endpoint, after)...)
}

// KeyedDeliveries implements service.Reader.
func (r *Reader) KeyedDeliveries(ctx context.Context, endpoint int64, key string, limit int) ([]webhook.Delivery, error) {
	return list(ctx, r.c, scanDelivery, selectDelivery+"WHERE d.endpoint = ? AND d.order_key = ? AND d.order_key <> '' AND "+ofPending+" ORDER BY d.idx LIMIT ?", endpoint, key, limit)
}

// Queued implements service.Tx.
func (t *Tx) Queued(ctx context.Context, endpoint int64, n, most int) (bool, error) {
	return change(ctx, t.c, 1, "UPDATE webhook_queue SET pending = pending + ? WHERE endpoint = ? AND behind < 0 AND pending + ? <= ?", n, endpoint, n, most)
}

// FallBehind implements service.Tx.
func (t *Tx) FallBehind(ctx context.Context, endpoint, index int64) error {
	_, err := exec(ctx, t.c, "UPDATE webhook_queue SET behind = ? WHERE endpoint = ? AND behind < 0", index, endpoint)
	return err
}

// InsertDeliveries implements service.Tx.
func (t *Tx) InsertDeliveries(ctx context.Context, rows []webhook.Delivery) error {
	_, err := insertRows(ctx, t.c, "delivery", deliveryColumns, "", deliveryRows(rows))
	return err
}

func deliveryRows(rows []webhook.Delivery) [][]any {
	all := make([][]any, len(rows))
	for i, d := range rows {
		all[i] = []any{d.Index, d.Endpoint, int(d.State), d.Key, d.Form, d.Attempts, d.Tries, micros(d.Next), d.Ended, d.Status, d.Code}
	}
	return all
}

// HoldRounds implements service.Tx.
func (t *Tx) HoldRounds(ctx context.Context, holder string, rounds []int) (map[int]int64, error) {
	names := make([]string, len(rounds))
	for i, r := range rounds {
		names[i] = service.RoundLease(r)
	}
	type held struct {
		name  string
		epoch int64
	}
	found, err := list(ctx, t.c, func(s scanner) (h held, err error) {
		err = s.Scan(&h.name, &h.epoch)
		return
	}, "SELECT name, epoch FROM lease WHERE holder = ? AND name IN ("+marks(len(names))+")"+t.c.dialect().lock, append([]any{holder}, anys(names)...)...)
	out := make(map[int]int64, len(found))
	for _, h := range found {
		for i, n := range names {
			if n == h.name {
				out[rounds[i]] = h.epoch
			}
		}
	}
	return out, err
}

const settleDelivery = "UPDATE delivery SET state = ?, attempts = ?, tries = ?, next_at = ?, ended_at = ?, status = ?, code = ? WHERE idx = ? AND endpoint = ? AND state = 0"

// SettleDeliveries implements service.Tx.
func (t *Tx) SettleDeliveries(ctx context.Context, rows []webhook.Delivery) (settled []bool, err error) {
	settled = make([]bool, len(rows))
	if !t.c.dialect().updateMany {
		for i, d := range rows {
			n, err := exec(ctx, t.c, settleDelivery, int(d.State), d.Attempts, d.Tries, micros(d.Next), d.Ended, d.Status, d.Code, d.Index, d.Endpoint)
			if err != nil {
				return nil, err
			}
			settled[i] = n == 1
		}
		return settled, nil
	}
	place := map[at]int{}
	err = chunks(len(rows), func(from, to int) error {
		args := make([]any, 0, 9*(to-from))
		for i, d := range rows[from:to] {
			args = append(args, d.Index, d.Endpoint, int(d.State), d.Attempts, d.Tries, micros(d.Next), d.Ended, d.Status, d.Code)
			place[at{d.Index, d.Endpoint}] = from + i
		}
		found, err := list(ctx, t.c, scanAt, settleMany(to-from), args...)
		for _, f := range found {
			settled[place[f]] = true
		}
		return err
	})
	return settled, err
}

// at names a delivery.
type at struct{ index, endpoint int64 }

func scanAt(s scanner) (a at, err error) {
	err = s.Scan(&a.index, &a.endpoint)
	return
}

// settleMany writes the UPDATE of n deliveries.
func settleMany(n int) string {
	row := "(" + strings.TrimSuffix(strings.Repeat("CAST(? AS bigint), ", 8), ", ") + ", CAST(? AS text)), "
	return fmt.Sprintf(`UPDATE delivery SET state = v.state, attempts = v.attempts, tries = v.tries, next_at = v.next_at, ended_at = v.ended_at, status = v.status, code = v.code
		FROM (VALUES %s) v (idx, endpoint, state, attempts, tries, next_at, ended_at, status, code)
		WHERE delivery.idx = v.idx AND delivery.endpoint = v.endpoint AND delivery.state = 0 RETURNING delivery.idx, delivery.endpoint`, strings.TrimSuffix(strings.Repeat(row, n), ", "))
}

var attemptColumns = []string{"idx", "endpoint", "number", "at", "took", "status", "code", "probe", "cut", "reason", "header", "answer"}

// InsertAttempts implements service.Tx.
func (t *Tx) InsertAttempts(ctx context.Context, rows []webhook.Attempt) error {
	all := make([][]any, len(rows))
	for i, a := range rows {
		all[i] = []any{a.Index, a.Endpoint, a.No, a.At, a.Took.Microseconds(), a.Status, a.Code, a.Probe, a.Cut, a.Reason, raw(a.Header), a.Answer}
	}
	_, err := insertRows(ctx, t.c, "attempt", attemptColumns, "ON CONFLICT DO NOTHING", all)
	return err
}
