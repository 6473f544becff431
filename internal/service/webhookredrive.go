package service

import (
	"context"
	"slices"
	"sort"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/id"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/webhook"
)

// mostNamed events can be named in one replay; mostReplays of an endpoint may run at once.
const (
	mostNamed   = 1000
	mostReplays = 5
)

// Redrive sends one event to an endpoint anew, whatever became of it before. Its
// id and its body are the same again.
//
// Faults: NotFound; Conflict "delivery_pending".
func (s *Service) Redrive(ctx context.Context, call Call, endpointID, eventID string) (Result[DeliveryView], error) {
	return run(ctx, s, call, false, func(ctx context.Context, c *change) (DeliveryView, error) {
		e, d, entry, err := deliveryFor(ctx, c, call.Actor, endpointID, eventID, access.WriteWebhook)
		if err != nil {
			return DeliveryView{}, err
		}
		if d.State == webhook.Pending {
			return DeliveryView{}, fault.New(fault.Conflict, "delivery_pending", "The event waits to be sent already.")
		}
		if entry.Erased() {
			return DeliveryView{}, fault.New(fault.Gone, "document_disposed", "The event's document was disposed of; there is nothing to send any more.")
		}
		if _, err := SendAnew(ctx, c, e, []journal.Entry{entry}, 0, webhook.Every); err != nil {
			return DeliveryView{}, err
		}
		d.State, d.Attempts, d.Next, d.Ended = webhook.Pending, 0, c.Now(), time.Time{}
		entry.Data = nil
		return DeliveryView{d, entry}, nil
	})
}

// SendAnew makes deliveries of entries to an endpoint, or makes them pending once
// more. Those that wait already stay as they are; which says what is done with the
// others. made is how many wait now that did not. form is that of new ones.
func SendAnew(ctx context.Context, tx Tx, e webhook.Endpoint, entries []journal.Entry, form int64, which webhook.Which) (made int, err error) {
	// Before anything is read, so that two at once do not count twice.
	if err := tx.Poke(ctx, e.No, 0, 0, false); err != nil {
		return 0, err
	}
	indexes := make([]int64, len(entries))
	for i := range entries {
		indexes[i] = entries[i].Index
	}
	found, err := tx.DeliveriesAt(ctx, e.No, indexes)
	if err != nil {
		return 0, err
	}
	there := make(map[int64]webhook.Delivery, len(found))
	for _, d := range found {
		there[d.Index] = d
	}
	queue, err := tx.WebhookQueue(ctx, e.No)
	if err != nil {
		return 0, err
	}
	var rows []webhook.Delivery
	dead, unblock := int64(0), false
	for i := range entries {
		d, known := there[entries[i].Index]
		switch {
		case entries[i].Erased(), known && d.State == webhook.Pending:
			continue
		case which == webhook.DeadOnes && (!known || d.State != webhook.Dead), which == webhook.Missing && known:
			continue
		}
		if !known {
			d = webhook.Delivery{Endpoint: e.No, Index: entries[i].Index, Form: form}
		}
		if d.State == webhook.Dead {
			dead--
		}
		unblock = unblock || d.Index == queue.Blocked
		d.State, d.Key, d.Attempts, d.Next, d.Ended = webhook.Pending, e.KeyFor(entries[i].DocumentID), 0, tx.Now(), time.Time{}
		rows = append(rows, d)
	}
	if len(rows) == 0 {
		return 0, nil
	}
	if err := tx.SendAnew(ctx, rows); err != nil {
		return 0, err
	}
	tx.Notify(TopicEndpoints)
	return len(rows), tx.Poke(ctx, e.No, int64(len(rows)), dead, unblock)
}

// SkipDelivery gives up a delivery that waits or is dead, so that a strict queue
// can go on behind it.
//
// Faults: NotFound; Conflict "delivery_ended".
func (s *Service) SkipDelivery(ctx context.Context, call Call, endpointID, eventID string) (Result[DeliveryView], error) {
	return run(ctx, s, call, false, func(ctx context.Context, c *change) (DeliveryView, error) {
		e, d, entry, err := deliveryFor(ctx, c, call.Actor, endpointID, eventID, access.WriteWebhook)
		if err != nil {
			return DeliveryView{}, err
		}
		queue, err := c.WebhookQueue(ctx, e.No)
		if err != nil {
			return DeliveryView{}, err
		}
		if d.State != webhook.Pending && d.State != webhook.Dead {
			return DeliveryView{}, fault.New(fault.Conflict, "delivery_ended", "The delivery is %s; only one that waits or is dead can be skipped.", d.State)
		}
		d.Ended = c.Now()
		done, err := c.Tx.SkipDelivery(ctx, d)
		if err != nil {
			return DeliveryView{}, err
		}
		if !done {
			return DeliveryView{}, fault.New(fault.Conflict, "stale", "The delivery was settled a moment ago. Look at it again.")
		}
		pending, dead := int64(-1), int64(0)
		if d.State == webhook.Dead {
			pending, dead = 0, -1
		}
		d.State, d.Next = webhook.Skipped, time.Time{}
		entry.Data = nil
		c.Notify(TopicEndpoints)
		return DeliveryView{d, entry}, c.Poke(ctx, e.No, pending, dead, d.Index == queue.Blocked)
	})
}

// NewReplay says which past events are sent to an endpoint.
type NewReplay struct {
	Which     webhook.Which // "": DeadOnes; Every, where events are named
	Types     []string
	Condition string
	Since     time.Time // of the events; zero: from the beginning
	Until     time.Time // zero: up to now
	Events    []string  // ids
}

// StartReplay begins to send past events to an endpoint. What was received before
// is sent once more only where Which says so.
//
// Faults: NotFound; Invalid "invalid_replay"; Conflict "too_many_replays".
func (s *Service) StartReplay(ctx context.Context, call Call, endpointID string, in NewReplay) (Result[webhook.Replay], error) {
	if in.Which == "" {
		if in.Which = webhook.DeadOnes; len(in.Events) > 0 {
			in.Which = webhook.Every
		}
	}
	if err := s.checkReplay(in); err != nil {
		return Result[webhook.Replay]{}, err
	}
	return run(ctx, s, call, false, func(ctx context.Context, c *change) (webhook.Replay, error) {
		e, err := endpointFor(ctx, c, call.Actor, endpointID, access.WriteWebhook)
		if err != nil {
			return webhook.Replay{}, err
		}
		running, err := c.RunningReplays(ctx)
		if err != nil {
			return webhook.Replay{}, err
		}
		running = slices.DeleteFunc(running, func(r webhook.Replay) bool { return r.Endpoint != e.No })
		if len(running) >= mostReplays {
			return webhook.Replay{}, fault.New(fault.Conflict, "too_many_replays", "%d replays to this endpoint are still running. Wait for their end.", len(running))
		}
		r := webhook.Replay{ID: id.New(webhook.ReplayPrefix, c.Now()), Org: e.Org, Endpoint: e.No, State: webhook.ReplayRunning, By: call.Actor.ID, Created: c.Now(), Place: -1,
			Selection: webhook.Selection{Which: in.Which, Types: in.Types, Condition: in.Condition, Since: in.Since, Until: in.Until}}
		if r.Events, err = c.named(ctx, e, in.Events); err != nil {
			return r, err
		}
		if err := c.log(e.Org, e.Unit, note{kind: journal.WebhookReplayStarted, subject: "endpoint", id: e.ID, data: replayData(&e, &r)}); err != nil {
			return r, err
		}
		r.Entry = c.lastID
		return r, c.InsertReplay(ctx, r)
	})
}

func (s *Service) checkReplay(in NewReplay) error {
	var l fault.List
	if in.Which != webhook.DeadOnes && in.Which != webhook.Missing && in.Which != webhook.Every {
		l.Add("/which", "unknown_choice", "A replay is of dead, missing or all events, but not of %q.", in.Which)
	}
	for _, t := range in.Types {
		if len(webhook.KindsOf([]string{t})) == 0 {
			l.Add("/types", "unknown_type", "There is no type of event %q. The types are listed at /docs/events.", t)
		}
	}
	if in.Condition != "" {
		if _, err := s.Conditions.Compile(in.Condition); err != nil {
			l.Add("/condition", "bad_condition", "The condition cannot be used: %s.", err)
		}
	}
	if !in.Since.IsZero() && !in.Until.IsZero() && !in.Since.Before(in.Until) {
		l.Add("/until", "out_of_range", "The span of time ends before it begins.")
	}
	if len(in.Events) > mostNamed {
		l.Add("/event_ids", "too_many", "At most %d events can be named.", mostNamed)
	}
	return l.Err("invalid_replay", "The replay has faults.")
}

// named finds the places of events in the log.
func (c *change) named(ctx context.Context, e webhook.Endpoint, events []string) (places []int64, err error) {
	for _, name := range events {
		entry, err := c.Entry(ctx, e.Org, name)
		if fault.KindOf(err) == fault.NotFound || err == nil && (entry.Index < 0 || !entry.Kind.Public() || e.Unit != "" && entry.Unit != e.Unit) {
			return nil, fault.New(fault.Invalid, "invalid_replay", "The replay has faults.").With(fault.Detail{
				Pointer: "/event_ids", Code: "unknown_event", Message: "Event " + name + " is none that this endpoint can be sent."})
		}
		if err != nil {
			return nil, err
		}
		places = append(places, entry.Index)
	}
	slices.Sort(places)
	return slices.Compact(places), nil
}

// BeginReplay finds the part of the log that a replay goes through: up to its own
// entry, which its courier's dispatcher has to have passed. What comes behind is on
// its way by itself. false: not yet.
func BeginReplay(ctx context.Context, tx Reader, r *webhook.Replay) (bool, error) {
	own, err := tx.Entry(ctx, r.Org, r.Entry)
	if err != nil {
		return false, err
	}
	passed, err := tx.Cursor(ctx, WebhookCursor)
	if err != nil || own.Index < 0 || passed <= own.Index {
		return false, err
	}
	if len(r.Events) > 0 {
		r.From, r.Place, r.End = r.Events[0], r.Events[0], r.Events[len(r.Events)-1]+1
		return true, nil
	}
	if r.From, err = placeAt(ctx, tx, r.Since, 0, own.Index); err != nil {
		return false, err
	}
	if r.Place, r.End = r.From, own.Index; !r.Until.IsZero() {
		r.End, err = placeAt(ctx, tx, r.Until, r.From, own.Index)
	}
	return true, err
}

// placeAt finds the first entry of that time or later, between two places. Entries
// stand in the log about as they happened.
func placeAt(ctx context.Context, tx Reader, at time.Time, from, to int64) (int64, error) {
	if at.IsZero() {
		return from, nil
	}
	var failed error
	n := sort.Search(int(to-from), func(i int) bool {
		found, err := tx.EntriesAt(ctx, []int64{from + int64(i)})
		if err != nil {
			failed = err
		}
		return len(found) == 0 || !found[0].At.Before(at)
	})
	return from + int64(n), failed
}

// ReplayOf gives a replay of an endpoint. Faults: NotFound.
func (s *Service) ReplayOf(ctx context.Context, a access.Actor, endpointID, replayID string) (r webhook.Replay, err error) {
	err = s.Store.Read(Within(ctx, a.Org), func(ctx context.Context, tx Reader) error {
		e, err := endpointFor(ctx, tx, a, endpointID, access.ReadWebhook)
		if err != nil {
			return err
		}
		r, err = tx.Replay(ctx, e.No, replayID)
		return err
	})
	return r, err
}

// AwaitReplay gives a replay as soon as it has ended, or as it is when wait is over. Faults: NotFound.
func (s *Service) AwaitReplay(ctx context.Context, a access.Actor, endpointID, replayID string, wait time.Duration) (webhook.Replay, error) {
	wake, cancel := s.Store.Subscribe(TopicEntries) // every end is an entry
	defer cancel()
	over := time.NewTimer(wait)
	defer over.Stop()
	for {
		r, err := s.ReplayOf(ctx, a, endpointID, replayID)
		if err != nil || r.State != webhook.ReplayRunning || wait <= 0 {
			return r, err
		}
		select {
		case <-wake:
		case <-over.C:
			wait = 0 // one last look
		case <-s.Closing:
			return r, nil
		case <-ctx.Done():
			return r, nil
		}
	}
}

// Replays lists the replays of an endpoint, newest first. Faults: NotFound.
func (s *Service) Replays(ctx context.Context, a access.Actor, endpointID, before string, most int) (out []webhook.Replay, err error) {
	err = s.Store.Read(Within(ctx, a.Org), func(ctx context.Context, tx Reader) error {
		e, err := endpointFor(ctx, tx, a, endpointID, access.ReadWebhook)
		if err != nil {
			return err
		}
		out, err = tx.Replays(ctx, e.No, before, limit(most))
		return err
	})
	return out, err
}

// EndReplay notes that a replay has ended.
func EndReplay(ctx context.Context, tx Tx, e webhook.Endpoint, r webhook.Replay) error {
	c := &change{Tx: tx, actor: SystemCall(e.Org, "webhooks", "").Actor}
	if err := c.log(e.Org, e.Unit, note{kind: journal.WebhookReplayEnded, subject: "endpoint", id: e.ID, data: replayData(&e, &r)}); err != nil {
		return err
	}
	return c.flush(ctx)
}
