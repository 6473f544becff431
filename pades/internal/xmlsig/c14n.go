package xmlsig

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// Canonical writes an element as Exclusive XML Canonicalization 1.0 without comments
// lays down, leaving out one element below it, or nil.
func Canonical(e, without *Element) []byte {
	c := canon{without: without}
	c.element(e, map[string]string{})
	return c.out
}

type canon struct {
	out     []byte
	without *Element
}

// element writes one element; rendered are the prefixes that the output has
// declared around it.
func (c *canon) element(e *Element, rendered map[string]string) {
	name := qualified(e.prefix, e.Local)
	c.out = append(append(c.out, '<'), name...)
	rendered = c.declarations(e, rendered)
	attrs := slices.Clone(e.Attrs)
	slices.SortFunc(attrs, func(a, b Attr) int {
		return cmp.Or(strings.Compare(a.Space, b.Space), strings.Compare(a.Local, b.Local))
	})
	for _, a := range attrs {
		c.attribute(qualified(a.prefix, a.Local), a.Value)
	}
	c.out = append(c.out, '>')
	for _, n := range e.Nodes {
		switch {
		case n.Element == nil:
			c.text(n.Text)
		case n.Element != c.without:
			c.element(n.Element, rendered)
		}
	}
	c.out = append(append(append(c.out, "</"...), name...), '>')
}

func qualified(prefix, local string) string {
	if prefix == "" {
		return local
	}
	return prefix + ":" + local
}

// declarations writes those of the prefixes that the element's own name and
// attributes use, unless the output has them already.
func (c *canon) declarations(e *Element, rendered map[string]string) map[string]string {
	used := []string{e.prefix}
	for _, a := range e.Attrs {
		if a.prefix != "" && a.prefix != "xml" && !slices.Contains(used, a.prefix) {
			used = append(used, a.prefix)
		}
	}
	slices.Sort(used)
	own := maps.Clone(rendered)
	for _, prefix := range used {
		if prefix == "xml" {
			continue
		}
		space, _ := e.lookup(prefix)
		if old, there := rendered[prefix]; there && old == space || !there && prefix == "" && space == "" {
			continue
		}
		own[prefix] = space
		if prefix == "" {
			c.attribute("xmlns", space)
		} else {
			c.attribute("xmlns:"+prefix, space)
		}
	}
	return own
}

func (c *canon) attribute(name, value string) {
	c.out = append(append(append(c.out, ' '), name...), `="`...)
	for i := range len(value) {
		switch b := value[i]; b {
		case '&':
			c.out = append(c.out, "&amp;"...)
		case '<':
			c.out = append(c.out, "&lt;"...)
		case '"':
			c.out = append(c.out, "&quot;"...)
		case '\t':
			c.out = append(c.out, "&#x9;"...)
		case '\n':
			c.out = append(c.out, "&#xA;"...)
		case '\r':
			c.out = append(c.out, "&#xD;"...)
		default:
			c.out = append(c.out, b)
		}
	}
	c.out = append(c.out, '"')
}

func (c *canon) text(s string) {
	for i := range len(s) {
		switch b := s[i]; b {
		case '&':
			c.out = append(c.out, "&amp;"...)
		case '<':
			c.out = append(c.out, "&lt;"...)
		case '>':
			c.out = append(c.out, "&gt;"...)
		case '\r':
			c.out = append(c.out, "&#xD;"...)
		default:
			c.out = append(c.out, b)
		}
	}
}
