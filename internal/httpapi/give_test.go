package httpapi

import (
	"testing"

	"github.com/paraph/paraph/internal/access"
)

// TestInstallationIsNotGivenOn: a role that is worth the installation's scope is given
// to no client, user or group by somebody who has it not.
func TestInstallationIsNotGivenOn(t *testing.T) {
	onBoth(t, func(s *stack) {
		s.svc.Roles, _ = access.BuiltIn().With(map[string][]string{"ops": {"installation"}})
		boss := s.client("boss", nil, "admin")
		u := s.user("mara@example.com", "viewer")
		boss.post("/v1/clients", `{"name":"x","principal":"x","roles":["ops"]}`).problem(403, "not_yours_to_give")
		boss.post("/v1/users", `{"user_name":"nils@example.com","name":"Nils","roles":["ops"]}`).problem(403, "not_yours_to_give")
		boss.json("PATCH", "/v1/users/"+u.ID, `{"roles":["ops"]}`).problem(403, "not_yours_to_give")
		boss.post("/v1/groups", `{"name":"Ops","roles":["ops"]}`).problem(403, "not_yours_to_give")
		var g Group
		s.admin.post("/v1/groups", `{"name":"Ops","roles":["ops"]}`).want(201).into(&g)
		boss.json("PATCH", "/v1/groups/"+g.ID, `{"add_members":["`+u.ID+`"]}`).problem(403, "not_yours_to_give")
		boss.post("/v1/users", map[string]any{"user_name": "nils@example.com", "name": "Nils", "groups": []string{g.ID}}).problem(403, "not_yours_to_give")
		s.admin.json("PATCH", "/v1/groups/"+g.ID, `{"add_members":["`+u.ID+`"]}`).want(200)
	})
}
