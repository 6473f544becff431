package archtest

import (
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/paraph/paraph/internal/testneed"
)

// The tests of this file hold docs/inventory.md to the program.

// section gives the lines of a document that stand under a heading.
func section(t *testing.T, doc, heading string) string {
	t.Helper()
	raw, err := read(testneed.Root(t), doc)
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(raw), "\n## "+heading+"\n")
	if !found {
		t.Fatalf("%s has no section %q", doc, heading)
	}
	text, _, _ := strings.Cut(after, "\n## ")
	return text
}

// table gives the rows of the table that stands under a heading, without its head.
func table(t *testing.T, doc, heading string) (rows [][]string) {
	t.Helper()
	for line := range strings.Lines(section(t, doc, heading)) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "|") {
			cells := strings.Split(strings.Trim(line, "|"), "|")
			for i := range cells {
				cells[i] = strings.TrimSpace(cells[i])
			}
			rows = append(rows, cells)
		}
	}
	if len(rows) < 3 {
		t.Fatalf("%s, %s: there is no table", doc, heading)
	}
	return rows[2:]
}

const inventory = "docs/inventory.md"

var quoted = regexp.MustCompile("`([^`]+)`")

// names gives what stands between backticks.
func names(cell string) (out []string) {
	for _, m := range quoted.FindAllStringSubmatch(cell, -1) {
		out = append(out, m[1])
	}
	return out
}

// program gives the sources of what is shipped: no tests, and nothing that is for tests.
func program(t *testing.T) (out []source) {
	t.Helper()
	for _, s := range sources(t) {
		top, _, _ := strings.Cut(s.path, "/")
		apart := supportsTests(s.pkg) || strings.HasPrefix(s.pkg, "internal/e2e/")
		if !s.test && !apart && slices.Contains([]string{"cmd", "internal", "pades"}, top) {
			out = append(out, s)
		}
	}
	return out
}

// syntax is what parsed has given, by path.
var syntax sync.Map

// parsed gives a source's syntax, which is only looked at.
func parsed(t *testing.T, s source) *ast.File {
	t.Helper()
	if f, ok := syntax.Load(s.path); ok {
		return f.(*ast.File)
	}
	raw, err := read(testneed.Root(t), s.path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := parser.ParseFile(token.NewFileSet(), s.path, raw, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	syntax.Store(s.path, f)
	return f
}

// compare holds is documented against what is there, by package.
func compare(t *testing.T, what string, documented, there map[string]bool) {
	t.Helper()
	for _, p := range slices.Sorted(maps.Keys(there)) {
		if !documented[p] {
			t.Errorf("%s: %s does so, and %s does not say it", what, p, inventory)
		}
	}
	for _, p := range slices.Sorted(maps.Keys(documented)) {
		if !there[p] {
			t.Errorf("%s: %s says it of %s, which does not", what, inventory, p)
		}
	}
}

func setOf(list []string) map[string]bool {
	out := map[string]bool{}
	for _, s := range list {
		out[s] = true
	}
	return out
}

// cryptographic tells whether a package that is imported is one of cryptography, beyond
// the forms of certificates and of ASN.1.
func cryptographic(imported string) bool {
	switch imported {
	case "crypto/x509", "crypto/x509/pkix", "golang.org/x/crypto/cryptobyte", "golang.org/x/crypto/cryptobyte/asn1":
		return false
	}
	return strings.HasPrefix(imported, "crypto/") || strings.HasPrefix(imported, "golang.org/x/crypto/") || strings.HasPrefix(imported, "filippo.io/") || strings.HasPrefix(imported, "github.com/cloudflare/circl") ||
		slices.Contains([]string{"github.com/go-jose/go-jose/v4", "golang.org/x/mod/sumdb/note", "github.com/go-webauthn/webauthn/webauthn", "github.com/coreos/go-oidc/v3/oidc", "github.com/miekg/pkcs11"}, imported)
}

// TestCryptographyIsInTheInventory: every use of an algorithm stands in the inventory with
// its place, and what a quantum computer breaks stands in the plan for that.
func TestCryptographyIsInTheInventory(t *testing.T) {
	t.Parallel()
	there := map[string]map[string]bool{}
	for _, s := range program(t) {
		for _, i := range s.imports {
			if cryptographic(i) {
				if there[i] == nil {
					there[i] = map[string]bool{}
				}
				there[i][s.pkg] = true
			}
		}
	}
	plan := section(t, "docs/security.md", "The way to post-quantum algorithms")
	known := map[string]bool{}
	for _, row := range table(t, inventory, "Cryptography") {
		if len(row) != 5 || len(names(row[0])) != 1 || slices.Contains(row, "") {
			t.Fatalf("a row is not of five cells: %q", row)
		}
		i := names(row[0])[0]
		known[i] = true
		if row[3] != "everywhere" {
			compare(t, i, setOf(names(row[3])), there[i])
		}
		if algorithm := strings.Fields(row[1])[0]; row[4] == "breaks" && !strings.Contains(plan, algorithm) {
			t.Errorf("the plan does not say what follows %s", algorithm)
		}
	}
	compare(t, "cryptography", known, setOf(slices.Collect(maps.Keys(there))))
}

// TestKeyFilesAreInTheInventory: so does each file that holds a key.
func TestKeyFilesAreInTheInventory(t *testing.T) {
	t.Parallel()
	there := map[string]bool{}
	for _, s := range program(t) {
		ast.Inspect(parsed(t, s), func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				if name, err := strconv.Unquote(lit.Value); err == nil && !strings.ContainsAny(name, " /%*") && name == strings.TrimLeft(name, ".") && (strings.HasSuffix(name, ".key") || strings.HasSuffix(name, ".key.pem")) {
					there[name] = true
				}
			}
			return true
		})
	}
	documented := map[string]bool{}
	for _, row := range table(t, inventory, "Key files") {
		documented[names(row[0])[0]] = true
		if len(row) != 5 || slices.Contains(row, "") {
			t.Errorf("%s: what it serves, what it never does, and how long it lasts?", row[0])
		}
	}
	compare(t, "a key file", documented, there)
}

// reaching are the functions and types by which a program reaches out of itself.
var reaching = map[string]string{
	"net.Dial": "dials", "net.DialTimeout": "dials", "net.Dialer": "dials", "tls.Dial": "dials", "tls.DialWithDialer": "dials", "tls.Dialer": "dials",
	"http.Client": "dials", "http.Transport": "dials", "http.DefaultClient": "dials", "http.DefaultTransport": "dials", "http.Get": "dials", "http.Post": "dials",
	"nats.Connect": "dials", "kgo.NewClient": "dials", "pgx.Connect": "dials", "pgx.ConnectConfig": "dials", "pgxpool.NewWithConfig": "dials", "pgxpool.New": "dials", "sql.Open": "dials",
	"gomail.NewClient": "dials", "s3.New": "dials", "otlptracehttp.New": "dials",
	"net.Listen": "listens", "net.ListenPacket": "listens", "http.Server": "listens", "http.ListenAndServe": "listens",
	"exec.Command": "starts", "exec.CommandContext": "starts", "os.StartProcess": "starts",
}

// uses gives what a file takes of other packages, as NAME.WHAT, but for types that it only
// points to: those it was handed.
func uses(f *ast.File) (out []string) {
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.StarExpr:
			_, named := n.X.(*ast.SelectorExpr)
			return !named
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok {
				out = append(out, x.Name+"."+n.Sel.Name)
			}
		}
		return true
	})
	return out
}

// TestWaysAreInTheInventory: nothing connects, listens or starts a program unsaid.
func TestWaysAreInTheInventory(t *testing.T) {
	t.Parallel()
	there := map[string]bool{}
	for _, s := range program(t) {
		for _, use := range uses(parsed(t, s)) {
			if how := reaching[use]; how != "" {
				there[s.pkg+" "+how] = true
			}
		}
	}
	documented := map[string]bool{}
	for _, row := range table(t, inventory, "Ways in and out") {
		for how := range strings.SplitSeq(row[1], ", ") {
			documented[names(row[0])[0]+" "+how] = true
		}
	}
	compare(t, "a way in or out", documented, there)
}

// TestLogsAreInTheInventory: nothing is written to a log, or to a terminal, by a package
// of which the inventory does not say so.
func TestLogsAreInTheInventory(t *testing.T) {
	t.Parallel()
	there := map[string]bool{}
	for _, s := range program(t) {
		f := parsed(t, s)
		for _, use := range uses(f) {
			switch use {
			case "os.Stderr", "os.Stdout", "env.Stderr", "env.Stdout", "log.Print", "log.Printf", "log.Println", "log.Fatal", "log.Fatalf", "log.New", "fmt.Print", "fmt.Printf", "fmt.Println",
				"slog.NewTextHandler", "slog.NewJSONHandler", "syslog.New", "syslog.Dial":
				there[s.pkg] = true
			}
		}
	}
	documented := map[string]bool{}
	for _, row := range table(t, inventory, "Logs") {
		for _, p := range names(row[4]) {
			documented[p] = true
		}
	}
	delete(documented, "internal/journal") // writes rows
	compare(t, "a log", documented, there)
}

// TestWaysToProveAreInTheInventory: by no other way does anybody prove who they are.
func TestWaysToProveAreInTheInventory(t *testing.T) {
	t.Parallel()
	there := map[string]bool{}
	for _, s := range program(t) {
		if s.pkg != "internal/service" && s.pkg != "internal/access" {
			continue
		}
		for name, value := range constants(parsed(t, s)) {
			if strings.HasPrefix(name, "Method") && s.pkg == "internal/service" || strings.HasPrefix(name, "Auth") && s.pkg == "internal/access" {
				if lit, ok := value.(*ast.BasicLit); ok && lit.Kind == token.STRING && lit.Value != `""` {
					there[strings.Trim(lit.Value, `"`)] = true
				}
			}
		}
	}
	documented := map[string]bool{}
	for _, row := range table(t, inventory, "Ways to prove who one is") {
		for _, name := range append(names(row[1]), names(row[2])...) {
			if !strings.Contains(name, ": ") { // a setting
				documented[name] = true
			}
		}
	}
	compare(t, "a way to prove oneself", documented, there)
}

// constants gives a file's constants and variables that have one value each.
func constants(f *ast.File) map[string]ast.Expr {
	out := map[string]ast.Expr{}
	for _, d := range f.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, s := range g.Specs {
			if v, ok := s.(*ast.ValueSpec); ok && len(v.Values) == len(v.Names) {
				for i, name := range v.Names {
					out[name.Name] = v.Values[i]
				}
			}
		}
	}
	return out
}

// TestValuesAreInTheInventory: limits, times and counts are what the inventory says.
func TestValuesAreInTheInventory(t *testing.T) {
	t.Parallel()
	byPackage := map[string]map[string]ast.Expr{}
	for _, s := range program(t) {
		if byPackage[s.pkg] == nil {
			byPackage[s.pkg] = map[string]ast.Expr{}
		}
		f := parsed(t, s)
		maps.Copy(byPackage[s.pkg], constants(f))
		if s.path == "internal/config/config.go" {
			maps.Copy(byPackage[s.pkg], defaults(f))
		}
	}
	said := map[string]bool{}
	for _, heading := range []string{"Limits of what comes in", "Guessing", "Sessions", "Certificates", "Costly work"} {
		for _, row := range table(t, inventory, heading) {
			where := strings.Fields(names(row[2])[0])
			name := strings.Join(where[1:], " ")
			said[name] = true
			e := byPackage[where[0]][name]
			if e == nil {
				t.Errorf("%s, %s: there is no %s in %s", heading, row[0], name, where[0])
				continue
			}
			got, ok := valueOf(e, byPackage[where[0]])
			want, read := documentedValue(row[1])
			if !ok || !read || !constant.Compare(got, token.EQL, want) {
				t.Errorf("%s, %s: %q is said, and %s is %v", heading, row[0], row[1], row[2], got)
			}
		}
	}
	for name := range byPackage["internal/config"] {
		if limit, ok := strings.CutPrefix(name, "Default "); ok && (strings.HasPrefix(limit, "Max") || strings.HasPrefix(limit, "Rate") || strings.HasPrefix(limit, "Address")) && !said[name] {
			t.Errorf("the limit %s does not stand in %s", limit, inventory)
		}
	}
}

// defaults gives the fields that Default sets, as "Default NAME".
func defaults(f *ast.File) map[string]ast.Expr {
	out := map[string]ast.Expr{}
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Name.Name == "Default" {
			ast.Inspect(fn, func(n ast.Node) bool {
				if kv, ok := n.(*ast.KeyValueExpr); ok {
					if key, ok := kv.Key.(*ast.Ident); ok {
						out["Default "+key.Name] = kv.Value
					}
				}
				return true
			})
		}
	}
	return out
}

var units = map[string]int64{"": 1, "ms": 1e6, "s": 1e9, "min": 60e9, "h": 3600e9, "days": 24 * 3600e9, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}

// documentedValue reads a number with thousands and a unit: 2,000 or 300 MiB.
func documentedValue(s string) (constant.Value, bool) {
	number, unit, _ := strings.Cut(s, " ")
	n, err := strconv.ParseInt(strings.ReplaceAll(number, ",", ""), 10, 64)
	return constant.MakeInt64(n * units[unit]), err == nil && units[unit] != 0
}

var timeUnits = map[string]int64{"Millisecond": 1e6, "Second": 1e9, "Minute": 60e9, "Hour": 3600e9}

// valueOf reckons a constant out.
func valueOf(e ast.Expr, known map[string]ast.Expr) (constant.Value, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		v := constant.MakeFromLiteral(e.Value, e.Kind, 0)
		return v, v.Kind() == constant.Int
	case *ast.ParenExpr:
		return valueOf(e.X, known)
	case *ast.Ident:
		return valueOf(known[e.Name], known)
	case *ast.SelectorExpr:
		n, ok := timeUnits[e.Sel.Name]
		return constant.MakeInt64(n), ok
	case *ast.BinaryExpr:
		x, okX := valueOf(e.X, known)
		y, okY := valueOf(e.Y, known)
		if !okX || !okY {
			return nil, false
		}
		if e.Op == token.SHL {
			n, _ := constant.Uint64Val(y)
			return constant.Shift(x, e.Op, uint(n)), true
		}
		return constant.BinaryOp(x, e.Op, y), true
	}
	return nil, false
}

// TestLibrariesAreInTheInventory: each module that the program imports itself stands in
// docs/dependencies.md.
func TestLibrariesAreInTheInventory(t *testing.T) {
	t.Parallel()
	raw, err := read(testneed.Root(t), "docs/dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	mod, err := read(testneed.Root(t), "go.mod")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, m := range regexp.MustCompile(`(?m)^(?:require )?\t?([a-z0-9.-]+\.[a-z]+/\S+) v\S+$`).FindAllStringSubmatch(string(mod), -1) {
		n++
		name := regexp.MustCompile(`/v\d+$`).ReplaceAllString(strings.TrimPrefix(m[1], "github.com/"), "")
		if !mentions(string(raw), name) {
			t.Errorf("%s is imported, and docs/dependencies.md does not say what for", m[1])
		}
	}
	if n < 30 {
		t.Errorf("only %d modules were found in go.mod", n)
	}
}

// mentions tells whether a text names a module, or its owner's and then its own last part.
func mentions(text, module string) bool {
	if strings.Contains(text, module) {
		return true
	}
	for line := range strings.Lines(text) {
		if strings.Contains(line, strings.SplitN(module, "/", 2)[0]) && regexp.MustCompile(`\b`+regexp.QuoteMeta(path.Base(module))+`\b`).MatchString(line) {
			return true
		}
	}
	return false
}

// TestPromisesAreWritten: what people ask about and no code can hold stands where it is
// looked for.
func TestPromisesAreWritten(t *testing.T) {
	t.Parallel()
	for _, p := range []struct{ doc, heading, words string }{
		{inventory, "Sessions", "A person may have any number of sessions, one in each browser"},
		{inventory, "Sessions", "the provider's own session is neither asked again nor ended"},
		{"docs/security.md", "Requirements", "is out of `main` within 7 days where it is critical or in use, within 30 days otherwise"},
	} {
		if !strings.Contains(section(t, p.doc, p.heading), p.words) {
			t.Errorf("%s, %s: nothing is said of it any more: %q", p.doc, p.heading, p.words)
		}
	}
}
