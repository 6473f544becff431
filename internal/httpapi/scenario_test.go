package httpapi

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/event"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/service"
)

// elsewhere are the types that only workers can cause: couriers, the takers of what
// comes in, and those that protect signatures. The tests that are named cause them,
// through the API of a whole server: in internal/e2e/webhooks and internal/e2e. What the
// token endpoint causes is tested beside it.
var elsewhere = map[journal.Kind]string{
	journal.WebhookDeliveryDead: "TestRetry", journal.WebhookFailing: "TestBreaker", journal.WebhookRecovered: "TestBreaker", journal.WebhookReplayEnded: "TestReplayEvents",

	journal.UnitExported: "TestHandover", journal.UnitImported: "TestHandover", journal.DocumentImported: "TestHandover",

	journal.InboundReceived: "TestAWebhookBecomesADocument", journal.InboundProcessed: "TestAWebhookBecomesADocument",
	journal.InboundQuarantined: "TestEventsInQuarantine", journal.InboundRedriven: "TestEventsInQuarantine", journal.InboundDiscarded: "TestEventsInQuarantine",

	journal.DocumentProtected: "TestLevels", journal.DocumentProtectionDelayed: "TestEvidenceIsAway", journal.DocumentArchiveExtended: "TestLevels",

	journal.DelegationGranted: "TestLogin of internal/oauth", journal.DelegationRevoked: "TestLogin of internal/oauth",
	journal.UserInvited: "TestInvitation of internal/login", journal.UserProofAdded: "TestAccount of internal/login", journal.UserProofRemoved: "TestAccount of internal/login",
	journal.LoginSucceeded: "TestInvitation of internal/login", journal.LoginFailed: "TestGuessingCodes of internal/login",

	journal.DeviceRuleSaved: "TestDeviceRules of internal/e2e/devices", journal.DeviceRuleRemoved: "TestDeviceRules of internal/e2e/devices",
	journal.DeviceAccepted: "TestLoginAge of internal/e2e/devices", journal.DeviceRefused: "TestBoth of internal/e2e/devices",
	journal.DirectoryTokenCreated: "TestDirectoryToken of internal/e2e/devices", journal.DirectoryTokenRevoked: "TestDirectoryToken of internal/e2e/devices",
	journal.DirectoryTokenEnding: "TestDirectoryToken of internal/e2e/devices",

	journal.DelegationReused: "TestStolenRefreshToken of internal/oauth", journal.TokenExchanged: "TestExchange of internal/oauth",
}

// TestEveryEvent causes each type of event through the API. What nothing causes is
// not in the catalogue.
func TestEveryEvent(t *testing.T) {
	onBoth(t, func(s *stack) {
		for _, fn := range []func(*scene){documentScenes, reviewScenes, signingScenes, operationScenes, settingScenes, adminScenes, limitScenes, webhookScenes, peopleScenes, bulkScenes} {
			fn(&scene{s})
		}
		seen := map[journal.Kind]bool{}
		s.sequence()
		for kind := range s.happened() {
			seen[kind] = true
		}
		for _, one := range event.Types() {
			if !seen[one.Kind] && elsewhere[one.Kind] == "" {
				s.t.Errorf("nothing causes %s", one.Kind)
			}
		}
		s.fits()
	})
}

// scene is a stack in which something happens.
type scene struct{ *stack }

func documentScenes(s *scene) {
	d := s.admin.draft(nil) // created, captured; operation started, succeeded
	s.admin.json(http.MethodPatch, "/v1/documents/"+d.ID, `{"metadata":{"a":1}}`).want(200)
	body, media := form(s.t, "b.pdf", []byte("%PDF-1.7 b"), nil)
	s.admin.send(http.MethodPost, "/v1/documents/"+d.ID+"/versions", strings.NewReader(string(body)), "Content-Type", media).want(202)
	s.admin.post("/v1/documents/"+s.admin.draft(nil).ID+"/void", `{"reason":"twice"}`).want(200)
	var grant struct{ ID string }
	s.admin.post("/v1/documents/"+d.ID+"/grants", map[string]any{"principal": "guest@example.org", "purpose": "audit", "until": s.clock.Now().Add(time.Hour)}).want(201).into(&grant)
	s.admin.send(http.MethodDelete, "/v1/documents/"+d.ID+"/grants/"+grant.ID, nil).want(200)
	gone := s.admin.approved()
	s.admin.post("/v1/documents/"+gone.ID+"/void", `{"reason":"twice"}`).want(200)
	s.admin.post("/v1/documents/"+gone.ID+"/dispose", `{"authority":"records@example.com"}`).want(202)
}

func reviewScenes(s *scene) {
	for _, outcome := range []string{"approve", "reject", "return"} {
		d := s.admin.draft(nil)
		var a Approval
		s.admin.post("/v1/approvals", canonical(d.ID, "ann@example.com", "bob@example.com")).want(201).into(&a)                      // submitted, in_review, task opened
		s.admin.post("/v1/tasks/"+a.Tasks[0].ID+"/decision", `{"outcome":"`+outcome+`","on_behalf_of":"ann@example.com"}`).want(200) // decided; the other is cancelled
		if outcome == "approve" {
			s.admin.post("/v1/tasks/"+a.Tasks[1].ID+"/decision", `{"outcome":"approve","on_behalf_of":"bob@example.com"}`).want(200)
		}
	}
	late := s.admin.draft(nil)
	due := s.clock.Now().Add(time.Hour).UTC().Truncate(time.Second)
	request := canonical(late.ID, "ann@example.com")
	request["policy"] = map[string]any{"due_at": due}
	s.admin.post("/v1/approvals", request).want(201)
	s.clock.Advance(2 * time.Hour)
	s.relogin()
	s.must(s.svc.ExpireDue(s.t.Context(), service.SystemCall(s.org, "timer", ""), late.ID, due))
}

func signingScenes(s *scene) {
	source := access.Source{Address: "192.0.2.7", Peer: "192.0.2.7"}
	for _, how := range []string{"sign", "decline", "void", "expire"} {
		d := s.admin.approved()
		var e Envelope
		s.admin.post("/v1/envelopes", map[string]any{"document_id": d.ID, "send": true, "recipients": []any{map[string]any{"name": "Ben", "email": "ben@example.com"}}}).want(201).into(&e)
		path := "/v1/envelopes/" + e.ID
		s.admin.post(path+"/recipients/"+e.Recipients[0].ID+"/remind", nil).want(200)
		var link SigningLink
		s.admin.post(path+"/recipients/"+e.Recipients[0].ID+"/links", nil).want(201).into(&link)
		token := link.URL[strings.LastIndexByte(link.URL, '/')+1:]
		switch how {
		case "sign":
			s.must(s.svc.Delivered(s.t.Context(), token, source))
			s.must(s.svc.Viewed(s.t.Context(), token, source))
			s.must(s.svc.Consented(s.t.Context(), token, source))
			s.sign(token)
			s.sealAndArchive(d.ID)
		case "decline":
			_, err := s.svc.DeclineLink(s.t.Context(), token, source, "The date is wrong.")
			s.must(err)
		case "void":
			s.admin.post(path+"/void", `{"reason":"wrong person"}`).want(200)
		case "expire":
			s.clock.Advance(60 * 24 * time.Hour)
			s.relogin()
			s.must(s.svc.ExpireEnvelope(s.t.Context(), service.SystemCall(s.org, "timer", ""), e.ID))
		}
	}
}

func operationScenes(s *scene) {
	call := service.SystemCall(s.org, "capture", "")
	for _, f := range []service.Failure{{Code: "storage_unavailable", Reason: "The storage is away.", Retryable: true}, {Code: "file_unprocessable", Reason: "It is damaged.", Quarantine: true}} {
		var up Uploaded
		s.admin.upload("a.pdf", []byte("x"), nil).want(202).into(&up)
		_, _, err := s.svc.BeginWork(s.t.Context(), call, up.Operation.ID)
		s.must(err)
		s.must(s.svc.FailWork(s.t.Context(), call, up.Operation.ID, f))
		if f.Retryable {
			s.admin.post("/v1/operations/"+up.Operation.ID+"/retry", nil).want(202)
		}
	}
}

func settingScenes(s *scene) {
	s.admin.json(http.MethodPut, "/v1/document-types/receipt", `{"title":"Receipt"}`).want(200)
	s.admin.post("/v1/business-units", `{"name":"sales"}`).want(201)
	s.admin.json(http.MethodPatch, "/v1/business-units/sales", `{"weight":3}`).want(200)
}

func webhookScenes(s *scene) {
	const base = "/v1/webhook-endpoints"
	var made NewSecret
	s.admin.post(base, `{"url":"https://erp.example.com/hook","types":["document.*"]}`).want(201).into(&made)
	path := base + "/" + made.Endpoint.ID
	s.admin.json(http.MethodPatch, path, `{"description":"ERP"}`).want(200)
	s.admin.json(http.MethodPatch, path, `{"enabled":false}`).want(200)
	s.admin.json(http.MethodPatch, path, `{"enabled":true}`).want(200)
	s.admin.post(path+"/secrets", `{}`).want(201)
	s.admin.post(path+"/test", nil).want(202)
	s.admin.post(path+"/replays", `{}`).want(202)
	s.admin.send(http.MethodDelete, path, nil).want(200)
}

func (s *scene) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// relogin gets the administrator a new token: time has passed.
func (s *scene) relogin() {
	s.t.Helper()
	s.admin = s.caller(s.first)
}

// TestWebhookFaults: every fault of an endpoint's settings is listed; what is another's
// is not there.
func TestWebhookFaults(t *testing.T) {
	onBoth(t, func(s *stack) {
		const base = "/v1/webhook-endpoints"
		s.admin.post(base, `{"url":"","types":["nothing.*"],"condition":"event.","rate":-1,"timeout_seconds":90,"retry_seconds":[0.001],"headers":{"Host":"x"},"tls_certificate":"x"}`).
			problem(422, "invalid_endpoint", "/url", "/types", "/condition", "/rate", "/timeout_seconds", "/retry_seconds", "/headers", "/tls")
		s.admin.post(base, `{"url":"https://a.example","secret":"short"}`).problem(422, "invalid_endpoint", "/secret")
		s.admin.post(base, `{"url":"https://a.example","colour":"red","order":"some"}`).problem(422, "invalid_request", "/colour", "/order")
		var made NewSecret
		s.admin.post(base, `{"url":"https://a.example","signing":"ed25519"}`, "Idempotency-Key", "ep").want(201).into(&made)
		if made.Secret != "" || !strings.HasPrefix(made.PublicKey, "whpk_") || made.Endpoint.Health.State != "well" {
			t.Errorf("%+v", made)
		}
		s.admin.post(base, `{"url":"https://a.example","signing":"ed25519"}`, "Idempotency-Key", "ep").problem(409, "result_not_repeatable")
		path := base + "/" + made.Endpoint.ID
		other := s.foreign([]string{"webhooks:read", "webhooks:write"})
		other.get(path).problem(404, "not_found")
		other.post(path+"/test", nil).problem(404, "not_found")
		reader := s.client("reader@example.com", nil, "webhooks:read")
		reader.get(path).want(200)
		reader.post(path+"/test", nil).problem(403, "missing_scope")
		reader.post("/v1/webhook-portal-links", `{"may_write":true}`).problem(403, "missing_scope")
		s.admin.post("/v1/business-units", `{"name":"sales"}`).want(201)
		sales := s.client("sales@example.com", []string{"sales"}, "webhooks:read", "webhooks:write")
		sales.get(path).problem(404, "not_found") // it hears of more than the client may
		sales.post(base, `{"url":"https://b.example"}`).problem(422, "invalid_endpoint", "/business_unit")
		sales.post(base, `{"url":"https://b.example","business_unit":"general"}`).problem(404, "not_found")
		sales.post(base, `{"url":"https://b.example","business_unit":"sales"}`).want(201)
		var list Page[WebhookEndpoint]
		sales.get(base).want(200).into(&list)
		if len(list.Items) != 1 {
			t.Errorf("%+v", list)
		}
		for range 4 {
			s.admin.post(path+"/secrets", `{"overlap_seconds":3600}`).want(201)
		}
		s.admin.post(path+"/secrets", `{"overlap_seconds":3600}`).problem(409, "too_many_secrets")
		s.admin.post(path+"/secrets", `{"overlap_seconds":1e9}`).problem(422, "invalid_endpoint", "/overlap_seconds")
		for range 5 {
			s.admin.post(path+"/replays", `{}`).want(202)
		}
		s.admin.post(path+"/replays", `{}`).problem(409, "too_many_replays")
		s.admin.post(path+"/replays", `{"types":["x"],"condition":"1","since":"2026-01-02T00:00:00Z","until":"2026-01-01T00:00:00Z"}`).problem(422, "invalid_replay", "/types", "/condition", "/until")
	})
}
