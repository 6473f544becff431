package httpapi

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/service"
)

// UnitExport is an archive of everything that a business unit owns.
type UnitExport struct {
	ID           string     `json:"id" example:"exp_01kb0q7m4b1s9v3d8r5x2c6e7f"`
	BusinessUnit string     `json:"business_unit" example:"purchasing"`
	State        string     `json:"state" enum:"running,ready,failed,ended" doc:"failed: its operation can be retried. ended: the archive is not there; the code says why."`
	Code         string     `json:"code,omitempty" example:"expired" doc:"cancelled, deleted, expired or document_disposed; of a failed one, its operation's."`
	Operation    Operation  `json:"operation" doc:"Writes the archive; its progress counts documents."`
	Size         int64      `json:"size,omitempty" doc:"Bytes of the archive."`
	SHA256       string     `json:"sha256,omitempty" doc:"Of the archive."`
	Manifest     string     `json:"manifest_sha256,omitempty" doc:"Of the manifest in it, which names the digest of everything else."`
	Counts       Object     `json:"counts,omitempty" doc:"What the archive holds, as its manifest counts it."`
	LogSize      int64      `json:"log_size,omitempty" doc:"Entries of the log when the unit was looked at: nothing later is in the archive."`
	CreatedBy    string     `json:"created_by"`
	CreatedAt    time.Time  `json:"created_at"`
	EndedAt      *time.Time `json:"ended_at,omitempty"`
	ExpiresAt    *time.Time `json:"expires_at,omitempty" doc:"Then the archive is deleted."`
}

func exportOf(e *service.UnitExport) UnitExport {
	out := UnitExport{ID: e.ID, BusinessUnit: e.Unit, State: string(e.State), Code: e.Code, Operation: operationOf(&e.Progress), Size: e.Size, SHA256: e.SHA256, Manifest: e.Manifest,
		Counts: Object(e.Counts), LogSize: e.LogSize, CreatedBy: e.By, CreatedAt: e.CreatedAt, EndedAt: at(e.EndedAt), ExpiresAt: at(e.ExpiresAt)}
	if e.State == service.HandoverRunning && e.Progress.State == service.OperationFailed {
		out.State, out.Code = string(service.OperationFailed), e.Progress.Code
	}
	return out
}

// ImportOrigin says whose archive it was.
type ImportOrigin struct {
	Installation     string `json:"installation" example:"https://paraph.example.org"`
	OrganisationID   string `json:"organisation_id"`
	OrganisationName string `json:"organisation"`
	BusinessUnit     string `json:"business_unit"`
	ExportID         string `json:"export_id"`
	ManifestSHA256   string `json:"manifest_sha256"`
}

// UnitImport is an archive of a business unit of which documents are made.
type UnitImport struct {
	ID           string        `json:"id" example:"imp_01kb0q7m4b1s9v3d8r5x2c6e7f"`
	BusinessUnit string        `json:"business_unit" example:"purchasing"`
	State        string        `json:"state" enum:"running,done,failed,ended" doc:"failed: its operation can be retried, and goes on. done: every document has its outcome."`
	Code         string        `json:"code,omitempty" example:"export_refused"`
	Operation    Operation     `json:"operation" doc:"First checks the whole archive, then makes its documents."`
	Size         int64         `json:"size" doc:"Bytes of the archive."`
	SHA256       string        `json:"sha256" doc:"Of the archive."`
	Origin       *ImportOrigin `json:"origin,omitempty" doc:"What the archive says of itself, once it was checked."`
	Documents    int64         `json:"documents" doc:"In the archive."`
	Made         int64         `json:"made"`
	Known        int64         `json:"known" doc:"An earlier import of the same archive made them."`
	Disposed     int64         `json:"disposed" doc:"They were destroyed before the archive was written: a tombstone is all there is of them."`
	Failed       int64         `json:"failed" doc:"The list of documents says why. The same archive, sent again, makes those alone."`
	CreatedBy    string        `json:"created_by"`
	CreatedAt    time.Time     `json:"created_at"`
	EndedAt      *time.Time    `json:"ended_at,omitempty"`
}

func importOf(m *service.UnitImport) UnitImport {
	out := UnitImport{ID: m.ID, BusinessUnit: m.Unit, State: string(m.State), Code: m.Code, Operation: operationOf(&m.Progress), Size: m.Size, SHA256: m.SHA256, Documents: m.Documents,
		Made: m.Made, Known: m.Known, Disposed: m.Disposed, Failed: m.Failed, CreatedBy: m.By, CreatedAt: m.CreatedAt, EndedAt: at(m.EndedAt)}
	if m.Manifest != "" {
		o := m.Origin
		out.Origin = &ImportOrigin{o.Installation, o.OrganisationID, o.OrganisationName, o.Unit, o.ExportID, o.ManifestSHA256}
	}
	if m.State == service.HandoverRunning && m.Progress.State == service.OperationFailed {
		out.State, out.Code = string(service.OperationFailed), m.Progress.Code
	}
	return out
}

// ImportedDocument is what became of one document of an archive.
type ImportedDocument struct {
	Number           int64  `json:"number" example:"1" doc:"Its line in the archive."`
	OriginDocumentID string `json:"origin_document_id" doc:"Its id there."`
	Outcome          string `json:"outcome" enum:"made,known,disposed,failed"`
	DocumentID       string `json:"document_id,omitempty" doc:"Its id here."`
	Code             string `json:"code,omitempty" example:"external_id_taken"`
	Reason           string `json:"reason,omitempty" doc:"The same for people."`
}

func (a *api) handover() {
	const tag, exports, imports = "handover", "/v1/business-units/{name}/exports", "/v1/business-units/{name}/imports"
	needs := " The caller needs the scopes admin, documents:read and events:read."
	handle(a, route{id: "exportBusinessUnit", method: http.MethodPost, path: exports, tag: tag, does: access.ManageSettings, status: http.StatusAccepted,
		summary: "Export a business unit", codes: []string{"not_found", "export_running"},
		about: "Writes everything that the unit owns into one zip file: documents with all files, approvals, envelopes with their evidence, what the log tells with proofs, and a manifest with the digest of each file. `paraph verify` checks it offline. Secrets are not in it. The archive shows one moment, and is kept for seven days." + needs}, a.exportUnit)
	handle(a, route{id: "listUnitExports", method: http.MethodGet, path: exports, tag: tag, does: access.ManageSettings,
		summary: "List the exports of a business unit", about: "Newest first." + needs, codes: []string{"not_found"}}, a.listExports)
	handle(a, route{id: "getUnitExport", method: http.MethodGet, path: exports + "/{id}", tag: tag, does: access.ManageSettings,
		summary: "Get an export of a business unit", about: "With its operation, which says how far it is." + needs, codes: []string{"not_found"}}, a.getExport)
	download := contentRoute("getUnitExportArchive", exports+"/{id}/archive", "Download the archive of a business unit", "A zip file, in parts if that is asked for. Its format is described at `/schemas/unit-export/v1.json`."+needs, access.ManageSettings, "export_not_ready", "export_gone")
	download.tag = tag
	handle(a, download, a.exportArchive)
	handle(a, route{id: "endUnitExport", method: http.MethodDelete, path: exports + "/{id}", tag: tag, does: access.ManageSettings,
		summary: "End an export of a business unit", about: "One that is being written stops; the archive of one that was is deleted." + needs, codes: []string{"not_found"}}, a.endExport)
	a.handIn(tag, imports)
}

func (a *api) handIn(tag, imports string) {
	needs := " The caller needs the scopes admin and documents:write."
	handle(a, route{id: "importBusinessUnit", method: http.MethodPost, path: imports, tag: tag, does: access.ManageSettings, status: http.StatusAccepted, stream: true,
		summary: "Import an archive into a business unit", codes: []string{"not_found", "unit_closed", "import_running", "empty_file", "body_incomplete", "file_too_large", "unsupported_media_type", "storage_full"},
		about: "Send the archive of an export as the raw body (application/zip), or as multipart/form-data with one part named file; one that is too large for a request comes in pieces by tus, with `import_into` in its metadata. The operation checks all of it, and then makes its documents: each with all files, a new id, and what the archive tells of its past as a file of its own. What was signed is signed; what had ended has ended; everything else is a draft. The same archive makes nothing twice." + needs}, a.importUnit)
	handle(a, route{id: "listUnitImports", method: http.MethodGet, path: imports, tag: tag, does: access.ManageSettings,
		summary: "List the imports into a business unit", about: "Newest first." + needs, codes: []string{"not_found"}}, a.listImports)
	handle(a, route{id: "getUnitImport", method: http.MethodGet, path: imports + "/{id}", tag: tag, does: access.ManageSettings,
		summary: "Get an import into a business unit", about: "With its operation, and how many documents came to which outcome." + needs, codes: []string{"not_found"}}, a.getImport)
	handle(a, route{id: "listImportedDocuments", method: http.MethodGet, path: imports + "/{id}/documents", tag: tag, does: access.ManageSettings,
		summary: "List what became of the documents of an archive", about: "In the order of the archive: the id there and the id here, or why none was made." + needs, codes: []string{"not_found", "bad_cursor"}}, a.listImported)
	handle(a, route{id: "endUnitImport", method: http.MethodDelete, path: imports + "/{id}", tag: tag, does: access.ManageSettings,
		summary: "End an import into a business unit", about: "The documents that it has made stay." + needs, codes: []string{"not_found"}}, a.endImport)
}

type exportUnitInput struct {
	UnitPath
	Keyed
}

// startedExport is the answer to what starts or ends an export: 202, or 200 where the
// caller waited for the end.
type startedExport struct {
	Replayed
	Status   int
	Location string `header:"Location" doc:"The export."`
	Body     UnitExport
}

func (a *api) exportUnit(ctx context.Context, in *exportUnitInput) (*startedExport, error) {
	out, err := a.Service.StartExport(ctx, callOf(ctx), in.Name)
	if err != nil {
		return nil, err
	}
	e := out.Value
	res := &startedExport{Replayed: replayed(out.Replayed), Status: http.StatusAccepted, Location: "/v1/business-units/" + e.Unit + "/exports/" + e.ID}
	if d := in.awaited().duration(); d > 0 {
		res.applied(in.awaited().applied())
		if _, err := a.Service.AwaitOperation(ctx, actorOf(ctx), e.Operation, d); err != nil {
			return nil, err
		}
		if e, err = a.Service.UnitExportOf(ctx, actorOf(ctx), e.Unit, e.ID); err != nil {
			return nil, err
		}
		if e.Progress.State.Ended() {
			res.Status = http.StatusOK
		}
	}
	res.Body = exportOf(&e)
	return res, nil
}

type listHandoverInput struct {
	UnitPath
	Paged
}

func (a *api) listExports(ctx context.Context, in *listHandoverInput) (*Listed[UnitExport], error) {
	rows, err := a.Service.UnitExports(ctx, actorOf(ctx), in.Name, in.After, in.want())
	if err != nil {
		return nil, err
	}
	return pageOf(rows, in.Paged, exportOf, func(e *service.UnitExport) string { return e.ID }), nil
}

// HandoverPath are the path parameters of an export or import.
type HandoverPath struct {
	UnitPath
	ID string `path:"id" maxLength:"64" example:"exp_01kb0q7m4b1s9v3d8r5x2c6e7f"`
}

func (a *api) getExport(ctx context.Context, in *HandoverPath) (*struct{ Body UnitExport }, error) {
	e, err := a.Service.UnitExportOf(ctx, actorOf(ctx), in.Name, in.ID)
	if err != nil {
		return nil, err
	}
	return &struct{ Body UnitExport }{exportOf(&e)}, nil
}

type exportArchiveInput struct {
	HandoverPath
	Range       string `header:"Range" example:"bytes=0-1023" doc:"Part of the bytes (RFC 9110 section 14)."`
	IfNoneMatch string `header:"If-None-Match" doc:"Answer 304 where the bytes are these."`
}

func (a *api) exportArchive(ctx context.Context, in *exportArchiveInput) (*huma.StreamResponse, error) {
	e, content, err := a.Service.ExportArchive(ctx, actorOf(ctx), in.Name, in.ID)
	if err != nil {
		return nil, err
	}
	return a.file(content, storedFile{name: e.Unit + "-" + e.ID + ".zip", media: "application/zip", sha256: e.SHA256, made: e.EndedAt}), nil
}

type endHandoverInput struct {
	HandoverPath
	Keyed
}

func (a *api) endExport(ctx context.Context, in *endHandoverInput) (*struct {
	Replayed
	Body UnitExport
}, error) {
	out, err := a.Service.EndExport(ctx, callOf(ctx), in.Name, in.ID)
	if err != nil {
		return nil, err
	}
	return &struct {
		Replayed
		Body UnitExport
	}{replayed(out.Replayed), exportOf(&out.Value)}, nil
}

type importUnitInput struct {
	upload
	UnitPath
	Keyed
}

// startedImport is the answer to what starts an import: 202, or 200 where the caller
// waited for the end.
type startedImport struct {
	Replayed
	Status   int
	Location string `header:"Location" doc:"The import."`
	Body     UnitImport
}

func (a *api) importUnit(ctx context.Context, in *importUnitInput) (*startedImport, error) {
	if err := a.Service.Importable(ctx, actorOf(ctx), in.Name); err != nil {
		return nil, err // before anything is told about the body
	}
	in.reader.limit(ctx, a)
	if in.reader.media == "application/zip" {
		in.reader.media = "application/octet-stream"
	}
	if !in.reader.multipart() && in.reader.media != "application/octet-stream" {
		return nil, fault.New(fault.Unsupported, "unsupported_media_type", "Send the archive as application/zip, or as %s with a part named file.", multipartForm)
	}
	file, err := in.reader.open(ctx, nil)
	if err != nil {
		return nil, err
	}
	out, err := a.Service.StartImport(ctx, callOf(ctx, []byte(in.Name)), in.Name, file.Body)
	if err != nil {
		if in.reader.failed != nil {
			err = in.reader.failed // says more than what the storage made of it
		}
		return nil, err
	}
	m := out.Value
	res := &startedImport{Replayed: replayed(out.Replayed), Status: http.StatusAccepted, Location: "/v1/business-units/" + m.Unit + "/imports/" + m.ID}
	if d := in.awaited().duration(); d > 0 {
		res.applied(in.awaited().applied())
		if _, err := a.Service.AwaitOperation(ctx, actorOf(ctx), m.Operation, d); err != nil {
			return nil, err
		}
		if m, err = a.Service.UnitImportOf(ctx, actorOf(ctx), m.Unit, m.ID); err != nil {
			return nil, err
		}
		if m.Progress.State.Ended() {
			res.Status = http.StatusOK
		}
	}
	res.Body = importOf(&m)
	return res, nil
}

func (a *api) listImports(ctx context.Context, in *listHandoverInput) (*Listed[UnitImport], error) {
	rows, err := a.Service.UnitImports(ctx, actorOf(ctx), in.Name, in.After, in.want())
	if err != nil {
		return nil, err
	}
	return pageOf(rows, in.Paged, importOf, func(m *service.UnitImport) string { return m.ID }), nil
}

func (a *api) getImport(ctx context.Context, in *HandoverPath) (*struct{ Body UnitImport }, error) {
	m, err := a.Service.UnitImportOf(ctx, actorOf(ctx), in.Name, in.ID)
	if err != nil {
		return nil, err
	}
	return &struct{ Body UnitImport }{importOf(&m)}, nil
}

type listImportedInput struct {
	HandoverPath
	Paged
	Outcome string `query:"outcome" enum:"made,known,disposed,failed"`
}

func (a *api) listImported(ctx context.Context, in *listImportedInput) (*Listed[ImportedDocument], error) {
	after := int64(0)
	if in.After != "" {
		var err error
		if after, err = strconv.ParseInt(in.After, 10, 64); err != nil || after < 0 {
			return nil, fault.New(fault.Invalid, "bad_cursor", "The cursor is not one of this list. Begin without one.")
		}
	}
	rows, err := a.Service.ImportedDocuments(ctx, actorOf(ctx), in.Name, in.ID, service.Outcome(in.Outcome), after, in.want())
	if err != nil {
		return nil, err
	}
	return pageOf(rows, in.Paged, func(r *service.ImportRow) ImportedDocument {
		return ImportedDocument{Number: r.Number, OriginDocumentID: r.Origin, Outcome: string(r.Outcome), DocumentID: r.Document, Code: r.Code, Reason: r.Reason}
	}, func(r *service.ImportRow) string { return strconv.FormatInt(r.Number, 10) }), nil
}

func (a *api) endImport(ctx context.Context, in *endHandoverInput) (*struct {
	Replayed
	Body UnitImport
}, error) {
	out, err := a.Service.EndImport(ctx, callOf(ctx), in.Name, in.ID)
	if err != nil {
		return nil, err
	}
	return &struct {
		Replayed
		Body UnitImport
	}{replayed(out.Replayed), importOf(&out.Value)}, nil
}
