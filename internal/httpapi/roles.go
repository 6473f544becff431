package httpapi

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/service"
)

// Role is a name for scopes that go together.
type Role struct {
	Name      string     `json:"name" example:"viewer"`
	Title     string     `json:"title,omitempty" example:"Viewer"`
	Scopes    []string   `json:"scopes"`
	Own       bool       `json:"own" doc:"The organisation has made it, and may change it. The others belong to the installation."`
	CreatedAt *time.Time `json:"created_at,omitempty"`
	UpdatedAt *time.Time `json:"updated_at,omitempty"`
	Revision  int64      `json:"revision,omitempty"`
}

func roleOf(r *access.OwnRole) Role {
	return Role{Name: string(r.Name), Title: r.Title, Scopes: texts(r.Scopes), Own: true, CreatedAt: at(r.CreatedAt), UpdatedAt: at(r.UpdatedAt), Revision: r.Revision}
}

func (a *api) roles() {
	const tag = "settings"
	handle(a, route{id: "listRoles", method: http.MethodGet, path: "/v1/roles", tag: tag, does: access.ReadSettings,
		summary: "List roles", about: "Those that are always there, those of this installation's settings, and the organisation's own; by name."}, a.listRoles)
	handle(a, route{id: "saveRole", method: http.MethodPut, path: "/v1/roles/{name}", tag: tag, does: access.ManageSettings,
		summary: "Make or change a role", about: "Whoever has it has its scopes within seconds.", codes: []string{"invalid_role", "precondition_failed", "not_yours_to_give", "confined_to_units", "stale"}}, a.saveRole)
	handle(a, route{id: "removeRole", method: http.MethodDelete, path: "/v1/roles/{name}", tag: tag, does: access.ManageSettings,
		summary: "Remove a role", about: "Only the organisation's own, and only while no client has it.", codes: []string{"not_found", "role_in_use", "precondition_failed", "confined_to_units", "stale"}}, a.removeRole)
}

func (a *api) listRoles(ctx context.Context, _ *struct{}) (*struct{ Body Items[Role] }, error) {
	own, err := a.Service.OwnRoles(ctx, actorOf(ctx))
	if err != nil {
		return nil, err
	}
	all := map[string]Role{}
	for i := range own {
		all[string(own[i].Name)] = roleOf(&own[i])
	}
	for name, scopes := range a.Service.Roles {
		all[string(name)] = Role{Name: string(name), Scopes: texts(scopes)}
	}
	return itemsOf(slices.Sorted(maps.Keys(all)), func(name *string) Role { return all[*name] }), nil
}

// RoleRequest is what a role is made of.
type RoleRequest struct {
	Title  string   `json:"title,omitempty" example:"Clerk"`
	Scopes []string `json:"scopes" example:"[\"documents:write\",\"tasks:read\"]"`
}

// RolePath is the path parameter of one role.
type RolePath struct {
	Name string `path:"name" maxLength:"63" example:"clerk"`
}

type saveRoleInput struct {
	RolePath
	Keyed
	IfMatch
	Body RoleRequest
}

type oneRole struct {
	Replayed
	Tagged
	Body Role
}

func roleAnswer(out service.Result[access.OwnRole], err error) (*oneRole, error) {
	if err != nil {
		return nil, err
	}
	return &oneRole{replayed(out.Replayed), tagged(out.Value.Revision), roleOf(&out.Value)}, nil
}

func (a *api) saveRole(ctx context.Context, in *saveRoleInput) (*oneRole, error) {
	out, err := a.Service.SaveRole(ctx, callOf(ctx), access.Role(in.Name), in.Body.Title, named[access.Scope](in.Body.Scopes), in.revision())
	return roleAnswer(out, err)
}

type removeRoleInput struct {
	RolePath
	Keyed
	IfMatch
}

func (a *api) removeRole(ctx context.Context, in *removeRoleInput) (*oneRole, error) {
	out, err := a.Service.RemoveRole(ctx, callOf(ctx), access.Role(in.Name), in.revision())
	return roleAnswer(out, err)
}
