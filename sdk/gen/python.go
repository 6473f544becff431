package main

import (
	"fmt"
	"slices"
	"strings"
)

// printPython writes the Python SDK's types and operations, those once for the
// client that waits and once for asyncio.
func printPython(m *model, out map[string][]byte) error {
	var types, ops printer
	types.f("# %s\n", notice)
	pyTypes(&types, m)
	ops.f("# %s\n", notice)
	pyOperations(&ops, m)
	out["sdk/python/src/paraph/types.py"], out["sdk/python/src/paraph/_operations.py"] = types.Bytes(), ops.Bytes()
	return nil
}

func pyType(t typ) string {
	switch t.kind {
	case kindTime:
		return "datetime"
	case kindInt, kindSize:
		return "int"
	case kindFloat:
		return "float"
	case kindBool:
		return "bool"
	case kindAny:
		return "Any"
	case kindList:
		return "list[" + pyType(*t.of) + "]"
	case kindMap:
		return "dict[str, " + pyType(*t.of) + "]"
	case kindObject, kindEnum:
		return t.name
	}
	return "str"
}

// pyKeywords are all of the language (docs.python.org/3/reference/lexical_analysis.html#keywords)
// that could be a name in the contract.
var pyKeywords = strings.Fields("and as assert async await break class continue def del elif else except finally for from global if import in is lambda nonlocal not or pass raise return try while with yield")

// pyName steps out of the way of keywords; the runtime takes the mark off again.
func pyName(name string) string {
	if slices.Contains(pyKeywords, name) {
		return name + "_"
	}
	return strings.ReplaceAll(name, "-", "_")
}

func pyDoc(p *printer, indent, text string) {
	lines := wrap(strings.ReplaceAll(strings.ReplaceAll(text, `\`, `\\`), `"""`, `'''`))
	switch len(lines) {
	case 0:
	case 1:
		if strings.HasSuffix(lines[0], `"`) {
			lines[0] += " "
		}
		p.f(`%s"""%s"""`, indent, lines[0])
	default:
		p.f(`%s"""%s`, indent, lines[0])
		for _, line := range lines[1:] {
			p.f("%s%s", indent, line)
		}
		p.f(`%s"""`, indent)
	}
}

func pyTypes(p *printer, m *model) {
	p.f("from __future__ import annotations\n\nfrom dataclasses import dataclass\nfrom datetime import datetime\nfrom typing import Any, Literal, Union\n")
	for _, e := range m.enums {
		p.f("%s = Union[Literal[%s], str]", e.name, quoted(e.values, ", "))
	}
	for _, o := range m.objects {
		p.f("\n\n@dataclass(kw_only=True, slots=True)\nclass %s:", o.name)
		doc := o.doc
		if doc == "" {
			doc = "Part of the contract."
		}
		pyDoc(p, "    ", doc)
		p.f("")
		for _, f := range o.fields {
			if f.required {
				p.f("    %s: %s", pyName(f.name), pyType(f.typ))
			} else {
				p.f("    %s: %s | None = None", pyName(f.name), pyType(f.typ))
			}
			pyDoc(p, "    ", f.doc)
		}
	}
	p.f("\n\n#: What each type of event carries.\nEVENT_DATA: dict[str, type] = {")
	for _, e := range m.events {
		for _, t := range e.types {
			p.f("    %q: %s,", t, e.data.name)
		}
	}
	p.f("}")
}

func pyOperations(p *printer, m *model) {
	p.f("from __future__ import annotations\n\nfrom datetime import datetime\nfrom typing import Any, AsyncIterator, Iterator, Mapping, Sequence\n")
	p.f("from . import types as t\nfrom ._core import AsyncRunner, Call, Download, Options, Page, Runner, Sink, Source, segment\n")
	for _, async := range []bool{false, true} {
		name, base := "Operations", "Runner"
		if async {
			name, base = "AsyncOperations", "AsyncRunner"
		}
		p.f("\nclass %s(%s):\n    \"\"\"One method for each operation of the contract.\"\"\"", name, base)
		for _, o := range m.operations {
			pyMethod(p, o, async)
		}
		p.f("")
	}
}

// pyParam gives the type of an argument in the query.
func pyParam(t typ) string {
	switch t.kind {
	case kindList:
		return "Sequence[str]"
	case kindMap:
		return "Mapping[str, str]"
	case kindEnum:
		return "t." + t.name
	case kindTime:
		return "datetime | str"
	}
	return pyType(t)
}

func pyMethod(p *printer, o *operation, async bool) {
	args := []string{"self"}
	path := o.path
	for _, f := range o.places {
		args = append(args, pyName(f.name)+": "+pyType(f.typ))
		path = strings.ReplaceAll(path, "{"+f.name+"}", "{segment("+pyName(f.name)+")}")
	}
	body := "None"
	switch {
	case o.body == bodyJSON:
		args, body = append(args, "body: t."+o.bodyType.name), "body"
	case o.body == bodyFile:
		args = append(args, "file: Source")
	case o.result == resultFile:
		args = append(args, "to: Sink")
	}
	args = append(args, "*")
	query := ""
	for _, f := range o.query {
		def := pyParam(f.typ) + " | None = None"
		if f.required && f.name == "q" {
			def = pyParam(f.typ)
		}
		args = append(args, pyName(f.name)+": "+def)
		query += fmt.Sprintf("%q: %s, ", f.name, pyName(f.name))
	}
	args = append(args, "options: Options | None = None")
	call := fmt.Sprintf("Call(%q, f%q", o.method, path)
	if !strings.Contains(path, "{") {
		call = fmt.Sprintf("Call(%q, %q", o.method, path)
	}
	if query != "" {
		call += ", query={" + strings.TrimSuffix(query, ", ") + "}"
	}
	call += ")"
	of := "t." + o.resultType.name
	if o.resultType.kind == kindAny {
		of = "Any"
	}
	def, await := "def", ""
	if async {
		def, await = "async def", "await "
	}
	head := func(name, result string) {
		p.f("\n    %s %s(%s) -> %s:", def, name, strings.Join(args, ", "), result)
		pyDoc(p, "        ", o.sentence()+" "+o.method+" "+o.path+"; scopes: "+strings.Join(o.scopes, " or ")+".")
	}
	id := snake(o.id)
	switch {
	case o.body == bodyFile:
		head(id, of)
		p.f("        return %sself._upload(%s, file, %s, options)", await, call, of)
	case o.result == resultFile:
		head(id, "Download")
		p.f("        return %sself._download(%s, to, options)", await, call)
	case o.result == resultText:
		head(id, "str")
		p.f("        return %sself._text(%s, options)", await, call)
	case o.result == resultItems:
		head(id, "list["+of+"]")
		p.f("        return %sself._items(%s, %s, options)", await, call, of)
	case o.result == resultPage:
		head(id, "Page["+of+"]")
		p.f("        return %sself._page(%s, %s, options)", await, call, of)
		iter := "Iterator"
		if async {
			def, iter = "def", "AsyncIterator"
		}
		p.f("\n    %s %s(%s) -> %s[%s]:", def, snake(allName(o.id)), strings.Join(args, ", "), iter, of)
		pyDoc(p, "        ", "Every item that "+id+" lists; pages are asked for as they are needed.")
		p.f("        return self._all(%s, %s, options)", call, of)
	default:
		head(id, of)
		p.f("        return %sself._json(%s, %s, %s, options)", await, call, body, of)
	}
}
