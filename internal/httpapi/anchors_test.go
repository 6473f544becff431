package httpapi

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/id"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/store/storetest"
)

func TestAnchors(t *testing.T) {
	plan := &service.AnchorPlan{Interval: time.Hour, Authorities: []string{"https://one.example", "https://two.example"}}
	onBoth(t, func(s *stack) {
		s.sequence()
		note, token := "paraph.example/audit\n3\nAAAA\n\n\u2014 x y\n", []byte{0x30, 3, 2, 1, 1}
		row := service.Anchor{ID: id.New("anc", s.clock.Now()), Size: 3, Note: note, TSA: "https://two.example", Token: token, StampedAt: storetest.Start}
		failing := service.Anchoring{DueSince: storetest.Start, TriedAt: storetest.Start, Attempts: 2, Code: "timestamp_unreachable", Reason: "away",
			Authorities: []service.AnchorAuthority{{Address: "https://one.example", Code: "timestamp_unreachable", Reason: "away", Until: storetest.Start.Add(time.Minute)}}}
		err := s.store.Write(t.Context(), func(ctx context.Context, tx service.Tx) error {
			if err := service.SaveAnchoring(ctx, tx, failing); err != nil {
				return err
			}
			return s.svc.AddAnchor(ctx, tx, row, hex.EncodeToString(make([]byte, 32)))
		})
		if err != nil {
			t.Fatal(err)
		}

		var listed Listed[Anchor]
		s.admin.get("/v1/log/anchors").want(200).into(&listed.Body)
		sum := sha256.Sum256([]byte(note))
		if got := listed.Body.Items; len(got) != 1 || got[0].ID != row.ID || got[0].Checkpoint != note || !bytes.Equal(got[0].Token, token) || got[0].SHA256 != hex.EncodeToString(sum[:]) {
			s.t.Errorf("the list is %+v", got)
		}
		var one Anchor
		s.admin.get("/v1/log/anchors/" + row.ID).want(200).into(&one)
		if one.TSA != row.TSA || !one.StampedAt.Equal(row.StampedAt) {
			s.t.Errorf("%+v", one)
		}
		res := s.admin.get("/v1/log/anchors/" + row.ID + "/token").want(200)
		if !bytes.Equal(res.body, token) || res.header.Get("Content-Type") != "application/vnd.etsi.timestamp-token" || res.header.Get("Content-Disposition") != "attachment; filename="+row.ID+".tst" {
			s.t.Errorf("the token is %x, %v", res.body, res.header)
		}
		res = s.admin.get("/v1/log/anchors/" + row.ID + "/checkpoint").want(200)
		if string(res.body) != note {
			s.t.Errorf("the checkpoint is %q", res.body)
		}
		for _, path := range []string{"", "/token", "/checkpoint"} {
			s.admin.get("/v1/log/anchors/anc_none"+path).problem(404, "not_found")
			s.client("nobody@example.com", nil, "tasks:read").get("/v1/log/anchors/"+row.ID+path).problem(403, "missing_scope")
		}

		var log LogState
		s.admin.get("/v1/log").want(200).into(&log)
		if a := log.Anchoring; a == nil || a.Interval != 3600 || a.Code != "timestamp_unreachable" || a.DueSince == nil || len(a.Authorities) != 2 ||
			a.Authorities[0].Reason != "away" || a.Authorities[0].RestsTo == nil || a.Authorities[1].Code != "" || log.Anchored == nil || log.Anchored.ID != row.ID {
			s.t.Errorf("the state is %+v", a)
		}

		wake, cancel := s.store.Subscribe(service.TopicAnchors)
		defer cancel()
		s.client("viewer@example.com", nil, "documents:read").post("/v1/log/anchors", nil).problem(403, "missing_scope")
		first := s.admin.post("/v1/log/anchors", nil, "Idempotency-Key", "one").want(202)
		<-wake
		again := s.admin.post("/v1/log/anchors", nil, "Idempotency-Key", "one").want(202)
		if !bytes.Equal(first.body, again.body) || again.header.Get("Idempotency-Replayed") != "true" {
			s.t.Errorf("repeated: %s, then %s", first.body, again.body)
		}
		res = s.admin.post("/v1/log/anchors", nil)
		res.problem(429, "timestamp_requested")
		if res.header.Get("Retry-After") == "" {
			s.t.Error("it is not said when to ask again")
		}
	}, func(c *Config) { c.Service.Anchoring = plan })
}

func TestAnchorsWithoutAuthority(t *testing.T) {
	onBoth(t, func(s *stack) {
		s.admin.post("/v1/log/anchors", nil).problem(409, "timestamps_not_configured")
		var log LogState
		s.admin.get("/v1/log").want(200).into(&log)
		if log.Anchoring != nil {
			s.t.Errorf("%+v", log.Anchoring)
		}
	})
}
