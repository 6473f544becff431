package oauth

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/service"
)

// proof makes a DPoP proof of now for a request, with changed claims.
func (h holder) proof(r *rig, method, uri, token string, change ...any) string {
	c := map[string]any{"jti": newJTI(), "htm": method, "htu": uri, "iat": r.clock.Now().Unix(), "nonce": r.nonce()}
	if token != "" {
		sum := sha256.Sum256([]byte(token))
		c["ath"] = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	return sign(r, jose.ES256, h.PrivateKey, map[jose.HeaderKey]any{"typ": "dpop+jwt", "jwk": h.jwk()}, changed(c, change...))
}

// nonce gives the one that the server hands out now.
func (r *rig) nonce() string {
	r.Helper()
	n, err := r.server.prover.fresh()
	r.must(err)
	return n
}

// bound asks the API with a bound token and a proof.
func (r *rig) bound(scheme, token string, proofs ...string) reply {
	q := httptest.NewRequest("GET", "/v1/thing", nil)
	q.Header.Set("Authorization", scheme+" "+token)
	for _, p := range proofs {
		q.Header.Add("DPoP", p)
	}
	return r.do(q)
}

const thing = issuer + "/v1/thing"

// boundToken gets a token that is bound to the holder's key.
func (h holder) boundToken(r *rig, c service.ClientSecret) string {
	r.Helper()
	p := r.post(TokenPath, with(c, "grant_type", "client_credentials"), "DPoP", h.proof(r, "POST", issuer+TokenPath, "")).is(r, 200, "")
	if p.text("token_type") != "DPoP" {
		r.Errorf("token_type %q", p.text("token_type"))
	}
	return p.text("access_token")
}

// TestDPoP is RFC 9449, on both of its sides.
func TestDPoP(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	h, thief := newHolder(t), newHolder(t)
	c := r.client(access.Profile{})
	token := h.boundToken(r, c)
	if cnf, _ := r.claims(token, "at+jwt")["cnf"].(map[string]any); cnf["jkt"] != h.thumb(t) {
		t.Errorf("cnf %v", cnf)
	}
	if p := r.bound("DPoP", token, h.proof(r, "GET", thing, token)); p.status != 200 || p.header.Get("DPoP-Nonce") == "" {
		t.Fatalf("a good proof: %d %s", p.status, p.body)
	}
	if p := r.bound("Bearer", token); p.status != 401 || p.text("error") != "invalid_token" {
		t.Errorf("a bound token as a bearer: %d %s", p.status, p.body)
	}
	if p := r.bound("DPoP", r.token(c, "grant_type", "client_credentials").text("access_token"), h.proof(r, "GET", thing, token)); p.status != 401 || p.text("error") != "invalid_token" {
		t.Errorf("a bearer token with the scheme DPoP: %d %s", p.status, p.body)
	}
	r.bound("DPoP", token).is(t, 401, "invalid_dpop_proof")
	r.bound("DPoP", token, thief.proof(r, "GET", thing, token)).is(t, 401, "invalid_token")
	r.bound("DPoP", token, h.proof(r, "GET", thing, token), h.proof(r, "GET", thing, token)).is(t, 401, "invalid_dpop_proof")
}

// TestDPoPClaims: what a proof must say (RFC 9449 section 4.3). Each case is the
// good proof with one thing wrong.
func TestDPoPClaims(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	h := newHolder(t)
	token := h.boundToken(r, r.client(access.Profile{}))
	now := r.clock.Now().Unix()
	for name, c := range map[string]struct {
		change []any
		code   string
	}{
		"htu: query and fragment do not count": {[]any{"htu", thing + "?a=b#c"}, ""},
		"htu: the default port":                {[]any{"htu", "https://paraph.example:443/v1/thing"}, ""},
		"htu: capital host":                    {[]any{"htu", "HTTPS://PARAPH.example/v1/thing"}, ""},
		"htu: needless escapes":                {[]any{"htu", issuer + "/v1/%74hing"}, ""},
		"htu: another path":                    {[]any{"htu", issuer + "/v1/other"}, "invalid_dpop_proof"},
		"htu: another host":                    {[]any{"htu", "https://evil.example/v1/thing"}, "invalid_dpop_proof"},
		"htu: another scheme":                  {[]any{"htu", "http://paraph.example/v1/thing"}, "invalid_dpop_proof"},
		"htu: another port":                    {[]any{"htu", "https://paraph.example:8443/v1/thing"}, "invalid_dpop_proof"},
		"htu: a user name":                     {[]any{"htu", "https://x@paraph.example/v1/thing"}, "invalid_dpop_proof"},
		"htu: only the path":                   {[]any{"htu", "/v1/thing"}, "invalid_dpop_proof"},
		"htu: none":                            {[]any{"htu", nil}, "invalid_dpop_proof"},
		"htm: another method":                  {[]any{"htm", "POST"}, "invalid_dpop_proof"},
		"htm: small letters":                   {[]any{"htm", "get"}, "invalid_dpop_proof"},
		"htm: none":                            {[]any{"htm", nil}, "invalid_dpop_proof"},
		"ath: another token's":                 {[]any{"ath", base64.RawURLEncoding.EncodeToString(make([]byte, 32))}, "invalid_dpop_proof"},
		"ath: none":                            {[]any{"ath", nil}, "invalid_dpop_proof"},
		"jti: none":                            {[]any{"jti", nil}, "invalid_dpop_proof"},
		"jti: endless":                         {[]any{"jti", strings.Repeat("a", maxJTI+1)}, "invalid_dpop_proof"},
		"iat: none":                            {[]any{"iat", nil}, "invalid_dpop_proof"},
		"iat: a clock nine minutes off":        {[]any{"iat", now - 9*60}, ""},
		"iat: a clock nine minutes early":      {[]any{"iat", now + 9*60}, ""},
		"iat: yesterday":                       {[]any{"iat", now - 86400}, "invalid_dpop_proof"},
		"iat: tomorrow":                        {[]any{"iat", now + 86400}, "invalid_dpop_proof"},
		"nonce: none":                          {[]any{"nonce", nil}, "use_dpop_nonce"},
		"nonce: invented":                      {[]any{"nonce", "abc"}, "use_dpop_nonce"},
		"nonce: another's":                     {[]any{"nonce", newRig(t).nonce()}, "use_dpop_nonce"},
	} {
		p := r.bound("DPoP", token, h.proof(r, "GET", thing, token, c.change...))
		if p.text("error") != c.code || p.header.Get("DPoP-Nonce") == "" {
			t.Errorf("%s: %d %s, want %q", name, p.status, p.body, c.code)
		}
		if c.code == "use_dpop_nonce" && !strings.Contains(p.header.Get("WWW-Authenticate"), `error="use_dpop_nonce"`) {
			t.Errorf("%s: %v", name, p.header)
		}
	}
}

// TestDPoPNonce: a nonce runs out, and the one that is handed out then works.
func TestDPoPNonce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	h, c := newHolder(t), r.client(access.Profile{})
	old := r.nonce()
	r.clock.Advance(nonceLife)
	ask := func(nonce string) reply {
		return r.post(TokenPath, with(c, "grant_type", "client_credentials"), "DPoP", h.proof(r, "POST", issuer+TokenPath, "", "nonce", nonce))
	}
	ask(old).is(t, 200, "")
	r.clock.Advance(time.Microsecond)
	p := ask(old).is(t, 400, "use_dpop_nonce")
	ask(p.header.Get("DPoP-Nonce")).is(t, 200, "")
}

// TestDPoPReplay: a proof works once, of many at once, too.
func TestDPoPReplay(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, r *rig) {
		h, c := newHolder(t), r.client(access.Profile{})
		token := h.boundToken(r, c)
		proof := h.proof(r, "GET", thing, token)
		got := make([]reply, 20)
		var all sync.WaitGroup
		for i := range got {
			all.Go(func() { got[i] = r.bound("DPoP", token, proof) })
		}
		all.Wait()
		good := 0
		for _, p := range got {
			if p.status == 200 {
				good++
			} else {
				p.is(t, 401, "invalid_dpop_proof")
			}
		}
		if good != 1 {
			t.Errorf("%d of 20 were let in by one proof", good)
		}
		proof = h.proof(r, "POST", issuer+TokenPath, "")
		r.post(TokenPath, with(c, "grant_type", "client_credentials"), "DPoP", proof).is(t, 200, "")
		r.post(TokenPath, with(c, "grant_type", "client_credentials"), "DPoP", proof).is(t, 400, "invalid_dpop_proof")
	})
}

// TestDPoPForgeries: none of these is a proof.
func TestDPoPForgeries(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	h, other := newHolder(t), newHolder(t)
	token := h.boundToken(r, r.client(access.Profile{}))
	sum := sha256.Sum256([]byte(token))
	claims := map[string]any{"jti": "j", "htm": "GET", "htu": thing, "iat": r.clock.Now().Unix(), "nonce": r.nonce(), "ath": base64.RawURLEncoding.EncodeToString(sum[:])}
	head := func(pairs ...any) map[jose.HeaderKey]any {
		out := map[jose.HeaderKey]any{"typ": "dpop+jwt", "jwk": h.jwk()}
		for i := 0; i+1 < len(pairs); i += 2 {
			if out[jose.HeaderKey(pairs[i].(string))] = pairs[i+1]; pairs[i+1] == nil {
				delete(out, jose.HeaderKey(pairs[i].(string)))
			}
		}
		return out
	}
	b64 := func(v any) string {
		raw, err := json.Marshal(v)
		r.must(err)
		return base64.RawURLEncoding.EncodeToString(raw)
	}
	symmetric := func() string { // HS256, by the public key's coordinates
		text := b64(map[string]any{"alg": "HS256", "typ": "dpop+jwt", "jwk": map[string]string{"kty": "oct", "k": base64.RawURLEncoding.EncodeToString([]byte("key"))}}) + "." + b64(claims)
		m := hmac.New(sha256.New, []byte("key"))
		m.Write([]byte(text))
		return text + "." + base64.RawURLEncoding.EncodeToString(m.Sum(nil))
	}
	small, err := rsa.GenerateKey(rand.Reader, 2048)
	r.must(err)
	for name, proof := range map[string]string{
		"empty": "", "no JWT": "abc", "too long": strings.Repeat("a", maxProof+1),
		"alg none":              b64(map[string]any{"alg": "none", "typ": "dpop+jwt", "jwk": h.jwk()}) + "." + b64(claims) + ".",
		"symmetric":             symmetric(),
		"another key's":         sign(t, jose.ES256, other.PrivateKey, head(), claims),
		"no key":                sign(t, jose.ES256, h.PrivateKey, head("jwk", nil), claims),
		"a private key":         sign(t, jose.ES256, h.PrivateKey, head("jwk", jose.JSONWebKey{Key: h.PrivateKey}), claims),
		"type JWT":              sign(t, jose.ES256, h.PrivateKey, head("typ", "JWT"), claims),
		"type of access tokens": sign(t, jose.ES256, h.PrivateKey, head("typ", "at+jwt"), claims),
		"no type":               sign(t, jose.ES256, h.PrivateKey, head("typ", nil), claims),
		"critical":              sign(t, jose.ES256, h.PrivateKey, head("crit", []string{"x"}, "x", 1), claims),
		"a short RSA key":       sign(t, jose.PS256, small, head("jwk", jose.JSONWebKey{Key: &small.PublicKey}), claims),
		"the access token":      token,
	} {
		if p := r.bound("DPoP", token, proof); p.status != 401 || p.text("error") != "invalid_dpop_proof" {
			t.Errorf("%s: %d %s", name, p.status, p.body)
		}
	}
	if p := r.bound("DPoP", token, sign(t, jose.ES256, h.PrivateKey, head(), claims)); p.status != 200 {
		t.Fatalf("the model of all forgeries is refused itself: %d %s", p.status, p.body)
	}
}

// TestDPoPWithoutNonce: where none is demanded, the client's clock has to be right,
// and for a while after a start one is demanded all the same: what was used before
// is forgotten then.
func TestDPoPWithoutNonce(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) { c.FreeProofs = true })
	h, c := newHolder(t), r.client(access.Profile{})
	ask := func(change ...any) reply {
		return r.post(TokenPath, with(c, "grant_type", "client_credentials"), "DPoP", h.proof(r, "POST", issuer+TokenPath, "", append([]any{"nonce", nil}, change...)...))
	}
	ask().is(t, 400, "use_dpop_nonce")
	r.clock.Advance(2 * proofLife)
	ask().is(t, 200, "")
	ask("iat", r.clock.Now().Add(-proofLife-time.Second).Unix()).is(t, 400, "invalid_dpop_proof")
	ask("iat", r.clock.Now().Add(leeway+time.Second).Unix()).is(t, 400, "invalid_dpop_proof")
	same := []any{"jti", "same", "iat", r.clock.Now().Unix()}
	ask(same...).is(t, 200, "")
	ask(same...).is(t, 400, "invalid_dpop_proof")
	r.clock.Advance(proofLife)
	ask(same...).is(t, 400, "invalid_dpop_proof")
}

// TestDPoPDemanded: a client whose tokens have to be bound gets no other.
func TestDPoPDemanded(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.client(access.Profile{DPoP: true})
	r.token(c, "grant_type", "client_credentials").is(t, 400, "invalid_dpop_proof")
	newHolder(t).boundToken(r, c)
}

// TestBoundTokens: a server that gives only bound tokens refuses each grant without a proof,
// whatever the client's profile says.
func TestBoundTokens(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) { c.BoundTokens = true })
	c, h := r.client(access.Profile{}), newHolder(t)
	r.token(c, "grant_type", "client_credentials").is(t, 400, "invalid_dpop_proof")
	h.boundToken(r, c)
	people := r.client(app())
	b := r.loggedIn(r.person("mara@test.example"))
	r.redeem(people, b.allow(people).Get("code")).is(t, 400, "invalid_dpop_proof")
	out := r.post(TokenPath, with(people, "grant_type", "authorization_code", "code", b.allow(people).Get("code"), "redirect_uri", redirect, "code_verifier", verifier), "DPoP", h.proof(r, "POST", issuer+TokenPath, "")).is(t, 200, "")
	r.token(people, "grant_type", "refresh_token", "refresh_token", out.text("refresh_token")).is(t, 400, "invalid_dpop_proof")
}

// TestDPoPCode: a code is bound to the key that the request named (RFC 9449
// section 10), and the refresh tokens of a client without a secret to the first
// one's (section 5).
func TestDPoPCode(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	h, thief := newHolder(t), newHolder(t)
	b := r.loggedIn(r.person("mara@test.example"))
	at := func(c service.ClientSecret, h holder, pairs ...string) reply {
		return r.post(TokenPath, with(c, pairs...), "DPoP", h.proof(r, "POST", issuer+TokenPath, ""))
	}
	redeem := func(c service.ClientSecret, h holder, code string) reply {
		return at(c, h, "grant_type", "authorization_code", "code", code, "redirect_uri", redirect, "code_verifier", verifier)
	}
	c := r.client(app())
	redeem(c, thief, b.allow(c, "dpop_jkt", h.thumb(t)).Get("code")).is(t, 400, "invalid_grant")
	r.redeem(c, b.allow(c, "dpop_jkt", h.thumb(t)).Get("code")).is(t, 400, "invalid_grant")
	out := redeem(c, h, b.allow(c, "dpop_jkt", h.thumb(t)).Get("code")).is(t, 200, "")
	refresh := []string{"grant_type", "refresh_token", "refresh_token", out.text("refresh_token")}
	at(c, thief, refresh...).is(t, 400, "invalid_grant")
	r.token(c, refresh...).is(t, 400, "invalid_grant")
	next := at(c, h, refresh...).is(t, 200, "")
	if p := r.bound("DPoP", next.text("access_token"), h.proof(r, "GET", thing, next.text("access_token"))); p.status != 200 {
		t.Errorf("%d %s", p.status, p.body)
	}
	if q := b.back(b.get(authorizeURL(c, "dpop_jkt", "x"))); q.Get("error") != "invalid_request" {
		t.Errorf("%v", q)
	}
	// Pushed with a proof, the code is bound to its key.
	w := r.client(web())
	form := with(w, "response_type", "code", "redirect_uri", redirect, "code_challenge", challenge(), "code_challenge_method", "S256")
	pushed := r.post(PushPath, form, "DPoP", h.proof(r, "POST", issuer+PushPath, ""))
	page := b.get(AuthorizePath + "?client_id=" + w.Client.ID + "&request_uri=" + pushed.text("request_uri"))
	code := b.back(b.submit(AuthorizePath, map[string][]string{"form": {page.field(t)}, "answer": {"allow"}})).Get("code")
	redeem(w, thief, code).is(t, 400, "invalid_grant")
	form.Set("dpop_jkt", thief.thumb(t))
	r.post(PushPath, form, "DPoP", h.proof(r, "POST", issuer+PushPath, "")).is(t, 400, "invalid_dpop_proof")
}

// TestDPoPDevice: what a device began with a key is for that key.
func TestDPoPDevice(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	h, c := newHolder(t), r.client(app())
	st := r.post(StartPath, with(c), "DPoP", h.proof(r, "POST", issuer+StartPath, "")).is(t, 200, "")
	form := with(c, "grant_type", string(access.GrantDevice), "device_code", st.text("device_code"))
	r.post(TokenPath, form).is(t, 400, "invalid_grant")
	r.post(TokenPath, form, "DPoP", newHolder(t).proof(r, "POST", issuer+TokenPath, "")).is(t, 400, "invalid_grant")
	r.post(TokenPath, form, "DPoP", h.proof(r, "POST", issuer+TokenPath, "")).is(t, 400, "authorization_pending")
}

// TestRefusedRequestsKeepNoProof: who does not prove who they are cannot fill what
// is remembered.
func TestRefusedRequestsKeepNoProof(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	h, c := newHolder(t), r.client(access.Profile{})
	proof := h.proof(r, "POST", issuer+TokenPath, "")
	r.post(TokenPath, with(service.ClientSecret{Client: c.Client, Secret: "x"}, "grant_type", "client_credentials"), "DPoP", proof).is(t, 401, "invalid_client")
	r.post(TokenPath, with(c, "grant_type", "client_credentials"), "DPoP", proof).is(t, 200, "")
}

// FuzzProof: no text but a proof by the key it names is one.
func FuzzProof(f *testing.F) {
	r := newRig(f)
	h := newHolder(f)
	f.Add(h.proof(r, "GET", thing, ""))
	f.Add("a.b.c")
	f.Fuzz(func(t *testing.T, text string) {
		c, jkt, err := readProof(text)
		if err == nil && (jkt == "" || c.ID == "" || c.IssuedAt == nil) {
			t.Errorf("%q: %+v", text, c)
		}
		if _, bad := err.(*proofError); err != nil && !bad {
			t.Errorf("%q: %v", text, err)
		}
		q := httptest.NewRequest(http.MethodGet, "/v1/thing", nil)
		q.Header.Set("DPoP", text)
		if s, err := r.server.prover.read(q, "token"); err == nil {
			t.Errorf("%q is a proof for a token that it does not name: %+v", text, s)
		}
		if fault.KindOf(err) == fault.Unavailable {
			t.Error(err)
		}
	})
}
