package work

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/paraph/paraph/internal/service"
)

// workerLeases is how many times a leader's lease a worker is believed to live
// when it says nothing. A leader's work is done again in a moment; a job that is
// given back too early is minutes of work for nothing.
const workerLeases = 5

// aloneLease is a worker's lease where nobody waits for it: what a process
// leaves is given back at the next start.
const aloneLease = time.Minute

// Liveness gives back the jobs and operations of worker processes that died,
// where several share a database. Each process holds a lease of its own name; jobs that are
// running for a process whose lease has run out are made available again, long
// before River's own rescue, which has to wait longer than any job may take.
// A process that was only cut off finds its work done by a twin: the commands
// take effect once.
type Liveness struct {
	store  service.Store
	jobs   *Jobs
	holder string
	ttl    time.Duration
	log    *slog.Logger
}

// NewLiveness makes a Liveness. The holder's name is the ID of its JobsConfig.
func NewLiveness(store service.Store, jobs *Jobs, by Holder, log *slog.Logger) *Liveness {
	if by.Lease <= 0 {
		by.Lease = DefaultLease
	}
	l := &Liveness{store: store, jobs: jobs, holder: by.Name, ttl: workerLeases * by.Lease, log: log}
	if by.Alone {
		l.ttl = aloneLease
	}
	return l
}

// Beat says that this process lives. It is called before the first job is taken.
func (l *Liveness) Beat(ctx context.Context) error {
	return l.store.Write(ctx, func(ctx context.Context, tx service.Tx) error {
		_, _, err := tx.Lease(ctx, service.WorkerLease(l.holder), l.holder, l.ttl)
		return err
	})
}

// Reap gives back the jobs of processes whose lease has run out.
func (l *Liveness) Reap(ctx context.Context) error {
	processes, err := l.processes(ctx)
	if err != nil {
		return err
	}
	for _, p := range processes {
		if p == l.holder {
			continue
		}
		var n int64
		err := l.store.Write(ctx, func(ctx context.Context, tx service.Tx) error {
			n = 0
			// Whoever can take its lease knows that it is dead. The lease is taken for
			// no time, so that a process that comes back has it at its next beat.
			_, dead, err := tx.Lease(ctx, service.WorkerLease(p), l.holder, 0)
			if err != nil || !dead {
				return err
			}
			return l.giveBack(ctx, tx, p, &n)
		})
		if err != nil {
			return err
		}
		if n > 0 {
			l.log.Warn("the jobs of a process that died were given back", "process", p, "jobs", n)
		}
	}
	return nil
}

// processes names those that have jobs or operations in work.
func (l *Liveness) processes(ctx context.Context) (out []string, err error) {
	err = l.store.Read(ctx, func(ctx context.Context, tx service.Reader) error {
		out, err = tx.Holders(ctx)
		return err
	})
	if err != nil || l.jobs.runners == nil {
		return out, err
	}
	more, err := l.jobs.runners(ctx)
	for _, p := range more {
		if !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out, err
}

func (l *Liveness) giveBack(ctx context.Context, tx service.Tx, process string, n *int64) (err error) {
	if *n, err = tx.GiveBack(ctx, process); err != nil || l.jobs.giveBack == nil {
		return err
	}
	tx.Notify(service.TopicBacklog)
	jobs, err := l.jobs.giveBack(ctx, tx, process)
	*n += jobs
	return err
}

// Run beats and reaps until ctx ends.
func (l *Liveness) Run(ctx context.Context) error {
	tick := time.NewTicker(l.ttl / 4)
	defer tick.Stop()
	for {
		if err := l.Beat(ctx); err != nil && ctx.Err() == nil {
			l.log.Error("this process could not say that it lives; it is tried again", "error", err)
		}
		if err := l.Reap(ctx); err != nil && ctx.Err() == nil {
			l.log.Error("looking for jobs of dead processes failed; it is tried again", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
