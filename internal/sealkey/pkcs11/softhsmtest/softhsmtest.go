// Package softhsmtest makes tokens of SoftHSM for tests, and builds the program that
// asks them.
package softhsmtest

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/paraph/paraph/internal/sealkey/pkcs11"
	"github.com/paraph/paraph/internal/testneed"
)

const (
	label = "Paraph"
	// PIN is that of every token.
	PIN = "12 34"
)

// Token is one token, in a folder of its own.
type Token struct {
	Module, Helper string
	conf, dir      string
}

// New makes a token. Where SoftHSM or a C compiler is missing the test skips. It
// names SoftHSM's configuration in the environment, so the test is not parallel.
func New(t *testing.T) *Token {
	t.Helper()
	testneed.Command(t, "softhsm2-util")
	testneed.Command(t, "cc")
	h := &Token{Helper: build(t), dir: t.TempDir()}
	for _, path := range []string{"/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so", "/usr/local/lib/softhsm/libsofthsm2.so"} {
		if _, err := os.Stat(path); err == nil {
			h.Module = path
		}
	}
	if h.Module == "" {
		testneed.Missing(t, "SoftHSM's library is nowhere to be found; `make test` installs it")
	}
	h.conf = filepath.Join(h.dir, "softhsm2.conf")
	if err := os.WriteFile(h.conf, []byte("directories.tokendir = "+h.dir+"\nobjectstore.backend = file\nlog.level = ERROR\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SOFTHSM2_CONF", h.conf)
	h.util(t, "--init-token", "--free", "--label", label, "--pin", PIN, "--so-pin", "5678")
	return h
}

func (h *Token) util(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command("softhsm2-util", args...).CombinedOutput(); err != nil {
		t.Fatalf("softhsm2-util %v: %v: %s", args, err, out)
	}
}

// Import puts a key into the token.
func (h *Token) Import(t *testing.T, object, id string, key crypto.PrivateKey) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	h.util(t, "--import", file, "--token", label, "--label", object, "--id", id, "--pin", PIN)
}

// Config names a key in the token.
func (h *Token) Config(object string) pkcs11.Config {
	return pkcs11.Config{Helper: h.Helper, Open: pkcs11.Open{Module: h.Module, Token: label, Object: object, PIN: PIN}}
}

// Kill kills the processes of this test that ask the token.
func (h *Token) Kill(t *testing.T) {
	t.Helper()
	tasks, err := filepath.Glob("/proc/[0-9]*/exe")
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		pid := 0
		if path, err := os.Readlink(task); err != nil || path != h.Helper {
			continue
		}
		for _, digit := range filepath.Base(filepath.Dir(task)) {
			pid = pid*10 + int(digit-'0')
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
}

var built struct {
	once sync.Once
	path string
	err  error
	out  []byte
}

// build builds the program, once in a test binary. Its path is that of this process
// alone.
func build(t *testing.T) string {
	t.Helper()
	built.once.Do(func() {
		dir, err := os.MkdirTemp("", "paraph-pkcs11-")
		if err != nil {
			built.err = err
			return
		}
		built.path = filepath.Join(dir, "paraph-pkcs11")
		cmd := exec.Command("go", "build", "-o", built.path, "github.com/paraph/paraph/cmd/paraph-pkcs11")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=1")
		built.out, built.err = cmd.CombinedOutput()
	})
	if built.err != nil {
		t.Fatalf("go build: %v: %s", built.err, built.out)
	}
	return built.path
}
