//go:build judges

package hostile

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// TestRequests sends uploads whose request, not whose file, is at fault.
func TestRequests(t *testing.T) {
	t.Parallel()
	s := start(t)
	good := pagesPDF(1, "")
	post := func(body io.Reader, header ...string) *answer {
		return s.send(t, http.MethodPost, "/v1/documents", body, header...)
	}
	filed := func(fields ...string) *answer {
		body, kind := form(t, "a.pdf", "application/pdf", good, fields...)
		return post(body, "Content-Type", kind)
	}
	raw := []string{"Content-Type", "application/pdf"}
	for what, c := range map[string]struct {
		res    *answer
		status int
		code   string
	}{
		"no key":           {post(bytes.NewReader(good), append(raw, "Idempotency-Key", "")...), 422, "idempotency_key_required"},
		"long key":         {post(bytes.NewReader(good), append(raw, "Idempotency-Key", strings.Repeat("k", 256))...), 422, "invalid_request"},
		"key with a blank": {post(bytes.NewReader(good), append(raw, "Idempotency-Key", "a b")...), 422, "invalid_request"},
		"no token":         {post(bytes.NewReader(good), append(raw, "Authorization", "")...), 401, "credentials_missing"},
		"bad token":        {post(bytes.NewReader(good), append(raw, "Authorization", "Bearer e30.e30.AAAA")...), 401, "invalid_token"},
		"changed token":    {post(bytes.NewReader(good), append(raw, "Authorization", "Bearer "+s.token[:len(s.token)-8]+"AAAAAAAA")...), 401, "invalid_token"},
		"odd media type":   {post(bytes.NewReader(good), "Content-Type", "text/html"), 415, "unsupported_media_type"},
		"no boundary":      {post(bytes.NewReader(good), "Content-Type", "multipart/form-data"), 422, "invalid_request"},
		"wrong boundary":   {post(bytes.NewReader(good), "Content-Type", "multipart/form-data; boundary=x"), 422, "invalid_request"},
		"no file":          {post(strings.NewReader("--x\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nT\r\n--x--\r\n"), "Content-Type", "multipart/form-data; boundary=x"), 422, "invalid_request"},
		"two files":        {post(strings.NewReader(strings.Repeat("--x\r\nContent-Disposition: form-data; name=\"file\"; filename=a.pdf\r\n\r\n%PDF\r\n", 2)+"--x--\r\n"), "Content-Type", "multipart/form-data; boundary=x"), 422, "invalid_request"},
		"cut form":         {post(strings.NewReader("--x\r\nContent-Disposition: form-data; name=\"file\"; filename=a.pdf\r\n\r\n%PDF"), "Content-Type", "multipart/form-data; boundary=x"), 400, "body_incomplete"},
		"unknown field":    {filed("colour", "red", "size", "4"), 422, "invalid_request"},
		"wrong type":       {filed("document", `{"title":4}`), 422, "invalid_request"},
		"unknown member":   {filed("document", `{"colour":4}`), 422, "invalid_request"},
		"invalid JSON":     {filed("document", `{`), 422, "invalid_request"},
		"metadata a list":  {filed("metadata", `[]`), 422, "invalid_document"},
		"metadata no JSON": {filed("metadata", `{`), 422, "invalid_document"},
		"huge metadata":    {filed("metadata", `{"a":"`+strings.Repeat("x", 200<<10)+`"}`), 422, "invalid_request"},
		"long title":       {filed("title", strings.Repeat("x", 5000)), 422, "invalid_document"},
	} {
		t.Run(what, func(t *testing.T) {
			p := c.res.problem(t, c.status, c.code)
			t.Logf("%s %+v", p.Detail, p.Errors)
			if p.Detail == "" || c.status == 422 && len(p.Errors) == 0 {
				t.Errorf("the problem says too little: %s", c.res.body)
			}
		})
	}
	s.alive(t)
	res := filed("document", `{"title":4,"colour":"red","labels":[],"external_id":"x"}`)
	if strings.Contains(string(res.body), "Go struct") {
		t.Errorf("the words are ours, not the caller's: %s", res.body)
	}
	var at []string
	for _, e := range res.problem(t, 422, "invalid_request").Errors {
		at = append(at, e.Pointer)
	}
	if want := []string{"/document/colour", "/document/labels", "/document/title"}; !slices.Equal(at, want) {
		t.Errorf("faults at %v, want them all: %v", at, want)
	}
}

// TestSchema: every fault of the metadata is told at once, with its place.
func TestSchema(t *testing.T) {
	t.Parallel()
	s := start(t)
	schema := `{"title":"Order","schema":{"type":"object","required":["number","date"],"properties":{"number":{"type":"string"},"amount":{"type":"number","minimum":0},"currency":{"enum":["EUR","CHF"]}},"additionalProperties":false}}`
	if res := s.send(t, http.MethodPut, "/v1/document-types/order", strings.NewReader(schema), "Content-Type", "application/json"); res.status >= 300 {
		t.Fatalf("%d %s", res.status, res.body)
	}
	body, kind := form(t, "a.pdf", "application/pdf", pagesPDF(1, ""), "document_type", "order", "metadata", `{"number":7,"amount":-1,"currency":"QQQ"}`)
	p := s.send(t, http.MethodPost, "/v1/documents", body, "Content-Type", kind).problem(t, 422, "invalid_document")
	var at []string
	for _, e := range p.Errors {
		at = append(at, e.Pointer)
	}
	for _, want := range []string{"/metadata/number", "/metadata/amount", "/metadata/currency"} {
		if !slices.Contains(at, want) {
			t.Errorf("nothing is said of %s: %+v", want, p.Errors)
		}
	}
	if len(p.Errors) < 4 {
		t.Errorf("the missing date is not listed: %+v", p.Errors)
	}
}

// TestBrokenBodies speaks plain TCP: a body that ends before its length, and one
// that says it is larger than the server takes and is refused by what it says.
func TestBrokenBodies(t *testing.T) {
	t.Parallel()
	s := start(t)
	ask := func(length int, body string) *http.Response {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		fmt.Fprintf(conn, "POST /v1/documents HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nIdempotency-Key: k%d\r\nContent-Type: application/pdf\r\nContent-Length: %d\r\n\r\n%s", s.token, keys.Add(1), length, body)
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		return res
	}
	if res := ask(1000, "%PDF-1.7 half"); res.StatusCode != http.StatusBadRequest {
		t.Errorf("half a body: %s", res.Status)
	}
	big := s.send(t, http.MethodPost, "/v1/documents", io.LimitReader(zero{}, 6<<20), "Content-Type", "application/pdf")
	big.problem(t, http.StatusRequestEntityTooLarge, "file_too_large")
	var list struct{ Items []doc }
	s.send(t, http.MethodGet, "/v1/documents", nil).into(t, &list)
	if len(list.Items) != 0 {
		t.Errorf("something was kept: %+v", list.Items)
	}
	s.alive(t)
}

// TestMessageBoundaries: where one request ends and the next begins is never a matter of
// opinion. What two readers could read differently is refused, and the connection ends; where
// both lengths are given the chunks count (RFC 9112 section 6.3).
func TestMessageBoundaries(t *testing.T) {
	t.Parallel()
	s := start(t)
	speak := func(request string) (statuses []int) {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprint(conn, request)
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		for in := bufio.NewReader(conn); ; {
			res, err := http.ReadResponse(in, nil)
			if err != nil {
				return statuses
			}
			if _, err := io.Copy(io.Discard, res.Body); err != nil {
				return statuses
			}
			statuses = append(statuses, res.StatusCode)
		}
	}
	const smuggled = "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
	for what, head := range map[string]string{
		"two lengths":            "Content-Length: 0\r\nContent-Length: 40\r\n",
		"a list of lengths":      "Content-Length: 0, 40\r\n",
		"an empty length":        "Content-Length: \r\n",
		"a length with a sign":   "Content-Length: +0\r\n",
		"a negative length":      "Content-Length: -1\r\n",
		"a coding nobody knows":  "Transfer-Encoding: xchunked\r\n",
		"two codings":            "Transfer-Encoding: gzip, chunked\r\n",
		"a blank before a colon": "Content-Length : 0\r\n",
	} {
		got := speak("POST /livez HTTP/1.1\r\nHost: x\r\n" + head + "\r\n" + smuggled)
		if len(got) != 1 || got[0] != http.StatusBadRequest && got[0] != http.StatusNotImplemented {
			t.Errorf("%s: %v", what, got)
		}
	}
	if got := speak("POST /livez HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n" + smuggled); len(got) == 2 && got[1] != http.StatusOK {
		t.Errorf("chunks and a length: %v", got)
	}
	s.alive(t)
}
