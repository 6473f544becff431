package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/webhook"
)

// WebhookEndpoint is an address that events are sent to.
type WebhookEndpoint struct {
	ID             string          `json:"id" example:"ep_01kb0q7m4b1s9v3d8r5x2c6e7f"`
	URL            string          `json:"url" example:"https://erp.example.com/paraph"`
	BusinessUnit   string          `json:"business_unit,omitempty" doc:"Only events of this business unit go there; absent: all."`
	Description    string          `json:"description,omitempty"`
	Types          []string        `json:"types" example:"[\"document.*\"]" doc:"Types of event, or beginnings with .* at their end; empty: all."`
	Condition      string          `json:"condition,omitempty"`
	Order          string          `json:"order" enum:"none,by_document,strict"`
	OnDead         string          `json:"on_dead" enum:"block,skip"`
	Rate           float64         `json:"rate" doc:"Attempts a second at most; 0: no limit."`
	TimeoutSeconds float64         `json:"timeout_seconds"`
	RetrySeconds   []float64       `json:"retry_seconds" doc:"Waits between attempts, without their jitter."`
	HeaderNames    []string        `json:"header_names" doc:"Names of the additional headers; their values are not shown."`
	Certificate    string          `json:"tls_certificate,omitempty" doc:"The client certificate that is shown to the endpoint (PEM)."`
	Enabled        bool            `json:"enabled"`
	DisabledAt     *time.Time      `json:"disabled_at,omitempty"`
	Code           string          `json:"disabled_code,omitempty" example:"gone" doc:"Why it takes nothing: by_owner, gone or failing."`
	Reason         string          `json:"disabled_reason,omitempty" doc:"The same for people."`
	Secrets        []WebhookSecret `json:"secrets" doc:"Those that sign at the moment, without their content."`
	Health         WebhookHealth   `json:"health"`
	CreatedAt      time.Time       `json:"created_at"`
	UpdatedAt      time.Time       `json:"updated_at"`
}

// WebhookSecret is what is told of a signing secret once it was shown.
type WebhookSecret struct {
	Number    int        `json:"number"`
	Signing   string     `json:"signing" enum:"hmac-sha256,ed25519"`
	PublicKey string     `json:"public_key,omitempty" example:"whpk_MCowBQYDK2VwAyEA3Yk6" doc:"Of ed25519."`
	CreatedAt time.Time  `json:"created_at"`
	ExpiresAt *time.Time `json:"expires_at,omitempty" doc:"Absent: it signs until it is rotated."`
}

// WebhookHealth is what waits for an endpoint, and how it fares.
type WebhookHealth struct {
	State        string     `json:"state" enum:"well,slowed,resting,blocked,disabled" doc:"resting: it failed too often, so nothing is sent but a probe now and then, which costs no event an attempt. blocked: a strict queue whose first event is dead."`
	Pending      int64      `json:"pending" doc:"Events that wait to be sent."`
	Dead         int64      `json:"dead" doc:"Events whose attempts are used up."`
	QueueFull    bool       `json:"queue_full" doc:"Newer events wait in the journal until there is room."`
	BlockedBy    string     `json:"blocked_by,omitempty" doc:"The event that a strict queue cannot pass."`
	FailedShare  *int       `json:"failed_percent,omitempty" doc:"Of the last 64 attempts; absent where there were fewer than 20."`
	Strikes      int        `json:"failures_in_a_row"`
	RestsUntil   *time.Time `json:"rests_until,omitempty"`
	LastSuccess  *time.Time `json:"last_success_at,omitempty"`
	LastFailure  *time.Time `json:"last_failure_at,omitempty"`
	FailingSince *time.Time `json:"failing_since,omitempty"`
}

func endpointOf(v *service.EndpointView) WebhookEndpoint {
	out := WebhookEndpoint{
		ID: v.ID, URL: v.URL, BusinessUnit: v.Unit, Description: v.Description, Types: append([]string{}, v.Types...), Condition: v.Condition, Order: string(v.Order),
		OnDead: string(v.OnDead), Rate: v.Rate, TimeoutSeconds: v.Timeout.Seconds(), RetrySeconds: []float64{}, HeaderNames: append([]string{}, v.Headers...),
		Certificate: v.Certificate, Enabled: v.Enabled, DisabledAt: at(v.DisabledAt), Code: v.DisabledBy, Reason: v.Reason,
		Secrets: []WebhookSecret{}, Health: healthOf(v), CreatedAt: v.CreatedAt, UpdatedAt: v.UpdatedAt,
	}
	for _, w := range v.Waits() {
		out.RetrySeconds = append(out.RetrySeconds, w.Seconds())
	}
	for _, s := range v.Secrets {
		out.Secrets = append(out.Secrets, WebhookSecret{Number: s.No, Signing: string(s.Signing), PublicKey: s.Public, CreatedAt: s.CreatedAt, ExpiresAt: at(s.ExpiresAt)})
	}
	return out
}

func healthOf(v *service.EndpointView) WebhookHealth {
	h := v.Queue.Health
	out := WebhookHealth{State: string(v.Standing()), Pending: v.Queue.Pending, Dead: v.Queue.Dead, QueueFull: v.Behind, BlockedBy: v.Blocked, Strikes: h.Strikes,
		LastSuccess: at(h.LastSuccess), LastFailure: at(h.LastFailure), FailingSince: at(h.FailingSince)}
	if share := h.Share(); share >= 0 {
		out.FailedShare = &share
	}
	if v.Resting() {
		out.RestsUntil = at(h.OpenUntil)
	}
	return out
}

// WebhookSettings are what can be said of an endpoint.
type WebhookSettings struct {
	URL            *string            `json:"url,omitempty" example:"https://erp.example.com/paraph" doc:"https, to a public address or a network that the operator allowed; http only to such a network."`
	BusinessUnit   *string            `json:"business_unit,omitempty" doc:"Only events of this business unit go there."`
	Description    *string            `json:"description,omitempty"`
	Types          *[]string          `json:"types,omitempty" example:"[\"document.*\"]" doc:"Types of event, or beginnings with .* at their end. Default: all."`
	Condition      *string            `json:"condition,omitempty" example:"event.data.document_type == 'purchase_order'" doc:"An expression (CEL) over event that is true for what is wanted. What it costs is bounded; an event on which it cannot be decided is not sent."`
	Order          *string            `json:"order,omitempty" enum:"none,by_document,strict" doc:"none sends whatever is due; by_document sends the events of one document one after another; strict sends one event after another. Default: none."`
	OnDead         *string            `json:"on_dead,omitempty" enum:"block,skip" doc:"What a strict queue does when the event at its head is dead. Default: block."`
	Rate           *float64           `json:"rate,omitempty" doc:"Attempts a second at most; 0: no limit."`
	TimeoutSeconds *float64           `json:"timeout_seconds,omitempty" doc:"How long it may take to answer, 1 to 30. Default: 15."`
	RetrySeconds   *[]float64         `json:"retry_seconds,omitempty" doc:"Waits between attempts. Default: 5 seconds, 5 minutes, 30 minutes, 2, 5, 10, 14, 20 and 24 hours."`
	Headers        *map[string]string `json:"headers,omitempty" doc:"Additional headers, kept encrypted. They replace those before."`
	Certificate    *string            `json:"tls_certificate,omitempty" doc:"A client certificate (PEM), with its key. Two empty texts take it away."`
	TLSKey         *string            `json:"tls_key,omitempty" doc:"The key of the certificate (PEM), kept encrypted."`
}

func (w *WebhookSettings) settings() service.EndpointSettings {
	out := service.EndpointSettings{URL: w.URL, Unit: w.BusinessUnit, Description: w.Description, Types: w.Types, Condition: w.Condition, Rate: w.Rate,
		Order: (*webhook.Order)(w.Order), OnDead: (*webhook.OnDead)(w.OnDead), Headers: w.Headers, Certificate: w.Certificate, TLSKey: w.TLSKey}
	if w.TimeoutSeconds != nil {
		d := seconds(*w.TimeoutSeconds)
		out.Timeout = &d
	}
	if w.RetrySeconds != nil {
		waits := make([]time.Duration, len(*w.RetrySeconds))
		for i, s := range *w.RetrySeconds {
			waits[i] = seconds(s)
		}
		out.Retries = &waits
	}
	return out
}

// seconds gives a duration of at most a year, so that none overflows.
func seconds(s float64) time.Duration {
	const year = 365 * 24 * 3600
	return time.Duration(max(-year, min(s, year)) * float64(time.Second))
}

// EndpointPath is the path parameter of one endpoint.
type EndpointPath struct {
	ID string `path:"id" maxLength:"64" example:"ep_01kb0q7m4b1s9v3d8r5x2c6e7f" doc:"Id of the endpoint."`
}

func (a *api) webhooks() {
	const tag, base = "webhooks", "/v1/webhook-endpoints"
	handle(a, route{id: "createWebhookEndpoint", method: http.MethodPost, path: base, tag: tag, does: access.WriteWebhook, status: http.StatusCreated,
		summary: "Make an endpoint for events", about: "It hears of every event from its making on. The answer holds its secret, which is shown this once: a repeated request answers 409 result_not_repeatable. What is sent is signed by Standard Webhooks.",
		codes: []string{"invalid_endpoint", "too_many_endpoints", "not_found", "result_not_repeatable"}}, a.createEndpoint)
	handle(a, route{id: "listWebhookEndpoints", method: http.MethodGet, path: base, tag: tag, does: access.ReadWebhook,
		summary: "List endpoints", about: "Newest first, each with what waits for it and how it fares."}, a.listEndpoints)
	handle(a, route{id: "getWebhookEndpoint", method: http.MethodGet, path: base + "/{id}", tag: tag, does: access.ReadWebhook,
		summary: "Get an endpoint", about: "With what waits for it and how it fares.", codes: []string{"not_found"}}, a.getEndpoint)
	handle(a, route{id: "changeWebhookEndpoint", method: http.MethodPatch, path: base + "/{id}", tag: tag, does: access.WriteWebhook,
		summary: "Change, enable or disable an endpoint", about: "What is left out stays as it is. A disabled endpoint keeps its queue and goes on hearing of events.", codes: []string{"not_found", "invalid_endpoint", "stale"}}, a.changeEndpoint)
	handle(a, route{id: "deleteWebhookEndpoint", method: http.MethodDelete, path: base + "/{id}", tag: tag, does: access.WriteWebhook,
		summary: "Delete an endpoint", about: "With everything that waits for it.", codes: []string{"not_found"}}, a.deleteEndpoint)
	handle(a, route{id: "rotateWebhookSecret", method: http.MethodPost, path: base + "/{id}/secrets", tag: tag, does: access.WriteWebhook, status: http.StatusCreated,
		summary: "Rotate an endpoint's secret", about: "The secrets before sign too until the overlap is over, so that the receiver can change in its own time.",
		codes: []string{"not_found", "invalid_endpoint", "too_many_secrets", "result_not_repeatable"}}, a.rotateSecret)
	handle(a, route{id: "testWebhookEndpoint", method: http.MethodPost, path: base + "/{id}/test", tag: tag, does: access.WriteWebhook, status: http.StatusAccepted,
		summary: "Send a test event", about: "An event webhook.test that goes to this endpoint only, whatever types it wants.", codes: []string{"not_found"}}, a.testEndpoint)
	handle(a, route{id: "createWebhookPortalLink", method: http.MethodPost, path: "/v1/webhook-portal-links", tag: tag, does: access.ReadWebhook, status: http.StatusCreated,
		summary: "Make a link to the page of endpoints", about: "For a customer to the endpoints that are named, or for an operator to all that the caller may see. Whoever has the link needs no account. It can do no more than the caller.",
		codes: []string{"not_found", "invalid_portal", "result_not_repeatable"}}, a.createPortalLink)
	a.deliveries(tag, base)
}

// NewWebhookEndpoint is what an endpoint is made of.
type NewWebhookEndpoint struct {
	WebhookSettings
	Signing string `json:"signing,omitempty" enum:"hmac-sha256,ed25519" doc:"Default: hmac-sha256."`
	Secret  string `json:"secret,omitempty" maxLength:"200" doc:"A secret to be used: whsec_ and then 24 to 64 bytes in base 64, or whsk_ and then an Ed25519 private key. Default: a new one."`
}

type createEndpointInput struct {
	Keyed
	Body NewWebhookEndpoint
}

// NewSecret is an endpoint with its new secret.
type NewSecret struct {
	Endpoint  WebhookEndpoint `json:"endpoint"`
	Secret    string          `json:"secret,omitempty" example:"whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD" doc:"Shown once. Absent for ed25519, where the public key is all that the receiver needs."`
	PublicKey string          `json:"public_key,omitempty" doc:"Of ed25519."`
	OldUntil  *time.Time      `json:"old_secrets_expire_at,omitempty" doc:"Until when the secrets before sign too."`
}

type newSecretOutput struct {
	Replayed
	Body NewSecret
}

func (a *api) createEndpoint(ctx context.Context, in *createEndpointInput) (*newSecretOutput, error) {
	signing := webhook.Signing(in.Body.Signing)
	if signing == "" {
		signing = webhook.HMAC
	}
	out, err := a.Service.CreateEndpoint(ctx, callOf(ctx), in.Body.settings(), signing, in.Body.Secret)
	if err != nil {
		return nil, err
	}
	return a.newSecret(ctx, out.Value)
}

func (a *api) newSecret(ctx context.Context, s service.EndpointSecret) (*newSecretOutput, error) {
	v, err := a.Service.EndpointOf(ctx, actorOf(ctx), s.Endpoint.ID)
	if err != nil {
		return nil, err
	}
	return &newSecretOutput{Body: NewSecret{Endpoint: endpointOf(&v), Secret: s.Secret, PublicKey: s.Public, OldUntil: at(s.OldUntil)}}, nil
}

func (a *api) listEndpoints(ctx context.Context, in *Paged) (*Listed[WebhookEndpoint], error) {
	rows, err := a.Service.EndpointsOf(ctx, actorOf(ctx), in.After, in.want())
	if err != nil {
		return nil, err
	}
	return pageOf(rows, *in, endpointOf, func(v *service.EndpointView) string { return v.ID }), nil
}

type endpointOutput struct {
	Replayed
	Body WebhookEndpoint
}

func (a *api) endpoint(ctx context.Context, id string, again bool) (*endpointOutput, error) {
	v, err := a.Service.EndpointOf(ctx, actorOf(ctx), id)
	if err != nil {
		return nil, err
	}
	return &endpointOutput{Replayed: replayed(again), Body: endpointOf(&v)}, nil
}

func (a *api) getEndpoint(ctx context.Context, in *EndpointPath) (*struct{ Body WebhookEndpoint }, error) {
	out, err := a.endpoint(ctx, in.ID, false)
	if err != nil {
		return nil, err
	}
	return &struct{ Body WebhookEndpoint }{out.Body}, nil
}

// WebhookChange is what may be changed of an endpoint.
type WebhookChange struct {
	WebhookSettings
	Enabled *bool `json:"enabled,omitempty" doc:"false: nothing is sent, and the queue is kept. true: it is tried at once, whatever was before."`
}

type changeEndpointInput struct {
	EndpointPath
	Keyed
	Body WebhookChange
}

func (a *api) changeEndpoint(ctx context.Context, in *changeEndpointInput) (*endpointOutput, error) {
	out, err := a.Service.UpdateEndpoint(ctx, callOf(ctx), in.ID, in.Body.settings(), in.Body.Enabled)
	if err != nil {
		return nil, err
	}
	return a.endpoint(ctx, in.ID, out.Replayed)
}

type keyedEndpoint struct {
	EndpointPath
	Keyed
}

func (a *api) deleteEndpoint(ctx context.Context, in *keyedEndpoint) (*endpointOutput, error) {
	out, err := a.Service.DeleteEndpoint(ctx, callOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	v := service.EndpointView{Endpoint: out.Value, Queue: webhook.Queue{Blocked: -1, Behind: -1}}
	return &endpointOutput{Replayed: replayed(out.Replayed), Body: endpointOf(&v)}, nil
}

// SecretRotation is how a secret is replaced.
type SecretRotation struct {
	Signing        string   `json:"signing,omitempty" enum:"hmac-sha256,ed25519" doc:"Default: as before."`
	Secret         string   `json:"secret,omitempty" maxLength:"200" doc:"A secret to be used. Default: a new one."`
	OverlapSeconds *float64 `json:"overlap_seconds,omitempty" doc:"How long the secrets before sign too; 0: they run out at once. Default: 24 hours; 30 days at most."`
}

type rotateSecretInput struct {
	EndpointPath
	Keyed
	Body SecretRotation
}

func (a *api) rotateSecret(ctx context.Context, in *rotateSecretInput) (*newSecretOutput, error) {
	overlap := service.DefaultOverlap
	if in.Body.OverlapSeconds != nil {
		overlap = seconds(*in.Body.OverlapSeconds)
	}
	out, err := a.Service.RotateSecret(ctx, callOf(ctx), in.ID, service.Rotation{Signing: webhook.Signing(in.Body.Signing), Secret: in.Body.Secret, Overlap: overlap})
	if err != nil {
		return nil, err
	}
	return a.newSecret(ctx, out.Value)
}

// SentEvent names an event that is being sent.
type SentEvent struct {
	EventID string `json:"event_id" example:"evt_01kb0q7m4b1s9v3d8r5x2c6e7f" doc:"Its delivery is under the endpoint's deliveries."`
}

type sentOutput struct {
	Replayed
	Body SentEvent
}

func (a *api) testEndpoint(ctx context.Context, in *keyedEndpoint) (*sentOutput, error) {
	out, err := a.Service.TestEndpoint(ctx, callOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return &sentOutput{Replayed: replayed(out.Replayed), Body: SentEvent{out.Value}}, nil
}

// PortalRequest says what a link to the page of endpoints shows.
type PortalRequest struct {
	EndpointIDs *[]string `json:"endpoint_ids,omitempty" doc:"What it shows; absent: all that the caller may see."`
	MayWrite    bool      `json:"may_write,omitempty" doc:"Whether events can be sent anew or skipped with it, and endpoints enabled."`
	Lifetime    *float64  `json:"lifetime_seconds,omitempty" doc:"A minute to seven days. Default: an hour."`
}

// PortalLink is a link to the page of endpoints.
type PortalLink struct {
	URL       string    `json:"url" doc:"Shown once."`
	ExpiresAt time.Time `json:"expires_at"`
}

type createPortalInput struct {
	Keyed
	Body PortalRequest
}

func (a *api) createPortalLink(ctx context.Context, in *createPortalInput) (*struct{ Body PortalLink }, error) {
	var endpoints []string
	if in.Body.EndpointIDs != nil {
		endpoints = append([]string{}, *in.Body.EndpointIDs...)
	}
	lifetime := time.Duration(0)
	if in.Body.Lifetime != nil {
		lifetime = seconds(*in.Body.Lifetime)
	}
	out, err := a.Service.OpenPortal(ctx, callOf(ctx), endpoints, in.Body.MayWrite, lifetime)
	if err != nil {
		return nil, err
	}
	// Behind # it reaches no server's log; the page hands it over itself.
	return &struct{ Body PortalLink }{PortalLink{URL: a.PublicURL + "/console/webhooks#" + out.Value.Token, ExpiresAt: out.Value.ExpiresAt}}, nil
}
