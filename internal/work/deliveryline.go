package work

import (
	"slices"
	"time"

	"github.com/paraph/paraph/internal/event"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/webhook"
)

const (
	// lineLength is how many deliveries of an endpoint are kept in memory to be sent next.
	lineLength = 256
	// chainLength is how many deliveries of one key wait in memory behind the first.
	chainLength = 16
	// mostChains is how many keys of an endpoint may wait for a retry before no others
	// are looked for.
	mostChains = 10_000
	// staleAfter is how old what was read may be when it is sent. Later it is read
	// again: its document may have been disposed of.
	staleAfter = 5 * time.Second
)

// parcel is a delivery in memory.
type parcel struct {
	d      webhook.Delivery
	m      *message // nil: there is nothing to send any more
	loaded time.Time
	probe  bool
	kept   bool // it stays in the line after its outcome
}

// stale tells whether the event has to be read again before it is sent.
func (p *parcel) stale(now time.Time) bool { return now.Sub(p.loaded) > staleAfter }

// chain are the deliveries of one key, of which only the first may be sent.
type chain struct {
	head *parcel   // the first, while it waits for its time; nil: it may go, or is on its way
	wait time.Time // of head
	rest []*parcel // behind the first
	more bool      // there are others in the database, behind those
}

// line is what is known of an endpoint's queue. Only the courier's own goroutine
// touches it.
type line struct {
	endpoint webhook.Endpoint
	round    int
	epoch    int64 // of the round's lease
	target   Target
	health   webhook.Health
	blocked  int64
	poked    int64
	pace     *webhook.Pace

	ready     []*parcel
	chains    map[string]*chain
	have      map[int64]struct{} // what is in memory, on its way, or not yet settled
	idle      int                // chains whose first waits for its retry
	rests     int                // parcels behind the first of their chains
	retryAt   time.Time          // when the first of the idle chains may go on; zero: none
	out       int                // requests on their way
	unsettled int                // outcomes not written yet
	hungry    bool               // it waits for a place
	armed     time.Time          // of its alarm; zero: none

	scanned int64            // fresh deliveries up to here are in memory or settled
	more    bool             // there are fresh ones behind it
	missed  bool             // some arrived while the line was being loaded
	due     webhook.Delivery // the place behind which others wait for their own time
	dueAt   time.Time        // when the first of them is due; zero: none
	pending []string         // chains to be loaded
	loading bool
	anew    bool // everything is to be read anew, once nothing is on its way
	leaving bool // its round is to become another process's
	gone    bool // it is
}

func newLine(e webhook.Endpoint, q webhook.Queue, now time.Time) *line {
	l := &line{endpoint: e, round: service.RoundOf(e.No), health: q.Health, blocked: q.Blocked, poked: q.Poked, pace: webhook.NewPace(now)}
	l.restart(now)
	return l
}

// restart forgets what is in memory, so that all of it is read anew.
func (l *line) restart(now time.Time) {
	l.ready, l.chains, l.have, l.idle, l.rests, l.retryAt = nil, map[string]*chain{}, map[int64]struct{}{}, 0, 0, time.Time{}
	l.scanned, l.more, l.missed, l.due, l.dueAt, l.pending, l.anew = -1, true, false, webhook.Delivery{}, now, nil, false
	if l.endpoint.Order == webhook.Strict {
		l.wholeQueue()
	}
}

// wholeQueue reads a strict queue as the one chain that it is. What the order of
// the endpoint was before may still wait beside it.
func (l *line) wholeQueue() {
	l.chains[webhook.WholeQueue] = &chain{more: true}
	l.pending = append(l.pending, webhook.WholeQueue)
}

// sendable tells whether there may be anything to send.
func (l *line) sendable() bool { return len(l.ready) > 0 && l.open() }

// open tells whether the endpoint takes anything at all.
func (l *line) open() bool {
	return !l.gone && !l.leaving && !l.anew && l.endpoint.Enabled && l.target != nil && l.blocked < 0
}

// next gives what to send now; nil, and when to ask again (zero: when something
// changes), where nothing may be sent.
func (l *line) next(now time.Time) (*parcel, time.Time) {
	ok, probe, again := l.health.Ready(now)
	if !ok {
		return nil, again
	}
	if probe && l.out > 0 || l.out >= l.pace.AtOnce(l.endpoint.Order) {
		return nil, time.Time{}
	}
	if ok, again := l.pace.Take(l.endpoint.Rate, now); !ok {
		return nil, again
	}
	p := l.ready[0]
	l.ready[0] = nil
	l.ready = l.ready[1:]
	p.probe = probe
	return p, time.Time{}
}

// wantsMore tells whether something should be read for the line.
func (l *line) wantsMore(now time.Time) bool {
	if l.loading || !l.open() || l.health.OpenUntil.After(now) && len(l.ready) > 0 {
		return false
	}
	if len(l.pending) > 0 {
		return true
	}
	if len(l.ready)+l.rests > lineLength/2 || l.idle >= mostChains {
		return false
	}
	return l.more || l.dueBy(now)
}

// dueBy tells whether others in the database wait for a time that has come. Where
// order matters all of them are read, so that nothing overtakes them.
func (l *line) dueBy(now time.Time) bool {
	return !l.dueAt.IsZero() && (l.endpoint.Order != webhook.Free || !l.dueAt.After(now))
}

// arrive takes a delivery that was made just now, if the line knows all before it.
func (l *line) arrive(p *parcel) {
	switch {
	case l.loading:
		l.missed = true
	case l.more:
	case p.d.Index <= l.scanned:
	case len(l.ready)+l.rests >= lineLength || l.idle >= mostChains:
		l.more = true
	default:
		l.scanned = p.d.Index
		l.take(p)
	}
}

// take puts a delivery into the line, in its place.
func (l *line) take(p *parcel) {
	if _, there := l.have[p.d.Index]; there {
		return
	}
	ch := l.chains[p.d.Key]
	switch {
	case p.d.Key == "":
		l.ready = append(l.ready, p)
	case ch == nil:
		l.chains[p.d.Key] = &chain{}
		l.ready = append(l.ready, p)
	case ch.more || len(ch.rest) >= chainLength:
		ch.more = true
		return
	default:
		ch.rest = append(ch.rest, p)
		l.rests++
	}
	l.have[p.d.Index] = struct{}{}
}

// takeDue takes a delivery whose own time counts. One of a key may not be the
// first of it: then the key's first is read.
func (l *line) takeDue(p *parcel) {
	if _, there := l.have[p.d.Index]; there {
		return
	}
	if p.d.Key == "" {
		l.take(p)
		return
	}
	if ch := l.chains[p.d.Key]; ch != nil {
		ch.more = true
		return
	}
	l.chains[p.d.Key] = &chain{more: true}
	l.pending = append(l.pending, p.d.Key)
}

// takeChain takes the deliveries of a key, from the first that is pending.
func (l *line) takeChain(key string, rows []*parcel, more bool, now time.Time) {
	ch := l.chains[key]
	if ch == nil {
		return
	}
	rows = slices.DeleteFunc(rows, func(p *parcel) bool { _, there := l.have[p.d.Index]; return there })
	ch.more = more
	if len(rows) == 0 {
		if delete(l.chains, key); more {
			l.chains[key] = ch
			l.pending = append(l.pending, key)
		}
		return
	}
	for _, p := range rows {
		l.have[p.d.Index] = struct{}{}
	}
	ch.rest = append(ch.rest, rows[1:]...)
	l.rests += len(rows) - 1
	if first := rows[0]; first.d.Next.After(now) {
		first.kept = true
		l.wait(ch, first)
	} else {
		l.ready = append(l.ready, first)
	}
}

// wait lets a chain rest until its first may be tried again.
func (l *line) wait(ch *chain, p *parcel) {
	ch.head, ch.wait = p, p.d.Next
	l.idle++
	if l.retryAt.IsZero() || ch.wait.Before(l.retryAt) {
		l.retryAt = ch.wait
	}
}

// note takes in what an answer means: for the delivery, for what waits behind
// it, and for the endpoint.
func (l *line) note(p *parcel, v webhook.Verdict, now time.Time, chance float64) service.QueueChange {
	l.health.Note(v, p.d.Index, now, chance)
	l.pace.Note(v)
	p.d.Tries++
	p.d.Code = v.Code
	p.kept = false
	switch {
	case v.Delivered:
		p.d.State, p.d.Ended, p.d.Next = webhook.Delivered, now, time.Time{}
		p.d.Attempts++
	case p.probe || v.Gone:
		p.kept = true // it did not cost the delivery an attempt
	default:
		p.d.Attempts++
		next, more := l.endpoint.NextTry(p.d.Attempts, v, now, chance)
		if p.d.Next = next; !more {
			p.d.State, p.d.Ended = webhook.Dead, now
		}
	}
	change := l.change(p)
	if share, tell := l.health.Alert(); tell {
		change.Share, change.Tell = share, true
	}
	switch {
	case v.Gone:
		change.Disable, change.Reason = webhook.DisabledByGone, v.Reason
	case !v.Delivered && now.Sub(l.health.FailingSince) > webhook.DisableAfter:
		change.Disable, change.Reason = webhook.DisabledByFailing, "Nothing has reached it since "+l.health.FailingSince.Format(time.RFC3339)+"."
	}
	if change.Disable != "" {
		l.endpoint.Enabled = false // until it is read again
	}
	l.after(p)
	return change
}

// skipErased ends a delivery whose event has no content any more.
func (l *line) skipErased(p *parcel, now time.Time) service.QueueChange {
	p.kept = false
	p.d.State, p.d.Ended, p.d.Next, p.d.Code = webhook.Skipped, now, time.Time{}, "document_disposed"
	change := l.change(p)
	l.after(p)
	return change
}

// change says what an outcome does to the queue.
func (l *line) change(p *parcel) service.QueueChange {
	q := service.QueueChange{Endpoint: l.endpoint, Queue: webhook.Queue{Endpoint: l.endpoint.No, Blocked: -1, Health: l.health}}
	if p.d.State == webhook.Dead && l.endpoint.Order == webhook.Strict && l.endpoint.OnDead == webhook.Block {
		q.Queue.Blocked, l.blocked = p.d.Index, p.d.Index
	}
	return q
}

// after decides what may go once a parcel has an outcome.
func (l *line) after(p *parcel) {
	switch {
	case p.kept:
		l.ready = slices.Insert(l.ready, 0, p)
	case p.d.State == webhook.Pending && p.d.Key != "":
		p.kept = true
		l.wait(l.chains[p.d.Key], p)
	case p.d.State == webhook.Pending:
		if l.dueAt.IsZero() || p.d.Next.Before(l.dueAt) {
			l.dueAt = p.d.Next
		}
	case p.d.Key != "":
		l.advance(p.d.Key)
	}
}

// advance lets the next of a key go.
func (l *line) advance(key string) {
	ch := l.chains[key]
	switch {
	case len(ch.rest) > 0:
		l.ready = append(l.ready, ch.rest[0])
		ch.rest = ch.rest[1:]
		l.rests--
	case ch.more:
		l.pending = append(l.pending, key)
	default:
		delete(l.chains, key)
	}
}

// retry lets the first of each chain go whose time has come.
func (l *line) retry(now time.Time) {
	if l.retryAt.IsZero() || l.retryAt.After(now) {
		return
	}
	l.retryAt = time.Time{}
	for _, ch := range l.chains {
		switch {
		case ch.head == nil:
		case !ch.wait.After(now):
			l.ready = append(l.ready, ch.head)
			ch.head = nil
			l.idle--
		case l.retryAt.IsZero() || ch.wait.Before(l.retryAt):
			l.retryAt = ch.wait
		}
	}
}

// settledAt takes in that an outcome was written.
func (l *line) settledAt(index int64, kept bool, now time.Time) {
	l.unsettled--
	if !kept {
		delete(l.have, index)
	}
	l.renew(now)
}

// renew reads everything anew where that is wanted and nothing stands in the way.
func (l *line) renew(now time.Time) {
	if l.anew && l.out == 0 && l.unsettled == 0 && !l.loading {
		l.restart(now)
	}
}

// died gives what is told of a dead delivery; nil where it is not dead, or where
// it told of webhooks itself: of those, none is told, or they would never end.
func (l *line) died(p *parcel, a *webhook.Attempt) *event.Dead {
	if p.d.State != webhook.Dead || a == nil || event.AboutWebhooks(p.m.kind) {
		return nil
	}
	return &event.Dead{
		EndpointID: l.endpoint.ID, URL: l.endpoint.URL, EventID: p.m.id, EventType: string(p.m.kind), DocumentID: p.m.doc,
		Attempts: p.d.Attempts, Code: a.Code, Reason: a.Reason,
	}
}
