package main

import (
	"regexp"
	"slices"
	"strings"
)

// refusing are the files whose conditions refuse what strangers send to the
// authorization server, with the tests that have to notice when one no longer does.
var refusing = map[string][]string{
	"internal/oauth":         {"./internal/oauth", "-run", ".*/sqlite"},
	"internal/delegation":    {"./internal/delegation", "./internal/oauth", "-run", ".*/sqlite"},
	"internal/jwks":          {"./internal/jwks"},
	"internal/access/client": {"./internal/access"},
}

var (
	// condition is a condition with the line after it, in which a refusal stands.
	condition = regexp.MustCompile(`(?m)^(\t+)(case|if|\} else if) ([^\n]+?)(:| \{)\n\t+(?:return|err =|why =)[^\n]*$`)
	refusal   = regexp.MustCompile(`refuse\(|badProof\(|needNonce\(|errToken\(|badCode\(|notProved\(|UnknownCode\(\)|UnknownUserCode\(\)|invalidToken\(|errors\.New\(|ended\(\)|ErrBadKey|invalidClient\(\)|"(?:invalid_grant|access_denied|expired_token|form_stale|missing_scope)"|return "(?:has|holds|cannot)|return false$`)
)

// harmless are conditions without which nothing more is let in: what they refuse,
// another refuses too, or they only choose the words.
var harmless = []string{
	"err != nil", // alone: somebody else's refusal is passed on
}

// ofRefusals makes the mutants of what refuses: each condition is made false.
func ofRefusals(root string) (out []mutant) {
	for where, tests := range refusing {
		for _, file := range sources(root, where+"*.go", where+"/*.go") {
			for _, m := range condition.FindAllStringSubmatch(read(root, file), -1) {
				whole, cond := m[0], m[3]
				if !refusal.MatchString(whole[strings.Index(whole, "\n"):]) || slices.Contains(harmless, cond) {
					continue
				}
				first, _, _ := strings.Cut(whole, "\n")
				out = append(out, mutant{file: file, what: strings.TrimSpace(first), old: whole, new: strings.Replace(whole, first, m[1]+m[2]+" "+never(cond)+m[4], 1), tests: tests})
			}
		}
	}
	slices.SortFunc(out, func(a, b mutant) int { return strings.Compare(a.file+a.what, b.file+b.what) })
	return out
}

// never makes a condition, or each of a list of them, false; what it looks at stays
// in use.
func never(cond string) string {
	begin, rest := "", cond
	if i := strings.LastIndex(cond, "; "); i >= 0 {
		begin, rest = cond[:i+2], cond[i+2:]
	}
	parts, depth, from := []string{}, 0, 0
	for i, c := range rest {
		switch c {
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			depth--
		case ',':
			if depth == 0 {
				parts, from = append(parts, rest[from:i]), i+1
			}
		}
	}
	for i, p := range append(parts, rest[from:]) {
		p = "false && (" + strings.TrimSpace(p) + ")"
		if i > 0 {
			p = ", " + p
		}
		begin += p
	}
	return begin
}
