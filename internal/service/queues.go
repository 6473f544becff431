package service

import (
	"context"
	"fmt"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/fault"
)

// WaitCode says why an operation is not being worked.
type WaitCode string

// The reasons for which an operation waits.
const (
	WaitsForLog    WaitCode = "log"        // its entry has no place in the log yet, or was not read
	WaitsForWorker WaitCode = "no_worker"  // no process works
	WaitsForRetry  WaitCode = "retry"      // an attempt failed; the next has its time
	WaitsApart     WaitCode = "suspected"  // the server died over it: it is worked while nothing else is
	WaitsForLimit  WaitCode = "type_limit" // as many of its type are in work as may be
	WaitsForTurn   WaitCode = "turn"       // others are before it
	WaitsForPages  WaitCode = "pages"      // its pages are read, by any worker
)

// MostAhead is how far those before an operation are counted.
const MostAhead = 1000

// Waiting says since when an operation waits, and for what.
type Waiting struct {
	Since   time.Time
	Code    WaitCode
	Reason  string    // for people
	Ahead   int       // of its own business unit and type; MostAhead: that many or more
	RetryAt time.Time // zero: it is due
}

// QueueState is what waits and works of one kind, document type and business unit.
type QueueState struct {
	Org, Kind, Type, Unit string
	Waiting               int       // due
	Later                 int       // failed before, and due later
	Suspected             int       // of both: worked while nothing else is
	Running               int       // with a worker
	Oldest                time.Time // when the first of Waiting became due; zero: none
	Next                  time.Time // when the first of Later is due; zero: none
	Code                  WaitCode  // why nothing of it is worked; "": nothing waits
	Reason                string
}

type queueReader interface {
	// Ahead counts what waits before a row in its flow, up to most.
	Ahead(ctx context.Context, b Backlogged, most int) (int, error)
	// Queues sums up the backlog of an organisation; "": of all.
	Queues(ctx context.Context, org string, now time.Time) ([]QueueState, error)
	// Workers names the processes that work and say so.
	Workers(ctx context.Context) ([]string, error)
}

// WorkerLease names the lease by which a worker process says that it lives.
func WorkerLease(process string) string { return workerLeases + process }

const workerLeases = "worker/"

// Waiting tells why an operation that has not ended is not being worked; nil
// where it has ended or a worker has it.
func (s *Service) Waiting(ctx context.Context, op Operation) (w *Waiting, err error) {
	if op.State.Ended() {
		return nil, nil
	}
	err = s.Store.Read(Within(ctx, op.Org), func(ctx context.Context, tx Reader) error {
		w, err = s.waiting(ctx, tx, op)
		return err
	})
	return w, err
}

func (s *Service) waiting(ctx context.Context, tx Reader, op Operation) (*Waiting, error) {
	now := s.Clock.Now()
	w := &Waiting{Since: op.CreatedAt}
	b, err := tx.Backlogged(ctx, op.Org, op.ID)
	if fault.KindOf(err) == fault.NotFound {
		w.Code, w.Reason = WaitsForLog, "It was accepted and waits for its place in the log, from which the work is handed out."
		return w, nil
	}
	if err != nil || b.Holder != "" {
		return nil, err
	}
	if b.parted() {
		left, held, err := tx.Parts(ctx, op.Org, op.ID)
		w.Code, w.Reason = WaitsForPages, fmt.Sprintf("Its pages are read in %d parts, by any worker: %d are left, of which %d are in work.", b.Parts, left, held)
		return w, err
	}
	workers, err := tx.Workers(ctx)
	if err != nil {
		return nil, err
	}
	if w.Ahead, err = tx.Ahead(ctx, b, MostAhead); err != nil {
		return nil, err
	}
	full, err := typeFull(ctx, tx, b.Org, b.Type)
	if err != nil {
		return nil, err
	}
	w.Code, w.Reason = reasonOf(reasons{workers: len(workers), due: b.DueAt, now: now, suspected: b.Alone, deaths: b.Deaths, full: full, ahead: w.Ahead, unit: b.Unit, kind: b.Type, last: b.Reason})
	if w.Code == WaitsForRetry {
		w.RetryAt = b.DueAt
	}
	return w, nil
}

// typeFull gives the limit of a type of which as many documents are in work as
// may be; 0 where there is room.
func typeFull(ctx context.Context, tx Reader, org, name string) (int, error) {
	t, err := tx.DocumentType(ctx, org, name)
	if fault.KindOf(err) == fault.NotFound || err == nil && t.MaxRunning == 0 {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	inWork, err := tx.InWork(ctx)
	if inWork[TypeOf{org, name}] < t.MaxRunning {
		return 0, err
	}
	return t.MaxRunning, err
}

// reasons is what decides why something waits.
type reasons struct {
	workers    int
	due, now   time.Time
	suspected  bool
	deaths     int
	full       int // limit of the type, where it is reached
	ahead      int
	unit, kind string
	last       string // what the last attempt failed for
}

// reasonOf gives the first reason that holds.
func reasonOf(r reasons) (WaitCode, string) {
	switch {
	case r.workers == 0:
		return WaitsForWorker, "No worker process is alive. Start one that has the role work."
	case r.due.After(r.now):
		return WaitsForRetry, fmt.Sprintf("The last attempt failed: %s The next is at %s.", r.last, r.due.Format(time.RFC3339))
	case r.suspected:
		return WaitsApart, fmt.Sprintf("The server died %d times while it worked on this. It is worked when nothing else is in work, at the latest %s after it became due.", r.deaths, suspectPatience)
	case r.full > 0:
		return WaitsForLimit, fmt.Sprintf("As many documents of type %s are in work as its limit allows: %d.", r.kind, r.full)
	case r.ahead > 0:
		return WaitsForTurn, fmt.Sprintf("Before it are %s of type %s in business unit %s; other types and units have their turns between.", count(r.ahead), r.kind, r.unit)
	}
	return WaitsForTurn, fmt.Sprintf("It is the next of type %s in business unit %s and waits for a worker to be free.", r.kind, r.unit)
}

func count(n int) string {
	if n >= MostAhead {
		return fmt.Sprintf("%d or more", MostAhead)
	}
	return fmt.Sprint(n)
}

// Queues tells administrators what waits, by kind, document type and business
// unit, and why. Faults: Forbidden "missing_scope".
func (s *Service) Queues(ctx context.Context, a access.Actor) (out []QueueState, workers int, err error) {
	if err := access.Allowed(a, access.ManageSettings); err != nil {
		return nil, 0, err
	}
	all, workers, err := s.AllQueues(ctx, a.Org)
	for _, q := range all {
		if a.InUnit(q.Unit) {
			out = append(out, q)
		}
	}
	return out, workers, err
}

// AllQueues tells what waits in an organisation, or in all of them (""), and how
// many processes work. It is for the installation's own gauges and log.
func (s *Service) AllQueues(ctx context.Context, org string) (out []QueueState, workers int, err error) {
	now := s.Clock.Now()
	err = s.Store.Read(ctx, func(ctx context.Context, tx Reader) error {
		alive, err := tx.Workers(ctx)
		if err != nil {
			return err
		}
		workers = len(alive)
		if out, err = tx.Queues(ctx, org, now); err != nil {
			return err
		}
		for i := range out {
			q := &out[i]
			if q.Waiting+q.Later == 0 {
				continue
			}
			r := reasons{workers: workers, due: q.Oldest, now: now, suspected: q.Suspected == q.Waiting, ahead: q.Waiting - 1, unit: q.Unit, kind: q.Type}
			if q.Waiting == 0 {
				r.due, r.last = q.Next, "each operation says why."
			}
			if r.full, err = typeFull(ctx, tx, q.Org, q.Type); err != nil {
				return err
			}
			q.Code, q.Reason = reasonOf(r)
		}
		return nil
	})
	return out, workers, err
}
