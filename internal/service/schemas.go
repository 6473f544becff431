package service

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"path"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/event"
	"github.com/paraph/paraph/internal/fair"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/journal"
)

// MaxSchema is the largest schema of a document type, in bytes.
const MaxSchema = 64 << 10

// schemaCache keeps compiled schemas by the digest of their text.
type schemaCache struct {
	mu       sync.Mutex
	compiled map[[32]byte]*jsonschema.Schema
}

// check validates metadata against the type's schema and lists every fault.
func (c *schemaCache) check(t document.Type, metadata json.RawMessage, l *fault.List) error {
	if len(t.Schema) == 0 || string(t.Schema) == "null" {
		return nil
	}
	schema, err := c.compile(t.Schema)
	if err != nil {
		return err
	}
	if len(metadata) == 0 {
		metadata = json.RawMessage("{}")
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(metadata))
	if err != nil {
		return nil // document.Check has said so
	}
	var bad *jsonschema.ValidationError
	if err := schema.Validate(value); errors.As(err, &bad) {
		listSchemaFaults(bad, l)
	} else if err != nil {
		return err
	}
	return nil
}

// maxSchemaFaults bounds how many faults of one document's metadata are told.
const maxSchemaFaults = 100

func listSchemaFaults(e *jsonschema.ValidationError, l *fault.List) {
	if l.Len() >= maxSchemaFaults {
		return
	}
	if len(e.Causes) == 0 {
		pointer := "/metadata"
		for _, part := range e.InstanceLocation {
			pointer += "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(part)
		}
		l.Add(pointer, "schema", "%s", e.ErrorKind.LocalizedString(message.NewPrinter(language.English)))
	}
	for _, cause := range e.Causes {
		listSchemaFaults(cause, l)
	}
}

func (c *schemaCache) compile(text json.RawMessage) (*jsonschema.Schema, error) {
	sum := sha256.Sum256(text)
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.compiled[sum]; s != nil {
		return s, nil
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, badSchema(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	compiler.UseLoader(noLoader{})
	const url = "paraph:metadata"
	if err := compiler.AddResource(url, doc); err != nil {
		return nil, badSchema(err)
	}
	s, err := compiler.Compile(url)
	if err != nil {
		return nil, badSchema(err)
	}
	if c.compiled == nil || len(c.compiled) > 1000 {
		c.compiled = map[[32]byte]*jsonschema.Schema{}
	}
	c.compiled[sum] = s
	return s, nil
}

// noLoader refuses references to other files and hosts: a schema stands alone.
type noLoader struct{}

func (noLoader) Load(url string) (any, error) {
	return nil, errors.New("a schema cannot refer to " + path.Base(url) + ": it stands alone")
}

func badSchema(err error) error {
	return fault.Wrap(err, fault.Invalid, "invalid_document_type", "The schema cannot be used.").With(
		fault.Detail{Pointer: "/schema", Code: "bad_schema", Message: strings.ReplaceAll(err.Error(), "paraph:metadata", "schema")})
}

// SavedType is what an administrator says of a document type.
type SavedType struct {
	Title      string
	Schema     json.RawMessage
	Weight     *int // nil: as it was
	MaxRunning *int // nil: as it was
}

// SaveDocumentType makes or changes a document type.
// Faults: Invalid "invalid_document_type"; Forbidden "missing_scope".
func (s *Service) SaveDocumentType(ctx context.Context, call Call, name string, in SavedType) (Result[document.Type], error) {
	if err := access.Allowed(call.Actor, access.ManageSettings); err != nil {
		return Result[document.Type]{}, err
	}
	var l fault.List
	if !document.Slug(name) {
		l.Add("path/name", "bad_slug", "A document type is 1 to 63 characters of a-z, 0-9, _ and -, and starts with a letter or digit.")
	}
	if len(in.Schema) > MaxSchema {
		l.Add("/schema", "too_long", "The schema has %d bytes; at most %d are kept.", len(in.Schema), MaxSchema)
	}
	if w := in.Weight; w != nil && (*w < 1 || *w > fair.MaxWeight) {
		l.Add("/weight", "out_of_range", "A weight is 1 to %d.", fair.MaxWeight)
	}
	if n := in.MaxRunning; n != nil && *n < 0 {
		l.Add("/max_running", "out_of_range", "The limit is 0 (none) or more.")
	}
	if err := l.Err("invalid_document_type", "The document type has faults."); err != nil {
		return Result[document.Type]{}, err
	}
	if len(in.Schema) > 0 && string(in.Schema) != "null" {
		if _, err := s.schemas.compile(in.Schema); err != nil {
			return Result[document.Type]{}, err
		}
	}
	return run(ctx, s, call, false, func(ctx context.Context, c *change) (document.Type, error) {
		t, err := c.DocumentType(ctx, call.Actor.Org, name)
		if fault.KindOf(err) == fault.NotFound {
			t = document.Type{Org: call.Actor.Org, Name: name, Weight: 1, CreatedAt: c.Now()}
		} else if err != nil {
			return t, err
		}
		t.Title, t.Schema, t.UpdatedAt = in.Title, in.Schema, c.Now()
		if in.Weight != nil {
			t.Weight = *in.Weight
		}
		if in.MaxRunning != nil {
			t.MaxRunning = *in.MaxRunning
		}
		if err := c.SaveDocumentType(ctx, t); err != nil {
			return t, err
		}
		t.Revision++
		return t, c.log(t.Org, "", note{kind: journal.DocumentTypeSaved, subject: "document_type", id: name,
			data: event.DocumentType{Name: name, Revision: t.Revision}, digests: map[string]string{"schema": hexSum(in.Schema)}})
	})
}

// DocumentType gives one document type. Faults: NotFound.
func (s *Service) DocumentType(ctx context.Context, a access.Actor, name string) (t document.Type, err error) {
	if err := access.Allowed(a, access.ReadSettings); err != nil {
		return t, err
	}
	err = s.Store.Read(ctx, func(ctx context.Context, tx Reader) error {
		t, err = tx.DocumentType(ctx, a.Org, name)
		return err
	})
	return t, err
}

// DocumentTypes lists the organisation's document types by name.
func (s *Service) DocumentTypes(ctx context.Context, a access.Actor) (out []document.Type, err error) {
	if err := access.Allowed(a, access.ReadSettings); err != nil {
		return nil, err
	}
	err = s.Store.Read(ctx, func(ctx context.Context, tx Reader) error {
		out, err = tx.DocumentTypes(ctx, a.Org)
		return err
	})
	return out, err
}

func hexSum(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}
