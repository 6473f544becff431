// Package devices holds the server to what it says of trusted devices: over the
// service, the login, the authorization server and the API as they run, with a virtual
// authenticator and certificates that a proxy hands on.
package devices

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"html"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/descope/virtualwebauthn"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/blob/crypt"
	"github.com/paraph/paraph/internal/blob/disk"
	"github.com/paraph/paraph/internal/blob/vault"
	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/internal/event"
	"github.com/paraph/paraph/internal/httpapi"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/login"
	"github.com/paraph/paraph/internal/oauth"
	"github.com/paraph/paraph/internal/people"
	"github.com/paraph/paraph/internal/scim"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/store"
	"github.com/paraph/paraph/internal/store/storetest"
	"github.com/paraph/paraph/internal/work"
)

const (
	issuer   = "https://paraph.example"
	redirect = "https://app.example/done"
	header   = "Client-Cert"
	proof    = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk" // code verifier of RFC 7636 appendix B
)

var ours = virtualwebauthn.RelyingParty{ID: "paraph.example", Name: "Paraph", Origin: issuer}

// rig is everything behind one address, with a clock that stands still.
type rig struct {
	*testing.T
	clock *clock.Fake
	store *store.Store
	vault *vault.Vault
	svc   *service.Service
	seq   *work.Sequencer
	mux   *http.ServeMux
	admin service.ClientSecret
}

func onBoth(t *testing.T, fn func(*rig)) {
	t.Helper()
	t.Parallel()
	storetest.Each(t, func(t *testing.T, open storetest.Open) { fn(newRig(t, open)) })
}

func newRig(t *testing.T, open storetest.Open) *rig {
	t.Helper()
	r := &rig{T: t, clock: clock.NewFake(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)), mux: http.NewServeMux()}
	ring, err := crypt.NewRing(crypt.NamedKey{ID: "box-1", Key: crypt.NewKey()})
	r.must(err)
	box := crypt.NewBox(ring)
	r.store = open(storetest.With(r.clock))
	cursors, err := journal.NewCursorCodec([32]byte{7})
	r.must(err)
	objects, err := disk.Open(t.TempDir())
	r.must(err)
	r.vault = vault.New(objects, r.store, ring, r.clock)
	r.svc = service.New(service.Config{Store: r.store, Vault: r.vault, Clock: r.clock, Box: box, Meter: noMeter{}, Secrets: box, Cursors: cursors, PublicURL: issuer})
	_, key, err := ed25519.GenerateKey(rand.Reader)
	r.must(err)
	signer, err := journal.NewSigner("paraph.example/audit", key)
	r.must(err)
	log := slog.New(slog.DiscardHandler)
	r.seq = work.NewSequencer(signer, work.Holder{Name: "test", Alone: true}, log)
	r.admin, _, err = r.svc.Bootstrap(t.Context(), "Test Works")
	r.must(err)
	keys := oauth.NewKeyring(oauth.KeyringConfig{Store: r.svc, Sealer: box, Clock: r.clock})
	r.must(keys.Keep(t.Context()))
	in, err := login.New(login.Config{Service: r.svc, Sealer: box, Issuer: issuer, Clock: r.clock})
	r.must(err)
	proxies := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	c := oauth.Config{Service: r.svc, Login: in, Users: r.svc, Keys: keys, Sealer: box, Replays: r.store, Issuer: issuer, Clock: r.clock, Certificates: oauth.ForwardedCertificates(header, proxies)}
	server, err := oauth.New(c)
	r.must(err)
	verifier := oauth.NewVerifier(c)
	for _, p := range oauth.Patterns() {
		r.mux.Handle(p, server)
	}
	for _, p := range login.Patterns() {
		r.mux.Handle(p, in)
	}
	r.mux.Handle(scim.Path, scim.New(scim.Config{Service: r.svc, Verifier: verifier, Issuer: issuer, Log: log, SourceOf: func(context.Context) access.Source { return access.Source{} }}))
	r.mux.Handle("/v1/", httpapi.New(httpapi.Config{Service: r.svc, Verifier: verifier, Clock: r.clock, Log: log, PublicURL: issuer}))
	return r
}

func (r *rig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

// settle lets what is remembered of rules run out; a running server is woken instead.
func (r *rig) settle() { r.clock.Advance(6 * time.Second) }

type reply struct {
	*testing.T
	status int
	header http.Header
	body   string
}

func (r *rig) do(q *http.Request) reply {
	w := httptest.NewRecorder()
	r.mux.ServeHTTP(w, q)
	return reply{r.T, w.Code, w.Header(), w.Body.String()}
}

// at reads a member of a JSON answer.
func (p reply) at(name string) string {
	var m map[string]any
	if json.Unmarshal([]byte(p.body), &m) != nil {
		return ""
	}
	s, _ := m[name].(string)
	return s
}

// is checks the status and, where there are any, the code and each thing that is lacking.
func (p reply) is(what string, status int, code string, lacks ...string) reply {
	p.Helper()
	var problem struct {
		Code   string
		Errors []struct{ Pointer, Code, Message string }
	}
	if status >= 400 {
		_ = json.Unmarshal([]byte(p.body), &problem)
	}
	var got []string
	for _, e := range problem.Errors {
		got = append(got, strings.TrimPrefix(e.Pointer, "device/")+" "+e.Code)
		if e.Message == "" {
			p.Errorf("%s: %s has no remedy", what, e.Code)
		}
	}
	if p.status != status || problem.Code != code || strings.Join(got, ", ") != strings.Join(lacks, ", ") {
		p.Errorf("%s: %d %s %v, want %d %s %v\n%s", what, p.status, problem.Code, got, status, code, lacks, p.body)
	}
	return p
}

// shown puts a certificate where a proxy does.
func shown(q *http.Request, c *x509.Certificate) {
	if c != nil {
		q.Header.Set(header, ":"+base64.StdEncoding.EncodeToString(c.Raw)+":")
	}
}

// api sends a request with a token, and perhaps a certificate.
func (r *rig) api(token, method, path, body string, certificate *x509.Certificate, headers ...string) reply {
	q := httptest.NewRequest(method, path, strings.NewReader(body))
	q.Header.Set("Authorization", "Bearer "+token)
	if body != "" {
		q.Header.Set("Content-Type", "application/json")
	}
	q.Header.Set("Idempotency-Key", rand.Text())
	for i := 0; i+1 < len(headers); i += 2 {
		q.Header.Set(headers[i], headers[i+1])
	}
	shown(q, certificate)
	return r.do(q)
}

// reads asks for the documents: it tells whether a device is trusted for document.read.
func (r *rig) reads(token string, certificate *x509.Certificate) reply {
	return r.api(token, "GET", "/v1/documents", "", certificate)
}

// token asks the authorization server.
func (r *rig) token(c service.ClientSecret, certificate *x509.Certificate, pairs ...string) reply {
	form := url.Values{"client_id": {c.Client.ID}}
	if c.Secret != "" {
		form.Set("client_secret", c.Secret)
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	q := httptest.NewRequest("POST", oauth.TokenPath, strings.NewReader(form.Encode()))
	q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	shown(q, certificate)
	return r.do(q)
}

// own gives a client's token for itself.
func (r *rig) own(c service.ClientSecret, certificate *x509.Certificate) string {
	r.Helper()
	return r.token(c, certificate, "grant_type", "client_credentials").is("a token", 200, "").at("access_token")
}

func (r *rig) client(p access.Profile, scopes ...access.Scope) service.ClientSecret {
	r.Helper()
	call := service.Call{Actor: access.Actor{Kind: access.Client, Org: r.admin.Client.Org, ID: r.admin.Client.ID, Scopes: []access.Scope{access.Admin}}}
	out, err := r.svc.CreateClient(r.Context(), call, service.NewClient{Name: "A program", Principal: "program", Scopes: scopes, Profile: p})
	r.must(err)
	return out.Value
}

// app is a program by which people work.
func (r *rig) app(change ...func(*access.Profile)) service.ClientSecret {
	p := access.Profile{Grants: []access.GrantType{access.GrantCode, access.GrantRefresh}, RedirectURIs: []string{redirect}}
	for _, c := range change {
		c(&p)
	}
	return r.client(p, access.DocumentsRead, access.DocumentsWrite, access.TasksRead)
}

// rule saves a device rule as the administrator, and lets it come into force.
func (r *rig) rule(name string, rule map[string]any) reply {
	r.Helper()
	body, err := json.Marshal(rule)
	r.must(err)
	defer r.settle()
	return r.api(r.own(r.admin, nil), "PUT", "/v1/device-rules/"+name, string(body), nil)
}

// drop removes one.
func (r *rig) drop(name string) {
	r.Helper()
	r.api(r.own(r.admin, nil), "DELETE", "/v1/device-rules/"+name, "", nil).is("the rule is removed", 200, "")
	r.settle()
}

// decisions writes what was decided into the log and gives it, of one kind.
func (r *rig) decisions(kind journal.Kind) (out []event.DeviceDecision) {
	r.Helper()
	r.must(r.svc.WriteDeviceDecisions(r.Context()))
	r.must(r.store.Write(r.Context(), func(ctx context.Context, tx service.Tx) error {
		_, err := r.seq.Number(ctx, tx)
		return err
	}))
	r.must(r.store.Read(r.Context(), func(ctx context.Context, tx service.Reader) error {
		all, err := tx.EntriesFrom(ctx, 0, 10_000)
		for _, e := range all {
			if e.Kind == kind {
				var d event.DeviceDecision
				r.must(json.Unmarshal(e.Data, &d))
				out = append(out, d)
			}
		}
		return err
	}))
	return out
}

// person is somebody with a browser and an authenticator.
type person struct {
	*rig
	user   people.User
	jar    map[string]string
	device virtualwebauthn.Authenticator
}

var (
	hidden = regexp.MustCompile(`name="form" value="([^"]*)"`)
	asked  = regexp.MustCompile(`data-passkey="([^"]*)"`)
)

func (p reply) form() string {
	p.Helper()
	return p.find(hidden)
}

func (p reply) options() string {
	p.Helper()
	return p.find(asked)
}

func (p reply) find(re *regexp.Regexp) string {
	p.Helper()
	m := re.FindStringSubmatch(p.body)
	if m == nil {
		p.Fatalf("the page lacks something: %d %s", p.status, p.body)
	}
	return html.UnescapeString(m[1])
}

func (b *person) send(q *http.Request) reply {
	for name, value := range b.jar {
		q.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	p := b.do(q)
	for _, c := range (&http.Response{Header: p.header}).Cookies() {
		if b.jar[c.Name] = c.Value; c.MaxAge < 0 {
			delete(b.jar, c.Name)
		}
	}
	return p
}

func (b *person) get(path string) reply {
	q := httptest.NewRequest("GET", path, nil)
	q.Header.Set("Sec-Fetch-Site", "none")
	return b.send(q)
}

func (b *person) post(path string, pairs ...string) reply {
	form := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	q := httptest.NewRequest("POST", path, strings.NewReader(form.Encode()))
	q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	q.Header.Set("Sec-Fetch-Site", "same-origin")
	return b.send(q)
}

// join invites somebody, who makes a passkey that is attested as said.
func (r *rig) join(name string, model [16]byte, attested func(string) string, roles ...access.Role) *person {
	r.Helper()
	call := service.Call{Actor: access.Actor{Kind: access.Client, Org: r.admin.Client.Org, ID: r.admin.Client.ID, Scopes: []access.Scope{access.Admin}}}
	out, err := r.svc.Invite(r.Context(), call, service.NewInvitation{User: service.NewUser{Name: name, Roles: roles}, Show: true})
	r.must(err)
	b := &person{rig: r, user: out.Value.User, jar: map[string]string{}, device: virtualwebauthn.NewAuthenticator()}
	b.device.Aaguid = model
	link := strings.TrimPrefix(out.Value.Link, issuer)
	b.post(link, "form", b.get(link).form())
	page := b.get(login.AccountPath)
	o, err := virtualwebauthn.ParseAttestationOptions(page.options())
	r.must(err)
	key := newKey()
	key.Counter = 1
	made := b.post(login.AccountPath+"/passkeys", "form", page.form(), "name", "Key", "credential", attested(virtualwebauthn.CreateAttestationResponse(ours, b.device, key, *o)))
	if made.status != http.StatusSeeOther {
		r.Fatalf("%s: no passkey: %d %s", name, made.status, made.body)
	}
	b.device.Options.UserHandle = []byte(o.UserID)
	b.device.AddCredential(key)
	return b
}

// newKey draws a passkey's key. The library writes coordinates that begin with a zero
// byte too short, which nobody takes; those are drawn again.
func newKey() virtualwebauthn.Credential {
	for {
		if key := virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2); len(key.Key.AttestationData()) == 77 {
			return key
		}
	}
}

// enter logs in by the passkey on the page to which a reply leads.
func (b *person) enter(p reply) reply {
	b.Helper()
	page := b.get(p.header.Get("Location"))
	o, err := virtualwebauthn.ParseAssertionOptions(page.options())
	b.must(err)
	b.device.Credentials[0].Counter++
	return b.post(login.Path+"/passkey", "form", page.form(), "credential", virtualwebauthn.CreateAssertionResponse(ours, b.device, b.device.Credentials[0], *o))
}

// lets has the person log in where that is asked for, and allow a program.
func (b *person) lets(c service.ClientSecret, certificate *x509.Certificate, pairs ...string) reply {
	b.Helper()
	sum := sha256.Sum256([]byte(proof))
	q := url.Values{"response_type": {"code"}, "client_id": {c.Client.ID}, "redirect_uri": {redirect}, "code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"}}
	for i := 0; i+1 < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	p := b.get(oauth.AuthorizePath + "?" + q.Encode())
	if to := p.header.Get("Location"); strings.HasPrefix(to, login.Path) {
		p = b.get(b.enter(p).header.Get("Location"))
	}
	if p.status == http.StatusOK {
		p = b.post(oauth.AuthorizePath, "form", p.form(), "answer", "allow")
	}
	to, err := url.Parse(p.header.Get("Location"))
	if err != nil || to.Query().Get("code") == "" {
		b.Fatalf("no code: %d %s %s", p.status, to, p.body)
	}
	return b.token(c, certificate, "grant_type", "authorization_code", "code", to.Query().Get("code"), "redirect_uri", redirect, "code_verifier", proof).is("the code", 200, "")
}

func roots(list ...*x509.Certificate) string {
	var b strings.Builder
	for _, c := range list {
		b.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
	}
	return b.String()
}
