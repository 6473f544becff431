package service

import (
	"context"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/document"
)

// Archive puts an approved document that needs no signature into the archive.
// Faults: NotFound; Conflict "action_not_allowed", "envelope_open".
func (s *Service) Archive(ctx context.Context, call Call, docID string) (Result[Operation], error) {
	return run(ctx, s, call, false, func(ctx context.Context, c *change) (Operation, error) {
		d, err := c.document(ctx, docID, access.WriteDocument)
		if err != nil {
			return Operation{}, err
		}
		if _, err := d.State.Next(document.Archive); err != nil {
			return Operation{}, err
		}
		if err := c.noOpenEnvelope(ctx, &d); err != nil {
			return Operation{}, err
		}
		if err := idle(&d); err != nil {
			return Operation{}, err
		}
		if d.Fileless() {
			return Operation{}, d.NotReady()
		}
		op, err := s.startOperation(ctx, c, &d, OpArchive, "")
		if err != nil {
			return op, err
		}
		if err := c.InsertOperation(ctx, op); err != nil {
			return op, err
		}
		return op, c.UpdateDocument(ctx, &d)
	})
}

// ArchiveRecord gives one record with the additions to its package. Faults: NotFound.
func (s *Service) ArchiveRecord(ctx context.Context, a access.Actor, recordID string) (r ArchiveRecord, err error) {
	if err := access.Allowed(a, access.ReadArchive); err != nil {
		return r, err
	}
	err = s.Store.Read(Within(ctx, a.Org), func(ctx context.Context, tx Reader) error {
		if r, err = tx.ArchiveRecord(ctx, a.Org, recordID); err != nil {
			return err
		}
		if r.Additions, err = tx.Additions(ctx, a.Org, recordID); err != nil {
			return err
		}
		return access.Check(a, access.ReadArchive, access.Resource{Org: r.Org, Unit: r.Unit})
	})
	return r, err
}

// ArchiveRecords lists records, newest first.
func (s *Service) ArchiveRecords(ctx context.Context, a access.Actor, f ArchiveFilter) (out []ArchiveRecord, err error) {
	if err := access.Allowed(a, access.ReadArchive); err != nil {
		return nil, err
	}
	f.Org, f.Units, f.Limit = a.Org, a.Units, limit(f.Limit)
	err = s.Store.Read(Within(ctx, a.Org), func(ctx context.Context, tx Reader) error {
		out, err = tx.ArchiveRecords(ctx, f)
		return err
	})
	return out, err
}

// ArchivePackage opens a record's package, a zip file. The caller closes it.
func (s *Service) ArchivePackage(ctx context.Context, a access.Actor, recordID string) (ArchiveRecord, Content, error) {
	r, err := s.ArchiveRecord(ctx, a, recordID)
	if err != nil {
		return r, nil, err
	}
	var b Blob
	err = s.Store.Read(Within(ctx, a.Org), func(ctx context.Context, tx Reader) error {
		b, err = tx.Blob(ctx, r.Org, r.Package)
		return err
	})
	if err != nil {
		return r, nil, err
	}
	content, err := s.Vault.Open(ctx, b)
	return r, content, err
}

// ArchiveAddition opens an addition to a record's package, a zip file. The caller
// closes it. Faults: NotFound.
func (s *Service) ArchiveAddition(ctx context.Context, a access.Actor, recordID string, no int) (ArchiveAddition, Content, error) {
	r, err := s.ArchiveRecord(ctx, a, recordID)
	if err != nil {
		return ArchiveAddition{}, nil, err
	}
	if no < 1 || no > len(r.Additions) {
		return ArchiveAddition{}, nil, access.NotFound()
	}
	x := r.Additions[no-1]
	var b Blob
	err = s.Store.Read(Within(ctx, a.Org), func(ctx context.Context, tx Reader) error {
		b, err = tx.Blob(ctx, x.Org, x.Package)
		return err
	})
	if err != nil {
		return x, nil, err
	}
	content, err := s.Vault.Open(ctx, b)
	return x, content, err
}
