package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/event"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/service"
)

// EventAttributes are the context attributes of a CloudEvent 1.0. Those that
// CloudEvents does not name are extensions: their names have lower-case letters only.
type EventAttributes struct {
	SpecVersion     string    `json:"specversion" enum:"1.0"`
	ID              string    `json:"id" example:"evt_01kb0q7m4b1s9v3d8r5x2c6e7f" doc:"With it anyone entitled can ask for the proof."`
	Source          string    `json:"source" format:"uri-reference" example:"https://paraph.example.com"`
	Type            string    `json:"type" example:"document.captured"`
	Subject         string    `json:"subject" example:"document/doc_01kb0q7m4b1s9v3d8r5x2c6e7f" doc:"What it is about: kind and id."`
	Time            time.Time `json:"time"`
	DataContentType string    `json:"datacontenttype" enum:"application/json"`
	DataSchema      string    `json:"dataschema" format:"uri-reference" example:"https://paraph.example.com/schemas/events/document.captured.json" doc:"JSON Schema of the data."`
	Organisation    string    `json:"organisation"`
	BusinessUnit    string    `json:"businessunit,omitempty"`
	DocumentID      string    `json:"documentid,omitempty"`
	DocumentSeq     int64     `json:"documentsequence,omitempty" doc:"Counts the document's events without a gap."`
	ActorKind       string    `json:"actorkind" enum:"client,user,recipient,system"`
	ActorID         string    `json:"actorid"`
	ActorPrincipal  string    `json:"actorprincipal,omitempty"`
	OnBehalfOf      string    `json:"onbehalfof,omitempty"`
	RequestID       string    `json:"requestid,omitempty"`
	TraceParent     string    `json:"traceparent,omitempty"`
}

// Event is an entry of the journal as a CloudEvent 1.0 in JSON.
type Event struct {
	EventAttributes
	Cursor string          `json:"cursor" doc:"The place behind this event in the list."`
	Erased bool            `json:"erased,omitempty" doc:"The event's content was erased when its document was disposed of. Its place in the log and its proof stay."`
	Data   json.RawMessage `json:"data,omitempty" doc:"What happened; its members depend on the type."`
}

func (a *api) eventOf(e *journal.Entry) Event {
	return Event{EventAttributes: EventAttributes{
		SpecVersion: "1.0", ID: e.ID, Source: a.eventSource(), Type: string(e.Kind), Subject: e.SubjectType + "/" + e.SubjectID,
		Time: e.At.UTC(), DataContentType: "application/json", DataSchema: event.SchemaOf(e.Kind, a.eventSource()), Organisation: e.Org, BusinessUnit: e.Unit,
		DocumentID: e.DocumentID, DocumentSeq: e.DocSeq, ActorKind: string(e.Actor.Kind), ActorID: e.Actor.ID,
		ActorPrincipal: e.Actor.Principal, OnBehalfOf: e.Actor.OnBehalfOf, RequestID: e.Source.RequestID, TraceParent: e.Trace,
	},
		Cursor: a.Service.CursorAfter(*e), Erased: e.Erased(), Data: e.Data,
	}
}

func (a *api) eventSource() string {
	if a.PublicURL == "" {
		return "/"
	}
	return a.PublicURL
}

func (a *api) events() {
	handle(a, route{id: "listEvents", method: http.MethodGet, path: "/v1/events", tag: "events", does: access.ReadEvent,
		summary: "List events, or wait for the next", about: "In the order of the log. `next` is always there: who keeps it and goes on with it can never miss an event. With wait, an empty page is held back for so many seconds.",
		codes: []string{"bad_cursor"}}, a.listEvents)
	handle(a, route{id: "streamEvents", method: http.MethodGet, path: "/v1/events/stream", tag: "events", does: access.ReadEvent, stream: true, class: access.Waits,
		summary: "Hear events as they happen", about: "Server-sent events (text/event-stream): `id` is the cursor, `event` the type, `data` the event. Reconnect with Last-Event-ID to go on where you were. Without it and without after the stream begins with what happens next.",
		codes: []string{"bad_cursor"}}, a.streamEvents)
	handle(a, route{id: "getEvent", method: http.MethodGet, path: "/v1/events/{id}", tag: "events", does: access.ReadEvent,
		summary: "Get an event", about: "As in the list of events.", codes: []string{"not_found"}}, a.getEvent)
	handle(a, route{id: "getEventProof", method: http.MethodGet, path: "/v1/events/{id}/proof", tag: "events", does: access.ReadEvent,
		summary: "Get the proof of an event's place in the log", about: "As a .tlog-proof file (text/plain, C2SP tlog-proof). With `Accept: application/json`: the entry with the keys of its commitments, its leaf, and the same proof; what `paraph audit verify` takes.",
		codes: []string{"not_found", "not_in_log_yet"}}, a.eventProof)
}

// EventFilter narrows what events are listed or heard.
type EventFilter struct {
	After      string   `query:"after" maxLength:"64" doc:"Cursor; absent: from the first event."`
	Type       []string `query:"type" example:"document.captured,envelope.*" doc:"Types, or beginnings of types with .* at the end, with commas."`
	DocumentID string   `query:"document_id"`
	SubjectID  string   `query:"subject_id" doc:"Of the document, envelope, task or operation the event is about."`
}

func (f EventFilter) query() service.EventQuery {
	return service.EventQuery{After: f.After, Kinds: f.Type, DocumentID: f.DocumentID, SubjectID: f.SubjectID}
}

type listEventsInput struct {
	EventFilter
	Limit  int  `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"Events of a page."`
	Wait   int  `query:"wait" minimum:"0" maximum:"60" doc:"Seconds to wait for an event where there is none."`
	Latest bool `query:"latest" doc:"Without after: begin behind the newest event."`
}

// EventPage is a page of events with the cursor behind it.
type EventPage struct {
	Items []Event `json:"items"`
	Next  string  `json:"next" doc:"Cursor behind this page; always there."`
}

func (a *api) listEvents(ctx context.Context, in *listEventsInput) (*struct{ Body EventPage }, error) {
	q := in.query()
	q.Limit, q.Latest, q.Wait = in.Limit, in.Latest, time.Duration(in.Wait)*time.Second
	page, err := a.Service.Events(ctx, actorOf(ctx), q)
	if err != nil {
		return nil, err
	}
	out := &struct{ Body EventPage }{EventPage{Items: make([]Event, 0, len(page.Events)), Next: page.Next}}
	for i := range page.Events {
		out.Body.Items = append(out.Body.Items, a.eventOf(&page.Events[i]))
	}
	return out, nil
}

// EventPath is the path parameter of one event.
type EventPath struct {
	ID string `path:"id" maxLength:"64" example:"evt_01kb0q7m4b1s9v3d8r5x2c6e7f" doc:"Id of the event."`
}

func (a *api) getEvent(ctx context.Context, in *EventPath) (*struct{ Body Event }, error) {
	e, err := a.Service.Event(ctx, actorOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return &struct{ Body Event }{a.eventOf(&e)}, nil
}

type eventProofInput struct {
	EventPath
	Accept string `header:"Accept" example:"application/json"`
}

// EventProof is an event's place in the log with everything needed to check it.
type EventProof struct {
	Entry json.RawMessage `json:"entry" doc:"The entry with the keys of its commitments (paraph-entry@v1)."`
	Leaf  []byte          `json:"leaf" doc:"What the tree holds, in base 64."`
	Proof string          `json:"proof" doc:"The .tlog-proof file."`
}

func (a *api) eventProof(ctx context.Context, in *eventProofInput) (*huma.StreamResponse, error) {
	proof, err := a.Service.Proof(ctx, actorOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(hctx huma.Context) {
		_, w := humago.Unwrap(hctx)
		w.Header().Add("Vary", "Accept")
		if strings.Contains(in.Accept, "application/json") {
			writeJSON(w, http.StatusOK, EventProof{Entry: proof.Disclosed, Leaf: proof.Entry.Leaf, Proof: string(proof.Proof)})
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Content-Disposition", disposition(in.ID+".tlog-proof"))
		writeBody(w, proof.Proof)
	}}, nil
}

// writeJSON answers outside of huma, in the same form.
func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return // the caller has gone
	}
}

// writeBody writes an answer whose caller may have gone, which nobody can mend.
func writeBody(w http.ResponseWriter, b []byte) {
	if _, err := w.Write(b); err != nil {
		return
	}
}
