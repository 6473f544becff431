package httpapi

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/paraph/paraph/internal/event"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/handover"
)

// schemaRoot is where the forms that programs exchange with Paraph are published as
// JSON Schemas, each under its name and version. What was published under a version
// takes everything later that it takes now; a form that does not is a new version.
const schemaRoot = "/schemas"

// publishedSchema is a JSON Schema as it is published.
type publishedSchema struct {
	Name    string `json:"name" example:"approval"`
	Version int    `json:"version" example:"1"`
	ID      string `json:"id" doc:"Where it is, and its $id."`
	About   string `json:"about"`

	text []byte
}

func schemaID(name string) string { return schemaRoot + "/" + name + "/v1.json" }

// publishedSchemas makes the schemas: that of the canonical approval payload, of a
// whole event, and of each type's data.
func publishedSchemas(c *eventContract) ([]publishedSchema, error) {
	var out []publishedSchema
	for _, whole := range []struct {
		name, about string
		of          reflect.Type
		closed      bool
	}{
		{"approval", "The canonical payload by which a document is handed in for approval.", reflect.TypeFor[ApprovalRequest](), true},
		{"event", "An event: a CloudEvent 1.0 in structured mode, without what its type says of its data.", reflect.TypeFor[EventAttributes](), false},
		{"unit-export", "What stands in the archive of a business unit: each member is the form of one of its files, or of a line of it.", reflect.TypeFor[handover.Forms](), false},
	} {
		text, err := standingAlone(schemaID(whole.name), whole.about, whole.of, whole.closed)
		if err != nil {
			return nil, err
		}
		out = append(out, publishedSchema{Name: whole.name, Version: 1, ID: schemaID(whole.name), About: whole.about, text: text})
	}
	for _, f := range c.forms {
		name := "events/" + string(f.Kind)
		out = append(out, publishedSchema{Name: name, Version: 1, ID: schemaID(name), About: "Data of events of this type: " + f.About, text: f.Schema})
	}
	return out, nil
}

// standingAlone writes the schema of a type with all that it refers to.
func standingAlone(at, about string, of reflect.Type, closed bool) ([]byte, error) {
	const refs = "#/$defs/"
	registry := huma.NewMapRegistry(refs, huma.DefaultSchemaNamer)
	root := registry.SchemaFromRef(registry.Schema(of, true, "").Ref)
	if !closed {
		root.AdditionalProperties = nil
	}
	defs := map[string]any{}
	for name, s := range registry.Map() {
		if s != root {
			defs[name] = s
		}
	}
	raw, err := json.Marshal(root)
	if err != nil {
		return nil, err
	}
	file := map[string]any{}
	if err := json.Unmarshal(raw, &file); err != nil {
		return nil, err
	}
	file["$schema"], file["$id"], file["description"] = schemaDialect, at, about
	if len(defs) > 0 {
		file["$defs"] = defs
	}
	return json.MarshalIndent(file, "", "  ")
}

// mountSchemas adds the schemas, and the list of them.
func (a *api) mountSchemas(all []publishedSchema) {
	index, err := json.Marshal(Items[publishedSchema]{Items: all})
	if err != nil {
		panic("httpapi: the schemas cannot be written: " + err.Error()) // a mistake in the code that every test meets
	}
	texts := map[string][]byte{}
	for _, s := range all {
		texts[s.ID] = s.text
	}
	open := a.open()
	open.HandleFunc("GET "+schemaRoot, a.public(described("application/json", index)))
	serve := func(name func(*http.Request) string) http.HandlerFunc {
		return a.public(func(w http.ResponseWriter, r *http.Request) error {
			text := texts[name(r)]
			if text == nil {
				return fault.New(fault.NotFound, "not_found", "There is no such schema. They are listed at %s.", schemaRoot)
			}
			return constant(w, "application/schema+json", text)
		})
	}
	itself := func(r *http.Request) string { return r.URL.Path }
	open.HandleFunc("GET "+schemaRoot+"/{name}/{version}", serve(itself))
	open.HandleFunc("GET "+event.SchemaPath+"{type}/{version}", serve(itself))
	// The address that stands in events, whose form is never changed.
	open.HandleFunc("GET "+event.SchemaPath+"{file}", serve(func(r *http.Request) string {
		return schemaID("events/" + strings.TrimSuffix(r.PathValue("file"), ".json"))
	}))
}
