package e2e

import (
	"context"
	"crypto/sha256"
	"net/http"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/service"
)

var everyScope = []string{"documents:read", "documents:write", "approvals:write", "tasks:read", "tasks:decide", "envelopes:read", "envelopes:write", "events:read", "archive:read"}

// foreigner is a client of another organisation, made in the store.
func (s *stack) foreigner() *caller {
	s.t.Helper()
	secret := "a secret of another organisation"
	sum := sha256.Sum256([]byte(secret))
	c := access.OAuthClient{ID: "cli_00000000000000000000000000", Org: "org_00000000000000000000000000", Name: "other", Principal: "ada@example.com", SecretHash: sum[:], CreatedAt: time.Now().UTC()}
	for _, scope := range everyScope {
		c.Scopes = append(c.Scopes, access.Scope(scope))
	}
	err := s.server.Store.Write(service.Across(context.Background(), "a test"), func(ctx context.Context, tx service.Tx) error {
		if err := tx.InsertOrganisation(ctx, access.Organisation{ID: c.Org, Name: "Other", CreatedAt: tx.Now()}); err != nil {
			return err
		}
		return tx.InsertClient(ctx, c)
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return login(s.t, s.http, s.url, c.ID, secret)
}

// TestNotYours: nothing of an organisation, or of a unit, can be told from what
// does not exist by those it does not belong to.
func TestNotYours(t *testing.T) {
	each(t, setup{}, func(t *testing.T, s *stack) {
		s.caller = s.in(t)
		s.post("/v1/business-units", map[string]any{"name": "finance"}).want(201)
		d := s.draft("Secret order")
		a := s.submit(d.ID, nil, "ada@example.com")
		done := s.approved("Signed order")
		e := s.envelope(done.ID, person("ben", 1))
		var ops list[operation]
		s.get("/v1/operations").want(200).into(&ops)
		evt := s.events(d.ID)[0].ID
		for name, who := range map[string]*caller{"foreigner": s.foreigner(), "finance": s.client("fin@example.com", []string{"finance"}, everyScope...)} {
			for _, path := range []string{
				"/v1/documents/" + d.ID, "/v1/documents/" + d.ID + "/content", "/v1/documents/" + d.ID + "/versions", "/v1/documents/" + d.ID + "/versions/1/content",
				"/v1/documents/" + d.ID + "/pages", "/v1/documents/" + d.ID + "/pages/1", "/v1/documents/" + d.ID + "/search?q=order", "/v1/documents/" + d.ID + "/approvals",
				"/v1/approvals/" + a.ID, "/v1/tasks/" + a.Tasks[0].ID, "/v1/envelopes/" + e.ID, "/v1/operations/" + ops.Items[0].ID, "/v1/events/" + evt, "/v1/events/" + evt + "/proof",
			} {
				who.get(path).problem(404, "not_found")
			}
			for path, body := range map[string]any{
				"/v1/documents/" + d.ID + "/void": nil, "/v1/documents/" + d.ID + "/recall": nil, "/v1/tasks/" + a.Tasks[0].ID + "/decision": map[string]any{"outcome": "approve"},
				"/v1/envelopes": envelopeOf(done.ID, person("eve", 1)), "/v1/envelopes/" + e.ID + "/void": nil, "/v1/envelopes/" + e.ID + "/recipients/" + e.Recipients[0].ID + "/links": nil,
				"/v1/envelopes/" + e.ID + "/recipients/" + e.Recipients[0].ID + "/remind": nil, "/v1/operations/" + ops.Items[0].ID + "/retry": nil,
			} {
				who.post(path, body).problem(404, "not_found")
			}
			for _, path := range []string{"/v1/documents", "/v1/tasks", "/v1/operations", "/v1/envelopes", "/v1/archive-records", "/v1/events?document_id=" + d.ID, "/v1/search?q=order"} {
				var all list[map[string]any]
				who.get(path).want(200).into(&all)
				if len(all.Items) != 0 {
					t.Errorf("%s lists to %s: %v", path, name, all.Items)
				}
			}
		}
		mine := s.client("fin2@example.com", []string{"finance"}, everyScope...)
		own := mine.draft("Finance's own")
		var all list[doc]
		mine.get("/v1/documents").want(200).into(&all)
		if len(all.Items) != 1 || all.Items[0].ID != own.ID {
			t.Errorf("the unit sees %+v", all.Items)
		}
		ada := s.client("ada@example.com", []string{"finance"}, "documents:read", "tasks:read", "tasks:decide")
		ada.get("/v1/documents/" + d.ID).want(http.StatusOK) // her task opens it across units
		ada.get("/v1/documents/" + d.ID + "/content").want(http.StatusOK)
		ada.post("/v1/tasks/"+a.Tasks[0].ID+"/decision", map[string]any{"outcome": "approve"}).want(200)
	})
}
