package httpapi

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/paraph/paraph/internal/access"
)

// describeTus declares the addresses of mountTus.
func describeTus(o *huma.OpenAPI) {
	text := func() *huma.Schema { return &huma.Schema{Type: huma.TypeString} }
	number := func() *huma.Schema {
		zero := 0.0
		return &huma.Schema{Type: huma.TypeInteger, Format: "int64", Minimum: &zero}
	}
	version := &huma.Param{Name: "Tus-Resumable", In: "header", Required: true, Description: "The version of tus.", Schema: &huma.Schema{Type: huma.TypeString, Enum: []any{tusVersion}}}
	named := &huma.Param{Name: "id", In: "path", Required: true, Description: "Id of the upload.", Schema: text(), Example: "upl_01kb0q7m4b1s9v3d8r5x2c6e7f"}
	checksum := &huma.Param{Name: "Upload-Checksum", In: "header", Description: "sha256 or sha1, a space, and the sum of the body in base 64. Where it does not fit nothing of the body is kept.", Schema: text(), Example: "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0="}
	state := map[string]*huma.Param{
		"Upload-Offset": {Description: "Bytes that are kept.", Schema: number()}, "Upload-Length": {Description: "Bytes of the whole file.", Schema: number()},
		"Upload-Expires": {Description: "When the upload runs out.", Schema: text()}, "Tus-Resumable": {Description: "The version of tus.", Schema: text()},
		"Paraph-Document-Id":  {Description: "The document that was made of the file, once it is whole.", Schema: text()},
		"Paraph-Operation-Id": {Description: "The operation that reads the file.", Schema: text()},
	}
	operation := func(id, method, summary, about, status, answer string, params []*huma.Param, codes ...string) *huma.Operation {
		op := &huma.Operation{OperationID: id, Method: method, Tags: []string{"uploads"}, Summary: summary, Description: about, Parameters: params,
			Security: security(access.WriteDocument), Metadata: map[string]any{metaAction: access.WriteDocument},
			Responses: problems(route{method: http.MethodGet, codes: codes})}
		op.Responses[status] = &huma.Response{Description: answer, Headers: state}
		return op
	}
	bytes := &huma.RequestBody{Content: map[string]*huma.MediaType{tusMedia: {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}, Example: "%PDF-"}}}
	create := operation("beginUpload", http.MethodPost, "Begin an upload that can be resumed",
		"The tus protocol, version 1.0.0, with creation-with-upload, termination, checksum and expiration: for files of many gigabytes and lines that break. Any tus client can send to this address. An upload runs out 24 hours after its last piece.",
		"201", "The upload was begun; Location is its address.", []*huma.Param{version,
			{Name: "Upload-Length", In: "header", Required: true, Description: "Bytes of the whole file.", Schema: number(), Example: 7340032},
			{Name: "Upload-Metadata", In: "header", Description: "Names and values in base 64, with commas: filename, filetype, document_type, business_unit, title, external_id, labels and metadata (JSON), as for a new document; or document_id, for a corrected file of a draft; or import_into, the business unit that an archive of another is for.", Schema: text(), Example: "filename b3JkZXIucGRm"},
			{Name: "Idempotency-Key", In: "header", Description: "Not needed. With it, a repeated request begins no second upload.", Schema: text()}, checksum},
		"tus_version", "invalid_upload", "invalid_document", "file_too_large", "too_many_uploads", "not_found", "document_not_draft", "unsupported_media_type", "offset_differs", "checksum_mismatch", "storage_full", "unit_key_rotated", "external_id_taken", "idempotency_key_reused")
	create.Responses["201"].Headers = map[string]*huma.Param{"Location": {Description: "The address of the upload.", Schema: text()}}
	for name, p := range state {
		create.Responses["201"].Headers[name] = p
	}
	create.RequestBody = bytes
	o.Paths[tusPath] = &huma.PathItem{Post: create}
	patch := operation("appendUpload", http.MethodPatch, "Send bytes of an upload",
		"From the offset that the upload has. Where the line breaks, what arrived is kept: ask for the offset and go on. With the last byte the file becomes a document, or a new version, exactly once; a refusal of that is answered here.",
		"204", "The bytes are kept, synced to disk.", []*huma.Param{version, named,
			{Name: "Upload-Offset", In: "header", Required: true, Description: "Where the bytes belong: the upload's offset.", Schema: number(), Example: 0}, checksum},
		"tus_version", "invalid_upload", "not_found", "offset_differs", "checksum_mismatch", "file_too_large", "unsupported_media_type", "too_many_parts", "storage_full", "invalid_document", "external_id_taken", "document_not_draft")
	patch.RequestBody = &huma.RequestBody{Required: true, Content: bytes.Content}
	for _, op := range []*huma.Operation{create, patch} { // tus 1.0 wants 400 for checksums that it does not know
		r := *op.Responses["422"]
		r.Description = "Codes: `invalid_upload`."
		op.Responses["400"] = &r
	}
	get := operation("getUpload", http.MethodGet, "Get an upload", "How far it has come, and what became of it.", "200", "The upload.", []*huma.Param{named}, "not_found")
	get.Responses["200"].Content = map[string]*huma.MediaType{"application/json": {Schema: refTo[Upload](o.Components.Schemas, "Upload")}}
	head := operation("askUpload", http.MethodHead, "Ask where an upload stands", "The offset from which to go on.", "200", "The upload's state, in the headers.", []*huma.Param{version, named}, "tus_version", "not_found")
	for _, r := range head.Responses {
		r.Content = nil
	}
	end := operation("endUpload", http.MethodDelete, "End an upload", "Its bytes are deleted. A document that was made of it stays.", "204", "It is gone.", []*huma.Param{version, named}, "tus_version", "not_found")
	end.Responses["204"].Headers = nil
	o.Paths[tusPath+"/{id}"] = &huma.PathItem{Get: get, Head: head, Patch: patch, Delete: end}
}
