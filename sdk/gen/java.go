package main

import (
	"fmt"
	"slices"
	"strings"
)

const javaRoot = "sdk/java/src/main/java/io/github/paraph/"

// printJava writes the Java SDK's records and operations. What is sent has a
// builder; members that may be absent are null then.
func printJava(m *model, out map[string][]byte) error {
	file := func(name, pkg, imports string) *printer {
		p := &printer{}
		p.f("// %s\npackage %s;\n", notice, pkg)
		if imports != "" {
			p.f("%s", imports)
		}
		return p
	}
	const model = "io.github.paraph.model"
	for _, o := range m.objects {
		p := file(o.name, model, "")
		javaRecord(p, o.name, o.doc, o.fields, o.input)
		out[javaRoot+"model/"+o.name+".java"] = p.Bytes()
	}
	for _, e := range m.enums {
		p := file(e.name, model, "")
		p.f("/** Values of a string that are known; more may come. */\npublic final class %s {\n  private %s() {}\n", e.name, e.name)
		for _, v := range e.values {
			p.f("  public static final String %s = %q;", strings.ToUpper(snake(v)), v)
		}
		p.f("}")
		out[javaRoot+"model/"+e.name+".java"] = p.Bytes()
	}
	ops := file("Operations", "io.github.paraph", "import io.github.paraph.model.*;\nimport java.io.OutputStream;\nimport java.util.List;\n")
	ops.f("/** One method for each operation of the contract. */\npublic abstract class Operations extends Transport {\n  Operations(Config config) {\n    super(config);\n  }")
	for _, o := range m.operations {
		if len(o.query) > 0 {
			name := title(o.id) + "Params"
			p := file(name, model, "")
			javaRecord(p, name, "Narrows "+o.id+"; what is null does not count.", o.query, true)
			out[javaRoot+"model/"+name+".java"] = p.Bytes()
		}
		javaMethod(ops, o)
	}
	ops.f("}")
	out[javaRoot+"Operations.java"] = ops.Bytes()
	p := file("EventData", model, "import java.util.Map;\n")
	p.f("/** What each type of event carries. */\npublic final class EventData {\n  private EventData() {}\n\n  /** The record that holds the data of each type of event. */\n  public static final Map<String, Class<? extends Record>> TYPES = Map.ofEntries(")
	var entries []string
	for _, e := range m.events {
		for _, t := range e.types {
			entries = append(entries, fmt.Sprintf("      Map.entry(%q, %s.class)", t, e.data.name))
		}
	}
	p.f("%s);\n}", strings.Join(entries, ",\n"))
	out[javaRoot+"model/EventData.java"] = p.Bytes()
	return nil
}

func javaType(t typ, boxed bool) string {
	pick := func(primitive, box string) string {
		if boxed {
			return box
		}
		return primitive
	}
	switch t.kind {
	case kindTime:
		return "java.time.Instant"
	case kindInt, kindSize:
		return pick("long", "Long")
	case kindFloat:
		return pick("double", "Double")
	case kindBool:
		return pick("boolean", "Boolean")
	case kindAny:
		return "Object"
	case kindList:
		return "java.util.List<" + javaType(*t.of, true) + ">"
	case kindMap:
		return "java.util.Map<String, " + javaType(*t.of, true) + ">"
	case kindObject:
		return t.name
	}
	return "String"
}

func javaName(name string) string {
	c := camel(name)
	if slices.Contains([]string{"default", "package", "class", "short", "long", "int", "public", "private", "new", "return", "if", "for", "do", "wait", "notify", "hashCode", "toString", "getClass"}, c) {
		return c + "_"
	}
	return c
}

func javaDoc(p *printer, indent, text string) {
	text = strings.NewReplacer("*/", "* /", "&", "&amp;", "<", "&lt;", ">", "&gt;", "@", "&#64;").Replace(text)
	lines := wrap(text)
	if len(lines) == 1 {
		p.f("%s/** %s */", indent, lines[0])
	} else if len(lines) > 1 {
		p.f("%s/**\n%s * %s\n%s */", indent, indent, strings.Join(lines, "\n"+indent+" * "), indent)
	}
}

func javaRecord(p *printer, name, doc string, fields []field, input bool) {
	text := doc
	if text == "" {
		text = "Part of the contract."
	}
	lines := wrap(strings.NewReplacer("*/", "* /", "&", "&amp;", "<", "&lt;", ">", "&gt;", "@", "&#64;").Replace(text))
	p.f("/**\n * %s\n *", strings.Join(lines, "\n * "))
	var parts, names, wired []string
	for _, f := range fields {
		about := f.doc
		if !f.required {
			about += " May be null."
		}
		if f.typ.kind == kindAny {
			about += " JSON: maps, lists, strings, numbers, booleans, null."
		}
		about = strings.NewReplacer("*/", "* /", "&", "&amp;", "<", "&lt;", ">", "&gt;", "@", "&#64;").Replace(strings.TrimSpace(about))
		if about == "" {
			about = "as it is named"
		}
		p.f(" * @param %s %s", javaName(f.name), strings.Join(wrap(about), "\n *     "))
		parts, names = append(parts, javaType(f.typ, input || !f.required)+" "+javaName(f.name)), append(names, javaName(f.name))
		wire := ""
		if snake(camel(f.name)) != f.name || javaName(f.name) != camel(f.name) {
			wire = fmt.Sprintf("@io.github.paraph.Wire(%q) ", f.name)
		}
		wired = append(wired, wire+parts[len(parts)-1])
	}
	p.f(" */\npublic record %s(%s) {", name, strings.Join(wired, ", "))
	if input {
		p.f("  /** Starts one with everything absent. */\n  public static Builder builder() {\n    return new Builder();\n  }\n")
		p.f("  /** Puts one together, member by member. */\n  public static final class Builder {")
		for _, part := range parts {
			p.f("    private %s;", part)
		}
		p.f("\n    private Builder() {}\n")
		for i, f := range fields {
			javaDoc(p, "    ", f.doc)
			p.f("    public Builder %s(%s) {\n      this.%s = %s;\n      return this;\n    }\n", names[i], parts[i], names[i], names[i])
		}
		p.f("    /** What was put together. */\n    public %s build() {\n      return new %s(%s);\n    }\n  }", name, name, strings.Join(names, ", "))
	}
	p.f("}")
}

func javaMethod(p *printer, o *operation) {
	var args, names []string
	add := func(typ, name string) { args, names = append(args, typ+" "+name), append(names, name) }
	path := fmt.Sprintf("%q", o.path)
	for _, f := range o.places {
		add(javaType(f.typ, false), javaName(f.name))
		path = strings.ReplaceAll(path, "{"+f.name+"}", `" + segment(`+javaName(f.name)+`) + "`)
	}
	path = strings.TrimSuffix(path, ` + ""`)
	call := fmt.Sprintf("new Call(%q, %s)", o.method, path)
	if len(o.query) > 0 {
		add(title(o.id)+"Params", "params")
		for _, f := range o.query {
			call += fmt.Sprintf("\n        .query(%q, params.%s())", f.name, javaName(f.name))
		}
	}
	body := "null"
	switch {
	case o.body == bodyJSON:
		add(o.bodyType.name, "body")
		body = "body"
	case o.body == bodyFile:
		add("Source", "file")
	case o.result == resultFile:
		add("OutputStream", "to")
	}
	of := javaType(o.resultType, true)
	method := func(result, statement string) {
		p.f("")
		javaDoc(p, "  ", o.sentence()+" "+o.method+" "+o.path+"; scopes: "+strings.Join(o.scopes, " or ")+".")
		p.f("  public %s %s(%s) {\n    return %s(%s);\n  }\n", result, o.id, strings.Join(args, ", "), o.id, strings.Join(append(slices.Clone(names), "CallOptions.NONE"), ", "))
		javaDoc(p, "  ", "The same, with options.")
		p.f("  public %s %s(%s) {\n    return %s;\n  }", result, o.id, strings.Join(append(slices.Clone(args), "CallOptions options"), ", "), statement)
	}
	switch {
	case o.body == bodyFile:
		method(of, fmt.Sprintf("upload(%s, file, %s.class, options)", call, of))
	case o.result == resultFile:
		method("Download", fmt.Sprintf("download(%s, to, options)", call))
	case o.result == resultText:
		method("String", fmt.Sprintf("text(%s, options)", call))
	case o.result == resultItems:
		method("List<"+of+">", fmt.Sprintf("items(%s, %s.class, options)", call, of))
	case o.result == resultPage:
		method("Page<"+of+">", fmt.Sprintf("page(%s, %s.class, options)", call, of))
		p.f("")
		javaDoc(p, "  ", "Every item that "+o.id+" lists; pages are asked for as they are needed.")
		p.f("  public Iterable<%s> %s(%s) {\n    return all(() -> %s, %s.class);\n  }", of, allName(o.id), strings.Join(args, ", "), call, of)
	default:
		method(of, fmt.Sprintf("json(%s, %s, %s.class, options)", call, body, of))
	}
}
