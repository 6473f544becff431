package work

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/paraph/paraph/internal/service"
)

const (
	// settleAtOnce outcomes are written in one transaction at most.
	settleAtOnce = 512
	// settleEnough outcomes are written at once; fewer wait for others, for settleWait.
	settleEnough = 64
	settleWait   = 4 * time.Millisecond
)

// unsettled is an outcome that is not written yet.
type unsettled struct {
	service.Settled
	change service.QueueChange
	round  int
	epoch  int64
	line   *line
	kept   bool
}

// settler writes outcomes, many in one transaction, in the order in which they
// came. What is not written when the process dies is sent once more.
type settler struct {
	service *service.Service
	holder  string
	alone   bool
	log     *slog.Logger
	written chan struct{} // something was written

	mu      sync.Mutex
	queue   []unsettled
	acked   []unsettled
	open    int // not acknowledged yet
	nudge   chan struct{}
	closing bool
}

func newSettler(s *service.Service, by Holder, log *slog.Logger) *settler {
	return &settler{service: s, holder: by.Name, alone: by.Alone, log: log, written: make(chan struct{}, 1), nudge: make(chan struct{}, 1)}
}

func (s *settler) add(u unsettled) {
	s.mu.Lock()
	s.queue = append(s.queue, u)
	s.open++
	s.mu.Unlock()
	s.wake()
}

func (s *settler) wake() {
	select {
	case s.nudge <- struct{}{}:
	default:
	}
}

// waiting is how many outcomes are not written yet.
func (s *settler) waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open
}

// acknowledged gives the outcomes that were written since it was asked last.
func (s *settler) acknowledged() []unsettled {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.acked
	s.acked, s.open = nil, s.open-len(out)
	return out
}

// finish ends run once everything is written.
func (s *settler) finish() {
	s.mu.Lock()
	s.closing = true
	s.mu.Unlock()
	s.wake()
}

func (s *settler) take() (batch []unsettled, few, last bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := min(len(s.queue), settleAtOnce)
	if n > 0 && n < settleEnough && !s.closing {
		return nil, true, false
	}
	batch = s.queue[:n:n]
	s.queue = s.queue[n:]
	return batch, false, s.closing && n == 0
}

// run writes until finish was called and nothing is left, or the database does
// not take it in time.
func (s *settler) run(ctx context.Context) {
	linger := time.NewTimer(settleWait)
	linger.Stop()
	failures := 0
	var batch []unsettled
	for {
		if batch == nil {
			var few, last bool
			if batch, few, last = s.take(); last {
				return
			}
			if few {
				linger.Reset(settleWait)
				<-linger.C
				s.mu.Lock()
				n := min(len(s.queue), settleAtOnce)
				batch, s.queue = s.queue[:n:n], s.queue[n:]
				s.mu.Unlock()
			}
			if len(batch) == 0 {
				batch = nil
				<-s.nudge
				continue
			}
		}
		if err := s.service.SettleDeliveries(ctx, s.settlement(batch)); err != nil {
			if failures++; s.ending() && failures > 3 {
				s.log.Error("what became of the last deliveries could not be written; they are sent once more", "deliveries", len(batch), "error", err)
				return
			}
			s.log.Error("what became of deliveries could not be written; it is tried again", "deliveries", len(batch), "error", err)
			linger.Reset(min(time.Duration(failures)*100*time.Millisecond, courierLook))
			<-linger.C
			continue
		}
		failures = 0
		s.mu.Lock()
		s.acked = append(s.acked, batch...)
		s.mu.Unlock()
		batch = nil
		select {
		case s.written <- struct{}{}:
		default:
		}
	}
}

func (s *settler) ending() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closing
}

// settlement sums up what a batch does to each queue.
func (s *settler) settlement(batch []unsettled) service.Settlement {
	out := service.Settlement{Holder: s.holder}
	if !s.alone {
		out.Epochs = map[int]int64{}
		for _, u := range batch {
			out.Epochs[u.round] = max(out.Epochs[u.round], u.epoch)
		}
	}
	place := map[int64]int{}
	for _, u := range batch {
		if out.Epochs != nil && out.Epochs[u.round] != u.epoch {
			continue // from before the round was another process's for a while
		}
		out.Rows = append(out.Rows, u.Settled)
		i, known := place[u.Delivery.Endpoint]
		if !known {
			place[u.Delivery.Endpoint] = len(out.Queues)
			out.Queues = append(out.Queues, u.change)
			continue
		}
		merge(&out.Queues[i], u.change)
	}
	return out
}

// merge adds a later change of the same queue.
func merge(q *service.QueueChange, later service.QueueChange) {
	q.Queue.Health = later.Queue.Health
	if later.Queue.Blocked >= 0 {
		q.Queue.Blocked = later.Queue.Blocked
	}
	if later.Tell {
		q.Tell, q.Share = true, later.Share
	}
	if later.Disable != "" {
		q.Disable, q.Reason = later.Disable, later.Reason
	}
}
