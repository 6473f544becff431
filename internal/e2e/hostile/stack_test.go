//go:build judges

package hostile

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
	"sync/atomic"
	"testing"

	"github.com/paraph/paraph/internal/config"
	"github.com/paraph/paraph/internal/sandbox/childmain"
	"github.com/paraph/paraph/internal/server"
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
	if cacheDir, err = os.MkdirTemp("", "paraph-hostile-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(cacheDir)
	return m.Run()
}

// stack is a running Paraph with its administrator's token.
type stack struct {
	url, token string
}

func start(t *testing.T) *stack {
	t.Helper()
	c := config.Default()
	c.DataDir, c.RateLimit, c.OCRLanguages, c.MaxUpload = t.TempDir(), 0, "eng", 4<<20
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv, err := server.New(t.Context(), &c, server.Options{Version: "test", CacheDir: cacheDir, Listener: listener, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := srv.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		if err := srv.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Errorf("the server did not stop in order: %v", err)
		}
	})
	s := &stack{url: srv.URL()}
	s.token = login(t, s.url, srv.Admin.Client.ID, srv.Admin.Secret)
	return s
}

// login asks for an access token.
func login(t *testing.T, server, id, secret string) string {
	t.Helper()
	res, err := http.PostForm(server+"/oauth/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {secret}})
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
	return got.Token
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a *answer) into(t *testing.T, v any) {
	t.Helper()
	if err := json.Unmarshal(a.body, v); err != nil {
		t.Fatalf("%v: %s", err, a.body)
	}
}

// problem is what the tests read of a problem document.
type problem struct {
	Code, Detail string
	Errors       []struct{ Pointer, Code, Message string }
}

// problem checks that the answer is a problem of that code.
func (a *answer) problem(t *testing.T, status int, code string) problem {
	t.Helper()
	var p problem
	a.into(t, &p)
	if a.status != status || p.Code != code {
		t.Errorf("%d %s, want %d %s: %s", a.status, p.Code, status, code, a.body)
	}
	return p
}

var keys atomic.Int64

// send makes one request; headers given as pairs replace the usual ones, and an
// empty one removes it.
func (s *stack) send(t *testing.T, method, path string, body io.Reader, header ...string) *answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.url+path, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.token)
	req.Header.Set("Idempotency-Key", fmt.Sprintf("key-%d", keys.Add(1)))
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Del(header[i])
		if header[i+1] != "" {
			req.Header.Set(header[i], header[i+1])
		}
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return &answer{res.StatusCode, res.Header, raw}
}

// form gives a form with a file and fields.
func form(t *testing.T, name, media string, content []byte, fields ...string) (io.Reader, string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for i := 0; i+1 < len(fields); i += 2 {
		if err := w.WriteField(fields[i], fields[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	part, err := w.CreatePart(map[string][]string{
		"Content-Disposition": {fmt.Sprintf(`form-data; name="file"; filename="%s"`, name)}, "Content-Type": {media},
	})
	if err == nil {
		_, err = part.Write(content)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return &b, w.FormDataContentType()
}

// uploaded is what the tests read of an upload and of a document.
type uploaded struct {
	Document  doc
	Operation struct{ ID, State, Code, Reason string }
}

type doc struct {
	ID             string
	CurrentVersion int `json:"current_version"`
	Pages          int
	Processing     struct{ Status, Code, Reason string }
}

// upload sends a file and waits until it is read, however often that takes a
// further attempt.
func (s *stack) upload(t *testing.T, name, media string, content []byte) (*answer, uploaded) {
	t.Helper()
	body, kind := form(t, name, media, content)
	res := s.send(t, http.MethodPost, "/v1/documents", body, "Content-Type", kind, "Prefer", "wait=60")
	var up uploaded
	if res.status >= 400 {
		return res, up
	}
	res.into(t, &up)
	for range 3 {
		if up.Operation.State == "succeeded" || up.Operation.State == "failed" {
			break
		}
		s.send(t, http.MethodGet, "/v1/operations/"+up.Operation.ID, nil, "Prefer", "wait=60").into(t, &up.Operation)
	}
	s.send(t, http.MethodGet, "/v1/documents/"+up.Document.ID, nil).into(t, &up.Document)
	return res, up
}
