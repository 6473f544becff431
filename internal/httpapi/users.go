package httpapi

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/people"
	"github.com/paraph/paraph/internal/service"
)

// User is a person whom the organisation knows.
type User struct {
	ID            string     `json:"id" example:"usr_01kb0q7m4b1s9v3d8r5x2c6e7f"`
	UserName      string     `json:"user_name" example:"anna@example.com" doc:"The e-mail address, in lower case: by it documents, tasks and envelopes know the person."`
	Name          string     `json:"name,omitempty" example:"Anna Berg"`
	Active        bool       `json:"active"`
	Roles         []string   `json:"roles,omitempty" doc:"Beside those of groups."`
	BusinessUnits []string   `json:"business_units,omitempty" doc:"Where the roles hold; absent: everywhere."`
	Locale        string     `json:"locale,omitempty" example:"en"`
	ExternalID    string     `json:"external_id,omitempty" doc:"What the system that made the user calls it."`
	CreatedAt     time.Time  `json:"created_at"`
	UpdatedAt     time.Time  `json:"updated_at"`
	DeactivatedAt *time.Time `json:"deactivated_at,omitempty"`
	Revision      int64      `json:"revision"`
}

// UserDetail is a user with what the groups add.
type UserDetail struct {
	User
	Groups   []Named  `json:"groups"`
	AllRoles []string `json:"all_roles" doc:"Those of the user and of all groups."`
	AllUnits []string `json:"all_business_units,omitempty" doc:"The business units of everything that gives a role; absent: everywhere."`
	Scopes   []string `json:"scopes" doc:"What the roles are worth now."`
}

// Named is something by its id and name.
type Named struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

func userFrom(u *people.User) User {
	return User{ID: u.ID, UserName: u.Name, Name: u.Display, Active: u.Active, Roles: texts(u.Roles), BusinessUnits: u.Units, Locale: u.Locale, ExternalID: u.ExternalID,
		CreatedAt: u.CreatedAt, UpdatedAt: u.UpdatedAt, DeactivatedAt: at(u.DeactivatedAt), Revision: u.Revision}
}

func userDetailFrom(d *service.UserDetail) UserDetail {
	out := UserDetail{User: userFrom(&d.User), Groups: []Named{}, AllRoles: texts(d.AllRoles), AllUnits: d.AllUnits, Scopes: texts(d.Scopes)}
	for i := range d.Groups {
		out.Groups = append(out.Groups, Named{d.Groups[i].ID, d.Groups[i].Name})
	}
	return out
}

// texts gives names as plain text, never as nothing.
func texts[T ~string](list []T) []string {
	out := make([]string, 0, len(list))
	for _, v := range list {
		out = append(out, string(v))
	}
	return out
}

// named gives texts as names of a kind; nil for none.
func named[T ~string](list []string) (out []T) {
	for _, v := range list {
		out = append(out, T(v))
	}
	return out
}

func (a *api) users() {
	const tag = "people"
	handle(a, route{id: "createUser", method: http.MethodPost, path: "/v1/users", tag: tag, does: access.ManageSettings, status: http.StatusCreated,
		summary: "Make a person known", about: "The user can then be given roles and asked to decide. To get in, the person needs an invitation, or logs in by a provider outside.",
		codes: []string{"invalid_user", "exists", "not_found", "whole_organisation"}}, a.createUser)
	handle(a, route{id: "listUsers", method: http.MethodGet, path: "/v1/users", tag: tag, does: access.ManageSettings,
		summary: "List users", about: "Newest first, those who are not active too.", codes: []string{"whole_organisation"}}, a.listUsers)
	handle(a, route{id: "getUser", method: http.MethodGet, path: "/v1/users/{id}", tag: tag, does: access.ManageSettings,
		summary: "Get a user", about: "With groups, and what the user may do by everything together.", codes: []string{"not_found", "whole_organisation"}}, a.getUser)
	handle(a, route{id: "changeUser", method: http.MethodPatch, path: "/v1/users/{id}", tag: tag, does: access.ManageSettings,
		summary: "Change, deactivate or reactivate a user", about: "What is left out stays as it is. A user who is deactivated loses every login, everything that programs were allowed in the user's name, and the tokens made of it, at once; clients that speak for the address stop working until the user is active again.",
		codes: []string{"not_found", "invalid_user", "exists", "whole_organisation", "revision_changed"}}, a.changeUser)
}

// UserRequest is what a user is made of.
type UserRequest struct {
	UserName      string   `json:"user_name" example:"anna@example.com" doc:"The person's e-mail address."`
	Name          string   `json:"name,omitempty" example:"Anna Berg"`
	Roles         []string `json:"roles,omitempty" example:"[\"approver\"]" doc:"Names of roles; GET /v1/roles lists them. What a role is worth is looked up when it is used."`
	BusinessUnits []string `json:"business_units,omitempty" doc:"Where the roles hold; absent: everywhere."`
	Locale        string   `json:"locale,omitempty" example:"en"`
	ExternalID    string   `json:"external_id,omitempty"`
	Groups        []string `json:"groups,omitempty" doc:"Ids of groups that the user is to be in."`
	Active        *bool    `json:"active,omitempty" doc:"Left out: true."`
}

func (r *UserRequest) user() service.NewUser {
	return service.NewUser{Name: r.UserName, Display: r.Name, Roles: named[access.Role](r.Roles), Units: r.BusinessUnits, Locale: r.Locale, ExternalID: r.ExternalID,
		Groups: r.Groups, Inactive: r.Active != nil && !*r.Active}
}

type createUserInput struct {
	Keyed
	Body UserRequest
}

type oneUser struct {
	Replayed
	Body UserDetail
}

func (a *api) createUser(ctx context.Context, in *createUserInput) (*oneUser, error) {
	return userAnswer(a.Service.CreateUser(ctx, callOf(ctx), in.Body.user()))
}

func userAnswer(out service.Result[service.UserDetail], err error) (*oneUser, error) {
	if err != nil {
		return nil, err
	}
	return &oneUser{Replayed: replayed(out.Replayed), Body: userDetailFrom(&out.Value)}, nil
}

type listUsersInput struct {
	Paged
	UserName   string `query:"user_name" maxLength:"254" example:"anna@example.com" doc:"The user of this name alone."`
	ExternalID string `query:"external_id" maxLength:"254" doc:"Those whom the system that made them calls so."`
	Group      string `query:"group" maxLength:"64" example:"grp_01kb0q7m4b1s9v3d8r5x2c6e7f" doc:"Members of this group."`
	Active     string `query:"active" enum:"true,false" doc:"Those who are active, or those who are not."`
}

func (a *api) listUsers(ctx context.Context, in *listUsersInput) (*Listed[User], error) {
	f := service.UserFilter{Name: in.UserName, ExternalID: in.ExternalID, GroupID: in.Group, Before: in.After, Limit: in.want()}
	if in.Active != "" {
		active := in.Active == "true"
		f.Active = &active
	}
	rows, err := a.Service.Users(ctx, actorOf(ctx), f)
	if err != nil {
		return nil, err
	}
	return pageOf(rows, in.Paged, userFrom, func(u *people.User) string { return u.ID }), nil
}

// UserPath is the path parameter of one user.
type UserPath struct {
	ID string `path:"id" maxLength:"64" example:"usr_01kb0q7m4b1s9v3d8r5x2c6e7f" doc:"Id of the user."`
}

func (a *api) getUser(ctx context.Context, in *UserPath) (*struct{ Body UserDetail }, error) {
	d, err := a.Service.UserByID(ctx, actorOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return &struct{ Body UserDetail }{userDetailFrom(&d)}, nil
}

// UserPatch is what may be changed of a user.
type UserPatch struct {
	UserName      *string   `json:"user_name,omitempty" doc:"What documents know of the person goes by the address: under a new one it is found no more."`
	Name          *string   `json:"name,omitempty"`
	Roles         *[]string `json:"roles,omitempty"`
	BusinessUnits *[]string `json:"business_units,omitempty" doc:"Where the roles hold. [\"*\"]: everywhere."`
	Locale        *string   `json:"locale,omitempty"`
	ExternalID    *string   `json:"external_id,omitempty"`
	Active        *bool     `json:"active,omitempty"`
	Revision      int64     `json:"revision,omitempty" doc:"Refuses the change where the user has been changed since this revision."`
}

type changeUserInput struct {
	UserPath
	Keyed
	Body UserPatch
}

func (a *api) changeUser(ctx context.Context, in *changeUserInput) (*oneUser, error) {
	b := in.Body
	c := service.UserChange{Name: b.UserName, Display: b.Name, Locale: b.Locale, ExternalID: b.ExternalID, Active: b.Active, Units: everywhere(b.BusinessUnits), Revision: b.Revision}
	if b.Roles != nil {
		roles := named[access.Role](*b.Roles)
		c.Roles = &roles
	}
	return userAnswer(a.Service.ChangeUser(ctx, callOf(ctx), in.ID, c))
}

// everywhere reads a changed list of units, in which a star stands for all.
func everywhere(units *[]string) *[]string {
	if units != nil && slices.Equal(*units, []string{"*"}) {
		return new([]string)
	}
	return units
}
