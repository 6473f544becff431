package server

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os/exec"
	"slices"
	"time"

	"github.com/paraph/paraph/internal/config"
	"github.com/paraph/paraph/internal/entrance"
	"github.com/paraph/paraph/internal/fault"
)

// health answers /livez and /readyz, and /metrics where it is wanted.
func (s *Server) health(mux *entrance.Mux, metrics bool) {
	watchers := mux.To(entrance.Nothing, entrance.Uncounted)
	watchers.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, map[string]any{"status": "ok"}) })
	watchers.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		checks, err := s.check(r.Context())
		roles := s.Config.Roles
		if len(roles) == 0 {
			roles = config.Roles()
		}
		if err != nil {
			f := fault.From(err)
			answer(w, http.StatusServiceUnavailable, map[string]any{"status": "not ready", "roles": roles, "checks": checks, "code": f.Code, "detail": f.Message})
			return
		}
		answer(w, http.StatusOK, map[string]any{"status": "ready", "roles": roles, "checks": checks})
	})
	if metrics {
		s.Metrics.Watch(s.state, s.clock.Now, s.log)
		watchers.Handle("GET /metrics", s.Metrics.Handler())
	}
}

// Check is one thing that a process's roles need.
type Check struct {
	Needs string `json:"needs"`
	OK    bool   `json:"ok"`
	Says  string `json:"says,omitempty"` // why not
}

// need is how something that some roles need is looked at.
type need struct {
	name  string
	roles []string // empty: all
	look  func(context.Context) error
}

func (s *Server) needs() []need {
	return []need{
		{"not to be stopping", nil, s.notStopping},
		{"database", nil, s.Store.Healthy},
		{"log", nil, func(context.Context) error { return s.keeper.Sound() }},
		{"documents", []string{config.RoleAPI, config.RoleWork}, s.objects.Probe},
		{"text recognition", []string{config.RoleWork}, s.canRead},
		{"malware scanner", []string{config.RoleWork}, s.canScan},
	}
}

// check looks at everything that this process's roles need. The error is that of
// the first thing that is away.
func (s *Server) check(ctx context.Context) (checks []Check, first error) {
	for _, n := range s.needs() {
		if len(n.roles) > 0 && !slices.ContainsFunc(n.roles, s.Config.Has) {
			continue
		}
		err := n.look(ctx)
		c := Check{Needs: n.name, OK: err == nil}
		if err != nil {
			c.Says = fault.From(err).Message
			if first == nil {
				first = err
			}
		}
		checks = append(checks, c)
	}
	return checks, first
}

// Ready tells whether this process can do what its roles ask of it: fault
// Unavailable says what is away.
func (s *Server) Ready(ctx context.Context) error {
	_, err := s.check(ctx)
	return err
}

func (s *Server) notStopping(context.Context) error {
	select {
	case <-s.draining:
		return fault.New(fault.Unavailable, "stopping", "The server is stopping.")
	default:
		return nil
	}
}

// canRead tells whether the program that recognises text is there. A process
// that also serves is not taken out of service for it: its documents wait.
func (s *Server) canRead(context.Context) error {
	if s.Config.Has(config.RoleAPI) {
		return nil
	}
	command := s.opts.OCRCommand
	if command == "" {
		command = "tesseract"
	}
	if _, err := exec.LookPath(command); err != nil {
		return fault.New(fault.Unavailable, "ocr_unavailable", "The program for text recognition, %s, is not installed: scanned pages cannot be read here.", command)
	}
	return nil
}

// drain lets whoever spreads the requests notice that this server stops, before
// it does: /readyz says so from now on, and each connection that is used once
// more is told to close.
func (s *Server) drain(ctx context.Context) {
	close(s.draining)
	if s.http == nil || s.stop == nil || s.Config.DrainDelay <= 0 {
		return
	}
	s.log.Info("not ready any more; requests are still served", "for", s.Config.DrainDelay)
	wait := time.NewTimer(s.Config.DrainDelay)
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-ctx.Done():
	}
}

// farewell tells connections to close once the server is about to stop. Idle
// ones are left alone until then: closed from here, they would meet the next
// request half-way.
func (s *Server) farewell(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-s.draining:
			w.Header().Set("Connection", "close")
		default:
		}
		next.ServeHTTP(w, r)
	})
}

// adminServer answers those who watch the process, on an address of their own.
type adminServer struct {
	mux      *entrance.Mux
	listener net.Listener
	http     *http.Server
}

func listenAdmin(address string) (*adminServer, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	mux := &entrance.Mux{}
	return &adminServer{mux: mux, listener: l, http: &http.Server{Handler: mux, ReadHeaderTimeout: readHeader, ReadTimeout: readHeader, WriteTimeout: time.Minute, IdleTimeout: time.Minute}}, nil
}

func (a *adminServer) serve() error {
	if err := a.http.Serve(a.listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// close ends it at once; it may be called twice.
func (a *adminServer) close() error {
	if err := a.http.Close(); err != nil {
		return err
	}
	if err := a.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// Address is where the API is served, whatever people call it; "" in a process without it.
func (s *Server) Address() string {
	if s.listener == nil {
		return ""
	}
	return s.listener.Addr().String()
}

// AdminAddress is where /livez, /readyz and /metrics are served beside the API; "" where they are not.
func (s *Server) AdminAddress() string {
	if s.admin == nil {
		return ""
	}
	return s.admin.listener.Addr().String()
}
