package service

import (
	"context"
	"encoding/json"
	"time"

	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/event"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/journal"
)

// TopicProtection is notified when a signed file may be waiting for protection.
const TopicProtection = "protection"

type protectionReader interface {
	// Protections gives the lines of a document, by the version they began with.
	Protections(ctx context.Context, org, documentID string) ([]document.Protection, error)
	// ProtectionsDue gives those of an organisation for which something is due, by
	// when it became due.
	ProtectionsDue(ctx context.Context, org string, now time.Time, limit int) ([]document.Protection, error)
	// ProtectionsWanting gives lines of all organisations that want less than a level.
	ProtectionsWanting(ctx context.Context, below document.Level, own bool, limit int) ([]document.Protection, error)
	// Unprotected gives documents behind (org, id), in the order of the two, that are
	// kept and carry signatures of which nobody has taken note yet.
	Unprotected(ctx context.Context, org, id string, limit int) ([]document.Document, error)
	// OpenOperations counts the operations of a kind that have not ended.
	OpenOperations(ctx context.Context, kind string) (int, error)
	// ProtectionReport counts lines, of one organisation or of all (""), by what
	// they have, want and lack.
	ProtectionReport(ctx context.Context, org string, units []string, now time.Time) ([]ProtectionCount, error)
	// Additions gives what was added to an archive package, by number.
	Additions(ctx context.Context, org, recordID string) ([]ArchiveAddition, error)
	AdditionsOf(ctx context.Context, org string, documents []string) ([]ArchiveAddition, error)
}

type protectionWriter interface {
	// SaveProtection writes a line's row, whether it is there or not. Who calls it
	// writes the document too, whose revision keeps two from doing so at once.
	SaveProtection(ctx context.Context, p document.Protection) error
	// InsertAddition: Conflict "stale" where there is one of the number.
	InsertAddition(ctx context.Context, a ArchiveAddition) error
}

// ProtectInput is what a worker needs to protect a document's signatures.
type ProtectInput struct {
	Document document.Document
	Lines    []document.Protection
	Versions []document.Version
	Blobs    map[int]Blob   // of each line's newest version, by number
	Record   *ArchiveRecord // with its additions; nil before the document is archived
	Entries  []journal.Entry
}

// ProtectInput reads it. A document of which nobody has taken note yet gets its
// line here, unwritten.
func (s *Service) ProtectInput(ctx context.Context, org, docID string) (in ProtectInput, err error) {
	err = s.Store.Read(ctx, func(ctx context.Context, tx Reader) error {
		in = ProtectInput{Blobs: map[int]Blob{}}
		if in.Document, err = tx.Document(ctx, org, docID); err != nil {
			return err
		}
		if in.Versions, err = tx.Versions(ctx, org, docID); err != nil {
			return err
		}
		if in.Lines, err = tx.Protections(ctx, org, docID); err != nil {
			return err
		}
		if len(in.Lines) == 0 {
			in.Lines = s.newLines(&in.Document, in.Versions, s.Clock.Now())
		}
		for _, l := range in.Lines {
			v := in.Versions[l.Version-1]
			if in.Blobs[v.No], err = tx.Blob(ctx, org, v.Blob); err != nil {
				return err
			}
		}
		if in.Record, err = recordOf(ctx, tx, org, docID); err != nil || in.Record == nil {
			return err
		}
		in.Entries, err = allEntries(ctx, tx, org, docID)
		return err
	})
	return in, err
}

// recordOf gives a document's archive record with its additions; nil where it has none.
func recordOf(ctx context.Context, tx Reader, org, docID string) (*ArchiveRecord, error) {
	records, err := tx.ArchiveRecords(ctx, ArchiveFilter{Org: org, DocumentID: docID, Limit: 1})
	if err != nil || len(records) == 0 {
		return nil, err
	}
	r := &records[0]
	r.Additions, err = tx.Additions(ctx, org, r.ID)
	return r, err
}

// newLines gives the lines of a document that has none yet: what it holds was
// sealed by an earlier version of Paraph, or signed by others.
func (s *Service) newLines(d *document.Document, versions []document.Version, now time.Time) (out []document.Protection) {
	begin := func(v document.Version, own bool) {
		line := document.Begin(v, own, s.Protection)
		line.DueAt = now
		out = append(out, line)
	}
	for _, v := range versions {
		if v.Kind == document.Completion || v.No == d.Current && v.Kind == document.Sealed {
			begin(v, true)
		} else if v.No == d.Current && v.Signatures > 0 {
			begin(v, false)
		}
	}
	return out
}

// Protected is what a worker made of one line of a document.
type Protected struct {
	Line document.Protection // as it was read
	// Made are the versions it made, each of the one before; the last one's
	// standing is the line's.
	Made     []Derived
	Standing document.Standing // as measured, where nothing was made
	Lack     document.Lack
}

// AddProtection records what was added to a document's signed files. Each version
// has its entry, and a lack has one when it begins or changes. It takes effect once.
//
// Fault Conflict "operation_ended" where a twin was first, or the document has
// other versions by now: the caller removes its blobs.
func (s *Service) AddProtection(ctx context.Context, call Call, opID string, in []Protected) error {
	_, err := run(ctx, s, call, false, func(ctx context.Context, c *change) (struct{}, error) {
		_, d, err := c.protecting(ctx, opID)
		if err != nil {
			return struct{}{}, err
		}
		now, err := c.Protections(ctx, d.Org, d.ID)
		if err != nil {
			return struct{}{}, err
		}
		versions, err := c.Versions(ctx, d.Org, d.ID)
		if err != nil {
			return struct{}{}, err
		}
		next := len(versions) + 1
		for i := range in {
			one := in[i]
			for _, n := range now {
				if n.Line == one.Line.Line && n.Version != one.Line.Version {
					return struct{}{}, fault.New(fault.Conflict, "operation_ended", "Something else was added to the document meanwhile.")
				}
			}
			if err := s.addLine(ctx, c, &d, &one, &next); err != nil {
				return struct{}{}, err
			}
		}
		d.UpdatedAt = c.Now()
		return struct{}{}, c.UpdateDocument(ctx, &d)
	})
	return err
}

// protecting reads an operation that is protecting a document.
func (c *change) protecting(ctx context.Context, opID string) (Operation, document.Document, error) {
	op, err := c.Operation(ctx, c.actor.Org, opID)
	if err != nil {
		return op, document.Document{}, err
	}
	if op.State.Ended() {
		return op, document.Document{}, fault.New(fault.Conflict, "operation_ended", "The operation has %s already.", op.State)
	}
	d, err := c.Document(ctx, op.Org, op.DocumentID)
	return op, d, err
}

// addLine writes the versions and the row of one line.
func (s *Service) addLine(ctx context.Context, c *change, d *document.Document, in *Protected, next *int) error {
	line, standing := in.Line, in.Standing
	newest := line.Version
	for _, dv := range in.Made {
		v := document.Version{
			DocumentID: d.ID, Org: d.Org, No: *next, Kind: document.Protected, DerivedFrom: newest, MediaType: "application/pdf",
			Blob: dv.Blob.ID, SHA256: dv.Blob.SHA256, Size: dv.Blob.Size, Pages: dv.Pages, Signatures: dv.Signatures, CreatedAt: c.Now(), Standing: dv.Standing,
		}
		if err := c.storeBlob(ctx, d.Unit, dv.Blob); err != nil {
			return err
		}
		if err := c.InsertVersion(ctx, v); err != nil {
			return err
		}
		if d.Current == newest {
			d.Current = v.No
		}
		data := protectionDataOf(d, v.No, v.Standing, line.Wanted)
		data.DerivedFrom, data.Pages = newest, v.Pages
		if err := c.logDocument(d, note{kind: journal.DocumentProtected, data: data, digests: map[string]string{string(document.Protected): v.SHA256}}); err != nil {
			return err
		}
		newest, standing = v.No, dv.Standing
		*next++
	}
	before := line.Code
	if len(in.Made) > 0 && in.Lack.Code == "" {
		line.Renew = false
	}
	line.Measured(newest, standing, in.Lack, s.Protection, c.Now())
	return c.saveLine(ctx, d, line, before)
}

// saveLine writes a line's row, and notes where something new is lacking.
func (c *change) saveLine(ctx context.Context, d *document.Document, line document.Protection, before string) error {
	if line.Code != "" && line.Code != before {
		data := protectionDataOf(d, line.Version, line.Standing, line.Wanted)
		data.Code, data.Reason = line.Code, line.Reason
		if err := c.logDocument(d, note{kind: journal.DocumentProtectionDelayed, data: data}); err != nil {
			return err
		}
	}
	c.Notify(TopicProtection)
	return c.SaveProtection(ctx, line)
}

func protectionDataOf(d *document.Document, version int, s document.Standing, wanted document.Level) event.Protection {
	data := event.Protection{Document: dataOf(d), Level: s.Level, Wanted: wanted}
	if data.Version = version; !s.Until.IsZero() {
		data.Until = &s.Until
	}
	return data
}

// FinishProtection ends an operation that protected a document's signatures: as
// failed where something is still lacking, which is told on the document and tried
// again by itself. A document that is not in the archive yet goes there now. addition,
// with its blob, is what was added to the archive; nil where nothing was.
//
// Fault Conflict "operation_ended" where a twin was first.
func (s *Service) FinishProtection(ctx context.Context, call Call, opID string, addition *ArchiveAddition, files map[string]PackageFile, blob Blob) error {
	_, err := run(ctx, s, call, false, func(ctx context.Context, c *change) (Operation, error) {
		op, d, err := c.protecting(ctx, opID)
		if err != nil {
			return op, err
		}
		if addition != nil {
			if err := c.addToArchive(ctx, &d, *addition, files, blob); err != nil {
				return op, err
			}
		}
		return op, s.endProtection(ctx, c, &op, &d, nil)
	})
	return err
}

func (c *change) addToArchive(ctx context.Context, d *document.Document, a ArchiveAddition, files map[string]PackageFile, blob Blob) (err error) {
	if a.Files, err = json.Marshal(files); err != nil {
		return err
	}
	a.Org, a.DocumentID, a.AddedAt = d.Org, d.ID, c.Now()
	a.Package, a.PackageSHA256, a.PackageSize = blob.ID, blob.SHA256, blob.Size
	if err := c.storeBlob(ctx, d.Unit, blob); err != nil {
		return err
	}
	if err := c.InsertAddition(ctx, a); err != nil {
		return err
	}
	data := dataOf(d)
	data.Version = a.Version
	return c.logDocument(d, note{kind: journal.DocumentArchiveExtended, data: data, digests: map[string]string{"addition": blob.SHA256, "version": a.SHA256}})
}

// endProtection ends the operation and lets the document go on its way.
func (s *Service) endProtection(ctx context.Context, c *change, op *Operation, d *document.Document, broken *Failure) error {
	lines, err := c.Protections(ctx, d.Org, d.ID)
	if err != nil {
		return err
	}
	if broken != nil {
		for _, l := range lines {
			before := l.Code
			l.Measured(l.Version, l.Standing, document.Lack{Code: broken.Code, Reason: broken.Reason}, s.Protection, c.Now())
			if err := c.saveLine(ctx, d, l, before); err != nil {
				return err
			}
		}
	}
	var lacking *document.Protection
	for i := range lines {
		if l := &lines[i]; l.Code != "" && !l.Level.Reaches(l.Wanted) || l.Renew {
			lacking = l
		}
	}
	switch {
	case broken != nil:
		err = c.lack(ctx, op, d, broken.Code, broken.Reason)
	case lacking != nil:
		err = c.lack(ctx, op, d, lacking.Code, lacking.Reason)
	default:
		err = c.succeed(ctx, op, d)
	}
	if err != nil {
		return err
	}
	if d.State.Allows(document.Archive) {
		next, err := s.startOperation(ctx, c, d, OpArchive, "")
		if err != nil {
			return err
		}
		if err := c.InsertOperation(ctx, next); err != nil {
			return err
		}
	}
	c.Notify(TopicProtection)
	d.UpdatedAt = c.Now()
	return c.UpdateDocument(ctx, d)
}

// lack ends an operation that could not reach what was wanted. That is no failure
// of the document: nothing of it waits.
func (c *change) lack(ctx context.Context, op *Operation, d *document.Document, code, reason string) error {
	op.State, op.EndedAt, op.Code, op.Reason, op.Retryable = OperationFailed, c.Now(), code, reason, true
	d.Processing = document.Processing{Status: document.StatusDone, Step: op.Kind, Operation: op.ID}
	if err := c.logOperation(op, d, journal.OperationFailed); err != nil {
		return err
	}
	return c.UpdateOperation(ctx, op)
}
