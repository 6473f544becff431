package main

import (
	"encoding/csv"
	"strings"
)

// ofControls makes the mutants of docs/security/asvs-mutants.csv: for each requirement
// of docs/security/asvs.csv with a test, the control switched off that the test watches.
func ofControls(root string) (out []mutant) {
	named := map[string]string{}
	for _, r := range rows(root, "docs/security/asvs.csv") {
		named[r[0]] = r[2]
	}
	texts := map[string]string{}
	for _, r := range rows(root, "docs/security/asvs-mutants.csv") {
		id, pkg, file, old, new := r[0], r[1], r[2], r[3], r[4]
		if named[id] == "" {
			fatalf("%s has a mutant, and no test in docs/security/asvs.csv", id)
		}
		if texts[file] == "" {
			texts[file] = read(root, file)
		}
		out = append(out, replace(file, texts[file], id+" off: "+old, old, new, []tests{{pkg, "^" + named[id] + "$"}}))
	}
	return out
}

// rows reads a table without its heading.
func rows(root, file string) [][]string {
	all, err := csv.NewReader(strings.NewReader(read(root, file))).ReadAll()
	if err != nil {
		fatal(err)
	}
	return all[1:]
}
