package work

import (
	"context"

	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/webhook"
)

// sync brings the lines to what the database says: which endpoints there are, how
// they are to be served, and which of them are this process's.
func (c *Courier) sync(ctx context.Context) {
	held, unwanted := c.rounds.state()
	var endpoints []webhook.Endpoint
	queues := map[int64]webhook.Queue{}
	seen := c.seen
	err := c.Store.Read(ctx, func(ctx context.Context, tx service.Reader) (err error) {
		if endpoints, err = tx.Endpoints(ctx, ""); err != nil {
			return err
		}
		if c.seen < 0 { // lines read by themselves what was there before
			if seen, err = tx.Cursor(ctx, service.WebhookCursor); err != nil {
				return err
			}
		}
		all, err := tx.WebhookQueues(ctx)
		for _, q := range all {
			queues[q.Endpoint] = q
		}
		return err
	})
	if err != nil {
		if ctx.Err() == nil {
			c.Log.Error("the endpoints could not be read; it is tried again", "error", err)
			c.rounds.tell()
		}
		return
	}
	c.seen = seen
	there := map[int64]bool{}
	for _, e := range endpoints {
		epoch, mine := held[service.RoundOf(e.No)]
		if !mine {
			continue
		}
		there[e.No] = true
		l := c.lines[e.No]
		if l != nil && l.epoch != epoch {
			l.gone = true
			l = nil
		}
		if l == nil {
			l = newLine(e, queues[e.No], c.Clock.Now())
			l.epoch, l.endpoint.Revision = epoch, 0
			c.lines[e.No] = l
		}
		l.leaving = unwanted[l.round]
		c.refresh(ctx, l, e, queues[e.No])
		c.pump(l)
	}
	for no, l := range c.lines {
		if !there[no] {
			l.gone = true
			delete(c.lines, no)
		}
	}
	c.leave(ctx, unwanted)
}

// refresh brings one line to the endpoint's row.
func (c *Courier) refresh(ctx context.Context, l *line, e webhook.Endpoint, q webhook.Queue) {
	now := c.Clock.Now()
	if l.endpoint.Revision != e.Revision || l.target == nil {
		if !l.endpoint.Enabled && e.Enabled {
			// Whoever enables it wants it to be tried, whatever was before.
			l.health.OpenUntil, l.health.SlowUntil, l.health.FailingSince = now, now, now
		}
		if l.endpoint.Order != e.Order {
			l.anew = true
		}
		l.endpoint = e
		var err error
		if l.target, err = c.Post.Target(ctx, e); err != nil {
			c.Log.Error("an endpoint cannot be served; its queue waits", "endpoint", e.ID, "error", err)
			l.target = nil
		}
	}
	if l.poked != q.Poked { // deliveries were made, sent anew or skipped
		l.poked, l.due, l.dueAt, l.more = q.Poked, webhook.Delivery{}, now, true
		l.anew = l.anew || l.endpoint.Order != webhook.Free
	}
	if l.blocked >= 0 && q.Blocked < 0 {
		l.anew = true // what blocked it goes first, if it goes
	}
	l.blocked = q.Blocked
	l.renew(now)
}

// leave gives up the rounds that fall to another process, as soon as nothing of
// theirs is on its way.
func (c *Courier) leave(ctx context.Context, unwanted map[int]bool) {
	busy := map[int]bool{}
	for _, l := range c.lines {
		busy[l.round] = busy[l.round] || l.out > 0 || l.unsettled > 0
	}
	for round, leaving := range unwanted {
		if !leaving || busy[round] {
			continue
		}
		for no, l := range c.lines {
			if l.round == round {
				l.gone = true
				delete(c.lines, no)
			}
		}
		if err := c.rounds.letGo(ctx, round); err != nil {
			c.Log.Warn("a round of webhooks was not let go; another process has it once its lease has run out", "error", err)
		}
	}
}
