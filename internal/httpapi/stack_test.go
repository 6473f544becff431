package httpapi

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/blob/crypt"
	"github.com/paraph/paraph/internal/blob/disk"
	"github.com/paraph/paraph/internal/blob/vault"
	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/internal/condition"
	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/oauth"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/store"
	"github.com/paraph/paraph/internal/store/storetest"
	"github.com/paraph/paraph/internal/work"
)

// stack is the API over everything real below it, without the workers: tests
// play those through the service.
type stack struct {
	t       *testing.T
	clock   *clock.Fake
	store   *store.Store
	vault   *vault.Vault
	objects *disk.Store
	svc     *service.Service
	seq     *work.Sequencer
	server  *httptest.Server
	org     string
	first   service.ClientSecret
	admin   *caller
	closing chan struct{}
	keys    atomic.Int64
	seen    *observed
}

type noMeter struct{}

func (noMeter) TimeToOCR(string, time.Duration)  {}
func (noMeter) TimeToSign(string, time.Duration) {}
func (noMeter) ApprovalDecided(string)           {}

// conditions is the language of endpoints' conditions; anywhere lets them have any address.
type conditions struct{ *condition.Language }

func (c conditions) Compile(expression string) (service.Condition, error) {
	return c.Language.Compile(expression)
}

type anywhere struct{}

func (anywhere) Check(string) error { return nil }

type observed struct{ lines chan string }

func (o *observed) ObserveRequest(route, method string, status int, _ time.Duration) {
	select {
	case o.lines <- fmt.Sprintf("%s %s %d", method, route, status):
	default:
	}
}

// onBoth runs fn over a stack on each database.
func onBoth(t *testing.T, fn func(*stack), change ...func(*Config)) {
	t.Helper()
	t.Parallel()
	storetest.Each(t, func(t *testing.T, open storetest.Open) { fn(newStack(t, open, change...)) })
}

func newStack(t *testing.T, open storetest.Open, change ...func(*Config)) *stack {
	t.Helper()
	s := &stack{t: t, clock: clock.NewFake(storetest.Start), closing: make(chan struct{}), seen: &observed{lines: make(chan string, 100)}}
	s.store = open(storetest.With(s.clock))
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var err error
	s.objects, err = disk.Open(t.TempDir())
	must(err)
	ring, err := crypt.NewRing(crypt.NamedKey{ID: "master-1", Key: crypt.NewKey()})
	must(err)
	s.vault = vault.New(s.objects, s.store, ring, s.clock)
	cursors, err := journal.NewCursorCodec([32]byte{7})
	must(err)
	log := slog.New(slog.NewTextHandler(testLog{t}, &slog.HandlerOptions{Level: slog.LevelWarn}))
	language, err := condition.New("event")
	must(err)
	s.svc = service.New(service.Config{Store: s.store, Vault: s.vault, Clock: s.clock, Box: crypt.NewBox(ring), Secrets: crypt.NewBox(ring), Conditions: conditions{language}, Outbound: anywhere{}, Cursors: cursors, Meter: noMeter{}, Log: log, PublicURL: "https://paraph.example"})
	_, logKey, err := ed25519.GenerateKey(rand.Reader)
	must(err)
	signer, err := journal.NewSigner("paraph.example/audit", logKey)
	must(err)
	s.seq = work.NewSequencer(signer, work.Holder{Name: "test", Alone: true}, log)
	box := crypt.NewBox(ring)
	oc := oauth.Config{Service: s.svc, Keys: oauth.NewKeyring(oauth.KeyringConfig{Store: s.svc, Sealer: box, Clock: s.clock, Log: log}), Sealer: box, Replays: s.store,
		Issuer: "https://paraph.example", Clock: s.clock, SourceOf: SourceOf}
	verifier := oauth.NewVerifier(oc)
	authServer, err := oauth.New(oc)
	must(err)
	conf := Config{
		Service: s.svc, Verifier: verifier, TokenKeys: oc.Keys, Clock: s.clock, Log: log, Observer: s.seen, PublicURL: "https://paraph.example", Closing: s.closing,
		Sources: Sources{Trusted: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
		LogKey:  signer.VerifierKey(), CAPEM: []byte("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"),
	}
	for _, p := range oauth.Patterns() {
		conf.Mounts = append(conf.Mounts, Mount{Pattern: p, Room: authServer})
	}
	for _, c := range change {
		c(&conf)
	}
	s.server = httptest.NewServer(New(conf))
	t.Cleanup(s.server.Close)
	admin, made, err := s.svc.Bootstrap(t.Context(), "Test Works")
	if err != nil || !made {
		t.Fatal("no first organisation", err)
	}
	s.org = admin.Client.Org
	s.first, s.admin = admin, s.caller(admin)
	return s
}

// sequence numbers the journal entries that wait, as the sequencer would.
func (s *stack) sequence() {
	s.t.Helper()
	err := s.store.Write(s.t.Context(), func(ctx context.Context, tx service.Tx) error {
		_, err := s.seq.Number(ctx, tx)
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// caller is a client with an access token.
type caller struct {
	*stack
	token     string
	principal string
	id        string
}

// caller gets a token for a client from the token endpoint.
func (s *stack) caller(c service.ClientSecret) *caller {
	s.t.Helper()
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {c.Client.ID}, "client_secret": {c.Secret}}
	res, err := http.PostForm(s.server.URL+oauth.TokenPath, form)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	var answer struct {
		Token string `json:"access_token"`
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil || answer.Token == "" {
		s.t.Fatalf("no token: %d %v", res.StatusCode, err)
	}
	return &caller{stack: s, token: answer.Token, principal: c.Client.Principal, id: c.Client.ID}
}

// client makes a client with the scopes through the API and logs it in.
func (s *stack) client(principal string, units []string, scopes ...string) *caller {
	s.t.Helper()
	body := map[string]any{"name": principal, "principal": principal, "scopes": scopes}
	if units != nil {
		body["business_units"] = units
	}
	res := s.admin.post("/v1/clients", body).want(http.StatusCreated)
	var out ClientSecret
	res.into(&out)
	return s.caller(service.ClientSecret{Client: clientFrom(out), Secret: out.Secret})
}

// answer is what came back.
type answer struct {
	t      *testing.T
	what   string
	status int
	header http.Header
	body   []byte
}

// send sends a request. Every one that changes something has a key of its own
// unless the headers name one.
func (c *caller) send(method, path string, body io.Reader, header ...string) *answer {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.server.URL+path, body)
	if err != nil {
		c.t.Fatal(err)
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	if method != http.MethodGet {
		req.Header.Set("Idempotency-Key", fmt.Sprintf("key-%d", c.keys.Add(1)))
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Del(header[i])
		if header[i+1] != "" {
			req.Header.Set(header[i], header[i+1])
		}
	}
	res, err := c.server.Client().Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return &answer{t: c.t, what: method + " " + path, status: res.StatusCode, header: res.Header, body: raw}
}

func (c *caller) get(path string, header ...string) *answer {
	c.t.Helper()
	return c.send(http.MethodGet, path, nil, header...)
}

func (c *caller) post(path string, body any, header ...string) *answer {
	c.t.Helper()
	return c.json(http.MethodPost, path, body, header...)
}

func (c *caller) json(method, path string, body any, header ...string) *answer {
	c.t.Helper()
	var r io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		r = strings.NewReader(b)
	default:
		raw, err := json.Marshal(b)
		if err != nil {
			c.t.Fatal(err)
		}
		r = bytes.NewReader(raw)
	}
	return c.send(method, path, r, append([]string{"Content-Type", "application/json"}, header...)...)
}

// upload uploads a file as a form.
func (c *caller) upload(name string, content []byte, fields map[string]string, header ...string) *answer {
	c.t.Helper()
	body, media := form(c.t, name, content, fields)
	return c.send(http.MethodPost, "/v1/documents", bytes.NewReader(body), append([]string{"Content-Type", media}, header...)...)
}

func form(t testing.TB, name string, content []byte, fields map[string]string) ([]byte, string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for k, v := range fields {
		if err := w.WriteField(k, v); err != nil {
			t.Fatal(err)
		}
	}
	part, err := w.CreateFormFile("file", name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := part.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), w.FormDataContentType()
}

func (a *answer) want(status int) *answer {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("%s: %d, want %d: %s", a.what, a.status, status, a.body)
	}
	return a
}

// problem checks that the answer is a problem with the code and the pointers.
func (a *answer) problem(status int, code string, pointers ...string) *answer {
	a.t.Helper()
	a.want(status)
	var p Problem
	a.into(&p)
	if p.Code != code || p.Status != status || a.header.Get("Content-Type") != "application/problem+json" || p.Title == "" || p.Detail == "" || p.RequestID == "" ||
		p.RequestID != a.header.Get("X-Request-Id") || p.Type != "/docs/errors#"+code {
		a.t.Fatalf("%s: not the problem %s: %s", a.what, code, a.body)
	}
	if _, ok := catalogue[code]; !ok {
		a.t.Errorf("%s: the code %s is not in the catalogue", a.what, code)
	}
	var got []string
	for _, e := range p.Errors {
		got = append(got, e.Pointer)
	}
	slices.Sort(got)
	slices.Sort(pointers)
	if pointers != nil && !slices.Equal(got, pointers) {
		a.t.Fatalf("%s: faults at %v, want %v: %s", a.what, got, pointers, a.body)
	}
	return a
}

func (a *answer) into(v any) {
	a.t.Helper()
	if err := json.Unmarshal(a.body, v); err != nil {
		a.t.Fatalf("%s: %v: %s", a.what, err, a.body)
	}
}

// document reads a document out of an answer that is one, or holds one.
func (a *answer) document() Document {
	a.t.Helper()
	var up struct{ Document *Document }
	a.into(&up)
	if up.Document != nil {
		return *up.Document
	}
	var d Document
	a.into(&d)
	return d
}

// captured plays the worker that reads a document: one page with the words.
func (s *stack) captured(up Uploaded, words ...string) {
	s.t.Helper()
	ctx := s.t.Context()
	var boxes []document.Word
	for i, w := range words {
		boxes = append(boxes, document.Word{Text: w, X: float64(40 * i), Y: 100, Width: 36, Height: 12, Confidence: 96, Line: 1})
	}
	raw, err := json.Marshal(boxes)
	if err != nil {
		s.t.Fatal(err)
	}
	text, err := s.vault.Put(ctx, service.Place{Org: s.org, Unit: up.Document.BusinessUnit, Document: up.Document.ID}, bytes.NewReader(raw))
	if err != nil {
		s.t.Fatal(err)
	}
	pdf, err := s.vault.Put(ctx, service.Place{Org: s.org, Unit: up.Document.BusinessUnit, Document: up.Document.ID}, strings.NewReader("%PDF-1.7 searchable of "+up.Document.ID))
	if err != nil {
		s.t.Fatal(err)
	}
	err = s.svc.FinishCapture(ctx, service.SystemCall(s.org, "capture", ""), up.Operation.ID, up.Version.Number, service.Captured{
		MediaType: "application/pdf", Blobs: []service.Blob{text},
		Derived: []service.Derived{{Kind: document.Searchable, Blob: pdf, Pages: 1}},
		Pages:   []document.Page{{No: 1, Width: 595, Height: 842, Source: "ocr", Engine: "test", Confidence: 96, Words: len(words), Blob: text.ID, Text: strings.Join(words, " ")}},
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// draft uploads a document and captures it.
func (c *caller) draft(fields map[string]string) Document {
	c.t.Helper()
	var up Uploaded
	c.upload("order.pdf", []byte("%PDF-1.7 "+c.t.Name()), fields).want(http.StatusAccepted).into(&up)
	c.captured(up, "Purchase", "order", "Total", "123.45")
	return up.Document
}

// approved brings a document to the state approved.
func (c *caller) approved() Document {
	c.t.Helper()
	d := c.draft(nil)
	c.post("/v1/approvals", canonical(d.ID)).want(http.StatusCreated)
	return c.get("/v1/documents/" + d.ID).want(http.StatusOK).document()
}

// canonical is the canonical payload with the approvers.
func canonical(docID string, approvers ...string) map[string]any {
	return map[string]any{
		"document_id": docID, "document_type": "document", "initiator": map[string]string{"user_id": "u_42", "email": "ana@example.com"},
		"approvers": append([]string{}, approvers...),
	}
}

// kinds gives the kinds of a document's journal entries, in order.
func (s *stack) kinds(docID string) []string {
	s.t.Helper()
	s.sequence()
	var page EventPage
	s.admin.get("/v1/events?limit=200&document_id=" + docID).want(http.StatusOK).into(&page)
	var out []string
	for _, e := range page.Items {
		out = append(out, e.Type)
	}
	return out
}

// caused checks the kinds of a document's journal entries.
func (s *stack) caused(docID string, want ...string) {
	s.t.Helper()
	if got := s.kinds(docID); !slices.Equal(got, want) {
		s.t.Errorf("journal entries\n  %s, want\n  %s", strings.Join(got, " "), strings.Join(want, " "))
	}
}

// testLog shows what is logged beside the test that caused it.
type testLog struct{ t *testing.T }

func (l testLog) Write(p []byte) (int, error) {
	l.t.Logf("%s", bytes.TrimSpace(p))
	return len(p), nil
}

func sha256Raw(s string) []byte {
	sum := sha256.Sum256([]byte(s))
	return sum[:]
}

func sha256Hex(s string) string { return hex.EncodeToString(sha256Raw(s)) }
