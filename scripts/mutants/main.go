// Command mutants proves that the tests of access can fail: it drops each line of
// the access table, each scope and each relation in it, and each condition by
// which a list is confined to an organisation, to business units or to a part in
// the document, and makes each refusal of the authorization server false, one at a
// time, and expects a test to turn red for each. The files stay as they are: the
// compiler is shown the changed one instead.
//
//	go run ./scripts/mutants [-only TEXT]
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// mutant is one change and the tests that have to notice it.
type mutant struct {
	file, what string
	old, new   string // the line as it stands, and as it would be
	tests      []string
}

func main() {
	root, err := os.Getwd()
	if err != nil {
		fatal(err)
	}
	only := flag.String("only", "", "only mutants whose line contains this text")
	flag.Parse()
	mutants := slices.DeleteFunc(slices.Concat(ofTable(root), ofLists(root), ofRefusals(root)), func(m mutant) bool { return !strings.Contains(m.file+": "+m.what, *only) })
	survived := 0
	for i, m := range mutants {
		red, err := m.noticed(root)
		if err != nil {
			fatal(err)
		}
		verdict := "noticed"
		if !red {
			verdict, survived = "SURVIVED", survived+1
		}
		fmt.Printf("%3d of %d  %-8s  %s: %s\n", i+1, len(mutants), verdict, m.file, m.what)
	}
	fmt.Printf("%d mutants, %d survived\n", len(mutants), survived)
	if survived > 0 || (*only == "" && len(mutants) < 70) {
		os.Exit(1)
	}
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, "mutants:", err)
	os.Exit(2)
}

var (
	row      = regexp.MustCompile(`(?m)^\t(\w+): +\{scopes: \[\]Scope\{([^}]*)\}(?:, parts: ([^}]*))?\},$`)
	relation = regexp.MustCompile(`\s*\|\s*`)
)

// ofTable makes the mutants of the table of rules.
func ofTable(root string) (out []mutant) {
	const file = "internal/access/rules.go"
	tests := []string{"./internal/access"}
	for _, m := range row.FindAllStringSubmatch(read(root, file), -1) {
		line, action, scopes, parts := m[0], m[1], strings.Split(m[2], ", "), m[3]
		out = append(out, mutant{file: file, what: "without " + action, old: line, tests: tests})
		for _, s := range scopes {
			if rest := without(scopes, s); len(rest) > 0 {
				out = append(out, mutant{file: file, what: action + " without the scope " + s, old: line, new: strings.Replace(line, m[2], strings.Join(rest, ", "), 1), tests: tests})
			}
			out = append(out, mutant{file: file, what: action + " open to event readers instead of " + s, old: line, new: strings.Replace(line, s, other(s), 1), tests: tests})
		}
		if parts == "" {
			out = append(out, mutant{file: file, what: action + " open to guests", old: line, new: strings.Replace(line, "}}", "}, parts: AsGuest}", 1), tests: tests})
			continue
		}
		all := relation.Split(parts, -1)
		for _, p := range all {
			rest := strings.Join(without(all, p), " | ")
			if rest == "" {
				rest = "0"
			}
			out = append(out, mutant{file: file, what: action + " without the relation " + p, old: line, new: strings.Replace(line, parts, rest, 1), tests: tests})
		}
	}
	return out
}

// other is a scope that an action does not ask for.
func other(scope string) string {
	if scope == "EventsRead" {
		return "ArchiveRead"
	}
	return "EventsRead"
}

func without(all []string, one string) (out []string) {
	for _, s := range all {
		if s != one {
			out = append(out, s)
		}
	}
	return out
}

var confines = regexp.MustCompile(`(?m)^\t+(?:w\.within\(.*\)|w\.add\("[a-z]+\.org(?: \|\| '')? = \?", .*\))$`)

// ofLists makes the mutants of the conditions that confine lists: each is made
// true for every row.
func ofLists(root string) (out []mutant) {
	for _, file := range sources(root, "internal/store/*.go") {
		for _, line := range confines.FindAllString(read(root, file), -1) {
			call := strings.TrimSpace(line)
			open := `w.add("1 = 1")`
			if strings.HasPrefix(call, "w.within(") { // what it is given stays in use
				open += "; _ = func() { " + call + " }"
			}
			out = append(out, mutant{file: file, what: call, old: line, new: strings.Replace(line, call, open, 1), tests: []string{"./internal/store", "-run", "TestStore/sqlite"}})
		}
	}
	for _, part := range []string{"created_by = ?", "r.assignee = ?", "r.email = ?", "r.principal = ? AND ", "r.from_at <= ? AND ", " AND r.until_at > ?", " AND r.revoked_at IS NULL"} {
		const file = "internal/store/filter.go"
		text := read(root, file)
		for line := range strings.Lines(text) {
			if line = strings.TrimSuffix(line, "\n"); strings.Contains(line, part) {
				blank := strings.NewReplacer("?", "COALESCE(?, '') IS NOT NULL", "r.principal = ", "", "r.from_at <= ", "", "r.until_at > ", "", "created_by = ", "", "r.assignee = ", "", "r.email = ", "").Replace(part)
				if !strings.Contains(part, "?") {
					blank = ""
				}
				out = append(out, mutant{file: file, what: "without " + strings.Trim(part, " AND"), old: line, new: strings.Replace(line, part, blank, 1), tests: []string{"./internal/store", "-run", "TestStore/sqlite"}})
			}
		}
	}
	return out
}

// sources gives the files of the program that patterns find, from the root.
func sources(root string, patterns ...string) (out []string) {
	for _, pattern := range patterns {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			fatal(err)
		}
		for _, path := range files {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			file, err := filepath.Rel(root, path)
			if err != nil {
				fatal(err)
			}
			out = append(out, file)
		}
	}
	return out
}

func read(root, file string) string {
	raw, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		fatal(err)
	}
	return string(raw)
}

// noticed runs the tests over the changed file.
func (m *mutant) noticed(root string) (bool, error) {
	dir, err := os.MkdirTemp("", "mutant")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(dir)
	text := read(root, m.file)
	if strings.Count(text, m.old) < 1 {
		return false, fmt.Errorf("%s has no line %q", m.file, m.old)
	}
	changed, overlay := filepath.Join(dir, "changed.go"), filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(changed, []byte(strings.Replace(text, m.old, m.new, 1)), 0o600); err != nil {
		return false, err
	}
	raw, err := json.Marshal(map[string]map[string]string{"Replace": {filepath.Join(root, m.file): changed}})
	if err != nil {
		return false, err
	}
	if err := os.WriteFile(overlay, raw, 0o600); err != nil {
		return false, err
	}
	cmd := exec.Command("go", append([]string{"test", "-count", "1", "-overlay", overlay}, m.tests...)...)
	cmd.Dir = root
	said, err := cmd.CombinedOutput()
	if strings.Contains(string(said), "[build failed]") {
		return false, fmt.Errorf("%s: %s does not compile:\n%s", m.file, m.what, said)
	}
	return err != nil, nil
}
