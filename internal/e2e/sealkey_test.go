package e2e

import (
	"crypto/x509"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/config"
	"github.com/paraph/paraph/internal/sealkey/csc/csctest"
	"github.com/paraph/paraph/internal/sealkey/sealkeytest"
)

// TestSealedElsewhere: the seal is made at a trust service provider. While that is
// away, or lies, nothing is sealed, and everybody can see why; then it is.
func TestSealedElsewhere(t *testing.T) {
	t.Parallel()
	key := sealkeytest.NewKey(t)
	chain := sealkeytest.Chain(t, key.Public())
	pin := map[string]string{"PIN": "12 34"}
	p := csctest.New(t, csctest.Options{Key: key, Chain: chain, User: "seal@example.com", Password: "a b%", Mode: "explicit", AuthData: pin, SCAL2: true, Multisign: 3})
	roots := filepath.Join(t.TempDir(), "tls.pem")
	if err := os.WriteFile(roots, p.RootsPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	s := start(t, "", setup{retries: []time.Duration{time.Millisecond}, conf: func(c *config.Config) {
		c.SealKey, c.OutboundAllow = "csc:"+p.URL+"#batch=3&roots="+roots, []string{"127.0.0.0/8"}
		c.SealKeyCredentials = "user=seal@example.com password=a%20b%25 pin=12%2034"
	}})
	for fault, code := range map[csctest.Fault]string{csctest.None: "", csctest.Down: "sealing_key_unreachable", csctest.WrongDigest: "sealing_key_wrong"} {
		p.Misbehave(fault)
		id := s.approved("Sealed at a provider").ID
		e := s.envelope(id, person("ben", 1))
		s.open(s.link(e.ID, e.Recipients[0].ID)).steps().sign()
		if code != "" {
			op := s.sealFailed(id, code)
			p.Misbehave(csctest.None)
			s.post("/v1/operations/"+op+"/retry", nil).want(http.StatusAccepted)
		}
		s.sealedUnder(id, chain[2])
	}
	if broken := p.Broken(); len(broken) > 0 {
		t.Errorf("the API forbids what was done: %v", broken)
	}
	if code, out := paraph("paraph", "doctor", "--data-dir", s.conf.DataDir, "--seal-key", s.conf.SealKey, "--outbound-allow", "127.0.0.0/8",
		"--seal-key-credentials", s.conf.SealKeyCredentials.Reveal()); !strings.Contains(out, "sealing key: it signs") || strings.Contains(out, "12 34") {
		t.Errorf("doctor ends with %d and says %s", code, out)
	}
}

// sealFailed waits until a document's seal has failed, and gives the operation.
func (s *stack) sealFailed(id, code string) string {
	s.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	var d struct {
		State      string
		Processing struct {
			Status, Step, Code, Reason string
			Operation                  string `json:"operation_id"`
		}
	}
	for range 6000 {
		if s.get("/v1/documents/" + id).want(200).into(&d); d.Processing.Status == "failed" {
			break
		}
		<-tick.C
	}
	if p := d.Processing; d.State != "approved" || p.Step != "seal" || p.Code != code || !strings.Contains(p.Reason, "127.0.0.1") {
		s.t.Fatalf("the document is %+v instead of waiting for %s", d, code)
	}
	return d.Processing.Operation
}

// archivedSoon waits until a document is in the archive.
func (s *stack) archivedSoon(id string) {
	s.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for range 6000 {
		if s.document(id).State == "archived" {
			return
		}
		<-tick.C
	}
	s.t.Fatalf("the document does not reach the archive: %v", kinds(s.events(id)))
}

// sealedUnder waits until a document is sealed, and verifies it under a root.
func (s *stack) sealedUnder(id string, root *x509.Certificate) {
	s.t.Helper()
	s.archivedSoon(id)
	dir := s.t.TempDir()
	file, ca := filepath.Join(dir, "sealed.pdf"), filepath.Join(dir, "ca.pem")
	for path, content := range map[string][]byte{file: s.get("/v1/documents/" + id + "/content").want(200).body, ca: sealkeytest.PEM(root)} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			s.t.Fatal(err)
		}
	}
	if code, out := paraph("paraph", "verify", "--ca", ca, file); code != 0 {
		s.t.Errorf("paraph verify says %s", out)
	}
}
