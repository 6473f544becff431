package store

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/webhook"
)

// ended is the condition of deliveries that wait for nothing, as their index has it.
const ended = "d.endpoint = ? AND d.state = ? AND d.next_at = 0"

// later is the condition of what waits for its own time, as its index has it.
const later = "d.endpoint = ? AND d.state = 0 AND d.next_at > 0"

// Deliveries implements service.Reader. Each state is a part of an index, in order,
// and what waits for its own time is one of another.
func (r *Reader) Deliveries(ctx context.Context, f service.DeliveryFilter) (out []webhook.Delivery, err error) {
	part := func(condition string, args ...any) error {
		found, err := list(ctx, r.c, scanDelivery, selectDelivery+"WHERE "+condition+" AND d.idx >= ? AND d.idx < ? ORDER BY d.idx DESC LIMIT ?", append(args, f.From, f.Before, f.Limit)...)
		out = append(out, found...)
		return err
	}
	for _, state := range f.States {
		if err := part(ended, f.Endpoint, int(state)); err != nil {
			return nil, err
		}
		if state != webhook.Pending {
			continue
		}
		if err := part(later, f.Endpoint); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(out, func(a, b webhook.Delivery) int { return cmp.Compare(b.Index, a.Index) })
	return out[:min(len(out), f.Limit)], nil
}

// DeadDeliveries implements service.Reader.
func (r *Reader) DeadDeliveries(ctx context.Context, endpoint, from, to int64, limit int) ([]webhook.Delivery, error) {
	return list(ctx, r.c, scanDelivery, selectDelivery+"WHERE "+ended+" AND d.idx >= ? AND d.idx < ? ORDER BY d.idx LIMIT ?", endpoint, int(webhook.Dead), from, to, limit)
}

// DeliveriesAt implements service.Reader.
func (r *Reader) DeliveriesAt(ctx context.Context, endpoint int64, indexes []int64) (out []webhook.Delivery, err error) {
	err = chunks(len(indexes), func(from, to int) error {
		args := []any{endpoint}
		for _, i := range indexes[from:to] {
			args = append(args, i)
		}
		found, err := list(ctx, r.c, scanDelivery, selectDelivery+"WHERE d.endpoint = ? AND d.idx IN ("+marks(to-from)+")", args...)
		out = append(out, found...)
		return err
	})
	return out, err
}

func scanAttempt(s scanner) (a webhook.Attempt, err error) {
	var took int64
	err = s.Scan(&a.Index, &a.Endpoint, &a.No, stamp{&a.At}, &took, &a.Status, &a.Code, &a.Probe, &a.Cut, &a.Reason, rawJSON{(*[]byte)(&a.Header)}, &a.Answer)
	a.Took = time.Duration(took) * time.Microsecond
	return
}

var selectAttempt = selectFrom("attempt", "a", attemptColumns)

// Attempts implements service.Reader.
func (r *Reader) Attempts(ctx context.Context, endpoint, index int64) ([]webhook.Attempt, error) {
	return list(ctx, r.c, scanAttempt, selectAttempt+"WHERE a.idx = ? AND a.endpoint = ? ORDER BY a.number", index, endpoint)
}

// Poke implements service.Tx.
func (t *Tx) Poke(ctx context.Context, endpoint int64, pending, dead int64, unblock bool) error {
	_, err := exec(ctx, t.c, "UPDATE webhook_queue SET poked = poked + 1, pending = pending + ?, dead = dead + ?, blocked = CASE WHEN ? THEN -1 ELSE blocked END WHERE endpoint = ?",
		pending, dead, unblock, endpoint)
	return err
}

// SendAnew implements service.Tx.
func (t *Tx) SendAnew(ctx context.Context, rows []webhook.Delivery) error {
	_, err := insertRows(ctx, t.c, "delivery", deliveryColumns, `ON CONFLICT (idx, endpoint) DO UPDATE SET state = 0, order_key = excluded.order_key, attempts = 0,
		next_at = excluded.next_at, ended_at = NULL`, deliveryRows(rows))
	return err
}

// SkipDelivery implements service.Tx.
func (t *Tx) SkipDelivery(ctx context.Context, d webhook.Delivery) (bool, error) {
	n, err := exec(ctx, t.c, "UPDATE delivery SET state = ?, next_at = 0, ended_at = ? WHERE idx = ? AND endpoint = ? AND state = ?", int(webhook.Skipped), d.Ended, d.Index, d.Endpoint, int(d.State))
	return n == 1, err
}

// CatchUp implements service.Tx.
func (t *Tx) CatchUp(ctx context.Context, endpoint, from, to int64, n, most int) (bool, error) {
	return change(ctx, t.c, 1, "UPDATE webhook_queue SET pending = pending + ?, behind = ?, poked = poked + 1 WHERE endpoint = ? AND behind = ? AND pending + ? <= ?", n, to, endpoint, from, n, most)
}

// endedBefore finds deliveries that ended before a time, and may go.
const endedBefore = "SELECT d.idx FROM delivery d WHERE " + ended + " AND d.ended_at < ? ORDER BY d.idx LIMIT ?"

// ForgetDeliveries implements service.Tx.
func (t *Tx) ForgetDeliveries(ctx context.Context, endpoint int64, state webhook.State, before time.Time, limit int) (int, error) {
	indexes, err := list(ctx, t.c, scanInt, endedBefore, endpoint, int(state), before, limit)
	if err != nil {
		return 0, err
	}
	return len(indexes), t.forget(ctx, endpoint, indexes)
}

// ofEndpoint finds deliveries of an endpoint, in any state.
const ofEndpoint = "SELECT d.idx FROM delivery d WHERE d.endpoint = ? AND d.state IN (0, 1, 2, 3) LIMIT ?"

// ForgetEndpoint implements service.Tx.
func (t *Tx) ForgetEndpoint(ctx context.Context, endpoint int64, limit int) (int, error) {
	indexes, err := list(ctx, t.c, scanInt, ofEndpoint, endpoint, limit)
	if err != nil {
		return 0, err
	}
	if len(indexes) < limit {
		if _, err := exec(ctx, t.c, "DELETE FROM webhook_queue WHERE endpoint = ?", endpoint); err != nil {
			return 0, err
		}
	}
	return len(indexes), t.forget(ctx, endpoint, indexes)
}

// forget deletes deliveries with their attempts.
func (t *Tx) forget(ctx context.Context, endpoint int64, indexes []int64) error {
	return chunks(len(indexes), func(from, to int) error {
		for _, table := range []string{"attempt", "delivery"} {
			args := []any{endpoint}
			for _, i := range indexes[from:to] {
				args = append(args, i)
			}
			if _, err := exec(ctx, t.c, "DELETE FROM "+table+" WHERE endpoint = ? AND idx IN ("+marks(to-from)+")", args...); err != nil {
				return err
			}
		}
		return nil
	})
}

// DeletedEndpoints implements service.Reader.
func (r *Reader) DeletedEndpoints(ctx context.Context) ([]int64, error) {
	return list(ctx, r.c, scanInt, "SELECT q.endpoint FROM webhook_queue q JOIN webhook_endpoint e ON e.no = q.endpoint WHERE e.deleted_at IS NOT NULL")
}
