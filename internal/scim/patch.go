package scim

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
)

// patchRequest is RFC 7644 section 3.5.2.
type patchRequest struct {
	Schemas    []string `json:"schemas"`
	Operations []struct {
		Op    string          `json:"op"`
		Path  string          `json:"path"`
		Value json.RawMessage `json:"value"`
	} `json:"Operations"`
}

// maxOperations is how many one request may have.
const maxOperations = 1000

// apply carries a request out on a resource. Errors 400 "invalidSyntax",
// "invalidPath", "noTarget".
func (p *patchRequest) apply(m map[string]any) error {
	if !slices.Contains(p.Schemas, patchSchema) || len(p.Operations) == 0 || len(p.Operations) > maxOperations {
		return invalid("invalidSyntax", "Send 1 to %d operations of the schema %s.", maxOperations, patchSchema)
	}
	for _, o := range p.Operations {
		op := strings.ToLower(o.Op) // some directories write it with a capital
		var value any
		if len(o.Value) > 0 && json.Unmarshal(o.Value, &value) != nil {
			return invalid("invalidSyntax", "A value is no JSON.")
		}
		if op != "add" && op != "replace" && op != "remove" {
			return invalid("invalidSyntax", "There is no operation %q.", o.Op)
		}
		if o.Path != "" {
			if err := change(m, op, o.Path, value); err != nil {
				return err
			}
			continue
		}
		fields, ok := value.(map[string]any)
		if !ok || op == "remove" {
			return invalid("noTarget", "An operation without a path holds attributes.")
		}
		for path, v := range fields {
			if err := change(m, op, path, v); err != nil {
				return err
			}
		}
	}
	return nil
}

// change carries out one operation: path is attr, attr.sub, attr[filter] or
// attr[filter].sub.
func change(m map[string]any, op, path string, value any) error {
	path = attribute(path)
	name, inside, filtered := strings.Cut(path, "[")
	if filtered {
		text, sub, ok := strings.Cut(inside, "]")
		f, err := parseFilter(text)
		if !ok || err != nil {
			return invalid("invalidPath", "The path %s cannot be read.", path)
		}
		return changeSome(m, op, key(m, name), f, strings.TrimPrefix(sub, "."), value)
	}
	if first, rest, deep := strings.Cut(name, "."); deep {
		k := key(m, first)
		inner, ok := m[k].(map[string]any)
		if !ok {
			if m[k] != nil {
				return invalid("invalidPath", "The path %s leads to no attribute.", path)
			}
			inner = map[string]any{}
			m[k] = inner
		}
		return change(inner, op, rest, value)
	}
	k := key(m, name)
	list, many := m[k].([]any)
	many = many || k == "members" || k == "emails"
	switch {
	case op == "remove" && many && value != nil: // some directories name what goes in the value
		m[k] = slices.DeleteFunc(list, func(one any) bool {
			return slices.ContainsFunc(asList(value), func(v any) bool { return plain(v, true) == plain(one, true) })
		})
	case op == "remove":
		delete(m, k)
	case op == "add" && many:
		for _, v := range asList(value) {
			if !slices.ContainsFunc(list, func(one any) bool { return plain(v, true) == plain(one, true) }) {
				list = append(list, v)
			}
		}
		m[k] = list
	case many:
		m[k] = asList(value)
	default:
		into, both := m[k].(map[string]any)
		if from, ok := value.(map[string]any); ok && both {
			for sub, v := range from {
				into[key(into, sub)] = v
			}
			return nil
		}
		m[k] = value
	}
	return nil
}

// changeSome changes those values of a list that a filter names.
func changeSome(m map[string]any, op, k string, f filter, sub string, value any) error {
	list, _ := m[k].([]any)
	hit := false
	var out []any
	for _, one := range list {
		if !f(one) {
			out = append(out, one)
			continue
		}
		hit = true
		inner, complex := one.(map[string]any)
		switch {
		case op == "remove" && sub == "":
			continue
		case sub != "" && complex:
			if err := change(inner, op, sub, value); err != nil {
				return err
			}
		default:
			one = value
		}
		out = append(out, one)
	}
	if !hit && op == "replace" {
		return invalid("noTarget", "Nothing in %s is so.", k)
	}
	if !hit && op == "add" && sub != "" { // a value of the kind is begun, as directories expect of emails[type eq "work"].value
		out = append(out, map[string]any{sub: value})
	}
	m[k] = out
	return nil
}

func asList(v any) []any {
	if list, ok := v.([]any); ok {
		return list
	}
	if v == nil || reflect.ValueOf(v).IsZero() {
		return nil
	}
	return []any{v}
}
