package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/hook"
	"github.com/paraph/paraph/internal/service"
)

// InboundEvent is an event that came in from outside.
type InboundEvent struct {
	ID         string     `json:"id" example:"inb_01kb0q7m4b1s9v3d8r5x2c6e7f"`
	Via        hook.Via   `json:"via" enum:"hook,bus"`
	SourceID   string     `json:"source_id" doc:"The source, or the client that sent it on the bus."`
	EventID    string     `json:"event_id" doc:"By which a repetition is known: the sender's name for it, or a digest."`
	Type       string     `json:"type,omitempty" doc:"What happened, in the sender's words."`
	Unit       string     `json:"business_unit,omitempty"`
	Trust      hook.Trust `json:"trust" enum:"payload,hint"`
	State      hook.State `json:"state" enum:"received,processed,quarantined,discarded"`
	Code       string     `json:"code,omitempty" doc:"Why it is in quarantine, or why the last attempt failed."`
	Reason     string     `json:"reason,omitempty" doc:"The same for people."`
	Attempts   int        `json:"attempts"`
	RetryAt    *time.Time `json:"retry_at,omitempty" doc:"When it is tried again."`
	DocumentID string     `json:"document_id,omitempty" doc:"The document that it changed."`
	Size       int64      `json:"size" doc:"Bytes of what came."`
	ReceivedAt time.Time  `json:"received_at"`
	EndedAt    *time.Time `json:"ended_at,omitempty"`
}

func inboundOf(v *service.InboundView) InboundEvent {
	return InboundEvent{
		ID: v.ID, Via: v.Via, SourceID: v.SourceID, EventID: v.EventID, Type: v.Type, Unit: v.Unit, Trust: v.Trust, State: v.State, Code: v.Code, Reason: v.Reason,
		Attempts: v.Attempts, RetryAt: at(v.RetryAt), DocumentID: v.DocumentID, Size: v.Size, ReceivedAt: v.ReceivedAt, EndedAt: at(v.EndedAt),
	}
}

func (a *api) inbound() {
	const tag = "hooks"
	handle(a, route{id: "listInboundEvents", method: http.MethodGet, path: "/v1/inbound-events", tag: tag, does: access.ManageSettings,
		summary: "List events that came in", about: "Newest first: by webhook or by the event bus. Those in quarantine say why."}, a.listInbound)
	handle(a, route{id: "getInboundEvent", method: http.MethodGet, path: "/v1/inbound-events/{id}", tag: tag, does: access.ManageSettings,
		summary: "Get an event that came in", about: "One that waits says what its last attempt failed for.", codes: []string{"not_found"}}, a.getInbound)
	handle(a, route{id: "getInboundEventContent", method: http.MethodGet, path: "/v1/inbound-events/{id}/content", tag: tag, does: access.ManageSettings,
		summary: "Get what came with an event", about: "It rests encrypted, and goes some time after the event was processed.", codes: []string{"not_found", "payload_gone"}}, a.getInboundContent)
	handle(a, route{id: "redriveInboundEvent", method: http.MethodPost, path: "/v1/inbound-events/{id}/redrive", tag: tag, does: access.ManageSettings,
		summary: "Process an event in quarantine once more", about: "As its source is set up now.", codes: []string{"not_found", "event_not_quarantined", "payload_gone"}}, a.redriveInbound)
	handle(a, route{id: "redriveInboundEvents", method: http.MethodPost, path: "/v1/inbound-events/redrive", tag: tag, does: access.ManageSettings,
		summary: "Process events in quarantine once more", about: "Those that fit every filter, up to 500 at once; more tells that others are left."}, a.redriveInbounds)
	handle(a, route{id: "discardInboundEvent", method: http.MethodPost, path: "/v1/inbound-events/{id}/discard", tag: tag, does: access.ManageSettings,
		summary: "Let nothing come of an event in quarantine", about: "It stays in the list, and what came with it goes in time.", codes: []string{"not_found", "event_not_quarantined", "invalid_reason"}}, a.discardInbound)
}

type listInboundInput struct {
	Paged
	State    string    `query:"state" enum:"received,processed,quarantined,discarded"`
	SourceID string    `query:"source_id"`
	Code     string    `query:"code" doc:"Of those in quarantine."`
	Since    time.Time `query:"received_after" doc:"Received at this time or later."`
	Until    time.Time `query:"received_before" doc:"Received before this time."`
}

func (a *api) listInbound(ctx context.Context, in *listInboundInput) (*Listed[InboundEvent], error) {
	rows, err := a.Service.InboundEvents(ctx, actorOf(ctx), service.InboundFilter{
		State: in.State, SourceID: in.SourceID, Code: in.Code, Since: in.Since, Until: in.Until, Before: in.After, Limit: in.want(),
	})
	if err != nil {
		return nil, err
	}
	return pageOf(rows, in.Paged, inboundOf, func(v *service.InboundView) string { return v.ID }), nil
}

// InboundPath is the path parameter of one event that came in.
type InboundPath struct {
	ID string `path:"id" maxLength:"64" example:"inb_01kb0q7m4b1s9v3d8r5x2c6e7f" doc:"Id of the event."`
}

func (a *api) getInbound(ctx context.Context, in *InboundPath) (*struct{ Body InboundEvent }, error) {
	v, err := a.Service.InboundEvent(ctx, actorOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return &struct{ Body InboundEvent }{inboundOf(&v)}, nil
}

// InboundContent is what came with an event.
type InboundContent struct {
	Headers map[string][]string `json:"headers" doc:"Those that the source's scheme keeps."`
	Body    []byte              `json:"body" doc:"In base 64, byte for byte as it came."`
}

func (a *api) getInboundContent(ctx context.Context, in *InboundPath) (*struct{ Body InboundContent }, error) {
	_, c, err := a.Service.InboundContent(ctx, actorOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	out := &struct{ Body InboundContent }{InboundContent{Headers: c.Header, Body: c.Body}}
	if out.Body.Headers == nil {
		out.Body.Headers = map[string][]string{}
	}
	return out, nil
}

type redriveInboundInput struct {
	InboundPath
	Keyed
}

type oneInbound struct {
	Replayed
	Body InboundEvent
}

func (a *api) redriveInbound(ctx context.Context, in *redriveInboundInput) (*oneInbound, error) {
	out, err := a.Service.RedriveInbound(ctx, callOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return &oneInbound{Replayed: replayed(out.Replayed), Body: inboundOf(&service.InboundView{Event: out.Value})}, nil
}

// RedriveFilter says which events are redriven.
type RedriveFilter struct {
	SourceID string    `json:"source_id,omitempty"`
	Code     string    `json:"code,omitempty" example:"bad_mapping"`
	Since    time.Time `json:"received_after,omitzero"`
	Until    time.Time `json:"received_before,omitzero"`
}

type redriveInboundsInput struct {
	Keyed
	Body RedriveFilter
}

// Redriven is what a redrive of several events did.
type Redriven struct {
	Events int  `json:"events"`
	More   bool `json:"more" doc:"Others still fit: ask again, with a new Idempotency-Key."`
}

type redriveInboundsOutput struct {
	Replayed
	Body Redriven
}

func (a *api) redriveInbounds(ctx context.Context, in *redriveInboundsInput) (*redriveInboundsOutput, error) {
	b := in.Body
	out, err := a.Service.RedriveInbounds(ctx, callOf(ctx), service.InboundFilter{SourceID: b.SourceID, Code: b.Code, Since: b.Since, Until: b.Until})
	if err != nil {
		return nil, err
	}
	return &redriveInboundsOutput{Replayed: replayed(out.Replayed), Body: Redriven{Events: out.Value.Events, More: out.Value.More}}, nil
}

type discardInboundInput struct {
	InboundPath
	Keyed
	Body *Reason
}

func (a *api) discardInbound(ctx context.Context, in *discardInboundInput) (*oneInbound, error) {
	reason := ""
	if in.Body != nil {
		reason = in.Body.Reason
	}
	out, err := a.Service.DiscardInbound(ctx, callOf(ctx), in.ID, reason)
	if err != nil {
		return nil, err
	}
	return &oneInbound{Replayed: replayed(out.Replayed), Body: inboundOf(&service.InboundView{Event: out.Value})}, nil
}
