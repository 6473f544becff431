package oauth

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"html"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/blob/crypt"
	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/login"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/store"
	"github.com/paraph/paraph/internal/store/storetest"
	"github.com/paraph/paraph/internal/work"
)

const (
	issuer   = "https://paraph.example"
	redirect = "https://app.example/done?x=1"
	verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk" // of RFC 7636 appendix B
)

// rig is the authorization server over a real service and store, with a clock that
// stands still.
type rig struct {
	testing.TB
	clock    *clock.Fake
	store    *store.Store
	svc      *service.Service
	box      *crypt.Box
	keys     *Keyring
	server   *Server
	login    *login.Login
	verifier *Verifier
	mux      *http.ServeMux
	seq      *work.Sequencer
	admin    service.ClientSecret
	troubled *troubledService
	certs    []*x509.Certificate // that every request shows
}

// troubledService fails where it is told to.
type troubledService struct {
	*service.Service
	err   error
	asked atomic.Int64
}

func (s *troubledService) Authenticate(ctx context.Context, id, secret string) (access.OAuthClient, error) {
	if s.err != nil {
		return access.OAuthClient{}, s.err
	}
	return s.Service.Authenticate(ctx, id, secret)
}

func (s *troubledService) ActiveClient(ctx context.Context, id string) (access.OAuthClient, error) {
	s.asked.Add(1)
	return s.Service.ActiveClient(ctx, id)
}

func newRig(t testing.TB, change ...func(*Config)) *rig {
	t.Helper()
	return newRigOn(t, func(c clock.Clock) (*store.Store, error) {
		return store.Open(context.WithoutCancel(t.Context()), store.Options{URL: filepath.Join(t.TempDir(), "paraph.db"), Clock: c, Log: slog.New(slog.DiscardHandler), MaxConns: 16})
	}, change...)
}

// onBoth runs fn over a rig on each database.
func onBoth(t *testing.T, fn func(t *testing.T, r *rig)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, open storetest.Open) {
		fn(t, newRigOn(t, func(c clock.Clock) (*store.Store, error) { return open(storetest.With(c)), nil }))
	})
}

func newRigOn(t testing.TB, open func(clock.Clock) (*store.Store, error), change ...func(*Config)) *rig {
	t.Helper()
	r := &rig{TB: t, clock: clock.NewFake(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)), mux: http.NewServeMux()}
	ring, err := crypt.NewRing(crypt.NamedKey{ID: "box-1", Key: crypt.NewKey()})
	r.must(err)
	r.box = crypt.NewBox(ring)
	r.store, err = open(r.clock)
	r.must(err)
	t.Cleanup(func() { r.store.Close() })
	cursors, err := journal.NewCursorCodec([32]byte{7})
	r.must(err)
	r.svc = service.New(service.Config{Store: r.store, Clock: r.clock, Box: r.box, Secrets: r.box, Cursors: cursors, PublicURL: issuer})
	_, logKey, err := ed25519.GenerateKey(rand.Reader)
	r.must(err)
	signer, err := journal.NewSigner("paraph.example/audit", logKey)
	r.must(err)
	r.seq = work.NewSequencer(signer, work.Holder{Name: "test", Alone: true}, slog.New(slog.DiscardHandler))
	r.troubled = &troubledService{Service: r.svc}
	admin, _, err := r.svc.Bootstrap(t.Context(), "Test Works")
	r.must(err)
	r.admin = admin
	r.keys = NewKeyring(KeyringConfig{Store: r.svc, Sealer: r.box, Clock: r.clock})
	r.must(r.keys.Keep(t.Context()))
	r.login, err = login.New(login.Config{Service: r.svc, Sealer: r.box, Issuer: issuer, Clock: r.clock})
	r.must(err)
	c := Config{Service: r.troubled, Login: r.login, Users: r.svc, Keys: r.keys, Sealer: r.box, Replays: r.store, Issuer: issuer + "/", Clock: r.clock,
		Certificates: func(*http.Request) ([]*x509.Certificate, error) { return r.certs, nil }}
	for _, f := range change {
		f(&c)
	}
	r.server, err = New(c)
	r.must(err)
	r.verifier = NewVerifier(c)
	for _, p := range Patterns() {
		r.mux.Handle(p, r.server)
	}
	for _, p := range login.Patterns() {
		r.mux.Handle(p, r.login)
	}
	r.mux.HandleFunc("GET /v1/thing", func(w http.ResponseWriter, q *http.Request) {
		if _, err := r.verifier.Verify(q, w.Header()); err != nil {
			for _, c := range r.verifier.Challenge(q, err) {
				w.Header().Add("WWW-Authenticate", c)
			}
			writeJSON(w, "application/json", http.StatusUnauthorized, map[string]string{"error": fault.CodeOf(err)})
		}
	})
	return r
}

func (r *rig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

// call is a command of the administrator.
func (r *rig) call() service.Call {
	return service.Call{Actor: access.Actor{Kind: access.Client, Org: r.admin.Client.Org, ID: r.admin.Client.ID, Principal: r.admin.Client.Principal, Scopes: []access.Scope{access.Admin}}}
}

// client makes a client with a profile.
func (r *rig) client(p access.Profile, scopes ...access.Scope) service.ClientSecret {
	r.Helper()
	if len(scopes) == 0 {
		scopes = []access.Scope{access.DocumentsRead, access.DocumentsWrite}
	}
	out, err := r.svc.CreateClient(r.Context(), r.call(), service.NewClient{Name: "A program", Principal: "program@app.example", Scopes: scopes, Profile: p})
	r.must(err)
	return out.Value
}

// web is a program with a secret for which people log in, app one of which
// everybody has a copy.
func web() access.Profile {
	return access.Profile{Grants: []access.GrantType{access.GrantCode, access.GrantRefresh}, RedirectURIs: []string{redirect}}
}

func app() access.Profile {
	p := web()
	p.Auth = access.AuthNone
	p.Grants = append(p.Grants, access.GrantDevice)
	return p
}

// person makes an access key by which somebody can log in.
func (r *rig) person(principal string, scopes ...access.Scope) service.ClientSecret {
	r.Helper()
	if len(scopes) == 0 {
		scopes = []access.Scope{access.DocumentsRead, access.TasksRead}
	}
	out, err := r.svc.CreateClient(r.Context(), r.call(), service.NewClient{Name: "Mara Lind", Principal: principal, Scopes: scopes})
	r.must(err)
	return out.Value
}

func (r *rig) otherOrganisation(id string) error {
	return r.store.Write(r.Context(), func(ctx context.Context, tx service.Tx) error {
		return tx.InsertOrganisation(ctx, access.Organisation{ID: id, Name: "Others", CreatedAt: r.clock.Now()})
	})
}

// personOf makes an access key of another organisation.
func (r *rig) personOf(org, principal string) service.ClientSecret {
	r.Helper()
	call := r.call()
	call.Actor.Org = org
	out, err := r.svc.CreateClient(r.Context(), call, service.NewClient{Name: "Eve", Principal: principal, Scopes: []access.Scope{access.DocumentsRead}})
	r.must(err)
	return out.Value
}

// reply is an answer of the server.
type reply struct {
	status int
	header http.Header
	body   string
	json   map[string]any
}

// text gives a member of a JSON answer; "" where it is missing.
func (p reply) text(name string) string {
	s, _ := p.json[name].(string)
	return s
}

// is checks the status and, behind a colon, the error of an answer.
func (p reply) is(t testing.TB, status int, code string) reply {
	t.Helper()
	if p.status != status || p.text("error") != code {
		t.Errorf("%d %s, want %d %q", p.status, p.body, status, code)
	}
	return p
}

func (r *rig) do(q *http.Request) reply {
	w := httptest.NewRecorder()
	r.mux.ServeHTTP(w, q)
	p := reply{status: w.Code, header: w.Header(), body: w.Body.String(), json: map[string]any{}}
	if strings.Contains(p.header.Get("Content-Type"), "json") {
		if err := json.Unmarshal(w.Body.Bytes(), &p.json); err != nil {
			r.Errorf("not JSON: %s", p.body)
		}
	}
	return p
}

// post sends a form with headers, given by name and value.
func (r *rig) post(path string, form url.Values, headers ...string) reply {
	q := httptest.NewRequest("POST", path, strings.NewReader(form.Encode()))
	q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i+1 < len(headers); i += 2 {
		q.Header.Add(headers[i], headers[i+1])
	}
	return r.do(q)
}

// with puts what proves a client with a secret, or names one without, into a form.
func with(c service.ClientSecret, pairs ...string) url.Values {
	form := url.Values{"client_id": {c.Client.ID}}
	if c.Secret != "" {
		form.Set("client_secret", c.Secret)
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	return form
}

func (r *rig) token(c service.ClientSecret, pairs ...string) reply {
	return r.post(TokenPath, with(c, pairs...))
}

// browser keeps cookies and follows nothing by itself.
type browser struct {
	*rig
	jar map[string]string
}

func (r *rig) browser() *browser { return &browser{r, map[string]string{}} }

func (b *browser) send(q *http.Request) reply {
	for name, value := range b.jar {
		q.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	p := b.do(q)
	for _, c := range (&http.Response{Header: p.header}).Cookies() {
		if b.jar[c.Name] = c.Value; c.MaxAge < 0 {
			delete(b.jar, c.Name)
		}
		if !strings.HasPrefix(c.Name, "__Host-") || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" {
			b.Errorf("a cookie that is not sound: %s", c)
		}
	}
	return p
}

func (b *browser) get(path string) reply {
	q := httptest.NewRequest("GET", path, nil)
	q.Header.Set("Sec-Fetch-Site", "none")
	return b.send(q)
}

func (b *browser) submit(path string, form url.Values) reply {
	q := httptest.NewRequest("POST", path, strings.NewReader(form.Encode()))
	q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	q.Header.Set("Sec-Fetch-Site", "same-origin")
	return b.send(q)
}

var hidden = regexp.MustCompile(`name="form" value="([^"]*)"`)

// field gives the hidden field of the form on a page.
func (p reply) field(t testing.TB) string {
	t.Helper()
	m := hidden.FindStringSubmatch(p.body)
	if m == nil {
		t.Fatalf("there is no form: %d %s", p.status, p.body)
	}
	return html.UnescapeString(m[1])
}

// enter logs in on the page to which a reply leads, and gives what follows.
func (b *browser) enter(p reply, key service.ClientSecret) reply {
	b.Helper()
	page := b.get(p.header.Get("Location"))
	in := b.submit(login.Path, url.Values{"form": {page.field(b)}, "key": {key.Client.ID}, "secret": {key.Secret}})
	if in.status != http.StatusSeeOther {
		b.Fatalf("the login: %d %s", in.status, in.body)
	}
	return in
}

// loggedIn gives a browser in which a person is logged in.
func (r *rig) loggedIn(key service.ClientSecret) *browser {
	r.Helper()
	b := r.browser()
	b.enter(reply{header: http.Header{"Location": {login.Path}}}, key)
	return b
}

// authorizeURL is an authorization request of a client, with changes.
func authorizeURL(c service.ClientSecret, pairs ...string) string {
	q := url.Values{"response_type": {"code"}, "client_id": {c.Client.ID}, "redirect_uri": {redirect}, "state": {"st&te"}, "scope": {"documents:read"},
		"code_challenge": {challenge()}, "code_challenge_method": {"S256"}}
	for i := 0; i+1 < len(pairs); i += 2 {
		if q.Set(pairs[i], pairs[i+1]); pairs[i+1] == "" {
			q.Del(pairs[i])
		}
	}
	return AuthorizePath + "?" + q.Encode()
}

func challenge() string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// allow brings a logged-in browser to allow a request, and gives the parameters
// with which it is sent back.
func (b *browser) allow(c service.ClientSecret, pairs ...string) url.Values {
	b.Helper()
	p := b.get(authorizeURL(c, pairs...))
	if p.status == http.StatusOK {
		p = b.submit(AuthorizePath, url.Values{"form": {p.field(b)}, "answer": {"allow"}})
	}
	return b.back(p)
}

// back gives the parameters with which a browser is sent to the client.
func (b *browser) back(p reply) url.Values {
	b.Helper()
	to, err := url.Parse(p.header.Get("Location"))
	if p.status != http.StatusSeeOther || err != nil || !strings.HasPrefix(to.String(), redirect+"&") {
		b.Fatalf("not sent back: %d %q %s", p.status, p.header.Get("Location"), p.body)
	}
	return to.Query()
}

// redeem exchanges a code for tokens.
func (r *rig) redeem(c service.ClientSecret, code string, pairs ...string) reply {
	return r.token(c, append([]string{"grant_type", "authorization_code", "code", code, "redirect_uri", redirect, "code_verifier", verifier}, pairs...)...)
}

func (r *rig) refresh(c service.ClientSecret, token string, pairs ...string) reply {
	return r.token(c, append([]string{"grant_type", "refresh_token", "refresh_token", token}, pairs...)...)
}

// verify asks the verifier about a bearer token.
func (r *rig) verify(token string) (access.Actor, error) {
	q := httptest.NewRequest("GET", "/v1/thing", nil)
	q.Header.Set("Authorization", "Bearer "+token)
	return r.verifier.Verify(q, http.Header{})
}

// dead checks that a token does not work any more, once what is remembered is over.
func (r *rig) dead(token string) {
	r.Helper()
	r.clock.Advance(memory)
	if _, err := r.verify(token); fault.CodeOf(err) != "invalid_token" {
		r.Errorf("the token works still: %v", err)
	}
}

// alive checks that a token works.
func (r *rig) alive(token string) access.Actor {
	r.Helper()
	a, err := r.verify(token)
	if err != nil {
		r.Errorf("the token does not work: %v", err)
	}
	return a
}

// entries counts the journal's entries of a kind.
func (r *rig) entries(kind journal.Kind) (n int) {
	r.Helper()
	r.must(r.store.Write(r.Context(), func(ctx context.Context, tx service.Tx) error {
		_, err := r.seq.Number(ctx, tx)
		return err
	}))
	r.must(r.store.Read(r.Context(), func(ctx context.Context, tx service.Reader) error {
		all, err := tx.EntriesFrom(ctx, 0, 10_000)
		for _, e := range all {
			if e.Kind == kind {
				n++
			}
		}
		return err
	}))
	return n
}

// holder is somebody with a key of their own: of assertions, or of DPoP.
type holder struct{ *ecdsa.PrivateKey }

func newHolder(t testing.TB) holder {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return holder{k}
}

func (h holder) jwk() jose.JSONWebKey { return jose.JSONWebKey{Key: &h.PublicKey} }

func (h holder) thumb(t testing.TB) string {
	t.Helper()
	k := h.jwk()
	sum, err := k.Thumbprint(crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(sum)
}

// set is the holder's public key as a JWK set.
func (h holder) set(t testing.TB) json.RawMessage {
	t.Helper()
	raw, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{h.jwk()}})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// sign makes a JWT of claims with headers.
func sign(t testing.TB, alg jose.SignatureAlgorithm, key any, headers map[jose.HeaderKey]any, claims any) string {
	t.Helper()
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, &jose.SignerOptions{ExtraHeaders: headers})
	if err != nil {
		t.Fatal(err)
	}
	out, err := jwt.Signed(s).Claims(claims).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// changed gives a copy of claims with some others; nil takes one out.
func changed(claims map[string]any, pairs ...any) map[string]any {
	out := map[string]any{}
	for k, v := range claims {
		out[k] = v
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		if out[pairs[i].(string)] = pairs[i+1]; pairs[i+1] == nil {
			delete(out, pairs[i].(string))
		}
	}
	return out
}

func has(list any, value string) bool {
	l, _ := list.([]any)
	return slices.ContainsFunc(l, func(v any) bool { return v == value })
}
