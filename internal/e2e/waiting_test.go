package e2e

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/paraph/paraph/internal/config"
	"github.com/paraph/paraph/internal/server"
	"github.com/paraph/paraph/internal/store/pgtest"
)

// waits is what an operation says of its waiting.
type waits struct {
	State   string
	Waiting *struct {
		Code, Reason string
		Ahead        int
	}
}

// TestWaitingSaysWhy: work that nobody can do says so, to its sender, to the
// administrator and in the metrics; it is done once a worker is there.
func TestWaitingSaysWhy(t *testing.T) {
	t.Parallel()
	database := pgtest.Database(t)
	without := func(c *config.Config) { c.Roles = []string{config.RoleAPI, config.RoleSequencer, config.RoleDispatch} }
	s := start(t, database, setup{conf: without})
	s.post("/v1/business-units", map[string]any{"name": "buying", "weight": 5}).want(http.StatusCreated)
	s.post("/v1/business-units", map[string]any{"name": "heavy", "weight": 100000}).problem(422, "invalid_unit")
	var unit struct{ Weight int }
	s.send(http.MethodPatch, "/v1/business-units/buying", strings.NewReader(`{"weight":7}`), "Content-Type", "application/json").want(200).into(&unit)
	if unit.Weight != 7 {
		t.Errorf("the weight is %d", unit.Weight)
	}
	s.send(http.MethodPatch, "/v1/business-units/nothing", strings.NewReader(`{"weight":7}`), "Content-Type", "application/json").problem(404, "not_found")
	first := s.drop("buying", textPDF("One"))
	second := s.drop("buying", textPDF("Two"))
	var queues struct {
		Workers int
		Items   []struct {
			Kind, Code   string
			BusinessUnit string `json:"business_unit"`
			Waiting      int
		}
	}
	var op waits
	for range 30 { // until the dispatcher has handed both out
		s.get("/v1/operations/"+second.Operation.ID, "Prefer", "wait=1").want(200).into(&op)
		if op.Waiting != nil && op.Waiting.Code == "no_worker" {
			break
		}
	}
	if op.Waiting == nil || op.Waiting.Code != "no_worker" || op.Waiting.Ahead != 1 {
		t.Fatalf("it says %+v", op.Waiting)
	}
	s.get("/v1/queues").want(200).into(&queues)
	if len(queues.Items) != 1 || queues.Workers != 0 || queues.Items[0].Waiting != 2 || queues.Items[0].Code != "no_worker" || queues.Items[0].BusinessUnit != "buying" {
		t.Errorf("the queues are %+v", queues)
	}
	s.client("reader@example.com", nil, "documents:read").get("/v1/queues").problem(403, "missing_scope")
	if text := string(s.get("/metrics").want(200).body); !strings.Contains(text, `paraph_queue_depth{document_type="document",queue="capture"} 2`) {
		t.Error("the metrics don't tell what waits")
	}
	conf := *s.conf
	conf.Roles = []string{config.RoleWork}
	worker, err := server.New(t.Context(), &conf, server.Options{CacheDir: cacheDir, Log: slog.New(slog.NewTextHandler(testLog{t}, nil))})
	if err == nil {
		err = worker.Start(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := worker.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	s.until(first.Document.ID, "document.captured")
	s.until(second.Document.ID, "document.captured")
	s.get("/v1/queues").want(200).into(&queues)
	if queues.Workers != 1 {
		t.Errorf("with a worker the queues are %+v", queues)
	}
	op = waits{}
	s.get("/v1/operations/" + second.Operation.ID).want(200).into(&op)
	if op.State != "succeeded" || op.Waiting != nil {
		t.Errorf("afterwards the operation is %+v", op)
	}
}
