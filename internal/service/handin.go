package service

import (
	"context"
	"io"
	"strconv"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/event"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/id"
	"github.com/paraph/paraph/internal/journal"
)

// ImportPrefix begins the id of an import into a business unit.
const ImportPrefix = "imp"

// UnitImport is an archive of a business unit of which documents are made.
type UnitImport struct {
	Org, ID, Unit string
	Operation     string // that goes through it
	State         HandoverState
	Code          string // why it ended
	By            string // principal
	Size          int64  // bytes of the archive
	SHA256        string
	Manifest      string // SHA-256; "" until it was looked at
	Origin        event.Origin
	Documents     int64 // lines of the archive
	Made          int64
	Known         int64 // made by an earlier import of the archive
	Disposed      int64 // of which a tombstone was left
	Failed        int64
	CreatedAt     time.Time
	EndedAt       time.Time
	Revision      int64

	Progress Operation // filled in where one is asked for
}

// Outcome is what became of one document of an archive.
type Outcome string

// What can become of it.
const (
	ImportMade     Outcome = "made"
	ImportKnown    Outcome = "known"    // an earlier import of the archive made it
	ImportDisposed Outcome = "disposed" // a tombstone: there is nothing to make
	ImportFailed   Outcome = "failed"
)

// ImportRow is what became of one document of an archive.
type ImportRow struct {
	Org, Import string
	Number      int64 // its line, from 1
	Unit        string
	Manifest    string
	Origin      string // its id there
	Document    string // its id here; "" where there is none
	Outcome     Outcome
	Code        string // why it failed
	Reason      string
}

// ImportRowFilter narrows a list of rows. Zero fields do not narrow.
type ImportRowFilter struct {
	Org     string
	Import  string
	Outcome Outcome
	After   int64 // number
	Limit   int
}

type importReader interface {
	Import(ctx context.Context, org, id string) (UnitImport, error)
	ImportByOperation(ctx context.Context, org, operationID string) (UnitImport, error)
	Imports(ctx context.Context, f HandoverFilter) ([]UnitImport, error)    // newest first
	ImportRows(ctx context.Context, f ImportRowFilter) ([]ImportRow, error) // in the order of the archive
	ImportRow(ctx context.Context, org, importID string, number int64) (ImportRow, error)
	// ImportedBefore gives the document that was made in the unit of a line of an archive. NotFound.
	ImportedBefore(ctx context.Context, org, unit, manifest, origin string) (documentID string, err error)
	CountImportRows(ctx context.Context, org, importID string) (map[Outcome]int64, error)
}

type importWriter interface {
	InsertImport(ctx context.Context, m UnitImport) error
	UpdateImport(ctx context.Context, m *UnitImport) error // compare-and-swapped (Conflict "stale")
	// KeepImportRow writes a row, in place of one of its number that is there.
	KeepImportRow(ctx context.Context, r ImportRow) error
}

// mayImport asks for every right that making what is in an archive needs.
func mayImport(a access.Actor, unit string) error {
	for _, do := range []access.Action{access.ManageSettings, access.WriteDocument} {
		if err := access.Allowed(a, do); err != nil {
			return err
		}
	}
	if !a.InUnit(unit) {
		return access.NotFound()
	}
	return nil
}

// StartImport stores an archive and begins to make its documents in a business unit.
//
// Faults: NotFound; Forbidden "missing_scope"; Conflict "unit_closed", "import_running";
// Invalid "empty_file"; those of Vault.Put and of the body's reader.
func (s *Service) StartImport(ctx context.Context, call Call, unit string, body io.Reader) (Result[UnitImport], error) {
	if err := s.Importable(ctx, call.Actor, unit); err != nil {
		return Result[UnitImport]{}, err
	}
	m := UnitImport{Org: call.Actor.Org, ID: id.New(ImportPrefix, s.Clock.Now()), Unit: unit, State: HandoverRunning, By: call.Actor.Principal}
	blob, err := s.receive(ctx, &call, Place{Org: m.Org, Unit: unit, Document: m.ID, New: true}, body)
	if err != nil {
		return Result[UnitImport]{}, err
	}
	out, err := keyed(ctx, s, unit, blob.Key, func() (Result[UnitImport], error) {
		return run(ctx, s, call, false, func(ctx context.Context, c *change) (UnitImport, error) { return c.startImport(ctx, m, blob) })
	})
	if out.Replayed || err != nil && !Uncertain(err) {
		s.removeParts(ctx, []Blob{blob})
	}
	return out, err
}

// Importable tells whether the actor may import into the unit, and it takes documents.
// Faults: NotFound; Forbidden "missing_scope"; Conflict "unit_closed".
func (s *Service) Importable(ctx context.Context, a access.Actor, unit string) error {
	if err := mayImport(a, unit); err != nil {
		return err
	}
	return s.Store.Read(Within(ctx, a.Org), func(ctx context.Context, tx Reader) error {
		u, err := tx.Unit(ctx, a.Org, unit)
		if err == nil && !u.ClosedAt.IsZero() {
			err = unitClosed(unit)
		}
		return err
	})
}

func (c *change) startImport(ctx context.Context, m UnitImport, blob Blob) (UnitImport, error) {
	newest, err := c.Imports(ctx, HandoverFilter{Org: m.Org, Unit: m.Unit, Limit: 1})
	if err != nil {
		return m, err
	}
	if len(newest) == 1 && newest[0].State == HandoverRunning {
		return m, fault.New(fault.Conflict, "import_running", "Import %s into the business unit has not come to its end. Wait for it, retry its operation, or end it.", newest[0].ID)
	}
	op := Operation{ID: id.New("op", c.Now()), Org: m.Org, Unit: m.Unit, Kind: OpImport, State: OperationPending, CreatedAt: c.Now(), Revision: 1}
	m.Operation, m.Size, m.SHA256, m.CreatedAt, m.Revision, m.Progress = op.ID, blob.Size, blob.SHA256, c.Now(), 1, op
	if err := c.logOperation(&op, nil, journal.OperationStarted); err != nil {
		return m, err
	}
	if err := c.InsertDocumentKey(ctx, *blob.Key); err != nil {
		return m, err
	}
	if err := c.InsertHandoverFile(ctx, m.ID, blob); err != nil {
		return m, err
	}
	if err := c.InsertImport(ctx, m); err != nil {
		return m, err
	}
	return m, c.InsertOperation(ctx, op)
}

// UnitImportOf gives an import with its operation. Faults: NotFound.
func (s *Service) UnitImportOf(ctx context.Context, a access.Actor, unit, importID string) (m UnitImport, err error) {
	if err := mayImport(a, unit); err != nil {
		return m, err
	}
	err = s.Store.Read(Within(ctx, a.Org), func(ctx context.Context, tx Reader) error {
		m, err = importOf(ctx, tx, a.Org, unit, importID)
		return err
	})
	return m, err
}

func importOf(ctx context.Context, tx Reader, org, unit, importID string) (m UnitImport, err error) {
	if m, err = tx.Import(ctx, org, importID); err != nil {
		return m, err
	}
	if m.Unit != unit {
		return UnitImport{}, access.NotFound()
	}
	if m.State == HandoverRunning {
		if err := counted(ctx, tx, &m); err != nil {
			return m, err
		}
	}
	m.Progress, err = tx.Operation(ctx, org, m.Operation)
	return m, err
}

// counted counts what became of an import's documents by now.
func counted(ctx context.Context, tx Reader, m *UnitImport) error {
	n, err := tx.CountImportRows(ctx, m.Org, m.ID)
	m.Made, m.Known, m.Disposed, m.Failed = n[ImportMade], n[ImportKnown], n[ImportDisposed], n[ImportFailed]
	return err
}

// UnitImports lists the imports into a unit, newest first. Faults: NotFound.
func (s *Service) UnitImports(ctx context.Context, a access.Actor, unit, before string, most int) (out []UnitImport, err error) {
	if err := mayImport(a, unit); err != nil {
		return nil, err
	}
	err = s.Store.Read(Within(ctx, a.Org), func(ctx context.Context, tx Reader) error {
		if _, err := tx.Unit(ctx, a.Org, unit); err != nil {
			return err
		}
		if out, err = tx.Imports(ctx, HandoverFilter{Org: a.Org, Unit: unit, Before: before, Limit: limit(most)}); err != nil {
			return err
		}
		for i := range out {
			if out[i].Progress, err = tx.Operation(ctx, a.Org, out[i].Operation); err != nil {
				return err
			}
		}
		return nil
	})
	return out, err
}

// ImportedDocuments lists what became of the documents of an import, in the order of
// the archive. Faults: NotFound.
func (s *Service) ImportedDocuments(ctx context.Context, a access.Actor, unit, importID string, outcome Outcome, after int64, most int) (out []ImportRow, err error) {
	if err := mayImport(a, unit); err != nil {
		return nil, err
	}
	err = s.Store.Read(Within(ctx, a.Org), func(ctx context.Context, tx Reader) error {
		if _, err := importOf(ctx, tx, a.Org, unit, importID); err != nil {
			return err
		}
		out, err = tx.ImportRows(ctx, ImportRowFilter{Org: a.Org, Import: importID, Outcome: outcome, After: after, Limit: limit(most)})
		return err
	})
	return out, err
}

// EndImport ends an import that runs, or whose operation failed. The documents that it
// has made stay. Faults: NotFound.
func (s *Service) EndImport(ctx context.Context, call Call, unit, importID string) (Result[UnitImport], error) {
	if err := mayImport(call.Actor, unit); err != nil {
		return Result[UnitImport]{}, err
	}
	return run(ctx, s, call, false, func(ctx context.Context, c *change) (UnitImport, error) {
		m, err := importOf(ctx, c, call.Actor.Org, unit, importID)
		if err != nil || m.State != HandoverRunning {
			return m, err
		}
		if err := c.cancel(ctx, &m.Progress); err != nil {
			return m, err
		}
		m.State, m.Code, m.EndedAt = HandoverEnded, EndedCancelled, c.Now()
		if err := c.UpdateImport(ctx, &m); err != nil {
			return m, err
		}
		return m, c.DropHandoverFile(ctx, m.Org, m.ID)
	})
}

// ImportWork gives the import that an operation goes through, with its archive, for the
// worker, which closes it. Fault Conflict "operation_ended" where it was ended; Invalid
// "import_without_archive" where the archive did not come back with a backup.
func (s *Service) ImportWork(ctx context.Context, org, opID string) (m UnitImport, content Content, err error) {
	var b Blob
	err = s.Store.Read(Within(ctx, org), func(ctx context.Context, tx Reader) error {
		if m, err = tx.ImportByOperation(ctx, org, opID); err != nil {
			return err
		}
		if m.State != HandoverRunning {
			return fault.New(fault.Conflict, "operation_ended", "The import has ended.")
		}
		b, err = tx.HandoverFile(ctx, org, m.ID)
		if fault.KindOf(err) == fault.NotFound {
			err = fault.New(fault.Invalid, "import_without_archive", "The archive is not there: it did not come back with a backup. End this import and send the archive again; what it has made is known then.")
		}
		return err
	})
	if err != nil {
		return m, nil, err
	}
	content, err = s.Vault.Open(ctx, b)
	return m, content, err
}

// NoteManifest keeps what an archive says of itself, once it was checked.
func (s *Service) NoteManifest(ctx context.Context, call Call, m UnitImport) error {
	_, err := run(ctx, s, call, false, func(ctx context.Context, c *change) (UnitImport, error) {
		now, err := c.Import(ctx, m.Org, m.ID)
		if err != nil || now.Manifest == m.Manifest {
			return now, err
		}
		now.Manifest, now.Origin, now.Documents = m.Manifest, m.Origin, m.Documents
		return now, c.UpdateImport(ctx, &now)
	})
	return err
}

// Arrived is a document of an archive, with its files stored under its new id.
type Arrived struct {
	Number   int64 // its line
	OriginID string
	State    document.State // there
	// Document has what is said of it; its id is the new one.
	Document document.Document
	Versions []document.Version // by number, the evidence of its past last
	Blobs    []Blob             // theirs
}

// ImportKey makes the key of a document that is about to be made of a line, so that its
// files can be stored.
func (s *Service) ImportKey(ctx context.Context, d *document.Document) error {
	key, err := s.Vault.NewKey(ctx, Place{Org: d.Org, Unit: d.Unit, Document: d.ID, New: true})
	if err != nil {
		return err
	}
	_, err = keyed(ctx, s, d.Unit, &key, func() (Result[struct{}], error) {
		return Result[struct{}]{}, s.Store.Write(Within(ctx, d.Org), func(ctx context.Context, tx Tx) error { return tx.InsertDocumentKey(ctx, key) })
	})
	return err
}

// DropImportKey takes the key of a document away that was not made.
func (s *Service) DropImportKey(ctx context.Context, d *document.Document) error {
	return s.Store.Write(Within(ctx, d.Org), func(ctx context.Context, tx Tx) error {
		if _, err := tx.Document(ctx, d.Org, d.ID); fault.KindOf(err) != fault.NotFound {
			return err // it was made after all
		}
		return tx.DropHandoverFile(ctx, d.Org, d.ID)
	})
}

// SeenBefore gives the row of a line where nothing is left to do about it: it was gone
// through, or an earlier import of the archive made its document. false: it is to be done.
func (s *Service) SeenBefore(ctx context.Context, m *UnitImport, number int64, origin string) (r ImportRow, seen bool, err error) {
	err = s.Store.Read(Within(ctx, m.Org), func(ctx context.Context, tx Reader) error {
		r, err = tx.ImportRow(ctx, m.Org, m.ID, number)
		if err == nil && r.Outcome != ImportFailed {
			seen = true
			return nil
		}
		if err = orElse(err, nil); err != nil {
			return err
		}
		made, err := tx.ImportedBefore(ctx, m.Org, m.Unit, m.Manifest, origin)
		if err == nil {
			r, seen = m.row(number, origin, ImportKnown), true
			r.Document = made
		}
		return orElse(err, nil)
	})
	return r, seen, err
}

func (m *UnitImport) row(number int64, origin string, o Outcome) ImportRow {
	return ImportRow{Org: m.Org, Import: m.ID, Number: number, Unit: m.Unit, Manifest: m.Manifest, Origin: origin, Outcome: o}
}

// KeepOutcome writes down what became of a line of which no document was made; failed
// is why, nil where there is none.
func (s *Service) KeepOutcome(ctx context.Context, m *UnitImport, number int64, origin string, o Outcome, documentID string, failed error) error {
	r := m.row(number, origin, o)
	r.Document = documentID
	if f := fault.From(failed); f != nil {
		r.Code, r.Reason = f.Code, cut(toldOf(f), 2000)
	}
	return s.Store.Write(Within(ctx, m.Org), func(ctx context.Context, tx Tx) error { return tx.KeepImportRow(ctx, r) })
}

// toldOf says a fault with its details, for people.
func toldOf(f *fault.Fault) string {
	out := f.Message
	for _, d := range f.Details {
		out += " " + d.Pointer + ": " + d.Message
	}
	return out
}

// ImportDocument makes a document of a line of an archive, and writes that down, in one
// step. What it was there its entry tells, with the digest of the archive's manifest;
// its state here is document.Arriving's.
//
// Faults: Invalid "invalid_document"; Conflict "external_id_taken", "unit_closed",
// "unit_limit_reached"; TooLarge "unit_file_limit".
func (s *Service) ImportDocument(ctx context.Context, call Call, m *UnitImport, in Arrived) error {
	known := &checks{}
	_, err := checkedRun(ctx, s, call, known, func(ctx context.Context, c *change) (document.Document, error) {
		d := in.Document
		if err := s.checkDocument(ctx, c, &d, known); err != nil {
			return d, err
		}
		largest := int64(0)
		for _, b := range in.Blobs {
			largest = max(largest, b.Size)
		}
		if err := c.takesIn(ctx, d.Unit, true, largest); err != nil {
			return d, err
		}
		return d, s.arrive(ctx, c, m, in, &d)
	})
	return err
}

// arrive writes what an imported document consists of.
func (s *Service) arrive(ctx context.Context, c *change, m *UnitImport, in Arrived, d *document.Document) error {
	d.CreatedAt, d.UpdatedAt, d.CreatedBy, d.Processing.Status = c.Now(), c.Now(), m.By, document.StatusDone
	digests := map[string]string{"manifest": m.Manifest, "metadata": hexSum(d.Metadata)}
	readable := d.Current > 0
	for _, v := range in.Versions {
		readable = readable || v.Kind == document.Original
		digests["version_"+strconv.Itoa(v.No)] = v.SHA256
	}
	data := event.Imported{Document: dataOf(d), ImportID: m.ID, Origin: m.Origin, OriginID: in.OriginID, OriginState: in.State}
	if err := c.logDocument(d, note{kind: journal.DocumentImported, data: data, digests: digests, behalf: m.By}); err != nil {
		return err
	}
	if readable {
		op, err := s.startOperation(ctx, c, d, OpCapture, "")
		if err != nil {
			return err
		}
		if err := c.InsertOperation(ctx, op); err != nil {
			return err
		}
	}
	for _, b := range in.Blobs {
		if err := c.storeBlob(ctx, d.Unit, b); err != nil {
			return err
		}
	}
	d.Revision = 1
	if err := c.InsertDocument(ctx, *d); err != nil {
		return err
	}
	for _, v := range in.Versions {
		v.Org, v.DocumentID, v.CreatedAt = d.Org, d.ID, c.Now()
		if err := c.InsertVersion(ctx, v); err != nil {
			return err
		}
	}
	r := m.row(in.Number, in.OriginID, ImportMade)
	r.Document = d.ID
	return c.KeepImportRow(ctx, r)
}

// FinishImport records that an archive was gone through to its end, and lets it go.
// Fault Conflict "operation_ended" where the import was ended.
func (s *Service) FinishImport(ctx context.Context, call Call, seen UnitImport) error {
	_, err := run(ctx, s, call, false, func(ctx context.Context, c *change) (UnitImport, error) {
		m, err := c.Import(ctx, seen.Org, seen.ID)
		if err != nil {
			return m, err
		}
		op, err := c.Operation(ctx, m.Org, m.Operation)
		if err == nil && (m.State != HandoverRunning || op.State.Ended()) {
			err = fault.New(fault.Conflict, "operation_ended", "The import has ended.")
		}
		if err == nil {
			err = counted(ctx, c, &m)
		}
		if err != nil {
			return m, err
		}
		m.State, m.EndedAt = HandoverDone, c.Now()
		data := event.UnitImport{Name: m.Unit, ImportID: m.ID, OperationID: op.ID, Origin: m.Origin, Documents: m.Documents, Made: m.Made, Known: m.Known, Disposed: m.Disposed, Failed: m.Failed}
		if err := c.log(m.Org, m.Unit, note{kind: journal.UnitImported, subject: "unit", id: m.Unit, data: data, behalf: m.By, digests: map[string]string{"archive": m.SHA256, "manifest": m.Manifest}}); err != nil {
			return m, err
		}
		if err := c.succeed(ctx, &op, nil); err != nil {
			return m, err
		}
		if err := c.UpdateImport(ctx, &m); err != nil {
			return m, err
		}
		return m, c.DropHandoverFile(ctx, m.Org, m.ID)
	})
	return err
}
