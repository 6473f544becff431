// Command mutants proves that tests can fail: it drops each line of the access
// table and of the roles, each condition by which a list is confined, each policy of
// the second wall and each route, makes each refusal false, and switches each
// control off that docs/security/asvs.csv names a test for, one at a time, and
// expects a test to turn red for each.
//
// The files stay as they are: the compiler is shown changed ones instead. One build
// of a package's tests holds all the mutants that those tests have to notice; which
// of them is alive, a run is told in its environment. So hundreds of mutants cost
// hundreds of test runs, but few builds. Where many are alike and the tests name each
// by itself, such as routes that are gone, twenty are tried in one run, and those that it
// does not name one by one.
//
//	go run ./scripts/mutants [-only TEXT] [-at-once N] [-kept FILE] [-v]
package main

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// mutant is one change and the tests that have to notice it.
type mutant struct {
	class, file, what string
	old, new          string  // the text as it stands, and as it would be
	at                int     // where old begins in the file
	by                []tests // asked in this order, until one notices
	alike             *alike  // of many at one place; nil: it is tried by itself
	one, told         string  // which of them it is, and how the tests name it
}

// tests are those of a package whose names match a pattern.
type tests struct{ pkg, run string }

// String implements fmt.Stringer.
func (m *mutant) String() string { return m.class + " · " + m.file + ": " + m.what }

// classes are what is mutated, in the order in which it is reported.
var classes = []struct {
	name  string
	make  func(root string) []mutant
	least int // fewer than this, and a pattern has lost what it was to find
}{
	{"rules", ofRules, 70}, {"roles", ofRoles, 30}, {"lists", ofLists, 120}, {"refusals", ofRefusals, 150},
	{"policies", ofPolicies, 60}, {"entrances", ofEntrances, 200}, {"controls", ofControls, 100},
}

func main() {
	root, err := os.Getwd()
	if err != nil {
		fatal(err)
	}
	only := flag.String("only", "", "only mutants whose line contains this text; a class's name does")
	atOnce := flag.Int("at-once", 2, "how many tests run at once")
	kept := flag.String("kept", filepath.Join(".cache", "mutants"), "file with the mutants that earlier runs saw noticed, which are passed over; empty for none")
	verbose := flag.Bool("v", false, "one line for each mutant")
	dry := flag.Bool("list", false, "list the mutants and run nothing")
	flag.Parse()
	var all []*mutant
	passed := map[string]bool{}
	for _, c := range classes {
		found := c.make(root)
		if len(found) < c.least {
			fatal(fmt.Errorf("only %d mutants of the class %s, which had %d and more: a pattern finds them no longer", len(found), c.name, c.least))
		}
		for i := range found {
			found[i].class = c.name
			if name := found[i].file + ": " + found[i].what; harmless[name] != "" {
				passed[name] = true
				continue
			}
			if strings.Contains(found[i].String(), *only) {
				all = append(all, &found[i])
			}
		}
	}
	for name := range harmless {
		if !passed[name] {
			fatalf("%q stands among the harmless mutants, and there is none of the name any more", name)
		}
	}
	if *dry {
		for _, m := range all {
			fmt.Println(m, m.by)
		}
		return
	}
	seen, err := keptIn(root, *kept)
	if err != nil {
		fatal(err)
	}
	r := &runner{root: root, kept: seen, atOnce: max(1, *atOnce), verbose: *verbose, noticed: map[*mutant]bool{}}
	failed := r.run(all)
	survivors := report(all, r.noticed)
	if r.late > 0 {
		fmt.Printf("%d of them only by running out of time: they are tried anew the next time\n", r.late)
	}
	if failed != nil {
		fatal(failed)
	}
	if survivors > 0 {
		os.Exit(1)
	}
}

// report prints the counts and the survivors by name.
func report(all []*mutant, noticed map[*mutant]bool) (survivors int) {
	var counts []string
	for _, c := range classes {
		n, of := 0, 0
		for _, m := range all {
			if m.class == c.name {
				of++
				if noticed[m] {
					n++
				}
			}
		}
		if of > 0 {
			counts = append(counts, fmt.Sprintf("%s %d of %d", c.name, n, of))
		}
		survivors += of - n
	}
	left := slices.DeleteFunc(slices.Clone(all), func(m *mutant) bool { return noticed[m] })
	slices.SortFunc(left, func(a, b *mutant) int { return cmp.Compare(a.String(), b.String()) })
	for _, m := range left {
		fmt.Println("SURVIVED", m, m.by)
	}
	fmt.Printf("%d mutants, %d survived; noticed: %s; %d let nothing more in\n", len(all), survivors, strings.Join(counts, ", "), len(harmless))
	return survivors
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, "mutants:", err)
	os.Exit(2)
}

func fatalf(format string, args ...any) { fatal(fmt.Errorf(format, args...)) }

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
