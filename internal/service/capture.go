package service

import (
	"context"

	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/journal"
)

// Derived is a version that a worker made and stored.
type Derived struct {
	Kind              document.VersionKind
	Blob              Blob
	Pages             int
	Signatures        int
	document.Standing // of the signatures, where they were measured
}

// Captured is what the reading of an original found.
type Captured struct {
	MediaType  string // what the original really is
	Pages      []document.Page
	Signatures int       // PDF signatures in the original
	Derived    []Derived // in the order they were made, each of the one before
	Blobs      []Blob    // of the pages' words
}

// CaptureInput gives what is read: the document's newest original and its bytes; of an
// imported document the version that was current elsewhere.
func (s *Service) CaptureInput(ctx context.Context, org, docID string) (v document.Version, b Blob, err error) {
	err = s.Store.Read(Within(ctx, org), func(ctx context.Context, tx Reader) error {
		d, err := tx.Document(ctx, org, docID)
		if err != nil {
			return err
		}
		versions, err := tx.Versions(ctx, org, docID)
		if err != nil {
			return err
		}
		for _, candidate := range versions {
			if d.Current == 0 && candidate.Kind == document.Original || d.Current > 0 && candidate.No == d.Current {
				v = candidate
			}
		}
		b, err = tx.Blob(ctx, org, v.Blob)
		return err
	})
	return v, b, err
}

// FinishCapture records what was read from the original version no and makes
// the last derived version (or the original) the current one.
//
// Fault Conflict "operation_ended" where a twin came first or the document took
// another file meanwhile: the caller removes its blobs.
func (s *Service) FinishCapture(ctx context.Context, call Call, opID string, no int, in Captured) error {
	var d document.Document
	out, err := run(ctx, s, call, false, func(ctx context.Context, c *change) (Operation, error) {
		op, err := c.Operation(ctx, call.Actor.Org, opID)
		if err != nil {
			return op, err
		}
		if d, err = c.Document(ctx, op.Org, op.DocumentID); err != nil {
			return op, err
		}
		if op.State.Ended() || d.Processing.Operation != op.ID {
			return op, fault.New(fault.Conflict, "operation_ended", "The document took another file meanwhile.")
		}
		if err := c.checkPages(ctx, &d, len(in.Pages)); err != nil {
			return op, err
		}
		if d.State.Kept() && in.Signatures == 0 {
			return op, fault.New(fault.Invalid, "signature_missing", "The document came in as a signed one, and its file carries no signature.")
		}
		for _, b := range in.Blobs {
			if err := c.storeBlob(ctx, d.Unit, b); err != nil {
				return op, err
			}
		}
		digests, err := s.addVersions(ctx, c, &d, no, in)
		if err != nil {
			return op, err
		}
		data := dataOf(&d)
		data.Version, data.Pages = d.Current, d.Pages
		if err := c.logDocument(&d, note{kind: journal.DocumentCaptured, data: data, digests: digests}); err != nil {
			return op, err
		}
		if err := c.succeed(ctx, &op, &d); err != nil {
			return op, err
		}
		d.UpdatedAt = c.Now()
		return op, c.UpdateDocument(ctx, &d)
	})
	if err == nil {
		s.Meter.TimeToOCR(d.Type, out.Value.EndedAt.Sub(out.Value.CreatedAt))
	}
	return err
}

// addVersions notes what the original is, writes the derived versions and their
// pages, and moves the document to the last of them. It returns the digests by
// version kind.
func (s *Service) addVersions(ctx context.Context, c *change, d *document.Document, original int, in Captured) (map[string]string, error) {
	versions, err := c.Versions(ctx, d.Org, d.ID)
	if err != nil {
		return nil, err
	}
	if err := c.DescribeVersion(ctx, d.Org, d.ID, original, in.MediaType, len(in.Pages), in.Signatures); err != nil {
		return nil, err
	}
	next, from := len(versions)+1, original
	digests := map[string]string{}
	for _, dv := range in.Derived {
		if err := c.storeBlob(ctx, d.Unit, dv.Blob); err != nil {
			return nil, err
		}
		v := document.Version{
			DocumentID: d.ID, Org: d.Org, No: next, Kind: dv.Kind, DerivedFrom: from, MediaType: "application/pdf",
			Blob: dv.Blob.ID, SHA256: dv.Blob.SHA256, Size: dv.Blob.Size, Pages: dv.Pages, Signatures: dv.Signatures, CreatedAt: c.Now(),
		}
		if err := c.InsertVersion(ctx, v); err != nil {
			return nil, err
		}
		digests[string(dv.Kind)] = dv.Blob.SHA256
		from, next = v.No, next+1
	}
	d.Current, d.Pages = from, len(in.Pages)
	pages := make([]document.Page, len(in.Pages))
	for i, p := range in.Pages {
		p.Org, p.DocumentID, p.Version = d.Org, d.ID, d.Current
		pages[i] = p
	}
	return digests, c.InsertPages(ctx, pages)
}
