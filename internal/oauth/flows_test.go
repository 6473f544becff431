package oauth

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/delegation"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/login"
)

// published gives the key set as anybody gets it.
func (r *rig) published() (set jose.JSONWebKeySet) {
	r.Helper()
	w := httptest.NewRecorder()
	r.mux.ServeHTTP(w, httptest.NewRequest("GET", KeysPath, nil))
	if err := json.Unmarshal(w.Body.Bytes(), &set); err != nil || strings.Contains(w.Body.String(), `"d"`) {
		r.Fatalf("keys %s %v", w.Body, err)
	}
	return set
}

// claims reads a JWT of the server by its published keys alone.
func (r *rig) claims(token, typ string) (out map[string]any) {
	r.Helper()
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.ES256, jose.EdDSA})
	if err != nil {
		r.Fatal(err)
	}
	if got := parsed.Headers[0].ExtraHeaders["typ"]; got != typ {
		r.Errorf("typ %v, want %s", got, typ)
	}
	for _, k := range r.published().Keys {
		if k.KeyID == parsed.Headers[0].KeyID {
			r.must(parsed.Claims(k, &out))
		}
	}
	if out == nil {
		r.Fatal("the token's key is not published")
	}
	return out
}

// TestLogin is the whole way: a request, the login, the question, the code, tokens,
// a refresh, what the client learns, and the end.
func TestLogin(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, r *rig) {
		c, mara := r.client(web()), r.person("mara@test.example")
		b := r.browser()
		asked := b.get(authorizeURL(c, "scope", "openid profile email documents:read documents:write", "nonce", "n-1"))
		if !strings.HasPrefix(asked.header.Get("Location"), login.Path+"?") {
			t.Fatalf("not sent to the login: %d %v", asked.status, asked.header)
		}
		back := b.enter(asked, mara)
		question := b.get(back.header.Get("Location"))
		for _, want := range []string{"A program", "mara@test.example", "Read documents, their pages", "app.example", "Know your name."} {
			if !strings.Contains(question.body, want) {
				t.Errorf("the page does not say %q", want)
			}
		}
		if strings.Contains(question.body, "Upload documents") {
			t.Error("the page offers what the person may not")
		}
		q := b.back(b.submit(AuthorizePath, url.Values{"form": {question.field(t)}, "answer": {"allow"}}))
		if q.Get("state") != "st&te" || q.Get("iss") != issuer || q.Get("x") != "1" {
			t.Errorf("sent back with %v", q)
		}
		first := r.redeem(c, q.Get("code")).is(t, 200, "")
		if first.text("token_type") != "Bearer" || first.json["expires_in"] != 600.0 || first.text("scope") != "openid profile email documents:read" {
			t.Errorf("tokens %s", first.body)
		}
		at, id := r.claims(first.text("access_token"), "at+jwt"), r.claims(first.text("id_token"), "JWT")
		if at["sub"] != mara.Client.ID || at["client_id"] != c.Client.ID || at["principal"] != "mara@test.example" || !has(at["amr"], "pwd") || at["auth_time"] != float64(r.clock.Now().Unix()) {
			t.Errorf("access token %v", at)
		}
		if id["sub"] != mara.Client.ID || id["nonce"] != "n-1" || id["iss"] != issuer || id["aud"] != c.Client.ID && !has(id["aud"], c.Client.ID) || id["email"] != "mara@test.example" || id["name"] != "Mara Lind" || id["at_hash"] == nil {
			t.Errorf("ID token %v", id)
		}
		actor := r.alive(first.text("access_token"))
		if actor.Kind != access.Human || actor.ID != mara.Client.ID || actor.Client != c.Client.ID || len(actor.Scopes) != 1 || actor.Scopes[0] != access.DocumentsRead {
			t.Errorf("actor %+v", actor)
		}
		info := httptest.NewRequest("GET", UserInfoPath, nil)
		info.Header.Set("Authorization", "Bearer "+first.text("access_token"))
		if p := r.do(info); p.text("sub") != mara.Client.ID || p.text("email") != "mara@test.example" {
			t.Errorf("userinfo %s", p.body)
		}
		second := r.refresh(c, first.text("refresh_token"), "scope", "documents:read").is(t, 200, "")
		if second.text("scope") != "documents:read" || second.text("id_token") != "" || second.text("refresh_token") == first.text("refresh_token") {
			t.Errorf("refreshed %s", second.body)
		}
		// Who has allowed a program with a secret all of this is not asked again.
		if p := b.get(authorizeURL(c)); b.back(p).Get("code") == "" {
			t.Error("asked again")
		}
		if n := r.entries(journal.DelegationGranted); n != 2 {
			t.Errorf("%d delegations in the journal", n)
		}
		r.post(RevokePath, with(c, "token", second.text("refresh_token"))).is(t, 200, "")
		r.refresh(c, second.text("refresh_token")).is(t, 400, "invalid_grant")
		r.dead(first.text("access_token"))
		if n := r.entries(journal.DelegationRevoked); n != 1 {
			t.Errorf("%d revocations in the journal", n)
		}
	})
}

func TestRefusedByThePerson(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.client(web())
	b := r.loggedIn(r.person("mara@test.example"))
	p := b.get(authorizeURL(c))
	q := b.back(b.submit(AuthorizePath, url.Values{"form": {p.field(t)}, "answer": {"deny"}}))
	if q.Get("error") != "access_denied" || q.Get("state") != "st&te" || q.Get("iss") != issuer || q.Has("code") {
		t.Errorf("%v", q)
	}
}

// TestPrompts is OpenID Connect Core section 3.1.2.1.
func TestPrompts(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c, mara := r.client(web()), r.person("mara@test.example")
	if q := r.browser().back(r.browser().get(authorizeURL(c, "prompt", "none"))); q.Get("error") != "login_required" {
		t.Errorf("prompt=none without a login: %v", q)
	}
	b := r.loggedIn(mara)
	if q := b.back(b.get(authorizeURL(c, "prompt", "none"))); q.Get("error") != "consent_required" {
		t.Errorf("prompt=none before consent: %v", q)
	}
	b.allow(c)
	if q := b.back(b.get(authorizeURL(c, "prompt", "none"))); q.Get("code") == "" {
		t.Errorf("prompt=none after consent: %v", q)
	}
	if p := b.get(authorizeURL(c, "prompt", "consent")); p.status != 200 {
		t.Errorf("prompt=consent did not ask: %d", p.status)
	}
	for _, pair := range [][2]string{{"prompt", "login"}, {"max_age", "60"}, {"max_age", "0"}} {
		r.clock.Advance(2 * 60 * 1e9)
		again := b.get(authorizeURL(c, pair[0], pair[1]))
		if !strings.Contains(again.header.Get("Location"), "fresh=1") {
			t.Errorf("%v: not sent to log in again: %v", pair, again.header)
			continue
		}
		r.clock.Advance(5e9)
		in := b.enter(again, mara)
		if q := b.back(b.get(in.header.Get("Location"))); q.Get("code") == "" {
			t.Errorf("%v: a new login is not enough: %v", pair, q)
		}
	}
	if q := b.back(b.get(authorizeURL(c, "max_age", "600"))); q.Get("code") == "" {
		t.Errorf("max_age: a young login is not enough: %v", q)
	}
}

// TestPushed is RFC 9126.
func TestPushed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := web()
	p.Pushed = true
	c := r.client(p)
	b := r.loggedIn(r.person("mara@test.example"))
	if q := b.back(b.get(authorizeURL(c))); q.Get("error") != "invalid_request" {
		t.Errorf("not pushed: %v", q)
	}
	u, err := url.Parse(authorizeURL(c))
	r.must(err)
	form := u.Query()
	form.Set("client_secret", c.Secret)
	pushed := r.post(PushPath, form)
	if pushed.status != http.StatusCreated || pushed.json["expires_in"] != 600.0 {
		t.Fatalf("%d %s", pushed.status, pushed.body)
	}
	short := AuthorizePath + "?" + url.Values{"client_id": {c.Client.ID}, "request_uri": {pushed.text("request_uri")}, "scope": {"admin"}, "redirect_uri": {"https://evil.example"}}.Encode()
	page := b.get(short)
	q := b.back(b.submit(AuthorizePath, url.Values{"form": {page.field(t)}, "answer": {"allow"}}))
	if got := r.redeem(c, q.Get("code")).is(t, 200, "").text("scope"); got != "documents:read" {
		t.Errorf("scope %q", got)
	}
	if again := b.get(short); again.status != 400 || again.header.Get("Location") != "" {
		t.Errorf("a request that was answered: %d", again.status)
	}
	if again := b.submit(AuthorizePath, url.Values{"form": {page.field(t)}, "answer": {"allow"}}); again.status != http.StatusConflict {
		t.Errorf("a form that was answered: %d", again.status)
	}
	other := r.client(p)
	pushed = r.post(PushPath, form)
	foreign := AuthorizePath + "?" + url.Values{"client_id": {other.Client.ID}, "request_uri": {pushed.text("request_uri")}}.Encode()
	if got := b.get(foreign); got.status != 400 {
		t.Errorf("another client's request: %d", got.status)
	}
	r.clock.Advance(pushLife)
	if got := b.get(AuthorizePath + "?" + url.Values{"client_id": {c.Client.ID}, "request_uri": {pushed.text("request_uri")}}.Encode()); got.status != 400 {
		t.Errorf("a request that has run out: %d", got.status)
	}
	for name, change := range map[string][2]string{"invalid_request": {"code_challenge", ""}, "invalid_scope": {"scope", "root"}, "invalid_target": {"resource", "https://other.example"}, "unsupported_response_type": {"response_type", "token"}} {
		bad := url.Values{}
		for k, v := range form {
			bad[k] = v
		}
		bad.Set(change[0], change[1])
		r.post(PushPath, bad).is(t, 400, name)
	}
	form.Set("request_uri", pushed.text("request_uri"))
	r.post(PushPath, form).is(t, 400, "invalid_request")
}

// TestDevice is RFC 8628.
func TestDevice(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, r *rig) {
		c, mara := r.client(app()), r.person("mara@test.example")
		st := r.post(StartPath, with(c, "scope", "documents:read openid")).is(t, 200, "")
		poll := func() reply {
			return r.token(c, "grant_type", string(access.GrantDevice), "device_code", st.text("device_code"))
		}
		poll().is(t, 400, "authorization_pending")
		poll().is(t, 400, "slow_down")
		b := r.browser()
		where, err := url.Parse(st.text("verification_uri_complete"))
		r.must(err)
		in := b.enter(b.get(where.RequestURI()), mara)
		page := b.get(in.header.Get("Location"))
		code := st.text("user_code")
		if !strings.Contains(page.body, `value="`+code+`"`) {
			t.Errorf("the code is not filled in: %s", page.body)
		}
		typed := strings.ToLower(strings.ReplaceAll(code, "-", " "))
		ask := b.submit(DevicePath, url.Values{"user_code": {typed}})
		if !strings.Contains(ask.body, "A program") || !strings.Contains(ask.body, code) {
			t.Errorf("the question: %s", ask.body)
		}
		if done := b.submit(DevicePath, url.Values{"form": {ask.field(t)}, "answer": {"allow"}}); !strings.Contains(done.body, "The device is connected") {
			t.Errorf("%d %s", done.status, done.body)
		}
		r.clock.Advance(2 * delegation.DeviceInterval)
		out := poll().is(t, 200, "")
		if a := r.alive(out.text("access_token")); a.ID != mara.Client.ID || a.Kind != access.Human {
			t.Errorf("actor %+v", a)
		}
		if out.text("id_token") == "" || out.text("refresh_token") == "" {
			t.Errorf("tokens %s", out.body)
		}
		poll().is(t, 400, "invalid_grant")
		r.refresh(c, out.text("refresh_token")).is(t, 200, "")
	})
}

// TestIntrospection is RFC 7662.
func TestIntrospection(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const api = "https://erp.example/api"
	asking := r.client(access.Profile{Resources: []string{api}})
	serving := r.client(access.Profile{Serves: []string{api}})
	stranger := r.client(access.Profile{})
	public := r.client(app())
	token := r.token(asking, "grant_type", "client_credentials", "resource", api).is(t, 200, "").text("access_token")
	for _, c := range []struct {
		name   string
		active bool
		p      reply
	}{
		{"its client", true, r.post(IntrospectPath, with(asking, "token", token))},
		{"its resource", true, r.post(IntrospectPath, with(serving, "token", token))},
		{"a stranger", false, r.post(IntrospectPath, with(stranger, "token", token))},
		{"no token", false, r.post(IntrospectPath, with(asking, "token", "x"))},
	} {
		if c.p.status != 200 || c.p.json["active"] != c.active || !c.active && len(c.p.json) != 1 {
			t.Errorf("%s: %d %s", c.name, c.p.status, c.p.body)
		}
	}
	r.post(IntrospectPath, with(public, "token", token)).is(t, 401, "invalid_client")
	if p := r.post(IntrospectPath, with(serving, "token", token)); !has(p.json["aud"], api) || p.text("client_id") != asking.Client.ID || p.json["exp"] == nil {
		t.Errorf("%s", p.body)
	}
	r.post(RevokePath, with(stranger, "token", token)).is(t, 200, "")
	if p := r.post(IntrospectPath, with(serving, "token", token)); p.json["active"] != true {
		t.Errorf("a stranger has revoked it: %s", p.body)
	}
	r.post(RevokePath, with(asking, "token", token)).is(t, 200, "")
	if p := r.post(IntrospectPath, with(serving, "token", token)); p.json["active"] != false {
		t.Errorf("revoked: %s", p.body)
	}
	if n := r.entries(journal.TokenRevoked); n != 1 {
		t.Errorf("%d revocations in the journal", n)
	}
	mara := r.person("mara@test.example")
	w := r.client(web())
	tokens := r.redeem(w, r.loggedIn(mara).allow(w).Get("code"))
	if p := r.post(IntrospectPath, with(w, "token", tokens.text("refresh_token"))); p.json["active"] != true || p.text("sub") != mara.Client.ID {
		t.Errorf("a refresh token: %s", p.body)
	}
	if p := r.post(IntrospectPath, with(serving, "token", tokens.text("refresh_token"))); p.json["active"] != false {
		t.Errorf("another's refresh token: %s", p.body)
	}
}

// TestExchange is RFC 8693: a resource calls Paraph in the name of whoever called it.
func TestExchange(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const api = "https://erp.example/api"
	p := web()
	p.Resources = []string{api}
	w, mara := r.client(p), r.person("mara@test.example", access.DocumentsRead, access.DocumentsWrite)
	erp := r.client(access.Profile{Grants: []access.GrantType{access.GrantExchange}, Serves: []string{api}}, access.DocumentsRead)
	b := r.loggedIn(mara)
	tokens := r.redeem(w, b.allow(w, "resource", api, "scope", "documents:read documents:write").Get("code")).is(t, 200, "")
	subject := tokens.text("access_token")
	if c := r.claims(subject, "at+jwt"); c["aud"] != api && !has(c["aud"], api) {
		t.Errorf("aud %v", c["aud"])
	}
	if _, err := r.verify(subject); err == nil {
		t.Error("a token for another resource works here")
	}
	exchange := func(pairs ...string) reply {
		return r.token(erp, append([]string{"grant_type", string(access.GrantExchange), "subject_token", subject, "subject_token_type", accessTokenType}, pairs...)...)
	}
	r.clock.Advance(4 * 60 * 1e9)
	out := exchange().is(t, 200, "")
	if out.text("issued_token_type") != accessTokenType || out.json["expires_in"] != 360.0 || out.text("scope") != "documents:read" {
		t.Errorf("it may more, or for longer, than it did: %s", out.body)
	}
	a := r.alive(out.text("access_token"))
	if a.Kind != access.Client || a.ID != erp.Client.ID || a.OnBehalfOf != "mara@test.example" || a.Principal != "mara@test.example" {
		t.Errorf("actor %+v", a)
	}
	if act, _ := r.claims(out.text("access_token"), "at+jwt")["act"].(map[string]any); act["sub"] != erp.Client.ID {
		t.Errorf("act %v", act)
	}
	if n := r.entries(journal.TokenExchanged); n != 1 {
		t.Errorf("%d exchanges in the journal", n)
	}
	exchange("scope", "documents:write").is(t, 400, "invalid_scope")
	exchange("resource", "https://third.example").is(t, 400, "invalid_target")
	exchange("actor_token", "x").is(t, 400, "invalid_request")
	exchange("requested_token_type", "urn:ietf:params:oauth:token-type:refresh_token").is(t, 400, "invalid_request")
	foreign := r.client(access.Profile{Grants: []access.GrantType{access.GrantExchange}, Serves: []string{"https://other.example"}})
	r.token(foreign, "grant_type", string(access.GrantExchange), "subject_token", subject, "subject_token_type", accessTokenType).is(t, 400, "invalid_request")
	r.token(w, "grant_type", string(access.GrantExchange), "subject_token", subject, "subject_token_type", accessTokenType).is(t, 400, "unauthorized_client")
	// What the person takes back ends here, too.
	r.post(RevokePath, with(w, "token", tokens.text("refresh_token"))).is(t, 200, "")
	r.dead(out.text("access_token"))
	exchange().is(t, 400, "invalid_request")
}

// TestDiscovery: both documents are the same, and name only what is there.
func TestDiscovery(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var m map[string]any
	for _, path := range []string{MetadataPath, OpenIDPath} {
		m = r.do(httptest.NewRequest("GET", path, nil)).is(t, 200, "").json
		if m["issuer"] != issuer || !has(m["code_challenge_methods_supported"], "S256") || has(m["code_challenge_methods_supported"], "plain") ||
			m["authorization_response_iss_parameter_supported"] != true || has(m["response_types_supported"], "token") {
			t.Errorf("%s: %v", path, m)
		}
	}
	for name, at := range m {
		if !strings.HasSuffix(name, "_endpoint") && name != "jwks_uri" {
			continue
		}
		path := strings.TrimPrefix(at.(string), issuer)
		if p := r.do(httptest.NewRequest("GET", path, nil)); p.status == http.StatusNotFound {
			t.Errorf("%s: nothing is at %s", name, path)
		}
	}
	bare := newRig(t, func(c *Config) { c.Login = nil })
	if p := bare.do(httptest.NewRequest("GET", MetadataPath, nil)); p.json["authorization_endpoint"] != nil || has(p.json["grant_types_supported"], "authorization_code") {
		t.Errorf("without people: %s", p.body)
	}
	bare.token(bare.admin, "grant_type", "authorization_code").is(t, 400, "unsupported_grant_type")
}
