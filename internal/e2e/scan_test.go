package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/clamd/clamdtest"
	"github.com/paraph/paraph/internal/config"
)

// TestMalware: a file is looked through before it is read or handed out. One with malware is
// put aside for everybody to see, and given to nobody; while the scanner is away files wait,
// with the reason; and what comes in an archive is looked through as well.
func TestMalware(t *testing.T) {
	t.Parallel()
	malware(t, clamdtest.New(t))
}

func malware(t *testing.T, d *clamdtest.Daemon) {
	s := start(t, "", setup{conf: func(c *config.Config) { c.Scanner = d.URL() }, retries: []time.Duration{time.Second}})
	infected := append(textPDF("An order"), "\n% "+clamdtest.EICAR+"\n"...)
	var up uploaded
	s.upload("good.pdf", textPDF("A good one"), nil).want(http.StatusCreated).into(&up)
	s.get("/v1/documents/" + up.Document.ID + "/versions/1/content").want(200)

	s.upload("bad.pdf", infected, nil).want(http.StatusCreated).into(&up)
	bad := "/v1/documents/" + up.Document.ID
	aside := func() {
		t.Helper()
		var shown struct {
			Processing struct{ Status, Code, Reason string }
		}
		s.get(bad).want(200).into(&shown)
		if p := shown.Processing; p.Status != "quarantined" || p.Code != "malware_found" || !strings.Contains(strings.ToUpper(p.Reason), "EICAR") {
			t.Errorf("the document says %+v", p)
		}
		for _, path := range []string{"/content", "/versions/1/content"} {
			s.get(bad+path).problem(409, "document_quarantined")
		}
	}
	s.until(up.Document.ID, "document.quarantined")
	aside()
	s.post("/v1/operations/"+up.Operation.ID+"/retry", nil).want(202)
	s.get("/v1/operations/"+up.Operation.ID, "Prefer", "wait=60").want(200)
	aside()
	// A sound file takes its place; what came first stays with us.
	s.file(bad+"/versions", "sound.pdf", textPDF("An order"), nil, "Prefer", "wait=60").want(http.StatusCreated)
	s.get(bad+"/versions/1/content").problem(409, "version_not_scanned")
	s.get(bad + "/versions/2/content").want(200)

	d.Stop()
	s.file("/v1/documents", "late.pdf", textPDF("A late one"), nil).want(http.StatusAccepted).into(&up)
	var op waits
	for range 30 {
		s.get("/v1/operations/"+up.Operation.ID, "Prefer", "wait=1").want(200).into(&op)
		if op.Waiting != nil && strings.Contains(op.Waiting.Reason, "malware scanner") {
			break
		}
	}
	if op.Waiting == nil || !strings.Contains(op.Waiting.Reason, "malware scanner") {
		t.Errorf("with the scanner away it says %+v", op)
	}
	s.get("/v1/documents/"+up.Document.ID+"/versions/1/content").problem(409, "document_processing")
	d.Start()
	s.until(up.Document.ID, "document.captured")
	s.get("/v1/documents/" + up.Document.ID + "/versions/1/content").want(200)

	// An installation without a scanner hands a unit over.
	other := start(t, "", setup{})
	other.post("/v1/business-units", map[string]any{"name": "buying"}).want(201)
	for name, file := range map[string][]byte{"good.pdf": textPDF("A good one"), "bad.pdf": infected} {
		other.upload(name, file, map[string]string{"business_unit": "buying", "title": name}).want(201)
	}
	_, archive := other.exported("buying")
	s.post("/v1/business-units", map[string]any{"name": "buying"}).want(201)
	got, rows := s.imported("buying", archive)
	if got.Made != 1 || got.Failed != 1 || len(rows) != 2 || rows[0].Code+rows[1].Code != "malware_found" {
		t.Errorf("%+v %+v", got, rows)
	}
}
