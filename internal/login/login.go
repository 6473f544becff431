// Package login logs people in: by a passkey, by a link sent by e-mail and a code,
// by a provider outside that knows them (OpenID Connect), and by an access key. It
// keeps what they are logged in by in a cookie, and has the page on which they
// manage their passkeys, codes and logins.
//
// The authorization server knows it as its Login. There are no passwords: what
// people can remember, others can ask them for (docs/decisions/0066).
package login

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/brand"
	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/internal/entrance"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/people"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/webform"
)

// Paths of the room.
const (
	Path        = "/login"
	LogoutPath  = "/logout"
	AccountPath = "/account"
)

// Patterns lists the patterns to mount a Login at.
func Patterns() []string {
	return []string{Path, Path + "/", LogoutPath, AccountPath, AccountPath + "/", service.JoinPath}
}

const (
	// SessionCookie and BrowserCookie are the names of the cookies, behind __Host-
	// where the server is reached by https.
	SessionCookie = "paraph_session"
	BrowserCookie = "paraph_browser"
	browserLife   = 30 * 24 * time.Hour
	formLife      = time.Hour
	maxForm       = 64 << 10 // bytes

	// Wrong guesses, by address: a handful at once, then one in every interval.
	guessBurst    = 10
	guessInterval = 6 * time.Second
	// Links by e-mail that are asked for from one address.
	mailBurst    = 10
	mailInterval = 30 * time.Second
)

// Service is what the room needs of internal/service; the faults are those
// documented there.
type Service interface {
	LogIn(ctx context.Context, keyID, secret string, in service.Browser) (service.Login, error)
	LoggedIn(ctx context.Context, cookie string) (people.Session, access.User, error)
	FailedLogin(ctx context.Context, src access.Source, userID, method, reason string) error
	EndSession(ctx context.Context, cookie string) error
	Sessions(ctx context.Context, userID string) ([]people.Session, error)
	EndSessionNamed(ctx context.Context, userID, sessionID string) error
	LetIns(ctx context.Context, u access.User) ([]service.LetIn, error)
	// ShutOut: NotFound where the delegation is not the person's.
	ShutOut(ctx context.Context, u access.User, src access.Source, delegationID string) error
	RenewSession(ctx context.Context, u access.User, methods []string, in service.Browser) (service.Login, error)

	PasskeyHolder(ctx context.Context, userID string) (access.User, []people.Passkey, error)
	LogInByPasskey(ctx context.Context, u access.User, k people.Passkey, challenge [32]byte, until time.Time, in service.Browser) (service.Login, error)
	ProofsOf(ctx context.Context, userID string) (service.Proofs, error)
	// WantsAttestation tells whether an organisation wants to know of which make passkeys are.
	WantsAttestation(ctx context.Context, org string) (bool, error)
	AddPasskey(ctx context.Context, u access.User, src access.Source, k people.Passkey, challenge [32]byte, until time.Time) error
	RemovePasskey(ctx context.Context, u access.User, src access.Source, id []byte) error
	BeginTOTP(userID string) (secret, sealed []byte, err error)
	OpenTOTP(userID string, sealed []byte) ([]byte, error)
	ConfirmTOTP(ctx context.Context, u access.User, src access.Source, sealed []byte, typed string) error
	RemoveTOTP(ctx context.Context, u access.User, src access.Source) error
	NewRecoveryCodes(ctx context.Context, u access.User, src access.Source) ([]string, error)

	AskLoginLink(ctx context.Context, name string, browser []byte, src access.Source) error
	InvitationByLink(ctx context.Context, secret string) (people.Invitation, people.User, error)
	Join(ctx context.Context, secret string, in service.Browser) (service.Login, error)
	OfferedProviders(ctx context.Context) ([]people.Provider, error)
	ProviderFor(ctx context.Context, address string) (people.Provider, error)
	ProviderInUse(ctx context.Context, providerID string) (p people.Provider, secret string, err error)
	LogInByProvider(ctx context.Context, providerID string, who service.Outsider, once [32]byte, until time.Time, in service.Browser) (service.Login, error)
	LogInByCode(ctx context.Context, link string, browser []byte, typed string, in service.Browser) (service.Login, error)
}

// Config is what a Login is made of. Service, Sealer and Issuer are needed.
type Config struct {
	Service Service
	Sealer  webform.Sealer
	Issuer  string // the server's public address
	// Mails tells whether letters leave the house: without, nobody logs in by one.
	Mails bool
	// NoKeys: nobody logs in by an access key, which is one factor.
	NoKeys bool
	// Outbound reaches providers; it decides which addresses may be.
	Outbound *http.Client
	Clock    clock.Clock
	Log      *slog.Logger
	// SourceOf tells where a request came from; nil: the socket's other end.
	SourceOf func(context.Context) access.Source
}

// Login logs people in. Its sessions rest in the database by the hash of what the
// cookie holds. They are drawn anew at each login, so nobody can be given one beforehand.
type Login struct {
	Config
	wrong *webform.Guesses // by address
	asked *webform.Guesses // links by e-mail, by address
	keys  *webauthn.WebAuthn
	found discovered
	mux   entrance.Mux
	https bool
}

//go:embed pages.html
var pagesHTML string

//go:embed pages.css
var pagesCSS string

//go:embed passkey.js
var passkeyJS string

var pages = webform.New(pagesHTML, pagesCSS, passkeyJS)

// New makes a Login, to be mounted at each of Patterns.
func New(c Config) (*Login, error) {
	if c.Clock == nil {
		c.Clock = clock.System{}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.SourceOf == nil {
		c.SourceOf = func(context.Context) access.Source { return access.Source{} }
	}
	l := &Login{Config: c, wrong: webform.NewGuesses(guessBurst, guessInterval), asked: webform.NewGuesses(mailBurst, mailInterval), found: discovered{known: map[string]discovery{}}, https: strings.HasPrefix(c.Issuer, "https:")}
	var err error
	if l.keys, err = passkeysAt(c.Issuer); err != nil {
		return nil, err
	}
	l.mount(entrance.Form, entrance.Guesses, map[string]answer{
		"GET " + Path: l.form, "POST " + Path: l.byKey, "POST " + Path + "/passkey": l.byPasskey, "POST " + Path + "/mail": l.byMail, "POST " + LogoutPath: l.logout,
		"POST " + Path + "/provider/{provider}": l.startProvider, "GET " + CallbackPath + "{provider}": l.callback,
	})
	l.mount(entrance.Link, entrance.Guesses, map[string]answer{"GET " + service.JoinPath + "{secret}": l.followLink, "POST " + service.JoinPath + "{secret}": l.answerLink})
	l.mount(entrance.Login, entrance.PerAddress, map[string]answer{
		"GET " + AccountPath: l.account, "POST " + AccountPath + "/passkeys": l.changePasskeys, "GET " + AccountPath + "/codes": l.codes, "POST " + AccountPath + "/codes": l.changeCodes,
		"POST " + AccountPath + "/recovery": l.drawRecovery, "POST " + AccountPath + "/logins": l.endLogin, "POST " + AccountPath + "/programs": l.shutOut,
	})
	return l, nil
}

type answer = func(http.ResponseWriter, *http.Request) error

func (l *Login) mount(by entrance.By, rate entrance.Rate, routes map[string]answer) {
	for pattern, fn := range routes {
		l.mux.To(by, rate).HandleFunc(pattern, pages.Guarded(l.Log, nil, fn))
	}
}

// passkeysAt makes what checks passkeys for a server's address; nil where there can
// be none: browsers know no passkeys of an address that is a number.
func passkeysAt(issuer string) (*webauthn.WebAuthn, error) {
	u, err := url.Parse(issuer)
	if err != nil {
		return nil, err
	}
	if _, err := netip.ParseAddr(u.Hostname()); err == nil {
		return nil, nil
	}
	return webauthn.New(&webauthn.Config{
		RPID: u.Hostname(), RPDisplayName: brand.Name, RPOrigins: []string{u.Scheme + "://" + u.Host}, AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{ResidentKey: protocol.ResidentKeyRequirementRequired, RequireResidentKey: protocol.ResidentKeyRequired(), UserVerification: protocol.VerificationRequired},
	})
}

// ServeHTTP implements http.Handler.
func (l *Login) ServeHTTP(w http.ResponseWriter, r *http.Request) { l.mux.ServeHTTP(w, r) }

// Entrances implements entrance.Room.
func (l *Login) Entrances() []entrance.Entrance { return l.mux.Entrances() }

// URL is the path to which a browser is sent to log in, to come back to next. With
// fresh, somebody who is logged in has to do it again.
func (l *Login) URL(next string, fresh bool) string {
	q := url.Values{"next": {next}}
	if fresh {
		q.Set("fresh", "1")
	}
	return Path + "?" + q.Encode()
}

// Session gives the login of the request's browser; false where nobody is logged in.
// Who came by an invitation and has not set up a proof yet is not.
func (l *Login) Session(r *http.Request) (access.Session, bool, error) {
	s, u, in, err := l.session(r)
	if err != nil || !in || joining(&s) {
		return access.Session{}, false, err
	}
	return s.SessionOf(u), true, nil
}

// joining tells whether a login is of somebody who has only followed an invitation.
func joining(s *people.Session) bool {
	return len(s.Methods) == 1 && s.Methods[0] == service.MethodMail
}

func (l *Login) session(r *http.Request) (s people.Session, u access.User, in bool, err error) {
	cookie := l.cookie(r, SessionCookie)
	if cookie == "" {
		return s, u, false, nil
	}
	s, u, err = l.Service.LoggedIn(r.Context(), cookie)
	if fault.KindOf(err) == fault.Unauthorized {
		return s, u, false, nil
	}
	return s, u, err == nil, err
}

// cookie gives what a cookie holds; "" where there is none, or two: of two, one was
// put there by somebody else.
func (l *Login) cookie(r *http.Request, name string) string {
	if sent := r.CookiesNamed(l.named(name)); len(sent) == 1 && len(sent[0].Value) >= 40 {
		return sent[0].Value
	}
	return ""
}

// named gives a cookie's name. Browsers take one that begins with __Host- from this
// very host only, over https.
func (l *Login) named(name string) string {
	if l.https {
		return "__Host-" + name
	}
	return name
}

func (l *Login) set(w http.ResponseWriter, name, value string, life time.Duration) {
	http.SetCookie(w, &http.Cookie{Name: l.named(name), Value: value, Path: "/", MaxAge: int(life.Seconds()), Secure: l.https, HttpOnly: true, SameSite: http.SameSiteLaxMode})
}

// browser gives what this browser is named, and names it where it has no name yet.
// Forms are bound to it, so that nobody has another's browser send theirs.
func (l *Login) browser(w http.ResponseWriter, r *http.Request) string {
	if name := l.cookie(r, BrowserCookie); name != "" {
		return name
	}
	var raw [32]byte
	rand.Read(raw[:]) // never fails: crypto/rand ends the process instead
	name := base64.RawURLEncoding.EncodeToString(raw[:])
	l.set(w, BrowserCookie, name, browserLife)
	return name
}

func hashOf(text string) []byte {
	sum := sha256.Sum256([]byte(text))
	return sum[:]
}

// place is where somebody logs in.
func (l *Login) place(r *http.Request) service.Browser {
	return service.Browser{Source: l.source(r), Old: l.cookie(r, SessionCookie)}
}

func (l *Login) source(r *http.Request) access.Source {
	s := l.SourceOf(r.Context())
	if s.Address == "" {
		s.Address, s.UserAgent = webform.AddressOf(nil, r), r.UserAgent()
	}
	return s
}

// enter lets a browser in, and sends it on.
func (l *Login) enter(w http.ResponseWriter, made service.Login, next string) error {
	l.set(w, SessionCookie, made.Cookie, people.SessionLife)
	if next == "" {
		next = AccountPath
	}
	webform.Send(w, next)
	return nil
}

// logout ends the login, here and for whoever has a copy of its cookie.
func (l *Login) logout(w http.ResponseWriter, r *http.Request) error {
	if cookie := l.cookie(r, SessionCookie); cookie != "" {
		if err := l.Service.EndSession(r.Context(), cookie); err != nil {
			return err
		}
	}
	l.set(w, SessionCookie, "", -time.Second)
	return pages.Show(w, http.StatusOK, webform.Page{Kind: "note", Title: "You are logged out", Data: webform.Note{Shape: "–", Lines: []string{"You can close this page."}}})
}
