//go:build judges

package arriving

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/bus/bustest"
	"github.com/paraph/paraph/internal/e2e/programtest"
	"github.com/paraph/paraph/internal/failpoint"
)

// TestBusThroughKills: the program dies between the steps of taking a command message,
// carrying it out, and publishing what came of it. Each message makes one document,
// and every event of the journal is on the bus.
func TestBusThroughKills(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		n := bustest.NewNATS(t, true)
		h.start("")
		c := h.login()
		client := h.client(c, "documents:write")
		h.proc.Kill()
		h.options.Args = []string{"--bus", n.Address(), "--bus-start", "all", "--bus-clients", client}
		const messages = 24
		plan := lives(failpoint.BusSent, failpoint.BusMoved, failpoint.BusReceived, failpoint.InboundDone)
		for i, points := range plan {
			p := h.lives(points)
			for m := range messages / len(plan) {
				id := fmt.Sprintf("m-%d-%d", i, m)
				body, err := json.Marshal(map[string]any{"id": id, "type": "document.create", "data": map[string]any{"title": id}})
				if err != nil {
					t.Fatal(err)
				}
				n.Send(t, client, "a-"+id, body)
				n.Send(t, client, "b-"+id, body) // once more, under another name of the bus
			}
			if p == nil {
				continue // it died before it had said that it lives
			}
			select {
			case <-p.Gone():
			case <-time.After(30 * time.Second):
				t.Errorf("the program did not come to %s", points)
				p.Kill()
			}
		}
		h.start("")
		c = h.login()
		if done := h.settled(c, messages); done != messages {
			var all any
			h.do(c, "GET", "/v1/inbound-events?limit=100&state=received", nil, &all)
			t.Errorf("%d of %d messages were processed; left are %v", done, messages, all)
		}
		titles := h.titles(c)
		for title, times := range titles {
			if times != 1 {
				t.Errorf("%s made %d documents", title, times)
			}
		}
		if len(titles) != messages {
			t.Errorf("%d documents of %d messages", len(titles), messages)
		}
		h.published(c, n)
	})
}

// published waits until the bus has everything, and looks for every event on it.
func (h *house) published(c *programtest.Caller, n *bustest.NATS) {
	h.t.Helper()
	for range 300 {
		var b struct{ Lag int64 }
		h.do(c, "GET", "/v1/bus", nil, &b)
		if b.Lag == 0 {
			break
		}
		wait := time.NewTimer(100 * time.Millisecond)
		<-wait.C
	}
	var want []string
	after := ""
	for {
		var page struct {
			Items []struct{ ID string }
			Next  string
		}
		h.do(c, "GET", "/v1/events?limit=200&after="+after, nil, &page)
		if len(page.Items) == 0 {
			break
		}
		for _, e := range page.Items {
			want = append(want, e.ID)
		}
		after = page.Next
	}
	got := map[string]int{}
	for _, m := range n.Read(h.t, "events", len(want)) {
		got[m.ID]++
	}
	missing := 0
	for _, id := range want {
		if got[id] == 0 {
			missing++
		}
	}
	if missing > 0 || len(got) != len(want) {
		h.t.Errorf("of %d events are %d on the bus, %d are missing", len(want), len(got), missing)
	}
}
