package httpapi

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/testneed"
)

// sender is a system that sends webhooks: it has no token.
type sender struct {
	*stack
	source, secret string
}

// source sets up a source through the API; the secret is the sender's, or made.
func (s *stack) source(body map[string]any) *sender {
	s.t.Helper()
	if body["name"] == nil {
		body["name"] = "a sender"
	}
	var made HookSourceSecret
	s.admin.post("/v1/hook-sources", body).want(201).into(&made)
	secret, _ := body["secret"].(string)
	if (secret == "") != (made.Secret != "") {
		s.t.Errorf("the secret shown is %q", made.Secret)
	}
	if secret == "" {
		secret = made.Secret
	}
	return &sender{s, made.Source.ID, secret}
}

// send sends a request as a stranger does: no token, no idempotency key.
func (h *sender) send(method, query string, body []byte, header map[string]string) *answer {
	h.t.Helper()
	a, err := h.try(method, query, bytes.NewReader(body), header)
	if err != nil {
		h.t.Fatal(err)
	}
	return a
}

func (h *sender) try(method, query string, body io.Reader, header map[string]string) (*answer, error) {
	req, err := http.NewRequestWithContext(h.t.Context(), method, h.server.URL+"/v1/hooks/"+h.source+query, body)
	if err != nil {
		return nil, err
	}
	for name, value := range header {
		req.Header.Set(name, value)
	}
	res, err := h.server.Client().Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	return &answer{t: h.t, what: method + " /v1/hooks/" + query, status: res.StatusCode, header: res.Header, body: raw}, err
}

// stripe signs a body as Stripe does at the stack's time, moved by off.
func (h *sender) stripe(body string, off time.Duration) map[string]string {
	at := strconv.FormatInt(h.clock.Now().Add(off).Unix(), 10)
	m := hmac.New(sha256.New, []byte(h.secret))
	m.Write([]byte(at + "." + body))
	return map[string]string{"Stripe-Signature": "t=" + at + ",v1=" + hex.EncodeToString(m.Sum(nil))}
}

func (h *sender) github(body string) map[string]string {
	m := hmac.New(sha256.New, []byte(h.secret))
	m.Write([]byte(body))
	return map[string]string{"X-Hub-Signature-256": "sha256=" + hex.EncodeToString(m.Sum(nil)), "X-GitHub-Event": "push"}
}

func (s *stack) inbounds(query string) []InboundEvent {
	s.t.Helper()
	var page Listed[InboundEvent]
	s.admin.get("/v1/inbound-events" + query).want(200).into(&page.Body)
	return page.Body.Items
}

// outcomes collects what the metrics are told.
type outcomes struct {
	mu  sync.Mutex
	all []string
}

func (o *outcomes) ObserveHook(preset, outcome string, _ time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.all = append(o.all, preset+" "+outcome)
}

func (o *outcomes) count(line string) (n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, got := range o.all {
		if got == line {
			n++
		}
	}
	return n
}

// TestHookVectors: every public vector, sent over HTTP to a source made of its preset,
// is taken byte for byte; with one byte changed it is refused, and nothing is kept.
func TestHookVectors(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(testneed.Root(t), "internal", "hook", "testdata", "vectors.json"))
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		Preset, Secret, URL, Body string
		Headers                   map[string]string
		At                        int64
		Unread                    bool
	}
	if err := json.Unmarshal(raw, &vectors); err != nil {
		t.Fatal(err)
	}
	onBoth(t, func(s *stack) {
		sent := 0
		for _, v := range vectors {
			if v.URL != "" || v.Secret == "" || v.Unread {
				continue // their address is signed, too; the domain's tests have them
			}
			sent++
			h := s.source(map[string]any{"preset": v.Preset, "secret": v.Secret})
			before := s.clock.Now()
			if v.At != 0 {
				s.clock.Set(time.Unix(v.At, 0))
			}
			spoilt := []byte(v.Body)
			spoilt[len(spoilt)/2] ^= 1
			if v.Preset != "dropbox_sign" { // its signature does not cover the body
				h.send("POST", "", spoilt, v.Headers).want(401)
			}
			h.send("POST", "", []byte(v.Body), v.Headers).want(200)
			h.send("POST", "", []byte(v.Body), v.Headers).want(200) // again: nothing
			s.clock.Set(before)
			got := s.inbounds("?source_id=" + h.source)
			if len(got) != 1 || got[0].State != "processed" || got[0].EventID == "" {
				s.t.Errorf("%s: kept are %+v", v.Preset, got)
				continue
			}
			var c InboundContent
			s.admin.get("/v1/inbound-events/" + got[0].ID + "/content").want(200).into(&c)
			if !strings.Contains(v.Body, string(c.Body)) || len(c.Body) < len(v.Body)/2 {
				s.t.Errorf("%s: kept is %q", v.Preset, c.Body)
			}
		}
		if sent < 6 {
			s.t.Errorf("only %d vectors were sent", sent)
		}
	})
}

// TestHookSources: set up, changed, given other secrets, switched off and removed;
// nobody sees a secret again, nor a source of others.
func TestHookSources(t *testing.T) {
	seen := &outcomes{}
	onBoth(t, func(s *stack) {
		h := s.source(map[string]any{"preset": "stripe", "name": "Stripe test", "tolerance_seconds": 60})
		body := `{"id":"evt_1","type":"charge.paid"}`
		h.send("POST", "", []byte(body), h.stripe(body, -59*time.Second)).want(200)
		h.send("POST", "", []byte(body), h.stripe(body, -61*time.Second)).problem(401, "outside_window")
		h.send("POST", "", []byte(body), h.stripe(body, 61*time.Second)).problem(401, "outside_window")
		h.send("POST", "", []byte(body), nil).problem(401, "bad_signature")
		h.send("GET", "", nil, nil).problem(401, "bad_signature")
		h.send("POST", "", []byte(body), map[string]string{"Content-Encoding": "gzip"}).problem(415, "unsupported_media_type")
		h.send("POST", "", bytes.Repeat([]byte("x"), DefaultMaxHook+1), nil).problem(413, "body_too_large")

		var one HookSource
		raw := s.admin.get("/v1/hook-sources/" + h.source).want(200)
		raw.into(&one)
		if len(one.Secrets) != 1 || bytes.Contains(raw.body, []byte(h.secret)) || one.URL != "https://paraph.example/v1/hooks/"+h.source || one.Tolerance != 60 {
			s.t.Errorf("the source is %s", raw.body)
		}

		// Another secret: both count for the overlap.
		old := *h
		var made HookSourceSecret
		s.admin.post("/v1/hook-sources/"+h.source+"/secrets", map[string]any{"overlap_seconds": 60}).want(201).into(&made)
		h.secret = made.Secret
		two, three := `{"id":"evt_2","type":"a"}`, `{"id":"evt_3","type":"a"}`
		h.send("POST", "", []byte(two), h.stripe(two, 0)).want(200)
		h.send("POST", "", []byte(three), old.stripe(three, 0)).want(200)
		s.clock.Advance(2 * time.Minute)
		h.send("POST", "", []byte(two), old.stripe(two, 0)).problem(401, "bad_signature")
		four := `{"id":"evt_4","type":"a"}`
		h.send("POST", "", []byte(four), h.stripe(four, 0)).want(200)
		s.admin.json("DELETE", "/v1/hook-sources/"+h.source+"/secrets/"+made.ID, nil).want(200)
		h.send("POST", "", []byte(four), h.stripe(four, 0)).problem(401, "bad_signature")

		// Its owner can give it another, switch it off, and take it away.
		s.admin.post("/v1/hook-sources/"+h.source+"/secrets", map[string]any{"secret": h.secret}).want(201)
		s.admin.json("PATCH", "/v1/hook-sources/"+h.source, map[string]any{"disabled": true, "name": "Renamed"}).want(200)
		if a := h.send("POST", "", []byte(four), h.stripe(four, 0)).problem(503, "source_disabled"); a.header.Get("Retry-After") == "" {
			s.t.Error("who is sent away is not told when to come again")
		}
		s.admin.json("PATCH", "/v1/hook-sources/"+h.source, map[string]any{"disabled": false}).want(200)
		h.send("POST", "", []byte(four), h.stripe(four, 0)).want(200)
		if got := s.inbounds("?source_id=" + h.source); len(got) != 4 || got[0].EventID != "evt_4" || got[0].Type != "a" || got[0].Trust != "payload" {
			s.t.Errorf("kept are %+v", got)
		}
		s.admin.json("DELETE", "/v1/hook-sources/"+h.source, nil).want(200)
		h.send("POST", "", []byte(four), h.stripe(four, 0)).problem(404, "not_found")
		s.admin.get("/v1/hook-sources/"+h.source).problem(404, "not_found")

		confinedAdmin(s)
		if n := seen.count("stripe bad_signature"); n == 0 {
			s.t.Error("nobody is told of bad signatures")
		}
		if seen.count("stripe stored") == 0 || seen.count("stripe repeated") == 0 || seen.count(" not_found") == 0 {
			s.t.Errorf("told were %v", seen.all)
		}
	}, func(c *Config) { c.HookObserver = seen })
}

// confinedAdmin: an administrator of one unit has sources of that unit only.
func confinedAdmin(s *stack) {
	s.t.Helper()
	s.admin.post("/v1/business-units", map[string]any{"name": "north"}).want(201)
	north := s.client("north@example.com", []string{"north"}, "admin")
	north.post("/v1/hook-sources", map[string]any{"preset": "stripe", "name": "x"}).problem(422, "invalid_hook_source", "/business_unit")
	north.post("/v1/hook-sources", map[string]any{"preset": "stripe", "name": "x", "business_unit": "general"}).problem(422, "invalid_hook_source", "/business_unit")
	var mine HookSourceSecret
	north.post("/v1/hook-sources", map[string]any{"preset": "stripe", "name": "x", "business_unit": "north"}).want(201).into(&mine)
	others := s.source(map[string]any{"preset": "stripe"})
	for _, path := range []string{"", "/secrets"} {
		method := map[string]string{"": "GET", "/secrets": "POST"}[path]
		north.json(method, "/v1/hook-sources/"+others.source+path, map[string]any{}).want(404)
	}
	north.json("PATCH", "/v1/hook-sources/"+others.source, map[string]any{"name": "mine"}).problem(404, "not_found")
	north.json("DELETE", "/v1/hook-sources/"+others.source, nil).problem(404, "not_found")
	body := `{"id":"evt_9","type":"a"}`
	others.send("POST", "", []byte(body), others.stripe(body, 0)).want(200)
	theirs := s.inbounds("?source_id=" + others.source)[0]
	north.get("/v1/inbound-events/"+theirs.ID).problem(404, "not_found")
	north.get("/v1/inbound-events/"+theirs.ID+"/content").problem(404, "not_found")
	var list Listed[InboundEvent]
	north.get("/v1/inbound-events").want(200).into(&list.Body)
	var sources Items[HookSource]
	north.get("/v1/hook-sources").want(200).into(&sources)
	if len(list.Body.Items) != 0 || len(sources.Items) != 1 || sources.Items[0].ID != mine.Source.ID {
		s.t.Errorf("an administrator of one unit sees %+v, %+v", list.Body.Items, sources.Items)
	}
	s.client("reader@example.com", nil, "documents:read").get("/v1/hook-sources").problem(403, "missing_scope")
}

// TestHookSourceFaults: everything wrong with a source is told at once.
func TestHookSourceFaults(t *testing.T) {
	onBoth(t, func(s *stack) {
		create := func(body map[string]any) *answer { return s.admin.post("/v1/hook-sources", body) }
		create(map[string]any{"preset": "no_such", "name": "x"}).problem(422, "invalid_hook_source", "/preset")
		create(map[string]any{"preset": "github", "name": "", "trust": "hope", "action": map[string]any{"command": "document.burn"}}).
			want(422)
		create(map[string]any{"preset": "twilio", "name": "x", "trust": "payload", "secret": "s"}).problem(422, "invalid_hook_source", "/trust")
		create(map[string]any{"preset": "standard_webhooks_ed25519", "name": "x"}).problem(422, "bad_secret")
		create(map[string]any{"preset": "sendgrid", "name": "x", "secret": "no key"}).problem(422, "bad_secret")
		create(map[string]any{"name": "x", "scheme": map[string]any{"kind": "hmac", "payload": "{nowhere}", "signature": map[string]any{"place": "header:X"}}}).
			problem(422, "invalid_hook_source", "/scheme/payload")
		create(map[string]any{"name": "x", "scheme": map[string]any{"kind": "hmac", "signature": map[string]any{"place": "header:X"}}, "fetch": map[string]any{"url": "https://{item#/host}/x"}}).
			problem(422, "invalid_hook_source", "/fetch/url")
		// A hint that would act says where its facts are.
		create(map[string]any{"name": "x", "preset": "microsoft_graph", "secret": "s", "action": map[string]any{"command": "task.decide", "client_id": "cli_x"}}).
			want(503) // this stack runs no mappings
		if got := s.inbounds(""); len(got) != 0 {
			s.t.Error("something came in")
		}
	})
}

// TestHookTwins: a hundred senders of the same event at once; it is there once.
func TestHookTwins(t *testing.T) {
	onBoth(t, func(s *stack) {
		h := s.source(map[string]any{"preset": "github"})
		body := `{"zen":"Keep it logically awesome."}`
		header := h.github(body)
		var wrong atomic.Int64
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				if a, err := h.try("POST", "", strings.NewReader(body), header); err != nil || a.status != 200 {
					wrong.Add(1)
				}
			})
		}
		wg.Wait()
		s.sequence()
		var page EventPage
		s.admin.get("/v1/events?limit=200&type=inbound.received").want(200).into(&page)
		if got := s.inbounds(""); wrong.Load() != 0 || len(got) != 1 || len(page.Items) != 1 {
			s.t.Errorf("%d were not answered 200, %d are kept, %d entries", wrong.Load(), len(got), len(page.Items))
		}
	})
}

// TestHookHandshakes: what senders ask before they send.
func TestHookHandshakes(t *testing.T) {
	onBoth(t, func(s *stack) {
		graph := s.source(map[string]any{"preset": "microsoft_graph", "secret": "state"})
		if a := graph.send("POST", "?validationToken=A%20b%3Cscript%3E", nil, nil).want(200); string(a.body) != "A b<script>" || !strings.HasPrefix(a.header.Get("Content-Type"), "text/plain") || a.header.Get("X-Content-Type-Options") != "nosniff" {
			s.t.Errorf("Graph is answered %q, %v", a.body, a.header)
		}
		note := `{"value":[{"subscriptionId":"s1","clientState":"state","changeType":"updated","resource":"r"},{"subscriptionId":"s2","clientState":"state","changeType":"created","resource":"r"}]}`
		graph.send("POST", "", []byte(note), nil).want(202)
		graph.send("POST", "", []byte(strings.Replace(note, `"state"`, `"other"`, 1)), nil).problem(401, "bad_signature")
		if got := s.inbounds("?source_id=" + graph.source); len(got) != 2 || got[0].Trust != "hint" {
			s.t.Errorf("of Graph's two notes are kept %+v", got)
		}

		slack := s.source(map[string]any{"preset": "slack"})
		at := strconv.FormatInt(s.clock.Now().Unix(), 10)
		sign := func(body string) map[string]string {
			m := hmac.New(sha256.New, []byte(slack.secret))
			fmt.Fprintf(m, "v0:%s:%s", at, body)
			return map[string]string{"X-Slack-Request-Timestamp": at, "X-Slack-Signature": "v0=" + hex.EncodeToString(m.Sum(nil)), "Content-Type": "application/json"}
		}
		ask := `{"type":"url_verification","challenge":"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"}`
		if a := slack.send("POST", "", []byte(ask), sign(ask)).want(200); !strings.Contains(string(a.body), "3eZbrw1aBm") {
			s.t.Errorf("Slack is answered %q", a.body)
		}
		slack.send("POST", "", []byte(ask), nil).problem(401, "bad_signature")

		xero := s.source(map[string]any{"preset": "xero"})
		m := hmac.New(sha256.New, []byte(xero.secret))
		empty := `{"events":[],"firstEventSequence":0}`
		m.Write([]byte(empty))
		right := map[string]string{"X-Xero-Signature": base64.StdEncoding.EncodeToString(m.Sum(nil))}
		if a := xero.send("POST", "", []byte(empty), right).want(200); len(a.body) != 0 {
			s.t.Errorf("Xero is answered %q", a.body)
		}
		if a := xero.send("POST", "", []byte(empty), map[string]string{"X-Xero-Signature": "AAAA"}).want(401); len(a.body) != 0 {
			s.t.Errorf("Xero is answered %q", a.body)
		}

		adobe := s.source(map[string]any{"preset": "adobe_sign", "secret": "client-1"})
		if a := adobe.send("GET", "", nil, map[string]string{"X-AdobeSign-ClientId": "client-1"}).want(200); a.header.Get("X-AdobeSign-ClientId") != "client-1" {
			s.t.Errorf("Adobe is answered %v", a.header)
		}
		adobe.send("GET", "", nil, map[string]string{"X-AdobeSign-ClientId": "client-2"}).problem(401, "bad_signature")
	})
}
