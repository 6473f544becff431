package httpapi

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/blob"
)

// tus sends a request of the tus protocol, without the Idempotency-Key that its clients do not send.
func (c *caller) tus(method, path string, body io.Reader, header ...string) *answer {
	c.t.Helper()
	return c.send(method, path, body, append([]string{"Idempotency-Key", "", "Tus-Resumable", "1.0.0"}, header...)...)
}

func (c *caller) begin(length int, metadata ...string) string {
	c.t.Helper()
	var pairs []string
	for i := 0; i+1 < len(metadata); i += 2 {
		pairs = append(pairs, metadata[i]+" "+base64.StdEncoding.EncodeToString([]byte(metadata[i+1])))
	}
	res := c.tus("POST", tusPath, nil, "Upload-Length", strconv.Itoa(length), "Upload-Metadata", strings.Join(pairs, ",")).want(201)
	if res.header.Get("Upload-Offset") != "0" || res.header.Get("Tus-Resumable") != "1.0.0" || res.header.Get("Upload-Expires") == "" {
		c.t.Fatalf("%v", res.header)
	}
	return res.header.Get("Location")
}

func (c *caller) patch(at string, offset int, body string, header ...string) *answer {
	c.t.Helper()
	return c.tus("PATCH", at, strings.NewReader(body), append([]string{"Content-Type", tusMedia, "Upload-Offset", strconv.Itoa(offset)}, header...)...)
}

func (c *caller) offset(at string) string {
	c.t.Helper()
	return c.tus("HEAD", at, nil).want(200).header.Get("Upload-Offset")
}

// TestTus: a file in pieces becomes one document, by the command of the ordinary upload.
func TestTus(t *testing.T) {
	onBoth(t, func(s *stack) {
		if o := s.admin.send("OPTIONS", tusPath, nil).want(204); o.header.Get("Tus-Version") != "1.0.0" || o.header.Get("Tus-Max-Size") != "1000" {
			t.Errorf("%v", o.header)
		}
		file := "%PDF-1.7 one, two, three"
		at := s.admin.begin(len(file), "filename", "order.pdf", "title", "An order", "external_id", "PO-1", "metadata", `{"total":3}`, "labels", `{"a":"b"}`)
		s.admin.patch(at, 0, file[:9]).want(204)
		s.admin.patch(at, 3, file[9:]).problem(409, "offset_differs")
		if got := s.admin.offset(at); got != "9" {
			t.Fatalf("offset %s", got)
		}
		s.admin.documents()
		last := s.admin.patch(at, 9, file[9:]).want(204)
		docID := last.header.Get("Paraph-Document-Id")
		d := s.admin.get("/v1/documents/" + docID).want(200).document()
		if d.Title != "An order" || d.ExternalID != "PO-1" || d.Labels["a"] != "b" || string(d.Metadata) != `{"total":3}` {
			t.Errorf("%+v", d)
		}
		var versions Items[Version]
		s.admin.get("/v1/documents/" + docID + "/versions").want(200).into(&versions)
		if v := versions.Items[0]; v.SHA256 != sha256Hex(file) || v.FileName != "order.pdf" {
			t.Errorf("%+v", v)
		}
		if got := s.admin.get("/v1/documents/" + docID + "/versions/1/content").want(200); string(got.body) != file {
			t.Errorf("%q", got.body)
		}
		var u Upload
		s.admin.get(at).want(200).into(&u)
		if u.DocumentID != docID || u.OperationID == "" || u.Offset != int64(len(file)) {
			t.Errorf("%+v", u)
		}
		s.admin.patch(at, len(file), "").want(204) // heard nothing of the last answer, and asks again
		if n := s.admin.documents(); n != 1 {
			t.Errorf("%d documents", n)
		}
		s.caused(docID, "document.created", "operation.started")

		corrected := s.admin.tus("POST", tusPath, strings.NewReader("%PDF corrected"), "Upload-Length", "14", "Content-Type", tusMedia,
			"Upload-Metadata", "document_id "+base64.StdEncoding.EncodeToString([]byte(docID))).want(201)
		if corrected.header.Get("Paraph-Document-Id") != docID || corrected.header.Get("Upload-Offset") != "14" {
			t.Errorf("%v", corrected.header)
		}
		s.caused(docID, "document.created", "operation.started", "operation.failed", "document.version_added", "operation.started")
	}, func(c *Config) { c.MaxResumable = 1000 })
}

// TestTusRefuses: what is wrong is told, and nothing of it is kept.
func TestTusRefuses(t *testing.T) {
	onBoth(t, func(s *stack) {
		s.admin.tus("POST", tusPath, nil).problem(422, "invalid_upload", "header/Upload-Length")
		s.admin.tus("POST", tusPath, nil, "Upload-Length", "-1", "Upload-Concat", "partial", "Upload-Metadata", "title !!,labels W10=,colour cmVk").
			problem(422, "invalid_upload", "header/Upload-Length", "header/Upload-Concat", "header/Upload-Metadata/title", "header/Upload-Metadata/labels", "header/Upload-Metadata/colour")
		s.admin.tus("POST", tusPath, nil, "Upload-Length", "1001").problem(413, "file_too_large")
		s.admin.tus("POST", tusPath, nil, "Upload-Length", "5", "Upload-Metadata", "business_unit bm93aGVyZQ==").problem(422, "invalid_document", "/business_unit")
		s.admin.tus("POST", tusPath, nil, "Upload-Length", "5", "Tus-Resumable", "0.2.2").problem(412, "tus_version")
		s.client("reader@example.org", nil, "documents:read").tus("POST", tusPath, nil, "Upload-Length", "5").problem(403, "missing_scope")

		at := s.admin.begin(10)
		other := s.client("other@example.org", nil, "documents:write")
		other.patch(at, 0, "hello").problem(404, "not_found")
		other.tus("DELETE", at, nil).problem(404, "not_found")
		s.admin.patch(at, -1, "hello").problem(422, "invalid_upload", "header/Upload-Offset")
		s.admin.tus("PATCH", at, strings.NewReader("hello"), "Content-Type", "text/plain", "Upload-Offset", "0").problem(415, "unsupported_media_type")
		sum := sha1.Sum([]byte("hello"))
		good := "sha1 " + base64.StdEncoding.EncodeToString(sum[:])
		s.admin.patch(at, 0, "hallo", "Upload-Checksum", good).problem(460, "checksum_mismatch")
		s.admin.patch(at, 0, "hello", "Upload-Checksum", "md5 x").problem(400, "invalid_upload")
		if got := s.admin.offset(at); got != "0" {
			t.Fatalf("offset %s after refusals", got)
		}
		s.admin.patch(at, 0, "hello", "Upload-Checksum", good).want(204)
		s.admin.tus("DELETE", at, nil).want(204)
		s.admin.patch(at, 5, "world").problem(404, "not_found")

		at = s.admin.begin(5)
		s.admin.patch(at, 0, "hello, and more").problem(413, "file_too_large")

		at = s.admin.begin(5, "external_id", "X")
		s.admin.post("/v1/drafts", `{"title":"faster","external_id":"X"}`).want(201)
		s.admin.patch(at, 0, "hello").problem(409, "external_id_taken")
		var u Upload
		s.admin.get(at).want(200).into(&u)
		if u.Code != "external_id_taken" || u.Reason == "" || u.DocumentID != "" {
			t.Errorf("%+v", u)
		}

		at = s.admin.begin(10)
		s.admin.patch(at, 0, "hello").want(204)
		before := s.files()
		s.clock.Advance(25 * time.Hour)
		if n, err := s.svc.CollectUploads(t.Context()); err != nil || n == 0 {
			t.Fatal(n, err)
		}
		if after := s.files(); after >= before {
			t.Errorf("%d files before, %d after the uploads ran out", before, after)
		}
	}, func(c *Config) { c.MaxResumable = 1000 })
}

// files counts the stored objects.
func (s *stack) files() (n int) {
	s.t.Helper()
	if err := s.objects.List(s.t.Context(), "", func(blob.Info) error { n++; return nil }); err != nil {
		s.t.Fatal(err)
	}
	return n
}

// TestTusBreaks: a line that breaks keeps what arrived; of two that send at once one wins.
func TestTusBreaks(t *testing.T) {
	onBoth(t, func(s *stack) {
		file := strings.Repeat("0123456789", 1000)
		at := s.admin.begin(len(file))
		line, err := net.Dial("tcp", strings.TrimPrefix(s.server.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(line, "PATCH %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nTus-Resumable: 1.0.0\r\nContent-Type: %s\r\nUpload-Offset: 0\r\nContent-Length: %d\r\n\r\n%s",
			at, s.admin.token, tusMedia, len(file), file[:6000])
		line.(*net.TCPConn).CloseWrite()
		io.Copy(io.Discard, line) // until the server has answered, and what arrived is kept
		line.Close()
		if got := s.admin.offset(at); got != "6000" {
			t.Fatalf("offset %s after the line broke", got)
		}
		var wait sync.WaitGroup
		codes := make([]int, 4)
		for i := range codes {
			wait.Go(func() { codes[i] = s.admin.patch(at, 6000, file[6000:]).status })
		}
		wait.Wait()
		won := 0
		for _, code := range codes {
			if code == 204 {
				won++
			} else if code != 409 {
				t.Errorf("status %d", code)
			}
		}
		var u Upload
		s.admin.get(at).want(200).into(&u)
		if won != 1 || s.admin.documents() != 1 {
			t.Errorf("%d won, %d documents", won, s.admin.documents())
		}
		if got := s.admin.get("/v1/documents/" + u.DocumentID + "/versions/1/content").want(200); !bytes.Equal(got.body, []byte(file)) {
			t.Error("the file is another")
		}
	})
}
