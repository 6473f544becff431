package service

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/journal"
)

// rotationReader tells what is wrapped by which key.
type rotationReader interface {
	// KeysNotUnder gives keys of units that another master key wraps, by id.
	KeysNotUnder(ctx context.Context, masterID string, limit int) ([]Key, error)
	// SupersededKeys gives the keys of units that are no longer in force, by id.
	SupersededKeys(ctx context.Context) ([]Key, error)
	// DocumentKeysUnder gives keys of documents that a unit's key wraps, by id;
	// destroyed ones are left out.
	DocumentKeysUnder(ctx context.Context, keyID string, limit int) ([]DocumentKey, error)
	// KeyInUse tells whether a unit's key wraps anything.
	KeyInUse(ctx context.Context, keyID string) (bool, error)
	// MasterUse counts the keys of units by the master key that wraps them.
	MasterUse(ctx context.Context) (map[string]int, error)
	// SealedUntil tells until when a value may be needed that begins with the
	// prefix, as those do that one key of the box has sealed; zero where there is
	// none, UntilCaptured where a capture that is running has kept some, UntilResealed
	// where a key of tokens waits to be sealed anew.
	SealedUntil(ctx context.Context, prefix []byte) (time.Time, error)
}

// rotationWriter wraps keys anew. A row that lies under another key meanwhile is
// left as it is.
type rotationWriter interface {
	// RewrapKey writes k.MasterID and k.Wrapped where the master key from wraps it
	// and its class is still k.Class.
	RewrapKey(ctx context.Context, k Key, from string) error
	// RewrapDocumentKey writes k.KeyID and k.Wrapped where the key from wraps it.
	RewrapDocumentKey(ctx context.Context, k DocumentKey, from string) error
	// SupersedeKey writes k.Class, k.MasterID, k.Wrapped and k.SupersededAt.
	// Conflict "stale" where the key is not in force.
	SupersedeKey(ctx context.Context, k Key) error
	// DestroyKey removes a key that is not in force.
	DestroyKey(ctx context.Context, id string) error
}

// UntilCaptured stands for the end of a capture, UntilResealed for the moment in
// which a running server has sealed a key anew: nobody knows them.
var (
	UntilCaptured = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	UntilResealed = time.Date(9998, 1, 1, 0, 0, 0, 0, time.UTC)
)

// Settings about the master key.
const (
	SettingMaster        = "master_key"         // id of the one in force
	settingMastersBefore = "master_keys_before" // ids of those before it, joined by commas
)

// alone makes others that change the installation's settings wait for the end of
// the transaction.
func alone(ctx context.Context, tx Tx) error {
	_, _, err := tx.Lease(ctx, "settings", "settings", time.Second)
	return err
}

// MasterInForce settles which master key is in force: the one the database
// names, or at the first start the first of those at hand. Fault Unavailable
// "wrong_master_key" where it is none of them: a key file that was lost must not be
// replaced in silence, since every document would be lost with it.
func MasterInForce(ctx context.Context, db Store, atHand []string) (id string, err error) {
	err = db.Write(ctx, func(ctx context.Context, tx Tx) error {
		if err := alone(ctx, tx); err != nil {
			return err
		}
		id, err = tx.Setting(ctx, SettingMaster)
		if fault.KindOf(err) == fault.NotFound {
			id = atHand[0]
			return tx.SetSetting(ctx, SettingMaster, id)
		}
		if err != nil || slices.Contains(atHand, id) {
			return err
		}
		return fault.New(fault.Unavailable, "wrong_master_key", "The documents of this database are encrypted under the master key %s, which keys/master.key does not hold. Put the right key file back.", id)
	})
	return id, err
}

// RotateMaster puts the master key to in force, where it was never in force
// before: a process with an old key file cannot turn a rotation back. It tells
// which one is in force then.
func (s *Service) RotateMaster(ctx context.Context, to string) (inForce string, err error) {
	err = s.Store.Write(ctx, func(ctx context.Context, tx Tx) error {
		if err := alone(ctx, tx); err != nil {
			return err
		}
		from, err := tx.Setting(ctx, SettingMaster)
		if err != nil {
			return err
		}
		inForce = from
		before, err := tx.Setting(ctx, settingMastersBefore)
		if err != nil && fault.KindOf(err) != fault.NotFound {
			return err
		}
		if from == to || slices.Contains(strings.Split(before, ","), to) {
			return nil
		}
		inForce = to
		if err := tx.SetSetting(ctx, settingMastersBefore, strings.Trim(before+","+from, ",")); err != nil {
			return err
		}
		if err := tx.SetSetting(ctx, SettingMaster, to); err != nil {
			return err
		}
		return logKey(ctx, tx, "", journal.KeyMasterRotated, to, map[string]string{"from": from, "to": to})
	})
	return inForce, err
}

// logKey logs what happened to a key, in the organisation, or where it belongs to
// none in the first one.
func logKey(ctx context.Context, tx Tx, org string, kind journal.Kind, id string, data map[string]string) error {
	if org == "" {
		orgs, err := tx.Organisations(ctx)
		if err != nil || len(orgs) == 0 {
			return err
		}
		org = orgs[0].ID
	}
	c := &change{Tx: tx, actor: SystemCall(org, "keys", "").Actor}
	if err := c.log(org, data["unit"], note{kind: kind, subject: "key", id: id, data: data}); err != nil {
		return err
	}
	return c.flush(ctx)
}

// KeyRotated is the result of RotateUnitKey.
type KeyRotated struct {
	Unit string `json:"unit"`
	From string `json:"from" doc:"The key that was in force; it is destroyed once nothing lies under it any more."`
}

// RotateUnitKey takes the key of a unit and class out of force; the next use makes
// a new one. moved gives the old key's row for its new place. What lies under it is
// wrapped anew in the background. Fault NotFound where the unit has no key yet.
func (s *Service) RotateUnitKey(ctx context.Context, call Call, unit, class string, moved func(context.Context, Key, time.Time) (Key, error)) (Result[KeyRotated], error) {
	return run(ctx, s, call, false, func(ctx context.Context, c *change) (KeyRotated, error) {
		if err := access.Check(c.actor, access.ManageSettings, access.Resource{Org: c.actor.Org}); err != nil {
			return KeyRotated{}, err
		}
		old, err := c.Key(ctx, c.actor.Org, unit, class)
		if err != nil {
			return KeyRotated{}, err
		}
		k, err := moved(ctx, old, c.Now())
		if err != nil {
			return KeyRotated{}, err
		}
		if err := c.SupersedeKey(ctx, k); err != nil {
			return KeyRotated{}, err
		}
		return KeyRotated{Unit: unit, From: k.ID}, c.log(k.Org, unit, note{kind: journal.KeyUnitRotated, subject: "key", id: k.ID, data: map[string]string{"from": k.ID, "unit": unit}})
	})
}

// DestroyKey destroys a key that is no longer in force, where nothing lies under
// it. It tells whether it did.
func (s *Service) DestroyKey(ctx context.Context, k Key) (done bool, err error) {
	err = s.Store.Write(ctx, func(ctx context.Context, tx Tx) error {
		done = false
		if used, err := tx.KeyInUse(ctx, k.ID); err != nil || used {
			return err
		}
		if _, err := tx.KeyByID(ctx, k.ID); err != nil { // another process was first
			if fault.KindOf(err) == fault.NotFound {
				return nil
			}
			return err
		}
		done = true
		if err := tx.DestroyKey(ctx, k.ID); err != nil {
			return err
		}
		return logKey(ctx, tx, k.Org, journal.KeyUnitDestroyed, k.ID, map[string]string{"id": k.ID, "unit": k.Unit})
	})
	return done, err
}

// Wrapped is a small secret of the installation in its settings, wrapped by a
// master key.
type Wrapped struct {
	MasterID string `json:"master_id"`
	Wrapped  []byte `json:"wrapped"`
}

// InstallationSecret gives the secret of that name; make makes it where there is
// none, and again makes it anew from one that another master key wraps, or gives nil
// to leave it.
func InstallationSecret(ctx context.Context, db Store, name string, make func() (Wrapped, error), again func(Wrapped) (*Wrapped, error)) (w Wrapped, err error) {
	err = db.Write(ctx, func(ctx context.Context, tx Tx) error {
		if err := alone(ctx, tx); err != nil {
			return err
		}
		text, err := tx.Setting(ctx, name)
		var next *Wrapped
		switch {
		case fault.KindOf(err) == fault.NotFound:
			made, err := make()
			if err != nil {
				return err
			}
			next = &made
		case err != nil:
			return err
		default:
			if err := json.Unmarshal([]byte(text), &w); err != nil {
				return err
			}
			if next, err = again(w); err != nil || next == nil {
				return err
			}
		}
		raw, err := json.Marshal(next)
		if err != nil {
			return err
		}
		w = *next
		return tx.SetSetting(ctx, name, string(raw))
	})
	return w, err
}
