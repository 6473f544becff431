package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/service"
)

// Grant lets a person read a document for a time.
type Grant struct {
	ID         string     `json:"id" example:"gra_01kb0q7m4b1s9v3d8r5x2c6e7f"`
	DocumentID string     `json:"document_id"`
	Principal  string     `json:"principal" example:"auditor@example.org"`
	Purpose    string     `json:"purpose" example:"Audit of the year 2026"`
	GrantedBy  string     `json:"granted_by"`
	From       time.Time  `json:"from"`
	Until      time.Time  `json:"until"`
	CreatedAt  time.Time  `json:"created_at"`
	RevokedAt  *time.Time `json:"revoked_at,omitempty" doc:"When it was taken back."`
}

func grantOf(g *access.Grant) Grant {
	return Grant{ID: g.ID, DocumentID: g.DocumentID, Principal: g.Principal, Purpose: g.Purpose, GrantedBy: g.By,
		From: g.From, Until: g.Until, CreatedAt: g.CreatedAt, RevokedAt: at(g.RevokedAt)}
}

// AccessDecision is what a client may do with a document, and why.
type AccessDecision struct {
	Action  string `json:"action" example:"document.read"`
	Allowed bool   `json:"allowed"`
	Rule    string `json:"rule" example:"scope and unit" doc:"The rule that decided."`
	Part    string `json:"part" example:"approver" doc:"What the client's principal has to do with the document: any of creator, approver, recipient, guest; or none."`
}

func decisionOf(e *service.Explanation) AccessDecision {
	return AccessDecision{Action: string(e.Action), Allowed: e.Allow, Rule: e.Rule, Part: e.Part.String()}
}

func (a *api) access() {
	const tag = "access"
	handle(a, route{id: "shareDocument", atomic: true, method: http.MethodPost, path: "/v1/documents/{id}/grants", tag: tag, does: access.ShareDocument, status: http.StatusCreated,
		summary: "Let a person read a document for a time", about: "The person's client may then read the document, its tasks and its envelopes, whatever business units it is confined to; its token needs the scopes for that all the same. The log says who let whom in, and what for.",
		codes: []string{"not_found", "invalid_grant_request", "document_disposed"}}, a.shareDocument)
	handle(a, route{id: "listGrants", method: http.MethodGet, path: "/v1/documents/{id}/grants", tag: tag, does: access.ShareDocument,
		summary: "List whom a document was shared with", about: "Newest first, with what has ended.", codes: []string{"not_found"}}, a.listGrants)
	handle(a, route{id: "unshareDocument", atomic: true, method: http.MethodDelete, path: "/v1/documents/{id}/grants/{grant}", tag: tag, does: access.ShareDocument,
		summary: "Take a grant back", about: "It holds from the next request on. To repeat it does nothing.", codes: []string{"not_found"}}, a.unshareDocument)
	handle(a, route{id: "explainAccess", method: http.MethodGet, path: "/v1/documents/{id}/access", tag: tag, does: access.ManageSettings,
		summary: "Explain what a client may do with a document", about: "For each action, what the rules decide and which of them does. Nothing is done, and the same function answers that decides in earnest.",
		codes: []string{"not_found"}}, a.explainAccess)
}

// GrantRequest says whom to let in, and for how long.
type GrantRequest struct {
	Principal string     `json:"principal" example:"auditor@example.org" doc:"The person's e-mail address, as the person's client speaks for it."`
	Purpose   string     `json:"purpose" example:"Audit of the year 2026" doc:"What it is for, in 1 to 500 bytes. It stays in the log."`
	From      *time.Time `json:"from,omitempty" doc:"Left out: at once."`
	Until     time.Time  `json:"until" example:"2027-03-31T23:59:59Z" doc:"Within 366 days."`
}

type shareInput struct {
	DocumentPath
	Keyed
	Body GrantRequest
}

type oneGrant struct {
	Replayed
	Body Grant
}

func (a *api) shareDocument(ctx context.Context, in *shareInput) (*oneGrant, error) {
	g := service.NewGrant{Principal: in.Body.Principal, Purpose: in.Body.Purpose, Until: in.Body.Until}
	if in.Body.From != nil {
		g.From = *in.Body.From
	}
	out, err := a.Service.ShareDocument(ctx, callOf(ctx), in.ID, g)
	if err != nil {
		return nil, err
	}
	return &oneGrant{Replayed: replayed(out.Replayed), Body: grantOf(&out.Value)}, nil
}

func (a *api) listGrants(ctx context.Context, in *DocumentPath) (*struct{ Body Items[Grant] }, error) {
	rows, err := a.Service.Grants(ctx, actorOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return itemsOf(rows, grantOf), nil
}

type unshareInput struct {
	DocumentPath
	Keyed
	Grant string `path:"grant" maxLength:"64" example:"gra_01kb0q7m4b1s9v3d8r5x2c6e7f" doc:"Id of the grant."`
}

func (a *api) unshareDocument(ctx context.Context, in *unshareInput) (*oneGrant, error) {
	out, err := a.Service.UnshareDocument(ctx, callOf(ctx), in.ID, in.Grant)
	if err != nil {
		return nil, err
	}
	return &oneGrant{Replayed: replayed(out.Replayed), Body: grantOf(&out.Value)}, nil
}

type explainInput struct {
	DocumentPath
	ClientID string `query:"client_id" required:"true" minLength:"1" maxLength:"64" example:"cli_01kb0q7m4b1s9v3d8r5x2c6e7f" doc:"Id of the client."`
}

func (a *api) explainAccess(ctx context.Context, in *explainInput) (*struct{ Body Items[AccessDecision] }, error) {
	rows, err := a.Service.Explain(ctx, actorOf(ctx), in.ID, in.ClientID)
	if err != nil {
		return nil, err
	}
	return itemsOf(rows, decisionOf), nil
}
