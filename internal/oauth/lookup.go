package oauth

import (
	"net/http"
	"slices"
	"strings"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/delegation"
	"github.com/paraph/paraph/internal/fault"
)

// revoke ends a token for its client (RFC 7009): with a refresh token everything
// that the person allowed, with an access token that one. What is no token of the
// client's is answered alike, and stays as it is.
func (s *Server) revoke(a *ask) (any, error) {
	text, call := a.form.Get("token"), s.clientCall(a.Request, a.client.OAuthClient)
	if text == "" {
		return nil, refuse("invalid_request", "token is missing.")
	}
	err := s.Service.RevokeRefreshToken(a.Context(), call, text, a.client.ID)
	if fault.KindOf(err) != fault.NotFound || err == nil {
		return nil, err
	}
	c, err := s.verifier.readFor(a.Context(), text, "")
	if fault.KindOf(err) == fault.Unavailable {
		return nil, err
	}
	if err != nil || c.ClientID != a.client.ID {
		return nil, nil
	}
	return nil, s.Service.RevokeAccessToken(a.Context(), call, c.ID, c.Expiry.Time().Add(2*leeway))
}

// inspection is RFC 7662 section 2.2.
type inspection struct {
	Active    bool                `json:"active"`
	Scope     string              `json:"scope,omitempty"`
	ClientID  string              `json:"client_id,omitempty"`
	Username  string              `json:"username,omitempty"`
	TokenType string              `json:"token_type,omitempty"`
	Expiry    int64               `json:"exp,omitempty"` // seconds since 1970, as the next
	IssuedAt  int64               `json:"iat,omitempty"`
	Subject   string              `json:"sub,omitempty"`
	Audience  []string            `json:"aud,omitempty"`
	Issuer    string              `json:"iss,omitempty"`
	ID        string              `json:"jti,omitempty"`
	Bound     *delegation.Binding `json:"cnf,omitempty"`
	Acts      *acting             `json:"act,omitempty"`
}

// introspect says what a token is, to the client that it was made for and to those
// that are the resource it is for (RFC 7662). To everybody else no token is active.
func (s *Server) introspect(a *ask) (any, error) {
	if a.client.Profile.Public() {
		return nil, invalidClient()
	}
	text := a.form.Get("token")
	if text == "" {
		return nil, refuse("invalid_request", "token is missing.")
	}
	d, err := s.Service.RefreshToken(a.Context(), text, a.client.ID)
	if err == nil {
		end := d.ExpiresAt
		if d.IdleUntil.Before(end) {
			end = d.IdleUntil
		}
		return inspection{Active: true, Scope: strings.Join(d.Scopes, " "), ClientID: d.ClientID, Subject: d.UserID, Issuer: s.Issuer, Expiry: end.Unix()}, nil
	}
	if fault.KindOf(err) != fault.NotFound {
		return nil, err
	}
	c, err := s.verifier.readFor(a.Context(), text, "")
	var actor access.Actor
	if err == nil && c.ClientID != a.client.ID && (c.Org != a.client.Org || !slices.ContainsFunc(a.client.Profile.Serves, c.Audience.Contains)) {
		err = errToken("it is none of the client's business")
	}
	if err == nil {
		actor, err = s.verifier.standing(a.Context(), &c)
	}
	if err != nil {
		if fault.KindOf(err) == fault.Unavailable {
			return nil, err
		}
		return inspection{}, nil
	}
	out := inspection{Active: true, Scope: c.Scope, ClientID: c.ClientID, Username: actor.Principal, TokenType: "Bearer", Expiry: c.Expiry.Time().Unix(),
		IssuedAt: c.IssuedAt.Time().Unix(), Subject: c.Subject, Audience: c.Audience, Issuer: c.Issuer, ID: c.ID, Bound: c.Bound, Acts: c.Acts}
	if c.Bound != nil && c.Bound.JKT != "" {
		out.TokenType = schemeDPoP
	}
	return out, nil
}

// userInfo tells a client about the person whose token it has (OpenID Connect Core
// section 5.3).
func (s *Server) userInfo(w http.ResponseWriter, r *http.Request) {
	noStore(w)
	u, scopes, err := s.informed(w, r)
	if err != nil {
		if kind := fault.KindOf(err); kind != fault.Unauthorized && kind != fault.Forbidden {
			s.fail(w, r, err)
			return
		}
		for _, challenge := range s.verifier.Challenge(r, err) {
			w.Header().Add("WWW-Authenticate", challenge)
		}
		status, code := http.StatusUnauthorized, fault.CodeOf(err)
		if fault.KindOf(err) == fault.Forbidden {
			status, code = http.StatusForbidden, "insufficient_scope"
		}
		writeJSON(w, "application/json", status, oauthError{Code: code, Description: fault.From(err).Message})
		return
	}
	writeJSON(w, "application/json", http.StatusOK, struct {
		Subject string `json:"sub"`
		person
	}{u.ID, personOf(u, scopes)})
}

// informed gives the person of a request's token, and the token's scopes.
func (s *Server) informed(w http.ResponseWriter, r *http.Request) (u access.User, scopes []string, err error) {
	scheme, token, err := presented(r)
	if err != nil {
		return u, nil, err
	}
	c, err := s.verifier.read(r.Context(), token)
	if err != nil {
		return u, nil, invalidToken(err)
	}
	if _, err := s.verifier.standing(r.Context(), &c); err != nil {
		return u, nil, err
	}
	if _, err := s.verifier.bound(r, w.Header(), scheme, token, &c); err != nil {
		return u, nil, err
	}
	if scopes = strings.Fields(c.Scope); c.Delegation == "" || !slices.Contains(scopes, scopeOpenID) {
		return u, nil, fault.New(fault.Forbidden, "missing_scope", "This token tells nothing about a person. Ask for the scope %s.", scopeOpenID)
	}
	u, err = s.Users.ActiveUser(r.Context(), c.Subject)
	return u, scopes, err
}
