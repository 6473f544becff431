package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"time"

	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/internal/config"
	"github.com/paraph/paraph/internal/failpoint"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/store"
	"github.com/paraph/paraph/internal/work"
)

// Restored tells how a restored backup was accepted.
type Restored struct {
	From     string `json:"from"` // the log's name before
	To       string `json:"to"`   // and from now on
	Seen     int64  `json:"seen"` // entries the high-water mark vouched for; -1 where it is not known
	Size     int64  `json:"size"` // entries of the restored log
	VKey     string `json:"verifier_key"`
	SetAside string `json:"set_aside,omitempty"` // the earlier mark, kept as evidence
}

// AcceptRestore accepts that the database is older than, or another than, what
// the high-water mark remembers. The log goes on under a new name: whoever holds
// a checkpoint of the old one keeps it, and nobody is shown two histories under
// one name. An entry says so. The server must not be running.
//
// The database must be sound in itself: a log that contradicts itself is refused
// as at a start. Conflict, "nothing_to_accept", where the mark agrees with the
// database and anyway is false.
func AcceptRestore(ctx context.Context, c *config.Config, reason string, anyway bool) (*Restored, error) {
	if c.Database == "" {
		lock, err := lockFolder(c.DataDir)
		if err != nil {
			return nil, err
		}
		defer lock.Close()
	}
	keys, err := LoadKeys(c, clock.System{})
	if err != nil {
		return nil, err
	}
	db, err := store.Open(ctx, store.Options{URL: DatabaseURL(c), KeepSchema: true, Across: "restore"})
	if err != nil {
		return nil, err
	}
	defer db.Close()
	signer, err := logSigner(ctx, db, keys, "")
	if err != nil {
		return nil, err
	}
	mark := highWater(c, signer.Verifier())
	r, err := weighRestore(ctx, db, signer, mark, anyway)
	if err != nil {
		return nil, err
	}
	if err := failpoint.Hit(failpoint.AcceptBefore); err != nil {
		return nil, err
	}
	r.Reason = reason
	renamed, err := journal.NewSigner(r.To, keys.logKey)
	if err != nil {
		return nil, err
	}
	sequencer := work.NewSequencer(renamed, work.Holder{Name: holderOf(c), Alone: c.Database == ""}, slog.New(slog.NewTextHandler(io.Discard, nil)))
	err = acceptRestore(ctx, service.New(service.Config{Store: db, Clock: clock.System{}}), *r, func(ctx context.Context, tx service.Tx) error {
		n, err := sequencer.Number(ctx, tx)
		if err == nil && n == 0 {
			err = fault.New(fault.Conflict, "log_in_use", "A server is running on this database. Stop every process of it first.")
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := failpoint.Hit(failpoint.AcceptNamed); err != nil {
		return nil, err
	}
	return rename(ctx, db, c, r, mark, renamed)
}

// restoreWait is how long the lease of a server that was just stopped is waited
// for; one that runs renews it.
const restoreWait = 15 * time.Second

func acceptRestore(ctx context.Context, s *service.Service, r service.LogRestore, number func(context.Context, service.Tx) error) error {
	for deadline := time.Now().Add(restoreWait); ; {
		err := s.AcceptRestore(ctx, r, number)
		if fault.CodeOf(err) != "log_in_use" || time.Now().After(deadline) {
			return err
		}
		pause := time.NewTimer(time.Second)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return ctx.Err()
		}
	}
}

// weighRestore finds out what there is to accept.
func weighRestore(ctx context.Context, db service.Store, signer *journal.Signer, mark *work.HighWater, anyway bool) (*service.LogRestore, error) {
	r := &service.LogRestore{From: signer.Origin()}
	err := db.Read(ctx, func(ctx context.Context, tx service.Reader) error {
		earlier, err := service.EarlierOrigins(ctx, tx)
		if err != nil {
			return err
		}
		seen, loadErr := mark.Load(earlier)
		if seen != nil {
			r.Seen = &seen.Head
		}
		head, err := tx.LogHead(ctx)
		if err != nil {
			return err
		}
		r.Restored = journal.Head{Size: head.Size, Root: head.Root}
		state := journal.Resumption{Head: r.Restored, Note: head.Checkpoint, Earlier: earlier}
		hashes := service.HashesOf(ctx, tx)
		leaves := func(from, to int64) ([][]byte, error) { return tx.Leaves(ctx, from, to) }
		if err := signer.Verifier().Resume(state, hashes, leaves); err != nil {
			return err // it must be sound in itself
		}
		state.Seen = seen
		if !anyway && loadErr == nil && seen != nil && signer.Verifier().Resume(state, hashes, leaves) == nil {
			return fault.New(fault.Conflict, "nothing_to_accept", "The database agrees with the high-water mark: there is nothing to accept. If the mark was restored together with the database, say --anyway.")
		}
		base := r.From
		if len(earlier) > 0 {
			base = earlier[0]
		}
		r.To = base + "/" + strconv.Itoa(len(earlier)+2)
		return nil
	})
	return r, err
}

// rename puts the new log's mark in the place of the old one.
func rename(ctx context.Context, db service.Store, c *config.Config, r *service.LogRestore, old *work.HighWater, renamed *journal.Signer) (*Restored, error) {
	out := &Restored{From: r.From, To: r.To, Seen: -1, Size: r.Restored.Size, VKey: renamed.VerifierKey()}
	if r.Seen != nil {
		out.Seen = r.Seen.Size
	}
	var note string
	err := db.Read(ctx, func(ctx context.Context, tx service.Reader) error {
		head, err := tx.LogHead(ctx)
		note = head.Checkpoint
		return err
	})
	if err == nil {
		out.SetAside, err = old.SetAside()
	}
	if err = errors.Join(err, highWater(c, renamed.Verifier()).Keep(note)); err != nil {
		return nil, fmt.Errorf("the log has its new name, but its high-water mark could not be written: %w", err)
	}
	return out, nil
}
