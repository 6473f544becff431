package login

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/people"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/webform"
)

// loginForm is what the login page shows.
type loginForm struct {
	Base, Form      string
	Options         string // of a passkey's assertion, as JSON; "": there are no passkeys here
	Mails, Keys     bool
	Providers       []offered
	Key, Fault, Way string
}

// offered is a provider to log in by.
type offered struct{ ID, Name string }

// waiting is what a form of this room holds until it is answered.
type waiting struct {
	Next      string                `json:"n,omitempty"`
	Browser   string                `json:"b"`
	Fresh     bool                  `json:"f,omitempty"` // a login is wanted that is made now
	Session   string                `json:"s,omitempty"` // in which it was shown
	Until     time.Time             `json:"t"`
	Challenge *webauthn.SessionData `json:"c,omitempty"`
	Sealed    []byte                `json:"x,omitempty"` // a secret that is being set up
}

// form shows the login page. Its form can be sent from this browser only: another
// site cannot log its reader in as somebody else.
func (l *Login) form(w http.ResponseWriter, r *http.Request) error {
	next := webform.Local(r.URL.Query().Get("next"))
	if _, in, err := l.Session(r); err != nil {
		return err
	} else if in && !r.URL.Query().Has("fresh") {
		if next == "" {
			next = AccountPath
		}
		webform.Send(w, next)
		return nil
	}
	return l.ask(w, r, http.StatusOK, loginForm{}, next)
}

// ask shows the login page with what is said on it.
func (l *Login) ask(w http.ResponseWriter, r *http.Request, status int, f loginForm, next string) error {
	wait := waiting{Next: next, Browser: l.browser(w, r), Fresh: r.URL.Query().Has("fresh"), Until: l.Clock.Now().Add(formLife)}
	f.Base, f.Mails, f.Keys = Path, l.Mails, !l.NoKeys
	if l.keys != nil {
		asked, session, err := l.keys.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired))
		if err != nil {
			return err
		}
		options, err := json.Marshal(asked.Response)
		if err != nil {
			return err
		}
		session.Expires = time.Time{} // the form's own end counts, by the clock of the server
		wait.Challenge, f.Options = session, string(options)
	}
	providers, err := l.Service.OfferedProviders(r.Context())
	if err != nil {
		return err
	}
	for _, p := range providers {
		f.Providers = append(f.Providers, offered{p.ID, p.Name})
	}
	if f.Form, err = webform.Seal(l.Sealer, "login", wait); err != nil {
		return err
	}
	// Whoever is sent on from here may end at a client's own address, or at a provider.
	return pages.Show(w, status, webform.Page{Kind: "login", Title: "Log in", Data: f, Targets: []string{"https:", "http:"}, Script: true})
}

// answered reads a form of the room that this browser was shown; false where it has
// waited too long, or is another's.
func (l *Login) answered(w http.ResponseWriter, r *http.Request, what string) (wait waiting, ok bool, err error) {
	if _, err := webform.Read(w, r, maxForm); err != nil {
		return wait, false, err
	}
	ok = webform.Open(l.Sealer, what, r.PostForm.Get("form"), &wait) && wait.Browser == l.cookie(r, BrowserCookie) && l.Clock.Now().Before(wait.Until)
	return wait, ok, nil
}

const waitedTooLong = "This page has waited too long, or the browser keeps no cookies. Log in here."

func (l *Login) stale(w http.ResponseWriter, r *http.Request, wait waiting) error {
	return l.ask(w, r, http.StatusConflict, loginForm{Fault: waitedTooLong}, webform.Local(wait.Next))
}

// wrongly counts a wrong guess, notes it of whom it was about, "" for nobody, and
// gives how long the sender has to wait now; 0: not at all. What is noted is bounded
// by the same count, so that nobody fills the log.
func (l *Login) wrongly(r *http.Request, userID, method, reason string) (time.Duration, error) {
	now, address := l.Clock.Now(), webform.AddressOf(l.SourceOf, r)
	pause := l.wrong.Wait(now, address)
	l.wrong.Wrong(now, address)
	l.Log.WarnContext(r.Context(), "somebody did not prove who they are", "user", strconv.QuoteToASCII(userID[:min(len(userID), 64)]), "method", method, "address", address)
	if pause > 0 || userID == "" {
		return pause, nil
	}
	return 0, l.Service.FailedLogin(r.Context(), l.source(r), userID, method, reason)
}

// refused shows the login page again after a wrong guess.
func (l *Login) refused(w http.ResponseWriter, r *http.Request, wait waiting, f loginForm, userID, method, reason string) error {
	pause, err := l.wrongly(r, userID, method, reason)
	if err != nil {
		return err
	}
	status := http.StatusUnauthorized
	if pause > 0 {
		status = http.StatusTooManyRequests
		f.Fault += " So were many from here: wait " + pause.Round(time.Second).String() + " before you try again."
	}
	return l.ask(w, r, status, f, wait.Next)
}

// byKey takes an access key. Wrong ones cost the sender's address a place in a small
// bucket; right ones are always taken, since a secret of 256 bits is not guessed.
func (l *Login) byKey(w http.ResponseWriter, r *http.Request) error {
	wait, ok, err := l.answered(w, r, "login")
	if err != nil {
		return err
	}
	if !ok {
		return l.stale(w, r, wait)
	}
	if l.NoKeys {
		return l.ask(w, r, http.StatusForbidden, loginForm{Fault: "Nobody logs in by an access key here. Use another way."}, wait.Next)
	}
	key := strings.TrimSpace(r.PostForm.Get("key"))
	made, err := l.Service.LogIn(r.Context(), key, strings.TrimSpace(r.PostForm.Get("secret")), l.place(r))
	if fault.KindOf(err) == fault.Unauthorized {
		return l.refused(w, r, wait, loginForm{Key: key, Way: "key", Fault: "The id or the secret is wrong, or the key was revoked."}, key, service.MethodKey, "wrong_secret")
	}
	if err != nil {
		return err
	}
	return l.enter(w, made, wait.Next)
}

// byPasskey takes what an authenticator signed.
func (l *Login) byPasskey(w http.ResponseWriter, r *http.Request) error {
	wait, ok, err := l.answered(w, r, "login")
	if err != nil {
		return err
	}
	if !ok || l.keys == nil || wait.Challenge == nil {
		return l.stale(w, r, wait)
	}
	u, k, reason, err := l.assertion(r, wait.Challenge)
	if err != nil {
		return err
	}
	if reason != "" {
		return l.refused(w, r, wait, loginForm{Fault: "This passkey does not let you in here."}, u.ID, service.MethodPasskey, reason)
	}
	made, err := l.Service.LogInByPasskey(r.Context(), u, k, challengeHash(wait.Challenge), wait.Until, l.place(r))
	if fault.CodeOf(err) == "used" {
		return l.refused(w, r, wait, loginForm{Fault: "This was sent before. Use the passkey once more."}, u.ID, service.MethodPasskey, "replay")
	}
	if err != nil {
		return err
	}
	return l.enter(w, made, wait.Next)
}

func challengeHash(s *webauthn.SessionData) [32]byte {
	return sha256.Sum256([]byte("webauthn\x00" + s.Challenge))
}

// assertion checks what an authenticator signed: challenge, origin, our name, that
// its holder was verified, the signature, and that its counter has moved on. reason
// says what is wrong with it, for the log; "" where it is good.
func (l *Login) assertion(r *http.Request, challenge *webauthn.SessionData) (u access.User, k people.Passkey, reason string, err error) {
	parsed, err := protocol.ParseCredentialRequestResponseBytes([]byte(r.PostForm.Get("credential")))
	if err != nil {
		return u, k, "unreadable", nil
	}
	var kept []people.Passkey
	_, good, err := l.keys.ValidatePasskeyLogin(func(_, handle []byte) (webauthn.User, error) {
		var err error
		if u, kept, err = l.Service.PasskeyHolder(r.Context(), string(handle)); err != nil {
			return nil, err
		}
		return holder{u, kept}, nil
	}, *challenge, parsed)
	switch {
	case fault.KindOf(err) == fault.Unavailable:
		return u, k, "", err
	case err != nil:
		l.Log.InfoContext(r.Context(), "a passkey was refused", "error", err)
		return u, k, "invalid_assertion", nil
	case good.Authenticator.CloneWarning:
		// Two authenticators count for one passkey: somebody has a copy of its key.
		return u, k, "passkey_cloned", nil
	}
	for _, k = range kept {
		if string(k.ID) == string(good.ID) {
			k.Credential, err = json.Marshal(good)
			return u, k, "", err
		}
	}
	return u, k, "unknown_passkey", nil
}

// holder is a user as the library of passkeys sees one.
type holder struct {
	user access.User
	keys []people.Passkey
}

func (h holder) WebAuthnID() []byte          { return []byte(h.user.ID) }
func (h holder) WebAuthnName() string        { return h.user.Principal }
func (h holder) WebAuthnDisplayName() string { return h.user.Name }

// WebAuthnCredentials gives the passkeys; one that cannot be read lets nobody in.
func (h holder) WebAuthnCredentials() []webauthn.Credential {
	out := make([]webauthn.Credential, 0, len(h.keys))
	for _, k := range h.keys {
		var c webauthn.Credential
		if json.Unmarshal(k.Credential, &c) == nil {
			out = append(out, c)
		}
	}
	return out
}

// byMail has a link sent to the person of an address, whoever that is: the page says
// the same in any case.
func (l *Login) byMail(w http.ResponseWriter, r *http.Request) error {
	wait, ok, err := l.answered(w, r, "login")
	if err != nil {
		return err
	}
	if !ok || !l.Mails {
		return l.stale(w, r, wait)
	}
	if p, err := l.Service.ProviderFor(r.Context(), r.PostForm.Get("user")); err == nil {
		return l.toProvider(w, r, p.ID, wait)
	} else if fault.KindOf(err) != fault.NotFound {
		return err
	}
	now, address := l.Clock.Now(), webform.AddressOf(l.SourceOf, r)
	if pause := l.asked.Wait(now, address); pause > 0 {
		return l.ask(w, r, http.StatusTooManyRequests, loginForm{Way: "mail", Fault: "Many links were asked for from here. Wait " + pause.Round(time.Second).String() + " before the next."}, wait.Next)
	}
	l.asked.Wrong(now, address)
	l.set(w, nextCookie, base64.RawURLEncoding.EncodeToString([]byte(wait.Next)), people.LogInLife)
	if err := l.Service.AskLoginLink(r.Context(), r.PostForm.Get("user"), hashOf(wait.Browser), l.source(r)); err != nil {
		return err
	}
	return pages.Show(w, http.StatusOK, webform.Page{Kind: "note", Title: "Look into your e-mail", Data: webform.Note{Shape: "✉", Lines: []string{
		"If you have an account with codes here, a link is on its way to you. Open it in this browser within ten minutes.", "No letter after a minute? Log in by another way, or ask your administrator."}}})
}

// nextCookie remembers where a browser wants to go while the person reads e-mail.
const nextCookie = "paraph_next"
