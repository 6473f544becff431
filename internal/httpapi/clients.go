package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/service"
)

// Client is a program that may ask for access tokens.
type Client struct {
	ID            string     `json:"id" example:"cli_01kb0q7m4b1s9v3d8r5x2c6e7f"`
	Name          string     `json:"name"`
	Principal     string     `json:"principal" doc:"Whom it speaks for."`
	Scopes        []string   `json:"scopes" doc:"Beside those of its roles."`
	Roles         []string   `json:"roles,omitempty" doc:"Roles whose scopes it has, as they are now."`
	BusinessUnits []string   `json:"business_units,omitempty" doc:"Units it is confined to; absent: all."`
	CreatedAt     time.Time  `json:"created_at"`
	RevokedAt     *time.Time `json:"revoked_at,omitempty"`
	OldUntil      *time.Time `json:"old_secret_until,omitempty" doc:"How long the secret before the present one works too."`
	Revision      int64      `json:"revision"`
	ClientProfile
}

func clientOf(c *access.OAuthClient) Client {
	return Client{ID: c.ID, Name: c.Name, Principal: c.Principal, Scopes: texts(c.Scopes), Roles: texts(c.Roles), BusinessUnits: c.Units,
		CreatedAt: c.CreatedAt, RevokedAt: at(c.RevokedAt), OldUntil: at(c.OldUntil), Revision: c.Revision, ClientProfile: profileOf(&c.Profile)}
}

func (a *api) clients() {
	const tag = "settings"
	refused := []string{"invalid_client_request", "not_yours_to_give"}
	handle(a, route{id: "createClient", method: http.MethodPost, path: "/v1/clients", tag: tag, does: access.ManageSettings, status: http.StatusCreated,
		summary: "Make an API client", about: "The answer holds its secret, which is shown this once and not kept: a repeated request answers 409 result_not_repeatable. An administrator who is confined to business units gives only what is its own.",
		codes: append(refused, "result_not_repeatable")}, a.createClient)
	handle(a, route{id: "listClients", method: http.MethodGet, path: "/v1/clients", tag: tag, does: access.ManageSettings,
		summary: "List API clients", about: "Those that were revoked too. Secrets are not kept and so not shown."}, a.listClients)
	handle(a, route{id: "getClient", method: http.MethodGet, path: "/v1/clients/{id}", tag: tag, does: access.ManageSettings,
		summary: "Get an API client", about: "Its secret is not kept and so not shown.", codes: []string{"not_found"}}, a.getClient)
	handle(a, route{id: "changeClient", method: http.MethodPatch, path: "/v1/clients/{id}", tag: tag, does: access.ManageSettings,
		summary: "Change an API client", about: "What is left out stays as it is; null takes an optional member away. Its tokens follow within seconds. Where it is to prove itself by a secret from now on, rotate-secret gives it one.",
		codes: append(refused, "not_found", "client_revoked", "precondition_failed", "stale")}, a.changeClient)
	handle(a, route{id: "rotateClientSecret", method: http.MethodPost, path: "/v1/clients/{id}/rotate-secret", tag: tag, does: access.ManageSettings,
		summary: "Give an API client a new secret", about: "The answer holds it, this once. The one before works on until the overlap ends, so that nothing stands still meanwhile; one from before that ends at once. Tokens are not touched.",
		codes: append(refused, "not_found", "client_revoked", "client_without_secret", "precondition_failed", "result_not_repeatable", "stale")}, a.rotateClientSecret)
	handle(a, route{id: "revokeClient", method: http.MethodDelete, path: "/v1/clients/{id}", tag: tag, does: access.ManageSettings,
		summary: "End a client's access", about: "Its tokens stop working within seconds. To repeat it does nothing.", codes: []string{"not_found", "stale"}}, a.revokeClient)
}

// ClientRequest is what a client is made of.
type ClientRequest struct {
	Name          string   `json:"name" example:"ERP"`
	Principal     string   `json:"principal" example:"erp@example.com" doc:"Whom it speaks for: an e-mail address or a service's name."`
	Scopes        []string `json:"scopes,omitempty" example:"[\"documents:read\",\"documents:write\"]" doc:"A client needs a scope or a role."`
	Roles         []string `json:"roles,omitempty" example:"[\"uploader\"]" doc:"Names of roles; GET /v1/roles lists them. What a role is worth is looked up when a token is used."`
	BusinessUnits []string `json:"business_units,omitempty" doc:"Units to confine it to; absent: all."`
	ClientProfile
}

func (r *ClientRequest) client() service.NewClient {
	return service.NewClient{Name: r.Name, Principal: r.Principal, Scopes: named[access.Scope](r.Scopes), Roles: named[access.Role](r.Roles), Units: r.BusinessUnits, Profile: r.profile()}
}

// ClientChange is what may be changed of a client.
type ClientChange struct {
	Name          string   `json:"name,omitempty" example:"ERP"`
	Principal     string   `json:"principal,omitempty" example:"erp@example.com"`
	Scopes        []string `json:"scopes,omitempty" nullable:"true"`
	Roles         []string `json:"roles,omitempty" nullable:"true"`
	BusinessUnits []string `json:"business_units,omitempty" nullable:"true" doc:"null: all."`
	ClientProfile
}

// ClientSecret is a client with a secret that is new.
type ClientSecret struct {
	Client Client `json:"client"`
	Secret string `json:"client_secret,omitempty" doc:"Shown once; absent where the client proves itself otherwise."`
}

type createClientInput struct {
	Keyed
	Body ClientRequest
}

type clientSecret struct {
	Tagged
	Body ClientSecret
}

func secretAnswer(out service.Result[service.ClientSecret], err error) (*clientSecret, error) {
	if err != nil {
		return nil, err
	}
	return &clientSecret{tagged(out.Value.Client.Revision), ClientSecret{Client: clientOf(&out.Value.Client), Secret: out.Value.Secret}}, nil
}

func (a *api) createClient(ctx context.Context, in *createClientInput) (*clientSecret, error) {
	out, err := a.Service.CreateClient(ctx, callOf(ctx), in.Body.client())
	return secretAnswer(out, err)
}

func (a *api) listClients(ctx context.Context, _ *struct{}) (*struct{ Body Items[Client] }, error) {
	rows, err := a.Service.Clients(ctx, actorOf(ctx))
	if err != nil {
		return nil, err
	}
	return itemsOf(rows, clientOf), nil
}

// ClientPath is the path parameter of one client.
type ClientPath struct {
	ID string `path:"id" maxLength:"64" example:"cli_01kb0q7m4b1s9v3d8r5x2c6e7f" doc:"Id of the client."`
}

type oneClient struct {
	Replayed
	Tagged
	Body Client
}

func clientAnswer(out service.Result[access.OAuthClient], err error) (*oneClient, error) {
	if err != nil {
		return nil, err
	}
	return &oneClient{replayed(out.Replayed), tagged(out.Value.Revision), clientOf(&out.Value)}, nil
}

type readClient struct {
	Tagged
	Body Client
}

func (a *api) getClient(ctx context.Context, in *ClientPath) (*readClient, error) {
	cl, err := a.Service.Client(ctx, actorOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return &readClient{tagged(cl.Revision), clientOf(&cl)}, nil
}

type changeClientInput struct {
	ClientPath
	Keyed
	IfMatch
	Body    ClientChange
	RawBody []byte
}

// changeClient lays the request over what the client is: a member that is not there
// leaves what was, null takes it away.
func (a *api) changeClient(ctx context.Context, in *changeClientInput) (*oneClient, error) {
	out, err := a.Service.ChangeClient(ctx, callOf(ctx), in.ID, in.revision(), func(n *service.NewClient) error {
		r := ClientRequest{Name: n.Name, Principal: n.Principal, Scopes: texts(n.Scopes), Roles: texts(n.Roles), BusinessUnits: n.Units, ClientProfile: profileOf(&n.Profile)}
		if err := json.Unmarshal(in.RawBody, &r); err != nil {
			return err
		}
		*n = r.client()
		return nil
	})
	return clientAnswer(out, err)
}

// ClientSecretRotation says how a secret is replaced.
type ClientSecretRotation struct {
	Overlap *int64 `json:"overlap_seconds,omitempty" example:"86400" doc:"How long the secret before works too: 0 to 2592000. Absent: 86400, a day. 0 ends it at once."`
}

type rotateClientInput struct {
	ClientPath
	Keyed
	IfMatch
	Body ClientSecretRotation
}

func (a *api) rotateClientSecret(ctx context.Context, in *rotateClientInput) (*clientSecret, error) {
	overlap := service.DefaultSecretOverlap
	if in.Body.Overlap != nil {
		overlap = wholeSeconds(*in.Body.Overlap, service.MaxSecretOverlap)
	}
	out, err := a.Service.RotateClientSecret(ctx, callOf(ctx), in.ID, in.revision(), overlap)
	return secretAnswer(out, err)
}

// wholeSeconds is n seconds, but at most one more than the most that is taken: a number so
// large that it would wrap around is refused as any other that is too large.
func wholeSeconds(n int64, most time.Duration) time.Duration {
	return time.Duration(min(max(n, -1), int64(most/time.Second)+1)) * time.Second
}

type revokeClientInput struct {
	Keyed
	ClientPath
}

func (a *api) revokeClient(ctx context.Context, in *revokeClientInput) (*oneClient, error) {
	out, err := a.Service.RevokeClient(ctx, callOf(ctx), in.ID)
	return clientAnswer(out, err)
}
