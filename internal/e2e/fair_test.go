package e2e

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/config"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/testneed"
)

// timed is an operation with the times of its end.
type timed struct {
	ID         string
	State      string
	Attempts   int
	DocumentID string    `json:"document_id"`
	CreatedAt  time.Time `json:"created_at"`
	EndedAt    time.Time `json:"ended_at"`
	Progress   struct{ Done, Total int }
}

// operations lists all operations of the organisation.
func (s *stack) operations() (all []timed) {
	s.t.Helper()
	after := ""
	for {
		var page list[timed]
		s.get("/v1/operations?limit=100" + after).want(200).into(&page)
		all = append(all, page.Items...)
		if page.Next == "" {
			return all
		}
		after = "&after=" + page.Next
	}
}

// drop uploads a PDF for a unit and does not wait.
func (s *stack) drop(unit string, file []byte) uploaded {
	s.t.Helper()
	var up uploaded
	s.send(http.MethodPost, "/v1/documents?business_unit="+unit, bytes.NewReader(file), "Content-Type", "application/pdf").want(202).into(&up)
	return up
}

// TestAFloodDelaysOthersByABoundedShare: while one unit's hundreds of documents
// wait, the one of another unit is read after a handful of them.
func TestAFloodDelaysOthersByABoundedShare(t *testing.T) {
	flood := 500
	if testing.Short() {
		flood = 150
	}
	each(t, setup{conf: func(c *config.Config) { c.Workers = 1; c.ShutdownTimeout = time.Second }}, func(t *testing.T, s *stack) {
		s.caller = s.in(t)
		for _, unit := range []string{"flooding", "quiet"} {
			s.post("/v1/business-units", map[string]any{"name": unit}).want(http.StatusCreated)
		}
		file := textPDF("Delivery note")
		inParallel(t, flood, func(int) { s.drop("flooding", file) })
		one := s.drop("quiet", file)
		s.until(one.Document.ID, "document.captured")
		all := s.operations()
		var mine timed
		for _, op := range all {
			if op.ID == one.Operation.ID {
				mine = op
			}
		}
		before, left := 0, 0
		for _, op := range all {
			if op.State != "succeeded" {
				left++
			} else if op.ID != mine.ID && op.EndedAt.After(mine.CreatedAt) && !op.EndedAt.After(mine.EndedAt) {
				before++
			}
		}
		// Two places are taken when it comes, and the turns go one to one.
		if before > 6 {
			t.Errorf("%d documents of the flood went before it", before)
		}
		if left < flood/10 {
			t.Errorf("only %d of %d were left: there was no flood", left, flood)
		}
		t.Logf("%d of %d went before the one, %d were left", before, flood, left)
	})
}

// fakeOCR writes a text recogniser that finds one word at once, and notes each
// call as a line in a log. While the gate is there it takes no more than so many calls.
func fakeOCR(t *testing.T, dir, gate string, calls int) (log string) {
	t.Helper()
	log = filepath.Join(dir, "calls")
	script := fmt.Sprintf(`#!/bin/sh
case "$1" in
--version) echo "tesseract 5.3.0" ;;
--list-langs) echo "List of languages"; echo eng ;;
*)
  cat > /dev/null
  while [ -e %[2]s ] && [ "$(wc -l < %[1]s)" -ge %[3]d ]; do sleep 0.05; done
  echo call >> %[1]s
  printf 'level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\theight\tconf\ttext\n'
  printf '4\t1\t1\t1\t1\t0\t10\t10\t60\t20\t-1\t\n5\t1\t1\t1\t1\t1\t10\t10\t60\t20\t96.5\tword\n' ;;
esac
`, log, gate, calls)
	for name, content := range map[string]string{log: "", filepath.Join(dir, "tesseract"): script} {
		if err := os.WriteFile(name, []byte(content), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return log
}

func calls(t *testing.T, log string) int {
	t.Helper()
	raw, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(raw), "\n")
}

// scanPDF makes a PDF of so many small pages with too little text to go by.
func scanPDF(pages int) []byte {
	return drawnPDF("0 0 200 100", slices.Repeat([]string{"BT /F1 24 Tf 20 40 Td (ABC) Tj ET"}, pages)...)
}

// TestALongDocumentLetsShortOnesPass: documents of one page are read while long
// ones are that take up every place: pages go in turns, and a long document
// gives its place up now and then. None of its pages is read twice for that.
func TestALongDocumentLetsShortOnesPass(t *testing.T) {
	const pages = 60
	t.Parallel()
	dir := t.TempDir()
	log := fakeOCR(t, dir, filepath.Join(dir, "no gate"), 0)
	s := start(t, "", setup{turn: 4, conf: func(c *config.Config) { c.Workers = 1 }, ocr: filepath.Join(dir, "tesseract")})
	s.upload("a.pdf", scanPDF(1), nil).want(http.StatusCreated)
	each := calls(t, log) // for one page
	var long []uploaded
	for range 3 { // there are two places
		long = append(long, s.drop("general", scanPDF(pages)))
	}
	s.progress(long[0].Operation.ID, 1)
	for range 3 {
		var up uploaded
		s.upload("letter.pdf", scanPDF(1), nil).want(http.StatusCreated).into(&up)
		if up.Operation.State != "succeeded" {
			t.Fatalf("a letter was not read: %+v", up)
		}
	}
	if n := calls(t, log); n >= 3*pages*each {
		t.Errorf("%d calls were made before three letters were read", n)
	}
	for _, up := range long {
		s.until(up.Document.ID, "document.captured")
	}
	if n, want := calls(t, log), (3*pages+4)*each; n != want {
		t.Errorf("%d calls were made instead of %d", n, want)
	}
	if op := s.operation(long[0].Operation.ID); op.Attempts < 3 {
		t.Errorf("the long document had %d turns", op.Attempts)
	}
	s.noneKept()
}

func (s *stack) operation(id string) (op timed) {
	s.t.Helper()
	s.get("/v1/operations/" + id).want(200).into(&op)
	return op
}

// progress waits until so many pages of an operation are read.
func (s *stack) progress(id string, pages int) {
	s.t.Helper()
	for range 60 {
		var op timed
		s.get("/v1/operations/"+id, "Prefer", "wait=1").want(200).into(&op)
		if op.Progress.Done >= pages {
			return
		}
	}
	s.t.Fatalf("operation %s never read %d pages", id, pages)
}

// noneKept checks that no page is kept for an operation that has ended.
func (s *stack) noneKept() {
	s.t.Helper()
	for _, op := range s.operations() {
		s.read(func(ctx context.Context, tx service.Reader) error {
			kept, err := tx.KeptPages(ctx, s.server.Admin.Client.Org, op.ID)
			if len(kept) > 0 {
				s.t.Errorf("operation %s has ended, and keeps %d pages", op.ID, len(kept))
			}
			return err
		})
	}
}

// TestAKilledCaptureGoesOnWhereItWas: the server is killed in the middle of a
// long document. Started again, it reads the pages that are missing, no others.
func TestAKilledCaptureGoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	testneed.Command(t, "go")
	const pages, until = 24, 12
	dir, data := t.TempDir(), t.TempDir()
	gate := filepath.Join(dir, "gate")
	log := fakeOCR(t, dir, gate, 0)
	path := "PATH=" + dir + ":" + os.Getenv("PATH")
	p := serve(t, data, path, "PARAPH_WORKERS=2")
	c := login(t, &http.Client{}, p.said.URL, p.said.ID, p.said.Secret)
	s := &stack{http: c.http, url: c.url, caller: c}
	s.upload("a.pdf", scanPDF(1), nil).want(http.StatusCreated)
	each := calls(t, log)
	fakeOCR(t, dir, gate, until*each)
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	up := s.drop("general", scanPDF(pages))
	s.progress(up.Operation.ID, until-2)
	p.kill()
	if err := os.Remove(gate); err != nil {
		t.Fatal(err)
	}
	again := serve(t, data, path)
	s.caller = login(t, &http.Client{}, again.said.URL, p.said.ID, p.said.Secret)
	s.until(up.Document.ID, "document.captured")
	if n := calls(t, log); n < pages*each || n > (pages+4)*each {
		t.Errorf("%d calls for %d pages of %d each, with one kill after %d pages", n, pages, each, until)
	}
	var shown struct {
		Items []struct{ Number, WordCount int }
	}
	s.get("/v1/documents/" + up.Document.ID + "/pages").want(200).into(&shown)
	if len(shown.Items) != pages {
		t.Errorf("the document has %d pages", len(shown.Items))
	}
}
