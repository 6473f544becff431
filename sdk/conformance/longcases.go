package conformance

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/paraph/paraph/internal/webhook"
)

// large is the size of the large upload, in bytes.
const large = 300 << 20

var file = pattern(400_000)

// fileCases are about uploads and downloads. folder holds small.bin with file, and
// big.bin of 300 MB.
func fileCases(folder string) []testCase {
	small := map[string]any{"path": folder + "/small.bin"}
	fetch := do("download", map[string]any{"id": "doc_1", "path": folder + "/fetched"})
	fetched := fmt.Sprintf("ok file_name=order.pdf progress=%d sha256=%s size=%d", len(file), sumOf(file), len(file))
	return []testCase{
		{name: "an upload, dropped twice", command: do("upload", small), cut: func(n int) bool { return n <= 2 }, answer: uploaded, check: arrived},
		{name: "an upload, 503 once", command: do("upload", small), answer: func(x *exchange) {
			if x.n == 1 {
				status(503)(x)
				return
			}
			uploaded(x)
		}, check: all(arrived, func(s *server, _ Result) string {
			if len(s.attempts) != 2 || s.attempts[1].query == "" {
				return fmt.Sprintf("%d attempts", len(s.attempts))
			}
			return ""
		})},
		{name: "a stream is sent once", command: do("upload", map[string]any{"path": folder + "/small.bin", "stream": true}), answer: status(503), check: expect(1, "problem 503 http_503")},
		{name: "an upload in pieces, cut and silent", command: do("upload_large", small).with(1, 1000), early: pieces, check: func(s *server, r Result) string {
			if want := fmt.Sprintf("ok document=doc_1 operation=op_1 progress=%d upload=upl_1", len(file)); said(r) != want {
				return fmt.Sprintf("got %s, want %s", said(r), want)
			}
			if sumOf(s.kept) != sumOf(file) {
				return fmt.Sprintf("%d bytes were kept, and they are others", len(s.kept))
			}
			return ""
		}},
		{name: "300 MB up in flat memory", command: do("upload", map[string]any{"path": folder + "/big.bin"}), memory: true, answer: uploaded, check: func(s *server, r Result) string {
			if !r.OK || s.attempts[0].size != large || r.Value["progress"] != float64(large) {
				return fmt.Sprintf("%s; %d bytes arrived", said(r), s.attempts[0].size)
			}
			return ""
		}},
		{name: "300 MB down in flat memory", command: fetch, memory: true, answer: func(x *exchange) {
			x.Header().Set("Content-Length", strconv.Itoa(large))
			x.Header().Set("Content-Disposition", `attachment; filename="order.pdf"`)
			part := make([]byte, 1<<20)
			for range large >> 20 {
				if _, err := x.Write(part); err != nil {
					return
				}
			}
		}, check: func(_ *server, r Result) string {
			if !r.OK || r.Value["size"] != float64(large) {
				return said(r)
			}
			return ""
		}},
		{name: "a download, cut twice", command: fetch, answer: func(x *exchange) { content(x, 2, drop) }, check: all(expect(3, fetched), ranges)},
		{name: "a download that stops", command: fetch.with(2, 400), answer: func(x *exchange) {
			content(x, 1, func(http.ResponseWriter) { x.silence() })
		}, check: all(expect(2, fetched), ranges)},
		{name: "a download shorter than it says", command: fetch.with(2, 10_000), answer: func(x *exchange) {
			if x.last().ranged != "" {
				problem(x, http.StatusRequestedRangeNotSatisfiable, "range")
				return
			}
			describe(x)
			x.Header().Set("Content-Length", strconv.Itoa(len(file)+10))
			_, _ = x.Write(file) // the fault is what is missing
			x.flush()
			drop(x)
		}, check: expect(2, "problem 416 range")},
		{name: "a download with a wrong byte", command: fetch, answer: func(x *exchange) {
			describe(x)
			wrong := bytes.Clone(file)
			wrong[1000]++
			_, _ = x.Write(wrong) // a client that went away is seen in the result
		}, check: expect(1, "digest")},
		{name: "a file that changes while it comes", command: fetch, answer: func(x *exchange) {
			if x.n == 1 {
				content(x, 1, drop)
				return
			}
			x.Header().Set("ETag", `"other"`)
			_, _ = x.Write(file) // whole, as If-Range wants it where the file is another
		}, check: expect(2, "other")},
	}
}

// pieces is a server of tus 1.0.0 whose line breaks in each attempt but the fourth.
func pieces(x *exchange) bool {
	if x.r.Header.Get("Tus-Resumable") != "1.0.0" {
		x.s.fault("%s came without Tus-Resumable", x.r.Method)
	}
	x.s.mu.Lock()
	kept := len(x.s.kept)
	x.s.mu.Unlock()
	switch x.r.Method {
	case http.MethodPost:
		if want := "filename cyBjYW4ucGRm"; x.r.Header.Get("Upload-Length") != strconv.Itoa(len(file)) || !strings.Contains(x.r.Header.Get("Upload-Metadata"), want) ||
			!strings.Contains(x.r.Header.Get("Upload-Metadata"), "title w4QgZmlsZQ==") || !strings.Contains(x.r.Header.Get("Upload-Metadata"), "labels ") {
			x.s.fault("the upload is described as %s", x.r.Header.Get("Upload-Metadata"))
		}
		x.Header().Set("Location", "/v1/uploads/upl_1")
		x.WriteHeader(http.StatusCreated)
	case http.MethodHead:
		x.Header().Set("Upload-Offset", strconv.Itoa(kept))
		x.WriteHeader(http.StatusOK)
	case http.MethodPatch:
		if at := x.r.Header.Get("Upload-Offset"); at != strconv.Itoa(kept) {
			problem(x, http.StatusConflict, "offset_differs")
			return true
		}
		most := []int{150_000, 50_000, 100_000, len(file)}[min(x.s.breaks, 3)]
		part := make([]byte, 0, most)
		for len(part) < most {
			n, err := x.r.Body.Read(part[len(part):cap(part)])
			if part = part[:len(part)+n]; err != nil {
				break
			}
		}
		x.s.mu.Lock()
		x.s.kept = append(x.s.kept, part...)
		x.s.breaks++
		last := x.s.breaks
		x.s.mu.Unlock()
		switch last {
		case 1, 3:
			drop(x)
		case 2: // the rest arrives and is lost, and nobody says a word
			_, _ = io.Copy(io.Discard, x.r.Body)
			<-x.r.Context().Done()
		default:
			x.Header().Set("Paraph-Document-Id", "doc_1")
			x.Header().Set("Paraph-Operation-Id", "op_1")
			x.WriteHeader(http.StatusNoContent)
		}
	}
	return true
}

func describe(x *exchange) {
	x.Header().Set("ETag", `"`+sumOf(file)+`"`)
	x.Header().Set("Content-Disposition", `attachment; filename="order.pdf"`)
	x.Header().Set("Content-Type", "application/pdf")
}

// content serves the file, but breaks off within the first attempts.
func content(x *exchange, faults int, end func(http.ResponseWriter)) {
	describe(x)
	if x.n > faults {
		http.ServeContent(x, x.r, "", time.Time{}, bytes.NewReader(file))
		return
	}
	from := 0
	if ranged := x.last().ranged; ranged != "" {
		_, _ = fmt.Sscanf(ranged, "bytes=%d-", &from) // the ranges are checked afterwards
		x.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(file)-1, len(file)))
		x.Header().Set("Content-Length", strconv.Itoa(len(file)-from))
		x.WriteHeader(http.StatusPartialContent)
	} else {
		x.Header().Set("Content-Length", strconv.Itoa(len(file)))
	}
	_, _ = x.Write(file[from : from+100_000]) // a client that went away is seen in the result
	x.flush()
	x.tick() // so that what was written gets there before the end
	end(x)
}

// ranges: each attempt but the first goes on behind what came.
func ranges(s *server, _ Result) string {
	for i, a := range s.attempts {
		if i > 0 && a.ranged == "" {
			return fmt.Sprintf("attempt %d begins anew", i+1)
		}
	}
	return ""
}

// uploaded answers with what arrived.
func uploaded(x *exchange) {
	a := x.last()
	fmt.Fprintf(x, `{"document":%s,"version":{"number":1,"kind":"original","derived_from":0,"media_type":"application/pdf","file_name":"x","sha256":%q,"size":%d,"pages":0,"signatures":0,"created_at":"2026-04-17T09:00:00Z"},
		"operation":{"id":"op_1","kind":"capture","state":"pending","document_id":"doc_1","attempts":0,"retryable":false,"created_at":"2026-04-17T09:00:00Z"}}`, documentJSON("doc_1"), a.sum, a.size)
}

func arrived(s *server, r Result) string {
	if want := fmt.Sprintf("ok id=doc_1 progress=%d sha256=%s", len(file), sumOf(file)); said(r) != want {
		return fmt.Sprintf("got %s, want %s", said(r), want)
	}
	for _, a := range s.attempts {
		if a.key == "" || a.key != s.attempts[0].key {
			return "the attempts have different keys"
		}
	}
	if q := s.attempts[len(s.attempts)-1].query; q != "file_name=s+can.pdf&title=A+file" && q != "file_name=s%20can.pdf&title=A%20file" && q != "title=A+file&file_name=s+can.pdf" && q != "title=A%20file&file_name=s%20can.pdf" {
		return "the details came as " + q
	}
	return ""
}

// waitCases are about long work and streams.
func waitCases() []testCase {
	operation := func(x *exchange, state string) {
		if prefer := x.r.Header.Get("Prefer"); prefer != "wait=30" {
			x.s.fault("Prefer is %q", prefer)
		}
		fmt.Fprintf(x, `{"id":"op_1","kind":"capture","state":%q,"document_id":"doc_1","attempts":1,"code":"password_protected","reason":"The file needs a password.","retryable":true,"created_at":"2026-04-17T09:00:00Z"}`, state)
	}
	wait := do("wait_operation", map[string]any{"id": "op_1"})
	tail := do("tail", map[string]any{"after": "c0", "count": 4})
	event := func(x *exchange, n int) string {
		return fmt.Sprintf("id: c%d\nevent: document.created\ndata: {\"specversion\":\"1.0\",\ndata: \"id\":\"e%d\",\"source\":\"s\",\"type\":\"document.created\",\"subject\":\"document/d\",\"time\":\"2026-04-17T09:00:00Z\",\"cursor\":\"c%d\",\"organisation\":\"o\",\"actorkind\":\"client\",\"datacontenttype\":\"application/json\",\"dataschema\":\"x\",\"data\":{\"title\":\"東\"}}\n\n", n, n, n)
	}
	return []testCase{
		{name: "waiting for an operation", command: wait, answer: func(x *exchange) { operation(x, []string{"pending", "running", "succeeded"}[x.n-1]) }, check: expect(3, "ok state=succeeded")},
		{name: "an operation that fails", command: wait, answer: func(x *exchange) { operation(x, "failed") }, check: expect(1, "operation password_protected")},
		{name: "pages of a list, 503 between them", command: do("list", nil), answer: threePages, check: expect(4, "ok ids=[doc_1 doc_2 doc_3 doc_4 doc_5]")},
		{name: "events, cut in the middle of one", command: tail.with(2, 2000), answer: func(x *exchange) {
			x.Header().Set("Content-Type", "text/event-stream")
			switch x.last().lastID {
			case "":
				e := event(x, 2)
				fmt.Fprint(x, event(x, 1), e[:len(e)/2])
				x.flush()
				x.tick()
				drop(x)
			case "c1":
				fmt.Fprint(x, event(x, 2), event(x, 3), ": nothing new\nid: c9\n\n") // then the server ends the stream in order
			case "c9":
				fmt.Fprint(x, event(x, 10), event(x, 11))
				x.silence()
			default:
				x.s.fault("it went on behind %q", x.last().lastID)
			}
		}, check: expect(3, "ok ids=[e1 e2 e3 e10]")},
		{name: "events from a server that is away", command: tail.with(2, 2000), answer: status(503), check: expect(3, "problem 503 http_503")},
	}
}

// webhookCases are about what a receiver does. They need no server.
func webhookCases() []testCase {
	body := `{"specversion":"1.0","id":"evt_1","source":"s","type":"document.approved","subject":"document/doc_1","time":"2026-04-17T09:00:00Z","organisation":"o","documentid":"doc_1","actorkind":"client","cursor":"c","datacontenttype":"application/json","dataschema":"x","data":{"title":"Äpfel"}}`
	old, _ := webhook.NewSecret(webhook.HMAC)
	current, _ := webhook.NewSecret(webhook.HMAC)
	private, public := webhook.NewSecret(webhook.Ed25519)
	_, otherPublic := webhook.NewSecret(webhook.Ed25519)
	signed := func(at time.Time, secrets ...string) map[string]any {
		var signers []*webhook.Signer
		for _, s := range secrets {
			signer, err := webhook.NewSigner(s)
			if err != nil {
				panic(err) // of our own making
			}
			signers = append(signers, signer)
		}
		return map[string]any{"webhook-id": "evt_1", "webhook-timestamp": strconv.FormatInt(at.Unix(), 10), "webhook-signature": webhook.Sign(signers, "evt_1", at, []byte(body))}
	}
	without := func(h map[string]any, name string) map[string]any { delete(h, name); return h }
	now := time.Now()
	v1 := func(h map[string]any) map[string]any { // an Ed25519 signature that calls itself HMAC
		h["webhook-signature"] = "v1," + base64.StdEncoding.EncodeToString(make([]byte, ed25519.SignatureSize))
		return h
	}
	const good = "ok document=doc_1 type=document.approved"
	var out []testCase
	for _, c := range []struct {
		name    string
		secrets []any
		headers map[string]any
		body    string
		want    string
	}{
		{"a webhook", []any{current}, signed(now, current), body, good},
		{"a webhook with a public key", []any{public}, signed(now, private), body, good},
		{"a webhook while secrets are rotated", []any{current}, signed(now, old, current), body, good},
		{"a receiver with two secrets", []any{old, public, current}, signed(now, current), body, good},
		{"a webhook with another body", []any{current}, signed(now, current), body + " ", "webhook"},
		{"a webhook of another sender", []any{current}, signed(now, old), body, "webhook"},
		{"a webhook of another key", []any{otherPublic}, signed(now, private), body, "webhook"},
		{"a webhook of ten minutes ago", []any{current}, signed(now.Add(-10*time.Minute), current), body, "webhook"},
		{"a webhook of tomorrow", []any{current}, signed(now.Add(24*time.Hour), current), body, "webhook"},
		{"a webhook without its signature", []any{current}, without(signed(now, current), "webhook-signature"), body, "webhook"},
		{"a webhook without its id", []any{current}, without(signed(now, current), "webhook-id"), body, "webhook"},
		{"a webhook with a made-up signature", []any{current}, v1(signed(now, current)), body, "webhook"},
	} {
		out = append(out, testCase{name: c.name, command: do("webhook", map[string]any{"secrets": c.secrets, "headers": c.headers, "body": c.body}), check: expect(0, c.want)})
	}
	return out
}
