package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/service"
)

// DocumentType is a kind of document an organisation knows.
type DocumentType struct {
	Name       string    `json:"name" example:"purchase_order"`
	Title      string    `json:"title" example:"Purchase order"`
	Schema     *Object   `json:"schema,omitempty" doc:"JSON Schema (2020-12) for the metadata; absent: any object."`
	Weight     int       `json:"weight" doc:"Its share of the work beside other types."`
	MaxRunning int       `json:"max_running" doc:"Most of its documents in work at once; 0: no limit."`
	FourEyes   bool      `json:"four_eyes" doc:"Whoever brought such a document in, or handed it in, does not decide on it, and nobody decides twice."`
	Revision   int64     `json:"revision"`
	CreatedAt  time.Time `json:"created_at"`
	UpdatedAt  time.Time `json:"updated_at"`
}

func documentTypeOf(t *document.Type) DocumentType {
	out := DocumentType{Name: t.Name, Title: t.Title, Weight: t.Weight, MaxRunning: t.MaxRunning, FourEyes: t.FourEyes, Revision: t.Revision, CreatedAt: t.CreatedAt, UpdatedAt: t.UpdatedAt}
	if len(t.Schema) > 0 && string(t.Schema) != "null" {
		schema := Object(t.Schema)
		out.Schema = &schema
	}
	return out
}

// BusinessUnit is a part of an organisation.
type BusinessUnit struct {
	Name      string    `json:"name" example:"purchasing"`
	Title     string    `json:"title" example:"Purchasing"`
	Weight    int       `json:"weight" doc:"Its share of the work on documents of one type beside other units."`
	CreatedAt time.Time `json:"created_at"`
}

func unitOf(u *document.Unit) BusinessUnit {
	return BusinessUnit{Name: u.Name, Title: u.Title, Weight: u.Weight, CreatedAt: u.CreatedAt}
}

// Client is a program that may ask for access tokens.
type Client struct {
	ID            string     `json:"id" example:"cli_01kb0q7m4b1s9v3d8r5x2c6e7f"`
	Name          string     `json:"name"`
	Principal     string     `json:"principal" doc:"Whom it speaks for."`
	Scopes        []string   `json:"scopes" doc:"Beside those of its roles."`
	Roles         []string   `json:"roles,omitempty" doc:"Roles whose scopes it has, as they are configured now."`
	BusinessUnits []string   `json:"business_units,omitempty" doc:"Units it is confined to; absent: all."`
	CreatedAt     time.Time  `json:"created_at"`
	RevokedAt     *time.Time `json:"revoked_at,omitempty"`
}

func clientOf(c *access.OAuthClient) Client {
	out := Client{ID: c.ID, Name: c.Name, Principal: c.Principal, Scopes: []string{}, BusinessUnits: c.Units, CreatedAt: c.CreatedAt, RevokedAt: at(c.RevokedAt)}
	for _, s := range c.Scopes {
		out.Scopes = append(out.Scopes, string(s))
	}
	for _, r := range c.Roles {
		out.Roles = append(out.Roles, string(r))
	}
	return out
}

func (a *api) settings() {
	const tag = "settings"
	handle(a, route{id: "saveDocumentType", method: http.MethodPut, path: "/v1/document-types/{name}", tag: tag, does: access.ManageSettings,
		summary: "Make or change a document type", about: "Documents that exist already are not checked again.", codes: []string{"invalid_document_type"}}, a.saveType)
	handle(a, route{id: "getDocumentType", method: http.MethodGet, path: "/v1/document-types/{name}", tag: tag, does: access.ReadSettings,
		summary: "Get a document type", about: "With the schema that metadata of its documents has to fit.", codes: []string{"not_found"}}, a.getType)
	handle(a, route{id: "listDocumentTypes", method: http.MethodGet, path: "/v1/document-types", tag: tag, does: access.ReadSettings,
		summary: "List document types", about: "By name."}, a.listTypes)
	handle(a, route{id: "createBusinessUnit", method: http.MethodPost, path: "/v1/business-units", tag: tag, does: access.ManageSettings, status: http.StatusCreated,
		summary: "Make a business unit", about: "Units divide an organisation: documents lie in one, and clients can be confined to some.", codes: []string{"invalid_unit", "exists"}}, a.createUnit)
	handle(a, route{id: "changeBusinessUnit", method: http.MethodPatch, path: "/v1/business-units/{name}", tag: tag, does: access.ManageSettings,
		summary: "Change a business unit", about: "What is left out stays as it is.", codes: []string{"invalid_unit", "not_found"}}, a.changeUnit)
	handle(a, route{id: "rotateUnitKey", method: http.MethodPost, path: "/v1/business-units/{name}/rotate-key", tag: tag, does: access.ManageSettings, status: http.StatusAccepted,
		summary: "Rotate the key of a business unit", about: "A new key takes its place at once. The operation wraps the keys of the unit's documents by it, in small steps, and destroys the old one at the end; files are not touched. Both ends stand in the log.",
		codes: []string{"not_found", "unit_without_key"}}, a.rotateUnitKey)
	handle(a, route{id: "listBusinessUnits", method: http.MethodGet, path: "/v1/business-units", tag: tag, does: access.ReadSettings,
		summary: "List business units", about: "By name."}, a.listUnits)
	handle(a, route{id: "createClient", method: http.MethodPost, path: "/v1/clients", tag: tag, does: access.ManageSettings, status: http.StatusCreated,
		summary: "Make an API client", about: "The answer holds its secret, which is shown this once and not kept: a repeated request answers 409 result_not_repeatable.",
		codes: []string{"invalid_client_request", "result_not_repeatable"}}, a.createClient)
	handle(a, route{id: "listClients", method: http.MethodGet, path: "/v1/clients", tag: tag, does: access.ManageSettings,
		summary: "List API clients", about: "Those that were revoked too. Secrets are not kept and so not shown."}, a.listClients)
	handle(a, route{id: "revokeClient", method: http.MethodDelete, path: "/v1/clients/{id}", tag: tag, does: access.ManageSettings,
		summary: "End a client's access", about: "Its tokens stop working within seconds.", codes: []string{"not_found"}}, a.revokeClient)
}

// DocumentTypeRequest is what a document type is made of.
type DocumentTypeRequest struct {
	Title      string  `json:"title,omitempty" example:"Purchase order"`
	Schema     *Object `json:"schema,omitempty" doc:"JSON Schema (2020-12) for the metadata, of at most 64 KiB. It stands alone: references to other files are refused. One by which a check could take for ever is refused too (too_costly)."`
	Weight     *int    `json:"weight,omitempty" doc:"Its share of the work beside other types, 1 to 1000. Left out: as it was; 1 for a new type."`
	MaxRunning *int    `json:"max_running,omitempty" doc:"Most of its documents in work at once; 0: no limit. Left out: as it was."`
	FourEyes   *bool   `json:"four_eyes,omitempty" doc:"Whoever brought such a document in, or handed it in, does not decide on it, and nobody decides twice. It holds for what is handed in from now on. Left out: as it was; false for a new type."`
}

// TypePath is the path parameter of one document type.
type TypePath struct {
	Name string `path:"name" maxLength:"63" example:"purchase_order"`
}

type saveTypeInput struct {
	TypePath
	Keyed
	Body DocumentTypeRequest
}

type oneType struct {
	Replayed
	Body DocumentType
}

func (a *api) saveType(ctx context.Context, in *saveTypeInput) (*oneType, error) {
	var schema []byte
	if in.Body.Schema != nil {
		schema = *in.Body.Schema
	}
	out, err := a.Service.SaveDocumentType(ctx, callOf(ctx), in.Name, service.SavedType{Title: in.Body.Title, Schema: schema, Weight: in.Body.Weight, MaxRunning: in.Body.MaxRunning, FourEyes: in.Body.FourEyes})
	if err != nil {
		return nil, err
	}
	return &oneType{Replayed: replayed(out.Replayed), Body: documentTypeOf(&out.Value)}, nil
}

func (a *api) getType(ctx context.Context, in *TypePath) (*struct{ Body DocumentType }, error) {
	t, err := a.Service.DocumentType(ctx, actorOf(ctx), in.Name)
	if err != nil {
		return nil, err
	}
	return &struct{ Body DocumentType }{documentTypeOf(&t)}, nil
}

func (a *api) listTypes(ctx context.Context, _ *struct{}) (*struct{ Body Items[DocumentType] }, error) {
	rows, err := a.Service.DocumentTypes(ctx, actorOf(ctx))
	if err != nil {
		return nil, err
	}
	return itemsOf(rows, documentTypeOf), nil
}

// BusinessUnitRequest is what a business unit is made of.
type BusinessUnitRequest struct {
	Name   string `json:"name" example:"purchasing" doc:"1 to 63 characters of a-z, 0-9, _ and -."`
	Title  string `json:"title,omitempty" example:"Purchasing"`
	Weight *int   `json:"weight,omitempty" doc:"Its share of the work on documents of one type beside other units, 1 to 1000. Default 1."`
}

type createUnitInput struct {
	Keyed
	Body BusinessUnitRequest
}

type oneUnit struct {
	Replayed
	Body BusinessUnit
}

func (a *api) createUnit(ctx context.Context, in *createUnitInput) (*oneUnit, error) {
	weight := 1
	if in.Body.Weight != nil {
		weight = *in.Body.Weight
	}
	out, err := a.Service.CreateUnit(ctx, callOf(ctx), in.Body.Name, in.Body.Title, weight)
	if err != nil {
		return nil, err
	}
	return &oneUnit{Replayed: replayed(out.Replayed), Body: unitOf(&out.Value)}, nil
}

// BusinessUnitChange is what may be changed of a business unit.
type BusinessUnitChange struct {
	Title  *string `json:"title,omitempty" example:"Purchasing"`
	Weight *int    `json:"weight,omitempty" doc:"1 to 1000."`
}

type changeUnitInput struct {
	Name string `path:"name" maxLength:"63" example:"purchasing"`
	Keyed
	Body BusinessUnitChange
}

func (a *api) changeUnit(ctx context.Context, in *changeUnitInput) (*oneUnit, error) {
	out, err := a.Service.ChangeUnit(ctx, callOf(ctx), in.Name, in.Body.Title, in.Body.Weight)
	if err != nil {
		return nil, err
	}
	return &oneUnit{Replayed: replayed(out.Replayed), Body: unitOf(&out.Value)}, nil
}

type rotateKeyInput struct {
	Name string `path:"name" maxLength:"63" example:"purchasing"`
	Keyed
}

func (a *api) rotateUnitKey(ctx context.Context, in *rotateKeyInput) (*startedOperation, error) {
	out, err := a.Service.RotateUnitKey(ctx, callOf(ctx), in.Name)
	if err != nil {
		return nil, err
	}
	return a.started(ctx, in.awaited(), out)
}

func (a *api) listUnits(ctx context.Context, _ *struct{}) (*struct{ Body Items[BusinessUnit] }, error) {
	rows, err := a.Service.Units(ctx, actorOf(ctx))
	if err != nil {
		return nil, err
	}
	return itemsOf(rows, unitOf), nil
}

// ClientRequest is what a client is made of.
type ClientRequest struct {
	Name          string   `json:"name" example:"ERP"`
	Principal     string   `json:"principal" example:"erp@example.com" doc:"Whom it speaks for: an e-mail address or a service's name."`
	Scopes        []string `json:"scopes,omitempty" example:"[\"documents:read\",\"documents:write\"]" doc:"A client needs a scope or a role."`
	Roles         []string `json:"roles,omitempty" example:"[\"uploader\"]" doc:"Names of roles; GET /v1/roles lists them. What a role is worth is looked up when a token is used."`
	BusinessUnits []string `json:"business_units,omitempty" doc:"Units to confine it to; absent: all."`
}

// ClientSecret is a new client with its secret.
type ClientSecret struct {
	Client Client `json:"client"`
	Secret string `json:"client_secret" doc:"Shown once."`
}

type createClientInput struct {
	Keyed
	Body ClientRequest
}

func (a *api) createClient(ctx context.Context, in *createClientInput) (*struct{ Body ClientSecret }, error) {
	req := service.NewClient{Name: in.Body.Name, Principal: in.Body.Principal, Units: in.Body.BusinessUnits}
	for _, s := range in.Body.Scopes {
		req.Scopes = append(req.Scopes, access.Scope(s))
	}
	for _, r := range in.Body.Roles {
		req.Roles = append(req.Roles, access.Role(r))
	}
	out, err := a.Service.CreateClient(ctx, callOf(ctx), req)
	if err != nil {
		return nil, err
	}
	return &struct{ Body ClientSecret }{ClientSecret{Client: clientOf(&out.Value.Client), Secret: out.Value.Secret}}, nil
}

func (a *api) listClients(ctx context.Context, _ *struct{}) (*struct{ Body Items[Client] }, error) {
	rows, err := a.Service.Clients(ctx, actorOf(ctx))
	if err != nil {
		return nil, err
	}
	return itemsOf(rows, clientOf), nil
}

type revokeClientInput struct {
	Keyed
	ID string `path:"id" maxLength:"64" example:"cli_01kb0q7m4b1s9v3d8r5x2c6e7f" doc:"Id of the client."`
}

type oneClient struct {
	Replayed
	Body Client
}

func (a *api) revokeClient(ctx context.Context, in *revokeClientInput) (*oneClient, error) {
	out, err := a.Service.RevokeClient(ctx, callOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return &oneClient{Replayed: replayed(out.Replayed), Body: clientOf(&out.Value)}, nil
}
