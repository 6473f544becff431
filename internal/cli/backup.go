package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/paraph/paraph/internal/backup"
	"github.com/paraph/paraph/internal/config"
	"github.com/paraph/paraph/internal/server"
)

// said tells the steps of long work on standard error.
func said(w io.Writer, quiet bool) func(string) {
	return func(step string) {
		if !quiet {
			fmt.Fprintf(w, "… %s\n", step)
		}
	}
}

func runBackup(ctx context.Context, env *Env, args []string) int {
	fs := flags(env, "backup")
	asJSON := fs.Bool("json", false, "Write JSON, and no progress.")
	to := fs.String("to", "", "Folder of the backups: database/ and blobs/ in it. Needed.")
	keys := fs.String("keys-to", "", "File for the keys part; keep it elsewhere than the rest. Default: keys/paraph-keys.jsonl.gz in the folder.")
	without := fs.Bool("without-keys", false, "Leave the key files (master, log, seal) out of the keys part: you keep them yourself.")
	l, code, done := settings(env, fs, args)
	if done {
		return code
	}
	if *to == "" {
		fmt.Fprintln(env.Stderr, "paraph backup needs --to FOLDER")
		return exitUsage
	}
	r, err := server.Backup(ctx, &l.Config, backup.Where{To: *to, Keys: *keys, KeyFiles: !*without}, env.Version, said(env.Stderr, *asJSON))
	if err != nil {
		return fail(env, err)
	}
	if *asJSON {
		printJSON(env, r)
		return exitOK
	}
	fmt.Fprintf(env.Stdout, "✓ backup %s: %d entries of the log, %d files (%d new, %d bytes; %d of disposed documents dropped), in %s\n",
		r.Name, r.Log.Size, r.Blobs, r.Copied, r.CopiedBytes, r.Dropped, r.Took.Round(time.Millisecond))
	fmt.Fprintf(env.Stdout, "  keys part: %s, %d document keys, key files: %v\n  Destroy earlier copies of the keys part: they would open what was disposed of since.\n", r.KeysPart, r.DocumentKeys, r.KeyFiles)
	return exitOK
}

// fromFlags are the flags that name a backup.
func fromFlags(env *Env, name string, args []string, more func(add func(name, usage string) *string)) (server.FromBackup, *config.Config, bool, int, bool) {
	fs := flags(env, name)
	asJSON := fs.Bool("json", false, "Write JSON, and no progress.")
	var from server.FromBackup
	fs.StringVar(&from.Dir, "from", "", "Folder of the backups. Needed.")
	fs.StringVar(&from.Name, "backup", "", "Name of the backup; default: the newest.")
	fs.StringVar(&from.Keys, "keys", "", "File of the keys part; default: keys/paraph-keys.jsonl.gz in the folder.")
	fs.StringVar(&from.KeyFiles, "key-files", "", "Folder with the key files, where the keys part was made without them.")
	if more != nil {
		more(func(name, usage string) *string { return fs.String(name, "", usage) })
	}
	l, code, done := settings(env, fs, args)
	if !done && from.Dir == "" {
		fmt.Fprintf(env.Stderr, "paraph %s needs --from FOLDER\n", name)
		return from, nil, false, exitUsage, true
	}
	return from, &l.Config, *asJSON, code, done
}

func runRestore(ctx context.Context, env *Env, args []string) int {
	var reason *string
	from, conf, asJSON, code, done := fromFlags(env, "restore", args, func(add func(name, usage string) *string) {
		reason = add("accept", "Accept the restored log right away, for this reason: as `paraph audit accept-restore` does. It gets a new name.")
	})
	if done {
		return code
	}
	r, err := server.Restore(ctx, conf, from, said(env.Stderr, asJSON))
	if err != nil {
		return fail(env, err)
	}
	out := struct {
		*server.RestoreReport
		Accepted *server.Restored `json:"accepted,omitempty"`
	}{RestoreReport: r}
	if r.Proven && *reason != "" {
		if out.Accepted, err = server.AcceptRestore(ctx, conf, *reason, true); err != nil {
			return fail(env, err)
		}
	}
	if asJSON {
		printJSON(env, out)
	} else {
		printRestore(env.Stdout, r)
		if out.Accepted == nil {
			fmt.Fprintf(env.Stdout, "  Before the first start:\n    paraph audit accept-restore --anyway --reason '…' --data-dir '%s'\n", conf.DataDir)
		} else {
			fmt.Fprintf(env.Stdout, "  The log goes on as %s. Announce its new key:\n    %s\n", out.Accepted.To, out.Accepted.VKey)
		}
	}
	if !r.Proven {
		return exitFailed
	}
	return exitOK
}

func printRestore(w io.Writer, r *server.RestoreReport) {
	word := "✓ proven"
	if !r.Proven {
		word = "✗ NOT proven"
	}
	fmt.Fprintf(w, "%s  backup %s: %d entries of the log checked up to its signed checkpoint, %d files checked, %d jobs put back, in %s\n",
		word, r.Backup, r.Log.Size, r.BlobsVerified, r.Loaded.Jobs, r.Took.Round(time.Millisecond))
	if r.Loaded.Shredded > 0 {
		fmt.Fprintf(w, "  %d documents were disposed of after the backup was taken: only their tombstones came back\n", r.Loaded.Shredded)
	}
	for _, f := range r.Faults {
		fmt.Fprintf(w, "    – %s\n", f)
	}
}

// drill is the report of a drill.
type drill struct {
	*server.RestoreReport
	RecoveryPoint time.Duration `json:"recovery_point_ns"` // age of the backup: what would be lost
	RecoveryTime  time.Duration `json:"recovery_time_ns"`
}

// runDrill restores the newest backup into a folder of its own, lets it prove
// itself, and removes the folder.
func runDrill(ctx context.Context, env *Env, args []string) int {
	var work, oldest *string
	from, conf, asJSON, code, done := fromFlags(env, "drill", args, func(add func(name, usage string) *string) {
		work = add("work", "Folder for the trial; it needs room for the whole installation. Default: that for temporary files.")
		oldest = add("max-age", "Fail where the backup is older, such as 26h.")
	})
	if done {
		return code
	}
	r, err := tryOut(ctx, env, conf, from, *work, asJSON)
	if err != nil {
		return fail(env, err)
	}
	if *oldest != "" {
		limit, err := time.ParseDuration(*oldest)
		if err != nil {
			fmt.Fprintln(env.Stderr, "paraph: --max-age:", err)
			return exitUsage
		}
		if r.RecoveryPoint > limit {
			r.Proven = false
			r.Faults = append(r.Faults, fmt.Sprintf("the newest backup is %s old", r.RecoveryPoint.Round(time.Second)))
		}
	}
	if asJSON {
		printJSON(env, r)
	} else {
		printRestore(env.Stdout, r.RestoreReport)
		fmt.Fprintf(env.Stdout, "  recovery point: %s ago; recovery time: %s\n", r.RecoveryPoint.Round(time.Second), r.RecoveryTime.Round(time.Millisecond))
	}
	if !r.Proven {
		return exitFailed
	}
	return exitOK
}

func tryOut(ctx context.Context, env *Env, c *config.Config, from server.FromBackup, work string, quiet bool) (*drill, error) {
	began := time.Now()
	dir, err := os.MkdirTemp(work, "paraph-drill-") // mode 0700
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	trial := *c
	trial.DataDir, trial.Database, trial.Blobs = filepath.Join(dir, "data"), "", ""
	r, err := server.Restore(ctx, &trial, from, said(env.Stderr, quiet))
	if err != nil {
		return nil, err
	}
	return &drill{r, began.Sub(r.TakenAt), time.Since(began)}, nil
}
