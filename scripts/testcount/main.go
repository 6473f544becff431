// Command testcount reads the stream of `go test -json` and tells it to people:
// every failure in full, each distinct reason for a skip, the slowest packages and
// tests, the failures once more, and as the last line the counts, alone: "N passed, N failed, N skipped".
// It exits with 1 if anything failed, or if nothing ran at all.
//
//	go test -json ./... | go run ./scripts/testcount
package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

// event is one line of `go test -json` (see `go doc test2json`).
type event struct {
	Action      string
	Package     string
	ImportPath  string // of a build event
	Test        string
	Elapsed     float64 // seconds
	Output      string
	FailedBuild string
}

// key names a test; an empty test stands for its package.
type key struct{ pkg, test string }

// tally is what the stream said so far.
type tally struct {
	passed, failed, skipped int
	output                  map[key][]string
	build                   map[string][]string
	skips                   map[string]int     // reason → how often
	times                   map[string]float64 // of packages
	tests                   map[string]float64 // of tests, without those within them
	told                    []string           // the failures, a line each, for the end
	testFailed              map[string]bool    // packages in which a test failed
}

func newTally() *tally {
	return &tally{
		output: map[key][]string{}, build: map[string][]string{},
		skips: map[string]int{}, times: map[string]float64{}, tests: map[string]float64{}, testFailed: map[string]bool{},
	}
}

func main() {
	ok, err := run(os.Stdin, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "testcount:", err)
		os.Exit(2)
	}
	if !ok {
		os.Exit(1)
	}
}

// run reads the stream to its end, writes the report, and tells whether
// everything passed.
func run(in io.Reader, out io.Writer) (bool, error) {
	t := newTally()
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadString('\n')
		if line = strings.TrimSpace(line); line != "" {
			var e event
			if json.Unmarshal([]byte(line), &e) != nil || e.Action == "" {
				fmt.Fprintln(out, line) // the go command itself speaks
			} else {
				t.take(e, out)
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return false, err
		}
	}
	t.summary(out)
	return t.failed == 0 && t.passed > 0, nil
}

// take counts one event; failures are told at once, whole.
func (t *tally) take(e event, out io.Writer) {
	k := key{e.Package, e.Test}
	if e.Elapsed > 0 && e.Test != "" && !strings.Contains(e.Test, "/") {
		t.tests[e.Package+" "+e.Test] = e.Elapsed
	}
	switch e.Action {
	case "build-output":
		t.build[e.ImportPath] = append(t.build[e.ImportPath], e.Output)
	case "output":
		t.output[k] = append(t.output[k], e.Output)
	case "pass", "skip":
		t.settle(e)
		delete(t.output, k)
	case "fail":
		t.fail(e, out)
		delete(t.output, k)
	}
}

func (t *tally) settle(e event) {
	switch {
	case e.Test == "":
		t.times[e.Package] = e.Elapsed
	case e.Action == "pass":
		t.passed++
	default:
		t.skipped++
		t.skips[reason(t.output[key{e.Package, e.Test}])]++
	}
}

// fail tells a failed test. A failed package is told only where no test of its
// own failed: it didn't build, panicked, or ran out of time.
func (t *tally) fail(e event, out io.Writer) {
	name := e.Package + " " + e.Test
	if e.Test == "" {
		t.times[e.Package] = e.Elapsed
		if t.testFailed[e.Package] {
			return
		}
		name = e.Package
	}
	t.failed++
	t.testFailed[e.Package] = true
	t.told = append(t.told, name+": "+reason(t.output[key{e.Package, e.Test}]))
	fmt.Fprintf(out, "\n--- FAILED: %s (%.1f s)\n", name, e.Elapsed)
	for _, l := range append(t.build[e.FailedBuild], t.output[key{e.Package, e.Test}]...) {
		fmt.Fprint(out, "    ", l)
	}
	if e.Test == "" { // the output of tests that never ended says where it hung or panicked
		for k, ls := range t.output {
			if k.pkg == e.Package && k.test != "" {
				fmt.Fprintf(out, "    unfinished: %s\n    %s", k.test, strings.Join(ls, "    "))
			}
		}
	}
}

// reason finds the sentence a test gave to t.Skip.
func reason(output []string) string {
	for _, l := range output {
		l = strings.TrimSpace(l)
		if l == "" || strings.HasPrefix(l, "===") || strings.HasPrefix(l, "---") {
			continue
		}
		if _, after, ok := strings.Cut(l, ".go:"); ok {
			if _, words, ok := strings.Cut(after, ": "); ok {
				return words
			}
		}
		return l
	}
	return "no reason given"
}

func (t *tally) summary(out io.Writer) {
	if len(t.skips) > 0 {
		fmt.Fprintln(out, "\nSkipped:")
		for _, why := range sortedBy(t.skips) {
			fmt.Fprintf(out, "  %4d  %s\n", t.skips[why], why)
		}
	}
	slowest(out, "packages", 8, t.times)
	slowest(out, "tests", 16, t.tests)
	if len(t.told) > 0 { // once more, where whoever reads the end alone sees them
		fmt.Fprintf(out, "\nFailed:\n  %s\n", strings.Join(t.told, "\n  "))
	}
	fmt.Fprintf(out, "\n%d passed, %d failed, %d skipped\n", t.passed, t.failed, t.skipped)
}

func slowest(out io.Writer, what string, n int, times map[string]float64) {
	fmt.Fprintf(out, "\nSlowest %s:\n", what)
	for i, name := range sortedBy(times) {
		if i == n {
			break
		}
		fmt.Fprintf(out, "  %8s  %s\n", time.Duration(times[name]*float64(time.Second)).Round(100*time.Millisecond), name)
	}
}

// sortedBy gives the keys of m, the largest value first.
func sortedBy[V cmp.Ordered](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b string) int {
		return cmp.Or(cmp.Compare(m[b], m[a]), cmp.Compare(a, b))
	})
	return keys
}
