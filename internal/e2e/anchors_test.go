package e2e

import (
	"context"
	"database/sql"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/internal/config"
	"github.com/paraph/paraph/internal/server"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/pades/tsp/tsptest"
)

// stamped is a server whose log is time-stamped by an authority that can be made
// to misbehave.
type stamped struct {
	*stack
	clock *clock.Fake
	tsa   *tsptest.TSA
	roots string // file
}

func startStamped(t *testing.T, database string, fault tsptest.Fault) *stamped {
	t.Helper()
	s := &stamped{clock: clock.NewFake(time.Now())}
	s.tsa = tsptest.New(t, tsptest.Options{Now: s.clock.Now})
	s.tsa.Misbehave(fault)
	s.roots = filepath.Join(t.TempDir(), "tsa.pem")
	if err := os.WriteFile(s.roots, s.tsa.RootsPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	url := s.tsa.Serve(t)
	s.stack = start(t, database, setup{clock: s.clock, conf: func(c *config.Config) {
		c.TimestampAuthorities, c.TimestampRoots, c.OutboundAllow = []string{url}, s.roots, []string{"127.0.0.0/8"}
	}})
	return s
}

// logState is the log as its keepers see it.
type logState struct {
	Size     int64
	Anchored *struct {
		ID   string
		Size int64
	}
	Anchoring struct {
		Code, Reason string
		Attempts     int
		Authorities  []struct{ Address, Code string }
	}
}

// awaits waits until the state of the log is as wanted.
func (s *stamped) awaits(what string, ok func(logState) bool) (state logState) {
	s.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		state = logState{}
		if s.get("/v1/log").want(200).into(&state); ok(state) {
			return state
		}
		select {
		case <-tick.C:
		case <-s.t.Context().Done():
			s.t.Fatalf("%s: the state is %+v", what, state)
		}
	}
}

// stampNow asks for a time stamp over all there is.
func (s *stamped) stampNow() logState {
	s.t.Helper()
	s.clock.Advance(2 * time.Minute)
	var before logState
	s.get("/v1/log").want(200).into(&before)
	s.post("/v1/log/anchors", nil).want(http.StatusAccepted)
	return s.awaits("asked for", func(l logState) bool {
		return l.Anchored != nil && l.Anchored.Size >= before.Size && l.Anchoring.Code == ""
	})
}

// TestAnchoredDocument: while the authority is out, everybody can see it and
// nothing else is the worse for it; then the time stamps that cover a document's
// entries go into its package, and are verified with it by the command line.
func TestAnchoredDocument(t *testing.T) {
	t.Parallel()
	for name, database := range databases(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startStamped(t, database(t), tsptest.Status500)
			s.outIsSeen()
			first := s.signed(s.approved("Before any time stamp").ID)
			s.tsa.Misbehave(tsptest.None)

			draft := s.draft("Order with time stamps")
			s.stampNow()
			s.submit(draft.ID, nil)
			s.until(draft.ID, "document.approved")
			two := s.stampNow()
			s.signed(draft.ID)
			s.backIsSeen(two)

			s.packageOf(first, 0, 0)
			s.packageOf(draft.ID, 2, 2)
			s.tampered()

			dir := t.TempDir()
			part := s.backup(dir).Name
			s.stopNow()
			other := map[string]string{"sqlite": "postgres", "postgres": "sqlite"}[name]
			restored := s.restored(dir, part, databases(t)[other](t))
			report, err := server.AuditStore(t.Context(), restored.conf, server.AuditOptions{})
			if err != nil || !report.Sound || report.Anchors < 2 {
				t.Errorf("restored from a backup: %+v, %v", report, err)
			}
		})
	}
}

// outIsSeen looks everywhere where an authority that is out has to show.
func (s *stamped) outIsSeen() {
	s.t.Helper()
	state := s.awaits("out", func(l logState) bool { return l.Anchoring.Code != "" })
	if state.Anchored != nil || state.Anchoring.Code != "timestamp_http" || len(state.Anchoring.Authorities) != 1 || state.Anchoring.Authorities[0].Code != "timestamp_http" {
		s.t.Errorf("the state is %+v", state)
	}
	s.get("/readyz").want(200)
	s.clock.Advance(10 * time.Second)
	metrics := string(s.get("/metrics").want(200).body)
	for _, pattern := range []string{`paraph_anchor_age_seconds -1`, `paraph_anchor_overdue_seconds [1-9]`, `paraph_anchor_failures_total\{reason="http"\} [1-9]`} {
		if !regexp.MustCompile(`(?m)^` + pattern).MatchString(metrics) {
			s.t.Errorf("the metrics lack %s", pattern)
		}
	}
	for about, want := range map[string]string{"time stamps by ": "HTTP status 500", "anchors of the log": "one is due since"} {
		if f := s.finding(about); f.OK || !strings.Contains(f.Says, want) {
			s.t.Errorf("doctor says %+v", f)
		}
	}
}

func (s *stamped) finding(about string) server.Finding {
	s.t.Helper()
	all := server.Doctor(s.t.Context(), s.conf)
	i := slices.IndexFunc(all, func(f server.Finding) bool { return strings.HasPrefix(f.About, about) })
	if i < 0 {
		s.t.Fatalf("doctor says nothing of %s: %+v", about, all)
	}
	return all[i]
}

// backIsSeen looks at the same places once all is well.
func (s *stamped) backIsSeen(state logState) {
	s.t.Helper()
	if len(state.Anchoring.Authorities) != 1 || state.Anchoring.Authorities[0].Code != "" || state.Anchoring.Attempts != 0 {
		s.t.Errorf("the state is %+v", state)
	}
	metrics := string(s.get("/metrics").want(200).body)
	for _, pattern := range []string{`paraph_anchor_age_seconds [0-9.]+`, `paraph_anchor_overdue_seconds 0`} {
		if !regexp.MustCompile(`(?m)^` + pattern + `$`).MatchString(metrics) {
			s.t.Errorf("the metrics lack %s", pattern)
		}
	}
	for about, want := range map[string]string{"time stamps by ": "Test TSA", "anchors of the log": "the newest is of"} {
		if f := s.finding(about); !f.OK || !strings.Contains(f.Says, want) {
			s.t.Errorf("doctor says %+v", f)
		}
	}
}

// signed has an approved document signed, and so sealed and archived.
func (s *stamped) signed(id string) string {
	s.t.Helper()
	e := s.envelope(id, person("ben", 1))
	s.open(s.link(e.ID, e.Recipients[0].ID)).steps().sign()
	s.until(id, "document.archived")
	return id
}

// packageOf verifies a document's package and looks for its anchors.
func (s *stamped) packageOf(id string, anchors, stampsSaid int) {
	s.t.Helper()
	var records list[struct {
		ID    string
		Files map[string]json.RawMessage
	}]
	s.get("/v1/archive-records?document_id=" + id).want(200).into(&records)
	found := 0
	for name := range records.Items[0].Files {
		if strings.HasSuffix(name, "/token.tst") {
			found++
		}
	}
	_, roots := records.Items[0].Files["data/trust/tsa.pem"]
	if found != anchors || roots != (anchors > 0) {
		s.t.Errorf("the package has %d anchors instead of %d: %v", found, anchors, records.Items[0].Files)
	}
	dir := s.t.TempDir()
	file := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			s.t.Fatal(err)
		}
		return path
	}
	pack := file("package.zip", s.get("/v1/archive-records/"+records.Items[0].ID+"/package").want(200).body)
	flags := []string{"paraph", "verify", "--ca", file("ca.pem", s.get("/.well-known/paraph/ca.pem").body), "--log-key", file("log.vkey", s.get("/.well-known/paraph/log.vkey").body)}
	with := append(slices.Clone(flags), "--tsa-ca", s.roots, pack)
	code, out := paraph(with...)
	if code != 0 || strings.Count(out, "entries stood in the log by") != stampsSaid || strings.Contains(out, "nobody said to trust") {
		s.t.Errorf("paraph verify says %s", out)
	}
	if code, out := paraph(append(slices.Clone(flags), pack)...); code != 0 || (anchors > 0) != strings.Contains(out, "use --tsa-ca") {
		s.t.Errorf("without the authority's root, paraph verify says %s", out)
	}
	if anchors == 0 {
		return
	}
	foreign := file("foreign.pem", tsptest.New(s.t, tsptest.Options{Now: s.clock.Now}).RootsPEM())
	if code, out := paraph(append(slices.Clone(flags), "--tsa-ca", foreign, pack)...); code == 0 || !strings.Contains(out, "leads to no trusted root") {
		s.t.Errorf("under a foreign root, paraph verify says %s", out)
	}
}

// tampered changes rows of time stamps, one thing at a time: the audit names each.
func (s *stamped) tampered() {
	s.t.Helper()
	var rows []service.Anchor
	s.read(func(ctx context.Context, tx service.Reader) (err error) {
		rows, err = tx.Anchors(ctx, service.AnchorFilter{})
		return err
	})
	row := rows[0]
	set := func(column string, value any) {
		s.exec("UPDATE anchor SET "+column+" = $1 WHERE id = $2", value, row.ID)
	}
	audit := func() *server.AuditReport {
		s.t.Helper()
		r, err := server.AuditStore(context.Background(), s.conf, server.AuditOptions{})
		if err != nil {
			s.t.Fatal(err)
		}
		return r
	}
	if r := audit(); !r.Sound || r.Anchors != int64(len(rows)) {
		s.t.Errorf("untouched: %+v", r)
	}
	for column, change := range map[string][2]any{
		"token": {rows[1].Token, row.Token}, "note": {rows[1].Note, row.Note}, "size": {row.Size - 1, row.Size}, "tsa": {"https://other.example", row.TSA},
		"stamped_at": {row.StampedAt.Add(time.Second).UnixMicro(), row.StampedAt.UnixMicro()},
	} {
		set(column, change[0])
		if r := audit(); r.Sound || r.Faults[0].Code != "anchor" || !strings.Contains(r.Faults[0].About, row.ID) {
			s.t.Errorf("%s changed: %+v", column, r)
		}
		set(column, change[1])
	}
	s.exec("UPDATE anchor SET id = $1 WHERE id = $2", "anc_gone", row.ID)
	r := audit()
	about := ""
	for _, f := range r.Faults {
		about += f.About + "\n"
	}
	if !strings.Contains(about, row.ID+", of which") || !strings.Contains(about, "1 time stamps over the log are stored that no entry tells of") {
		s.t.Errorf("renamed: %+v", r)
	}
	s.exec("UPDATE anchor SET id = $1 WHERE id = $2", row.ID, "anc_gone")
	if r := audit(); !r.Sound {
		s.t.Errorf("put back: %+v", r)
	}
}

// exec changes the database behind the server's back.
func (s *stamped) exec(query string, args ...any) {
	s.t.Helper()
	if pool := s.server.Store.Pool(); pool != nil {
		if _, err := pool.Exec(context.Background(), query, args...); err != nil {
			s.t.Fatal(err)
		}
		return
	}
	db, err := sql.Open("sqlite", "file:"+filepath.Join(s.conf.DataDir, "paraph.db")+"?_pragma=busy_timeout(5000)")
	if err != nil {
		s.t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(query, args...); err != nil {
		s.t.Fatal(err)
	}
}
