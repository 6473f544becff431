package service

import (
	"context"
	"time"

	"github.com/paraph/paraph/internal/delegation"
	"github.com/paraph/paraph/internal/journal"
)

// TokenKeys gives the keys that sign tokens, by the time from which they do.
func (s *Service) TokenKeys(ctx context.Context) (out []TokenKey, err error) {
	err = s.Store.Read(ctx, func(ctx context.Context, tx Reader) error {
		out, err = tx.TokenKeys(ctx)
		return err
	})
	return out, err
}

// TokenKeyChange is what is to change about the keys that sign tokens.
type TokenKeyChange struct {
	Add    []TokenKey
	Change []TokenKey // with another SignsAt or WithdrawnAt: the journal says so
	Reseal []TokenKey // with another Sealed
	Drop   []string
}

// KeepTokenKeys lets decide say what is to change about the keys that sign tokens,
// and carries it out. Of several processes one does so at a time, and the next one
// sees what it did.
func (s *Service) KeepTokenKeys(ctx context.Context, decide func(now time.Time, there []TokenKey) (TokenKeyChange, error)) error {
	return s.Store.Write(ctx, func(ctx context.Context, tx Tx) error {
		if err := alone(ctx, tx); err != nil {
			return err
		}
		there, err := tx.TokenKeys(ctx)
		if err != nil {
			return err
		}
		do, err := decide(tx.Now(), there)
		if err != nil || len(do.Add)+len(do.Change)+len(do.Reseal)+len(do.Drop) == 0 {
			return err
		}
		tx.Notify(TopicRevoked)
		return changeTokenKeys(ctx, tx, do)
	})
}

func changeTokenKeys(ctx context.Context, tx Tx, do TokenKeyChange) error {
	say := func(kind journal.Kind, k TokenKey) error {
		data := map[string]string{"key_id": k.ID, "algorithm": k.Algorithm, "signs_at": k.SignsAt.Format(time.RFC3339)}
		if !k.WithdrawnAt.IsZero() {
			data["withdrawn_at"] = k.WithdrawnAt.Format(time.RFC3339)
		}
		return logKey(ctx, tx, "", kind, k.ID, data)
	}
	for _, k := range do.Add {
		if err := tx.InsertTokenKey(ctx, k); err != nil {
			return err
		}
		if err := say(journal.TokenKeyAdded, k); err != nil {
			return err
		}
	}
	for _, k := range do.Change {
		if err := tx.UpdateTokenKey(ctx, k); err != nil {
			return err
		}
		if err := say(journal.TokenKeyChanged, k); err != nil {
			return err
		}
	}
	for _, k := range do.Reseal {
		if err := tx.UpdateTokenKey(ctx, k); err != nil {
			return err
		}
	}
	for _, id := range do.Drop {
		if err := tx.DropTokenKey(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// resealBatch is how many delegations are sealed anew in one transaction.
const resealBatch = 200

// ResealDelegations seals the keys of refresh tokens anew that another key than the
// box's present one has sealed, and counts them. The box must hold the key in force.
// What it cannot open is left as it is: another process may.
func (s *Service) ResealDelegations(ctx context.Context) (n int, err error) {
	for after := ""; ; {
		var old []delegation.Delegation
		done := 0
		err := s.Store.Write(ctx, func(ctx context.Context, tx Tx) (err error) {
			done = 0
			if old, err = tx.DelegationsNotSealedBy(ctx, s.Box.Prefix(), after, resealBatch); err != nil {
				return err
			}
			for i := range old {
				d := &old[i]
				key, ok := s.refreshKey(d)
				if !ok {
					continue
				}
				if d.Key, err = s.Box.Seal(key[:], refreshContext(d.ID)); err != nil {
					return err
				}
				if err := tx.UpdateDelegation(ctx, d); err != nil {
					return err
				}
				done++
			}
			return nil
		})
		if n += done; err != nil || len(old) < resealBatch {
			return n, err
		}
		after = old[len(old)-1].ID
	}
}
