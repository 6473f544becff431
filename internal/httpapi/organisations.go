package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/service"
)

// Organisation is a tenant of the installation.
type Organisation struct {
	ID        string     `json:"id" example:"org_01kb0q7m4b1s9v3d8r5x2c6e7f"`
	Name      string     `json:"name" example:"Northern Works"`
	CreatedAt time.Time  `json:"created_at"`
	ClosedAt  *time.Time `json:"closed_at,omitempty" doc:"Since when none of its clients and people gets in."`
	Revision  int64      `json:"revision"`
}

func organisationOf(o *access.Organisation) Organisation {
	return Organisation{ID: o.ID, Name: o.Name, CreatedAt: o.CreatedAt, ClosedAt: at(o.ClosedAt), Revision: o.Revision}
}

func (a *api) organisations() {
	const tag = "installation"
	handle(a, route{id: "createOrganisation", method: http.MethodPost, path: "/v1/organisations", tag: tag, does: access.ManageInstallation, status: http.StatusCreated,
		summary: "Make an organisation", about: "The answer holds a set-up link, this once: by it the organisation's first administrator is made. Who runs the installation sees nothing of what is in other organisations.",
		codes: []string{"invalid_organisation", "result_not_repeatable"}}, a.createOrganisation)
	handle(a, route{id: "listOrganisations", method: http.MethodGet, path: "/v1/organisations", tag: tag, does: access.ManageInstallation,
		summary: "List organisations", about: "The closed ones too; by id, the first of which runs the installation."}, a.listOrganisations)
	handle(a, route{id: "getOrganisation", method: http.MethodGet, path: "/v1/organisations/{id}", tag: tag, does: access.ManageInstallation,
		summary: "Get an organisation", about: "Its name, and whether it is closed; nothing of what is in it.", codes: []string{"not_found"}}, a.getOrganisation)
	handle(a, route{id: "changeOrganisation", method: http.MethodPatch, path: "/v1/organisations/{id}", tag: tag, does: access.ManageInstallation,
		summary: "Change an organisation", about: "What is left out stays as it is. None of a closed organisation's clients and people gets in, from some seconds on; what runs is finished, recipients may finish what they were asked to sign, and nothing is deleted.",
		codes: []string{"not_found", "invalid_organisation", "own_organisation", "precondition_failed", "stale"}}, a.changeOrganisation)
	handle(a, route{id: "getOwnOrganisation", method: http.MethodGet, path: "/v1/organisation", tag: tag, does: access.ManageSettings,
		summary: "Get the own organisation", about: "That of the access token."}, a.ownOrganisation)
	handle(a, route{id: "renameOwnOrganisation", method: http.MethodPatch, path: "/v1/organisation", tag: tag, does: access.ManageSettings,
		summary: "Rename the own organisation", about: "Its id stays. Mails and pages show the new name from then on.", codes: []string{"invalid_organisation", "precondition_failed", "confined_to_units", "stale"}}, a.renameOrganisation)
}

// OrganisationRequest is what an organisation is made of.
type OrganisationRequest struct {
	Name string `json:"name" example:"Northern Works" doc:"1 to 200 bytes."`
}

// NewOrganisation is an organisation with the link by which its administrator is made.
type NewOrganisation struct {
	Organisation Organisation `json:"organisation"`
	SetupURL     string       `json:"setup_url" doc:"Works once. It is a secret until then."`
	ExpiresAt    time.Time    `json:"setup_expires_at"`
}

type createOrganisationInput struct {
	Keyed
	Body OrganisationRequest
}

func (a *api) createOrganisation(ctx context.Context, in *createOrganisationInput) (*struct{ Body NewOrganisation }, error) {
	out, err := a.Service.CreateOrganisation(ctx, callOf(ctx), in.Body.Name)
	if err != nil {
		return nil, err
	}
	o := &out.Value
	return &struct{ Body NewOrganisation }{NewOrganisation{organisationOf(&o.Organisation), service.SetupURL(a.PublicURL, o.Link), o.Until}}, nil
}

func (a *api) listOrganisations(ctx context.Context, _ *struct{}) (*struct{ Body Items[Organisation] }, error) {
	rows, err := a.Service.Organisations(ctx, actorOf(ctx))
	if err != nil {
		return nil, err
	}
	return itemsOf(rows, organisationOf), nil
}

// OrganisationPath is the path parameter of one organisation.
type OrganisationPath struct {
	ID string `path:"id" maxLength:"64" example:"org_01kb0q7m4b1s9v3d8r5x2c6e7f" doc:"Id of the organisation."`
}

type readOrganisation struct {
	Tagged
	Body Organisation
}

func (a *api) organisation(ctx context.Context, id string) (*readOrganisation, error) {
	o, err := a.Service.Organisation(ctx, actorOf(ctx), id)
	if err != nil {
		return nil, err
	}
	return &readOrganisation{tagged(o.Revision), organisationOf(&o)}, nil
}

func (a *api) getOrganisation(ctx context.Context, in *OrganisationPath) (*readOrganisation, error) {
	return a.organisation(ctx, in.ID)
}

func (a *api) ownOrganisation(ctx context.Context, _ *struct{}) (*readOrganisation, error) {
	return a.organisation(ctx, "")
}

// OrganisationChange is what may be changed of an organisation.
type OrganisationChange struct {
	Name   *string `json:"name,omitempty" example:"Northern Works"`
	Closed *bool   `json:"closed,omitempty" doc:"Whether nobody of it gets in."`
}

type changeOrganisationInput struct {
	OrganisationPath
	Keyed
	IfMatch
	Body OrganisationChange
}

type oneOrganisation struct {
	Replayed
	Tagged
	Body Organisation
}

func organisationAnswer(out service.Result[access.Organisation], err error) (*oneOrganisation, error) {
	if err != nil {
		return nil, err
	}
	return &oneOrganisation{replayed(out.Replayed), tagged(out.Value.Revision), organisationOf(&out.Value)}, nil
}

func (a *api) changeOrganisation(ctx context.Context, in *changeOrganisationInput) (*oneOrganisation, error) {
	out, err := a.Service.ChangeOrganisation(ctx, callOf(ctx), in.ID, in.revision(), in.Body.Name, in.Body.Closed)
	return organisationAnswer(out, err)
}

type renameOrganisationInput struct {
	Keyed
	IfMatch
	Body OrganisationRequest
}

func (a *api) renameOrganisation(ctx context.Context, in *renameOrganisationInput) (*oneOrganisation, error) {
	out, err := a.Service.ChangeOrganisation(ctx, callOf(ctx), "", in.revision(), &in.Body.Name, nil)
	return organisationAnswer(out, err)
}
