package devices

import (
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/scim"
	"github.com/paraph/paraph/internal/service"
)

// scim asks as a directory does, with whatever token it has.
func (r *rig) scim(token, method, path, body string) reply {
	q := httptest.NewRequest(method, scim.Path+path, strings.NewReader(body))
	q.Header.Set("Authorization", "Bearer "+token)
	q.Header.Set("Content-Type", "application/scim+json")
	return r.do(q)
}

func (p reply) status3(what string, status int) {
	p.Helper()
	if p.status != status {
		p.Errorf("%s: %d %s, want %d", what, p.status, p.body, status)
	}
}

// TestDirectoryToken: it is shown once and kept as a hash, opens SCIM and nothing else,
// is told of before it ends, and ends: by itself, or at once.
func TestDirectoryToken(t *testing.T) {
	onBoth(t, func(r *rig) {
		admin := r.own(r.admin, nil)
		make := func(name string, life time.Duration) reply {
			return r.api(r.own(r.admin, nil), "POST", "/v1/directory-tokens", `{"name":"`+name+`","expires_at":"`+r.clock.Now().Add(life).Format(time.RFC3339)+`"}`, nil)
		}
		for what, life := range map[string]time.Duration{"an end that is past": -time.Hour, "too short": time.Minute, "too long": 367 * 24 * time.Hour} {
			make("x", life).is(what, 422, "invalid_directory_token", "/expires_at out_of_range")
		}
		make("", 24*time.Hour).is("no name", 422, "invalid_directory_token", "/name bad_length")
		r.api(admin, "POST", "/v1/directory-tokens", `{"name":"x"}`, nil).is("no end", 422, "invalid_request", "/expires_at required")
		r.api(r.own(r.client(access.Profile{}, access.PeopleProvision), nil), "POST", "/v1/directory-tokens", `{"name":"x","expires_at":"2027-01-01T00:00:00Z"}`, nil).is("a directory makes none", 403, "missing_scope")

		made := make("Entra ID", 100*24*time.Hour).is("one", 201, "")
		token, tokenID := made.at("token"), made.at("id")
		if !strings.HasPrefix(token, service.DirectoryTokenPrefix) || len(token) != 47 {
			t.Fatalf("it is %q", token)
		}
		user := `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"mara@example.com"}`
		r.scim(token, "POST", "Users", user).status3("SCIM", 201)
		r.scim(token, "GET", "Users", "").status3("SCIM", 200)
		r.scim(token+"x", "GET", "Users", "").status3("another token", 401)
		r.scim(service.DirectoryTokenPrefix, "GET", "Users", "").status3("its beginning", 401)
		for _, path := range []string{"/v1/users", "/v1/documents", "/v1/directory-tokens"} {
			r.api(token, "GET", path, "", nil).is("the API", 401, "invalid_token")
		}
		list := r.api(admin, "GET", "/v1/directory-tokens", "", nil).is("the list", 200, "")
		if strings.Contains(list.body, token) || !strings.Contains(list.body, `"name":"Entra ID"`) || !strings.Contains(list.body, `"used_at"`) {
			t.Errorf("%s", list.body)
		}

		told := func() int { return len(r.decisions(journal.DirectoryTokenEnding)) }
		warn := func() { r.must(r.svc.WarnOfDirectoryTokens(r.Context())) }
		if warn(); told() != 0 {
			t.Error("it is told of too early")
		}
		r.clock.Advance(75 * 24 * time.Hour) // a quarter of its life is left
		if warn(); told() != 1 {
			t.Error("it is not told of")
		}
		if warn(); told() != 1 {
			t.Error("it is told of twice")
		}
		r.scim(token, "GET", "Users", "").status3("until it ends", 200)
		second := make("Entra ID", 366*24*time.Hour).is("the next one", 201, "")
		r.clock.Advance(25 * 24 * time.Hour)
		r.scim(token, "GET", "Users", "").status3("it has run out", 401)
		next := second.at("token")
		r.scim(next, "GET", "Users", "").status3("the next one", 200)
		r.api(r.own(r.admin, nil), "DELETE", "/v1/directory-tokens/"+second.at("id"), "", nil).is("it is ended", 200, "")
		r.scim(next, "GET", "Users", "").status3("it was ended", 401)
		r.api(r.own(r.admin, nil), "DELETE", "/v1/directory-tokens/"+second.at("id"), "", nil).is("again", 200, "")
		r.api(r.own(r.admin, nil), "DELETE", "/v1/directory-tokens/dirt_0", "", nil).is("none", 404, "not_found")
		r.must(r.svc.WriteFailedLogins(r.Context()))
		if failed := r.decisions(journal.CredentialsFailed); len(failed) == 0 || !slices.Contains([]int{4, 5}, failed[0].Count) {
			t.Errorf("wrong tokens are not in the log: %+v", failed)
		}
		if tokenID == second.at("id") || len(r.decisions(journal.DirectoryTokenCreated)) != 2 || len(r.decisions(journal.DirectoryTokenRevoked)) != 1 {
			t.Error("the log does not tell of tokens that were made and ended")
		}
		// A device rule for it shuts it out: it has no device.
		third := make("Okta", 24*time.Hour).at("token")
		r.rule("people", map[string]any{"actions": []string{"people.provision"}, "certificate": map[string]any{"roots": roots(newAuthority(r.T, "Devices").cert)}}).is("a rule", 200, "")
		r.scim(third, "GET", "Users", "").status3("a rule for devices", 403)
	})
}
