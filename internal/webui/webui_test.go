package webui

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/webhook"
)

// links is a store that holds nothing but links, each with its maker.
type links struct {
	service.Store
	service.Reader
	portals map[[32]byte]service.Portal
	revoked time.Time // when the maker of all was
}

func (l *links) Read(ctx context.Context, fn func(context.Context, service.Reader) error) error {
	return fn(ctx, l)
}

func (l *links) Portal(_ context.Context, token []byte) (service.Portal, error) {
	p, there := l.portals[[32]byte(token)]
	if !there {
		return p, access.NotFound()
	}
	return p, nil
}

func (l *links) Client(_ context.Context, id string) (access.OAuthClient, error) {
	return access.OAuthClient{ID: id, RevokedAt: l.revoked}, nil
}

// stage is the page with one link, whose token is "good".
type stage struct {
	*links
	clock *clock.Fake
	http.Handler
}

func newStage() *stage {
	s := &stage{links: &links{portals: map[[32]byte]service.Portal{}}, clock: clock.NewFake(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))}
	s.portals[sha256.Sum256([]byte("good"))] = service.Portal{Org: "org_1", By: "cli_1", ExpiresAt: s.clock.Now().Add(time.Hour)}
	s.Handler = New(Config{
		Service: service.New(service.Config{Store: s.links, Clock: s.clock}), Now: s.clock.Now, Secure: true, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		SourceOf: func(*http.Request) access.Source { return access.Source{} },
	})
	return s
}

// do sends a request; headers come in pairs.
func (s *stage) do(method, path string, form url.Values, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "https://paraph.example"+Prefix+path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

// TestLinks: a link opens the page until it runs out or its maker is gone; the cookie is
// this host's alone, and is taken away with the link.
func TestLinks(t *testing.T) {
	t.Parallel()
	s := newStage()
	for _, token := range []string{"good", "https://paraph.example/console/webhooks#good"} {
		w := s.do("POST", "/session", url.Values{"token": {token}})
		c := w.Result().Cookies()
		if w.Code != http.StatusSeeOther || len(c) != 1 || c[0].Value != "good" || !c[0].HttpOnly || !c[0].Secure || c[0].SameSite != http.SameSiteStrictMode || c[0].Name != "__Host-"+cookie || c[0].Path != "/" || c[0].Domain != "" {
			t.Errorf("%q: %d %v", token, w.Code, c)
		}
	}
	for token, want := range map[string]int{"": 404, "bad": 404, "goo": 404} {
		if w := s.do("POST", "/session", url.Values{"token": {token}}); w.Code != want || len(w.Result().Cookies()) > 0 {
			t.Errorf("%q: %d", token, w.Code)
		}
	}
	if w := s.do("GET", "", nil); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "Open the link that you were given") {
		t.Errorf("without a link: %d %s", w.Code, w.Body)
	}
	for what, sent := range map[string]string{"that another host may have set": cookie + "=good", "twice": "__Host-" + cookie + "=good; __Host-" + cookie + "=bad"} {
		if w := s.do("GET", "/ep_1", nil, "Cookie", sent); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "Open the link that you were given") {
			t.Errorf("with a cookie %s: %d %s", what, w.Code, w.Body)
		}
	}
	lost := func(what string, want int) {
		t.Helper()
		w := s.do("GET", "/ep_1", nil, "Cookie", "__Host-"+cookie+"=good")
		if c := w.Result().Cookies(); w.Code != want || len(c) != 1 || c[0].MaxAge >= 0 || strings.Contains(w.Body.String(), "ep_1") {
			t.Errorf("%s: %d %v", what, w.Code, c)
		}
		if w := s.do("POST", "/session", url.Values{"token": {"good"}}); w.Code != want {
			t.Errorf("%s it opens the page again: %d", what, w.Code)
		}
	}
	s.revoked = s.clock.Now()
	lost("with its maker gone", http.StatusNotFound)
	s.revoked = time.Time{}
	s.clock.Advance(time.Hour)
	lost("once it has run out", http.StatusGone)
}

// TestFromElsewhere: what another site starts is refused before anything is looked at.
func TestFromElsewhere(t *testing.T) {
	t.Parallel()
	s := newStage()
	for _, path := range []string{"/session", "/leave", "/ep_1/test", "/ep_1/enable", "/ep_1/redrive", "/ep_1/evt_1/redrive", "/ep_1/evt_1/skip"} {
		for _, header := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.example"}, {"Origin", "null"}} {
			w := s.do("POST", path, url.Values{"token": {"good"}}, append([]string{"Cookie", cookie + "=good"}, header...)...)
			if w.Code != http.StatusForbidden || len(w.Result().Cookies()) > 0 || !strings.Contains(w.Body.String(), "another site") {
				t.Errorf("%s with %v: %d", path, header, w.Code)
			}
		}
	}
	if w := s.do("POST", "/leave", nil, "Sec-Fetch-Site", "same-origin", "Origin", "https://paraph.example"); w.Code != http.StatusSeeOther {
		t.Errorf("from the page itself: %d", w.Code)
	}
	if w := s.do("POST", "/session", url.Values{"token": {strings.Repeat("x", 2*maxForm)}}); w.Code != http.StatusNotFound || w.Body.Len() > 64<<10 {
		t.Errorf("a long form: %d", w.Code)
	}
}

// hostile is what strangers may write into anything that is shown.
const hostile = `"'></pre><script>alert(1)</script><img src=x onerror=alert(2)> javascript:alert(3)`

// TestNothingIsTakenForMarkup: whatever strangers write is shown as text, on every page.
func TestNothingIsTakenForMarkup(t *testing.T) {
	t.Parallel()
	s := newStage()
	at := s.clock.Now()
	e := service.EndpointView{Endpoint: webhook.Endpoint{ID: hostile, URL: hostile, Description: hostile, Types: []string{hostile}, Condition: hostile, Reason: hostile}}
	data, err := json.Marshal(map[string]string{"title": hostile})
	if err != nil {
		t.Fatal(err)
	}
	header, err := json.Marshal(map[string]string{hostile: hostile})
	if err != nil {
		t.Fatal(err)
	}
	d := service.DeliveryView{Delivery: webhook.Delivery{State: webhook.Dead, Code: hostile}, Entry: journal.Entry{ID: hostile, Kind: journal.Kind(hostile), DocumentID: hostile, At: at, Salt: [32]byte{1}, Data: data}}
	attempt := webhook.Attempt{Code: hostile, Reason: hostile, Header: header, Answer: []byte(hostile + "\xff"), At: at}
	portal := &service.Portal{MayWrite: true}
	site := &site{Config: Config{Now: s.clock.Now}}
	for _, m := range []*model{
		{Kind: "note", Title: hostile, Note: hostile},
		{Kind: "endpoints", Title: hostile, Portal: portal, Endpoints: []service.EndpointView{e}, Next: "?after=" + hostile},
		{Kind: "endpoint", Title: hostile, Portal: portal, Endpoint: &e, State: hostile, Deliveries: []service.DeliveryView{d}, Replay: &webhook.Replay{State: "failed", Reason: hostile, Waiting: hostile}, Next: "?after=" + hostile},
		{Kind: "delivery", Title: hostile, Portal: portal, Detail: &service.DeliveryDetail{DeliveryView: d, Endpoint: e.Endpoint, Attempts: []webhook.Attempt{attempt}, Form: service.WebhookForm{Form: 1, Source: hostile}}},
	} {
		w := httptest.NewRecorder()
		site.show(w, http.StatusOK, m)
		page := w.Body.String()
		if w.Code != http.StatusOK || strings.Count(page, "<script>") != 1 || strings.Contains(page, "<img") || !strings.Contains(page, "alert(1)") {
			t.Errorf("%s: %d %s", m.Kind, w.Code, page)
		}
		if attributes := regexp.MustCompile(`"[^"]*"`).ReplaceAllString(page, ""); strings.Contains(page, `="javascript:`) || regexp.MustCompile(`<[a-z][^>]*onerror`).MatchString(attributes) {
			t.Errorf("%s: %s", m.Kind, page)
		}
		if !bytes.HasSuffix(w.Body.Bytes(), []byte("</html>\n")) {
			t.Errorf("%s is cut off", m.Kind)
		}
	}
}

// TestNextAttempt: an attempt to come is never told of as of one that was.
func TestNextAttempt(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	site := &site{Config: Config{Now: func() time.Time { return now }}}
	pages := func(next time.Time, e service.EndpointView) (list, one string) {
		d := service.DeliveryView{Delivery: webhook.Delivery{State: webhook.Pending, Tries: 1, Next: next}, Entry: journal.Entry{ID: "evt_1", Kind: "document.created", At: now, Salt: [32]byte{1}}}
		w, v := httptest.NewRecorder(), httptest.NewRecorder()
		site.show(w, http.StatusOK, &model{Kind: "endpoint", Endpoint: &e, Deliveries: []service.DeliveryView{d}})
		site.show(v, http.StatusOK, &model{Kind: "delivery", Detail: &service.DeliveryDetail{DeliveryView: d, Form: service.WebhookForm{Form: 1}}})
		return w.Body.String(), v.Body.String()
	}
	well := service.EndpointView{Endpoint: webhook.Endpoint{ID: "ep_1", Enabled: true}}
	rests := well
	rests.Queue.Health.OpenUntil = now.Add(time.Minute)
	for _, c := range []struct {
		what, list, one string
		next            time.Time
		endpoint        service.EndpointView
	}{
		{"ahead", ">in 5 seconds</span></td>", "Waits for another attempt, <span", now.Add(5 * time.Second), well},
		{"come", "<td>In its turn</td>", "Waits for another attempt.</p>", now.Add(-46 * time.Second), well},
		{"come while the endpoint rests", "<td>After the rest</td>", "Waits for another attempt.</p>", now.Add(-46 * time.Second), rests},
		{"none", "<td>In its turn</td>", "Waits for another attempt.</p>", time.Time{}, well},
	} {
		list, one := pages(c.next, c.endpoint)
		if !strings.Contains(list, c.list) || !strings.Contains(one, c.one) || strings.Contains(list+one, "46 seconds ago") {
			t.Errorf("%s: %s\n%s", c.what, list, one)
		}
	}
}
