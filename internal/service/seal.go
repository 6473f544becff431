package service

import (
	"context"
	"encoding/json"

	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/signing"
)

// SealInput is what a worker needs to seal an envelope.
type SealInput struct {
	Envelope signing.Envelope
	Document document.Document
	Version  document.Version   // the one that was shown and signed
	Versions []document.Version // all of them, by number
	Pages    []document.Page
	Blob     Blob
	// Entries are the numbered entries of the document so far, for the certificate.
	Entries []journal.Entry
}

// SealInput reads what is sealed. Fault Conflict "operation_ended" where the
// envelope is not waiting for its seal: a twin was first.
func (s *Service) SealInput(ctx context.Context, org, envID string) (in SealInput, err error) {
	err = s.Store.Read(ctx, func(ctx context.Context, tx Reader) error {
		if in.Envelope, err = tx.Envelope(ctx, org, envID); err != nil {
			return err
		}
		if in.Envelope.State != signing.Sealing {
			return fault.New(fault.Conflict, "operation_ended", "The envelope is %s; it is not waiting for a seal.", in.Envelope.State)
		}
		if in.Document, err = tx.Document(ctx, org, in.Envelope.DocumentID); err != nil {
			return err
		}
		if in.Version, err = tx.Version(ctx, org, in.Document.ID, in.Envelope.Version); err != nil {
			return err
		}
		if in.Versions, err = tx.Versions(ctx, org, in.Document.ID); err != nil {
			return err
		}
		if in.Pages, err = tx.Pages(ctx, org, in.Document.ID, in.Envelope.Version); err != nil {
			return err
		}
		if in.Blob, err = tx.Blob(ctx, org, in.Version.Blob); err != nil {
			return err
		}
		in.Entries, err = allEntries(ctx, tx, org, in.Document.ID)
		return err
	})
	return in, err
}

// allEntries reads every numbered entry of a document in order.
func allEntries(ctx context.Context, tx Reader, org, docID string) (all []journal.Entry, err error) {
	f := EntryFilter{Org: org, DocumentID: docID, Limit: 500}
	for {
		batch, err := tx.Entries(ctx, f)
		if err != nil {
			return nil, err
		}
		all = append(all, batch...)
		if len(batch) < f.Limit {
			return all, nil
		}
		f.From = batch[len(batch)-1].Index + 1
	}
}

// Sealed is what a worker made: the sealed PDF, and the certificate of
// completion as a file of its own where it could not be a page inside.
type Sealed struct {
	PDF        Derived
	Completion *Derived
	Evidence   string // SHA-256 of the evidence JSON that was sealed in
	// Lack is why the seal has no time stamp though one was wanted.
	Lack document.Lack
}

// FinishSeal records the sealed PDF: the document is signed, the envelope
// complete, and the archiving starts. It takes effect exactly once.
//
// Fault Conflict "operation_ended" where a twin was first: the caller removes its blobs.
func (s *Service) FinishSeal(ctx context.Context, call Call, opID string, in Sealed) error {
	var env signing.Envelope
	var doc document.Document
	_, err := run(ctx, s, call, false, func(ctx context.Context, c *change) (Operation, error) {
		op, err := c.Operation(ctx, call.Actor.Org, opID)
		if err != nil {
			return op, err
		}
		if op.State.Ended() {
			return op, fault.New(fault.Conflict, "operation_ended", "The envelope has been sealed already.")
		}
		if env, err = c.Envelope(ctx, op.Org, op.EnvelopeID); err != nil {
			return op, err
		}
		if doc, err = c.Document(ctx, op.Org, op.DocumentID); err != nil {
			return op, err
		}
		made, err := c.insertSealed(ctx, &doc, &env, in)
		if err != nil {
			return op, err
		}
		v := made[0]
		if err := env.Complete(v.No, c.Now()); err != nil {
			return op, err
		}
		if err := doc.Apply(document.Sign); err != nil {
			return op, err
		}
		doc.Current, doc.UpdatedAt = v.No, c.Now()
		if err := s.logSealed(c, &doc, &env, v, in); err != nil {
			return op, err
		}
		if err := c.succeed(ctx, &op, &doc); err != nil {
			return op, err
		}
		kind, err := s.beginLines(ctx, c, &doc, made, in.Lack)
		if err != nil {
			return op, err
		}
		next, err := s.startOperation(ctx, c, &doc, kind, env.ID)
		if err != nil {
			return op, err
		}
		if err := c.InsertOperation(ctx, next); err != nil {
			return op, err
		}
		return op, c.storeEnvelope(ctx, &env, &doc)
	})
	if err == nil {
		s.Meter.TimeToSign(doc.Type, env.ClosedAt.Sub(env.SentAt))
	}
	return err
}

// insertSealed writes the versions that sealing made and returns them, the sealed one first.
func (c *change) insertSealed(ctx context.Context, d *document.Document, e *signing.Envelope, in Sealed) (out []document.Version, err error) {
	versions, err := c.Versions(ctx, d.Org, d.ID)
	if err != nil {
		return nil, err
	}
	made := []Derived{in.PDF}
	if in.Completion != nil {
		made = append(made, *in.Completion)
	}
	for i, dv := range made {
		v := document.Version{
			DocumentID: d.ID, Org: d.Org, No: len(versions) + 1 + i, Kind: dv.Kind, DerivedFrom: e.Version, MediaType: "application/pdf",
			Blob: dv.Blob.ID, SHA256: dv.Blob.SHA256, Size: dv.Blob.Size, Pages: dv.Pages, Signatures: dv.Signatures, CreatedAt: c.Now(),
			Standing: dv.Standing,
		}
		if err := c.storeBlob(ctx, d.Unit, dv.Blob); err != nil {
			return nil, err
		}
		if err := c.InsertVersion(ctx, v); err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// beginLines takes note of what has to be kept protected from now on, and gives the
// operation that comes next: what can be protected further at once is; where
// something is lacking, nothing waits for it.
func (s *Service) beginLines(ctx context.Context, c *change, d *document.Document, sealed []document.Version, lack document.Lack) (next string, err error) {
	next = OpArchive
	for _, l := range s.newLines(d, sealed, c.Now()) {
		l.Measured(l.Version, l.Standing, lack, s.Protection, c.Now())
		if lack.Code == "" && !l.Level.Reaches(l.Wanted) {
			next = OpProtect
		}
		if err := c.saveLine(ctx, d, l, ""); err != nil {
			return "", err
		}
	}
	return next, nil
}

func (s *Service) logSealed(c *change, d *document.Document, e *signing.Envelope, v document.Version, in Sealed) error {
	digests := map[string]string{"sealed": v.SHA256, "evidence": in.Evidence, "version": e.SHA256}
	if in.Completion != nil {
		digests["completion"] = in.Completion.Blob.SHA256
	}
	data := dataOf(d)
	data.Version, data.Pages, data.Envelope = v.No, v.Pages, e.ID
	if err := c.logDocument(d, note{kind: journal.DocumentSigned, data: data, digests: digests}); err != nil {
		return err
	}
	return c.logDocument(d, note{kind: journal.EnvelopeCompleted, subject: "envelope", id: e.ID, data: envelopeDataOf(e, nil), digests: map[string]string{"sealed": v.SHA256}})
}

// ArchiveInput is what a worker packs for the archive.
type ArchiveInput struct {
	Document  document.Document
	Versions  []document.Version
	Blobs     map[int]Blob // by version number
	Envelopes []signing.Envelope
	Entries   []journal.Entry
}

// ArchiveInput reads what is archived.
func (s *Service) ArchiveInput(ctx context.Context, org, docID string) (in ArchiveInput, err error) {
	err = s.Store.Read(ctx, func(ctx context.Context, tx Reader) error {
		if in.Document, err = tx.Document(ctx, org, docID); err != nil {
			return err
		}
		if in.Versions, err = tx.Versions(ctx, org, docID); err != nil {
			return err
		}
		in.Blobs = map[int]Blob{}
		for _, v := range in.Versions {
			if in.Blobs[v.No], err = tx.Blob(ctx, org, v.Blob); err != nil {
				return err
			}
		}
		if in.Envelopes, err = tx.Envelopes(ctx, EnvelopeFilter{Org: org, DocumentID: docID, Limit: 200}); err != nil {
			return err
		}
		in.Entries, err = allEntries(ctx, tx, org, docID)
		return err
	})
	return in, err
}

// PackageFile is one file inside an archive package.
type PackageFile struct {
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"`
}

// FinishArchive records the package that was written and read back.
// Fault Conflict "operation_ended" where a twin was first.
func (s *Service) FinishArchive(ctx context.Context, call Call, opID string, r ArchiveRecord, files map[string]PackageFile, blob Blob) error {
	_, err := run(ctx, s, call, false, func(ctx context.Context, c *change) (Operation, error) {
		op, err := c.Operation(ctx, call.Actor.Org, opID)
		if err != nil {
			return op, err
		}
		if op.State.Ended() {
			return op, fault.New(fault.Conflict, "operation_ended", "The document has been archived already.")
		}
		d, err := c.Document(ctx, op.Org, op.DocumentID)
		if err != nil {
			return op, err
		}
		if err := d.Apply(document.Archive); err != nil {
			return op, err
		}
		foreign, err := s.foreignLines(ctx, c, &d)
		if err != nil {
			return op, err
		}
		if r.Files, err = json.Marshal(files); err != nil {
			return op, err
		}
		r.Org, r.Unit, r.DocumentID, r.ArchivedAt = d.Org, d.Unit, d.ID, c.Now()
		r.Package, r.PackageSHA256, r.PackageSize = blob.ID, blob.SHA256, blob.Size
		if err := c.storeBlob(ctx, d.Unit, blob); err != nil {
			return op, err
		}
		if err := c.InsertArchiveRecord(ctx, r); err != nil {
			return op, err
		}
		data := dataOf(&d)
		data.Version = r.Version
		if err := c.logDocument(&d, note{kind: journal.DocumentArchived, data: data, digests: map[string]string{"package": blob.SHA256, "version": r.SHA256}}); err != nil {
			return op, err
		}
		if err := c.succeed(ctx, &op, &d); err != nil {
			return op, err
		}
		for _, l := range foreign {
			if err := c.saveLine(ctx, &d, l, ""); err != nil {
				return op, err
			}
		}
		d.UpdatedAt = c.Now()
		return op, c.UpdateDocument(ctx, &d)
	})
	return err
}

// foreignLines gives the lines of a document that comes into the archive with
// signatures of others, and none of ours.
func (s *Service) foreignLines(ctx context.Context, c *change, d *document.Document) ([]document.Protection, error) {
	v, err := c.Version(ctx, d.Org, d.ID, d.Current)
	if err != nil || v.Signatures == 0 {
		return nil, err
	}
	lines, err := c.Protections(ctx, d.Org, d.ID)
	if err != nil || len(lines) > 0 {
		return nil, err
	}
	return s.newLines(d, []document.Version{v}, c.Now()), nil
}
