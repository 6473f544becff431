package store

import (
	"context"
	"time"

	"github.com/paraph/paraph/internal/service"
)

var (
	idemColumns = []string{"client", "route", "name", "digest", "result", "secret", "created_at", "expires_at", "document_id", "entry"}
	selectIdem  = selectFrom("idempotency", "i", idemColumns)
	// A row that has run out is taken over as if it were not there. PostgreSQL
	// waits here for a transaction that holds the same key and has not ended.
	keepIdem = insertInto("idempotency", idemColumns, 1, `ON CONFLICT (client, route, name) DO UPDATE SET digest = excluded.digest,
		result = excluded.result, secret = excluded.secret, created_at = excluded.created_at, expires_at = excluded.expires_at,
		document_id = excluded.document_id, entry = excluded.entry WHERE idempotency.expires_at <= excluded.created_at`)
)

func scanIdem(s scanner) (r service.IdempotencyRecord, err error) {
	err = s.Scan(&r.Client, &r.Route, &r.Key, &r.Digest, &r.Result, &r.Secret, stamp{&r.CreatedAt}, stamp{&r.ExpiresAt}, &r.DocumentID, &r.Entry)
	return
}

// Idempotency implements service.Reader.
func (r *Reader) Idempotency(ctx context.Context, client, route, key string, now time.Time) (service.IdempotencyRecord, error) {
	return one(ctx, r.c, scanIdem, selectIdem+"WHERE i.client = ? AND i.route = ? AND i.name = ? AND i.expires_at > ?", client, route, key, now)
}

// KeepIdempotency implements service.Tx.
func (t *Tx) KeepIdempotency(ctx context.Context, r service.IdempotencyRecord) error {
	ok, err := change(ctx, t.c, 1, keepIdem, r.Client, r.Route, r.Key, r.Digest, r.Result, r.Secret, r.CreatedAt, r.ExpiresAt, r.DocumentID, r.Entry)
	if err == nil && !ok {
		return stale()
	}
	return err
}

// PurgeExpired implements service.Tx and gives the number of rows removed.
func (t *Tx) PurgeExpired(ctx context.Context, keys, links time.Time) (int64, error) {
	n, err := exec(ctx, t.c, "DELETE FROM idempotency WHERE expires_at < ?", keys)
	if err != nil {
		return 0, err
	}
	more, err := exec(ctx, t.c, "DELETE FROM link WHERE expires_at < ?", links)
	return n + more, err
}
