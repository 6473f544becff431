package main

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

var (
	wallTests     = []tests{{"./internal/store", "^TestSecondWall$"}}
	parentTests   = []tests{{"./internal/store", "^TestWallThroughParents$"}}
	entranceTests = []tests{{"./internal/e2e", "^TestEntrances$"}}
	rightTests    = []tests{{"./internal/httpapi", "^TestScopes$"}}

	created = regexp.MustCompile(`(?ms)^CREATE TABLE (?:IF NOT EXISTS )?(\w+) \((.*?)^\);`)
	orgs    = regexp.MustCompile(`\borg text\b`)
	parents = regexp.MustCompile(`(?m)^\t"(\w+)": +(?:belongs\(|"split_part)`)
)

// opened begins the tables that are left open on purpose.
const opened = `var open = map[string]string{`

// ofPolicies makes the mutants of the second wall: a table without its policy, and
// everything by which the policies hold.
func ofPolicies(root string) (out []mutant) {
	const file = "internal/store/walls.go"
	text := read(root, file)
	const begun = "\tfor _, t := range tables {\n\t\tname :="
	open := func(a *alike, table string, by []tests) {
		out = append(out, a.mutant(file, text, "no policy for "+table, begun, table, " of "+table+" finds", by))
	}
	without := func(tables []string) string {
		return strings.Replace(begun, "\t\tname", "\t\tswitch t.Name {\n\t\tcase "+cases(tables)+":\n\t\t\tcontinue\n\t\t}\n\t\tname", 1)
	}
	own, through := &alike{without}, &alike{without}
	for _, table := range walled(root) {
		open(own, table, wallTests)
	}
	for _, m := range parents.FindAllStringSubmatch(text, -1) {
		open(through, m[1], parentTests)
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
	out = append(out, replace(file, text, "rows of others' parents", `IS NULL OR " + through[t.Name] + ")"`, `IS NULL OR true)"`, parentTests))
	return append(out, replace(file, text, "a further table left open", opened, opened+"\n\t\"document\": \"because\",", []tests{{"./internal/store", "^TestWallsAreRaisedAnew$"}}))
}

// walled gives the tables with an organisation, as the migrations make them, but for those
// that are left open.
func walled(root string) (out []string) {
	_, left, _ := strings.Cut(read(root, "internal/store/walls.go"), opened)
	left, _, _ = strings.Cut(left, "\n}")
	for _, file := range sources(root, "internal/store/migrations/postgres/*.sql") {
		for _, m := range created.FindAllStringSubmatch(read(root, file), -1) {
			if (orgs.MatchString(m[2]) || m[1] == "organisation") && !strings.Contains(left, `"`+m[1]+`":`) && !slices.Contains(out, m[1]) {
				out = append(out, m[1])
			}
		}
	}
	return out
}

// ofEntrances makes the mutants of the table of entrances: a route that is gone, and an
// operation of the API that asks for no right, or for another.
func ofEntrances(root string) (out []mutant) {
	const (
		gate, admit = "internal/entrance/entrance.go", "internal/httpapi/auth.go"
		registers   = "\tg.mux.mux.Handle(pattern, h)\n"
		asks        = "\t\terr = a.Service.AllowedBy(rq.actor, do)\n"
	)
	gates, admits := read(root, gate), read(root, admit)
	gone := &alike{func(patterns []string) string {
		return "\tswitch pattern {\n\tcase " + cases(patterns) + ":\n\t\treturn\n\t}\n" + registers
	}}
	free := &alike{func(patterns []string) string {
		return "\t\tswitch op.Method + \" \" + op.Path {\n\t\tcase " + cases(patterns) + ":\n\t\tdefault:\n\t" + asks + "\t\t}\n"
	}}
	seen := map[string]bool{}
	for _, row := range rows(root, "docs/security/entrances.csv") {
		pattern, does := row[0], row[2]
		if seen[pattern] {
			continue
		}
		seen[pattern] = true
		out = append(out, gone.mutant(gate, gates, "without "+pattern, registers, pattern, "stands behind: "+pattern+",", entranceTests))
		if does != "" && strings.Contains(pattern, " /v1/") && !strings.Contains(pattern, " /v1/uploads") {
			out = append(out, free.mutant(admit, admits, pattern+" asks for no right", asks, pattern, pattern+" is not refused", rightTests))
		}
	}
	for _, m := range []struct{ file, asks, what, test string }{
		{"internal/httpapi/tus.go", "\t\terr = a.Service.AllowedBy(rq.actor, access.WriteDocument)\n", "uploads in pieces ask for no right", "TestScopes"},
		{"internal/scim/scim.go", "\t\t\terr = s.Service.AllowedBy(actor, access.ProvisionPeople)\n", "a directory is asked for no right", "TestWhoMayProvision"},
	} {
		out = append(out, replace(m.file, read(root, m.file), m.what, m.asks, "", []tests{{"./" + path.Dir(m.file), "^" + m.test + "$"}}))
	}
	return out
}
