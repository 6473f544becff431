package signpage_test

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/signing"
	"github.com/paraph/paraph/internal/signpage"
	"github.com/paraph/paraph/internal/signpage/signpagetest"
)

func signAs(f *signpagetest.Fake, ids ...string) {
	for _, id := range ids {
		if _, _, err := f.Envelope.Sign(id, signing.Signature{Kind: signing.Typed, Text: "x"}, signing.Evidence{}, signpagetest.Now); err != nil {
			panic(err)
		}
	}
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

// Every state a link can be in says what is so and what to do, and offers
// signing only where it can be done.
func TestStates(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name  string
		set   func(f *signpagetest.Fake)
		code  int
		says  []string
		signs bool
	}{
		{"to sign", func(*signpagetest.Fake) {}, 200, []string{"Lind &amp; Berg Trading", "asks you to sign", "4 pages", "about 2 minutes", "Page 4 of 4", "This page is blank.", "What signing means", "token-jonas/document.pdf"}, true},
		{"seen before", func(f *signpagetest.Fake) { f.Envelope.Recipients[0].State = signing.RecipientViewed }, 200, nil, true},
		{"waiting", func(f *signpagetest.Fake) { f.Envelope.Recipients[0].State = signing.RecipientWaiting }, 200, []string{"not your turn yet", "jonas.berg@example.com"}, false},
		{"signed, another is missing", func(f *signpagetest.Fake) { signAs(f, "rcp_1") }, 200, []string{"You have signed", "1 of 2 people have signed", `datetime="2026-11-23T09:30:00Z"`}, false},
		{"sealing", func(f *signpagetest.Fake) { signAs(f, "rcp_1", "rcp_2") }, 200, []string{"Everybody has signed", "being sealed", `http-equiv="refresh"`, "data-poll"}, false},
		{"seal failed", func(f *signpagetest.Fake) {
			signAs(f, "rcp_1", "rcp_2")
			f.Document.Processing.Status = document.StatusFailed
		}, 200, []string{"No signature is lost"}, false},
		{"completed", func(f *signpagetest.Fake) {
			signAs(f, "rcp_1", "rcp_2")
			f.SealedPDF = []byte("sealed")
			check(f.Envelope.Complete(3, signpagetest.Now))
		}, 200, []string{"Signed and sealed", "sealed.pdf", "paraph verify --ca paraph-ca.pem &#39;Purchase order PO-4711 (signed).pdf&#39;", "/.well-known/paraph/ca.pem", `href="/verify"`, signpagetest.Sum([]byte("sealed"))}, false},
		{"declined", func(f *signpagetest.Fake) {
			check(f.Envelope.Decline("rcp_1", "Wrong <date>", signing.Evidence{}, signpagetest.Now))
		}, 200, []string{"You have declined", "Wrong &lt;date&gt;"}, false},
		{"declined by another", func(f *signpagetest.Fake) {
			check(f.Envelope.Decline("rcp_2", "secret reason", signing.Evidence{}, signpagetest.Now))
		}, 200, []string{"This request has ended"}, false},
		{"signed, then declined by another", func(f *signpagetest.Fake) {
			signAs(f, "rcp_1")
			check(f.Envelope.Decline("rcp_2", "secret reason", signing.Evidence{}, signpagetest.Now))
		}, 200, []string{"You had signed it before"}, false},
		{"voided", func(f *signpagetest.Fake) {
			check(f.Envelope.End(signing.Voided, "A new one comes.", signpagetest.Now))
		}, 200, []string{"withdrew", "A new one comes."}, false},
		{"expired envelope", func(f *signpagetest.Fake) { check(f.Envelope.End(signing.Expired, "", signpagetest.Now)) }, 200, []string{"The time to sign has run out"}, false},
		{"expired link", func(f *signpagetest.Fake) { f.Expires["token-jonas"] = signpagetest.Now }, 410, []string{"This link has run out", "Ask the sender"}, false},
		{"unknown link", func(f *signpagetest.Fake) { delete(f.Links, "token-jonas") }, 404, []string{"This link is not known"}, false},
		{"database away", func(f *signpagetest.Fake) {
			f.Fail = fault.New(fault.Unavailable, "store_unavailable", "The database is away.")
		}, 503, []string{"cannot answer just now"}, false},
		{"our mistake", func(f *signpagetest.Fake) { f.Fail = errors.New("inner detail") }, 500, []string{"went wrong on our side"}, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newStage()
			c.set(s.Fake)
			w := s.get(jonas)
			wantStatus(t, w, c.code)
			wantText(t, w, c.says...)
			body := w.Body.String()
			if got := strings.Contains(body, `action="/sign/token-jonas/sign"`); got != c.signs {
				t.Errorf("offers signing: %v, want %v", got, c.signs)
			}
			for _, private := range []string{"aiko", "Aiko", "rcp_2", "secret reason", "inner detail"} {
				if strings.Contains(excerpt(body), private) {
					t.Errorf("shows %q, which is not this signer's to know", private)
				}
			}
		})
	}
}

// TestFields: the page shows where this recipient's marks go, and says so in words.
func TestFields(t *testing.T) {
	t.Parallel()
	s := newStage()
	if body := s.get(jonas).Body.String(); strings.Contains(body, `class="fields"`) {
		t.Error("fields are shown where none were placed")
	}
	s.Change(func(f *signpagetest.Fake) {
		f.Envelope.Recipients[0].Fields = []signing.Field{{Page: 2, X: 72.5, Y: 640, Width: 180, Height: 48}}
		f.Envelope.Recipients[1].Fields = []signing.Field{{Page: 1, X: 1, Y: 2, Width: 180, Height: 48}}
	})
	w := s.get(jonas)
	wantText(t, w, "goes into the marked place on this page", `<rect x="72.5" y="640" width="180" height="48"`)
	if n := strings.Count(w.Body.String(), `class="fields"`); n != 1 {
		t.Errorf("the places of %d pages are shown, others' too", n)
	}
}

// The page to which certificates lead says with what a file is checked.
func TestVerifyPage(t *testing.T) {
	t.Parallel()
	s := newStage()
	w := s.get(signpage.VerifyPath)
	wantStatus(t, w, 200)
	wantText(t, w, "Check a sealed document", "paraph verify --ca", "/.well-known/paraph/ca.pem", "/.well-known/paraph/log.vkey")
}

func TestFilledFormComesFromTheServer(t *testing.T) {
	t.Parallel()
	s := newStage()
	w := s.get(jonas)
	wantText(t, w, `name="document" value="`+s.Envelope.SHA256+`"`, `value="`+signpagetest.Sum([]byte(service.ConsentText))+`"`, service.ConsentText,
		`name="text" value="Jonas Berg"`)
	if strings.Contains(w.Body.String(), "user-scalable") || strings.Contains(w.Body.String(), "maximum-scale") {
		t.Error("zooming is hindered")
	}
}

// What only looks like a person opening the link is not evidence of delivery.
func TestDelivered(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name    string
		method  string
		headers []string
		want    string
	}{
		{"a person", "GET", []string{"Sec-Fetch-Mode", "navigate"}, "delivered rcp_1"},
		{"an older browser", "GET", nil, "delivered rcp_1"},
		{"HEAD", "HEAD", nil, ""},
		{"prefetch", "GET", []string{"Sec-Purpose", "prefetch;prerender"}, ""},
		{"older prefetch", "GET", []string{"Purpose", "prefetch"}, ""},
		{"preview", "GET", []string{"X-Purpose", "preview"}, ""},
		{"a script of ours", "GET", []string{"Sec-Fetch-Mode", "cors"}, ""},
		{"a link preview", "GET", []string{"User-Agent", "Slackbot-LinkExpanding 1.0"}, ""},
		{"no browser", "GET", []string{"User-Agent", ""}, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newStage()
			wantStatus(t, s.do(c.method, jonas, nil, c.headers...), 200)
			if got := s.steps(); got != c.want {
				t.Errorf("noted %q, want %q", got, c.want)
			}
		})
	}
}

var inline = regexp.MustCompile(`(?s)<(style|script)>(.*?)</(?:style|script)>`)

// Every answer carries the headers, and the policy allows exactly the inline
// style and script that are there.
func TestHeaders(t *testing.T) {
	t.Parallel()
	s := newStage()
	for _, target := range []string{jonas, jonas + "/text", jonas + "/state", jonas + "/decline", jonas + "/pages/1/image", jonas + "/pages/1/words", jonas + "/document.pdf", jonas + "/sealed.pdf", "/sign/unknown", "/sign/", jonas + "/nothing"} {
		h := s.get(target).Header()
		for k, v := range map[string]string{"Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY"} {
			if h.Get(k) != v {
				t.Errorf("%s: %s is %q", target, k, h.Get(k))
			}
		}
		csp := h.Get("Content-Security-Policy")
		if !strings.HasPrefix(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: policy %q", target, csp)
		}
		if h.Get("Permissions-Policy") == "" {
			t.Errorf("%s: no Permissions-Policy", target)
		}
	}
	w := s.get(jonas)
	found := inline.FindAllStringSubmatch(w.Body.String(), -1)
	if len(found) != 2 {
		t.Fatalf("%d inline blocks, want one style and one script", len(found))
	}
	for _, m := range found {
		sum := sha256.Sum256([]byte(m[2]))
		if want := m[1] + "-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; !strings.Contains(w.Header().Get("Content-Security-Policy"), want) {
			t.Errorf("the policy does not allow the page's own %s", m[1])
		}
	}
	if regexp.MustCompile(`\s(style|on[a-z]+)="`).MatchString(w.Body.String()) {
		t.Error("inline style or handler attributes, which the policy forbids")
	}
	if regexp.MustCompile(`(src|href|action|srcset)="(https?:)?//`).MatchString(w.Body.String()) {
		t.Error("the page reaches for another host")
	}
}

func TestFrameAncestors(t *testing.T) {
	t.Parallel()
	f := signpagetest.New()
	h := signpage.New(signpage.Config{Service: f, Renderer: &signpagetest.Renderer{}, SourceOf: source, FrameAncestors: []string{"https://portal.example"}})
	s := &stage{Fake: f, handler: h}
	got := s.get(jonas).Header()
	if got.Get("X-Frame-Options") != "" || !strings.HasSuffix(got.Get("Content-Security-Policy"), "frame-ancestors https://portal.example") {
		t.Errorf("headers %v", got)
	}
}

// The whole page, without its pictures, stays small: 40 kB compressed is the
// promise for any document, 15 kB the aim for a short one.
func TestBudget(t *testing.T) {
	t.Parallel()
	s := newStage()
	short := zipped(t, s.get(jonas).Body.Bytes())
	var long []document.Page
	for i := range 300 {
		p := s.Pages[0]
		p.No, p.Words = i+1, 450
		long = append(long, p)
		s.Words[i+1] = s.Words[1]
	}
	s.Pages = long
	many := zipped(t, s.get(jonas).Body.Bytes())
	t.Logf("4 pages: %d bytes; 300 pages: %d bytes", short, many)
	if short > 15<<10 || many > 40<<10 {
		t.Errorf("4 pages: %d bytes, 300 pages: %d bytes", short, many)
	}
}

func TestCompressed(t *testing.T) {
	t.Parallel()
	s := newStage()
	s.get(jonas) // the first look changes the state
	w := s.get(jonas, "Accept-Encoding", "br, gzip")
	z, err := gzip.NewReader(w.Body)
	if err != nil || w.Header().Get("Content-Encoding") != "gzip" {
		t.Fatalf("not compressed: %v", err)
	}
	body, err := io.ReadAll(z)
	if err != nil || string(body) != s.get(jonas).Body.String() {
		t.Errorf("another page when compressed: %v", err)
	}
}

// The token is a credential: it never reaches the log.
func TestTokenStaysOutOfTheLog(t *testing.T) {
	t.Parallel()
	s := newStage()
	s.Fail = errors.New("made-up trouble")
	s.get(jonas)
	s.get(jonas + "/pages/1/image")
	s.post(jonas+"/sign", s.filled())
	if out := s.log.String(); !strings.Contains(out, "made-up trouble") || strings.Contains(out, "token-jonas") {
		t.Errorf("the log says: %s", out)
	}
}

func TestRedact(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"/sign/abc": "/sign/{token}", "/sign/abc/pages/1/image": "/sign/{token}/pages/1/image", "/sign/": "/sign/",
		"/sign/mark.svg": "/sign/mark.svg", "/v1/documents": "/v1/documents",
	} {
		if got := signpage.Redact(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

func TestPlainText(t *testing.T) {
	t.Parallel()
	w := newStage().get(jonas + "/text")
	wantStatus(t, w, 200)
	wantText(t, w, "Page 1 of 4", "<p>Torque wrench 40-200 Nm 20 118.00 2,360.00</p>", "This page is blank.", "<p>3, 4 Steel cabinets 390 kg</p>")
}

func TestMark(t *testing.T) {
	t.Parallel()
	w := newStage().get("/sign/mark.svg")
	wantStatus(t, w, http.StatusOK)
	if w.Header().Get("Content-Type") != "image/svg+xml" {
		t.Error(w.Header())
	}
}
