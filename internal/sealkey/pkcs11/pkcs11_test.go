package pkcs11_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"strings"
	"testing"

	"github.com/paraph/paraph/internal/sealkey"
	"github.com/paraph/paraph/internal/sealkey/pkcs11"
	"github.com/paraph/paraph/internal/sealkey/pkcs11/softhsmtest"
	"github.com/paraph/paraph/internal/sealkey/sealkeytest"
)

// TestSigns: keys in SoftHSM sign, in a process of their own, which may die.
func TestSigns(t *testing.T) {
	hsm := softhsmtest.New(t)
	key := sealkeytest.NewKey(t)
	hsm.Import(t, "seal", "01", key)
	k, err := pkcs11.New(t.Context(), hsm.Config("seal"))
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	if !key.PublicKey.Equal(k.Public()) {
		t.Error("the public key is another one")
	}
	sealkeytest.Signs(t, k, 3)
	hsm.Kill(t)
	digest := sha256.Sum256(nil)
	if _, err := k.Sign(rand.Reader, digest[:], crypto.SHA256); sealkey.ReasonOf(err) != sealkey.Unreachable {
		t.Errorf("after its process was killed: %v", err)
	}
	sealkeytest.Signs(t, k, 2)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := k.SignContext(ctx, digest[:], crypto.SHA256); sealkey.ReasonOf(err) != sealkey.Unreachable || !errors.Is(err, context.Canceled) {
		t.Errorf("a call that was given up: %v", err)
	}
	sealkeytest.Signs(t, k, 1)
}

// TestRSA: RSA keys sign both ways.
func TestRSA(t *testing.T) {
	hsm := softhsmtest.New(t)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	hsm.Import(t, "rsa", "02", key)
	k, err := pkcs11.New(t.Context(), hsm.Config("rsa"))
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	for _, opts := range []crypto.SignerOpts{crypto.SHA256, crypto.SHA384, crypto.SHA512, &rsa.PSSOptions{Hash: crypto.SHA256, SaltLength: rsa.PSSSaltLengthEqualsHash}} {
		digest := make([]byte, opts.HashFunc().Size())
		if _, err := k.Sign(rand.Reader, digest, opts); err != nil { // it verifies by itself
			t.Errorf("%v: %v", opts, err)
		}
	}
}

// TestRefused: what cannot be opened is refused with words that say why.
func TestRefused(t *testing.T) {
	hsm := softhsmtest.New(t)
	hsm.Import(t, "seal", "01", sealkeytest.NewKey(t))
	hsm.Import(t, "twice", "03", sealkeytest.NewKey(t))
	hsm.Import(t, "twice", "04", sealkeytest.NewKey(t))
	for name, c := range map[string]struct {
		change func(*pkcs11.Config)
		reason sealkey.Reason
		says   string
	}{
		"wrong PIN":  {func(c *pkcs11.Config) { c.PIN = "9999" }, sealkey.Login, "0xa0"},
		"no token":   {func(c *pkcs11.Config) { c.Token = "Other" }, sealkey.Unreachable, `no token "Other"`},
		"no key":     {func(c *pkcs11.Config) { c.Object = "none" }, sealkey.Unfit, "0 keys"},
		"two keys":   {func(c *pkcs11.Config) { c.Object = "twice" }, sealkey.Unfit, "2 keys"},
		"no module":  {func(c *pkcs11.Config) { c.Module = "/nowhere.so" }, sealkey.Unfit, "/nowhere.so"},
		"no program": {func(c *pkcs11.Config) { c.Helper = "/nowhere" }, sealkey.Unfit, "does not start"},
		"another's":  {func(c *pkcs11.Config) { c.Helper = "/bin/cat" }, sealkey.Malformed, "public key"},
	} {
		conf := hsm.Config("seal")
		c.change(&conf)
		_, err := pkcs11.New(t.Context(), conf)
		if sealkey.ReasonOf(err) != c.reason || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "9999") {
			t.Errorf("%s: want %s with %q, got %v", name, c.reason, c.says, err)
		}
	}
}
