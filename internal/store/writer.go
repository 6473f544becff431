package store

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/internal/failpoint"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/service"
)

const (
	maxGroup = 128         // requests in one commit
	probeGap = time.Second // between tries to write again after a failure
	// guardedGroups is how many groups have savepoints after one in which a proposal
	// failed: where one does, others are likely to.
	guardedGroups = 32
)

// writer is the group commit of SQLite. One goroutine owns the transaction: it
// takes what waits, gives each request its turn inside a savepoint, and commits
// them all with one sync. A request that fails is rolled back to its savepoint
// and the others stay. Where the commit itself fails, each request of the group
// runs again alone.
//
// Each request's function runs in its caller's goroutine, when the writer gives
// it its turn; so a panic or the end of that goroutine is the caller's only.
type writer struct {
	e     *sqliteEngine
	clock clock.Clock
	hub   *hub
	log   *slog.Logger
	hook  func(context.Context, service.Tx) error

	queue   chan *request
	guarded int // groups that still have savepoints

	committed atomic.Int64  // requests since the last checkpoint
	enough    chan struct{} // wakes the checkpointer
	catchUp   atomic.Bool   // the log is too long: the writer brings it in itself

	quit    chan struct{}
	ended   chan struct{}
	started atomic.Bool
	once    sync.Once

	// broken is set after a write that the disk did not take; writes are then
	// refused until a probe passes.
	broken atomic.Pointer[fault.Fault]
	probed time.Time
	gap    atomic.Int64 // nanoseconds between probes; probeGap unless a test says otherwise
	dead   bool         // the last probe failed

	commit func(*sqlConn) error // replaced by tests that let the disk fail
}

// request is one call of Write, or one proposal.
type request struct {
	ctx   context.Context
	fn    func(context.Context, *Tx) error
	p     *proposal   // instead of fn
	begun atomic.Bool // taken by the writer, or given up by the caller: whoever is first
	gone  bool        // the caller's goroutine has ended
	tx    *Tx
	turn  chan *Tx   // writer → caller: run now
	ran   chan error // caller → writer: how it ended
	done  chan error // writer → caller: committed, or why not
}

// errUnguarded says that a proposal failed in a group without savepoints.
var errUnguarded = errors.New("a proposal failed")

// errGone says that the caller's goroutine ended inside its function.
var errGone = errors.New("the caller's goroutine ended inside its transaction")

func newWriter(e *sqliteEngine, o Options, h *hub) *writer {
	w := &writer{e: e, clock: o.Clock, hub: h, log: o.Log, hook: o.BeforeCommit,
		queue: make(chan *request, maxGroup), enough: make(chan struct{}, 1), quit: make(chan struct{}), ended: make(chan struct{}),
		commit: func(c *sqlConn) error { return c.tx.Commit() }}
	w.gap.Store(int64(probeGap))
	return w
}

func (w *writer) stop() {
	w.once.Do(func() {
		close(w.quit)
		if !w.started.Load() {
			close(w.ended)
		}
	})
	<-w.ended
}

// submit queues fn and runs it when its turn comes.
func (w *writer) submit(ctx context.Context, fn func(context.Context, *Tx) error) error {
	return w.wait(ctx, &request{ctx: context.WithoutCancel(ctx), fn: fn, turn: make(chan *Tx), ran: make(chan error, 1), done: make(chan error, 1)})
}

// offer queues a proposal, which the writer carries out itself. errInTurn where
// something that it relied on was changed meanwhile.
func (w *writer) offer(ctx context.Context, p *proposal) error {
	return w.wait(ctx, &request{p: p, done: make(chan error, 1)})
}

func (w *writer) wait(ctx context.Context, r *request) error {
	select {
	case w.queue <- r:
	case <-ctx.Done():
		return ctx.Err()
	case <-w.quit:
		return errClosed()
	}
	cancelled := ctx.Done()
	for {
		select {
		case tx := <-r.turn:
			r.run(tx)
		case err := <-r.done:
			return err
		case <-cancelled:
			if r.begun.CompareAndSwap(false, true) {
				return ctx.Err()
			}
			cancelled = nil // it has begun: the caller hears how it ended
		case <-w.ended:
			select {
			case err := <-r.done:
				return err
			default:
				return errClosed()
			}
		}
	}
}

// run executes the request's function and reports to the writer, whatever happens.
func (r *request) run(tx *Tx) {
	err := errGone
	defer func() { r.ran <- err }()
	err = guard(func() error { return r.fn(r.ctx, tx) })
}

func errClosed() error {
	return fault.New(fault.Unavailable, "store_unavailable", "The server is shutting down. Try again in a moment.")
}

// loop takes requests until the writer is stopped.
func (w *writer) loop() {
	defer close(w.ended)
	for {
		select {
		case <-w.quit:
			return
		case r := <-w.queue:
			if w.catchUp.Swap(false) {
				if _, err := passive(w.e.db); err != nil {
					w.log.Warn("SQLite's write-ahead log is too long, and could not be brought into the database file", "error", err)
				}
			}
			w.process(w.gather(r))
			w.e.stmts.prepare()
		}
	}
}

// gather takes the requests that wait. It waits for no more of them: while one
// group is written, the callers of the next decide what they want written.
func (w *writer) gather(first *request) []*request {
	var group []*request
	for r := first; ; {
		if r.begun.CompareAndSwap(false, true) {
			group = append(group, r)
		}
		if len(group) == maxGroup {
			return group
		}
		select {
		case r = <-w.queue:
		default:
			return group
		}
	}
}

// process commits a group and answers each of its requests.
func (w *writer) process(group []*request) {
	if len(group) == 0 {
		return
	}
	if err := w.refused(); err != nil {
		answer(group, err)
		return
	}
	outcomes, err := w.attempt(group, w.guarded > 0)
	if w.guarded--; errors.Is(err, errUnguarded) {
		w.guarded = guardedGroups
		outcomes, err = w.attempt(group, true)
	}
	switch {
	case err == nil:
		for i, r := range group {
			r.done <- outcomes[i]
		}
	case len(group) == 1 || !isLost(err):
		answer(group, err)
	default:
		w.log.Warn("a group commit failed; its requests run again alone", "requests", len(group), "error", err)
		for _, r := range group {
			if !w.dead {
				w.probed = time.Time{} // one request's failure is not held against the others
			}
			w.process([]*request{r})
		}
	}
}

func answer(group []*request, err error) {
	for _, r := range group {
		r.done <- err
	}
}

// lost is a failure of the whole group that its requests can survive alone.
type lost struct{ error }

func (l lost) Unwrap() error { return l.error }

func isLost(err error) bool {
	var l lost
	return errors.As(err, &l)
}

// attempt runs a group in one transaction. outcomes are those of the single
// requests; err is the failure of all of them. Unless guarded, proposals go
// without savepoints, and the first that fails is errUnguarded for all.
func (w *writer) attempt(group []*request, guarded bool) (outcomes []error, err error) {
	ctx := context.Background()
	sqlTx, err := w.e.db.BeginTx(ctx, nil)
	if err != nil {
		return nil, w.suspect(err)
	}
	defer sqlTx.Rollback() // no effect after a commit
	c := &sqlConn{tx: sqlTx, stmts: w.e.stmts}
	all := &Tx{Reader: Reader{c, w.clock.Now()}, sqlTx: sqlTx}
	outcomes = make([]error, len(group))
	worked := false
	for i, r := range group {
		if outcomes[i], err = w.one(ctx, c, r, guarded); err != nil {
			return nil, lost{w.suspect(err)}
		}
		if outcomes[i] != nil && r.p != nil && !guarded {
			return nil, errUnguarded
		}
		if outcomes[i] == nil {
			all.absorb(r.tx)
			worked = true
		}
	}
	if !worked {
		return outcomes, nil
	}
	if err := w.beforeCommit(ctx, all); err != nil {
		return nil, err
	}
	if err := failpoint.Hit(failpoint.CommitBefore); err != nil {
		return nil, lost{w.suspect(err)}
	}
	if err := w.commit(c); err != nil {
		return nil, lost{w.suspect(err)}
	}
	if err := failpoint.Hit(failpoint.CommitAfter); err != nil {
		return nil, unavailable(err) // as of a connection that broke: it is committed all the same
	}
	if w.committed.Add(int64(len(group))) >= checkpointAfter {
		nudge(w.enough)
	}
	for topic := range all.topics {
		w.hub.publish(topic)
	}
	return outcomes, nil
}

// one gives a request its turn, inside a savepoint unless it is a proposal and not
// guarded. err means that the whole transaction is lost.
func (w *writer) one(ctx context.Context, c *sqlConn, r *request, guarded bool) (outcome, err error) {
	if r.gone {
		return errGone, nil
	}
	if r.p != nil && !guarded {
		r.tx, outcome = r.p.carryOut(ctx, c)
		return outcome, c.lost
	}
	if _, err := c.exec(ctx, "SAVEPOINT request", nil); err != nil {
		return nil, err
	}
	if r.p != nil {
		r.tx, outcome = r.p.carryOut(ctx, c)
	} else {
		r.tx = &Tx{Reader: Reader{c, w.clock.Now()}, sqlTx: c.tx}
		r.turn <- r.tx
		outcome = <-r.ran
		r.gone = errors.Is(outcome, errGone)
	}
	if c.lost != nil {
		return nil, c.lost
	}
	if outcome != nil {
		if _, err := c.exec(ctx, "ROLLBACK TO request", nil); err != nil {
			return nil, err
		}
	}
	_, err = c.exec(ctx, "RELEASE request", nil)
	return outcome, err
}

func (w *writer) beforeCommit(ctx context.Context, all *Tx) error {
	if !all.entries {
		return nil
	}
	var err error
	if w.hook != nil {
		err = guard(func() error { return w.hook(ctx, all) })
	}
	if err == nil {
		err = all.writeFresh(ctx)
	}
	if err == nil {
		return nil
	}
	if isStale(err) {
		return lost{err} // one request's, and the others can do without it
	}
	w.log.Error("journal entries could not be numbered; their commands were undone", "error", err)
	return unavailable(err)
}
