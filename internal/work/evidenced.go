package work

import (
	"context"
	"errors"
	"time"

	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/service"
)

// shown is the fault of a log that does not extend a checkpoint its own key has
// signed, with that checkpoint.
type shown struct {
	error
	note string
}

func (s shown) Unwrap() error { return s.error }

// noteOf gives the checkpoint that proves a fault; "" where none does.
func noteOf(err error) string {
	var s shown
	if errors.As(err, &s) {
		return s.note
	}
	return ""
}

// Halt stops everything that would be built on the log: no entry is written or
// numbered, no checkpoint signed. Reading goes on. Where the error brings a
// checkpoint that proves it, all processes are told, and each goes on as soon as the
// log extends that checkpoint again; else this process stops until its end.
func (k *Keeper) Halt(err error) {
	f, note := fault.From(err), noteOf(err)
	if note == "" {
		if k.broken.Swap(f) == nil {
			k.alarm(f)
		}
		return
	}
	e := &service.LogEvidence{Code: f.Code, Reason: f.Message, Checkpoint: note, FoundAt: time.Now().UTC()}
	if k.shown.Swap(e) == nil {
		k.alarm(f)
	}
	select {
	case k.nudge <- struct{}{}: // Run writes it down for the others
	default:
	}
}

func (k *Keeper) alarm(f *fault.Fault) {
	k.log.Error("THE LOG IS NOT SOUND: writing stops, reading goes on", "code", f.Code, "reason", f.Message)
}

// weigh looks whether what was shown to this process, or written down by another,
// still speaks against the log. told is what is to be written down, where it is not
// what stands there.
func (k *Keeper) weigh(ctx context.Context, tx service.Reader, head service.LogHead) (told *service.LogEvidence, write bool, err error) {
	there, err := service.ReadLogEvidence(ctx, tx)
	if err != nil {
		return nil, false, err
	}
	mine := k.shown.Load()
	for _, e := range []*service.LogEvidence{there, mine} {
		if e == nil {
			continue
		}
		holds, err := k.holds(ctx, tx, head, e.Checkpoint)
		if err != nil {
			return nil, false, err
		}
		if !holds {
			continue
		}
		if k.shown.Swap(e) == nil {
			k.alarm(e.Err())
		}
		return e, e != there, nil
	}
	// A process may be shown something while this one looks: it stays.
	if mine != nil && k.shown.CompareAndSwap(mine, nil) {
		k.log.Warn("the log extends again what was shown against it: writing goes on")
	}
	return nil, there != nil, nil
}

// holds tells whether a checkpoint is one of this log that the database does not extend.
func (k *Keeper) holds(ctx context.Context, tx service.Reader, head service.LogHead, note string) (bool, error) {
	cp, err := k.verifier.OpenCheckpoint([]byte(note))
	if err != nil {
		return false, nil // not signed by this log's key under its present name
	}
	if cp.Head.Size > head.Size {
		return true, nil
	}
	at, err := journal.HeadAt(cp.Head.Size, service.HashesOf(ctx, tx))
	if errors.Is(err, journal.ErrHashMissing) {
		return true, nil
	}
	return at.Root != cp.Head.Root, err
}

// tell writes down what is shown against the log, for all processes, or takes it away.
func (k *Keeper) tell(ctx context.Context, e *service.LogEvidence) error {
	return k.store.Write(ctx, func(ctx context.Context, tx service.Tx) error { return service.KeepLogEvidence(ctx, tx, e) })
}
