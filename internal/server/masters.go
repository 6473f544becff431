package server

import (
	"context"
	"slices"
	"sync"

	"github.com/paraph/paraph/internal/blob/crypt"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/service"
)

const (
	masterPurpose = "master"
	// settingCursors is the setting with the key of event cursors. It is kept apart
	// from the master key, since subscribers hold cursors for longer than any
	// master key lives.
	settingCursors = "cursor_key"
	// settingSecrets is the setting with the key of what rests sealed for longer than
	// any master key lives: the secrets of endpoints and their like.
	settingSecrets = "secrets_key"
)

// lastingKeys are the settings with keys that only rotations wrap anew.
var lastingKeys = []string{settingCursors, settingSecrets}

// masters are the master keys of the key file, and what is derived of them. The
// file may be changed while the server runs; the database says which of its keys
// is in force.
type masters struct {
	Master *crypt.Ring
	Box    *crypt.Box

	path    string
	box     *crypt.Ring
	mu      sync.Mutex // guards what follows
	keys    []crypt.NamedKey
	inForce string
}

// open reads the key file, and makes it at the first start.
func (m *masters) open(path string) error {
	keys, _, err := crypt.LoadOrCreateKeys(path, masterPurpose)
	if err != nil {
		return err
	}
	m.path, m.keys, m.inForce = path, keys, keys[0].ID
	if m.Master, err = crypt.NewRing(keys...); err != nil {
		return err
	}
	if m.box, err = crypt.NewRing(boxKeys(keys)...); err != nil {
		return err
	}
	m.Box = crypt.NewBox(m.box)
	// A key that another process uses already may stand in the file by now.
	fetch := func() { _ = m.reload("") } // where that fails, the key stays missing, which is told
	m.Master.OnMissing(fetch)
	m.box.OnMissing(fetch)
	return nil
}

// boxKeys derives the keys of small values.
func boxKeys(master []crypt.NamedKey) []crypt.NamedKey {
	var out []crypt.NamedKey
	for _, m := range master {
		key := m.Key.Derive("small values")
		out = append(out, crypt.NamedKey{ID: key.ID("box"), Key: key})
	}
	return out
}

// reload reads the key file again. inForce is the key to wrap by; "" for the one
// in force so far.
func (m *masters) reload(inForce string) error {
	keys, err := crypt.LoadKeys(m.path, masterPurpose)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if inForce == "" {
		inForce = m.inForce
	}
	i := slices.IndexFunc(keys, func(k crypt.NamedKey) bool { return k.ID == inForce })
	if i < 0 {
		return fault.New(fault.Unavailable, "wrong_master_key", "The master key %s is in force, and keys/master.key does not hold it. Put the right key file back.", inForce)
	}
	m.keys, m.inForce = keys, inForce
	ordered := slices.Concat(keys[i:i+1], keys[:i], keys[i+1:])
	if err := m.Master.Exchange(ordered...); err != nil {
		return err
	}
	return m.box.Exchange(boxKeys(ordered)...)
}

// first is the key at the head of the file: the one to put in force.
func (m *masters) first() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.keys[0].ID
}

// sealer names the key in force that seals small values.
func (m *masters) sealer() string { return boxKeys([]crypt.NamedKey{m.present()})[0].ID }

func (m *masters) ids() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []string
	for _, k := range m.keys {
		out = append(out, k.ID)
	}
	return out
}

// present is the key in force.
func (m *masters) present() crypt.NamedKey {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := slices.IndexFunc(m.keys, func(k crypt.NamedKey) bool { return k.ID == m.inForce })
	return m.keys[i]
}

// settle makes sure that the database belongs to the key file beside it, learns
// which key is in force, and opens what lies under it.
func (k *Keys) settle(ctx context.Context, db service.Store) error {
	inForce, err := service.MasterInForce(ctx, db, k.ids())
	if err != nil {
		return err
	}
	if err := k.reload(inForce); err != nil {
		return err
	}
	secret, err := k.lastingKey(ctx, db, settingCursors)
	if err != nil {
		return err
	}
	defer clear(secret[:])
	if k.Cursors, err = journal.NewCursorCodec(secret); err != nil {
		return err
	}
	seals, err := k.lastingKey(ctx, db, settingSecrets)
	if err != nil {
		return err
	}
	ring, err := crypt.NewRing(crypt.NamedKey{ID: seals.ID("lasting"), Key: seals})
	k.Secrets = crypt.NewBox(ring)
	return err
}

// lastingKey gives the key of a setting, wrapped by the master key in force once
// this returns. That of event cursors was derived from the master key before there
// was a setting.
func (k *Keys) lastingKey(ctx context.Context, db service.Store, setting string) (secret crypt.Key, err error) {
	bound := []byte(setting)
	master := crypt.Fixed(k.Master)
	wrap := func() (w service.Wrapped, err error) {
		w.MasterID = master.KeyID()
		w.Wrapped, err = master.Wrap(ctx, secret, bound)
		return w, err
	}
	_, err = service.InstallationSecret(ctx, db, setting, func() (service.Wrapped, error) {
		if secret = crypt.NewKey(); setting == settingCursors {
			secret = k.present().Key.Derive("event cursors")
		}
		return wrap()
	}, func(w service.Wrapped) (*service.Wrapped, error) {
		var err error
		if secret, err = master.Unwrap(ctx, w.MasterID, w.Wrapped, bound); err != nil || w.MasterID == master.KeyID() {
			return nil, err
		}
		again, err := wrap()
		return &again, err
	})
	return secret, err
}
