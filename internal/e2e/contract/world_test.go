package contract

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/bus/bustest"
	"github.com/paraph/paraph/internal/config"
	"github.com/paraph/paraph/internal/e2e/programtest"
	"github.com/paraph/paraph/internal/sandbox/childmain"
	"github.com/paraph/paraph/internal/server"
	"github.com/paraph/paraph/pades/testca"
	"github.com/paraph/paraph/pades/tsp/tsptest"
)

// TestMain lets the test binary be the sandboxed child.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "child" {
		os.Exit(childmain.Main())
	}
	os.Exit(m.Run())
}

type object = map[string]any

// world is a running Paraph with everything around it that operations can need: a time
// stamping authority, an event bus, and addresses of this machine that may be called.
type world struct {
	t   testing.TB
	srv *server.Server
	*programtest.Caller
	deviceRoot string // PEM: an authority that device rules can name
}

func start(t testing.TB, database string) *world {
	t.Helper()
	c := config.Default()
	c.DataDir, c.Database, c.OCRLanguages, c.Organisation = t.TempDir(), config.Secret(database), "eng", "Tidewater Works"
	c.RateLimit, c.AddressRate, c.OutboundAllow, c.TokenLifetime, c.AnchorInterval = 0, 0, []string{"127.0.0.0/8"}, time.Hour, 3*time.Second
	c.SealLevel = "b" // what is sealed can be protected further
	c.Bus = config.Secret(bustest.NewNATS(t, true).Address())
	ca, err := testca.ServeAt(time.Now)
	must(t, err)
	t.Cleanup(ca.Close)
	tsa := tsptest.New(t, tsptest.Options{Served: ca})
	c.TimestampRoots = filepath.Join(t.TempDir(), "tsa.pem")
	must(t, os.WriteFile(c.TimestampRoots, tsa.RootsPEM(), 0o600))
	c.TimestampAuthorities = []string{tsa.Serve(t)}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	// A file without text needs a program that is not there, and fails in a way that can be tried again.
	srv, err := server.New(t.Context(), &c, server.Options{Version: "test", Listener: listener, OCRCommand: filepath.Join(c.DataDir, "tesseract"), Retries: []time.Duration{time.Millisecond},
		Log: slog.New(slog.NewTextHandler(logged{t}, &slog.HandlerOptions{Level: slog.LevelError}))})
	must(t, err)
	must(t, srv.Start(t.Context()))
	t.Cleanup(func() {
		if err := srv.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Errorf("the server did not stop in order: %v", err)
		}
	})
	w := &world{t: t, srv: srv, deviceRoot: string(tsa.RootsPEM())}
	w.Caller, err = programtest.Login(srv.URL(), srv.Admin.Client.ID, srv.Admin.Secret)
	must(t, err)
	return w
}

// do sends a request that has to be taken, and reads its answer.
func (w *world) do(method, path string, body, into any, header ...string) {
	w.t.Helper()
	raw, ok := body.([]byte)
	if !ok && body != nil {
		var err error
		raw, err = json.Marshal(body)
		must(w.t, err)
	}
	a, err := w.Do(method, path, raw, header...)
	must(w.t, err)
	if a.Status >= 300 {
		w.t.Fatalf("%s %s: %d %s", method, path, a.Status, a.Body)
	}
	if into != nil {
		must(w.t, a.Into(into))
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

type logged struct{ t testing.TB }

func (l logged) Write(p []byte) (int, error) {
	l.t.Logf("%s", bytes.TrimSpace(p))
	return len(p), nil
}
