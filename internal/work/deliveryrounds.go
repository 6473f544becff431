package work

import (
	"cmp"
	"context"
	"hash/fnv"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/paraph/paraph/internal/service"
)

// rounds are the parts of the endpoints that this process delivers to. Each has a
// lease; which process wants which is settled by their names, so that each has
// about as many as the others, and few change hands when one comes or goes.
type rounds struct {
	store  service.Store
	holder string
	ttl    time.Duration
	alone  bool
	log    *slog.Logger
	moved  chan struct{}

	mu     sync.Mutex
	held   map[int]int64 // with the epochs of their leases
	unwant map[int]bool  // held, and to be let go once nothing of theirs is on its way
}

func newRounds(store service.Store, by Holder, log *slog.Logger) *rounds {
	if by.Lease <= 0 {
		by.Lease = DefaultLease
	}
	return &rounds{store: store, holder: by.Name, ttl: by.Lease, alone: by.Alone, log: log, moved: make(chan struct{}, 1), held: map[int]int64{}, unwant: map[int]bool{}}
}

// run keeps the rounds of this process until ctx ends, and tells when they change.
func (r *rounds) run(ctx context.Context) <-chan struct{} {
	if r.alone {
		for i := range service.Rounds {
			r.held[i] = 1
		}
		r.tell()
		return r.moved
	}
	free, cancel := r.store.Subscribe(service.TopicLeases)
	go func() {
		defer cancel()
		tick := time.NewTicker(r.ttl / 3)
		defer tick.Stop()
		for {
			if err := r.keep(ctx); err != nil && ctx.Err() == nil {
				r.log.Error("the leases of webhooks could not be kept; it is tried again", "error", err)
			}
			select {
			case <-ctx.Done():
				return
			case <-free:
			case <-tick.C:
			}
		}
	}()
	return r.moved
}

func (r *rounds) tell() {
	select {
	case r.moved <- struct{}{}:
	default:
	}
}

// keep renews the leases of the rounds that are wanted, and takes those that are free.
func (r *rounds) keep(ctx context.Context) error {
	held := map[int]int64{}
	unwanted := map[int]bool{}
	err := r.store.Write(ctx, func(ctx context.Context, tx service.Tx) error {
		clear(held)
		clear(unwanted)
		workers, err := tx.Workers(ctx)
		if err != nil {
			return err
		}
		wanted := wantedRounds(workers, r.holder)
		for i := range service.Rounds {
			mine := r.epochOf(i) != 0
			if !wanted[i] && !mine {
				continue
			}
			epoch, ok, err := tx.Lease(ctx, service.RoundLease(i), r.holder, r.ttl)
			if err != nil {
				return err
			}
			if ok {
				held[i] = epoch
				unwanted[i] = !wanted[i]
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	same := len(held) == len(r.held)
	for i, epoch := range held {
		same = same && r.held[i] == epoch && r.unwant[i] == unwanted[i]
	}
	if r.held, r.unwant = held, unwanted; !same {
		r.log.Info("the rounds of webhooks that this process makes have changed", "rounds", len(held))
		r.tell()
	}
	return nil
}

// wantedRounds are the rounds that fall to a process: those for which its name
// weighs most (rendezvous hashing).
func wantedRounds(workers []string, self string) map[int]bool {
	names := []string{self}
	for _, w := range workers {
		if name := strings.TrimPrefix(w, service.WorkerLease("")); name != self {
			names = append(names, name)
		}
	}
	out := map[int]bool{}
	for i := range service.Rounds {
		best := slices.MaxFunc(names, func(a, b string) int {
			return cmp.Or(cmp.Compare(weight(a, i), weight(b, i)), cmp.Compare(a, b))
		})
		out[i] = best == self
	}
	return out
}

func weight(name string, round int) uint64 {
	h := fnv.New64a()
	h.Write([]byte(name))
	h.Write([]byte{'/', byte(round)})
	sum := h.Sum64()
	sum ^= sum >> 33 // FNV alone spreads short texts badly
	sum *= 0xff51afd7ed558ccd
	sum ^= sum >> 33
	return sum
}

func (r *rounds) epochOf(round int) int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.held[round]
}

// state gives the rounds that are held with their epochs, and those of them to be let go.
func (r *rounds) state() (held map[int]int64, unwanted map[int]bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.held, r.unwant // replaced, never changed
}

// letGo gives a round to whoever wants it.
func (r *rounds) letGo(ctx context.Context, round int) error {
	err := r.store.Write(ctx, func(ctx context.Context, tx service.Tx) error {
		return tx.Release(ctx, service.RoundLease(round), r.holder)
	})
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	held, unwanted := map[int]int64{}, map[int]bool{}
	for i, epoch := range r.held {
		if i != round {
			held[i], unwanted[i] = epoch, r.unwant[i]
		}
	}
	r.held, r.unwant = held, unwanted
	return nil
}

// release lets all rounds go, so that the next process need not wait for the leases.
func (r *rounds) release(ctx context.Context) {
	if r.alone {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, releaseTime)
	defer cancel()
	held, _ := r.state()
	for i := range held {
		if err := r.letGo(ctx, i); err != nil {
			r.log.Warn("a lease of webhooks was not let go; another process has it once it has run out", "error", err)
			return
		}
	}
}
