package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/webhook"
)

// newEndpoint is an endpoint with every field set.
func newEndpoint(orgID string) webhook.Endpoint {
	return webhook.Endpoint{ID: newID("ep"), Org: orgID, Unit: "sales", URL: "https://example.org/hook?a=b", Description: "Örder", Types: []string{"document.*"},
		Condition: "event.type != ''", Order: webhook.ByDocument, OnDead: webhook.Skip, Rate: 2.5, Timeout: 1500 * time.Millisecond, Retries: []time.Duration{time.Second, time.Hour},
		Headers: []string{"X-One"}, Certificate: "PEM", Enabled: true, DisabledAt: at(3), DisabledBy: "gone", Reason: "why", Since: "evt_1",
		CreatedAt: at(1), UpdatedAt: at(2), Revision: 1}
}

// listening writes an endpoint.
func listening(t *testing.T, s service.Store, orgID string) webhook.Endpoint {
	t.Helper()
	e := newEndpoint(orgID)
	write(t, s, func(ctx context.Context, tx service.Tx) error { return tx.InsertEndpoint(ctx, &e, []byte("sealed")) })
	if e.No == 0 {
		t.Fatal("an endpoint has no number")
	}
	return e
}

func endpoints(t *testing.T, s service.Store) {
	e, second := listening(t, s, org), listening(t, s, other)
	if e.No == second.No {
		t.Fatal("two endpoints have one number")
	}
	secrets := []webhook.Secret{
		{Endpoint: e.No, No: 1, Signing: webhook.HMAC, Sealed: []byte{1}, CreatedAt: at(1)},
		{Endpoint: e.No, No: 2, Signing: webhook.Ed25519, Sealed: []byte{2}, Public: "whpk_", CreatedAt: at(2)},
	}
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		return errors.Join(tx.InsertWebhookSecret(ctx, secrets[0]), tx.ExpireSecrets(ctx, e.No, at(9)), tx.InsertWebhookSecret(ctx, secrets[1]))
	})
	secrets[0].ExpiresAt = at(9)
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		got, err := tx.Endpoint(ctx, org, e.ID)
		same(t, "endpoint", got, e)
		_, wrong := tx.Endpoint(ctx, other, e.ID)
		gone(t, "another organisation's endpoint", wrong)
		mine, err2 := tx.Endpoints(ctx, other)
		same(t, "endpoints", mine, []webhook.Endpoint{second})
		if n, err := tx.CountEndpoints(ctx, other); n != 1 || err != nil {
			t.Errorf("%d endpoints: %v", n, err)
		}
		sealed, err3 := tx.EndpointSealed(ctx, e.No)
		same(t, "sealed", sealed, []byte("sealed"))
		both, err4 := tx.WebhookSecrets(ctx, e.No, at(8))
		same(t, "secrets", both, secrets)
		one, err5 := tx.WebhookSecrets(ctx, e.No, at(9))
		same(t, "secrets later", one, secrets[1:])
		q, err6 := tx.WebhookQueue(ctx, e.No)
		same(t, "queue", q, webhook.Queue{Endpoint: e.No, Behind: -1, Blocked: -1})
		return errors.Join(err, err2, err3, err4, err5, err6)
	})
	old := e
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		e.URL, e.Types, e.DeletedAt = "https://example.net", nil, at(5)
		return errors.Join(tx.UpdateEndpoint(ctx, &e), tx.DropSecrets(ctx, e.No))
	})
	refused(t, s.Write(t.Context(), func(ctx context.Context, tx service.Tx) error { return tx.UpdateEndpoint(ctx, &old) }), fault.Conflict, "stale")
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		_, err := tx.Endpoint(ctx, org, e.ID)
		gone(t, "a deleted endpoint", err)
		none, err := tx.WebhookSecrets(ctx, e.No, at(1))
		same(t, "secrets of a deleted endpoint", len(none), 0)
		deleted, err2 := tx.DeletedEndpoints(ctx)
		same(t, "deleted", deleted, []int64{e.No})
		return errors.Join(err, err2)
	})
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		_, err := tx.ForgetEndpoint(ctx, e.No, 10)
		return err
	})
}

// queued writes deliveries with these indexes.
func queued(t *testing.T, s service.Store, e webhook.Endpoint, indexes ...int64) (rows []webhook.Delivery) {
	t.Helper()
	for _, i := range indexes {
		rows = append(rows, webhook.Delivery{Endpoint: e.No, Index: i, Key: fmt.Sprint("doc", i%2), Form: 1})
	}
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		ok, err := tx.Queued(ctx, e.No, len(rows), 100)
		if !ok {
			t.Error("there is no room")
		}
		return errors.Join(err, tx.InsertDeliveries(ctx, rows))
	})
	return rows
}

func deliveries(t *testing.T, s service.Store) {
	e := listening(t, s, org)
	const base = 1_000_000 // places of the log that no other test uses
	rows := queued(t, s, e, base, base+1, base+2, base+3, base+4, base+5)
	dead, later, done := rows[0], rows[1], rows[2]
	dead.State, dead.Attempts, dead.Tries, dead.Ended, dead.Status, dead.Code = webhook.Dead, 3, 4, at(7), 500, "status_500"
	later.Attempts, later.Tries, later.Next, later.Code = 1, 1, at(20), "timed_out"
	done.State, done.Tries, done.Ended, done.Status = webhook.Delivered, 1, at(6), 204
	attempt := webhook.Attempt{Endpoint: e.No, Index: dead.Index, No: 4, At: at(7), Took: 1500 * time.Microsecond, Status: 500, Code: "status_500", Reason: "It answered 500.",
		Probe: true, Cut: true, Header: []byte(`{"A":"b"}`), Answer: []byte{0, 1, 0xff}}
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		settled, err := tx.SettleDeliveries(ctx, []webhook.Delivery{dead, later, done})
		same(t, "settled", settled, []bool{true, true, true})
		again, err2 := tx.SettleDeliveries(ctx, []webhook.Delivery{dead, later, done, {Endpoint: e.No, Index: base - 1}})
		same(t, "settled again", again, []bool{false, true, false, false})
		return errors.Join(err, err2, tx.InsertAttempts(ctx, []webhook.Attempt{attempt, attempt}), tx.Poke(ctx, e.No, -2, 1, false))
	})
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		fresh, err := tx.FreshDeliveries(ctx, base, base+5)
		same(t, "fresh", fresh, rows[3:5])
		waiting, err2 := tx.WaitingDeliveries(ctx, e.No, base+3, 10)
		same(t, "waiting", waiting, rows[4:])
		early, err3 := tx.DueDeliveries(ctx, e.No, webhook.Delivery{}, at(19), 10)
		same(t, "due too early", len(early), 0)
		due, err4 := tx.DueDeliveries(ctx, e.No, webhook.Delivery{}, at(20), 10)
		same(t, "due", due, []webhook.Delivery{later})
		next, err5 := tx.NextDue(ctx, e.No, webhook.Delivery{})
		same(t, "next due", next, at(20))
		none, err6 := tx.NextDue(ctx, e.No, later)
		same(t, "next due behind the last", none, time.Time{})
		keyed, err7 := tx.KeyedDeliveries(ctx, e.No, "doc1", 10)
		same(t, "of a key", keyed, []webhook.Delivery{later, rows[3], rows[5]})
		all, err8 := tx.Deliveries(ctx, service.DeliveryFilter{Endpoint: e.No, States: []webhook.State{0, 1, 2, 3}, From: 0, Before: base + 4, Limit: 3})
		same(t, "list", all, []webhook.Delivery{rows[3], done, later})
		deads, err9 := tx.DeadDeliveries(ctx, e.No, base, base+1, 9)
		same(t, "dead", deads, []webhook.Delivery{dead})
		tried, err10 := tx.Attempts(ctx, e.No, dead.Index)
		same(t, "attempts", tried, []webhook.Attempt{attempt})
		q, err11 := tx.WebhookQueue(ctx, e.No)
		same(t, "queue", q, webhook.Queue{Endpoint: e.No, Pending: 4, Dead: 1, Behind: -1, Blocked: -1, Poked: 1})
		return errors.Join(err, err2, err3, err4, err5, err6, err7, err8, err9, err10, err11)
	})
	anew := dead
	anew.State, anew.Attempts, anew.Next, anew.Ended, anew.Key = webhook.Pending, 0, at(30), time.Time{}, "other"
	past := webhook.Delivery{Endpoint: e.No, Index: base - 5, Form: 1, Next: at(30)}
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		if err := tx.SendAnew(ctx, []webhook.Delivery{anew, past}); err != nil {
			return err
		}
		got, err := tx.DeliveriesAt(ctx, e.No, []int64{past.Index, dead.Index})
		for _, d := range got {
			if d.Index == dead.Index {
				same(t, "sent anew", d, anew)
			} else {
				same(t, "made anew", d, past)
			}
		}
		skip := rows[3]
		skip.Ended = at(31)
		ok, err2 := tx.SkipDelivery(ctx, skip)
		twice, err3 := tx.SkipDelivery(ctx, skip)
		same(t, "skipped", []bool{ok, twice}, []bool{true, false})
		n, err4 := tx.ForgetDeliveries(ctx, e.No, webhook.Delivered, at(7), 10)
		same(t, "forgotten", n, 1)
		return errors.Join(err, err2, err3, err4)
	})
	forms(t, s)
	full(t, s)
}

// forms have numbers that stay.
func forms(t *testing.T, s service.Store) {
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		one, err := tx.WebhookForm(ctx, service.WebhookForm{Form: 1, Source: "https://a.example"})
		two, err2 := tx.WebhookForm(ctx, service.WebhookForm{Form: 1, Source: "https://b.example"})
		again, err3 := tx.WebhookForm(ctx, service.WebhookForm{Form: 1, Source: "https://a.example"})
		all, err4 := tx.WebhookForms(ctx)
		if one == two || one != again || all[two].Source != "https://b.example" {
			t.Errorf("%d %d %d %v", one, two, again, all)
		}
		return errors.Join(err, err2, err3, err4)
	})
}

// full: a queue has so much room, falls behind once, and catches up.
func full(t *testing.T, s service.Store) {
	e := listening(t, s, org)
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		ok, err := tx.Queued(ctx, e.No, 10, 10)
		over, err2 := tx.Queued(ctx, e.No, 1, 10)
		same(t, "room", []bool{ok, over}, []bool{true, false})
		err3 := errors.Join(tx.FallBehind(ctx, e.No, 77), tx.FallBehind(ctx, e.No, 99))
		late, err4 := tx.Queued(ctx, e.No, 0, 100)
		wrong, err5 := tx.CatchUp(ctx, e.No, 99, 100, 1, 100)
		tight, err6 := tx.CatchUp(ctx, e.No, 77, 100, 1, 10)
		good, err7 := tx.CatchUp(ctx, e.No, 77, 100, 1, 11)
		end, err8 := tx.CatchUp(ctx, e.No, 100, -1, 0, 11)
		same(t, "behind", []bool{late, wrong, tight, good, end}, []bool{false, false, false, true, true})
		q, err9 := tx.WebhookQueue(ctx, e.No)
		same(t, "queue", []int64{q.Pending, q.Behind}, []int64{11, -1})
		health := webhook.Health{Strikes: 3, Struck: 9, Rests: 2, OpenUntil: at(1), Slowed: 4, SlowUntil: at(2), LastSuccess: at(3), LastFailure: at(4), FailingSince: at(5), Recent: 1<<63 | 5, RecentN: 64, Alerted: 70}
		err10 := tx.SaveWebhookQueue(ctx, webhook.Queue{Endpoint: e.No, Pending: -1, Dead: 1, Blocked: 5, Health: health})
		q, err11 := tx.WebhookQueue(ctx, e.No)
		same(t, "health", q.Health, health)
		same(t, "blocked", q.Blocked, int64(5))
		return errors.Join(err, err2, err3, err4, err5, err6, err7, err8, err9, err10, err11)
	})
}

func replays(t *testing.T, s service.Store) {
	e := listening(t, s, org)
	r := webhook.Replay{ID: newID("rpl"), Org: org, Endpoint: e.No, State: webhook.ReplayRunning, Entry: "evt_1", Place: -1, By: "cli_1", Created: at(1),
		Selection: webhook.Selection{Which: webhook.Missing, Types: []string{"task.*"}, Condition: "true", Since: at(2), Until: at(3), Events: []int64{4, 5}}}
	portal := service.Portal{Token: []byte(newID("tok")), Org: org, Endpoints: []string{e.ID}, MayWrite: true, By: "cli_1", Principal: "ann@example.org", CreatedAt: at(1), ExpiresAt: at(9)}
	nobody := service.Portal{Token: []byte(newID("tok")), Org: org, Units: []string{}, By: "cli_1", CreatedAt: at(1), ExpiresAt: at(9)}
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		return errors.Join(tx.InsertReplay(ctx, r), tx.InsertPortal(ctx, portal), tx.InsertPortal(ctx, nobody))
	})
	moved := r
	moved.From, moved.Place, moved.End, moved.Made, moved.Waiting = 10, 20, 30, 7, "room"
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		ok, err := tx.SaveReplay(ctx, moved, -1)
		lost, err2 := tx.SaveReplay(ctx, moved, -1)
		same(t, "saved", []bool{ok, lost}, []bool{true, false})
		return errors.Join(err, err2)
	})
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		got, err := tx.Replay(ctx, e.No, r.ID)
		same(t, "replay", got, moved)
		_, wrong := tx.Replay(ctx, e.No+1000, r.ID)
		gone(t, "another endpoint's replay", wrong)
		list, err2 := tx.Replays(ctx, e.No, "", 5)
		same(t, "replays", list, []webhook.Replay{moved})
		running, err3 := tx.RunningReplays(ctx)
		same(t, "running", running, []webhook.Replay{moved})
		p, err4 := tx.Portal(ctx, portal.Token)
		same(t, "portal", p, portal)
		p, err5 := tx.Portal(ctx, nobody.Token)
		same(t, "portal without units", p, nobody)
		_, none := tx.Portal(ctx, []byte("x"))
		gone(t, "an unknown portal", none)
		return errors.Join(err, err2, err3, err4, err5)
	})
	moved.State = webhook.ReplayDone
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		_, err := tx.SaveReplay(ctx, moved, 20)
		return err
	})
}
