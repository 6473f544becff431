package store

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/paraph/paraph/internal/id"
)

// channel is the name under which processes wake each other.
const channel = "paraph"

// notifier carries wake-ups between processes on PostgreSQL. They are sent after
// commit on a connection of the pool, not inside the transaction, where NOTIFY
// would make all commits wait for each other.
type notifier struct {
	pool *pgxpool.Pool
	hub  *hub
	log  *slog.Logger
	self string // tells our own notifications from others'

	mu      sync.Mutex
	waiting map[string]struct{}
	wake    chan struct{}

	ctx    context.Context
	cancel context.CancelFunc
	ended  sync.WaitGroup
}

func newNotifier(pool *pgxpool.Pool, h *hub, log *slog.Logger) *notifier {
	ctx, cancel := context.WithCancel(context.Background())
	return &notifier{pool: pool, hub: h, log: log, self: id.New("prc", time.Now()),
		waiting: make(map[string]struct{}), wake: make(chan struct{}, 1), ctx: ctx, cancel: cancel}
}

// start listens before it returns, so that nothing sent afterwards is missed.
func (n *notifier) start(ctx context.Context) error {
	c, err := n.listen(ctx)
	if err != nil {
		return err
	}
	n.ended.Go(n.deliver)
	n.ended.Go(func() { n.receive(c) })
	return nil
}

func (n *notifier) stop() {
	n.cancel()
	n.ended.Wait()
}

// send wakes the subscribers here at once and those elsewhere soon.
func (n *notifier) send(topics map[string]struct{}) {
	if len(topics) == 0 {
		return
	}
	n.mu.Lock()
	for t := range topics {
		n.waiting[t] = struct{}{}
	}
	n.mu.Unlock()
	for t := range topics {
		n.hub.publish(t)
	}
	nudge(n.wake)
}

// deliver sends what has gathered since the last time. A failure only delays
// others until they look by themselves, so it is logged and not repeated.
func (n *notifier) deliver() {
	for {
		select {
		case <-n.ctx.Done():
			return
		case <-n.wake:
		}
		n.mu.Lock()
		topics := sortedKeys(n.waiting)
		clear(n.waiting)
		n.mu.Unlock()
		for _, t := range topics {
			if _, err := n.pool.Exec(n.ctx, "SELECT pg_notify($1, $2)", channel, n.self+" "+t); err != nil && n.ctx.Err() == nil {
				n.log.Warn("other processes were not woken", "topic", t, "error", err)
			}
		}
	}
}

// listen opens a connection of its own, outside the pool.
func (n *notifier) listen(ctx context.Context) (*pgx.Conn, error) {
	c, err := pgx.ConnectConfig(ctx, n.pool.Config().ConnConfig)
	if err != nil {
		return nil, err
	}
	if _, err := c.Exec(ctx, "LISTEN "+channel); err != nil {
		c.Close(ctx)
		return nil, err
	}
	return c, nil
}

// receive passes on what other processes send. When the connection is lost it
// connects again, waiting longer each time, and then wakes everybody, since
// something may have been missed.
func (n *notifier) receive(c *pgx.Conn) {
	for {
		n.passOn(c)
		c.Close(context.WithoutCancel(n.ctx))
		for wait := 100 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
			if n.ctx.Err() != nil {
				return
			}
			var err error
			if c, err = n.listen(n.ctx); err == nil {
				break
			}
			timer := time.NewTimer(wait)
			select {
			case <-n.ctx.Done():
			case <-timer.C:
			}
			timer.Stop()
		}
		n.hub.publishAll()
	}
}

func (n *notifier) passOn(c *pgx.Conn) {
	for {
		note, err := c.WaitForNotification(n.ctx)
		if err != nil {
			if n.ctx.Err() == nil {
				n.log.Warn("the connection that hears of other processes was lost", "error", err)
			}
			return
		}
		if from, topic, ok := strings.Cut(note.Payload, " "); ok && from != n.self {
			n.hub.publish(topic)
		}
	}
}
