package server

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/paraph/paraph/internal/backup"
	"github.com/paraph/paraph/internal/blob"
	"github.com/paraph/paraph/internal/blob/vault"
	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/internal/config"
	"github.com/paraph/paraph/internal/durable"
	"github.com/paraph/paraph/internal/failpoint"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/store"
	"github.com/paraph/paraph/internal/work"
)

// FromBackup says which backup is restored.
type FromBackup struct {
	Dir  string
	Name string // "": the newest
	Keys string // file of the keys part; "": in Dir
	// KeyFiles is a folder with the key files that the keys part does not hold.
	KeyFiles string
}

// RestoreReport is what a restore brought back, and how it proved itself.
type RestoreReport struct {
	Backup        string         `json:"backup"`
	TakenAt       time.Time      `json:"taken_at"`
	Loaded        *backup.Loaded `json:"loaded"`
	Log           *AuditReport   `json:"log"`
	BlobsVerified int64          `json:"blobs_verified"`
	Faults        []string       `json:"faults,omitempty"`
	Proven        bool           `json:"proven"`
	Took          time.Duration  `json:"took_ns"`
}

func (r *RestoreReport) fault(format string, args ...any) {
	r.Faults = append(r.Faults, fmt.Sprintf(format, args...))
}

// Restore brings a backup into an empty data folder, and an empty database where
// the configuration names one, and proves what it brought: every entry of the
// log against the signed checkpoint, every file against its digest, the counts
// against the manifest. Only a proven restore can be served; Proven tells.
func Restore(ctx context.Context, c *config.Config, from FromBackup, say func(string)) (*RestoreReport, error) {
	began := time.Now()
	m, part, err := chosen(from)
	if err != nil {
		return nil, err
	}
	if err := emptyFolder(c.DataDir); err != nil {
		return nil, err
	}
	if err := durable.MakeFolder(c.DataDir); err != nil {
		return nil, err
	}
	if _, err := backup.WriteKeyFiles(part, keyDir(c)); err != nil {
		return nil, err
	}
	if err := backup.CopyKeyFiles(from.KeyFiles, keyDir(c)); err != nil {
		return nil, err
	}
	if err := keysThere(c); err != nil {
		return nil, err
	}
	keys, err := LoadKeys(c, clock.System{})
	if err != nil {
		return nil, err
	}
	db, err := store.Open(ctx, store.Options{URL: DatabaseURL(c), Across: "restore", Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		return nil, err
	}
	defer db.Close()
	objects, err := objectsOf(ctx, c)
	if err != nil {
		return nil, err
	}
	if err := begin(ctx, db, m.Name); err != nil {
		return nil, err
	}
	if err := failpoint.Hit(failpoint.RestoreClaimed); err != nil {
		return nil, err
	}
	jobs, err := queueOf(ctx, db)
	if err != nil {
		return nil, err
	}
	v := vault.New(objects, db, keys.Master, clock.System{})
	r := &RestoreReport{Backup: m.Name, TakenAt: m.TakenAt}
	if r.Loaded, err = backup.Load(ctx, backup.Target{Store: db, Objects: objects, Keys: v.Keys(), Jobs: jobs}, from.Dir, m, part, say); err != nil {
		return nil, err
	}
	commands := service.New(service.Config{Store: db, Clock: clock.System{}})
	for _, d := range r.Loaded.Disposed {
		if err := commands.Bury(ctx, d.Org, d.ID, m.Name); err != nil {
			return nil, err
		}
	}
	if err := r.prove(ctx, db, c, m, v, say); err != nil {
		return nil, err
	}
	if err := failpoint.Hit(failpoint.RestoreProven); err != nil {
		return nil, err
	}
	if r.Proven = len(r.Faults) == 0; r.Proven {
		err = db.Write(ctx, func(ctx context.Context, tx service.Tx) error { return tx.SetSetting(ctx, settingRestore, "") })
	}
	r.Took = time.Since(began)
	return r, err
}

// chosen finds the backup and its keys part.
func chosen(from FromBackup) (m *backup.Manifest, part string, err error) {
	if from.Name == "" {
		m, err = backup.Newest(from.Dir)
	} else {
		m, err = backup.Open(from.Dir, from.Name)
	}
	if part = from.Keys; part == "" {
		part = backup.KeysFile(from.Dir)
	}
	return m, part, err
}

// emptyFolder refuses a folder that holds anything but key files.
func emptyFolder(dir string) error {
	all, err := os.ReadDir(dir)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	for _, e := range all {
		if e.Name() != "keys" {
			return fault.New(fault.Conflict, "restore_not_empty", "The data folder %s is not empty: there is %s. A backup is restored into a new folder only.", dir, e.Name())
		}
	}
	return nil
}

// keysThere makes sure that no new keys are drawn where the old ones are needed.
func keysThere(c *config.Config) error {
	for _, name := range []string{"master.key", "log.key"} {
		if _, err := os.Stat(filepath.Join(keyDir(c), name)); err != nil {
			return fault.Wrap(err, fault.Unavailable, "key_files_missing", "The key file %s is missing in %s. Where the keys part does not hold the key files, put them there first.", name, keyDir(c))
		}
	}
	return nil
}

// begin claims an empty database for a restore.
func begin(ctx context.Context, db *store.Store, name string) error {
	return db.Write(ctx, func(ctx context.Context, tx service.Tx) error {
		empty, err := tx.(*store.Tx).Empty(ctx)
		if err != nil {
			return err
		}
		if !empty {
			return fault.New(fault.Conflict, "restore_not_empty", "The database is not empty. A backup is restored into a new database only.")
		}
		return tx.SetSetting(ctx, settingRestore, name)
	})
}

// queueOf gives what puts jobs back into the queue.
func queueOf(ctx context.Context, db *store.Store) (func(context.Context, service.Tx, []backup.Job) error, error) {
	var jobs *work.Jobs
	var err error
	quiet := work.JobsConfig{ID: "restore", Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	if pool := db.Pool(); pool != nil {
		jobs, err = work.NewPostgresJobs(ctx, pool, quiet)
	} else {
		jobs, err = work.NewSQLiteJobs(ctx, db.DB(), quiet)
	}
	return func(ctx context.Context, tx service.Tx, all []backup.Job) error {
		copied := make([]work.Copied, len(all))
		for i, j := range all {
			copied[i] = work.Copied{JobKind: j.Kind, Queue: j.Queue, Priority: j.Priority, MaxAttempts: j.MaxAttempts, Args: j.Args, Metadata: j.Metadata, ScheduledAt: time.UnixMicro(j.ScheduledAt)}
		}
		return jobs.Restore(ctx, tx, copied)
	}, err
}

// prove holds what was restored against the log, the digests and the manifest.
func (r *RestoreReport) prove(ctx context.Context, db *store.Store, c *config.Config, m *backup.Manifest, v *vault.Vault, say func(string)) error {
	say("log")
	var err error
	if r.Log, err = AuditStore(ctx, c, AuditOptions{}); err != nil {
		return err
	}
	for _, f := range r.Log.Faults {
		r.fault("%s: %s", f.Code, f.About)
	}
	if r.Log.Size != m.Log.Size {
		r.fault("the log has %d entries, the manifest says %d", r.Log.Size, m.Log.Size)
	}
	if head := fmt.Sprintf("%x", r.Log.Tree.Root[:]); m.Log.Size > 0 && head != m.Log.Root {
		r.fault("the log's root is %s, the manifest says %s", head, m.Log.Root)
	}
	say("digests of files")
	var stored []blob.Stored
	err = db.Read(ctx, func(ctx context.Context, tx service.Reader) error {
		return tx.(*store.Reader).EachBlobRow(ctx, func(b service.Blob) error {
			stored = append(stored, vault.Stored(b))
			return nil
		})
	})
	if err != nil {
		return err
	}
	for _, s := range stored {
		if err := v.Verify(ctx, s); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			r.fault("file %s: %v", s.ID, err)
			continue
		}
		r.BlobsVerified++
	}
	return nil
}
