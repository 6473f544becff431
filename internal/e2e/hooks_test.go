package e2e

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/config"
)

// source is a source of webhooks with the sender's side of its secret.
type source struct {
	*caller
	ID, secret string
}

type inbound struct {
	ID, State, Code, Reason, Trust string
	EventID                        string `json:"event_id"`
	DocumentID                     string `json:"document_id"`
	Attempts                       int
}

// source makes a client with the scopes and a source that acts as it.
func (c *caller) source(command string, scopes []string, more map[string]any) *source {
	c.t.Helper()
	var client struct{ Client struct{ ID string } }
	c.post("/v1/clients", map[string]any{"name": "hooks", "principal": "hooks@example.com", "scopes": scopes}).want(201).into(&client)
	body := map[string]any{"name": "a sender", "action": map[string]any{"command": command, "client_id": client.Client.ID}}
	for name, value := range more {
		if name == "map" {
			body["action"].(map[string]any)["map"] = value
			continue
		}
		body[name] = value
	}
	var made struct {
		Source struct{ ID string }
		Secret string
	}
	c.post("/v1/hook-sources", body).want(201).into(&made)
	return &source{c, made.Source.ID, made.Secret}
}

// send sends a body with a signature over it, as github's preset says, or, of a
// source with a token, with the token.
func (s *source) send(body string) (int, error) {
	m := hmac.New(sha256.New, []byte(s.secret))
	m.Write([]byte(body))
	req, err := http.NewRequest(http.MethodPost, s.url+"/v1/hooks/"+s.ID, strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(m.Sum(nil)))
	req.Header.Set("X-Hook-Token", s.secret)
	res, err := s.http.Do(req)
	if err != nil {
		return 0, err
	}
	return res.StatusCode, res.Body.Close()
}

func (s *source) sends(body string) {
	s.t.Helper()
	if status, err := s.send(body); err != nil || status != 200 {
		s.t.Fatalf("a webhook is answered %d %v", status, err)
	}
}

// ended follows the source's events until n of them have ended.
func (s *source) ended(n int) []inbound {
	s.t.Helper()
	after := ""
	for empty := 0; empty < 3; {
		var page events
		s.get("/v1/events?wait=20&limit=200&type=inbound.*&after=" + after).want(200).into(&page)
		after = page.Next
		var all list[inbound]
		s.get("/v1/inbound-events?limit=100&source_id=" + s.ID).want(200).into(&all)
		done := 0
		for _, e := range all.Items {
			if e.State != "received" {
				done++
			}
		}
		if done >= n {
			return all.Items
		}
		if len(page.Items) == 0 {
			empty++
		}
	}
	s.t.Fatalf("%d events did not end", n)
	return nil
}

// TestAWebhookBecomesADocument: a webhook that brings a file becomes a document that
// is read; sent again it does nothing; and it can do no more than its client.
func TestAWebhookBecomesADocument(t *testing.T) {
	each(t, setup{}, func(t *testing.T, s *stack) {
		s.caller = s.in(t)
		h := s.source("document.create", []string{"documents:write"}, map[string]any{"preset": "github",
			"map": `.event | select(.status == "completed") | {title: .name, external_id: .id, metadata: {total: .total}, file: {name: "signed.pdf", media_type: "application/pdf", content: .pdf}}`})
		body := func(id, status string) string {
			raw, err := json.Marshal(map[string]any{"id": id, "status": status, "name": "Contract", "total": json.Number("12345678901234567890.10"), "pdf": textPDF("Signed elsewhere")})
			if err != nil {
				t.Fatal(err)
			}
			return string(raw)
		}
		h.sends(body("c-1", "completed"))
		h.sends(body("c-1", "completed"))
		h.sends(body("c-2", "sent")) // the mapping finds nothing to do
		all := h.ended(2)
		if len(all) != 2 || all[0].State != "processed" || all[0].DocumentID != "" || all[1].DocumentID == "" || all[1].State != "processed" {
			t.Fatalf("the events are %+v", all)
		}
		id := all[1].DocumentID
		s.until(id, "document.captured")
		if text := s.get("/v1/documents/" + id + "/pages/1?format=text").want(200); !strings.Contains(string(text.body), "Signed elsewhere") {
			t.Errorf("the text is %q", text.body)
		}
		if raw := s.get("/v1/documents/" + id).want(200).body; !bytes.Contains(raw, []byte("12345678901234567890.10")) || !bytes.Contains(raw, []byte(`"c-1"`)) {
			t.Errorf("the document is %s", raw)
		}
		var docs list[doc]
		s.get("/v1/documents").want(200).into(&docs)
		if len(docs.Items) != 1 {
			t.Errorf("there are %d documents", len(docs.Items))
		}
		// Another event with the same reference: it is refused, and says why.
		h.sends(body("c-1", "completed") + " ")
		if all = h.ended(3); all[0].State != "quarantined" || all[0].Code != "external_id_taken" {
			t.Errorf("the event is %+v", all[0])
		}
		weak := s.source("document.create", []string{"documents:read"}, map[string]any{"preset": "github", "map": `{title: "x"}`})
		weak.sends(`{}`)
		if all = weak.ended(1); all[0].State != "quarantined" || all[0].Code != "missing_scope" {
			t.Errorf("with a client without the right the event is %+v", all[0])
		}
	})
}

// TestEventsInQuarantine: they say why, wait for a better mapping, and are processed
// once more, alone or together, or thrown away.
func TestEventsInQuarantine(t *testing.T) {
	each(t, setup{}, func(t *testing.T, s *stack) {
		s.caller = s.in(t)
		h := s.source("document.create", []string{"documents:write"}, map[string]any{"preset": "github", "map": `{title: .event.name.first}`})
		s.send(http.MethodPatch, "/v1/hook-sources/"+h.ID, strings.NewReader(`{"action":{"map":"{title: "}}`), "Content-Type", "application/json").problem(422, "bad_mapping")
		for i := range 5 {
			h.sends(fmt.Sprintf(`{"name":"n%d"}`, i))
		}
		all := h.ended(5)
		for _, e := range all {
			if e.State != "quarantined" || e.Code != "bad_mapping" || e.Attempts != 1 || e.Reason == "" {
				t.Errorf("the event is %+v", e)
			}
		}
		s.post("/v1/inbound-events/"+all[0].ID+"/discard", map[string]any{"reason": "a test"}).want(200)
		s.post("/v1/inbound-events/"+all[0].ID+"/redrive", nil).problem(409, "event_not_quarantined")
		s.send(http.MethodPatch, "/v1/hook-sources/"+h.ID, strings.NewReader(`{"action":{"map":"{title: .event.name}"}}`), "Content-Type", "application/json").want(200)
		s.post("/v1/inbound-events/"+all[1].ID+"/redrive", nil).want(200)
		var redriven struct{ Events int }
		s.post("/v1/inbound-events/redrive", map[string]any{"source_id": h.ID, "code": "bad_mapping"}).want(200).into(&redriven)
		if redriven.Events != 3 && redriven.Events != 4 {
			t.Errorf("%d were redriven", redriven.Events)
		}
		left := 5
		for range 20 {
			if left = 0; true {
				for _, e := range h.ended(5) {
					if e.State == "quarantined" {
						left++
					}
				}
			}
			if left == 0 {
				break
			}
		}
		var docs list[doc]
		s.get("/v1/documents").want(200).into(&docs)
		if len(docs.Items) != 4 || left != 0 {
			t.Errorf("%d documents of 4 events, %d left", len(docs.Items), left)
		}
		text := string(s.get("/metrics").want(200).body)
		for _, want := range []string{`paraph_hook_requests_total{outcome="stored",preset="github"} 5`, "paraph_inbound_quarantined 0"} {
			if !strings.Contains(text, want) {
				t.Errorf("the metrics don't say %s", want)
			}
		}
		s.send(http.MethodDelete, "/v1/hook-sources/"+h.ID, nil).want(200)
	})
}

// vendor is a sender's own interface, where facts are fetched. It wants its credential
// and misbehaves as it is told.
type vendor struct {
	*httptest.Server
	mu    sync.Mutex
	ways  []func(http.ResponseWriter) // of the next answers
	asked []string
}

func newVendor(t *testing.T) *vendor {
	v := &vendor{}
	v.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v.mu.Lock()
		v.asked = append(v.asked, r.URL.RequestURI())
		var way func(http.ResponseWriter)
		if len(v.ways) > 0 {
			way, v.ways = v.ways[0], v.ways[1:]
		}
		v.mu.Unlock()
		if r.Header.Get("Authorization") != "Basic c2VjcmV0" || r.Header.Get("Accept") != "application/json" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if way != nil {
			way(w)
			return
		}
		fmt.Fprintf(w, `{"name":"the fact about %s"}`, strings.TrimPrefix(r.URL.Path, "/things/"))
	}))
	t.Cleanup(v.Close)
	return v
}

// TestHintsAreFetched: of a sender whose proof does not cover what it says, only the
// facts count, which are fetched with its credential; whatever its interface answers,
// the event says what became of it.
func TestHintsAreFetched(t *testing.T) {
	local := func(c *config.Config) { c.OutboundAllow = []string{"127.0.0.0/8"} }
	each(t, setup{conf: local, retries: []time.Duration{10 * time.Millisecond}}, func(t *testing.T, s *stack) {
		s.caller = s.in(t)
		v := newVendor(t)
		h := s.source("document.create", []string{"documents:write"}, map[string]any{"preset": "salesforce", "secret": "token-1",
			"fetch": map[string]any{"url": v.URL + "/things/{item#/id}", "header": "Authorization", "value": "Basic c2VjcmV0"}, "map": `{title: (.event.name // .fact.name)}`})
		h.secret = "token-1"
		v.ways = []func(http.ResponseWriter){
			func(w http.ResponseWriter) { w.WriteHeader(http.StatusServiceUnavailable) },
			func(w http.ResponseWriter) { w.WriteHeader(http.StatusNotFound) }, // not there yet
		}
		h.sends(`{"id":"a/../b?x#y","name":"what the hint says"}`)
		all := h.ended(1)
		if all[0].State != "processed" || all[0].Trust != "hint" || all[0].Attempts != 3 {
			t.Fatalf("the hint is %+v", all[0])
		}
		if d := s.document(all[0].DocumentID); d.Title != "the fact about a/../b?x#y" {
			t.Errorf("the document is called %q", d.Title)
		}
		if v.asked[0] != "/things/a%2F..%2Fb%3Fx%23y" {
			t.Errorf("asked was %v", v.asked)
		}
		for i, way := range []struct {
			code string
			way  func(http.ResponseWriter)
		}{
			{"facts_refused", func(w http.ResponseWriter) { w.WriteHeader(http.StatusForbidden) }},
			{"facts_refused", func(w http.ResponseWriter) {
				w.Header().Set("Location", s.url+"/metrics")
				w.WriteHeader(http.StatusFound)
			}},
			{"facts_unreadable", func(w http.ResponseWriter) { fmt.Fprint(w, "<html>") }},
			{"facts_too_large", func(w http.ResponseWriter) { _, _ = w.Write(bytes.Repeat([]byte(" "), 2<<20)) }}, // it hangs up in between
		} {
			v.ways = []func(http.ResponseWriter){way.way}
			h.sends(fmt.Sprintf(`{"id":"%d"}`, i))
			if all = h.ended(2 + i); all[0].State != "quarantined" || all[0].Code != way.code {
				t.Errorf("want %s, the event is %+v", way.code, all[0])
			}
		}
		// The credential does not follow the address to another host.
		other := newVendor(t)
		patch, err := json.Marshal(map[string]any{"fetch": map[string]any{"url": other.URL + "/things/{item#/id}", "header": "Authorization"}})
		if err != nil {
			t.Fatal(err)
		}
		s.send(http.MethodPatch, "/v1/hook-sources/"+h.ID, bytes.NewReader(patch), "Content-Type", "application/json").want(200)
		h.sends(`{"id":"last"}`)
		if all = h.ended(6); all[0].Code != "facts_refused" {
			t.Errorf("without a credential the event is %+v", all[0])
		}
	})
}

// TestFactsAreNotInside: an address inside is not asked for facts, and the event says so.
func TestFactsAreNotInside(t *testing.T) {
	each(t, setup{}, func(t *testing.T, s *stack) {
		s.caller = s.in(t)
		for i, host := range []string{"https://127.0.0.1", "https://localhost", "https://[::ffff:10.0.0.1]", "https://169.254.169.254", "http://93.184.216.34"} {
			h := s.source("document.create", []string{"documents:write"}, map[string]any{"preset": "salesforce", "secret": "t", "fetch": map[string]any{"url": host + "/{item#/id}"}})
			h.secret = "t"
			h.sends(`{"id":"1"}`)
			if all := h.ended(1); all[0].State != "quarantined" || all[0].Code != "facts_not_reached" {
				t.Errorf("%d %s: %+v", i, host, all[0])
			}
		}
	})
}

// TestCommandsOfWebhooks: a webhook decides a task and sends an envelope, as its
// client may; labels and metadata are merged.
func TestCommandsOfWebhooks(t *testing.T) {
	each(t, setup{}, func(t *testing.T, s *stack) {
		s.caller = s.in(t)
		var up uploaded
		s.upload("order.pdf", textPDF("Order"), map[string]string{"external_id": "PO-7", "metadata": `{"a":1,"b":{"c":2,"d":3}}`}).want(201).into(&up)
		update := s.source("document.update", []string{"documents:write", "documents:read"}, map[string]any{"preset": "github"})
		update.sends(`{"external_id":"PO-7","title":"Renamed","metadata":{"b":{"c":null,"e":5}},"labels":{"erp":"yes"}}`)
		if all := update.ended(1); all[0].State != "processed" || all[0].DocumentID != up.Document.ID {
			t.Fatalf("%+v", all[0])
		}
		if raw := string(s.get("/v1/documents/" + up.Document.ID).want(200).body); !strings.Contains(raw, `"Renamed"`) || strings.Contains(raw, `"c":2`) || !strings.Contains(raw, `"d":3`) {
			t.Errorf("the document is %s", raw)
		}
		a := s.submit(up.Document.ID, nil, "ada@example.com")
		decide := s.source("task.decide", []string{"tasks:read", "tasks:decide", "tasks:decide_for"}, map[string]any{"preset": "github"})
		decide.sends(`{"task_id":"` + a.Tasks[0].ID + `","outcome":"approve","on_behalf_of":"ada@example.com"}`)
		if all := decide.ended(1); all[0].State != "processed" {
			t.Fatalf("%+v", all[0])
		}
		s.is(up.Document.ID, "approved")
		sender := s.source("envelope.send", []string{"envelopes:write", "envelopes:read", "documents:read"}, map[string]any{"preset": "github"})
		sender.sends(`{"external_id":"PO-7","recipients":[{"name":"Ben","email":"ben@example.com"}]}`)
		if all := sender.ended(1); all[0].State != "processed" {
			t.Fatalf("%+v", all[0])
		}
		s.until(up.Document.ID, "envelope.sent")
		sender.sends(`{"external_id":"PO-8","recipients":[]}`)
		sender.sends(`{"external_id":"PO-7","recipient":[]}`)
		if all := sender.ended(2); all[0].Code != "bad_command" && all[1].Code != "bad_command" {
			t.Errorf("%+v", all)
		}
	})
}
