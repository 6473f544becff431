package service

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"time"
	"unicode"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/event"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/id"
	"github.com/paraph/paraph/internal/journal"
)

// NewDocument is what a caller says of a document it uploads.
type NewDocument struct {
	Type       string // "" = "document"
	Unit       string // "" = the actor's only unit, else "general"
	Title      string // "" = the file's name
	ExternalID string
	Labels     map[string]string
	Metadata   json.RawMessage
}

// File is an uploaded file: its bytes are read once, to the end.
type File struct {
	Name      string // as the caller calls it; "" allowed
	MediaType string // as the caller declares it; what it really is the capture finds out
	Body      io.Reader
}

// Uploaded is a new document, or version, with the operation that reads it.
type Uploaded struct {
	Document  document.Document
	Version   document.Version
	Operation Operation
}

// Upload stores a file as a new draft and starts its capture.
//
// Faults: Invalid "invalid_document" listing everything, "empty_file"; Conflict
// "external_id_taken"; those of Vault.Put and of the body's reader.
func (s *Service) Upload(ctx context.Context, call Call, in NewDocument, file File) (Result[Uploaded], error) {
	d, known, err := s.draft(ctx, call.Actor, in, file.Name)
	if err != nil {
		return Result[Uploaded]{}, err
	}
	d.ID = id.New("doc", s.Clock.Now()) // named first: its files lie under a key of its own
	blob, err := s.receive(ctx, &call, Place{Org: d.Org, Unit: d.Unit, Document: d.ID, New: true}, file.Body)
	if err != nil {
		return Result[Uploaded]{}, err
	}
	return s.keep(ctx, call, d.Unit, blob, known, func(ctx context.Context, c *change) (Uploaded, error) {
		now := c.Now()
		d := d
		if err := s.stillRight(ctx, c, &d, known); err != nil {
			return Uploaded{}, err
		}
		d.CreatedAt, d.UpdatedAt, d.State = now, now, document.Draft
		if err := c.takesIn(ctx, d.Unit, true, blob.Size); err != nil {
			return Uploaded{}, err
		}
		v := originalVersion(&d, 1, file, blob, now)
		if err := c.logDocument(&d, note{kind: journal.DocumentCreated, data: dataOf(&d), digests: map[string]string{"original": blob.SHA256, "metadata": hexSum(d.Metadata)}}); err != nil {
			return Uploaded{}, err
		}
		op, err := s.startOperation(ctx, c, &d, OpCapture, "")
		if err != nil {
			return Uploaded{}, err
		}
		if err := c.storeBlob(ctx, d.Unit, blob); err != nil {
			return Uploaded{}, err
		}
		if err := c.InsertDocumentKey(ctx, *blob.Key); err != nil {
			return Uploaded{}, err
		}
		d.Revision = 1
		if err := c.InsertDocument(ctx, d); err != nil {
			return Uploaded{}, err
		}
		if err := c.InsertVersion(ctx, v); err != nil {
			return Uploaded{}, err
		}
		return Uploaded{Document: d, Version: v, Operation: op}, c.InsertOperation(ctx, op)
	})
}

// Draft makes a document of its details alone. A file can be added while it is a
// draft; without one it can be approved, not signed or archived.
//
// Faults: Invalid "invalid_document" listing everything; Conflict "external_id_taken".
func (s *Service) Draft(ctx context.Context, call Call, in NewDocument) (Result[document.Document], error) {
	d, known, err := s.draft(ctx, call.Actor, in, "")
	if err != nil {
		return Result[document.Document]{}, err
	}
	d.ID = id.New("doc", s.Clock.Now())
	key, err := s.Vault.NewKey(ctx, Place{Org: d.Org, Unit: d.Unit, Document: d.ID, New: true})
	if err != nil {
		return Result[document.Document]{}, err
	}
	made := func(ctx context.Context, c *change) (document.Document, error) {
		now := c.Now()
		d := d
		if err := s.stillRight(ctx, c, &d, known); err != nil {
			return d, err
		}
		if err := c.takesIn(ctx, d.Unit, true, 0); err != nil {
			return d, err
		}
		d.CreatedAt, d.UpdatedAt, d.State = now, now, document.Draft
		d.Processing.Status = document.StatusDone
		if err := c.logDocument(&d, note{kind: journal.DocumentCreated, data: dataOf(&d), digests: map[string]string{"metadata": hexSum(d.Metadata)}}); err != nil {
			return d, err
		}
		d.Revision = 1
		if err := c.InsertDocumentKey(ctx, key); err != nil {
			return d, err
		}
		return d, c.InsertDocument(ctx, d)
	}
	return keyed(ctx, s, d.Unit, &key, func() (Result[document.Document], error) { return checkedRun(ctx, s, call, known, made) })
}

// Replace stores a corrected file as a new version of a draft and reads it.
//
// Faults: as Upload; Conflict "document_not_draft" where it is not a draft.
func (s *Service) Replace(ctx context.Context, call Call, docID string, file File) (Result[Uploaded], error) {
	var unit string
	err := s.Store.Read(ctx, func(ctx context.Context, tx Reader) error {
		d, err := documentFor(ctx, tx, call.Actor, docID, access.WriteDocument)
		unit = d.Unit
		return err
	})
	if err != nil {
		return Result[Uploaded]{}, err
	}
	blob, err := s.receive(ctx, &call, Place{Org: call.Actor.Org, Unit: unit, Document: docID}, file.Body)
	if err != nil {
		return Result[Uploaded]{}, err
	}
	return s.keep(ctx, call, unit, blob, &checks{}, func(ctx context.Context, c *change) (Uploaded, error) {
		d, err := c.document(ctx, docID, access.WriteDocument)
		if err != nil {
			return Uploaded{}, err
		}
		if err := draftOnly(&d); err != nil {
			return Uploaded{}, err
		}
		versions, err := c.Versions(ctx, d.Org, d.ID)
		if err == nil {
			err = c.takesIn(ctx, d.Unit, false, blob.Size)
		}
		if err != nil {
			return Uploaded{}, err
		}
		if err := c.supersede(ctx, &d, "Another file took the place of the one that was being read."); err != nil {
			return Uploaded{}, err
		}
		v := originalVersion(&d, len(versions)+1, file, blob, c.Now())
		if err := c.logDocument(&d, note{kind: journal.DocumentVersionAdded, data: dataOf(&d), digests: map[string]string{"original": blob.SHA256}}); err != nil {
			return Uploaded{}, err
		}
		op, err := s.startOperation(ctx, c, &d, OpCapture, "")
		if err != nil {
			return Uploaded{}, err
		}
		if err := c.storeBlob(ctx, d.Unit, blob); err != nil {
			return Uploaded{}, err
		}
		if err := c.InsertVersion(ctx, v); err != nil {
			return Uploaded{}, err
		}
		d.Current, d.Pages, d.UpdatedAt = 0, 0, c.Now()
		if err := c.UpdateDocument(ctx, &d); err != nil {
			return Uploaded{}, err
		}
		return Uploaded{Document: d, Version: v, Operation: op}, c.InsertOperation(ctx, op)
	})
}

func draftOnly(d *document.Document) error {
	if !d.State.Allows(document.Submit) {
		return fault.New(fault.Conflict, "document_not_draft", "The document is %s; only a draft takes a new file.", d.State)
	}
	return nil
}

// draft checks everything that can be checked before the body is read, and gives
// what was found out about the metadata.
func (s *Service) draft(ctx context.Context, a access.Actor, in NewDocument, fileName string) (document.Document, *checks, error) {
	d := document.Document{
		Org: a.Org, Unit: in.Unit, Type: in.Type, Title: in.Title, ExternalID: in.ExternalID,
		Labels: in.Labels, Metadata: in.Metadata, CreatedBy: a.Principal,
	}
	if d.Unit == "" {
		d.Unit = "general"
		if len(a.Units) == 1 {
			d.Unit = a.Units[0]
		}
	}
	if d.Type == "" {
		d.Type = "document"
	}
	if d.Title == "" {
		d.Title = titleOf(fileName)
	}
	if err := access.Check(a, access.WriteDocument, access.Resource{Org: a.Org, Unit: d.Unit}); err != nil {
		return d, nil, err
	}
	known := &checks{}
	look := func(ctx context.Context, tx Reader) error { return s.checkDocument(ctx, tx, &d, known) }
	for range recheckings {
		err := s.Store.Read(ctx, look)
		if err == nil || known.missing == nil || fault.CodeOf(err) != errUnchecked.Code {
			return d, known, err
		}
		if err := s.look(ctx, a.Org, known); err != nil {
			return d, nil, err
		}
	}
	return d, nil, errUnchecked
}

// stillRight looks inside a command whether its document's metadata fit the type
// as it is by now: it may have been changed while the file was sent.
func (s *Service) stillRight(ctx context.Context, tx Reader, d *document.Document, known *checks) error {
	var l fault.List
	if err := known.of(ctx, s, tx, d, &l); err != nil {
		return err
	}
	return l.Err("invalid_document", "The document's details have faults.")
}

// checkDocument lists everything wrong with a document's own fields, its type,
// unit and metadata.
func (s *Service) checkDocument(ctx context.Context, tx Reader, d *document.Document, known *checks) error {
	var l fault.List
	d.Check(&l)
	if document.Slug(d.Unit) {
		if _, err := tx.Unit(ctx, d.Org, d.Unit); fault.KindOf(err) == fault.NotFound {
			l.Add("/business_unit", "unknown_unit", "There is no business unit %s.", d.Unit)
		} else if err != nil {
			return err
		}
	}
	if document.Slug(d.Type) && len(d.Metadata) <= document.MaxMetadata {
		if err := known.of(ctx, s, tx, d, &l); err != nil {
			return err
		}
	}
	return l.Err("invalid_document", "The document's details have faults.")
}

// receive stores the body and binds the caller's idempotency key to its digest.
func (s *Service) receive(ctx context.Context, call *Call, at Place, body io.Reader) (Blob, error) {
	blob, err := s.Vault.Put(ctx, at, body)
	if err != nil {
		return blob, err
	}
	if blob.Size == 0 {
		return blob, errors.Join(fault.New(fault.Invalid, "empty_file", "The file is empty. Send the document's bytes."), s.Vault.Remove(ctx, blob.ID))
	}
	if call.Idem != nil {
		h := sha256.New()
		h.Write(call.Idem.Digest)
		io.WriteString(h, blob.SHA256)
		idem := *call.Idem
		idem.Digest = h.Sum(nil)
		call.Idem = &idem
	}
	return blob, nil
}

// keep runs the command that names a stored blob, and removes the blob where
// the command did not take it: it was refused, or was a repetition. Where it is
// not certain that nothing was committed, the blob stays for the collector of
// orphans, which looks whether a row names it.
func (s *Service) keep(ctx context.Context, call Call, unit string, blob Blob, known *checks, fn func(context.Context, *change) (Uploaded, error)) (Result[Uploaded], error) {
	out, err := keyed(ctx, s, unit, blob.Key, func() (Result[Uploaded], error) { return checkedRun(ctx, s, call, known, fn) })
	if out.Replayed || (err != nil && !Uncertain(err)) {
		if rm := s.Vault.Remove(context.WithoutCancel(ctx), blob.ID); rm != nil {
			s.Log.Warn("an orphaned blob stays until the collector comes", "blob", blob.ID, "error", rm)
		}
	}
	return out, err
}

func originalVersion(d *document.Document, no int, file File, blob Blob, now time.Time) document.Version {
	return document.Version{
		DocumentID: d.ID, Org: d.Org, No: no, Kind: document.Original, MediaType: file.MediaType,
		FileName: file.Name, Blob: blob.ID, SHA256: blob.SHA256, Size: blob.Size, CreatedAt: now,
	}
}

// titleOf makes a title of a file's name: without folders and without its ending.
func titleOf(name string) string {
	name = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, name[strings.LastIndexAny(name, `/\\`)+1:])
	if dot := strings.LastIndexByte(name, '.'); dot > 0 {
		name = name[:dot]
	}
	if name == "" {
		return "Untitled"
	}
	return strings.ToValidUTF8(name[:min(len(name), document.MaxTitle)], "")
}

func dataOf(d *document.Document) event.Document {
	return event.Document{DocumentID: d.ID, Type: d.Type, Unit: d.Unit, State: d.State, Title: d.Title, ExternalID: d.ExternalID}
}

// Edit is what may be changed of a document; nil fields stay.
type Edit struct {
	Title      *string
	ExternalID *string
	Unit       *string
	Labels     map[string]string
	Metadata   json.RawMessage
	// Laid over what is there, after the others; nil takes a label or member away.
	MergeLabels   map[string]*string
	MergeMetadata json.RawMessage // RFC 7396
}

// EditDocument changes a document's details. Title, unit and metadata can be
// changed while it is a draft; labels and external id until it has ended.
//
// Faults: Invalid "invalid_document", Conflict "document_not_draft", "external_id_taken".
func (s *Service) EditDocument(ctx context.Context, call Call, docID string, in Edit) (Result[document.Document], error) {
	known := &checks{}
	return checkedRun(ctx, s, call, known, func(ctx context.Context, c *change) (document.Document, error) {
		d, err := c.document(ctx, docID, access.WriteDocument)
		if err != nil {
			return d, err
		}
		if err := s.applyEdit(ctx, c, &d, in, known); err != nil {
			return d, err
		}
		d.UpdatedAt = c.Now()
		if err := c.logDocument(&d, note{kind: journal.DocumentMetadataChanged, data: dataOf(&d), digests: map[string]string{"metadata": hexSum(d.Metadata)}}); err != nil {
			return d, err
		}
		return d, c.UpdateDocument(ctx, &d)
	})
}

func (s *Service) applyEdit(ctx context.Context, c *change, d *document.Document, in Edit, known *checks) error {
	draft := d.State.Allows(document.Submit)
	if d.State.Final() || (!draft && (in.Title != nil || in.Unit != nil || in.Metadata != nil || in.MergeMetadata != nil)) {
		return fault.New(fault.Conflict, "document_not_draft", "The document is %s; its title, unit and metadata can be changed while it is a draft.", d.State)
	}
	if in.Title != nil {
		d.Title = *in.Title
	}
	if in.ExternalID != nil {
		d.ExternalID = *in.ExternalID
	}
	if in.Labels != nil {
		d.Labels = in.Labels
	}
	if in.Metadata != nil {
		d.Metadata = in.Metadata
	}
	if in.MergeLabels != nil {
		d.Labels = merged(d.Labels, in.MergeLabels)
	}
	if in.MergeMetadata != nil {
		var err error
		if d.Metadata, err = mergePatch(d.Metadata, in.MergeMetadata); err != nil {
			return err
		}
	}
	if in.Unit != nil {
		if err := access.Check(c.actor, access.WriteDocument, access.Resource{Org: d.Org, Unit: *in.Unit}); err != nil {
			return err
		}
		if *in.Unit != d.Unit {
			if err := c.moves(ctx, d, *in.Unit); err != nil && fault.KindOf(err) != fault.NotFound { // which unit is unknown is told below
				return err
			}
		}
		d.Unit = *in.Unit
	}
	return s.checkDocument(ctx, c, d, known)
}
