package httpapi

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/event"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/webhook"
)

// Delivery is one event on its way to one endpoint.
type Delivery struct {
	EventID    string     `json:"event_id" example:"evt_01kb0q7m4b1s9v3d8r5x2c6e7f" doc:"Also the webhook-id of all its requests."`
	Type       string     `json:"type" example:"document.signed"`
	DocumentID string     `json:"document_id,omitempty"`
	HappenedAt time.Time  `json:"time" doc:"When it happened."`
	State      string     `json:"state" enum:"pending,delivered,dead,skipped"`
	Attempts   int        `json:"attempts" doc:"All of them, probes included."`
	NextAt     *time.Time `json:"next_attempt_at,omitempty" doc:"Of one that waits for its time; absent: in its turn."`
	EndedAt    *time.Time `json:"ended_at,omitempty"`
	Status     int        `json:"last_status,omitempty" doc:"HTTP status of the last answer."`
	Code       string     `json:"code,omitempty" example:"timed_out" doc:"Why the last attempt failed."`
}

func deliveryOf(v *service.DeliveryView) Delivery {
	out := Delivery{EventID: v.Entry.ID, Type: string(v.Entry.Kind), DocumentID: v.Entry.DocumentID, HappenedAt: v.Entry.At, State: v.State.String(),
		Attempts: v.Tries, EndedAt: at(v.Ended), Status: v.Status, Code: v.Code}
	if v.State == webhook.Pending {
		out.NextAt = at(v.Next)
	}
	return out
}

// Attempt is one request of a delivery.
type Attempt struct {
	Number  int       `json:"number"`
	At      time.Time `json:"time"`
	TookMS  float64   `json:"took_ms"`
	Status  int       `json:"status,omitempty" doc:"Of the answer; absent: none came."`
	Code    string    `json:"code,omitempty" doc:"Why it failed."`
	Reason  string    `json:"reason,omitempty" doc:"The same for people."`
	Probe   bool      `json:"probe,omitempty" doc:"Made to find out whether the endpoint is back; it cost the event no attempt."`
	Headers *Object   `json:"answer_headers,omitempty"`
	Answer  string    `json:"answer,omitempty" doc:"The first 4 KB."`
	Cut     bool      `json:"answer_cut,omitempty" doc:"The answer was longer, or did not end in time."`
}

// DeliveryDetail is a delivery with what is sent and every attempt.
type DeliveryDetail struct {
	Delivery
	Headers map[string]string `json:"request_headers" doc:"Those that are the same each time; the signature and its time are not."`
	Body    string            `json:"request_body,omitempty" doc:"The same bytes each time; absent where the event's document was disposed of."`
	History []Attempt         `json:"history"`
}

func wholeDelivery(v *service.DeliveryDetail) DeliveryDetail {
	out := DeliveryDetail{Delivery: deliveryOf(&v.DeliveryView), History: []Attempt{}, Headers: map[string]string{"Content-Type": event.MediaType, webhook.HeaderID: v.Entry.ID}}
	for _, name := range v.Endpoint.Headers {
		out.Headers[name] = "…"
	}
	if !v.Entry.Erased() {
		body, _ := event.Render(v.Form.Form, &v.Entry, v.Form.Source)
		out.Body = string(body)
	}
	for _, t := range v.Attempts {
		one := Attempt{Number: t.No, At: t.At, TookMS: float64(t.Took.Microseconds()) / 1000, Status: t.Status, Code: t.Code, Reason: t.Reason, Probe: t.Probe, Answer: strings.ToValidUTF8(string(t.Answer), "\ufffd"), Cut: t.Cut}
		if len(t.Header) > 0 {
			h := Object(t.Header)
			one.Headers = &h
		}
		out.History = append(out.History, one)
	}
	return out
}

// WebhookReplay is past events on their way to an endpoint once more.
type WebhookReplay struct {
	ID         string     `json:"id" example:"rpl_01kb0q7m4b1s9v3d8r5x2c6e7f"`
	Which      string     `json:"which" enum:"dead,missing,all"`
	State      string     `json:"state" enum:"running,succeeded,failed"`
	Progress   Progress   `json:"progress" doc:"Places of the log that were gone through."`
	Deliveries int64      `json:"deliveries" doc:"How many it made."`
	Waiting    string     `json:"waiting,omitempty" doc:"Why it stands still."`
	Reason     string     `json:"reason,omitempty" doc:"Why it failed."`
	CreatedAt  time.Time  `json:"created_at"`
	EndedAt    *time.Time `json:"ended_at,omitempty"`
}

func replayOf(r *webhook.Replay) WebhookReplay {
	return WebhookReplay{ID: r.ID, Which: string(r.Which), State: r.State, Progress: Progress{Step: "send", Done: int(max(r.Place, 0) - r.From), Total: int(r.End - r.From)},
		Deliveries: r.Made, Waiting: r.Waiting, Reason: r.Reason, CreatedAt: r.Created, EndedAt: at(r.Ended)}
}

func (a *api) deliveries(tag, base string) {
	one := base + "/{id}/deliveries/{event}"
	handle(a, route{id: "listWebhookDeliveries", method: http.MethodGet, path: base + "/{id}/deliveries", tag: tag, does: access.ReadWebhook,
		summary: "List deliveries of an endpoint", about: "Newest event first; dead ones with state=dead.", codes: []string{"not_found", "bad_cursor"}}, a.listDeliveries)
	handle(a, route{id: "getWebhookDelivery", method: http.MethodGet, path: one, tag: tag, does: access.ReadWebhook,
		summary: "Get a delivery with its attempts", about: "What is sent, and each attempt with its answer.", codes: []string{"not_found"}}, a.getDelivery)
	handle(a, route{id: "redriveWebhookDelivery", method: http.MethodPost, path: one + "/redrive", tag: tag, does: access.WriteWebhook, status: http.StatusAccepted,
		summary: "Send an event anew", about: "With the same id and the same bytes, whatever became of it before. It has all its attempts again.", codes: []string{"not_found", "delivery_pending", "document_disposed"}}, a.redriveDelivery)
	handle(a, route{id: "skipWebhookDelivery", method: http.MethodPost, path: one + "/skip", tag: tag, does: access.WriteWebhook,
		summary: "Give up an event", about: "One that waits or is dead. A strict queue that it blocks goes on behind it.", codes: []string{"not_found", "delivery_ended", "stale"}}, a.skipDelivery)
	handle(a, route{id: "startWebhookReplay", method: http.MethodPost, path: base + "/{id}/replays", tag: tag, does: access.WriteWebhook, status: http.StatusAccepted,
		summary: "Send past events", about: "Those that are dead (a redrive), those that were never sent, or all, of a span of time, of some types, by a condition, or named. It goes on in the background and survives a restart.",
		codes: []string{"not_found", "invalid_replay", "too_many_replays"}}, a.startReplay)
	handle(a, route{id: "listWebhookReplays", method: http.MethodGet, path: base + "/{id}/replays", tag: tag, does: access.ReadWebhook,
		summary: "List replays of an endpoint", about: "Newest first.", codes: []string{"not_found"}}, a.listReplays)
	handle(a, route{id: "getWebhookReplay", method: http.MethodGet, path: base + "/{id}/replays/{replay}", tag: tag, does: access.ReadWebhook,
		summary: "Get a replay, or wait for its end", about: "With `Prefer: wait=10` the answer is held back until it has ended, or for so many seconds. It has ended when all deliveries are made; how each fares is under the endpoint's deliveries.", codes: []string{"not_found"}}, a.getReplay)
}

type listDeliveriesInput struct {
	EndpointPath
	Limit int    `query:"limit" minimum:"1" maximum:"100" default:"50" doc:"Items of a page."`
	After string `query:"after" maxLength:"64" example:"evt_01kb0q7m4b1s9v3d8r5x2c6e7f" doc:"The next of the page before."`
	State string `query:"state" enum:"pending,delivered,dead,skipped"`
}

func (a *api) listDeliveries(ctx context.Context, in *listDeliveriesInput) (*Listed[Delivery], error) {
	p := Paged{Limit: in.Limit, After: in.After}
	rows, err := a.Service.Deliveries(ctx, actorOf(ctx), in.ID, service.DeliveryQuery{State: in.State, Before: in.After, Limit: p.want()})
	if err != nil {
		return nil, err
	}
	return pageOf(rows, p, deliveryOf, func(v *service.DeliveryView) string { return v.Entry.ID }), nil
}

// DeliveryPath names a delivery: endpoint and event.
type DeliveryPath struct {
	EndpointPath
	Event string `path:"event" maxLength:"64" example:"evt_01kb0q7m4b1s9v3d8r5x2c6e7f" doc:"Id of the event."`
}

func (a *api) getDelivery(ctx context.Context, in *DeliveryPath) (*struct{ Body DeliveryDetail }, error) {
	v, err := a.Service.DeliveryOf(ctx, actorOf(ctx), in.ID, in.Event)
	if err != nil {
		return nil, err
	}
	return &struct{ Body DeliveryDetail }{wholeDelivery(&v)}, nil
}

type keyedDelivery struct {
	DeliveryPath
	Keyed
}

type deliveryOutput struct {
	Replayed
	Body Delivery
}

func (a *api) redriveDelivery(ctx context.Context, in *keyedDelivery) (*deliveryOutput, error) {
	out, err := a.Service.Redrive(ctx, callOf(ctx), in.ID, in.Event)
	if err != nil {
		return nil, err
	}
	return &deliveryOutput{Replayed: replayed(out.Replayed), Body: deliveryOf(&out.Value)}, nil
}

func (a *api) skipDelivery(ctx context.Context, in *keyedDelivery) (*deliveryOutput, error) {
	out, err := a.Service.SkipDelivery(ctx, callOf(ctx), in.ID, in.Event)
	if err != nil {
		return nil, err
	}
	return &deliveryOutput{Replayed: replayed(out.Replayed), Body: deliveryOf(&out.Value)}, nil
}

// ReplayRequest says which past events are sent.
type ReplayRequest struct {
	Which     string     `json:"which,omitempty" enum:"dead,missing,all" doc:"dead: those whose attempts are used up. missing: those of which no delivery was ever made. all: every one, those that were received too. Default: dead, and all where events are named."`
	Types     []string   `json:"types,omitempty" doc:"Only these types, or beginnings with .* at their end."`
	Condition string     `json:"condition,omitempty" doc:"Only those for which this expression (CEL) is true."`
	Since     *time.Time `json:"since,omitempty" doc:"Only those that happened then or later."`
	Until     *time.Time `json:"until,omitempty" doc:"Only those that happened before."`
	EventIDs  []string   `json:"event_ids,omitempty" maxItems:"1000" doc:"Only these; they go whatever types the endpoint wants."`
}

type startReplayInput struct {
	EndpointPath
	Keyed
	Body ReplayRequest
}

type replayOutput struct {
	Replayed
	Location string `header:"Location"`
	Body     WebhookReplay
}

func (a *api) startReplay(ctx context.Context, in *startReplayInput) (*replayOutput, error) {
	req := service.NewReplay{Which: webhook.Which(in.Body.Which), Types: in.Body.Types, Condition: in.Body.Condition, Events: in.Body.EventIDs}
	if in.Body.Since != nil {
		req.Since = *in.Body.Since
	}
	if in.Body.Until != nil {
		req.Until = *in.Body.Until
	}
	out, err := a.Service.StartReplay(ctx, callOf(ctx), in.ID, req)
	if err != nil {
		return nil, err
	}
	return &replayOutput{Replayed: replayed(out.Replayed), Location: "/v1/webhook-endpoints/" + in.ID + "/replays/" + out.Value.ID, Body: replayOf(&out.Value)}, nil
}

type listReplaysInput struct {
	EndpointPath
	Limit int    `query:"limit" minimum:"1" maximum:"100" default:"50" doc:"Items of a page."`
	After string `query:"after" maxLength:"64" example:"rpl_01kb0q7m4b1s9v3d8r5x2c6e7f" doc:"The next of the page before."`
}

func (a *api) listReplays(ctx context.Context, in *listReplaysInput) (*Listed[WebhookReplay], error) {
	p := Paged{Limit: in.Limit, After: in.After}
	rows, err := a.Service.Replays(ctx, actorOf(ctx), in.ID, in.After, p.want())
	if err != nil {
		return nil, err
	}
	return pageOf(rows, p, replayOf, func(r *webhook.Replay) string { return r.ID }), nil
}

type getReplayInput struct {
	EndpointPath
	Replay string `path:"replay" maxLength:"64" example:"rpl_01kb0q7m4b1s9v3d8r5x2c6e7f" doc:"Id of the replay."`
	Awaited
}

func (a *api) getReplay(ctx context.Context, in *getReplayInput) (*struct{ Body WebhookReplay }, error) {
	r, err := a.Service.AwaitReplay(ctx, actorOf(ctx), in.ID, in.Replay, in.duration())
	if err != nil {
		return nil, err
	}
	return &struct{ Body WebhookReplay }{replayOf(&r)}, nil
}
