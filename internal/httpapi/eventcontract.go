package httpapi

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/yaml"

	"github.com/paraph/paraph/internal/docsite"
	"github.com/paraph/paraph/internal/event"
)

// eventForm is one type of event as the contract shows it.
type eventForm struct {
	event.Type
	Schema  []byte // JSON Schema of its data
	Sample  []byte // a whole event
	Members []docsite.Member
}

const (
	schemaDialect  = "https://json-schema.org/draft/2020-12/schema"
	sampleSource   = "https://paraph.example.com"
	asyncRefPrefix = "#/components/schemas/"
)

// eventContract is everything that is made of the catalogue of events.
type eventContract struct {
	forms []eventForm
	async []byte // AsyncAPI 3.0, as JSON
}

// newEventContract makes the contract for events. It fails only on a mistake in
// the catalogue, which every test meets.
func newEventContract() (*eventContract, error) {
	registry := huma.NewMapRegistry(asyncRefPrefix, func(t reflect.Type, _ string) string { return t.Name() + "Data" })
	c := &eventContract{}
	for _, t := range event.Types() {
		f, err := formOf(registry, t)
		if err != nil {
			return nil, err
		}
		c.forms = append(c.forms, f)
	}
	var err error
	c.async, err = json.Marshal(asyncDocument(c.forms, registry))
	return c, err
}

func formOf(registry huma.Registry, t event.Type) (f eventForm, err error) {
	s := openSchema(registry, reflect.TypeOf(t.Data))
	example, err := json.Marshal(t.Data)
	if err != nil {
		return f, err
	}
	raw, err := json.Marshal(s)
	if err != nil {
		return f, err
	}
	file := struct {
		Schema      string            `json:"$schema"`
		ID          string            `json:"$id"`
		Title       string            `json:"title"`
		Description string            `json:"description"`
		Type        string            `json:"type"`
		Properties  json.RawMessage   `json:"properties"`
		Required    []string          `json:"required"`
		Examples    []json.RawMessage `json:"examples"`
	}{schemaDialect, schemaID("events/" + string(t.Kind)), string(t.Kind), t.About, huma.TypeObject, nil, s.Required, []json.RawMessage{example}}
	var whole struct {
		Properties json.RawMessage `json:"properties"`
	}
	if err := json.Unmarshal(raw, &whole); err != nil {
		return f, err
	}
	file.Properties = whole.Properties
	if f.Schema, err = json.MarshalIndent(file, "", "  "); err != nil {
		return f, err
	}
	e, err := t.Sample()
	if err != nil {
		return f, err
	}
	var sample bytes.Buffer
	if err := json.Indent(&sample, event.Append(nil, &e, sampleSource), "", "  "); err != nil {
		return f, err
	}
	f.Type, f.Sample = t, sample.Bytes()
	for name, p := range s.Properties {
		f.Members = append(f.Members, docsite.Member{Name: name, Form: formName(p), About: p.Description, Always: slices.Contains(s.Required, name)})
	}
	slices.SortFunc(f.Members, func(a, b docsite.Member) int {
		if a.Always != b.Always {
			return map[bool]int{true: -1, false: 1}[a.Always]
		}
		return strings.Compare(a.Name, b.Name)
	})
	return f, nil
}

// openSchema gives the schema of a type of data, which may get further members.
func openSchema(registry huma.Registry, t reflect.Type) *huma.Schema {
	s := registry.Schema(t, true, "")
	if s.Ref != "" {
		s = registry.SchemaFromRef(s.Ref)
	}
	s.AdditionalProperties = nil
	return s
}

func formName(s *huma.Schema) string {
	switch {
	case s.Items != nil:
		return "list of " + formName(s.Items)
	case s.Type == "":
		return "any"
	case s.Format != "":
		return s.Type + " (" + s.Format + ")"
	}
	return s.Type
}

type object = map[string]any

// asyncDocument describes the events and the ways on which they come.
func asyncDocument(forms []eventForm, registry huma.Registry) any {
	messages, refs := object{}, object{}
	for _, f := range forms {
		name := string(f.Kind)
		messages[name] = object{
			"name": name, "title": f.About, "contentType": event.MediaType,
			"payload": object{"allOf": []any{
				object{"$ref": asyncRefPrefix + "EventAttributes"},
				object{"type": "object", "required": []string{"data"}, "properties": object{
					"type": object{"const": name}, "data": object{"$ref": asyncRefPrefix + reflect.TypeOf(f.Data).Name() + "Data"},
				}},
			}},
			"examples": []any{object{"name": "sample", "payload": json.RawMessage(f.Sample)}},
		}
		refs[name] = object{"$ref": "#/components/messages/" + name}
	}
	schemas := object{}
	attributes := huma.NewMapRegistry(asyncRefPrefix, huma.DefaultSchemaNamer)
	schemas["EventAttributes"] = openSchema(attributes, reflect.TypeFor[EventAttributes]())
	for name, s := range registry.Map() {
		schemas[name] = s
	}
	return struct {
		AsyncAPI    string `json:"asyncapi"`
		Info        any    `json:"info"`
		ContentType string `json:"defaultContentType"`
		Channels    any    `json:"channels"`
		Operations  any    `json:"operations"`
		Components  any    `json:"components"`
	}{
		"3.0.0",
		struct {
			Title       string `json:"title"`
			Version     string `json:"version"`
			Description string `json:"description"`
		}{"Paraph events", ContractVersion, asyncAbout},
		event.MediaType,
		object{
			"webhooks": object{"address": nil, "title": "Webhooks", "description": "POST requests to the endpoints that subscribe, signed as Standard Webhooks demands.", "messages": refs},
			"stream":   object{"address": "/v1/events/stream", "title": "Event stream", "description": "Server-sent events; each one's data is an event with its cursor.", "messages": refs},
		},
		object{
			"sendWebhook": object{"action": "send", "channel": object{"$ref": "#/channels/webhooks"}, "summary": "An event is sent to the endpoints that want it."},
			"streamEvent": object{"action": "send", "channel": object{"$ref": "#/channels/stream"}, "summary": "An event is sent to who listens."},
		},
		object{"messages": messages, "schemas": schemas},
	}
}

const asyncAbout = `Every change in Paraph is an entry of its journal; the public ones are events. An event is a CloudEvent 1.0 in structured mode.

- An event may come more than once; its id tells. Data may get further members, and states may be new: do not fail on them.
- The same events can be listed, awaited and proved: see the API.`

// AsyncSpec gives the contract for events as AsyncAPI 3.0 in YAML, without a running server.
func AsyncSpec() ([]byte, error) {
	c, err := newEventContract()
	if err != nil {
		return nil, err
	}
	return c.yaml()
}

func (c *eventContract) yaml() ([]byte, error) {
	var out bytes.Buffer
	err := yaml.Convert(&out, bytes.NewReader(c.async))
	return out.Bytes(), err
}
