package store

import (
	"context"
	"time"

	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/webhook"
)

var (
	replayColumns = []string{"id", "org", "endpoint", "selection", "state", "waiting", "reason", "entry", "first", "place", "last", "made", "made_by", "created_at", "ended_at"}
	selectReplay  = selectFrom("webhook_replay", "r", replayColumns)
)

func scanReplay(s scanner) (r webhook.Replay, err error) {
	err = s.Scan(&r.ID, &r.Org, &r.Endpoint, asJSON{&r.Selection}, &r.State, &r.Waiting, &r.Reason, &r.Entry, &r.From, &r.Place, &r.End, &r.Made, &r.By, stamp{&r.Created}, stamp{&r.Ended})
	return
}

// Replay implements service.Reader.
func (r *Reader) Replay(ctx context.Context, endpoint int64, id string) (webhook.Replay, error) {
	return one(ctx, r.c, scanReplay, selectReplay+"WHERE r.endpoint = ? AND r.id = ?", endpoint, id)
}

// Replays implements service.Reader.
func (r *Reader) Replays(ctx context.Context, endpoint int64, before string, limit int) ([]webhook.Replay, error) {
	var w where
	w.add("r.endpoint = ?", endpoint)
	w.before("r.id", before)
	return list(ctx, r.c, scanReplay, selectReplay+w.clause("r.id DESC", limit), w.args...)
}

// RunningReplays implements service.Reader.
func (r *Reader) RunningReplays(ctx context.Context) ([]webhook.Replay, error) {
	return list(ctx, r.c, scanReplay, selectReplay+"WHERE r.state = 'running' ORDER BY r.id")
}

// InsertReplay implements service.Tx.
func (t *Tx) InsertReplay(ctx context.Context, r webhook.Replay) error {
	_, err := change(ctx, t.c, 1, insertInto("webhook_replay", replayColumns, 1, ""), r.ID, r.Org, r.Endpoint, encode(r.Selection), r.State, r.Waiting, r.Reason,
		r.Entry, r.From, r.Place, r.End, r.Made, r.By, r.Created, r.Ended)
	return err
}

// SaveReplay implements service.Tx.
func (t *Tx) SaveReplay(ctx context.Context, r webhook.Replay, from int64) (bool, error) {
	return change(ctx, t.c, 1, "UPDATE webhook_replay SET state = ?, waiting = ?, reason = ?, first = ?, place = ?, last = ?, made = ?, ended_at = ? WHERE id = ? AND state = 'running' AND place = ?",
		r.State, r.Waiting, r.Reason, r.From, r.Place, r.End, r.Made, r.Ended, r.ID, from)
}

// DropSecrets implements service.Tx.
func (t *Tx) DropSecrets(ctx context.Context, endpoint int64) error {
	if _, err := exec(ctx, t.c, "DELETE FROM webhook_secret WHERE endpoint = ?", endpoint); err != nil {
		return err
	}
	_, err := exec(ctx, t.c, "UPDATE webhook_endpoint SET sealed = NULL WHERE no = ?", endpoint)
	return err
}

// SaveEndpointSealed implements service.Tx.
func (t *Tx) SaveEndpointSealed(ctx context.Context, endpoint int64, sealed []byte) error {
	_, err := exec(ctx, t.c, "UPDATE webhook_endpoint SET sealed = ? WHERE no = ?", sealed, endpoint)
	return err
}

// ExpireSecrets implements service.Tx.
func (t *Tx) ExpireSecrets(ctx context.Context, endpoint int64, until time.Time) error {
	_, err := exec(ctx, t.c, "UPDATE webhook_secret SET expires_at = ? WHERE endpoint = ? AND (expires_at IS NULL OR expires_at > ?)", until, endpoint, until)
	return err
}

// InsertPortal implements service.Tx.
func (t *Tx) InsertPortal(ctx context.Context, p service.Portal) error {
	_, err := change(ctx, t.c, 1, "INSERT INTO webhook_portal (token, org, unit_list, endpoint_list, may_write, made_by, principal, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
		p.Token, p.Org, listOrNull(p.Units), listOrNull(p.Endpoints), p.MayWrite, p.By, p.Principal, p.CreatedAt, p.ExpiresAt)
	return err
}

// listOrNull writes a list as JSON; nil, which means no limit, as NULL.
func listOrNull(list []string) any {
	if list == nil {
		return nil
	}
	return encode(list)
}

// Portal implements service.Reader.
func (r *Reader) Portal(ctx context.Context, token []byte) (service.Portal, error) {
	return one(ctx, r.c, func(s scanner) (p service.Portal, err error) {
		var units, endpoints []byte
		err = s.Scan(&p.Token, &p.Org, rawJSON{&units}, rawJSON{&endpoints}, &p.MayWrite, &p.By, &p.Principal, stamp{&p.CreatedAt}, stamp{&p.ExpiresAt})
		if err == nil && units != nil {
			p.Units = []string{}
			err = (asJSON{&p.Units}).Scan(units)
		}
		if err == nil && endpoints != nil {
			p.Endpoints = []string{}
			err = (asJSON{&p.Endpoints}).Scan(endpoints)
		}
		return
	}, "SELECT token, org, unit_list, endpoint_list, may_write, made_by, principal, created_at, expires_at FROM webhook_portal WHERE token = ?", token)
}
