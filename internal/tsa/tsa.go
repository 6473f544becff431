// Package tsa is a time stamping authority (RFC 3161) for networks that reach no
// other: a small server, meant for another machine and another owner than those
// whose documents it stamps. Its time is the machine's clock, and its word is
// worth as much as the trust in whoever runs it.
//
// It keeps no database: its folder holds the keys and certificates of a root and,
// under it, of the authority. Serial numbers are random.
package tsa

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/paraph/paraph/internal/ca"
	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/internal/durable"
	"github.com/paraph/paraph/pades/tsp"
)

// DefaultPolicy says nothing but that the token is of a `paraph tsa` without a
// policy of its own: an object identifier made of a random UUID (X.667).
const DefaultPolicy = "2.25.106048509979249283883625899795655993313"

// listPath is where the list of revoked certificates is found.
const listPath = "/root.crl"

// Config is what a Server is made of.
type Config struct {
	Dir      string // holds keys and certificates; made where it is missing
	Name     string // what the certificates say; fixed at the first start
	URL      string // under which relying parties reach it, named in its certificate; "": none
	Policies []string
	Accuracy time.Duration
	Clock    clock.Clock
	Log      *slog.Logger
}

// Server is a time stamping authority with its HTTP side. One process at a time
// may have a folder: Open holds a lock.
type Server struct {
	*tsp.Authority
	keys    *ca.Authority
	clock   clock.Clock
	log     *slog.Logger
	lock    *os.File
	answers *prometheus.CounterVec
	metrics *prometheus.Registry
}

// Open loads the keys, or makes them at the first start.
func Open(c Config) (*Server, error) {
	s := &Server{clock: c.Clock, log: c.Log, metrics: prometheus.NewRegistry(),
		answers: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "paraph_tsa_answers_total", Help: "Answers to time stamp requests, by outcome: granted, refused or failed."}, []string{"outcome"})}
	if s.clock == nil {
		s.clock = clock.System{}
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	var err error
	if s.lock, err = durable.Lock(c.Dir); err != nil {
		return nil, fmt.Errorf("the folder of the time stamping authority: %w", err)
	}
	if err := s.open(c); err != nil {
		s.lock.Close()
		return nil, err
	}
	for _, outcome := range []string{"granted", "refused", "failed"} {
		s.answers.WithLabelValues(outcome)
	}
	s.metrics.MustRegister(s.answers, prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "paraph_tsa_certificate_expires_timestamp_seconds",
		Help: "When the authority's certificate ends; a start within 90 days before makes a new one."}, func() float64 { return float64(s.Certificate().NotAfter.Unix()) }))
	return s, nil
}

func (s *Server) open(c Config) (err error) {
	list := ""
	if c.URL != "" {
		list = strings.TrimRight(c.URL, "/") + listPath
	}
	if s.keys, err = ca.LoadOrCreateTSA(c.Dir, c.Name, s.clock.Now(), list); err != nil {
		return err
	}
	if len(c.Policies) == 0 {
		c.Policies = []string{DefaultPolicy}
	}
	s.Authority, err = tsp.NewAuthority(tsp.AuthorityConfig{Key: s.keys.Key, Chain: s.keys.Chain(), Policies: c.Policies, Accuracy: c.Accuracy, Now: s.clock.Now})
	return err
}

// Close gives the folder free.
func (s *Server) Close() error { return s.lock.Close() }

// RootPEM gives the root certificate that relying parties have to trust.
func (s *Server) RootPEM() []byte { return s.keys.RootPEM() }

// Handler serves the authority:
//
//	POST /            time stamps (RFC 3161, 3.4); any other path will do as well
//	GET  /root.pem    the root certificate
//	GET  /root.crl    what the root has revoked
//	GET  /livez, /metrics
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /", func(w http.ResponseWriter, r *http.Request) { tsp.Serve(w, r, s.respond) })
	mux.HandleFunc("GET /root.pem", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/pem-certificate-chain")
		_, _ = w.Write(s.RootPEM()) // the caller went away: nobody is left to tell
	})
	mux.HandleFunc("GET "+listPath, func(w http.ResponseWriter, _ *http.Request) {
		list, err := s.keys.List(s.clock.Now())
		if err != nil {
			s.log.Error("the list of revoked certificates could not be made", "error", err)
			http.Error(w, "the list cannot be made", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/pkix-crl")
		_, _ = w.Write(list) // as above
	})
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.metrics, promhttp.HandlerOpts{}))
	return mux
}

// Server gives an HTTP server for the handler with bounds on everything a
// stranger could stretch.
func (s *Server) Server() *http.Server {
	return &http.Server{Handler: s.Handler(), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second,
		WriteTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10}
}

func (s *Server) respond(request []byte) []byte {
	response, info, err := s.Respond(request)
	switch {
	case err == nil:
		s.answers.WithLabelValues("granted").Inc()
		s.log.Info("a time stamp was given", "serial", info.Serial.Text(16), "policy", info.Policy, "at", info.Time)
	case !broken(err):
		s.answers.WithLabelValues("refused").Inc()
	default:
		s.answers.WithLabelValues("failed").Inc()
		s.log.Error("a time stamp could not be given", "error", err)
	}
	return response
}

// broken tells whether it is this authority that is at fault.
func broken(err error) bool {
	var status *tsp.StatusError
	return !errors.As(err, &status) || slices.Contains(status.Failures, tsp.SystemFailure) || slices.Contains(status.Failures, tsp.TimeNotAvailable)
}
