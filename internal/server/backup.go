package server

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"github.com/paraph/paraph/internal/backup"
	"github.com/paraph/paraph/internal/blob"
	"github.com/paraph/paraph/internal/blob/disk"
	"github.com/paraph/paraph/internal/blob/vault"
	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/internal/config"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/store"
)

// objectsOf opens where an installation keeps its files.
func objectsOf(ctx context.Context, c *config.Config) (blob.Store, error) {
	if c.Blobs == "" {
		return disk.Open(filepath.Join(c.DataDir, "blobs"))
	}
	return openBucket(ctx, c)
}

// Backup takes a backup of an installation, whose server may be running.
func Backup(ctx context.Context, c *config.Config, w backup.Where, version string, say func(string)) (*backup.Report, error) {
	if err := keysThere(c); err != nil {
		return nil, err
	}
	keys, err := LoadKeys(c, clock.System{})
	if err != nil {
		return nil, err
	}
	db, err := store.Open(ctx, store.Options{URL: DatabaseURL(c), KeepSchema: true, Across: "backup"})
	if err != nil {
		return nil, err
	}
	defer db.Close()
	objects, err := objectsOf(ctx, c)
	if err != nil {
		return nil, err
	}
	v := vault.New(objects, db, keys.Master, clock.System{})
	return backup.Take(ctx, backup.Source{Store: db, Objects: objects, Keys: v.Keys(), KeyDir: keyDir(c), Version: version}, w, time.Now(), say)
}

// settingRestore is there, and not empty, from the beginning of a restore until
// everything it brought back was proven.
const settingRestore = "restore_unfinished"

// restoredWhole refuses a database that a restore was broken off in.
func restoredWhole(ctx context.Context, db service.Store) error {
	return db.Read(ctx, func(ctx context.Context, tx service.Reader) error {
		name, err := tx.Setting(ctx, settingRestore)
		if fault.KindOf(err) == fault.NotFound || err == nil && name == "" {
			return nil
		}
		return errors.Join(err, fault.New(fault.Unavailable, "restore_unfinished",
			"The restore of backup %s into this database was broken off, or did not prove itself. Remove what it left and restore again.", name))
	})
}
