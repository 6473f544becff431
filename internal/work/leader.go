package work

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/paraph/paraph/internal/service"
)

// DefaultLease is how long a process that says nothing is believed to live.
const DefaultLease = 3 * time.Second

// Holder is a process as a holder of leases.
type Holder struct {
	Name  string        // unique to the process
	Lease time.Duration // how long it is believed to live when it says nothing; 0: DefaultLease
	// Alone says that no other process works on the database: then nobody waits
	// for a lease, and none need be renewed while nothing is on.
	Alone bool
}

func (h Holder) leader(name string, store service.Store, log *slog.Logger) *leader {
	if h.Lease <= 0 {
		h.Lease = DefaultLease
	}
	return &leader{store: store, name: name, holder: h.Name, ttl: h.Lease, alone: h.Alone, log: log}
}

// releaseTime bounds how long a leader that stops tries to say so.
const releaseTime = 2 * time.Second

// leader is one process's share in work that only one process may do at a time.
// Who holds the lease leads. The lease is taken in the very transaction that does
// the work (hold), and no other process can take it before that transaction
// ends: so a leader that stood still, however long, either finds its transaction
// undone or its lease another's, and changes nothing.
type leader struct {
	store  service.Store
	name   string        // of the lease
	holder string        // this process
	ttl    time.Duration // of the lease
	log    *slog.Logger
	alone  bool          // as of Holder
	gather time.Duration // how long a step waits, once it is woken, for others to come along; 0: not at all

	mu      sync.Mutex
	epoch   int64     // 0: another process leads, or nobody
	renewed time.Time // by the machine's steady clock
}

// hold takes or renews the lease within tx. It is the first thing a leader's
// transaction does; where it is not held the transaction does nothing else.
func (l *leader) hold(ctx context.Context, tx service.Tx) (epoch int64, held bool, err error) {
	began := time.Now()
	epoch, held, err = tx.Lease(ctx, l.name, l.holder, l.ttl)
	if err != nil {
		return 0, false, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	before := l.epoch
	if !held {
		if l.epoch = 0; before != 0 {
			l.log.Info("another process leads now; this one waits for its turn", "work", l.name, "epoch", epoch, "before", before)
		}
		return epoch, false, nil
	}
	l.epoch, l.renewed = epoch, began
	if before != epoch && !l.alone {
		l.log.Info("this process leads", "work", l.name, "epoch", epoch)
	}
	return epoch, true, nil
}

// keep takes or renews the lease in a transaction of its own, where that is due:
// for work that is not done within one transaction.
func (l *leader) keep(ctx context.Context) (leads bool, err error) {
	if l.leads() && !l.due() {
		return true, nil
	}
	err = l.store.Write(ctx, func(ctx context.Context, tx service.Tx) error {
		_, leads, err = l.hold(ctx, tx)
		return err
	})
	return leads, err
}

// due tells whether it is time to renew the lease, or to look whether it is free.
func (l *leader) due() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.alone && (l.epoch == 0 || time.Since(l.renewed) >= l.ttl/3)
}

func (l *leader) leads() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.epoch != 0
}

// run calls step until ctx ends, and then lets the lease go: at once while there
// is more, and else when topic wakes it, when a leader lets go, and as often as
// the lease has to be renewed. Who does not lead is not woken by topic.
func (l *leader) run(ctx context.Context, topic string, step func(context.Context) (more bool, err error)) error {
	work, cancel := l.store.Subscribe(topic)
	defer cancel()
	free, cancelFree := l.store.Subscribe(service.TopicLeases)
	defer cancelFree()
	tick := time.NewTicker(l.ttl / 3)
	defer tick.Stop()
	defer l.release(ctx)
	for {
		more, err := step(ctx)
		if err != nil && ctx.Err() == nil {
			l.trouble(ctx, err)
		}
		if more && err == nil && ctx.Err() == nil {
			continue
		}
		wake := work
		if !l.alone && !l.leads() {
			wake = nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-wake:
			if !l.gathered(ctx) {
				return nil
			}
		case <-free:
		case <-tick.C:
		}
	}
}

// gathered waits for others to come along, where the leader does; false where ctx ended.
func (l *leader) gathered(ctx context.Context) bool {
	if l.gather == 0 {
		return true
	}
	select {
	case <-ctx.Done():
		return false
	case <-time.After(l.gather):
		return true
	}
}

// trouble says what went wrong. A leader that stood still until its transaction
// was undone hears of it as of a broken connection; if another leads by now, that
// is no trouble but what leases are for.
func (l *leader) trouble(ctx context.Context, err error) {
	led := l.leads()
	asked := l.store.Write(ctx, func(ctx context.Context, tx service.Tx) error {
		_, _, err := l.hold(ctx, tx)
		return err
	})
	if asked == nil && led && !l.leads() {
		l.log.Info("what this process had begun as leader was undone", "work", l.name, "because", err)
		return
	}
	l.log.Error("a leader's step failed; it is tried again", "work", l.name, "error", err)
}

// release lets the next process lead at once instead of after the lease.
func (l *leader) release(ctx context.Context) {
	if l.alone || !l.leads() {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTime)
	defer cancel()
	err := l.store.Write(ctx, func(ctx context.Context, tx service.Tx) error { return tx.Release(ctx, l.name, l.holder) })
	if err != nil {
		l.log.Warn("the lease was not let go; another process leads once it has run out", "work", l.name, "error", err)
		return
	}
	l.log.Info("this process leads no longer", "work", l.name)
}
