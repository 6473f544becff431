package main

import (
	"fmt"
	"regexp"
	"strings"
)

var (
	wallTests     = []tests{{"./internal/store", "^TestSecondWall$"}}
	entranceTests = []tests{{"./internal/e2e", "^TestEntrances$"}}
	rightTests    = []tests{{"./internal/httpapi", "^TestScopes$"}}

	created = regexp.MustCompile(`(?ms)^CREATE TABLE (?:IF NOT EXISTS )?(\w+) \((.*?)^\);`)
	orgs    = regexp.MustCompile(`\borg text\b`)
)

// ofPolicies makes the mutants of the second wall: a table without its policy, and
// everything by which the policies hold.
func ofPolicies(root string) (out []mutant) {
	const file = "internal/store/walls.go"
	text := read(root, file)
	for _, table := range walled(root) {
		out = append(out, replace(file, text, "no policy for "+table, "\tfor _, t := range tables {\n\t\tname :=", "\tfor _, t := range tables {\n\t\tif t.Name == \""+table+"\" {\n\t\t\tcontinue\n\t\t}\n\t\tname :=", wallTests))
	}
	for _, m := range []struct{ what, old, new string }{
		{"the condition of each policy", `"(current_setting('" + reachSetting + "', true) IN (%s, '*') OR`, `"(%s <> '' OR`},
		{"not in force for the owner", `" FORCE ROW LEVEL SECURITY`, `" NO FORCE ROW LEVEL SECURITY`},
		{"not in force", `" ENABLE ROW LEVEL SECURITY; ALTER`, `" DISABLE ROW LEVEL SECURITY; ALTER`},
		{"who says nothing reaches all", "return reachesNothing, nil", `return "*", nil`},
		{"who is confined reaches all", "return reach, nil", `return "*", nil`},
		{"organisations with signs that no id has", "case organisationID.MatchString(reach):", `case reach != "":`},
		{"transactions without their reach", `reach + "'"}, err`, `reach[:0] + "*'"}, err`},
		{"questions without their reach", "b.Queue(setReach, c.reach)", `b.Queue(setReach, "*")`},
	} {
		out = append(out, replace(file, text, m.what, m.old, m.new, wallTests))
	}
	const opened = `var open = map[string]string{`
	return append(out, replace(file, text, "a further table left open", opened, opened+"\n\t\"document\": \"because\",", []tests{{"./internal/store", "^TestWallsAreRaisedAnew$"}}))
}

// walled gives the tables with an organisation, as the migrations make them.
func walled(root string) (out []string) {
	for _, file := range sources(root, "internal/store/migrations/postgres/*.sql") {
		for _, m := range created.FindAllStringSubmatch(read(root, file), -1) {
			if (orgs.MatchString(m[2]) || m[1] == "organisation") && m[1] != "page" {
				out = append(out, m[1])
			}
		}
	}
	return out
}

// ofEntrances makes the mutants of the table of entrances: a route that is gone, and an
// operation of the API that asks for no right, or for another.
func ofEntrances(root string) (out []mutant) {
	const gate, admit = "internal/entrance/entrance.go", "internal/httpapi/auth.go"
	gates, admits := read(root, gate), read(root, admit)
	for _, row := range rows(root, "docs/security/entrances.csv") {
		pattern, does := row[0], row[2]
		old := "\tg.mux.mux.Handle(pattern, h)\n"
		out = append(out, replace(gate, gates, "without "+pattern, old, fmt.Sprintf("\tif pattern == %q {\n\t\treturn\n\t}\n", pattern)+old, entranceTests))
		if does == "" || !strings.Contains(pattern, " /v1/") || strings.Contains(pattern, " /v1/uploads") {
			continue
		}
		old = "\t\terr = a.Service.AllowedBy(rq.actor, do)\n"
		out = append(out, replace(admit, admits, pattern+" asks for no right", old, fmt.Sprintf("\t\tif op.Method+\" \"+op.Path != %q {\n\t\t\terr = a.Service.AllowedBy(rq.actor, do)\n\t\t}\n", pattern), rightTests))
	}
	return out
}
