package work

import (
	"context"
	"log/slog"

	"github.com/paraph/paraph/internal/event"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/webhook"
)

const (
	// replayBatch is how many places in the log a replay goes through in one transaction.
	replayBatch = 1000
	// waitsForRoom is what a replay says while the endpoint's queue is full.
	waitsForRoom = "The endpoint's queue is full; it goes on once there is room."
)

// Replayer makes deliveries of past events, as replays ask for. How far one has
// come stands in its row, which is written in the transaction that writes the
// deliveries: so it goes on where it was, whatever dies.
type Replayer struct {
	store   service.Store
	service *service.Service
	form    service.WebhookForm
	lead    *leader
	log     *slog.Logger
}

// NewReplayer makes a Replayer. source is the events' source.
func NewReplayer(s *service.Service, source string, by Holder, log *slog.Logger) *Replayer {
	return &Replayer{store: s.Store, service: s, form: service.WebhookForm{Form: event.Rendering, Source: source}, lead: by.leader("webhooks/replays", s.Store, log), log: log}
}

// Run works on replays, or waits for its turn to, until ctx ends.
func (r *Replayer) Run(ctx context.Context) error {
	return r.lead.run(ctx, service.TopicReplays, r.step)
}

// step takes each replay one part further, and tells whether there is more to do.
func (r *Replayer) step(ctx context.Context) (more bool, err error) {
	if leads, err := r.lead.keep(ctx); err != nil || !leads {
		return false, err
	}
	var running []webhook.Replay
	err = r.store.Read(ctx, func(ctx context.Context, tx service.Reader) error {
		running, err = tx.RunningReplays(ctx)
		return err
	})
	for _, one := range running {
		if ctx.Err() != nil || err != nil {
			break
		}
		var moved bool
		moved, err = r.advance(ctx, one)
		more = more || moved
	}
	return more, err
}

// advance makes the deliveries of one part of a replay.
func (r *Replayer) advance(ctx context.Context, one webhook.Replay) (moved bool, err error) {
	err = r.store.Write(ctx, func(ctx context.Context, tx service.Tx) error {
		moved = false
		if _, held, err := r.lead.hold(ctx, tx); err != nil || !held {
			return err
		}
		now, from := one, one.Place
		e, queue, err := r.endpoint(ctx, tx, one)
		if err != nil {
			return err
		}
		if e.DeletedAt.IsZero() && now.Place < 0 {
			if began, err := service.BeginReplay(ctx, tx, &now); err != nil || !began {
				return err
			}
		}
		if !e.DeletedAt.IsZero() {
			now.State, now.Reason, now.Ended = webhook.ReplayFailed, "The endpoint was deleted.", tx.Now()
		} else if queue.Pending > queueRoom-replayBatch {
			if now.Waiting = waitsForRoom; one.Waiting == now.Waiting {
				return nil
			}
		} else if err := r.part(ctx, tx, e, &now); err != nil {
			return err
		}
		ok, err := tx.SaveReplay(ctx, now, from)
		if err != nil || !ok {
			return err
		}
		moved = now.State == webhook.ReplayRunning && now.Waiting == ""
		if now.State == webhook.ReplayRunning {
			return nil
		}
		return service.EndReplay(ctx, tx, e, now)
	})
	return moved, err
}

// endpoint reads the endpoint of a replay; one that was deleted says so.
func (r *Replayer) endpoint(ctx context.Context, tx service.Tx, one webhook.Replay) (e webhook.Endpoint, q webhook.Queue, err error) {
	all, err := tx.Endpoints(ctx, one.Org)
	if err != nil {
		return e, q, err
	}
	for _, e = range all {
		if e.No == one.Endpoint {
			q, err = tx.WebhookQueue(ctx, e.No)
			return e, q, err
		}
	}
	return webhook.Endpoint{Org: one.Org, DeletedAt: tx.Now()}, q, nil
}

// part goes through the next part of the log, or of the dead deliveries.
func (r *Replayer) part(ctx context.Context, tx service.Tx, e webhook.Endpoint, one *webhook.Replay) error {
	entries, err := r.candidates(ctx, tx, e, one)
	if err != nil {
		return err
	}
	chosen, err := r.chosen(e, one, entries)
	if err != nil {
		one.State, one.Reason, one.Ended = webhook.ReplayFailed, "Its condition cannot be used: "+err.Error()+".", tx.Now()
		return nil
	}
	form, err := tx.WebhookForm(ctx, r.form)
	if err != nil {
		return err
	}
	made, err := service.SendAnew(ctx, tx, e, chosen, form, one.Which)
	if err != nil {
		return err
	}
	if one.Made, one.Waiting = one.Made+int64(made), ""; one.Place >= one.End {
		one.State, one.Ended = webhook.ReplayDone, tx.Now()
	}
	return nil
}

// candidates reads the entries of the next part, and moves the place behind them.
func (r *Replayer) candidates(ctx context.Context, tx service.Tx, e webhook.Endpoint, one *webhook.Replay) ([]journal.Entry, error) {
	switch {
	case len(one.Events) > 0:
		one.Place = one.End
		return tx.EntriesAt(ctx, one.Events)
	case one.Which == webhook.DeadOnes:
		rows, err := tx.DeadDeliveries(ctx, e.No, one.Place, one.End, replayBatch)
		if err != nil {
			return nil, err
		}
		if one.Place = one.End; len(rows) == replayBatch {
			one.Place = rows[len(rows)-1].Index + 1
		}
		indexes := make([]int64, len(rows))
		for i, d := range rows {
			indexes[i] = d.Index
		}
		return tx.EntriesAt(ctx, indexes)
	}
	from := one.Place
	one.Place = min(from+replayBatch, one.End)
	return tx.EntriesOf(ctx, from, one.Place, publicKinds)
}

// chosen are the entries that the replay and, unless they are named or were made
// already, the endpoint want.
func (r *Replayer) chosen(e webhook.Endpoint, one *webhook.Replay, entries []journal.Entry) (out []journal.Entry, err error) {
	narrow := e
	narrow.Types, narrow.Condition = one.Types, one.Condition
	wanted, err := r.service.Wanted(narrow)
	if err != nil {
		return nil, err
	}
	own, err := r.service.Wanted(e)
	if err != nil {
		return nil, err
	}
	bySelf := len(one.Events) == 0 && one.Which != webhook.DeadOnes
	for i := range entries {
		view := &service.EventView{Entry: &entries[i]}
		if entries[i].Org != e.Org {
			continue
		}
		if ok, err := wanted.Of(view); err != nil || !ok {
			continue // a condition that cannot be decided on an event does not choose it
		}
		if bySelf {
			if ok, err := own.Of(view); err != nil || !ok {
				continue
			}
		}
		out = append(out, entries[i])
	}
	return out, nil
}
