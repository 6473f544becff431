package e2e

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/paraph/paraph/internal/cli"
	"github.com/paraph/paraph/internal/demodata"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/server"
	"github.com/paraph/paraph/internal/testneed"
	"github.com/paraph/paraph/pades"
	"github.com/paraph/paraph/pades/trust"
)

// wayOfAnOrder is everything the log says about a document that two people
// approve and two sign, in order.
var wayOfAnOrder = []string{
	"document.created", "operation.started", "document.captured", "operation.succeeded",
	"document.submitted", "document.in_review", "task.opened", "task.decided", "task.opened", "task.decided", "document.approved",
	"envelope.created", "envelope.sent",
	"envelope.delivered", "envelope.viewed", "envelope.consented", "envelope.signed", "envelope.sent",
	"envelope.delivered", "envelope.viewed", "envelope.consented", "envelope.signed",
	"operation.started", "document.signed", "envelope.completed", "operation.succeeded",
	"operation.started", "document.archived", "operation.succeeded",
}

// TestMainJob takes a document the whole way: once with its own text, once
// scanned, so that it has to be recognised.
func TestMainJob(t *testing.T) {
	for name, content := range map[string]func(t *testing.T) []byte{
		"text": func(*testing.T) []byte { return textPDF("Purchase order PO-2026-0417", "Terms of delivery") },
		"scan": func(t *testing.T) []byte {
			testneed.Command(t, "tesseract")
			return demodata.PurchaseOrder()
		},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, setup{}, func(t *testing.T, s *stack) {
				s.caller = s.in(t)
				defer took(t, "the main job")()
				mainJob(t, s, content(t))
			})
		})
	}
}

func mainJob(t *testing.T, s *stack, file []byte) {
	var up uploaded
	s.upload("order.pdf", file, map[string]string{"title": "Order"}).want(http.StatusCreated).into(&up)
	id := up.Document.ID
	if original := s.get("/v1/documents/" + id + "/versions/1/content").want(200); !bytes.Equal(original.body, file) {
		t.Error("the original is not what was uploaded")
	}
	ada := s.client("ada@example.com", []string{}, "tasks:read", "tasks:decide")
	bo := s.client("bo@example.com", []string{}, "tasks:read", "tasks:decide")
	a := s.submit(id, nil, "ada@example.com", "bo@example.com")
	bo.post("/v1/tasks/"+a.Tasks[1].ID+"/decision", map[string]any{"outcome": "approve"}).problem(409, "task_not_open")
	ada.post("/v1/tasks/"+a.Tasks[0].ID+"/decision", map[string]any{"outcome": "approve", "comment": "fine"}).want(200)
	bo.post("/v1/tasks/"+a.Tasks[1].ID+"/decision", map[string]any{"outcome": "approve"}).want(200)
	e := s.envelope(id, person("ben", 1), person("cleo", 2))
	s.post("/v1/envelopes/"+e.ID+"/recipients/"+e.Recipients[1].ID+"/links", nil).problem(409, "not_your_turn")
	s.open(s.link(e.ID, e.Recipients[0].ID)).steps().draws().sign()
	s.open(s.link(e.ID, e.Recipients[1].ID)).steps().sign()
	s.until(id, "document.archived")
	all := s.settledAll(id, len(wayOfAnOrder))
	if got := kinds(all); !slices.Equal(got, wayOfAnOrder) {
		t.Errorf("the log says\n  %s, want\n  %s", strings.Join(got, " "), strings.Join(wayOfAnOrder, " "))
	}
	for i, one := range all {
		if one.Seq != int64(i+1) {
			t.Errorf("event %d is numbered %d", i+1, one.Seq)
		}
	}
	vkey, ca := s.get("/.well-known/paraph/log.vkey").want(200).body, s.get("/.well-known/paraph/ca.pem").want(200).body
	checkProofs(t, s, all, string(vkey))
	checkSealed(t, s, id, ca)
	checkAttached(t, s, id, e.ID, string(vkey))
	checkPackage(t, s, id, ca, vkey)
	checkFound(t, s, id)
	checkAudit(t, s)
	checkMetrics(t, s)
}

// settledAll follows the events until there are n of them: the last ones are
// numbered right after the one that was waited for.
func (s *stack) settledAll(id string, n int) []event {
	s.t.Helper()
	for range 10 {
		if all := s.events(id); len(all) >= n {
			return all
		}
		var page events
		s.get("/v1/events?wait=1&latest=true&document_id=" + id).want(200).into(&page)
	}
	return s.events(id)
}

func checkProofs(t *testing.T, s *stack, all []event, vkey string) {
	t.Helper()
	verifier, err := journal.NewVerifier(strings.TrimSpace(vkey))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		var p struct {
			Leaf  []byte
			Proof string
		}
		s.get("/v1/events/"+e.ID+"/proof", "Accept", "application/json").want(200).into(&p)
		if _, err := journal.VerifyProof([]byte(p.Proof), verifier, p.Leaf); err != nil {
			t.Errorf("%s: %v", e.Type, err)
		}
		p.Leaf[len(p.Leaf)/2] ^= 1
		if _, err := journal.VerifyProof([]byte(p.Proof), verifier, p.Leaf); err == nil {
			t.Errorf("%s: a changed leaf verifies", e.Type)
		}
	}
}

// checkSealed fetches the sealed PDF and verifies it, and changed copies of it.
func checkSealed(t *testing.T, s *stack, id string, ca []byte) {
	t.Helper()
	res := s.get("/v1/documents/" + id + "/content").want(200)
	var versions list[version]
	s.get("/v1/documents/" + id + "/versions").want(200).into(&versions)
	last := versions.Items[len(versions.Items)-1]
	if sum := sha256.Sum256(res.body); last.Kind != "sealed" || last.SHA256 != hex.EncodeToString(sum[:]) {
		t.Errorf("the current version is %+v", last)
	}
	roots, err := trust.PEM("ca.pem", ca)
	if err != nil {
		t.Fatal(err)
	}
	opts := pades.VerifyOptions{Trust: roots, Policy: pades.Sealed}
	report, err := pades.Verify(t.Context(), bytes.NewReader(res.body), int64(len(res.body)), opts)
	if err != nil || report.Verdict != pades.Valid {
		t.Fatalf("the sealed PDF is not valid: %v %+v", err, report)
	}
	for _, at := range []int{100, len(res.body) / 3, len(res.body) / 2, len(res.body) - 20} {
		spoilt := bytes.Clone(res.body)
		spoilt[at] ^= 1
		report, err := pades.Verify(t.Context(), bytes.NewReader(spoilt), int64(len(spoilt)), opts)
		if err == nil && report.Verdict == pades.Valid {
			t.Errorf("with byte %d changed it is still valid", at)
		}
	}
}

// checkAttached takes the attachments out of the sealed PDF by a foreign program:
// the evidence, and of the log what concerns the envelope, each entry proved.
func checkAttached(t *testing.T, s *stack, id, envelope, vkey string) {
	t.Helper()
	dir := t.TempDir()
	sealed := filepath.Join(dir, "sealed.pdf")
	if err := os.WriteFile(sealed, s.get("/v1/documents/"+id+"/content").want(200).body, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(testneed.Command(t, "pdfdetach"), "-saveall", "-o", dir, sealed).CombinedOutput(); err != nil {
		t.Fatalf("pdfdetach: %v: %s", err, out)
	}
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Error(err)
		}
		return b
	}
	var ev struct {
		Envelope string `json:"envelope_id"`
	}
	if err := json.Unmarshal(read("evidence.json"), &ev); err != nil || ev.Envelope != envelope {
		t.Errorf("the evidence is about %q, %v", ev.Envelope, err)
	}
	verifier, err := journal.NewVerifier(strings.TrimSpace(vkey))
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.Split(bytes.TrimSpace(read("events.jsonl")), []byte("\n"))
	if len(lines) < 5 {
		t.Errorf("only %d entries are attached", len(lines))
	}
	for _, line := range lines {
		entry, err := journal.ParseDisclosed(line)
		if err != nil {
			t.Fatal(err)
		}
		if entry.Document == nil || entry.Document.SubjectID != envelope {
			t.Errorf("%s does not concern the envelope, and goes to all who signed", entry.Kind)
		}
		leaf, err := entry.Leaf()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := journal.VerifyProof(read(entry.ID+".tlog-proof"), verifier, leaf); err != nil {
			t.Errorf("%s: %v", entry.Kind, err)
		}
	}
}

// checkPackage verifies the archive package as anyone can, by the command line.
func checkPackage(t *testing.T, s *stack, id string, ca, vkey []byte) {
	t.Helper()
	var records list[struct{ ID string }]
	s.get("/v1/archive-records?document_id=" + id).want(200).into(&records)
	if len(records.Items) != 1 {
		t.Fatalf("there are %d archive records", len(records.Items))
	}
	pack := s.get("/v1/archive-records/" + records.Items[0].ID + "/package").want(200).body
	dir := t.TempDir()
	path := func(name string, content []byte) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	flags := []string{"paraph", "verify", "--ca", path("ca.pem", ca), "--log-key", path("log.vkey", vkey)}
	if code, out := paraph(append(flags, path("package.zip", pack))...); code != 0 {
		t.Errorf("paraph verify answered %d: %s", code, out)
	}
	spoilt := bytes.Clone(pack)
	spoilt[len(spoilt)/2] ^= 1
	if code, _ := paraph(append(flags, path("spoilt.zip", spoilt))...); code == 0 {
		t.Error("paraph verify takes a changed package")
	}
}

// paraph runs a command line in this process.
func paraph(args ...string) (int, string) {
	var out bytes.Buffer
	code := cli.Run(args, strings.NewReader(""), &out, &out, func(string) string { return "" })
	return code, out.String()
}

// checkFound looks for the document by its text, now that it is sealed: in all
// documents, and on its own pages.
func checkFound(t *testing.T, s *stack, id string) {
	t.Helper()
	var page struct{ Words []struct{ Text string } }
	s.get("/v1/documents/" + id + "/pages/1").want(200).into(&page)
	word := ""
	for _, w := range page.Words {
		if len(w.Text) > len(word) {
			word = w.Text
		}
	}
	for _, path := range []string{"/v1/search", "/v1/documents/" + id + "/search"} {
		var hits list[struct {
			DocumentID string `json:"document_id"`
			Page       int
		}]
		s.get(path + "?q=" + url.QueryEscape(word)).want(200).into(&hits)
		if len(hits.Items) == 0 || hits.Items[0].DocumentID != id || hits.Items[0].Page != 1 {
			t.Errorf("%s finds %q in %+v", path, word, hits.Items)
		}
	}
}

func checkAudit(t *testing.T, s *stack) {
	t.Helper()
	report, err := server.Audit(context.WithoutCancel(t.Context()), s.conf, "", nil)
	if err != nil || !report.Sound || report.Entries == 0 {
		t.Errorf("the audit: %+v %v", report, err)
	}
}

// checkMetrics reads what the job has moved.
func checkMetrics(t *testing.T, s *stack) {
	t.Helper()
	text := string(s.get("/metrics").want(200).body)
	for _, pattern := range []string{
		`paraph_time_to_ocr_seconds_count\{document_type="document"\}`,
		`paraph_time_to_sign_seconds_count\{document_type="document"\}`,
		`paraph_approvals_decided_total\{outcome="approved"\}`,
		`paraph_http_request_seconds\{method="POST",route="/v1/documents",quantile="0.95"\}`,
		`paraph_http_responses_total\{method="POST",route="/v1/documents",status="201"\}`,
		`paraph_processing_seconds_count\{document_type="[a-z]*",step="sign"\}`,
		`paraph_log_size`,
		`paraph_documents\{state="archived"\}`,
	} {
		m := regexp.MustCompile(`(?m)^` + pattern + ` (\S+)$`).FindStringSubmatch(text)
		if m == nil {
			t.Errorf("no metric %s", pattern)
			continue
		}
		if v, err := strconv.ParseFloat(m[1], 64); err != nil || !(v > 0) {
			t.Errorf("%s is %s", pattern, m[1])
		}
	}
}
