package service

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// A schema can be small and take for ever: subschemas that are applied to one
// value multiply, recursion multiplies them again, and patterns are matched
// against long texts. So each step of a check is paid for out of a budget, and a
// schema of which a check could never be afforded is refused when it is stored.
const (
	// maxSteps is what one check of metadata may cost: some tenths of a second.
	maxSteps = 200_000
	// maxProbe is what a small document may cost, and how many subschemas a schema
	// may apply to one value; maxProbes is what all that are tried may cost together.
	maxProbe  = maxSteps / 4
	maxProbes = 4 * maxSteps
	// maxSubschemas and maxPattern bound what compiling costs.
	maxSubschemas = 2000
	maxPattern    = 20_000 // instructions of all regular expressions
	// maxNesting and maxNumber bound metadata of a type with a schema.
	maxNesting  = 100
	maxNumber   = 200 // characters
	maxExponent = 400
)

// tooCostly is what a meter that has run out panics with.
type tooCostly struct{}

// meter is the budget of one check.
type meter struct{ left int }

func (m *meter) spend(n int) {
	if m.left -= n; m.left < 0 {
		panic(tooCostly{})
	}
}

// subschema is one schema object of a schema's text.
type subschema struct {
	object map[string]any
	same   []*subschema // applied to the same value
	inside []*subschema // applied to values inside
	each   int          // of these, how many to every value inside
	enum   int
	cost   int // of applying same, with everything they apply to that value; 0: not known yet
}

// schemaGraph is a schema's text as subschemas that refer to one another.
type schemaGraph struct {
	doc      any
	known    map[uintptr]*subschema
	order    []*subschema
	roots    []map[string]any // of resources: the text itself, and what has an id of its own
	anchors  map[string][]*subschema
	names    map[string]bool // of properties
	patterns int
	legacy   bool // of a draft that checks formats
	unique   bool // somewhere items have to be unique
}

// Keywords whose values are schemas, by how they stand there.
var (
	sameOne    = []string{"not", "if", "then", "else"}
	sameMany   = []string{"allOf", "anyOf", "oneOf"}
	sameNamed  = []string{"dependentSchemas", "dependencies"}
	eachOne    = []string{"items", "contains", "additionalProperties", "additionalItems", "propertyNames", "unevaluatedProperties", "unevaluatedItems"}
	insideMany = []string{"prefixItems", "items"}
	elsewhere  = []string{"$defs", "definitions"}
)

// graphOf reads a schema's text, as UnmarshalJSON gives it. The error says what in it is
// too much, or cannot be followed.
func graphOf(doc any) (*schemaGraph, error) {
	g := &schemaGraph{doc: doc, known: map[uintptr]*subschema{}, anchors: map[string][]*subschema{}, names: map[string]bool{}}
	if root, ok := doc.(map[string]any); ok {
		g.roots = []map[string]any{root}
		text, _ := root["$schema"].(string)
		g.legacy = strings.Contains(text, "draft-04") || strings.Contains(text, "draft-06") || strings.Contains(text, "draft-07")
	}
	if err := fits(doc, 0); err != nil {
		return nil, err
	}
	g.add(doc)
	for i := 0; i < len(g.order); i++ { // what is referred to is added on the way
		if len(g.order) > maxSubschemas {
			return nil, fmt.Errorf("it has more than %d subschemas", maxSubschemas)
		}
		if err := g.refer(g.order[i]); err != nil {
			return nil, err
		}
	}
	if g.patterns > maxPattern {
		return nil, fmt.Errorf("its regular expressions are too large: %d instructions, at most %d are taken", g.patterns, maxPattern)
	}
	for _, s := range g.order {
		if _, err := s.total(nil); err != nil {
			return nil, err
		}
	}
	return g, nil
}

// add takes in a schema and those that stand in it; nil where it is true, false or no schema.
func (g *schemaGraph) add(v any) *subschema {
	object, ok := v.(map[string]any)
	if !ok {
		return nil
	}
	id := reflect.ValueOf(object).Pointer()
	if s := g.known[id]; s != nil {
		return s
	}
	s := &subschema{object: object}
	g.known[id], g.order = s, append(g.order, s)
	if text, ok := object["$id"].(string); ok && text != "" {
		g.roots = append(g.roots, object)
	}
	for _, key := range []string{"$anchor", "$dynamicAnchor"} {
		if name, ok := object[key].(string); ok {
			g.anchors[name] = append(g.anchors[name], s)
		}
	}
	g.unique = g.unique || object["uniqueItems"] == true
	if values, ok := object["enum"].([]any); ok {
		s.enum = len(values)
	}
	same := func(v any) { s.same = appendSchema(s.same, g.add(v)) }
	for _, key := range sameOne {
		same(object[key])
	}
	for _, key := range sameMany {
		list, _ := object[key].([]any)
		for _, v := range list {
			same(v)
		}
	}
	for _, key := range sameNamed {
		named, _ := object[key].(map[string]any)
		for name, v := range named {
			g.names[name] = true
			same(v)
		}
	}
	g.addInside(s)
	for _, key := range elsewhere {
		named, _ := object[key].(map[string]any)
		for _, v := range named {
			g.add(v)
		}
	}
	return s
}

func (g *schemaGraph) addInside(s *subschema) {
	inside := func(v any) { s.inside = appendSchema(s.inside, g.add(v)) }
	for _, key := range eachOne {
		if _, one := s.object[key].(map[string]any); one {
			inside(s.object[key])
			s.each++
		}
	}
	for _, key := range insideMany {
		list, _ := s.object[key].([]any)
		for _, v := range list {
			inside(v)
		}
	}
	named, _ := s.object["properties"].(map[string]any)
	for name, v := range named {
		g.names[name] = true
		inside(v)
	}
	matched, _ := s.object["patternProperties"].(map[string]any)
	for pattern, v := range matched {
		g.patterns += instructions(pattern)
		inside(v)
		s.each++
	}
	if pattern, ok := s.object["pattern"].(string); ok {
		g.patterns += instructions(pattern)
	}
}

func appendSchema(list []*subschema, s *subschema) []*subschema {
	if s == nil {
		return list
	}
	return append(list, s)
}

// instructions is the size of a regular expression as a program; what is none
// costs nothing here, and is refused by the compiler.
func instructions(pattern string) int {
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return 0
	}
	prog, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return 0
	}
	return len(prog.Inst)
}

// refer follows the references of a subschema.
func (g *schemaGraph) refer(s *subschema) error {
	for _, key := range []string{"$ref", "$dynamicRef", "$recursiveRef"} {
		ref, ok := s.object[key].(string)
		if !ok {
			continue
		}
		_, fragment, _ := strings.Cut(ref, "#")
		var found []*subschema
		switch {
		case fragment == "" || strings.HasPrefix(fragment, "/"):
			for _, root := range g.roots {
				if at := pointed(root, fragment); at != nil {
					found = appendSchema(found, g.add(at))
				}
			}
		default:
			found = g.anchors[fragment]
		}
		if len(found) == 0 && !strings.HasPrefix(ref, "#") {
			continue // of another text: the compiler refuses it
		}
		if len(found) == 0 && !g.boolean(fragment) {
			return fmt.Errorf("%s leads nowhere: %s", key, ref)
		}
		s.same = append(s.same, found...)
	}
	return nil
}

// boolean tells whether true or false stands there.
func (g *schemaGraph) boolean(pointer string) bool {
	for _, root := range g.roots {
		if _, ok := pointed(root, pointer).(bool); ok {
			return true
		}
	}
	return false
}

// pointed gives what stands at a JSON pointer, percent-encoded as in a URL; nil
// where nothing does.
func pointed(v any, pointer string) any {
	if pointer == "" {
		return v
	}
	for _, part := range strings.Split(pointer, "/")[1:] {
		part = strings.NewReplacer("%25", "%", "%22", `"`, "%24", "$", "%5E", "^").Replace(part)
		part = strings.NewReplacer("~1", "/", "~0", "~").Replace(part)
		switch at := v.(type) {
		case map[string]any:
			v = at[part]
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i < 0 || i >= len(at) {
				return nil
			}
			v = at[i]
		default:
			return nil
		}
	}
	return v
}

// total is how many subschemas are applied to a value at most once this one is.
func (s *subschema) total(path []*subschema) (int, error) {
	if s.cost > 0 {
		return s.cost, nil
	}
	if slices.Contains(path, s) {
		return 0, fmt.Errorf("a subschema refers to itself for the same value")
	}
	n := 1
	for _, other := range s.same {
		more, err := other.total(append(path, s))
		if err != nil {
			return 0, err
		}
		if n += more; n > maxProbe {
			return 0, fmt.Errorf("more than %d subschemas may be applied to one value: allOf, anyOf, oneOf, $ref and the like multiply", maxProbe)
		}
	}
	s.cost = n
	return n, nil
}

// fits refuses numbers and nestings that cost more than they say.
func fits(v any, depth int) error {
	if depth > maxNesting {
		return fmt.Errorf("it nests deeper than %d levels", maxNesting)
	}
	switch v := v.(type) {
	case json.Number:
		_, exponent, _ := strings.Cut(strings.ToLower(string(v)), "e")
		n, err := strconv.Atoi(strings.TrimPrefix(exponent, "+"))
		if len(v) > maxNumber || exponent != "" && (err != nil || n > maxExponent || n < -maxExponent) {
			return fmt.Errorf("the number %.20s… has too many digits", v)
		}
	case map[string]any:
		for _, inner := range v {
			if err := fits(inner, depth+1); err != nil {
				return err
			}
		}
	case []any:
		for _, inner := range v {
			if err := fits(inner, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// metered gives a copy of the schema's text in which every subschema pays, and
// registers what takes the pay. The format is the one keyword that is looked at
// before values inside are, and calls us. Formats of the text are notes since 2019;
// before, they are checked, and move into an allOf.
func (g *schemaGraph) metered(c *jsonschema.Compiler, m *meter) {
	for i, s := range g.order {
		name := "paraph-step-" + strconv.Itoa(i)
		if format, ok := s.object["format"].(string); ok && g.legacy {
			all, _ := s.object["allOf"].([]any)
			s.object["allOf"] = append(slices.Clone(all), map[string]any{"format": format})
		}
		s.object["format"] = name
		once, inner := 1+s.enum, 0
		for _, other := range s.same {
			once += 1 + other.enum
		}
		for _, other := range s.inside {
			inner = max(inner, 1+other.enum)
		}
		c.RegisterFormat(&jsonschema.Format{Name: name, Validate: func(v any) error {
			switch v := v.(type) {
			case map[string]any:
				m.spend(once + len(v)*(1+s.each*inner))
			case []any:
				m.spend(once + len(v)*(1+s.each*inner))
			case string:
				m.spend(once + len(v)/64)
			default:
				m.spend(once)
			}
			return nil
		}})
	}
	c.AssertFormat()
	c.UseRegexpEngine(func(text string) (jsonschema.Regexp, error) {
		re, err := goRegexp(text)
		return meteredRegexp{re, m, instructions(text)}, err
	})
}

// probes are small documents that try the schema's recursion: each name of a
// property inside itself, with lists between and without, and all names at once.
func (g *schemaGraph) probes() (out []any) {
	const depth, most = 40, 200
	all := map[string]any{}
	names := slices.Sorted(maps.Keys(g.names))
	for _, name := range names[:min(len(names), most)] {
		all[name] = map[string]any{}
		var plain, listed any = map[string]any{}, map[string]any{}
		for range depth {
			plain = map[string]any{name: plain}
			listed = map[string]any{name: []any{listed}}
		}
		out = append(out, plain, listed)
	}
	return append(out, all, map[string]any{})
}
