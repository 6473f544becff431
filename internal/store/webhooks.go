package store

import (
	"context"
	"slices"
	"time"

	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/webhook"
)

var (
	endpointColumns = []string{"no", "id", "org", "unit", "url", "description", "types", "condition", "event_order", "on_dead", "rate", "timeout",
		"retries", "headers", "certificate", "enabled", "disabled_at", "disabled_by", "reason", "since", "created_at", "updated_at", "deleted_at", "revision"}
	selectEndpoint = selectFrom("webhook_endpoint", "e", endpointColumns)
	// The number is one higher than the highest; of two that take the same one, one runs again.
	insertEndpoint = "INSERT INTO webhook_endpoint (no, id, org, unit, url, description, types, condition, event_order, on_dead, rate, timeout, retries, headers, certificate, " +
		"enabled, disabled_at, disabled_by, reason, since, created_at, updated_at, deleted_at, revision, sealed) VALUES ((SELECT COALESCE(MAX(no), 0) + 1 FROM webhook_endpoint), " +
		marks(24) + ") ON CONFLICT DO NOTHING"
	updateEndpoint = `UPDATE webhook_endpoint SET unit = ?, url = ?, description = ?, types = ?, condition = ?, event_order = ?, on_dead = ?, rate = ?, timeout = ?,
		retries = ?, headers = ?, certificate = ?, enabled = ?, disabled_at = ?, disabled_by = ?, reason = ?, since = ?, created_at = ?, updated_at = ?, deleted_at = ?, revision = ?
		WHERE org = ? AND id = ? AND revision = ?`
)

func endpointRow(e *webhook.Endpoint, revision int64) []any {
	return []any{e.Unit, e.URL, e.Description, encode(listed(e.Types)), e.Condition, string(e.Order), string(e.OnDead), e.Rate, e.Timeout.Microseconds(),
		encode(retriesOf(e.Retries)), encode(listed(e.Headers)), e.Certificate, e.Enabled, e.DisabledAt, e.DisabledBy, e.Reason, e.Since, e.CreatedAt, e.UpdatedAt, e.DeletedAt, revision}
}

// listed writes no list as an empty one.
func listed(list []string) []string { return append([]string{}, list...) }

func retriesOf(waits []time.Duration) []int64 {
	out := make([]int64, len(waits))
	for i, w := range waits {
		out[i] = w.Microseconds()
	}
	return out
}

func scanEndpoint(s scanner) (e webhook.Endpoint, err error) {
	var timeout int64
	var retries []int64
	err = s.Scan(&e.No, &e.ID, &e.Org, &e.Unit, &e.URL, &e.Description, asJSON{&e.Types}, &e.Condition, &e.Order, &e.OnDead, &e.Rate, &timeout,
		asJSON{&retries}, asJSON{&e.Headers}, &e.Certificate, &e.Enabled, stamp{&e.DisabledAt}, &e.DisabledBy, &e.Reason, &e.Since, stamp{&e.CreatedAt}, stamp{&e.UpdatedAt}, stamp{&e.DeletedAt}, &e.Revision)
	e.Timeout = time.Duration(timeout) * time.Microsecond
	for _, w := range retries {
		e.Retries = append(e.Retries, time.Duration(w)*time.Microsecond)
	}
	return
}

// Endpoint implements service.Reader.
func (r *Reader) Endpoint(ctx context.Context, org, id string) (webhook.Endpoint, error) {
	return one(ctx, r.c, scanEndpoint, selectEndpoint+"WHERE e.org = ? AND e.id = ? AND e.deleted_at IS NULL", org, id)
}

// Endpoints implements service.Reader.
func (r *Reader) Endpoints(ctx context.Context, org string) ([]webhook.Endpoint, error) {
	if org == "" {
		return list(ctx, r.c, scanEndpoint, selectEndpoint+"WHERE e.deleted_at IS NULL ORDER BY e.id")
	}
	return list(ctx, r.c, scanEndpoint, selectEndpoint+"WHERE e.org = ? AND e.deleted_at IS NULL ORDER BY e.id", org)
}

// CountEndpoints implements service.Reader.
func (r *Reader) CountEndpoints(ctx context.Context, org string) (int64, error) {
	return one(ctx, r.c, scanInt, "SELECT COUNT(*) FROM webhook_endpoint WHERE org = ? AND deleted_at IS NULL", org)
}

// EndpointSealed implements service.Reader.
func (r *Reader) EndpointSealed(ctx context.Context, no int64) ([]byte, error) {
	return one(ctx, r.c, scanBytes, "SELECT sealed FROM webhook_endpoint WHERE no = ?", no)
}

// InsertEndpoint implements service.Tx.
func (t *Tx) InsertEndpoint(ctx context.Context, e *webhook.Endpoint, sealed []byte) error {
	args := append(append([]any{e.ID, e.Org}, endpointRow(e, e.Revision)...), sealed)
	n, err := exec(ctx, t.c, insertEndpoint, args...)
	if err == nil && n != 1 {
		return stale()
	}
	if err != nil {
		return err
	}
	if e.No, err = one(ctx, t.c, scanInt, "SELECT no FROM webhook_endpoint WHERE id = ?", e.ID); err != nil {
		return err
	}
	_, err = exec(ctx, t.c, "INSERT INTO webhook_queue (endpoint, pending, dead, behind, strikes, struck, rests, slowed, recent, recent_n, alerted, blocked, poked) VALUES (?, 0, 0, -1, 0, 0, 0, 0, 0, 0, 0, -1, 0)", e.No)
	return err
}

// UpdateEndpoint implements service.Tx.
func (t *Tx) UpdateEndpoint(ctx context.Context, e *webhook.Endpoint) error {
	args := append(endpointRow(e, e.Revision+1), e.Org, e.ID, e.Revision)
	ok, err := change(ctx, t.c, 1, updateEndpoint, args...)
	return advanced(ok, err, &e.Revision)
}

var (
	secretColumns = []string{"endpoint", "number", "signing", "sealed", "public", "created_at", "expires_at"}
	selectSecret  = selectFrom("webhook_secret", "s", secretColumns)
)

func scanSecret(s scanner) (w webhook.Secret, err error) {
	err = s.Scan(&w.Endpoint, &w.No, &w.Signing, &w.Sealed, &w.Public, stamp{&w.CreatedAt}, stamp{&w.ExpiresAt})
	return
}

// WebhookSecrets implements service.Reader.
func (r *Reader) WebhookSecrets(ctx context.Context, no int64, now time.Time) ([]webhook.Secret, error) {
	return list(ctx, r.c, scanSecret, selectSecret+"WHERE s.endpoint = ? AND (s.expires_at IS NULL OR s.expires_at > ?) ORDER BY s.number", no, now)
}

// InsertWebhookSecret implements service.Tx.
func (t *Tx) InsertWebhookSecret(ctx context.Context, s webhook.Secret) error {
	_, err := exec(ctx, t.c, insertInto("webhook_secret", secretColumns, 1, ""), s.Endpoint, s.No, string(s.Signing), s.Sealed, s.Public, s.CreatedAt, s.ExpiresAt)
	return err
}

const queueColumns = "pending, dead, behind, strikes, struck, rests, open_until, slowed, slow_until, last_success, last_failure, failing_since, recent, recent_n, alerted, blocked, poked"

func scanWebhookQueue(s scanner) (q webhook.Queue, err error) {
	h, recent := &q.Health, int64(0)
	err = s.Scan(&q.Endpoint, &q.Pending, &q.Dead, &q.Behind, &h.Strikes, &h.Struck, &h.Rests, stamp{&h.OpenUntil}, &h.Slowed, stamp{&h.SlowUntil}, stamp{&h.LastSuccess},
		stamp{&h.LastFailure}, stamp{&h.FailingSince}, &recent, &h.RecentN, &h.Alerted, &q.Blocked, &q.Poked)
	h.Recent = uint64(recent)
	return
}

// WebhookQueues implements service.Reader.
func (r *Reader) WebhookQueues(ctx context.Context) ([]webhook.Queue, error) {
	return list(ctx, r.c, scanWebhookQueue, "SELECT endpoint, "+queueColumns+" FROM webhook_queue")
}

// WebhookQueue implements service.Reader.
func (r *Reader) WebhookQueue(ctx context.Context, no int64) (webhook.Queue, error) {
	return one(ctx, r.c, scanWebhookQueue, "SELECT endpoint, "+queueColumns+" FROM webhook_queue WHERE endpoint = ?", no)
}

// SaveWebhookQueue implements service.Tx.
func (t *Tx) SaveWebhookQueue(ctx context.Context, q webhook.Queue) error {
	h := q.Health
	_, err := exec(ctx, t.c, `UPDATE webhook_queue SET pending = pending + ?, dead = dead + ?, blocked = CASE WHEN ? >= 0 THEN ? ELSE blocked END, strikes = ?, struck = ?, rests = ?, open_until = ?, slowed = ?, slow_until = ?,
		last_success = ?, last_failure = ?, failing_since = ?, recent = ?, recent_n = ?, alerted = ? WHERE endpoint = ?`,
		q.Pending, q.Dead, q.Blocked, q.Blocked, h.Strikes, h.Struck, h.Rests, h.OpenUntil, h.Slowed, h.SlowUntil, h.LastSuccess, h.LastFailure, h.FailingSince, int64(h.Recent), h.RecentN, h.Alerted, q.Endpoint)
	return err
}

type form struct {
	no int64
	service.WebhookForm
}

func scanForm(s scanner) (f form, err error) {
	err = s.Scan(&f.no, &f.Form, &f.Source)
	return
}

// WebhookForms implements service.Reader.
func (r *Reader) WebhookForms(ctx context.Context) (map[int64]service.WebhookForm, error) {
	found, err := list(ctx, r.c, scanForm, "SELECT no, form, source FROM webhook_form")
	out := make(map[int64]service.WebhookForm, len(found))
	for _, f := range found {
		out[f.no] = f.WebhookForm
	}
	return out, err
}

// WebhookForm implements service.Tx.
func (t *Tx) WebhookForm(ctx context.Context, f service.WebhookForm) (int64, error) {
	if _, err := exec(ctx, t.c, "INSERT INTO webhook_form (no, form, source) VALUES ((SELECT COALESCE(MAX(no), 0) + 1 FROM webhook_form), ?, ?) ON CONFLICT DO NOTHING", f.Form, f.Source); err != nil {
		return 0, err
	}
	found, err := list(ctx, t.c, scanInt, "SELECT no FROM webhook_form WHERE form = ? AND source = ?", f.Form, f.Source)
	if err == nil && len(found) == 0 {
		return 0, stale() // another form took the number
	}
	if err != nil {
		return 0, err
	}
	return found[0], nil
}

// EntriesAt implements service.Reader.
func (r *Reader) EntriesAt(ctx context.Context, indexes []int64) (out []journal.Entry, err error) {
	indexes = slices.Compact(slices.Sorted(slices.Values(indexes)))
	err = chunks(len(indexes), func(from, to int) error {
		args := make([]any, 0, to-from)
		for _, i := range indexes[from:to] {
			args = append(args, i)
		}
		found, err := readRows(ctx, r.c, &entryReading{}, to-from, "WHERE e.idx IN ("+marks(to-from)+") ORDER BY e.idx", args)
		out = append(out, found...)
		return err
	})
	return out, err
}
