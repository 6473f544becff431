package httpapi

import (
	"testing"
)

// TestBodiesAreTakenAsDescribed: what the contract does not describe is refused, although
// the library beneath would take it: a null for a member that is not there, and a name in
// another case.
func TestBodiesAreTakenAsDescribed(t *testing.T) {
	onBoth(t, func(s *stack) {
		for body, at := range map[string]string{
			`{"title":null}`: "/title", `{"labels":{"a/b":null}}`: "/labels/a~1b", `{"metadata":null}`: "/metadata", `{"Title":"x"}`: "/Title",
		} {
			s.admin.post("/v1/drafts", body).problem(422, "invalid_request", at)
		}
		s.admin.post("/v1/drafts", `{"metadata":{"a":null}}`).want(201)
		s.admin.post("/v1/envelopes", `{"document_id":"doc_x","recipients":[{"name":"a","email":"a@b.example","fields":null}]}`).problem(422, "invalid_request", "/recipients/0/fields")
	})
}

// TestAParameterStandsOnce: a second value is no value that anybody meant.
func TestAParameterStandsOnce(t *testing.T) {
	onBoth(t, func(s *stack) {
		s.admin.get("/v1/documents?limit=1&limit=2&state=draft&state=voided").problem(422, "invalid_request", "query/limit")
		s.admin.get("/v1/documents?state=draft&state=voided").want(200)
		s.admin.get("/v1/tasks?assignee=%00").problem(422, "bad_character")
		s.admin.get("/v1/search?q=").problem(422, "invalid_request", "query/q")
		s.admin.send("PATCH", "/v1/uploads/upl_x", nil, "Tus-Resumable", "1.0.0", "Upload-Offset", "0").want(415)
	})
}

// TestAProviderKeepsItsName: renaming a provider to what another is called is a conflict.
func TestAProviderKeepsItsName(t *testing.T) {
	onBoth(t, func(s *stack) {
		var made struct{ ID string }
		body := func(name, domain string) string {
			return `{"name":"` + name + `","issuer":"https://login.example.com","client_id":"paraph","domains":["` + domain + `"]}`
		}
		s.admin.post("/v1/login-providers", body("North", "north.example.com")).want(201)
		s.admin.post("/v1/login-providers", body("South", "south.example.com")).want(201).into(&made)
		s.admin.json("PUT", "/v1/login-providers/"+made.ID, body("North", "south.example.com")).problem(409, "exists")
		s.admin.json("PUT", "/v1/login-providers/"+made.ID, body("South", "south.example.com")).want(200)
	})
}
