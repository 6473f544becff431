package docsite

import (
	"cmp"
	"encoding/json"
	"fmt"
	"html"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// schemasPath is the page of all schemas.
const schemasPath = Root + "/reference/schemas"

// operation is an operation of the contract where it stands.
type operation struct {
	*huma.Operation
	method, path string
}

// at gives the address of an operation.
func (o *operation) at() string { return Root + "/reference/" + o.Tags[0] + "#" + o.OperationID }

// generated adds the pages that are made of the contract, the faults and the events.
func (b *builder) generated() {
	ops := b.operations()
	about := b.aboutReference()
	pages := []*page{about}
	for _, tag := range b.Contract.Tags {
		p := blank(Root+"/reference/"+tag.Name, "Reference: "+tag.Name)
		p.Short, p.Console = capital(tag.Name), true
		var out strings.Builder
		out.WriteString(words(tag.Description))
		out.WriteString(signIn)
		for _, o := range ops {
			if o.Tags[0] == tag.Name {
				b.operation(p, &out, o)
			}
		}
		p.body = out.String()
		pages = append(pages, p)
	}
	pages = append(pages, b.schemas(), b.faults(ops), b.events(), b.deprecations())
	s := b.section(sectionReference)
	s.Pages = append(pages, s.Pages...)
	b.pages = append(b.pages, pages...)
}

func (b *builder) operations() (out []*operation) {
	for _, path := range slices.Sorted(maps.Keys(b.Contract.Paths)) {
		item := b.Contract.Paths[path]
		for _, o := range []operation{{item.Get, http.MethodGet, path}, {item.Post, http.MethodPost, path}, {item.Put, http.MethodPut, path},
			{item.Patch, http.MethodPatch, path}, {item.Delete, http.MethodDelete, path}, {item.Head, http.MethodHead, path}} {
			if o.Operation != nil {
				out = append(out, &o)
			}
		}
	}
	return out
}

func (b *builder) aboutReference() *page {
	p := blank(Root+"/reference", "The API")
	var out strings.Builder
	intro, points, _ := strings.Cut(b.Contract.Info.Description, "\n\n")
	out.WriteString(words(intro) + "<ul>")
	for line := range strings.Lines(points) {
		out.WriteString("<li>" + inline(strings.TrimPrefix(strings.TrimSpace(line), "- ")) + "</li>")
	}
	out.WriteString("</ul>\n<p>The contract as a file: <a href=\"/openapi.yaml\">openapi.yaml</a>, <a href=\"/openapi.json\">openapi.json</a>; for events <a href=\"/asyncapi.yaml\">asyncapi.yaml</a>, <a href=\"/asyncapi.json\">asyncapi.json</a>. Each page below has forms that send an operation to this server and show the same as a curl line.</p>\n")
	out.WriteString(tableBegin + head("Part", "What it holds"))
	for _, tag := range b.Contract.Tags {
		fmt.Fprintf(&out, "<tr><td><a href=\"%s/reference/%s\">%s</a></td><td>%s</td></tr>\n", Root, tag.Name, html.EscapeString(capital(tag.Name)), inline(tag.Description))
	}
	fmt.Fprintf(&out, "<tr><td><a href=\"%s\">Schemas</a></td><td>The forms of all bodies.</td></tr>\n", schemasPath)
	out.WriteString("</tbody>" + tableEnd)
	p.body = out.String()
	p.say(b.Contract.Info.Description)
	return p
}

// operation writes one operation, with the form that tries it.
func (b *builder) operation(p *page, out *strings.Builder, o *operation) {
	p.Contents = append(p.Contents, heading{o.OperationID, o.Summary})
	p.begin(o.OperationID, o.Summary)
	p.say(o.OperationID, o.path, o.Description)
	fmt.Fprintf(out, `<section class="op"><h2 id="%s">%s <a class="here" href="#%[1]s" aria-label="Link to %[2]s">#</a></h2>`+"\n", o.OperationID, html.EscapeString(o.Summary))
	fmt.Fprintf(out, "<p class=\"call\"><span class=\"verb\">%s</span> <code>%s</code></p>\n", o.method, html.EscapeString(o.path))
	if o.Deprecated {
		out.WriteString("<p class=\"warn\">Deprecated: it goes away in a later version. Its answers say when.</p>\n")
	}
	out.WriteString(words(o.Description))
	if scopes := scopesOf(o); scopes != "" {
		out.WriteString("<p class=\"small\">Scope: " + scopes + "</p>\n")
	}
	if len(o.Parameters) > 0 {
		out.WriteString("<h3>Parameters</h3>\n" + tableBegin + head("Name", "Where", "Form", "Meaning"))
		for _, q := range o.Parameters {
			fmt.Fprintf(out, "<tr><td><code>%s</code></td><td>%s</td><td>%s%s</td><td>%s</td></tr>\n", html.EscapeString(q.Name), q.In, b.form(q.Schema), required(q.Required), inline(q.Description))
		}
		out.WriteString("</tbody>" + tableEnd)
	}
	if o.RequestBody != nil {
		out.WriteString("<h3>Body</h3>\n")
		b.body(out, o.RequestBody.Content)
	}
	out.WriteString("<h3>Answers</h3>\n")
	b.answers(out, o)
	b.try(out, o)
	out.WriteString("</section>\n")
}

func scopesOf(o *operation) string {
	var scopes []string
	for _, s := range o.Security {
		for _, scope := range s["oauth2"] {
			scopes = append(scopes, "<code>"+html.EscapeString(scope)+"</code>")
		}
	}
	return strings.Join(scopes, " or ")
}

func required(yes bool) string {
	if yes {
		return ", required"
	}
	return ""
}

// body shows what a body may be, with an example where it is JSON.
func (b *builder) body(out *strings.Builder, content map[string]*huma.MediaType) {
	for _, media := range slices.Sorted(maps.Keys(content)) {
		m := content[media]
		fmt.Fprintf(out, "<p><code>%s</code>: %s</p>\n", html.EscapeString(media), b.form(m.Schema))
		if m.Schema != nil && m.Schema.Ref == "" && len(m.Schema.Properties) > 0 {
			out.WriteString(b.members(m.Schema))
		}
		if media == "application/json" {
			out.WriteString(codeFigure("An example", false, b.example(m)+"\n"))
		}
	}
}

func (b *builder) answers(out *strings.Builder, o *operation) {
	out.WriteString(tableBegin + head("Status", "Meaning", "Body"))
	for _, status := range slices.Sorted(maps.Keys(o.Responses)) {
		r := o.Responses[status]
		var forms []string
		for _, media := range slices.Sorted(maps.Keys(r.Content)) {
			f := b.form(r.Content[media].Schema)
			if media != "application/json" && media != "application/problem+json" {
				f = "<code>" + html.EscapeString(media) + "</code>"
			}
			forms = append(forms, f)
		}
		text := inline(r.Description)
		for _, code := range codesIn(r.Description) {
			text = strings.ReplaceAll(text, "<code>"+code+"</code>", fmt.Sprintf(`<a href="%s/errors#%s"><code>%s</code></a>`, Root, code, code))
		}
		fmt.Fprintf(out, "<tr><td>%s</td><td>%s</td><td>%s</td></tr>\n", status, text, strings.Join(forms, "<br>"))
	}
	out.WriteString("</tbody>" + tableEnd)
}

// codesIn gives the codes that the description of an answer names.
func codesIn(description string) (codes []string) {
	list, ok := strings.CutPrefix(description, "Codes: ")
	if !ok {
		return nil
	}
	for i, quoted := range strings.Split(list, "`") {
		if i%2 == 1 {
			codes = append(codes, quoted)
		}
	}
	return codes
}

// example gives a body as the contract shows it, else one made of its schema.
func (b *builder) example(m *huma.MediaType) string {
	v := m.Example
	if v == nil {
		for _, name := range slices.Sorted(maps.Keys(m.Examples)) {
			v = m.Examples[name].Value
			break
		}
	}
	if v == nil {
		v = b.sample(m.Schema, 0)
	}
	raw, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return "{}" // a value of the contract, which is JSON already
	}
	return string(raw)
}

const deepest = 6 // of a made example: ends what refers to itself

// sample makes an example of a schema, of the members it asks for and those that have an example.
func (b *builder) sample(s *huma.Schema, depth int) any {
	switch {
	case s == nil || depth > deepest:
		return nil
	case s.Ref != "":
		return b.sample(b.Contract.Components.Schemas.SchemaFromRef(s.Ref), depth+1)
	case len(s.Examples) > 0:
		return s.Examples[0]
	case s.Default != nil:
		return s.Default
	case len(s.Enum) > 0:
		return s.Enum[0]
	}
	switch s.Type {
	case huma.TypeObject:
		out := map[string]any{}
		for name, m := range s.Properties {
			if slices.Contains(s.Required, name) || len(m.Examples) > 0 {
				out[name] = b.sample(m, depth+1)
			}
		}
		return out
	case huma.TypeArray:
		return []any{b.sample(s.Items, depth+1)}
	case huma.TypeInteger, huma.TypeNumber:
		if s.Minimum != nil {
			return *s.Minimum
		}
		return 0
	case huma.TypeBoolean:
		return false
	case huma.TypeString:
		if s.Format == "date-time" {
			return "2026-01-31T12:00:00Z"
		}
		return "…"
	}
	return nil
}

// form says what a value is, with a link where a schema has a name.
func (b *builder) form(s *huma.Schema) string {
	switch {
	case s == nil:
		return "any"
	case s.Ref != "":
		name := s.Ref[strings.LastIndexByte(s.Ref, '/')+1:]
		return fmt.Sprintf(`<a href="%s#%s">%s</a>`, schemasPath, name, name)
	case s.Items != nil:
		return "list of " + b.form(s.Items)
	case len(s.Enum) > 0:
		var out []string
		for _, v := range s.Enum {
			out = append(out, "<code>"+html.EscapeString(fmt.Sprint(v))+"</code>")
		}
		return strings.Join(out, ", ")
	case s.Format != "":
		return s.Type + " (" + s.Format + ")"
	}
	return cmp.Or(s.Type, "any")
}

// members shows the members of an object.
func (b *builder) members(s *huma.Schema) string {
	var out strings.Builder
	out.WriteString(tableBegin + head("Member", "Form", "Meaning"))
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		m := s.Properties[name]
		fmt.Fprintf(&out, "<tr><td><code>%s</code></td><td>%s%s</td><td>%s</td></tr>\n", html.EscapeString(name), b.form(m), required(slices.Contains(s.Required, name)), inline(m.Description+bounds(m)))
	}
	out.WriteString("</tbody>" + tableEnd)
	return out.String()
}

// bounds says what a value is held to.
func bounds(s *huma.Schema) string {
	var out []string
	say := func(name string, n *int) {
		if n != nil {
			out = append(out, name+" "+strconv.Itoa(*n))
		}
	}
	number := func(name string, n *float64) {
		if n != nil {
			out = append(out, name+" "+strconv.FormatFloat(*n, 'g', -1, 64))
		}
	}
	number("at least", s.Minimum)
	number("at most", s.Maximum)
	say("length at least", s.MinLength)
	say("length at most", s.MaxLength)
	say("items at least", s.MinItems)
	say("items at most", s.MaxItems)
	if len(out) == 0 {
		return ""
	}
	return " (" + strings.Join(out, ", ") + ")"
}

func (b *builder) schemas() *page {
	p := blank(schemasPath, "Schemas")
	all := b.Contract.Components.Schemas.Map()
	var out strings.Builder
	out.WriteString("<p>The forms of all bodies. Answers may get further members; requests take none but these.</p>\n<p class=\"index\">")
	names := slices.Sorted(maps.Keys(all))
	for _, name := range names {
		fmt.Fprintf(&out, "<a href=\"#%s\">%[1]s</a> ", name)
	}
	out.WriteString("</p>\n")
	for _, name := range names {
		s := all[name]
		p.begin(name, name)
		p.say(slices.Sorted(maps.Keys(s.Properties))...)
		fmt.Fprintf(&out, "<section><h2 id=\"%s\"><code>%[1]s</code></h2>\n%s", name, words(s.Description))
		if len(s.Properties) > 0 {
			out.WriteString(b.members(s))
		} else {
			out.WriteString("<p>" + b.form(s) + "</p>\n")
		}
		out.WriteString("</section>\n")
	}
	p.body = out.String()
	return p
}

// head begins a table.
func head(columns ...string) string {
	out := "<thead><tr>"
	for _, c := range columns {
		out += `<th scope="col">` + c + "</th>"
	}
	return out + "</tr></thead><tbody>\n"
}

// words makes a paragraph of each line of a text, inline one line; `quoted` parts are code.
func words(text string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			out.WriteString("<p>" + inline(line) + "</p>\n")
		}
	}
	return out.String()
}

func inline(text string) string {
	var out strings.Builder
	for i, part := range strings.Split(text, "`") {
		if part = html.EscapeString(part); i%2 == 1 {
			part = "<code>" + part + "</code>"
		}
		out.WriteString(part)
	}
	return out.String()
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
