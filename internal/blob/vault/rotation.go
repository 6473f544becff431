package vault

import (
	"context"
	"time"

	"github.com/paraph/paraph/internal/service"
)

const (
	// rewrapBatch is how many keys one transaction wraps anew: few enough that
	// nobody waits for it.
	rewrapBatch = 100
	// KeyGrace is how long a unit's key stays after it was taken out of force,
	// though nothing lies under it: a process that has not heard of it may have
	// wrapped by it, and writes that row within the same bound as the row of any
	// object it stores.
	KeyGrace = 24 * time.Hour
)

// RewrapUnits wraps all keys of units by the master key, which must be the present
// one. It may be broken off at any moment and goes on where it was; it ends where
// another one is in force meanwhile. It tells how many keys it did.
func (v *Vault) RewrapUnits(ctx context.Context, master string) (int, error) {
	for done := 0; ; {
		var waiting []service.Key
		err := v.db.Read(ctx, func(ctx context.Context, tx service.Reader) (err error) {
			waiting, err = tx.KeysNotUnder(ctx, master, rewrapBatch)
			return err
		})
		if err != nil || len(waiting) == 0 {
			return done, err
		}
		stopped := false
		err = v.db.Write(ctx, func(ctx context.Context, tx service.Tx) error {
			inForce, err := tx.Setting(ctx, service.SettingMaster)
			if stopped = inForce != master; err != nil || stopped {
				return err
			}
			for _, k := range waiting {
				row, err := v.keys.Rewrapped(ctx, unitRow(k))
				if err != nil {
					return err
				}
				if err := tx.RewrapKey(ctx, unitKey(row), k.MasterID); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil || stopped {
			return done, err
		}
		done += len(waiting)
	}
}

// Superseded gives a unit's key for its place out of force; the caller writes it.
func (v *Vault) Superseded(ctx context.Context, k service.Key, at time.Time) (service.Key, error) {
	row, err := v.keys.Superseded(ctx, unitRow(k))
	out := unitKey(row)
	out.SupersededAt = at
	return out, err
}

// NoticeSuperseded makes this process wrap nothing more by keys that are out of
// force, and gives them.
func (v *Vault) NoticeSuperseded(ctx context.Context) (keys []service.Key, err error) {
	err = v.db.Read(ctx, func(ctx context.Context, tx service.Reader) error {
		keys, err = tx.SupersededKeys(ctx)
		return err
	})
	for _, k := range keys {
		v.keys.Supersede(k.ID)
	}
	return keys, err
}

// RewrapDocuments wraps all keys of documents that lie under a key out of force
// by the one that took its place. It may be broken off like RewrapUnits.
func (v *Vault) RewrapDocuments(ctx context.Context, old service.Key) (int, error) {
	for done := 0; ; {
		var waiting []service.DocumentKey
		err := v.db.Read(ctx, func(ctx context.Context, tx service.Reader) (err error) {
			waiting, err = tx.DocumentKeysUnder(ctx, old.ID, rewrapBatch)
			return err
		})
		if err != nil || len(waiting) == 0 {
			return done, err
		}
		rows := make([]service.DocumentKey, len(waiting))
		for i, k := range waiting {
			row, err := v.keys.DocumentRewrapped(ctx, RowOf(k), unitRow(old))
			if err != nil {
				return done, err
			}
			rows[i] = keyOf(row)
		}
		err = v.db.Write(ctx, func(ctx context.Context, tx service.Tx) error {
			for _, k := range rows {
				if err := tx.RewrapDocumentKey(ctx, k, old.ID); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return done, err
		}
		done += len(waiting)
	}
}

// Forget drops a key that was destroyed from this process' memory.
func (v *Vault) Forget(keyID string) { v.keys.Forget(keyID) }
