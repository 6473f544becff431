package store

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/paraph/paraph/internal/failpoint"
)

const (
	laneCount = 2  // transactions that carry out proposals at once, of one process
	laneGroup = 64 // proposals in one of them
	// lanePatience: whoever finds a row locked for longer lets the lane go and waits
	// on a connection of its own, so that nobody else waits behind it.
	lanePatience = "SET LOCAL lock_timeout = 200" // milliseconds
)

// lanes carry out proposals on PostgreSQL. Each takes what waits and makes one
// transaction of it, in two round trips: all changes at once, then, if each of
// them was what it was to be, the commit. So the costs of a transaction are
// shared the more, the more there is to do. Otherwise nothing of it stays, and
// each proposal has a transaction of its own.
type lanes struct {
	e     *postgresEngine
	queue chan *offered
	quit  chan struct{}
	once  sync.Once
	works sync.WaitGroup
	ended chan struct{} // closed once no lane works any more
}

// offered is a proposal that waits for its lane.
type offered struct {
	p    *proposal
	done chan error
}

func newLanes(e *postgresEngine) *lanes {
	return &lanes{e: e, queue: make(chan *offered, laneGroup), quit: make(chan struct{}), ended: make(chan struct{})}
}

func (l *lanes) start() {
	for range laneCount {
		l.works.Go(l.run)
	}
}

// stop ends the lanes. What waits is refused, what has begun is finished.
func (l *lanes) stop() {
	l.once.Do(func() {
		close(l.quit)
		l.works.Wait()
		close(l.ended)
	})
}

// offer hands in a proposal and waits for what comes of it.
func (l *lanes) offer(ctx context.Context, p *proposal) error {
	o := &offered{p: p, done: make(chan error, 1)}
	select {
	case l.queue <- o:
	case <-ctx.Done():
		return ctx.Err()
	case <-l.quit:
		return errClosed()
	}
	select {
	case err := <-o.done:
		return err
	case <-l.ended:
		select {
		case err := <-o.done:
			return err
		default:
			return errClosed() // nobody has taken it
		}
	}
}

func (l *lanes) run() {
	for {
		select {
		case <-l.quit:
			return
		case o := <-l.queue:
			l.carryOut(l.gather(o))
		}
	}
}

// gather takes what waits already. A transaction locks its documents in an order
// that is the same for all, so that no two wait for each other.
func (l *lanes) gather(first *offered) []*offered {
	group := []*offered{first}
	for len(group) < laneGroup {
		select {
		case o := <-l.queue:
			group = append(group, o)
			continue
		default:
		}
		break
	}
	slices.SortStableFunc(group, func(a, b *offered) int { return cmp.Compare(a.p.order, b.p.order) })
	return group
}

// carryOut makes one transaction of a group, or one of each where that is undone.
// Where a lock is in the way, the lane has waited once, and all run in turn.
func (l *lanes) carryOut(group []*offered) {
	err := l.transact(group)
	again := len(group) > 1 && isLost(err) && !impatient(err)
	for _, o := range group {
		if again {
			err = l.transact([]*offered{o})
		}
		o.done <- err
	}
}

// transact makes one transaction of the group's proposals. An error is lost where
// it is certain that nothing of the group stays.
func (l *lanes) transact(group []*offered) error {
	ctx := context.Background()
	c, err := l.e.pool.Acquire(ctx)
	if err != nil {
		return lost{err}
	}
	defer c.Release()
	if err := l.send(ctx, c, group); err != nil {
		rollback(ctx, c)
		return lost{err}
	}
	if err := failpoint.Hit(failpoint.CommitBefore); err != nil {
		rollback(ctx, c)
		return lost{err}
	}
	if _, err := c.Exec(ctx, "COMMIT"); err != nil {
		return err // it may be committed all the same
	}
	if err := failpoint.Hit(failpoint.CommitAfter); err != nil {
		return err
	}
	topics := map[string]struct{}{}
	for _, o := range group {
		for t := range o.p.topics {
			topics[t] = struct{}{}
		}
	}
	l.e.bus.send(topics)
	return nil
}

// send begins a transaction and carries out all changes, in one round trip.
func (l *lanes) send(ctx context.Context, c *pgxpool.Conn, group []*offered) (err error) {
	b := &pgx.Batch{}
	b.Queue("BEGIN")
	b.Queue(lanePatience)
	var want []int64
	reach := ""
	for _, o := range group {
		if o.p.reach != reach { // most of a group are of one organisation
			reach = o.p.reach
			b.Queue(setReach, reach)
			want = append(want, 1)
		}
		for _, s := range o.p.steps {
			b.Queue(rebind(s.query), s.args...)
			want = append(want, s.want)
		}
		for _, e := range o.p.entries {
			b.Queue(rebind(insertEntry), e.row...)
			want = append(want, 1)
		}
	}
	res := c.SendBatch(ctx, b)
	defer func() { err = cmp.Or(err, res.Close()) }()
	for range 2 { // BEGIN and the patience
		if _, err := res.Exec(); err != nil {
			return err
		}
	}
	for _, n := range want {
		tag, err := res.Exec()
		if err != nil {
			return err
		}
		if tag.RowsAffected() != n {
			return errInTurn
		}
	}
	return nil
}

// rollback undoes what was begun. A connection on which that fails is closed when
// it is released, and its transaction with it.
func rollback(ctx context.Context, c *pgxpool.Conn) {
	if _, err := c.Exec(ctx, "ROLLBACK"); err != nil {
		c.Conn().Close(ctx)
	}
}
