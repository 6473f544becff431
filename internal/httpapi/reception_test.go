package httpapi

import (
	"github.com/paraph/paraph/internal/access"

	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/paraph/paraph/internal/entrance"
	"github.com/paraph/paraph/internal/store/storetest"
)

func TestNowhere(t *testing.T) {
	onBoth(t, func(s *stack) {
		s.admin.get("/v1/nothing").problem(404, "no_such_path")
		s.admin.get("/elsewhere").problem(404, "no_such_path")
		res := s.admin.send("PUT", "/v1/documents", strings.NewReader("{}")).problem(405, "method_not_allowed")
		if res.header.Get("Allow") != "GET, POST" {
			t.Errorf("Allow %q", res.header.Get("Allow"))
		}
		s.admin.send("DELETE", "/docs", nil).problem(405, "method_not_allowed")
		s.admin.send("TRACE", "/v1/documents", nil).problem(405, "method_not_allowed")
	})
}

func TestRequestIDAndMetrics(t *testing.T) {
	onBoth(t, func(s *stack) {
		for len(s.seen.lines) > 0 {
			<-s.seen.lines
		}
		if res := s.admin.get("/v1/documents", "X-Request-Id", "erp-1:a"); res.header.Get("X-Request-Id") != "erp-1:a" {
			t.Errorf("a good id was not kept: %v", res.header)
		}
		if res := s.admin.get("/v1/documents/x", "X-Request-Id", "a b<"); !strings.HasPrefix(res.header.Get("X-Request-Id"), "req_") {
			t.Errorf("a bad id was kept: %v", res.header)
		}
		s.admin.get("/v1/secret-path-of-somebody")
		for _, want := range []string{"GET /v1/documents 200", "GET /v1/documents/{id} 404", "GET  404"} {
			if got := <-s.seen.lines; got != want {
				t.Errorf("observed %q, want %q", got, want)
			}
		}
	})
}

// TestPanicsAreCaught: a mistake in a handler costs one request, and tells the caller nothing.
func TestPanicsAreCaught(t *testing.T) {
	onBoth(t, func(s *stack) {
		res := s.admin.get("/boom").problem(500, "internal")
		if bytes.Contains(res.body, []byte("secret")) {
			t.Errorf("%s", res.body)
		}
		s.admin.get("/v1/documents").want(200)
	}, func(c *Config) {
		c.Mounts = append(c.Mounts, Mount{Pattern: "/boom", Room: entrance.Behind(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("secret") }), &entrance.Mux{})})
	})
}

func TestRateLimitOverHTTP(t *testing.T) {
	onBoth(t, func(s *stack) {
		s.admin.get("/v1/documents").want(200)
		s.admin.get("/v1/documents").want(200)
		res := s.admin.get("/v1/documents").problem(429, "rate_limited")
		if res.header.Get("Retry-After") == "" || !strings.Contains(res.header.Get("RateLimit"), "r=0") {
			t.Errorf("%v", res.header)
		}
	}, func(c *Config) {
		c.Limiter = NewLimiter(access.RequestLimits{access.Reads: {PerSecond: 1, Burst: 2}}, access.RequestLimit{})
	})
}

func TestBodyLimits(t *testing.T) {
	onBoth(t, func(s *stack) {
		s.admin.post("/v1/business-units", `{"name":"a","title":"`+strings.Repeat("x", maxBody)+`"}`).problem(413, "body_too_large")
		s.admin.post("/v1/business-units", `{"name":"a"}`, "Content-Type", "text/xml").problem(415, "unsupported_media_type")
		s.admin.post("/v1/business-units", `{"name":"a"`).problem(400, "malformed_body")
	})
}

// TestTwins sends the same request many times at once: it happens once, and all get its answer.
func TestTwins(t *testing.T) {
	onBoth(t, func(s *stack) {
		ids := make([]string, 8)
		var wg sync.WaitGroup
		for i := range ids {
			wg.Go(func() {
				ids[i] = s.admin.upload("a.pdf", []byte("same"), nil, "Idempotency-Key", "twin").want(202).document().ID
			})
		}
		wg.Wait()
		for _, id := range ids {
			if id != ids[0] {
				t.Errorf("two documents of one request: %v", ids)
			}
		}
		s.caused(ids[0], created...)
		var list Page[Document]
		s.admin.get("/v1/documents").want(200).into(&list)
		if len(list.Items) != 1 {
			t.Errorf("%d documents", len(list.Items))
		}
	})
}

// TestDocs: the pages need nothing from another host, and their policy says so.
func TestDocs(t *testing.T) {
	onBoth(t, func(s *stack) {
		anyone := &caller{stack: s}
		foreign := regexp.MustCompile(`(?i)(src|<link[^>]*href|url\(|import|fetch\()[^a-z]*https?:`)
		for path, media := range map[string]string{
			"/docs": "text/html; charset=utf-8", "/docs/errors": "text/html; charset=utf-8", "/docs/page.js": "text/javascript; charset=utf-8",
			"/docs/start": "text/html; charset=utf-8", "/docs/reference/documents": "text/html; charset=utf-8", "/docs/page.css": "text/css; charset=utf-8", "/openapi.json": "application/openapi+json", "/openapi.yaml": "application/openapi+yaml",
		} {
			res := anyone.get(path).want(200)
			if res.header.Get("Content-Type") != media || res.header.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("%s: %v", path, res.header)
			}
			if strings.HasPrefix(media, "text/") && foreign.Match(res.body) {
				t.Errorf("%s loads something from elsewhere: %s", path, foreign.Find(res.body))
			}
			if strings.HasPrefix(media, "text/html") {
				if csp := res.header.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'; script-src 'self';") || strings.Contains(csp, "unsafe") {
					t.Errorf("%s: policy %q", path, csp)
				}
				if regexp.MustCompile(`(?i)<script>|<style|style=| on[a-z]+=`).Match(res.body) {
					t.Errorf("%s has script or style that its policy would block", path)
				}
			}
		}
		page := anyone.get("/docs/errors").want(200)
		for code := range catalogue {
			if !bytes.Contains(page.body, []byte(`id="`+code+`"`)) {
				t.Errorf("the page of codes lacks %s", code)
			}
		}
	})
}

// TestLargeFilesAreNotHeld sends and fetches a large file and looks at how much
// memory was allocated for it in all, not just at its peak. Work in the background
// allocates beside it, more the slower the machine is; a file that were held would
// show with its whole size at the least.
func TestLargeFilesAreNotHeld(t *testing.T) {
	const size = 300 << 20
	storetest.Each(t, func(t *testing.T, open storetest.Open) {
		s := newStack(t, open)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		res := s.admin.send(http.MethodPost, "/v1/documents", io.LimitReader(zeros{}, size), "Content-Type", "application/pdf").want(202)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.server.URL+"/v1/documents/"+res.document().ID+"/versions/1/content", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+s.admin.token)
		got, err := s.server.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer got.Body.Close()
		sum := sha256.New()
		if n, err := io.Copy(sum, got.Body); n != size || err != nil || got.Header.Get("Etag") != `"`+hex.EncodeToString(sum.Sum(nil))+`"` {
			t.Errorf("%d bytes came back, %v", n, err)
		}
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took > size/2 {
			t.Errorf("%d MiB were allocated for a file of %d MiB", took>>20, size>>20)
		} else {
			t.Logf("%d MiB were allocated in all for a file of %d MiB, both ways", took>>20, size>>20)
		}
	})
}

// zeros is an endless file.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestSourceOfOutsideIsEmpty: a context that never went through the reception has no source.
func TestSourceOfOutsideIsEmpty(t *testing.T) {
	t.Parallel()
	if src := SourceOf(context.Background()); src.Address != "" {
		t.Errorf("%+v", src)
	}
	w := httptest.NewRecorder()
	writeProblem(w, httptest.NewRequest("GET", "/", nil), io.EOF)
	if w.Code != 500 {
		t.Errorf("%d", w.Code)
	}
}
