package archtest

import (
	"encoding/csv"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/paraph/paraph/internal/testneed"
)

// asvsRows is how many requirements of ASVS 5.0.0 each chapter has that concern us:
// those up to level 2, and up to level 3 in V9, V10, V11 and V16.
var asvsRows = map[string]int{"V1": 27, "V2": 11, "V3": 19, "V4": 10, "V5": 9, "V6": 35, "V7": 18, "V8": 7, "V9": 7, "V10": 36, "V11": 24, "V12": 9, "V13": 13, "V14": 9, "V15": 13, "V16": 17, "V17": 7}

// TestSecurityRequirementsAreAnswered: each requirement stands in docs/security/asvs.csv
// once, with a test that is there, or with the reason why there is none; and each test has
// in docs/security/asvs-mutants.csv the control that it watches, switched off, by which
// scripts/mutants proves it.
func TestSecurityRequirementsAreAnswered(t *testing.T) {
	t.Parallel()
	root := testneed.Root(t)
	read := func(file string) string {
		raw, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(file)))
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	table := func(file string) [][]string {
		rows, err := csv.NewReader(strings.NewReader(read(file))).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		return rows[1:]
	}
	off := map[string][]string{}
	for _, m := range table("docs/security/asvs-mutants.csv") {
		off[m[0]] = m
		if n := strings.Count(read(m[2]), m[3]); n != 1 || m[3] == m[4] {
			t.Errorf("%s: %s has %d times what is to be switched off: %q", m[0], m[2], n, m[3])
		}
	}
	rows := table("docs/security/asvs.csv")
	tests := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	for _, s := range sources(t) {
		if !s.test {
			continue
		}
		for _, m := range declared.FindAllStringSubmatch(read(s.path), -1) {
			tests["./"+path.Dir(s.path)+" "+m[1]] = true
		}
	}
	id := regexp.MustCompile(`^(V\d{1,2})\.\d\.\d{1,2}$`)
	count, seen := map[string]int{}, map[string]bool{}
	for _, r := range rows {
		m := id.FindStringSubmatch(r[0])
		if m == nil || seen[r[0]] || r[1] == "" {
			t.Errorf("%q is no requirement, or stands there twice", r[0])
			continue
		}
		seen[r[0]] = true
		count[m[1]]++
		switch test, reason := r[2], strings.TrimSpace(r[3]); {
		case (test == "") == (reason == ""):
			t.Errorf("%s needs a test or a reason, and not both: %q", r[0], r)
		case (test == "") != (off[r[0]] == nil):
			t.Errorf("%s has a test or a control to switch off, and not both", r[0])
		case test == "" && !strings.HasPrefix(reason, "absent"):
			t.Errorf("%s has a reason that is not the feature's absence: %q", r[0], reason)
		case test != "" && !tests[off[r[0]][1]+" "+test]:
			t.Errorf("%s names the test %s, which is not in %s", r[0], test, off[r[0]][1])
		}
	}
	if !maps.Equal(count, asvsRows) {
		t.Errorf("the chapters have %s, want %s", fmt.Sprint(count), fmt.Sprint(asvsRows))
	}
}
