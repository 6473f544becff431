package e2e

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

// What the tests need of the API's answers.
type (
	uploaded struct {
		Document  doc
		Operation operation
	}
	doc struct {
		ID, State, Title string
		Pages            int
		CurrentVersion   int `json:"current_version"`
		Processing       struct{ Status, Code, Reason string }
	}
	operation struct {
		ID, Kind, State, Code, Reason string
		Attempts                      int
	}
	version struct {
		Number      int
		Kind        string
		SHA256      string
		Pages, Size int
	}
	approval struct {
		ID, State string
		Tasks     []task
	}
	task     struct{ ID, State, Assignee string }
	envelope struct {
		ID, State     string
		SealedVersion int `json:"sealed_version"`
		Recipients    []recipient
	}
	recipient struct {
		ID, Email, State string
		Order, Reminders int
	}
	event struct {
		ID, Type string
		Seq      int64 `json:"documentsequence"`
	}
	events struct {
		Items []event
		Next  string
	}
	list[T any] struct {
		Items []T
		Next  string
	}
)

// textPDF makes a small PDF with a page of real text for each line given.
func textPDF(lines ...string) []byte {
	pages := make([]string, len(lines))
	for i, line := range lines {
		var content strings.Builder
		for j := range 12 {
			fmt.Fprintf(&content, "BT /F1 12 Tf 72 %d Td (%s, line %d of this page, in plain words.) Tj ET\n", 760-20*j, line, j+1)
		}
		pages[i] = content.String()
	}
	return drawnPDF("0 0 595 842", pages...)
}

// drawnPDF makes a PDF with a page of that size for each content given.
func drawnPDF(box string, contents ...string) []byte {
	var b strings.Builder
	offsets := []int{}
	obj := func(format string, args ...any) {
		offsets = append(offsets, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n", len(offsets))
		fmt.Fprintf(&b, format, args...)
		b.WriteString("\nendobj\n")
	}
	b.WriteString("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
	var kids []string
	for i := range contents {
		kids = append(kids, fmt.Sprintf("%d 0 R", 4+2*i))
	}
	obj("<< /Type /Catalog /Pages 2 0 R >>")
	obj("<< /Type /Pages /Kids [%s] /Count %d >>", strings.Join(kids, " "), len(kids))
	obj("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>")
	for i, content := range contents {
		obj("<< /Type /Page /Parent 2 0 R /MediaBox [%s] /Resources << /Font << /F1 3 0 R >> >> /Contents %d 0 R >>", box, 5+2*i)
		obj("<< /Length %d >>\nstream\n%s\nendstream", len(content), content)
	}
	at := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(offsets)+1)
	for _, o := range offsets {
		fmt.Fprintf(&b, "%010d 00000 n \n", o)
	}
	fmt.Fprintf(&b, "trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(offsets)+1, at)
	return []byte(b.String())
}

// draft uploads a text PDF and waits until it is read.
func (c *caller) draft(title string) doc {
	c.t.Helper()
	var up uploaded
	c.upload(title+".pdf", textPDF(title), nil).want(http.StatusCreated).into(&up)
	if up.Operation.State != "succeeded" {
		c.t.Fatalf("%s was not read: %+v", title, up)
	}
	return up.Document
}

// submit hands a document in by the canonical payload.
func (c *caller) submit(id string, policy map[string]any, approvers ...string) approval {
	c.t.Helper()
	body := map[string]any{"document_id": id, "document_type": "document", "initiator": map[string]string{"user_id": "u_42", "email": "ana@example.com"},
		"approvers": append([]string{}, approvers...), "metadata": map[string]any{"amount": 12345}}
	if policy != nil {
		body["policy"] = policy
	}
	var a approval
	c.post("/v1/approvals", body).want(http.StatusCreated).into(&a)
	return a
}

func (c *caller) approved(title string) doc {
	c.t.Helper()
	d := c.draft(title)
	c.submit(d.ID, nil)
	return d
}

func person(name string, order int) map[string]any {
	return map[string]any{"name": strings.ToUpper(name[:1]) + name[1:] + " Example", "email": name + "@example.com", "order": order}
}

func envelopeOf(docID string, people ...map[string]any) map[string]any {
	return map[string]any{"document_id": docID, "send": true, "recipients": people}
}

func (c *caller) envelope(docID string, people ...map[string]any) envelope {
	c.t.Helper()
	var e envelope
	c.post("/v1/envelopes", envelopeOf(docID, people...)).want(http.StatusCreated).into(&e)
	return e
}

func (c *caller) link(envelopeID, recipientID string) string {
	c.t.Helper()
	var l struct{ URL string }
	c.post("/v1/envelopes/"+envelopeID+"/recipients/"+recipientID+"/links", nil).want(http.StatusCreated).into(&l)
	return l.URL
}

func (c *caller) document(id string) (d doc) {
	c.t.Helper()
	c.get("/v1/documents/" + id).want(200).into(&d)
	return d
}

// events lists all events of a document.
func (c *caller) events(docID string) []event {
	c.t.Helper()
	var page events
	c.get("/v1/events?limit=200&document_id=" + docID).want(200).into(&page)
	return page.Items
}

func kinds(all []event) (out []string) {
	for _, e := range all {
		out = append(out, e.Type)
	}
	return out
}

// until follows a document's events by long poll until one of the kind comes.
// The wait is bounded by the number of empty polls, each of up to 30 seconds.
func (c *caller) until(docID, kind string) {
	c.t.Helper()
	after, empty := "", 0
	for empty < 3 {
		var page events
		c.get("/v1/events?limit=200&wait=30&document_id=" + docID + "&after=" + url.QueryEscape(after)).want(200).into(&page)
		for _, e := range page.Items {
			if e.Type == kind {
				return
			}
			if e.Type == "operation.failed" {
				c.t.Fatalf("an operation failed before %s: %+v", kind, c.document(docID))
			}
		}
		if after = page.Next; len(page.Items) == 0 {
			empty++
		}
	}
	c.t.Fatalf("no %s: %v %+v", kind, kinds(c.events(docID)), c.document(docID))
}

// signer is a person with a browser on the signing page.
type signer struct {
	t    testing.TB
	http *http.Client
	link string
	form url.Values
}

const browser = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"

func (s *signer) send(method, path string, form url.Values) (int, []byte) {
	s.t.Helper()
	req, err := http.NewRequest(method, s.link+path, strings.NewReader(form.Encode()))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("User-Agent", browser)
	if method == http.MethodPost {
		req.Header.Set("Accept", "application/json")
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := s.http.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return res.StatusCode, raw
}

var (
	shownDigest   = regexp.MustCompile(`name="document" value="([0-9a-f]{64})"`)
	consentDigest = regexp.MustCompile(`name="consent" value="([0-9a-f]{64})"`)
)

// open opens a link as a browser does and takes the form out of the page.
func (c *caller) open(link string) *signer {
	c.t.Helper()
	s := &signer{t: c.t, http: c.http, link: link}
	status, page := s.send(http.MethodGet, "", nil)
	shown, consent := shownDigest.FindSubmatch(page), consentDigest.FindSubmatch(page)
	if status != http.StatusOK || shown == nil || consent == nil {
		c.t.Fatalf("the signing page answered %d: %s", status, page)
	}
	s.form = url.Values{"document": {string(shown[1])}, "consent": {string(consent[1])}, "zone": {"Europe/Berlin"}, "kind": {"typed"}, "text": {"Ben Example"}}
	return s
}

// steps notes what the page's script notes on the way.
func (s *signer) steps() *signer {
	s.t.Helper()
	if status, body := s.send(http.MethodGet, "/pages/1/image", nil); status != 200 || len(body) == 0 {
		s.t.Fatalf("no picture of the first page: %d", status)
	}
	for _, step := range []string{"/viewed", "/consented"} {
		if status, body := s.send(http.MethodPost, step, nil); status != http.StatusNoContent {
			s.t.Fatalf("%s: %d %s", step, status, body)
		}
	}
	return s
}

func (s *signer) draws() *signer {
	s.form.Set("kind", "drawn")
	s.form.Set("strokes", `{"w":300,"h":100,"s":[[10,80,60,20,110,80,160,20],[20,50,150,55,200,40]]}`)
	return s
}

func (s *signer) sign() {
	s.t.Helper()
	if status, body := s.send(http.MethodPost, "/sign", s.form); status != 200 || !strings.Contains(string(body), `"state":"done"`) {
		s.t.Fatalf("signing answered %d %s", status, body)
	}
}

// took reports how long something took, for the record.
func took(t testing.TB, what string) func() {
	began := time.Now()
	return func() { t.Logf("%s took %s", what, time.Since(began).Round(time.Millisecond)) }
}
