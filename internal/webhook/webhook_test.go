package webhook

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/journal"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// TestSchedule: ten attempts over about three days, each wait within a tenth of what
// is said, and never before what the endpoint asked for.
func TestSchedule(t *testing.T) {
	e := Endpoint{}
	failed := Verdict{Code: "status_500"}
	for _, chance := range []float64{0, 0.5, 0.999} {
		now, attempts := noon, 0
		for {
			attempts++
			next, more := e.NextTry(attempts, failed, now, chance)
			if !more {
				break
			}
			wait := DefaultRetries[attempts-1]
			if got := next.Sub(now); got < wait*9/10 || got > wait*11/10 {
				t.Errorf("wait %d is %v, not about %v", attempts, got, wait)
			}
			now = next
		}
		if attempts != 10 || now.Sub(noon) < 65*time.Hour || now.Sub(noon) > 85*time.Hour {
			t.Errorf("%d attempts over %v", attempts, now.Sub(noon))
		}
	}
	e.Retries = []time.Duration{time.Second}
	if next, more := e.NextTry(1, Answer{Status: 503, RetryAfter: time.Hour}.Judge(), noon, 0); !more || next != noon.Add(time.Hour) {
		t.Errorf("Retry-After is not honoured: %v", next)
	}
	if next, _ := e.NextTry(1, Answer{Status: 503, RetryAfter: 1000 * time.Hour}.Judge(), noon, 0); next != noon.Add(MaxWait) {
		t.Errorf("an endpoint may put off for ever: %v", next)
	}
	if _, more := e.NextTry(2, failed, noon, 0); more {
		t.Error("one wait gives more than two attempts")
	}
}

// TestJudge: only 2xx is a success.
func TestJudge(t *testing.T) {
	for _, c := range []struct {
		a    Answer
		want Verdict
	}{
		{Answer{Status: 200}, Verdict{Delivered: true}},
		{Answer{Status: 299}, Verdict{Delivered: true}},
		{Answer{Status: 302}, Verdict{Code: "redirected"}},
		{Answer{Status: 400}, Verdict{Code: "status_400"}},
		{Answer{Status: 410}, Verdict{Code: "gone", Gone: true}},
		{Answer{Status: 429}, Verdict{Code: "status_429", Slow: true, AtFault: true}},
		{Answer{Status: 500}, Verdict{Code: "status_500"}},
		{Answer{Status: 504}, Verdict{Code: "status_504", Slow: true, AtFault: true}},
		{Answer{Trouble: TimedOut}, Verdict{Code: "timed_out", AtFault: true}},
	} {
		got := c.a.Judge()
		if got.Reason == "" && !got.Delivered && c.a.Trouble == NoTrouble {
			t.Errorf("%+v has no reason", c.a)
		}
		if got.Reason = ""; got != c.want {
			t.Errorf("%+v is judged %+v, want %+v", c.a, got, c.want)
		}
	}
}

// TestHealth: the breaker opens after failures in a row of several events, longer
// each time, and closes with a success. One event that is refused opens nothing.
func TestHealth(t *testing.T) {
	var h Health
	refused := Answer{Status: 400}.Judge()
	for range 50 {
		h.Note(refused, 7, noon, 0.5)
	}
	if h.Open() || h.Strikes != 1 {
		t.Errorf("one poison event opened the breaker: %+v", h)
	}
	h = Health{}
	for i := range strikesToOpen {
		if h.Open() {
			t.Fatalf("it is open after %d failures", i)
		}
		h.Note(refused, int64(i), noon, 0.5)
	}
	now, rests := noon, []time.Duration{}
	for range 10 {
		ok, _, again := h.Ready(now)
		if ok || !again.After(now) {
			t.Fatalf("an open breaker lets through at %v: %+v", now, h)
		}
		rests = append(rests, again.Sub(now))
		now = again
		if ok, probe, _ := h.Ready(now); !ok || !probe {
			t.Fatal("no probe after the rest")
		}
		h.Note(Answer{Trouble: NoConnection}.Judge(), 99, now, 0.5)
	}
	if rests[0] != firstRest || rests[1] != 2*firstRest || rests[9] != longestRest {
		t.Errorf("%v", rests)
	}
	h.Note(Verdict{Delivered: true}, 100, now, 0.5)
	if ok, probe, _ := h.Ready(now); !ok || probe || h.Open() || !h.FailingSince.IsZero() {
		t.Errorf("%+v", h)
	}
	h.Note(Answer{Status: 429, RetryAfter: 30 * time.Second}.Judge(), 101, now, 0.5)
	if ok, _, again := h.Ready(now); ok || again != now.Add(30*time.Second) {
		t.Error("429 with Retry-After does not slow the whole endpoint")
	}
}

// TestAlerts: each mark is told once on the way up, and the end once.
func TestAlerts(t *testing.T) {
	var h Health
	var told []int
	note := func(v Verdict, n int) {
		for i := range n {
			h.Note(v, int64(i), noon, 0)
			if share, tell := h.Alert(); tell {
				told = append(told, share)
			}
		}
	}
	failed, good := Answer{Status: 500}.Judge(), Verdict{Delivered: true}
	note(failed, 19)
	if len(told) != 0 {
		t.Errorf("told of %d attempts", 19)
	}
	note(good, 20)
	note(failed, 200)
	note(good, 200)
	if fmt.Sprint(told) != "[50 70 90 100 0]" && fmt.Sprint(told) != "[90 100 0]" {
		t.Errorf("%v", told)
	}
	if h.Share() != 0 {
		t.Errorf("%d", h.Share())
	}
}

// TestPace: a rate holds, and an endpoint that fails gets fewer requests at once.
func TestPace(t *testing.T) {
	p := NewPace(noon)
	sent, now := 0, noon
	for now.Before(noon.Add(10 * time.Second)) {
		ok, again := p.Take(5, now)
		if ok {
			sent++
			continue
		}
		now = again
	}
	if sent < 48 || sent > 52 {
		t.Errorf("%d attempts in 10 seconds at 5 a second", sent)
	}
	for range 100 {
		p.Note(Verdict{Delivered: true})
	}
	if p.AtOnce(Free) != mostAtOnce || p.AtOnce(Strict) != 1 {
		t.Error("the width is not as said")
	}
	for range 10 {
		p.Note(Answer{Trouble: TimedOut}.Judge())
	}
	if p.AtOnce(Free) != 1 {
		t.Errorf("an endpoint that hangs holds %d connections", p.AtOnce(Free))
	}
}

// TestCheck: everything that is wrong is listed.
func TestCheck(t *testing.T) {
	e := Endpoint{URL: strings.Repeat("x", 3000), Types: []string{"document.*", "nothing", "document.created*"}, Order: "random", OnDead: "cry", Rate: -1, Timeout: time.Hour, Retries: []time.Duration{time.Millisecond}}
	var l fault.List
	e.Check(&l)
	got := map[string]bool{}
	for _, d := range fault.From(l.Err("invalid_endpoint", "x")).Details {
		got[d.Pointer] = true
	}
	for _, p := range []string{"/url", "/types", "/order", "/on_dead", "/rate", "/timeout_seconds", "/retry_seconds"} {
		if !got[p] {
			t.Errorf("nothing is said of %s", p)
		}
	}
	var h fault.List
	CheckHeaders(map[string]string{"host": "a", "bad name": "b", "x-fine": "c\r\nd", "webhook-signature": "e"}, &h)
	if n := len(fault.From(h.Err("invalid_endpoint", "x")).Details); n != 4 {
		t.Errorf("%d faults of headers", n)
	}
	if out := CheckHeaders(map[string]string{"x-tenant": "seven"}, &fault.List{}); out["X-Tenant"] != "seven" {
		t.Errorf("%v", out)
	}
}

// TestKindsOf: exact types, beginnings, all.
func TestKindsOf(t *testing.T) {
	if k := KindsOf([]string{"document.created"}); len(k) != 1 || !k[journal.DocumentCreated] {
		t.Errorf("%v", k)
	}
	if k := KindsOf([]string{"task.*"}); len(k) != 3 || !k[journal.TaskOpened] {
		t.Errorf("%v", k)
	}
	all := KindsOf(nil)
	if len(all) != len(KindsOf([]string{"*"})) || !all[journal.WebhookTest] || all[journal.SetupLinkMade] {
		t.Errorf("%v", all)
	}
}

// TestSecrets: what was drawn can be read, and what is none is refused.
func TestSecrets(t *testing.T) {
	for _, s := range []Signing{HMAC, Ed25519} {
		text, public := NewSecret(s)
		signer, err := NewSigner(text)
		if err != nil {
			t.Fatal(err)
		}
		if kind, pub := signer.Signing(); kind != s || pub != public {
			t.Errorf("%s %s", kind, pub)
		}
		a, b := Sign([]*Signer{signer}, "evt_1", noon, []byte("{}")), Sign([]*Signer{signer}, "evt_1", noon, []byte("{}"))
		if a != b || a == Sign([]*Signer{signer}, "evt_2", noon, []byte("{}")) {
			t.Error("a signature is not of what is sent")
		}
	}
	for _, bad := range []string{"", "whsec_", "whsec_AAAA", "whsec_!!", "whsk_AAAA", "plain"} {
		if _, err := NewSigner(bad); fault.CodeOf(err) != "invalid_endpoint" {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
