package service

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/event"
	"github.com/paraph/paraph/internal/fair"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/journal"
)

// MaxSchema is the largest schema of a document type, in bytes.
const MaxSchema = 64 << 10

// SavedType is what an administrator says of a document type.
type SavedType struct {
	Title      string
	Schema     json.RawMessage
	Weight     *int  // nil: as it was
	MaxRunning *int  // nil: as it was
	FourEyes   *bool // nil: as it was
}

// SaveDocumentType makes or changes a document type. A schema by which checking a
// document could take for ever is refused.
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
		if err := affordable(in.Schema); err != nil {
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
		if in.FourEyes != nil {
			t.FourEyes = *in.FourEyes
		}
		if err := c.SaveDocumentType(ctx, t); err != nil {
			return t, err
		}
		t.Revision++
		return t, c.log(t.Org, "", note{kind: journal.DocumentTypeSaved, subject: "document_type", id: name,
			data: event.DocumentType{Name: name, Revision: t.Revision, FourEyes: t.FourEyes}, digests: map[string]string{"schema": hexSum(in.Schema)}})
	})
}

// DocumentType gives one document type. Faults: NotFound.
func (s *Service) DocumentType(ctx context.Context, a access.Actor, name string) (t document.Type, err error) {
	if err := access.Allowed(a, access.ReadSettings); err != nil {
		return t, err
	}
	err = s.Store.Read(Within(ctx, a.Org), func(ctx context.Context, tx Reader) error {
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
	err = s.Store.Read(Within(ctx, a.Org), func(ctx context.Context, tx Reader) error {
		out, err = tx.DocumentTypes(ctx, a.Org)
		return err
	})
	return out, err
}

func hexSum(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}
