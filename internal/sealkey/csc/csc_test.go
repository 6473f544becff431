package csc_test

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"strings"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/sealkey"
	"github.com/paraph/paraph/internal/sealkey/csc"
	"github.com/paraph/paraph/internal/sealkey/csc/csctest"
	"github.com/paraph/paraph/internal/sealkey/sealkeytest"
)

// provider is a trust service with a clock that tests move.
type provider struct {
	*csctest.Provider
	now time.Time
}

func start(t *testing.T, o csctest.Options) (*provider, csc.Config) {
	t.Helper()
	key := sealkeytest.NewKey(t)
	o.Key, o.Chain = key, sealkeytest.Chain(t, key.Public())
	p := &provider{now: time.Now()}
	o.Now = func() time.Time { return p.now }
	p.Provider = csctest.New(t, o)
	return p, csc.Config{URL: p.URL, HTTP: p.Client(), Now: o.Now}
}

// TestSigns goes every way into a service and to its key, and breaks no rule of the API.
func TestSigns(t *testing.T) {
	t.Parallel()
	pin := map[string]string{"PIN": "1 2&3"}
	for name, c := range map[string]struct {
		offer csctest.Options
		with  csc.Config
		asked int // credentials/authorize for three signatures
	}{
		"without a login":        {csctest.Options{}, csc.Config{}, 3},
		"named":                  {csctest.Options{Others: 2}, csc.Config{Credential: csctest.CredentialID}, 3},
		"user and password":      {csctest.Options{User: "seal@example.com", Password: "a:b"}, csc.Config{Login: csc.Login{User: "seal@example.com", Password: "a:b"}}, 3},
		"client credentials":     {csctest.Options{ClientID: "paraph", ClientSecret: "s"}, csc.Config{User: "u1", Login: csc.Login{ClientID: "paraph", ClientSecret: "s"}}, 3},
		"by the issuer":          {csctest.Options{ClientID: "paraph", ClientSecret: "s", ByIssuer: true}, csc.Config{Login: csc.Login{ClientID: "paraph", ClientSecret: "s"}}, 3},
		"SCAL 2":                 {csctest.Options{SCAL2: true}, csc.Config{}, 3},
		"explicit":               {csctest.Options{Mode: "explicit", AuthData: pin}, csc.Config{AuthData: pin}, 3},
		"in one transaction":     {csctest.Options{SCAL2: true, Multisign: 10, Mode: "explicit", AuthData: pin}, csc.Config{AuthData: pin, Batch: 5}, 1},
		"no more than it allows": {csctest.Options{Multisign: 2}, csc.Config{Batch: 50}, 2},
		"bare key algorithm":     {csctest.Options{Algo: []string{"1.2.840.10045.2.1"}}, csc.Config{}, 3},
		"later version":          {csctest.Options{Specs: "2.2.0.0"}, csc.Config{}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, conf := start(t, c.offer)
			c.with.URL, c.with.HTTP, c.with.Now = conf.URL, conf.HTTP, conf.Now
			key, err := csc.Open(t.Context(), c.with)
			if err != nil {
				t.Fatal(err)
			}
			if got := key.Chain(); len(got) != 3 || !got[0].Equal(p.Chain[0]) || !got[2].Equal(p.Chain[2]) {
				t.Errorf("the chain has %d certificates, or another order", len(got))
			}
			sealkeytest.Signs(t, key, 3)
			if n := p.Calls("credentials/authorize"); n != c.asked {
				t.Errorf("authorised %d times instead of %d", n, c.asked)
			}
			if broken := p.Broken(); len(broken) > 0 {
				t.Errorf("the API forbids what was done: %v", broken)
			}
		})
	}
}

// TestRefused: what cannot seal is refused at the start, with words that say why.
func TestRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		offer  csctest.Options
		with   csc.Config
		reason sealkey.Reason
		says   string
	}{
		"several":             {csctest.Options{Others: 1}, csc.Config{}, sealkey.Unfit, "has 2 credentials"},
		"of nobody":           {csctest.Options{}, csc.Config{Credential: "x"}, sealkey.Refused, "credentialID"},
		"disabled":            {csctest.Options{Status: "disabled"}, csc.Config{}, sealkey.Unfit, `"disabled"`},
		"revoked":             {csctest.Options{CertState: "revoked"}, csc.Config{}, sealkey.Unfit, `"revoked"`},
		"with a person":       {csctest.Options{Mode: "oauth2code"}, csc.Config{}, sealkey.Unfit, "needs a person"},
		"without its PIN":     {csctest.Options{Mode: "explicit", AuthData: map[string]string{"PIN": "1"}}, csc.Config{}, sealkey.Unfit, "auth.PIN"},
		"wrong password":      {csctest.Options{User: "u", Password: "p"}, csc.Config{Login: csc.Login{User: "u", Password: "q"}}, sealkey.Login, "authentication"},
		"no password taken":   {csctest.Options{ClientID: "c", ClientSecret: "s"}, csc.Config{Login: csc.Login{User: "u", Password: "q"}}, sealkey.Unfit, "oauth2client"},
		"wrong secret":        {csctest.Options{ClientID: "c", ClientSecret: "s"}, csc.Config{Login: csc.Login{ClientID: "c", ClientSecret: "q"}}, sealkey.Login, "oauth2/token"},
		"a token of long ago": {csctest.Options{ClientID: "c", ClientSecret: "s"}, csc.Config{Login: csc.Login{Token: "old"}}, sealkey.Login, "expired"},
		"version 3":           {csctest.Options{Specs: "3.0"}, csc.Config{}, sealkey.Unfit, `"3.0"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, conf := start(t, c.offer)
			c.with.URL, c.with.HTTP, c.with.Now = conf.URL, conf.HTTP, conf.Now
			_, err := csc.Open(t.Context(), c.with)
			if sealkey.ReasonOf(err) != c.reason || !strings.Contains(err.Error(), c.says) {
				t.Errorf("want %s with %q, got %v", c.reason, c.says, err)
			}
			for _, secret := range []string{"\"q\"", "old", c.with.Login.ClientSecret + "@"} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("the error tells a secret: %v", err)
				}
			}
		})
	}
}

// TestMisbehaves: a service that errs, or lies, makes an error with the reason, and
// the next signature is good again.
func TestMisbehaves(t *testing.T) {
	t.Parallel()
	for fault, reason := range map[csctest.Fault]sealkey.Reason{
		csctest.Down: sealkey.Unreachable, csctest.Status503: sealkey.Unreachable, csctest.NoJSON: sealkey.Malformed, csctest.Huge: sealkey.Malformed,
		csctest.WrongDigest: sealkey.Wrong, csctest.OtherKey: sealkey.Wrong, csctest.TwoForOne: sealkey.Malformed, csctest.Pending: sealkey.Malformed,
		csctest.NoSAD: sealkey.Malformed, csctest.Raw: "", csctest.ForgetTokens: "", csctest.ForgetSession: "",
	} {
		p, conf := start(t, csctest.Options{User: "u", Password: "p", SCAL2: true, Multisign: 9})
		conf.Login, conf.Batch = csc.Login{User: "u", Password: "p"}, 9
		key, err := csc.Open(t.Context(), conf)
		if err != nil {
			t.Fatal(err)
		}
		sealkeytest.Signs(t, key, 1)
		p.Misbehave(fault)
		digest := sha256.Sum256([]byte("seal"))
		if _, err := key.Sign(rand.Reader, digest[:], crypto.SHA256); sealkey.ReasonOf(err) != reason || (reason == "") != (err == nil) {
			t.Errorf("fault %d: want %q, got %v", fault, reason, err)
		}
		p.Misbehave(csctest.None)
		sealkeytest.Signs(t, key, 2)
	}
}

// TestTimePasses: tokens and transactions that have ended are not used.
func TestTimePasses(t *testing.T) {
	t.Parallel()
	p, conf := start(t, csctest.Options{User: "u", Password: "p", Multisign: 9})
	conf.Login, conf.Batch = csc.Login{User: "u", Password: "p"}, 9
	key, err := csc.Open(t.Context(), conf)
	if err != nil {
		t.Fatal(err)
	}
	sealkeytest.Signs(t, key, 2)
	p.now = p.now.Add(time.Hour)
	sealkeytest.Signs(t, key, 2)
	for method, want := range map[string]int{"auth/login": 2, "credentials/authorize": 2, "credentials/extendTransaction": 2} {
		if n := p.Calls(method); n != want {
			t.Errorf("%s was asked %d times instead of %d", method, n, want)
		}
	}
	if _, err := key.Sign(rand.Reader, []byte("short"), crypto.SHA256); sealkey.ReasonOf(err) != sealkey.Unfit {
		t.Errorf("a digest that is none: %v", err)
	}
	if broken := p.Broken(); len(broken) > 0 {
		t.Errorf("the API forbids what was done: %v", broken)
	}
}
