package server

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/internal/config"
	"github.com/paraph/paraph/internal/sealkey"
	"github.com/paraph/paraph/internal/sealkey/csc/csctest"
	"github.com/paraph/paraph/internal/sealkey/pkcs11/softhsmtest"
	"github.com/paraph/paraph/internal/sealkey/sealkeytest"
	"github.com/paraph/paraph/internal/sealkey/transit/transittest"
)

// trusting writes a file of roots.
func trusting(t *testing.T, pem []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(path, pem, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// signs has the installation's sealing key sign, and gives the reason why it did not.
func signs(t *testing.T, k *Keys) sealkey.Reason {
	t.Helper()
	digest := sha256.Sum256([]byte("seal"))
	_, err := k.Authority.Key.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil && sealkey.ReasonOf(err) == "" {
		t.Fatal(err)
	}
	return sealkey.ReasonOf(err)
}

// TestKeeperAway: once a keeper has been seen, a server starts without it; what
// comes back is used at once, unless it is another key.
func TestKeeperAway(t *testing.T) {
	t.Parallel()
	c := config.Default()
	c.DataDir = t.TempDir()
	before, err := LoadKeys(&c, clock.System{}) // sealed with its own key so far
	if err != nil {
		t.Fatal(err)
	}
	key := sealkeytest.NewKey(t)
	p := csctest.New(t, csctest.Options{Key: key, Chain: sealkeytest.Chain(t, key.Public())})
	c.SealKey, c.OutboundAllow = "csc:"+p.URL+"#roots="+trusting(t, p.RootsPEM()), []string{"127.0.0.0/8"}
	told := 0
	load := func() (*Keys, error) { return loadKeys(&c, clock.System{}, true, func(error) { told++ }) }
	p.Misbehave(csctest.Down)
	if _, err := load(); sealkey.ReasonOf(err) != sealkey.Unreachable {
		t.Errorf("a key that nobody has seen: %v", err)
	}
	p.Misbehave(csctest.None)
	if _, err := load(); err != nil {
		t.Fatal(err)
	}
	p.Misbehave(csctest.Down)
	k, err := load()
	if err != nil || told != 1 || !k.Authority.Seal.Equal(p.Chain[0]) {
		t.Fatalf("started without the keeper: told %d times, %v", told, err)
	}
	if reason := signs(t, k); reason != sealkey.Unreachable {
		t.Errorf("signing without the keeper: %q", reason)
	}
	p.Misbehave(csctest.None)
	if reason := signs(t, k); reason != "" {
		t.Errorf("once it is back: %q", reason)
	}
	if own := k.Authority.Own(); own == nil || !own.Equal(before.Authority.Root) || len(k.Roots()) != 3 {
		t.Errorf("the root of earlier seals is forgotten: %d roots", len(k.Roots()))
	}
	if list, err := k.Authority.List(clock.System{}.Now()); err != nil || len(list) == 0 {
		t.Errorf("its list of revoked certificates: %v", err)
	}
	c.SealKey = ""
	if k, err := load(); err != nil || !k.Authority.Seal.Equal(before.Authority.Seal) || len(k.Roots()) != 3 {
		t.Errorf("back to the file: %v", err)
	}
}

// TestHardwareModule: a key in a token of SoftHSM seals under the own root; a PIN
// that was refused is not tried until the token locks itself.
func TestHardwareModule(t *testing.T) {
	hsm := softhsmtest.New(t)
	key := sealkeytest.NewKey(t)
	hsm.Import(t, "seal key", "01", key)
	c := config.Default()
	c.DataDir = t.TempDir()
	c.SealKey = "pkcs11:token=Paraph;object=seal%20key;type=private?module-path=" + hsm.Module + "&x-helper=" + hsm.Helper
	c.SealKeyCredentials = config.Secret("pin=" + url.PathEscape(softhsmtest.PIN))
	k, err := loadKeys(&c, clock.System{}, true, func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	if !key.PublicKey.Equal(k.Authority.Seal.PublicKey) || signs(t, k) != "" {
		t.Error("the token's key does not seal")
	}
	if err := k.Close(); err != nil {
		t.Error(err)
	}
	c.SealKeyCredentials = "pin=9999"
	if k, err = LoadKeys(&c, clock.System{}); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if reason := signs(t, k); reason != sealkey.Login {
			t.Fatalf("with a wrong PIN: %q", reason)
		}
	}
	c.SealKeyCredentials = config.Secret("pin=" + url.PathEscape(softhsmtest.PIN))
	if k, err = LoadKeys(&c, clock.System{}); err != nil || signs(t, k) != "" {
		t.Errorf("with the right PIN again: %v", err)
	}
	if err := k.Close(); err != nil {
		t.Error(err)
	}
}

// TestKeeperOfBareKey: a keeper without certificates seals under the own root, or
// with the certificate that seal-chain names, whatever versions its key gets.
func TestKeeperOfBareKey(t *testing.T) {
	t.Parallel()
	first := sealkeytest.NewKey(t)
	e := transittest.New(t, "seal", first)
	c := config.Default()
	c.DataDir, c.OutboundAllow, c.SealKeyCredentials = t.TempDir(), []string{"127.0.0.0/8"}, config.Secret("token="+e.Token)
	c.SealKey = "vault:" + e.URL + "#key=seal&roots=" + trusting(t, e.RootsPEM())
	load := func() *Keys {
		t.Helper()
		k, err := loadKeys(&c, clock.System{}, true, func(err error) { t.Error(err) })
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	k := load()
	if !first.PublicKey.Equal(k.Authority.Seal.PublicKey) || k.Authority.Seal.CheckSignatureFrom(k.Authority.Own()) != nil || signs(t, k) != "" {
		t.Error("the own root did not issue the certificate, or the key does not sign")
	}
	e.Rotate(sealkeytest.NewKey(t))
	if signs(t, k) != "" {
		t.Error("after the rotation the version before does not sign")
	}
	c.SealChain = trusting(t, sealkeytest.PEM(sealkeytest.Chain(t, first.Public())...))
	if k := load(); !first.PublicKey.Equal(k.Authority.Seal.PublicKey) || k.Authority.Root == k.Authority.Own() || signs(t, k) != "" {
		t.Error("the certificate that was named does not seal")
	}
	c.SealChain = ""
	if k := load(); first.PublicKey.Equal(k.Authority.Seal.PublicKey) || signs(t, k) != "" {
		t.Error("the newest version does not seal")
	}
	c.SealChain = trusting(t, sealkeytest.PEM(sealkeytest.Chain(t, sealkeytest.NewKey(t).Public())...))
	if _, err := loadKeys(&c, clock.System{}, true, func(error) {}); err == nil {
		t.Error("the certificate of another key was taken")
	}
}
