package httpapi

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/oauth"
	"github.com/paraph/paraph/internal/service"
)

func adminScenes(s *scene) {
	var c ClientSecret
	s.admin.post("/v1/clients", `{"name":"erp","principal":"erp","roles":["viewer"]}`).want(201).into(&c)
	s.admin.json("PATCH", "/v1/clients/"+c.Client.ID, `{"name":"ERP"}`).want(200)
	s.admin.post("/v1/clients/"+c.Client.ID+"/rotate-secret", `{}`).want(200)
	s.admin.send("DELETE", "/v1/clients/"+c.Client.ID, nil).want(200)
	s.admin.json("PUT", "/v1/roles/scribe", `{"scopes":["tasks:read"]}`).want(200)
	s.admin.send("DELETE", "/v1/roles/scribe", nil).want(200)
	s.admin.json("PATCH", "/v1/organisation", `{"name":"Test Works Ltd"}`).want(200)
	s.admin.post("/v1/organisations", `{"name":"Northern Works"}`).want(201)
	token, _, err := service.NewSetupLink(s.t.Context(), s.store, s.org)
	s.must(err)
	_, err = s.svc.SetUp(s.t.Context(), access.Source{}, token, service.Setup{Principal: "second@example.com"})
	s.must(err)
	var keys Items[TokenKey]
	s.admin.post("/v1/token-keys", nil).want(200).into(&keys)
	s.admin.send("DELETE", "/v1/token-keys/"+keys.Items[len(keys.Items)-1].ID, nil).want(200)
	s.secretWorks(s.first.Client.ID, "wrong")
	s.must(s.svc.WriteFailedLogins(s.t.Context()))
}

// secretWorks tells whether the token endpoint takes a client's secret.
func (s *stack) secretWorks(id, secret string) bool {
	s.t.Helper()
	res, err := http.PostForm(s.server.URL+oauth.TokenPath, url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {secret}})
	if err != nil {
		s.t.Fatal(err)
	}
	res.Body.Close()
	return res.StatusCode == 200
}

// logged counts the entries of a kind about a subject, in the organisation of the caller.
func (c *caller) logged(kind, subject string) (n int) {
	c.t.Helper()
	c.sequence()
	for after := ""; ; {
		var page EventPage
		c.get("/v1/events?limit=200&type=" + kind + "&after=" + after).want(200).into(&page)
		for _, e := range page.Items {
			if strings.HasSuffix(e.Subject, "/"+subject) {
				n++
			}
		}
		if after = page.Next; len(page.Items) == 0 {
			return n
		}
	}
}

// TestClientLife: a client is made, read, changed under If-Match, given another secret
// while the one before works on, and revoked; each step once in the log.
func TestClientLife(t *testing.T) {
	onBoth(t, func(s *stack) {
		var made ClientSecret
		s.admin.post("/v1/clients", `{"name":"erp","principal":"erp","scopes":["documents:read"]}`).want(201).into(&made)
		if raw, err := base64.RawURLEncoding.DecodeString(made.Secret); err != nil || len(raw) < 32 {
			t.Errorf("a secret of %d bytes: %v", len(raw), err)
		}
		path := "/v1/clients/" + made.Client.ID
		read := s.admin.get(path).want(200)
		if tag := read.header.Get("ETag"); tag != `"1"` {
			t.Errorf("the tag is %s", tag)
		}
		if strings.Contains(string(read.body), made.Secret) {
			t.Error("the secret is shown again")
		}
		s.admin.json("PATCH", path, `{"name":"ERP"}`, "If-Match", `"7"`).problem(412, "precondition_failed")
		s.admin.json("PATCH", path, `{"name":"ERP"}`, "If-Match", `W/"1"`).problem(412, "precondition_failed")
		var c Client
		s.admin.json("PATCH", path, `{"name":"ERP","roles":["auditor"],"grant_types":["client_credentials"],"business_units":["general"]}`, "If-Match", `"1"`, "Idempotency-Key", "change").want(200).into(&c)
		again := s.admin.json("PATCH", path, `{"name":"ERP","roles":["auditor"],"grant_types":["client_credentials"],"business_units":["general"]}`, "If-Match", `"1"`, "Idempotency-Key", "change").want(200)
		if again.header.Get("Idempotency-Replayed") != "true" || c.Name != "ERP" || c.Principal != "erp" || len(c.Scopes) != 1 || c.Roles[0] != "auditor" || c.BusinessUnits[0] != "general" || c.Revision != 2 {
			t.Errorf("%+v %v", c, again.header)
		}
		c = Client{}
		s.admin.json("PATCH", path, `{"business_units":null,"scopes":null}`).want(200).into(&c)
		if c.BusinessUnits != nil || len(c.Scopes) != 0 {
			t.Errorf("%+v", c)
		}
		s.admin.json("PATCH", path, `{"roles":["sorcerer"]}`).problem(422, "invalid_client_request", "/roles")
		s.admin.json("PATCH", path, `{"roles":null}`).problem(422, "invalid_client_request", "/scopes")
		if n := s.admin.logged("client.changed", made.Client.ID); n != 2 {
			t.Errorf("%d changes in the log", n)
		}

		var next, third ClientSecret
		s.admin.post(path+"/rotate-secret", `{"overlap_seconds":3600}`, "Idempotency-Key", "rotate").want(200).into(&next)
		s.admin.post(path+"/rotate-secret", `{"overlap_seconds":3600}`, "Idempotency-Key", "rotate").problem(409, "result_not_repeatable")
		s.admin.post(path+"/rotate-secret", `{"overlap_seconds":2592001}`).problem(422, "invalid_client_request", "/overlap_seconds")
		s.admin.post(path+"/rotate-secret", `{"overlap_seconds":-1}`).problem(422, "invalid_client_request", "/overlap_seconds")
		if !s.secretWorks(made.Client.ID, made.Secret) || !s.secretWorks(made.Client.ID, next.Secret) {
			t.Error("not both secrets work")
		}
		s.clock.Advance(time.Hour)
		(&scene{s}).relogin()
		if s.secretWorks(made.Client.ID, made.Secret) || !s.secretWorks(made.Client.ID, next.Secret) {
			t.Error("the overlap did not end")
		}
		s.admin.post(path+"/rotate-secret", `{"overlap_seconds":0}`).want(200).into(&third)
		if s.secretWorks(made.Client.ID, next.Secret) || !s.secretWorks(made.Client.ID, third.Secret) {
			t.Error("without an overlap the secret before works on")
		}
		if n := s.admin.logged("client.secret_rotated", made.Client.ID); n != 2 {
			t.Errorf("%d rotations in the log", n)
		}

		s.admin.send("DELETE", path, nil).want(200)
		s.admin.send("DELETE", path, nil).want(200)
		s.admin.json("PATCH", path, `{"name":"x"}`).problem(409, "client_revoked")
		s.admin.post(path+"/rotate-secret", `{}`).problem(409, "client_revoked")
		if n := s.admin.logged("client.revoked", made.Client.ID); n != 1 || s.secretWorks(made.Client.ID, third.Secret) {
			t.Errorf("%d revocations in the log", n)
		}
	})
}

// TestRotationUnderLoad: while clients log in all the time, rotations that overlap
// refuse none of them.
func TestRotationUnderLoad(t *testing.T) {
	onBoth(t, func(s *stack) {
		var made ClientSecret
		s.admin.post("/v1/clients", `{"name":"erp","principal":"erp","scopes":["documents:read"]}`).want(201).into(&made)
		// Whoever logs in holds the lock: a secret is replaced once more when nobody uses the one before it.
		var mu sync.RWMutex
		secret := made.Secret
		done := make(chan struct{})
		var users sync.WaitGroup
		for range 3 {
			users.Go(func() {
				for {
					mu.RLock()
					if !s.secretWorks(made.Client.ID, secret) {
						t.Error("a secret was refused that was the newest a moment before")
					}
					mu.RUnlock()
					select {
					case <-done:
						return
					default:
					}
				}
			})
		}
		for range 5 {
			var next ClientSecret
			s.admin.post("/v1/clients/"+made.Client.ID+"/rotate-secret", `{}`).want(200).into(&next)
			if !s.secretWorks(made.Client.ID, secret) {
				t.Error("the secret before does not work")
			}
			mu.Lock()
			secret = next.Secret
			mu.Unlock()
		}
		close(done)
		users.Wait()
	})
}

// TestConfinedAdministrator: who is confined to units neither widens itself nor gives
// what it has not, and takes over nobody who has more.
func TestConfinedAdministrator(t *testing.T) {
	onBoth(t, func(s *stack) {
		s.admin.post("/v1/business-units", `{"name":"buying"}`).want(201)
		var me, more, wide ClientSecret
		s.admin.post("/v1/clients", `{"name":"me","principal":"me","scopes":["admin","documents:read"],"business_units":["buying"]}`).want(201).into(&me)
		s.admin.post("/v1/clients", `{"name":"more","principal":"more","scopes":["documents:dispose"],"business_units":["buying"]}`).want(201).into(&more)
		s.admin.post("/v1/clients", `{"name":"wide","principal":"wide","scopes":["documents:read"]}`).want(201).into(&wide)
		in := s.caller(service.ClientSecret{Client: access.OAuthClient{ID: me.Client.ID}, Secret: me.Secret})
		self := "/v1/clients/" + me.Client.ID
		in.json("PATCH", self, `{"business_units":null}`).problem(422, "invalid_client_request", "/business_units")
		in.json("PATCH", self, `{"business_units":["buying","general"]}`).problem(422, "invalid_client_request", "/business_units")
		in.json("PATCH", self, `{"scopes":["admin","documents:dispose"]}`).problem(403, "not_yours_to_give")
		in.json("PATCH", self, `{"roles":["integration"]}`).problem(403, "not_yours_to_give")
		in.json("PATCH", self, `{"scopes":["admin","installation"]}`).problem(403, "not_yours_to_give")
		in.post("/v1/clients", `{"name":"n","principal":"n","scopes":["events:read"],"business_units":["buying"]}`).problem(403, "not_yours_to_give")
		in.post("/v1/clients", `{"name":"n","principal":"n","scopes":["documents:read"],"business_units":["buying"]}`).want(201)
		in.json("PATCH", self, `{"name":"me again"}`).want(200)
		theirs := "/v1/clients/" + more.Client.ID
		in.post(theirs+"/rotate-secret", `{}`).problem(403, "not_yours_to_give")
		in.json("PATCH", theirs, `{"principal":"me"}`).problem(403, "not_yours_to_give")
		in.json("PATCH", theirs, `{"grant_types":["client_credentials","authorization_code"],"redirect_uris":["https://evil.example/x"]}`).problem(403, "not_yours_to_give")
		in.json("PATCH", theirs, `{"name":"still more"}`).want(200)
		for _, res := range []*answer{in.get("/v1/clients/" + wide.Client.ID), in.post("/v1/clients/"+wide.Client.ID+"/rotate-secret", `{}`), in.send("DELETE", "/v1/clients/"+wide.Client.ID, nil), in.json("PATCH", "/v1/clients/"+wide.Client.ID, `{"name":"x"}`), in.get("/v1/business-units/general"), in.json("PATCH", "/v1/business-units/general", `{"title":"x"}`)} {
			res.problem(404, "not_found")
		}
		in.post("/v1/business-units", `{"name":"mine"}`).problem(403, "confined_to_units")
		in.json("PUT", "/v1/roles/clerk", `{"scopes":["documents:read"]}`).problem(403, "confined_to_units")
		in.json("PATCH", "/v1/organisation", `{"name":"Mine"}`).problem(403, "confined_to_units")
		in.json("PATCH", "/v1/business-units/buying", `{"limits":{"bytes":1}}`).problem(403, "confined_to_units")
		in.json("PATCH", "/v1/business-units/buying", `{"title":"Ours"}`).want(200)
	})
}

// TestRoles: an organisation's own roles stand beside the installation's, count when a
// token is used, and hide from other organisations.
func TestOwnRoles(t *testing.T) {
	onBoth(t, func(s *stack) {
		s.admin.json("PUT", "/v1/roles/viewer", `{"scopes":["admin"]}`).problem(422, "invalid_role", "/name")
		s.admin.json("PUT", "/v1/roles/Clerk", `{"scopes":["documents:eat"]}`).problem(422, "invalid_role", "/name", "/scopes")
		s.admin.json("PUT", "/v1/roles/clerk", `{"scopes":[]}`).problem(422, "invalid_role", "/scopes")
		s.admin.json("PUT", "/v1/roles/clerk", `{"title":"Clerk","scopes":["tasks:read"]}`).want(200)
		var made ClientSecret
		s.admin.post("/v1/clients", `{"name":"c","principal":"c","roles":["clerk"]}`).want(201).into(&made)
		clerk := s.caller(service.ClientSecret{Client: access.OAuthClient{ID: made.Client.ID}, Secret: made.Secret})
		clerk.get("/v1/tasks").want(200)
		clerk.get("/v1/documents").problem(403, "missing_scope")
		s.admin.json("PUT", "/v1/roles/clerk", `{"scopes":["documents:read"]}`, "If-Match", `"9"`).problem(412, "precondition_failed")
		s.admin.json("PUT", "/v1/roles/clerk", `{"scopes":["documents:read","settings:none"]}`).problem(422, "invalid_role", "/scopes")
		s.admin.json("PUT", "/v1/roles/clerk", `{"scopes":["documents:read"]}`, "If-Match", `"1"`).want(200)
		s.clock.Advance(6 * time.Second) // a server is woken; here what is remembered runs out
		clerk = s.caller(service.ClientSecret{Client: access.OAuthClient{ID: made.Client.ID}, Secret: made.Secret})
		clerk.get("/v1/documents").want(200)
		clerk.get("/v1/tasks").problem(403, "missing_scope")
		var roles Items[Role]
		clerk.get("/v1/roles").want(200).into(&roles)
		if len(roles.Items) != len(access.BuiltIn())+1 || !strings.Contains(string(clerk.get("/v1/roles").body), `"name":"clerk","scopes":["documents:read"],"own":true`) {
			t.Errorf("%+v", roles)
		}
		other := s.foreign([]string{"admin"})
		other.send("DELETE", "/v1/roles/clerk", nil).problem(404, "not_found")
		other.post("/v1/clients", `{"name":"c","principal":"c","roles":["clerk"]}`).problem(422, "invalid_client_request", "/roles")
		s.admin.send("DELETE", "/v1/roles/clerk", nil).problem(409, "role_in_use")
		s.admin.json("PATCH", "/v1/clients/"+made.Client.ID, `{"roles":["viewer"]}`).want(200)
		s.admin.send("DELETE", "/v1/roles/clerk", nil).want(200)
		s.admin.send("DELETE", "/v1/roles/clerk", nil).problem(404, "not_found")
		if a, b := s.admin.logged("role.saved", "clerk"), s.admin.logged("role.removed", "clerk"); a != 2 || b != 1 {
			t.Errorf("%d and %d entries", a, b)
		}
	})
}

// TestOrganisations: whoever runs the installation makes, closes and opens
// organisations and sees nothing in them; nobody else can, and ids of others are 404.
func TestOrganisations(t *testing.T) {
	onBoth(t, func(s *stack) {
		var made NewOrganisation
		s.admin.post("/v1/organisations", `{"name":""}`).problem(422, "invalid_organisation", "/name")
		s.admin.post("/v1/organisations", `{"name":"Northern Works"}`, "Idempotency-Key", "north").want(201).into(&made)
		s.admin.post("/v1/organisations", `{"name":"Northern Works"}`, "Idempotency-Key", "north").problem(409, "result_not_repeatable")
		_, token, _ := strings.Cut(made.SetupURL, "/setup#")
		nobody := &caller{stack: s}
		var boss ClientSecret
		nobody.post("/v1/setup", map[string]string{"token": token, "principal": "nora@example.com"}).want(201).into(&boss)
		nora := s.caller(service.ClientSecret{Client: access.OAuthClient{ID: boss.Client.ID}, Secret: boss.Secret})
		north := "/v1/organisations/" + made.Organisation.ID

		// Hers is hers, and the installation is not.
		nora.get("/v1/organisation").want(200)
		nora.json("PATCH", "/v1/organisation", `{"name":"North"}`).want(200)
		nora.get("/v1/organisations").problem(403, "missing_scope")
		nora.post("/v1/organisations", `{"name":"More"}`).problem(403, "missing_scope")
		nora.json("PATCH", north, `{"closed":false}`).problem(403, "missing_scope")
		nora.get("/v1/token-keys").problem(403, "missing_scope")
		nora.post("/v1/clients", `{"name":"x","principal":"x","scopes":["installation"]}`).problem(403, "not_yours_to_give")
		nora.json("PUT", "/v1/roles/root", `{"scopes":["installation"]}`).problem(403, "not_yours_to_give")
		nora.json("PATCH", "/v1/clients/"+boss.Client.ID, `{"scopes":["admin","installation"]}`).problem(403, "not_yours_to_give")
		// Nor is what lies in another organisation anybody else's.
		for _, path := range []string{"/v1/clients/" + s.first.Client.ID, "/v1/clients/" + s.first.Client.ID + "/rotate-secret"} {
			nora.json(map[bool]string{true: "POST", false: "PATCH"}[strings.HasSuffix(path, "secret")], path, `{}`).problem(404, "not_found")
		}
		s.admin.get("/v1/clients/"+boss.Client.ID).problem(404, "not_found")
		d := nora.upload("a.pdf", []byte("%PDF-1.7 a"), nil).want(202).document()
		s.admin.get("/v1/documents/"+d.ID).problem(404, "not_found")

		// The scope alone, in another organisation, opens nothing.
		stray := s.foreign([]string{"admin", "installation"})
		stray.get("/v1/organisations").problem(403, "missing_scope")
		stray.get(north).problem(404, "not_found")
		stray.json("PATCH", north, `{"closed":true}`).problem(404, "not_found")
		stray.post("/v1/token-keys", nil).problem(403, "missing_scope")

		s.admin.json("PATCH", north, `{"closed":true}`, "If-Match", `"1"`).problem(412, "precondition_failed")
		s.admin.json("PATCH", north, `{"closed":true}`, "If-Match", `"2"`).want(200)
		s.clock.Advance(6 * time.Second)
		nora.get("/v1/documents").problem(401, "invalid_token")
		if s.secretWorks(boss.Client.ID, boss.Secret) {
			t.Error("a closed organisation's client logs in")
		}
		s.admin.json("PATCH", "/v1/organisations/"+s.org, `{"closed":true}`).problem(409, "own_organisation")
		s.admin.json("PATCH", "/v1/organisations/org_none", `{"closed":true}`).problem(404, "not_found")
		s.admin.json("PATCH", north, `{"closed":false}`).want(200)
		if !s.secretWorks(boss.Client.ID, boss.Secret) {
			t.Error("an open organisation's client does not log in")
		}
		if a, b := s.admin.logged("organisation.created", made.Organisation.ID), s.admin.logged("organisation.changed", made.Organisation.ID); a != 1 || b != 2 {
			t.Errorf("%d and %d entries at home", a, b)
		}
		nora = s.caller(service.ClientSecret{Client: access.OAuthClient{ID: boss.Client.ID}, Secret: boss.Secret})
		if a, b := nora.logged("organisation.created", made.Organisation.ID), nora.logged("organisation.changed", made.Organisation.ID); a != 1 || b != 3 {
			t.Errorf("%d and %d entries in its own log", a, b)
		}
	})
}

// TestSetupLinks: a link works once, for one of those who use it at once, and not after
// its time; what is wrong with it is never told.
func TestSetupLinks(t *testing.T) {
	onBoth(t, func(s *stack) {
		link := func() string {
			token, _, err := service.NewSetupLink(t.Context(), s.store, s.org)
			if err != nil {
				t.Fatal(err)
			}
			return token
		}
		nobody := &caller{stack: s}
		use := func(token string) *answer { return nobody.post("/v1/setup", map[string]string{"token": token}) }
		if _, _, err := service.NewSetupLink(t.Context(), s.store, ""); err == nil {
			t.Error("another first organisation can be made")
		}
		token := link()
		nobody.post("/v1/setup", map[string]string{"token": token, "principal": "with space"}).problem(422, "invalid_client_request")
		var wins sync.Map
		var users sync.WaitGroup
		for i := range 8 {
			users.Go(func() { wins.Store(i, use(token).status) })
		}
		users.Wait()
		won := 0
		wins.Range(func(_, status any) bool {
			if status == 201 {
				won++
			} else if status != 410 {
				t.Errorf("a loser got %v", status)
			}
			return true
		})
		if n := s.admin.clientsNamed("Administrator by set-up link"); won != 1 || n != 1 {
			t.Errorf("%d got in, %d administrators", won, n)
		}
		use(token).problem(410, "setup_link_gone")
		use("psl_none").problem(410, "setup_link_gone")
		use("").problem(422, "invalid_request")
		nobody.post("/v1/setup", `{"token":"x","scopes":["admin"]}`).problem(422, "invalid_request")
		late := link()
		s.clock.Advance(service.SetupLife)
		use(late).problem(410, "setup_link_gone")
		(&scene{s}).relogin()
	})
}

func (c *caller) clientsNamed(name string) (n int) {
	c.t.Helper()
	var all Items[Client]
	c.get("/v1/clients").want(200).into(&all)
	for _, one := range all.Items {
		if one.Name == name {
			n++
		}
	}
	return n
}

// TestTokenKeys: the next key is published and signs later; one that is withdrawn takes
// its tokens along; the log names who did it.
func TestTokenKeysByAPI(t *testing.T) {
	onBoth(t, func(s *stack) {
		var keys Items[TokenKey]
		s.admin.post("/v1/token-keys", nil).want(200)
		s.admin.post("/v1/token-keys", nil).want(200).into(&keys)
		if len(keys.Items) != 2 || keys.Items[0].State != "signs" || keys.Items[1].State != "next" {
			t.Fatalf("%+v", keys)
		}
		s.admin.get("/v1/documents").want(200)
		s.admin.send("DELETE", "/v1/token-keys/none", nil).problem(404, "not_found")
		s.admin.send("DELETE", "/v1/token-keys/"+keys.Items[0].ID, nil).want(200).into(&keys)
		states := map[string]int{}
		for _, k := range keys.Items {
			states[k.State]++
		}
		if states["withdrawn"] != 1 || states["signs"] != 1 {
			t.Errorf("%+v", keys)
		}
		s.admin.get("/v1/documents").problem(401, "invalid_token")
		(&scene{s}).relogin()
		s.sequence()
		var page EventPage
		s.admin.get("/v1/events?type=token_key.*").want(200).into(&page)
		by := map[string]bool{}
		for _, e := range page.Items {
			by[e.Type+" by "+e.ActorID] = true
		}
		if !by["token_key.added by "+s.first.Client.ID] || !by["token_key.changed by "+s.first.Client.ID] {
			t.Errorf("%v", by)
		}
	})
}

// TestFailedLogins: wrong credentials are events, one for each client and address of a
// minute; a flood from everywhere stays a handful of them, and whose client it was hears of it.
func TestFailedLogins(t *testing.T) {
	onBoth(t, func(s *stack) {
		try := func(address, id string) {
			form := url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {"wrong"}}
			(&caller{stack: s}).send("POST", oauth.TokenPath, strings.NewReader(form.Encode()), "Content-Type", "application/x-www-form-urlencoded", "X-Forwarded-For", address)
		}
		heard := func(c *caller) (out []Event) {
			t.Helper()
			if err := s.svc.WriteFailedLogins(t.Context()); err != nil {
				t.Fatal(err)
			}
			s.sequence()
			var page EventPage
			c.get("/v1/events?limit=200&type=security.login_failed").want(200).into(&page)
			return page.Items
		}
		for range 12 {
			try("192.0.2.1", s.first.Client.ID)
		}
		try("192.0.2.2", "cli_nobody")
		got := heard(s.admin)
		if len(got) != 2 || !strings.Contains(string(got[0].Data), `"count":12`) || !strings.Contains(string(got[0].Data), `"address":"192.0.2.1"`) || !strings.HasSuffix(got[0].Subject, s.first.Client.ID) || strings.Contains(string(got[1].Data), "cli_nobody") {
			t.Fatalf("%d events: %+v", len(got), got)
		}
		if again := heard(s.admin); len(again) != 2 {
			t.Errorf("written twice: %d", len(again))
		}
		for i := range 300 {
			try(fmt.Sprintf("198.51.%d.%d", i/200, i%200), s.first.Client.ID)
		}
		if all := heard(s.admin); len(all) != 2+21 || !strings.Contains(string(all[22].Data), `"count":280`) {
			t.Errorf("a flood made %d events", len(all))
		}
		other := s.foreign([]string{"events:read"})
		try("192.0.2.9", "cli_00000000000000000000000000")
		if theirs := heard(other); len(theirs) != 1 {
			t.Errorf("the other organisation hears of %d", len(theirs))
		}
	})
}
