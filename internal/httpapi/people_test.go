package httpapi

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/journal"
)

// peopleScenes causes what happens to users and groups.
func peopleScenes(s *scene) {
	u := s.user("mara@example.com", "approver")
	path := "/v1/users/" + u.ID
	s.admin.json(http.MethodPatch, path, `{"name":"Mara Lind"}`).want(200)
	s.admin.json(http.MethodPatch, path, `{"active":false}`).want(200)
	s.admin.json(http.MethodPatch, path, `{"active":true}`).want(200)
	var g Group
	s.admin.post("/v1/groups", map[string]any{"name": "Buyers", "members": []string{u.ID}}).want(201).into(&g)
	s.admin.json(http.MethodPatch, "/v1/groups/"+g.ID, `{"remove_members":["`+u.ID+`"]}`).want(200)
	s.admin.send(http.MethodDelete, "/v1/groups/"+g.ID, nil).want(200)
}

// user makes a user with roles.
func (s *stack) user(name string, roles ...string) UserDetail {
	s.t.Helper()
	var out UserDetail
	s.admin.post("/v1/users", map[string]any{"user_name": name, "roles": append([]string{}, roles...)}).want(201).into(&out)
	return out
}

// TestUsers: what a user may do comes of the user's own roles and those of groups.
func TestUsers(t *testing.T) {
	onBoth(t, func(s *stack) {
		s.admin.post("/v1/users", `{"user_name":"nobody","locale":"x y","roles":["king"],"business_units":["A b"]}`).problem(422, "invalid_user", "/user_name", "/locale", "/roles", "/business_units")
		var u UserDetail
		s.admin.post("/v1/users", `{"user_name":" Mara@Example.com","name":"Mara Lind","roles":["viewer"],"business_units":["sales"],"locale":"de-CH","external_id":"4711"}`).want(201).into(&u)
		if u.UserName != "mara@example.com" || !u.Active || u.Revision != 1 {
			t.Errorf("%+v", u)
		}
		s.admin.post("/v1/users", `{"user_name":"MARA@example.com"}`).problem(409, "exists")
		path := "/v1/users/" + u.ID
		var g Group
		s.admin.post("/v1/groups", map[string]any{"name": "Buyers", "roles": []string{"approver"}, "business_units": []string{"buying"}, "members": []string{u.ID}}).want(201).into(&g)
		s.admin.post("/v1/groups", `{"name":"Buyers"}`).problem(409, "exists")
		s.admin.post("/v1/groups", `{"name":"","roles":["king"]}`).problem(422, "invalid_group", "/name", "/roles")
		s.admin.post("/v1/groups", `{"name":"x","members":["usr_0"]}`).problem(404, "not_found")
		s.admin.get(path).want(200).into(&u)
		if !slices.Equal(u.AllRoles, []string{"viewer", "approver"}) || !slices.Equal(u.AllUnits, []string{"sales", "buying"}) || !slices.Contains(u.Scopes, "tasks:decide") || len(u.Groups) != 1 {
			t.Errorf("%+v", u)
		}
		s.admin.json("PATCH", "/v1/groups/"+g.ID, `{"business_units":["*"]}`).want(200)
		u = UserDetail{}
		if s.admin.get(path).want(200).into(&u); u.AllUnits != nil {
			t.Errorf("a group's roles hold everywhere, and the user has %v", u.AllUnits)
		}
		s.admin.json("PATCH", "/v1/groups/"+g.ID, `{"members":[],"revision":1}`).problem(409, "revision_changed")
		s.admin.json("PATCH", "/v1/groups/"+g.ID, `{"members":[]}`).want(200).into(&g)
		if len(g.Members) != 0 {
			t.Errorf("%+v", g)
		}

		s.clock.Advance(time.Millisecond) // lists are in the order of making
		other := s.user("ben@example.com")
		s.admin.json("PATCH", path, `{"user_name":"ben@example.com"}`).problem(409, "exists")
		s.admin.json("PATCH", path, `{"active":false,"revision":7}`).problem(409, "revision_changed")
		s.admin.json("PATCH", path, `{"active":false}`).want(200).into(&u)
		if u.Active || u.DeactivatedAt == nil {
			t.Errorf("%+v", u)
		}
		for query, want := range map[string][]string{"": {other.ID, u.ID}, "?active=true": {other.ID}, "?active=false": {u.ID}, "?external_id=4711": {u.ID}, "?user_name=Ben@example.com": {other.ID},
			"?limit=1": {other.ID}, "?after=" + other.ID: {u.ID}, "?group=" + g.ID: nil} {
			var page Page[User]
			s.admin.get("/v1/users" + query).want(200).into(&page)
			var got []string
			for _, one := range page.Items {
				got = append(got, one.ID)
			}
			if !slices.Equal(got, want) {
				t.Errorf("%q lists %v, want %v", query, got, want)
			}
		}
		s.admin.get("/v1/groups?name=Buyers").want(200)
		foreign := s.foreign([]string{"admin"})
		foreign.get(path).problem(404, "not_found")
		foreign.json("PATCH", path, `{"name":"x"}`).problem(404, "not_found")
		foreign.get("/v1/groups/"+g.ID).problem(404, "not_found")
		foreign.json("PATCH", "/v1/groups/"+g.ID, `{"name":"x"}`).problem(404, "not_found")
		foreign.send("DELETE", "/v1/groups/"+g.ID, nil).problem(404, "not_found")
		var none Page[User]
		if foreign.get("/v1/users").want(200).into(&none); len(none.Items) != 0 {
			t.Errorf("another organisation sees %+v", none)
		}
		s.client("chief@example.com", []string{"sales"}, "admin").post("/v1/users", `{"user_name":"x@example.com"}`).problem(403, "whole_organisation")
		s.client("clerk@example.com", nil, "documents:read").get("/v1/users").problem(403, "missing_scope")
		s.sequence()
		for _, kind := range []journal.Kind{journal.UserCreated, journal.UserDeactivated, journal.GroupUpdated} {
			if n := s.happened()[kind]; n == 0 {
				t.Errorf("no entry %s", kind)
			}
		}
	})
}

// TestLeaversKeys: a client that speaks for somebody who has left stops working, and
// works again when they are back.
func TestLeaversKeys(t *testing.T) {
	onBoth(t, func(s *stack) {
		u := s.user("mara@example.com")
		key := s.client("Mara@example.com", nil, "documents:read")
		key.get("/v1/documents").want(200)
		s.admin.json("PATCH", "/v1/users/"+u.ID, `{"active":false}`).want(200)
		s.clock.Advance(6e9)
		key.get("/v1/documents").problem(401, "invalid_token")
		s.admin.json("PATCH", "/v1/users/"+u.ID, `{"active":true}`).want(200)
		s.clock.Advance(6e9)
		key.get("/v1/documents").want(200)
	})
}

// happened counts the numbered entries by kind.
func (s *stack) happened() map[journal.Kind]int {
	s.t.Helper()
	out := map[journal.Kind]int{}
	for after := ""; ; {
		var page EventPage
		s.admin.get("/v1/events?limit=200&after=" + after).want(200).into(&page)
		for _, e := range page.Items {
			out[journal.Kind(e.Type)]++
		}
		if after = page.Next; len(page.Items) == 0 {
			return out
		}
	}
}
