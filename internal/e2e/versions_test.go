//go:build judges

package e2e

import (
	"bytes"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/paraph/paraph/internal/config"
	"github.com/paraph/paraph/internal/e2e/programtest"
	"github.com/paraph/paraph/internal/server"
	"github.com/paraph/paraph/internal/store/pgtest"
	"github.com/paraph/paraph/internal/testneed"
)

// previous is the commit whose program has to work beside this one on one
// database: the last one that was released, or the first one that can.
const previous = "a1de2c920e0f"

// beforeBacklog is the last commit whose program put operations into the job queue.
const beforeBacklog = "5bb0bf0"

// programAt builds the program of a commit from the history.
func programAt(t *testing.T, commit string) string {
	t.Helper()
	git := testneed.Command(t, "git")
	root := testneed.Root(t)
	if err := exec.Command(git, "-C", root, "cat-file", "-e", commit+"^{commit}").Run(); err != nil {
		t.Skipf("the history here does not reach back to %s", commit)
	}
	dir := t.TempDir()
	out := filepath.Join(dir, "paraph")
	const build = `git -C "$0" archive "$1" | tar -x -C "$2" && cd "$2" && go build -buildvcs=false -o paraph ./cmd/paraph`
	if said, err := exec.Command("/bin/sh", "-c", build, root, commit, dir).CombinedOutput(); err != nil {
		t.Fatalf("the program before does not build: %v\n%s", err, said)
	}
	return out
}

// TestTwoVersions runs the program before and this one side by side, on a schema
// that a still newer one has expanded. Each serves, works, and reads what the
// other wrote; there is one log.
func TestTwoVersions(t *testing.T) {
	t.Parallel()
	now := programtest.Build(t)
	h := newHouse(t, programAt(t, previous), pgtest.Database(t))
	before := h.start("api,sequencer,dispatch,work")
	first := login(t, &http.Client{}, before.said.Address, before.said.ID, before.said.Secret)
	oldDocument := first.reads("Before the upgrade")

	h.program = now
	after := h.start("api,sequencer,dispatch,work")
	second := login(t, &http.Client{}, after.said.Address, before.said.ID, before.said.Secret)
	pgtest.Exec(t, h.database,
		"ALTER TABLE document ADD COLUMN from_the_future text", "ALTER TABLE entry ADD COLUMN from_the_future bigint NOT NULL DEFAULT 7",
		"CREATE TABLE from_the_future (id text PRIMARY KEY)", "INSERT INTO schema_migration VALUES (9000, 'from_the_future', 1)")
	h.program = filepath.Join(filepath.Dir(before.cmd.Path), "paraph")
	before.stop() // the newer one alone works on
	newDocument := second.reads("While the other is away")
	before = h.start("api,sequencer,dispatch,work")
	first.url = before.said.Address

	for _, c := range []*caller{first, second} {
		for _, id := range []string{oldDocument, newDocument} {
			c.get("/v1/documents/" + id + "/content").want(http.StatusOK)
		}
		mine := c.reads("Side by side")
		for _, other := range []*caller{first, second} {
			other.get("/v1/documents/" + mine + "/content").want(http.StatusOK)
			if other != c { // what one read, the other decides
				other.submit(mine, nil)
			}
		}
		c.until(mine, "document.approved")
	}
	before.stop()
	after.stop()
	conf := config.Default()
	conf.DataDir, conf.KeysDir, conf.Database = h.dir, filepath.Join(h.dir, "shared-keys"), config.Secret(h.database)
	report, err := server.Audit(t.Context(), &conf, "", nil)
	if err != nil || !report.Sound || report.Waiting != 0 {
		t.Errorf("the log: %+v %v", report, err)
	}
}

// reads has a file read and gives its document.
func (c *caller) reads(text string) string {
	c.t.Helper()
	var up uploaded
	c.send(http.MethodPost, "/v1/documents", bytes.NewReader(textPDF(text)), "Content-Type", "application/pdf").want(http.StatusAccepted).into(&up)
	c.until(up.Document.ID, "document.captured")
	return up.Document.ID
}

// TestUpgradeFromBeforeTheBacklog: the program before the backlog is killed while
// some of its operations are at work and others wait in its job queue. This one
// takes them all over, and each takes effect once.
func TestUpgradeFromBeforeTheBacklog(t *testing.T) {
	t.Parallel()
	testneed.Command(t, "go")
	old := programAt(t, beforeBacklog)
	for name, database := range databases(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			gate := filepath.Join(dir, "gate")
			fakeOCR(t, dir, gate, 0)
			if err := os.WriteFile(gate, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			o := programtest.Options{Data: t.TempDir(), Database: database(t), Program: old, Args: []string{"--workers", "1"}, Env: []string{"PATH=" + dir + ":" + os.Getenv("PATH")}}
			p := programtest.Serve(t, o)
			c := login(t, &http.Client{}, p.URL, p.ID, p.Secret)
			s := &stack{http: c.http, url: c.url, caller: c}
			var all []uploaded
			for range 4 {
				var up uploaded
				s.send(http.MethodPost, "/v1/documents", bytes.NewReader(scanPDF(1)), "Content-Type", "application/pdf").want(http.StatusAccepted).into(&up)
				all = append(all, up)
			}
			const queued = "SELECT count(*) FROM river_job WHERE kind = 'operation' AND state <> 'completed'"
			for running := false; !running; { // one stands before the gate, the others behind it
				var ops list[operation]
				s.get("/v1/operations?state=running").want(200).into(&ops)
				running = len(ops.Items) > 0 && rows(t, o, queued) >= len(all)
			}
			p.Kill()
			if n := rows(t, o, queued); n != len(all) {
				t.Fatalf("the old program has left %d operations in its job queue: this test would prove nothing", n)
			}
			if err := os.Remove(gate); err != nil {
				t.Fatal(err)
			}
			o.Program = ""
			if o.Database != "" {
				pgtest.Exec(t, o.Database, "UPDATE lease SET until = 0")
			}
			now := programtest.Serve(t, o)
			s.caller = login(t, &http.Client{}, now.URL, p.ID, p.Secret)
			for _, up := range all {
				s.until(up.Document.ID, "document.captured")
				s.settled(up.Document.ID, "operation.succeeded")
				if n := count(kinds(s.events(up.Document.ID))); n["document.captured"] != 1 || n["operation.succeeded"] != 1 || n["operation.failed"] != 0 {
					t.Errorf("%s: %v", up.Document.ID, n)
				}
			}
			now.Stop()
			if n := rows(t, o, "SELECT (SELECT count(*) FROM river_job WHERE kind = 'operation' AND state <> 'completed') + (SELECT count(*) FROM backlog)"); n != 0 {
				t.Errorf("%d operations are left in the job queue or the backlog", n)
			}
			conf := config.Default()
			conf.DataDir, conf.Database = o.Data, config.Secret(o.Database)
			report, err := server.Audit(t.Context(), &conf, "", nil)
			if err != nil || !report.Sound || report.Waiting != 0 {
				t.Errorf("the log: %+v %v", report, err)
			}
		})
	}
}
