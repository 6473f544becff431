package work

import (
	"context"
	"strconv"
	"time"

	"github.com/paraph/paraph/internal/event"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/webhook"
)

// farFuture is later than any time at which something is due.
var farFuture = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// load is what was read for a line.
type load struct {
	line    *line
	now     time.Time
	fresh   []*parcel
	scanned int64
	more    bool
	due     []*parcel
	place   webhook.Delivery
	dueAt   time.Time
	chains  []loadedChain
	keys    []string // of the chains that were asked for
	asked   time.Time
	poked   int64
	err     error
}

type loadedChain struct {
	key  string
	rows []*parcel
	more bool
}

// arrive takes in the deliveries that were made since it looked last.
func (c *Courier) arrive(ctx context.Context) {
	var parcels []*parcel
	if c.seen < 0 {
		return // the lines are not there yet
	}
	seen := c.seen
	now := c.Clock.Now()
	err := c.Store.Read(ctx, func(ctx context.Context, tx service.Reader) (err error) {
		if seen, err = tx.Cursor(ctx, service.WebhookCursor); err != nil || seen == c.seen {
			return err
		}
		rows, err := tx.FreshDeliveries(ctx, c.seen, seen)
		if err != nil {
			return err
		}
		var wanted []webhook.Delivery
		for _, d := range rows {
			if l := c.lines[d.Endpoint]; l != nil && !l.loading && !l.more {
				wanted = append(wanted, d)
			} else if l != nil {
				l.missed = l.missed || l.loading
			}
		}
		parcels, err = c.parcels(ctx, tx, wanted, now)
		return err
	})
	if err != nil {
		if ctx.Err() == nil {
			c.Log.Error("new deliveries could not be read; it is tried again", "error", err)
		}
		return
	}
	c.seen = seen
	for i, p := range parcels {
		l := c.lines[p.d.Endpoint]
		l.arrive(p)
		if i+1 == len(parcels) || parcels[i+1].d.Endpoint != p.d.Endpoint {
			c.pump(l)
		}
	}
}

// parcels reads the events of deliveries. Deliveries in a form that a later
// program has chosen stay where they are.
func (c *Courier) parcels(ctx context.Context, tx service.Reader, rows []webhook.Delivery, now time.Time) ([]*parcel, error) {
	if len(rows) == 0 {
		return nil, nil
	}
	indexes := make([]int64, len(rows))
	for i, d := range rows {
		indexes[i] = d.Index
	}
	entries, err := tx.EntriesAt(ctx, indexes)
	if err != nil {
		return nil, err
	}
	byIndex := make(map[int64]*journal.Entry, len(entries))
	for i := range entries {
		byIndex[entries[i].Index] = &entries[i]
	}
	type written struct{ index, form int64 }
	messages := make(map[written]*message, len(entries))
	out := make([]*parcel, 0, len(rows))
	for _, d := range rows {
		key := written{d.Index, d.Form}
		m, known := messages[key]
		if !known {
			form, err := c.form(ctx, tx, d.Form)
			if err != nil {
				return nil, err
			}
			if m, err = messageOf(byIndex[d.Index], form); err != nil {
				c.Log.Warn("a delivery waits for a later version of the program", "endpoint", d.Endpoint, "error", err)
				continue
			}
			messages[key] = m
		}
		out = append(out, &parcel{d: d, m: m, loaded: now})
	}
	return out, nil
}

// form gives a form by its number.
func (c *Courier) form(ctx context.Context, tx service.Reader, no int64) (f service.WebhookForm, err error) {
	c.formsMu.Lock()
	defer c.formsMu.Unlock()
	if f, ok := c.forms[no]; ok {
		return f, nil
	}
	if c.forms, err = tx.WebhookForms(ctx); err != nil {
		return f, err
	}
	return c.forms[no], nil
}

// messageOf writes an entry in a form; nil where it was erased.
func messageOf(e *journal.Entry, f service.WebhookForm) (*message, error) {
	if e == nil || e.Erased() {
		return nil, nil
	}
	body, known := event.Render(f.Form, e, f.Source)
	if !known {
		return nil, unknownForm(f.Form)
	}
	return &message{id: e.ID, kind: e.Kind, doc: e.DocumentID, at: e.At, body: body}, nil
}

// fetch reads for a line, beside everything else.
func (c *Courier) fetch(l *line, now time.Time) {
	l.loading = true
	want := load{line: l, now: now, scanned: l.scanned, more: l.more, place: l.due, dueAt: l.dueAt, asked: l.dueAt, poked: l.poked, keys: l.pending}
	ordered := l.endpoint.Order != webhook.Free
	due := l.dueBy(now)
	l.pending = nil
	// Where order matters, what waits for its retry goes before what is fresh.
	fresh := l.more && !(ordered && due) && len(want.keys) == 0
	no := l.endpoint.No
	go func() {
		c.loaders <- struct{}{}
		defer func() { <-c.loaders }()
		want.err = c.Store.Read(c.sending, func(ctx context.Context, tx service.Reader) (err error) {
			for _, key := range want.keys {
				ch, err := c.loadChain(ctx, tx, no, key, now)
				if err != nil {
					return err
				}
				want.chains = append(want.chains, ch)
			}
			if due {
				until := now
				if ordered {
					until = farFuture
				}
				if err := c.loadDue(ctx, tx, no, until, &want); err != nil {
					return err
				}
			}
			if fresh {
				return c.loadFresh(ctx, tx, no, &want)
			}
			return nil
		})
		c.loaded <- want
	}()
}

func (c *Courier) loadChain(ctx context.Context, tx service.Reader, no int64, key string, now time.Time) (ch loadedChain, err error) {
	rows, err := tx.KeyedDeliveries(ctx, no, key, chainLength+1)
	if err != nil {
		return ch, err
	}
	ch = loadedChain{key: key, more: len(rows) == chainLength+1}
	ch.rows, err = c.parcels(ctx, tx, rows, now)
	return ch, err
}

func (c *Courier) loadDue(ctx context.Context, tx service.Reader, no int64, until time.Time, want *load) error {
	rows, err := tx.DueDeliveries(ctx, no, want.place, until, lineLength)
	if err != nil {
		return err
	}
	if len(rows) > 0 {
		want.place = rows[len(rows)-1]
	}
	if want.due, err = c.parcels(ctx, tx, rows, want.now); err != nil {
		return err
	}
	want.dueAt, err = tx.NextDue(ctx, no, want.place)
	return err
}

func (c *Courier) loadFresh(ctx context.Context, tx service.Reader, no int64, want *load) error {
	rows, err := tx.WaitingDeliveries(ctx, no, want.scanned, lineLength)
	if err != nil {
		return err
	}
	if want.more = len(rows) == lineLength; len(rows) > 0 {
		want.scanned = rows[len(rows)-1].Index
	}
	want.fresh, err = c.parcels(ctx, tx, rows, want.now)
	return err
}

// took takes in what was read for a line.
func (c *Courier) took(got load) {
	l, now := got.line, c.Clock.Now()
	l.loading = false
	if got.err != nil {
		if c.sending.Err() == nil {
			c.Log.Error("an endpoint's queue could not be read; it is tried again", "endpoint", l.endpoint.ID, "error", got.err)
		}
		l.pending = append(l.pending, got.keys...)
		c.timers.add(l, now.Add(courierLook))
		return
	}
	for _, ch := range got.chains {
		l.takeChain(ch.key, ch.rows, ch.more, now)
	}
	if l.poked == got.poked {
		l.due = got.place
		if now := l.dueAt; now.Equal(got.asked) || now.IsZero() || !got.dueAt.IsZero() && got.dueAt.Before(now) {
			l.dueAt = got.dueAt
		}
	}
	for _, p := range got.due {
		l.takeDue(p)
	}
	l.scanned, l.more = max(l.scanned, got.scanned), got.more || l.missed
	l.missed = false
	for _, p := range got.fresh {
		l.take(p)
	}
	l.renew(now)
	c.pump(l)
}

// reread reads a parcel's event again; gone tells that there is nothing to send any more.
func (c *Courier) reread(p *parcel) (gone bool, err error) {
	err = c.Store.Read(c.sending, func(ctx context.Context, tx service.Reader) error {
		found, err := tx.EntriesAt(ctx, []int64{p.d.Index})
		gone = err == nil && (len(found) == 0 || found[0].Erased())
		return err
	})
	return gone, err
}

// unknownForm is a form that this program cannot write.
type unknownForm int

func (f unknownForm) Error() string {
	return "the event is to be written in form " + strconv.Itoa(int(f)) + ", which this version does not know"
}
