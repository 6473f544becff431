package main

import (
	"regexp"
	"strings"
)

var (
	ruleRow  = regexp.MustCompile(`(?m)^\t(\w+): +\{scopes: \[\]Scope\{([^}]*)\}(?:, parts: ([^}]*))?\},$`)
	roleRow  = regexp.MustCompile(`(?m)^\t\t(Role\w+): +\{([^}]*)\},$`)
	comma    = regexp.MustCompile(`,\s*`)
	relation = regexp.MustCompile(`\s*\|\s*`)
)

var accessTests = []tests{{"./internal/access", "."}}

// ofRules makes the mutants of the table of rules: without a line, without a scope or
// a relation of one, and with one more of either.
func ofRules(root string) (out []mutant) {
	const file = "internal/access/rules.go"
	text := read(root, file)
	for _, at := range ruleRow.FindAllStringSubmatchIndex(text, -1) {
		line, action, scopes := text[at[0]:at[1]], text[at[2]:at[3]], text[at[4]:at[5]]
		parts := ""
		if at[6] >= 0 {
			parts = text[at[6]:at[7]]
		}
		add := func(what, old, new string) {
			out = append(out, mutant{file: file, what: what, at: at[0], old: line, new: strings.Replace(line, old, new, 1), by: accessTests})
		}
		add("without "+action, line, "")
		all := comma.Split(scopes, -1)
		for _, s := range all {
			if rest := without(all, s); len(rest) > 0 {
				add(action+" without the scope "+s, "{"+scopes, "{"+strings.Join(rest, ", "))
			}
			add(action+" open to others instead of "+s, "{"+scopes, "{"+strings.Join(append(without(all, s), other(s)), ", "))
		}
		if parts == "" {
			add(action+" open to guests", "}}", "}, parts: AsGuest}")
			continue
		}
		relations := relation.Split(parts, -1)
		for _, p := range relations {
			rest := strings.Join(without(relations, p), " | ")
			if rest == "" {
				rest = "0"
			}
			add(action+" without the relation "+p, "parts: "+parts, "parts: "+rest)
		}
	}
	return out
}

// ofRoles makes the mutants of the built-in roles: without a line, without a scope of
// one, and with the right to run the installation.
func ofRoles(root string) (out []mutant) {
	const file = "internal/access/role.go"
	text := read(root, file)
	for _, at := range roleRow.FindAllStringSubmatchIndex(text, -1) {
		line, role, scopes := text[at[0]:at[1]], text[at[2]:at[3]], text[at[4]:at[5]]
		add := func(what, old, new string) {
			out = append(out, mutant{file: file, what: what, at: at[0], old: line, new: strings.Replace(line, old, new, 1), by: accessTests})
		}
		add("without "+role, line, "")
		all := comma.Split(scopes, -1)
		for _, s := range all {
			add(role+" without the scope "+s, "{"+scopes, "{"+strings.Join(without(all, s), ", "))
		}
		add(role+" may decide for others", "{"+scopes, "{"+scopes+", TasksDecideFor")
		add(role+" runs the installation", "{"+scopes, "{"+scopes+", Installation")
	}
	return out
}

// other is a scope that an action does not ask for.
func other(scope string) string {
	if scope == "PeopleProvision" {
		return "Installation"
	}
	return "PeopleProvision"
}

func without(all []string, one string) (out []string) {
	for _, s := range all {
		if s != one {
			out = append(out, s)
		}
	}
	return out
}
