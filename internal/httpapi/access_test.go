package httpapi

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/store/storetest"
)

// TestGrant: a person of another unit is let into one document for a time: it is
// found, opened and searched like one's own, and only read.
func TestGrant(t *testing.T) {
	onBoth(t, func(s *stack) {
		s.admin.post("/v1/business-units", `{"name":"buying"}`).want(201)
		guest := s.client("guest@example.org", []string{"buying"}, "documents:read", "documents:write", "documents:share", "tasks:read", "tasks:decide", "envelopes:read", "approvals:write")
		var d, other Document
		s.admin.post("/v1/drafts", `{"title":"An order"}`).want(201).into(&d)
		s.admin.post("/v1/drafts", `{"title":"Another"}`).want(201).into(&other)
		path := "/v1/documents/" + d.ID
		sees := func(want bool) {
			t.Helper()
			status, n := 404, 0
			if want {
				status, n = 200, 1
			}
			guest.get(path).want(status)
			var found Page[Document]
			guest.get("/v1/documents").want(200).into(&found)
			if len(found.Items) != n {
				t.Errorf("finds %d documents, want %d", len(found.Items), n)
			}
			guest.get("/v1/documents/"+other.ID).problem(404, "not_found")
		}
		sees(false)

		start := storetest.Start
		body := func(who string, from, until time.Duration) map[string]any {
			return map[string]any{"principal": who, "purpose": "audit of 2026", "from": start.Add(from), "until": start.Add(until)}
		}
		s.admin.post(path+"/grants", body("guest", time.Hour, 0)).problem(422, "invalid_grant_request", "/principal", "/until")
		s.admin.post(path+"/grants", body("guest@example.org", 0, 400*24*time.Hour)).problem(422, "invalid_grant_request", "/until")
		s.admin.post(path+"/grants", body("guest@example.org", 2*time.Hour, time.Hour)).problem(422, "invalid_grant_request", "/until")
		guest.post(path+"/grants", body("guest@example.org", 0, time.Hour)).problem(404, "not_found")
		s.client("clerk@example.org", nil, "documents:read").post(path+"/grants", body("guest@example.org", 0, time.Hour)).problem(403, "missing_scope")

		var g Grant
		s.admin.post(path+"/grants", body("Guest@example.org", time.Minute, 3*time.Minute)).want(201).into(&g)
		sees(false) // not yet
		s.clock.Advance(2 * time.Minute)
		sees(true)
		guest.json("PATCH", path, `{"title":"Mine"}`, "If-Match", `"1"`).problem(404, "not_found")
		guest.post(path+"/void", `{}`).problem(404, "not_found")
		guest.post("/v1/approvals", canonical(d.ID)).problem(404, "not_found")
		guest.post(path+"/grants", body("friend@example.org", 0, 4*time.Hour)).problem(404, "not_found")
		guest.get(path+"/grants").problem(404, "not_found")
		s.clock.Advance(time.Minute)
		sees(false) // over

		s.admin.post(path+"/grants", map[string]any{"principal": "guest@example.org", "purpose": "once more", "until": start.Add(9 * time.Hour)}).want(201).into(&g)
		sees(true)
		s.admin.send("DELETE", "/v1/documents/"+other.ID+"/grants/"+g.ID, nil).problem(404, "not_found")
		s.admin.send("DELETE", path+"/grants/"+g.ID, nil).want(200).into(&g)
		again := s.admin.send("DELETE", path+"/grants/"+g.ID, nil).want(200)
		sees(false)
		var all Items[Grant]
		s.admin.get(path + "/grants").want(200).into(&all)
		if g.RevokedAt == nil || len(all.Items) != 2 || all.Items[0].ID != g.ID || all.Items[0].GrantedBy != s.admin.principal {
			t.Errorf("%+v %s", all, again.body)
		}
		s.caused(d.ID, "document.created", "document.shared", "document.shared", "document.unshared")
	})
}

// TestCreator: a person sees what became of a document that was brought in and has
// moved to another unit since. What can be opened is listed too, however the
// person's address is written.
func TestCreator(t *testing.T) {
	onBoth(t, func(s *stack) {
		s.admin.post("/v1/business-units", `{"name":"buying"}`).want(201)
		ana := s.client("Ana@Example.org", []string{"buying"}, "documents:read", "documents:write", "tasks:read")
		var d Document
		ana.post("/v1/drafts", `{"title":"An order","business_unit":"buying"}`).want(201).into(&d)
		s.admin.json("PATCH", "/v1/documents/"+d.ID, `{"business_unit":"general"}`).want(200)
		var a Approval
		s.admin.post("/v1/approvals", canonical(d.ID, "ben@example.org")).want(201).into(&a)
		ana.get("/v1/documents/" + d.ID).want(200)
		ana.get("/v1/tasks/" + a.Tasks[0].ID).want(200)
		var documents Page[Document]
		ana.get("/v1/documents").want(200).into(&documents)
		var tasks Page[Task]
		ana.get("/v1/tasks").want(200).into(&tasks)
		if len(documents.Items) != 1 || len(tasks.Items) != 1 {
			t.Errorf("finds %d documents and %d tasks, and can open one of each", len(documents.Items), len(tasks.Items))
		}
	})
}

// TestFourEyes: who brought a document in does not decide on it, and nobody does twice.
func TestFourEyes(t *testing.T) {
	onBoth(t, func(s *stack) {
		s.admin.json("PUT", "/v1/document-types/order", `{"four_eyes":true}`).want(200)
		var kept DocumentType
		s.admin.json("PUT", "/v1/document-types/order", `{"title":"Orders"}`).want(200).into(&kept)
		if !kept.FourEyes {
			t.Error("what is left out does not stay as it was")
		}
		scopes := []string{"documents:read", "documents:write", "approvals:write", "tasks:read", "tasks:decide", "tasks:decide_for"}
		ana, ben, cleo := s.client("ana@example.org", nil, scopes...), s.client("ben@example.org", nil, scopes...), s.client("cleo@example.org", nil, scopes...)
		submit := func(by *caller, approvers string) *answer {
			var d Document
			ana.post("/v1/drafts", `{"title":"An order","document_type":"order"}`).want(201).into(&d)
			return by.post("/v1/approvals", fmt.Sprintf(`{"document_id":%q,"document_type":"order","initiator":{"user_id":"u_1","email":"ina@example.org"},"approvers":%s}`, d.ID, approvers))
		}
		submit(ana, `[]`).problem(422, "invalid_approval", "/approvers")
		submit(ben, `["cleo@example.org","Ana@example.org","ina@example.org","u_1","ben@example.org"]`).problem(422, "invalid_approval", "/approvers/1", "/approvers/2", "/approvers/3", "/approvers/4")

		var a Approval
		submit(ben, `["cleo@example.org","dora@example.org"]`).want(201).into(&a)
		decide := func(by *caller, task int, behalf string) *answer {
			return by.post("/v1/tasks/"+a.Tasks[task].ID+"/decision", map[string]any{"outcome": "approve", "on_behalf_of": behalf})
		}
		decide(ana, 0, "cleo@example.org").problem(403, "four_eyes") // brought it in
		decide(ben, 0, "cleo@example.org").problem(403, "four_eyes") // handed it in
		decide(cleo, 0, "").want(200)
		decide(cleo, 1, "dora@example.org").problem(403, "four_eyes") // decides twice
		decide(s.client("eve@example.org", nil, scopes...), 1, "dora@example.org").want(200).into(&a)
		if a.State != "approved" {
			t.Errorf("%+v", a)
		}

		s.admin.json("PUT", "/v1/document-types/order", `{"four_eyes":false}`).want(200)
		submit(ana, `["ana@example.org"]`).want(201).into(&a)
		decide(ana, 0, "").want(200)
	})
}

// TestRoles: a client with a role has its scopes, and those alone.
func TestRoles(t *testing.T) {
	onBoth(t, func(s *stack) {
		var roles Items[Role]
		s.admin.get("/v1/roles").want(200).into(&roles)
		if len(roles.Items) != 7 || roles.Items[0].Name != "administrator" {
			t.Errorf("%+v", roles)
		}
		s.admin.post("/v1/clients", `{"name":"x","principal":"x"}`).problem(422, "invalid_client_request", "/scopes")
		s.admin.post("/v1/clients", `{"name":"x","principal":"x","roles":["king"]}`).problem(422, "invalid_client_request", "/roles")
		viewer := s.withRoles("view@example.org", "viewer")
		viewer.get("/v1/documents").want(200)
		viewer.post("/v1/drafts", `{"title":"x"}`).problem(403, "missing_scope")
		uploader := s.withRoles("up@example.org", "uploader")
		uploader.post("/v1/drafts", `{"title":"x"}`).want(201)
		uploader.get("/v1/documents").problem(403, "missing_scope")
		both := s.withRoles("both@example.org", "uploader", "viewer")
		both.post("/v1/drafts", `{"title":"x"}`).want(201)
		both.get("/v1/documents").want(200)
		both.get("/v1/clients").problem(403, "missing_scope")
	})
}

// TestExplain: the answer for each action, and the rule that gives it.
func TestExplain(t *testing.T) {
	onBoth(t, func(s *stack) {
		s.admin.post("/v1/business-units", `{"name":"buying"}`).want(201)
		var d Document
		s.admin.post("/v1/drafts", `{"title":"An order"}`).want(201).into(&d)
		var a Approval
		s.admin.post("/v1/approvals", canonical(d.ID, "ana@example.org")).want(201).into(&a)
		var made ClientSecret
		s.admin.post("/v1/clients", `{"name":"Ana","principal":"ana@example.org","roles":["approver"],"business_units":["buying"]}`).want(201).into(&made)
		path := "/v1/documents/" + d.ID + "/access?client_id=" + url.QueryEscape(made.Client.ID)
		rules := func() map[string]string {
			var out Items[AccessDecision]
			s.admin.get(path).want(200).into(&out)
			got := map[string]string{}
			for _, i := range out.Items {
				got[i.Action] = fmt.Sprint(i.Allowed, " ", i.Rule)
			}
			return got
		}
		got := rules()
		for action, want := range map[string]string{
			"document.read": "true scope and part in the document: approver", "task.decide": "true scope and part in the document: approver",
			"document.write": "false scope missing", "archive.read": "false scope missing",
		} {
			if got[action] != want {
				t.Errorf("%s: %q, want %q", action, got[action], want)
			}
		}
		rule := deviceRule(s.t, "Board")
		rule["off"], rule["actions"] = false, []string{"task.decide"}
		s.admin.json("PUT", "/v1/device-rules/board", rule).want(200)
		if got := rules(); got["task.decide"] != "true scope and part in the document: approver; where the device rule board is met" || strings.Contains(got["document.read"], "board") {
			t.Errorf("%v", got)
		}
		s.admin.send("DELETE", "/v1/clients/"+made.Client.ID, nil).want(200)
		if got := rules(); got["document.read"] != "false client revoked" {
			t.Errorf("%v", got)
		}
		s.client("clerk", nil, "documents:read").get(path).problem(403, "missing_scope")
		s.client("chief", []string{"buying"}, "admin").get(path).problem(404, "not_found")
		s.admin.get("/v1/documents/"+d.ID+"/access?client_id=cli_0").problem(404, "not_found")
	})
}

// withRoles makes a client with the roles and logs it in.
func (s *stack) withRoles(principal string, roles ...string) *caller {
	s.t.Helper()
	var out ClientSecret
	s.admin.post("/v1/clients", map[string]any{"name": principal, "principal": principal, "roles": roles}).want(http.StatusCreated).into(&out)
	return s.caller(service.ClientSecret{Client: clientFrom(out), Secret: out.Secret})
}
