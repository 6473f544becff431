package telemetry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

func scrape(t *testing.T, m *Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	return w.Body.String()
}

// TestEachMetricMoves: every metric is absent or zero before, and shows what
// happened after.
func TestEachMetricMoves(t *testing.T) {
	t.Parallel()
	m := NewMetrics()
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	state := State{}
	m.Watch(func(context.Context) (State, error) { return state, nil }, func() time.Time { return now }, slog.New(slog.DiscardHandler))
	want := []string{
		`paraph_http_request_seconds{method="GET",route="/v1/documents/{id}",quantile="0.5"} 0.2`,
		`paraph_http_request_seconds{method="GET",route="/v1/documents/{id}",quantile="0.95"} 0.2`,
		`paraph_http_request_seconds{method="GET",route="/v1/documents/{id}",quantile="0.99"} 0.2`,
		`paraph_http_responses_total{method="GET",route="/v1/documents/{id}",status="404"} 1`,
		`paraph_retries_total{kind="capture"} 1`,
		`paraph_processing_seconds_count{document_type="invoice",step="capture"} 1`,
		`paraph_time_to_ocr_seconds_count{document_type="invoice"} 1`,
		`paraph_time_to_sign_seconds_count{document_type="invoice"} 1`,
		`paraph_approvals_decided_total{outcome="approved"} 1`,
		`paraph_queue_depth{document_type="invoice",queue="capture"} 3`,
		`paraph_queue_age_seconds{document_type="invoice",queue="capture"} 60`,
		`paraph_journal_unnumbered 2`,
		`paraph_log_size 9`,
		`paraph_dispatcher_lag{dispatcher="jobs"} 4`,
		`paraph_documents{state="draft"} 5`,
	}
	before := scrape(t, m)
	for _, line := range want {
		if strings.Contains(before, line+"\n") {
			t.Errorf("before anything happened: %s", line)
		}
	}
	m.ObserveRequest("/v1/documents/{id}", "GET", 404, 200*time.Millisecond)
	m.Retry("capture")
	m.Step("capture", "invoice", time.Second)
	m.TimeToOCR("invoice", time.Second)
	m.TimeToSign("invoice", time.Minute)
	m.ApprovalDecided("approved")
	state = State{Queues: []Queue{{Name: "capture", DocumentType: "invoice", Waiting: 2, Oldest: now}, {Name: "capture", DocumentType: "invoice", Waiting: 1, Oldest: now.Add(-time.Minute)}}, Unnumbered: 2, LogSize: 9, Lag: map[string]int64{"jobs": 4}, Documents: map[string]int64{"draft": 5}}
	after := scrape(t, m)
	for _, line := range want {
		if !strings.Contains(after, line) {
			t.Errorf("missing: %s", line)
		}
	}
}

// TestAnchorGauges: what is wrong with the log's time stamps shows, and nothing
// shows where none are wanted.
func TestAnchorGauges(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 4, 5, 0, 0, 0, time.UTC)
	m, state := NewMetrics(), State{}
	m.Watch(func(context.Context) (State, error) { return state, nil }, func() time.Time { return now }, slog.New(slog.DiscardHandler))
	if out := scrape(t, m); strings.Contains(out, "paraph_anchor") {
		t.Error("time stamps show although none are wanted")
	}
	m.AnchorFailed("unreachable")
	for want, a := range map[string]*Anchored{
		"age_seconds -1\n": {}, "overdue_seconds 0\n": {At: now}, "age_seconds 60\n": {At: now.Add(-time.Minute)},
		"overdue_seconds 30\n": {DueSince: now.Add(-30 * time.Second)},
	} {
		state.Anchored = a
		if out := scrape(t, m); !strings.Contains(out, "paraph_anchor_"+want) || !strings.Contains(out, `paraph_anchor_failures_total{reason="unreachable"} 1`) {
			t.Errorf("%+v: paraph_anchor_%s is missing", a, want)
		}
	}
}

// TestTypesDoNotGrowWithoutEnd: a flood of document types ends in one series.
func TestTypesDoNotGrowWithoutEnd(t *testing.T) {
	t.Parallel()
	m := NewMetrics()
	for i := range 10 * maxTypes {
		m.TimeToOCR(fmt.Sprintf("type_%d", i), time.Second)
	}
	out := scrape(t, m)
	if got := strings.Count(out, "paraph_time_to_ocr_seconds_count{"); got != maxTypes+1 {
		t.Errorf("%d series for %d types", got, 10*maxTypes)
	}
	if !strings.Contains(out, `paraph_time_to_ocr_seconds_count{document_type="other"} 450`) {
		t.Error("what came later is not counted together")
	}
}

// TestTraceCrossesTheCommit: the job's span has the request's trace and parent,
// carried only by the string kept in the journal entry.
func TestTraceCrossesTheCommit(t *testing.T) {
	t.Parallel()
	exporter := tracetest.NewInMemoryExporter()
	tr := newTracing(sdktrace.WithSyncer(exporter), "test")
	ctx, request := tr.Provider().Tracer("t").Start(context.Background(), "POST /v1/documents")
	kept := tr.Inject(ctx)
	request.End()
	_, end := tr.Job(context.Background(), kept, "capture")
	end(errors.New("disk on fire"))
	spans := exporter.GetSpans()
	if len(spans) != 2 || spans[1].SpanContext.TraceID() != spans[0].SpanContext.TraceID() || spans[1].Parent.SpanID() != spans[0].SpanContext.SpanID() {
		t.Fatalf("the trace is broken: %+v", spans)
	}
	if spans[1].Status.Description != "disk on fire" {
		t.Error("the outcome is lost")
	}
}

func TestNoTracingCostsNothing(t *testing.T) {
	t.Parallel()
	tr, err := NewTracing(context.Background(), "", "test")
	if err != nil {
		t.Fatal(err)
	}
	if got := tr.Inject(context.Background()); got != "" {
		t.Errorf("a traceparent from nowhere: %q", got)
	}
	_, end := tr.Job(context.Background(), "", "capture")
	end(nil)
	if err := tr.Close(); err != nil {
		t.Error(err)
	}
}

func TestCanariesAreBlottedOut(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"text", "json"} {
		var out strings.Builder
		log := NewLogger(&out, format, "info")
		log.Info("x", "client_secret", "canary1", "Authorization", "Bearer canary2canary2", "header", "bearer canary3canary3",
			"error", errors.New("dial postgres://u:canary4@h/db"), "path", "/sign/canary5canary5canary5canary5", "access_token", "canary6")
		if s := out.String(); strings.Contains(s, "canary") || !strings.Contains(s, blot) {
			t.Errorf("%s: a secret shows: %s", format, s)
		}
	}
	NewLogger(io.Discard, "text", "nonsense").Info("an unknown level is info")
}

// TestLogTimesAreUTC: whatever zone the machine is in, the times of a line are in UTC.
func TestLogTimesAreUTC(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 7, 1, 12, 0, 0, 0, time.FixedZone("away", 5*3600))
	for _, format := range []string{"text", "json"} {
		var out strings.Builder
		record := slog.NewRecord(noon, slog.LevelInfo, "x", 0)
		record.AddAttrs(slog.Time("until", noon))
		if err := NewLogger(&out, format, "info").Handler().Handle(t.Context(), record); err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(out.String(), "2026-07-01T07:00:00"); n != 2 || strings.Count(out.String(), "Z") != 2 {
			t.Errorf("%s: %s", format, out.String())
		}
	}
}

// TestLogLinesCanBeReadByMachines: each is one line and one JSON object, whatever is logged,
// with time, level, message and every value by its name.
func TestLogLinesCanBeReadByMachines(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	log := NewLogger(&out, "json", "info")
	log.Info("one\nline", "request_id", "req_1", "error", errors.New("two\r\n\"lines\""), "took", time.Second)
	log.With("part", "oauth").Warn("another", "status", 503)
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if len(lines) != 2 {
		t.Fatalf("%d lines: %s", len(lines), out.String())
	}
	for i, wants := range []map[string]any{
		{"level": "INFO", "msg": "one\nline", "request_id": "req_1", "error": "two\r\n\"lines\"", "took": float64(time.Second)},
		{"level": "WARN", "msg": "another", "part": "oauth", "status": float64(503)},
	} {
		var got map[string]any
		if err := json.Unmarshal([]byte(lines[i]), &got); err != nil {
			t.Fatal(err)
		}
		if _, err := time.Parse(time.RFC3339Nano, got["time"].(string)); err != nil {
			t.Error(err)
		}
		for name, want := range wants {
			if got[name] != want {
				t.Errorf("%s is %v, want %v", name, got[name], want)
			}
		}
	}
}
