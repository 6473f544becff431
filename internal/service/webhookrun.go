package service

import (
	"context"
	"fmt"

	"github.com/paraph/paraph/internal/event"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/webhook"
)

// WebhookCursor is the name of the place in the log up to which deliveries were made.
const WebhookCursor = "webhooks"

// Rounds is into how many parts the endpoints are divided. One process at a time
// delivers to the endpoints of a round, so that order, rate and breaker of an
// endpoint are one process's business.
const Rounds = 16

// RoundOf gives the round of an endpoint.
func RoundOf(endpoint int64) int { return int(endpoint % Rounds) }

// RoundLease names the lease of a round.
func RoundLease(round int) string { return fmt.Sprintf("webhooks/%02d", round) }

// Settled is what became of an attempt.
type Settled struct {
	Delivery webhook.Delivery // as it is now
	Attempt  *webhook.Attempt // nil: none was made
	Died     *event.Dead      // its attempts are used up, and subscribers are to hear of it
}

// Settlement is what became of many attempts. It is written in one transaction.
type Settlement struct {
	Holder string
	Epochs map[int]int64 // of the rounds, as they were when the deliveries were taken; nil: the process is alone
	Rows   []Settled
	Queues []QueueChange
}

// QueueChange is what becomes of an endpoint's queue.
type QueueChange struct {
	Endpoint webhook.Endpoint
	Queue    webhook.Queue // its counts are those of the rows
	Disable  string        // the code of why the endpoint is disabled; "": it is not
	Reason   string
	Share    int // of failed attempts, to be told where Tell is set; 0: it is well again
	Tell     bool
}

// SettleDeliveries writes what became of deliveries, with what is to be told of it.
// Rows of rounds that are another process's by now are left out: that process
// sends them once more.
func (s *Service) SettleDeliveries(ctx context.Context, b Settlement) error {
	return s.Store.Write(ctx, func(ctx context.Context, tx Tx) error {
		mine, err := heldRounds(ctx, tx, b)
		if err != nil {
			return err
		}
		var rows []webhook.Delivery
		var attempts []webhook.Attempt
		var kept []Settled
		for _, r := range b.Rows {
			if !mine(r.Delivery.Endpoint) {
				continue
			}
			rows, kept = append(rows, r.Delivery), append(kept, r)
			if r.Attempt != nil {
				attempts = append(attempts, *r.Attempt)
			}
		}
		settled, err := tx.SettleDeliveries(ctx, rows)
		if err != nil {
			return err
		}
		if err := tx.InsertAttempts(ctx, attempts); err != nil {
			return err
		}
		var told []Settled
		pending, dead := map[int64]int64{}, map[int64]int64{}
		for i, r := range kept {
			if !settled[i] || r.Delivery.State == webhook.Pending {
				continue // somebody skipped it meanwhile, or it is tried again
			}
			pending[r.Delivery.Endpoint]--
			if r.Delivery.State == webhook.Dead {
				dead[r.Delivery.Endpoint]++
			}
			if r.Died != nil {
				told = append(told, r)
			}
		}
		for _, q := range b.Queues {
			if !mine(q.Endpoint.No) {
				continue
			}
			q.Queue.Pending, q.Queue.Dead = pending[q.Endpoint.No], dead[q.Endpoint.No]
			if err := tx.SaveWebhookQueue(ctx, q.Queue); err != nil {
				return err
			}
			if err := settleEndpoint(ctx, tx, q, told); err != nil {
				return err
			}
		}
		return nil
	})
}

// heldRounds tells of which endpoints the rounds are still the holder's.
func heldRounds(ctx context.Context, tx Tx, b Settlement) (func(endpoint int64) bool, error) {
	if b.Epochs == nil {
		return func(int64) bool { return true }, nil
	}
	var rounds []int
	for r := range b.Epochs {
		rounds = append(rounds, r)
	}
	held, err := tx.HoldRounds(ctx, b.Holder, rounds)
	return func(endpoint int64) bool {
		r := RoundOf(endpoint)
		epoch, ok := held[r]
		return ok && epoch == b.Epochs[r]
	}, err
}

// settleEndpoint tells subscribers of what happened to an endpoint: of its dead
// deliveries, of the share that fails, and that it was disabled.
func settleEndpoint(ctx context.Context, tx Tx, q QueueChange, told []Settled) error {
	e := q.Endpoint
	c := &change{Tx: tx, actor: SystemCall(e.Org, "webhooks", "").Actor}
	for _, r := range told {
		if r.Delivery.Endpoint != e.No {
			continue
		}
		if err := c.log(e.Org, e.Unit, note{kind: journal.WebhookDeliveryDead, subject: "endpoint", id: e.ID, data: *r.Died}); err != nil {
			return err
		}
	}
	if q.Tell {
		kind := journal.WebhookFailing
		if q.Share == 0 {
			kind = journal.WebhookRecovered
		}
		if err := c.log(e.Org, e.Unit, note{kind: kind, subject: "endpoint", id: e.ID, data: event.Failing{EndpointID: e.ID, URL: e.URL, Share: q.Share}}); err != nil {
			return err
		}
	}
	if q.Disable != "" {
		if err := c.disableEndpoint(ctx, e, q.Disable, q.Reason); err != nil {
			return err
		}
	}
	return c.flush(ctx)
}

// disableEndpoint lets an endpoint take nothing any more. Its queue stays.
func (c *change) disableEndpoint(ctx context.Context, e webhook.Endpoint, code, reason string) error {
	now, err := c.Endpoint(ctx, e.Org, e.ID)
	if fault.KindOf(err) == fault.NotFound || err == nil && !now.Enabled {
		return nil
	}
	if err != nil {
		return err
	}
	now.Enabled, now.DisabledAt, now.DisabledBy, now.Reason, now.UpdatedAt = false, c.Now(), code, reason, c.Now()
	if err := c.UpdateEndpoint(ctx, &now); err != nil {
		return err
	}
	c.Notify(TopicEndpoints)
	return c.log(now.Org, now.Unit, note{kind: journal.WebhookEndpointDisabled, subject: "endpoint", id: now.ID, data: endpointData(&now)})
}

func endpointData(e *webhook.Endpoint) event.Endpoint {
	return event.Endpoint{EndpointID: e.ID, URL: e.URL, Unit: e.Unit, Enabled: e.Enabled, Code: e.DisabledBy, Reason: e.Reason}
}
