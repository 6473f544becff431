package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/service"
)

// Invitation is a link by which a user sets up what to log in by.
type Invitation struct {
	ID        string     `json:"id" example:"inv_01kb0q7m4b1s9v3d8r5x2c6e7f"`
	UserID    string     `json:"user_id" example:"usr_01kb0q7m4b1s9v3d8r5x2c6e7f"`
	UserName  string     `json:"user_name" example:"anna@example.com"`
	InvitedBy string     `json:"invited_by"`
	CreatedAt time.Time  `json:"created_at"`
	ExpiresAt time.Time  `json:"expires_at"`
	EndedAt   *time.Time `json:"ended_at,omitempty" doc:"When it was used or taken back."`
	Link      string     `json:"link,omitempty" doc:"Only in the answer to a request with show: whoever has it gets in as the user."`
}

func invitationFrom(i *service.Invited) Invitation {
	return Invitation{ID: i.ID, UserID: i.UserID, UserName: i.User.Name, InvitedBy: i.By, CreatedAt: i.CreatedAt, ExpiresAt: i.ExpiresAt, EndedAt: at(i.EndedAt), Link: i.Link}
}

func (a *api) invitations() {
	const tag = "people"
	handle(a, route{id: "invite", method: http.MethodPost, path: "/v1/invitations", tag: tag, does: access.ManageSettings, status: http.StatusCreated,
		summary: "Invite a person", about: "To a user who is there, by user_id, or to one that is made with it. The person gets an e-mail with a link that works once, for 72 hours, and sets up a passkey or codes. With show the link is in the answer instead, once, to be handed over some other way.",
		codes: []string{"invalid_user", "exists", "not_found", "user_inactive", "whole_organisation", "result_not_repeatable"}}, a.invite)
	handle(a, route{id: "listInvitations", method: http.MethodGet, path: "/v1/invitations", tag: tag, does: access.ManageSettings,
		summary: "List invitations", about: "Newest first, also those that were used, taken back or have run out, for some weeks.", codes: []string{"whole_organisation"}}, a.listInvitations)
	handle(a, route{id: "revokeInvitation", method: http.MethodDelete, path: "/v1/invitations/{id}", tag: tag, does: access.ManageSettings,
		summary: "Take an invitation back", about: "Its link works no more. To repeat it does nothing.", codes: []string{"not_found", "whole_organisation"}}, a.revokeInvitation)
	handle(a, route{id: "resetUser", method: http.MethodPost, path: "/v1/users/{id}/reset", tag: tag, does: access.ManageSettings,
		summary: "Take every proof from a user", about: "Passkeys, codes, recovery codes and logins, and what programs were allowed in the user's name: for one who has lost a device, or it was stolen. An invitation gets the user in again.",
		codes: []string{"not_found", "whole_organisation"}}, a.resetUser)
}

// InvitationRequest says who is invited.
type InvitationRequest struct {
	UserID        string   `json:"user_id,omitempty" example:"usr_01kb0q7m4b1s9v3d8r5x2c6e7f" doc:"A user who is there. Left out: one is made of what follows."`
	UserName      string   `json:"user_name,omitempty" example:"anna@example.com"`
	Name          string   `json:"name,omitempty" example:"Anna Berg"`
	Roles         []string `json:"roles,omitempty" example:"[\"approver\"]"`
	BusinessUnits []string `json:"business_units,omitempty" doc:"Where the roles hold; absent: everywhere."`
	Groups        []string `json:"groups,omitempty" doc:"Ids of groups that the user is to be in."`
	Locale        string   `json:"locale,omitempty" example:"en"`
	Show          bool     `json:"show,omitempty" doc:"Give the link in the answer instead of sending it."`
}

type inviteInput struct {
	Keyed
	Body InvitationRequest
}

type oneInvitation struct {
	Replayed
	Body Invitation
}

func (a *api) invite(ctx context.Context, in *inviteInput) (*oneInvitation, error) {
	b := in.Body
	who := UserRequest{UserName: b.UserName, Name: b.Name, Roles: b.Roles, BusinessUnits: b.BusinessUnits, Groups: b.Groups, Locale: b.Locale}
	return invitationAnswer(a.Service.Invite(ctx, callOf(ctx), service.NewInvitation{UserID: b.UserID, User: who.user(), Show: b.Show}))
}

func invitationAnswer(out service.Result[service.Invited], err error) (*oneInvitation, error) {
	if err != nil {
		return nil, err
	}
	return &oneInvitation{Replayed: replayed(out.Replayed), Body: invitationFrom(&out.Value)}, nil
}

func (a *api) listInvitations(ctx context.Context, _ *struct{}) (*struct{ Body Items[Invitation] }, error) {
	rows, err := a.Service.Invitations(ctx, actorOf(ctx))
	if err != nil {
		return nil, err
	}
	return itemsOf(rows, invitationFrom), nil
}

type revokeInvitationInput struct {
	Keyed
	ID string `path:"id" maxLength:"64" example:"inv_01kb0q7m4b1s9v3d8r5x2c6e7f" doc:"Id of the invitation."`
}

func (a *api) revokeInvitation(ctx context.Context, in *revokeInvitationInput) (*oneInvitation, error) {
	return invitationAnswer(a.Service.RevokeInvitation(ctx, callOf(ctx), in.ID))
}

type resetUserInput struct {
	UserPath
	Keyed
}

func (a *api) resetUser(ctx context.Context, in *resetUserInput) (*oneUser, error) {
	return userAnswer(a.Service.ResetUser(ctx, callOf(ctx), in.ID))
}
