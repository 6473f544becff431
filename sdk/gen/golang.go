package main

import (
	"fmt"
	"go/format"
	"strings"
)

// printGo writes the Go SDK's types and operations.
func printGo(m *model, out map[string][]byte) error {
	for name, print := range map[string]func(*printer, *model){"types_gen.go": goTypes, "operations_gen.go": goOperations} {
		var p printer
		p.f("// %s\n\npackage paraph\n", notice)
		print(&p, m)
		src, err := format.Source(p.Bytes())
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		out["sdk/go/"+name] = src
	}
	return nil
}

func goType(t typ) string {
	switch t.kind {
	case kindTime:
		return "time.Time"
	case kindInt:
		return "int"
	case kindSize:
		return "int64"
	case kindFloat:
		return "float64"
	case kindBool:
		return "bool"
	case kindAny:
		return "json.RawMessage"
	case kindList:
		return "[]" + goType(*t.of)
	case kindMap:
		return "map[string]" + goType(*t.of)
	case kindObject, kindEnum:
		return t.name
	}
	return "string"
}

// goField gives the type of a member: a pointer where absent and empty differ.
func goField(o *object, f field) string {
	t := goType(f.typ)
	switch f.typ.kind {
	case kindList, kindMap, kindAny:
		if f.null && o.patch {
			return "*" + t // to nil: null
		}
		return t
	case kindTime, kindObject:
		if !f.required {
			return "*" + t
		}
	default:
		if !f.required && o.patch {
			return "*" + t
		}
	}
	return t
}

func goDoc(p *printer, indent, text string) {
	for _, line := range wrap(text) {
		p.f("%s// %s", indent, line)
	}
}

func goTypes(p *printer, m *model) {
	p.f("import (\n\"encoding/json\"\n\"time\"\n)\n")
	for _, e := range m.enums {
		p.f("// %s is a string of which these values are known; more may come.\ntype %s string\n\nconst (", e.name, e.name)
		for _, v := range e.values {
			p.f("%s%s %s = %q", e.name, goName(v), e.name, v)
		}
		p.f(")\n")
	}
	for _, o := range m.objects {
		doc := o.doc
		if doc == "" {
			doc = "is part of the contract."
			if o.input {
				doc = "is part of requests."
			}
		} else {
			doc = "of the contract. " + doc
		}
		goDoc(p, "", o.name+" "+doc)
		p.f("type %s struct {", o.name)
		for _, f := range o.fields {
			goDoc(p, "\t", f.doc)
			omit := ""
			if !f.required {
				omit = ",omitzero"
			}
			p.f("\t%s %s `json:\"%s%s\"`", goName(f.name), goField(o, f), f.name, omit)
		}
		p.f("}\n")
	}
	p.f("// Types of events.\nconst (")
	for _, e := range m.events {
		for _, t := range e.types {
			p.f("Event%s = %q", goName(t), t)
		}
	}
	p.f(")")
}

func goOperations(p *printer, m *model) {
	p.f("import (\n\"context\"\n\"io\"\n\"iter\"\n\"net/url\"\n\"time\"\n)\n")
	for _, o := range m.operations {
		if len(o.query) > 0 {
			goParams(p, o)
		}
		goMethod(p, o)
	}
}

// goParams writes the parameters in the query as a type.
func goParams(p *printer, o *operation) {
	name := title(o.id) + "Params"
	p.f("// %s narrows %s; what is empty does not count.\ntype %s struct {", name, title(o.id), name)
	for _, f := range o.query {
		goDoc(p, "\t", f.doc)
		p.f("\t%s %s", goName(f.name), goType(f.typ))
	}
	p.f("}\n\nfunc (p *%s) values() url.Values {\n\tq := url.Values{}", name)
	for _, f := range o.query {
		set := "setQuery"
		if f.deep {
			set = "setDeep"
		}
		p.f("\t%s(q, %q, p.%s)", set, f.name, goName(f.name))
	}
	p.f("\treturn q\n}\n")
}

func goPath(o *operation) string {
	path := fmt.Sprintf("%q", o.path)
	for _, f := range o.places {
		value := "url.PathEscape(" + camel(f.name) + ")"
		if f.typ.kind == kindInt {
			value = "decimal(" + camel(f.name) + ")"
		}
		path = strings.ReplaceAll(path, "{"+f.name+"}", `" + `+value+` + "`)
	}
	return strings.TrimSuffix(path, ` + ""`)
}

func goMethod(p *printer, o *operation) {
	args, names := "ctx context.Context", "ctx"
	add := func(name, typ string) { args, names = args+", "+name+" "+typ, names+", "+name }
	for _, f := range o.places {
		add(camel(f.name), goType(f.typ))
	}
	req := fmt.Sprintf("&request{method: %q, path: %s", o.method, goPath(o))
	if len(o.query) > 0 {
		add("p", title(o.id)+"Params")
		req += ", query: p.values()"
	}
	req += "}"
	in := "nil"
	switch o.body {
	case bodyJSON:
		add("body", goType(o.bodyType))
		in = "body"
	case bodyFile:
		add("file", "File")
	}
	goDoc(p, "", title(o.id)+": "+o.sentence())
	p.f("//\n// %s %s; scopes: %s.", o.method, o.path, strings.Join(o.scopes, " or "))
	head := func(name, result string) { p.f("func (c *Client) %s(%s, options ...Option) %s {", name, args, result) }
	name, of := title(o.id), goType(o.resultType)
	switch {
	case o.body == bodyFile:
		head(name, "(*"+of+", error)")
		p.f("\treturn upload[%s](ctx, c, %s, file, options)\n}\n", of, req)
	case o.result == resultFile:
		args += ", w io.Writer"
		head(name, "(*Download, error)")
		p.f("\treturn c.download(ctx, %s, w, options)\n}\n", req)
	case o.result == resultText:
		head(name, "(string, error)")
		p.f("\treturn c.text(ctx, %s, options)\n}\n", req)
	case o.result == resultItems:
		head(name, "([]"+of+", error)")
		p.f("\treturn items[%s](ctx, c, %s, options)\n}\n", of, req)
	case o.result == resultPage:
		head(name, "(*Page["+of+"], error)")
		p.f("\treturn call[Page[%s]](ctx, c, %s, nil, options)\n}\n", of, req)
		p.f("// %s gives every item that %s lists, and asks for pages as they are needed.", title(allName(o.id)), name)
		head(title(allName(o.id)), "iter.Seq2["+of+", error]")
		p.f("\treturn all(&p.After, func() (*Page[%s], error) { return c.%s(%s, options...) })\n}\n", of, name, names)
	default:
		head(name, "(*"+of+", error)")
		p.f("\treturn call[%s](ctx, c, %s, %s, options)\n}\n", of, req, in)
	}
}
