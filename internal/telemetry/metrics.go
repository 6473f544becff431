// Package telemetry is how Paraph tells its keepers what it does: logs (slog),
// metrics (Prometheus) and traces (OpenTelemetry) that run from a request over
// the commit into the job it causes.
package telemetry

import (
	"context"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics counts and times what happens. Its methods are safe for concurrent use.
type Metrics struct {
	registry  *prometheus.Registry
	requests  *prometheus.SummaryVec
	responses *prometheus.CounterVec
	retries   *prometheus.CounterVec
	steps     *prometheus.HistogramVec
	ocr       *prometheus.HistogramVec
	sign      *prometheus.HistogramVec
	approvals *prometheus.CounterVec
	anchors   *prometheus.CounterVec
	hooks     *prometheus.CounterVec
	hookTime  *prometheus.SummaryVec
	lacks     *prometheus.CounterVec
	webhooks  webhookMeters

	mu    sync.Mutex
	types map[string]bool // document types that have a label of their own
}

// maxTypes bounds how many document types have series of their own; what comes
// after them is counted together, so that nobody can make the metrics grow
// without end.
const maxTypes = 50

// label gives the label of a document type.
func (m *Metrics) label(documentType string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.types[documentType] {
		return documentType
	}
	if len(m.types) >= maxTypes {
		return "other"
	}
	if m.types == nil {
		m.types = map[string]bool{}
	}
	m.types[documentType] = true
	return documentType
}

// quantiles are p50, p95 and p99, each with its tolerated error in rank.
var quantiles = map[float64]float64{0.5: 0.02, 0.95: 0.005, 0.99: 0.001}

// NewMetrics makes the metrics with a registry of their own.
func NewMetrics() *Metrics {
	m := &Metrics{
		registry:  prometheus.NewRegistry(),
		requests:  prometheus.NewSummaryVec(prometheus.SummaryOpts{Name: "paraph_http_request_seconds", Help: "Time from the first byte of a request to the last of its answer, by route.", Objectives: quantiles, MaxAge: 10 * time.Minute}, []string{"method", "route"}),
		responses: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "paraph_http_responses_total", Help: "Answers by route and status."}, []string{"method", "route", "status"}),
		retries:   prometheus.NewCounterVec(prometheus.CounterOpts{Name: "paraph_retries_total", Help: "Attempts that failed and are repeated, by kind of work."}, []string{"kind"}),
		steps:     prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "paraph_processing_seconds", Help: "Time of one processing step, by step and document type.", Buckets: prometheus.ExponentialBuckets(0.005, 2.5, 12)}, []string{"step", "document_type"}),
		ocr:       prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "paraph_time_to_ocr_seconds", Help: "Time from upload to the text being there, by document type.", Buckets: prometheus.ExponentialBuckets(0.1, 2, 14)}, []string{"document_type"}),
		sign:      prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "paraph_time_to_sign_seconds", Help: "Time from an envelope's sending to its sealed completion, by document type.", Buckets: []float64{1, 10, 60, 600, 3600, 4 * 3600, 24 * 3600, 3 * 24 * 3600, 7 * 24 * 3600, 30 * 24 * 3600}}, []string{"document_type"}),
		approvals: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "paraph_approvals_decided_total", Help: "Approvals that were decided, by outcome. increase(…[1d]) gives approvals per day."}, []string{"outcome"}),
	}
	m.anchors = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "paraph_anchor_failures_total", Help: "Time stamps over the log that an authority did not give, by reason."}, []string{"reason"})
	m.hooks = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "paraph_hook_requests_total", Help: "Webhooks that came in, by preset of their source and outcome; bad_signature and outside_window are refused."}, []string{"preset", "outcome"})
	m.hookTime = prometheus.NewSummaryVec(prometheus.SummaryOpts{Name: "paraph_hook_request_seconds", Help: "Time until a webhook that came in was answered, by preset of its source.", Objectives: quantiles, MaxAge: 10 * time.Minute}, []string{"preset"})
	m.lacks = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "paraph_protection_lacks_total", Help: "Attempts to protect a signature that lacked something, by its code."}, []string{"code"})
	m.webhooks = newWebhookMeters()
	m.registry.MustRegister(m.webhooks.attempts, m.webhooks.receipt, m.hooks, m.hookTime, m.requests, m.responses, m.retries, m.steps, m.ocr, m.sign, m.approvals, m.anchors, m.lacks,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// ObserveRequest notes one answered request. route is a pattern, never a path.
func (m *Metrics) ObserveRequest(route, method string, status int, d time.Duration) {
	m.requests.WithLabelValues(method, route).Observe(d.Seconds())
	m.responses.WithLabelValues(method, route, strconv.Itoa(status)).Inc()
}

// Retry counts an attempt that will be repeated.
func (m *Metrics) Retry(kind string) { m.retries.WithLabelValues(kind).Inc() }

// Step notes how long a processing step took.
func (m *Metrics) Step(step, documentType string, d time.Duration) {
	m.steps.WithLabelValues(step, m.label(documentType)).Observe(d.Seconds())
}

// TimeToOCR notes the time from upload to text.
func (m *Metrics) TimeToOCR(documentType string, d time.Duration) {
	m.ocr.WithLabelValues(m.label(documentType)).Observe(d.Seconds())
}

// TimeToSign notes the time from sending to completion.
func (m *Metrics) TimeToSign(documentType string, d time.Duration) {
	m.sign.WithLabelValues(m.label(documentType)).Observe(d.Seconds())
}

// ApprovalDecided counts a decided approval.
func (m *Metrics) ApprovalDecided(outcome string) { m.approvals.WithLabelValues(outcome).Inc() }

// AnchorFailed counts a time stamp that an authority did not give.
func (m *Metrics) AnchorFailed(reason string) { m.anchors.WithLabelValues(reason).Inc() }

// ObserveHook notes one webhook that came in; both labels have few values.
func (m *Metrics) ObserveHook(preset, outcome string, d time.Duration) {
	m.hooks.WithLabelValues(preset, outcome).Inc()
	m.hookTime.WithLabelValues(preset).Observe(d.Seconds())
}

// ProtectionLacks counts an attempt to protect a signature that lacked something.
func (m *Metrics) ProtectionLacks(code string) { m.lacks.WithLabelValues(code).Inc() }

// Handler serves the metrics in Prometheus' text form.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{EnableOpenMetrics: true})
}

// Queue is what waits in one queue.
type Queue struct {
	Name         string
	DocumentType string // "" where a queue knows no types
	Waiting      int64
	Oldest       time.Time // zero: nothing waits
}

// State is what gauges show at the moment of a scrape.
type State struct {
	Queues     []Queue
	Unnumbered int64 // journal entries without a place in the log
	LogSize    int64
	Lag        map[string]int64 // entries a dispatcher has not read, by name
	Documents  map[string]int64 // by state
	Quarantine int64            // events that came in and could not be processed
	Log        LogState
	Witnesses  map[string]Lag // the log's witnesses, by name
	Witnessed  *Lag           // the newest checkpoint of the quorum; nil: the log has no witnesses
	Webhooks   Webhooks
	Anchored   *Anchored  // time stamps of checkpoints; nil: none are wanted
	Protected  *Protected // the signatures of files; nil: not known
}

// Anchored is how the log is time-stamped.
type Anchored struct {
	At       time.Time // the newest time stamp; zero: none yet
	DueSince time.Time // one is due and could not be had; zero: none is
}

// Lag is how far something is behind the log.
type Lag struct {
	Entries int64
	Since   time.Time // when the first of them was signed; zero: it is not behind
	Failing bool
}

// Watch registers the gauges; read is called at each scrape, within its time.
func (m *Metrics) Watch(read func(ctx context.Context) (State, error), now func() time.Time, log *slog.Logger) {
	m.registry.MustRegister(&gauges{read: read, now: now, log: log, label: m.label})
}

type gauges struct {
	read func(ctx context.Context) (State, error)
	now  func() time.Time
	log  *slog.Logger
	// label bounds the labels of document types.
	label func(documentType string) string
}

var (
	descDepth     = prometheus.NewDesc("paraph_queue_depth", "Work that waits and is due, by queue and document type.", []string{"queue", "document_type"}, nil)
	descAge       = prometheus.NewDesc("paraph_queue_age_seconds", "Time the oldest of it has been due.", []string{"queue", "document_type"}, nil)
	descWaiting   = prometheus.NewDesc("paraph_journal_unnumbered", "Journal entries that wait for their place in the log.", nil, nil)
	descLogSize   = prometheus.NewDesc("paraph_log_size", "Entries in the log.", nil, nil)
	descLag       = prometheus.NewDesc("paraph_dispatcher_lag", "Journal entries a dispatcher has not read yet.", []string{"dispatcher"}, nil)
	descWitness   = prometheus.NewDesc("paraph_witness_lag_entries", "Entries in the log that a witness has not cosigned, by witness; quorum is the policy's.", []string{"witness"}, nil)
	descWitSecs   = prometheus.NewDesc("paraph_witness_lag_seconds", "Age of the oldest entry that a witness has not cosigned, by witness; quorum is the policy's.", []string{"witness"}, nil)
	descWitFail   = prometheus.NewDesc("paraph_witness_failing", "1 where a witness refused or could not be reached when it was asked last.", []string{"witness"}, nil)
	descAnchor    = prometheus.NewDesc("paraph_anchor_age_seconds", "Time since a checkpoint was time-stamped; -1 before the first.", nil, nil)
	descOverdue   = prometheus.NewDesc("paraph_anchor_overdue_seconds", "Time since a time stamp has been due that no authority gave; 0 where none is.", nil, nil)
	descQuarant   = prometheus.NewDesc("paraph_inbound_quarantined", "Events that came in, could not be processed, and wait for somebody to decide.", nil, nil)
	descDocuments = prometheus.NewDesc("paraph_documents", "Documents by state.", []string{"state"}, nil)
)

// Describe implements prometheus.Collector.
func (g *gauges) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descDepth, descAge, descWaiting, descLogSize, descLag, descDocuments, descQuarant, descSound, descAudited, descAuditSize, descAuditPassed, descWitness, descWitSecs, descWitFail, descAnchor, descOverdue, descFiles, descLacking, descEnding, descStamps, descHookPending, descHookDead, descHookState} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (g *gauges) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	state, err := g.read(ctx)
	if err != nil {
		g.log.Warn("the gauges could not be read", "error", err)
		return
	}
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	for _, q := range g.labelled(state.Queues) {
		gauge(descDepth, float64(q.Waiting), q.Name, q.DocumentType)
		age := 0.0
		if !q.Oldest.IsZero() {
			age = max(0, g.now().Sub(q.Oldest).Seconds())
		}
		gauge(descAge, age, q.Name, q.DocumentType)
	}
	gauge(descWaiting, float64(state.Unnumbered))
	gauge(descLogSize, float64(state.LogSize))
	for name, n := range state.Lag {
		gauge(descLag, float64(n), name)
	}
	g.witnesses(state, gauge)
	gauge(descQuarant, float64(state.Quarantine))
	state.Protected.collect(gauge, g.now())
	for s, n := range state.Documents {
		gauge(descDocuments, float64(n), s)
	}
	state.Webhooks.collect(gauge)
	state.Log.collect(gauge)
}

// labelled sums up the queues by the labels they get.
func (g *gauges) labelled(queues []Queue) map[[2]string]Queue {
	out := map[[2]string]Queue{}
	for _, q := range queues {
		if q.DocumentType != "" {
			q.DocumentType = g.label(q.DocumentType)
		}
		key := [2]string{q.Name, q.DocumentType}
		sum, known := out[key]
		q.Waiting += sum.Waiting
		if known && !sum.Oldest.IsZero() && (q.Oldest.IsZero() || sum.Oldest.Before(q.Oldest)) {
			q.Oldest = sum.Oldest
		}
		out[key] = q
	}
	return out
}

// witnesses shows how far the log is vouched for from outside.
func (g *gauges) witnesses(state State, gauge func(*prometheus.Desc, float64, ...string)) {
	lag := func(name string, l Lag) {
		gauge(descWitness, float64(l.Entries), name)
		seconds := 0.0
		if !l.Since.IsZero() {
			seconds = max(0, g.now().Sub(l.Since).Seconds())
		}
		gauge(descWitSecs, seconds, name)
	}
	for name, l := range state.Witnesses {
		lag(name, l)
		failing := 0.0
		if l.Failing {
			failing = 1
		}
		gauge(descWitFail, failing, name)
	}
	if state.Witnessed != nil {
		lag("quorum", *state.Witnessed)
	}
	if a := state.Anchored; a != nil {
		age, overdue := -1.0, 0.0
		if !a.At.IsZero() {
			age = max(0, g.now().Sub(a.At).Seconds())
		}
		if !a.DueSince.IsZero() {
			overdue = max(0, g.now().Sub(a.DueSince).Seconds())
		}
		gauge(descAnchor, age)
		gauge(descOverdue, overdue)
	}
}
