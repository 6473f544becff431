package vault

import (
	"context"
	"time"

	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/service"
)

const (
	// rewrapBatch is how many keys one transaction wraps anew: few enough that
	// nobody waits for it.
	rewrapBatch = 100
	// KeyGrace is how long a process remembers a unit's key that was destroyed: what
	// an upload that is still running has wrapped by it is wrapped anew at its end.
	KeyGrace = 24 * time.Hour
	// forgetEvery is how often a process looks for such keys.
	forgetEvery = 10 * time.Minute
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

// Superseded implements service.Vault.
func (v *Vault) Superseded(ctx context.Context, k service.Key, at time.Time) (service.Key, error) {
	row, err := v.keys.Superseded(ctx, unitRow(k))
	out := unitKey(row)
	out.SupersededAt = at
	return out, err
}

// Rekey implements service.Vault.
func (v *Vault) Rekey(ctx context.Context, unit string, k service.DocumentKey) (service.DocumentKey, error) {
	row, err := v.keys.DocumentRekeyed(ctx, RowOf(k), scopeOf(k.Org, unit))
	return keyOf(row), err
}

// NoticeSuperseded makes this process wrap nothing more by keys that are out of
// force, and forget those that were destroyed long ago.
func (v *Vault) NoticeSuperseded(ctx context.Context) error {
	var keys []service.Key
	err := v.db.Read(ctx, func(ctx context.Context, tx service.Reader) (err error) {
		keys, err = tx.SupersededKeys(ctx)
		return err
	})
	for _, k := range keys {
		v.keys.Supersede(k.ID)
	}
	if err != nil {
		return err
	}
	return v.forget(ctx)
}

// forget drops keys of units that were destroyed from this process' memory.
func (v *Vault) forget(ctx context.Context) error {
	now := v.clock.Now()
	v.mu.Lock()
	defer v.mu.Unlock()
	if now.Sub(v.looked) < forgetEvery {
		return nil
	}
	v.looked = now
	return v.db.Read(ctx, func(ctx context.Context, tx service.Reader) error {
		for _, id := range v.keys.Opened() {
			_, err := tx.KeyByID(ctx, id)
			switch {
			case err == nil:
				continue
			case fault.KindOf(err) != fault.NotFound:
				return err
			case v.gone[id].IsZero():
				v.gone[id] = now
			case now.Sub(v.gone[id]) >= KeyGrace:
				v.keys.Forget(id)
				delete(v.gone, id)
			}
		}
		return nil
	})
}

// RewrapDocuments wraps up to so many keys of documents that lie under a key out
// of force by the one that took its place, and tells how many there were. Nothing
// is left once it gives 0.
func (v *Vault) RewrapDocuments(ctx context.Context, old service.Key) (int, error) {
	var waiting []service.DocumentKey
	err := v.db.Read(ctx, func(ctx context.Context, tx service.Reader) (err error) {
		waiting, err = tx.DocumentKeysUnder(ctx, old.ID, rewrapBatch)
		return err
	})
	if err != nil || len(waiting) == 0 {
		return 0, err
	}
	rows := make([]service.DocumentKey, len(waiting))
	for i, k := range waiting {
		row, err := v.keys.DocumentRewrapped(ctx, RowOf(k), unitRow(old))
		if err != nil {
			return 0, err
		}
		rows[i] = keyOf(row)
	}
	return len(rows), v.db.Write(ctx, func(ctx context.Context, tx service.Tx) error {
		held := ""
		for _, k := range rows {
			if k.KeyID != held { // another rotation may have begun meanwhile
				if err := tx.HoldKey(ctx, k.KeyID); err != nil {
					return err
				}
				held = k.KeyID
			}
			if err := tx.RewrapDocumentKey(ctx, k, old.ID); err != nil {
				return err
			}
		}
		return nil
	})
}
