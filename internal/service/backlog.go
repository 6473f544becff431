package service

import (
	"context"
	"time"

	"github.com/paraph/paraph/internal/fair"
	"github.com/paraph/paraph/internal/fault"
)

// Backlogged is an operation that waits for a worker, or that one has. Its row is
// there from the moment the dispatcher reads the operation's entry until a worker
// has seen the operation end.
type Backlogged struct {
	Org         string
	OperationID string
	Kind        string
	Type        string // of the document
	Unit        string
	DocumentID  string
	Trace       string
	EnqueuedAt  time.Time
	DueAt       time.Time // not worked before; later than EnqueuedAt after a failure
	Holder      string    // the process that has it; "": it waits
	Token       int64     // one higher with each change of hands; old holders change nothing
	Failures    int       // attempts that failed in this round
	Deaths      int       // processes that died while they had it, in a row
	Alone       bool      // suspected of bringing processes down: worked while nothing else is
	Code        string    // of the last failed attempt; codeParted while its parts are read
	Reason      string
	Parent      string // of a part: the operation it belongs to
	First, Last int    // of a part: its pages, both included
	Parts       int    // into how many the operation was divided; 0: it was not
	Weight      int    // of its unit, when it was claimed; not stored
}

// A document that was in work when its process died may be what killed it.
const (
	// SuspectedAfter so many deaths in a row it is worked only while the process
	// has nothing else, so that it takes nobody with it.
	SuspectedAfter = 3
	// MaxDeaths in a row end it: nobody tries again by himself.
	MaxDeaths = 8
	// suspectPatience is how long others go before a suspect; then a process lets
	// its work run out to work it.
	suspectPatience = 10 * time.Minute
)

// Flow is the backlog of one kind of operation of one business unit and document type.
type Flow struct {
	Org, Type, Unit        string
	TypeWeight, UnitWeight int
	MaxRunning             int       // documents of the type in work at once, anywhere; 0: no limit
	Due                    time.Time // of its first; zero: nothing waits
}

// path is the flow's place in the tree of shares. Organisations come first and
// all weigh the same: none can have more by making types and units or by its own weights.
func (f *Flow) path() fair.Path {
	return fair.Path{{Name: f.Org, Weight: 1}, {Name: f.Type, Weight: f.TypeWeight}, {Name: f.Unit, Weight: f.UnitWeight}}
}

// Turn is the tag of one node of the tree of shares, by the names on the way to it.
type Turn struct {
	Names []string // none: the root
	Tag   fair.Tag
}

// TypeOf names a document type of an organisation.
type TypeOf struct{ Org, Type string }

type backlogReader interface {
	// Backlogged gives the row of an operation. NotFound where it has none.
	Backlogged(ctx context.Context, org, operationID string) (Backlogged, error)
	// BacklogDue tells whether anything of the kind waits and is due.
	BacklogDue(ctx context.Context, kind string, now time.Time) (bool, error)
	// Flows gives the flows of a kind in which something waits, suspects left out,
	// by when it became due.
	Flows(ctx context.Context, kind string) ([]Flow, error)
	// FlowHead gives the first of a flow that is due. NotFound where none is.
	FlowHead(ctx context.Context, kind string, f Flow, now time.Time) (Backlogged, error)
	// Suspect gives the suspect that has been due longest. NotFound where none is.
	Suspect(ctx context.Context, now time.Time) (Backlogged, error)
	// Parts counts the parts of an operation that have not ended, and of these those
	// that a worker has.
	Parts(ctx context.Context, org, operationID string) (left, held int, err error)
	// InWork counts the documents that workers have, or have parts of, by type.
	InWork(ctx context.Context) (map[TypeOf]int, error)
	// Holders names the processes that have work.
	Holders(ctx context.Context) ([]string, error)
	Turns(ctx context.Context, kind string) ([]Turn, error)
}

type backlogWriter interface {
	// Enqueue makes rows that wait. One that is there already begins anew: it is
	// due at once, and who has it loses it.
	Enqueue(ctx context.Context, rows []Backlogged) error
	// LockTurns keeps other processes from choosing of a kind until this transaction ends.
	LockTurns(ctx context.Context, kind string) error
	SaveTurns(ctx context.Context, kind string, turns []Turn) error
	// UpdateBacklogged writes a row where it still has the token, and makes the
	// token one higher. Conflict "stale" where it changed hands.
	UpdateBacklogged(ctx context.Context, b *Backlogged) error
	// LockBacklogged gives a row, and keeps it as it is until this transaction ends.
	// NotFound where there is none.
	LockBacklogged(ctx context.Context, org, operationID string) (Backlogged, error)
	// RemoveBacklogged removes a row where it still has the token.
	RemoveBacklogged(ctx context.Context, b Backlogged) error
	// GiveBack lets everything that a dead process had wait again, with one death
	// more. It returns how many there were.
	GiveBack(ctx context.Context, holder string) (int64, error)
}

// eligible gives the flows of a kind of which something may be worked now.
func eligible(ctx context.Context, tx Reader, kind string, now time.Time, inWork map[TypeOf]int) ([]Flow, error) {
	all, err := tx.Flows(ctx, kind)
	if err != nil {
		return nil, err
	}
	var out []Flow
	for _, f := range all {
		// A document whose pages are read in parts is in work as a whole already.
		room := f.MaxRunning == 0 || kind == KindPages || inWork[TypeOf{f.Org, f.Type}] < f.MaxRunning
		if !f.Due.After(now) && room {
			out = append(out, f)
		}
	}
	return out, nil
}

// Claim gives up to n operations of a kind to a worker process, each the one
// whose turn it is. It changes nothing where nothing may be worked.
func (s *Service) Claim(ctx context.Context, kind, holder string, n int) (out []Backlogged, err error) {
	some := false
	err = s.Store.Read(ctx, func(ctx context.Context, tx Reader) error {
		if some, err = tx.BacklogDue(ctx, kind, s.Clock.Now()); err != nil || !some {
			return err
		}
		inWork, err := tx.InWork(ctx)
		if err != nil {
			return err
		}
		flows, err := eligible(ctx, tx, kind, s.Clock.Now(), inWork)
		some = len(flows) > 0
		return err
	})
	if err != nil || !some {
		return nil, err
	}
	err = s.Store.Write(ctx, func(ctx context.Context, tx Tx) error {
		out, err = claim(ctx, tx, kind, holder, n)
		return err
	})
	return out, err
}

func claim(ctx context.Context, tx Tx, kind, holder string, n int) ([]Backlogged, error) {
	if err := tx.LockTurns(ctx, kind); err != nil {
		return nil, err
	}
	tags, err := tagsOf(ctx, tx, kind)
	if err != nil {
		return nil, err
	}
	inWork, err := tx.InWork(ctx)
	if err != nil {
		return nil, err
	}
	var out []Backlogged
	moved := map[string][]string{}
	for len(out) < n {
		flows, err := eligible(ctx, tx, kind, tx.Now(), inWork)
		if err != nil {
			return nil, err
		}
		paths := make([]fair.Path, len(flows))
		for i := range flows {
			paths[i] = flows[i].path()
		}
		next := tags.Next(paths)
		if next < 0 {
			break
		}
		f := flows[next]
		b, err := tx.FlowHead(ctx, kind, f, tx.Now())
		if err != nil {
			return nil, err
		}
		b.Holder, b.Weight = holder, f.UnitWeight
		if b.Code == codeParted {
			b.Code = "" // its parts take too long: whoever has it reads what is missing
		}
		if err := tx.UpdateBacklogged(ctx, &b); err != nil {
			return nil, err
		}
		names := []string{f.Org, f.Type, f.Unit}
		for level, key := range tags.Charge(paths[next]) {
			moved[key] = names[:level]
		}
		if kind != KindPages {
			inWork[TypeOf{f.Org, f.Type}]++
		}
		out = append(out, b)
	}
	var turns []Turn
	for key, names := range moved {
		turns = append(turns, Turn{Names: names, Tag: tags[key]})
	}
	return out, tx.SaveTurns(ctx, kind, turns)
}

func tagsOf(ctx context.Context, tx Reader, kind string) (fair.Tags, error) {
	turns, err := tx.Turns(ctx, kind)
	tags := fair.Tags{}
	for _, t := range turns {
		tags[fair.Key(t.Names...)] = t.Tag
	}
	return tags, err
}

// OthersWait tells whether anything of the kind waits for a place.
func (s *Service) OthersWait(ctx context.Context, kind string) (some bool, err error) {
	err = s.Store.Read(ctx, func(ctx context.Context, tx Reader) error {
		flows, err := tx.Flows(ctx, kind)
		some = len(flows) > 0 && !flows[0].Due.After(s.Clock.Now())
		return err
	})
	return some, err
}

// Suspect gives the suspect that waits, and whether it has waited so long that
// others have to stand back for it. nil where none does.
func (s *Service) Suspect(ctx context.Context) (b *Backlogged, overdue bool, err error) {
	err = s.Store.Read(ctx, func(ctx context.Context, tx Reader) error {
		found, err := tx.Suspect(ctx, s.Clock.Now())
		if fault.KindOf(err) == fault.NotFound {
			return nil
		}
		if err == nil {
			b, overdue = &found, s.Clock.Now().Sub(found.DueAt) > suspectPatience
		}
		return err
	})
	return b, overdue, err
}

// ClaimSuspect gives a suspect to a process that works nothing else. It is false
// where another was first.
func (s *Service) ClaimSuspect(ctx context.Context, b *Backlogged, holder string) (bool, error) {
	b.Holder = holder
	return s.changeHands(ctx, b, func(tx Tx, b *Backlogged) {})
}

// Fail lets an operation wait again after an attempt that failed.
func (s *Service) Fail(ctx context.Context, b Backlogged, wait time.Duration, code, reason string) error {
	_, err := s.changeHands(ctx, &b, func(tx Tx, b *Backlogged) {
		b.Holder, b.DueAt, b.Failures, b.Deaths, b.Alone = "", tx.Now().Add(wait), b.Failures+1, 0, false
		b.Code, b.Reason = code, reason
	})
	return err
}

// Return lets an operation wait again that was not worked to its end: because the
// process stops, or, with moved, because it had its turn and others wait.
func (s *Service) Return(ctx context.Context, b Backlogged, moved bool) error {
	_, err := s.changeHands(ctx, &b, func(tx Tx, b *Backlogged) {
		b.Holder = ""
		if moved {
			b.DueAt, b.Deaths, b.Alone = tx.Now(), 0, false
		}
	})
	return err
}

// changeHands writes a row under its token. It is false where it changed hands before.
func (s *Service) changeHands(ctx context.Context, b *Backlogged, change func(Tx, *Backlogged)) (bool, error) {
	held := true
	err := s.Store.Write(ctx, func(ctx context.Context, tx Tx) error {
		now, err := tx.Backlogged(ctx, b.Org, b.OperationID)
		if held = err == nil && now.Token == b.Token; !held {
			if fault.KindOf(err) == fault.NotFound {
				err = nil
			}
			return err
		}
		next := *b
		change(tx, &next)
		tx.Notify(TopicBacklog)
		if err := tx.UpdateBacklogged(ctx, &next); err != nil {
			return err
		}
		*b = next
		return nil
	})
	return held, err
}

// Done removes an operation that has ended from the backlog.
func (s *Service) Done(ctx context.Context, b Backlogged) error {
	return s.Store.Write(ctx, func(ctx context.Context, tx Tx) error {
		tx.Notify(TopicBacklog) // a type's place has become free
		if b.Parent != "" {
			return endPart(ctx, tx, b)
		}
		return tx.RemoveBacklogged(ctx, b)
	})
}

// GiveBack lets everything that a process had when it died wait again.
func (s *Service) GiveBack(ctx context.Context, holder string) (n int64, err error) {
	err = s.Store.Write(ctx, func(ctx context.Context, tx Tx) error {
		tx.Notify(TopicBacklog)
		n, err = tx.GiveBack(ctx, holder)
		return err
	})
	return n, err
}

// Adopt puts an operation into the backlog that an older version of Paraph left
// in another queue. It does nothing where the operation is there, or has ended.
func (s *Service) Adopt(ctx context.Context, org, opID, documentType, trace string) error {
	return s.Store.Write(Within(ctx, org), func(ctx context.Context, tx Tx) error {
		op, err := tx.Operation(ctx, org, opID)
		if err != nil || op.State.Ended() {
			return err
		}
		if _, err := tx.Backlogged(ctx, org, opID); fault.KindOf(err) != fault.NotFound || err == nil {
			return err
		}
		tx.Notify(TopicBacklog)
		return tx.Enqueue(ctx, []Backlogged{{Org: org, OperationID: opID, Kind: op.Kind, Type: documentType, Unit: op.Unit,
			DocumentID: op.DocumentID, Trace: trace, EnqueuedAt: op.CreatedAt, DueAt: tx.Now()}})
	})
}
