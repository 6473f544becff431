package e2e

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/internal/config"
	"github.com/paraph/paraph/pades"
	"github.com/paraph/paraph/pades/testca"
	"github.com/paraph/paraph/pades/tsp/tsptest"
)

// leveled is a server whose seals are to be kept for long, with two time stamping
// authorities, asked in this order, under one root that tells what it revoked.
type leveled struct {
	*stack
	clock       *clock.Fake
	ca          *testca.Served
	first, next *tsptest.TSA
}

// day is a day.
const day = 24 * time.Hour

// transient are waits between attempts. What only a busy machine brings about, such as a
// child that does not start in time, ends no operation: by the clock of these tests, which
// stands still, nobody would start another.
var transient = []time.Duration{10 * time.Millisecond, time.Second, 5 * time.Second}

func startLeveled(t *testing.T, database string, change func(*config.Config)) *leveled {
	t.Helper()
	s := &leveled{clock: clock.NewFake(time.Now())}
	var err error
	if s.ca, err = testca.ServeAt(s.clock.Now); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.ca.Close)
	soon := s.clock.Now().Add(120 * day)
	s.first = tsptest.New(t, tsptest.Options{Now: s.clock.Now, Served: s.ca, Certificate: func(c *x509.Certificate) { c.NotAfter = soon }})
	s.next = tsptest.New(t, tsptest.Options{Now: s.clock.Now, Served: s.ca})
	roots := filepath.Join(t.TempDir(), "tsa.pem")
	if err := os.WriteFile(roots, s.first.RootsPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	urls := []string{s.first.Serve(t), s.next.Serve(t)}
	s.stack = start(t, database, setup{clock: s.clock, retries: transient, conf: func(c *config.Config) {
		c.TimestampAuthorities, c.TimestampRoots, c.OutboundAllow, c.AnchorInterval, c.TokenLifetime = urls, roots, []string{"127.0.0.0/8"}, 0, time.Hour
		if change != nil {
			change(c)
		}
	}})
	return s
}

// misbehave makes both authorities faulty, or none.
func (s *leveled) misbehave(f tsptest.Fault) {
	s.first.Misbehave(f)
	s.next.Misbehave(f)
}

// pass lets time go by, after which credentials are taken anew.
func (s *leveled) pass(d time.Duration) {
	s.t.Helper()
	s.clock.Advance(d)
	s.caller = login(s.t, s.http, s.url, s.admin.Client.ID, s.admin.Secret)
}

// lacking is why a level is not higher.
type lacking struct {
	Code, Reason string
	Attempts     int
}

type protection struct {
	Version     int
	BeganWith   int `json:"began_with"`
	Own         bool
	Level       string
	WantedLevel string    `json:"wanted_level"`
	Until       time.Time `json:"protected_until"`
	NextAt      time.Time `json:"next_at"`
	Lacking     *lacking
}

// protected waits until a document's protection is as wanted.
func (s *leveled) protected(id, what string, ok func(protection) bool) (p protection) {
	s.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	var d struct {
		State      string
		Protection []protection
		Processing struct{ Status string }
	}
	for range 30_000 {
		d.Protection = nil
		s.get("/v1/documents/" + id).want(200).into(&d)
		if len(d.Protection) > 0 && d.Processing.Status == "done" && d.State == "archived" && ok(d.Protection[0]) {
			return d.Protection[0]
		}
		<-tick.C
	}
	raw, _ := json.MarshalIndent(d, "", " ")
	s.t.Fatalf("%s: the document is %s, after %v", what, raw, kinds(s.events(id)))
	return p
}

func (s *leveled) at(id, level string) protection {
	s.t.Helper()
	return s.protected(id, "at "+level, func(p protection) bool { return p.Level == level && p.Lacking == nil })
}

// signed has a document signed, and so sealed and archived.
func (s *leveled) signed(title string) string {
	s.t.Helper()
	id := s.approved(title).ID
	e := s.envelope(id, person("ben", 1))
	s.open(s.link(e.ID, e.Recipients[0].ID)).steps().sign()
	s.protected(id, "archived", func(protection) bool { return true })
	return id
}

// versionsOf gives the contents of the versions from the seal on, each of which
// must begin with the one before.
func (s *leveled) versionsOf(id string) (levels []string, newest []byte) {
	s.t.Helper()
	var all list[struct {
		Number      int
		Kind        string
		Level       string
		SHA256      string
		DerivedFrom int `json:"derived_from"`
	}]
	s.get("/v1/documents/" + id + "/versions").want(200).into(&all)
	for _, v := range all.Items {
		if v.Kind != "sealed" && v.Kind != "protected" {
			continue
		}
		content := s.get(fmt.Sprintf("/v1/documents/%s/versions/%d/content", id, v.Number)).want(200).body
		if sum := sha256.Sum256(content); hex.EncodeToString(sum[:]) != v.SHA256 || !bytes.HasPrefix(content, newest) || v.Kind == "protected" && v.DerivedFrom != v.Number-1 {
			s.t.Errorf("version %+v does not stand behind the one before", v)
		}
		x, err := pades.Examine(s.t.Context(), bytes.NewReader(content), int64(len(content)), "")
		if err != nil || strings.ToLower(strings.TrimPrefix(x.Level.String(), "B-")) != v.Level {
			s.t.Errorf("version %d is said to be at %s and is at %+v (%v)", v.Number, v.Level, x, err)
		}
		levels, newest = append(levels, v.Level), content
	}
	return levels, newest
}

// archived gives the document as its package and the additions hold it together.
func (s *leveled) archived(id string, additions int) []byte {
	s.t.Helper()
	var records list[struct{ ID string }]
	s.get("/v1/archive-records?document_id=" + id).want(200).into(&records)
	path := "/v1/archive-records/" + records.Items[0].ID
	var record struct {
		Additions []struct {
			Number int
			SHA256 string `json:"document_sha256"`
		}
	}
	s.get(path).want(200).into(&record)
	if len(record.Additions) != additions {
		s.t.Fatalf("there are %d additions instead of %d", len(record.Additions), additions)
	}
	whole := s.unzip(path+"/package", "data/document.pdf")
	for _, x := range record.Additions {
		whole = append(whole, s.unzip(fmt.Sprintf("%s/additions/%d/package", path, x.Number), "data/document.pdf.part")...)
		if sum := sha256.Sum256(whole); hex.EncodeToString(sum[:]) != x.SHA256 {
			s.t.Errorf("with addition %d the document is not what it says", x.Number)
		}
	}
	s.get(fmt.Sprintf("%s/additions/%d/package", path, additions+1)).want(http.StatusNotFound)
	return whole
}

func (s *leveled) unzip(path, name string) []byte {
	s.t.Helper()
	raw := s.get(path).want(200).body
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		s.t.Fatal(err)
	}
	f, err := z.Open(name)
	if err != nil {
		s.t.Fatal(err)
	}
	defer f.Close()
	out, err := io.ReadAll(f)
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

// TestLevels: an authority that is out delays the level, and everybody can see
// it; nothing else is the worse for it. Once it is back the level is raised, and
// years later renewed, in the archive too.
func TestLevels(t *testing.T) {
	t.Parallel()
	for name, database := range databases(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startLeveled(t, database(t), nil)
			s.misbehave(tsptest.Status500)
			late := s.signed("While the authority is out")
			s.delayIsSeen(late)

			s.misbehave(tsptest.None)
			s.clock.Advance(15 * time.Minute)
			s.at(late, "lta")
			if levels, newest := s.versionsOf(late); strings.Join(levels, " ") != "b t lt lta" {
				t.Errorf("raised by the versions %v", levels)
			} else if !bytes.Equal(s.archived(late, 1), newest) {
				t.Error("package and addition are not the newest version")
			}

			good := s.signed("With everything there")
			p := s.at(good, "lta")
			if levels, newest := s.versionsOf(good); strings.Join(levels, " ") != "t lt lta" || !bytes.Equal(s.archived(good, 0), newest) {
				t.Errorf("made by the versions %v", levels)
			}
			s.verified(good, s.clock.Now().Add(time.Second))
			s.post("/v1/documents/"+good+"/protect", nil).problem(http.StatusConflict, "level_reached")
			s.renewed(good, p)
			s.allSeen()
		})
	}
}

// delayIsSeen looks everywhere where a level that is delayed has to show.
func (s *leveled) delayIsSeen(id string) {
	s.t.Helper()
	p := s.protected(id, "delayed", func(p protection) bool { return p.Lacking != nil })
	if p.Level != "b" || p.WantedLevel != "lta" || p.Lacking.Code != "timestamp_http" || !p.Own || p.NextAt.IsZero() || p.Until.Before(s.clock.Now().AddDate(2, 0, 0)) {
		s.t.Errorf("the protection is %+v %+v", p, p.Lacking)
	}
	if s.archived(id, 0); !strings.Contains(strings.Join(kinds(s.events(id)), " "), "document.signed envelope.completed operation.succeeded document.protection_delayed operation.started") {
		s.t.Errorf("the events are %v", kinds(s.events(id)))
	}
	for query, want := range map[string]int{
		"protection_delayed=true": 1, "protection_ends_before=" + url.QueryEscape(p.Until.Add(time.Second).Format(time.RFC3339)): 1,
		"protection_ends_before=" + url.QueryEscape(s.clock.Now().AddDate(2, 0, 0).Format(time.RFC3339)): 0,
	} {
		var found list[doc]
		if s.get("/v1/documents?" + query).want(200).into(&found); len(found.Items) != want {
			s.t.Errorf("%s gives %d documents", query, len(found.Items))
		}
	}
	var report struct {
		Files  int
		Counts []struct {
			Level, Lacking string
			Files          int
		}
		Stamps struct {
			Code         string
			OverdueSince time.Time `json:"overdue_since"`
		} `json:"time_stamps"`
	}
	s.get("/v1/protection").want(200).into(&report)
	if report.Files != 1 || report.Counts[0].Lacking != "timestamp_http" || report.Stamps.Code != "timestamp_http" || report.Stamps.OverdueSince.IsZero() {
		s.t.Errorf("the report is %+v", report)
	}
	if code, out := paraph("paraph", "protection", "--data-dir", s.conf.DataDir, "--database", s.conf.Database.Reveal(), "--json"); code != 1 ||
		!strings.Contains(out, `"lacking":"timestamp_http"`) || !strings.Contains(out, `"ending":0,"files":1,"lacking":1`) {
		s.t.Errorf("paraph protection ends with %d and says %s", code, out)
	}
	s.clock.Advance(10 * time.Second)
	s.get("/readyz").want(200)
	s.measured(`paraph_signed_files\{level="b"\} 1`, `paraph_signed_files_lacking\{code="timestamp_http"\} 1`, `paraph_signature_stamps_overdue_seconds [1-9]`, `paraph_protection_lacks_total\{code="timestamp_http"\} [1-9]`)
	stamped := &stamped{stack: s.stack}
	for about, want := range map[string]string{"protection of signatures": "which 1 lack: 1 timestamp_http", "time stamps for signatures": "none could be had since"} {
		if f := stamped.finding(about); f.OK || !strings.Contains(f.Says, want) {
			s.t.Errorf("doctor says %+v", f)
		}
	}
}

func (s *leveled) measured(patterns ...string) {
	s.t.Helper()
	metrics := string(s.get("/metrics").want(200).body)
	for _, pattern := range patterns {
		if !regexp.MustCompile(`(?m)^` + pattern).MatchString(metrics) {
			s.t.Errorf("the metrics lack %s", pattern)
		}
	}
}

// renewed lets time go by until the newest time stamp is about to weaken: by the
// same certificate it is not renewed, by another one it is.
func (s *leveled) renewed(id string, before protection) {
	s.t.Helper()
	if !before.Until.Equal(s.first.Certificate().NotAfter) || !before.NextAt.Before(before.Until.Add(-59*day)) {
		s.t.Errorf("renewal is planned as %+v", before)
	}
	s.pass(before.NextAt.Sub(s.clock.Now()) + time.Minute)
	s.protected(id, "not renewed", func(p protection) bool {
		return p.Lacking != nil && p.Lacking.Code == "timestamp_ends_too_soon" && p.Level == "lta"
	})
	s.archived(id, 0)
	s.first.Misbehave(tsptest.Status500)
	s.pass(day)
	after := s.protected(id, "renewed", func(p protection) bool { return p.Until.After(before.Until) && p.Lacking == nil })
	levels, newest := s.versionsOf(id)
	if after.Level != "lta" || after.Version != before.Version+2 || !bytes.Equal(s.archived(id, 1), newest) {
		s.t.Errorf("renewed to %+v by the versions %v", after, levels)
	}
	s.verified(id, s.clock.Now().Add(time.Second))
	var op operation
	s.post("/v1/documents/"+id+"/protect", map[string]any{"renew": true}).want(202).into(&op)
	for op.State == "pending" || op.State == "running" {
		s.get("/v1/operations/"+op.ID, "Prefer", "wait=30").want(200).into(&op)
	}
	if op.Kind != "protect" || op.State != "failed" || op.Code != "timestamp_ends_too_soon" {
		s.t.Errorf("a renewal that would gain nothing: %+v", op)
	}
}

// verified has the newest version judged, as of a time.
func (s *leveled) verified(id string, at time.Time) {
	s.t.Helper()
	file := filepath.Join(s.t.TempDir(), "document.pdf")
	if err := os.WriteFile(file, s.get("/v1/documents/"+id+"/content").want(200).body, 0o600); err != nil {
		s.t.Fatal(err)
	}
	ca := filepath.Join(s.t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, append(s.get("/.well-known/paraph/ca.pem").body, s.first.RootsPEM()...), 0o600); err != nil {
		s.t.Fatal(err)
	}
	if code, out := paraph("paraph", "verify", "--ca", ca, "--at", at.UTC().Format(time.RFC3339), file); code != 0 {
		s.t.Errorf("paraph verify says %s", out)
	}
}

// allSeen looks at the gauges once all is well.
func (s *leveled) allSeen() {
	s.t.Helper()
	s.measured(`paraph_signed_files\{level="lta"\} 2`, `paraph_signature_stamps_overdue_seconds 0`)
	list, err := x509.ParseRevocationList(s.get("/.well-known/paraph/ca.crl").want(200).body)
	if err != nil || len(list.RevokedCertificateEntries) != 0 {
		s.t.Errorf("the list of revoked certificates: %+v %v", list, err)
	}
}

// TestEvidenceIsAway: while responders are away a seal stays at B-T; they are
// asked again by themselves.
func TestEvidenceIsAway(t *testing.T) {
	t.Parallel()
	for name, database := range databases(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startLeveled(t, database(t), nil)
			away := func(is bool) {
				for _, path := range []string{"/ocsp", "/ocsp2", "/issuer.crl", "/root.crl"} {
					s.ca.SetDown(path, is)
				}
			}
			away(true)
			id := s.signed("While responders are away")
			p := s.protected(id, "without evidence", func(p protection) bool { return p.Lacking != nil })
			if p.Level != "t" || p.Lacking.Code != "evidence_refused" || p.NextAt.Before(s.clock.Now().Add(9*time.Minute)) {
				t.Errorf("the protection is %+v %+v", p, p.Lacking)
			}
			away(false)
			s.clock.Advance(11 * time.Minute)
			s.at(id, "lta")
			if _, newest := s.versionsOf(id); !bytes.Equal(s.archived(id, 1), newest) {
				t.Error("package and addition are not the newest version")
			}
			asked := s.ca.Asked("/ocsp")
			s.at(s.signed("With what is known already"), "lta")
			if n := s.ca.Asked("/ocsp"); n > asked {
				t.Errorf("for another document the responder was asked %d times more", n-asked)
			}
		})
	}
}
