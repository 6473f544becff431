package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/service"
)

// DocumentType is a kind of document an organisation knows.
type DocumentType struct {
	Name       string    `json:"name" example:"purchase_order"`
	Title      string    `json:"title" example:"Purchase order"`
	Schema     *Object   `json:"schema,omitempty" doc:"JSON Schema (2020-12) for the metadata; absent: any object."`
	Weight     int       `json:"weight" doc:"Its share of the work beside other types."`
	MaxRunning int       `json:"max_running" doc:"Most of its documents in work at once; 0: no limit."`
	FourEyes   bool      `json:"four_eyes" doc:"Whoever brought such a document in, or handed it in, does not decide on it, and nobody decides twice."`
	Revision   int64     `json:"revision"`
	CreatedAt  time.Time `json:"created_at"`
	UpdatedAt  time.Time `json:"updated_at"`
}

func documentTypeOf(t *document.Type) DocumentType {
	out := DocumentType{Name: t.Name, Title: t.Title, Weight: t.Weight, MaxRunning: t.MaxRunning, FourEyes: t.FourEyes, Revision: t.Revision, CreatedAt: t.CreatedAt, UpdatedAt: t.UpdatedAt}
	if len(t.Schema) > 0 && string(t.Schema) != "null" {
		schema := Object(t.Schema)
		out.Schema = &schema
	}
	return out
}

func (a *api) settings() {
	const tag = "settings"
	handle(a, route{id: "saveDocumentType", method: http.MethodPut, path: "/v1/document-types/{name}", tag: tag, does: access.ManageSettings,
		summary: "Make or change a document type", about: "Documents that exist already are not checked again.", codes: []string{"invalid_document_type"}}, a.saveType)
	handle(a, route{id: "getDocumentType", method: http.MethodGet, path: "/v1/document-types/{name}", tag: tag, does: access.ReadSettings,
		summary: "Get a document type", about: "With the schema that metadata of its documents has to fit.", codes: []string{"not_found"}}, a.getType)
	handle(a, route{id: "listDocumentTypes", method: http.MethodGet, path: "/v1/document-types", tag: tag, does: access.ReadSettings,
		summary: "List document types", about: "By name."}, a.listTypes)
}

// DocumentTypeRequest is what a document type is made of.
type DocumentTypeRequest struct {
	Title      string  `json:"title,omitempty" example:"Purchase order"`
	Schema     *Object `json:"schema,omitempty" doc:"JSON Schema (2020-12) for the metadata, of at most 64 KiB. It stands alone: references to other files are refused. One by which a check could take for ever is refused too (too_costly)."`
	Weight     *int    `json:"weight,omitempty" doc:"Its share of the work beside other types, 1 to 1000. Left out: as it was; 1 for a new type."`
	MaxRunning *int    `json:"max_running,omitempty" doc:"Most of its documents in work at once; 0: no limit. Left out: as it was."`
	FourEyes   *bool   `json:"four_eyes,omitempty" doc:"Whoever brought such a document in, or handed it in, does not decide on it, and nobody decides twice. It holds for what is handed in from now on. Left out: as it was; false for a new type."`
}

// TypePath is the path parameter of one document type.
type TypePath struct {
	Name string `path:"name" maxLength:"63" example:"purchase_order"`
}

type saveTypeInput struct {
	TypePath
	Keyed
	Body DocumentTypeRequest
}

type oneType struct {
	Replayed
	Body DocumentType
}

func (a *api) saveType(ctx context.Context, in *saveTypeInput) (*oneType, error) {
	var schema []byte
	if in.Body.Schema != nil {
		schema = *in.Body.Schema
	}
	out, err := a.Service.SaveDocumentType(ctx, callOf(ctx), in.Name, service.SavedType{Title: in.Body.Title, Schema: schema, Weight: in.Body.Weight, MaxRunning: in.Body.MaxRunning, FourEyes: in.Body.FourEyes})
	if err != nil {
		return nil, err
	}
	return &oneType{Replayed: replayed(out.Replayed), Body: documentTypeOf(&out.Value)}, nil
}

func (a *api) getType(ctx context.Context, in *TypePath) (*struct{ Body DocumentType }, error) {
	t, err := a.Service.DocumentType(ctx, actorOf(ctx), in.Name)
	if err != nil {
		return nil, err
	}
	return &struct{ Body DocumentType }{documentTypeOf(&t)}, nil
}

func (a *api) listTypes(ctx context.Context, _ *struct{}) (*struct{ Body Items[DocumentType] }, error) {
	rows, err := a.Service.DocumentTypes(ctx, actorOf(ctx))
	if err != nil {
		return nil, err
	}
	return itemsOf(rows, documentTypeOf), nil
}
