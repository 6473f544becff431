package service

import (
	"context"
	"strconv"
	"strings"

	"github.com/paraph/paraph/internal/fault"
)

// PageKept is a page that a capture has read, as the worker keeps it until the
// operation ends. In the database it rests encrypted.
type PageKept struct {
	No   int
	Data []byte
}

type keptReader interface {
	KeptPages(ctx context.Context, org, operationID string) ([]PageKept, error) // by number
	CountKept(ctx context.Context, org, operationID string) (int, error)
}

type keptWriter interface {
	// KeepPage writes one page; one of its number that is there already stays.
	KeepPage(ctx context.Context, org, operationID string, p PageKept) error
	DropPages(ctx context.Context, org, operationID string) error
}

// KeptPages gives the pages of a capture that earlier attempts have read. What
// cannot be decrypted is left out: it is read again.
func (s *Service) KeptPages(ctx context.Context, org, opID string) (map[int][]byte, error) {
	var kept []PageKept
	err := s.Store.Read(Within(ctx, org), func(ctx context.Context, tx Reader) (err error) {
		kept, err = tx.KeptPages(ctx, org, opID)
		return err
	})
	out := map[int][]byte{}
	for _, p := range kept {
		if plain, err := s.Box.Open(p.Data, keptContext(org, opID, p.No)); err == nil {
			out[p.No] = plain
		}
	}
	return out, err
}

// KeepPage keeps a page that was read and notes how far the operation has come,
// in one step: beside the pages that are kept, of which other processes may have
// read some, bare ones need no keeping. Fault Conflict "operation_ended" where
// another took its place.
func (s *Service) KeepPage(ctx context.Context, call Call, opID string, p PageKept, bare, total int) error {
	sealed, err := s.Box.Seal(p.Data, keptContext(call.Actor.Org, opID, p.No))
	if err != nil {
		return err
	}
	p.Data = sealed
	return s.Store.Write(Within(ctx, call.Actor.Org), func(ctx context.Context, tx Tx) error {
		// Locked: as many processes as read the document write here.
		op, err := tx.LockOperation(ctx, call.Actor.Org, opID)
		if err == nil && op.State != OperationRunning {
			err = fault.New(fault.Conflict, "operation_ended", "The operation has %s already.", op.State)
		}
		if err != nil {
			return err
		}
		if err := tx.KeepPage(ctx, op.Org, op.ID, p); err != nil {
			return err
		}
		kept, err := tx.CountKept(ctx, op.Org, op.ID)
		if err != nil {
			return err
		}
		op.Step, op.Done, op.Total = "read", min(kept+bare, total), total
		return tx.UpdateOperation(ctx, &op)
	})
}

func keptContext(org, opID string, no int) []byte {
	return []byte(strings.Join([]string{"kept page", org, opID, strconv.Itoa(no)}, "\x00"))
}
