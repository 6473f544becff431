package oauth

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/internal/entrance"
	"github.com/paraph/paraph/internal/event"
	"github.com/paraph/paraph/internal/fault"
)

// Paths of KeyLogin.
const (
	LoginPath  = "/login"
	LogoutPath = "/logout"
)

const (
	sessionLife = 8 * time.Hour
	sessionName = "paraph_session"
	browserName = "paraph_browser"
)

// KeyService is what KeyLogin needs of internal/service.
type KeyService interface {
	Users
	// LogIn gives the person whose access key it is. Fault Unauthorized "invalid_client".
	LogIn(ctx context.Context, keyID, secret string) (access.User, error)
	// EndSession remembers that a login was ended, until it would have run out.
	EndSession(ctx context.Context, sessionID string, until time.Time) error
	Revocations(ctx context.Context) ([]string, error)
	// NoteFailedLogin notes wrong credentials, for the log.
	NoteFailedLogin(way, clientID, address string)
}

// KeyLogin logs people in by their access key, and is a Login. The session is in a
// cookie that only this server can have written. It is drawn anew at each login, so
// nobody can be given one beforehand; what ends it early is remembered.
type KeyLogin struct {
	KeyLoginConfig
	wrong *guesses
	guard *http.CrossOriginProtection
	mux   entrance.Mux
	https bool
}

// KeyLoginConfig is what a KeyLogin is made of. Service, Sealer and Issuer are needed.
type KeyLoginConfig struct {
	Service KeyService
	Sealer  Sealer
	Issuer  string // the server's public address
	Clock   clock.Clock
	Log     *slog.Logger
	// SourceOf tells where a request came from; nil: the socket's other end.
	SourceOf func(context.Context) access.Source
}

// NewKeyLogin makes a KeyLogin, to be mounted at LoginPath and LogoutPath.
func NewKeyLogin(c KeyLoginConfig) *KeyLogin {
	if c.Clock == nil {
		c.Clock = clock.System{}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	l := &KeyLogin{KeyLoginConfig: c, wrong: newGuesses(guessBurst, guessInterval), guard: http.NewCrossOriginProtection(), https: strings.HasPrefix(c.Issuer, "https:")}
	forms := l.mux.To(entrance.Form, entrance.Guesses)
	forms.HandleFunc("GET "+LoginPath, guarded(l.guard, l.Log, l.form))
	forms.HandleFunc("POST "+LoginPath, guarded(l.guard, l.Log, l.login))
	forms.HandleFunc("POST "+LogoutPath, guarded(l.guard, l.Log, l.logout))
	return l
}

// ServeHTTP implements http.Handler.
func (l *KeyLogin) ServeHTTP(w http.ResponseWriter, r *http.Request) { l.mux.ServeHTTP(w, r) }

// Entrances implements entrance.Room.
func (l *KeyLogin) Entrances() []entrance.Entrance { return l.mux.Entrances() }

// URL implements Login.
func (l *KeyLogin) URL(next string, fresh bool) string {
	q := url.Values{"next": {next}}
	if fresh {
		q.Set("fresh", "1")
	}
	return LoginPath + "?" + q.Encode()
}

// session is the cookie's content.
type session struct {
	ID    string    `json:"i"`
	User  string    `json:"u"`
	At    time.Time `json:"a"`
	Until time.Time `json:"t"`
}

// Session implements Login. Whose key was revoked is not logged in any more.
func (l *KeyLogin) Session(r *http.Request) (access.Session, bool, error) {
	s, ok := l.cookie(r)
	if !ok {
		return access.Session{}, false, nil
	}
	u, err := l.Service.ActiveUser(r.Context(), s.User)
	if fault.KindOf(err) == fault.Unauthorized {
		return access.Session{}, false, nil
	}
	if err != nil {
		return access.Session{}, false, err
	}
	ended, err := l.Service.Revocations(r.Context())
	if err != nil || slices.Contains(ended, s.ID) {
		return access.Session{}, false, err
	}
	return access.Session{ID: s.ID, User: u, At: s.At, Methods: []string{"pwd"}}, true, nil
}

// cookie reads the session's cookie; false where there is none that is good.
func (l *KeyLogin) cookie(r *http.Request) (s session, ok bool) {
	sent := r.CookiesNamed(l.named(sessionName))
	if len(sent) != 1 { // of two, one was put there by somebody else
		return s, false
	}
	ok = openForm(l.Sealer, "session", sent[0].Value, &s)
	return s, ok && l.Clock.Now().Before(s.Until)
}

// named gives a cookie's name. Browsers take one that begins with __Host- from this
// very host only, over https.
func (l *KeyLogin) named(name string) string {
	if l.https {
		return "__Host-" + name
	}
	return name
}

func (l *KeyLogin) set(w http.ResponseWriter, name, value string, life time.Duration) {
	http.SetCookie(w, &http.Cookie{Name: l.named(name), Value: value, Path: "/", MaxAge: int(life.Seconds()), Secure: l.https, HttpOnly: true, SameSite: http.SameSiteLaxMode})
}

// loginForm is what the login page shows, waitingLogin what its form holds.
type (
	loginForm    struct{ Action, Form, Key, Fault string }
	waitingLogin struct {
		Next    string    `json:"n"`
		Browser string    `json:"b"`
		Until   time.Time `json:"t"`
	}
)

// form shows the login page. Its form can be sent from this browser only: another
// site cannot log its reader in as somebody else.
func (l *KeyLogin) form(w http.ResponseWriter, r *http.Request) error {
	next := local(r.URL.Query().Get("next"))
	if s, in, err := l.Session(r); err != nil {
		return err
	} else if in && !r.URL.Query().Has("fresh") {
		if next != "" {
			send(w, next)
			return nil
		}
		return show(w, http.StatusOK, page{Kind: "note", Title: "You are logged in", Data: note{Tone: "good", Shape: "✓", Lines: []string{"As " + s.User.Principal + "."}}})
	}
	return l.ask(w, r, http.StatusOK, next, "", "")
}

func (l *KeyLogin) ask(w http.ResponseWriter, r *http.Request, status int, next, key, wrong string) error {
	browser := l.browser(r)
	if browser == "" {
		browser = newJTI() + newJTI()
		l.set(w, browserName, browser, sessionLife)
	}
	sealed, err := sealForm(l.Sealer, "login", waitingLogin{Next: next, Browser: browser, Until: l.Clock.Now().Add(time.Hour)})
	if err != nil {
		return err
	}
	// Whoever is sent on from here may end at a client's own address.
	return show(w, status, page{Kind: "login", Title: "Log in", Data: loginForm{LoginPath, sealed, key, wrong}, Targets: []string{"https:", "http:"}})
}

// browser gives what this browser was named; "" where it has no name yet.
func (l *KeyLogin) browser(r *http.Request) string {
	if sent := r.CookiesNamed(l.named(browserName)); len(sent) == 1 && len(sent[0].Value) >= 40 {
		return sent[0].Value
	}
	return ""
}

// login takes the key. Wrong ones cost the sender's address a place in a small
// bucket; right ones are always taken, since a secret of 256 bits is not guessed.
func (l *KeyLogin) login(w http.ResponseWriter, r *http.Request) error {
	if _, err := readForm(w, r); err != nil {
		return err
	}
	var wait waitingLogin
	if !openForm(l.Sealer, "login", r.PostForm.Get("form"), &wait) || !same(wait.Browser, l.browser(r)) || !l.Clock.Now().Before(wait.Until) {
		return l.ask(w, r, http.StatusConflict, local(wait.Next), "", "This page has waited too long, or the browser keeps no cookies. Log in here.")
	}
	key, now, address := strings.TrimSpace(r.PostForm.Get("key")), l.Clock.Now(), addressOf(l.SourceOf, r)
	u, err := l.Service.LogIn(r.Context(), key, strings.TrimSpace(r.PostForm.Get("secret")))
	if err != nil && fault.KindOf(err) == fault.Unauthorized {
		pause := l.wrong.wait(now, address)
		l.wrong.wrong(now, address)
		l.Service.NoteFailedLogin(event.WayKey, key, address)
		l.Log.WarnContext(r.Context(), "somebody did not prove who they are", "key", printable(key), "address", address)
		if pause > 0 {
			return l.ask(w, r, http.StatusTooManyRequests, wait.Next, key, "The id or the secret is wrong, and so were many from here. Wait "+pause.Round(time.Second).String()+", then try again.")
		}
		return l.ask(w, r, http.StatusUnauthorized, wait.Next, key, "The id or the secret is wrong, or the key was revoked.")
	}
	if err != nil {
		return err
	}
	if err := l.begin(w, u, now); err != nil {
		return err
	}
	if wait.Next == "" {
		wait.Next = LoginPath
	}
	send(w, wait.Next)
	return nil
}

// begin draws a session for a person who has just proved who they are.
func (l *KeyLogin) begin(w http.ResponseWriter, u access.User, now time.Time) error {
	var raw [32]byte
	rand.Read(raw[:]) // never fails: crypto/rand ends the process instead
	sealed, err := sealForm(l.Sealer, "session", session{ID: "ses_" + base64.RawURLEncoding.EncodeToString(raw[:]), User: u.ID, At: now, Until: now.Add(sessionLife)})
	if err == nil {
		l.set(w, sessionName, sealed, sessionLife)
	}
	return err
}

// logout ends the session, here and for whoever has a copy of its cookie.
func (l *KeyLogin) logout(w http.ResponseWriter, r *http.Request) error {
	if s, ok := l.cookie(r); ok {
		if err := l.Service.EndSession(r.Context(), s.ID, s.Until); err != nil {
			return err
		}
	}
	l.set(w, sessionName, "", -time.Second)
	return show(w, http.StatusOK, page{Kind: "note", Title: "You are logged out", Data: note{Shape: "–", Lines: []string{"You can close this page."}}})
}

// local gives an address of this server, as a path with its query; "" for any other.
// Browsers read a backslash as a slash, and two of them as another host.
func local(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") ||
		strings.ContainsFunc(next, func(c rune) bool { return c <= ' ' || c == '\\' || c > '~' }) {
		return ""
	}
	return next
}
