package httpapi

import (
	"io"
	"maps"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	json "github.com/go-json-experiment/json/v1"

	"github.com/paraph/paraph/internal/access"
)

// ContractVersion is the version of the contract.
const ContractVersion = "1.0.0"

// Spec emits the contract as OpenAPI 3.1 in YAML, without a running server.
func Spec() ([]byte, error) {
	return build(Config{}).huma.OpenAPI().YAML()
}

// SpecJSON is Spec in JSON.
func SpecJSON() ([]byte, error) { return build(Config{}).huma.OpenAPI().MarshalJSON() }

func humaConfig() huma.Config {
	c := huma.DefaultConfig("Paraph", ContractVersion)
	c.OpenAPIPath, c.DocsPath, c.SchemasPath = "", "", "" // docs.go serves them
	c.CreateHooks = nil                                   // no $schema members and Link headers in answers
	c.Formats = map[string]huma.Format{"application/json": jsonFormat, "json": jsonFormat}
	c.RejectUnknownQueryParameters = true
	c.Info.Description = about
	c.Info.Contact = &huma.Contact{Name: "The Paraph project", URL: "https://github.com/paraph/paraph"}
	c.Servers = []*huma.Server{{URL: "/", Description: "The server that this description comes from."}}
	c.Tags = tags
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{"oauth2": {
		Type: "oauth2", Description: "For a program itself: client credentials (RFC 6749 section 4.4). For people: the authorization code with PKCE, or a device code; /.well-known/oauth-authorization-server says where. Tokens live for minutes, and may be bound to a key (DPoP).",
		Flows: &huma.OAuthFlows{
			ClientCredentials: &huma.OAuthFlow{TokenURL: "/oauth/token", Scopes: scopeTexts()},
			AuthorizationCode: &huma.OAuthFlow{AuthorizationURL: "/oauth/authorize", TokenURL: "/oauth/token", RefreshURL: "/oauth/token", Scopes: scopeTexts()},
		},
	}}
	return c
}

// jsonFormat reads and writes bodies as encoding/json does, at several times its speed.
var jsonFormat = huma.Format{
	Marshal: func(w io.Writer, v any) error {
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		return enc.Encode(v)
	},
	Unmarshal: func(raw []byte, v any) error { return json.Unmarshal(raw, v) },
}

const about = `Paraph takes a document in, reads it, routes it for approval and signature, seals it and keeps it, with a record that anyone can check.

- Every request that changes something needs an Idempotency-Key; repeating it returns the first answer.
- Errors are application/problem+json (RFC 9457) with a stable code, and list every fault of the request.
- Lists page by cursor. Times are RFC 3339 in UTC. Ids are opaque.
- Work that takes long answers 202 with an operation, which can be awaited with Prefer: wait=N.
- What is not yours is 404.`

var tags = []*huma.Tag{
	{Name: "documents", Description: "Documents, their details and their versions."},
	{Name: "uploads", Description: "Files that come in pieces, by the tus protocol."},
	{Name: "pages", Description: "What was read on the pages."},
	{Name: "approvals", Description: "Rounds of review."},
	{Name: "tasks", Description: "One approver's part in a review."},
	{Name: "envelopes", Description: "Requests for signatures."},
	{Name: "bulk", Description: "One document sent to many, row by row."},
	{Name: "reports", Description: "Documents counted, and how long things took."},
	{Name: "batch", Description: "Many operations in one request."},
	{Name: "operations", Description: "Work that takes long."},
	{Name: "events", Description: "What happened, and the proof of it."},
	{Name: "webhooks", Description: "Endpoints that events are sent to, and what became of each."},
	{Name: "archive", Description: "The compliance archive."},
	{Name: "handover", Description: "Everything that a business unit owns as one file, out and in."},
	{Name: "access", Description: "Who is let into which document, and by which rule."},
	{Name: "hooks", Description: "Webhooks that come in, and what became of them."},
	{Name: "people", Description: "The people of the organisation, and their groups."},
	{Name: "settings", Description: "Document types, business units, roles and clients."},
	{Name: "installation", Description: "Organisations, and the keys that sign tokens."},
}

func scopeTexts() map[string]string {
	out := map[string]string{}
	for s, text := range access.Scopes() {
		out[string(s)] = text
	}
	return out
}

// security names the scopes of an action: any one of them is enough.
func security(do access.Action) []map[string][]string {
	var out []map[string][]string
	for _, s := range access.Needs(do) {
		out = append(out, map[string][]string{"oauth2": {string(s)}})
	}
	return out
}

// problems are the error answers of a route, each with the codes it can have.
func problems(rt route) map[string]*huma.Response {
	codes := append([]string{"credentials_missing", "invalid_token", "invalid_dpop_proof", "use_dpop_nonce", "missing_scope", "device_required", "rate_limited", "too_many_at_once", "internal", "store_unavailable", "invalid_request", "bad_character"}, rt.codes...)
	if rt.method != "GET" {
		codes = append(codes, codeKeyRequired, "idempotency_key_reused")
		if rt.method != "DELETE" && !rt.stream {
			codes = append(codes, "malformed_body", "body_too_large", "body_incomplete", "unsupported_media_type")
		}
	}
	byStatus := map[int][]string{}
	for _, code := range codes {
		status := catalogue[code].status()
		if !slices.Contains(byStatus[status], code) {
			byStatus[status] = append(byStatus[status], code)
		}
	}
	out := map[string]*huma.Response{}
	for status, list := range byStatus {
		sort.Strings(list)
		out[strconv.Itoa(status)] = &huma.Response{
			Description: "Codes: `" + strings.Join(list, "`, `") + "`.",
			Content:     map[string]*huma.MediaType{"application/problem+json": {Schema: &huma.Schema{Ref: "#/components/schemas/Problem"}}},
		}
	}
	return out
}

// finishSpec adds what the handlers' types cannot say.
func finishSpec(o *huma.OpenAPI) {
	refTo[Problem](o.Components.Schemas, "Problem")
	describeUploads(o)
	describeStreams(o)
	describeHooks(o)
	describeSetup(o)
	describeTus(o)
	describeReports(o)
	alsoAnswers(o.Paths["/v1/documents"].Post, "202", "201", "The file was read while the caller waited, with or without success: see the operation.")
	alsoAnswers(o.Paths["/v1/documents/{id}/versions"].Post, "202", "201", "The file was read while the caller waited, with or without success: see the operation.")
	alsoAnswers(o.Paths["/v1/documents/{id}/archive"].Post, "202", "200", "The operation ended while the caller waited.")
	alsoAnswers(o.Paths["/v1/operations/{id}/retry"].Post, "202", "200", "The operation ended while the caller waited.")
	delete(o.Paths["/v1/clients/{id}"].Patch.RequestBody.Content, "application/octet-stream") // huma describes a RawBody so, which is read beside the JSON
	describeTags(o)
	openAnswers(o)
	describeHeaders(o)
	describeLinks(o)
	describeExamples(o)
}

// describeTags declares what tagging does.
func describeTags(o *huma.OpenAPI) {
	for _, item := range o.Paths {
		op := item.Get
		if op == nil || op.Responses["200"] == nil || op.Responses["304"] != nil || op.Responses["200"].Content["application/json"] == nil {
			continue
		}
		op.Parameters = append(op.Parameters, &huma.Param{Name: "If-None-Match", In: "header", Schema: &huma.Schema{Type: huma.TypeString}, Description: "Answer 304 where the answer is the one with this ETag."})
		op.Responses["304"] = &huma.Response{Description: "The caller has this answer already."}
		headers := map[string]*huma.Param{}
		maps.Copy(headers, op.Responses["200"].Headers) // other answers may share them
		op.Responses["200"].Headers = headers
		op.Responses["200"].Headers["ETag"] = &huma.Param{Required: len(op.Responses["200"].Content) == 1, Description: "Of this answer; begins with the revision of what is shown, where it has one.", Schema: &huma.Schema{Type: huma.TypeString}}
	}
}

func alsoAnswers(op *huma.Operation, like, status, description string) {
	r := *op.Responses[like]
	r.Description = description
	op.Responses[status] = &r
}

// describeUploads declares the bodies that are read as streams.
func describeUploads(o *huma.OpenAPI) {
	file := &huma.Schema{Type: huma.TypeString, ContentEncoding: "", Format: "binary", Description: "The file; the last part of the form."}
	text := func(about string) *huma.Schema { return &huma.Schema{Type: huma.TypeString, Description: about} }
	full := map[string]*huma.Schema{
		"document_type": text("Default: document."), "business_unit": text("Default: the client's only unit, else general."),
		"title": text("Default: the file's name."), "external_id": text("The caller's own reference."),
		"labels":   {Type: huma.TypeObject, AdditionalProperties: &huma.Schema{Type: huma.TypeString}, Description: "As JSON."},
		"metadata": {Type: huma.TypeObject, AdditionalProperties: true, Description: "As JSON; kept byte for byte."},
	}
	details := &huma.Schema{Type: huma.TypeObject, Description: "All details in one part, as JSON, instead of one part each.", AdditionalProperties: false, Properties: maps.Clone(full)}
	full["document"], full["file"] = details, file
	o.Paths["/v1/documents"].Post.RequestBody = uploadBody(full)
	o.Paths["/v1/documents/{id}/versions"].Post.RequestBody = uploadBody(map[string]*huma.Schema{"file": file})
	archive := &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}
	o.Paths["/v1/business-units/{name}/imports"].Post.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
		multipartForm:     {Schema: &huma.Schema{Type: huma.TypeObject, Properties: map[string]*huma.Schema{"file": file}, Required: []string{"file"}, AdditionalProperties: false}},
		"application/zip": {Schema: archive.Schema, Example: "PK"}, "application/octet-stream": archive,
	}}
}

func uploadBody(fields map[string]*huma.Schema) *huma.RequestBody {
	body := &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
		multipartForm: {Schema: &huma.Schema{Type: huma.TypeObject, Properties: fields, Required: []string{"file"}, AdditionalProperties: false}},
	}}
	for _, media := range rawTypes {
		body.Content[media] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}
	}
	body.Content["application/pdf"].Example = "%PDF-1.7\n%%EOF\n"
	return body
}

// describeStreams declares the answers that are written as streams.
func describeStreams(o *huma.OpenAPI) {
	binary := func(description string, media ...string) *huma.Response {
		r := &huma.Response{Description: description, Content: map[string]*huma.MediaType{}}
		for _, m := range media {
			r.Content[m] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}
		}
		return r
	}
	for path, media := range map[string][]string{
		"/v1/documents/{id}/content":                          rawTypes,
		"/v1/documents/{id}/versions/{number}/content":        rawTypes,
		"/v1/archive-records/{id}/package":                    {"application/zip"},
		"/v1/archive-records/{id}/additions/{number}/package": {"application/zip"},
		"/v1/business-units/{name}/exports/{id}/archive":      {"application/zip"},
	} {
		op := o.Paths[path].Get
		op.Responses["200"] = binary("All bytes.", media...)
		op.Responses["206"] = binary("The range that was asked for.", media...)
		op.Responses["304"] = &huma.Response{Description: "The caller has these bytes already."}
		for _, status := range []string{"200", "206"} {
			op.Responses[status].Headers = map[string]*huma.Param{
				"ETag":                {Description: "SHA-256 of the bytes, in hex.", Schema: &huma.Schema{Type: huma.TypeString}},
				"Repr-Digest":         {Description: "SHA-256 of the bytes (RFC 9530).", Schema: &huma.Schema{Type: huma.TypeString}},
				"Content-Disposition": {Description: "Always an attachment.", Schema: &huma.Schema{Type: huma.TypeString}},
			}
		}
	}
	text := func(media string) map[string]*huma.MediaType {
		return map[string]*huma.MediaType{media: {Schema: &huma.Schema{Type: huma.TypeString}}}
	}
	page := o.Paths["/v1/documents/{id}/pages/{number}"].Get
	page.Responses["200"] = &huma.Response{Description: "The page.", Content: text("text/plain")}
	page.Responses["200"].Content["application/json"] = &huma.MediaType{Schema: refTo[DocumentPage](o.Components.Schemas, "DocumentPage")}
	proof := o.Paths["/v1/events/{id}/proof"].Get
	proof.Responses["200"] = &huma.Response{Description: "The proof.", Content: text("text/plain")}
	proof.Responses["200"].Content["application/json"] = &huma.MediaType{Schema: refTo[EventProof](o.Components.Schemas, "EventProof")}
	o.Paths["/v1/log/anchors/{id}/checkpoint"].Get.Responses["200"] = &huma.Response{Description: "The checkpoint.", Content: text("text/plain")}
	o.Paths["/v1/log/anchors/{id}/token"].Get.Responses["200"] = binary("The token.", tokenType)
	results := o.Paths["/v1/bulk-sends/{id}/results"].Get
	results.Responses["200"] = binary("The rows.", "text/csv", "application/jsonl")
	o.Paths["/v1/events/stream"].Get.Responses["200"] = &huma.Response{Description: "Events, until the caller goes or 10 minutes have passed.", Content: text("text/event-stream")}
}

// openAnswers lets the schemas of answers take further members, so that a
// client made from this contract lives on when an answer says more.
func openAnswers(o *huma.OpenAPI) {
	asked := map[string]bool{}
	for _, item := range o.Paths {
		for _, op := range operationsOf(item) {
			if op.RequestBody == nil {
				continue
			}
			for _, m := range op.RequestBody.Content {
				markAsked(o, m.Schema, asked)
			}
		}
	}
	for name, s := range o.Components.Schemas.Map() {
		if no, closed := s.AdditionalProperties.(bool); closed && !no && !asked[name] {
			s.AdditionalProperties = nil
		}
	}
}

func markAsked(o *huma.OpenAPI, s *huma.Schema, asked map[string]bool) {
	if s == nil {
		return
	}
	if s.Ref != "" {
		name := s.Ref[strings.LastIndexByte(s.Ref, '/')+1:]
		if !asked[name] {
			asked[name] = true
			markAsked(o, o.Components.Schemas.SchemaFromRef(s.Ref), asked)
		}
		return
	}
	markAsked(o, s.Items, asked)
	for _, p := range s.Properties {
		markAsked(o, p, asked)
	}
}

// operationsOf lists the operations of a path.
func operationsOf(item *huma.PathItem) []*huma.Operation {
	var out []*huma.Operation
	for _, op := range []*huma.Operation{item.Get, item.Post, item.Put, item.Patch, item.Delete} {
		if op != nil {
			out = append(out, op)
		}
	}
	return out
}
