package main

import (
	"fmt"
	"strings"
)

// printTypeScript writes the TypeScript SDK's types and operations. Members are
// named as on the wire, so what comes needs no translation; times are strings.
func printTypeScript(m *model, out map[string][]byte) error {
	for name, print := range map[string]func(*printer, *model){"types.gen.ts": tsTypes, "operations.gen.ts": tsOperations} {
		var p printer
		p.f("// %s\n", notice)
		print(&p, m)
		out["sdk/typescript/src/"+name] = p.Bytes()
	}
	return nil
}

func tsType(t typ) string {
	switch t.kind {
	case kindInt, kindSize, kindFloat:
		return "number"
	case kindBool:
		return "boolean"
	case kindAny:
		return "Json"
	case kindList:
		return tsType(*t.of) + "[]"
	case kindMap:
		return "Record<string, " + tsType(*t.of) + ">"
	case kindObject, kindEnum:
		return t.name
	}
	return "string"
}

func tsDoc(p *printer, indent, text string) {
	lines := wrap(strings.ReplaceAll(text, "*/", "* /"))
	switch len(lines) {
	case 0:
	case 1:
		p.f("%s/** %s */", indent, lines[0])
	default:
		p.f("%s/**", indent)
		for _, line := range lines {
			p.f("%s * %s", indent, line)
		}
		p.f("%s */", indent)
	}
}

func tsMembers(p *printer, fields []field) {
	for _, f := range fields {
		tsDoc(p, "  ", f.doc)
		mark := "?"
		if f.required {
			mark = ""
		}
		null := ""
		if f.null {
			null = " | null"
		}
		p.f("  %s%s: %s%s;", f.name, mark, tsType(f.typ), null)
	}
}

func tsTypes(p *printer, m *model) {
	p.f("/** JSON, left as it is. */\n// eslint-disable-next-line @typescript-eslint/no-explicit-any\nexport type Json = any;\n")
	for _, e := range m.enums {
		p.f("/** Of these values; more may come. */\nexport type %s = %s | (string & {});\n", e.name, quoted(e.values, " | "))
	}
	for _, o := range m.objects {
		tsDoc(p, "", o.doc)
		p.f("export interface %s {", o.name)
		tsMembers(p, o.fields)
		p.f("}\n")
	}
	for _, o := range m.operations {
		if len(o.query) > 0 {
			p.f("/** Narrows %s; what is left out does not count. */\nexport interface %sParams {", o.id, title(o.id))
			tsMembers(p, optional(o.query))
			p.f("}\n")
		}
	}
	p.f("/** What each type of event carries. */\nexport interface EventData {")
	for _, e := range m.events {
		for _, t := range e.types {
			p.f("  %q: %s;", t, e.data.name)
		}
	}
	p.f("}\n\n/** An event whose type tells what its data are: `if (e.type === \"document.approved\") e.data.state`. */")
	p.f("export type TypedEvent = { [T in keyof EventData]: Omit<Event, \"type\" | \"data\"> & { type: T; data: EventData[T] } }[keyof EventData];")
}

func quoted(values []string, sep string) string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = fmt.Sprintf("%q", v)
	}
	return strings.Join(out, sep)
}

// optional lets parameters that have to be there be checked by the server.
func optional(fields []field) []field {
	out := make([]field, len(fields))
	for i, f := range fields {
		f.required = f.required && f.name == "q"
		out[i] = f
	}
	return out
}

func tsOperations(p *printer, m *model) {
	p.f("import type * as T from \"./types.gen.js\";\nimport { all, segment, type CallOptions, type Download, type Page, type Source, type Transport } from \"./runtime.js\";\n")
	p.f("/** One method for each operation of the contract. */\nexport class Operations {\n  constructor(protected readonly transport: Transport) {}")
	for _, o := range m.operations {
		tsMethod(p, o)
	}
	p.f("}")
}

func tsMethod(p *printer, o *operation) {
	var args, names []string
	add := func(name, typ string) { args, names = append(args, name+": "+typ), append(names, name) }
	path := o.path
	for _, f := range o.places {
		add(camel(f.name), tsType(f.typ))
		path = strings.ReplaceAll(path, "{"+f.name+"}", "${segment("+camel(f.name)+")}")
	}
	call := fmt.Sprintf("{ method: %q, path: `%s`", o.method, path)
	params := ""
	if len(o.query) > 0 {
		call += ", query: params"
		params = "params: T." + title(o.id) + "Params"
	}
	call += " }"
	of := tsType(o.resultType)
	if o.resultType.kind == kindObject {
		of = "T." + of
	} else if o.resultType.kind == kindAny {
		of = "T.Json"
	}
	body := "undefined"
	if o.body == bodyJSON {
		add("body", "T."+tsType(o.bodyType))
		body = "body"
	}
	if o.body == bodyFile {
		add("file", "Source")
	}
	if params != "" {
		if len(o.query) > 0 && o.query[0].name == "q" && o.query[0].required {
			args = append(args, params)
		} else {
			args = append(args, params+" = {}")
		}
	}
	args = append(args, "options?: CallOptions")
	p.f("")
	tsDoc(p, "  ", o.sentence()+" "+o.method+" "+o.path+"; scopes: "+strings.Join(o.scopes, " or ")+".")
	head := func(result string) { p.f("  %s(%s): %s {", o.id, strings.Join(args, ", "), result) }
	switch {
	case o.body == bodyFile:
		head("Promise<" + of + ">")
		p.f("    return this.transport.upload(%s, file, options);\n  }", call)
	case o.result == resultFile:
		head("Promise<Download>")
		p.f("    return this.transport.download(%s, options);\n  }", call)
	case o.result == resultText:
		head("Promise<string>")
		p.f("    return this.transport.text(%s, options);\n  }", call)
	case o.result == resultItems:
		head("Promise<" + of + "[]>")
		p.f("    return this.transport.items(%s, options);\n  }", call)
	case o.result == resultPage:
		head("Promise<Page<" + of + ">>")
		p.f("    return this.transport.json(%s, undefined, options);\n  }\n", call)
		tsDoc(p, "  ", "Every item that "+o.id+" lists; pages are asked for as they are needed.")
		p.f("  %s(%s): AsyncIterableIterator<%s> {", allName(o.id), strings.Join(args, ", "), of)
		p.f("    return all(params, (p) => this.%s(%s));\n  }", o.id, strings.Join(append(names, "p", "options"), ", "))
	default:
		head("Promise<" + of + ">")
		p.f("    return this.transport.json(%s, %s, options);\n  }", call, body)
	}
}
