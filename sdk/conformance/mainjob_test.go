package conformance

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/paraph/paraph/internal/e2e/programtest"
	"github.com/paraph/paraph/internal/testneed"
	paraph "github.com/paraph/paraph/sdk/go"
)

// examples gives the command of each language's example. PARAPH_SDK_EXAMPLES names
// them as PARAPH_SDK_DRIVERS does; Go's is built here.
func examples(t *testing.T) map[string][]string {
	t.Helper()
	out := map[string][]string{"Go": {goExample(t)}}
	for line := range strings.Lines(os.Getenv("PARAPH_SDK_EXAMPLES")) {
		if language, command, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			out[language] = strings.Fields(command)
		}
	}
	return out
}

// TestMainJob runs each language's example as a new user would, against the real
// program: from upload to the sealed file, with a person who signs in between.
func TestMainJob(t *testing.T) {
	t.Parallel()
	p := programtest.Serve(t, programtest.Options{Data: t.TempDir()})
	admin, err := paraph.New(paraph.Config{URL: p.URL, ClientID: p.ID, ClientSecret: p.Secret})
	if err != nil {
		t.Fatal(err)
	}
	user, err := admin.CreateClient(t.Context(), paraph.ClientRequest{
		Name: "Purchasing", Principal: "purchasing@example.com",
		Scopes: []string{"documents:read", "documents:write", "approvals:write", "tasks:read", "envelopes:read", "envelopes:write", "events:read"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for language, command := range examples(t) {
		t.Run(language, func(t *testing.T) {
			folder := t.TempDir()
			in, out := filepath.Join(folder, "in.pdf"), filepath.Join(folder, "out.pdf")
			if err := os.WriteFile(in, programtest.TextPDF("BT /F1 24 Tf 72 700 Td (Purchase order 4711) Tj ET"), 0o644); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(command[0], append(command[1:], in, out)...)
			cmd.Env = append(os.Environ(), "PARAPH_URL="+p.URL, "PARAPH_CLIENT_ID="+user.Client.ID, "PARAPH_CLIENT_SECRET="+user.ClientSecret)
			cmd.Stderr = os.Stderr
			said, err := cmd.StdoutPipe()
			if err == nil {
				err = cmd.Start()
			}
			if err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewScanner(said)
			sealed := ""
			for lines.Scan() {
				if link, ok := strings.CutPrefix(lines.Text(), "sign here: "); ok {
					if err := programtest.Sign(link); err != nil {
						t.Fatal(err)
					}
				}
				sealed, _ = strings.CutPrefix(lines.Text(), "sealed: ")
			}
			if err := cmd.Wait(); err != nil {
				t.Fatalf("the example ended with %v", err)
			}
			raw, err := os.ReadFile(out)
			sum := sha256.Sum256(raw)
			if err != nil || hex.EncodeToString(sum[:]) != sealed || !strings.Contains(string(raw), "/ByteRange") {
				t.Errorf("%d bytes of SHA-256 %x, it said %q; %v", len(raw), sum, sealed, err)
			}
		})
	}
}

// forgetful hands requests on to a server and drops the first answers to those that
// change something: they were handled, and the client does not know.
type forgetful struct {
	proxy *httputil.ReverseProxy
	mu    sync.Mutex
	drops map[string]int // by idempotency key
}

func (f *forgetful) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	key := r.Header.Get("Idempotency-Key")
	f.mu.Lock()
	f.drops[key]++
	drop := key != "" && f.drops[key] <= 2
	f.mu.Unlock()
	if !drop {
		f.proxy.ServeHTTP(w, r)
		return
	}
	f.proxy.ServeHTTP(discard{w}, r)
	panic(http.ErrAbortHandler)
}

// discard is an answer that nobody gets.
type discard struct{ http.ResponseWriter }

func (discard) Header() http.Header         { return http.Header{} }
func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) WriteHeader(int)             {}

// TestNothingIsDoneTwice lets every SDK create, and upload both ways, through connections that
// break after the real program has handled the request: twice the same key, one document.
func TestNothingIsDoneTwice(t *testing.T) {
	t.Parallel()
	p := programtest.Serve(t, programtest.Options{Data: t.TempDir()})
	target, err := url.Parse(p.URL)
	if err != nil {
		t.Fatal(err)
	}
	s := newServer(&testCase{})
	defer s.Close()
	s.Config.Handler = &forgetful{proxy: httputil.NewSingleHostReverseProxy(target), drops: map[string]int{}}
	admin, err := paraph.New(paraph.Config{URL: p.URL, ClientID: p.ID, ClientSecret: p.Secret})
	if err != nil {
		t.Fatal(err)
	}
	pdf := filepath.Join(t.TempDir(), "in.pdf")
	if err := os.WriteFile(pdf, programtest.TextPDF("BT /F1 24 Tf 72 700 Td (Twice) Tj ET"), 0o644); err != nil {
		t.Fatal(err)
	}
	count := func() int {
		all, err := paraph.Collect(admin.AllDocuments(context.WithoutCancel(t.Context()), paraph.ListDocumentsParams{}))
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	for language, command := range drivers(t) {
		t.Run(language, func(t *testing.T) {
			d := startDriver(t, command)
			before := count()
			for _, c := range []Command{do("create", map[string]any{"title": "Once"}), do("upload", map[string]any{"path": pdf}), do("upload_large", map[string]any{"path": pdf})} {
				c.URL, c.ID, c.Secret = s.URL, p.ID, p.Secret
				if r, err := d.run(c); err != nil || !r.OK {
					t.Errorf("%s: %+v %v", c.Action, r.Error, err)
				}
			}
			if made := count() - before; made != 3 {
				t.Errorf("%d documents were made, want 3", made)
			}
		})
	}
}

// TestReadmesShowTheExamples: what people copy is what is run here.
func TestReadmesShowTheExamples(t *testing.T) {
	t.Parallel()
	root := testneed.Root(t)
	for folder, example := range map[string]string{"go": "examples/mainjob/main.go", "typescript": "examples/mainjob.mjs", "python": "examples/mainjob.py", "java": "examples/MainJob.java"} {
		readme, err := os.ReadFile(filepath.Join(root, "sdk", folder, "README.md"))
		if err != nil {
			t.Fatal(err)
		}
		code, err := os.ReadFile(filepath.Join(root, "sdk", folder, example))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(readme), "\n"+string(code)+"```\n") {
			t.Errorf("sdk/%s/README.md does not show %s as it is", folder, example)
		}
	}
}
