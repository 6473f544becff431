package scim

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// list answers with those of the resources that the filter names, by page (RFC 7644
// section 3.4.2): startIndex counts from 1.
func (r *request) list(all []object) (object, error) {
	q := r.URL.Query()
	var found []object
	if text := q.Get("filter"); text != "" {
		f, err := parseFilter(text)
		if err != nil {
			return nil, err
		}
		for _, m := range all {
			if f(m) {
				found = append(found, m)
			}
		}
	} else {
		found = all
	}
	start, count := number(q.Get("startIndex"), 1), min(number(q.Get("count"), 100), maxCount)
	start, count = max(start, 1), max(count, 0)
	page := found[min(start-1, len(found)):]
	page = page[:min(count, len(page))]
	out := make([]object, 0, len(page))
	for _, m := range page {
		out = append(out, narrowed(m, q.Get("attributes"), q.Get("excludedAttributes")))
	}
	return object{"schemas": []string{listSchema}, "totalResults": len(found), "startIndex": start, "itemsPerPage": len(out), "Resources": out}, nil
}

func number(text string, otherwise int) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		return otherwise
	}
	return n
}

// narrowed leaves out attributes that were not asked for (RFC 7644 section 3.9).
func narrowed(m object, only, without string) object {
	if only == "" && without == "" || m["Resources"] != nil {
		return m
	}
	named := func(list, name string) bool {
		return slices.ContainsFunc(strings.Split(list, ","), func(one string) bool {
			first, _, _ := strings.Cut(attribute(strings.TrimSpace(one)), ".")
			return strings.EqualFold(first, name)
		})
	}
	out := object{}
	for name, v := range m {
		if name == "id" || name == "schemas" || (only == "" || named(only, name)) && !named(without, name) {
			out[name] = v
		}
	}
	return out
}

var oneEquals = regexp.MustCompile(`(?i)^\s*([a-z]+)\s+eq\s+"([^"\\]*)"\s*$`)

// equals gives the attribute and the text of a filter that compares one with one,
// which the store can answer by itself; "" for any other.
func equals(filter string) (name, value string) {
	if m := oneEquals.FindStringSubmatch(filter); m != nil {
		return strings.ToLower(m[1]), m[2]
	}
	return "", ""
}
