package transit_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"strings"
	"testing"

	"github.com/paraph/paraph/internal/sealkey"
	"github.com/paraph/paraph/internal/sealkey/sealkeytest"
	"github.com/paraph/paraph/internal/sealkey/transit"
	"github.com/paraph/paraph/internal/sealkey/transit/transittest"
)

func start(t *testing.T, keys ...*ecdsa.PrivateKey) (*transittest.Engine, transit.Config) {
	t.Helper()
	e := transittest.New(t, "paraph-seal", keys...)
	return e, transit.Config{URL: e.URL, Key: "paraph-seal", Token: e.Token, HTTP: e.Client()}
}

// TestSigns: the newest version seals, or that of the certificate; a rotation
// behind our back changes nothing.
func TestSigns(t *testing.T) {
	t.Parallel()
	old, newer := sealkeytest.NewKey(t), sealkeytest.NewKey(t)
	e, conf := start(t, old, newer)
	var opened []*sealkey.Key
	for name, c := range map[string]struct {
		public crypto.PublicKey
		want   *ecdsa.PrivateKey
	}{"newest": {nil, newer}, "that of the certificate": {old.Public(), old}} {
		conf.Public = c.public
		key, err := transit.Open(t.Context(), conf)
		if err != nil {
			t.Fatal(err)
		}
		if !c.want.PublicKey.Equal(key.Public()) {
			t.Errorf("%s: another version was chosen", name)
		}
		opened = append(opened, key)
	}
	e.Rotate(sealkeytest.NewKey(t))
	for _, key := range opened {
		sealkeytest.Signs(t, key, 2)
	}
	if broken := e.Broken(); len(broken) > 0 {
		t.Errorf("the API forbids what was done: %v", broken)
	}
}

// TestRefused: what cannot seal is refused with words that say why.
func TestRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*transittest.Engine, *transit.Config)
		reason sealkey.Reason
		says   string
	}{
		"wrong token": {func(_ *transittest.Engine, c *transit.Config) { c.Token = "s.wrong" }, sealkey.Login, "permission denied"},
		"no such key": {func(_ *transittest.Engine, c *transit.Config) { c.Key = "x/y" }, sealkey.Unfit, "no key x/y"},
		"symmetric":   {func(e *transittest.Engine, _ *transit.Config) { e.Symmetric() }, sealkey.Unfit, "aes256"},
		"another's":   {func(_ *transittest.Engine, c *transit.Config) { c.Public = sealkeytest.NewKey(t).Public() }, sealkey.Unfit, "certificate"},
		"sealed":      {func(e *transittest.Engine, _ *transit.Config) { e.Misbehave(transittest.Sealed) }, sealkey.Unreachable, "sealed"},
	} {
		e, conf := start(t, sealkeytest.NewKey(t))
		c.change(e, &conf)
		_, err := transit.Open(t.Context(), conf)
		if sealkey.ReasonOf(err) != c.reason || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "s.wrong") {
			t.Errorf("%s: want %s with %q, got %v", name, c.reason, c.says, err)
		}
	}
}

// TestMisbehaves: an engine that errs, or lies, makes an error with the reason.
func TestMisbehaves(t *testing.T) {
	t.Parallel()
	e, conf := start(t, sealkeytest.NewKey(t))
	key, err := transit.Open(t.Context(), conf)
	if err != nil {
		t.Fatal(err)
	}
	for fault, reason := range map[transittest.Fault]sealkey.Reason{
		transittest.Down: sealkey.Unreachable, transittest.Sealed: sealkey.Unreachable, transittest.NoJSON: sealkey.Malformed,
		transittest.OtherVersion: sealkey.Malformed, transittest.WrongDigest: sealkey.Wrong,
	} {
		e.Misbehave(fault)
		digest := sha256.Sum256([]byte("seal"))
		if _, err := key.Sign(rand.Reader, digest[:], crypto.SHA256); sealkey.ReasonOf(err) != reason {
			t.Errorf("fault %d: want %q, got %v", fault, reason, err)
		}
		e.Misbehave(transittest.None)
		sealkeytest.Signs(t, key, 1)
	}
}
