package ca

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func TestMadeOnceThenLoaded(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "keys")
	first, err := LoadOrCreate(dir, "Example GmbH", noon, Options{})
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(first.Root)
	if _, err := first.Seal.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: noon, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
		t.Fatal(err)
	}
	again, err := LoadOrCreate(dir, "Example GmbH", noon.AddDate(1, 0, 0), Options{})
	if err != nil || !again.Seal.Equal(first.Seal) || !again.Root.Equal(first.Root) {
		t.Fatalf("a second start made others: %v", err)
	}
	later, err := LoadOrCreate(dir, "Example GmbH", noon.AddDate(2, 11, 0), Options{})
	if err != nil || later.Seal.Equal(first.Seal) || !later.Root.Equal(first.Root) {
		t.Fatalf("the sealing certificate was not renewed: %v", err)
	}
}

func TestLooseKeyIsRefusedWithTheMend(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a, err := LoadOrCreate(dir, "Example", noon, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(a.Files.SealKey, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadOrCreate(dir, "Example", noon, Options{}); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Fatalf("want a refusal with the command that mends it, got %v", err)
	}
}

func TestForeignCertificateIsRefused(t *testing.T) {
	t.Parallel()
	a, err := LoadOrCreate(t.TempDir(), "A", noon, Options{})
	if err != nil {
		t.Fatal(err)
	}
	b, err := LoadOrCreate(t.TempDir(), "B", noon, Options{})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(b.Files.SealCert)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(a.Files.SealCert, raw, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadOrCreate(filepath.Dir(a.Files.SealCert), "A", noon, Options{}); err == nil {
		t.Fatal("a certificate of another key was taken")
	}
}

// elsewhere is a key that lies elsewhere: certificates need no more of it than this.
type elsewhere struct {
	crypto.Signer
	public rsa.PublicKey
}

func (e elsewhere) Public() crypto.PublicKey { return &e.public }

// TestKeyStrength: the root gives its first certificate to no RSA key of less than 3072
// bits. A shorter one that has sealed before goes on, and has its certificate renewed.
func TestKeyStrength(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	of := func(bits uint) elsewhere {
		n := new(big.Int).Lsh(big.NewInt(1), bits-1)
		return elsewhere{public: rsa.PublicKey{N: n.SetBit(n, 0, 1), E: 65537}}
	}
	weak := of(2048)
	if _, err := LoadOrCreate(dir, "A", noon, Options{Key: weak}); err == nil || !strings.Contains(err.Error(), "2048 bits") || !strings.Contains(err.Error(), "3072") {
		t.Fatalf("an RSA key of 2048 bits: %v", err)
	}
	a, err := LoadOrCreate(dir, "A", noon, Options{Key: of(3072)})
	if err != nil {
		t.Fatal(err)
	}
	spki, err := x509.MarshalPKIXPublicKey(weak.Public())
	if err != nil {
		t.Fatal(err)
	}
	before := *a // as an earlier version left it
	before.Key, before.Files.SealCert = weak, filepath.Join(dir, fmt.Sprintf("seal.%.8x.cert.pem", sha256.Sum256(spki)))
	if err := before.leaf(noon, "", func() *x509.Certificate { return template("A document seal", "A", noon, sealYears) }); err != nil {
		t.Fatal(err)
	}
	for _, now := range []time.Time{noon, noon.AddDate(2, 11, 0)} {
		if _, err := LoadOrCreate(dir, "A", now, Options{Key: weak}); err != nil {
			t.Errorf("a key that has sealed before, at %s: %v", now, err)
		}
	}
}
