package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"strings"
)

// refusing are the packages whose conditions refuse what strangers send or what
// somebody may not do, with the tests that have to notice when one no longer does.
var refusing = []struct {
	files []string
	by    []tests
}{
	{[]string{"internal/access/*.go"}, accessTests},
	{[]string{"internal/oauth/*.go"}, []tests{{"./internal/oauth", "."}}},
	{[]string{"internal/delegation/*.go"}, []tests{{"./internal/delegation", "."}, {"./internal/oauth", "."}}},
	{[]string{"internal/jwks/*.go"}, []tests{{"./internal/jwks", "."}}},
}

// refusal is how a refusal begins.
var refusal = regexp.MustCompile(`refuse\(|badProof\(|needNonce\(|errToken\(|badCode\(|notProved\(|UnknownCode\(\)|UnknownUserCode\(\)|invalidToken\(|errors\.New\(|fault\.New\(|` +
	`ended\(\)|ErrBadKey|invalidClient\(\)|"(?:invalid_grant|access_denied|expired_token|form_stale|missing_scope)"|^return "(?:has|holds|cannot)|^return (?:"", )?false$|` +
	`^(?:l|list)\.Add\(|^mistakes = append|^return Decision\{Rule`)

// ofRefusals makes the mutants of what refuses: each condition is made false, and where
// there are several of which any one is enough, each of those; and what is asked as a
// question of yes or no is always answered with yes.
func ofRefusals(root string) (out []mutant) {
	for _, where := range refusing {
		for _, file := range sources(root, where.files...) {
			out = append(out, refusalsIn(root, file, where.by)...)
		}
	}
	return out
}

func refusalsIn(root, file string, by []tests) (out []mutant) {
	text := read(root, file)
	set := token.NewFileSet()
	parsed, err := parser.ParseFile(set, file, text, parser.SkipObjectResolution)
	if err != nil {
		fatal(err)
	}
	at := func(n ast.Node) (from, to int) { return set.Position(n.Pos()).Offset, set.Position(n.End()).Offset }
	source := func(n ast.Node) string { from, to := at(n); return text[from:to] }
	never := func(in string, conds ...ast.Expr) {
		for _, c := range conds {
			for _, one := range append([]ast.Expr{c}, anyOf(c)...) {
				if source(one) == "err != nil" { // somebody else's refusal, passed on
					continue
				}
				from, _ := at(one)
				out = append(out, mutant{file: file, what: in + " never sees " + strings.Join(strings.Fields(source(one)), " "), at: from, old: source(one), new: "(false && (" + source(one) + "))", by: by})
			}
		}
	}
	for _, d := range parsed.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Body == nil {
			continue
		}
		yesOrNo := f.Type.Results != nil && len(f.Type.Results.List) == 1 && source(f.Type.Results.List[0].Type) == "bool"
		ast.Inspect(f.Body, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncLit:
				yesOrNo = false
			case *ast.IfStmt:
				if refuses(source, n.Body.List) {
					never(f.Name.Name, n.Cond)
				}
			case *ast.SwitchStmt:
				for _, c := range n.Body.List {
					if c := c.(*ast.CaseClause); n.Tag == nil && refuses(source, c.Body) {
						never(f.Name.Name, c.List...)
					}
				}
			case *ast.ReturnStmt:
				if yesOrNo && source(n.Results[0]) != "true" && source(n.Results[0]) != "false" {
					from, _ := at(n.Results[0])
					out = append(out, mutant{file: file, what: f.Name.Name + " is always true", at: from, old: source(n.Results[0]), new: "(true || (" + source(n.Results[0]) + "))", by: by})
				}
			}
			return true
		})
	}
	return out
}

// refuses tells whether statements begin with a refusal.
func refuses(source func(ast.Node) string, body []ast.Stmt) bool {
	return len(body) > 0 && refusal.MatchString(source(body[0]))
}

// anyOf gives the conditions of which any one is enough, where there are several.
func anyOf(e ast.Expr) []ast.Expr {
	or, ok := e.(*ast.BinaryExpr)
	if !ok || or.Op != token.LOR {
		return nil
	}
	left := anyOf(or.X)
	if left == nil {
		left = []ast.Expr{or.X}
	}
	return append(left, or.Y)
}
