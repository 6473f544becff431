package oauth

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/service"
)

// Refusals that no demand of the standards names, each shown by itself: what scripts/mutants
// makes false has to turn a test red.

// forge signs claims as this server does.
func (r *rig) forge(c service.ClientSecret, pairs ...any) string {
	r.Helper()
	key, err := r.keys.signing(r.Context())
	r.must(err)
	now := r.clock.Now()
	claims := map[string]any{"iss": issuer, "aud": issuer, "sub": c.Client.ID, "client_id": c.Client.ID, "jti": newJTI(), "org": c.Client.Org, "principal": "p", "scope": "documents:read",
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(time.Minute).Unix()}
	return sign(r, jose.ES256, key.private.(*ecdsa.PrivateKey), map[jose.HeaderKey]any{"kid": key.ID, "typ": tokenType}, changed(claims, pairs...))
}

// TestRefusedTokens: tokens that are signed by this server, and say what it never does.
func TestRefusedTokens(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.client(access.Profile{})
	r.must(r.otherOrganisation("org_other"))
	stranger := r.personOf("org_other", "eve@other.example")
	r.alive(r.forge(c))
	for name, token := range map[string]string{
		"very long":                        r.forge(c, "x", strings.Repeat("a", maxToken)),
		"somebody of another organisation": r.forge(c, "sub", stranger.Client.ID, "dlg", "dlg_1"),
	} {
		if _, err := r.verify(token); fault.CodeOf(err) != "invalid_token" {
			t.Errorf("%s: %v", name, err)
		}
	}
	lonely := r.verifier.Config
	lonely.Users = nil
	q := httptest.NewRequest("GET", "/", nil)
	q.Header.Set("Authorization", "Bearer "+r.forge(c, "sub", r.person("mara@test.example").Client.ID, "dlg", "dlg_1"))
	if _, err := NewVerifier(lonely).Verify(q, http.Header{}); fault.CodeOf(err) != "invalid_token" {
		t.Errorf("nobody knows people: %v", err)
	}
	q.Header.Set("Authorization", "Bearer ")
	if _, err := r.verifier.Verify(q, http.Header{}); fault.CodeOf(err) != "credentials_missing" {
		t.Errorf("a scheme alone: %v", err)
	}
	const api = "https://erp.example/api"
	erp := r.client(access.Profile{Grants: []access.GrantType{access.GrantExchange}, Serves: []string{api}})
	acts := any(nil)
	for range maxActors {
		acts = map[string]any{"sub": c.Client.ID, "act": acts}
	}
	exchange := func(token string) reply {
		return r.token(erp, "grant_type", string(access.GrantExchange), "subject_token", token, "subject_token_type", accessTokenType)
	}
	if p := exchange(r.forge(c, "aud", api, "act", acts)).is(t, 400, "invalid_request"); !strings.Contains(p.body, "Too many clients") {
		t.Errorf("%s", p.body)
	}
}

// TestRefusedForms: requests to the token endpoint and its neighbours that lack something.
func TestRefusedForms(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w, c := r.client(web()), r.client(access.Profile{Resources: []string{"https://erp.example/api"}})
	r.token(w, "grant_type", "authorization_code", "code_verifier", verifier, "redirect_uri", redirect).is(t, 400, "invalid_request")
	r.token(w, "grant_type", "refresh_token").is(t, 400, "invalid_request")
	r.token(r.client(app()), "grant_type", string(access.GrantDevice)).is(t, 400, "invalid_request")
	r.post(IntrospectPath, with(c)).is(t, 400, "invalid_request")
	r.post(RevokePath, with(c)).is(t, 400, "invalid_request")
	form := with(c, "grant_type", "client_credentials")
	form["resource"] = []string{issuer, "https://erp.example/api"}
	r.post(TokenPath, form).is(t, 400, "invalid_target")
	two := httptest.NewRequest("POST", TokenPath, strings.NewReader("grant_type=client_credentials"))
	two.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	two.Header.Add("Authorization", basicOf(c.Client, c.Secret))
	two.Header.Add("Authorization", basicOf(c.Client, c.Secret))
	r.do(two).is(t, 401, "invalid_client")
	public := with(r.client(app()), "grant_type", "refresh_token", "refresh_token", "x", "client_assertion", "x", "client_assertion_type", assertionType)
	r.post(TokenPath, public).is(t, 401, "invalid_client")
	info := httptest.NewRequest("GET", UserInfoPath, nil)
	for name, token := range map[string]string{
		"of a program": r.forge(c, "scope", "openid"), "without openid": r.redeem(w, r.loggedIn(r.person("mara@test.example")).allow(w).Get("code")).text("access_token"),
	} {
		info.Header.Set("Authorization", "Bearer "+token)
		if p := r.do(info); p.status != http.StatusForbidden {
			t.Errorf("what a token %s tells of a person: %d %s", name, p.status, p.body)
		}
	}
	once := r.client(access.Profile{Grants: []access.GrantType{access.GrantCode}, RedirectURIs: []string{redirect}})
	if p := r.redeem(once, r.loggedIn(r.person("ben@test.example")).allow(once).Get("code")).is(t, 200, ""); p.text("refresh_token") != "" {
		t.Error("a client that may not refresh got a refresh token")
	}
	if fault.CodeOf(r.keys.Withdraw(t.Context(), "x")) != "not_found" {
		t.Error("a key that is not there was withdrawn")
	}
}

// TestRefusedRequests: authorization requests that ask for what is not to be had.
func TestRefusedRequests(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.client(web())
	b := r.loggedIn(r.person("mara@test.example"))
	for name, a := range map[string]struct {
		pairs []string
		want  string
	}{
		"a JWT":            {[]string{"request", "x"}, "request_not_supported"},
		"no response type": {[]string{"response_type", ""}, "invalid_request"},
		"a long state":     {[]string{"state", strings.Repeat("s", maxState+1)}, "invalid_request"},
		"a long nonce":     {[]string{"nonce", strings.Repeat("n", maxState+1)}, "invalid_request"},
		"another prompt":   {[]string{"prompt", "create"}, "invalid_request"},
		"none and more":    {[]string{"prompt", "none login"}, "invalid_request"},
		"no right of it":   {[]string{"scope", "documents:write"}, "access_denied"},
	} {
		if q := b.back(b.get(authorizeURL(c, a.pairs...))); q.Get("error") != a.want {
			t.Errorf("%s: %v", name, q)
		}
	}
	pushed := r.post(PushPath, with(c, "response_type", "code", "redirect_uri", redirect, "code_challenge", challenge(), "code_challenge_method", "S256")).is(t, 201, "")
	short := url.Values{"client_id": {c.Client.ID}, "request_uri": {pushed.text("request_uri")}}.Encode()
	if p := b.get(AuthorizePath + "?" + short + "&client_id=" + c.Client.ID); p.status != http.StatusBadRequest {
		t.Errorf("a client twice beside a pushed request: %d", p.status)
	}
	if p := b.get(AuthorizePath + "?" + short); p.status != http.StatusOK {
		t.Errorf("a pushed request: %d", p.status)
	}
	// What was registered when the question was asked has to be when it is answered.
	allow := func(page reply) reply {
		return b.submit(AuthorizePath, url.Values{"form": {page.field(t)}, "answer": {"allow"}})
	}
	page := b.get(authorizeURL(c, "prompt", "consent"))
	moved := web()
	moved.RedirectURIs = []string{"https://app.example/elsewhere"}
	_, err := r.svc.ChangeClient(t.Context(), r.call(), c.Client.ID, 0, func(n *service.NewClient) error { n.Profile = moved; return nil })
	r.must(err)
	if p := allow(page); p.status != http.StatusBadRequest || p.header.Get("Location") != "" {
		t.Errorf("an address that is not registered any more: %d %v", p.status, p.header)
	}
	gone := r.client(web())
	page = b.get(authorizeURL(gone))
	_, err = r.svc.RevokeClient(t.Context(), r.call(), gone.Client.ID)
	r.must(err)
	if p := allow(page); p.status != http.StatusBadRequest {
		t.Errorf("a client that was revoked: %d", p.status)
	}
}

// restarted forgets what was used before a time.
type restarted struct {
	Replays
	since time.Time
}

func (r *restarted) OnceSince() time.Time { return r.since }

// TestRefusedProofs: DPoP proofs that are too long, of another time, or for an address
// that only looks the same.
func TestRefusedProofs(t *testing.T) {
	t.Parallel()
	replays := &restarted{}
	r := newRig(t, func(c *Config) { replays.Replays = c.Replays; c.Replays = replays })
	c, h := r.client(access.Profile{}), newHolder(t)
	ask := func(proof string) reply {
		return r.post(TokenPath, with(c, "grant_type", "client_credentials"), "DPoP", proof)
	}
	proof := func(change ...any) string { return h.proof(r, "POST", issuer+TokenPath, "", change...) }
	ask(proof()).is(t, 200, "")
	ask(proof("x", strings.Repeat("a", maxProof))).is(t, 400, "invalid_dpop_proof")
	r.clock.Advance(proofLife + 3*leeway)
	ask(proof("nonce", nil)).is(t, 400, "use_dpop_nonce")
	early := proof()
	r.clock.Advance(-time.Minute)
	ask(early).is(t, 400, "use_dpop_nonce")
	r.clock.Advance(time.Minute)
	before := proof()
	replays.since = r.clock.Now().Add(time.Second)
	ask(before).is(t, 400, "use_dpop_nonce")
	for path, want := range map[string]string{"/a%2fb": "/a%2Fb", "/a%41": "/aA", "": "/"} {
		if got := pathOf(path); got != want {
			t.Errorf("%q is %q", path, got)
		}
	}
}

// TestRefusedAssertions: JWTs of a client that names itself beside them.
func TestRefusedAssertions(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	h, other := newHolder(t), newHolder(t)
	c, second := r.client(access.Profile{Auth: access.AuthKey, Keys: h.set(t)}), r.client(access.Profile{Auth: access.AuthKey, Keys: other.set(t)})
	ask := func(pairs ...any) reply {
		now := r.clock.Now()
		claims := map[string]any{"iss": c.Client.ID, "sub": c.Client.ID, "aud": issuer, "jti": newJTI(), "iat": now.Unix(), "exp": now.Add(time.Minute).Unix()}
		return r.post(TokenPath, url.Values{"grant_type": {"client_credentials"}, "client_id": {c.Client.ID}, "client_assertion_type": {assertionType},
			"client_assertion": {sign(t, jose.ES256, h.PrivateKey, nil, changed(claims, pairs...))}})
	}
	ask().is(t, 200, "")
	ask("sub", second.Client.ID).is(t, 401, "invalid_client")
	ask("jti", strings.Repeat("j", maxJTI+1)).is(t, 401, "invalid_client")
	ask("x", strings.Repeat("x", maxAssertion)).is(t, 401, "invalid_client")
}

// TestRefusedCertificates: each member that can name a subject counts; and without
// authorities in the settings the system's vouch for nobody.
func TestRefusedCertificates(t *testing.T) {
	t.Parallel()
	u, err := url.Parse("https://erp.example/id")
	if err != nil {
		t.Fatal(err)
	}
	cert := &x509.Certificate{Subject: pkix.Name{CommonName: "erp"}, DNSNames: []string{"erp.example"}, EmailAddresses: []string{"erp@example.org"}, URIs: []*url.URL{u}, IPAddresses: []net.IP{net.ParseIP("192.0.2.1")}}
	for is, s := range map[access.CertificateSubject]access.CertificateSubject{
		{DN: "CN=erp"}: {DN: "CN=eve"}, {DNS: "erp.example"}: {DNS: "eve.example"}, {Email: "erp@example.org"}: {Email: "eve@example.org"},
		{URI: u.String()}: {URI: "https://eve.example"}, {IP: "192.0.2.1"}: {IP: "192.0.2.2"},
	} {
		if !names(cert, &is) || names(cert, &s) {
			t.Errorf("%+v: %v, %+v: %v", is, names(cert, &is), s, names(cert, &s))
		}
	}
	var log bytes.Buffer
	r := newRig(t, func(c *Config) { c.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	own, _ := certify(t, "erp.example", nil, nil, nil)
	r.certs = []*x509.Certificate{own}
	c := r.client(access.Profile{Auth: access.AuthPKI, Subject: access.CertificateSubject{DNS: "erp.example"}})
	r.token(c, "grant_type", "client_credentials").is(t, 401, "invalid_client")
	if !strings.Contains(log.String(), "no authorities of clients' certificates are configured") {
		t.Errorf("%s", log.String())
	}
}
