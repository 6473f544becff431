package login

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/people"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/webform"
)

// CallbackPath is where providers send browsers back to, with the provider's id
// behind it: one address for each, so that what one answers is never taken for
// another's answer (RFC 9700 section 4.4).
const CallbackPath = Path + "/callback/"

const (
	flowLife      = 15 * time.Minute
	discoveryLife = time.Hour
	// clocksApart is how far a provider's clock may be from ours.
	clocksApart = 30 * time.Second
)

// flow is what a login by a provider carries in its state, sealed.
type flow struct {
	Provider string    `json:"p"`
	Browser  string    `json:"b"`
	Nonce    string    `json:"n"`
	Verifier string    `json:"v"`
	Next     string    `json:"x,omitempty"`
	Fresh    bool      `json:"f,omitempty"` // the person has to prove it anew there
	Began    time.Time `json:"a"`
}

// discovered remembers what providers say of themselves.
type discovered struct {
	mu    sync.Mutex
	known map[string]discovery
}

type discovery struct {
	*oidc.Provider
	tellsIssuer bool // its answers hold iss (RFC 9207)
	until       time.Time
}

func providerAway(cause error) error {
	return fault.Wrap(cause, fault.Unavailable, "provider_unavailable", "The provider cannot be reached.")
}

// discover asks a provider for its addresses and keys. They are of https, unless it is
// on this machine.
func (l *Login) discover(ctx context.Context, issuer string) (discovery, error) {
	now := l.Clock.Now()
	l.found.mu.Lock()
	d, ok := l.found.known[issuer]
	l.found.mu.Unlock()
	if ok && now.Before(d.until) {
		return d, nil
	}
	// The keys are asked for later again, so that the request's context must not be kept.
	p, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), l.Outbound), issuer)
	if err != nil {
		return d, providerAway(err)
	}
	var says struct {
		Authorize   string `json:"authorization_endpoint"`
		Token       string `json:"token_endpoint"`
		Keys        string `json:"jwks_uri"`
		UserInfo    string `json:"userinfo_endpoint"`
		TellsIssuer bool   `json:"authorization_response_iss_parameter_supported"`
	}
	if err := p.Claims(&says); err != nil {
		return d, providerAway(err)
	}
	for _, address := range []string{says.Authorize, says.Token, says.Keys, cmp.Or(says.UserInfo, says.Token)} {
		if u, err := url.Parse(address); err != nil || u.Host == "" || u.Scheme != "https" && !(u.Scheme == "http" && strings.HasPrefix(issuer, "http:")) {
			return d, providerAway(fmt.Errorf("it names the address %q", address))
		}
	}
	d = discovery{p, says.TellsIssuer, now.Add(discoveryLife)}
	l.found.mu.Lock()
	l.found.known[issuer] = d
	l.found.mu.Unlock()
	return d, nil
}

func (l *Login) client(p *people.Provider, d discovery, secret string) oauth2.Config {
	scopes := append([]string{oidc.ScopeOpenID, "email", "profile"}, p.Settings.Scopes...)
	return oauth2.Config{ClientID: p.Settings.ClientID, ClientSecret: secret, Endpoint: d.Endpoint(), RedirectURL: strings.TrimSuffix(l.Issuer, "/") + CallbackPath + p.ID, Scopes: scopes}
}

// startProvider sends a browser to a provider (OpenID Connect Core section 3.1.2.1),
// with PKCE, a nonce, and a state that only this browser can bring back.
func (l *Login) startProvider(w http.ResponseWriter, r *http.Request) error {
	wait, ok, err := l.answered(w, r, "login")
	if err != nil {
		return err
	}
	if !ok {
		return l.stale(w, r, wait)
	}
	return l.toProvider(w, r, r.PathValue("provider"), wait)
}

func (l *Login) toProvider(w http.ResponseWriter, r *http.Request, providerID string, wait waiting) error {
	p, secret, err := l.Service.ProviderInUse(r.Context(), providerID)
	if err != nil {
		return err
	}
	d, err := l.discover(r.Context(), p.Settings.Issuer)
	if err != nil {
		return err
	}
	f := flow{Provider: p.ID, Browser: wait.Browser, Nonce: oauth2.GenerateVerifier(), Verifier: oauth2.GenerateVerifier(), Next: wait.Next, Fresh: wait.Fresh, Began: l.Clock.Now()}
	state, err := webform.Seal(l.Sealer, "provider", f)
	if err != nil {
		return err
	}
	options := []oauth2.AuthCodeOption{oauth2.S256ChallengeOption(f.Verifier), oidc.Nonce(f.Nonce)}
	if f.Fresh {
		options = append(options, oauth2.SetAuthURLParam("prompt", "login"), oauth2.SetAuthURLParam("max_age", "0"))
	}
	c := l.client(&p, d, secret)
	webform.Send(w, c.AuthCodeURL(state, options...))
	return nil
}

// callback takes what a provider sent a browser back with.
func (l *Login) callback(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	var f flow
	if webform.Twice(q) || !webform.Open(l.Sealer, "provider", q.Get("state"), &f) || f.Browser != l.cookie(r, BrowserCookie) || f.Provider != r.PathValue("provider") || !l.Clock.Now().Before(f.Began.Add(flowLife)) {
		return fault.New(fault.Conflict, "other_browser", "This login was not begun in this browser, or has taken too long. Begin it anew.")
	}
	p, secret, err := l.Service.ProviderInUse(r.Context(), f.Provider)
	if err != nil {
		return err
	}
	d, err := l.discover(r.Context(), p.Settings.Issuer)
	if err != nil {
		return err
	}
	if iss := q.Get("iss"); iss != p.Settings.Issuer && (iss != "" || d.tellsIssuer) {
		return refusedBy(&p, "Its answer names another provider.")
	}
	if q.Get("error") != "" {
		l.Log.InfoContext(r.Context(), "a provider of logins refused", "provider", p.ID, "error", q.Get("error"))
		return refusedBy(&p, "It says that you are not logged in there, or did not agree.")
	}
	who, why, err := l.redeem(r.Context(), &p, d, secret, q.Get("code"), &f)
	if err != nil {
		return err
	}
	if why != "" {
		l.Log.WarnContext(r.Context(), "what a provider of logins says was refused", "provider", p.ID, "reason", why)
		return refusedBy(&p, "What it says of you could not be checked.")
	}
	made, err := l.Service.LogInByProvider(r.Context(), p.ID, who, sha256.Sum256([]byte("login state\x00"+f.Nonce)), f.Began.Add(flowLife), l.place(r))
	if err != nil {
		return err
	}
	return l.enter(w, made, webform.Local(f.Next))
}

func refusedBy(p *people.Provider, why string) error {
	return fault.New(fault.Forbidden, "provider_refused", "%s did not let you in. %s Begin the login anew, or take another way.", p.Name, why)
}

// redeem exchanges a code for an ID token and checks it (OpenID Connect Core section
// 3.1.3.7): signature, issuer, audience, time, nonce, and how recent the proof is. why
// says what is wrong with it, for the log; "" where it is good.
func (l *Login) redeem(ctx context.Context, p *people.Provider, d discovery, secret, code string, f *flow) (who service.Outsider, why string, err error) {
	c := l.client(p, d, secret)
	ctx = oidc.ClientContext(ctx, l.Outbound)
	token, err := c.Exchange(ctx, code, oauth2.VerifierOption(f.Verifier))
	if err != nil {
		if refusal := new(oauth2.RetrieveError); errors.As(err, &refusal) {
			return who, "the code was refused: " + refusal.ErrorCode, nil
		}
		return who, "", providerAway(err)
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := d.Verifier(&oidc.Config{ClientID: p.Settings.ClientID, Now: l.Clock.Now}).Verify(ctx, raw)
	if err != nil {
		return who, err.Error(), nil
	}
	var claims map[string]json.RawMessage
	if err := id.Claims(&claims); err != nil {
		return who, err.Error(), nil
	}
	party := claimed(claims["azp"])
	loggedIn := number(claims["auth_time"])
	switch {
	case id.Nonce != f.Nonce:
		return who, "the nonce is another's", nil
	case len(id.Audience) > 1 && party != p.Settings.ClientID || party != "" && party != p.Settings.ClientID:
		return who, "it is for another client", nil
	case id.AccessTokenHash != "" && id.VerifyAccessToken(token.AccessToken) != nil:
		return who, "it is of another access token", nil
	case f.Fresh && time.Unix(loggedIn, 0).Before(f.Began.Add(-clocksApart)):
		return who, "the person did not prove it anew", nil
	}
	if _, told := claims["email"]; !told && d.UserInfoEndpoint() != "" { // many tell it there alone (section 5.3)
		info, err := d.UserInfo(ctx, oauth2.StaticTokenSource(token))
		if err != nil {
			return who, "", providerAway(err)
		}
		if info.Subject != id.Subject {
			return who, "what it tells is of somebody else", nil
		}
		if err := info.Claims(&claims); err != nil {
			return who, err.Error(), nil
		}
	}
	verified := string(claims["email_verified"])
	return service.Outsider{Subject: id.Subject, Email: claimed(claims["email"]), Verified: verified == "true" || verified == `"true"`, Name: claimed(claims["name"]), Anew: f.Fresh,
		Values: values(claims[p.Settings.Claim])}, "", nil
}

// claimed, number and values read a claim; what is of another kind is nothing.
func claimed(raw json.RawMessage) (s string) {
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

func number(raw json.RawMessage) (n int64) {
	if json.Unmarshal(raw, &n) != nil {
		return 0
	}
	return n
}

func values(raw json.RawMessage) (list []string) {
	if json.Unmarshal(raw, &list) != nil {
		list = slices.DeleteFunc([]string{claimed(raw)}, func(s string) bool { return s == "" })
	}
	return list
}
