package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/people"
)

// DirectoryToken lets a directory say who works here, by SCIM and nothing else.
type DirectoryToken struct {
	ID        string     `json:"id" example:"dirt_01kb0q7m4b1s9v3d8r5x2c6e7f"`
	Name      string     `json:"name" example:"Entra ID"`
	MadeBy    string     `json:"made_by"`
	CreatedAt time.Time  `json:"created_at"`
	ExpiresAt time.Time  `json:"expires_at"`
	UsedAt    *time.Time `json:"used_at,omitempty" doc:"When it was last used, to the hour; absent: never."`
	RevokedAt *time.Time `json:"revoked_at,omitempty"`
	Token     string     `json:"token,omitempty" example:"pdt_…" doc:"Only in the answer to its making. It is shown this once and not kept."`
}

func directoryTokenOf(d *people.DirectoryToken) DirectoryToken {
	return DirectoryToken{ID: d.ID, Name: d.Name, MadeBy: d.By, CreatedAt: d.CreatedAt, ExpiresAt: d.ExpiresAt, UsedAt: at(d.UsedAt), RevokedAt: at(d.RevokedAt)}
}

func (a *api) directoryTokens() {
	const tag = "people"
	handle(a, route{id: "makeDirectoryToken", method: http.MethodPost, path: "/v1/directory-tokens", tag: tag, does: access.ManageSettings, status: http.StatusCreated,
		summary: "Make a token for a directory", about: "For directories that take nothing but a token that lasts, such as Entra ID and Okta; others use a client with the scope people:provision. It opens SCIM and nothing else, and runs out within 366 days; an event tells of that 30 days before. The answer holds it, this once.",
		codes: []string{"invalid_directory_token", "confined_to_units", "result_not_repeatable"}}, a.makeDirectoryToken)
	handle(a, route{id: "listDirectoryTokens", method: http.MethodGet, path: "/v1/directory-tokens", tag: tag, does: access.ManageSettings,
		summary: "List tokens of directories", about: "Newest first, also those that have ended.", codes: []string{"confined_to_units"}}, a.listDirectoryTokens)
	handle(a, route{id: "revokeDirectoryToken", method: http.MethodDelete, path: "/v1/directory-tokens/{id}", tag: tag, does: access.ManageSettings,
		summary: "End a directory's token", about: "At once. To repeat it does nothing.", codes: []string{"not_found", "confined_to_units", "stale"}}, a.revokeDirectoryToken)
}

// DirectoryTokenRequest says which directory gets a token.
type DirectoryTokenRequest struct {
	Name      string    `json:"name" example:"Entra ID"`
	ExpiresAt time.Time `json:"expires_at" example:"2027-03-31T00:00:00Z" doc:"In an hour at least and 366 days at most."`
}

type makeDirectoryTokenInput struct {
	Keyed
	Body DirectoryTokenRequest
}

type oneDirectoryToken struct {
	Replayed
	Body DirectoryToken
}

func (a *api) makeDirectoryToken(ctx context.Context, in *makeDirectoryTokenInput) (*oneDirectoryToken, error) {
	out, err := a.Service.MakeDirectoryToken(ctx, callOf(ctx), in.Body.Name, in.Body.ExpiresAt)
	if err != nil {
		return nil, err
	}
	made := directoryTokenOf(&out.Value.DirectoryToken)
	made.Token = out.Value.Token
	return &oneDirectoryToken{replayed(out.Replayed), made}, nil
}

func (a *api) listDirectoryTokens(ctx context.Context, _ *struct{}) (*struct{ Body Items[DirectoryToken] }, error) {
	rows, err := a.Service.DirectoryTokens(ctx, actorOf(ctx))
	if err != nil {
		return nil, err
	}
	return itemsOf(rows, directoryTokenOf), nil
}

type revokeDirectoryTokenInput struct {
	Keyed
	ID string `path:"id" maxLength:"64" example:"dirt_01kb0q7m4b1s9v3d8r5x2c6e7f" doc:"Id of the token."`
}

func (a *api) revokeDirectoryToken(ctx context.Context, in *revokeDirectoryTokenInput) (*oneDirectoryToken, error) {
	out, err := a.Service.RevokeDirectoryToken(ctx, callOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return &oneDirectoryToken{replayed(out.Replayed), directoryTokenOf(&out.Value)}, nil
}
