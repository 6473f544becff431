package oauth

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/fault"
)

// TestTokenEndpoint is RFC 6749 section 4.4 and 5.2.
func TestTokenEndpoint(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.client(access.Profile{})
	good := with(c, "grant_type", "client_credentials").Encode()
	for _, a := range []struct {
		name, form, media string
		status            int
		want              string // error, or scope
	}{
		{"all scopes", good, "", 200, "documents:read documents:write"},
		{"narrowed", good + "&scope=documents:read+documents:read", "", 200, "documents:read"},
		{"for this resource", good + "&resource=https://paraph.example/", "", 200, "documents:read documents:write"},
		{"for another resource", good + "&resource=https://other.example", "", 400, "invalid_target"},
		{"widened", good + "&scope=documents:read+admin", "", 400, "invalid_scope"},
		{"unknown scope", good + "&scope=root", "", 400, "invalid_scope"},
		{"of people", good + "&scope=openid", "", 400, "invalid_scope"},
		{"wrong secret", strings.Replace(good, "client_secret=", "client_secret=x", 1), "", 401, "invalid_client"},
		{"unknown client", "grant_type=client_credentials&client_id=x&client_secret=xs", "", 401, "invalid_client"},
		{"no credentials", "grant_type=client_credentials", "", 401, "invalid_client"},
		{"no grant type", with(c).Encode(), "", 400, "invalid_request"},
		{"twice", good + "&scope=a&scope=b", "", 400, "invalid_request"},
		{"JSON", `{}`, "application/json", 400, "invalid_request"},
		{"too long", good + "&x=" + strings.Repeat("a", maxForm), "", 400, "invalid_request"},
		{"broken", good + "&%zz", "", 400, "invalid_request"},
	} {
		q := httptest.NewRequest("POST", TokenPath, strings.NewReader(a.form))
		if q.Header.Set("Content-Type", "application/x-www-form-urlencoded"); a.media != "" {
			q.Header.Set("Content-Type", a.media)
		}
		p := r.do(q)
		got := p.text("error")
		if p.status == 200 {
			got = p.text("scope")
		}
		if p.status != a.status || got != a.want || p.header.Get("Cache-Control") != "no-store" || p.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d %s, want %d %s", a.name, p.status, p.body, a.status, a.want)
		}
	}
}

func TestTroubleIsNotTheClientsFault(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.troubled.err = fault.New(fault.Unavailable, "store_unavailable", "Away.")
	if p := r.token(r.admin, "grant_type", "client_credentials").is(t, 503, "temporarily_unavailable"); p.header.Get("Retry-After") == "" {
		t.Errorf("%v", p.header)
	}
	r.troubled.err = errors.New("a secret cause")
	if p := r.token(r.admin, "grant_type", "client_credentials").is(t, 500, "server_error"); strings.Contains(p.body, "cause") {
		t.Error(p.body)
	}
}

// TestGuessingIsSlow: wrong secrets slow an address down, right ones are always taken.
func TestGuessingIsSlow(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	wrong := url.Values{"grant_type": {"client_credentials"}, "client_id": {r.admin.Client.ID}, "client_secret": {"x"}}
	for range guessBurst {
		r.post(TokenPath, wrong).is(t, 401, "invalid_client")
	}
	if p := r.post(TokenPath, wrong).is(t, 429, "slow_down"); p.header.Get("Retry-After") == "" {
		t.Errorf("%v", p.header)
	}
	r.token(r.admin, "grant_type", "client_credentials").is(t, 200, "")
}

// TestForgeries: none of these is an access token of ours: not alg none, not a
// public key as a secret, not another kind of token, not one for somebody else.
func TestForgeries(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.client(access.Profile{})
	mara, w := r.person("mara@test.example"), r.client(web())
	key, err := r.keys.signing(t.Context())
	r.must(err)
	private := key.private.(*ecdsa.PrivateKey)
	now := r.clock.Now()
	other := newHolder(t)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	r.must(err)
	pub, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
	r.must(err)
	claims := map[string]any{"iss": issuer, "aud": issuer, "sub": c.Client.ID, "client_id": c.Client.ID, "jti": "j", "org": c.Client.Org, "principal": "p", "scope": "documents:read",
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(time.Minute).Unix()}
	by := func(alg jose.SignatureAlgorithm, k any, typ, kid string) string {
		head := map[jose.HeaderKey]any{"kid": kid}
		if typ != "" {
			head["typ"] = typ
		}
		return sign(t, alg, k, head, claims)
	}
	ours := func(pairs ...any) string {
		return sign(t, jose.ES256, private, map[jose.HeaderKey]any{"kid": key.ID, "typ": tokenType}, changed(claims, pairs...))
	}
	fine := ours()
	r.alive(fine)
	parts := strings.Split(fine, ".")
	b64 := base64.RawURLEncoding.EncodeToString
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	r.must(err)
	idToken := r.redeem(w, r.loggedIn(mara).allow(w, "scope", "openid documents:read").Get("code")).text("id_token")
	for name, token := range map[string]string{
		"empty": "", "no token": "abc", "two parts": parts[0] + "." + parts[1], "too long": strings.Repeat("a", maxToken+1),
		"alg none":              b64([]byte(`{"alg":"none","typ":"at+jwt","kid":"`+key.ID+`"}`)) + "." + parts[1] + ".",
		"alg None":              b64([]byte(`{"alg":"None","typ":"at+jwt","kid":"`+key.ID+`"}`)) + "." + parts[1] + ".",
		"HS256 with public key": by(jose.HS256, pub, tokenType, key.ID),
		"HS256 with PEM":        by(jose.HS256, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: pub}), tokenType, key.ID),
		"RS256":                 by(jose.RS256, rsaKey, tokenType, key.ID),
		"another key":           by(jose.ES256, other.PrivateKey, tokenType, key.ID),
		"its own key inside":    sign(t, jose.ES256, other.PrivateKey, map[jose.HeaderKey]any{"typ": tokenType, "jwk": other.jwk()}, claims),
		"its own kid":           sign(t, jose.ES256, other.PrivateKey, map[jose.HeaderKey]any{"typ": tokenType, "jwk": other.jwk(), "kid": key.ID}, claims),
		"another kid":           by(jose.ES256, private, tokenType, "x"),
		"no type":               by(jose.ES256, private, "", key.ID),
		"type JWT":              by(jose.ES256, private, "JWT", key.ID),
		"type of proofs":        by(jose.ES256, private, "dpop+jwt", key.ID),
		"critical":              sign(t, jose.ES256, private, map[jose.HeaderKey]any{"kid": key.ID, "typ": tokenType, "crit": []string{"x"}, "x": 1}, claims),
		"an ID token":           idToken,
		"tampered":              parts[0] + "." + b64([]byte(strings.Replace(string(payload), "documents:read", "documents:reax", 1))) + "." + parts[2],
		"signature cut":         fine[:len(fine)-4],
		"no signature":          parts[0] + "." + parts[1] + ".",
		"zero signature":        parts[0] + "." + parts[1] + "." + b64(make([]byte, 64)),
		"other issuer":          ours("iss", "https://evil.example"),
		"other audience":        ours("aud", "https://evil.example"),
		"audience: the client":  ours("aud", c.Client.ID),
		"no audience":           ours("aud", nil),
		"expired":               ours("exp", now.Add(-leeway-time.Second).Unix()),
		"no expiry":             ours("exp", nil),
		"not yet":               ours("nbf", now.Add(leeway+time.Second).Unix()),
		"from the future":       ours("iat", now.Add(leeway+time.Second).Unix()),
		"no iat":                ours("iat", nil),
		"no jti":                ours("jti", nil),
		"no client":             ours("client_id", nil),
		"other subject":         ours("sub", mara.Client.ID),
		"other organisation":    ours("org", "org_2"),
		"unknown client":        ours("sub", "gone", "client_id", "gone"),
		"unknown person":        ours("sub", "gone", "dlg", "dlg_1"),
		"a program as a person": ours("sub", w.Client.ID, "dlg", "dlg_1"),
	} {
		actor, err := r.verify(token)
		if code := fault.CodeOf(err); fault.KindOf(err) != fault.Unauthorized || code != "invalid_token" && (token != "" || code != "credentials_missing") || actor.ID != "" {
			t.Errorf("%s: %+v %v", name, actor, err)
		}
	}
	if a := r.alive(ours("scope", "documents:read admin")); len(a.Scopes) != 1 {
		t.Errorf("a scope that the client does not have (any more): %+v", a)
	}
	if a := r.alive(ours("units", []string{"finance"})); !slices.Equal(a.Units, []string{"finance"}) {
		t.Errorf("units: %+v", a)
	}
}

// TestClockSkew: clocks may be five seconds apart, not more.
func TestClockSkew(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	token := r.token(r.admin, "grant_type", "client_credentials").text("access_token")
	began := r.clock.Now()
	for _, c := range []struct {
		at   time.Time
		good bool
	}{
		{began.Add(-leeway), true}, {began.Add(-leeway - time.Second), false},
		{began.Add(DefaultLifetime + leeway), true}, {began.Add(DefaultLifetime + leeway + time.Second), false},
	} {
		r.clock.Set(c.at)
		fresh := NewVerifier(r.verifier.Config)
		for _, v := range []*Verifier{fresh, r.verifier} { // that its signature was checked before lets no token outlive its time
			q := httptest.NewRequest("GET", "/", nil)
			q.Header.Set("Authorization", "Bearer "+token)
			if _, err := v.Verify(q, http.Header{}); (err == nil) != c.good {
				t.Errorf("%v from its making: %v", c.at.Sub(began), err)
			}
		}
	}
}

// TestRevocationIsRemembered: a revoked client's token stops within seconds, at
// once where somebody wakes the verifier, and the store is not asked for every request.
func TestRevocationIsRemembered(t *testing.T) {
	t.Parallel()
	wake := make(chan struct{}, 1)
	r := newRig(t, func(c *Config) { c.Wake = wake })
	c := r.client(access.Profile{})
	token := r.token(c, "grant_type", "client_credentials").text("access_token")
	asked := r.troubled.asked.Load()
	for range 10 {
		r.alive(token)
	}
	if n := r.troubled.asked.Load() - asked; n != 1 {
		t.Errorf("asked %d times", n)
	}
	_, err := r.svc.RevokeClient(t.Context(), r.call(), c.Client.ID)
	r.must(err)
	r.alive(token)
	wake <- struct{}{}
	if _, err := r.verify(token); fault.CodeOf(err) != "invalid_token" {
		t.Errorf("after the wake-up: %v", err)
	}
	d := r.client(access.Profile{})
	token = r.token(d, "grant_type", "client_credentials").text("access_token")
	r.alive(token)
	_, err = r.svc.RevokeClient(t.Context(), r.call(), d.Client.ID)
	r.must(err)
	r.dead(token)
}

// TestKeysRotate: the next key is published before it signs, the one before is as
// long as a token of its may be about, and a withdrawn one is gone at once.
func TestKeysRotate(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, r *rig) {
		kid := func(token string) string {
			head, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[0])
			r.must(err)
			_, rest, _ := strings.Cut(string(head), `"kid":"`)
			id, _, _ := strings.Cut(rest, `"`)
			return id
		}
		fresh := func() string {
			r.Helper()
			return r.token(r.admin, "grant_type", "client_credentials").is(t, 200, "").text("access_token")
		}
		first := fresh()
		r.must(r.keys.Rotate(t.Context()))
		if n := len(r.published().Keys); n != 2 || kid(fresh()) != kid(first) {
			t.Fatalf("%d keys are published, or the next one signs already", n)
		}
		r.clock.Advance(keyAhead)
		r.must(r.keys.Keep(t.Context()))
		second := fresh()
		if kid(second) == kid(first) {
			t.Fatal("the next key does not sign")
		}
		r.alive(second)
		// Another process knows the keys from the store alone.
		other := NewKeyring(KeyringConfig{Store: r.svc, Sealer: r.box, Clock: r.clock})
		if k, err := other.signing(t.Context()); err != nil || k.ID != kid(second) {
			t.Errorf("another process signs by %v %v", k, err)
		}
		r.must(r.keys.Withdraw(t.Context(), kid(second)))
		r.dead(second)
		third := fresh()
		r.alive(third)
		if kid(third) == kid(second) || slices.ContainsFunc(r.published().Keys, func(k jose.JSONWebKey) bool { return k.KeyID == kid(second) }) {
			t.Error("a withdrawn key is published, or signs")
		}
		r.clock.Advance(DefaultKeyLife)
		r.must(r.keys.Keep(t.Context()))
		r.clock.Advance(keyAhead)
		r.must(r.keys.Keep(t.Context()))
		if kid(fresh()) == kid(third) {
			t.Error("a key that is a month old signs still")
		}
		r.clock.Advance(2 * keyTrace)
		r.must(r.keys.Keep(t.Context()))
		if n := len(r.published().Keys); n != 1 {
			t.Errorf("%d keys are published in the end", n)
		}
	})
}

// TestEdDSA: an installation may sign by Ed25519, and change over to it.
func TestEdDSA(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	before := r.token(r.admin, "grant_type", "client_credentials").text("access_token")
	r.keys.Algorithm = EdDSA
	r.must(r.keys.Keep(t.Context()))
	r.clock.Advance(keyAhead)
	r.must(r.keys.Keep(t.Context()))
	c, mara := r.client(web()), r.person("mara@test.example")
	out := r.redeem(c, r.loggedIn(mara).allow(c, "scope", "openid documents:read").Get("code")).is(t, 200, "")
	r.alive(out.text("access_token"))
	if id := r.claims(out.text("id_token"), "JWT"); id["at_hash"] != nil {
		t.Errorf("at_hash by which hash? %v", id)
	}
	if _, err := r.verify(before); err == nil {
		t.Error("the token before has no end")
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if k, err := NewKey(ed); err != nil || k.Algorithm != EdDSA {
		t.Errorf("%v", err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewKey(p384); !errors.Is(err, ErrBadKey) {
		t.Errorf("P-384: %v", err)
	}
	if _, err := NewKey(nil); !errors.Is(err, ErrBadKey) {
		t.Errorf("nil: %v", err)
	}
}

// FuzzVerify: no text but a token of ours is let in.
func FuzzVerify(f *testing.F) {
	r := newRig(f)
	f.Add("a.b.c")
	f.Add(`eyJhbGciOiJub25lIn0..`)
	f.Add(`{"payload":"","signatures":[]}`)
	f.Fuzz(func(t *testing.T, token string) {
		q := httptest.NewRequest("GET", "/", nil)
		q.Header.Set("Authorization", "Bearer "+token)
		if actor, err := r.verifier.Verify(q, http.Header{}); err == nil {
			t.Errorf("%q is let in as %+v", token, actor)
		}
	})
}
