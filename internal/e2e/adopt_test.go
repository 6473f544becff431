package e2e

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/paraph/paraph/internal/e2e/programtest"
	"github.com/paraph/paraph/internal/store/pgtest"
	"github.com/paraph/paraph/internal/testneed"
)

// rows counts rows of an installation, past the program, while none may be running.
func rows(t *testing.T, o programtest.Options, query string) (n int) {
	t.Helper()
	ctx := context.Background()
	if o.Database != "" {
		c, err := pgx.Connect(ctx, o.Database)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close(ctx)
		if err := c.QueryRow(ctx, query).Scan(&n); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		return n
	}
	db, err := sql.Open("sqlite", filepath.Join(o.Data, "paraph.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.QueryRow(query).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

// TestOldJobsAreAdopted: operations that a version before the backlog has put into
// the job queue, in each state such a job can be in, are moved over and end, once
// each. (The judges run the old program itself.)
func TestOldJobsAreAdopted(t *testing.T) {
	t.Parallel()
	testneed.Command(t, "go")
	for name, database := range databases(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			gate := filepath.Join(dir, "gate")
			fakeOCR(t, dir, gate, 0)
			if err := os.WriteFile(gate, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			o := programtest.Options{Data: t.TempDir(), Database: database(t), Args: []string{"--workers", "1"}, Env: []string{"PATH=" + dir + ":" + os.Getenv("PATH")}}
			p := programtest.Serve(t, o)
			c, err := programtest.Login(p.URL, p.ID, p.Secret)
			if err != nil {
				t.Fatal(err)
			}
			states := []string{"available", "running", "retryable", "scheduled"}
			var all []uploaded
			for range states {
				var up uploaded
				a, err := c.Do("POST", "/v1/documents", scanPDF(1), "Content-Type", "application/pdf")
				if err == nil {
					err = a.Into(&up)
				}
				if err != nil || a.Status != 202 {
					t.Fatalf("%+v %v", a, err)
				}
				all = append(all, up)
			}
			org := "(SELECT id FROM organisation)"
			for n := 0; n < len(all); { // each has been handed out
				if n = rows(t, o, "SELECT count(*) FROM backlog WHERE kind = 'capture'"); n > len(all) {
					t.Fatal(n)
				}
			}
			p.Kill()
			for i, state := range states {
				// As an older program has written it, and without what this one has.
				args := `'{"org": "' || ` + org + ` || '", "operation_id": "` + all[i].Operation.ID + `", "operation": "capture", "document_type": "document"}'`
				text := fmt.Sprintf(`INSERT INTO river_job (kind, queue, state, args, metadata, priority, max_attempts, attempt, attempted_at, attempted_by, scheduled_at, created_at)
					VALUES ('operation', 'capture', '%s', %%s, %%s, 1, 5, 1, %%s, %%s, %%s, %%s)`, state)
				if o.Database != "" {
					pgtest.Exec(t, o.Database, fmt.Sprintf(text, "("+args+")::jsonb", "'{}'", "now()", "ARRAY['gone-1']", "now() - interval '1 second'", "now()"))
					continue
				}
				write(t, o, fmt.Sprintf(text, "jsonb("+args+")", "jsonb('{}')", "datetime('now')", "jsonb('[\"local\"]')", "datetime('now', '-1 second')", "datetime('now')"))
			}
			for _, text := range []string{"DELETE FROM backlog", "UPDATE lease SET until = 0"} {
				if o.Database != "" {
					pgtest.Exec(t, o.Database, text)
				} else {
					write(t, o, text)
				}
			}
			if err := os.Remove(gate); err != nil {
				t.Fatal(err)
			}
			now := programtest.Serve(t, o)
			if c, err = programtest.Login(now.URL, p.ID, p.Secret); err != nil {
				t.Fatal(err)
			}
			for i, up := range all {
				var op operation
				for op.State != "succeeded" {
					a, err := c.Do("GET", "/v1/operations/"+up.Operation.ID, nil, "Prefer", "wait=60")
					if err == nil {
						err = a.Into(&op)
					}
					if err != nil || op.State == "failed" {
						t.Fatalf("a job that was %s: %+v %v", states[i], op, err)
					}
				}
			}
			now.Stop()
			if n := rows(t, o, "SELECT count(*) FROM entry WHERE kind = 'document.captured'"); n != len(all) {
				t.Errorf("%d documents were captured, want %d", n, len(all))
			}
			if n := rows(t, o, "SELECT (SELECT count(*) FROM river_job WHERE kind = 'operation' AND state <> 'completed') + (SELECT count(*) FROM backlog)"); n != 0 {
				t.Errorf("%d operations are left in the job queue or the backlog", n)
			}
		})
	}
}

// write changes rows in SQLite, past the program.
func write(t *testing.T, o programtest.Options, text string) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(o.Data, "paraph.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(text); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
}
