// Package kept kills the real program in the middle of what has to be done whole
// or not at all: backup, restore, disposal, the rotation of a key. Each is driven
// as people drive it, by the command line and the API.
package kept

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/paraph/paraph/internal/backup"
	"github.com/paraph/paraph/internal/blob/s3test"
	"github.com/paraph/paraph/internal/e2e/programtest"
	"github.com/paraph/paraph/internal/failpoint"
	"github.com/paraph/paraph/internal/server"
	"github.com/paraph/paraph/internal/store/pgtest"
)

func TestMain(m *testing.M) {
	code := m.Run()
	_ = os.RemoveAll(cache) // a folder left in the system's temporary one is no failure
	os.Exit(code)
}

// house is an installation that processes come and go on.
type house struct {
	*testing.T
	programtest.Options
	id, secret string
	serving    *programtest.Process
	*programtest.Caller
}

// cache is where the PDF engine's compiled code lies, for all houses.
var cache = filepath.Join(os.TempDir(), fmt.Sprintf("paraph-kept-%d", os.Getpid()))

// onEach runs fn over an installation on SQLite with its files on the disk, and
// over one on PostgreSQL with its files in a bucket.
func onEach(t *testing.T, fn func(h *house)) {
	t.Helper()
	t.Parallel()
	program := programtest.Build(t, "failpoints")
	for name, with := range map[string]func(t *testing.T) programtest.Options{
		"sqlite": func(*testing.T) programtest.Options { return programtest.Options{} },
		"postgres and a bucket": func(t *testing.T) programtest.Options {
			g, bucket := s3test.Bucket(t)
			return programtest.Options{Database: pgtest.Database(t), Env: []string{
				"PARAPH_BLOBS=s3://" + bucket + "/kept?path-style=1&region=" + s3test.Region + "&endpoint=" + g.URL,
				"PARAPH_BLOBS_ACCESS_KEY=" + s3test.AccessKey, "PARAPH_BLOBS_SECRET_KEY=" + s3test.SecretKey}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := with(t)
			o.Program, o.Data = program, newFolder(t)
			fn(&house{T: t, Options: o})
		})
	}
}

// newFolder makes a data folder that shares the compiled engine.
func newFolder(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	for _, d := range []string{dir, cache} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(cache, filepath.Join(dir, "cache")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// serve starts the server and logs in. failpoints are armed in it.
func (h *house) serve(failpoints string) {
	h.Helper()
	o := h.Options
	o.Env = append(slices.Clone(o.Env), "PARAPH_FAILPOINTS="+failpoints)
	if o.Database != "" {
		// Time passes for the leases of the process that died.
		pgtest.Exec(h, o.Database, "DO $$ BEGIN IF to_regclass('lease') IS NOT NULL THEN UPDATE lease SET until = 0; END IF; END $$")
	}
	h.serving = programtest.Serve(h, o)
	if h.id == "" {
		h.id, h.secret = h.serving.ID, h.serving.Secret
	}
	c, err := programtest.Login(h.serving.URL, h.id, h.secret)
	if err != nil {
		h.Fatal(err)
	}
	h.Caller = c
}

// must sends a request that has to be answered so.
func (h *house) must(status int, method, path string, body []byte, header ...string) *programtest.Answer {
	h.Helper()
	a, err := h.Do(method, path, body, header...)
	if err != nil {
		h.Fatal(err)
	}
	if a.Status != status {
		h.Fatalf("%s %s: %d, want %d: %s", method, path, a.Status, status, a.Body)
	}
	return a
}

// document takes a file in and waits until it is read.
func (h *house) document(title string) (id string) {
	h.Helper()
	var up struct{ Document struct{ ID string } }
	a := h.must(http.StatusCreated, "POST", "/v1/documents?title="+title, textPDF(title), "Content-Type", "application/pdf", "Prefer", "wait=60")
	if err := a.Into(&up); err != nil {
		h.Fatal(err)
	}
	return up.Document.ID
}

func (h *house) content(id string) []byte {
	h.Helper()
	return h.must(http.StatusOK, "GET", "/v1/documents/"+id+"/versions/1/content", nil).Body
}

type operation struct{ ID, State, Kind, Code, Reason string }

// ended waits for the end of an operation.
func (h *house) ended(id string) (op operation) {
	h.Helper()
	for range 30 {
		if err := h.must(http.StatusOK, "GET", "/v1/operations/"+id, nil, "Prefer", "wait=10").Into(&op); err != nil {
			h.Fatal(err)
		}
		if op.State == "succeeded" || op.State == "failed" {
			return op
		}
	}
	h.Fatalf("operation %s does not end: %+v", id, op)
	return op
}

// sound re-reads the whole store, every file included.
func (h *house) sound() *server.AuditReport {
	h.Helper()
	flags := []string{"verify", "--json", "--files", "--data-dir", h.Data}
	got := programtest.Run(h, h.Options, "", "audit", flags...)
	var r server.AuditReport
	if err := json.Unmarshal(got.Out, &r); err != nil || got.Code != 0 || !r.Sound {
		h.Errorf("paraph audit verify: %d %s %s", got.Code, got.Out, got.Said)
	}
	return &r
}

// TestBackupIsKilled: a backup that is broken off anywhere leaves the earlier one
// as it was, and the next one is whole.
func TestBackupIsKilled(t *testing.T) {
	onEach(t, func(h *house) {
		h.serve("")
		first := h.document("first")
		dir := h.TempDir()
		keys := filepath.Join(h.TempDir(), "keys.gz")
		flags := []string{"--json", "--to", dir, "--keys-to", keys, "--data-dir", h.Data}
		if got := programtest.Run(h, h.Options, "", "backup", flags...); got.Code != 0 {
			h.Fatalf("paraph backup: %d %s", got.Code, got.Said)
		}
		before, err := backup.Newest(dir)
		if err != nil {
			h.Fatal(err)
		}
		second := h.document("second")
		for _, at := range []string{"backup.table=kill@1", "backup.table=kill@12", "backup.file=kill@2", "backup.keys=kill", "backup.manifest=kill"} {
			if got := programtest.Run(h, h.Options, at, "backup", flags...); !got.Killed {
				h.Fatalf("%s: it was not killed: %d %s", at, got.Code, got.Said)
			}
			now, err := backup.Newest(dir)
			if err != nil || now.Name != before.Name {
				h.Fatalf("%s: the newest whole backup is %+v, %v", at, now, err)
			}
		}
		// The earlier one can be restored with whichever keys part there is, and so can the next.
		h.restores(dir, keys, before.Name, first)
		if got := programtest.Run(h, h.Options, "", "backup", flags...); got.Code != 0 {
			h.Fatalf("paraph backup after the kills: %d %s", got.Code, got.Said)
		}
		h.restores(dir, keys, "", first, second)
		// What was broken off is swept away by a later backup.
		left, err := os.ReadDir(filepath.Join(dir, "database"))
		if err != nil || len(left) != 7 {
			h.Errorf("%d folders, %v", len(left), err)
		}
		for _, e := range left {
			if _, err := os.Stat(filepath.Join(dir, "database", e.Name(), "manifest.json")); err != nil {
				old := filepath.Join(dir, "database", "2020"+e.Name()[4:])
				if err := os.Rename(filepath.Join(dir, "database", e.Name()), old); err != nil {
					h.Fatal(err)
				}
			}
		}
		if got := programtest.Run(h, h.Options, "", "backup", flags...); got.Code != 0 {
			h.Fatalf("paraph backup: %d %s", got.Code, got.Said)
		}
		if left, err := os.ReadDir(filepath.Join(dir, "database")); err != nil || len(left) != 3 {
			h.Errorf("%d folders are left, %v", len(left), err)
		}
	})
}

// elsewhere is a new place for a restore, in the same kind of database, with its
// files in its folder.
func (h *house) elsewhere() *house {
	h.Helper()
	n := &house{T: h.T, Options: h.Options, id: h.id, secret: h.secret}
	n.Data, n.Env = filepath.Join(h.TempDir(), "restored"), nil
	if h.Database != "" {
		n.Database = pgtest.Database(h)
	}
	return n
}

// restores brings a backup back by the command line and serves it.
func (h *house) restores(dir, keys, name string, docs ...string) {
	h.Helper()
	n := h.elsewhere()
	if got := n.restore("", dir, keys, name); got.Code != 0 {
		h.Fatalf("paraph restore: %d %s %s", got.Code, got.Out, got.Said)
	}
	n.check(docs...)
}

func (h *house) restore(failpoints, dir, keys, name string) programtest.Ended {
	flags := []string{"--json", "--from", dir, "--keys", keys, "--data-dir", h.Data, "--accept", "the test lost its server"}
	if name != "" {
		flags = append(flags, "--backup", name)
	}
	return programtest.Run(h, h.Options, failpoints, "restore", flags...)
}

// check serves what was restored, reads the documents, and takes in one more.
func (h *house) check(docs ...string) {
	h.Helper()
	if err := os.Symlink(cache, filepath.Join(h.Data, "cache")); err != nil {
		h.Fatal(err)
	}
	h.serve("")
	for _, id := range docs {
		if !bytes.HasPrefix(h.content(id), []byte("%PDF")) {
			h.Errorf("%s is not what it was", id)
		}
	}
	h.document("afterwards")
	h.serving.Stop()
	h.sound()
}

// TestRestoreIsKilled: what a restore leaves that was broken off is never served,
// and the restore is repeated once that is removed.
func TestRestoreIsKilled(t *testing.T) {
	onEach(t, func(h *house) {
		h.serve("")
		docs := []string{h.document("first"), h.document("second")}
		h.serving.Stop()
		dir := h.TempDir()
		keys := filepath.Join(dir, "keys.gz")
		if got := programtest.Run(h, h.Options, "", "backup", "--to", dir, "--keys-to", keys, "--data-dir", h.Data); got.Code != 0 {
			h.Fatalf("paraph backup: %d %s", got.Code, got.Said)
		}
		for _, at := range []string{"restore.claimed=kill", "restore.table=kill@5", "restore.table=kill@20", "restore.file=kill@2", "restore.tree=kill", "restore.proven=kill"} {
			n := h.elsewhere()
			if got := n.restore(at, dir, keys, ""); !got.Killed {
				h.Fatalf("%s: it was not killed: %d %s", at, got.Code, got.Said)
			}
			if p, err := programtest.TryServe(h, n.Options); err == nil || !strings.Contains(err.Error(), "broken off") {
				if p != nil {
					p.Kill()
				}
				h.Errorf("%s: half a restore is served: %v", at, err)
			}
			if got := n.restore("", dir, keys, ""); got.Code == 0 || !strings.Contains(got.Said, "not empty") {
				h.Errorf("%s: restored over half a restore: %d %s", at, got.Code, got.Said)
			}
			if at != "restore.file=kill@2" && at != "restore.proven=kill" {
				continue // the others would show the same once more
			}
			if err := os.RemoveAll(n.Data); err != nil {
				h.Fatal(err)
			}
			if n.Database != "" {
				n.Database = pgtest.Database(h)
			}
			if got := n.restore("", dir, keys, ""); got.Code != 0 {
				h.Fatalf("%s: restored again: %d %s", at, got.Code, got.Said)
			}
			n.check(docs...)
		}
		// Killed while the log gets its new name, it is accepted once more.
		for _, at := range []string{"accept.before=kill", "accept.named=kill"} {
			n := h.elsewhere()
			if got := n.restore(at, dir, keys, ""); !got.Killed {
				h.Fatalf("%s: it was not killed: %d %s", at, got.Code, got.Said)
			}
			got := programtest.Run(h, n.Options, "", "audit", "accept-restore", "--anyway", "--reason", "again", "--data-dir", n.Data)
			if got.Code != 0 {
				h.Fatalf("%s: accepted again: %d %s", at, got.Code, got.Said)
			}
			n.check(docs...)
		}
	})
}

// TestDisposalIsKilled at each of its steps: the document is unreadable from the
// answer on, and the next process deletes what is left, once.
func TestDisposalIsKilled(t *testing.T) {
	onEach(t, func(h *house) {
		points := []failpoint.Point{failpoint.DisposeRead, failpoint.DisposeDeleted, failpoint.DisposeForgotten, failpoint.DisposeScrubbed}
		var gone []string
		h.serve("")
		for _, p := range points {
			id := h.document(strings.ReplaceAll(string(p), ".", "-"))
			h.must(http.StatusOK, "POST", "/v1/documents/"+id+"/void", []byte(`{"reason": "Ordered twice."}`))
			h.serving.Stop()
			h.serve(string(p) + "=kill")
			var op operation
			if err := h.must(http.StatusAccepted, "POST", "/v1/documents/"+id+"/dispose", []byte(`{"authority": "Case 7"}`)).Into(&op); err != nil {
				h.Fatal(err)
			}
			<-h.serving.Gone()
			h.serve("")
			if a := h.must(http.StatusGone, "GET", "/v1/documents/"+id+"/content", nil); a.Code() != "document_disposed" {
				h.Errorf("%s: %s", p, a.Body)
			}
			if got := h.ended(op.ID); got.State != "succeeded" {
				h.Errorf("%s: %+v", p, got)
			}
			gone = append(gone, id)
		}
		kept := h.document("kept")
		h.serving.Stop()
		if left := h.files(); len(left) != h.count("SELECT count(*) FROM blob WHERE destroyed_at IS NULL") {
			h.Errorf("%d files are left: %v", len(left), left)
		}
		if n := h.count("SELECT count(*) FROM entry WHERE kind = 'document.disposed'"); n != len(gone) {
			h.Errorf("document.disposed stands %d times in the log", n)
		}
		h.sound()
		h.serve("")
		h.content(kept)
	})
}

// TestRotationIsKilled at each of its steps: nothing becomes unreadable, and the
// next process ends it and destroys the old key, once.
func TestRotationIsKilled(t *testing.T) {
	onEach(t, func(h *house) {
		h.serve("")
		docs := []string{h.document("first"), h.document("second")}
		points := []failpoint.Point{failpoint.RotateRewrapped, failpoint.RotateEmptied, failpoint.RotateDestroyed}
		for _, p := range points {
			h.serving.Stop()
			h.serve(string(p) + "=kill")
			var op operation
			if err := h.must(http.StatusAccepted, "POST", "/v1/business-units/general/rotate-key", nil).Into(&op); err != nil {
				h.Fatal(err)
			}
			<-h.serving.Gone()
			h.serve("")
			docs = append(docs, h.document(strings.ReplaceAll(string(p), ".", "-")))
			if got := h.ended(op.ID); got.State != "succeeded" {
				h.Errorf("%s: %+v", p, got)
			}
			for _, id := range docs {
				h.content(id)
			}
		}
		h.serving.Stop()
		if n := h.count("SELECT count(*) FROM unit_key WHERE superseded_at IS NOT NULL"); n != 0 {
			h.Errorf("%d keys out of force are left", n)
		}
		for _, kind := range []string{"key.unit_rotated", "key.unit_destroyed"} {
			if n := h.count("SELECT count(*) FROM entry WHERE kind = '" + kind + "'"); n != len(points) {
				h.Errorf("%s stands %d times in the log, want %d", kind, n, len(points))
			}
		}
		h.sound()
	})
}
