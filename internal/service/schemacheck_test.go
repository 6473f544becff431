package service

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/fault"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// tower is a schema of subschemas that each apply the next one twice to the same
// value, by a keyword.
func tower(levels int, step func(next string) string) string {
	var defs []string
	for n := range levels {
		defs = append(defs, fmt.Sprintf(`"a%d": %s`, n, step(fmt.Sprintf(`{"$ref": "#/$defs/a%d"}`, n+1))))
	}
	return fmt.Sprintf(`{"$ref": "#/$defs/a0", "$defs": {%s, "a%d": {"required": ["never"]}}}`, strings.Join(defs, ", "), levels)
}

// hostile are schemas by which a check would take for ever, or nearly.
func hostile() map[string]string {
	many := func(n int, one string) string { return strings.TrimSuffix(strings.Repeat(one+", ", n), ", ") }
	out := map[string]string{
		"itself":                  `{"$ref": "#"}`,
		"itself by a way round":   `{"anyOf": [{"$ref": "#/$defs/a"}], "$defs": {"a": {"allOf": [{"$ref": "#"}]}}}`,
		"by an anchor":            `{"allOf": [{"$ref": "#x"}], "$defs": {"a": {"$anchor": "x", "not": {"$ref": "#x"}}}}`,
		"by a dynamic anchor":     `{"$dynamicAnchor": "x", "anyOf": [{"$dynamicRef": "#x"}]}`,
		"twice into a property":   `{"anyOf": [{"properties": {"a": {"$ref": "#"}}, "required": ["b"]}, {"properties": {"a": {"$ref": "#"}}, "required": ["b"]}]}`,
		"twice into a list":       `{"allOf": [{"items": {"$ref": "#"}}, {"items": {"$ref": "#"}}], "properties": {"a": {"$ref": "#"}}}`,
		"twice into any property": `{"allOf": [{"additionalProperties": {"$ref": "#"}}, {"additionalProperties": {"$ref": "#"}}], "$comment": "", "properties": {}, "dependentSchemas": {"a": {"minProperties": 1}}}`,
		"by its pattern and name": `{"patternProperties": {"^a": {"$ref": "#"}, "a$": {"$ref": "#"}}, "dependentSchemas": {"a": true}}`,
		"a large pattern":         `{"properties": {"a": {"pattern": "` + strings.Repeat("(x{0,999})", 30) + `"}}}`,
		"many patterns": `{"patternProperties": {` + func() string {
			var all []string
			for n := range 60 {
				all = append(all, fmt.Sprintf(`"^a{500}%d$": true`, n))
			}
			return strings.Join(all, ", ")
		}() + `}}`,
		"many subschemas":           `{"anyOf": [` + many(maxSubschemas+1, `{"minLength": 1}`) + `]}`,
		"a number of many digits":   `{"properties": {"a": {"minimum": 1e1000000}}}`,
		"a number near nought":      `{"properties": {"a": {"multipleOf": 1e-1000000}}}`,
		"nested deeply":             strings.Repeat(`{"not": `, 200) + "true" + strings.Repeat("}", 200),
		"in a place of its own":     `{"$ref": "#/x/a0", "x": ` + strings.ReplaceAll(towerIn("#/x/", 30), "#/$defs/", "#/x/") + `}`,
		"an older draft":            `{"$schema": "http://json-schema.org/draft-07/schema#", "$ref": "#/definitions/a0", "definitions": ` + strings.ReplaceAll(towerIn("#/definitions/", 30), "#/$defs/", "#/definitions/") + `}`,
		"hidden behind what it has": `{"properties": {"a": {"type": "object", "anyOf": [{"$ref": "#/properties/a/$defs/s"}, {"$ref": "#/properties/a/$defs/s"}], "$defs": {"s": {"required": ["n"], "properties": {"a": {"$ref": "#/properties/a"}}}}}}}`,
	}
	for name, step := range map[string]func(string) string{
		"anyOf":            func(n string) string { return `{"anyOf": [` + n + ", " + n + `]}` },
		"oneOf":            func(n string) string { return `{"oneOf": [` + n + ", " + n + `]}` },
		"allOf":            func(n string) string { return `{"allOf": [` + n + ", " + n + `]}` },
		"not":              func(n string) string { return `{"not": {"anyOf": [` + n + ", " + n + `]}}` },
		"if":               func(n string) string { return `{"if": ` + n + `, "then": ` + n + `, "else": ` + n + `}` },
		"dependentSchemas": func(n string) string { return `{"dependentSchemas": {"a": ` + n + `, "b": ` + n + `}}` },
	} {
		out["a tower of "+name] = tower(30, step)
	}
	return out
}

// towerIn gives the subschemas of a tower, for another place.
func towerIn(at string, levels int) string {
	var defs []string
	for n := range levels {
		next := fmt.Sprintf(`{"$ref": "%sa%d"}`, at, n+1)
		defs = append(defs, fmt.Sprintf(`"a%d": {"anyOf": [%s, %s]}`, n, next, next))
	}
	return fmt.Sprintf(`{%s, "a%d": {"required": ["never"]}}`, strings.Join(defs, ", "), levels)
}

// TestHostileSchemasAreRefused when they are stored.
func TestHostileSchemasAreRefused(t *testing.T) {
	t.Parallel()
	for name, text := range hostile() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if len(text) > MaxSchema {
				t.Fatalf("%d bytes: refused for its length", len(text))
			}
			err := affordable(json.RawMessage(text))
			f := fault.From(err)
			if err == nil || f.Code != "invalid_document_type" || len(f.Details) != 1 || f.Details[0].Code != "too_costly" {
				t.Fatalf("taken, or refused otherwise: %v", err)
			}
			t.Log(f.Details[0].Message)
		})
	}
}

// TestSoundSchemasAreTaken, and do what they say.
func TestSoundSchemasAreTaken(t *testing.T) {
	t.Parallel()
	alternatives := make([]string, 100)
	for n := range alternatives {
		alternatives[n] = fmt.Sprintf(`{"properties": {"kind": {"const": "k%d"}, "n": {"type": "integer"}}, "required": ["kind"]}`, n)
	}
	for name, c := range map[string]struct{ schema, good, bad string }{
		"an order": {`{"type": "object", "required": ["amount"], "properties": {"amount": {"type": "number", "minimum": 0}, "currency": {"enum": ["EUR", "USD"]}, "no": {"pattern": "^[A-Z]{2}-[0-9]{1,8}$"}}, "additionalProperties": false}`,
			`{"amount": 12.5, "currency": "EUR", "no": "PO-4711"}`, `{"amount": -1}`},
		"a tree":                   {`{"properties": {"left": {"$ref": "#"}, "right": {"$ref": "#"}, "value": {"type": "integer"}}}`, `{"left": {"left": {"value": 1}}, "right": {"value": 2}}`, `{"left": {"right": {"value": "x"}}}`},
		"a list of lists":          {`{"properties": {"all": {"$ref": "#/$defs/l"}}, "$defs": {"l": {"type": ["array", "integer"], "items": {"$ref": "#/$defs/l"}}}}`, `{"all": [[1, [2]], 3]}`, `{"all": [[1, ["x"]]]}`},
		"many alternatives":        {`{"oneOf": [` + strings.Join(alternatives, ", ") + `]}`, `{"kind": "k77", "n": 3}`, `{"kind": "k77", "n": "x"}`},
		"formats were checked":     {`{"$schema": "http://json-schema.org/draft-07/schema#", "properties": {"day": {"format": "date"}}}`, `{"day": "2026-11-24"}`, `{"day": "soon"}`},
		"formats beside all":       {`{"$schema": "http://json-schema.org/draft-07/schema#", "properties": {"day": {"format": "date", "allOf": [{"maxLength": 10}]}}}`, `{"day": "2026-11-24"}`, `{"day": "2026-11-24T"}`},
		"a place of its own":       {`{"$ref": "#/components/order", "components": {"order": {"required": ["a"]}}}`, `{"a": 1}`, `{}`},
		"by an id of its own":      {`{"$id": "https://example.com/order", "$ref": "#/$defs/o", "$defs": {"o": {"$id": "inner", "$ref": "#/$defs/p", "$defs": {"p": {"required": ["a"]}}}}}`, `{"a": 1}`, `{}`},
		"different items":          {`{"properties": {"a": {"uniqueItems": true}}}`, `{"a": [1, 2, 3]}`, `{"a": [1, 1.0]}`},
		"names in a pointer":       {`{"properties": {"a/b~c": {"$ref": "#/$defs/x~1y"}}, "$defs": {"x/y": {"type": "string"}}}`, `{"a/b~c": "x"}`, `{"a/b~c": 1}`},
		"names that look like one": {`{"properties": {"format": {"type": "string"}, "$ref": {"type": "string"}}, "const": {"format": "x", "$ref": "y"}}`, `{"format": "x", "$ref": "y"}`, `{"format": "z", "$ref": "y"}`},
		"nothing else":             {`{"unevaluatedProperties": false, "allOf": [{"properties": {"a": true}}]}`, `{"a": 1}`, `{"b": 1}`},
		"false":                    {`{"properties": {"a": false}}`, `{}`, `{"a": 1}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := affordable(json.RawMessage(c.schema)); err != nil {
				t.Fatal(err)
			}
			var cache schemaCache
			s := cache.put(document.Type{Org: "o", Name: "t", Schema: json.RawMessage(c.schema)})
			for text, right := range map[string]bool{c.good: true, c.bad: false} {
				for range 3 { // the checker is used again
					found, err := s.faults(json.RawMessage(text))
					if err != nil || right != (len(found) == 0) || !right && found[0].Code != "schema" {
						t.Errorf("%s: %+v, %v", text, found, err)
					}
				}
			}
		})
	}
	// A note since 2019.
	var cache schemaCache
	if found, err := cache.put(document.Type{Schema: json.RawMessage(`{"properties": {"day": {"format": "date"}}}`)}).faults(json.RawMessage(`{"day": "soon"}`)); len(found) > 0 || err != nil {
		t.Errorf("a format is checked that was not before: %+v, %v", found, err)
	}
}

// TestHostileMetadata is refused by schemas that are sound, or look so.
func TestHostileMetadata(t *testing.T) {
	t.Parallel()
	var cache schemaCache
	nest := func(n int, open, inner, shut string) string {
		return strings.Repeat(open, n) + inner + strings.Repeat(shut, n)
	}
	twins := make([]string, 1500)
	for n := range twins {
		twins[n] = fmt.Sprintf("0.1000000000000000%019d", n)
	}
	crossed := `{"anyOf": [{"properties": {"a": {"properties": {"b": {"$ref": "#"}}}}, "required": ["z"]}, {"properties": {"a": {"properties": {"b": {"$ref": "#"}}}}, "required": ["z"]}]}`
	for name, c := range map[string]struct{ schema, metadata string }{
		"a number of many digits":       {`{"properties": {"a": {"type": "integer"}}}`, `{"a": 1e1000000}`},
		"a number near nought":          {`{"properties": {"a": {"minimum": 0}}}`, `{"a": 1e-999999}`},
		"digits":                        {`{"properties": {"a": {"type": "integer"}}}`, `{"a": ` + strings.Repeat("9", 60_000) + `}`},
		"nested deeply":                 {`{"items": {"$ref": "#"}}`, `{"a": ` + nest(5000, "[", "", "]") + `}`},
		"recursion that no probe finds": {crossed, nest(40, `{"a": {"b": `, "{}", "}}")},
		"numbers that look alike":       {`{"properties": {"a": {"uniqueItems": true}}}`, `{"a": [` + strings.Join(twins, ", ") + `]}`},
		"a long text for a pattern":     {`{"properties": {"a": {"pattern": "` + strings.Repeat("(x{0,99}y)", 90) + `z$"}}}`, `{"a": "` + strings.Repeat("x", 60_000) + `"}`},
	} {
		t.Run(name, func(t *testing.T) {
			if err := affordable(json.RawMessage(c.schema)); err != nil {
				t.Fatalf("the schema is refused, and this test shows nothing: %v", err)
			}
			if len(c.metadata) > document.MaxMetadata {
				t.Fatalf("%d bytes: refused for its length", len(c.metadata))
			}
			found, err := cache.put(document.Type{Name: name, Schema: json.RawMessage(c.schema)}).faults(json.RawMessage(c.metadata))
			if err != nil || len(found) != 1 || found[0].Code != "too_costly" {
				t.Errorf("%.200v, %v", found, err)
			}
		})
	}
}

// TestTheCacheIsBounded, and keeps what is used.
func TestTheCacheIsBounded(t *testing.T) {
	t.Parallel()
	var cache schemaCache
	used := document.Type{Org: "o", Name: "used", Schema: json.RawMessage(`{"required": ["a"]}`), Revision: 1}
	first := cache.put(used)
	for n := range 3 * maxCached {
		cache.put(document.Type{Org: "o", Name: fmt.Sprint("t", n%250), Revision: int64(n)})
		if cache.get(first.of) != first {
			t.Fatalf("after %d others it is gone", n)
		}
	}
	if len(cache.known) != maxCached || cache.order.Len() != maxCached || len(cache.newest) > maxCached {
		t.Errorf("%d, %d, %d are kept", len(cache.known), cache.order.Len(), len(cache.newest))
	}
	if cache.believedOpen("o", "used") || !cache.believedOpen("o", "t1") || cache.believedOpen("o", "never") {
		t.Error("what is believed of the types is wrong")
	}
}

// BenchmarkMostCostly is a check that uses its whole budget.
func BenchmarkMostCostly(b *testing.B) {
	crossed := `{"anyOf": [{"properties": {"a": {"properties": {"b": {"$ref": "#"}}}}, "required": ["z"]}, {"properties": {"a": {"properties": {"b": {"$ref": "#"}}}}, "required": ["z"]}]}`
	var cache schemaCache
	s := cache.put(document.Type{Schema: json.RawMessage(crossed)})
	metadata := json.RawMessage(strings.Repeat(`{"a": {"b": `, 40) + "{}" + strings.Repeat("}}", 40))
	for b.Loop() {
		if found, err := s.faults(metadata); err != nil || len(found) != 1 {
			b.Fatal(found, err)
		}
	}
}

// FuzzSchemaCheck: whatever the schema and the metadata are, a check ends, and says
// no more than the plain library says.
func FuzzSchemaCheck(f *testing.F) {
	for _, text := range hostile() {
		f.Add(text, `{"a": {"b": [1, "x"]}}`)
	}
	f.Add(`{"properties": {"a": {"$ref": "#/$defs/b%25"}}, "$defs": {"b%": {"type": ["string", "null"], "pattern": "^a"}}}`, `{"a": "b"}`)
	f.Fuzz(func(t *testing.T, schema, metadata string) {
		c, err := newChecker(json.RawMessage(schema))
		if err != nil {
			return
		}
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(metadata))
		if err != nil {
			return
		}
		found, err := c.faults(value, 20_000)
		if err != nil || len(found) > 0 && found[0].Code == "too_costly" {
			return
		}
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(schema))
		if err != nil {
			t.Fatal(err)
		}
		plain, err := compileSchema(doc, func(*jsonschema.Compiler) {})
		if err != nil {
			t.Fatal(err)
		}
		if right := plain.Validate(value) == nil; right != (len(found) == 0) {
			t.Errorf("the library says %v, we say %+v", right, found)
		}
	})
}
