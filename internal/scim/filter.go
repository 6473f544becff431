package scim

import (
	"encoding/json"
	"strings"
	"unicode"
)

// Bounds of a filter.
const (
	maxFilter = 4 << 10 // bytes
	maxDepth  = 20      // of parentheses
)

// filter is a parsed expression (RFC 7644 section 3.4.2.2) over a resource or a value
// of one of its attributes.
type filter func(v any) bool

// parser reads an expression word by word.
type parser struct {
	words []string
	at    int
	depth int
}

// parseFilter reads an expression. Error 400 "invalidFilter".
func parseFilter(text string) (filter, error) {
	words, ok := split(text)
	p := &parser{words: words}
	if !ok || len(text) > maxFilter {
		return nil, invalid("invalidFilter", "The filter cannot be read.")
	}
	f, err := p.or()
	if err == nil && p.at < len(p.words) {
		err = invalid("invalidFilter", "The filter goes on behind its end: %s", p.words[p.at])
	}
	return f, err
}

// split cuts an expression into words; false where a text has no end.
func split(text string) (words []string, ok bool) {
	for {
		text = strings.TrimLeftFunc(text, unicode.IsSpace)
		if text == "" {
			return words, true
		}
		n := 1
		switch text[0] {
		case '(', ')', '[', ']':
		case '"':
			for n < len(text) && text[n] != '"' {
				if text[n] == '\\' {
					n++
				}
				n++
			}
			if n++; n > len(text) {
				return nil, false
			}
		default:
			if n = strings.IndexAny(text, " \t\r\n()[]\""); n < 0 {
				n = len(text)
			}
		}
		words, text = append(words, text[:n]), text[n:]
	}
}

func (p *parser) next() string {
	if p.at >= len(p.words) {
		return ""
	}
	p.at++
	return p.words[p.at-1]
}

// takes goes over a word, where it is the next.
func (p *parser) takes(word string) bool {
	if p.at < len(p.words) && strings.EqualFold(p.words[p.at], word) {
		p.at++
		return true
	}
	return false
}

func (p *parser) or() (filter, error)  { return p.joined("or", p.and) }
func (p *parser) and() (filter, error) { return p.joined("and", p.one) }

// joined reads terms with a word between them.
func (p *parser) joined(word string, term func() (filter, error)) (filter, error) {
	f, err := term()
	for err == nil && p.takes(word) {
		a := f
		var b filter
		if b, err = term(); word == "or" {
			f = func(v any) bool { return a(v) || b(v) }
		} else {
			f = func(v any) bool { return a(v) && b(v) }
		}
	}
	return f, err
}

// one reads a term: in parentheses, a comparison, or a filter over an attribute's values.
func (p *parser) one() (filter, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, invalid("invalidFilter", "The filter is too deep.")
	}
	defer func() { p.depth-- }()
	not := p.takes("not")
	if p.takes("(") {
		f, err := p.or()
		if err == nil && !p.takes(")") {
			err = invalid("invalidFilter", "A parenthesis has no end.")
		}
		if not {
			return func(v any) bool { return !f(v) }, err
		}
		return f, err
	}
	path := attribute(p.next())
	if not || path == "" || strings.ContainsAny(path, "()[]\"") {
		return nil, invalid("invalidFilter", "An attribute is missing.")
	}
	if p.takes("[") {
		f, err := p.or()
		if err == nil && !p.takes("]") {
			err = invalid("invalidFilter", "A bracket has no end.")
		}
		return func(v any) bool {
			for _, one := range valuesAt(v, path) {
				if f(one) {
					return true
				}
			}
			return false
		}, err
	}
	return p.comparison(path)
}

func (p *parser) comparison(path string) (filter, error) {
	op := strings.ToLower(p.next())
	if op == "pr" {
		return func(v any) bool { return len(valuesAt(v, path)) > 0 }, nil
	}
	var want any
	if json.Unmarshal([]byte(p.next()), &want) != nil {
		return nil, invalid("invalidFilter", "What %s is compared with is no JSON value.", path)
	}
	compare, ok := comparisons[op]
	if !ok {
		return nil, invalid("invalidFilter", "There is no operator %q.", op)
	}
	exact := path == "id" || strings.EqualFold(path, "externalId") || strings.HasSuffix(path, "value")
	return func(v any) bool {
		found := valuesAt(v, path)
		if op == "ne" {
			for _, one := range found {
				if comparisons["eq"](plain(one, exact), plain(want, exact)) {
					return false
				}
			}
			return true
		}
		for _, one := range found {
			if compare(plain(one, exact), plain(want, exact)) {
				return true
			}
		}
		return false
	}, nil
}

// plain makes a value comparable: the value of a complex one, and texts in lower case
// unless they are exact.
func plain(v any, exact bool) any {
	if m, ok := v.(map[string]any); ok {
		v = m["value"]
	}
	if s, ok := v.(string); ok && !exact {
		return strings.ToLower(s)
	}
	return v
}

var comparisons = map[string]func(a, b any) bool{
	"eq": func(a, b any) bool { return a == b },
	"ne": nil, // is not eq, for every value
	"co": onTexts(strings.Contains),
	"sw": onTexts(strings.HasPrefix),
	"ew": onTexts(strings.HasSuffix),
	"gt": ordered(func(n int) bool { return n > 0 }),
	"ge": ordered(func(n int) bool { return n >= 0 }),
	"lt": ordered(func(n int) bool { return n < 0 }),
	"le": ordered(func(n int) bool { return n <= 0 }),
}

func onTexts(f func(a, b string) bool) func(a, b any) bool {
	return func(a, b any) bool {
		x, ok := a.(string)
		y, too := b.(string)
		return ok && too && f(x, y)
	}
}

// ordered compares texts, dates among them, which are written so that their order is
// that of the texts.
func ordered(f func(n int) bool) func(a, b any) bool {
	return onTexts(func(a, b string) bool { return f(strings.Compare(a, b)) })
}

// attribute takes the URN of a schema off an attribute's path.
func attribute(path string) string {
	for _, schema := range []string{userSchema, groupSchema} {
		if len(path) > len(schema) && strings.EqualFold(path[:len(schema)], schema) {
			return strings.TrimPrefix(path[len(schema):], ":")
		}
	}
	return path
}

// valuesAt gives the values under a path, those of lists one by one. Names of
// attributes are the same in any case (RFC 7643 section 2.1).
func valuesAt(v any, path string) []any {
	name, rest, more := strings.Cut(path, ".")
	m, ok := v.(map[string]any)
	if !ok {
		return nil
	}
	v = m[key(m, name)]
	list, many := v.([]any)
	if !many {
		list = []any{v}
	}
	var out []any
	for _, one := range list {
		switch {
		case more:
			out = append(out, valuesAt(one, rest)...)
		case one != nil && one != "":
			out = append(out, one)
		}
	}
	return out
}

// key gives an attribute's name as a resource writes it.
func key(m map[string]any, name string) string {
	for k := range m {
		if strings.EqualFold(k, name) {
			return k
		}
	}
	return canonical(name)
}

// canonical gives an attribute's name as its schema writes it.
func canonical(name string) string {
	for _, known := range []string{"userName", "displayName", "externalId", "active", "name", "formatted", "givenName", "familyName", "emails", "locale", "members", "value", "display", "primary", "type", "preferredLanguage"} {
		if strings.EqualFold(known, name) {
			return known
		}
	}
	return name
}
