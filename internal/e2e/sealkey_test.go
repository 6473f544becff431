package e2e

import (
	"crypto"
	"crypto/x509"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/config"
	"github.com/paraph/paraph/internal/sealkey/csc/csctest"
	"github.com/paraph/paraph/internal/sealkey/pkcs11/softhsmtest"
	"github.com/paraph/paraph/internal/sealkey/sealkeytest"
	"github.com/paraph/paraph/internal/sealkey/transit/transittest"
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
		id := s.signedBy("ben")
		if code != "" {
			op := s.sealFailed(id, code)
			p.Misbehave(csctest.None)
			s.post("/v1/operations/"+op+"/retry", nil).want(http.StatusAccepted)
		}
		s.sealedUnder(id, chain[2], "provider")
	}
	if broken := p.Broken(); len(broken) > 0 {
		t.Errorf("the API forbids what was done: %v", broken)
	}
	if code, out := paraph("paraph", "doctor", "--data-dir", s.conf.DataDir, "--seal-key", s.conf.SealKey, "--outbound-allow", "127.0.0.0/8",
		"--seal-key-credentials", s.conf.SealKeyCredentials.Reveal()); !strings.Contains(out, "sealing key: it signs") || strings.Contains(out, "12 34") {
		t.Errorf("doctor ends with %d and says %s", code, out)
	}
}

// TestSealedByModule: the seal is made by a key in SoftHSM, which never leaves it.
func TestSealedByModule(t *testing.T) {
	hsm := softhsmtest.New(t)
	key := sealkeytest.NewKey(t)
	hsm.Import(t, "seal", "01", key)
	s := startSealing(t, key, "pkcs11:token=Paraph;object=seal?module-path="+hsm.Module+"&x-helper="+hsm.Helper, "pin="+url.PathEscape(softhsmtest.PIN))
	s.seals("module")
	hsm.Kill(t) // the next document is sealed by a new process
	s.seals("module")
}

// TestSealedByVault: the seal is made by a Vault. While that is sealed itself nothing
// is, and everybody can see why; then it is.
func TestSealedByVault(t *testing.T) {
	t.Parallel()
	key := sealkeytest.NewKey(t)
	e := transittest.New(t, "paraph-seal", key)
	roots := filepath.Join(t.TempDir(), "tls.pem")
	if err := os.WriteFile(roots, e.RootsPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	s := startSealing(t, key, "vault:"+e.URL+"#key=paraph-seal&roots="+roots, "token="+e.Token)
	s.seals("vault")
	e.Misbehave(transittest.Sealed)
	id := s.signedBy("ben")
	op := s.sealFailed(id, "sealing_key_unreachable")
	e.Misbehave(transittest.None)
	s.post("/v1/operations/"+op+"/retry", nil).want(http.StatusAccepted)
	s.sealedUnder(id, s.root, "vault")
	if broken := e.Broken(); len(broken) > 0 {
		t.Errorf("the API forbids what was done: %v", broken)
	}
}

// sealing is a server whose sealing key lies elsewhere, with a certificate that
// somebody has issued for that key: so what is valid under the root was sealed by it.
type sealing struct {
	*stack
	root *x509.Certificate
}

func startSealing(t *testing.T, key crypto.Signer, where, credentials string) *sealing {
	t.Helper()
	chain := sealkeytest.Chain(t, key.Public())
	file := filepath.Join(t.TempDir(), "chain.pem")
	if err := os.WriteFile(file, sealkeytest.PEM(chain[:2]...), 0o600); err != nil {
		t.Fatal(err)
	}
	return &sealing{start(t, "", setup{retries: []time.Duration{time.Millisecond}, conf: func(c *config.Config) {
		c.SealKey, c.SealKeyCredentials, c.SealChain, c.OutboundAllow = where, config.Secret(credentials), file, []string{"127.0.0.0/8"}
	}}), chain[2]}
}

// signedBy takes a document the whole way up to its last signature.
func (s *stack) signedBy(who string) string {
	s.t.Helper()
	id := s.approved("Sealed elsewhere").ID
	e := s.envelope(id, person(who, 1))
	s.open(s.link(e.ID, e.Recipients[0].ID)).steps().sign()
	return id
}

// seals takes a document the whole way, and verifies what it ends in.
func (s *sealing) seals(by string) {
	s.t.Helper()
	s.sealedUnder(s.signedBy("ben"), s.root, by)
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

// sealedUnder waits until a document is sealed, and verifies it under a root. The
// judges get it in a folder of that name (PARAPH_JUDGE_OUT).
func (s *stack) sealedUnder(id string, root *x509.Certificate, name string) {
	s.t.Helper()
	s.archivedSoon(id)
	dir := s.t.TempDir()
	if out := os.Getenv("PARAPH_JUDGE_OUT"); out != "" {
		if dir = filepath.Join(out, name); os.MkdirAll(dir, 0o755) != nil {
			s.t.Fatal("no folder for the judges")
		}
	}
	file, ca := filepath.Join(dir, "sealed.pdf"), filepath.Join(dir, "roots.pem")
	for path, content := range map[string][]byte{
		file: s.get("/v1/documents/" + id + "/content").want(200).body, ca: sealkeytest.PEM(root),
		filepath.Join(dir, "expected.json"): []byte(`{"sealed.pdf": {"signatures": 1, "trusted": true}}`),
	} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			s.t.Fatal(err)
		}
	}
	if code, out := paraph("paraph", "verify", "--ca", ca, file); code != 0 {
		s.t.Errorf("paraph verify says %s", out)
	}
}
