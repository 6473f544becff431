package service

import (
	"encoding/json"

	"github.com/paraph/paraph/internal/event"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/webhook"
)

// Wanted decides which events an endpoint wants.
type Wanted struct {
	endpoint  webhook.Endpoint
	kinds     map[journal.Kind]bool
	condition Condition // nil: none
}

// Wanted makes ready what an endpoint says of the events that it wants.
func (s *Service) Wanted(e webhook.Endpoint) (*Wanted, error) {
	w := &Wanted{endpoint: e, kinds: webhook.KindsOf(e.Types)}
	if e.Condition == "" {
		return w, nil
	}
	var err error
	w.condition, err = s.Conditions.Compile(e.Condition)
	return w, err
}

// Endpoint gives the endpoint.
func (w *Wanted) Endpoint() *webhook.Endpoint { return &w.endpoint }

// Of tells whether an event is wanted. An error is one of the condition on this
// event, which then is not wanted.
func (w *Wanted) Of(v *EventView) (bool, error) {
	e := v.Entry
	if e.Kind == journal.WebhookTest { // it goes to the endpoint that it is for
		return e.SubjectID == w.endpoint.ID, nil
	}
	if !w.kinds[e.Kind] || w.endpoint.Unit != "" && w.endpoint.Unit != e.Unit {
		return false, nil
	}
	if event.AboutWebhooks(e.Kind) && e.SubjectID == w.endpoint.ID {
		return false, nil // what fails cannot tell of its own failing
	}
	if w.condition == nil {
		return true, nil
	}
	value, err := v.value()
	if err != nil {
		return false, err
	}
	return w.condition.Holds(value)
}

// EventView is an event as conditions see it. It is made once for all endpoints.
type EventView struct {
	Entry *journal.Entry
	vars  map[string]any
}

// value gives the event's attributes and its data.
func (v *EventView) value() (map[string]any, error) {
	if v.vars != nil {
		return v.vars, nil
	}
	vars := map[string]any{}
	for _, a := range event.Attributes(v.Entry, "") {
		if a.Name != "source" && a.Name != "dataschema" {
			vars[a.Name] = a.Value
		}
	}
	vars["documentsequence"] = v.Entry.DocSeq
	var data any
	if len(v.Entry.Data) > 0 {
		if err := json.Unmarshal(v.Entry.Data, &data); err != nil {
			return nil, err
		}
	}
	vars["data"] = data
	v.vars = vars
	return vars, nil
}
