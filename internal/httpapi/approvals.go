package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/approval"
)

// ApprovalRequest is the canonical approval payload, version 1. It is here for
// the contract; approval.ParsePayload reads it.
type ApprovalRequest struct {
	DocumentID   string          `json:"document_id" example:"doc_01kb0q7m4b1s9v3d8r5x2c6e7f"`
	DocumentType string          `json:"document_type" example:"purchase_order"`
	Initiator    Initiator       `json:"initiator" doc:"Who hands the document in."`
	Approvers    []string        `json:"approvers" maxItems:"100" example:"[\"mgr@example.com\",\"cfo@example.com\"]" doc:"E-mail addresses or user ids. An empty list approves at once."`
	Metadata     *Object         `json:"metadata,omitempty" doc:"Kept byte for byte; checked against the document type's schema."`
	Policy       *ApprovalPolicy `json:"policy,omitempty" doc:"Without one, the approvers are asked one after the other and all have to agree."`
}

// Initiator is who hands a document in.
type Initiator struct {
	UserID string `json:"user_id" example:"u_42"`
	Email  string `json:"email" example:"ana@example.com"`
}

// ApprovalPolicy says how the approvers are asked.
type ApprovalPolicy struct {
	Mode   string     `json:"mode,omitempty" enum:"sequential,parallel"`
	Quorum int        `json:"quorum,omitempty" minimum:"0" doc:"How many have to agree, with mode parallel."`
	DueAt  *time.Time `json:"due_at,omitempty" doc:"The document expires where the review is still open then."`
}

// payload is the canonical payload as it came.
type payload json.RawMessage

// Schema implements huma.SchemaProvider.
func (payload) Schema(r huma.Registry) *huma.Schema {
	return refTo[ApprovalRequest](r, "ApprovalRequest")
}

// UnmarshalJSON implements json.Unmarshaler.
func (p *payload) UnmarshalJSON(raw []byte) error {
	*p = append(payload(nil), raw...)
	return nil
}

// Approval is one round of review of a document.
type Approval struct {
	ID              string     `json:"id" example:"apr_01kb0q7m4b1s9v3d8r5x2c6e7f"`
	DocumentID      string     `json:"document_id"`
	DocumentVersion int        `json:"document_version" doc:"With document_sha256: exactly the bytes under review."`
	DocumentSHA256  string     `json:"document_sha256"`
	BusinessUnit    string     `json:"business_unit"`
	Initiator       Initiator  `json:"initiator"`
	Mode            string     `json:"mode" enum:"sequential,parallel"`
	Quorum          int        `json:"quorum"`
	DueAt           *time.Time `json:"due_at,omitempty"`
	State           string     `json:"state" enum:"open,approved,rejected,returned,cancelled"`
	Tasks           []Task     `json:"tasks" doc:"In the order of the approvers."`
	CreatedAt       time.Time  `json:"created_at"`
	ClosedAt        *time.Time `json:"closed_at,omitempty"`
}

func approvalOf(a *approval.Approval) Approval {
	out := Approval{
		ID: a.ID, DocumentID: a.DocumentID, DocumentVersion: a.DocumentVersion, DocumentSHA256: a.DocumentSHA256, BusinessUnit: a.Unit,
		Initiator: Initiator(a.Initiator), Mode: string(a.Mode), Quorum: a.Quorum, DueAt: at(a.DueAt), State: string(a.State),
		Tasks: []Task{}, CreatedAt: a.CreatedAt, ClosedAt: at(a.ClosedAt),
	}
	for i := range a.Tasks {
		out.Tasks = append(out.Tasks, taskOf(&a.Tasks[i]))
	}
	return out
}

func (a *api) approvals() {
	handle(a, route{id: "createApproval", atomic: true, method: http.MethodPost, path: "/v1/approvals", tag: "approvals", does: access.SubmitDocument, status: http.StatusCreated,
		summary: "Hand a document in for approval", about: "Takes the canonical approval payload, version 1. Members it does not know are faults; metadata is kept byte for byte.",
		codes: []string{"not_found", "invalid_approval", "action_not_allowed", "document_processing", "document_quarantined", "document_failed"}}, a.createApproval)
	handle(a, route{id: "getApproval", method: http.MethodGet, path: "/v1/approvals/{id}", tag: "approvals", does: access.ReadTask,
		summary: "Get an approval with its tasks", about: "With who was asked, who has decided what, and on exactly which bytes.", codes: []string{"not_found"}}, a.getApproval)
	handle(a, route{id: "listDocumentApprovals", method: http.MethodGet, path: "/v1/documents/{id}/approvals", tag: "approvals", does: access.ReadTask,
		summary: "List a document's approvals", about: "Oldest first.", codes: []string{"not_found"}}, a.listApprovals)
}

type createApprovalInput struct {
	Keyed
	Body payload
}

type oneApproval struct {
	Replayed
	Body Approval
}

func (a *api) createApproval(ctx context.Context, in *createApprovalInput) (*oneApproval, error) {
	p, err := approval.ParsePayload(in.Body)
	if err != nil {
		return nil, err
	}
	out, err := a.Service.Submit(ctx, callOf(ctx), p)
	if err != nil {
		return nil, err
	}
	return &oneApproval{Replayed: replayed(out.Replayed), Body: approvalOf(&out.Value)}, nil
}

type approvalPath struct {
	ID string `path:"id" maxLength:"64" example:"apr_01kb0q7m4b1s9v3d8r5x2c6e7f" doc:"Id of the approval."`
}

func (a *api) getApproval(ctx context.Context, in *approvalPath) (*struct{ Body Approval }, error) {
	out, err := a.Service.Approval(ctx, actorOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return &struct{ Body Approval }{approvalOf(&out)}, nil
}

func (a *api) listApprovals(ctx context.Context, in *DocumentPath) (*struct{ Body Items[Approval] }, error) {
	rows, err := a.Service.Approvals(ctx, actorOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return itemsOf(rows, approvalOf), nil
}
