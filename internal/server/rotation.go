package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"time"

	"github.com/paraph/paraph/internal/blob/crypt"
	"github.com/paraph/paraph/internal/blob/vault"
	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/internal/config"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/store"
)

const (
	// keysEvery is how often a running server looks for a rotation.
	keysEvery = 5 * time.Second
	// resealGrace is how long, after a rotation, another process may still seal a value
	// by the key before: it follows within keysEvery.
	resealGrace = 10 * time.Minute
)

// keepKeys follows the key file and the database: whatever is wrapped by a key
// that is out of force is wrapped anew. It asks what is left to do each time, so a
// rotation goes on after a kill, in whichever process has the role.
func (s *Server) keepKeys(ctx context.Context) error {
	tick := time.NewTicker(keysEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		done, err := s.rotation().pass(ctx, s.Config.Has(config.RoleWork))
		if err != nil && ctx.Err() == nil {
			s.log.Warn("wrapping keys anew failed; it is tried again", "error", err)
		}
		if done.Units+done.Values+done.Delegations > 0 {
			s.log.Info("what lay under another master key was put under the one in force", "unit keys", done.Units, "values", done.Values, "delegations", done.Delegations)
		}
	}
}

func (s *Server) rotation() *rotation {
	return &rotation{s.Keys, s.Store, s.Vault, s.Service, s.clock, s.log}
}

// rotation is what wrapping keys anew needs.
type rotation struct {
	keys    *Keys
	db      service.Store
	vault   *vault.Vault
	service *service.Service
	clock   clock.Clock
	log     *slog.Logger
}

// Rewrapped is what a pass has done.
type Rewrapped struct {
	Units       int `json:"unit_keys"`   // wrapped by the master key in force
	Values      int `json:"values"`      // small ones that rest in rows
	Delegations int `json:"delegations"` // the keys of their refresh tokens
	// Operations that were started for what the command line asked for.
	Operations []string `json:"operations,omitempty"`
}

// pass follows what changed; with act it also does what is left to do.
func (r *rotation) pass(ctx context.Context, act bool) (done Rewrapped, err error) {
	inForce, err := r.inForce(ctx)
	if err != nil {
		return done, err
	}
	if err := r.keys.reload(inForce); err != nil {
		return done, err
	}
	if err := r.vault.NoticeSuperseded(ctx); err != nil || !act {
		return done, err
	}
	if first := r.keys.first(); first != inForce {
		if inForce, err = r.service.RotateMaster(ctx, first); err != nil {
			return done, err
		}
		if inForce != first {
			r.log.Debug("the key file is older than the last rotation", "first", first, "in_force", inForce)
		}
		if err := r.keys.reload(inForce); err != nil {
			return done, err
		}
	}
	// Asked of the database, not of this pass: an earlier one may have ended
	// between the rotation and this.
	for _, setting := range lastingKeys {
		if under, err := lastingMaster(ctx, r.db, setting); err != nil {
			return done, err
		} else if under != inForce {
			if _, err := r.keys.lastingKey(ctx, r.db, setting); err != nil {
				return done, err
			}
		}
	}
	if done.Units, err = r.vault.RewrapUnits(ctx, inForce); err != nil {
		return done, err
	}
	if done.Values, err = r.service.ResealValues(ctx, r.keys.sealer(), crypt.SealedBy(r.keys.sealer()), resealGrace); err != nil {
		return done, err
	}
	if done.Delegations, err = r.service.ResealDelegations(ctx); err != nil {
		return done, err
	}
	done.Operations, err = r.grant(ctx)
	return done, err
}

// grant does what the command line has asked for. A master key that this
// process' key file still holds is not retired yet.
func (r *rotation) grant(ctx context.Context) (operations []string, err error) {
	wishes, err := service.KeyWishes(ctx, r.db)
	if err != nil {
		return nil, err
	}
	for _, w := range wishes {
		if w.Retired != "" && slices.Contains(r.keys.ids(), w.Retired) {
			continue
		}
		if w.Tokens != "" {
			if err := r.tokens(ctx, w.Tokens); err != nil {
				return operations, err
			}
		}
		op, err := r.service.GrantKeyWish(ctx, w)
		if err != nil {
			return operations, err
		}
		if op.ID != "" {
			operations = append(operations, op.ID)
		}
	}
	return operations, nil
}

func (r *rotation) inForce(ctx context.Context) (id string, err error) {
	err = r.db.Read(ctx, func(ctx context.Context, tx service.Reader) error {
		id, err = tx.Setting(ctx, service.SettingMaster)
		return err
	})
	return id, err
}

// lastingMaster names the master key that wraps the key of a setting, "" where
// there is none yet.
func lastingMaster(ctx context.Context, db service.Store, setting string) (id string, err error) {
	err = db.Read(ctx, func(ctx context.Context, tx service.Reader) error {
		id, err = lastingMasterIn(ctx, tx, setting)
		return err
	})
	return id, err
}

func lastingMasterIn(ctx context.Context, tx service.Reader, setting string) (string, error) {
	text, err := tx.Setting(ctx, setting)
	if fault.KindOf(err) == fault.NotFound {
		return "", nil
	}
	var w service.Wrapped
	if err == nil {
		err = json.Unmarshal([]byte(text), &w)
	}
	return w.MasterID, err
}

// MasterKey is a master key as `paraph keys list` shows it.
type MasterKey struct {
	ID      string `json:"id"`
	InForce bool   `json:"in_force"`
	Wraps   int    `json:"wraps"` // keys under it: those of units, and the lasting ones of the installation
	// Until is when the last stored answer sealed by it runs out; zero where there is none.
	Until time.Time `json:"until,omitzero"`
}

// ListKeys gives the master keys of the key file, in its order.
func ListKeys(ctx context.Context, c *config.Config) ([]MasterKey, error) {
	keys, err := crypt.LoadKeys(masterPath(c), masterPurpose)
	if err != nil {
		return nil, err
	}
	db, err := store.Open(ctx, store.Options{URL: DatabaseURL(c), KeepSchema: true, Across: "key rotation"})
	if err != nil {
		return nil, err
	}
	defer db.Close()
	var out []MasterKey
	err = db.Read(ctx, func(ctx context.Context, tx service.Reader) error {
		inForce, err := tx.Setting(ctx, service.SettingMaster)
		if err != nil {
			return err
		}
		wraps, err := tx.MasterUse(ctx)
		if err != nil {
			return err
		}
		for _, setting := range lastingKeys {
			under, err := lastingMasterIn(ctx, tx, setting)
			if err != nil {
				return err
			}
			wraps[under]++
		}
		for i, sealer := range boxKeys(keys) {
			m := MasterKey{ID: keys[i].ID, InForce: keys[i].ID == inForce, Wraps: wraps[keys[i].ID]}
			if m.Until, err = tx.SealedUntil(ctx, crypt.SealedBy(sealer.ID)); err != nil {
				return err
			}
			out = append(out, m)
		}
		return nil
	})
	return out, err
}

// Needed words until when the key is needed for stored values, "" where it is not.
func (m MasterKey) Needed() string {
	switch {
	case m.Until.IsZero():
		return ""
	case m.Until.Equal(service.UntilCaptured):
		return "until captures that are running have ended"
	case m.Until.Equal(service.UntilResealed):
		return "until what rests in rows is sealed anew, which a running server does within moments"
	}
	return "until " + m.Until.Format(time.RFC3339)
}

func masterPath(c *config.Config) string { return filepath.Join(keyDir(c), "master.key") }

// StageKey adds a master key to the end of the key file: it is known, so that the
// file can be brought to other machines, and wraps nothing yet.
func StageKey(c *config.Config) (string, error) {
	k := crypt.DrawKey()
	_, err := crypt.EditKeys(masterPath(c), masterPurpose, func(keys []crypt.NamedKey) ([]crypt.NamedKey, error) {
		return append(keys, k), nil
	})
	return k.ID, err
}

// Rotated is what came of RotateMaster or RotateUnit.
type Rotated struct {
	To string `json:"to,omitempty"` // the master key
	// Running tells that a server holds the database and does the rest.
	Running bool      `json:"running"`
	Done    Rewrapped `json:"done"`
}

// RotateMaster puts a master key to the head of the key file: the one named to, or
// a new one. Then everything is wrapped by it: here, or on SQLite by the server
// that is running, which follows the file.
func RotateMaster(ctx context.Context, c *config.Config, to string) (*Rotated, error) {
	keys, err := crypt.EditKeys(masterPath(c), masterPurpose, func(keys []crypt.NamedKey) ([]crypt.NamedKey, error) {
		if to == "" {
			return slices.Insert(keys, 0, crypt.DrawKey()), nil
		}
		i := slices.IndexFunc(keys, func(k crypt.NamedKey) bool { return k.ID == to })
		if i < 0 {
			return nil, fmt.Errorf("the key file holds no key %s", to)
		}
		return slices.Insert(slices.Delete(slices.Clone(keys), i, i+1), 0, keys[i]), nil
	})
	if err != nil {
		return nil, err
	}
	out := &Rotated{To: keys[0].ID}
	r, closing, err := openRotation(ctx, c)
	if errors.Is(err, errRunning) {
		out.Running = true
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	out.Done, err = r.pass(ctx, true)
	if inForce, ferr := r.inForce(ctx); err == nil && (ferr != nil || inForce != out.To) {
		err = errors.Join(ferr, fmt.Errorf("the key %s was in force before and cannot be again", out.To))
	}
	return out, errors.Join(err, closing())
}

// RotateUnit has the key of a business unit rotated: by an operation that is
// started here, or on SQLite by the server that is running. org "": the first one.
func RotateUnit(ctx context.Context, c *config.Config, org, unit string) (*Rotated, error) {
	err := wish(ctx, c, func(ctx context.Context, db service.Store) (service.KeyWish, error) {
		err := db.Read(ctx, func(ctx context.Context, tx service.Reader) error {
			orgs, err := tx.Organisations(ctx)
			if err == nil && org == "" && len(orgs) > 0 {
				org = orgs[0].ID
			}
			return err
		})
		return service.KeyWish{Org: org, Unit: unit}, err
	})
	if err != nil {
		return nil, err
	}
	return granted(ctx, c)
}

// wish writes down what is asked for.
func wish(ctx context.Context, c *config.Config, what func(context.Context, service.Store) (service.KeyWish, error)) error {
	db, err := store.Open(ctx, store.Options{URL: DatabaseURL(c), KeepSchema: true, Across: "key rotation"})
	if err != nil {
		return err
	}
	w, err := what(ctx, db)
	if err == nil {
		err = service.WishForKey(ctx, db, w)
	}
	return errors.Join(err, db.Close())
}

// granted does what is asked for, unless a server does.
func granted(ctx context.Context, c *config.Config) (*Rotated, error) {
	r, closing, err := openRotation(ctx, c)
	if errors.Is(err, errRunning) {
		return &Rotated{Running: true}, nil
	}
	if err != nil {
		return nil, err
	}
	out := &Rotated{}
	out.Done, err = r.pass(ctx, true)
	return out, errors.Join(err, closing())
}

// openRotation opens what a rotation needs, without a server. errRunning on
// SQLite where one is running.
func openRotation(ctx context.Context, c *config.Config) (r *rotation, closing func() error, err error) {
	unlock := func() error { return nil }
	if c.Database == "" {
		lock, err := lockFolder(c.DataDir)
		if err != nil {
			return nil, nil, err
		}
		unlock = lock.Close
	}
	keys, err := LoadKeys(c, clock.System{})
	if err != nil {
		return nil, nil, errors.Join(err, unlock())
	}
	db, err := store.Open(ctx, store.Options{URL: DatabaseURL(c), KeepSchema: true, Across: "key rotation"})
	if err != nil {
		return nil, nil, errors.Join(err, unlock())
	}
	closing = func() error { return errors.Join(db.Close(), unlock()) }
	if err := keys.settle(ctx, db); err != nil {
		return nil, nil, errors.Join(err, closing())
	}
	clk := clock.System{}
	v := vault.New(nil, db, keys.Master, clk)
	return &rotation{keys, db, v, service.New(service.Config{Store: db, Vault: v, Clock: clk, Box: keys.Box}), clk, slog.New(slog.DiscardHandler)}, closing, nil
}

// RetireKey takes a master key out of the key file, which the log tells. It
// refuses as long as anything lies under it.
func RetireKey(ctx context.Context, c *config.Config, id string) error {
	all, err := ListKeys(ctx, c)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(m MasterKey) bool { return m.ID == id })
	switch {
	case i < 0:
		return fmt.Errorf("the key file holds no key %s", id)
	case all[i].InForce:
		return fault.New(fault.Conflict, "key_in_use", "The master key %s is in force. Rotate first: paraph keys rotate", id)
	case all[i].Wraps > 0:
		return fault.New(fault.Conflict, "key_in_use", "%d keys are still wrapped by the master key %s.", all[i].Wraps, id)
	case !all[i].Until.IsZero():
		return fault.New(fault.Conflict, "key_in_use", "Stored values are still sealed by the master key %s, %s.", id, all[i].Needed())
	}
	// Asked for first: the log says so once the key is out of the file, even if
	// this process dies in between.
	err = wish(ctx, c, func(context.Context, service.Store) (service.KeyWish, error) {
		return service.KeyWish{Retired: id}, nil
	})
	if err != nil {
		return err
	}
	_, err = crypt.EditKeys(masterPath(c), masterPurpose, func(keys []crypt.NamedKey) ([]crypt.NamedKey, error) {
		return slices.DeleteFunc(keys, func(k crypt.NamedKey) bool { return k.ID == id }), nil
	})
	if err != nil {
		return err
	}
	_, err = granted(ctx, c)
	return err
}
