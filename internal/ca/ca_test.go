package ca

import (
	"crypto/x509"
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
