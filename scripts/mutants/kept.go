package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
)

// verdicts are the mutants that earlier runs have seen noticed, and by which test. A
// verdict holds for as long as the mutated declaration and the test's function read as
// they did; what either of them calls is not looked at.
type verdicts struct {
	root, file string // of the verdicts; "" where none are kept

	mu    sync.Mutex
	known map[string][2]string         // by a mutant's key: the test, and its digest
	decls map[string][]span            // by file
	tests map[string]map[string]string // by package: each test's digest
}

// span is a declaration's place in its file.
type span struct{ from, to int }

func keptIn(root, file string) (*verdicts, error) {
	v := &verdicts{root: root, file: file, known: map[string][2]string{}, decls: map[string][]span{}, tests: map[string]map[string]string{}}
	raw, err := os.ReadFile(file)
	if err != nil && file != "" && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	for line := range strings.Lines(string(raw)) {
		if f := strings.Split(strings.TrimSpace(line), " "); len(f) == 3 {
			v.known[f[0]] = [2]string{f[1], f[2]}
		}
	}
	return v, nil
}

// holds tells whether a mutant was seen noticed, by a test that is still what it was.
func (v *verdicts) holds(m *mutant) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	seen, ok := v.known[v.key(m)]
	if !ok {
		return false
	}
	for _, by := range m.by {
		if v.digest(by.pkg, seen[0]) == seen[1] {
			return true
		}
	}
	return false
}

// keep notes that a package's tests have noticed a mutant, with what they said. That they
// ran out of time is not kept: the machine may have been busy.
func (v *verdicts) keep(m *mutant, pkg, said string) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	test := noticing(said)
	if v.file == "" || test == outOfTime {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(v.file), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(v.file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(f, v.key(m), test, v.digest(pkg, test))
	return errors.Join(err, f.Close())
}

// failing is how the output of tests names one that failed, or ran when the process ended.
var failing = regexp.MustCompile(`(?m)^(?:--- FAIL: |\t)(Test\w+)`)

// outOfTime stands for the name of a test that was killed before it had failed.
const outOfTime = "running out of time"

func noticing(said string) string {
	if m := failing.FindStringSubmatch(said); m != nil {
		return m[1]
	}
	return outOfTime
}

// key changes with the declaration that a mutant is in, and with the mutant.
func (v *verdicts) key(m *mutant) string {
	text := read(v.root, m.file)
	around := span{0, len(text)}
	if _, parsed := v.decls[m.file]; !parsed {
		v.decls[m.file] = declarations(text, m.file)
	}
	for _, d := range v.decls[m.file] {
		if d.from <= m.at && m.at+len(m.old) <= d.to {
			around = d
		}
	}
	return digestOf(m.file, text[around.from:around.to], m.old, m.new, fmt.Sprint(m.at-around.from, m.by))
}

// digest is that of a test's function; that of nothing for one that is not there.
func (v *verdicts) digest(pkg, test string) string {
	if v.tests[pkg] == nil {
		v.tests[pkg] = map[string]string{}
		files, err := filepath.Glob(filepath.Join(v.root, pkg, "*_test.go"))
		if err != nil {
			fatal(err)
		}
		for _, path := range files {
			raw, err := os.ReadFile(path)
			if err != nil {
				fatal(err)
			}
			set := token.NewFileSet()
			file, err := parser.ParseFile(set, path, raw, parser.SkipObjectResolution)
			if err != nil {
				fatal(err)
			}
			for _, d := range file.Decls {
				if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Test") {
					v.tests[pkg][f.Name.Name] = digestOf(string(raw[set.Position(f.Pos()).Offset:set.Position(f.End()).Offset]))
				}
			}
		}
	}
	if d := v.tests[pkg][test]; d != "" {
		return d
	}
	return digestOf()
}

// declarations gives the places of a Go file's declarations; none of another file.
func declarations(text, file string) (out []span) {
	if !strings.HasSuffix(file, ".go") {
		return []span{}
	}
	set := token.NewFileSet()
	parsed, err := parser.ParseFile(set, file, text, parser.SkipObjectResolution)
	if err != nil {
		fatal(err)
	}
	for _, d := range parsed.Decls {
		out = append(out, span{set.Position(d.Pos()).Offset, set.Position(d.End()).Offset})
	}
	return out
}

func digestOf(of ...string) string {
	return fmt.Sprintf("%x", sha256.Sum256([]byte(strings.Join(of, "\x00"))))[:20]
}
