package work

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/service"
)

// lookEvery is how often a runner looks for work without being woken: what waited
// for its time becomes due without anybody saying so.
const lookEvery = time.Second

// RunnerConfig says what a worker process takes.
type RunnerConfig struct {
	Holder  string         // the process's name in its lease
	Slots   map[string]int // kind of operation → at once
	Retries []time.Duration
	Log     *slog.Logger
}

// Runner takes operations out of the backlog whenever it has a place free, and
// has attempts made at them. Nothing waits inside it: who is next is decided when
// there is room for it, so that a newcomer never stands behind what was fetched early.
type Runner struct {
	RunnerConfig
	service *service.Service
	attempt func(ctx context.Context, b service.Backlogged) error

	mu    sync.Mutex
	busy  map[string]int // by kind
	total int
	alone bool // a suspect is in work: nothing else may be

	nudge   chan struct{}
	running sync.WaitGroup
	work    context.Context // of the attempts
	cancel  context.CancelFunc
	quit    context.CancelFunc // ends the loop
	ended   chan struct{}
}

// NewRunner makes a Runner; attempt is OperationWorker.Work.
func NewRunner(s *service.Service, attempt func(context.Context, service.Backlogged) error, c RunnerConfig) *Runner {
	if len(c.Retries) == 0 {
		c.Retries = DefaultRetries
	}
	return &Runner{RunnerConfig: c, service: s, attempt: attempt, busy: map[string]int{}, nudge: make(chan struct{}, 1), ended: make(chan struct{})}
}

// Start begins to take work.
func (r *Runner) Start(ctx context.Context) {
	ctx = context.WithoutCancel(ctx)
	r.work, r.cancel = context.WithCancel(ctx)
	loop, quit := context.WithCancel(ctx)
	r.quit = quit
	go r.loop(loop)
}

// Stop takes no more work, lets what runs finish until ctx ends, then cancels it
// and waits a moment for it to be given back. What is not given back by then is
// found by whoever looks after dead processes.
func (r *Runner) Stop(ctx context.Context) error {
	if r.quit == nil {
		return nil
	}
	r.quit()
	<-r.ended
	defer r.cancel()
	done := make(chan struct{})
	go func() { r.running.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	r.cancel()
	grace := time.NewTimer(stopGrace)
	defer grace.Stop()
	select {
	case <-done:
		return nil
	case <-grace.C:
		return errors.New("operations that were cancelled did not come back")
	}
}

func (r *Runner) loop(ctx context.Context) {
	defer close(r.ended)
	wake, cancel := r.service.Store.Subscribe(service.TopicBacklog)
	defer cancel()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		if err := r.fill(ctx); err != nil && ctx.Err() == nil {
			r.Log.Error("looking for work failed; it is tried again", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-wake:
		case <-r.nudge:
		case <-tick.C:
		}
	}
}

// look makes the loop look for work soon.
func (r *Runner) look() {
	select {
	case r.nudge <- struct{}{}:
	default:
	}
}

// fill takes work for every place that is free.
func (r *Runner) fill(ctx context.Context) error {
	if _, alone := r.state(); alone {
		return nil
	}
	suspect, overdue, err := r.service.Suspect(ctx)
	if err != nil {
		return err
	}
	if overdue {
		return r.takeSuspect(ctx, suspect)
	}
	for kind, slots := range r.Slots {
		free := slots - r.occupied(kind)
		if free <= 0 {
			continue
		}
		got, err := r.service.Claim(ctx, kind, r.Holder, free)
		if err != nil {
			return err
		}
		for _, b := range got {
			r.begin(b, false)
		}
	}
	if suspect != nil {
		return r.takeSuspect(ctx, suspect)
	}
	return nil
}

// takeSuspect takes an operation that may bring the process down, once nothing
// else would come down with it.
func (r *Runner) takeSuspect(ctx context.Context, b *service.Backlogged) error {
	if busy, _ := r.state(); busy > 0 || r.Slots[b.Kind] == 0 {
		return nil
	}
	mine, err := r.service.ClaimSuspect(ctx, b, r.Holder)
	if err == nil && mine {
		r.Log.Warn("an operation during which the server died before is worked alone", "operation", b.OperationID, "document", b.DocumentID, "deaths", b.Deaths)
		r.begin(*b, true)
	}
	return err
}

func (r *Runner) state() (busy int, alone bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.total, r.alone
}

func (r *Runner) occupied(kind string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.busy[kind]
}

func (r *Runner) begin(b service.Backlogged, alone bool) {
	r.mu.Lock()
	r.busy[b.Kind]++
	r.total++
	r.alone = r.alone || alone
	r.mu.Unlock()
	r.running.Go(func() {
		r.finish(b, r.attempt(r.work, b))
		r.mu.Lock()
		r.busy[b.Kind]--
		r.total--
		r.alone = r.alone && !alone
		r.mu.Unlock()
		r.look()
	})
}

// finish writes down what became of an attempt. While the database is away it
// tries again and again: else the operation would wait for as long as this
// process lives.
func (r *Runner) finish(b service.Backlogged, outcome error) {
	ctx := context.WithoutCancel(r.work)
	for {
		err := r.release(ctx, b, outcome)
		if err == nil || fault.KindOf(err) == fault.NotFound {
			return
		}
		r.Log.Error("the end of an attempt could not be written down; it is tried again", "operation", b.OperationID, "error", err)
		wait := time.NewTimer(lookEvery)
		select {
		case <-wait.C:
		case <-r.work.Done():
			wait.Stop()
			return
		}
	}
}

func (r *Runner) release(ctx context.Context, b service.Backlogged, outcome error) error {
	switch {
	case outcome == nil:
		return r.service.Done(ctx, b)
	case errors.Is(outcome, errDivided):
		return nil // its row was let go already
	case errors.Is(outcome, ErrTurnOver):
		return r.service.Return(ctx, b, true)
	case r.work.Err() != nil:
		return r.service.Return(ctx, b, false)
	}
	f := fault.From(outcome)
	wait := max(r.Retries[min(b.Failures, len(r.Retries)-1)], f.RetryAfter)
	if wait < lookEvery {
		time.AfterFunc(wait, r.look)
	}
	return r.service.Fail(ctx, b, wait, f.Code, reason(f))
}
