package main

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path"
	"slices"
	"strings"
)

// living is the variable that says which mutant is alive in a run; none where it is empty.
const living = "MUTANT_ALIVE"

// reaching is the variable that names a file in which a run notes the mutants in whose
// functions it came, one name a line.
const reaching = "MUTANTS_REACHED"

// switches is the file that each changed package gets.
const switches = `
import (
	"os"
	"sync"
)

var (
	mutantAlive = os.Getenv("` + living + `")
	mutantsOnce sync.Map
)

func mutantsHere(names string) string {
	if at := os.Getenv("` + reaching + `"); at != "" {
		if _, noted := mutantsOnce.LoadOrStore(names, true); !noted {
			if f, err := os.OpenFile(at, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666); err == nil {
				f.WriteString(names)
				f.Close()
			}
		}
	}
	return mutantAlive
}

func mutantOr[T any](name string, mutant, asIs T) T {
	if mutantsHere(name+"\n") == name {
		return mutant
	}
	return asIs
}
`

// edit replaces a part of a file's text.
type edit struct {
	from, to int
	text     string
}

// apart tells whether a mutant of a declaration cannot be switched while the tests run,
// but has to be built by itself: of a constant, a type, or what a file does at its start.
func apart(d ast.Decl) bool {
	switch d := d.(type) {
	case *ast.FuncDecl:
		return d.Body == nil || d.Name.Name == "init"
	case *ast.GenDecl:
		return d.Tok != token.VAR
	}
	return true
}

// together writes a file with all of the mutants in it, each switched by its name. It
// gives those back that have to be built by themselves.
func together(text string, mutants map[string]*mutant) (changed string, alone map[string]*mutant, err error) {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, "", text, parser.SkipObjectResolution)
	if err != nil {
		return "", nil, err
	}
	offset := func(p token.Pos) int { return set.Position(p).Offset }
	alone = map[string]*mutant{}
	byDecl := map[ast.Decl][]string{}
	for _, name := range slices.Sorted(maps.Keys(mutants)) {
		m := mutants[name]
		i := slices.IndexFunc(file.Decls, func(d ast.Decl) bool { return offset(d.Pos()) <= m.at && m.at+len(m.old) <= offset(d.End()) })
		if i < 0 || apart(file.Decls[i]) {
			alone[name] = m
			continue
		}
		byDecl[file.Decls[i]] = append(byDecl[file.Decls[i]], name)
	}
	var edits []edit
	var copies strings.Builder
	for d, names := range byDecl {
		if f, ok := d.(*ast.FuncDecl); ok {
			e, c := inFunction(text, offset, f, names, mutants)
			edits = append(edits, e...)
			copies.WriteString(c)
			continue
		}
		e, left := inVariables(text, offset, d.(*ast.GenDecl), names, mutants)
		edits = append(edits, e...)
		for _, name := range left {
			alone[name] = mutants[name]
		}
	}
	return apply(text, edits) + copies.String(), alone, nil
}

// inFunction writes a copy of the function for each mutant, and has the function call
// the one that is alive.
func inFunction(text string, offset func(token.Pos) int, f *ast.FuncDecl, names []string, mutants map[string]*mutant) (edits []edit, copies string) {
	from, to := offset(f.Pos()), offset(f.End())
	own := offset(f.Name.Pos()) - from
	var b strings.Builder
	receiver := ""
	if f.Recv != nil {
		e, used := named(offset, f.Recv.List, "mutantReceiver")
		edits, receiver = append(edits, e...), used[0]+"."
	}
	e, args := named(offset, f.Type.Params.List, "mutantArgument")
	edits = append(edits, e...)
	types := ""
	if f.Type.TypeParams != nil {
		_, t := named(offset, f.Type.TypeParams.List, "")
		types = "[" + strings.Join(t, ", ") + "]"
	}
	fmt.Fprintf(&b, " switch mutantsHere(%q) {", strings.Join(names, "\n")+"\n")
	for _, name := range names {
		m := mutants[name]
		at := m.at - from
		body := text[from:to]
		body = body[:at] + m.new + body[at+len(m.old):]
		copies += "\n" + body[:own] + f.Name.Name + "_mutant" + name + body[own+len(f.Name.Name):] + "\n"
		call := receiver + f.Name.Name + "_mutant" + name + types + "(" + strings.Join(args, ", ") + ")"
		if f.Type.Results == nil || len(f.Type.Results.List) == 0 {
			fmt.Fprintf(&b, "case %q: %s; return; ", name, call)
		} else {
			fmt.Fprintf(&b, "case %q: return %s; ", name, call)
		}
	}
	at := offset(f.Body.Lbrace) + 1
	return append(edits, edit{at, at, b.String() + "};"}), copies
}

// named gives every parameter a name, and the names.
func named(offset func(token.Pos) int, fields []*ast.Field, prefix string) (edits []edit, names []string) {
	for _, f := range fields {
		dots := ""
		if _, variadic := f.Type.(*ast.Ellipsis); variadic {
			dots = "..."
		}
		fresh := func() string { return fmt.Sprint(prefix, len(names)) }
		if len(f.Names) == 0 {
			at := offset(f.Type.Pos())
			edits, names = append(edits, edit{at, at, fresh() + " "}), append(names, fresh()+dots)
		}
		for _, n := range f.Names {
			name := n.Name
			if name == "_" {
				name = fresh()
				edits = append(edits, edit{offset(n.Pos()), offset(n.End()), name})
			}
			names = append(names, name+dots)
		}
	}
	return edits, names
}

// inVariables chooses between values of a variable as it is initialised. It gives the
// mutants back that are in no single value.
func inVariables(text string, offset func(token.Pos) int, d *ast.GenDecl, names []string, mutants map[string]*mutant) (edits []edit, left []string) {
	for _, name := range names {
		m := mutants[name]
		found := false
		for _, s := range d.Specs {
			spec, ok := s.(*ast.ValueSpec)
			if !ok || len(spec.Values) != len(spec.Names) {
				continue
			}
			for _, v := range spec.Values {
				from, to := offset(v.Pos()), offset(v.End())
				if m.at < from || m.at+len(m.old) > to {
					continue
				}
				found = true
				typ := ""
				if spec.Type != nil {
					typ = "[" + text[offset(spec.Type.Pos()):offset(spec.Type.End())] + "]"
				}
				at := m.at - from
				value := text[from:to]
				edits = append(edits, edit{from, from, fmt.Sprintf("mutantOr%s(%q, %s, ", typ, name, value[:at]+m.new+value[at+len(m.old):])}, edit{to, to, ")"})
			}
		}
		if !found {
			left = append(left, name)
		}
	}
	return edits, left
}

// apply carries out edits that do not overlap.
func apply(text string, edits []edit) string {
	slices.SortStableFunc(edits, func(a, b edit) int { return cmp.Compare(b.from, a.from) })
	for _, e := range edits {
		text = text[:e.from] + e.text + text[e.to:]
	}
	return text
}

// packageOf gives the name in a file's package clause.
func packageOf(file, text string) (string, error) {
	f, err := parser.ParseFile(token.NewFileSet(), path.Base(file), text, parser.PackageClauseOnly)
	if err != nil {
		return "", err
	}
	return f.Name.Name, nil
}
