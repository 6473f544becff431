package webhooks

import (
	"bytes"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/e2e/programtest"
)

// visitor is a browser with the page of endpoints.
type visitor struct {
	t    *testing.T
	base string
	http *http.Client
}

// visits makes a link, and opens the page with it.
func (w *world) visits(request object) *visitor {
	w.t.Helper()
	var link struct{ URL string }
	w.do("POST", "/v1/webhook-portal-links", request, 201, &link)
	page, token, _ := strings.Cut(link.URL, "#")
	jar, err := cookiejar.New(nil)
	must(w.t, err)
	v := &visitor{w.t, page, &http.Client{Jar: jar}}
	v.get("", 200, "Open the link")
	v.post("/session", 200, url.Values{"token": {token}}, "Endpoints for events")
	return v
}

func (v *visitor) get(path string, status int, has ...string) string {
	v.t.Helper()
	res, err := v.http.Get(v.base + path)
	must(v.t, err)
	return v.check(res, "GET "+path, status, has)
}

func (v *visitor) post(path string, status int, form url.Values, has ...string) string {
	v.t.Helper()
	res, err := v.http.PostForm(v.base+path, form)
	must(v.t, err)
	return v.check(res, "POST "+path, status, has)
}

func (v *visitor) check(res *http.Response, what string, status int, has []string) string {
	v.t.Helper()
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	must(v.t, err)
	if res.StatusCode != status || !strings.Contains(res.Header.Get("Content-Security-Policy"), "default-src 'none'") || res.Header.Get("Cache-Control") != "no-store" {
		v.t.Errorf("%s: %d, want %d: %v %s", what, res.StatusCode, status, res.Header, raw)
	}
	for _, h := range has {
		if !bytes.Contains(raw, []byte(h)) {
			v.t.Errorf("%s lacks %q: %s", what, h, raw)
		}
	}
	return string(raw)
}

// TestConsole: the page shows endpoints, deliveries and attempts, and sends anew; a
// customer sees its own endpoints only, and none once the link has run out.
func TestConsole(t *testing.T) {
	onBoth(t, func(w *world) {
		t := w.t
		mine, theirs := newReceiver(t), newReceiver(t)
		e := w.listens(mine, object{"retry_seconds": []int{1}, "description": "<script>alert(1)</script>"})
		o := w.listens(theirs, nil)
		mine.answers(always(500))
		w.happens(1)
		id := mine.wait(1)[0].ID
		w.until(e.ID, "tried", func(e endpoint) bool { return e.Health.Strikes == 1 })
		w.later(2 * time.Second)
		mine.wait(2)
		w.until(e.ID, "dead", func(e endpoint) bool { return e.Health.Dead == 1 })

		customer := w.visits(object{"endpoint_ids": []string{e.ID}, "may_write": true})
		list := customer.get("", 200, mine.server.URL, "Failing")
		if strings.Contains(list, theirs.server.URL) || strings.Contains(list, "<script>alert") {
			t.Errorf("%s", list)
		}
		customer.get("/"+o.ID, 404, "There is nothing here")
		customer.post("/"+o.ID+"/test", 404, nil)
		customer.get("/"+e.ID+"?state=dead", 200, "document.created", id, "Dead", "Send all dead events anew")
		customer.get("/"+e.ID+"/"+id, 200, "It answered 500.", "X-Why: because", "no, really", "webhook-id", "Send anew", "documentid")
		mine.answers(nil)
		customer.post("/"+e.ID+"/"+id+"/redrive", 200, nil, "document.created")
		mine.wait(3)
		w.until(e.ID, "well", func(e endpoint) bool { return e.Health.Dead == 0 && e.Health.Pending == 0 })
		customer.get("/"+e.ID+"/"+id, 200, "Received, 204")
		customer.post("/"+e.ID+"/"+id+"/skip", 409, nil, "only one that waits or is dead")
		customer.post("/"+e.ID+"/test", 200, nil)
		mine.wait(4)

		reader := w.visits(object{})
		if page := reader.get("", 200, mine.server.URL, theirs.server.URL); strings.Contains(page, "<script>alert") {
			t.Errorf("%s", page)
		}
		reader.post("/"+e.ID+"/test", 403, nil, "does not carry the right")
		foreign, err := http.NewRequest("POST", reader.base+"/"+e.ID+"/test", nil)
		must(t, err)
		foreign.Header.Set("Origin", "https://evil.example")
		res, err := customer.http.Do(foreign)
		must(t, err)
		customer.check(res, "from another site", 403, []string{"another site"})

		w.later(2 * time.Hour)
		customer.get("", 410, "has run out")
		w.refused("POST", "/v1/webhook-portal-links", object{"endpoint_ids": []string{"ep_none"}}, "not_found")
		w.refused("POST", "/v1/webhook-portal-links", object{"lifetime_seconds": 1e9}, "invalid_portal")
	})
}

// TestCommands: `paraph webhook listen` forwards what an endpoint would get, byte for
// byte; `replay` and `portal` do what the API does.
func TestCommands(t *testing.T) {
	t.Parallel()
	w := start(t, "")
	r, local := newReceiver(t), newReceiver(t)
	e := w.listens(r, object{"types": []string{"document.created"}})
	var page struct{ Next string }
	w.do("GET", "/v1/events?latest=true", nil, 200, &page)
	w.happens(1)
	as := []string{"--json", "--url", w.srv.URL(), "--client-id", w.srv.Admin.Client.ID, "--client-secret", w.srv.Admin.Secret}
	var said struct {
		ID     string
		Status int
	}
	programtest.Party(t, &said, append([]string{"webhook", "listen", "--forward", local.server.URL, "--types", "document.created", "--secret", e.secret, "--after", page.Next}, as...)...)
	sent, got := r.wait(1)[0], local.wait(1)[0]
	if said.ID != sent.ID || said.Status != 204 || got.ID != sent.ID || !bytes.Equal(got.Body, sent.Body) || got.Header.Get("Content-Type") != sent.Header.Get("Content-Type") {
		t.Errorf("%+v %s, want %s", said, got.Body, sent.Body)
	}
	verified(t, e.secret, got)
	w.until(e.ID, "delivered", func(e endpoint) bool { return e.Health.Pending == 0 })
	out, err := programtest.Command(t, append([]string{"webhook", "replay", "--endpoint", e.ID, "--which", "all", "--types", "document.*"}, as...)...)
	if again := r.wait(2)[1]; err != nil || again.ID != sent.ID || !strings.Contains(out, `"deliveries": 1`) {
		t.Errorf("%v %s", err, out)
	}
	out, err = programtest.Command(t, append([]string{"webhook", "portal", "--endpoints", e.ID}, as...)...)
	if err != nil || !strings.Contains(out, "/console/webhooks#") {
		t.Errorf("%v %s", err, out)
	}
	if out, err = programtest.Command(t, "webhook", "listen", "--forward", "http://example.com/"); err == nil {
		t.Errorf("it forwards without credentials: %s", out)
	}
}
