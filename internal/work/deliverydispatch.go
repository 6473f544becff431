package work

import (
	"context"
	"log/slog"
	"maps"
	"math"
	"slices"

	"github.com/paraph/paraph/internal/event"
	"github.com/paraph/paraph/internal/failpoint"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/webhook"
)

const (
	// mostMade deliveries are made in one transaction, beside those of the entry that
	// crosses the mark.
	mostMade = 4000
	// queueRoom is how many deliveries may wait for one endpoint. What comes on top stays
	// in the journal, and is queued once there is room.
	queueRoom = 100_000
)

// DeliveryDispatcher reads the journal with a cursor of its own and makes
// deliveries of entries. The cursor moves in the transaction that writes them, so
// each entry makes each of its deliveries exactly once.
//
// It hears of endpoints by their own entries, at the place in the log where they
// stand: so an endpoint gets exactly the events behind its making.
type DeliveryDispatcher struct {
	store   service.Store
	service *service.Service
	form    service.WebhookForm
	lead    *leader
	log     *slog.Logger

	epoch  int64                    // of the lease under which the following was learnt
	formNo int64                    // number of the form; 0: not known yet
	subs   map[string][]*subscriber // by organisation; nil: not known yet
	seen   int64                    // no entry before it makes deliveries that are not made
	behind map[int64]bool           // endpoints that are behind
}

// subscriber is an endpoint as the dispatcher sees it.
type subscriber struct {
	*service.Wanted
	since int64 // it hears from here on
}

// NewDeliveryDispatcher makes a DeliveryDispatcher. source is the events' source.
func NewDeliveryDispatcher(s *service.Service, source string, by Holder, log *slog.Logger) *DeliveryDispatcher {
	return &DeliveryDispatcher{
		store: s.Store, service: s, form: service.WebhookForm{Form: event.Rendering, Source: source},
		lead: by.leader("dispatcher/"+service.WebhookCursor, s.Store, log), log: log, behind: map[int64]bool{},
	}
}

// Run dispatches, or waits for its turn to, until ctx ends.
func (d *DeliveryDispatcher) Run(ctx context.Context) error {
	return d.lead.run(ctx, service.TopicJournal, d.step)
}

// looked is a part of the journal that was looked through.
type looked struct {
	cursor, to int64
	more       bool
	endpoints  bool               // entries about endpoints are in it
	rows       []webhook.Delivery // by index
	form       int64              // in which they are to be written
}

// step makes the deliveries of one part of the journal and tells whether there
// may be more.
func (d *DeliveryDispatcher) step(ctx context.Context) (more bool, err error) {
	var part looked
	err = d.store.Read(ctx, func(ctx context.Context, tx service.Reader) (err error) {
		part, err = d.look(ctx, tx)
		return err
	})
	if err != nil {
		d.subs = nil // what was learnt may be half of it
		return false, err
	}
	// What endpoints wanted holds up to their entries: the cursor does not stay before those.
	if len(part.rows) == 0 && !part.endpoints && part.to-part.cursor < dispatcherRest && !d.lead.due() && d.formNo != 0 {
		d.seen = part.to
		if part.more {
			return true, nil
		}
		return d.catchUp(ctx)
	}
	if err := failpoint.Hit(failpoint.DispatchBefore); err != nil {
		return false, err
	}
	wrote := false
	err = d.store.Write(ctx, func(ctx context.Context, tx service.Tx) (err error) {
		wrote, err = d.write(ctx, tx, &part)
		return err
	})
	if err != nil || !wrote {
		return false, err
	}
	if d.subs != nil { // else it begins anew, at the stored cursor
		d.seen, d.formNo = part.to, part.form
	}
	return true, failpoint.Hit(failpoint.DispatchDone)
}

// look looks through the next part of the journal.
func (d *DeliveryDispatcher) look(ctx context.Context, tx service.Reader) (p looked, err error) {
	if d.subs == nil {
		if err := d.learn(ctx, tx); err != nil {
			return p, err
		}
	}
	if p.cursor, err = tx.Cursor(ctx, service.WebhookCursor); err != nil {
		return p, err
	}
	head, err := tx.LogHead(ctx)
	if err != nil {
		return p, err
	}
	from := max(p.cursor, d.seen)
	p.to = max(from, min(from+dispatcherBatch, head.Size))
	if p.to > from {
		entries, err := d.entries(ctx, tx, from, p.to)
		if err != nil {
			return p, err
		}
		for i := range entries {
			p.endpoints = p.endpoints || entries[i].SubjectType == subjectEndpoint
			if p.rows, err = d.deliveries(ctx, tx, &entries[i], p.rows); err != nil {
				return p, err
			}
			if len(p.rows) >= mostMade {
				p.to = entries[i].Index + 1
				break
			}
		}
	}
	p.more = p.to < head.Size
	return p, nil
}

// entries reads what of a part of the journal may make deliveries. Where there are
// no endpoints nothing does, unless an entry tells of one.
func (d *DeliveryDispatcher) entries(ctx context.Context, tx service.Reader, from, to int64) ([]journal.Entry, error) {
	if len(d.subs) == 0 {
		told, err := tx.EntriesOf(ctx, from, to, endpointKinds)
		if err != nil || len(told) == 0 {
			return nil, err
		}
	}
	return tx.EntriesOf(ctx, from, to, publicKinds)
}

// publicKinds are those of which an entry may make deliveries; endpointKinds, of
// them, those that tell of endpoints.
var publicKinds, endpointKinds = func() (all, endpoints []journal.Kind) {
	for _, t := range event.Types() {
		all = append(all, t.Kind)
		if t.Subject == subjectEndpoint {
			endpoints = append(endpoints, t.Kind)
		}
	}
	return all, endpoints
}()

// subjectEndpoint is what entries about endpoints are about.
const subjectEndpoint = "endpoint"

// deliveries adds those of one entry.
func (d *DeliveryDispatcher) deliveries(ctx context.Context, tx service.Reader, e *journal.Entry, rows []webhook.Delivery) ([]webhook.Delivery, error) {
	if e.SubjectType == subjectEndpoint {
		if err := d.relearn(ctx, tx, e.Org, e.SubjectID); err != nil {
			return nil, err
		}
	}
	if e.Erased() {
		return rows, nil
	}
	view := &service.EventView{Entry: e}
	for _, s := range d.subs[e.Org] {
		if e.Index >= s.since && d.wants(s, view) {
			to := s.Endpoint()
			rows = append(rows, webhook.Delivery{Endpoint: to.No, Index: e.Index, Key: to.KeyFor(e.DocumentID)})
		}
	}
	return rows, nil
}

func (d *DeliveryDispatcher) wants(s *subscriber, v *service.EventView) bool {
	wanted, err := s.Of(v)
	if err != nil {
		d.log.Debug("an endpoint's condition cannot be decided for an event", "endpoint", s.Endpoint().ID, "event", v.Entry.ID, "error", err)
	}
	return wanted
}

// learn reads all endpoints.
func (d *DeliveryDispatcher) learn(ctx context.Context, tx service.Reader) error {
	all, err := tx.Endpoints(ctx, "")
	if err != nil {
		return err
	}
	queues, err := tx.WebhookQueues(ctx)
	if err != nil {
		return err
	}
	d.subs, d.behind = map[string][]*subscriber{}, map[int64]bool{}
	for _, e := range all {
		if err := d.add(ctx, tx, e); err != nil {
			return err
		}
	}
	for _, q := range queues {
		if q.Behind >= 0 {
			d.behind[q.Endpoint] = true
		}
	}
	return nil
}

// relearn reads one endpoint anew: an entry told of it.
func (d *DeliveryDispatcher) relearn(ctx context.Context, tx service.Reader, org, id string) error {
	d.subs[org] = slices.DeleteFunc(slices.Clone(d.subs[org]), func(s *subscriber) bool { return s.Endpoint().ID == id })
	if len(d.subs[org]) == 0 {
		delete(d.subs, org)
	}
	e, err := tx.Endpoint(ctx, org, id)
	if fault.KindOf(err) == fault.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	return d.add(ctx, tx, e)
}

func (d *DeliveryDispatcher) add(ctx context.Context, tx service.Reader, e webhook.Endpoint) error {
	made, err := tx.Entry(ctx, e.Org, e.Since)
	if err != nil {
		return err
	}
	s := &subscriber{since: made.Index}
	if made.Index == journal.Unsequenced {
		s.since = math.MaxInt64 // its entry will tell of it
	}
	if s.Wanted, err = d.service.Wanted(e); err != nil {
		d.log.Error("an endpoint's condition cannot be compiled any more; nothing is sent to it", "endpoint", e.ID, "error", err)
		return nil
	}
	d.subs[e.Org] = append(d.subs[e.Org], s)
	return nil
}

// write writes deliveries and moves the cursor. wrote tells that it did: this
// process leads, and what it had learnt still holds.
func (d *DeliveryDispatcher) write(ctx context.Context, tx service.Tx, p *looked) (wrote bool, err error) {
	epoch, held, err := d.lead.hold(ctx, tx)
	if err != nil || !held {
		return false, err
	}
	now, err := tx.Cursor(ctx, service.WebhookCursor)
	if err != nil {
		return false, err
	}
	if epoch != d.epoch || now != p.cursor { // others led meanwhile
		d.epoch, d.subs, d.seen = epoch, nil, 0
		return true, nil
	}
	if p.form = d.formNo; p.form == 0 {
		if p.form, err = tx.WebhookForm(ctx, d.form); err != nil {
			return false, err
		}
	}
	if p.to == now {
		return true, nil
	}
	rows, err := d.queued(ctx, tx, p)
	if err != nil {
		return false, err
	}
	if err := tx.InsertDeliveries(ctx, rows); err != nil {
		return false, err
	}
	if err := failpoint.Hit(failpoint.DispatchInserted); err != nil {
		return false, err
	}
	if len(rows) > 0 {
		tx.Notify(service.TopicDeliveries)
	}
	if p.endpoints {
		tx.Notify(service.TopicReplays)
	}
	return true, tx.SetCursor(ctx, service.WebhookCursor, p.to)
}

// queued makes room for deliveries, and leaves out those of endpoints whose queue
// is full: they are behind from there on.
func (d *DeliveryDispatcher) queued(ctx context.Context, tx service.Tx, p *looked) ([]webhook.Delivery, error) {
	rows := p.rows
	counts, first := map[int64]int{}, map[int64]int64{}
	for _, r := range rows {
		if counts[r.Endpoint]++; counts[r.Endpoint] == 1 {
			first[r.Endpoint] = r.Index
		}
	}
	left := map[int64]bool{}
	for _, no := range slices.Sorted(maps.Keys(counts)) { // the same order everywhere, or two could wait for each other
		ok, err := tx.Queued(ctx, no, counts[no], queueRoom)
		if err != nil {
			return nil, err
		}
		if ok {
			continue
		}
		if err := tx.FallBehind(ctx, no, first[no]); err != nil {
			return nil, err
		}
		left[no], d.behind[no] = true, true
	}
	out := make([]webhook.Delivery, 0, len(rows))
	for _, r := range rows {
		if r.Form = p.form; !left[r.Endpoint] {
			out = append(out, r)
		}
	}
	return out, nil
}

// catchUp queues what an endpoint that is behind has missed, as far as there is
// room. It begins once half of the queue is free, so that it is done in large parts.
func (d *DeliveryDispatcher) catchUp(ctx context.Context) (more bool, err error) {
	for no := range d.behind {
		err := d.store.Write(ctx, func(ctx context.Context, tx service.Tx) (err error) {
			more = false
			if epoch, held, err := d.lead.hold(ctx, tx); err != nil || !held || epoch != d.epoch {
				return err
			}
			queue, err := tx.WebhookQueue(ctx, no)
			if fault.KindOf(err) == fault.NotFound || err == nil && queue.Behind < 0 {
				delete(d.behind, no)
				return nil
			}
			if err != nil || queue.Pending > queueRoom/2 {
				return err
			}
			more, err = d.missed(ctx, tx, no, queue.Behind)
			return err
		})
		if err != nil || more {
			return more, err
		}
	}
	return false, nil
}

// missed queues a part of what an endpoint has missed from a place on. It is not
// behind any more once it comes to where the dispatcher itself is.
func (d *DeliveryDispatcher) missed(ctx context.Context, tx service.Tx, no, from int64) (more bool, err error) {
	cursor, err := tx.Cursor(ctx, service.WebhookCursor)
	if err != nil {
		return false, err
	}
	to := min(from+dispatcherBatch, cursor)
	var rows []webhook.Delivery
	if s := d.subscriber(no); s != nil {
		entries, err := tx.EntriesOf(ctx, from, to, publicKinds)
		if err != nil {
			return false, err
		}
		for i := range entries {
			e := &entries[i]
			if e.Org == s.Endpoint().Org && !e.Erased() && d.wants(s, &service.EventView{Entry: e}) {
				rows = append(rows, webhook.Delivery{Endpoint: no, Index: e.Index, Key: s.Endpoint().KeyFor(e.DocumentID), Form: d.formNo})
			}
		}
	}
	if rows, err = notThere(ctx, tx, no, rows); err != nil {
		return false, err
	}
	next := to
	if to == cursor {
		next = -1
	}
	ok, err := tx.CatchUp(ctx, no, from, next, len(rows), queueRoom)
	if err != nil || !ok {
		return false, err
	}
	tx.Notify(service.TopicEndpoints)
	return true, tx.InsertDeliveries(ctx, rows)
}

// notThere leaves out deliveries that a replay has made meanwhile.
func notThere(ctx context.Context, tx service.Tx, no int64, rows []webhook.Delivery) ([]webhook.Delivery, error) {
	indexes := make([]int64, len(rows))
	for i, r := range rows {
		indexes[i] = r.Index
	}
	found, err := tx.DeliveriesAt(ctx, no, indexes)
	if err != nil || len(found) == 0 {
		return rows, err
	}
	there := map[int64]bool{}
	for _, d := range found {
		there[d.Index] = true
	}
	return slices.DeleteFunc(rows, func(d webhook.Delivery) bool { return there[d.Index] }), nil
}

// subscriber gives an endpoint by its number; nil where it is not known.
func (d *DeliveryDispatcher) subscriber(no int64) *subscriber {
	for _, list := range d.subs {
		for _, s := range list {
			if s.Endpoint().No == no {
				return s
			}
		}
	}
	return nil
}
