package e2e

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/internal/config"
)

func (c *caller) decide(taskID string, decision map[string]any) {
	c.t.Helper()
	c.post("/v1/tasks/"+taskID+"/decision", decision).want(http.StatusOK)
}

func (c *caller) is(id, state string) {
	c.t.Helper()
	if d := c.document(id); d.State != state {
		c.t.Errorf("the document is %s, want %s", d.State, state)
	}
}

// TestOtherEndsOfAReview: returned, corrected and handed in again; rejected; recalled.
func TestOtherEndsOfAReview(t *testing.T) {
	each(t, setup{}, func(t *testing.T, s *stack) {
		s.caller = s.in(t)
		d := s.draft("To be corrected")
		a := s.submit(d.ID, nil, "ada@example.com", "bo@example.com")
		s.decide(a.Tasks[0].ID, map[string]any{"outcome": "return", "comment": "The total is wrong.", "on_behalf_of": "ada@example.com"})
		s.is(d.ID, "draft")
		s.file("/v1/documents/"+d.ID+"/versions", "corrected.pdf", textPDF("Corrected"), nil, "Prefer", "wait=60").want(201)
		a = s.submit(d.ID, nil, "ada@example.com")
		s.decide(a.Tasks[0].ID, map[string]any{"outcome": "approve", "on_behalf_of": "ada@example.com"})
		s.is(d.ID, "approved")
		if text := s.get("/v1/documents/" + d.ID + "/pages/1?format=text").want(200); !strings.Contains(string(text.body), "Corrected") {
			t.Errorf("the text is still %q", text.body)
		}

		d = s.draft("To be rejected")
		a = s.submit(d.ID, nil, "ada@example.com", "bo@example.com")
		s.decide(a.Tasks[0].ID, map[string]any{"outcome": "reject", "comment": "Never.", "on_behalf_of": "ada@example.com"})
		s.is(d.ID, "rejected")
		s.post("/v1/tasks/"+a.Tasks[1].ID+"/decision", map[string]any{"outcome": "approve", "on_behalf_of": "bo@example.com"}).problem(409, "task_not_open")

		d = s.draft("To be recalled")
		s.submit(d.ID, nil, "ada@example.com")
		s.post("/v1/documents/"+d.ID+"/recall", map[string]any{"reason": "a slip"}).want(200)
		s.is(d.ID, "draft")
	})
}

// TestOtherEndsOfAnEnvelope: declined by a signer; withdrawn with its document;
// and nobody who has signed a document is asked again.
func TestOtherEndsOfAnEnvelope(t *testing.T) {
	each(t, setup{}, func(t *testing.T, s *stack) {
		s.caller = s.in(t)
		d := s.approved("To be declined")
		e := s.envelope(d.ID, person("ben", 1), person("cleo", 2))
		ben := s.open(s.link(e.ID, e.Recipients[0].ID))
		if status, body := ben.send(http.MethodPost, "/decline", url.Values{"reason": {"Not my order."}}); status != 200 {
			t.Fatalf("declining answered %d %s", status, body)
		}
		s.is(d.ID, "declined")
		if status, _ := ben.send(http.MethodPost, "/sign", ben.form); status != http.StatusConflict {
			t.Errorf("signing after declining answered %d", status)
		}

		d = s.approved("To be voided")
		e = s.envelope(d.ID, person("ben", 1))
		ben = s.open(s.link(e.ID, e.Recipients[0].ID))
		s.post("/v1/documents/"+d.ID+"/void", map[string]any{"reason": "cancelled"}).want(200)
		s.is(d.ID, "voided")
		s.get("/v1/envelopes/" + e.ID).want(200).into(&e)
		if status, _ := ben.send(http.MethodPost, "/sign", ben.form); status != http.StatusConflict || e.State != "voided" {
			t.Errorf("signing a withdrawn envelope (%s) answered %d", e.State, status)
		}

		d = s.approved("To be signed once")
		e = s.envelope(d.ID, person("ben", 1), person("cleo", 2))
		s.open(s.link(e.ID, e.Recipients[0].ID)).sign()
		s.post("/v1/envelopes/"+e.ID+"/recipients/"+e.Recipients[0].ID+"/remind", nil).problem(409, "already_signed")
		s.post("/v1/envelopes/"+e.ID+"/recipients/"+e.Recipients[0].ID+"/links", nil).problem(409, "already_signed")
		s.post("/v1/envelopes", envelopeOf(d.ID, person("ben", 1))).problem(409, "envelope_open")
		s.get("/v1/envelopes/" + e.ID).want(200).into(&e)
		s.open(s.link(e.ID, e.Recipients[1].ID)).sign()
		s.until(d.ID, "document.signed")
		if res := s.post("/v1/envelopes", envelopeOf(d.ID, person("ben", 1))); res.status != http.StatusConflict {
			t.Errorf("asking once more for a signed document answered %d: %s", res.status, res.body)
		}
	})
}

// TestTimers: an envelope runs out, and its recipient is reminded before, by the
// queue's own timers.
func TestTimers(t *testing.T) {
	each(t, setup{conf: func(c *config.Config) { c.ReminderInterval = time.Second }}, func(t *testing.T, s *stack) {
		s.caller = s.in(t)
		reminded := s.approved("To be reminded of")
		s.envelope(reminded.ID, person("ben", 1))
		d := s.approved("To run out")
		body := envelopeOf(d.ID, person("ben", 1))
		body["expires_at"] = time.Now().Add(3 * time.Second).UTC().Format(time.RFC3339Nano)
		var e envelope
		s.post("/v1/envelopes", body).want(201).into(&e)
		s.until(d.ID, "document.expired")
		s.is(d.ID, "expired")
		s.get("/v1/envelopes/" + e.ID).want(200).into(&e)
		if e.State != "expired" {
			t.Errorf("the envelope is %s", e.State)
		}
		s.until(reminded.ID, "envelope.reminded")
	})
}

// TestLinkRunsOut: a link works for as long as it says; then a new one does.
func TestLinkRunsOut(t *testing.T) {
	t.Parallel()
	now := clock.NewFake(time.Now())
	s := start(t, "", setup{clock: now, conf: func(c *config.Config) { c.LinkLifetime = 5 * time.Minute }})
	d := s.approved("Too late")
	e := s.envelope(d.ID, person("ben", 1))
	ben := s.open(s.link(e.ID, e.Recipients[0].ID))
	now.Advance(6 * time.Minute)
	if status, _ := ben.send(http.MethodGet, "", nil); status != http.StatusGone {
		t.Errorf("the link answers %d after its time", status)
	}
	if status, _ := ben.send(http.MethodPost, "/sign", ben.form); status != http.StatusGone {
		t.Errorf("signing by it answers %d", status)
	}
	s.open(s.link(e.ID, e.Recipients[0].ID)).sign()
}
