package service

import (
	"bytes"
	"container/list"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"regexp"
	"runtime"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/fault"
)

// maxCached is how many compiled schemas are kept.
const maxCached = 200

// typeRevision names the schema of a document type for good: its next one has
// another revision.
type typeRevision struct {
	Org, Type string
	Revision  int64
}

// schemaCache keeps compiled schemas, those used last.
type schemaCache struct {
	mu    sync.Mutex
	order list.List // of *compiledSchema, the one used last in front
	known map[typeRevision]*list.Element
	// newest is the newest of each type that was kept.
	newest map[TypeOf]*compiledSchema
}

// compiledSchema is a schema ready to check by. A checker serves one check at a
// time, since it has a meter of its own.
type compiledSchema struct {
	of   typeRevision
	text json.RawMessage // empty: anything is right
	free chan *checker
}

type checker struct {
	schema *jsonschema.Schema
	graph  *schemaGraph
	meter  *meter
}

// get gives the compiled schema of a type's revision; nil where it is not kept.
func (c *schemaCache) get(of typeRevision) *compiledSchema {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.known[of]
	if e == nil {
		return nil
	}
	c.order.MoveToFront(e)
	return e.Value.(*compiledSchema)
}

// put keeps the schema of a type, compiled when it is first used.
func (c *schemaCache) put(t document.Type) *compiledSchema {
	s := &compiledSchema{of: typeRevision{t.Org, t.Name, t.Revision}, free: make(chan *checker, runtime.GOMAXPROCS(0))}
	if string(t.Schema) != "null" {
		s.text = t.Schema
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.known[s.of]; e != nil {
		return e.Value.(*compiledSchema)
	}
	if c.known == nil {
		c.known, c.newest = map[typeRevision]*list.Element{}, map[TypeOf]*compiledSchema{}
	}
	c.known[s.of] = c.order.PushFront(s)
	name := TypeOf{t.Org, t.Name}
	if n := c.newest[name]; n == nil || n.of.Revision < t.Revision {
		c.newest[name] = s
	}
	if c.order.Len() > maxCached {
		last := c.order.Remove(c.order.Back()).(*compiledSchema)
		delete(c.known, last.of)
		if name := (TypeOf{last.of.Org, last.of.Type}); c.newest[name] == last {
			delete(c.newest, name)
		}
	}
	return s
}

// believedOpen tells whether any metadata was right by the newest schema of the
// type that is kept: then there is nothing to look at beforehand.
func (c *schemaCache) believedOpen(org, typ string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.newest[TypeOf{org, typ}]
	return s != nil && s.open()
}

// open tells whether any metadata is right.
func (s *compiledSchema) open() bool { return len(s.text) == 0 }

// faults gives everything wrong with metadata.
func (s *compiledSchema) faults(metadata json.RawMessage) ([]fault.Detail, error) {
	if s.open() {
		return nil, nil
	}
	var c *checker
	select {
	case c = <-s.free:
	default:
		var err error
		if c, err = newChecker(s.text); err != nil {
			return nil, err
		}
	}
	defer func() {
		select {
		case s.free <- c:
		default:
		}
	}()
	if len(metadata) == 0 {
		metadata = json.RawMessage("{}")
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(metadata))
	if err != nil {
		return nil, nil // document.Check has said so
	}
	return c.faults(value, maxSteps)
}

// faults checks a value within a budget.
func (c *checker) faults(value any, budget int) (out []fault.Detail, err error) {
	costly := func(why string) []fault.Detail {
		return []fault.Detail{{Pointer: "/metadata", Code: "too_costly", Message: "The metadata cannot be checked against the schema of its type: " + why + "."}}
	}
	if err := fits(value, 0); err != nil {
		return costly(err.Error()), nil
	}
	if c.graph.unique && precise(value) > maxPrecise {
		return costly("it has lists whose items must differ, and too many numbers of more than 15 digits"), nil
	}
	defer func() {
		if p := recover(); p != nil {
			if _, ok := p.(tooCostly); !ok {
				panic(p)
			}
			out, err = costly("that would take too many steps. Make it smaller, or have the schema simplified"), nil
		}
	}()
	c.meter.left = budget
	var bad *jsonschema.ValidationError
	if err := c.schema.Validate(value); errors.As(err, &bad) {
		return schemaFaults(bad, nil), nil
	} else if err != nil {
		return nil, err
	}
	return nil, nil
}

// maxPrecise is how many numbers may have more digits than a float64 holds where
// items have to be unique: such can look alike, and are compared one by one.
const maxPrecise = 200

func precise(v any) (n int) {
	switch v := v.(type) {
	case json.Number:
		if len(v) > 15 {
			return 1
		}
	case map[string]any:
		for _, inner := range v {
			n += precise(inner)
		}
	case []any:
		for _, inner := range v {
			n += precise(inner)
		}
	}
	return n
}

// maxSchemaFaults bounds how many faults of one document's metadata are told.
const maxSchemaFaults = 100

func schemaFaults(e *jsonschema.ValidationError, out []fault.Detail) []fault.Detail {
	if len(out) >= maxSchemaFaults {
		return out
	}
	if len(e.Causes) == 0 {
		pointer := "/metadata"
		for _, part := range e.InstanceLocation {
			pointer += "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(part)
		}
		out = append(out, fault.Detail{Pointer: pointer, Code: "schema", Message: e.ErrorKind.LocalizedString(message.NewPrinter(language.English))})
	}
	for _, cause := range e.Causes {
		out = schemaFaults(cause, out)
	}
	return out
}

// newChecker compiles a schema: as it is, for what is wrong with it, and once more
// with its meter.
func newChecker(text json.RawMessage) (*checker, error) {
	plain, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, badSchema("bad_schema", err)
	}
	if err := fits(plain, 0); err != nil {
		return nil, badSchema("too_costly", err)
	}
	if _, err := compileSchema(plain, func(*jsonschema.Compiler) {}); err != nil {
		return nil, badSchema("bad_schema", err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, badSchema("bad_schema", err)
	}
	g, err := graphOf(doc)
	if err != nil {
		return nil, badSchema("too_costly", err)
	}
	c := &checker{graph: g, meter: &meter{}}
	c.schema, err = compileSchema(doc, func(to *jsonschema.Compiler) { g.metered(to, c.meter) })
	if err != nil {
		return nil, badSchema("bad_schema", err)
	}
	return c, nil
}

func compileSchema(doc any, prepare func(*jsonschema.Compiler)) (*jsonschema.Schema, error) {
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	compiler.UseLoader(noLoader{})
	prepare(compiler)
	const url = "paraph:metadata"
	if err := compiler.AddResource(url, doc); err != nil {
		return nil, err
	}
	return compiler.Compile(url)
}

// affordable compiles a schema that is about to be stored, and tries it on small
// documents. Fault Invalid "invalid_document_type".
func affordable(text json.RawMessage) error {
	c, err := newChecker(text)
	if err != nil {
		return err
	}
	left := maxProbes
	for _, probe := range c.graph.probes() {
		budget := min(maxProbe, left)
		found, err := c.faults(probe, budget)
		if err != nil {
			return err
		}
		left -= budget - max(c.meter.left, 0)
		if len(found) > 0 && found[0].Code == "too_costly" {
			return badSchema("too_costly", errors.New("to check a small document by it would take too many steps: its subschemas multiply at each level"))
		}
	}
	return nil
}

// meteredRegexp pays for what it matches, by the length of the text and the size
// of its program: matching may look at each instruction for each byte.
type meteredRegexp struct {
	*regexp.Regexp
	meter *meter
	size  int
}

func goRegexp(text string) (*regexp.Regexp, error) { return regexp.Compile(text) }

// MatchString implements jsonschema.Regexp.
func (r meteredRegexp) MatchString(s string) bool {
	r.meter.spend(1 + r.size*len(s)/128)
	return r.Regexp.MatchString(s)
}

// noLoader refuses references to other files and hosts: a schema stands alone.
type noLoader struct{}

func (noLoader) Load(url string) (any, error) {
	return nil, errors.New("a schema cannot refer to " + path.Base(url) + ": it stands alone")
}

func badSchema(code string, err error) error {
	return fault.Wrap(err, fault.Invalid, "invalid_document_type", "The schema cannot be used.").With(
		fault.Detail{Pointer: "/schema", Code: code, Message: strings.ReplaceAll(err.Error(), "paraph:metadata", "schema")})
}

// said is metadata that is said to fit a type.
type said struct {
	typ      string
	metadata json.RawMessage
}

// checks are what was found out about metadata outside of a command's
// transaction: a check may take long, and on SQLite everybody would wait for it.
type checks struct {
	found   []checkedSaid
	missing *said              // what the command needed and was not there
	terms   document.TypeTerms // of the type, as the command saw it last
}

type checkedSaid struct {
	said
	revision int64
	faults   []fault.Detail
}

// errUnchecked ends a command that needs a check that was not made.
var errUnchecked = fault.New(fault.Conflict, "metadata_unchecked", "The document's type was changed a moment ago. Try again.")

// of adds to l what is wrong with a document's metadata by its type's schema as it
// is inside tx. errUnchecked where nobody has looked.
func (k *checks) of(ctx context.Context, s *Service, tx Reader, d *document.Document, l *fault.List) error {
	terms, err := tx.DocumentTypeTerms(ctx, d.Org, d.Type)
	if fault.KindOf(err) == fault.NotFound {
		l.Add("/document_type", "unknown_type", "There is no document type %s.", d.Type)
		return nil
	}
	if err != nil {
		return err
	}
	k.terms = terms
	if c := s.schemas.get(typeRevision{d.Org, d.Type, terms.Revision}); c != nil && c.open() {
		return nil
	}
	for _, f := range k.found {
		if f.typ == d.Type && f.revision == terms.Revision && bytes.Equal(f.metadata, d.Metadata) {
			for _, detail := range f.faults {
				l.Add(detail.Pointer, detail.Code, "%s", detail.Message)
			}
			return nil
		}
	}
	k.missing = &said{d.Type, d.Metadata}
	return errUnchecked
}

// look makes the check that was missing, outside of any transaction. A type that
// is not there is left to the command.
func (s *Service) look(ctx context.Context, org string, k *checks) error {
	want := *k.missing
	k.missing = nil
	var t document.Type
	err := s.Store.Read(Within(ctx, org), func(ctx context.Context, tx Reader) (err error) {
		terms, err := tx.DocumentTypeTerms(ctx, org, want.typ)
		if err != nil {
			return err
		}
		if t = (document.Type{Org: org, Name: want.typ, Revision: terms.Revision}); s.schemas.get(typeRevision{org, want.typ, terms.Revision}) == nil {
			t, err = tx.DocumentType(ctx, org, want.typ)
		}
		return err
	})
	if fault.KindOf(err) == fault.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	c := s.schemas.get(typeRevision{org, t.Name, t.Revision})
	if c == nil {
		c = s.schemas.put(t)
	}
	faults, err := c.faults(want.metadata)
	if err != nil {
		return fmt.Errorf("the schema of type %s: %w", want.typ, err)
	}
	k.found = append(k.found, checkedSaid{want, t.Revision, faults})
	return nil
}

// recheckings is how often a command follows a type that is changed under it.
const recheckings = 5

// checkedRun is run for a command that asks k about metadata. Where the command
// needs a check that was not made, it is made outside, and the command runs again:
// it has left nothing.
func checkedRun[R any](ctx context.Context, s *Service, call Call, k *checks, fn func(context.Context, *change) (R, error)) (out Result[R], err error) {
	for range recheckings {
		out, err = run(ctx, s, call, false, fn)
		if err == nil || k.missing == nil || fault.CodeOf(err) != errUnchecked.Code {
			return out, err
		}
		if err := s.look(ctx, call.Actor.Org, k); err != nil {
			return out, err
		}
	}
	return out, err
}
