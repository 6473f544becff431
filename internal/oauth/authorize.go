package oauth

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/webform"
)

// answerTime is how long a form waits for its answer.
const answerTime = 15 * time.Minute

// authorize answers a browser that a client has sent (RFC 6749 section 4.1.1). It
// comes back here after the login, with the same query.
func (s *Server) authorize(w http.ResponseWriter, r *http.Request) error {
	asked := r.URL.Query()
	q, hash, err := s.unpushed(r.Context(), asked)
	if err != nil {
		return err
	}
	cl, rq, err := s.redirects(r.Context(), q)
	if err != nil {
		return err
	}
	rq.Pushed = hash
	if cl.Profile.Pushed && hash == nil {
		err = refuse("invalid_request", "This client has to push its requests.")
	} else {
		err = s.complete(cl, q, &rq)
	}
	if err == nil {
		err = s.ask(w, r, cl, &rq)
	}
	var refusal *oauthError
	if errors.As(err, &refusal) {
		webform.Send(w, rq.answer(s.Issuer, url.Values{"error": {refusal.Code}, "error_description": {refusal.Description}}))
		return nil
	}
	return err
}

// ask has the person log in where that is needed, and asks them.
func (s *Server) ask(w http.ResponseWriter, r *http.Request, cl access.OAuthClient, rq *request) error {
	session, in, err := s.Login.Session(r)
	if err != nil {
		return err
	}
	if !in || !s.freshEnough(r, rq, session) {
		if rq.asks("none") {
			return refuse("login_required", "Nobody is logged in here, or not recently enough.")
		}
		webform.Send(w, s.Login.URL(s.here(r), in))
		return nil
	}
	if session.User.Org != cl.Org {
		return refuse("access_denied", "The person belongs to another organisation than the client.")
	}
	granted := *rq
	granted.Scopes = within(rq.Scopes, session.User.Scopes)
	if len(granted.Scopes) == 0 {
		return refuse("access_denied", "The person has none of the rights that are asked for.")
	}
	known := false
	// A client of which everybody has a copy may be anybody: its person is always
	// asked (RFC 6749 section 10.2).
	if !cl.Profile.Public() && !rq.asks("consent") {
		if known, err = s.Service.Delegated(r.Context(), session.User, cl.ID, granted.Scopes, granted.Resources); err != nil {
			return err
		}
	}
	switch {
	case known:
		return s.grant(w, r, session, &granted)
	case rq.asks("none"):
		return refuse("consent_required", "The person has not allowed this yet.")
	}
	form, err := s.seal("consent", waiting{Session: session.ID, Until: s.Clock.Now().Add(answerTime), Request: &granted})
	if err != nil {
		return err
	}
	c := consentOf(s, cl, session.User, granted.Scopes, granted.Resources)
	c.Action, c.Form, c.Goes = AuthorizePath, form, hostOfRedirect(rq.Redirect)
	c.Switch = s.Login.URL(r.URL.RequestURI(), true)
	return pages.Show(w, http.StatusOK, webform.Page{Kind: "consent", Title: c.Client + " asks for access", Data: c, Targets: []string{originOf(rq.Redirect)}})
}

// freshEnough tells whether the login is as recent as the request wants. One made
// since the browser was sent to log in always is, by whatever: which logins do for what
// is decided where the token is used.
func (s *Server) freshEnough(r *http.Request, rq *request, session access.Session) bool {
	if !rq.asks("login") && !rq.asks("select_account") && (!rq.attested || session.Passkey != nil) && (rq.maxAge < 0 || s.Clock.Now().Sub(session.At) <= rq.maxAge) {
		return true
	}
	sealed, err := base64.RawURLEncoding.DecodeString(r.URL.Query().Get("login_after"))
	if err != nil {
		return false
	}
	plain, err := s.Sealer.Open(sealed, []byte("login after"))
	return err == nil && len(plain) == 8 && !session.At.Before(time.UnixMicro(int64(binary.BigEndian.Uint64(plain))))
}

// here is the address to which a browser comes back after the login, with the time
// of now, sealed: a request that wants a new login is content with one since.
func (s *Server) here(r *http.Request) string {
	q := r.URL.Query()
	sealed, err := s.Sealer.Seal(binary.BigEndian.AppendUint64(nil, uint64(s.Clock.Now().UnixMicro())), []byte("login after"))
	if err == nil {
		q.Set("login_after", base64.RawURLEncoding.EncodeToString(sealed))
	}
	return r.URL.Path + "?" + q.Encode()
}

// grant sends the browser back to the client with a code.
func (s *Server) grant(w http.ResponseWriter, r *http.Request, session access.Session, rq *request) error {
	code, err := s.Service.IssueCode(r.Context(), s.personCall(r, session.User),
		service.NewDelegation{ClientID: rq.ClientID, Scopes: rq.Scopes, Resources: rq.Resources, Session: session},
		service.NewCode{RedirectURI: rq.Redirect, Challenge: rq.Challenge, JKT: rq.JKT, Nonce: rq.Nonce, Pushed: rq.Pushed})
	if err != nil {
		return err
	}
	webform.Send(w, rq.answer(s.Issuer, url.Values{"code": {code}}))
	return nil
}

// answerRequest takes what a person says to a request. The form holds the request
// as it was shown, and for whom: another login cannot answer it.
func (s *Server) answerRequest(w http.ResponseWriter, r *http.Request) error {
	wait, session, err := s.waited(w, r, "consent")
	if err != nil {
		return err
	}
	rq := wait.Request
	cl, err := s.Service.ActiveClient(r.Context(), rq.ClientID)
	if fault.KindOf(err) == fault.Unauthorized || err == nil && !cl.Profile.Redirects(rq.Redirect) {
		return refuse("invalid_request", "The program is not registered here any more.")
	}
	if err != nil {
		return err
	}
	if r.PostForm.Get("answer") != "allow" {
		webform.Send(w, rq.answer(s.Issuer, url.Values{"error": {"access_denied"}, "error_description": {"The person said no."}}))
		return nil
	}
	return s.grant(w, r, session, rq)
}

// waiting is what a form holds until it is answered.
type waiting struct {
	Session string    `json:"l"`
	Until   time.Time `json:"t"`
	Request *request  `json:"q,omitempty"`
	Device  []byte    `json:"d,omitempty"` // hash of the user code
}

func (s *Server) seal(what string, v waiting) (string, error) { return webform.Seal(s.Sealer, what, v) }

// waited reads an answered form of the person who is logged in.
func (s *Server) waited(w http.ResponseWriter, r *http.Request, what string) (wait waiting, session access.Session, err error) {
	if _, err := readForm(w, r); err != nil {
		return wait, session, err
	}
	session, in, err := s.Login.Session(r)
	if err != nil {
		return wait, session, err
	}
	if !webform.Open(s.Sealer, what, r.PostForm.Get("form"), &wait) || !in || !same(wait.Session, session.ID) || !s.Clock.Now().Before(wait.Until) {
		return wait, session, fault.New(fault.Conflict, "form_stale", "This form has waited too long, or somebody else has logged in since. Begin anew where you came from.")
	}
	return wait, session, nil
}

// consent is what a person is asked.
type consent struct {
	Client, Person string
	Goes           string   // host that the browser is sent to
	Rights         []string // what is allowed, in sentences
	Others         []string // further resources
	Action, Form   string
	Switch         string // address to log in as somebody else
	Code           string // of a device
}

func consentOf(s *Server, cl access.OAuthClient, u access.User, scopes, resources []string) consent {
	c := consent{Client: cl.Name, Person: u.Principal}
	known := access.Scopes()
	for _, name := range scopes {
		if sentence, ok := known[access.Scope(name)]; ok {
			c.Rights = append(c.Rights, sentence)
		} else if sentence := identitySentences[name]; sentence != "" {
			c.Rights = append(c.Rights, sentence)
		}
	}
	c.Others = slices.DeleteFunc(slices.Clone(resources), func(r string) bool { return r == s.Issuer })
	return c
}

var identitySentences = map[string]string{
	scopeOpenID: "Know that it is you.", "profile": "Know your name.", "email": "Know your e-mail address.",
}

// hostOfRedirect names where a browser is sent, for people.
func hostOfRedirect(uri string) string {
	u, err := url.Parse(uri)
	switch {
	case err != nil:
		return ""
	case u.Host == "":
		return "the program " + u.Scheme + " on this machine"
	}
	return u.Host
}

// originOf gives the source of a content security policy that a redirect URI is of.
func originOf(uri string) string {
	u, err := url.Parse(uri)
	switch {
	case err != nil:
		return ""
	case u.Host == "":
		return u.Scheme + ":"
	}
	return u.Scheme + "://" + u.Host
}
