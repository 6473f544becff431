package httpapi

import (
	"bytes"
	"net/http"
	"testing"
)

// TestDraft: a document that is its details alone is approved like any other,
// and takes a file as long as it is a draft. Without one it is not signed.
func TestDraft(t *testing.T) {
	onBoth(t, func(s *stack) {
		body := `{"title":"Forty chairs","external_id":"pr-1","labels":{"floor":"3"},"metadata":{"amount":  12345}}`
		var d, again Document
		s.admin.post("/v1/drafts", body, "Idempotency-Key", "draft-1").want(http.StatusCreated).into(&d)
		s.admin.post("/v1/drafts", body, "Idempotency-Key", "draft-1").want(http.StatusCreated).into(&again)
		if again.ID != d.ID || d.State != "draft" || d.CurrentVersion != 0 || string(d.Metadata) != `{"amount":12345}` {
			t.Errorf("%+v %+v", d, again)
		}
		s.admin.post("/v1/drafts", body).problem(409, "external_id_taken")
		s.admin.post("/v1/drafts", `{"business_unit":"nowhere","document_type":"none","metadata":[1],"colour":"red"}`).problem(422, "invalid_request", "/colour", "/metadata")
		s.admin.post("/v1/drafts", `{"business_unit":"nowhere","document_type":"none"}`).problem(422, "invalid_document", "/business_unit", "/document_type")
		s.admin.get("/v1/documents/" + d.ID + "/pages/1").want(409)

		var a Approval
		s.admin.post("/v1/approvals", canonical(d.ID, "ana@example.com")).want(201).into(&a)
		if a.DocumentVersion != 0 || a.DocumentSHA256 != "" || len(a.Tasks) != 1 {
			t.Errorf("%+v", a)
		}
		ana := s.client("ana@example.com", nil, "documents:read", "tasks:decide")
		ana.post("/v1/tasks/"+a.Tasks[0].ID+"/decision", `{"outcome":"approve"}`).want(200)
		if got := s.admin.get("/v1/documents/" + d.ID).document(); got.State != "approved" {
			t.Errorf("%+v", got)
		}
		s.caused(d.ID, "document.created", "document.submitted", "document.in_review", "task.opened", "task.decided", "document.approved")
		s.admin.post("/v1/envelopes", map[string]any{"document_id": d.ID, "recipients": []any{map[string]any{"name": "Ben", "email": "ben@example.com"}}}).
			problem(409, "document_without_file")
		s.admin.post("/v1/documents/"+d.ID+"/archive", nil).problem(409, "document_without_file")
	})
}

// TestDraftTakesAFile: once a file is there the document waits for its reading,
// like one that came with its file.
func TestDraftTakesAFile(t *testing.T) {
	onBoth(t, func(s *stack) {
		var d Document
		s.admin.post("/v1/drafts", `{"title":"An order"}`).want(http.StatusCreated).into(&d)
		var up Uploaded
		content, media := form(t, "order.pdf", []byte("x"), nil)
		s.admin.send("POST", "/v1/documents/"+d.ID+"/versions", bytes.NewReader(content), "Content-Type", media).want(http.StatusAccepted).into(&up)
		s.admin.post("/v1/approvals", canonical(d.ID)).problem(409, "document_processing")
		s.captured(up, "An order")
		s.admin.post("/v1/approvals", canonical(d.ID)).want(201)
		s.caused(d.ID, "document.created", "document.version_added", "operation.started", "document.captured", "operation.succeeded", "document.submitted", "document.in_review", "document.approved")
	})
}
