package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// webhookMeters count what is sent to subscribers' endpoints.
type webhookMeters struct {
	attempts *prometheus.HistogramVec
	receipt  prometheus.Histogram
}

func newWebhookMeters() webhookMeters {
	return webhookMeters{
		attempts: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "paraph_webhook_attempt_seconds", Help: "Time of an attempt to deliver an event, by outcome: delivered, or why not.", Buckets: prometheus.ExponentialBuckets(0.001, 3, 10)}, []string{"outcome"}),
		receipt:  prometheus.NewHistogram(prometheus.HistogramOpts{Name: "paraph_webhook_receipt_seconds", Help: "Time from an event to its receipt at the first attempt.", Buckets: prometheus.ExponentialBuckets(0.001, 2.5, 12)}),
	}
}

// Attempt implements work.DeliveryMeter. Codes are few: Paraph's own, and statuses.
func (m *Metrics) Attempt(code string, took time.Duration) {
	if code == "" {
		code = "delivered"
	}
	m.webhooks.attempts.WithLabelValues(code).Observe(took.Seconds())
}

// Receipt implements work.DeliveryMeter.
func (m *Metrics) Receipt(d time.Duration) { m.webhooks.receipt.Observe(d.Seconds()) }

// Webhooks is how endpoints fare, all together.
type Webhooks struct {
	Pending, Dead                      int64
	Resting, Blocked, Disabled, Behind int // endpoints
}

var (
	descHookPending = prometheus.NewDesc("paraph_webhook_pending", "Events that wait to be sent to endpoints.", nil, nil)
	descHookDead    = prometheus.NewDesc("paraph_webhook_dead", "Events that did not reach an endpoint in any of their attempts, and were neither sent anew nor skipped.", nil, nil)
	descHookState   = prometheus.NewDesc("paraph_webhook_endpoints", "Endpoints that are not served as usual: resting, blocked, disabled, or with a full queue.", []string{"state"}, nil)
)

func (w Webhooks) collect(gauge func(*prometheus.Desc, float64, ...string)) {
	gauge(descHookPending, float64(w.Pending))
	gauge(descHookDead, float64(w.Dead))
	for state, n := range map[string]int{"resting": w.Resting, "blocked": w.Blocked, "disabled": w.Disabled, "full": w.Behind} {
		gauge(descHookState, float64(n), state)
	}
}
