// Package work is what runs after a commit: the sequencer that numbers, hashes
// and signs journal entries; the dispatcher that makes jobs of them; and the
// workers, one file per kind of work. Nothing here decides what a document may
// do: that is the service's business, which every worker calls.
package work

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/paraph/paraph/internal/failpoint"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/service"
)

const (
	// batchEntries is the most entries numbered in one transaction.
	batchEntries = 4096
	// takeOverEvery is how often a store that numbers within the commit is asked
	// whether the lease of the process before has run out.
	takeOverEvery = time.Second
)

// Sequencer gives journal entries their place in the log: it numbers, hashes
// and signs, nothing else. On SQLite the store calls Number within every group
// commit; on PostgreSQL one leased leader runs it right after.
type Sequencer struct {
	signer *journal.Signer
	keeper *Keeper // nil: none
	lead   *leader
	log    *slog.Logger

	mu   sync.Mutex
	tree journal.Tree // as of the last numbering; checked against the head before use
}

// NewSequencer makes a Sequencer.
func NewSequencer(signer *journal.Signer, by Holder, log *slog.Logger) *Sequencer {
	return &Sequencer{signer: signer, lead: by.leader(service.LeaseSequencer, nil, log), log: log}
}

// Under lets the keeper decide whether the log may be gone on with.
func (s *Sequencer) Under(k *Keeper) *Sequencer {
	s.keeper = k
	return s
}

// Number numbers all waiting entries inside tx, as far as this process leads.
// It returns how many it numbered.
func (s *Sequencer) Number(ctx context.Context, tx service.Tx) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keeper != nil {
		if err := s.keeper.Sound(); err != nil {
			return 0, err
		}
	}
	epoch, held, err := s.lead.hold(ctx, tx)
	if err != nil || !held {
		return 0, err
	}
	total := 0
	for {
		n, err := s.batch(ctx, tx, epoch)
		total += n
		if err != nil || n < batchEntries {
			return total, err
		}
	}
}

func (s *Sequencer) batch(ctx context.Context, tx service.Tx, epoch int64) (int, error) {
	waiting, err := tx.Unnumbered(ctx, batchEntries)
	if err != nil || len(waiting) == 0 {
		return 0, err
	}
	head, err := tx.LogHead(ctx)
	if err != nil {
		return 0, err
	}
	tree, err := s.treeAt(ctx, tx, head)
	if err != nil {
		return 0, err
	}
	if err := failpoint.Hit(failpoint.LogBefore); err != nil {
		return 0, err
	}
	n := service.Numbering{First: head.Size, Holder: s.lead.holder, Epoch: epoch, Hashes: map[int64][32]byte{}}
	leaves := make([][]byte, len(waiting))
	for i, w := range waiting {
		n.IDs, leaves[i] = append(n.IDs, w.ID), w.Leaf
	}
	grown, hashes := tree.Append(leaves...)
	for _, h := range hashes {
		n.Hashes[h.Pos] = h.Hash
	}
	cp, err := s.signer.Sign(grown.Head())
	if err != nil {
		return 0, err
	}
	if err := failpoint.Hit(failpoint.LogSigned); err != nil {
		return 0, err
	}
	n.Root, n.Note = grown.Head().Root, string(cp.Note)
	if err := tx.Number(ctx, n); err != nil {
		return 0, err
	}
	if err := failpoint.Hit(failpoint.LogNumbered); err != nil {
		return 0, err
	}
	s.tree = grown
	tx.Notify(service.TopicJournal)
	return len(waiting), nil
}

// treeAt gives the tree at the head. The one kept from the last batch serves
// unless that batch was undone or another process was the leader meanwhile.
func (s *Sequencer) treeAt(ctx context.Context, tx service.Tx, head service.LogHead) (journal.Tree, error) {
	if kept := s.tree.Head(); kept.Size == head.Size && (head.Size == 0 || kept.Root == head.Root) {
		return s.tree, nil
	}
	if s.keeper != nil {
		if err := s.keeper.Recheck(ctx, tx, head); err != nil {
			return journal.Tree{}, err
		}
	}
	return journal.LoadTree(head.Size, service.HashesOf(ctx, tx))
}

// TakeOver waits until this process leads, and numbers what waited meanwhile.
// A store that numbers within the commit needs it after a start: while the lease
// of a process that died still runs, commits leave their entries unnumbered, and
// no later commit may come to number them.
func (s *Sequencer) TakeOver(ctx context.Context, store service.Store) error {
	tick := time.NewTicker(takeOverEvery)
	defer tick.Stop()
	for {
		leads := false
		err := store.Write(ctx, func(ctx context.Context, tx service.Tx) (err error) {
			if _, leads, err = s.lead.hold(ctx, tx); err != nil || !leads {
				return err
			}
			_, err = s.Number(ctx, tx)
			return err
		})
		if err == nil && leads || ctx.Err() != nil {
			return nil
		}
		if err != nil {
			s.log.Error("numbering journal entries failed; it is tried again", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Run leads, or waits to lead, until ctx ends: woken by new entries, and looking
// by itself now and then. For stores that do not number within the commit.
//
// A checkpoint is signed before the commit that stores it, and leaves this
// process only by way of the store: one whose commit failed is seen by nobody.
func (s *Sequencer) Run(ctx context.Context, store service.Store) error {
	s.lead.store = store
	return s.lead.run(ctx, service.TopicEntries, func(ctx context.Context) (more bool, err error) {
		return false, store.Write(ctx, func(ctx context.Context, tx service.Tx) error {
			_, err := s.Number(ctx, tx)
			return err
		})
	})
}
