package service

import (
	"context"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/id"
	"github.com/paraph/paraph/internal/journal"
)

// ClassDocuments is the class of key under which documents' files lie until
// retention rules set them apart.
const ClassDocuments = "documents"

// CodeKeyRotated is the code of Tx.InsertDocumentKey's fault for a key under one
// of a unit that is out of force.
const CodeKeyRotated = "unit_key_rotated"

// RotateUnitKey takes the key of a unit out of force, and starts the operation
// that wraps the keys of the unit's documents by the one that takes its place,
// and destroys it at the end. Files are not touched.
//
// Faults: NotFound; Conflict "unit_without_key" where nothing was kept for the
// unit yet, or nothing since its key was rotated; Forbidden "missing_scope".
func (s *Service) RotateUnitKey(ctx context.Context, call Call, unit string) (Result[Operation], error) {
	if call.Actor.Kind != access.System {
		if err := access.Allowed(call.Actor, access.ManageSettings); err != nil {
			return Result[Operation]{}, err
		}
		if !call.Actor.InUnit(unit) {
			return Result[Operation]{}, access.NotFound()
		}
	}
	return run(ctx, s, call, false, func(ctx context.Context, c *change) (Operation, error) { return s.rotateUnitKey(ctx, c, unit) })
}

// rotatable tells whether there is a key to rotate.
func rotatable(ctx context.Context, tx Reader, org, unit string) error {
	if _, err := tx.Unit(ctx, org, unit); err != nil {
		return err
	}
	_, err := tx.Key(ctx, org, unit, ClassDocuments)
	if fault.KindOf(err) == fault.NotFound {
		return fault.New(fault.Conflict, "unit_without_key", "The business unit %s has no key in force: nothing was kept for it yet, or its key was rotated a moment ago.", unit)
	}
	return err
}

func (s *Service) rotateUnitKey(ctx context.Context, c *change, unit string) (op Operation, err error) {
	org := c.actor.Org
	if err := rotatable(ctx, c, org, unit); err != nil {
		return op, err
	}
	old, err := c.Key(ctx, org, unit, ClassDocuments)
	if err != nil {
		return op, err
	}
	moved, err := s.Vault.Superseded(ctx, old, c.Now())
	if err != nil {
		return op, err
	}
	if err := c.SupersedeKey(ctx, moved); err != nil {
		return op, err
	}
	op = Operation{ID: id.New("op", c.Now()), Org: org, Unit: unit, Kind: OpRotateKey, State: OperationPending, CreatedAt: c.Now(), Revision: 1}
	data := map[string]string{"from": old.ID, "unit": unit, "operation_id": op.ID}
	if err := c.log(org, unit, note{kind: journal.KeyUnitRotated, subject: "key", id: old.ID, data: data}); err != nil {
		return op, err
	}
	if err := c.logOperation(&op, nil, journal.OperationStarted); err != nil {
		return op, err
	}
	return op, c.InsertOperation(ctx, op)
}

// SupersededKeys gives the keys of a unit that are out of force, and how many
// keys of documents still lie under them.
func (s *Service) SupersededKeys(ctx context.Context, org, unit string) (keys []Key, under int, err error) {
	err = s.Store.Read(Within(ctx, org), func(ctx context.Context, tx Reader) error {
		all, err := tx.SupersededKeys(ctx)
		if err != nil {
			return err
		}
		keys, under = nil, 0
		for _, k := range all {
			if k.Org != org || k.Unit != unit {
				continue
			}
			n, err := tx.CountDocumentKeysUnder(ctx, k.ID)
			if err != nil {
				return err
			}
			keys, under = append(keys, k), under+n
		}
		return nil
	})
	return keys, under, err
}

// DestroyKey destroys a key that is out of force. Nothing can come under it any
// more: what writes a row under it has to find it in force. Fault Conflict
// "key_in_use" where something still lies there.
func (s *Service) DestroyKey(ctx context.Context, k Key) error {
	return s.Store.Write(ctx, func(ctx context.Context, tx Tx) error {
		err := tx.LockKey(ctx, k.ID)
		if fault.KindOf(err) == fault.NotFound {
			return nil // another process was first
		}
		if err != nil {
			return err
		}
		used, err := tx.KeyInUse(ctx, k.ID)
		if err != nil {
			return err
		}
		if used {
			return fault.New(fault.Conflict, "key_in_use", "Keys still lie under the unit's key %s, which is out of force. They are about to be wrapped anew.", k.ID)
		}
		if err := tx.DestroyKey(ctx, k.ID); err != nil {
			return err
		}
		return logKey(ctx, tx, k.Org, journal.KeyUnitDestroyed, k.ID, map[string]string{"id": k.ID, "unit": k.Unit})
	})
}

// FinishRotation records that no key of the unit is left that is out of force.
// Fault Conflict "operation_ended" where a twin was first.
func (s *Service) FinishRotation(ctx context.Context, call Call, opID string) error {
	_, err := run(ctx, s, call, false, func(ctx context.Context, c *change) (Operation, error) {
		op, err := c.Operation(ctx, call.Actor.Org, opID)
		if err == nil && op.State.Ended() {
			err = fault.New(fault.Conflict, "operation_ended", "The operation has %s already.", op.State)
		}
		if err != nil {
			return op, err
		}
		return op, c.succeed(ctx, &op, nil)
	})
	return err
}

// longSilent is the silence after which a process counts as dead.
const longSilent = 10 * time.Minute

// OtherVersions names the processes on the database that run another version of
// the program, as far as they are known.
func (s *Service) OtherVersions(ctx context.Context, version string) (other []string, err error) {
	err = s.Store.Read(ctx, func(ctx context.Context, tx Reader) error {
		all, err := tx.Processes(ctx)
		other = nil
		for _, p := range all {
			if p.Version != version && p.Silent < longSilent {
				other = append(other, p.ID)
			}
		}
		return err
	})
	return other, err
}

// keyed runs a command that writes the key of a new document. Where the key of
// the unit was rotated since that key was made, it is wrapped anew and the command
// runs again: it has left nothing.
func keyed[R any](ctx context.Context, s *Service, unit string, key *DocumentKey, command func() (Result[R], error)) (out Result[R], err error) {
	for range 3 {
		if out, err = command(); fault.CodeOf(err) != CodeKeyRotated {
			return out, err
		}
		next, err := s.Vault.Rekey(ctx, unit, *key)
		if err != nil {
			return out, err
		}
		*key = next
	}
	return out, err
}
