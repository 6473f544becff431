package e2e

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/paraph/paraph/internal/store/pgtest"
)

type (
	unitExport struct {
		ID, State, Code, SHA256 string
		Size                    int64
		Operation               operation
		Counts                  map[string]int64
	}
	unitImport struct {
		ID, State, Code                          string
		Operation                                operation
		Documents, Made, Known, Disposed, Failed int
	}
	importedRow struct {
		Outcome, Code string
		Here          string `json:"document_id"`
		There         string `json:"origin_document_id"`
	}
	details struct {
		ID, Title, State string
		DocumentType     string `json:"document_type"`
		ExternalID       string `json:"external_id"`
		Labels           map[string]string
		Metadata         json.RawMessage
	}
)

const spaced = `{ "b" : 1.0,  "a":"<&>", "nested": {"x": [1, 2] } }`

// owned fills a unit with documents of all sorts, and gives how many there are.
func (s *stack) owned(unit string) int {
	s.t.Helper()
	s.post("/v1/business-units", map[string]any{"name": unit, "title": "The unit"}).want(201)
	in := map[string]string{"business_unit": unit, "title": "A draft", "external_id": "EXT-" + unit, "labels": `{"cost_centre":"4711"}`, "metadata": spaced}
	s.upload("draft.pdf", textPDF("first page", "second page"), in).want(201)
	s.post("/v1/drafts", map[string]any{"business_unit": unit, "title": "Without a file"}).want(201)
	var up uploaded
	made := func(title string) string {
		s.upload("file.pdf", textPDF(title), map[string]string{"business_unit": unit, "title": title}).want(201).into(&up)
		return up.Document.ID
	}
	signed := made("Signed")
	s.submit(signed, nil)
	e := s.envelope(signed, person("ben", 1))
	s.open(s.link(e.ID, e.Recipients[0].ID)).steps().draws().sign()
	s.until(signed, "document.archived")
	voided := made("Voided")
	s.post("/v1/documents/"+voided+"/void", map[string]any{"reason": "twice"}).want(200)
	gone := made("Destroyed")
	s.post("/v1/documents/"+gone+"/void", nil).want(200)
	s.post("/v1/documents/"+gone+"/dispose", map[string]any{"authority": "records@example.com"}, "Prefer", "wait=30").want(200)
	review := made("In review")
	s.submit(review, nil, "ada@example.com")
	return 6
}

// exported exports a unit and gives its archive.
func (s *stack) exported(unit string) (unitExport, []byte) {
	s.t.Helper()
	var e unitExport
	s.post("/v1/business-units/"+unit+"/exports", nil, "Prefer", "wait=60").want(200).into(&e)
	if e.State != "ready" || e.Operation.Kind != "export_unit" {
		s.t.Fatalf("the export ended so: %+v", e)
	}
	got := s.get("/v1/business-units/" + unit + "/exports/" + e.ID + "/archive").want(200)
	if got.header.Get("ETag") != `"`+e.SHA256+`"` || int64(len(got.body)) != e.Size {
		s.t.Errorf("the archive has the ETag %s and %d bytes: %+v", got.header.Get("ETag"), len(got.body), e)
	}
	return e, got.body
}

// imported imports an archive, and gives what became of each document.
func (s *stack) imported(unit string, archive []byte) (m unitImport, rows []importedRow) {
	s.t.Helper()
	s.send(http.MethodPost, "/v1/business-units/"+unit+"/imports", bytes.NewReader(archive), "Content-Type", "application/zip", "Prefer", "wait=60").want(200).into(&m)
	if m.State != "done" {
		s.t.Fatalf("the import ended so: %+v", m)
	}
	return m, s.outcomes(unit, m.ID)
}

func (s *stack) outcomes(unit, importID string) []importedRow {
	s.t.Helper()
	var page list[importedRow]
	s.get("/v1/business-units/" + unit + "/imports/" + importID + "/documents").want(200).into(&page)
	return page.Items
}

// sameAs compares a document with the one it was made of: every file's bytes, and
// everything that was said of it. It gives the evidence of its past.
func (s *stack) sameAs(here string, of *stack, there string) (evidence []byte) {
	s.t.Helper()
	var a, b details
	of.get("/v1/documents/" + there).want(200).into(&a)
	s.get("/v1/documents/" + here).want(200).into(&b)
	if a.Title != b.Title || a.DocumentType != b.DocumentType || a.ExternalID != b.ExternalID || fmt.Sprint(a.Labels) != fmt.Sprint(b.Labels) || !bytes.Equal(a.Metadata, b.Metadata) {
		s.t.Errorf("%+v became %+v", a, b)
	}
	var va, vb list[version]
	of.get("/v1/documents/" + there + "/versions").want(200).into(&va)
	s.get("/v1/documents/" + here + "/versions").want(200).into(&vb)
	if slices.ContainsFunc(va.Items, func(v version) bool { return v.Kind == "original" }) {
		s.until(here, "document.captured")
	}
	if len(vb.Items) != len(va.Items)+1 {
		s.t.Fatalf("%s: %d versions became %d: %+v", a.Title, len(va.Items), len(vb.Items), vb.Items)
	}
	for i, v := range va.Items {
		if vb.Items[i].Kind != v.Kind || vb.Items[i].SHA256 != v.SHA256 {
			s.t.Errorf("%s: version %+v became %+v", a.Title, v, vb.Items[i])
		}
		path := "/versions/" + strconv.Itoa(v.Number) + "/content"
		if !bytes.Equal(of.get("/v1/documents/"+there+path).want(200).body, s.get("/v1/documents/"+here+path).want(200).body) {
			s.t.Errorf("%s: version %d has other bytes", a.Title, v.Number)
		}
	}
	last := vb.Items[len(vb.Items)-1]
	if last.Kind != "evidence" {
		s.t.Errorf("the last version is %+v", last)
	}
	return s.get("/v1/documents/" + here + "/versions/" + strconv.Itoa(last.Number) + "/content").want(200).body
}

// verified lets paraph verify judge a file, with what the installation publishes.
func (s *stack) verified(name string, file []byte) (int, string) {
	s.t.Helper()
	dir := s.t.(*testing.T).TempDir()
	put := func(name string, data []byte) string {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			s.t.Fatal(err)
		}
		return filepath.Join(dir, name)
	}
	return paraph("paraph", "verify", "--ca", put("ca.pem", s.get("/.well-known/paraph/ca.pem").want(200).body), "--log-key", put("log.vkey", s.get("/.well-known/paraph/log.vkey").want(200).body), put(name, file))
}

// TestHandover takes a unit from an installation on SQLite to one on PostgreSQL and
// back: every file and detail stays what it was, and what happened elsewhere can be
// checked offline.
func TestHandover(t *testing.T) {
	t.Parallel()
	a, b := start(t, "", setup{}), start(t, pgtest.Database(t), setup{})
	n := a.owned("purchasing")
	e, archive := a.exported("purchasing")
	if e.Counts["documents"] != int64(n) || e.Counts["disposed"] != 1 || e.Counts["archive_packages"] != 1 {
		t.Errorf("the archive holds %v", e.Counts)
	}
	if code, out := a.verified("unit.zip", archive); code != 0 || !strings.Contains(out, "none missing") {
		t.Errorf("paraph verify answered %d: %s", code, out)
	}
	if code, out := b.verified("unit.zip", archive); code == 0 {
		t.Errorf("the archive is believed by another log's key: %s", out)
	}
	spoilt := bytes.Clone(archive)
	spoilt[len(spoilt)/2] ^= 1
	if code, _ := a.verified("spoilt.zip", spoilt); code == 0 {
		t.Error("paraph verify takes a changed archive")
	}
	part := a.get("/v1/business-units/purchasing/exports/"+e.ID+"/archive", "Range", "bytes=10-19").want(206)
	if !bytes.Equal(part.body, archive[10:20]) {
		t.Error("a range gives other bytes")
	}

	b.post("/v1/business-units", map[string]any{"name": "taken"}).want(201)
	m, rows := b.imported("taken", archive)
	if m.Made != n-1 || m.Disposed != 1 || m.Failed != 0 || len(rows) != n {
		t.Fatalf("the import came to %+v %+v", m, rows)
	}
	want := map[string]string{"A draft": "draft", "Without a file": "draft", "Signed": "signed", "Voided": "voided", "In review": "draft"}
	for _, r := range rows {
		if r.Outcome == "disposed" {
			continue
		}
		evidence := b.sameAs(r.Here, a, r.There)
		if code, out := a.verified("evidence.zip", evidence); code != 0 || !strings.Contains(out, "what is told of one document") {
			t.Errorf("paraph verify of the evidence answered %d: %s", code, out)
		}
		d := b.document(r.Here)
		if d.State != want[d.Title] {
			t.Errorf("%s is %s", d.Title, d.State)
		}
		if all := kinds(b.events(r.Here)); all[0] != "document.imported" || slices.Contains(all, "document.created") {
			t.Errorf("the log says of it %v", all)
		}
	}

	again, _ := b.imported("taken", archive)
	if again.Known != n-1 || again.Made != 0 {
		t.Errorf("the same archive came to %+v", again)
	}
	// Back: the external id is taken there by the first of them, and told so.
	_, back := b.exported("taken")
	a.post("/v1/business-units", map[string]any{"name": "back"}).want(201)
	home, rows := a.imported("back", back)
	if home.Failed != 1 || home.Made != n-2 {
		t.Errorf("the way back came to %+v", home)
	}
	for _, r := range rows {
		switch r.Outcome {
		case "failed":
			if r.Code != "external_id_taken" {
				t.Errorf("one failed with %s", r.Code)
			}
		case "made":
			a.sameAs(r.Here, b, r.There)
		}
	}
}

// TestImportByPieces sends an archive by tus, and ends what runs.
func TestImportByPieces(t *testing.T) {
	each(t, setup{}, func(t *testing.T, s *stack) {
		s.caller = s.in(t)
		s.post("/v1/business-units", map[string]any{"name": "small"}).want(201)
		s.upload("a.pdf", textPDF("one"), map[string]string{"business_unit": "small"}).want(201)
		e, archive := s.exported("small")
		s.post("/v1/business-units", map[string]any{"name": "next"}).want(201)
		meta := "import_into " + base64.StdEncoding.EncodeToString([]byte("next"))
		begun := s.send(http.MethodPost, "/v1/uploads", nil, "Tus-Resumable", "1.0.0", "Upload-Length", strconv.Itoa(len(archive)), "Upload-Metadata", meta).want(201)
		var done *answer
		for from := 0; from < len(archive); from += len(archive)/2 + 1 {
			to := min(from+len(archive)/2+1, len(archive))
			done = s.send(http.MethodPatch, begun.header.Get("Location"), bytes.NewReader(archive[from:to]), "Tus-Resumable", "1.0.0", "Upload-Offset", strconv.Itoa(from), "Content-Type", "application/offset+octet-stream").want(204)
		}
		id := done.header.Get("Paraph-Import-Id")
		s.get("/v1/operations/"+done.header.Get("Paraph-Operation-Id"), "Prefer", "wait=60").want(200)
		var m unitImport
		s.get("/v1/business-units/next/imports/" + id).want(200).into(&m)
		if m.State != "done" || m.Made != 1 {
			t.Errorf("the import came to %+v", m)
		}
		// An archive goes when a document in it is destroyed, or somebody says so.
		doc := s.outcomes("next", id)[0]
		s.post("/v1/documents/"+doc.There+"/void", nil).want(200)
		s.post("/v1/documents/"+doc.There+"/dispose", map[string]any{"authority": "x"}).want(202)
		s.get("/v1/business-units/small/exports/"+e.ID+"/archive").problem(410, "export_gone")
		second, _ := s.exported("small")
		s.send(http.MethodDelete, "/v1/business-units/small/exports/"+second.ID, nil).want(200)
		s.get("/v1/business-units/small/exports/"+second.ID+"/archive").problem(410, "export_gone")
		// What is no archive is told, and nothing is made of it.
		s.send(http.MethodPost, "/v1/business-units/next/imports", strings.NewReader("no zip"), "Content-Type", "application/zip", "Prefer", "wait=60").want(200).into(&m)
		if m.State != "failed" || m.Code != "export_refused" {
			t.Errorf("what is no archive came to %+v", m)
		}
		s.send(http.MethodPost, "/v1/business-units/next/imports", strings.NewReader("no zip"), "Content-Type", "application/zip").problem(409, "import_running")
		s.send(http.MethodDelete, "/v1/business-units/next/imports/"+m.ID, nil).want(200).into(&m)
		if m.State != "ended" || m.Code != "cancelled" {
			t.Errorf("an import that was ended is %+v", m)
		}
	})
}

// TestHandoverWalls: an archive is for those alone who may see everything in it.
func TestHandoverWalls(t *testing.T) {
	each(t, setup{}, func(t *testing.T, s *stack) {
		s.caller = s.in(t)
		s.post("/v1/business-units", map[string]any{"name": "finance"}).want(201)
		s.draft("General's own")
		e, archive := s.exported("general")
		path := "/v1/business-units/general/exports"
		all := []string{"admin", "documents:read", "documents:write", "events:read"}
		others := map[string]*caller{"finance": s.client("fin@example.com", []string{"finance"}, all...), "foreigner": s.foreigner()}
		for name, who := range others {
			want, code := 404, "not_found"
			if name == "foreigner" {
				want, code = 403, "missing_scope" // has no admin
			}
			who.post(path, nil).problem(want, code)
			who.get(path).problem(want, code)
			who.get(path+"/"+e.ID).problem(want, code)
			who.get(path+"/"+e.ID+"/archive").problem(want, code)
			who.send(http.MethodDelete, path+"/"+e.ID, nil).problem(want, code)
			who.send(http.MethodPost, "/v1/business-units/general/imports", bytes.NewReader(archive), "Content-Type", "application/zip").problem(want, code)
		}
		// By its own unit's name nobody gets at another's.
		others["finance"].get("/v1/business-units/finance/exports/"+e.ID+"/archive").problem(404, "not_found")
		for i := range all[:3] {
			less := slices.Delete(slices.Clone(all), i, i+1)
			if all[i] == "documents:write" {
				continue
			}
			s.client("less"+strconv.Itoa(i)+"@example.com", nil, less...).post(path, nil).problem(403, "missing_scope")
		}
		z, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range z.File {
			r, err := f.Open()
			if err != nil {
				t.Fatal(err)
			}
			raw, err := io.ReadAll(r)
			if err != nil || bytes.Contains(raw, []byte(s.admin.Secret)) {
				t.Errorf("%s: %v", f.Name, err)
			}
		}
	})
}
