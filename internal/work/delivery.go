package work

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/webhook"
)

const (
	// mostOut is how many requests may be on their way at once. Endpoints that fail
	// get half of that between them.
	mostOut = 2048
	// mostUnsettled is how many outcomes may wait to be written before nothing more is sent.
	mostUnsettled = 8192
	// mostLoaders read at once what waits.
	mostLoaders = 4
	// courierLook is how often a courier looks for itself at what it may have missed.
	courierLook = time.Second
	// manyLines endpoints are so many that reading them all at each change may take a
	// tenth of the time at most.
	manyLines = 200
	// courierGrace is how long requests on their way may take to end when the server stops.
	courierGrace = 5 * time.Second
)

// Poster makes requests of deliveries.
type Poster interface {
	// Target makes ready what every request to the endpoint has in common. Its error
	// says for people why none can be made.
	Target(ctx context.Context, e webhook.Endpoint) (Target, error)
}

// Target is an endpoint that is ready to be sent to. It may be used from many
// goroutines.
type Target interface {
	// Post makes one request and waits for its answer, as long as the endpoint is
	// given. It does not fail: what went wrong is in the reply.
	Post(ctx context.Context, at time.Time, eventID string, body []byte) Reply
}

// Reply is what came of a request.
type Reply struct {
	webhook.Answer
	Header []byte // of the answer, as JSON; nil: none
	Body   []byte // the first webhook.MaxAnswer bytes
	Cut    bool
}

// DeliveryMeter receives what the couriers measure.
type DeliveryMeter interface {
	// Attempt counts an attempt by its code ("" for success), and how long it took.
	Attempt(code string, took time.Duration)
	// Receipt is the time from an event to its receipt at the first attempt.
	Receipt(d time.Duration)
}

// CourierConfig is what a courier needs.
type CourierConfig struct {
	Store   service.Store
	Service *service.Service
	Post    Poster
	Clock   clock.Clock
	By      Holder
	Meter   DeliveryMeter
	Log     *slog.Logger
}

// Courier sends deliveries: those of the rounds that its process has. All it
// decides is decided in one goroutine; requests are made in goroutines of their
// own, and what became of them is written by another, many at a time.
//
// What waits stands in the database, a part of it here: for each endpoint a line
// of what may go next (deliveryline.go).
type Courier struct {
	CourierConfig
	rounds  *rounds
	settler *settler
	lines   map[int64]*line

	formsMu sync.Mutex
	forms   map[int64]service.WebhookForm

	done    chan sent
	loaders chan struct{} // places for those that read
	loaded  chan load
	timers  alarms
	hungry  []*line // ready, with no place free
	out     int     // requests on their way
	outSick int     // of them, those to endpoints that fail
	seen    int64   // no fresh delivery before it is unknown
	stopped bool
	sending context.Context // of the requests
}

// sent is a request that has ended.
type sent struct {
	line  *line
	p     *parcel
	at    time.Time
	took  time.Duration
	reply Reply
	sick  bool // as it was counted when it left

	erased bool  // there was nothing to send any more
	err    error // no request was made: the database is away
}

// NewCourier makes a Courier.
func NewCourier(c CourierConfig) *Courier {
	out := &Courier{CourierConfig: c, lines: map[int64]*line{}, done: make(chan sent, 256), loaded: make(chan load, 64), loaders: make(chan struct{}, mostLoaders), seen: -1}
	out.rounds = newRounds(c.Store, c.By, c.Log)
	out.settler = newSettler(c.Service, c.By, c.Log)
	return out
}

// Run sends until ctx ends; then requests on their way may end, and what became
// of them is written.
func (c *Courier) Run(ctx context.Context) error {
	fresh, cancel := c.Store.Subscribe(service.TopicDeliveries)
	defer cancel()
	changed, cancelChanged := c.Store.Subscribe(service.TopicEndpoints)
	defer cancelChanged()
	base := context.WithoutCancel(ctx)
	var stop context.CancelFunc
	c.sending, stop = context.WithCancel(base)
	defer stop()
	settled := make(chan struct{})
	go func() { defer close(settled); c.settler.run(base) }()
	moved := c.rounds.run(ctx)
	tick := time.NewTicker(courierLook)
	defer tick.Stop()
	alarm := time.NewTimer(0)
	defer alarm.Stop()
	rested := time.NewTimer(0)
	defer rested.Stop()
	heed := changed
	for {
		c.feed()
		c.timers.set(alarm, c.Clock.Now())
		select {
		case <-ctx.Done():
			c.drain(stop)
			c.settler.finish()
			<-settled
			c.rounds.release(base)
			return nil
		case <-moved:
			c.sync(ctx)
		case <-heed:
			began := time.Now()
			c.sync(ctx)
			if len(c.lines) > manyLines {
				heed = nil
				rested.Reset(9 * time.Since(began))
			}
		case <-rested.C:
			heed = changed
		case <-fresh:
			select {
			case <-heed: // what changed before these events counts for them
				c.sync(ctx)
			default:
			}
			c.arrive(ctx)
		case <-tick.C:
			c.arrive(ctx)
			_, unwanted := c.rounds.state()
			c.leave(ctx, unwanted)
		case o := <-c.done:
			c.ended(o)
		case l := <-c.loaded:
			c.took(l)
		case <-c.settler.written:
			c.forget(c.settler.acknowledged())
		case <-alarm.C:
			c.ring()
		}
	}
}

// drain lets requests on their way end, and cuts off those that do not.
func (c *Courier) drain(stop context.CancelFunc) {
	c.stopped = true
	patience := time.NewTimer(courierGrace)
	defer patience.Stop()
	for c.out > 0 {
		select {
		case o := <-c.done:
			c.ended(o)
		case <-patience.C:
			stop()
		}
	}
}

// ring wakes the lines whose time has come.
func (c *Courier) ring() {
	now := c.Clock.Now()
	for l := c.timers.next(now); l != nil; l = c.timers.next(now) {
		c.pump(l)
	}
}

// feed gives places that became free to lines that wait for one.
func (c *Courier) feed() {
	for len(c.hungry) > 0 && c.room(c.hungry[0]) {
		l := c.hungry[0]
		c.hungry = c.hungry[1:]
		l.hungry = false
		c.pump(l)
	}
}

// room tells whether one more request may leave for the line.
func (c *Courier) room(l *line) bool {
	return c.out < mostOut && (l.health.Strikes == 0 || c.outSick < mostOut/2) && c.settler.waiting() < mostUnsettled
}

// pump sends what of a line may be sent now.
func (c *Courier) pump(l *line) {
	if c.stopped || l.gone {
		return
	}
	now := c.Clock.Now()
	l.retry(now)
	for l.sendable() {
		if !c.room(l) {
			if !l.hungry {
				l.hungry = true
				c.hungry = append(c.hungry, l)
			}
			break
		}
		p, again := l.next(now)
		if p == nil {
			c.timers.add(l, again)
			break
		}
		c.send(l, p, now)
	}
	if l.wantsMore(now) {
		c.fetch(l, now)
	}
	c.timers.add(l, l.retryAt)
	if l.dueAt.After(now) && !l.more {
		c.timers.add(l, l.dueAt)
	}
}

// send makes a request of a parcel, or settles it where there is nothing to send.
func (c *Courier) send(l *line, p *parcel, now time.Time) {
	if p.m == nil {
		c.settle(l, p, l.skipErased(p, now), nil)
		return
	}
	o := sent{line: l, p: p, at: now, sick: l.health.Strikes > 0}
	c.out++
	if o.sick {
		c.outSick++
	}
	l.out++
	target, again := l.target, p.stale(now)
	go func() {
		if again {
			if o.erased, o.err = c.reread(p); o.erased || o.err != nil {
				c.done <- o
				return
			}
		}
		began := time.Now()
		o.reply = target.Post(c.sending, o.at, p.m.id, p.m.body)
		o.took = time.Since(began)
		c.done <- o
	}()
}

// ended takes in what became of a request.
func (c *Courier) ended(o sent) {
	l := o.line
	c.out--
	if o.sick {
		c.outSick--
	}
	l.out--
	now := c.Clock.Now()
	switch {
	case o.erased:
		c.settle(l, o.p, l.skipErased(o.p, now), nil)
		c.pump(l)
		return
	case o.err != nil || c.sending.Err() != nil && o.reply.Trouble != webhook.NoTrouble:
		// Nobody is to blame: it goes once more.
		l.ready = slices.Insert(l.ready, 0, o.p)
		c.timers.add(l, now.Add(courierLook))
		return
	}
	v := o.reply.Judge()
	c.measure(o, v)
	attempt := &webhook.Attempt{
		Endpoint: l.endpoint.No, Index: o.p.d.Index, No: o.p.d.Tries + 1, At: o.at, Took: o.took, Status: o.reply.Status, Code: v.Code, Reason: v.Reason,
		Probe: o.p.probe, Header: o.reply.Header, Answer: o.reply.Body, Cut: o.reply.Cut,
	}
	change := l.note(o.p, v, now, rand.Float64())
	attempt.Probe = attempt.Probe && !v.Delivered
	c.settle(l, o.p, change, attempt)
	c.pump(l)
}

func (c *Courier) measure(o sent, v webhook.Verdict) {
	if c.Meter == nil {
		return
	}
	c.Meter.Attempt(v.Code, o.took)
	if v.Delivered && o.p.d.Tries == 0 {
		c.Meter.Receipt(o.at.Add(o.took).Sub(o.p.m.at))
	}
}

// settle hands over what became of a parcel to be written.
func (c *Courier) settle(l *line, p *parcel, change service.QueueChange, attempt *webhook.Attempt) {
	l.unsettled++
	c.settler.add(unsettled{
		Settled: service.Settled{Delivery: p.d, Attempt: attempt, Died: l.died(p, attempt)},
		change:  change, round: l.round, epoch: l.epoch, line: l, kept: p.kept,
	})
}

// forget takes in that outcomes were written.
func (c *Courier) forget(written []unsettled) {
	now := c.Clock.Now()
	for _, u := range written {
		u.line.settledAt(u.Delivery.Index, u.kept, now)
		if u.line.unsettled == 0 {
			c.pump(u.line) // something may have waited for that
		}
	}
}

// message is an event as it is sent, the same to all endpoints.
type message struct {
	id   string
	kind journal.Kind
	doc  string
	at   time.Time
	body []byte
}
