package httpapi

import (
	"bytes"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
	json "github.com/go-json-experiment/json/v1"

	"github.com/paraph/paraph/internal/fault"
)

// nullsOf gives what refuses a null in a body where the contract has none: huma takes it
// for a member that is not there, and who meant to clear a title with it would be told
// that all went well. nil where the operation takes no JSON.
func (a *api) nullsOf(op *huma.Operation) func(raw []byte) error {
	if op.RequestBody == nil || op.RequestBody.Content["application/json"] == nil {
		return nil
	}
	schema := op.RequestBody.Content["application/json"].Schema
	return func(raw []byte) error {
		var v any
		if !bytes.Contains(raw, []byte("null")) || json.Unmarshal(raw, &v) != nil || v == nil {
			return nil // the decoder says what is wrong with it
		}
		n := nulls{schemas: a.huma.OpenAPI().Components.Schemas}
		n.walk(v, schema, "")
		return n.found.Err("invalid_request", "The request does not fit the contract. Every fault is listed.")
	}
}

type nulls struct {
	schemas huma.Registry
	found   fault.List
}

func (n *nulls) walk(v any, s *huma.Schema, at string) {
	for s != nil && s.Ref != "" {
		s = n.schemas.SchemaFromRef(s.Ref)
	}
	if s == nil {
		return
	}
	switch x := v.(type) {
	case nil:
		if s.Type != "" && !s.Nullable {
			n.found.Add(at, "wrong_type", "This member can be left out, but it cannot be null.")
		}
	case map[string]any:
		further, _ := s.AdditionalProperties.(*huma.Schema)
		for name, value := range x {
			if p := s.Properties[name]; p != nil {
				n.walk(value, p, at+"/"+escapePointer(name))
			} else {
				n.walk(value, further, at+"/"+escapePointer(name))
			}
		}
	case []any:
		for i := range x {
			n.walk(x[i], s.Items, at+"/"+strconv.Itoa(i))
		}
	}
}
