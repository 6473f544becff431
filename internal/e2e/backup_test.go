package e2e

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/backup"
	"github.com/paraph/paraph/internal/config"
	"github.com/paraph/paraph/internal/server"
	"github.com/paraph/paraph/internal/store/pgtest"
)

// TestBackup is `shred/backup`, and that a backup of a running server restores
// into the other database with everything in its place: an old backup with the
// present keys part gives nothing of a document that was disposed of since but
// its tombstone and its proofs.
func TestBackup(t *testing.T) {
	t.Parallel()
	other := map[string]func(*testing.T) string{"sqlite": func(t *testing.T) string { return pgtest.Database(t) }, "postgres": func(*testing.T) string { return "" }}
	for name, database := range databases(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, database(t), withPost(t, &loud{}))
			plain := s.draft("An other document")
			waiting := s.envelope(s.approved("Waits for a signature").ID, person("ben", 1))
			d := s.personal()
			proofs, vkey := s.proofs(d.ID, plain.ID), s.vkey()
			pending := s.unfinished()
			if pending == 0 {
				t.Fatal("no timer waits: this test would prove nothing")
			}
			dir := t.TempDir()
			first := s.backup(dir)
			s.sealedRows(filepath.Join(dir, "database", first.Name))
			var op operation
			s.post("/v1/documents/"+d.ID+"/dispose", map[string]string{"authority": "Case 7"}, "Prefer", "wait=60").want(200).into(&op)
			if op.State != "succeeded" {
				t.Fatalf("%+v", op)
			}
			second := s.backup(dir)
			if second.Copied != 0 || second.Dropped == 0 || second.Name <= first.Name {
				t.Errorf("the second backup: %+v", second)
			}
			s.stopNow()

			// The older backup, with the keys part as it is now, into the other database.
			old := s.restored(dir, first.Name, other[name](t))
			if old.report.Loaded.Shredded != 1 || !old.report.Proven || old.report.Log.Erased == 0 {
				t.Errorf("the old backup: %+v %+v", old.report, old.report.Loaded)
			}
			old.isTombstone(d.ID, plain.ID)
			old.silent(&loud{})
			for id, before := range proofs {
				old.proves(vkey, id, before) // the log has another name since
				old.proves(old.vkey(), id, old.get("/v1/events/"+id+"/proof").want(200).body)
			}
			if n := old.unfinished(); n != pending {
				t.Errorf("%d timers wait after the restore, %d did before", n, pending)
			}
			old.open(old.link(waiting.ID, waiting.Recipients[0].ID)).sign()
			old.until(waiting.docID(old.stack), "document.archived")
			old.draft("A new document")
			report, err := server.Audit(context.WithoutCancel(t.Context()), old.conf, "", nil)
			if err != nil || !report.Sound {
				t.Errorf("the log of the restored: %+v, %v", report, err)
			}
			s.drilled(dir)
		})
	}
}

func (e envelope) docID(s *stack) string {
	var got struct {
		DocumentID string `json:"document_id"`
	}
	s.get("/v1/envelopes/" + e.ID).want(200).into(&got)
	return got.DocumentID
}

// backup takes a backup of the running server.
func (s *stack) backup(dir string) *backup.Report {
	s.t.Helper()
	r, err := server.Backup(s.t.Context(), s.conf, backup.Where{To: dir, KeyFiles: true}, "test", func(string) {})
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

func (s *stack) stopNow() {
	s.t.Helper()
	s.http.CloseIdleConnections()
	if err := s.server.Stop(context.WithoutCancel(s.t.Context())); err != nil {
		s.t.Fatal(err)
	}
}

// unfinished counts the queue's timers that have not ended.
func (s *stack) unfinished() (n int) {
	s.t.Helper()
	const sql = "SELECT count(*) FROM river_job WHERE kind = 'timer' AND state IN ('available', 'pending', 'retryable', 'running', 'scheduled')"
	var err error
	if pool := s.server.Store.Pool(); pool != nil {
		err = pool.QueryRow(context.Background(), sql).Scan(&n)
	} else {
		err = s.server.Store.DB().QueryRow(sql).Scan(&n)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

// sealedRows looks for the canary in the rows of a backup.
func (s *stack) sealedRows(folder string) {
	s.t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.gz"))
	if err != nil || len(files) == 0 {
		s.t.Fatal(len(files), err)
	}
	for _, path := range files {
		f, err := os.Open(path)
		if err != nil {
			s.t.Fatal(err)
		}
		defer f.Close()
		zip, err := gzip.NewReader(f)
		if err != nil {
			s.t.Fatal(err)
		}
		raw, err := io.ReadAll(zip)
		if err != nil {
			s.t.Fatal(err)
		}
		if at := bytes.Index(bytes.ToLower(raw), []byte(canary)); at >= 0 {
			s.t.Errorf("%s holds the canary: %q", path, raw[max(0, at-100):min(len(raw), at+50)])
		}
	}
}

// revived is a server over a restored backup.
type revived struct {
	*stack
	report *server.RestoreReport
}

func (s *stack) restored(dir, name, database string) *revived {
	s.t.Helper()
	c := *s.conf
	c.DataDir, c.Database = filepath.Join(s.t.(*testing.T).TempDir(), "new"), config.Secret(database)
	report, err := server.Restore(s.t.Context(), &c, server.FromBackup{Dir: dir, Name: name}, func(string) {})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, f := range report.Faults {
		s.t.Error(f)
	}
	if _, err := server.Restore(s.t.Context(), &c, server.FromBackup{Dir: dir, Name: name}, func(string) {}); err == nil || !strings.Contains(err.Error(), "not empty") {
		s.t.Errorf("restored over what is there: %v", err)
	}
	if _, err := server.AcceptRestore(s.t.Context(), &c, "the test lost its server", true); err != nil {
		s.t.Fatal(err)
	}
	again := start(s.t.(*testing.T), database, setup{admin: s.admin, retries: []time.Duration{20 * time.Millisecond}, conf: func(to *config.Config) { *to = c }})
	return &revived{again, report}
}

// isTombstone checks what is left of a document in an old backup.
func (s *stack) isTombstone(id, other string) {
	s.t.Helper()
	tomb := s.get("/v1/documents/" + id).want(200)
	if !bytes.Contains(tomb.body, []byte(`"state":"disposed"`)) || bytes.Contains(bytes.ToLower(tomb.body), []byte(canary)) {
		s.t.Errorf("the tombstone: %s", tomb.body)
	}
	for _, path := range []string{"/content", "/pages"} {
		s.get("/v1/documents/"+id+path).problem(410, "document_disposed")
	}
	s.get("/v1/documents/" + other + "/content").want(200)
	if s.hits("other") == 0 || s.hits(canary) != 0 {
		s.t.Error("the search index was not made again")
	}
}

// drilled runs the drill by its command, on a sound backup and on damaged ones.
func (s *stack) drilled(dir string) {
	s.t.Helper()
	run := func(args ...string) (int, string) {
		return paraph(append([]string{"paraph", "drill", "--json", "--from", dir, "--work", s.t.(*testing.T).TempDir(), "--data-dir", s.conf.DataDir}, args...)...)
	}
	code, out := run()
	var report struct {
		Proven bool          `json:"proven"`
		Point  time.Duration `json:"recovery_point_ns"`
		Time   time.Duration `json:"recovery_time_ns"`
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil || code != 0 || !report.Proven || report.Point <= 0 || report.Time <= 0 {
		s.t.Errorf("the drill gives %d %v: %s", code, err, out)
	}
	if code, out := run("--max-age", "1ns"); code == 0 || !strings.Contains(out, "old") {
		s.t.Errorf("the drill takes an old backup: %d %s", code, out)
	}
	blobs, err := filepath.Glob(filepath.Join(dir, "blobs", "*", "blb_*"))
	if err != nil || len(blobs) == 0 {
		s.t.Fatal(len(blobs), err)
	}
	flip(s.t, blobs[0], -20)
	if code, out := run(); code == 0 {
		s.t.Errorf("the drill takes a changed file: %s", out)
	}
	flip(s.t, blobs[0], -20)
	newest, err := backup.Newest(dir)
	if err != nil {
		s.t.Fatal(err)
	}
	flip(s.t, filepath.Join(dir, "database", newest.Name, "entry.jsonl.gz"), 100)
	if code, out := run(); code == 0 || !strings.Contains(out, "damaged") {
		s.t.Errorf("the drill takes changed rows: %s", out)
	}
}

// flip changes one bit of a file; a negative place counts from its end.
func flip(t testing.TB, path string, at int) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if at < 0 {
		at += len(raw)
	}
	raw[at] ^= 1
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
}
