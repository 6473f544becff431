package login

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/people"
	"github.com/paraph/paraph/internal/safehttp"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/store/storetest"
)

// provider is one of OpenID Connect that checks what a client owes it, and can
// misbehave. A real one judges the same code in make judges.
type provider struct {
	*httptest.Server
	t      *testing.T
	key    *ecdsa.PrivateKey
	now    func() time.Time
	asked  url.Values     // the last authorization request
	claims map[string]any // of the next ID token, beside and in place of the usual
	sign   *ecdsa.PrivateKey
	says   map[string]any // of the metadata, in place of the usual
	info   map[string]any // what it tells of the person beside the ID token
}

func newProvider(t *testing.T, now func() time.Time) *provider {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p := &provider{t: t, key: key, sign: key, now: now}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		m := map[string]any{"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/keys", "userinfo_endpoint": p.URL + "/info",
			"id_token_signing_alg_values_supported": []string{"ES256"}, "authorization_response_iss_parameter_supported": true}
		maps.Copy(m, p.says)
		p.answer(w, m)
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		p.answer(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &key.PublicKey, KeyID: "k", Algorithm: "ES256", Use: "sig"}}})
	})
	mux.HandleFunc("POST /token", p.token)
	mux.HandleFunc("GET /info", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer at" {
			w.WriteHeader(http.StatusUnauthorized)
		}
		p.answer(w, p.info)
	})
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	return p
}

func (p *provider) answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		p.t.Error(err)
	}
}

// token demands what the contract demands of a client.
func (p *provider) token(w http.ResponseWriter, r *http.Request) {
	id, secret, _ := r.BasicAuth()
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	if id != "paraph" || secret != "s3cret" || r.PostFormValue("redirect_uri") != p.asked.Get("redirect_uri") || r.PostFormValue("code") != "code-1" || p.asked.Get("code_challenge_method") != "S256" ||
		base64.RawURLEncoding.EncodeToString(sum[:]) != p.asked.Get("code_challenge") {
		w.WriteHeader(http.StatusBadRequest)
		p.answer(w, map[string]string{"error": "invalid_grant"})
		return
	}
	claims := map[string]any{"iss": p.URL, "aud": "paraph", "sub": "u-1", "iat": p.now().Unix(), "exp": p.now().Add(time.Minute).Unix(), "nonce": p.asked.Get("nonce"),
		"auth_time": p.now().Unix(), "email": "Mara@example.com", "email_verified": true, "name": "Mara Lind", "groups": []string{"buyers"}}
	for k, v := range p.claims {
		if claims[k] = v; v == nil {
			delete(claims, k)
		}
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: p.sign}, (&jose.SignerOptions{}).WithHeader("kid", "k"))
	if err != nil {
		p.t.Error(err)
	}
	token, err := jwt.Signed(s).Claims(claims).Serialize()
	if err != nil {
		p.t.Error(err)
	}
	p.answer(w, map[string]any{"access_token": "at", "token_type": "Bearer", "id_token": token})
}

// outside gives a rig with a provider that is set up there.
func outside(t *testing.T, open storetest.Open) (*rig, *provider, people.Provider, people.Group) {
	t.Helper()
	r := newRig(t, open, func(c *Config) {
		c.Outbound = safehttp.New(safehttp.Options{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, PlainHTTP: true})
	})
	p := newProvider(t, r.clock.Now)
	g, err := r.svc.CreateGroup(t.Context(), service.Call{Actor: r.admin}, service.NewGroup{Name: "Buyers", Roles: []access.Role{access.RoleApprover}})
	r.must(err)
	secret := "s3cret"
	saved, err := r.svc.SaveProvider(t.Context(), service.Call{Actor: r.admin}, "", service.SavedProvider{Name: "Works SSO", Secret: &secret, Settings: people.ProviderSettings{
		Issuer: p.URL, ClientID: "paraph", Domains: []string{"example.com"}, Create: true, Claim: "groups", Groups: map[string]string{"buyers": g.Value.ID}}})
	r.must(err)
	return r, p, saved.Value, g.Value.Group
}

// goOut begins a login by a provider, and gives the answer with which the provider
// sends the browser back.
func (b *browser) goOut(p *provider, id, path string) url.Values {
	b.Helper()
	out := b.post(Path+"/provider/"+id, "form", b.get(path).form)
	u, err := url.Parse(out.to)
	if out.status != http.StatusSeeOther || err != nil || !strings.HasPrefix(out.to, p.URL+"/authorize?") {
		b.Fatalf("not sent to the provider: %d %q %s", out.status, out.to, said.FindString(out.body))
	}
	p.asked = u.Query()
	return url.Values{"state": {p.asked.Get("state")}, "code": {"code-1"}, "iss": {p.URL}}
}

// TestProvider: who is known there is let in, made a user the first time, and is in the
// groups that the provider says.
func TestProvider(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, open storetest.Open) {
		r, p, set, g := outside(t, open)
		b := r.browser()
		if page := b.get(Path); !strings.Contains(page.body, "Log in with Works SSO") {
			t.Error("the login page does not offer the provider")
		}
		back := b.goOut(p, set.ID, Path+"?next=/oauth/device")
		if p.asked.Get("scope") != "openid email profile" || p.asked.Get("prompt") != "" || p.asked.Get("nonce") == "" {
			t.Errorf("%v", p.asked)
		}
		r.is("the answer", b.get(CallbackPath+set.ID+"?"+back.Encode()), 303, "/oauth/device")
		who, how := b.in()
		if who != "mara@example.com" || !same(how, []string{"fed"}) {
			t.Fatalf("%q is logged in by %v", who, how)
		}
		r.is("the answer once more", b.get(CallbackPath+set.ID+"?"+back.Encode()), 409, "")
		users, err := r.svc.Users(t.Context(), r.admin, service.UserFilter{})
		r.must(err)
		d, err := r.svc.UserByID(t.Context(), r.admin, users[0].ID)
		r.must(err)
		if len(users) != 1 || d.Display != "Mara Lind" || !slices.Contains(d.AllRoles, access.RoleApprover) || d.Groups[0].ID != g.ID {
			t.Errorf("%+v", d)
		}
		// Known by the subject, whatever became of the address; out of the group that is not named any more.
		p.claims = map[string]any{"email": "other@evil.example", "email_verified": false, "groups": "sellers"}
		back = b.goOut(p, set.ID, Path+"?fresh=1")
		if p.asked.Get("prompt") != "login" || p.asked.Get("max_age") != "0" {
			t.Errorf("a fresh login does not ask for one: %v", p.asked)
		}
		r.is("the second time", b.get(CallbackPath+set.ID+"?"+back.Encode()), 303, AccountPath)
		if d, err = r.svc.UserByID(t.Context(), r.admin, users[0].ID); err != nil || len(d.Groups) != 0 {
			t.Errorf("%+v %v", d, err)
		}
		// A login that asked anew may change proofs, one that did not may not.
		if !strings.Contains(b.get(AccountPath).body, "Add a passkey") {
			t.Error("a fresh login by the provider cannot add a passkey")
		}
		b.post(LogoutPath)
		b.get(CallbackPath + set.ID + "?" + b.goOut(p, set.ID, Path).Encode())
		if strings.Contains(b.get(AccountPath).body, "Add a passkey") {
			t.Error("a login that asked nobody anew can add a passkey")
		}
		b.post(LogoutPath)
		p.claims, p.info = map[string]any{"sub": "u-9", "email": nil}, map[string]any{"sub": "u-9", "email": "cleo@example.com", "email_verified": true}
		r.is("an address that is told beside the ID token", b.get(CallbackPath+set.ID+"?"+b.goOut(p, set.ID, Path).Encode()), 303, AccountPath)
		if who, _ := b.in(); who != "cleo@example.com" {
			t.Errorf("%q is logged in", who)
		}
		p.claims = nil
		b.post(LogoutPath)
		// An e-mail address leads to the provider that vouches for its domain.
		if out := b.post(Path+"/mail", "form", b.get(Path).form, "user", "Ben@Example.com"); !strings.HasPrefix(out.to, p.URL+"/authorize?") {
			t.Errorf("%d %q %s", out.status, out.to, said.FindString(out.body))
		}
		r.deactivate(d.ID)
		r.is("somebody who has left", b.get(CallbackPath+set.ID+"?"+b.goOut(p, set.ID, Path).Encode()), 403, "")
	})
}

// TestProviderAttacks: what a provider, or somebody in its place, could say that lets
// nobody in.
func TestProviderAttacks(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, open storetest.Open) {
		r, p, set, _ := outside(t, open)
		other := newProvider(t, r.clock.Now)
		evil, err := r.svc.SaveProvider(t.Context(), service.Call{Actor: r.admin}, "", service.SavedProvider{Name: "Evil", Settings: people.ProviderSettings{Issuer: other.URL, ClientID: "paraph", Domains: []string{"evil.example"}, Create: true}})
		r.must(err)
		stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		r.must(err)
		for name, c := range map[string]struct {
			claims map[string]any
			change func(back url.Values)
			key    *ecdsa.PrivateKey
			info   map[string]any
			path   string // of the login page
			to     string // id of the provider to whose address the browser comes back
			status int
		}{
			"unverified address":            {claims: map[string]any{"email_verified": false}, status: 403},
			"nothing said of it":            {claims: map[string]any{"email_verified": nil}, status: 403},
			"another domain":                {claims: map[string]any{"email": "mara@evil.example"}, status: 403},
			"no address":                    {claims: map[string]any{"email": nil}, status: 403},
			"told of somebody else":         {claims: map[string]any{"email": nil}, info: map[string]any{"sub": "u-2", "email": "mara@example.com", "email_verified": true}, status: 403},
			"another audience":              {claims: map[string]any{"aud": "other"}, status: 403},
			"two audiences, no party":       {claims: map[string]any{"aud": []string{"paraph", "other"}}, status: 403},
			"another party":                 {claims: map[string]any{"azp": "other"}, status: 403},
			"another issuer":                {claims: map[string]any{"iss": other.URL}, status: 403},
			"another nonce":                 {claims: map[string]any{"nonce": "n"}, status: 403},
			"no nonce":                      {claims: map[string]any{"nonce": nil}, status: 403},
			"run out":                       {claims: map[string]any{"exp": r.clock.Now().Add(-time.Hour).Unix()}, status: 403},
			"another key":                   {key: stranger, status: 403},
			"another access token":          {claims: map[string]any{"at_hash": "AAAA"}, status: 403},
			"asked for anew, proved before": {path: Path + "?fresh=1", claims: map[string]any{"auth_time": r.clock.Now().Add(-time.Hour).Unix()}, status: 403},
			"asked for anew, not said":      {path: Path + "?fresh=1", claims: map[string]any{"auth_time": nil}, status: 403},
			"mix-up by iss":                 {change: func(back url.Values) { back.Set("iss", other.URL) }, status: 403},
			"no iss although promised":      {change: func(back url.Values) { back.Del("iss") }, status: 403},
			"mix-up by address":             {to: evil.Value.ID, status: 409},
			"another state":                 {change: func(back url.Values) { back.Set("state", "x") }, status: 409},
			"state twice":                   {change: func(back url.Values) { back.Add("state", back.Get("state")) }, status: 409},
			"another code":                  {change: func(back url.Values) { back.Set("code", "code-2") }, status: 403},
			"the person said no":            {change: func(back url.Values) { back.Set("error", "access_denied") }, status: 403},
		} {
			b := r.browser()
			p.claims, p.sign, p.info = c.claims, p.key, map[string]any{"sub": "u-1"}
			maps.Copy(p.info, c.info)
			if c.key != nil {
				p.sign = c.key
			}
			path, to := Path, set.ID
			if c.path != "" {
				path = c.path
			}
			if c.to != "" {
				to = c.to
			}
			back := b.goOut(p, set.ID, path)
			if c.change != nil {
				c.change(back)
			}
			r.is(name, b.get(CallbackPath+to+"?"+back.Encode()), c.status, "")
			if who, _ := b.in(); who != "" {
				t.Errorf("%s: %s is logged in", name, who)
			}
		}
		p.claims, p.sign = nil, p.key
		b, victim := r.browser(), r.browser()
		victim.get(Path)
		back := b.goOut(p, set.ID, Path)
		r.is("the answer in another browser", victim.get(CallbackPath+set.ID+"?"+back.Encode()), 409, "")
		r.clock.Advance(flowLife)
		r.is("an answer that took too long", b.get(CallbackPath+set.ID+"?"+back.Encode()), 409, "")
		users, err := r.svc.Users(t.Context(), r.admin, service.UserFilter{})
		r.must(err)
		if len(users) != 0 {
			t.Errorf("%+v", users)
		}

		r.clock.Advance(discoveryLife)
		p.says = map[string]any{"issuer": other.URL}
		r.is("metadata of another", b.post(Path+"/provider/"+set.ID, "form", b.get(Path).form), 503, "")
		secret := r.room.Config
		secret.Outbound = safehttp.New(safehttp.Options{PlainHTTP: true})
		r.room, err = New(secret)
		r.must(err)
		p.says = nil
		r.is("an address that may not be reached", b.post(Path+"/provider/"+set.ID, "form", b.get(Path).form), 503, "")
	})
}
