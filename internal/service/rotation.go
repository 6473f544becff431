package service

import (
	"bytes"
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
	// CountDocumentKeysUnder counts them.
	CountDocumentKeysUnder(ctx context.Context, keyID string) (int, error)
	// KeyInUse tells whether a unit's key wraps anything.
	KeyInUse(ctx context.Context, keyID string) (bool, error)
	// MasterUse counts the keys of units by the master key that wraps them.
	MasterUse(ctx context.Context) (map[string]int, error)
	// SealedUntil tells until when a value may be needed that begins with the
	// prefix, as those do that one key of the box has sealed; zero where there is
	// none, UntilCaptured where a capture that is running has kept some, UntilResealed
	// where it rests in a row until it is sealed anew.
	SealedUntil(ctx context.Context, prefix []byte) (time.Time, error)
	// SealedOtherwise gives values that rest sealed in rows and do not begin with the
	// prefix, up to limit of each kind.
	SealedOtherwise(ctx context.Context, prefix []byte, limit int) ([]SealedValue, error)
}

// SealedValue is a value that rests sealed in a row for as long as the row does. It is
// bound to SealContext(Table, Org, ID).
type SealedValue struct {
	Table, Org, ID string
	Value          []byte
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
	// HoldKey keeps a unit's key in force until this transaction ends. Unavailable
	// CodeKeyRotated where it is not.
	HoldKey(ctx context.Context, id string) error
	// LockKey keeps others from writing rows under a unit's key until this
	// transaction ends, and waits for those that are about to. NotFound where it is gone.
	LockKey(ctx context.Context, id string) error
	// DestroyKey removes a key that is not in force.
	DestroyKey(ctx context.Context, id string) error
	// Reseal writes v.Value where the row still holds the value from.
	Reseal(ctx context.Context, v SealedValue, from []byte) error
}

// UntilCaptured stands for the end of a capture, which nobody knows.
var UntilCaptured = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// UntilResealed stands for the end of a rotation.
var UntilResealed = time.Date(9998, 1, 1, 0, 0, 0, 0, time.UTC)

// resealed is how many values are sealed anew in one transaction.
const resealed = 100

// settingResealed says by which key all values that rest in rows are sealed.
const settingResealed = "values_sealed"

// resealing is the value of settingResealed.
type resealing struct {
	Key   string    `json:"key"`
	Since time.Time `json:"since"` // when that key was first met
	Done  bool      `json:"done"`
}

// ResealValues seals values that rest in rows by the key named sealer, which seals now
// and whose sealed values begin with the prefix. It tells how many. Once nothing was
// found for longer than grace, in which another process may still have used the key
// before, it looks no more until there is another key.
func (s *Service) ResealValues(ctx context.Context, sealer string, prefix []byte, grace time.Duration) (n int, err error) {
	state, err := s.resealing(ctx, sealer)
	if err != nil || state.Done {
		return 0, err
	}
	for {
		some, err := s.resealSome(ctx, prefix)
		if n += some; err != nil {
			return n, err
		}
		if some == 0 {
			break
		}
	}
	if n > 0 || s.Clock.Now().Sub(state.Since) < grace {
		return n, nil
	}
	state.Done = true
	return n, s.saveResealing(ctx, state)
}

// resealing gives how far values are sealed by the key.
func (s *Service) resealing(ctx context.Context, sealer string) (r resealing, err error) {
	err = s.Store.Read(ctx, func(ctx context.Context, tx Reader) error {
		text, err := tx.Setting(ctx, settingResealed)
		if fault.KindOf(err) == fault.NotFound {
			return nil
		}
		if err == nil {
			err = json.Unmarshal([]byte(text), &r)
		}
		return err
	})
	if err != nil || r.Key == sealer {
		return r, err
	}
	r = resealing{Key: sealer, Since: s.Clock.Now()}
	return r, s.saveResealing(ctx, r)
}

func (s *Service) saveResealing(ctx context.Context, r resealing) error {
	raw, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return s.Store.Write(ctx, func(ctx context.Context, tx Tx) error { return tx.SetSetting(ctx, settingResealed, string(raw)) })
}

// resealSome seals some values anew and tells how many.
func (s *Service) resealSome(ctx context.Context, prefix []byte) (int, error) {
	var old []SealedValue
	err := s.Store.Read(ctx, func(ctx context.Context, tx Reader) (err error) {
		old, err = tx.SealedOtherwise(ctx, prefix, resealed)
		return err
	})
	if err != nil || len(old) == 0 {
		return 0, err
	}
	fresh := make([]SealedValue, len(old))
	for i, v := range old {
		bound := SealContext(v.Table, v.Org, v.ID)
		plain, err := s.Box.Open(v.Value, bound)
		if err != nil {
			return 0, fault.Wrap(err, fault.Internal, "internal", "A value of the row %s in %s cannot be opened.", v.ID, v.Table)
		}
		if fresh[i], err = v.sealed(s.Box, plain, bound); err != nil || !bytes.HasPrefix(fresh[i].Value, prefix) {
			return 0, err // another key seals by now
		}
	}
	return len(fresh), s.Store.Write(ctx, func(ctx context.Context, tx Tx) error {
		for i := range fresh {
			if err := tx.Reseal(ctx, fresh[i], old[i].Value); err != nil {
				return err
			}
		}
		return nil
	})
}

func (v SealedValue) sealed(box Box, plain, bound []byte) (_ SealedValue, err error) {
	v.Value, err = box.Seal(plain, bound)
	return v, err
}

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
	return logKeyBy(ctx, tx, nil, org, kind, id, data)
}

// logKeyBy is logKey for what somebody asked for; nil: Paraph itself.
func logKeyBy(ctx context.Context, tx Tx, by *access.Actor, org string, kind journal.Kind, id string, data map[string]string) error {
	if org == "" {
		first, err := home(ctx, tx)
		if err != nil || first == "" {
			return err
		}
		org = first
	}
	c := &change{Tx: tx, actor: SystemCall(org, "keys", "").Actor}
	if by != nil {
		c.actor = *by
	}
	if err := c.log(org, data["unit"], note{kind: kind, subject: "key", id: id, data: data}); err != nil {
		return err
	}
	return c.flush(ctx)
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
