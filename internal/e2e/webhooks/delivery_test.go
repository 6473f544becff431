package webhooks

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// verified checks a request with the public library for Standard Webhooks.
func verified(t *testing.T, secret string, a arrived) {
	t.Helper()
	v, err := standardwebhooks.NewWebhook(secret)
	must(t, err)
	if err := v.VerifyIgnoringTimestamp(a.Body, a.Header); err != nil {
		t.Errorf("the request of %s is not verified: %v", a.ID, err)
	}
	if err := v.VerifyIgnoringTimestamp(append(bytes.Clone(a.Body), ' '), a.Header); err == nil {
		t.Error("a changed body is verified")
	}
}

// TestDelivery: an event reaches those that want it, signed, and nobody else.
func TestDelivery(t *testing.T) {
	onBoth(t, func(w *world) {
		t := w.t
		all, big, other := newReceiver(t), newReceiver(t), newReceiver(t)
		w.do("POST", "/v1/business-units", object{"name": "purchasing"}, 201, nil)
		w.do("POST", "/v1/business-units", object{"name": "sales"}, 201, nil)
		e := w.listens(all, object{"headers": map[string]string{"x-tenant": "seven"}, "types": []string{}})
		signed := w.listens(big, object{"condition": `event.data.title.endsWith("big")`, "signing": "ed25519", "types": []string{"document.created"}})
		w.listens(other, object{"business_unit": "sales"})
		small := w.happens(1, object{"business_unit": "purchasing", "title": "small"})[0]
		large := w.happens(1, object{"business_unit": "purchasing", "title": "big"})[0]

		got := all.wait(4) // the two endpoints made after it, and the two documents, in any order
		rank := map[string]int{small: 1, large: 2}
		slices.SortFunc(got, func(a, b arrived) int { return rank[a.Doc] - rank[b.Doc] })
		if !slices.Equal(types(got), []string{"webhook.endpoint_created", "webhook.endpoint_created", "document.created", "document.created"}) || got[2].Doc != small || got[3].Doc != large {
			t.Errorf("%v", types(got))
		}
		for _, a := range got {
			verified(t, e.secret, a)
			if a.Header.Get("X-Tenant") != "seven" || a.Header.Get("Content-Type") != "application/cloudevents+json" || !strings.HasPrefix(a.ID, "evt_") {
				t.Errorf("%v", a.Header)
			}
		}
		one := big.wait(1)
		if one[0].Doc != large || !bytes.Equal(one[0].Body, got[3].Body) || one[0].ID != got[3].ID {
			t.Errorf("%s, want %s", one[0].Body, got[3].Body)
		}
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(signed.public, "whpk_"))
		must(t, err)
		text := one[0].ID + "." + one[0].Header.Get("webhook-timestamp") + "." + string(one[0].Body)
		signature, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(one[0].Header.Get("webhook-signature"), "v1a,"))
		must(t, err)
		if signed.secret != "" || !ed25519.Verify(key, []byte(text), signature) {
			t.Error("the signature by Ed25519 is not verified")
		}
		w.until(e.ID, "everything delivered", func(e endpoint) bool { return e.Health.Pending == 0 })
		w.until(signed.ID, "everything delivered", func(e endpoint) bool { return e.Health.Pending == 0 })
		d := w.delivery(signed.ID, one[0].ID)
		if d.State != "delivered" || d.Attempts != 1 || len(d.History) != 1 || d.History[0].Status != 204 || d.Body != string(one[0].Body) {
			t.Errorf("%+v", d)
		}
		if n := len(other.all()); n != 0 {
			t.Errorf("another unit's endpoint got %d events", n)
		}
		w.refused("GET", base+"/"+e.ID+"/deliveries/evt_00000000000000000000000000", nil, "not_found")
	})
}

func types(got []arrived) (out []string) {
	for _, a := range got {
		out = append(out, a.Type)
	}
	return out
}

// TestRetry: what failed is sent again by its schedule, the same bytes under the
// same id, until its attempts are used up; then it is dead, others hear of it, and
// it can be sent anew.
func TestRetry(t *testing.T) {
	onBoth(t, func(w *world) {
		t := w.t
		r, watch := newReceiver(t), newReceiver(t)
		e := w.listens(r, object{"types": []string{"document.created"}})
		w.listens(watch, object{"types": []string{"webhook.delivery_dead"}})
		r.answers(always(500))
		w.happens(1)
		for n := 1; n <= 3; n++ {
			r.wait(n)
			w.until(e.ID, "settled", func(endpoint) bool {
				d := w.deliveries(e.ID, "")
				return len(d) == 1 && d[0].Attempts == n
			})
			if n < 3 {
				w.later(time.Duration([]int{66, 660}[n-1]) * time.Second)
			}
		}
		got := r.wait(3)
		for _, a := range got {
			verified(t, e.secret, a)
			if a.ID != got[0].ID || !bytes.Equal(a.Body, got[0].Body) {
				t.Errorf("an attempt differs: %s", a.Body)
			}
		}
		if got[0].Header.Get("webhook-timestamp") == got[2].Header.Get("webhook-timestamp") {
			t.Error("attempts have the same time")
		}
		dead := watch.wait(1)[0]
		if !strings.Contains(string(dead.Body), got[0].ID) || !strings.Contains(string(dead.Body), `"code":"status_500"`) {
			t.Errorf("%s", dead.Body)
		}
		d := w.delivery(e.ID, got[0].ID)
		if d.State != "dead" || d.Code != "status_500" || len(d.History) != 3 || len(d.History[0].Answer) != 4096 || !d.History[0].Cut || d.History[0].Header["X-Why"] != "because" {
			t.Errorf("%+v", d)
		}
		if h := w.look(e.ID).Health; h.Dead != 1 || h.Pending != 0 {
			t.Errorf("%+v", h)
		}
		if list := w.deliveries(e.ID, "state=dead"); len(list) != 1 || list[0].EventID != got[0].ID || len(w.deliveries(e.ID, "state=pending")) != 0 {
			t.Errorf("%+v", list)
		}

		r.answers(always(200))
		w.do("POST", base+"/"+e.ID+"/deliveries/"+got[0].ID+"/redrive", nil, 202, nil)
		again := r.wait(4)[3]
		if again.ID != got[0].ID || !bytes.Equal(again.Body, got[0].Body) {
			t.Errorf("sent anew it differs: %s", again.Body)
		}
		w.until(e.ID, "well", func(e endpoint) bool { return e.Health.Dead == 0 && e.Health.Pending == 0 && e.Health.State == "well" })
		if d := w.delivery(e.ID, got[0].ID); d.State != "delivered" || len(d.History) != 4 {
			t.Errorf("%+v", d)
		}
	})
}

// TestStrict: one event after another. A dead one blocks its queue, visibly, and no
// other; skipped, or sent anew, it lets the queue go on.
func TestStrict(t *testing.T) {
	onBoth(t, func(w *world) {
		t := w.t
		r, free := newReceiver(t), newReceiver(t)
		e := w.listens(r, object{"order": "strict", "retry_seconds": []int{1}})
		w.listens(free, nil)
		poison := ""
		r.answers(func(_ int, a arrived) int {
			if poison == "" {
				poison = a.ID
			}
			if a.ID == poison {
				return 400
			}
			return 200
		})
		w.happens(5)
		free.wait(5)
		r.wait(1)
		var page struct{ Items []struct{ ID string } }
		w.do("GET", "/v1/events?type=document.created", nil, 200, &page)
		log := page.Items
		w.until(e.ID, "tried once", func(e endpoint) bool { return e.Health.Strikes == 1 })
		w.later(2 * time.Second)
		r.wait(2)
		blocked := w.until(e.ID, "blocked", func(e endpoint) bool { return e.Health.State == "blocked" })
		if blocked.Health.BlockedBy != poison || blocked.Health.Pending != 4 || blocked.Health.Dead != 1 || len(r.all()) != 2 {
			t.Errorf("%+v", blocked.Health)
		}
		w.do("POST", base+"/"+e.ID+"/deliveries/"+poison+"/skip", nil, 200, nil)
		var got, want []string
		for _, a := range r.wait(6)[2:] {
			got = append(got, a.ID)
		}
		for _, e := range log[1:] {
			want = append(want, e.ID)
		}
		if got = slices.Compact(got); !slices.Equal(got, want) { // one may come again, and is the same then
			t.Errorf("the events are %v, want %v; the poison is %s", got, want, poison)
		}
		w.until(e.ID, "well", func(e endpoint) bool { return e.Health.State == "well" && e.Health.Pending == 0 && e.Health.Dead == 0 })
		w.refused("POST", base+"/"+e.ID+"/deliveries/"+poison+"/skip", nil, "delivery_ended")
	})
}

// TestByDocument: the events of a document wait for each other, those of others don't.
func TestByDocument(t *testing.T) {
	onBoth(t, func(w *world) {
		t := w.t
		r := newReceiver(t)
		e := w.listens(r, object{"order": "by_document"})
		bad := ""
		r.answers(func(_ int, a arrived) int {
			if bad == "" {
				bad = a.Doc
			}
			if a.Doc == bad {
				return 400
			}
			return 200
		})
		docs := w.happens(2)
		for n := range 3 {
			for _, d := range docs {
				w.changed(d, n)
			}
		}
		got := r.wait(5) // one of the first, all four of the second
		for _, a := range got[1:] {
			if a.Doc == got[0].Doc { // the one that is refused
				t.Errorf("%s overtook the first event of its document", a.Type)
			}
		}
		r.answers(always(200))
		w.until(e.ID, "the others delivered", func(e endpoint) bool { return e.Health.Pending == 4 })
		w.later(67 * time.Second)
		got = r.wait(9)[5:]
		if got[0].Type != "document.created" || !slices.Equal(types(got[1:]), []string{"document.metadata_changed", "document.metadata_changed", "document.metadata_changed"}) {
			t.Errorf("%v", types(got))
		}
		for i, a := range got[1:] {
			d := w.delivery(e.ID, a.ID)
			if !strings.Contains(d.Body, `"documentsequence":`+string(rune('2'+i))) {
				t.Errorf("event %d of the document is %s", i+2, d.Body)
			}
		}
	})
}

// TestGone: an endpoint that answers 410 is disabled, keeps its queue and says why.
// Enabled again it gets everything.
func TestGone(t *testing.T) {
	onBoth(t, func(w *world) {
		t := w.t
		r, watch := newReceiver(t), newReceiver(t)
		e := w.listens(r, nil)
		w.listens(watch, object{"types": []string{"webhook.endpoint_disabled", "webhook.endpoint_enabled"}})
		r.answers(always(http.StatusGone))
		w.happens(1)
		off := w.until(e.ID, "disabled", func(e endpoint) bool { return !e.Enabled })
		if off.Code != "gone" || off.Reason == "" || off.Health.State != "disabled" {
			t.Errorf("%+v", off)
		}
		watch.wait(1)
		w.happens(3)
		w.until(e.ID, "queued", func(e endpoint) bool { return e.Health.Pending == 4 })
		if n := len(r.all()); n != 1 {
			t.Errorf("%d requests came to a disabled endpoint", n)
		}
		r.answers(always(200))
		w.do("PATCH", base+"/"+e.ID, object{"enabled": true}, 200, nil)
		got := r.wait(5)
		if got[1].ID != got[0].ID {
			t.Error("the first event did not come first")
		}
		w.until(e.ID, "well", func(e endpoint) bool { return e.Health.State == "well" && e.Health.Pending == 0 })
		if got := types(watch.wait(2)); !slices.Equal(got, []string{"webhook.endpoint_disabled", "webhook.endpoint_enabled"}) {
			t.Errorf("%v", got)
		}
	})
}

// TestBreaker: an endpoint that fails again and again is left alone, which costs
// its events no attempt; alerts are given and taken back.
func TestBreaker(t *testing.T) {
	onBoth(t, func(w *world) {
		t := w.t
		r, watch := newReceiver(t), newReceiver(t)
		e := w.listens(r, object{"types": []string{"document.created"}})
		w.listens(watch, object{"types": []string{"webhook.failing", "webhook.recovered"}})
		r.answers(always(500))
		w.happens(30)
		w.until(e.ID, "resting", func(e endpoint) bool { return e.Health.State == "resting" })
		for range 18 { // probes, each after a longer rest
			w.later(6 * time.Minute)
			w.until(e.ID, "probed", func(e endpoint) bool { return e.Health.LastFailure.Equal(w.clock.Now()) })
		}
		watch.wait(1)
		rested := w.until(e.ID, "resting", func(e endpoint) bool { return e.Health.State == "resting" })
		if rested.Health.Pending != 30 || rested.Health.Dead != 0 {
			t.Errorf("a long outage cost attempts: %+v", rested.Health)
		}
		r.answers(always(200))
		w.later(6 * time.Minute)
		w.until(e.ID, "well", func(e endpoint) bool { return e.Health.State == "well" && e.Health.Pending < 30 })
		w.later(11 * time.Minute)
		w.until(e.ID, "empty", func(e endpoint) bool { return e.Health.Pending == 0 })
		w.happens(60)
		watch.wait(2)
		got := types(watch.all())
		if got[0] != "webhook.failing" || got[len(got)-1] != "webhook.recovered" {
			t.Errorf("%v", got)
		}
	})
}

// TestRotation: both secrets are good until the old one runs out.
func TestRotation(t *testing.T) {
	onBoth(t, func(w *world) {
		t := w.t
		r := newReceiver(t)
		e := w.listens(r, object{"types": []string{"document.created"}})
		var rotated struct{ Secret string }
		w.do("POST", base+"/"+e.ID+"/secrets", object{"overlap_seconds": 600}, 201, &rotated)
		w.happens(1)
		both := r.wait(1)[0]
		verified(t, e.secret, both)
		verified(t, rotated.Secret, both)
		w.later(11 * time.Minute)
		w.happens(1)
		after := r.wait(2)[1]
		verified(t, rotated.Secret, after)
		old, err := standardwebhooks.NewWebhook(e.secret)
		must(t, err)
		if old.VerifyIgnoringTimestamp(after.Body, after.Header) == nil {
			t.Error("a secret that has run out still signs")
		}
		var first struct{ Secret string }
		w.do("POST", base+"/"+e.ID+"/secrets", object{"overlap_seconds": 0, "signing": "ed25519"}, 201, &first)
		if first.Secret != "" {
			t.Error("a private key was shown")
		}
	})
}
