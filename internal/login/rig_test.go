package login

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"html"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/descope/virtualwebauthn"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/blob/crypt"
	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/people"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/store"
	"github.com/paraph/paraph/internal/store/storetest"
	"github.com/paraph/paraph/internal/work"
)

const issuer = "https://paraph.example"

// rig is the room over a real service and store, with a clock that stands still.
type rig struct {
	*testing.T
	clock *clock.Fake
	store *store.Store
	svc   *service.Service
	seq   *work.Sequencer
	room  *Login
	admin access.Actor
}

// onBoth runs fn over a rig on each database.
func onBoth(t *testing.T, fn func(*rig), change ...func(*Config)) {
	t.Helper()
	t.Parallel()
	storetest.Each(t, func(t *testing.T, open storetest.Open) { fn(newRig(t, open, change...)) })
}

func newRig(t *testing.T, open storetest.Open, change ...func(*Config)) *rig {
	t.Helper()
	r := &rig{T: t, clock: clock.NewFake(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC))}
	ring, err := crypt.NewRing(crypt.NamedKey{ID: "box-1", Key: crypt.NewKey()})
	r.must(err)
	box := crypt.NewBox(ring)
	r.store = open(storetest.With(r.clock))
	cursors, err := journal.NewCursorCodec([32]byte{7})
	r.must(err)
	r.svc = service.New(service.Config{Store: r.store, Clock: r.clock, Box: box, Secrets: box, Cursors: cursors, PublicURL: issuer})
	_, key, err := ed25519.GenerateKey(rand.Reader)
	r.must(err)
	signer, err := journal.NewSigner("paraph.example/audit", key)
	r.must(err)
	r.seq = work.NewSequencer(signer, work.Holder{Name: "test", Alone: true}, slog.New(slog.DiscardHandler))
	admin, _, err := r.svc.Bootstrap(t.Context(), "Test Works")
	r.must(err)
	r.admin = access.Actor{Kind: access.Client, Org: admin.Client.Org, ID: admin.Client.ID, Principal: admin.Client.Principal, Scopes: []access.Scope{access.Admin}}
	c := Config{Service: r.svc, Sealer: box, Issuer: issuer, Mails: true, Clock: r.clock, Log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError}))}
	for _, f := range change {
		f(&c)
	}
	r.room, err = New(c)
	r.must(err)
	return r
}

func (r *rig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

// invite makes a user and gives the path of the link.
func (r *rig) invite(name string, roles ...access.Role) (people.User, string) {
	r.Helper()
	out, err := r.svc.Invite(r.Context(), service.Call{Actor: r.admin}, service.NewInvitation{User: service.NewUser{Name: name, Roles: roles}, Show: true})
	r.must(err)
	return out.Value.User, strings.TrimPrefix(out.Value.Link, issuer)
}

// deactivate ends a user's access.
func (r *rig) deactivate(userID string) {
	r.Helper()
	no := false
	_, err := r.svc.ChangeUser(r.Context(), service.Call{Actor: r.admin}, userID, service.UserChange{Active: &no})
	r.must(err)
}

// letter plays the worker that sends a link, and gives its path.
func (r *rig) letter(u people.User) string {
	r.Helper()
	l, err := r.svc.NewestLink(r.Context(), service.SystemCall(u.Org, "mail", ""), u.ID, people.ToLogIn)
	r.must(err)
	return strings.TrimPrefix(l.URL, issuer)
}

// entries gives the data of the journal's entries of a kind.
func (r *rig) entries(kind journal.Kind) (out []string) {
	r.Helper()
	r.must(r.store.Write(r.Context(), func(ctx context.Context, tx service.Tx) error {
		_, err := r.seq.Number(ctx, tx)
		return err
	}))
	r.must(r.store.Read(r.Context(), func(ctx context.Context, tx service.Reader) error {
		all, err := tx.EntriesFrom(ctx, 0, 10_000)
		for _, e := range all {
			if e.Kind == kind {
				out = append(out, string(e.Data))
			}
		}
		return err
	}))
	return out
}

// browser keeps cookies and follows nothing by itself.
type browser struct {
	*rig
	jar map[string]string
	// device holds the passkeys.
	device virtualwebauthn.Authenticator
}

func (r *rig) browser() *browser {
	return &browser{r, map[string]string{}, virtualwebauthn.NewAuthenticator()}
}

type reply struct {
	status   int
	to, body string
	form     string // of the first form that was shown
}

func (b *browser) send(q *http.Request) reply {
	b.Helper()
	for name, value := range b.jar {
		q.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	w := httptest.NewRecorder()
	b.room.ServeHTTP(w, q)
	for _, c := range w.Result().Cookies() {
		if b.jar[c.Name] = c.Value; c.MaxAge < 0 {
			delete(b.jar, c.Name)
		}
		if !strings.HasPrefix(c.Name, "__Host-") || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" {
			b.Errorf("a cookie that is not sound: %s", c)
		}
	}
	p := reply{status: w.Code, to: w.Header().Get("Location"), body: w.Body.String()}
	if m := hidden.FindStringSubmatch(p.body); m != nil {
		p.form = html.UnescapeString(m[1])
	}
	return p
}

var (
	hidden  = regexp.MustCompile(`name="form" value="([^"]*)"`)
	asked   = regexp.MustCompile(`data-passkey="([^"]*)"`)
	listed  = regexp.MustCompile(`<li class="secret">([^<]*)</li>`)
	typed   = regexp.MustCompile(`<p class="secret">([^<]*)</p>`)
	said    = regexp.MustCompile(`(?s)<main.*</main>`)
	removal = regexp.MustCompile(`name="remove" value="([^"]*)" aria`)
)

func (b *browser) get(path string) reply {
	b.Helper()
	q := httptest.NewRequest("GET", path, nil)
	q.Header.Set("Sec-Fetch-Site", "none")
	return b.send(q)
}

func (b *browser) post(path string, pairs ...string) reply {
	b.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	q := httptest.NewRequest("POST", path, strings.NewReader(form.Encode()))
	q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	q.Header.Set("Sec-Fetch-Site", "same-origin")
	return b.send(q)
}

// options gives what a page asks an authenticator for.
func (p reply) options(t *testing.T) string {
	t.Helper()
	m := asked.FindStringSubmatch(p.body)
	if m == nil {
		t.Fatalf("no passkey is asked for: %d %s", p.status, p.body)
	}
	return html.UnescapeString(m[1])
}

var ours = virtualwebauthn.RelyingParty{ID: "paraph.example", Name: "Paraph", Origin: issuer}

// newKey draws a passkey's key. The library writes coordinates that begin with a zero
// byte too short, which nobody takes; those are drawn again.
func newKey() virtualwebauthn.Credential {
	for {
		if key := virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2); len(key.Key.AttestationData()) == 77 {
			return key
		}
	}
}

// register makes a passkey on the account's page, and gives what was answered.
func (b *browser) register(name string, at virtualwebauthn.RelyingParty) reply {
	b.Helper()
	page := b.get(AccountPath)
	o, err := virtualwebauthn.ParseAttestationOptions(page.options(b.T))
	b.must(err)
	key := newKey()
	key.Counter = 1
	p := b.post(AccountPath+"/passkeys", "form", page.form, "name", name, "credential", virtualwebauthn.CreateAttestationResponse(at, b.device, key, *o))
	if p.status == http.StatusSeeOther {
		b.device.Options.UserHandle = []byte(o.UserID)
		b.device.AddCredential(key)
	}
	return p
}

// assert answers what a login page asks the authenticator for.
func (b *browser) assert(page reply, at virtualwebauthn.RelyingParty, i int) string {
	b.Helper()
	o, err := virtualwebauthn.ParseAssertionOptions(page.options(b.T))
	b.must(err)
	b.device.Credentials[i].Counter++
	return virtualwebauthn.CreateAssertionResponse(at, b.device, b.device.Credentials[i], *o)
}

// loginByPasskey logs in with the browser's first passkey.
func (b *browser) loginByPasskey(path string) reply {
	b.Helper()
	page := b.get(path)
	return b.post(Path+"/passkey", "form", page.form, "credential", b.assert(page, ours, 0))
}

// in tells who is logged in in the browser; "" for nobody.
func (b *browser) in() (string, []string) {
	b.Helper()
	q := httptest.NewRequest("GET", "/oauth/authorize", nil)
	for name, value := range b.jar {
		q.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	s, in, err := b.room.Session(q)
	b.must(err)
	if !in {
		return "", nil
	}
	return s.User.Principal, s.Methods
}

// joined gives a browser of a new user who has a passkey.
func (r *rig) joined(name string, roles ...access.Role) (people.User, *browser) {
	r.Helper()
	u, link := r.invite(name, roles...)
	b := r.browser()
	b.post(link, "form", b.get(link).form)
	if p := b.register("Laptop", ours); p.status != http.StatusSeeOther {
		r.Fatalf("no passkey: %d %s", p.status, said.FindString(p.body))
	}
	return u, b
}

// app sets up a source of codes and gives its secret.
func (b *browser) app() []byte {
	b.Helper()
	page := b.get(AccountPath + "/codes")
	m := typed.FindStringSubmatch(page.body)
	if m == nil {
		b.Fatalf("no secret: %d %s", page.status, page.body)
	}
	secret, err := base32Text.DecodeString(strings.ReplaceAll(m[1], " ", ""))
	b.must(err)
	if p := b.post(AccountPath+"/codes", "form", page.form, "code", people.TOTPCode(secret, b.clock.Now())); p.status != http.StatusSeeOther {
		b.Fatalf("the app is not taken: %d %s", p.status, p.body)
	}
	return secret
}

func (r *rig) is(what string, got reply, status int, to string) {
	r.Helper()
	if got.status != status || to != "" && got.to != to {
		r.Errorf("%s: %d %q, want %d %q: %v", what, got.status, got.to, status, to, said.FindStringSubmatch(got.body))
	}
}

func same(a, b []string) bool { return slices.Equal(a, b) }
