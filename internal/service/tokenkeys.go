package service

import (
	"bytes"
	"context"
	"sync"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/delegation"
	"github.com/paraph/paraph/internal/fault"
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

// ListTokenKeys is TokenKeys for whoever runs the installation.
// Fault Forbidden "missing_scope".
func (s *Service) ListTokenKeys(ctx context.Context, a access.Actor) (out []TokenKey, err error) {
	err = s.Store.Read(Within(ctx, a.Org), func(ctx context.Context, tx Reader) error {
		if err := runsInstallation(ctx, tx, a); err != nil {
			return err
		}
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
	By     *access.Actor // who wants it; nil: Paraph itself
}

// Empty tells whether nothing is to change.
func (t *TokenKeyChange) Empty() bool { return len(t.Add)+len(t.Change)+len(t.Reseal)+len(t.Drop) == 0 }

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
		if err != nil || do.Empty() {
			return err
		}
		if do.By != nil {
			if err := runsInstallation(ctx, tx, *do.By); err != nil {
				return err
			}
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
		return logKeyBy(ctx, tx, do.By, "", kind, k.ID, data)
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

// resealEvery is how often everything is looked through although no other key came
// into force: another process may have sealed by the old one a moment longer.
const resealEvery = 10 * time.Minute

// resealedBy remembers by which key everything was found sealed, and when.
type resealedBy struct {
	mu     sync.Mutex
	prefix []byte
	at     time.Time
}

// ResealDelegations seals the keys of refresh tokens anew that another key than the
// box's present one has sealed, and counts them. The box must hold the key in force.
// What it cannot open is left as it is: another process may.
func (s *Service) ResealDelegations(ctx context.Context) (n int, err error) {
	prefix, now := s.Box.Prefix(), s.Clock.Now()
	s.resealed.mu.Lock()
	defer s.resealed.mu.Unlock()
	if bytes.Equal(s.resealed.prefix, prefix) && now.Sub(s.resealed.at).Abs() < resealEvery {
		return 0, nil
	}
	for after := ""; ; {
		var old []delegation.Delegation
		err := s.Store.Read(ctx, func(ctx context.Context, tx Reader) (err error) {
			old, err = tx.DelegationsNotSealedBy(ctx, prefix, after, resealBatch)
			return err
		})
		if err != nil {
			return n, err
		}
		if len(old) == 0 {
			s.resealed.prefix, s.resealed.at = prefix, now
			return n, nil
		}
		done := 0
		err = s.Store.Write(ctx, func(ctx context.Context, tx Tx) (err error) {
			done, err = s.resealAll(ctx, tx, old)
			return err
		})
		if n += done; err != nil {
			return n, err
		}
		after = old[len(old)-1].ID
	}
}

func (s *Service) resealAll(ctx context.Context, tx Tx, old []delegation.Delegation) (n int, err error) {
	for i := range old {
		d, err := tx.Delegation(ctx, old[i].ID)
		if err != nil && fault.KindOf(err) != fault.NotFound {
			return n, err
		}
		key, ok := s.refreshKey(&d)
		if !ok {
			continue
		}
		if d.Key, err = s.Box.Seal(key[:], refreshContext(d.ID)); err != nil {
			return n, err
		}
		if err := tx.UpdateDelegation(ctx, &d); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}
