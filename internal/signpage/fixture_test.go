package signpage_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/signpage"
	"github.com/paraph/paraph/internal/signpage/signpagetest"
)

const (
	jonas = "/sign/token-jonas"
	aiko  = "/sign/token-aiko"
	// agent is a browser's, as far as the page is concerned.
	agent = "Mozilla/5.0 (Linux; Android 14) Firefox/140.0"
)

// stage is the page over a fake service and renderer.
type stage struct {
	*signpagetest.Fake
	renderer *signpagetest.Renderer
	handler  http.Handler
	log      *bytes.Buffer
}

func newStage() *stage {
	s := &stage{Fake: signpagetest.New(), renderer: &signpagetest.Renderer{}, log: &bytes.Buffer{}}
	s.handler = signpage.New(signpage.Config{
		Service: s.Fake, Renderer: s.renderer, Clock: s.Fake.Clock, Log: slog.New(slog.NewTextHandler(s.log, nil)),
		SourceOf: func(r *http.Request) access.Source {
			return access.Source{Address: "192.0.2.7", UserAgent: r.UserAgent()}
		},
	})
	return s
}

// do sends a request; headers come in pairs.
func (s *stage) do(method, target string, body io.Reader, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, body)
	r.Header.Set("User-Agent", agent)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	return w
}

func (s *stage) get(target string, headers ...string) *httptest.ResponseRecorder {
	return s.do("GET", target, nil, headers...)
}

func (s *stage) post(target string, form url.Values, headers ...string) *httptest.ResponseRecorder {
	headers = append([]string{"Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "same-origin"}, headers...)
	return s.do("POST", target, strings.NewReader(form.Encode()), headers...)
}

var asJSON = []string{"Accept", "application/json"}

// filled is a form as a signer who agrees and types a name sends it.
func (s *stage) filled(change ...string) url.Values {
	v := url.Values{
		"document": {s.Envelope.SHA256}, "consent": {signpagetest.Sum([]byte(service.ConsentText))},
		"kind": {"typed"}, "text": {"Jonas Berg"}, "zone": {"Europe/Berlin"},
	}
	for i := 0; i < len(change); i += 2 {
		v.Set(change[i], change[i+1])
	}
	return v
}

func (s *stage) steps() string {
	var out string
	s.Change(func(f *signpagetest.Fake) { out = strings.Join(f.Steps, ", ") })
	return out
}

func zipped(t *testing.T, b []byte) int {
	t.Helper()
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	if _, err := z.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Len()
}

func wantStatus(t *testing.T, w *httptest.ResponseRecorder, code int) {
	t.Helper()
	if w.Code != code {
		t.Fatalf("status %d, want %d: %s", w.Code, code, excerpt(w.Body.String()))
	}
}

func wantText(t *testing.T, w *httptest.ResponseRecorder, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(w.Body.String(), text) {
			t.Errorf("the answer does not say %q: %s", text, excerpt(w.Body.String()))
		}
	}
}

// excerpt is an answer without its style and script.
func excerpt(s string) string {
	if _, after, ok := strings.Cut(s, "</style>"); ok {
		s, _, _ = strings.Cut(after, "<script>")
	}
	if len(s) > 2000 {
		s = s[:2000] + " …"
	}
	return s
}
