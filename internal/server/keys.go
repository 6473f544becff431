package server

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
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
	masters                        // Master wraps the keys of units, Box encrypts small values in the database
	Cursors   *journal.CursorCodec // set once the database is open, as is Secrets
	Secrets   *crypt.Box           // seals what rests for longer than a master key lives
	logKey    ed25519.PrivateKey
	Authority *ca.Authority
	dir       string
}

// listURL is where relying parties find what the own root has revoked; "" where
// nobody knows under which address this installation is reached.
func listURL(c *config.Config) string {
	if c.PublicURL == "" {
		return ""
	}
	return strings.TrimRight(c.PublicURL, "/") + "/.well-known/paraph/ca.crl"
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
	return loadKeys(c, clk, false, func(error) {})
}

// loadKeys is LoadKeys of a server; see sealOptions.
func loadKeys(c *config.Config, clk clock.Clock, ask bool, told func(error)) (*Keys, error) {
	dir := keyDir(c)
	lock, err := lockKeys(dir)
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	k := &Keys{dir: dir}
	if err := k.open(filepath.Join(dir, "master.key")); err != nil {
		return nil, err
	}
	logKeys, _, err := crypt.LoadOrCreateKeys(filepath.Join(dir, "log.key"), "log")
	if err != nil {
		return nil, err
	}
	seed := logKeys[0].Key
	k.logKey = ed25519.NewKeyFromSeed(seed[:])
	seal, err := sealOptions(c, clk, dir, ask, told)
	if err != nil {
		return nil, fmt.Errorf("the sealing key: %w", err)
	}
	if k.Authority, err = ca.LoadOrCreate(dir, c.Organisation, clk.Now(), seal); err != nil {
		return nil, err
	}
	if k.Authority.Root != k.Authority.Own() {
		err = keepRoot(dir, k.Authority.Root)
	}
	return k, err
}

// alone makes other processes that start at this moment wait for the end of the
// transaction: what is settled at the first start is settled once.
func alone(ctx context.Context, tx service.Tx) error {
	_, _, err := tx.Lease(ctx, "settings", "settings", time.Second)
	return err
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
