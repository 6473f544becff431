package httpapi

import (
	"context"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/entrance"
	"github.com/paraph/paraph/internal/service"
)

// TestTransportSecurity: a server that is reached by https has browsers come by nothing
// else; one that is not promises nothing.
func TestTransportSecurity(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{"https://paraph.example": "max-age=31536000; includeSubDomains", "http://localhost:8080": ""} {
		t.Run(url, func(t *testing.T) {
			onBoth(t, func(s *stack) {
				for _, path := range []string{"/v1/documents", "/docs", "/nowhere"} {
					if got := s.admin.get(path).header.Get("Strict-Transport-Security"); got != want {
						t.Errorf("%s: %q", path, got)
					}
				}
			}, func(c *Config) { c.PublicURL = url })
		})
	}
}

// lines keeps what is logged.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) has(parts ...string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.ContainsFunc(strings.Split(l.text.String(), "\n"), func(line string) bool {
		return !slices.ContainsFunc(parts, func(p string) bool { return !strings.Contains(line, p) })
	})
}

// TestRefusalsAreLogged: who was refused what, and what nobody expected, stands in the
// process's log, one line for each.
func TestRefusalsAreLogged(t *testing.T) {
	log := &lines{}
	onBoth(t, func(s *stack) {
		reader := s.client("reader@example.com", nil, "documents:read")
		reader.get("/v1/clients").problem(403, "missing_scope")
		(&caller{stack: s}).get("/v1/documents", "Authorization", "Bearer x").problem(401, "invalid_token")
		s.admin.get("/boom").problem(500, "internal")
		for _, want := range [][]string{
			{"msg=request", "route=/v1/clients", "status=403", "code=missing_scope", "client=cli_", "address=127.0.0.1", "request_id=req_"},
			{"msg=request", "route=/v1/documents", "status=401", "code=invalid_token"},
			{"level=ERROR", "a handler panicked", "out of nowhere", "request_id=req_"},
		} {
			if !log.has(want...) {
				t.Errorf("no line has %q", want)
			}
		}
	}, func(c *Config) {
		c.Log = slog.New(slog.NewTextHandler(log, nil))
		c.Mounts = append(c.Mounts, Mount{Pattern: "/boom", Room: entrance.Behind(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("out of nowhere") }), &entrance.Mux{})})
	})
}

// written counts the transactions in which a store was written to.
type written struct {
	service.Store
	n atomic.Int64
}

func (w *written) Write(ctx context.Context, fn func(context.Context, service.Tx) error) error {
	w.n.Add(1)
	return w.Store.Write(ctx, fn)
}

func (w *written) Propose(ctx context.Context, fn func(context.Context, service.Tx) error) error {
	w.n.Add(1)
	return w.Store.Propose(ctx, fn)
}

func (w *written) Together(ctx context.Context, fn func(context.Context) error) error {
	w.n.Add(1)
	return w.Store.Together(ctx, fn)
}

// TestReadingChangesNothing: no GET of the contract, by somebody who may everything,
// opens a transaction that could write, or leaves an entry in the log.
func TestReadingChangesNothing(t *testing.T) {
	onBoth(t, func(s *stack) {
		h := furnish(s)
		var every []string
		for _, scope := range slices.Sorted(maps.Keys(access.Scopes())) {
			every = append(every, string(scope))
		}
		who := s.client("chief@example.com", nil, every...)
		s.sequence()
		before, asked := s.journal(), 0
		w := &written{Store: s.svc.Store}
		s.svc.Store = w
		for _, op := range h.operations() {
			if op.method == http.MethodGet && !strings.HasSuffix(op.path, "/stream") && !wholeHouse[op.id] && !elsewhereMade[op.id] {
				asked++
				had := w.n.Load()
				h.ask(who, op, h.ids)
				if w.n.Load() > had {
					t.Errorf("%s writes", op.id)
				}
			}
		}
		s.sequence()
		if after := s.journal(); after != before || asked < 50 {
			t.Errorf("%d questions left %d entries", asked, after-before)
		}
		had := w.n.Load()
		s.admin.post("/v1/business-units", `{"name":"later"}`).want(201)
		if w.n.Load() == had {
			t.Error("what writes is not counted")
		}
	})
}
