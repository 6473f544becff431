package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/people"
	"github.com/paraph/paraph/internal/service"
)

// LoginProvider is an OpenID Connect provider outside by which people log in.
type LoginProvider struct {
	ID string `json:"id" example:"idp_01kb0q7m4b1s9v3d8r5x2c6e7f"`
	LoginProviderSettings
	HasSecret   bool      `json:"has_secret"`
	RedirectURI string    `json:"redirect_uri" doc:"What to register at the provider."`
	CreatedAt   time.Time `json:"created_at"`
	UpdatedAt   time.Time `json:"updated_at"`
	Revision    int64     `json:"revision"`
}

// LoginProviderSettings say how people log in by a provider.
type LoginProviderSettings struct {
	Name        string            `json:"name" example:"Works SSO" doc:"What its button says, after \"Log in with\"."`
	Issuer      string            `json:"issuer" example:"https://sso.example.com"`
	ClientID    string            `json:"client_id" example:"paraph"`
	Scopes      []string          `json:"scopes,omitempty" doc:"Asked for beside openid, email and profile."`
	Domains     []string          `json:"domains" example:"[\"example.com\"]" doc:"Domains of the e-mail addresses that the provider vouches for."`
	CreateUsers bool              `json:"create_users,omitempty" doc:"Make a user, without roles, of whoever logs in and is not known."`
	Claim       string            `json:"claim,omitempty" example:"groups" doc:"Claim of the ID token whose values say which groups somebody is in."`
	ClaimGroups map[string]string `json:"claim_groups,omitempty" doc:"Which group each value of the claim stands for, by its id. At each login people come into those groups, and leave the others of this list."`
	Disabled    bool              `json:"disabled,omitempty" doc:"Nobody logs in by it for now."`
}

func (a *api) loginProviderFrom(p *people.Provider) LoginProvider {
	s := p.Settings
	return LoginProvider{ID: p.ID, LoginProviderSettings: LoginProviderSettings{Name: p.Name, Issuer: s.Issuer, ClientID: s.ClientID, Scopes: s.Scopes, Domains: s.Domains, CreateUsers: s.Create,
		Claim: s.Claim, ClaimGroups: s.Groups, Disabled: s.Disabled}, HasSecret: p.Sealed != nil, RedirectURI: a.PublicURL + "/login/callback/" + p.ID, CreatedAt: p.CreatedAt, UpdatedAt: p.UpdatedAt, Revision: p.Revision}
}

func (a *api) loginProviders() {
	const tag = "people"
	handle(a, route{id: "createLoginProvider", method: http.MethodPost, path: "/v1/login-providers", tag: tag, does: access.ManageSettings, status: http.StatusCreated,
		summary: "Let people log in by a provider outside", about: "One that speaks OpenID Connect. Somebody is known by the provider's subject, or the first time by an e-mail address that the provider has verified and that is of one of its domains.",
		codes: []string{"invalid_provider", "exists", "whole_organisation"}}, a.createLoginProvider)
	handle(a, route{id: "listLoginProviders", method: http.MethodGet, path: "/v1/login-providers", tag: tag, does: access.ManageSettings,
		summary: "List providers of logins", about: "By name. Their secrets are not shown.", codes: []string{"whole_organisation"}}, a.listLoginProviders)
	handle(a, route{id: "saveLoginProvider", method: http.MethodPut, path: "/v1/login-providers/{id}", tag: tag, does: access.ManageSettings,
		summary: "Change a provider of logins", about: "All settings take the place of those before; a secret that is left out stays.", codes: []string{"not_found", "invalid_provider", "whole_organisation"}}, a.saveLoginProvider)
	handle(a, route{id: "removeLoginProvider", method: http.MethodDelete, path: "/v1/login-providers/{id}", tag: tag, does: access.ManageSettings,
		summary: "Remove a provider of logins", about: "Nobody logs in by it any more. Whom it knew stay users.", codes: []string{"not_found", "whole_organisation"}}, a.removeLoginProvider)
}

// LoginProviderRequest is what a provider is made of.
type LoginProviderRequest struct {
	LoginProviderSettings
	ClientSecret *string `json:"client_secret,omitempty" doc:"Of our client at the provider. Kept sealed, and never shown."`
}

func (r *LoginProviderRequest) saved() service.SavedProvider {
	return service.SavedProvider{Name: r.Name, Secret: r.ClientSecret, Settings: people.ProviderSettings{Issuer: r.Issuer, ClientID: r.ClientID, Scopes: r.Scopes, Domains: r.Domains, Create: r.CreateUsers,
		Claim: r.Claim, Groups: r.ClaimGroups, Disabled: r.Disabled}}
}

type createLoginProviderInput struct {
	Keyed
	Body LoginProviderRequest
}

type oneLoginProvider struct {
	Replayed
	Body LoginProvider
}

func (a *api) createLoginProvider(ctx context.Context, in *createLoginProviderInput) (*oneLoginProvider, error) {
	return a.loginProviderAnswer(a.Service.SaveProvider(ctx, callOf(ctx), "", in.Body.saved()))
}

func (a *api) loginProviderAnswer(out service.Result[people.Provider], err error) (*oneLoginProvider, error) {
	if err != nil {
		return nil, err
	}
	return &oneLoginProvider{Replayed: replayed(out.Replayed), Body: a.loginProviderFrom(&out.Value)}, nil
}

func (a *api) listLoginProviders(ctx context.Context, _ *struct{}) (*struct{ Body Items[LoginProvider] }, error) {
	rows, err := a.Service.Providers(ctx, actorOf(ctx))
	if err != nil {
		return nil, err
	}
	return itemsOf(rows, a.loginProviderFrom), nil
}

// LoginProviderPath is the path parameter of one provider.
type LoginProviderPath struct {
	ID string `path:"id" maxLength:"64" example:"idp_01kb0q7m4b1s9v3d8r5x2c6e7f" doc:"Id of the provider."`
}

type saveLoginProviderInput struct {
	LoginProviderPath
	Keyed
	Body LoginProviderRequest
}

func (a *api) saveLoginProvider(ctx context.Context, in *saveLoginProviderInput) (*oneLoginProvider, error) {
	return a.loginProviderAnswer(a.Service.SaveProvider(ctx, callOf(ctx), in.ID, in.Body.saved()))
}

type removeLoginProviderInput struct {
	LoginProviderPath
	Keyed
}

func (a *api) removeLoginProvider(ctx context.Context, in *removeLoginProviderInput) (*oneLoginProvider, error) {
	return a.loginProviderAnswer(a.Service.RemoveProvider(ctx, callOf(ctx), in.ID))
}
