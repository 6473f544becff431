package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/internal/config"
	"github.com/paraph/paraph/internal/sandbox/childmain"
	"github.com/paraph/paraph/internal/server"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/store/pgtest"
)

// cacheDir holds the PDF engine's compiled code for all servers of this binary.
var cacheDir string

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "child" {
		os.Exit(childmain.Main())
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	var err error
	if cacheDir, err = os.MkdirTemp("", "paraph-e2e-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(cacheDir)
	return m.Run()
}

// stack is a running Paraph and its first administrator.
type stack struct {
	server *server.Server
	conf   *config.Config
	url    string
	http   *http.Client
	admin  *service.ClientSecret
	*caller
}

// setup is what a test wants to be different.
type setup struct {
	conf    func(*config.Config)
	clock   clock.Clock
	ocr     string                // the text recognition program
	retries []time.Duration       // waits between attempts at a job
	log     io.Writer             // takes everything the server says, too
	turn    int                   // pages of a document read before others get its place
	admin   *service.ClientSecret // of an installation that exists already
}

// each runs fn over a running server on each database, both in parallel.
func each(t *testing.T, with setup, fn func(t *testing.T, s *stack)) {
	t.Helper()
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		fn(t, start(t, "", with))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		fn(t, start(t, pgtest.Database(t), with))
	})
}

// databases gives the databases, each made when it is asked for.
func databases(*testing.T) map[string]func(*testing.T) string {
	return map[string]func(*testing.T) string{"sqlite": func(*testing.T) string { return "" }, "postgres": func(t *testing.T) string { return pgtest.Database(t) }}
}

func start(t *testing.T, database string, with setup) *stack {
	t.Helper()
	c := config.Default()
	c.DataDir, c.Database, c.RateLimit, c.OCRLanguages, c.Organisation = t.TempDir(), config.Secret(database), 0, "eng", "Test Works"
	if with.conf != nil {
		with.conf(&c)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	level, out := slog.LevelWarn, io.Writer(testLog{t})
	if with.log != nil {
		level, out = slog.LevelDebug, with.log
	}
	srv, err := server.New(t.Context(), &c, server.Options{
		Version: "test", Clock: with.clock, CacheDir: cacheDir, Listener: listener, OCRCommand: with.ocr, Retries: with.retries, PagesPerTurn: with.turn,
		Log: slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: level})),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := srv.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := &stack{server: srv, conf: &c, url: srv.URL(), http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, ExpectContinueTimeout: time.Minute}}}
	t.Cleanup(func() {
		s.http.CloseIdleConnections()
		if err := srv.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Errorf("the server did not stop in order: %v", err)
		}
		// Whatever the test did, the store agrees with its journal afterwards.
		report, err := server.AuditStore(context.WithoutCancel(t.Context()), &c, server.AuditOptions{Blobs: true})
		if err != nil || !report.Sound {
			t.Errorf("the store after the test: %+v %v", report, err)
		}
	})
	if s.admin = srv.Admin; s.admin == nil {
		s.admin = with.admin
	}
	s.caller = login(t, s.http, s.url, s.admin.Client.ID, s.admin.Secret)
	return s
}

// testLog shows what the server warns of beside the test that caused it.
type testLog struct{ t testing.TB }

func (l testLog) Write(p []byte) (int, error) {
	l.t.Logf("%s", bytes.TrimSpace(p))
	return len(p), nil
}

// caller is an API client with an access token.
type caller struct {
	t     testing.TB
	http  *http.Client
	url   string
	token string
}

func login(t testing.TB, client *http.Client, url_, id, secret string) *caller {
	t.Helper()
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {secret}}
	res, err := client.PostForm(url_+"/oauth/token", form)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var got struct {
		Token string `json:"access_token"`
	}
	if err := json.NewDecoder(res.Body).Decode(&got); err != nil || got.Token == "" {
		t.Fatalf("no token: %d %v", res.StatusCode, err)
	}
	return &caller{t: t, http: client, url: url_, token: got.Token}
}

// client makes a client over the API and logs it in; units nil means all.
func (c *caller) client(principal string, units []string, scopes ...string) *caller {
	c.t.Helper()
	body := map[string]any{"name": principal, "principal": principal, "scopes": scopes}
	if units != nil {
		body["business_units"] = units
	}
	var made struct {
		Client struct{ ID string }
		Secret string `json:"client_secret"`
	}
	c.post("/v1/clients", body).want(http.StatusCreated).into(&made)
	return login(c.t, c.http, c.url, made.Client.ID, made.Secret)
}

// in gives the same caller speaking for another test.
func (c *caller) in(t testing.TB) *caller {
	other := *c
	other.t = t
	return &other
}

// answer is what came back.
type answer struct {
	t      testing.TB
	what   string
	status int
	header http.Header
	body   []byte
}

var keys atomic.Int64

// try sends a request and may fail. What changes something gets a key of its own
// unless the headers name one.
func (c *caller) try(ctx context.Context, method, path string, body io.Reader, header ...string) (*answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.url+path, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	if method != http.MethodGet {
		req.Header.Set("Idempotency-Key", fmt.Sprintf("key-%d", keys.Add(1)))
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	return &answer{t: c.t, what: method + " " + path, status: res.StatusCode, header: res.Header, body: raw}, err
}

func (c *caller) send(method, path string, body io.Reader, header ...string) *answer {
	c.t.Helper()
	a, err := c.try(context.Background(), method, path, body, header...)
	if err != nil {
		c.t.Fatal(err)
	}
	return a
}

func (c *caller) get(path string, header ...string) *answer {
	c.t.Helper()
	return c.send(http.MethodGet, path, nil, header...)
}

func (c *caller) post(path string, body any, header ...string) *answer {
	c.t.Helper()
	var r io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			c.t.Fatal(err)
		}
		r = bytes.NewReader(raw)
	}
	return c.send(http.MethodPost, path, r, append([]string{"Content-Type", "application/json"}, header...)...)
}

// upload sends a file as a form and waits until it is read.
func (c *caller) upload(name string, content []byte, fields map[string]string, header ...string) *answer {
	c.t.Helper()
	return c.file("/v1/documents", name, content, fields, append([]string{"Prefer", "wait=60"}, header...)...)
}

func (c *caller) file(path, name string, content []byte, fields map[string]string, header ...string) *answer {
	c.t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for k, v := range fields {
		if err := w.WriteField(k, v); err != nil {
			c.t.Fatal(err)
		}
	}
	part, err := w.CreateFormFile("file", name)
	if err == nil {
		_, err = part.Write(content)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		c.t.Fatal(err)
	}
	return c.send(http.MethodPost, path, &b, append([]string{"Content-Type", w.FormDataContentType()}, header...)...)
}

func (a *answer) want(status int) *answer {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("%s: %d, want %d: %s", a.what, a.status, status, a.body)
	}
	return a
}

// problem checks that the answer is a problem of that code.
func (a *answer) problem(status int, code string) *answer {
	a.t.Helper()
	var p struct{ Code string }
	a.want(status).into(&p)
	if p.Code != code || !strings.HasPrefix(a.header.Get("Content-Type"), "application/problem+json") {
		a.t.Fatalf("%s: want the problem %s: %s", a.what, code, a.body)
	}
	return a
}

func (a *answer) into(v any) {
	a.t.Helper()
	if err := json.Unmarshal(a.body, v); err != nil {
		a.t.Fatalf("%s: %v: %s", a.what, err, a.body)
	}
}

// read looks into the database.
func (s *stack) read(fn func(ctx context.Context, tx service.Reader) error) {
	s.t.Helper()
	if err := s.server.Store.Read(service.Across(context.Background(), "a test"), fn); err != nil {
		s.t.Fatal(err)
	}
}
