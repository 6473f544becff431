//go:build judges

package csc_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/sealkey/csc"
	"github.com/paraph/paraph/internal/testneed"
)

// dummyConf is a small authority for Certomancer.
const dummyConf = `
keysets:
  paraph: {path-prefix: ., keys: {root: {path: root.pem}, ec: {path: ec.pem}, rsa: {path: rsa.pem}}}
pki-architectures:
  paraph:
    keyset: paraph
    entities:
      root: {organization-name: Judge, common-name: Root}
      ec: {organization-name: Judge, common-name: Elliptic}
      rsa: {organization-name: Judge, common-name: Rivest}
    certs:
      root: {subject: root, issuer: root, validity: {valid-from: "2020-01-01T00:00:00+0000", valid-to: "2100-01-01T00:00:00+0000"},
        extensions: [{id: basic_constraints, critical: true, value: {ca: true}}, {id: key_usage, critical: true, smart-value: {schema: key-usage, params: [key_cert_sign]}}]}
      ec: {subject: ec, issuer: root, validity: {valid-from: "2020-01-01T00:00:00+0000", valid-to: "2100-01-01T00:00:00+0000"}}
      rsa: {subject: rsa, issuer: root, validity: {valid-from: "2020-01-01T00:00:00+0000", valid-to: "2100-01-01T00:00:00+0000"}}
`

// TestCertomancer: a service that nobody here wrote, of version 1.0.4, lists, tells
// of and authorises credentials, and signs.
func TestCertomancer(t *testing.T) {
	python := os.Getenv("PARAPH_CSC_PYTHON")
	if python == "" {
		testneed.Missing(t, "PARAPH_CSC_PYTHON names no Python with certomancer-csc-dummy; `make judges` does")
	}
	dir := t.TempDir()
	keys := map[string]crypto.Signer{}
	for _, name := range []string{"root", "ec"} {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		keys[name] = key
	}
	var err error
	if keys["rsa"], err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		t.Fatal(err)
	}
	for name, key := range keys {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, name+".pem"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	}
	write(t, filepath.Join(dir, "certomancer.yml"), []byte(dummyConf))
	base := runDummy(t, python, dir)
	for name, algorithms := range map[string][]crypto.SignerOpts{
		"ec":  {crypto.SHA256, crypto.SHA384},
		"rsa": {crypto.SHA256, crypto.SHA512, &rsa.PSSOptions{Hash: crypto.SHA256, SaltLength: rsa.PSSSaltLengthEqualsHash}},
	} {
		key, err := csc.Open(t.Context(), csc.Config{URL: base, HTTP: http.DefaultClient, Credential: "paraph/" + name, Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		if chain := key.Chain(); len(chain) != 2 || chain[1].Subject.CommonName != "Root" {
			t.Errorf("%s: the chain has %d certificates", name, len(chain))
		}
		for _, opts := range algorithms {
			if _, err := key.SignContext(t.Context(), make([]byte, opts.HashFunc().Size()), opts); err != nil { // it verifies by itself
				t.Errorf("%s with %v: %v", name, opts, err)
			}
		}
	}
	if _, err := csc.Open(t.Context(), csc.Config{URL: base, HTTP: http.DefaultClient, Now: time.Now}); err == nil {
		t.Error("one of three credentials was chosen without being named")
	}
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// runDummy starts the service and waits until it answers.
func runDummy(t *testing.T, python, dir string) string {
	t.Helper()
	l, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	cmd := exec.Command(python, "-m", "csc_dummy", "certomancer.yml", fmt.Sprint(port), "2")
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, os.Stderr, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended by itself
		_ = cmd.Wait()         // it was killed
	})
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for range 600 {
		if c, err := net.Dial("tcp", fmt.Sprintf("localhost:%d", port)); err == nil {
			c.Close()
			return fmt.Sprintf("http://localhost:%d/csc/v1", port)
		}
		<-tick.C
	}
	t.Fatal("the service does not answer")
	return ""
}
