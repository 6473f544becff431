package tsa

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/internal/durable"
	"github.com/paraph/paraph/pades/tsp"
)

var start = time.Date(2026, 11, 3, 12, 0, 0, 0, time.UTC)

func open(t *testing.T, dir string, clk clock.Clock) *Server {
	t.Helper()
	s, err := Open(Config{Dir: dir, Name: "Test Works time stamps", Accuracy: time.Second, Clock: clk})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func roots(s *Server) tsp.ChainVerifier {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(s.RootPEM())
	return tsp.Roots(pool)
}

func stamp(t *testing.T, s *Server, clk clock.Clock, trust tsp.ChainVerifier) (*tsp.Stamp, error) {
	t.Helper()
	server := httptest.NewServer(s.Handler())
	defer server.Close()
	client, err := tsp.NewClient(tsp.ClientConfig{Authorities: []tsp.Endpoint{{URL: server.URL, Policy: DefaultPolicy, Chain: trust}}, HTTP: server.Client(), Now: clk.Now})
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256([]byte("x"))
	return client.Stamp(t.Context(), crypto.SHA256, digest[:])
}

// TestStarts: the first start makes the keys, later ones keep them, and shortly
// before the certificate ends a start makes a new one under the same root.
func TestStarts(t *testing.T) {
	t.Parallel()
	dir, clk := filepath.Join(t.TempDir(), "tsa"), clock.NewFake(start)
	first := open(t, dir, clk)
	trust := roots(first)
	s, err := stamp(t, first, clk, trust)
	if err != nil || len(s.Chain) != 2 || s.Token.Policy != DefaultPolicy || s.Token.Accuracy != time.Second || s.Signer.Subject.CommonName != "Test Works time stamps" {
		t.Fatalf("%+v, %v", s, err)
	}
	if _, err := Open(Config{Dir: dir, Clock: clk}); !errors.Is(err, durable.ErrLocked) {
		t.Errorf("a second one on the folder: %v", err)
	}
	for name, mode := range map[string]os.FileMode{"root.key.pem": 0o600, "tsa.key.pem": 0o600, "root.cert.pem": 0o644} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	first.Close()
	clk.Set(start.AddDate(1, 0, 0))
	second := open(t, dir, clk)
	if !second.Certificate().Equal(first.Certificate()) || !bytes.Equal(second.RootPEM(), first.RootPEM()) {
		t.Error("a later start made other keys")
	}
	second.Close()
	clk.Set(first.Certificate().NotAfter.AddDate(0, 0, -30))
	third := open(t, dir, clk)
	if third.Certificate().Equal(first.Certificate()) || !bytes.Equal(third.RootPEM(), first.RootPEM()) {
		t.Error("the certificate was not renewed under its root")
	}
	if _, err := stamp(t, third, clk, trust); err != nil {
		t.Error(err)
	}
	third.Close()
	if err := os.Chmod(filepath.Join(dir, "tsa.key.pem"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Config{Dir: dir, Clock: clk}); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a key that others can read: %v", err)
	}
}

func TestHandler(t *testing.T) {
	t.Parallel()
	clk := clock.NewFake(start)
	s := open(t, t.TempDir(), clk)
	server := httptest.NewServer(s.Handler())
	defer server.Close()
	get := func(path string) string {
		t.Helper()
		res, err := http.Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		raw, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != 200 {
			t.Fatalf("%s: %d, %v", path, res.StatusCode, err)
		}
		return string(raw)
	}
	if got := get("/root.pem"); got != string(s.RootPEM()) {
		t.Error("the root is another")
	}
	if get("/livez") != "ok\n" {
		t.Error("it does not say that it lives")
	}
	for _, path := range []string{"/", "/tsr"} {
		res, err := http.Post(server.URL+path, tsp.QueryType, strings.NewReader("garbage"))
		if err != nil || res.StatusCode != 200 || res.Header.Get("Content-Type") != tsp.ReplyType {
			t.Errorf("%v, %v", res, err)
		}
		res.Body.Close()
	}
	if _, err := stamp(t, s, clk, roots(s)); err != nil {
		t.Error(err)
	}
	clk.Set(start.AddDate(6, 0, 0)) // its certificate has run out
	if _, err := stamp(t, s, clk, roots(s)); tsp.ReasonOf(err) != tsp.ReasonRejected {
		t.Errorf("without a valid certificate: %v", err)
	}
	metrics := get("/metrics")
	for _, want := range []string{`paraph_tsa_answers_total{outcome="granted"} 1`, `{outcome="refused"} 2`, `{outcome="failed"} 1`, "paraph_tsa_certificate_expires_timestamp_seconds"} {
		if !strings.Contains(metrics, want) {
			t.Errorf("the metrics lack %s:\n%s", want, metrics)
		}
	}
}

func TestBadSettings(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := Open(Config{Dir: dir, Name: "x", Policies: []string{"best"}}); err == nil {
		t.Error("a policy of words is taken")
	}
	if _, err := Open(Config{Dir: dir, Name: "x", Policies: []string{"1.2.3"}}); err != nil {
		t.Errorf("the folder stays locked after a failed start: %v", err)
	}
}
