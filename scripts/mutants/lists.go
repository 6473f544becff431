package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"slices"
	"strings"
)

var storeTests = []tests{{"./internal/store", "^(TestWhose|TestNarrowed)$"}, {"./internal/store", "^(TestReported|TestPartsAreOnesOwn|TestWordsAreOnesOwn|TestPagesGoOn|TestLeadsGiveWhatAWalkGives|TestStore)$"}}

var (
	// ofOrg is the condition that a row belongs to an organisation.
	ofOrg = regexp.MustCompile(`\b(?:[a-z]\w*\.)?org(?: \|\| '')? = \?`)
	// conditions are the ways in which filter.go takes a condition.
	conditions = map[string]bool{"add": true, "is": true, "in": true, "before": true, "within": true, "found": true}
)

// ofLists makes the mutants of what reads from the store: each condition that a row
// is the organisation's is made true, in lists, counts, searches and single rows, and
// each condition of a list is dropped.
func ofLists(root string) (out []mutant) {
	for _, file := range sources(root, "internal/store/*.go") {
		text := read(root, file)
		set := token.NewFileSet()
		parsed, err := parser.ParseFile(set, file, text, parser.SkipObjectResolution)
		if err != nil {
			fatal(err)
		}
		offset := func(p token.Pos) int { return set.Position(p).Offset }
		for _, d := range parsed.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || !reads(f) {
				continue
			}
			ast.Inspect(f, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.BasicLit:
					from := offset(n.Pos())
					for _, at := range ofOrg.FindAllStringIndex(text[from:offset(n.End())], -1) {
						cond := text[from+at[0] : from+at[1]]
						out = append(out, mutant{file: file, what: f.Name.Name + " without " + cond + " in " + near(text, from+at[0]), at: from + at[0], old: cond, new: "COALESCE(?, '') IS NOT NULL", by: storeTests})
					}
				case *ast.ExprStmt:
					call, ok := n.X.(*ast.CallExpr)
					if !ok {
						return true
					}
					sel, ok := call.Fun.(*ast.SelectorExpr)
					if !ok || !conditions[sel.Sel.Name] {
						return true
					}
					if w, ok := sel.X.(*ast.Ident); !ok || w.Name != "w" {
						return true
					}
					old := text[offset(n.Pos()):offset(n.End())]
					out = append(out, mutant{file: file, what: f.Name.Name + " without " + strings.Join(strings.Fields(old), " "), at: offset(n.Pos()), old: old,
						new: `w.add("1 = 1"); _ = func() { ` + old + ` }`, by: storeTests})
				}
				return true
			})
		}
	}
	return slices.Concat(out, ofParts(root), ofWords(root))
}

// reads tells whether a function only reads: it is a reader's or a list's, or gathers conditions.
func reads(f *ast.FuncDecl) bool {
	if f.Body == nil {
		return false
	}
	if f.Recv == nil {
		return f.Name.Name == "partSet" || f.Name.Name == "wordsHold"
	}
	of := f.Recv.List[0].Type
	if star, ok := of.(*ast.StarExpr); ok {
		of = star.X
	}
	name, ok := of.(*ast.Ident)
	return ok && (name.Name == "Reader" || name.Name == "listing" || name.Name == "where")
}

// ofParts makes the mutants of the relations by which somebody finds a document, and
// of the words by which lists are confined to business units.
func ofParts(root string) (out []mutant) {
	const file = "internal/store/filter.go"
	text := read(root, file)
	blank := strings.NewReplacer("?", "COALESCE(?, '') IS NOT NULL", "r.principal = ", "", "r.from_at <= ", "", "r.until_at > ", "", "r.created_by = ", "", "r.assignee = ", "", "r.email = ", "")
	for _, cond := range []string{"r.created_by = ?", "r.assignee = ?", "r.email = ?", "r.principal = ?", "r.from_at <= ?", "r.until_at > ?"} {
		out = append(out, replace(file, text, "without "+cond, cond, blank.Replace(cond), storeTests))
	}
	return append(out,
		replace(file, text, "grants that were taken back", " AND r.revoked_at IS NULL", "", storeTests),
		replace(file, text, "a program as creator", "|| (relation == access.AsCreator && !access.Person(principal))", "", storeTests),
		replace(file, text, "parts in other organisations' documents", `r.org = " + org + " AND " + id`, `" + id`, storeTests),
		replace(file, text, "relations that were not asked for", "if relations&relation == 0 {", "if false && relations&relation == 0 {", storeTests))
}

// ofWords makes the mutants of how either database finds documents by their words.
func ofWords(root string) (out []mutant) {
	const file, ofOne = "internal/store/dialect.go", "s.org = ?"
	text := read(root, file)
	sqlite, postgres := []tests{{"./internal/store", "^TestWordsAreOnesOwn$"}}, []tests{{"./internal/store", "^TestWordsAreOnesOwnBeforeTheWall$"}}
	for _, m := range []struct {
		place string
		by    []tests
	}{
		{`found:      "d.id IN (SELECT s.document_id FROM search_document s WHERE s.org = ? AND s.rid`, sqlite},
		{`foundFew:   "d.id IN (SELECT s.document_id FROM search_document s WHERE s.org = ? AND s.rid`, sqlite},
		{`found:         "d.id IN (SELECT s.document_id FROM search_document s WHERE s.org = ? AND s.words`, postgres},
		{`foundFew:      "d.id = ANY (ARRAY(SELECT s.document_id FROM search_document s WHERE s.org = ? AND`, postgres},
		{`"EXISTS (SELECT 1 FROM search_document s WHERE s.org = ? AND s.document_id`, postgres},
	} {
		out = append(out, replace(file, text, "words of any organisation, "+m.place, m.place, strings.Replace(m.place, ofOne, "COALESCE(?, '') IS NOT NULL", 1), m.by))
	}
	return out
}

// replace makes a mutant of a text that a file has once.
func replace(file, text, what, old, new string, by []tests) mutant {
	if n := strings.Count(text, old); n != 1 {
		fatalf("%s has %d times %q: a mutant needs it once", file, n, old)
	}
	return mutant{file: file, what: what, at: strings.Index(text, old), old: old, new: new, by: by}
}

// near is the statement around a place, short.
func near(text string, at int) string {
	from := max(strings.LastIndex(text[:at], "\n"), at-60) + 1
	to := min(at+50, len(text))
	if i := strings.Index(text[at:to], "\n"); i >= 0 {
		to = at + i
	}
	return strings.TrimSpace(text[from:to])
}
