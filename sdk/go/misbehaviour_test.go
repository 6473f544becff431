package paraph

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// world is a server that misbehaves as a test wants, and a client with a clock
// and a pause that takes no time.
type world struct {
	*Client
	server *httptest.Server
	mux    *http.ServeMux
	tokens atomic.Int32 // handed out
	mu     sync.Mutex
	naps   []time.Duration
	clock  time.Time
	valid  string // the token the API takes
}

func newWorld(t *testing.T, routes map[string]http.HandlerFunc) *world {
	t.Helper()
	w := &world{mux: http.NewServeMux(), clock: time.Date(2026, 4, 17, 9, 0, 0, 0, time.UTC)}
	w.mux.HandleFunc("POST /oauth/token", func(rw http.ResponseWriter, r *http.Request) {
		id, secret, _ := r.BasicAuth()
		if id != "cli_1" || secret != "s%2Bcret" || r.PostFormValue("grant_type") != "client_credentials" {
			rw.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(rw, `{"error":"invalid_client","error_description":"Unknown client."}`)
			return
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		w.valid = fmt.Sprintf("token-%d", w.tokens.Add(1))
		fmt.Fprintf(rw, `{"access_token":%q,"token_type":"Bearer","expires_in":600}`, w.valid)
	})
	for pattern, h := range routes {
		w.mux.HandleFunc(pattern, func(rw http.ResponseWriter, r *http.Request) {
			w.mu.Lock()
			ok := r.Header.Get("Authorization") == "Bearer "+w.valid
			w.mu.Unlock()
			if !ok {
				problem(rw, http.StatusUnauthorized, "token_invalid")
				return
			}
			h(rw, r)
		})
	}
	w.server = httptest.NewServer(w.mux)
	t.Cleanup(w.server.Close)
	c, err := New(Config{URL: w.server.URL + "/", ClientID: "cli_1", ClientSecret: "s+cret", HTTP: w.server.Client()})
	if err != nil {
		t.Fatal(err)
	}
	c.pause = func(ctx context.Context, d time.Duration) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.naps = append(w.naps, d)
		return ctx.Err()
	}
	c.now = func() time.Time {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.clock
	}
	w.Client = c
	return w
}

func problem(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"status":%d,"code":%q,"detail":"It is so.","request_id":"req_1","errors":[{"pointer":"/a","code":"required","message":"Missing."},{"pointer":"/b","code":"wrong_type","message":"Not a number."}]}`, status, code)
}

func answer(w http.ResponseWriter, v any) {
	if err := json.NewEncoder(w).Encode(v); err != nil {
		panic(err)
	}
}

func TestTokensAreSharedAndRenewed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]http.HandlerFunc{"GET /v1/documents/{id}": func(w http.ResponseWriter, r *http.Request) {
		answer(w, Document{ID: r.PathValue("id")})
	}})
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if d, err := w.GetDocument(t.Context(), "doc_1"); err != nil || d.ID != "doc_1" {
				t.Errorf("%+v, %v", d, err)
			}
		})
	}
	all.Wait()
	if n := w.tokens.Load(); n != 1 {
		t.Errorf("%d tokens were fetched for requests at once, want 1", n)
	}
	w.mu.Lock()
	w.clock = w.clock.Add(9*time.Minute + 31*time.Second) // within half a minute of its end
	w.mu.Unlock()
	if _, err := w.GetDocument(t.Context(), "doc_1"); err != nil {
		t.Fatal(err)
	}
	if n := w.tokens.Load(); n != 2 {
		t.Errorf("%d tokens were fetched, want a second before the first runs out", n)
	}
	w.mu.Lock()
	w.valid = "another" // as after a key change: the cached token is refused
	w.mu.Unlock()
	if _, err := w.GetDocument(t.Context(), "doc_1"); err != nil {
		t.Errorf("a refused token was not renewed: %v", err)
	}
}

// TestTokensStayWithTheirServer: an answer that points elsewhere, to the same machine even,
// takes no token there.
func TestTokensStayWithTheirServer(t *testing.T) {
	t.Parallel()
	var got atomic.Pointer[string]
	elsewhere := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		said := r.Header.Get("Authorization")
		got.Store(&said)
		answer(rw, map[string]any{"id": "doc_1"})
	}))
	t.Cleanup(elsewhere.Close)
	w := newWorld(t, map[string]http.HandlerFunc{"GET /v1/documents/{id}": func(rw http.ResponseWriter, r *http.Request) {
		http.Redirect(rw, r, elsewhere.URL+r.URL.Path, http.StatusTemporaryRedirect)
	}})
	if _, err := w.GetDocument(t.Context(), "doc_1"); err == nil {
		t.Error("an answer that points elsewhere was followed")
	}
	if said := got.Load(); said != nil {
		t.Errorf("another server was asked, with %q", *said)
	}
}

func TestWrongSecret(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.Client.tokens.secret = "wrong"
	_, err := w.GetDocument(t.Context(), "doc_1")
	var p *Problem
	if !errors.As(err, &p) || p.Code != "invalid_client" || p.Status != http.StatusUnauthorized {
		t.Errorf("got %v", err)
	}
	w.Client.tokens.id = ""
	if _, err := w.GetDocument(t.Context(), "doc_1"); !errors.Is(err, ErrNoCredentials) {
		t.Errorf("got %v", err)
	}
}

func TestRepeatsKeepTheKey(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var keys, bodies []string
	w := newWorld(t, map[string]http.HandlerFunc{"POST /v1/approvals": func(w http.ResponseWriter, r *http.Request) {
		raw, err := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		keys, bodies = append(keys, r.Header.Get("Idempotency-Key")), append(bodies, string(raw))
		switch len(keys) {
		case 1:
			w.Header().Set("Retry-After", "7")
			problem(w, http.StatusTooManyRequests, "rate_limited")
		case 2:
			w.WriteHeader(http.StatusServiceUnavailable) // a proxy without words
		case 3:
			panic(http.ErrAbortHandler) // the connection breaks without an answer
		case 4: // the answer breaks off
			w.Header().Set("Content-Length", "500")
			fmt.Fprint(w, `{"id":`)
		default:
			answer(w, Approval{ID: "apr_1"})
		}
		if err != nil {
			t.Error(err)
		}
	}})
	a, err := w.CreateApproval(t.Context(), ApprovalRequest{DocumentID: "doc_1", Approvers: []string{}, Metadata: json.RawMessage(`{"amount":12345}`)})
	if err != nil || a.ID != "apr_1" {
		t.Fatalf("%+v, %v", a, err)
	}
	for i := range keys {
		if keys[i] == "" || keys[i] != keys[0] || bodies[i] != bodies[0] || !strings.Contains(bodies[i], `"metadata":{"amount":12345}`) {
			t.Errorf("attempt %d has key %q and body %s", i+1, keys[i], bodies[i])
		}
	}
	if len(w.naps) != 4 || w.naps[0] < 7*time.Second || w.naps[1] > 7*time.Second {
		t.Errorf("it waited %v; Retry-After asked for 7 s before the second attempt", w.naps)
	}
	if _, err := w.CreateApproval(t.Context(), ApprovalRequest{DocumentID: "doc_1"}); err != nil || keys[len(keys)-1] == keys[0] {
		t.Errorf("a new request has the key of an old one, %v", err)
	}
	if _, err := w.CreateApproval(t.Context(), ApprovalRequest{}, IdempotencyKey("mine")); err != nil || keys[len(keys)-1] != "mine" {
		t.Errorf("the caller's key was not sent: %v", err)
	}
}

func TestRefusalsAreNotRepeated(t *testing.T) {
	t.Parallel()
	for _, status := range []int{400, 403, 404, 409, 413, 422, 500} {
		var calls atomic.Int32
		w := newWorld(t, map[string]http.HandlerFunc{"POST /v1/envelopes": func(w http.ResponseWriter, _ *http.Request) {
			calls.Add(1)
			problem(w, status, "no")
		}})
		_, err := w.CreateEnvelope(t.Context(), EnvelopeRequest{})
		var p *Problem
		if !errors.As(err, &p) || p.Status != status || !IsCode(err, "no") || len(p.Faults) != 2 || p.RequestID != "req_1" || calls.Load() != 1 {
			t.Errorf("%d: %d calls, %v", status, calls.Load(), err)
		}
		if msg := err.Error(); !strings.Contains(msg, "/a: Missing.") || !strings.Contains(msg, "/b: Not a number.") {
			t.Errorf("the error hides faults: %s", msg)
		}
	}
}

func TestRepeatsEnd(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	w := newWorld(t, map[string]http.HandlerFunc{"GET /v1/documents/{id}": func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		w.WriteHeader(http.StatusBadGateway)
	}})
	if _, err := w.GetDocument(t.Context(), "doc_1"); !IsCode(err, "http_502") || calls.Load() != 5 {
		t.Errorf("%d calls, %v", calls.Load(), err)
	}
	w.server.Close()
	if _, err := w.GetDocument(t.Context(), "doc_1"); err == nil || len(w.naps) != 8 {
		t.Errorf("%v after %d naps", err, len(w.naps))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.GetDocument(ctx, "doc_1"); !errors.Is(err, context.Canceled) || len(w.naps) != 8 {
		t.Errorf("an ended context was not obeyed: %v", err)
	}
}

// brokenReader gives some bytes and then fails.
type brokenReader struct{ r io.Reader }

var errDisk = errors.New("the disk is gone")

func (b brokenReader) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if errors.Is(err, io.EOF) {
		err = errDisk
	}
	return n, err
}

func TestUploads(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	w := newWorld(t, map[string]http.HandlerFunc{"POST /v1/documents": func(w http.ResponseWriter, r *http.Request) {
		n := calls.Add(1)
		raw, err := io.ReadAll(r.Body)
		if err != nil {
			return // the sender broke off
		}
		if n == 1 {
			problem(w, http.StatusServiceUnavailable, "busy")
			return
		}
		q := r.URL.Query()
		answer(w, Uploaded{
			Document:  Document{Title: q.Get("title"), DocumentType: q.Get("document_type"), Labels: map[string]string{"a": q.Get("label[a]")}, Metadata: json.RawMessage(q.Get("metadata"))},
			Version:   Version{SHA256: sumOf(raw), Size: r.ContentLength, FileName: q.Get("file_name"), MediaType: r.Header.Get("Content-Type")},
			Operation: Operation{Reason: r.Header.Get("Prefer")},
		})
	}})
	data := bytes.Repeat([]byte("scan "), 100_000)
	file := bytes.NewReader(data)
	if _, err := file.Seek(5, io.SeekStart); err != nil { // it is sent from where it stands
		t.Fatal(err)
	}
	up, err := w.CreateDocument(t.Context(), CreateDocumentParams{
		Title: "Äpfel & Öl", DocumentType: "order", Label: map[string]string{"a": "b=c"}, Metadata: `{"n": 1}`,
	}, File{Content: file, Name: "s can.pdf", MediaType: "application/pdf"}, Wait(90*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	if up.Version.SHA256 != sumOf(data[5:]) || up.Version.Size != int64(len(data)-5) {
		t.Errorf("%d bytes arrived changed", up.Version.Size)
	}
	if up.Document.Title != "Äpfel & Öl" || up.Document.Labels["a"] != "b=c" || string(up.Document.Metadata) != `{"n":1}` || up.Version.FileName != "s can.pdf" ||
		up.Version.MediaType != "application/pdf" || up.Operation.Reason != "wait=60" {
		t.Errorf("the details arrived as %+v", up)
	}
	calls.Store(0)
	if _, err := w.CreateDocument(t.Context(), CreateDocumentParams{}, File{Content: io.MultiReader(bytes.NewReader(data))}); !IsCode(err, "busy") || calls.Load() != 1 {
		t.Errorf("a stream that cannot be read again was sent %d times: %v", calls.Load(), err)
	}
	calls.Store(5)
	if _, err := w.CreateDocument(t.Context(), CreateDocumentParams{}, File{Content: brokenReader{bytes.NewReader(data)}}); !errors.Is(err, errDisk) {
		t.Errorf("the reader's own error was lost: %v", err)
	}
}

func sumOf(raw []byte) string {
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

func TestDownloads(t *testing.T) {
	t.Parallel()
	data := bytes.Repeat([]byte("sealed "), 50_000)
	var calls atomic.Int32
	etag := func() string { return `"` + sumOf(data) + `"` }
	w := newWorld(t, map[string]http.HandlerFunc{
		"GET /v1/documents/{id}/content": func(w http.ResponseWriter, r *http.Request) { // breaks off once
			w.Header().Set("ETag", etag())
			w.Header().Set("Content-Disposition", `attachment; filename="order.pdf"`)
			n := calls.Add(1)
			if n == 1 {
				w.Header().Set("Content-Length", fmt.Sprint(len(data)))
				if _, err := w.Write(data[:100_000]); err != nil {
					t.Error(err)
				}
				panic(http.ErrAbortHandler)
			}
			if n == 2 && r.Header.Get("If-Range") != etag() {
				t.Errorf("If-Range is %q", r.Header.Get("If-Range"))
			}
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
		},
		"GET /v1/documents/{id}/versions/2/content": func(w http.ResponseWriter, _ *http.Request) { // lies
			w.Header().Set("ETag", etag())
			if _, err := w.Write(data[1:]); err != nil {
				t.Error(err)
			}
		},
	})
	var got bytes.Buffer
	d, err := w.GetDocumentContent(t.Context(), "doc_1", &got)
	if err != nil || !bytes.Equal(got.Bytes(), data) || d.SHA256 != sumOf(data) || d.Size != int64(len(data)) || d.FileName != "order.pdf" || calls.Load() != 2 {
		t.Errorf("%+v after %d calls, %d bytes, %v", d, calls.Load(), got.Len(), err)
	}
	if _, err := w.GetVersionContent(t.Context(), "doc_1", 2, io.Discard); !errors.Is(err, ErrDigest) {
		t.Errorf("a changed file was taken: %v", err)
	}
	if _, err := w.GetDocumentContent(t.Context(), "doc_1", fullDisk{}); !errors.Is(err, errDisk) || calls.Load() != 3 {
		t.Errorf("the writer's own error led to repeats: %v", err)
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errDisk }

func TestWaitOperation(t *testing.T) {
	t.Parallel()
	states := []string{"pending", "running", "succeeded", "failed"}
	var calls atomic.Int32
	w := newWorld(t, map[string]http.HandlerFunc{"GET /v1/operations/{id}": func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Prefer") != "wait=30" {
			t.Errorf("Prefer is %q", r.Header.Get("Prefer"))
		}
		answer(w, Operation{ID: "op_1", Kind: "capture", State: OperationState(states[calls.Add(1)-1]), Reason: "The file needs a password.", Code: "password_protected"})
	}})
	if op, err := w.WaitOperation(t.Context(), "op_1"); err != nil || op.State != "succeeded" || len(w.naps) != 2 {
		t.Errorf("%+v, %v, %v", op, err, w.naps)
	}
	_, err := w.WaitOperation(t.Context(), "op_1")
	var failed *OperationFailed
	if !errors.As(err, &failed) || failed.Operation.Code != "password_protected" || !strings.Contains(err.Error(), "needs a password") {
		t.Errorf("got %v", err)
	}
}

func TestAllEventsGoesToTheEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]http.HandlerFunc{"GET /v1/events": func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if q.Get("type") != "document.*,task.opened" || q.Get("document_id") != "doc_1" || q.Has("wait") {
			t.Errorf("asked with %v", q)
		}
		next := map[string]Page[Event]{
			"":  {Items: []Event{{ID: "1"}, {ID: "2"}}, Next: "b"},
			"b": {Items: []Event{{ID: "3"}}, Next: "c"},
			"c": {Items: []Event{}, Next: "c"},
		}
		answer(w, next[q.Get("after")])
	}})
	all, err := Collect(w.AllEvents(t.Context(), ListEventsParams{Type: []string{"document.*", "task.opened"}, DocumentID: "doc_1"}))
	if err != nil || len(all) != 3 || all[2].ID != "3" {
		t.Errorf("%+v, %v", all, err)
	}
}

func TestWaitDocumentListensBetweenLooks(t *testing.T) {
	t.Parallel()
	var looks, waits atomic.Int32
	w := newWorld(t, map[string]http.HandlerFunc{
		"GET /v1/documents/{id}": func(w http.ResponseWriter, _ *http.Request) {
			answer(w, Document{State: []DocumentState{"approved", "signed", "archived"}[looks.Add(1)-1]})
		},
		"GET /v1/events": func(w http.ResponseWriter, r *http.Request) {
			if n := waits.Add(1); r.URL.Query().Get("wait") != "30" || (n > 1) != (r.URL.Query().Get("after") == "x") {
				t.Errorf("wait %d asked with %v", n, r.URL.Query())
			}
			answer(w, Page[Event]{Next: "x"})
		},
	})
	d, err := w.WaitDocument(t.Context(), "doc_1", func(d *Document) bool { return d.State == "archived" })
	if err != nil || d.State != "archived" || waits.Load() != 2 {
		t.Errorf("%+v, %v after %d waits", d, err, waits.Load())
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 4, 17, 9, 0, 0, 0, time.UTC)
	for header, want := range map[string]time.Duration{
		"": 0, "3": 3 * time.Second, "-3": 0, "x": 0, "7200": 2 * time.Hour,
		"Fri, 17 Apr 2026 09:00:30 GMT": 30 * time.Second, "Fri, 17 Apr 2026 08:00:00 GMT": 0, "Sat, 18 Apr 2026 08:00:00 GMT": 23 * time.Hour,
	} {
		if got := retryAfter(header, now); got != want {
			t.Errorf("%q: %s, want %s", header, got, want)
		}
	}
}

func TestNewRefusesBadAddresses(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "paraph.example", "ftp://paraph.example", "http://", "http://[::1"} {
		if _, err := New(Config{URL: bad}); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestPathsAreEscapedOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]http.HandlerFunc{"PUT /v1/document-types/{name}": func(w http.ResponseWriter, r *http.Request) {
		answer(w, DocumentType{Name: r.PathValue("name")})
	}})
	got, err := w.SaveDocumentType(t.Context(), "a/b %c", DocumentTypeRequest{Schema: json.RawMessage(`{"type":"object"}`)})
	if err != nil || got.Name != "a/b %c" {
		t.Errorf("%+v, %v", got, err)
	}
}
