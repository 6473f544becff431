package webhooks

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

type replay struct {
	ID, State, Reason string
	Deliveries        int
	Progress          struct{ Done, Total int }
}

// replayed starts a replay and waits for its end.
func (w *world) replayed(endpointID string, body object) replay {
	w.t.Helper()
	var r replay
	w.do("POST", base+"/"+endpointID+"/replays", body, 202, &r)
	a, err := w.Do("GET", base+"/"+endpointID+"/replays/"+r.ID, nil, "Prefer", "wait=60")
	must(w.t, err)
	must(w.t, a.Into(&r))
	if r.State != "succeeded" || r.Progress.Done != r.Progress.Total {
		w.t.Fatalf("%s", a.Body)
	}
	return r
}

// TestReplay: past events are sent to endpoints that were not there, or that failed:
// by id, by time, by type, by condition.
func TestReplay(t *testing.T) {
	onBoth(t, func(w *world) {
		t := w.t
		early := w.happens(5, object{"title": "early"})
		w.later(time.Hour)
		noon := w.clock.Now()
		w.later(time.Hour)
		late := w.happens(5, object{"title": "late"})
		slices.Sort(early)
		slices.Sort(late)
		r := newReceiver(t)
		e := w.listens(r, object{"types": []string{"document.created"}, "retry_seconds": []int{1}})

		if got := w.replayed(e.ID, object{"which": "missing", "since": noon}); got.Deliveries != 5 {
			t.Errorf("%+v", got)
		}
		if got := docs(r.wait(5)); !slices.Equal(got, late) {
			t.Errorf("%v, want %v", got, late)
		}
		w.until(e.ID, "delivered", func(e endpoint) bool { return e.Health.Pending == 0 })
		if got := w.replayed(e.ID, object{"which": "missing", "types": []string{"document.*"}}); got.Deliveries != 5 { // the late ones are not missing any more
			t.Errorf("%+v", got)
		}
		all := r.wait(10)
		if got := docs(all[5:]); !slices.Equal(got, early) {
			t.Errorf("%v, want %v", got, early)
		}
		w.until(e.ID, "delivered", func(e endpoint) bool { return e.Health.Pending == 0 })
		if got := w.replayed(e.ID, object{"which": "all", "condition": `event.data.title == "early"`, "until": noon}); got.Deliveries != 5 {
			t.Errorf("%+v", got)
		}
		again := r.wait(15)[10:]
		for i := range again {
			if !slices.ContainsFunc(all, func(a arrived) bool { return a.ID == again[i].ID && string(a.Body) == string(again[i].Body) }) {
				t.Errorf("what was sent again is not what was sent: %s", again[i].Body)
			}
		}
		w.until(e.ID, "delivered", func(e endpoint) bool { return e.Health.Pending == 0 })
		if got := w.replayed(e.ID, object{"event_ids": []string{all[0].ID}}); got.Deliveries != 1 {
			t.Errorf("%+v", got)
		}
		r.wait(16)
		w.until(e.ID, "delivered", func(e endpoint) bool { return e.Health.Pending == 0 })

		// Two of the events die; a redrive sends those only.
		r.answers(always(400))
		w.replayed(e.ID, object{"event_ids": []string{all[0].ID, all[1].ID}})
		r.wait(18)
		w.until(e.ID, "failed", func(e endpoint) bool { return e.Health.Strikes == 2 })
		w.later(2 * time.Second)
		w.until(e.ID, "dead", func(e endpoint) bool { return e.Health.Dead == 2 })
		r.answers(nil)
		n := len(r.all())
		if got := w.replayed(e.ID, object{"types": []string{"envelope.*"}}); got.Deliveries != 0 {
			t.Errorf("%+v", got)
		}
		if got := w.replayed(e.ID, object{}); got.Deliveries != 2 {
			t.Errorf("%+v", got)
		}
		r.wait(n + 2)
		w.until(e.ID, "well", func(e endpoint) bool { return e.Health.Dead == 0 && e.Health.Pending == 0 })

		var list struct{ Items []replay }
		w.do("GET", base+"/"+e.ID+"/replays?limit=2", nil, 200, &list)
		if len(list.Items) != 2 || list.Items[0].Deliveries != 2 {
			t.Errorf("%+v", list)
		}
		w.refused("POST", base+"/"+e.ID+"/replays", object{"which": "some"}, "invalid_request")
		w.refused("POST", base+"/"+e.ID+"/replays", object{"types": []string{"nothing.*"}}, "invalid_replay")
		w.refused("POST", base+"/"+e.ID+"/replays", object{"event_ids": []string{"evt_1"}}, "invalid_replay")
	})
}

func docs(got []arrived) (out []string) {
	for _, a := range got {
		out = append(out, a.Doc)
	}
	slices.Sort(out)
	return out
}

// TestReplayEvents: subscribers hear of the beginning and the end of a replay.
func TestReplayEvents(t *testing.T) {
	onBoth(t, func(w *world) {
		r, watch := newReceiver(w.t), newReceiver(w.t)
		w.happens(3)
		e := w.listens(r, object{"types": []string{"document.created"}})
		w.listens(watch, object{"types": []string{"webhook.replay_started", "webhook.replay_ended"}, "order": "strict"})
		w.replayed(e.ID, object{"which": "missing"})
		if got := watch.wait(2); !slices.Equal(types(got), []string{"webhook.replay_started", "webhook.replay_ended"}) || !strings.Contains(string(got[1].Body), `"deliveries":3`) {
			w.t.Errorf("%v %s", types(got), got[1].Body)
		}
	})
}

// TestTestEvent: it goes to its endpoint only, whatever types that wants.
func TestTestEvent(t *testing.T) {
	onBoth(t, func(w *world) {
		r, other := newReceiver(w.t), newReceiver(w.t)
		e := w.listens(r, nil)
		w.listens(other, object{"types": []string{}})
		var sent struct {
			ID string `json:"event_id"`
		}
		w.do("POST", base+"/"+e.ID+"/test", nil, 202, &sent)
		if got := r.wait(1)[0]; got.ID != sent.ID || got.Type != "webhook.test" {
			w.t.Errorf("%s", got.Body)
		}
		w.happens(1)
		if got := other.wait(1); got[0].Type != "document.created" {
			w.t.Errorf("%v", types(got))
		}
	})
}

// TestPages: deliveries are listed by pages, and are gone with their endpoint.
func TestPages(t *testing.T) {
	onBoth(t, func(w *world) {
		r := newReceiver(w.t)
		e := w.listens(r, object{"order": "by_document"})
		w.do("PATCH", base+"/"+e.ID, object{"enabled": false}, 200, nil)
		ids := w.happens(7)
		// One may have left before the courier heard that the endpoint is disabled.
		w.until(e.ID, "queued", func(e endpoint) bool { return len(w.deliveries(e.ID, "")) == 7 })
		var got []string
		after := ""
		for range 4 {
			var page struct {
				Items []struct {
					Doc string `json:"document_id"`
				}
				Next string
			}
			w.do("GET", fmt.Sprintf("%s/%s/deliveries?limit=2&after=%s", base, e.ID, after), nil, 200, &page)
			for _, i := range page.Items {
				got = append(got, i.Doc)
			}
			if after = page.Next; after == "" {
				break
			}
		}
		slices.Sort(got)
		slices.Sort(ids)
		if !slices.Equal(got, ids) {
			w.t.Errorf("%v, want %v", got, ids)
		}
		w.do("DELETE", base+"/"+e.ID, nil, 200, nil)
		w.refused("GET", base+"/"+e.ID, nil, "not_found")
	})
}
