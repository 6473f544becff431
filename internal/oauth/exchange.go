package oauth

import (
	"context"
	"slices"
	"strings"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/delegation"
	"github.com/paraph/paraph/internal/fault"
)

// accessTokenType names an access token (RFC 8693 section 3).
const accessTokenType = "urn:ietf:params:oauth:token-type:access_token"

// maxActors is the most clients that may act for one another in a token.
const maxActors = 4

// exchange makes a token by which a client acts in the name of whoever's token it
// was sent (RFC 8693). It takes only tokens that are for a resource which the client
// is itself, so that nobody exchanges what was meant for somebody else. The new one
// says who acts, may no more than the old one, and ends with it.
func (s *Server) exchange(ctx context.Context, a *ask) (out tokenAnswer, err error) {
	bound, err := a.binding()
	if err != nil {
		return out, err
	}
	for _, name := range []string{"subject_token_type", "requested_token_type"} {
		if t := a.form.Get(name); t != accessTokenType && (t != "" || name == "subject_token_type") {
			return out, refuse("invalid_request", name+" is not "+accessTokenType+".")
		}
	}
	if a.form.Has("actor_token") {
		return out, refuse("invalid_request", "The client acts itself: send no actor_token.")
	}
	cl := a.client.OAuthClient
	c, err := s.verifier.readFor(ctx, a.form.Get("subject_token"), "")
	var actor access.Actor
	if err == nil && (c.Org != cl.Org || !slices.ContainsFunc(cl.Profile.Serves, c.Audience.Contains)) {
		err = errToken("it was not meant for the client that exchanges it")
	}
	if err == nil {
		actor, err = s.verifier.standing(ctx, &c)
	}
	if err != nil {
		if fault.KindOf(err) == fault.Unavailable {
			return out, err
		}
		s.Log.InfoContext(ctx, "a token was not exchanged", "client", cl.ID, "reason", err.Error())
		return out, refuse("invalid_request", "The subject_token is not valid, or was not meant for this client.")
	}
	o := order{subject: c.Subject, client: cl, principal: actor.Principal, units: common(actor.Units, cl.Units), bound: bound, until: c.Expiry.Time()}
	if o.acts = (&acting{cl.ID, c.Acts}); o.acts.depth() > maxActors {
		return out, refuse("invalid_request", "Too many clients act for one another in this token.")
	}
	if c.Delegation != "" {
		o.delegation = &delegation.Delegation{ID: c.Delegation, LoginAt: c.AuthTime.Time(), Methods: c.Methods}
	}
	if o.audience, err = s.audience(cl, nil, append(a.form["resource"], a.form["audience"]...)); err != nil {
		return out, err
	}
	if o.scopes, err = narrow(within(strings.Fields(c.Scope), actor.Scopes, cl.Scopes), a.form.Get("scope")); err != nil {
		return out, err
	}
	o.scopes = slices.DeleteFunc(slices.Clone(o.scopes), func(name string) bool { return slices.Contains(identityScopes, name) })
	if err := s.Service.NoteExchange(ctx, s.clientCall(a.Request, cl), c.Subject, c.ClientID, o.audience); err != nil {
		return out, err
	}
	out, err = s.answer(ctx, o)
	out.IssuedType = accessTokenType
	return out, err
}

// depth counts who acts for one another.
func (a *acting) depth() int {
	if a == nil {
		return 0
	}
	return 1 + a.Before.depth()
}
