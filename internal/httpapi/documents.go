package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/service"
)

// Document is a document as callers see it.
type Document struct {
	ID             string            `json:"id" example:"doc_01kb0q7m4b1s9v3d8r5x2c6e7f"`
	DocumentType   string            `json:"document_type" example:"purchase_order"`
	BusinessUnit   string            `json:"business_unit" example:"purchasing"`
	Title          string            `json:"title" example:"Order 4711"`
	ExternalID     string            `json:"external_id,omitempty" example:"PO-4711" doc:"The caller's own reference, unique within the organisation."`
	Labels         map[string]string `json:"labels" doc:"Free, for filtering."`
	Metadata       Object            `json:"metadata" doc:"Checked against the document type's schema."`
	ApproverList   []string          `json:"approver_list" doc:"Who was asked, from the last submission."`
	State          string            `json:"state" enum:"draft,submitted,in_review,approved,signed,archived,rejected,declined,voided,expired,disposed"`
	Processing     Processing        `json:"processing" doc:"How far the technical work has come; it never hides in the state."`
	CurrentVersion int               `json:"current_version" doc:"The version that people see and sign; 0 until captured."`
	Pages          int               `json:"pages" doc:"Of the current version; 0 until captured."`
	Protection     []Protection      `json:"protection,omitempty" doc:"Of each signed file, where one document is asked for: the document itself first, then a certificate of completion of its own."`
	Revision       int64             `json:"revision" doc:"Counts the changes of the document."`
	CreatedBy      string            `json:"created_by"`
	CreatedAt      time.Time         `json:"created_at"`
	UpdatedAt      time.Time         `json:"updated_at"`
}

// Processing says what the workers do with a document, and why it is stuck if it is.
type Processing struct {
	Status      string `json:"status" enum:"pending,running,done,failed,quarantined"`
	Step        string `json:"step,omitempty" example:"capture"`
	OperationID string `json:"operation_id,omitempty" doc:"The operation to poll or to retry."`
	Code        string `json:"code,omitempty" example:"password_protected" doc:"Why it failed or is in quarantine."`
	Reason      string `json:"reason,omitempty" doc:"The same for people."`
}

func documentOf(d *document.Document) Document {
	out := Document{
		ID: d.ID, DocumentType: d.Type, BusinessUnit: d.Unit, Title: d.Title, ExternalID: d.ExternalID,
		Labels: d.Labels, Metadata: Object(d.Metadata), ApproverList: d.ApproverList, State: string(d.State),
		Processing: Processing{
			Status: string(d.Processing.Status), Step: d.Processing.Step, OperationID: d.Processing.Operation,
			Code: d.Processing.Code, Reason: d.Processing.Reason,
		},
		CurrentVersion: d.Current, Pages: d.Pages, Revision: d.Revision,
		CreatedBy: d.CreatedBy, CreatedAt: d.CreatedAt, UpdatedAt: d.UpdatedAt,
	}
	if out.Labels == nil {
		out.Labels = map[string]string{}
	}
	if out.ApproverList == nil {
		out.ApproverList = []string{}
	}
	return out
}

// DocumentPath is the path parameter of one document.
type DocumentPath struct {
	ID string `path:"id" maxLength:"64" example:"doc_01kb0q7m4b1s9v3d8r5x2c6e7f" doc:"Id of the document."`
}

// oneDocument is the output with one document.
type oneDocument struct {
	Replayed
	Body Document
}

func (a *api) documents() {
	handle(a, uploadRoute("createDocument", "/v1/documents", "Upload a document",
		"Send the file as multipart/form-data (fields or one JSON part `document`, then the part `file`, last), or as the raw body with the details in the query. The file is streamed to storage; nothing is kept of one that does not arrive whole. Its capture (reading pages and text) is an operation: poll it, or wait for it with `Prefer: wait=30`.",
		"external_id_taken"), a.createDocument)
	handle(a, route{id: "createDraft", atomic: true, method: http.MethodPost, path: "/v1/drafts", tag: "documents", does: access.WriteDocument, status: http.StatusCreated,
		summary: "Create a document without a file", about: "Its details alone: what is to be approved stands in the metadata, or the file comes later by addVersion. Without a file it can be approved, not signed or archived.",
		codes: []string{"invalid_document", "external_id_taken"}}, a.createDraft)
	handle(a, route{id: "listDocuments", method: http.MethodGet, path: "/v1/documents", tag: "documents", does: access.ReadDocument,
		summary: "List and find documents", codes: []string{"empty_query", "bad_cursor"},
		about: "Newest first, unless sort says otherwise. All filters have to fit. With q, documents whose title, external id, labels, metadata or pages hold every word of it; what is new is found a moment after its commit."}, a.listDocuments)
	handle(a, route{id: "getDocument", method: http.MethodGet, path: "/v1/documents/{id}", tag: "documents", does: access.ReadDocument,
		summary: "Get a document", about: "Its state, what the workers do with it, and the number of its current version.", codes: []string{"not_found"}}, a.getDocument)
	handle(a, route{id: "updateDocument", atomic: true, method: http.MethodPatch, path: "/v1/documents/{id}", tag: "documents", does: access.WriteDocument,
		summary: "Change a document's details", about: "Members that are not sent stay as they are. Title, unit and metadata can be changed while the document is a draft; labels and external id until it has ended.",
		codes: []string{"not_found", "invalid_document", "document_not_draft", "external_id_taken", "precondition_failed"}}, a.updateDocument)
	for _, end := range []struct {
		id, verb, summary, about string
		does                     access.Action
		run                      func(*service.Service, context.Context, service.Call, string, string) (service.Result[document.Document], error)
	}{
		{"voidDocument", "void", "Withdraw a document", "Open tasks and envelopes end with it.", access.WriteDocument, (*service.Service).Void},
		{"recallDocument", "recall", "Take a document back to draft", "Ends the open review.", access.SubmitDocument, (*service.Service).Recall},
	} {
		handle(a, route{id: end.id, atomic: true, method: http.MethodPost, path: "/v1/documents/{id}/" + end.verb, tag: "documents", does: end.does,
			summary: end.summary, about: end.about, codes: []string{"not_found", "action_not_allowed", "invalid_void", "precondition_failed"}},
			func(ctx context.Context, in *reasonInput) (*oneDocument, error) {
				out, err := end.run(a.Service, ctx, callIf(ctx, in.IfMatch), in.ID, in.reason())
				if err != nil {
					return nil, err
				}
				return &oneDocument{Replayed: replayed(out.Replayed), Body: documentOf(&out.Value)}, nil
			})
	}
	handle(a, route{id: "archiveDocument", atomic: true, method: http.MethodPost, path: "/v1/documents/{id}/archive", tag: "documents", does: access.WriteDocument, status: http.StatusAccepted,
		summary: "Archive an approved document", about: "For documents that need no signature; signed ones are archived by themselves.",
		codes: []string{"not_found", "action_not_allowed", "envelope_open", "document_without_file", "precondition_failed"}}, a.archiveDocument)
	a.disposal()
	a.protection()
}

type createDraftInput struct {
	Keyed
	Body struct {
		DocumentType string            `json:"document_type,omitempty" doc:"Default: document."`
		BusinessUnit string            `json:"business_unit,omitempty" doc:"Default: the client's only unit, else general."`
		Title        string            `json:"title,omitempty" example:"Purchase request 4711"`
		ExternalID   string            `json:"external_id,omitempty" doc:"Your own reference, unique in the organisation."`
		Labels       map[string]string `json:"labels,omitempty"`
		Metadata     Object            `json:"metadata,omitempty" doc:"A JSON object, checked against the document type's schema and kept byte for byte."`
	}
}

func (a *api) createDraft(ctx context.Context, in *createDraftInput) (*oneDocument, error) {
	b := in.Body
	out, err := a.Service.Draft(ctx, callOf(ctx), service.NewDocument{Type: b.DocumentType, Unit: b.BusinessUnit, Title: b.Title, ExternalID: b.ExternalID, Labels: b.Labels, Metadata: json.RawMessage(b.Metadata)})
	if err != nil {
		return nil, err
	}
	return &oneDocument{Replayed: replayed(out.Replayed), Body: documentOf(&out.Value)}, nil
}

// listDocumentsInput asks for a page of the documents that the filters leave.
type listDocumentsInput struct {
	Sorted
	Filtered
	Fields []string `query:"fields" uniqueItems:"true" enum:"id,document_type,business_unit,title,external_id,labels,metadata,approver_list,state,processing,current_version,pages,revision,created_by,created_at,updated_at,matches" example:"id,state" doc:"Only these members of each document, with commas; id is always there. Default: all."`
}

// Filtered are the filters of a list of documents, and of a report over them.
type Filtered struct {
	Search        string            `query:"q" maxLength:"200" example:"\"purchase order\" steel* -draft" doc:"Words, \"phrases in quotes\", beginnings*, and -words that must not be there. Case and accents do not matter."`
	Metadata      map[string]string `query:"metadata,deepObject" doc:"metadata[total]=4711 or metadata[supplier.name]=ACME; each has to fit. Numbers are compared as numbers. There is no index of metadata: each document that the other filters leave is opened, so name another beside it where there are many."`
	UpdatedAfter  time.Time         `query:"updated_after" doc:"Changed at this time or later."`
	State         []string          `query:"state" enum:"draft,submitted,in_review,approved,signed,archived,rejected,declined,voided,expired,disposed" example:"draft" doc:"One or more, with commas."`
	DocumentType  []string          `query:"document_type" example:"purchase_order" doc:"One or more, with commas."`
	BusinessUnit  string            `query:"business_unit"`
	CreatedBy     string            `query:"created_by"`
	Approver      string            `query:"approver" doc:"Stands in the approver list."`
	ExternalID    string            `query:"external_id"`
	Label         map[string]string `query:"label,deepObject" doc:"label[cost_centre]=4711; each has to fit."`
	CreatedAfter  time.Time         `query:"created_after" doc:"Created at this time or later."`
	CreatedBefore time.Time         `query:"created_before" doc:"Created before this time."`

	ProtectionEndsBefore time.Time `query:"protection_ends_before" doc:"The protection of a signature in it runs out before this time."`
	ProtectionDelayed    bool      `query:"protection_delayed" doc:"A signature in it lacks something for the level that is wanted."`
}

func (in *Filtered) filter() service.DocumentFilter {
	return service.DocumentFilter{
		States: in.State, Types: in.DocumentType, Unit: in.BusinessUnit, CreatedBy: in.CreatedBy, Approver: in.Approver,
		ExternalID: in.ExternalID, Labels: in.Label, Since: in.CreatedAfter, Until: in.CreatedBefore,
		ProtectedUntil: in.ProtectionEndsBefore, ProtectionDelayed: in.ProtectionDelayed,
		Metadata: in.Metadata, UpdatedSince: in.UpdatedAfter,
	}
}

func (a *api) listDocuments(ctx context.Context, in *listDocumentsInput) (*Listed[FoundDocument], error) {
	order, before, err := in.order()
	if err != nil {
		return nil, err
	}
	f := in.filter()
	f.Sort, f.Before, f.Limit = order, before, in.want()
	rows, err := a.Service.FindDocuments(ctx, actorOf(ctx), f, in.Search)
	if err != nil {
		return nil, err
	}
	view := func(f *service.Found) FoundDocument {
		return FoundDocument{Document: documentOf(&f.Document), Matches: matchesOf(f.Matches), only: in.Fields}
	}
	return pageOf(rows, Paged{Limit: in.Limit}, view, func(f *service.Found) string { return in.cursor(f) }), nil
}

func (a *api) getDocument(ctx context.Context, in *DocumentPath) (*oneDocument, error) {
	d, err := a.Service.Document(ctx, actorOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	out := &oneDocument{Body: documentOf(&d)}
	if !d.State.Kept() {
		return out, nil
	}
	lines, err := a.Service.Protections(ctx, actorOf(ctx), in.ID)
	for i := range lines {
		out.Body.Protection = append(out.Body.Protection, protectionOf(&lines[i]))
	}
	return out, err
}

// DocumentPatch is what may be changed of a document.
type DocumentPatch struct {
	Title        *string            `json:"title,omitempty"`
	ExternalID   *string            `json:"external_id,omitempty"`
	BusinessUnit *string            `json:"business_unit,omitempty" doc:"Moves the document to another unit."`
	Labels       *map[string]string `json:"labels,omitempty" doc:"Replaces all labels."`
	Metadata     *Object            `json:"metadata,omitempty" doc:"Replaces the metadata."`
}

type updateDocumentInput struct {
	DocumentPath
	Keyed
	IfMatch
	Body DocumentPatch
}

func (a *api) updateDocument(ctx context.Context, in *updateDocumentInput) (*oneDocument, error) {
	edit := service.Edit{Title: in.Body.Title, ExternalID: in.Body.ExternalID, Unit: in.Body.BusinessUnit}
	if in.Body.Labels != nil {
		edit.Labels = *in.Body.Labels
	}
	if in.Body.Metadata != nil {
		edit.Metadata = []byte(*in.Body.Metadata)
	}
	out, err := a.Service.EditDocument(ctx, callIf(ctx, in.IfMatch), in.ID, edit)
	if err != nil {
		return nil, err
	}
	return &oneDocument{Replayed: replayed(out.Replayed), Body: documentOf(&out.Value)}, nil
}

// Reason says why something is ended.
type Reason struct {
	Reason string `json:"reason,omitempty" example:"Ordered twice." doc:"For people and for the log; at most 4000 bytes."`
}

type reasonInput struct {
	DocumentPath
	Keyed
	IfMatch
	Body *Reason
}

func (in *reasonInput) reason() string {
	if in.Body == nil {
		return ""
	}
	return in.Body.Reason
}

type archiveDocumentInput struct {
	DocumentPath
	Keyed
	IfMatch
}

func (a *api) archiveDocument(ctx context.Context, in *archiveDocumentInput) (*startedOperation, error) {
	out, err := a.Service.Archive(ctx, callIf(ctx, in.IfMatch), in.ID)
	if err != nil {
		return nil, err
	}
	return a.started(ctx, in.awaited(), out)
}

// readableAgain gives a document as it is now; before where the caller may write but not read.
func (a *api) readableAgain(ctx context.Context, before document.Document) (document.Document, error) {
	now, err := a.Service.Document(ctx, actorOf(ctx), before.ID)
	if fault.KindOf(err) == fault.Forbidden {
		return before, nil
	}
	return now, err
}
