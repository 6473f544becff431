package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/hook"
	"github.com/paraph/paraph/internal/service"
)

// hookAnswer writes what the service decided.
type hookAnswer struct{ service.HookReply }

func (h hookAnswer) write(w http.ResponseWriter) {
	media, body := h.Answer.MediaType, []byte(h.Answer.Body)
	status := h.Answer.Status
	if status == 0 || h.Outcome != service.HookStored { // what is known already, or was only asked, is 200
		status = http.StatusOK
	}
	if r := h.Reply; r != nil {
		for name, value := range r.Header {
			w.Header().Set(name, value)
		}
		if r.Body != nil {
			media, body = r.MediaType, r.Body
		}
	}
	if h.Answer.Quiet || len(body) == 0 {
		w.WriteHeader(status)
		return
	}
	w.Header().Set("Content-Type", media)
	w.WriteHeader(status)
	writeBody(w, body)
}

// HookSource is a system that may send events in.
type HookSource struct {
	ID        string       `json:"id" example:"hks_01kb0q7m4b1s9v3d8r5x2c6e7f"`
	URL       string       `json:"url" doc:"Where the sender sends to." example:"https://paraph.example.com/v1/hooks/hks_01kb0q7m4b1s9v3d8r5x2c6e7f"`
	Name      string       `json:"name" example:"DocuSign production"`
	Unit      string       `json:"business_unit,omitempty" doc:"Absent: it belongs to the whole organisation."`
	Preset    string       `json:"preset" example:"docusign" doc:"The preset its scheme was made of, or custom."`
	Scheme    hook.Scheme  `json:"scheme"`
	Trust     hook.Trust   `json:"trust" enum:"payload,hint" doc:"payload: what is sent can be acted on. hint: the facts are fetched first."`
	Tolerance int          `json:"tolerance_seconds" doc:"How far a signed time may lie from ours."`
	Action    HookAction   `json:"action"`
	Fetch     *HookFetch   `json:"fetch,omitempty"`
	Disabled  bool         `json:"disabled" doc:"Requests are answered 503, so that the sender tries again."`
	Secrets   []HookSecret `json:"secrets,omitempty" doc:"Of one source: those in force, without their values."`
	CreatedAt time.Time    `json:"created_at"`
	UpdatedAt time.Time    `json:"updated_at"`
}

// HookAction is what the events of a source do.
type HookAction struct {
	Command string `json:"command,omitempty" enum:"document.create,document.update,task.decide,envelope.send" doc:"Absent: nothing; the events are there for whoever reads them."`
	Client  string `json:"client_id,omitempty" doc:"The client as which they act: its scopes and business units bound what they can do."`
	Map     string `json:"map,omitempty" doc:"A jq program that makes the command's data: its input holds event, headers, type, id and source; of a hint fact instead of the first three. null or nothing: the event does nothing. Default: .event, or .fact"`
}

// HookFetch says where the facts of a hint are.
type HookFetch struct {
	URL    string `json:"url" example:"https://api.hellosign.com/v3/signature_request/{form:json#/signature_request/signature_request_id}" doc:"A template; its values are places in the event. The answer is JSON."`
	Header string `json:"header,omitempty" example:"Authorization" doc:"The header that carries the credential."`
	Value  string `json:"value,omitempty" writeOnly:"true" doc:"The credential. It is kept sealed and never shown."`
}

// HookSecret is a secret of a source, without its value.
type HookSecret struct {
	ID        string       `json:"id" example:"hsec_01kb0q7m4b1s9v3d8r5x2c6e7f"`
	Purpose   hook.Purpose `json:"purpose" enum:"verify,fetch"`
	CreatedAt time.Time    `json:"created_at"`
	ExpiresAt *time.Time   `json:"expires_at,omitempty" doc:"When it stops counting; absent: until it is ended."`
}

// HookSourceSecret is a source with the secret that was made for it.
type HookSourceSecret struct {
	Source HookSource `json:"source"`
	Secret string     `json:"secret,omitempty" doc:"Shown once; absent where you sent it."`
	ID     string     `json:"secret_id"`
}

func (a *api) hookSourceOf(s *hook.Source) HookSource {
	out := HookSource{
		ID: s.ID, URL: a.PublicURL + "/v1/hooks/" + s.ID, Name: s.Name, Unit: s.Unit, Preset: s.Preset, Scheme: s.Scheme, Trust: s.Trust,
		Tolerance: int(s.Tolerance.Seconds()), Action: HookAction{s.Command, s.Client, s.Program}, Disabled: s.Disabled, CreatedAt: s.CreatedAt, UpdatedAt: s.UpdatedAt,
	}
	if s.Fetch != nil {
		out.Fetch = &HookFetch{URL: s.Fetch.URL, Header: s.Fetch.Header}
	}
	return out
}

func hookSecretOf(s *hook.Secret) HookSecret {
	return HookSecret{ID: s.ID, Purpose: s.Purpose, CreatedAt: s.CreatedAt, ExpiresAt: at(s.ExpiresAt)}
}

// HookPreset is the scheme of a known sender.
type HookPreset struct {
	Name     string      `json:"name" example:"docusign"`
	Title    string      `json:"title"`
	About    string      `json:"about" doc:"What whoever sets it up has to know."`
	Verified bool        `json:"verified" doc:"It is held to a request whose secret, body and signature somebody else published."`
	Vector   string      `json:"vector,omitempty" doc:"Where that request was published: repository and file."`
	Trust    hook.Trust  `json:"trust" enum:"payload,hint"`
	Scheme   hook.Scheme `json:"scheme"`
}

func (a *api) hooks() {
	const tag = "hooks"
	handle(a, route{id: "listHookPresets", method: http.MethodGet, path: "/v1/hook-presets", tag: tag, does: access.ManageSettings,
		summary: "List the schemes of known senders", about: "A source names one of them, or brings a scheme of its own."}, a.listHookPresets)
	handle(a, route{id: "createHookSource", method: http.MethodPost, path: "/v1/hook-sources", tag: tag, does: access.ManageSettings, status: http.StatusCreated,
		summary: "Set up a source of webhooks", about: "With the secret that the sender shows, or without one: then it is made and shown this once, and a repeated request answers 409 result_not_repeatable.",
		codes: []string{"invalid_hook_source", "bad_secret", "bad_mapping", "mapping_unavailable", "result_not_repeatable"}}, a.createHookSource)
	handle(a, route{id: "listHookSources", method: http.MethodGet, path: "/v1/hook-sources", tag: tag, does: access.ManageSettings,
		summary: "List sources of webhooks", about: "Oldest first."}, a.listHookSources)
	handle(a, route{id: "getHookSource", method: http.MethodGet, path: "/v1/hook-sources/{id}", tag: tag, does: access.ManageSettings,
		summary: "Get a source of webhooks", about: "With its secrets, but not their values.", codes: []string{"not_found"}}, a.getHookSource)
	handle(a, route{id: "changeHookSource", method: http.MethodPatch, path: "/v1/hook-sources/{id}", tag: tag, does: access.ManageSettings,
		summary: "Change a source of webhooks", about: "Members that are not sent stay. Events that came in before are processed as the source is then.",
		codes: []string{"not_found", "invalid_hook_source", "bad_secret", "bad_mapping", "mapping_unavailable"}}, a.changeHookSource)
	handle(a, route{id: "removeHookSource", method: http.MethodDelete, path: "/v1/hook-sources/{id}", tag: tag, does: access.ManageSettings,
		summary: "Remove a source of webhooks", about: "With its secrets. What it sent before stays; what still waits goes into quarantine.", codes: []string{"not_found"}}, a.removeHookSource)
	handle(a, route{id: "addHookSecret", method: http.MethodPost, path: "/v1/hook-sources/{id}/secrets", tag: tag, does: access.ManageSettings, status: http.StatusCreated,
		summary: "Give a source another secret", about: "Those before it count for the overlap still, so that the sender can be told in between. Without a secret one is made and shown this once.",
		codes: []string{"not_found", "bad_secret", "too_many_secrets", "result_not_repeatable"}}, a.addHookSecret)
	handle(a, route{id: "endHookSecret", method: http.MethodDelete, path: "/v1/hook-sources/{id}/secrets/{secret_id}", tag: tag, does: access.ManageSettings,
		summary: "End a secret at once", about: "Requests that are proven with it are refused from now on.", codes: []string{"not_found"}}, a.endHookSecret)
}

func (a *api) listHookPresets(context.Context, *struct{}) (*struct{ Body Items[HookPreset] }, error) {
	return itemsOf(hook.Presets(), func(p *hook.Preset) HookPreset {
		return HookPreset{Name: p.Name, Title: p.Title, About: p.About, Verified: p.Vector != "", Vector: p.Vector, Trust: p.Trust, Scheme: p.Scheme}
	}), nil
}

// HookSourceChange is what may be said of a source; what is left out stays, or is the preset's.
type HookSourceChange struct {
	Name      *string      `json:"name,omitempty" example:"DocuSign production"`
	Unit      *string      `json:"business_unit,omitempty"`
	Preset    string       `json:"preset,omitempty" example:"docusign"`
	Scheme    *hook.Scheme `json:"scheme,omitempty" doc:"Instead of a preset's."`
	Trust     *hook.Trust  `json:"trust,omitempty" enum:"payload,hint" doc:"Default: payload where the signature covers the body. A token's holder can be believed; what a signature leaves out cannot."`
	Tolerance *int         `json:"tolerance_seconds,omitempty" minimum:"1" maximum:"3600"`
	Action    *HookChange  `json:"action,omitempty"`
	Fetch     *HookFetch   `json:"fetch,omitempty" doc:"With an empty url: facts are not fetched any more."`
	Disabled  *bool        `json:"disabled,omitempty"`
}

// HookChange is what may be said of a source's action.
type HookChange struct {
	Command *string `json:"command,omitempty" doc:"document.create, document.update, task.decide, envelope.send, or empty for none."`
	Client  *string `json:"client_id,omitempty"`
	Map     *string `json:"map,omitempty"`
}

func (c *HookSourceChange) setting() service.SourceSetting {
	in := service.SourceSetting{Unit: c.Unit, Name: c.Name, Preset: c.Preset, Scheme: c.Scheme, Trust: c.Trust, Disabled: c.Disabled}
	if c.Tolerance != nil {
		d := time.Duration(*c.Tolerance) * time.Second
		in.Tolerance = &d
	}
	if c.Action != nil {
		in.Command, in.Client, in.Program = c.Action.Command, c.Action.Client, c.Action.Map
	}
	if c.Fetch != nil {
		in.Fetch, in.FetchSecret = &hook.Fetch{URL: c.Fetch.URL, Header: c.Fetch.Header}, c.Fetch.Value
	}
	return in
}

// HookSourceRequest is what a source is made of.
type HookSourceRequest struct {
	HookSourceChange
	Secret string `json:"secret,omitempty" doc:"As the sender shows it: a text, or a public key in PEM or base 64. Absent: one is made."`
}

type createHookSourceInput struct {
	Keyed
	Body HookSourceRequest
}

func (a *api) hookSecretShown(v service.SourceSecret) *struct{ Body HookSourceSecret } {
	return &struct{ Body HookSourceSecret }{HookSourceSecret{Source: a.hookSourceOf(&v.Source), Secret: v.Shown, ID: v.Secret.ID}}
}

func (a *api) createHookSource(ctx context.Context, in *createHookSourceInput) (*struct{ Body HookSourceSecret }, error) {
	out, err := a.Service.CreateHookSource(ctx, callOf(ctx), in.Body.setting(), in.Body.Secret)
	if err != nil {
		return nil, err
	}
	return a.hookSecretShown(out.Value), nil
}

func (a *api) listHookSources(ctx context.Context, _ *struct{}) (*struct{ Body Items[HookSource] }, error) {
	rows, err := a.Service.HookSources(ctx, actorOf(ctx))
	if err != nil {
		return nil, err
	}
	return itemsOf(rows, a.hookSourceOf), nil
}

// HookSourcePath is the path parameter of one source.
type HookSourcePath struct {
	ID string `path:"id" maxLength:"64" example:"hks_01kb0q7m4b1s9v3d8r5x2c6e7f" doc:"Id of the source."`
}

type oneHookSource struct {
	Replayed
	Body HookSource
}

func (a *api) getHookSource(ctx context.Context, in *HookSourcePath) (*oneHookSource, error) {
	src, secrets, err := a.Service.HookSource(ctx, actorOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	out := &oneHookSource{Body: a.hookSourceOf(&src)}
	out.Body.Secrets = itemsOf(secrets, hookSecretOf).Body.Items
	return out, nil
}

type changeHookSourceInput struct {
	HookSourcePath
	Keyed
	Body HookSourceChange
}

func (a *api) changeHookSource(ctx context.Context, in *changeHookSourceInput) (*oneHookSource, error) {
	out, err := a.Service.ChangeHookSource(ctx, callOf(ctx), in.ID, in.Body.setting())
	if err != nil {
		return nil, err
	}
	return &oneHookSource{Replayed: replayed(out.Replayed), Body: a.hookSourceOf(&out.Value)}, nil
}

type removeHookSourceInput struct {
	HookSourcePath
	Keyed
}

func (a *api) removeHookSource(ctx context.Context, in *removeHookSourceInput) (*oneHookSource, error) {
	out, err := a.Service.RemoveHookSource(ctx, callOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return &oneHookSource{Replayed: replayed(out.Replayed), Body: a.hookSourceOf(&out.Value)}, nil
}

// HookSecretRequest is what a further secret is made of.
type HookSecretRequest struct {
	Secret  string `json:"secret,omitempty" doc:"Absent: one is made."`
	Overlap int    `json:"overlap_seconds,omitempty" minimum:"0" maximum:"2592000" example:"86400" doc:"How long those before it count still."`
}

type addHookSecretInput struct {
	HookSourcePath
	Keyed
	Body HookSecretRequest
}

func (a *api) addHookSecret(ctx context.Context, in *addHookSecretInput) (*struct{ Body HookSourceSecret }, error) {
	out, err := a.Service.AddHookSecret(ctx, callOf(ctx), in.ID, in.Body.Secret, time.Duration(in.Body.Overlap)*time.Second)
	if err != nil {
		return nil, err
	}
	return a.hookSecretShown(out.Value), nil
}

type endHookSecretInput struct {
	HookSourcePath
	SecretID string `path:"secret_id" maxLength:"64" example:"hsec_01kb0q7m4b1s9v3d8r5x2c6e7f" doc:"Id of the secret."`
	Keyed
}

type oneHookSecret struct {
	Replayed
	Body HookSecret
}

func (a *api) endHookSecret(ctx context.Context, in *endHookSecretInput) (*oneHookSecret, error) {
	out, err := a.Service.EndHookSecret(ctx, callOf(ctx), in.ID, in.SecretID)
	if err != nil {
		return nil, err
	}
	return &oneHookSecret{Replayed: replayed(out.Replayed), Body: hookSecretOf(&out.Value)}, nil
}
