package scim

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/blob/crypt"
	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/store/storetest"
)

// rig is the room over a real service and store. Tokens are names of actors.
type rig struct {
	*testing.T
	clock  *clock.Fake
	svc    *service.Service
	actors map[string]access.Actor
	room   *Server
}

func (r *rig) Verify(q *http.Request, _ http.Header) (access.Actor, error) {
	a, ok := r.actors[strings.TrimPrefix(q.Header.Get("Authorization"), "Bearer ")]
	if !ok {
		return a, fault.New(fault.Unauthorized, "invalid_token", "No.")
	}
	return a, nil
}

func (r *rig) Challenge(*http.Request, error) []string { return nil }

func onBoth(t *testing.T, fn func(*rig)) {
	t.Helper()
	t.Parallel()
	storetest.Each(t, func(t *testing.T, open storetest.Open) {
		c := clock.NewFake(storetest.Start)
		ring, err := crypt.NewRing(crypt.NamedKey{ID: "box-1", Key: crypt.NewKey()})
		if err != nil {
			t.Fatal(err)
		}
		cursors, err := journal.NewCursorCodec([32]byte{7})
		if err != nil {
			t.Fatal(err)
		}
		r := &rig{T: t, clock: c, svc: service.New(service.Config{Store: open(storetest.With(c)), Clock: c, Box: crypt.NewBox(ring), Secrets: crypt.NewBox(ring), Cursors: cursors, PublicURL: "https://paraph.example"})}
		admin, _, err := r.svc.Bootstrap(t.Context(), "Test Works")
		if err != nil {
			t.Fatal(err)
		}
		org := admin.Client.Org
		r.actors = map[string]access.Actor{
			"directory": {Kind: access.Client, Org: org, ID: "cli_d", Scopes: []access.Scope{access.PeopleProvision}},
			"unit":      {Kind: access.Client, Org: org, ID: "cli_u", Scopes: []access.Scope{access.PeopleProvision}, Units: []string{"sales"}},
			"other":     {Kind: access.Client, Org: "org_other", ID: "cli_o", Scopes: []access.Scope{access.PeopleProvision}},
			"admin":     {Kind: access.Client, Org: org, ID: "cli_a", Scopes: []access.Scope{access.Admin}},
		}
		r.room = New(Config{Service: r.svc, Verifier: r, Issuer: "https://paraph.example", Log: slog.New(slog.DiscardHandler), SourceOf: func(context.Context) access.Source { return access.Source{} }})
		fn(r)
	})
}

type reply struct {
	*rig
	status int
	header http.Header
	body   object
}

func (r *rig) as(token, method, path, body string, headers ...string) reply {
	r.Helper()
	q := httptest.NewRequest(method, strings.ReplaceAll(Path+path, " ", "%20"), strings.NewReader(body))
	q.Header.Set("Authorization", "Bearer "+token)
	q.Header.Set("Content-Type", media)
	for i := 0; i+1 < len(headers); i += 2 {
		q.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	r.room.ServeHTTP(w, q)
	out := reply{rig: r, status: w.Code, header: w.Header()}
	if w.Body.Len() > 0 {
		if err := json.Unmarshal(w.Body.Bytes(), &out.body); err != nil || w.Header().Get("Content-Type") != media {
			r.Errorf("%s %s: not SCIM: %s", method, path, w.Body)
		}
	}
	return out
}

func (r *rig) do(method, path, body string, headers ...string) reply {
	r.Helper()
	return r.as("directory", method, path, body, headers...)
}

// want checks the status, and the scimType of an error.
func (p reply) want(status int, kind ...string) object {
	p.Helper()
	if p.status != status || len(kind) > 0 && p.body["scimType"] != kind[0] {
		p.Errorf("%d %v, want %d %v", p.status, p.body, status, kind)
	}
	if status >= 400 && (p.body["status"] != fmt.Sprint(status) || fmt.Sprint(p.body["schemas"]) != "["+errorSchema+"]") {
		p.Errorf("an error of another form: %v", p.body)
	}
	return p.body
}

func (r *rig) names(path string) (names []string) {
	r.Helper()
	for _, v := range valuesAt(r.do("GET", path, "").want(200), "Resources") {
		names = append(names, text(v.(object), "userName")+text(v.(object), "displayName"))
	}
	return names
}

// TestEntra provisions as Entra ID's published requests have it: booleans as texts,
// operations with capitals, paths with filters, members in the value of a removal.
func TestEntra(t *testing.T) {
	onBoth(t, func(r *rig) {
		r.do("GET", `Users?filter=userName eq "mara@example.com"`, "").want(200)
		u := r.do("POST", "Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],"externalId":"0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef",
			"userName":"Mara@example.com","active":true,"emails":[{"primary":true,"type":"work","value":"mara@example.com"}],"meta":{"resourceType":"User"},"name":{"formatted":"Mara Lind","familyName":"Lind","givenName":"Mara"},"roles":[]}`).want(201)
		id := u["id"].(string)
		if u["userName"] != "mara@example.com" || u["displayName"] != "Mara Lind" || text(u, "meta.location") != "https://paraph.example/scim/v2/Users/"+id {
			t.Errorf("%v", u)
		}
		patch := func(path, ops string) reply {
			return r.do("PATCH", path, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[`+ops+`]}`)
		}
		u = patch("Users/"+id, `{"op":"Replace","path":"emails[type eq \"work\"].value","value":"mara@example.com"},{"op":"Replace","path":"name.familyName","value":"Berg"},{"op":"Replace","path":"displayName","value":"Mara Berg"}`).want(200)
		if u["displayName"] != "Mara Berg" {
			t.Errorf("%v", u)
		}
		u = patch("Users/"+id, `{"op":"Replace","path":"userName","value":"mara.berg@example.com"}`).want(200)
		if u["userName"] != "mara.berg@example.com" {
			t.Errorf("%v", u)
		}
		if u = patch("Users/"+id, `{"op":"Replace","path":"active","value":"False"}`).want(200); u["active"] != false {
			t.Errorf("%v", u)
		}
		if _, err := r.svc.ActiveUser(t.Context(), id); fault.CodeOf(err) != "invalid_token" {
			t.Errorf("somebody who was disabled: %v", err)
		}
		patch("Users/"+id, `{"op":"Replace","path":"active","value":"True"}`).want(200)

		g := r.do("POST", "Groups", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group","http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"],"externalId":"8aa1a0c0","displayName":"Buyers","meta":{"resourceType":"Group"}}`).want(201)
		gid := g["id"].(string)
		r.do("GET", `Groups?excludedAttributes=members&filter=displayName eq "buyers"`, "").want(200)
		g = patch("Groups/"+gid, `{"op":"Add","path":"members","value":[{"$ref":null,"value":"`+id+`"}]}`).want(200)
		if got := text(g, "members.value"); got != id {
			t.Errorf("%v", g)
		}
		if got := text(r.do("GET", "Users/"+id, "").want(200), "groups.value"); got != gid {
			t.Errorf("the user's groups: %q", got)
		}
		if g = r.do("GET", "Groups/"+gid+"?excludedAttributes=members", "").want(200); g["members"] != nil || g["displayName"] != "Buyers" {
			t.Errorf("%v", g)
		}
		g = patch("Groups/"+gid, `{"op":"Remove","path":"members","value":[{"$ref":null,"value":"`+id+`"}]}`).want(200)
		if len(valuesAt(g, "members")) != 0 {
			t.Errorf("%v", g)
		}
		patch("Groups/"+gid, `{"op":"Replace","path":"displayName","value":"Purchasing"}`).want(200)
		r.do("DELETE", "Groups/"+gid, "").want(204)
		r.do("GET", "Groups/"+gid, "").want(404)
		r.do("DELETE", "Users/"+id, "").want(204)
		r.do("GET", "Users/"+id, "").want(404)
		if n := r.names("Users"); len(n) != 0 {
			t.Errorf("who was deleted is listed: %v", n)
		}
		again := r.do("POST", "Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"mara.berg@example.com"}`).want(201)
		if again["active"] != true {
			t.Errorf("%v", again)
		}
	})
}

// TestOkta provisions as Okta's published requests have it: whole resources by PUT,
// patches without a path, members replaced and removed by filters.
func TestOkta(t *testing.T) {
	onBoth(t, func(r *rig) {
		if got := r.do("GET", `Users?filter=userName eq "ben@example.com"&startIndex=1&count=100`, "").want(200); got["totalResults"] != 0.0 {
			t.Errorf("%v", got)
		}
		u := r.do("POST", "Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"ben@example.com","name":{"givenName":"Ben","familyName":"Okoro"},"emails":[{"primary":true,"value":"ben@example.com","type":"work"}],
			"displayName":"Ben Okoro","locale":"en-US","externalId":"00ujl29u0le5T6Aj10h7","groups":[],"password":"1mz050nq","active":true}`).want(201)
		id := u["id"].(string)
		u = r.do("PUT", "Users/"+id, `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"id":"`+id+`","userName":"ben@example.com","name":{"givenName":"Benedict","familyName":"Okoro"},"active":true,"locale":"en-US","groups":[]}`).want(200)
		if u["displayName"] != "Benedict Okoro" || u["externalId"] != nil || u["password"] != nil {
			t.Errorf("%v", u)
		}
		u = r.do("PATCH", "Users/"+id, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","value":{"active":false}}]}`).want(200)
		if u["active"] != false {
			t.Errorf("%v", u)
		}
		r.do("POST", "Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"BEN@example.com"}`).want(409, "uniqueness")
		other := r.do("POST", "Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"ina@example.com"}`).want(201)["id"].(string)

		g := r.do("POST", "Groups", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"Test SCIMv2","members":[{"value":"`+id+`","display":"ben@example.com"}]}`).want(201)
		gid := g["id"].(string)
		g = r.do("PATCH", "Groups/"+gid, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","value":{"id":"`+gid+`","displayName":"Renamed"}},
			{"op":"remove","path":"members[value eq \"`+id+`\"]"},{"op":"add","path":"members","value":[{"value":"`+other+`","display":"ina@example.com"}]}]}`).want(200)
		if g["displayName"] != "Renamed" || text(g, "members.value") != other || len(valuesAt(g, "members")) != 1 {
			t.Errorf("%v", g)
		}
		g = r.do("PATCH", "Groups/"+gid, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"members","value":[{"value":"`+id+`"},{"value":"`+other+`"}]}]}`).want(200)
		if len(valuesAt(g, "members")) != 2 {
			t.Errorf("%v", g)
		}
		r.do("PUT", "Groups/"+gid, `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"Renamed","members":[]}`).want(200)
		r.do("POST", "Groups", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"x","members":[{"value":"usr_0"}]}`).want(400, "invalidValue")
		r.do("POST", "Groups", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"Renamed"}`).want(409, "uniqueness")
	})
}

// TestFilters: RFC 7644 section 3.4.2.2, and pages.
func TestFilters(t *testing.T) {
	onBoth(t, func(r *rig) {
		for _, u := range []string{`"userName":"ana@example.com","displayName":"Ana","externalId":"A1"`, `"userName":"ben@example.org","displayName":"Ben","active":false`, `"userName":"cleo@example.com"`} {
			r.do("POST", "Users", `{"schemas":["`+userSchema+`"],`+u+`}`).want(201)
			r.clock.Advance(1e6)
		}
		ana, ben, cleo := "ana@example.comAna", "ben@example.orgBen", "cleo@example.com"
		for filter, want := range map[string][]string{
			`userName eq "ANA@example.com"`: {ana}, `username sw "b"`: {ben}, `userName ew ".com"`: {ana, cleo}, `userName co "example"`: {ana, ben, cleo}, `externalId eq "A1"`: {ana}, `externalId eq "a1"`: nil,
			`displayName pr`: {ana, ben}, `not (displayName pr)`: {cleo}, `active eq false`: {ben}, `userName ne "ana@example.com"`: {ben, cleo}, `active eq true and displayName pr`: {ana},
			`userName sw "a" or userName sw "b" and active eq true`: {ana}, `(userName sw "a" or userName sw "b") and active eq false`: {ben}, `emails[type eq "work" and value co ".org"]`: {ben},
			`emails.value eq "cleo@example.com"`: {cleo}, `meta.lastModified gt "2020-01-01T00:00:00Z"`: {ana, ben, cleo}, `meta.created lt "2020-01-01T00:00:00Z"`: nil,
			`urn:ietf:params:scim:schemas:core:2.0:User:userName sw "c"`: {cleo}, `userName ge "b" and userName le "c"`: {ben}, `emails eq "ana@example.com"`: {ana}, `nothing eq 1`: nil, `displayName eq null`: nil,
		} {
			if got := r.names("Users?filter=" + url.QueryEscape(filter)); !slices.Equal(got, want) {
				t.Errorf("%s: %v, want %v", filter, got, want)
			}
		}
		for _, broken := range []string{"userName", "userName eq", `userName xx "a"`, `userName eq "a`, `(userName pr`, `userName eq a`, `emails[type eq "work"`, `userName pr and`, `pr pr pr`, `not userName pr`, strings.Repeat("(", 100) + "a pr", "\x00"} {
			r.do("GET", "Users?filter="+url.QueryEscape(broken), "").want(400, "invalidFilter")
		}
		for query, want := range map[string][]string{"count=2": {ana, ben}, "startIndex=3": {cleo}, "startIndex=2&count=1": {ben}, "count=0": nil, "startIndex=9": nil, "startIndex=-1&count=1": {ana}} {
			if got := r.names("Users?" + query); !slices.Equal(got, want) {
				t.Errorf("%s: %v, want %v", query, got, want)
			}
		}
		page := r.do("GET", "Users?startIndex=2&count=1&attributes=userName", "").want(200)
		if one := valuesAt(page, "Resources")[0].(object); page["totalResults"] != 3.0 || page["itemsPerPage"] != 1.0 || len(one) != 3 {
			t.Errorf("%v", page)
		}
	})
}

// TestETags: of two that change one thing, the second is told.
func TestETags(t *testing.T) {
	onBoth(t, func(r *rig) {
		made := r.do("POST", "Users", `{"schemas":["`+userSchema+`"],"userName":"ana@example.com"}`)
		path, tag := "Users/"+made.want(201)["id"].(string), made.header.Get("ETag")
		if tag != `W/"1"` || made.header.Get("Location") == "" {
			t.Errorf("%v", made.header)
		}
		r.do("GET", path, "", "If-None-Match", tag).want(304)
		put := `{"schemas":["` + userSchema + `"],"userName":"ana@example.com","displayName":"Ana"}`
		if next := r.do("PUT", path, put, "If-Match", tag); next.want(200) == nil || next.header.Get("ETag") != `W/"2"` {
			t.Errorf("%v", next.header)
		}
		r.do("PUT", path, put, "If-Match", tag).want(412)
		r.do("DELETE", path, "", "If-Match", tag).want(412)
		r.do("DELETE", path, "", "If-Match", "x").want(412)
		r.do("GET", path, "", "If-None-Match", tag).want(200)
	})
}

// TestWhoMayProvision: a client with the scope, for its own organisation; and it gives
// nobody a role.
func TestWhoMayProvision(t *testing.T) {
	onBoth(t, func(r *rig) {
		id := r.do("POST", "Users", `{"schemas":["`+userSchema+`"],"userName":"ana@example.com","roles":[{"value":"administrator"}]}`).want(201)["id"].(string)
		d, err := r.svc.UserByID(t.Context(), r.actors["admin"], id)
		if err != nil || len(d.AllRoles) != 0 {
			t.Errorf("%+v %v", d, err)
		}
		r.as("nobody", "GET", "Users", "").want(401)
		r.as("admin", "GET", "Users", "").want(403)
		r.as("unit", "GET", "Users", "").want(403)
		r.as("admin", "POST", "Users", "x").want(403) // before it is read
		r.as("other", "GET", "Users/"+id, "").want(404)
		r.as("other", "PATCH", "Users/"+id, `{"schemas":["`+patchSchema+`"],"Operations":[{"op":"replace","path":"active","value":false}]}`).want(404)
		r.as("other", "DELETE", "Users/"+id, "").want(404)
		if got := r.as("other", "GET", "Users", "").want(200); got["totalResults"] != 0.0 {
			t.Errorf("%v", got)
		}
		for _, body := range []string{"", "x", "[]", `{"userName":"x@example.com"}`, `{"schemas":["` + groupSchema + `"],"userName":"x@example.com"}`} {
			r.do("POST", "Users", body).want(400, "invalidSyntax")
		}
		r.do("POST", "Users", `{"schemas":["`+userSchema+`"],"userName":"no address"}`).want(400, "invalidValue")
		r.do("POST", "Users", `{"schemas":["`+userSchema+`"],"userName":"x@example.com","active":"maybe"}`).want(400, "invalidValue")
		r.do("PATCH", "Users/"+id, `{"schemas":["`+patchSchema+`"],"Operations":[{"op":"jump","path":"active"}]}`).want(400, "invalidSyntax")
		r.do("PATCH", "Users/"+id, `{"schemas":["`+patchSchema+`"],"Operations":[{"op":"replace","path":"emails[type eq","value":1}]}`).want(400, "invalidPath")
		r.do("PATCH", "Users/"+id, `{"schemas":["`+patchSchema+`"],"Operations":[{"op":"replace","path":"emails[type eq \"home\"].value","value":"x"}]}`).want(400, "noTarget")
		r.do("PATCH", "Users/"+id, `{"schemas":["`+patchSchema+`"],"Operations":[{"op":"remove"}]}`).want(400, "noTarget")
		for _, path := range []string{"ServiceProviderConfig", "ResourceTypes", "ResourceTypes/User", "Schemas", "Schemas/" + groupSchema} {
			r.do("GET", path, "").want(200)
		}
		r.do("GET", "Schemas/x", "").want(404)
		r.do("GET", "Bulk", "").want(404)
	})
}

// FuzzFilter: whatever is sent as a filter is refused or decides.
func FuzzFilter(f *testing.F) {
	for _, seed := range []string{`userName eq "a" and (active eq true or not (emails[type eq "work"] ))`, `a pr`, `"`, `a.b.c ne null`, `members[value eq "1"`} {
		f.Add(seed)
	}
	m := object{"userName": "a", "emails": []any{object{"value": "a", "type": "work"}}, "members": []any{"x", nil}, "active": true}
	f.Fuzz(func(_ *testing.T, text string) {
		if decide, err := parseFilter(text); err == nil {
			decide(m)
		}
	})
}

// FuzzPatch: whatever is sent as a patch is refused or carried out.
func FuzzPatch(f *testing.F) {
	f.Add(`{"schemas":["` + patchSchema + `"],"Operations":[{"op":"add","path":"emails[type eq \"work\"].value","value":"x"},{"op":"remove","path":"name.formatted"},{"op":"replace","value":{"name":{"a":1}}}]}`)
	f.Fuzz(func(_ *testing.T, body string) {
		var p patchRequest
		if json.Unmarshal([]byte(body), &p) != nil {
			return
		}
		m := object{"userName": "a", "name": map[string]any{"formatted": "A"}, "emails": []any{map[string]any{"value": "a", "type": "work"}}, "members": []any{"x"}, "active": true}
		if p.apply(m) == nil {
			_, _ = userSaid(m, "A")
			membersSaid(m)
		}
	})
}
