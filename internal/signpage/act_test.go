package signpage_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/signing"
)

func source(r *http.Request) access.Source { return access.Source{UserAgent: r.UserAgent()} }

// Without any script: open, send the form incomplete, mend it, sign, come back.
func TestPlainForm(t *testing.T) {
	t.Parallel()
	s := newStage()
	wantStatus(t, s.get(jonas), 200)
	w := s.post(jonas+"/sign", s.filled("consent", "", "text", "  "))
	wantStatus(t, w, 422)
	wantText(t, w, "2 things are missing · Sign: Purchase order", `<a href="#consent">Tick the box`, `<a href="#text">Type your name`, `id="consent-fault">Tick`)
	w = s.post(jonas+"/sign", s.filled("consent", "", "text", "J.  Berg "))
	wantStatus(t, w, 422)
	wantText(t, w, "One thing is missing", `value="J. Berg"`)
	w = s.post(jonas+"/sign", s.filled())
	wantStatus(t, w, 303)
	if to := w.Header().Get("Location"); to != jonas {
		t.Errorf("leads to %s", to)
	}
	wantText(t, s.get(jonas), "You have signed")
	r := s.Envelope.Recipients[0]
	if r.Signature.Kind != signing.Typed || r.Signature.Text != "Jonas Berg" || r.Evidence.TimeZone != "Europe/Berlin" || r.Evidence.ConsentLocale != "en" || r.Evidence.Address != "192.0.2.7" {
		t.Errorf("kept %+v %+v", r.Signature, r.Evidence)
	}
	wantText(t, s.get(aiko), "action=\"/sign/token-aiko/sign\"")
	wantStatus(t, s.post(aiko+"/sign", s.filled("text", "Aiko Tanaka")), 303)
	wantText(t, s.get(aiko), "Everybody has signed")
	s.Seal()
	wantText(t, s.get(aiko), "Signed and sealed")
}

const scribble = `{"w":600,"h":200,"s":[[10,20,30.5,40,50,60],[5,5,6,6]]}`

// With the script: each step is noted, the drawing arrives as data.
func TestScriptedDrawing(t *testing.T) {
	t.Parallel()
	s := newStage()
	s.get(jonas)
	for _, step := range []string{"/viewed", "/viewed", "/consented", "/consented"} {
		wantStatus(t, s.post(jonas+step, nil, asJSON...), 204)
	}
	w := s.post(jonas+"/sign", s.filled("kind", "drawn", "strokes", scribble), asJSON...)
	wantStatus(t, w, 200)
	if got := s.steps(); got != "delivered rcp_1, viewed rcp_1, consented rcp_1, signed rcp_1" {
		t.Errorf("noted %s", got)
	}
	sig := s.Envelope.Recipients[0].Signature
	if sig.Kind != signing.Drawn || len(sig.Strokes) != 2 || sig.Strokes[0][1] != (signing.Point{X: 30.5, Y: 40}) || sig.Width != 600 || sig.Text != "" {
		t.Errorf("kept %+v", sig)
	}
}

type answer struct {
	Code, Message, State string
	Faults               []struct{ Field, Message string }
}

// What cannot be a signature is refused and named, and nothing is recorded.
func TestBadPosts(t *testing.T) {
	t.Parallel()
	drawn := func(strokes string) []string { return []string{"kind", "drawn", "strokes", strokes} }
	many := `{"w":600,"h":200,"s":[` + strings.Repeat("[1,1,2,2],", 201) + `[1,1]]}`
	cases := []struct {
		name   string
		change []string
		code   int
		field  string // of the first fault
		says   string
	}{
		{"no consent", []string{"consent", ""}, 422, "consent", "Tick the box"},
		{"another consent text", []string{"consent", strings.Repeat("0", 64)}, 422, "consent", "Tick the box"},
		{"no name", []string{"text", ""}, 422, "text", "Type your name"},
		{"long name", []string{"text", strings.Repeat("é", 121)}, 422, "text", "Shorten"},
		{"unknown kind", []string{"kind", "stamped"}, 422, "text", ""},
		{"empty drawing", drawn(""), 422, "pad", "Draw your signature"},
		{"one point", drawn(`{"w":600,"h":200,"s":[[1,1]]}`), 422, "pad", "Draw your signature"},
		{"no JSON", drawn("<svg>"), 422, "pad", "could not be read"},
		{"other JSON", drawn(`[1,2]`), 422, "pad", "could not be read"},
		{"odd numbers", drawn(`{"w":600,"h":200,"s":[[1,1,2]]}`), 422, "pad", "could not be read"},
		{"out of the box", drawn(`{"w":600,"h":200,"s":[[1,1,601,2]]}`), 422, "pad", "could not be read"},
		{"no box", drawn(`{"s":[[0,0,0,0]]}`), 422, "pad", "could not be read"},
		{"too many strokes", drawn(many), 422, "pad", "could not be read"},
		{"another document", []string{"document", strings.Repeat("0", 64)}, 409, "", "has changed"},
		{"no document", []string{"document", ""}, 409, "", "has changed"},
		{"not UTF-8", []string{"text", "\xff"}, 400, "", ""},
		{"too large", drawn(strings.Repeat("1", 300<<10)), 400, "", ""},
	}
	for _, c := range cases {
		for _, script := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, script %v", c.name, script), func(t *testing.T) {
				t.Parallel()
				s := newStage()
				var headers []string
				if script {
					headers = asJSON
				}
				w := s.post(jonas+"/sign", s.filled(c.change...), headers...)
				wantStatus(t, w, c.code)
				wantText(t, w, c.says)
				if s.steps() != "" {
					t.Errorf("noted %s", s.steps())
				}
				if !script {
					if c.field != "" {
						wantText(t, w, `<a href="#`+c.field+`">`)
					}
					return
				}
				var a answer
				if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
					t.Fatal(err)
				}
				if c.field != "" && (len(a.Faults) == 0 || a.Faults[0].Field != c.field) {
					t.Errorf("faults %v, want %s", a.Faults, c.field)
				}
			})
		}
	}
}

func TestMediaType(t *testing.T) {
	t.Parallel()
	s := newStage()
	for _, media := range []string{"", "application/json", "multipart/form-data; boundary=x", "text/plain"} {
		w := s.do("POST", jonas+"/sign", strings.NewReader(s.filled().Encode()), "Content-Type", media)
		wantStatus(t, w, 400)
	}
	if s.steps() != "" {
		t.Error(s.steps())
	}
}

// A second tab that signs again learns that it is done, and nothing happens twice.
func TestTwoTabs(t *testing.T) {
	t.Parallel()
	s := newStage()
	wantStatus(t, s.post(jonas+"/sign", s.filled(), asJSON...), 200)
	w := s.post(jonas+"/sign", s.filled("text", "Other"), asJSON...)
	wantStatus(t, w, 409)
	var a answer
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil || a.Code != "already_signed" || a.Message != "" {
		t.Errorf("%+v, %v", a, err)
	}
	w = s.post(jonas+"/sign", s.filled("text", "Other"))
	wantStatus(t, w, 409)
	wantText(t, w, "You have signed")
	w = s.post(jonas+"/decline", url.Values{"reason": {"Too late"}})
	wantStatus(t, w, 303)
	wantStatus(t, s.post(jonas+"/consented", nil, asJSON...), 409)
	if got := s.steps(); got != "signed rcp_1" {
		t.Errorf("noted %s", got)
	}
}

// Writes that another site starts are refused; those that cannot be told apart
// because of our own no-referrer policy are decided by the token alone.
func TestOrigin(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name    string
		headers []string
		code    int
	}{
		{"same origin", []string{"Sec-Fetch-Site", "same-origin", "Origin", "http://example.com"}, 303},
		{"plain form under no-referrer", []string{"Sec-Fetch-Site", "same-origin", "Origin", "null"}, 303},
		{"the same over plain HTTP", []string{"Sec-Fetch-Site", "", "Origin", "null"}, 303},
		{"cross site", []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}, 403},
		{"cross site, hidden origin", []string{"Sec-Fetch-Site", "cross-site", "Origin", "null"}, 403},
		{"another origin, old browser", []string{"Sec-Fetch-Site", "", "Origin", "https://evil.example"}, 403},
		{"sibling site", []string{"Sec-Fetch-Site", "same-site", "Origin", "https://other.example.com"}, 403},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newStage()
			wantStatus(t, s.post(jonas+"/sign", s.filled(), c.headers...), c.code)
			if signed := s.steps() != ""; signed != (c.code == 303) {
				t.Errorf("noted %q", s.steps())
			}
		})
	}
}

func TestDecline(t *testing.T) {
	t.Parallel()
	s := newStage()
	wantText(t, s.get(jonas+"/decline"), "Decline to sign?", "cannot be taken back")
	w := s.post(jonas+"/decline", url.Values{"reason": {"  "}})
	wantStatus(t, w, 422)
	wantText(t, w, `<a href="#reason">Say in a few words`)
	w = s.post(jonas+"/decline", url.Values{"reason": {strings.Repeat("x", 1001)}})
	wantStatus(t, w, 422)
	wantText(t, w, "Shorten the reason", "xxxx")
	wantStatus(t, s.post(jonas+"/decline", url.Values{"reason": {"The date is wrong."}}), 303)
	wantText(t, s.get(jonas), "You have declined", "The date is wrong.")
	wantText(t, s.get(aiko), "This request has ended")
	wantStatus(t, s.get(jonas+"/decline"), 303)
	w = s.post(aiko+"/sign", s.filled())
	wantStatus(t, w, 409)
	wantText(t, w, "This request has ended")
}

// The state answer changes with everything the page shows.
func TestStateAnswer(t *testing.T) {
	t.Parallel()
	s := newStage()
	seen := map[string]bool{}
	look := func() {
		t.Helper()
		var a answer
		w := s.get(jonas+"/state", asJSON...)
		if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil || seen[a.State] {
			t.Errorf("%q again, or %v", a.State, err)
		}
		seen[a.State] = true
		wantText(t, s.get(jonas), `data-state="`+a.State+`"`)
	}
	s.get(jonas)
	look()
	s.post(jonas+"/sign", s.filled())
	look()
	s.post(aiko+"/sign", s.filled())
	look()
	s.Seal()
	look()
}

// Whatever is posted as a signature, the page answers and keeps the rules.
func FuzzSign(f *testing.F) {
	f.Add("typed", "Jonas", "")
	f.Add("drawn", "", scribble)
	f.Add("drawn", "", `{"w":1e308,"h":-1,"s":[[null]]}`)
	f.Add("", "\x00\u202e", "[]")
	f.Fuzz(func(t *testing.T, kind, text, strokes string) {
		s := newStage()
		w := s.post(jonas+"/sign", s.filled("kind", kind, "text", text, "strokes", strokes))
		if w.Code >= 500 {
			t.Fatalf("status %d", w.Code)
		}
		sig := s.Envelope.Recipients[0].Signature
		if signed := w.Code == 303; signed != (sig.Kind == signing.Typed || sig.Kind == signing.Drawn) || signed != (s.steps() == "signed rcp_1") {
			t.Fatalf("status %d, kept %+v", w.Code, sig)
		}
	})
}
