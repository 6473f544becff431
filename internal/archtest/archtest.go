// Package archtest holds the house together: its test fails on an import that
// the plan in docs/architecture.md does not allow, on a package without an
// introduction, and on the habits the project does not want.
//
// To allow a new arrow, change the table in rooms.go, and say why in the same
// change.
package archtest

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const module = "github.com/paraph/paraph"

// source is one Go file as the checks see it.
type source struct {
	path      string // from the repository's root, with slashes
	pkg       string // folder of the file, with slashes
	test      bool
	lines     int
	comment   bool // it carries the package's comment
	generated bool
	imports   []string
}

// load parses every Go file under root, but not what git ignores by folder.
func load(root string) ([]source, error) {
	var out []source
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); p != root && (strings.HasPrefix(name, ".") || name == "node_modules" || name == "testdata") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(p, ".go") {
			return nil
		}
		s, err := parse(root, p)
		if err != nil {
			return err
		}
		out = append(out, s)
		return nil
	})
	return out, err
}

func parse(root, file string) (source, error) {
	rel, err := filepath.Rel(root, file)
	if err != nil {
		return source{}, err
	}
	raw, err := read(root, filepath.ToSlash(rel))
	if err != nil {
		return source{}, err
	}
	f, err := parser.ParseFile(token.NewFileSet(), file, raw, parser.ImportsOnly|parser.ParseComments)
	if err != nil {
		return source{}, err
	}
	s := source{path: filepath.ToSlash(rel), test: strings.HasSuffix(file, "_test.go"), lines: bytes.Count(raw, []byte{'\n'})}
	s.pkg = path.Dir(s.path)
	s.comment = f.Doc != nil && len(f.Doc.Text()) > 40
	s.generated = ast.IsGenerated(f)
	for _, i := range f.Imports {
		name, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			return source{}, err
		}
		s.imports = append(s.imports, name)
	}
	return s, nil
}

// roomOf gives the room of a package folder: the one with the longest name that
// covers it; nil where no room does.
func roomOf(folder string) *room {
	var best *room
	for i := range rooms {
		r := &rooms[i]
		for _, f := range r.folders {
			if covers(f, folder) && (best == nil || len(f) > len(best.match(folder))) {
				best = r
			}
		}
	}
	return best
}

// match gives the longest folder of the room that covers the package.
func (r *room) match(folder string) string {
	best := ""
	for _, f := range r.folders {
		if covers(f, folder) && len(f) > len(best) {
			best = f
		}
	}
	return best
}

func covers(f, folder string) bool { return folder == f || strings.HasPrefix(folder, f+"/") }

// forbidden tells why a package must not import another; "" where it may.
func forbidden(from, imported string) string {
	r := roomOf(from)
	if r == nil {
		return "the folder belongs to no room: add it to the table in internal/archtest/rooms.go"
	}
	inside, ours := strings.CutPrefix(imported, module+"/")
	if !ours {
		return r.forbidsOutside(imported)
	}
	if supportsTests(inside) && !supportsTests(from) && !r.free {
		return "this package is for tests only"
	}
	to := roomOf(inside)
	switch {
	case r.free || supportsTests(from) || to == r && r.one:
		return ""
	case covers(r.match(from), inside) || covers(inside, from) && to == r:
		return "" // parts of one room
	case to == nil:
		return "the imported folder belongs to no room"
	case slices.Contains(r.may, to.name) || slices.Contains(exceptions[from], inside):
		return ""
	}
	return r.name + " may import only " + strings.Join(r.may, ", ")
}

// forbidsOutside checks an import of the standard library or of a module.
func (r *room) forbidsOutside(imported string) string {
	first, _, _ := strings.Cut(imported, "/")
	if strings.Contains(first, ".") { // a module: its path starts with a host name
		if r.pure && !slices.ContainsFunc(r.modules, func(m string) bool { return covers(m, imported) }) {
			return r.name + " imports no foreign module"
		}
		return ""
	}
	if r.pure && slices.ContainsFunc(outsideWorld, func(p string) bool { return covers(p, imported) }) {
		return r.name + " knows nothing of the outside world"
	}
	return ""
}

// supportsTests tells whether a package exists for tests only: conformance
// suites, sample makers, and the preview that the browser judge looks at.
func supportsTests(folder string) bool {
	base := path.Base(folder)
	return strings.HasSuffix(base, "test") || slices.Contains([]string{"testneed", "testca", "testpdf", "preview"}, base)
}
