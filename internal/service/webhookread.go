package service

import (
	"context"
	"math"
	"slices"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/webhook"
)

// EndpointView is an endpoint with what waits for it and how it fares.
type EndpointView struct {
	webhook.Endpoint
	Queue   webhook.Queue
	Secrets []webhook.Secret // in force; without their content
	// Blocked is the event that a strict queue cannot pass; "": none.
	Blocked string
	// Behind tells that the queue is full: newer events wait in the journal.
	Behind bool
}

// Standing says in one word how an endpoint stands.
type Standing string

// How an endpoint stands.
const (
	Well     Standing = "well"
	Slowed   Standing = "slowed"  // it has too much to do
	Resting  Standing = "resting" // its breaker is open
	Blocked  Standing = "blocked" // the first event of its strict queue is dead
	Disabled Standing = "disabled"
)

// Standing says how the endpoint stands.
func (v *EndpointView) Standing() Standing {
	switch {
	case !v.Enabled:
		return Disabled
	case v.Queue.Blocked >= 0:
		return Blocked
	case v.Resting():
		return Resting
	case v.Queue.Health.Slowed > 0:
		return Slowed
	}
	return Well
}

// Resting tells whether nothing is sent but probes.
func (v *EndpointView) Resting() bool { return v.Enabled && v.Queue.Health.Open() }

// EndpointOf gives one endpoint. Faults: NotFound.
func (s *Service) EndpointOf(ctx context.Context, a access.Actor, endpointID string) (v EndpointView, err error) {
	err = s.Store.Read(Within(ctx, a.Org), func(ctx context.Context, tx Reader) error {
		e, err := endpointFor(ctx, tx, a, endpointID, access.ReadWebhook)
		if err != nil {
			return err
		}
		queue, err := tx.WebhookQueue(ctx, e.No)
		if err != nil {
			return err
		}
		v, err = s.viewOf(ctx, tx, e, queue)
		return err
	})
	return v, err
}

func (s *Service) viewOf(ctx context.Context, tx Reader, e webhook.Endpoint, q webhook.Queue) (v EndpointView, err error) {
	v = EndpointView{Endpoint: e, Queue: q, Behind: q.Behind >= 0}
	if v.Secrets, err = tx.WebhookSecrets(ctx, e.No, s.Clock.Now()); err != nil {
		return v, err
	}
	for i := range v.Secrets {
		v.Secrets[i].Sealed = nil
	}
	if q.Blocked >= 0 {
		found, err := tx.EntriesAt(ctx, []int64{q.Blocked})
		if err != nil {
			return v, err
		}
		if len(found) > 0 {
			v.Blocked = found[0].ID
		}
	}
	return v, nil
}

// EndpointsOf lists the endpoints that the actor may see, newest first, behind
// before ("": from the newest).
func (s *Service) EndpointsOf(ctx context.Context, a access.Actor, before string, most int) (out []EndpointView, err error) {
	if err := access.Allowed(a, access.ReadWebhook); err != nil {
		return nil, err
	}
	err = s.Store.Read(Within(ctx, a.Org), func(ctx context.Context, tx Reader) error {
		all, err := tx.Endpoints(ctx, a.Org)
		if err != nil {
			return err
		}
		out = nil
		for _, e := range slices.Backward(all) {
			if before != "" && e.ID >= before || !seesEndpoint(a, &e) || len(out) == limit(most) {
				continue
			}
			queue, err := tx.WebhookQueue(ctx, e.No)
			if err != nil {
				return err
			}
			v, err := s.viewOf(ctx, tx, e, queue)
			if err != nil {
				return err
			}
			out = append(out, v)
		}
		return nil
	})
	return out, err
}

// DeliveryView is a delivery with its event.
type DeliveryView struct {
	webhook.Delivery
	Entry journal.Entry
}

// DeliveryQuery asks for deliveries of an endpoint, newest event first.
type DeliveryQuery struct {
	State  string // "": all
	Before string // id of an event
	Limit  int
}

// Deliveries lists deliveries of an endpoint. Faults: NotFound; Invalid "bad_cursor".
func (s *Service) Deliveries(ctx context.Context, a access.Actor, endpointID string, q DeliveryQuery) (out []DeliveryView, err error) {
	states := []webhook.State{webhook.Pending, webhook.Delivered, webhook.Dead, webhook.Skipped}
	if q.State != "" {
		one, known := webhook.StateOf(q.State)
		if !known {
			return nil, fault.New(fault.Invalid, "invalid_request", "There is no state %q.", q.State)
		}
		states = []webhook.State{one}
	}
	err = s.Store.Read(Within(ctx, a.Org), func(ctx context.Context, tx Reader) error {
		e, err := endpointFor(ctx, tx, a, endpointID, access.ReadWebhook)
		if err != nil {
			return err
		}
		f := DeliveryFilter{Endpoint: e.No, States: states, Before: math.MaxInt64, Limit: limit(q.Limit)}
		if q.Before != "" {
			last, err := tx.Entry(ctx, a.Org, q.Before)
			if err != nil {
				return fault.New(fault.Invalid, "bad_cursor", "The cursor is not one of this list.")
			}
			f.Before = last.Index
		}
		rows, err := tx.Deliveries(ctx, f)
		if err != nil {
			return err
		}
		out, err = withEntries(ctx, tx, rows)
		return err
	})
	return out, err
}

func withEntries(ctx context.Context, tx Reader, rows []webhook.Delivery) ([]DeliveryView, error) {
	indexes := make([]int64, len(rows))
	for i, d := range rows {
		indexes[i] = d.Index
	}
	entries, err := tx.EntriesAt(ctx, indexes)
	if err != nil {
		return nil, err
	}
	by := make(map[int64]journal.Entry, len(entries))
	for _, e := range entries {
		by[e.Index] = e
	}
	out := make([]DeliveryView, len(rows))
	for i, d := range rows {
		out[i] = DeliveryView{d, by[d.Index]}
	}
	return out, nil
}

// DeliveryDetail is a delivery with its attempts and what is sent.
type DeliveryDetail struct {
	DeliveryView
	Endpoint webhook.Endpoint
	Attempts []webhook.Attempt
	Form     WebhookForm
}

// DeliveryOf gives the delivery of an event to an endpoint. Faults: NotFound.
func (s *Service) DeliveryOf(ctx context.Context, a access.Actor, endpointID, eventID string) (out DeliveryDetail, err error) {
	err = s.Store.Read(Within(ctx, a.Org), func(ctx context.Context, tx Reader) error {
		e, d, entry, err := deliveryFor(ctx, tx, a, endpointID, eventID, access.ReadWebhook)
		if err != nil {
			return err
		}
		forms, err := tx.WebhookForms(ctx)
		if err != nil {
			return err
		}
		out = DeliveryDetail{DeliveryView: DeliveryView{d, entry}, Endpoint: e, Form: forms[d.Form]}
		out.Attempts, err = tx.Attempts(ctx, e.No, d.Index)
		return err
	})
	return out, err
}

// deliveryFor reads a delivery and checks that the actor may do the action on its endpoint.
func deliveryFor(ctx context.Context, tx Reader, a access.Actor, endpointID, eventID string, do access.Action) (e webhook.Endpoint, d webhook.Delivery, entry journal.Entry, err error) {
	if e, err = endpointFor(ctx, tx, a, endpointID, do); err != nil {
		return
	}
	if entry, err = tx.Entry(ctx, a.Org, eventID); err != nil {
		return
	}
	found, err := tx.DeliveriesAt(ctx, e.No, []int64{entry.Index})
	if err == nil && len(found) == 0 {
		err = access.NotFound()
	}
	if err == nil {
		d = found[0]
	}
	return
}
