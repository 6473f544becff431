package login

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/brand"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/pdf/qr"
	"github.com/paraph/paraph/internal/people"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/webform"
)

// accountPage is what a person sees of the own account.
type accountPage struct {
	Base, Form, Logout string
	Person             string
	Joining            bool // there is nothing to log in by yet
	IsKey              bool // it is an access key's login, which has no account
	Fresh              bool // proofs can be changed now
	LogInAgain         string
	Options            string // of a new passkey, as JSON; "": there are no passkeys here
	NoPasskeys         bool   // browsers keep none for this server's address
	Passkeys           []passkeyRow
	HasTOTP            bool
	Mails              bool
	CodesLeft          int
	Sessions           []sessionRow
	LetIn              []letInRow
}

// letInRow is a program that may act in the person's name.
type letInRow struct {
	ID, Name, Since, Used string
	Rights                []string
}

type passkeyRow struct{ ID, Name, Since, Used string }

type sessionRow struct {
	ID, Where, Since string
	Here             bool
}

// here gives the login of an account's page; false where the browser was sent to log in.
func (l *Login) here(w http.ResponseWriter, r *http.Request) (s people.Session, u access.User, in bool, err error) {
	s, u, in, err = l.session(r)
	if err == nil && !in {
		webform.Send(w, l.URL(AccountPath, false))
	}
	return s, u, in, err
}

// mayProve tells whether a login may change what its person logs in by: it is recent,
// or there is nothing yet.
func (l *Login) mayProve(s *people.Session) bool {
	return strings.HasPrefix(s.UserID, people.UserPrefix+"_") && (joining(s) || s.Fresh(l.Clock.Now()))
}

// account shows the page on which people manage what they log in by, and where they
// are logged in.
func (l *Login) account(w http.ResponseWriter, r *http.Request) error {
	s, u, in, err := l.here(w, r)
	if err != nil || !in {
		return err
	}
	p, err := l.Service.ProofsOf(r.Context(), u.ID)
	if err != nil {
		return err
	}
	logins, err := l.Service.Sessions(r.Context(), u.ID)
	if err != nil {
		return err
	}
	wait := waiting{Browser: l.browser(w, r), Session: s.ID, Until: l.Clock.Now().Add(people.FreshProof)}
	v := accountPage{Base: AccountPath, Logout: LogoutPath, Person: u.Principal, Joining: joining(&s), IsKey: !strings.HasPrefix(u.ID, people.UserPrefix+"_"), Fresh: l.mayProve(&s),
		LogInAgain: l.URL(AccountPath, true), HasTOTP: p.HasTOTP, NoPasskeys: l.keys == nil, Mails: l.Mails, CodesLeft: p.CodesLeft}
	if l.keys != nil && v.Fresh {
		attested, err := l.Service.WantsAttestation(r.Context(), u.Org)
		if err == nil {
			wait.Challenge, v.Options, err = l.newPasskey(holder{u, p.Passkeys}, attested)
		}
		if err != nil {
			return err
		}
	}
	for _, k := range p.Passkeys {
		row := passkeyRow{ID: base64.RawURLEncoding.EncodeToString(k.ID), Name: k.Name, Since: day(k.CreatedAt)}
		if !k.UsedAt.IsZero() {
			row.Used = day(k.UsedAt)
		}
		v.Passkeys = append(v.Passkeys, row)
	}
	for _, one := range logins {
		v.Sessions = append(v.Sessions, sessionRow{ID: one.ID, Where: one.Address + " " + one.UserAgent, Since: one.CreatedAt.Format("2 January 2006, 15:04 MST"), Here: one.ID == s.ID})
	}
	if v.LetIn, err = l.letIn(r, u); err != nil {
		return err
	}
	if v.Form, err = webform.Seal(l.Sealer, "account", wait); err != nil {
		return err
	}
	return pages.Show(w, http.StatusOK, webform.Page{Kind: "account", Title: "Your account", Data: v, Script: true})
}

func day(t time.Time) string { return t.Format("2 January 2006") }

// newPasskey makes what an authenticator is asked for: a passkey that it finds by
// itself, whose holder it verifies, and none that the person has already. With attested
// it is asked which make it is, too; the browser may ask the person about that.
func (l *Login) newPasskey(h holder, attested bool) (*webauthn.SessionData, string, error) {
	var known []protocol.CredentialDescriptor
	for _, c := range h.WebAuthnCredentials() {
		known = append(known, c.Descriptor())
	}
	options := []webauthn.RegistrationOption{webauthn.WithExclusions(known)}
	if attested {
		options = append(options, webauthn.WithConveyancePreference(protocol.PreferDirectAttestation))
	}
	asked, session, err := l.keys.BeginRegistration(h, options...)
	if err != nil {
		return nil, "", err
	}
	session.Expires = time.Time{} // the form's own end counts
	text, err := json.Marshal(asked.Response)
	return session, string(text), err
}

// changing reads a form of the account's page from the login that it was shown to,
// where that may change proofs.
func (l *Login) changing(w http.ResponseWriter, r *http.Request, proofs bool) (wait waiting, s people.Session, u access.User, in bool, err error) {
	wait, ok, err := l.answered(w, r, "account")
	if err != nil {
		return wait, s, u, false, err
	}
	if s, u, in, err = l.here(w, r); err != nil || !in {
		return wait, s, u, false, err
	}
	if !ok || wait.Session != s.ID {
		return wait, s, u, false, fault.New(fault.Conflict, "form_stale", "This page has waited too long, or somebody else has logged in since. Go back to your account, and begin anew.")
	}
	if proofs && !l.mayProve(&s) {
		webform.Send(w, l.URL(AccountPath, true))
		return wait, s, u, false, nil
	}
	return wait, s, u, true, nil
}

// proved lets somebody in for good who came by an invitation and has a proof now.
func (l *Login) proved(w http.ResponseWriter, r *http.Request, s *people.Session, u access.User, passkey []byte, methods ...string) error {
	if joining(s) {
		in := l.place(r)
		in.Passkey = passkey
		made, err := l.Service.RenewSession(r.Context(), u, append([]string{service.MethodMail}, methods...), in)
		if err != nil {
			return err
		}
		return l.enter(w, made, AccountPath)
	}
	webform.Send(w, AccountPath)
	return nil
}

// changePasskeys adds a passkey or removes one.
func (l *Login) changePasskeys(w http.ResponseWriter, r *http.Request) error {
	wait, s, u, in, err := l.changing(w, r, true)
	if err != nil || !in {
		return err
	}
	if gone := r.PostForm.Get("remove"); gone != "" {
		id, err := base64.RawURLEncoding.DecodeString(gone)
		if err == nil {
			err = l.Service.RemovePasskey(r.Context(), u, l.source(r), id)
		}
		if err == nil {
			webform.Send(w, AccountPath)
		}
		return err
	}
	refused := fault.New(fault.Conflict, "passkey_refused", "The passkey could not be checked, and was not kept. Go back to your account, and try once more.")
	parsed, err := protocol.ParseCredentialCreationResponseBytes([]byte(r.PostForm.Get("credential")))
	if err != nil || l.keys == nil || wait.Challenge == nil {
		return refused
	}
	made, err := l.keys.CreateCredential(holder{user: u}, *wait.Challenge, parsed)
	if err != nil {
		l.Log.InfoContext(r.Context(), "a new passkey was refused", "error", err)
		return refused
	}
	credential, err := json.Marshal(made)
	if err != nil {
		return err
	}
	k := people.Passkey{ID: made.ID, Name: r.PostForm.Get("name"), Credential: credential}
	if err := l.Service.AddPasskey(r.Context(), u, l.source(r), k, challengeHash(wait.Challenge), wait.Until); err != nil {
		return err
	}
	return l.proved(w, r, &s, u, k.ID, service.MethodPasskey, service.MethodPresence)
}

// codesPage is where a source of codes is set up.
type codesPage struct {
	Action, Form, Back, Secret, Fault string
	Picture                           template.HTML
}

// codes shows a new secret for an app that makes codes.
func (l *Login) codes(w http.ResponseWriter, r *http.Request) error {
	s, u, in, err := l.here(w, r)
	if err != nil || !in {
		return err
	}
	if !l.mayProve(&s) {
		webform.Send(w, l.URL(AccountPath+"/codes", true))
		return nil
	}
	secret, sealed, err := l.Service.BeginTOTP(u.ID)
	if err != nil {
		return err
	}
	return l.showCodes(w, r, http.StatusOK, &s, u, secret, sealed, "")
}

func (l *Login) showCodes(w http.ResponseWriter, r *http.Request, status int, s *people.Session, u access.User, secret, sealed []byte, wrong string) error {
	form, err := webform.Seal(l.Sealer, "account", waiting{Browser: l.browser(w, r), Session: s.ID, Until: l.Clock.Now().Add(people.FreshProof), Sealed: sealed})
	if err != nil {
		return err
	}
	picture, err := picture(people.TOTPAddress(secret, brand.Name, u.Principal))
	if err != nil {
		return err
	}
	text := people.TOTPText(secret)
	var spaced strings.Builder
	for i := 0; i < len(text); i += 4 {
		spaced.WriteString(text[i:min(i+4, len(text))] + " ")
	}
	return pages.Show(w, status, webform.Page{Kind: "codes", Title: "Codes from an app", Data: codesPage{AccountPath + "/codes", form, AccountPath, strings.TrimSpace(spaced.String()), wrong, picture}})
}

// picture draws a text as a QR code.
func picture(text string) (template.HTML, error) {
	code, err := qr.Encode(text)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="qr" viewBox="-4 -4 %d %d" role="img" aria-label="QR code for your app"><path d="`, code.Size+8, code.Size+8)
	for y := range code.Size {
		for x := range code.Size {
			if code.At(x, y) {
				fmt.Fprintf(&b, "M%d %dh1v1h-1z", x, y)
			}
		}
	}
	return template.HTML(b.String() + `"/></svg>`), nil
}

// changeCodes confirms a source of codes by its first code, or removes the one there is.
func (l *Login) changeCodes(w http.ResponseWriter, r *http.Request) error {
	wait, s, u, in, err := l.changing(w, r, true)
	if err != nil || !in {
		return err
	}
	if r.PostForm.Get("remove") != "" {
		if err := l.Service.RemoveTOTP(r.Context(), u, l.source(r)); err != nil {
			return err
		}
		webform.Send(w, AccountPath)
		return nil
	}
	secret, err := l.Service.OpenTOTP(u.ID, wait.Sealed)
	if err != nil {
		return fault.New(fault.Conflict, "form_stale", "This page has waited too long. Go back to your account, and begin anew.")
	}
	err = l.Service.ConfirmTOTP(r.Context(), u, l.source(r), wait.Sealed, r.PostForm.Get("code"))
	if fault.KindOf(err) == fault.Unauthorized {
		return l.showCodes(w, r, http.StatusUnauthorized, &s, u, secret, wait.Sealed, fault.From(err).Message)
	}
	if err != nil {
		return err
	}
	return l.proved(w, r, &s, u, nil, service.MethodCode)
}

// drawRecovery shows new recovery codes, once.
func (l *Login) drawRecovery(w http.ResponseWriter, r *http.Request) error {
	_, s, u, in, err := l.changing(w, r, true)
	if err != nil || !in {
		return err
	}
	if joining(&s) {
		return fault.New(fault.Conflict, "proof_first", "Set up a passkey or codes first. Recovery codes are for the day on which those are lost.")
	}
	codes, err := l.Service.NewRecoveryCodes(r.Context(), u, l.source(r))
	if err != nil {
		return err
	}
	return pages.Show(w, http.StatusOK, webform.Page{Kind: "recovery", Title: "Your recovery codes", Data: struct {
		Codes []string
		Back  string
	}{codes, AccountPath}})
}

// endLogin ends one of the person's logins.
func (l *Login) endLogin(w http.ResponseWriter, r *http.Request) error {
	_, _, u, in, err := l.changing(w, r, false)
	if err != nil || !in {
		return err
	}
	if err := l.Service.EndSessionNamed(r.Context(), u.ID, r.PostForm.Get("login")); err != nil {
		return err
	}
	webform.Send(w, AccountPath)
	return nil
}

// letIn lists the programs that may act in the person's name, and what they may do.
func (l *Login) letIn(r *http.Request, u access.User) (rows []letInRow, err error) {
	given, err := l.Service.LetIns(r.Context(), u)
	known := access.Scopes()
	for _, g := range given {
		row := letInRow{ID: g.Delegation.ID, Name: cmp.Or(g.Client, "A program that is gone"), Since: day(g.Delegation.CreatedAt)}
		if at := g.Delegation.RotatedAt; at.After(g.Delegation.CreatedAt) {
			row.Used = day(at)
		}
		for _, name := range g.Delegation.Scopes {
			if sentence, ok := known[access.Scope(name)]; ok {
				row.Rights = append(row.Rights, sentence)
			}
		}
		rows = append(rows, row)
	}
	return rows, err
}

// shutOut takes back what the person allowed a program.
func (l *Login) shutOut(w http.ResponseWriter, r *http.Request) error {
	_, _, u, in, err := l.changing(w, r, false)
	if err != nil || !in {
		return err
	}
	if err := l.Service.ShutOut(r.Context(), u, l.source(r), r.PostForm.Get("program")); err != nil {
		return err
	}
	webform.Send(w, AccountPath)
	return nil
}
