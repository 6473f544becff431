package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// Kinds of type.
const (
	kindString = "string"
	kindTime   = "time"
	kindInt    = "int"
	kindSize   = "size" // an integer that counts bytes
	kindFloat  = "float"
	kindBool   = "bool"
	kindAny    = "any" // JSON, left as it is
	kindList   = "list"
	kindMap    = "map" // from strings
	kindObject = "object"
	kindEnum   = "enum"
)

// typ is a type of the contract.
type typ struct {
	kind string
	name string // of an object or an enum
	of   *typ   // of a list's or a map's members
}

// field is a member of an object, or a parameter.
type field struct {
	name     string // on the wire
	doc      string
	typ      typ
	required bool
	null     bool // may be null, which is not the same as absent
	deep     bool // a query parameter such as label[name]=value
}

// object is a type with members.
type object struct {
	name, doc string
	fields    []field
	input     bool // stands in a request
	patch     bool // stands in a request where absent and empty differ
}

// enum is a string of which some values are known; more may come.
type enum struct {
	name   string
	values []string
}

// Kinds of result and of body.
const (
	resultJSON  = "json"
	resultItems = "items" // a list that comes whole
	resultPage  = "page"  // a list that comes by pages
	resultFile  = "file"
	resultText  = "text"

	bodyNone = ""
	bodyJSON = "json"
	bodyFile = "file"
)

// operation is one operation of the contract.
type operation struct {
	id, method, path, summary, doc string
	scopes                         []string
	places                         []field // parameters in the path, in its order
	query                          []field
	body                           string
	bodyType                       typ
	result                         string
	resultType                     typ // of a list: its items
}

// event is a family of events whose data look alike.
type event struct {
	family string
	types  []string
	data   *object
}

// model is what the printers print.
type model struct {
	version    string
	objects    []*object
	enums      []*enum
	operations []*operation
	events     []*event
}

// renamed are schemas whose name in the contract says little, or is taken.
var renamed = map[string]string{"Client": "OAuthClient", "ProtectInputBody": "ProtectRequest", "CreateDraftInputBody": "DraftRequest", "Problem": "Refusal", "Detail": "RefusalDetail"}

// doc is the part of OpenAPI that the contract uses.
type doc struct {
	Info  struct{ Version string }
	Paths map[string]map[string]*docOperation
	Comps struct{ Schemas map[string]*schema } `yaml:"components"`
}

type docOperation struct {
	ID          string `yaml:"operationId"`
	Summary     string
	Description string
	Security    []map[string][]string
	Parameters  []struct {
		Name, In, Description, Style string
		Required                     bool
		Schema                       *schema
	}
	RequestBody struct {
		Content map[string]struct{ Schema *schema }
	} `yaml:"requestBody"`
	Responses map[string]struct {
		Content map[string]struct{ Schema *schema }
	}
}

type schema struct {
	Ref         string `yaml:"$ref"`
	Type        kinds
	Format      string
	Description string
	Enum        []string
	Items       *schema
	Properties  map[string]*schema
	Required    []string
	More        any `yaml:"additionalProperties"`
}

// kinds is the type of a schema: one, or one and null.
type kinds string

// UnmarshalYAML takes a string or a list.
func (k *kinds) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		*k = kinds(n.Value)
		return nil
	}
	for _, one := range n.Content {
		if one.Value == "null" {
			*k += nullable
		} else {
			*k = kinds(one.Value) + *k
		}
	}
	return nil
}

const nullable = " or null"

// UnmarshalJSON takes what the schemas of events have: a string.
func (k *kinds) UnmarshalJSON(raw []byte) error { return yaml.Unmarshal(raw, k) }

// reader turns the contract into the model.
type reader struct {
	doc   doc
	model model
	seen  map[string]*object
	enums map[string]*enum // by field and values
}

// read reads api/openapi.yaml and api/events under root.
func read(root string) (*model, error) {
	raw, err := os.ReadFile(filepath.Join(root, "api", "openapi.yaml"))
	if err != nil {
		return nil, err
	}
	r := &reader{seen: map[string]*object{}, enums: map[string]*enum{}}
	if err := yaml.Unmarshal(raw, &r.doc); err != nil {
		return nil, fmt.Errorf("api/openapi.yaml: %w", err)
	}
	r.model.version = r.doc.Info.Version
	for _, name := range slices.Sorted(maps.Keys(r.doc.Comps.Schemas)) { // names of enums come from the first place
		for _, field := range slices.Sorted(maps.Keys(r.doc.Comps.Schemas[name].Properties)) {
			r.enumOf(nameOf(name), field, r.doc.Comps.Schemas[name].Properties[field])
		}
	}
	for _, path := range slices.Sorted(maps.Keys(r.doc.Paths)) {
		for _, method := range slices.Sorted(maps.Keys(r.doc.Paths[path])) {
			r.operation(path, method, r.doc.Paths[path][method])
		}
	}
	if err := r.events(filepath.Join(root, "api", "events")); err != nil {
		return nil, err
	}
	slices.SortFunc(r.model.objects, func(a, b *object) int { return strings.Compare(a.name, b.name) })
	slices.SortFunc(r.model.operations, func(a, b *operation) int { return strings.Compare(a.id, b.id) })
	used := map[string]bool{}
	for _, o := range r.model.objects {
		for _, f := range o.fields {
			used[leaf(f.typ).name] = true
		}
	}
	for _, o := range r.model.operations {
		for _, f := range o.query {
			used[leaf(f.typ).name] = true
		}
	}
	for _, e := range r.enums {
		if used[e.name] {
			r.model.enums = append(r.model.enums, e)
		}
	}
	slices.SortFunc(r.model.enums, func(a, b *enum) int { return strings.Compare(a.name, b.name) })
	return &r.model, nil
}

// leaf is the innermost type of lists and maps.
func leaf(t typ) typ {
	for t.of != nil {
		t = *t.of
	}
	return t
}

func nameOf(schema string) string {
	if n, ok := renamed[schema]; ok {
		return n
	}
	return schema
}

func refName(s *schema) string { return strings.TrimPrefix(s.Ref, "#/components/schemas/") }

// enumOf gives the enum of a field, the same for the same field with the same
// values; nil where it is none.
func (r *reader) enumOf(owner, name string, s *schema) *enum {
	if len(s.Enum) < 2 {
		return nil
	}
	key := name + " " + strings.Join(s.Enum, " ")
	if r.enums[key] == nil && owner != "" {
		r.enums[key] = &enum{name: owner + pascal(name), values: s.Enum}
	}
	return r.enums[key]
}

// typeOf gives the type of a field of owner.
func (r *reader) typeOf(owner, name string, s *schema) typ {
	if bare, ok := strings.CutSuffix(string(s.Type), nullable); ok {
		plain := *s
		plain.Type = kinds(bare)
		s = &plain
	}
	switch {
	case s.Ref != "":
		r.object(refName(s))
		return typ{kind: kindObject, name: nameOf(refName(s))}
	case s.Type == "array" && s.Items != nil:
		of := r.typeOf(owner, name, s.Items)
		return typ{kind: kindList, of: &of}
	case s.Type == "object":
		if more, ok := s.More.(map[string]any); ok {
			raw, _ := yaml.Marshal(more) // it came out of YAML
			var member schema
			if yaml.Unmarshal(raw, &member) == nil {
				of := r.typeOf(owner, name, &member)
				return typ{kind: kindMap, of: &of}
			}
		}
		return typ{kind: kindAny}
	case s.Type == "string" && s.Format == "date-time":
		return typ{kind: kindTime}
	case s.Type == "string":
		if e := r.enumOf(owner, name, s); e != nil {
			return typ{kind: kindEnum, name: e.name}
		}
		return typ{kind: kindString}
	case s.Type == "integer" && (name == "size" || strings.HasSuffix(name, "_size")):
		return typ{kind: kindSize}
	case s.Type == "integer":
		return typ{kind: kindInt}
	case s.Type == "number":
		return typ{kind: kindFloat}
	case s.Type == "boolean":
		return typ{kind: kindBool}
	}
	return typ{kind: kindAny}
}

// object notes a schema and what it is made of.
func (r *reader) object(schemaName string) *object {
	name := nameOf(schemaName)
	if o := r.seen[name]; o != nil {
		return o
	}
	s := r.doc.Comps.Schemas[schemaName]
	o := &object{name: name, doc: s.Description}
	r.seen[name] = o
	r.model.objects = append(r.model.objects, o)
	o.fields = r.fields(name, s)
	return o
}

func (r *reader) fields(owner string, s *schema) (out []field) {
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		p := s.Properties[name]
		out = append(out, field{
			name: name, doc: p.Description, typ: r.typeOf(owner, name, p), required: slices.Contains(s.Required, name),
			null: strings.HasSuffix(string(p.Type), nullable)})
	}
	return out
}

// input marks a type, and what it is made of, as part of requests.
func (r *reader) input(t typ, patch bool) {
	o := r.seen[leaf(t).name]
	if o == nil || o.input && (o.patch || !patch) {
		return
	}
	o.input, o.patch = true, o.patch || patch
	for _, f := range o.fields {
		r.input(f.typ, false)
	}
}

// skipped are operations that other programs call, or that only a hand-written
// method can serve.
func skipped(method string, o *docOperation) bool {
	_, tus := o.RequestBody.Content["application/offset+octet-stream"]
	for _, p := range o.Parameters {
		tus = tus || p.Name == "Tus-Resumable"
	}
	if tus || method == "head" || method == "options" || o.ID == "" {
		return true
	}
	for code, res := range o.Responses {
		if _, stream := res.Content["text/event-stream"]; stream && code == "200" {
			return true
		}
	}
	for _, s := range o.Security {
		if len(s) > 0 {
			return false
		}
	}
	return true // it needs no token: somebody else's programs call it
}

func (r *reader) operation(path, method string, d *docOperation) {
	if skipped(method, d) {
		return
	}
	o := &operation{id: d.ID, method: strings.ToUpper(method), path: path, summary: d.Summary, doc: d.Description}
	for _, s := range d.Security {
		o.scopes = append(o.scopes, s["oauth2"]...)
	}
	for _, p := range d.Parameters {
		f := field{name: p.Name, doc: p.Description, required: p.Required, deep: p.Style == "deepObject"}
		switch {
		case p.In == "path":
			f.typ = r.typeOf("", p.Name, p.Schema)
			o.places = append(o.places, f)
		case p.In == "query" && p.Name != "format": // the SDKs ask for JSON
			f.typ = r.typeOf("", p.Name, p.Schema)
			o.query = append(o.query, f)
		}
	}
	slices.SortFunc(o.places, func(a, b field) int {
		return strings.Index(path, "{"+a.name+"}") - strings.Index(path, "{"+b.name+"}")
	})
	r.body(o, d)
	r.result(o, d)
	r.model.operations = append(r.model.operations, o)
}

func (r *reader) body(o *operation, d *docOperation) {
	content := d.RequestBody.Content
	if c, ok := content["application/json"]; ok {
		o.body, o.bodyType = bodyJSON, r.typeOf("", "", c.Schema)
		r.input(o.bodyType, o.method == "PATCH")
	} else if len(content) > 0 {
		o.body = bodyFile
	}
}

func (r *reader) result(o *operation, d *docOperation) {
	for _, code := range []string{"200", "201", "202"} {
		content := d.Responses[code].Content
		c, ok := content["application/json"]
		_, text := content["text/plain"]
		switch {
		case ok && c.Schema.Ref != "":
			s := r.doc.Comps.Schemas[refName(c.Schema)]
			items, next := s.Properties["items"], s.Properties["next"]
			switch {
			case items != nil && items.Type == "array" && next != nil && len(s.Properties) == 2:
				o.result, o.resultType = resultPage, r.typeOf("", "", items.Items)
			case items != nil && items.Type == "array" && len(s.Properties) == 1:
				o.result, o.resultType = resultItems, r.typeOf("", "", items.Items)
			default:
				o.result, o.resultType = resultJSON, r.typeOf("", "", c.Schema)
			}
			return
		case ok:
			o.result, o.resultType = resultJSON, typ{kind: kindAny}
			return
		case text:
			o.result = resultText
			return
		}
	}
	if strings.HasPrefix(o.method, "GET") {
		o.result = resultFile
	}
}

// events reads the schemas of events, and joins those of a family: what all of
// them demand is there always.
func (r *reader) events(folder string) error {
	files, err := filepath.Glob(filepath.Join(folder, "*.schema.json"))
	if err != nil || len(files) == 0 {
		return fmt.Errorf("%s holds no schemas of events (%v)", folder, err)
	}
	families := map[string]*event{}
	joined := map[string]*schema{}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		var s struct {
			Title      string
			Properties map[string]*schema
			Required   []string
		}
		if err := json.Unmarshal(raw, &s); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		family, _, _ := strings.Cut(s.Title, ".")
		e, j := families[family], joined[family]
		if e == nil {
			e, j = &event{family: family}, &schema{Properties: map[string]*schema{}, Required: s.Required}
			families[family], joined[family] = e, j
		}
		e.types = append(e.types, s.Title)
		j.Required = slices.DeleteFunc(slices.Clone(j.Required), func(name string) bool { return !slices.Contains(s.Required, name) })
		maps.Copy(j.Properties, s.Properties)
	}
	for _, family := range slices.Sorted(maps.Keys(families)) {
		e := families[family]
		e.data = &object{name: pascal(family) + "EventData", doc: "Data of the events " + strings.Join(e.types, ", ") + "."}
		e.data.fields = r.fields(e.data.name, joined[family])
		r.model.objects = append(r.model.objects, e.data)
		r.model.events = append(r.model.events, e)
	}
	return nil
}
