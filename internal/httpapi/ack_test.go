package httpapi

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/service"
)

// TestAck asks for levels of acknowledgement while a sequencer numbers beside it.
func TestAck(t *testing.T) {
	onBoth(t, func(s *stack) {
		type ack struct{ prefer, want string }
		unit := func(name, key, prefer string) *answer {
			return s.admin.post("/v1/business-units", map[string]any{"name": name, "title": name}, "Idempotency-Key", key, "Prefer", prefer)
		}
		for i, c := range []ack{{"", ""}, {"ack=committed", "ack=committed"}, {"ack=perfect", ""}, {"wait=1", ""}} {
			if got := unit(fmt.Sprint("plain_", i), fmt.Sprint(i), c.prefer).want(201).header.Get("Preference-Applied"); got != c.want {
				s.t.Errorf("%q: %q, want %q", c.prefer, got, c.want)
			}
		}
		// Nobody numbers: the answer comes all the same, and says how far it got.
		if got := unit("early", "early", "ack=checkpointed, wait=1").want(201).header.Get("Preference-Applied"); got != "ack=committed" {
			s.t.Errorf("without a sequencer: %q", got)
		}
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- s.seq.Run(ctx, s.store) }()
		defer func() { cancel(); <-ended }()
		for key, c := range map[string]ack{
			"one":   {"ack=checkpointed, wait=60", "ack=checkpointed"},
			"two":   {"wait=60;ack=\"witnessed\"", "ack=checkpointed"}, // the log has no witnesses
			"early": {"ack=checkpointed, wait=60", "ack=checkpointed"}, // repeated: the first one's entry is waited for
		} {
			res := unit(key, key, c.prefer).want(201)
			if got := res.header.Get("Preference-Applied"); got != c.want {
				s.t.Errorf("%s %q: %q, want %q", key, c.prefer, got, c.want)
			}
			if got := res.header.Get("Idempotency-Replayed"); (got == "true") != (key == "early") {
				s.t.Errorf("%s: replayed %q", key, got)
			}
		}
		res := s.admin.upload("a.pdf", []byte("x"), nil, "Prefer", "ack=checkpointed, wait=1").want(202)
		if got := res.header.Get("Preference-Applied"); got != "wait=1, ack=checkpointed" {
			s.t.Errorf("an upload: %q", got)
		}
		var log LogState
		s.admin.get("/v1/log").want(200).into(&log)
		if log.Origin != "paraph.example/audit" || log.Size == 0 || log.Quorum != "" {
			s.t.Errorf("the log's state is %+v", log)
		}
		s.admin.get("/v1/log/anchors").want(200)
		s.admin.get("/log/checkpoint/latest").want(200)
		s.client("nobody@example.com", nil, "tasks:read").get("/v1/log").problem(403, "missing_scope")
	})
}

func TestPreferAck(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]service.Ack{
		"": "", "ack": "", "ack=": "", "ack=sure": "", "ack=committed": "committed", "wait=3, ACK=Witnessed": "witnessed", `ack="checkpointed"; x`: "checkpointed",
	} {
		level, wait := preferAck(header)
		if level != want || level != "" && wait < defaultAck && wait != 3*time.Second {
			t.Errorf("%q: %q, %s", header, level, wait)
		}
	}
}
