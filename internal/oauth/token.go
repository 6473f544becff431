package oauth

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/delegation"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/service"
)

// tokenAnswer is RFC 6749 section 5.1, with RFC 8693 section 2.2.1 and OpenID
// Connect Core section 3.1.3.3.
type tokenAnswer struct {
	AccessToken string `json:"access_token"`
	IssuedType  string `json:"issued_token_type,omitempty"`
	TokenType   string `json:"token_type"`
	ExpiresIn   int    `json:"expires_in"` // seconds
	Refresh     string `json:"refresh_token,omitempty"`
	IDToken     string `json:"id_token,omitempty"`
	Scope       string `json:"scope"`
}

// token answers a token request (RFC 6749 section 3.2).
func (s *Server) token(a *ask) (any, error) {
	type maker func(context.Context, *ask) (tokenAnswer, error)
	makers := map[access.GrantType]maker{access.GrantClient: s.forItself, access.GrantExchange: s.exchange}
	if s.people() {
		makers[access.GrantCode], makers[access.GrantRefresh], makers[access.GrantDevice] = s.byCode, s.byRefresh, s.byDevice
	}
	grant := access.GrantType(a.form.Get("grant_type"))
	make, known := makers[grant]
	switch {
	case grant == "":
		return nil, refuse("invalid_request", "grant_type is missing.")
	case !known:
		return nil, refuse("unsupported_grant_type", "This server does not know the grant type.")
	case !a.client.Profile.May(grant):
		return nil, refuse("unauthorized_client", "The client may not use this grant type.")
	}
	return make(a.Context(), a)
}

// forItself makes a token for the client (RFC 6749 section 4.4).
func (s *Server) forItself(ctx context.Context, a *ask) (out tokenAnswer, err error) {
	cl := a.client.OAuthClient
	o := order{subject: cl.ID, client: cl, principal: cl.Principal, units: cl.Units}
	if o.bound, err = a.binding(); err != nil {
		return out, err
	}
	if o.audience, err = s.audience(cl, nil, a.form["resource"]); err != nil {
		return out, err
	}
	if o.scopes, err = narrow(scopesOf(cl.Scopes), a.form.Get("scope")); err != nil {
		return out, err
	}
	return s.answer(ctx, o)
}

// answer makes the access token of an order.
func (s *Server) answer(ctx context.Context, o order) (out tokenAnswer, err error) {
	var life time.Duration
	out.AccessToken, life, err = s.accessToken(ctx, o)
	out.ExpiresIn, out.Scope, out.TokenType = int(life.Seconds()), strings.Join(o.scopes, " "), "Bearer"
	if o.bound.JKT != "" {
		out.TokenType = schemeDPoP
	}
	return out, err
}

// byCode redeems an authorization code (RFC 6749 section 4.1.3, RFC 7636 section 4.5).
func (s *Server) byCode(ctx context.Context, a *ask) (out tokenAnswer, err error) {
	bound, err := a.binding()
	if err != nil {
		return out, err
	}
	if a.form.Get("code") == "" || a.form.Get("code_verifier") == "" {
		return out, refuse("invalid_request", "code or code_verifier is missing.")
	}
	if _, err := s.resources(a.client.OAuthClient, a.form["resource"]); err != nil {
		return out, err
	}
	r := delegation.Redemption{ClientID: a.client.ID, RedirectURI: a.form.Get("redirect_uri"), Verifier: a.form.Get("code_verifier"), JKT: bound.JKT}
	g, err := s.Service.RedeemCode(ctx, s.clientCall(a.Request, a.client.OAuthClient), a.form.Get("code"), r, a.refreshes(), a.refreshBinding(bound))
	if err != nil {
		return out, err
	}
	return s.forPerson(ctx, a, g, bound)
}

// byRefresh takes a refresh token (RFC 6749 section 6). What else the request asks
// for is looked at first, since the token can be used once only.
func (s *Server) byRefresh(ctx context.Context, a *ask) (out tokenAnswer, err error) {
	bound, err := a.binding()
	if err != nil {
		return out, err
	}
	text := a.form.Get("refresh_token")
	if text == "" {
		return out, refuse("invalid_request", "refresh_token is missing.")
	}
	d, err := s.Service.RefreshToken(ctx, text, a.client.ID)
	if err == nil {
		_, err = s.orderFor(ctx, a, &d, bound)
	}
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return out, err
	}
	g, err := s.Service.Refresh(ctx, s.clientCall(a.Request, a.client.OAuthClient), text, a.client.ID, a.proved)
	if err != nil {
		return out, err
	}
	return s.forPerson(ctx, a, g, bound)
}

// byDevice answers a device that waits for a person (RFC 8628 section 3.4).
func (s *Server) byDevice(ctx context.Context, a *ask) (out tokenAnswer, err error) {
	bound, err := a.binding()
	if err != nil {
		return out, err
	}
	if a.form.Get("device_code") == "" {
		return out, refuse("invalid_request", "device_code is missing.")
	}
	g, err := s.Service.PollDevice(ctx, s.clientCall(a.Request, a.client.OAuthClient), a.form.Get("device_code"), a.proved, a.refreshes(), a.refreshBinding(bound))
	if err != nil {
		return out, err
	}
	return s.forPerson(ctx, a, g, bound)
}

// forPerson makes the tokens of a delegation.
func (s *Server) forPerson(ctx context.Context, a *ask, g service.Granted, bound delegation.Binding) (out tokenAnswer, err error) {
	o, err := s.orderFor(ctx, a, &g.Delegation, bound)
	if err != nil {
		return out, err
	}
	if out, err = s.answer(ctx, o); err != nil {
		return out, err
	}
	out.Refresh = g.Refresh
	if slices.Contains(o.scopes, scopeOpenID) {
		u, err := s.Users.ActiveUser(ctx, o.subject)
		if err != nil {
			return out, err
		}
		out.IDToken, err = s.idToken(ctx, u, &g.Delegation, g.Nonce, out.AccessToken)
		return out, err
	}
	return out, nil
}

// orderFor says what the access token of a delegation is made of: what the person
// allowed, as far as the request asks for it and both still may.
func (s *Server) orderFor(ctx context.Context, a *ask, d *delegation.Delegation, bound delegation.Binding) (o order, err error) {
	u, err := s.Users.ActiveUser(ctx, d.UserID)
	if fault.KindOf(err) == fault.Unauthorized {
		return o, refuse("invalid_grant", "The person may not log in any more.")
	}
	if err != nil {
		return o, err
	}
	cl := a.client.OAuthClient
	o = order{subject: u.ID, client: cl, principal: u.Principal, units: common(cl.Units, u.Units), delegation: d, bound: bound, until: d.ExpiresAt}
	if o.audience, err = s.audience(cl, d.Resources, a.form["resource"]); err != nil {
		return o, err
	}
	asked, err := narrow(d.Scopes, a.form.Get("scope"))
	o.scopes = within(asked, cl.Scopes, u.Scopes)
	return o, err
}

// within leaves of scopes what all lists of API scopes hold; those of OpenID
// Connect stay.
func within(scopes []string, lists ...[]access.Scope) []string {
	return slices.DeleteFunc(slices.Clone(scopes), func(name string) bool {
		for _, l := range lists {
			if !slices.Contains(l, access.Scope(name)) && !slices.Contains(identityScopes, name) {
				return true
			}
		}
		return false
	})
}

func scopesOf(scopes []access.Scope) []string {
	out := make([]string, len(scopes))
	for i, sc := range scopes {
		out[i] = string(sc)
	}
	return out
}

// narrow gives the scopes asked for, or all there are. invalid_scope where one is
// asked for that is not there.
func narrow(has []string, asked string) ([]string, error) {
	names := strings.Fields(asked)
	if len(names) == 0 {
		return has, nil
	}
	var out []string
	for _, name := range names {
		if !slices.Contains(has, name) {
			return nil, refuse("invalid_scope", "Not every scope that is asked for can be had.")
		}
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out, nil
}

// resources checks the resources that are asked for (RFC 8707 section 2); none is
// this server.
func (s *Server) resources(cl access.OAuthClient, asked []string) ([]string, error) {
	var out []string
	for _, r := range asked {
		if strings.TrimSuffix(r, "/") == s.Issuer {
			r = s.Issuer
		} else if u, err := url.Parse(r); err != nil || !u.IsAbs() || u.Fragment != "" || !slices.Contains(cl.Profile.Resources, r) {
			return nil, refuse("invalid_target", "The client gets no tokens for this resource.")
		}
		if !slices.Contains(out, r) {
			out = append(out, r)
		}
	}
	if len(out) == 0 {
		out = []string{s.Issuer}
	}
	return out, nil
}

// audience gives the one resource that a token is for: the one asked for, which
// has to be among those granted (nil: any of the client's), or else this server.
func (s *Server) audience(cl access.OAuthClient, granted, asked []string) (string, error) {
	wanted, err := s.resources(cl, asked)
	switch {
	case err != nil:
		return "", err
	case len(wanted) > 1:
		return "", refuse("invalid_target", "A token is for one resource. Ask for one after the other.")
	case granted == nil || slices.Contains(granted, wanted[0]):
		return wanted[0], nil
	case len(asked) == 0:
		return granted[0], nil
	}
	return "", refuse("invalid_target", "The person did not allow tokens for this resource.")
}
