package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/paraph/paraph/internal/entrance"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/service"
)

const (
	setupPath = "/v1/setup"
	maxSetup  = 64 << 10 // bytes of its body
)

// SetupRequest uses a set-up link up.
type SetupRequest struct {
	Token        string `json:"token" example:"psl_…" doc:"What stands behind the # of the set-up link."`
	Organisation string `json:"organisation,omitempty" example:"Northern Works" doc:"Name of the first organisation, where the link makes it."`
	Principal    string `json:"principal,omitempty" example:"anna@example.com" doc:"The administrator's e-mail address. Absent: one is made of the organisation's name."`
}

// mountSetup adds the address at which a set-up link is used. It needs no token and no
// idempotency key: the link is both.
func (a *api) mountSetup() {
	a.mux.To(entrance.Link, entrance.PerAddress).HandleFunc("POST "+setupPath, a.setUp)
}

func (a *api) setUp(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	out, err := a.useSetupLink(w, r)
	if err != nil {
		writeProblem(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	if err := json.NewEncoder(w).Encode(ClientSecret{Client: clientOf(&out.Client), Secret: out.Secret}); err != nil {
		return // the caller has gone; on the machine, another link can be made
	}
}

func (a *api) useSetupLink(w http.ResponseWriter, r *http.Request) (out service.ClientSecret, err error) {
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); (err != nil || media != "application/json") && r.ContentLength != 0 {
		return out, fault.New(fault.Unsupported, "unsupported_media_type", "Send JSON with Content-Type: application/json.")
	}
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxSetup))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return out, fault.New(fault.TooLarge, "body_too_large", "The request's body is larger than %d bytes.", maxSetup)
	case err != nil:
		return out, httpFault(http.StatusBadRequest, "body_incomplete", "The request's body ended before it was complete. Nothing was kept; send it again.")
	}
	if err := scanJSON(raw); err != nil {
		return out, err
	}
	var in SetupRequest
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&in); err != nil && len(raw) > 0 && !json.Valid(raw) {
		return out, httpFault(http.StatusBadRequest, "malformed_body", "The body cannot be read as JSON.")
	} else if err != nil || in.Token == "" {
		return out, fault.New(fault.Invalid, "invalid_request", "Send a JSON object with the member token, and nothing it does not know.")
	}
	return a.Service.SetUp(r.Context(), SourceOf(r.Context()), in.Token, service.Setup{Organisation: in.Organisation, Principal: in.Principal})
}

// describeSetup declares the address of mountSetup.
func describeSetup(o *huma.OpenAPI) {
	refused := func(codes string) *huma.Response {
		return &huma.Response{Description: "Codes: " + codes + ".", Content: map[string]*huma.MediaType{"application/problem+json": {Schema: &huma.Schema{Ref: "#/components/schemas/Problem"}}}}
	}
	o.Paths[setupPath] = &huma.PathItem{Post: &huma.Operation{
		OperationID: "setUp", Method: http.MethodPost, Tags: []string{"installation"}, Summary: "Become an administrator by a set-up link",
		Description: "The link works once, and proves by itself whose it is; there is no access token and no Idempotency-Key. The answer holds the administrator's secret, this once.",
		Security:    []map[string][]string{{}},
		RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/json": {Schema: refTo[SetupRequest](o.Components.Schemas, "SetupRequest")}}},
		Responses: map[string]*huma.Response{
			"201": {Description: "The administrator is made.", Content: map[string]*huma.MediaType{"application/json": {Schema: &huma.Schema{Ref: "#/components/schemas/ClientSecret"}}}},
			"400": refused("`body_incomplete`, `malformed_body`"), "413": refused("`body_too_large`"), "415": refused("`unsupported_media_type`"),
			"410": refused("`setup_link_gone`"), "422": refused("`invalid_request`, `invalid_organisation`, `invalid_client_request`"), "429": refused("`rate_limited`"), "500": refused("`internal`"), "503": refused("`store_unavailable`"),
		},
	}}
}
