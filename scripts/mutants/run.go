package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// runner builds tests with mutants in them and runs those that have to notice.
type runner struct {
	root    string
	kept    *verdicts
	atOnce  int
	verbose bool

	mu      sync.Mutex
	noticed map[*mutant]bool
	late    int // noticed by running out of time only
	done    int
	of      int
}

// run tries every mutant that no earlier run has seen noticed, by the first tests that
// ought to notice it, then by the second.
func (r *runner) run(all []*mutant) (failed error) {
	most := 0
	for _, m := range all {
		r.noticed[m] = r.kept.holds(m)
		most = max(most, len(m.by))
	}
	for turn := range most {
		byPackage := map[string][]*mutant{}
		var order []string
		r.done, r.of = 0, 0
		for _, m := range all {
			if r.noticed[m] || turn >= len(m.by) {
				continue
			}
			pkg := m.by[turn].pkg
			if byPackage[pkg] == nil {
				order = append(order, pkg)
			}
			byPackage[pkg] = append(byPackage[pkg], m)
			r.of++
		}
		for _, pkg := range order {
			if err := r.inPackage(pkg, turn, byPackage[pkg]); err != nil {
				failed = errors.Join(failed, fmt.Errorf("%s: %w", pkg, err))
			}
		}
	}
	return failed
}

// saw notes how a mutant fared by a package's tests, which said so.
func (r *runner) saw(m *mutant, pkg string, red bool, said string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.noticed[m] = red
	r.done++
	if r.verbose {
		verdict := "SURVIVED"
		if red {
			verdict = "noticed by " + noticing(said)
		}
		fmt.Printf("%s %4d of %d  %s  %s\n", time.Now().Format(time.TimeOnly), r.done, r.of, m, verdict)
	}
	if !red {
		return nil
	}
	if noticing(said) == outOfTime {
		r.late++
	}
	return r.kept.keep(m, pkg, said)
}

// readsSources is the package whose tests read the program as text, through the overlay:
// what they look for must not stand there beside what it replaces.
const readsSources = "./internal/archtest"

// inPackage builds a package's tests once with all the mutants that can be switched,
// and once more for each that cannot.
func (r *runner) inPackage(pkg string, turn int, mutants []*mutant) error {
	dir, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	byFile := map[string]map[string]*mutant{}
	named := func(name string, m *mutant) {
		if byFile[m.file] == nil {
			byFile[m.file] = map[string]*mutant{}
		}
		byFile[m.file][name] = m
	}
	for i, m := range mutants {
		named(fmt.Sprintf("%04d", i+1), m)
	}
	sets := setsOf(mutants)
	for name, s := range sets {
		named(name, &s.mutant)
	}
	changed, switched, alone := map[string]string{}, map[string]*mutant{}, []*mutant{}
	for file, of := range byFile {
		if !strings.HasSuffix(file, ".go") || pkg == readsSources && filepath.Dir(file) != filepath.Clean(pkg) { // embedded, or read as text
			alone = slices.AppendSeq(alone, maps.Values(of))
			continue
		}
		text := read(r.root, file)
		whole, apart, err := together(text, of)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		for name, m := range of {
			if apart[name] != nil {
				alone = append(alone, m)
			} else if sets[name] == nil {
				switched[name] = m
			}
		}
		name, err := packageOf(file, text)
		if err != nil {
			return err
		}
		changed[file], changed[filepath.Join(filepath.Dir(file), "switches_of_mutants.go")] = whole, "package "+name+"\n"+switches
	}
	b, err := r.build(filepath.Join(dir, "together"), pkg, changed)
	if err != nil {
		return err
	}
	asIs := map[tests]*baseline{}
	for _, m := range mutants {
		if by := m.by[turn]; asIs[by] == nil {
			if asIs[by], err = b.asIs(r.root, by); err != nil {
				return err
			}
		}
	}
	if err := r.inSets(b, turn, sets, asIs); err != nil {
		return err
	}
	maps.DeleteFunc(switched, func(_ string, m *mutant) bool { return r.noticed[m] })
	if err := r.each(b, turn, switched, asIs); err != nil {
		return err
	}
	for i, m := range alone {
		text := read(r.root, m.file)
		b, err := r.build(filepath.Join(dir, fmt.Sprint("alone", i)), pkg, map[string]string{m.file: text[:m.at] + m.new + text[m.at+len(m.old):]})
		if err != nil {
			return fmt.Errorf("%s: %w", m, err)
		}
		by := m.by[turn]
		_, green, said := b.run(r.root, asIs[by].pattern(""), asIs[by].within, nil)
		if err := r.saw(m, pkg, !green, said); err != nil {
			return err
		}
	}
	return nil
}

// each tries the mutants that can be switched, each by the tests that reach it.
func (r *runner) each(b *built, turn int, mutants map[string]*mutant, asIs map[tests]*baseline) error {
	return r.atOnceEach(slices.Sorted(maps.Keys(mutants)), func(name string) error {
		m := mutants[name]
		before, green, said := asIs[m.by[turn]], true, ""
		if pattern := before.pattern(name); pattern != "" {
			_, green, said = b.run(r.root, pattern, before.within, []string{living + "=" + name})
		}
		return r.saw(m, b.pkg, !green, said)
	})
}

// atOnceEach does something for each name, several at once.
func (r *runner) atOnceEach(order []string, do func(name string) error) error {
	names := make(chan string)
	failed := make([]error, r.atOnce)
	var all sync.WaitGroup
	for i := range r.atOnce {
		all.Go(func() {
			for name := range names {
				failed[i] = errors.Join(failed[i], do(name))
			}
		})
	}
	for _, name := range order {
		names <- name
	}
	close(names)
	all.Wait()
	return errors.Join(failed...)
}

// built is a package's tests, built.
type built struct{ path, overlay, pkg string }

// build builds a package's tests over changed files.
func (r *runner) build(dir, pkg string, changed map[string]string) (*built, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	replace := map[string]string{}
	for file, text := range changed {
		at := filepath.Join(dir, strings.ReplaceAll(file, string(filepath.Separator), "_"))
		if err := os.WriteFile(at, []byte(text), 0o600); err != nil {
			return nil, err
		}
		replace[filepath.Join(r.root, file)] = at
	}
	raw, err := json.Marshal(map[string]map[string]string{"Replace": replace})
	if err != nil {
		return nil, err
	}
	b := &built{path: filepath.Join(dir, "tests"), overlay: filepath.Join(dir, "overlay.json"), pkg: pkg}
	if err := os.WriteFile(b.overlay, raw, 0o600); err != nil {
		return nil, err
	}
	cmd := exec.Command("go", "test", "-c", "-vet=off", "-tags=judges", "-ldflags=-s -w", "-overlay", b.overlay, "-o", b.path, pkg)
	cmd.Dir = r.root
	if said, err := cmd.CombinedOutput(); err != nil {
		keep := filepath.Join(os.TempDir(), "mutants-failed")
		return nil, fmt.Errorf("the mutants do not compile (see %s):\n%s", keep, errors.Join(errors.New(string(said)), os.RemoveAll(keep), os.CopyFS(keep, os.DirFS(dir))))
	}
	return b, nil
}

// onPostgres are the halves of tests that run on both databases which are left out: they
// notice what the other halves do, and take longer.
const onPostgres = "/^postgres$|//^postgres$"

// run runs the tests that a pattern names; green where they pass.
func (b *built) run(root, pattern string, within time.Duration, env []string) (took time.Duration, green bool, said string) {
	ctx, end := context.WithTimeout(context.Background(), within)
	defer end()
	cmd := exec.CommandContext(ctx, b.path, "-test.run", pattern, "-test.skip", onPostgres, "-test.failfast", "-test.count", "1", "-test.timeout", within.String())
	cmd.Dir = filepath.Join(root, b.pkg)
	cmd.Env = append(append(os.Environ(), "GOFLAGS=-overlay="+b.overlay), env...) // what tests build has the mutants too
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 10 * time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	begun := time.Now()
	err := cmd.Run()
	return time.Since(begun), err == nil, out.String()
}

// baseline is how tests fare without a mutant.
type baseline struct {
	within  time.Duration       // after which a run with a mutant counts as red
	reaches map[string][]string // tests by the mutants in whose functions they come
	all     []string
}

var testName = regexp.MustCompile(`(?m)^Test\w*$`)

// asIs runs each of the tests without a mutant alive, when they have to pass, and
// notes which of them comes by which mutant.
func (b *built) asIs(root string, of tests) (*baseline, error) {
	list := exec.Command(b.path, "-test.list", of.run)
	list.Dir = filepath.Join(root, b.pkg)
	said, err := list.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, said)
	}
	out := &baseline{within: 2 * time.Minute, reaches: map[string][]string{}, all: testName.FindAllString(string(said), -1)}
	if len(out.all) == 0 {
		return nil, fmt.Errorf("there is no test %s", of.run)
	}
	for _, name := range out.all {
		reached := filepath.Join(filepath.Dir(b.path), "reached-"+name)
		took, green, said := b.run(root, only(name), 10*time.Minute, []string{reaching + "=" + reached})
		if !green {
			return nil, fmt.Errorf("%s is red without any mutant, so it proves nothing:\n%s", name, said)
		}
		out.within = max(out.within, 10*took)
		raw, err := os.ReadFile(reached)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
		for line := range strings.Lines(string(raw)) {
			line = strings.TrimSpace(line)
			out.reaches[line] = append(out.reaches[line], name)
		}
	}
	return out, nil
}

// only is the pattern for tests alone.
func only(names ...string) string {
	return "^(?:" + strings.Join(names, "|") + ")$"
}

// pattern names the tests that reach a mutant, all of them for "". It is "" where none
// does.
func (b *baseline) pattern(mutant string) string {
	if len(b.all) == 1 || mutant == "" {
		return only(b.all...)
	}
	if b.reaches[mutant] == nil {
		return ""
	}
	return only(b.reaches[mutant]...)
}
