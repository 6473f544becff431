package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/people"
	"github.com/paraph/paraph/internal/service"
)

// Group is a set of users, who have its roles beside their own.
type Group struct {
	ID            string    `json:"id" example:"grp_01kb0q7m4b1s9v3d8r5x2c6e7f"`
	Name          string    `json:"name" example:"Purchasing"`
	Roles         []string  `json:"roles"`
	BusinessUnits []string  `json:"business_units,omitempty" doc:"Where the roles hold; absent: everywhere."`
	ExternalID    string    `json:"external_id,omitempty"`
	Members       []Member  `json:"members"`
	CreatedAt     time.Time `json:"created_at"`
	UpdatedAt     time.Time `json:"updated_at"`
	Revision      int64     `json:"revision"`
}

// Member is a user in a group.
type Member struct {
	ID       string `json:"id" example:"usr_01kb0q7m4b1s9v3d8r5x2c6e7f"`
	UserName string `json:"user_name" example:"anna@example.com"`
	Name     string `json:"name,omitempty"`
}

func groupFrom(g *people.Group) Group {
	return Group{ID: g.ID, Name: g.Name, Roles: texts(g.Roles), BusinessUnits: g.Units, ExternalID: g.ExternalID, Members: []Member{}, CreatedAt: g.CreatedAt, UpdatedAt: g.UpdatedAt, Revision: g.Revision}
}

func groupDetailFrom(d *service.GroupDetail) Group {
	out := groupFrom(&d.Group)
	for _, m := range d.Members {
		out.Members = append(out.Members, Member{m.UserID, m.Name, m.Display})
	}
	return out
}

func (a *api) groups() {
	const tag = "people"
	handle(a, route{id: "createGroup", method: http.MethodPost, path: "/v1/groups", tag: tag, does: access.ManageSettings, status: http.StatusCreated,
		summary: "Make a group", about: "Its members have its roles beside their own, in its business units beside theirs.", codes: []string{"invalid_group", "exists", "not_found", "whole_organisation"}}, a.createGroup)
	handle(a, route{id: "listGroups", method: http.MethodGet, path: "/v1/groups", tag: tag, does: access.ManageSettings,
		summary: "List groups", about: "Newest first, with their members.", codes: []string{"whole_organisation"}}, a.listGroups)
	handle(a, route{id: "getGroup", method: http.MethodGet, path: "/v1/groups/{id}", tag: tag, does: access.ManageSettings,
		summary: "Get a group", about: "With its members.", codes: []string{"not_found", "whole_organisation"}}, a.getGroup)
	handle(a, route{id: "changeGroup", method: http.MethodPatch, path: "/v1/groups/{id}", tag: tag, does: access.ManageSettings,
		summary: "Change a group or who is in it", about: "What is left out stays as it is. What the members may do changes within seconds.", codes: []string{"not_found", "invalid_group", "exists", "whole_organisation", "revision_changed"}}, a.changeGroup)
	handle(a, route{id: "deleteGroup", method: http.MethodDelete, path: "/v1/groups/{id}", tag: tag, does: access.ManageSettings,
		summary: "Delete a group", about: "Its members stay users, without what the group gave them.", codes: []string{"not_found", "whole_organisation"}}, a.deleteGroup)
}

// GroupRequest is what a group is made of.
type GroupRequest struct {
	Name          string   `json:"name" example:"Purchasing"`
	Roles         []string `json:"roles,omitempty" example:"[\"approver\"]"`
	BusinessUnits []string `json:"business_units,omitempty" doc:"Where the roles hold; absent: everywhere."`
	ExternalID    string   `json:"external_id,omitempty"`
	Members       []string `json:"members,omitempty" doc:"Ids of users."`
}

type createGroupInput struct {
	Keyed
	Body GroupRequest
}

type oneGroup struct {
	Replayed
	Body Group
}

func (a *api) createGroup(ctx context.Context, in *createGroupInput) (*oneGroup, error) {
	b := in.Body
	return groupAnswer(a.Service.CreateGroup(ctx, callOf(ctx), service.NewGroup{Name: b.Name, ExternalID: b.ExternalID, Roles: named[access.Role](b.Roles), Units: b.BusinessUnits, Members: b.Members}))
}

func groupAnswer(out service.Result[service.GroupDetail], err error) (*oneGroup, error) {
	if err != nil {
		return nil, err
	}
	return &oneGroup{Replayed: replayed(out.Replayed), Body: groupDetailFrom(&out.Value)}, nil
}

type listGroupsInput struct {
	Paged
	Name string `query:"name" maxLength:"200" example:"Purchasing" doc:"The group of this name alone."`
}

func (a *api) listGroups(ctx context.Context, in *listGroupsInput) (*Listed[Group], error) {
	rows, err := a.Service.Groups(ctx, actorOf(ctx), service.GroupFilter{Name: in.Name, Before: in.After, Limit: in.want()})
	if err != nil {
		return nil, err
	}
	return pageOf(rows, in.Paged, groupDetailFrom, func(d *service.GroupDetail) string { return d.ID }), nil
}

// GroupPath is the path parameter of one group.
type GroupPath struct {
	ID string `path:"id" maxLength:"64" example:"grp_01kb0q7m4b1s9v3d8r5x2c6e7f" doc:"Id of the group."`
}

func (a *api) getGroup(ctx context.Context, in *GroupPath) (*struct{ Body Group }, error) {
	d, err := a.Service.GroupByID(ctx, actorOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return &struct{ Body Group }{groupDetailFrom(&d)}, nil
}

// GroupPatch is what may be changed of a group.
type GroupPatch struct {
	Name          *string   `json:"name,omitempty"`
	Roles         *[]string `json:"roles,omitempty"`
	BusinessUnits *[]string `json:"business_units,omitempty" doc:"Where the roles hold. [\"*\"]: everywhere."`
	ExternalID    *string   `json:"external_id,omitempty"`
	Members       *[]string `json:"members,omitempty" doc:"All members, by id."`
	Add           []string  `json:"add_members,omitempty" doc:"Ids of users who come in."`
	Remove        []string  `json:"remove_members,omitempty" doc:"Ids of users who go."`
	Revision      int64     `json:"revision,omitempty" doc:"Refuses the change where the group has been changed since this revision."`
}

type changeGroupInput struct {
	GroupPath
	Keyed
	Body GroupPatch
}

func (a *api) changeGroup(ctx context.Context, in *changeGroupInput) (*oneGroup, error) {
	b := in.Body
	c := service.GroupChange{Name: b.Name, ExternalID: b.ExternalID, Units: everywhere(b.BusinessUnits), Members: b.Members, Add: b.Add, Remove: b.Remove, Revision: b.Revision}
	if b.Roles != nil {
		roles := named[access.Role](*b.Roles)
		c.Roles = &roles
	}
	return groupAnswer(a.Service.ChangeGroup(ctx, callOf(ctx), in.ID, c))
}

type deleteGroupInput struct {
	GroupPath
	Keyed
}

func (a *api) deleteGroup(ctx context.Context, in *deleteGroupInput) (*oneGroup, error) {
	out, err := a.Service.DeleteGroup(ctx, callOf(ctx), in.ID, 0)
	if err != nil {
		return nil, err
	}
	return &oneGroup{Replayed: replayed(out.Replayed), Body: groupFrom(&out.Value)}, nil
}
