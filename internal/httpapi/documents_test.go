package httpapi

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/blob"
	"github.com/paraph/paraph/internal/service"
)

// clientFrom makes the domain's client of the API's.
func clientFrom(c ClientSecret) access.OAuthClient {
	return access.OAuthClient{ID: c.Client.ID, Principal: c.Client.Principal}
}

var created = []string{"document.created", "operation.started"}
var readWell = append(created[:2:2], "document.captured", "operation.succeeded")

func TestUploadAsForm(t *testing.T) {
	onBoth(t, func(s *stack) {
		res := s.admin.upload(`C:\scans\Order 4711.pdf`, []byte("%PDF-1.7"), map[string]string{
			"external_id": "PO-4711", "labels": `{"cost_centre":"4711"}`, "metadata": `{"amount": 12345,  "currency":"EUR"}`,
		}).want(http.StatusAccepted)
		var up Uploaded
		res.into(&up)
		if up.Document.Title != "Order 4711" || up.Document.State != "draft" || up.Document.ExternalID != "PO-4711" || up.Document.Labels["cost_centre"] != "4711" ||
			up.Operation.State != "pending" || up.Version.SHA256 == "" || up.Version.Kind != "original" {
			t.Errorf("uploaded %+v", up)
		}
		if res.header.Get("Location") != "/v1/operations/"+up.Operation.ID {
			t.Errorf("Location %q", res.header.Get("Location"))
		}
		if !strings.Contains(string(res.body), `"metadata":{"amount":12345,"currency":"EUR"}`) {
			t.Errorf("metadata changed: %s", res.body)
		}
		s.caused(up.Document.ID, created...)
	})
}

func TestUploadAsJSONPartAndRaw(t *testing.T) {
	onBoth(t, func(s *stack) {
		d := s.admin.upload("a.pdf", []byte("%PDF"), map[string]string{"document": `{"title":"Named","labels":{"a":"b"}}`}).want(http.StatusAccepted).document()
		if d.Title != "Named" || d.Labels["a"] != "b" {
			t.Errorf("JSON part: %+v", d)
		}
		res := s.admin.send(http.MethodPost, "/v1/documents?label[a]=c&metadata=%7B%22n%22:1%7D", strings.NewReader("%PDF raw"),
			"Content-Type", "application/pdf", "Content-Disposition", `attachment; filename="raw file.pdf"`).want(http.StatusAccepted)
		if d := res.document(); d.Title != "raw file" || d.Labels["a"] != "c" || string(d.Metadata) != `{"n":1}` {
			t.Errorf("raw: %+v", d)
		}
	})
}

func TestUploadFaults(t *testing.T) {
	onBoth(t, func(s *stack) {
		pdf := []byte("%PDF")
		for name, c := range map[string]struct {
			res      *answer
			status   int
			code     string
			pointers []string
		}{
			"everything wrong at once": {s.admin.upload("a.pdf", pdf, map[string]string{"document_type": "No Slug", "business_unit": "nowhere", "metadata": "[1]"}), 422, "invalid_document", []string{"/document_type", "/business_unit", "/metadata"}},
			"unknown fields":           {s.admin.upload("a.pdf", pdf, map[string]string{"titel": "x", "tags": "y", "labels": "{"}), 422, "invalid_request", []string{"/titel", "/tags", "/labels"}},
			"unknown member":           {s.admin.upload("a.pdf", pdf, map[string]string{"document": `{"titel":"x"}`}), 422, "invalid_request", []string{"/document/titel"}},
			"empty":                    {s.admin.upload("a.pdf", nil, nil), 422, "empty_file", nil},
			"json":                     {s.admin.post("/v1/documents", `{}`), 415, "unsupported_media_type", nil},
			"no key":                   {s.admin.upload("a.pdf", pdf, nil, "Idempotency-Key", ""), 422, "idempotency_key_required", []string{"header/Idempotency-Key"}},
			"bad key":                  {s.admin.upload("a.pdf", pdf, nil, "Idempotency-Key", "a b"), 422, "invalid_request", []string{"header/Idempotency-Key"}},
			"unknown parameter":        {s.admin.send("POST", "/v1/documents?titel=x", bytes.NewReader(pdf), "Content-Type", "application/pdf"), 422, "invalid_request", []string{"query/titel"}},
			"no file part":             {s.admin.send("POST", "/v1/documents", strings.NewReader("--x\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\na\r\n--x--\r\n"), "Content-Type", "multipart/form-data; boundary=x"), 422, "invalid_request", []string{"/file"}},
			"file not last":            {s.admin.send("POST", "/v1/documents", strings.NewReader("--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nabc\r\n--x\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\na\r\n--x--\r\n"), "Content-Type", "multipart/form-data; boundary=x"), 422, "invalid_request", []string{"/title"}},
			"form cut off":             {s.admin.send("POST", "/v1/documents", strings.NewReader("--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nabc"), "Content-Type", "multipart/form-data; boundary=x"), 400, "body_incomplete", nil},
			"no boundary":              {s.admin.send("POST", "/v1/documents", strings.NewReader("x"), "Content-Type", "multipart/form-data"), 422, "invalid_request", []string{"header/Content-Type"}},
			"too large":                {s.admin.upload("a.pdf", make([]byte, 2000), nil), 413, "file_too_large", nil},
			"too large raw":            {s.admin.send("POST", "/v1/documents", bytes.NewReader(make([]byte, 2000)), "Content-Type", "application/pdf"), 413, "file_too_large", nil},
		} {
			t.Log(name)
			c.res.problem(c.status, c.code, c.pointers...)
		}
		var list Page[Document]
		s.admin.get("/v1/documents").want(200).into(&list)
		if len(list.Items) != 0 {
			t.Errorf("a refused upload left %d documents", len(list.Items))
		}
		s.noObjects()
	}, func(c *Config) { c.MaxUpload = 1000 })
}

// noObjects checks that no file was kept.
func (s *stack) noObjects() {
	s.t.Helper()
	n := 0
	err := s.objects.List(s.t.Context(), "", func(blob.Info) error { n++; return nil })
	if err != nil || n != 0 {
		s.t.Errorf("%d files were kept, %v", n, err)
	}
}

// TestUploadThatBreaksOff sends half a body and goes away.
func TestUploadThatBreaksOff(t *testing.T) {
	onBoth(t, func(s *stack) {
		conn, err := net.Dial("tcp", s.server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "POST /v1/documents HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nIdempotency-Key: half\r\nContent-Type: application/pdf\r\nContent-Length: 100000\r\n\r\n%s", s.admin.token, strings.Repeat("a", 5000))
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(conn)
		if err != nil || !bytes.HasPrefix(raw, []byte("HTTP/1.1 400 ")) || !bytes.Contains(raw, []byte(`"code":"body_incomplete"`)) {
			t.Errorf("half a body: %v %s", err, raw)
		}
		s.noObjects()
		s.admin.send("POST", "/v1/documents", strings.NewReader("whole"), "Content-Type", "application/pdf", "Idempotency-Key", "half").want(202)
	})
}

func TestUploadRepeated(t *testing.T) {
	onBoth(t, func(s *stack) {
		again := func(content, title string) *answer {
			return s.admin.upload("a.pdf", []byte(content), map[string]string{"title": title}, "Idempotency-Key", "k1")
		}
		first := again("one", "T").want(202)
		second := again("one", "T").want(202)
		if second.header.Get("Idempotency-Replayed") != "true" || first.header.Get("Idempotency-Replayed") != "" || first.document().ID != second.document().ID {
			t.Errorf("not replayed: %v\n%s\n%s", second.header, first.body, second.body)
		}
		if string(second.document().Metadata) != "{}" || string(first.document().Metadata) != "{}" {
			t.Errorf("metadata that was never sent: first %s, replayed %s", first.document().Metadata, second.document().Metadata)
		}
		again("two", "T").problem(409, "idempotency_key_reused")
		again("one", "U").problem(409, "idempotency_key_reused")
		s.caused(first.document().ID, created...)
	})
}

// TestPreferWait: the caller waits for the capture and hears of its end at once.
func TestPreferWait(t *testing.T) {
	onBoth(t, func(s *stack) {
		var up Uploaded
		s.admin.upload("a.pdf", []byte("%PDF"), nil).want(202).into(&up)
		got := make(chan *answer)
		go func() { got <- s.admin.get("/v1/operations/"+up.Operation.ID, "Prefer", "respond-async, wait=60") }()
		s.captured(up, "word")
		res := (<-got).want(200)
		var op Operation
		res.into(&op)
		if op.State != "succeeded" || res.header.Get("Preference-Applied") != "wait=60" {
			t.Errorf("%+v %v", op, res.header)
		}
		s.caused(up.Document.ID, readWell...)
	})
}

func TestUploadAwaited(t *testing.T) {
	onBoth(t, func(s *stack) {
		wake, cancel := s.store.Subscribe(service.TopicEntries)
		defer cancel()
		got := make(chan *answer)
		go func() { got <- s.admin.upload("a.pdf", []byte("%PDF"), nil, "Prefer", "wait=60") }()
		var list Page[Operation]
		for len(list.Items) == 0 {
			<-wake
			s.admin.get("/v1/operations").want(200).into(&list)
		}
		op := list.Items[0]
		s.captured(Uploaded{Document: Document{ID: op.DocumentID, BusinessUnit: "general"}, Version: Version{Number: 1}, Operation: op}, "word")
		res := (<-got).want(http.StatusCreated)
		if d := res.document(); d.CurrentVersion != 2 || d.Pages != 1 || d.Processing.Status != "done" {
			t.Errorf("%+v", d)
		}
	})
}

func TestListDocuments(t *testing.T) {
	onBoth(t, func(s *stack) {
		var ids []string
		for i := range 5 {
			s.clock.Advance(time.Minute)
			ids = append(ids, s.admin.upload("a.pdf", []byte("x"), map[string]string{"external_id": fmt.Sprint(i), "labels": fmt.Sprintf(`{"odd":"%d","k.v":"x"}`, i%2)}).want(202).document().ID)
		}
		list := func(query string) (out Page[Document]) {
			t.Helper()
			s.admin.get("/v1/documents?" + query).want(200).into(&out)
			return out
		}
		first := list("limit=2")
		second := list("limit=2&after=" + first.Next)
		third := list("limit=2&after=" + second.Next)
		if first.Items[0].ID != ids[4] || len(third.Items) != 1 || third.Next != "" || third.Items[0].ID != ids[0] {
			t.Errorf("pages %+v %+v", first, third)
		}
		for query, want := range map[string]int{
			"label[odd]=1": 2, "label[k.v]=x": 5, "label[odd]=1&label[k.v]=y": 0, "external_id=3": 1, "state=draft,voided": 5, "state=signed": 0,
			"created_by=" + s.admin.principal: 5, "document_type=document": 5, "approver=x": 0, "business_unit=general": 5,
			"created_after=2026-03-04T05:09:00Z": 3, "created_before=2026-03-04T05:09:00Z": 2,
		} {
			if got := len(list(query).Items); got != want {
				t.Errorf("%s: %d, want %d", query, got, want)
			}
		}
		s.admin.get("/v1/documents?state=lost&limit=0&created_after=yesterday").problem(422, "invalid_request", "query/state[0]", "query/limit", "query/created_after")
	})
}

func TestContent(t *testing.T) {
	onBoth(t, func(s *stack) {
		content := []byte(strings.Repeat("0123456789", 100_000))
		var up Uploaded
		s.admin.upload("räksmörgås \"<x>.pdf", content, nil).want(202).into(&up)
		path := "/v1/documents/" + up.Document.ID
		s.admin.get(path+"/content").problem(409, "document_processing")
		res := s.admin.get(path + "/versions/1/content").want(200)
		sum := sha256.Sum256(content)
		if !bytes.Equal(res.body, content) {
			t.Error("other bytes came back")
		}
		for name, want := range map[string]string{
			"Etag": `"` + hex.EncodeToString(sum[:]) + `"`, "Repr-Digest": "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":",
			"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; sandbox", "Content-Type": "application/octet-stream",
			"Accept-Ranges": "bytes", "Content-Length": "1000000",
		} {
			if got := res.header.Get(name); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
		if d := res.header.Get("Content-Disposition"); !strings.HasPrefix(d, "attachment;") || strings.ContainsAny(d, "<>") {
			t.Errorf("Content-Disposition %q", d)
		}
		part := s.admin.get(path+"/versions/1/content", "Range", "bytes=500005-500009").want(http.StatusPartialContent)
		if string(part.body) != "56789" {
			t.Errorf("range %q", part.body)
		}
		s.admin.get(path+"/versions/1/content", "Range", "pages=1-2").want(http.StatusOK)
		s.admin.get(path+"/versions/1/content", "If-None-Match", res.header.Get("Etag")).want(http.StatusNotModified)
		s.admin.get(path+"/versions/1/content", "Range", "bytes=2000000-").problem(416, "range_not_satisfiable")
		s.admin.get(path+"/versions/9/content").problem(404, "not_found")
		s.captured(up, "Total")
		if res := s.admin.get(path + "/content").want(200); res.header.Get("Content-Type") != "application/pdf" {
			t.Errorf("current version: %v", res.header)
		}
	})
}

func TestEditVoidRecall(t *testing.T) {
	onBoth(t, func(s *stack) {
		d := s.admin.draft(map[string]string{"title": "Old", "metadata": `{"a":1}`})
		path := "/v1/documents/" + d.ID
		edited := s.admin.json("PATCH", path, `{"title":"New","labels":{"x":"y"}}`).want(200).document()
		if edited.Title != "New" || string(edited.Metadata) != `{"a":1}` || edited.Labels["x"] != "y" {
			t.Errorf("%+v", edited)
		}
		s.admin.json("PATCH", path, `{"titel":"x","labels":{"a":1},"metadata":[]}`).problem(422, "invalid_request", "/titel", "/labels/a", "/metadata")
		s.admin.json("PATCH", path, `{"title":`).problem(400, "malformed_body")
		s.admin.post("/v1/approvals", canonical(d.ID, "mgr@example.com")).want(201)
		s.admin.json("PATCH", path, `{"title":"Newer"}`).problem(409, "document_not_draft")
		s.admin.post(path+"/recall", `{"reason":"a slip"}`).want(200)
		voided := s.admin.post(path+"/void", nil).want(200).document()
		if voided.State != "voided" {
			t.Errorf("%+v", voided)
		}
		s.admin.post(path+"/void", nil).problem(409, "action_not_allowed")
		s.caused(d.ID, append(readWell[:4:4], "document.metadata_changed", "document.submitted", "document.in_review", "task.opened", "task.cancelled", "document.returned", "document.voided")...)
	})
}

func TestReplaceFile(t *testing.T) {
	onBoth(t, func(s *stack) {
		d := s.admin.draft(nil)
		body, media := form(t, "b.pdf", []byte("corrected"), nil)
		var up Uploaded
		s.admin.send("POST", "/v1/documents/"+d.ID+"/versions", bytes.NewReader(body), "Content-Type", media).want(202).into(&up)
		if up.Version.Number != 3 || up.Document.CurrentVersion != 0 {
			t.Errorf("%+v", up)
		}
		body, media = form(t, "b.pdf", []byte("corrected"), map[string]string{"title": "x"})
		s.admin.send("POST", "/v1/documents/"+d.ID+"/versions", bytes.NewReader(body), "Content-Type", media).problem(422, "invalid_request", "/title")
		var list Items[Version]
		s.admin.get("/v1/documents/" + d.ID + "/versions").want(200).into(&list)
		if len(list.Items) != 3 {
			t.Errorf("%+v", list)
		}
		s.caused(d.ID, append(readWell[:4:4], "document.version_added", "operation.started")...)
	})
}

func TestPagesAndSearch(t *testing.T) {
	onBoth(t, func(s *stack) {
		d := s.admin.draft(nil)
		path := "/v1/documents/" + d.ID
		var pages Items[DocumentPage]
		s.admin.get(path + "/pages").want(200).into(&pages)
		if len(pages.Items) != 1 || pages.Items[0].WordCount != 4 || pages.Items[0].Words != nil {
			t.Errorf("%+v", pages)
		}
		var page DocumentPage
		s.admin.get(path + "/pages/1").want(200).into(&page)
		if len(page.Words) != 4 || page.Words[3].Text != "123.45" || page.Words[3].X != 120 {
			t.Errorf("%+v", page)
		}
		if text := s.admin.get(path + "/pages/1?format=text").want(200); string(text.body) != "Purchase order Total 123.45\n" {
			t.Errorf("%q", text.body)
		}
		s.admin.get(path+"/pages/2").problem(404, "not_found")
		s.admin.get(path+"/pages/0").problem(422, "invalid_request", "path/number")
		for _, where := range []string{path + "/search", "/v1/search"} {
			var hits Items[Hit]
			s.admin.get(where + "?q=TOTAL%20123").want(200).into(&hits)
			if len(hits.Items) != 1 || len(hits.Items[0].Words) != 2 || hits.Items[0].Page != 1 {
				t.Errorf("%s: %+v", where, hits)
			}
		}
		s.admin.get("/v1/search").problem(422, "invalid_request", "query/q")
		s.admin.get("/v1/search?q=%20").problem(422, "empty_query", "query/q")
	})
}
