package witness

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/journal"
)

// statuses are the answers of tlog-witness, by the code of the fault.
var statuses = map[string]int{
	"add_checkpoint_malformed": http.StatusBadRequest,
	"checkpoint_malformed":     http.StatusBadRequest,
	"bad_tree_size":            http.StatusBadRequest,
	"checkpoint_refused":       http.StatusForbidden,
	"unknown_log":              http.StatusNotFound,
	"log_empty":                http.StatusNotFound,
	"proof_refused":            http.StatusUnprocessableEntity,
	"state_not_kept":           http.StatusServiceUnavailable,
	"witness_key_unavailable":  http.StatusServiceUnavailable,
}

// Handler serves the witness:
//
//	POST /add-checkpoint    cosign (C2SP tlog-witness)
//	GET  /logs              the logs it watches, JSON
//	GET  /checkpoint/{id}   the last one cosigned of a log; id is its LogID
//	GET  /key               the witness' public key
//	GET  /livez, /metrics
func (w *Witness) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /add-checkpoint", w.addCheckpoint)
	mux.HandleFunc("GET /checkpoint/{id}", func(rw http.ResponseWriter, r *http.Request) {
		signed, err := w.Latest(r.PathValue("id"))
		if err != nil {
			w.refuse(rw, err)
			return
		}
		plain(rw, http.StatusOK, signed)
	})
	mux.HandleFunc("GET /logs", func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(rw).Encode(map[string]any{"logs": w.Seen()}) // the caller went away: nobody is left to tell
	})
	mux.HandleFunc("GET /key", func(rw http.ResponseWriter, r *http.Request) {
		plain(rw, http.StatusOK, []byte(w.cosigner.VerifierKey()+"\n"))
	})
	mux.HandleFunc("GET /livez", func(rw http.ResponseWriter, r *http.Request) { plain(rw, http.StatusOK, []byte("ok\n")) })
	mux.Handle("GET /metrics", promhttp.HandlerFor(w.metrics.registry, promhttp.HandlerOpts{}))
	return mux
}

// Server gives an HTTP server for the handler with bounds on everything a
// stranger could stretch.
func (w *Witness) Server() *http.Server {
	return &http.Server{Handler: w.Handler(), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second,
		WriteTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10}
}

func (w *Witness) addCheckpoint(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, journal.MaxAddCheckpoint))
	if err != nil {
		status := http.StatusBadRequest
		var long *http.MaxBytesError
		if errors.As(err, &long) {
			status = http.StatusRequestEntityTooLarge
		}
		w.metrics.answer(status)
		plain(rw, status, []byte("the request could not be read\n"))
		return
	}
	line, err := w.Add(body)
	if err != nil {
		w.refuse(rw, err)
		return
	}
	w.metrics.answer(http.StatusOK)
	plain(rw, http.StatusOK, line)
}

func (w *Witness) refuse(rw http.ResponseWriter, err error) {
	var ahead *AheadError
	if errors.As(err, &ahead) {
		w.metrics.answer(http.StatusConflict)
		rw.Header().Set("Content-Type", journal.SizeMedia)
		rw.WriteHeader(http.StatusConflict)
		_, _ = rw.Write(journal.EncodeSize(ahead.Size)) // as above
		return
	}
	f := fault.From(err)
	status, ok := statuses[f.Code]
	if !ok {
		status = http.StatusInternalServerError
		w.log.Error("a request failed", "error", err)
	}
	w.metrics.answer(status)
	plain(rw, status, []byte(f.Code+": "+f.Message+"\n"))
}

func plain(rw http.ResponseWriter, status int, body []byte) {
	rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
	rw.Header().Set("X-Content-Type-Options", "nosniff")
	rw.Header().Set("Cache-Control", "no-cache")
	rw.WriteHeader(status)
	_, _ = rw.Write(body)
}

// metrics counts what a witness answered and how far its logs are.
type metrics struct {
	registry *prometheus.Registry
	answers  *prometheus.CounterVec
	refused  *prometheus.CounterVec
	w        *Witness
}

var (
	descSize = prometheus.NewDesc("paraph_witness_log_size", "Entries of the last checkpoint cosigned, by log.", []string{"log"}, nil)
	descAge  = prometheus.NewDesc("paraph_witness_cosigned_age_seconds", "Time since a log was last extended.", []string{"log"}, nil)
)

func newMetrics(w *Witness) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		answers:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "paraph_witness_answers_total", Help: "Answers to add-checkpoint, by status."}, []string{"status"}),
		refused:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "paraph_witness_refused_total", Help: "Signed checkpoints that were not cosigned, by log and reason: smaller, proof, or fork, each of which is an alarm."}, []string{"log", "why"}),
		w:        w,
	}
	for origin := range w.logs {
		for _, why := range []string{"smaller", "proof", "fork"} {
			m.refused.WithLabelValues(origin, why)
		}
	}
	m.registry.MustRegister(m.answers, m.refused, m)
	return m
}

func (m *metrics) answer(status int) { m.answers.WithLabelValues(http.StatusText(status)).Inc() }

// Describe implements prometheus.Collector.
func (m *metrics) Describe(ch chan<- *prometheus.Desc) { ch <- descSize; ch <- descAge }

// Collect implements prometheus.Collector.
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	for _, s := range m.w.Seen() {
		ch <- prometheus.MustNewConstMetric(descSize, prometheus.GaugeValue, float64(s.Size), s.Origin)
		if s.At != nil {
			ch <- prometheus.MustNewConstMetric(descAge, prometheus.GaugeValue, max(0, m.w.clock.Now().Sub(*s.At).Seconds()), s.Origin)
		}
	}
}
