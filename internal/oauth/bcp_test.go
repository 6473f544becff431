package oauth

import (
	"bytes"
	"encoding/base64"
	"encoding/csv"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/delegation"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/login"
	"github.com/paraph/paraph/internal/testneed"
)

// The demands of RFC 9700, each by its name. docs/security/oauth.csv lists them.

// TestCodeReplayRevokes: a code that comes twice ends all that came of it (RFC
// 6749 section 4.1.2).
func TestCodeReplayRevokes(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, r *rig) {
		c := r.client(web())
		b := r.loggedIn(r.person("mara@test.example"))
		code := b.allow(c).Get("code")
		first := r.redeem(c, code).is(t, 200, "")
		r.redeem(c, code).is(t, 400, "invalid_grant")
		r.refresh(c, first.text("refresh_token")).is(t, 400, "invalid_grant")
		r.dead(first.text("access_token"))
		if n := r.entries(journal.DelegationReused); n != 1 {
			t.Errorf("%d entries in the journal", n)
		}
		if b.get(authorizeURL(c)).status != http.StatusOK {
			t.Error("after a replay the person is not asked again")
		}
	})
}

// TestCodeIsRedeemedOnce: of many that redeem a code at once, at most one gets
// tokens, and none that work afterwards.
func TestCodeIsRedeemedOnce(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, r *rig) {
		c := r.client(web())
		code := r.loggedIn(r.person("mara@test.example")).allow(c).Get("code")
		got := make([]reply, 20)
		var all sync.WaitGroup
		for i := range got {
			all.Go(func() { got[i] = r.redeem(c, code) })
		}
		all.Wait()
		var tokens []string
		for _, p := range got {
			if p.status == 200 {
				tokens = append(tokens, p.text("access_token"))
			} else {
				p.is(t, 400, "invalid_grant")
			}
		}
		if len(tokens) > 1 {
			t.Fatalf("%d got tokens", len(tokens))
		}
		for _, token := range tokens {
			r.dead(token)
		}
	})
}

// TestCodeIsBound: a code works for its client, its redirect URI and its verifier
// only, for a minute; and one that was sent with something wrong is spent.
func TestCodeIsBound(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c, other := r.client(web()), r.client(web())
	b := r.loggedIn(r.person("mara@test.example"))
	for name, redeem := range map[string]func(code string) reply{
		"another client": func(code string) reply { return r.redeem(other, code) },
		"another redirect URI": func(code string) reply {
			return r.token(c, "grant_type", "authorization_code", "code", code, "redirect_uri", "https://app.example/done", "code_verifier", verifier)
		},
		"no redirect URI": func(code string) reply {
			return r.token(c, "grant_type", "authorization_code", "code", code, "code_verifier", verifier)
		},
		"another verifier": func(code string) reply {
			return r.token(c, "grant_type", "authorization_code", "code", code, "redirect_uri", redirect, "code_verifier", verifier+"x")
		},
		"the challenge as verifier": func(code string) reply {
			return r.token(c, "grant_type", "authorization_code", "code", code, "redirect_uri", redirect, "code_verifier", challenge())
		},
		"too late": func(code string) reply { r.clock.Advance(delegation.CodeLife); return r.redeem(c, code) },
	} {
		code := b.allow(c).Get("code")
		if p := redeem(code); p.status != 400 || p.text("error") != "invalid_grant" {
			t.Errorf("%s: %d %s", name, p.status, p.body)
		}
		p := r.redeem(c, code)
		if own := name == "another client"; (p.status == 200) != own {
			t.Errorf("%s, and then as it should be: %d %s", name, p.status, p.body)
		}
	}
	code := b.allow(c).Get("code")
	r.token(c, "grant_type", "authorization_code", "code", code, "redirect_uri", redirect).is(t, 400, "invalid_request")
}

// TestPKCEDowngrade: no request goes without a challenge by SHA-256 (RFC 9700
// section 2.1.1).
func TestPKCEDowngrade(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := r.loggedIn(r.person("mara@test.example"))
	for _, c := range []access.Profile{web(), app()} {
		cl := r.client(c)
		for name, pairs := range map[string][]string{
			"no challenge": {"code_challenge", "", "code_challenge_method", ""}, "no method": {"code_challenge_method", ""},
			"plain": {"code_challenge_method", "plain"}, "another method": {"code_challenge_method", "s256"},
			"short": {"code_challenge", "abc"}, "padded": {"code_challenge", challenge() + "="}, "the verifier": {"code_challenge", verifier[:40]},
		} {
			if q := b.back(b.get(authorizeURL(cl, pairs...))); q.Get("error") != "invalid_request" || q.Has("code") {
				t.Errorf("%s: %v", name, q)
			}
		}
	}
}

// TestRedirectMismatch: nobody is sent to an address that is not registered as it
// stands (RFC 9700 section 4.1); the person is told instead.
func TestRedirectMismatch(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.client(web())
	for _, b := range []*browser{r.browser(), r.loggedIn(r.person("mara@test.example"))} {
		for _, uri := range []string{"", "https://evil.example", redirect + "&y=2", "https://app.example/done", redirect + "#", strings.ToUpper(redirect), "https://app.example@evil.example/done?x=1",
			"https://app.example.evil.example/done?x=1", "https://app.example/done/../done?x=1", "javascript:alert(1)", "//evil.example", `https://app.example\@evil.example/done?x=1`} {
			p := b.get(authorizeURL(c, "redirect_uri", uri, "response_type", "token"))
			if p.status != http.StatusBadRequest || p.header.Get("Location") != "" {
				t.Errorf("%q: %d %v", uri, p.status, p.header)
			}
		}
	}
	twice := r.browser().get(authorizeURL(c) + "&redirect_uri=https%3A%2F%2Fevil.example")
	if twice.status != http.StatusBadRequest || twice.header.Get("Location") != "" {
		t.Errorf("two redirect URIs: %d", twice.status)
	}
	if p := r.browser().get(AuthorizePath + "?client_id=cli_unknown&redirect_uri=https://evil.example"); p.status != http.StatusBadRequest || strings.Contains(p.body, "evil.example") {
		t.Errorf("an unknown client: %d %s", p.status, p.body)
	}
}

// TestOpenRedirect: the login leads to pages of this server only (RFC 9700 section 4.11).
func TestOpenRedirect(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	mara := r.person("mara@test.example")
	for _, next := range []string{"https://evil.example", "//evil.example", `/\evil.example`, `\\evil.example`, "/\t/evil.example", "http:/evil.example", "javascript:alert(1)", "/%0d%0aLocation:x\r\n", "evil", "/é", "/ok\x00"} {
		b := r.browser()
		p := b.get(login.Path + "?" + url.Values{"next": {next}}.Encode())
		in := b.submit(login.Path, url.Values{"form": {p.field(t)}, "key": {mara.Client.ID}, "secret": {mara.Secret}})
		if got := in.header.Get("Location"); in.status != http.StatusSeeOther || got != login.AccountPath {
			t.Errorf("%q leads to %d %q", next, in.status, got)
		}
		again := b.get(login.Path + "?" + url.Values{"next": {next}}.Encode())
		if again.header.Get("Location") != login.AccountPath {
			t.Errorf("%q leads somebody who is logged in to %q", next, again.header.Get("Location"))
		}
	}
}

// TestMixUp: every answer says who gives it, errors too (RFC 9207, RFC 9700
// section 4.4), and a code tells nothing to another server's client.
func TestMixUp(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.client(web())
	b := r.loggedIn(r.person("mara@test.example"))
	for _, q := range []url.Values{b.allow(c), b.back(b.get(authorizeURL(c, "scope", "root"))), b.back(b.get(authorizeURL(c, "response_type", "token"))), b.back(b.get(authorizeURL(c, "prompt", "none", "max_age", "x")))} {
		if !slices.Equal(q["iss"], []string{issuer}) || !slices.Equal(q["state"], []string{"st&te"}) {
			t.Errorf("%v", q)
		}
	}
}

// TestNoImplicitNoPassword: RFC 9700 sections 2.1.2 and 2.4.
func TestNoImplicitNoPassword(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.client(web())
	b := r.loggedIn(r.person("mara@test.example"))
	for _, kind := range []string{"token", "id_token", "code token", "code id_token", "none"} {
		if q := b.back(b.get(authorizeURL(c, "response_type", kind))); q.Get("error") != "unsupported_response_type" {
			t.Errorf("%s: %v", kind, q)
		}
	}
	for _, mode := range []string{"fragment", "form_post", "web_message"} {
		if q := b.back(b.get(authorizeURL(c, "response_mode", mode))); q.Get("error") != "invalid_request" {
			t.Errorf("%s: %v", mode, q)
		}
	}
	r.token(c, "grant_type", "password", "username", "mara@test.example", "password", "x").is(t, 400, "unsupported_grant_type")
	r.token(c, "grant_type", "client_credentials").is(t, 400, "unauthorized_client")
}

// TestStolenRefreshToken: whoever uses a refresh token after its owner did, or
// before, ends the whole family with the access tokens it gave (RFC 9700 section 4.14.2).
func TestStolenRefreshToken(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, r *rig) {
		for _, profile := range []access.Profile{web(), app()} {
			c := r.client(profile)
			first := r.redeem(c, r.loggedIn(r.person("mara@test.example")).allow(c).Get("code")).is(t, 200, "")
			stolen := first.text("refresh_token")
			second := r.refresh(c, stolen).is(t, 200, "")
			third := r.refresh(c, second.text("refresh_token")).is(t, 200, "")
			reused := r.entries(journal.DelegationReused)
			r.refresh(c, stolen).is(t, 400, "invalid_grant")
			r.refresh(c, third.text("refresh_token")).is(t, 400, "invalid_grant")
			r.dead(third.text("access_token"))
			r.dead(first.text("access_token"))
			if n := r.entries(journal.DelegationReused); n != reused+1 {
				t.Errorf("%d entries in the journal", n)
			}
		}
	})
}

// TestGraceOfARefresh: within seconds the token before gets the same successor, so
// that a lost answer costs nobody the login; later it is theft.
func TestGraceOfARefresh(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.client(web())
	first := r.redeem(c, r.loggedIn(r.person("mara@test.example")).allow(c).Get("code"))
	second := r.refresh(c, first.text("refresh_token")).is(t, 200, "")
	r.clock.Advance(delegation.Grace)
	again := r.refresh(c, first.text("refresh_token")).is(t, 200, "")
	if again.text("refresh_token") != second.text("refresh_token") {
		t.Error("another successor")
	}
	r.clock.Advance(time.Microsecond)
	r.refresh(c, first.text("refresh_token")).is(t, 400, "invalid_grant")
	r.refresh(c, second.text("refresh_token")).is(t, 400, "invalid_grant")
}

// TestParallelRefreshes: a hundred at once give one family, and one successor.
func TestParallelRefreshes(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, r *rig) {
		c := r.client(web())
		first := r.redeem(c, r.loggedIn(r.person("mara@test.example")).allow(c).Get("code"))
		got := make([]reply, 100)
		var all sync.WaitGroup
		for i := range got {
			all.Go(func() { got[i] = r.refresh(c, first.text("refresh_token")) })
		}
		all.Wait()
		for _, p := range got {
			if p.is(t, 200, "").text("refresh_token") != got[0].text("refresh_token") {
				t.Fatal("two successors")
			}
		}
		r.refresh(c, got[0].text("refresh_token")).is(t, 200, "")
		if n := r.entries(journal.DelegationReused); n != 0 {
			t.Errorf("%d reuses were seen", n)
		}
	})
}

// TestRefreshTokenIsItsClients: another client's refresh token is worth nothing,
// and asking for more than was allowed does not cost it.
func TestRefreshTokenIsItsClients(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c, other := r.client(web()), r.client(web())
	token := r.redeem(c, r.loggedIn(r.person("mara@test.example")).allow(c).Get("code")).text("refresh_token")
	r.refresh(other, token).is(t, 400, "invalid_grant")
	r.refresh(c, token, "scope", "documents:write").is(t, 400, "invalid_scope")
	r.refresh(c, token, "resource", "https://other.example").is(t, 400, "invalid_target")
	for _, forged := range []string{"", "x", token + "x", token[:len(token)-2], strings.Replace(token, ".1.", ".2.", 1), strings.ToUpper(token)} {
		if p := r.refresh(c, forged); p.status != 400 {
			t.Errorf("%q: %d", forged, p.status)
		}
	}
	r.refresh(c, token).is(t, 200, "")
}

// TestRefreshTokenRunsOut: unused, and in the end in any case.
func TestRefreshTokenRunsOut(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.client(web())
	token := r.redeem(c, r.loggedIn(r.person("mara@test.example")).allow(c).Get("code")).text("refresh_token")
	limits := r.svc.Limits
	for left := limits.DelegationTTL - limits.DelegationIdle/2; left > 0; left -= limits.DelegationIdle / 2 {
		r.clock.Advance(limits.DelegationIdle / 2)
		token = r.refresh(c, token).is(t, 200, "").text("refresh_token")
	}
	r.clock.Advance(limits.DelegationIdle / 2)
	r.refresh(c, token).is(t, 400, "invalid_grant")
	token = r.redeem(c, r.loggedIn(r.person("mara@test.example")).allow(c).Get("code")).text("refresh_token")
	r.clock.Advance(limits.DelegationIdle)
	r.refresh(c, token).is(t, 400, "invalid_grant")
}

// TestRevokedPerson: whose access key is revoked acts through no program any more.
func TestRevokedPerson(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c, mara := r.client(web()), r.person("mara@test.example")
	b := r.loggedIn(mara)
	first := r.redeem(c, b.allow(c).Get("code"))
	_, err := r.svc.RevokeClient(t.Context(), r.call(), mara.Client.ID)
	r.must(err)
	r.dead(first.text("access_token"))
	r.refresh(c, first.text("refresh_token")).is(t, 400, "invalid_grant")
	if p := b.get(authorizeURL(c)); !strings.HasPrefix(p.header.Get("Location"), login.Path) {
		t.Errorf("still logged in: %d", p.status)
	}
}

// TestTokensOfOtherOrganisations: a person and a client of two organisations have
// nothing to do with one another.
func TestTokensOfOtherOrganisations(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.client(web())
	r.must(r.otherOrganisation("org_other"))
	stranger := r.personOf("org_other", "eve@other.example")
	b := r.loggedIn(stranger)
	if q := b.back(b.get(authorizeURL(c))); q.Get("error") != "access_denied" {
		t.Errorf("%v", q)
	}
	st := r.post(StartPath, with(r.client(app()))).is(t, 200, "")
	if p := b.submit(DevicePath, url.Values{"user_code": {st.text("user_code")}}); p.status != http.StatusUnprocessableEntity {
		t.Errorf("a device of another organisation: %d", p.status)
	}
}

// TestSecretsStayOutOfAddresses: RFC 9700 section 4.3: credentials in a query are
// not taken, and answers with tokens are kept by nobody.
func TestSecretsStayOutOfAddresses(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	form := with(r.admin, "grant_type", "client_credentials")
	r.post(TokenPath+"?"+form.Encode(), url.Values{}).is(t, 401, "invalid_client")
	if p := r.do(httptest.NewRequest("GET", TokenPath+"?"+form.Encode(), nil)); p.status == 200 {
		t.Error("a token by GET")
	}
	p := r.post(TokenPath, form).is(t, 200, "")
	if p.header.Get("Cache-Control") != "no-store" {
		t.Errorf("%v", p.header)
	}
	q := httptest.NewRequest("GET", "/v1/thing?access_token="+p.text("access_token"), nil)
	if got := r.do(q); got.status != 401 {
		t.Errorf("a token in the query: %d", got.status)
	}
}

// TestChallenges: what the API answers to a request that it refuses.
func TestChallenges(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for authorization, want := range map[string]string{
		"": `Bearer realm="paraph"`, "Basic x": `Bearer realm="paraph"`, "Bearer x": `Bearer realm="paraph", error="invalid_token"`,
		"DPoP x": `DPoP realm="paraph", algs="ES256 EdDSA PS256", error="invalid_token"`,
	} {
		q := httptest.NewRequest("GET", "/v1/thing", nil)
		if authorization != "" {
			q.Header.Set("Authorization", authorization)
		}
		if p := r.do(q); p.status != 401 || p.header.Get("WWW-Authenticate") != want {
			t.Errorf("%q: %d %q", authorization, p.status, p.header.Values("WWW-Authenticate"))
		}
	}
}

// TestClickjacking: the pages can be framed by nobody, run no script but the one that
// asks for passkeys, and tell no address where their reader came from (RFC 9700 sections 4.2 and 4.16).
func TestClickjacking(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := r.loggedIn(r.person("mara@test.example"))
	for _, path := range []string{login.Path + "?fresh", login.AccountPath, DevicePath, authorizeURL(r.client(web())), AuthorizePath} {
		p := b.get(path)
		csp := p.header.Get("Content-Security-Policy")
		if !strings.Contains(csp, "frame-ancestors 'none'") || !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "script-src") != (strings.HasPrefix(path, "/login") || path == login.AccountPath) || strings.Contains(csp, "unsafe") ||
			p.header.Get("X-Frame-Options") != "DENY" || p.header.Get("Referrer-Policy") != "same-origin" || p.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %v", path, p.status, p.header)
		}
	}
}

// TestScriptsInNames: what clients and strangers wrote is shown as text.
func TestScriptsInNames(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	evil := `"><script>alert(1)</script>`
	b := r.loggedIn(r.person("mara@test.example"))
	p := b.submit(DevicePath, url.Values{"user_code": {evil}})
	in := b.get(login.Path + "?fresh=1")
	wrong := b.submit(login.Path, url.Values{"form": {in.field(t)}, "key": {evil}, "secret": {"x"}})
	for _, page := range []reply{p, wrong} {
		if strings.Contains(page.body, "<script>alert") || !strings.Contains(page.body, "&lt;script") {
			t.Errorf("%s", page.body)
		}
	}
}

// TestRedirectStatus: a browser never sends a form on (RFC 9700 section 4.12).
func TestRedirectStatus(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.client(web())
	b := r.loggedIn(r.person("mara@test.example"))
	p := b.get(authorizeURL(c))
	if done := b.submit(AuthorizePath, url.Values{"form": {p.field(t)}, "answer": {"allow"}}); done.status != http.StatusSeeOther {
		t.Errorf("%d", done.status)
	}
}

// basic is the Authorization header of a client with a secret.
func basicOf(c access.OAuthClient, secret string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(c.ID)+":"+url.QueryEscape(secret)))
}

// TestPublicClientsAreAsked: that a person has allowed a client without credentials
// before does not let its twin in (RFC 6749 section 10.2).
func TestPublicClientsAreAsked(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.client(app())
	b := r.loggedIn(r.person("mara@test.example"))
	b.allow(c)
	if p := b.get(authorizeURL(c)); p.status != http.StatusOK {
		t.Errorf("not asked: %d", p.status)
	}
	if q := b.back(b.get(authorizeURL(c, "prompt", "none"))); q.Get("error") != "consent_required" {
		t.Errorf("%v", q)
	}
}

// TestDemandsHaveTests: each demand that is listed names a test that is there.
func TestDemandsHaveTests(t *testing.T) {
	t.Parallel()
	root := testneed.Root(t)
	raw, err := os.ReadFile(filepath.Join(root, "docs", "security", "oauth.csv"))
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(raw)).ReadAll()
	if err != nil || len(rows) < 40 {
		t.Fatalf("%d demands: %v", len(rows), err)
	}
	var tests []byte
	for _, folder := range []string{"oauth", "access", "login"} {
		files, err := filepath.Glob(filepath.Join(root, "internal", folder, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			src, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			tests = append(tests, src...)
		}
	}
	for _, row := range rows[1:] {
		if row[0] == "" || !bytes.Contains(tests, []byte("\nfunc "+row[2]+"(t *testing.T) {")) {
			t.Errorf("%q names the test %q, which is not there", row[0], row[2])
		}
	}
}
