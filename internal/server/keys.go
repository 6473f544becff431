package server

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"time"

	"github.com/paraph/paraph/internal/blob/crypt"
	"github.com/paraph/paraph/internal/ca"
	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/internal/config"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/service"
)

// Keys are the secrets of an installation. Each stands in a file of its own in
// the data folder, made at the first start and readable by the owner only.
type Keys struct {
	Master    *crypt.Ring // wraps the keys of documents
	Box       *crypt.Box  // encrypts small values in the database
	Cursors   *journal.CursorCodec
	logKey    ed25519.PrivateKey
	Authority *ca.Authority
	masterIDs []string // the present master key and those before it
}

// keyDir is the folder of the key files.
func keyDir(c *config.Config) string {
	if c.KeysDir != "" {
		return c.KeysDir
	}
	return filepath.Join(c.DataDir, "keys")
}

// LoadKeys opens the key files, making what is missing. Of several processes
// that start at once on one folder, one makes them and the others wait.
func LoadKeys(c *config.Config, clk clock.Clock) (*Keys, error) {
	dir := keyDir(c)
	lock, err := lockKeys(dir)
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	master, _, err := crypt.LoadOrCreateKeys(filepath.Join(dir, "master.key"), "master")
	if err != nil {
		return nil, err
	}
	logKeys, _, err := crypt.LoadOrCreateKeys(filepath.Join(dir, "log.key"), "log")
	if err != nil {
		return nil, err
	}
	k := &Keys{}
	for _, m := range master {
		k.masterIDs = append(k.masterIDs, m.ID)
	}
	if k.Master, err = crypt.NewRing(master...); err != nil {
		return nil, err
	}
	if k.Box, err = newBox(master); err != nil {
		return nil, err
	}
	if k.Cursors, err = journal.NewCursorCodec(master[0].Key.Derive("event cursors")); err != nil {
		return nil, err
	}
	seed := logKeys[0].Key
	k.logKey = ed25519.NewKeyFromSeed(seed[:])
	k.Authority, err = ca.LoadOrCreate(dir, c.Organisation, clk.Now())
	return k, err
}

// newBox derives the keys of the box from the master keys, old ones included.
func newBox(master []crypt.NamedKey) (*crypt.Box, error) {
	var derived []crypt.NamedKey
	for _, m := range master {
		key := m.Key.Derive("small values")
		derived = append(derived, crypt.NamedKey{ID: key.ID("box"), Key: key})
	}
	ring, err := crypt.NewRing(derived...)
	if err != nil {
		return nil, err
	}
	return crypt.NewBox(ring), nil
}

// settingMaster is the setting with the id of the master key at the first start.
const settingMaster = "master_key"

// alone makes other processes that start at this moment wait for the end of the
// transaction: what is settled at the first start is settled once.
func alone(ctx context.Context, tx service.Tx) error {
	_, _, err := tx.Lease(ctx, "settings", "settings", time.Second)
	return err
}

// sameMaster makes sure that the database belongs to the master key beside it:
// a key file that was lost must not be replaced in silence, since every document
// would be lost with it.
func sameMaster(ctx context.Context, store service.Store, k *Keys) error {
	return store.Write(ctx, func(ctx context.Context, tx service.Tx) error {
		if err := alone(ctx, tx); err != nil {
			return err
		}
		first, err := tx.Setting(ctx, settingMaster)
		if fault.KindOf(err) == fault.NotFound {
			return tx.SetSetting(ctx, settingMaster, k.masterIDs[len(k.masterIDs)-1])
		}
		if err != nil || slices.Contains(k.masterIDs, first) {
			return err
		}
		return fault.New(fault.Unavailable, "wrong_master_key", "The documents of this database are encrypted under the master key %s, which keys/master.key does not hold. Put the right key file back.", first)
	})
}

// logSigner gives the signer of checkpoints. The log's name is settled at the
// first start and kept in the database: a log never changes its name, whatever
// address it is served under later.
func logSigner(ctx context.Context, store service.Store, k *Keys, publicURL string) (*journal.Signer, error) {
	origin := ""
	err := store.Write(ctx, func(ctx context.Context, tx service.Tx) error {
		if err := alone(ctx, tx); err != nil {
			return err
		}
		kept, err := tx.Setting(ctx, service.SettingOrigin)
		if err == nil {
			origin = kept
			return nil
		}
		if fault.KindOf(err) != fault.NotFound {
			return err
		}
		u, err := url.Parse(publicURL)
		if err != nil {
			return err
		}
		origin = u.Host + "/audit"
		return tx.SetSetting(ctx, service.SettingOrigin, origin)
	})
	if err != nil {
		return nil, fmt.Errorf("the log's name: %w", err)
	}
	return journal.NewSigner(origin, k.logKey)
}

// LogSigner gives the log's signer of an installation that exists, for tools
// that check its store.
func LogSigner(ctx context.Context, store service.Store, c *config.Config, clk clock.Clock) (*journal.Signer, error) {
	k, err := LoadKeys(c, clk)
	if err != nil {
		return nil, err
	}
	return logSigner(ctx, store, k, "")
}
