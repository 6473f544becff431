package oauth

import (
	"crypto/x509"
	"errors"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/event"
	"github.com/paraph/paraph/internal/fault"
)

// assertionType is RFC 7523 section 2.2.
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// caller is a client that has said who it is, and proved it as far as it can.
type caller struct {
	access.OAuthClient
	certificate *x509.Certificate // that it showed; nil: none
}

// client finds out which client sent a request (RFC 6749 section 2.3, RFC 7523
// section 2.2, RFC 8705 section 2). It has to prove itself by its own method and
// by no second one. Wrong credentials cost the sender's address a place in a small
// bucket; right ones are always taken, so that nobody is locked out by a neighbour
// who guesses. Nothing is lost by that: a secret has 256 bits.
func (s *Server) client(r *http.Request, form url.Values) (caller, error) {
	id, c, err := s.proved(r, form)
	if err == nil {
		return c, nil
	}
	if fault.KindOf(err) != fault.Unauthorized {
		return caller{}, err
	}
	now, address := s.Clock.Now(), addressOf(s.SourceOf, r)
	wait := s.wrong.wait(now, address)
	s.wrong.wrong(now, address)
	s.Service.NoteFailedLogin(event.WaySecret, id, address)
	if wait > 0 {
		return caller{}, slowDown(wait, "Too many wrong credentials came from this address.")
	}
	s.Log.WarnContext(r.Context(), "a client did not prove itself", "client", printable(id), "address", address, "reason", err.Error())
	return caller{}, invalidClient()
}

func slowDown(wait time.Duration, why string) *oauthError {
	return &oauthError{Code: "slow_down", Description: why, status: http.StatusTooManyRequests, retryAfter: int(math.Ceil(wait.Seconds()))}
}

// notProved is why a client did not prove itself, for the log.
func notProved(why string) error {
	return fault.New(fault.Unauthorized, "invalid_client", "%s", why)
}

func (s *Server) proved(r *http.Request, form url.Values) (id string, c caller, err error) {
	given, err := credentials(r, form)
	if err != nil {
		return "", c, err
	}
	if c.certificate, err = s.certificate(r); err != nil {
		return given.id, c, err
	}
	if given.secret != "" {
		c.OAuthClient, err = s.Service.Authenticate(r.Context(), given.id, given.secret)
		if err == nil && c.Profile.Auth != access.AuthSecret {
			err = notProved("it has another way to prove itself than a secret")
		}
		return given.id, c, err
	}
	if c.OAuthClient, err = s.Service.ActiveClient(r.Context(), given.id); err != nil {
		return given.id, c, err
	}
	switch p := &c.Profile; {
	case given.assertion != "" && p.Auth == access.AuthKey:
		err = s.checkAssertion(r.Context(), c.OAuthClient, given.assertion)
	case given.assertion != "":
		err = notProved("it has no keys for assertions")
	case p.Auth == access.AuthPKI, p.Auth == access.AuthSelfSigned:
		err = s.checkCertificate(r, p)
	case p.Auth != access.AuthNone:
		err = notProved("it sent no credentials")
	}
	return given.id, c, err
}

// given is what a request holds of credentials.
type given struct{ id, secret, assertion string }

// credentials takes what a client proves itself by from the header or the form.
// No client uses more than one way in a request (RFC 6749 section 2.3).
func credentials(r *http.Request, form url.Values) (g given, err error) {
	g = given{id: form.Get("client_id"), secret: form.Get("client_secret"), assertion: form.Get("client_assertion")}
	ways := 0
	for _, used := range []bool{len(r.Header.Values("Authorization")) > 0, form.Has("client_secret"), form.Has("client_assertion")} {
		if used {
			ways++
		}
	}
	if ways > 1 {
		return g, refuse("invalid_request", "Prove who you are in one way, not in several.")
	}
	if r.Header.Get("Authorization") != "" {
		return basic(r, g.id)
	}
	if form.Has("client_assertion") {
		if form.Get("client_assertion_type") != assertionType {
			return g, refuse("invalid_request", "client_assertion_type is not "+assertionType+".")
		}
		if g.id == "" {
			g.id = claimedSubject(g.assertion)
		}
	}
	if g.id == "" {
		return g, notProved("it did not say who it is")
	}
	return g, nil
}

// basic reads the header (RFC 6749 section 2.3.1): both parts are form-encoded
// before they are joined.
func basic(r *http.Request, named string) (g given, err error) {
	user, pass, ok := r.BasicAuth()
	if !ok || len(r.Header.Values("Authorization")) > 1 {
		return g, notProved("its Authorization header is not Basic")
	}
	id, err1 := url.QueryUnescape(user)
	secret, err2 := url.QueryUnescape(pass)
	if err1 != nil || err2 != nil || secret == "" {
		return g, notProved("its Authorization header cannot be read")
	}
	if named != "" && named != id {
		return g, refuse("invalid_request", "The header and the form name different clients.")
	}
	return given{id: id, secret: secret}, nil
}

func invalidClient() *oauthError {
	return &oauthError{Code: "invalid_client", Description: "The client did not prove itself, or was revoked.", status: http.StatusUnauthorized}
}

// printable cuts what somebody sent for the log.
func printable(s string) string {
	return strconv.QuoteToASCII(s[:min(len(s), 64)])
}

// certificate gives the certificate that a request's sender holds, nil where it
// showed none.
func (s *Server) certificate(r *http.Request) (*x509.Certificate, error) {
	chain, err := s.Certificates(r)
	if err != nil {
		return nil, refuse("invalid_request", "The client certificate cannot be read.")
	}
	if len(chain) == 0 {
		return nil, nil
	}
	return chain[0], nil
}

var errNoCertificate = errors.New("it showed no certificate")
