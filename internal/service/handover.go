package service

import (
	"cmp"
	"context"
	"encoding/json"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/event"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/id"
	"github.com/paraph/paraph/internal/journal"
)

const (
	// ExportPrefix begins the id of an export of a business unit.
	ExportPrefix = "exp"
	// exportLife is how long an export's archive is kept.
	exportLife = 7 * 24 * time.Hour
)

// HandoverState is where an export or import of a business unit stands.
type HandoverState string

// The states of exports and imports.
const (
	HandoverRunning HandoverState = "running" // its operation says how far it is
	HandoverReady   HandoverState = "ready"   // of an export: its archive is there
	HandoverDone    HandoverState = "done"    // of an import: it has come to its end
	HandoverEnded   HandoverState = "ended"   // before its end, or its archive is gone; the code says why
)

// Why an export's archive is gone, or an import stopped.
const (
	EndedCancelled = "cancelled"         // somebody ended it while it ran
	EndedDeleted   = "deleted"           // somebody deleted the archive
	EndedExpired   = "expired"           // its time was over
	EndedOutdated  = "document_disposed" // a document in it was destroyed since, and would have lived on in it
)

// UnitExport is an archive of everything that a business unit owns.
type UnitExport struct {
	Org, ID, Unit string
	Operation     string // that makes it
	State         HandoverState
	Code          string // why it ended
	By            string // principal
	Manifest      string // SHA-256 of the manifest; "" until it is ready
	Counts        json.RawMessage
	LogSize       int64 // entries of the log when the unit was looked at
	Size          int64 // bytes of the archive
	SHA256        string
	CreatedAt     time.Time
	EndedAt       time.Time
	ExpiresAt     time.Time
	Revision      int64

	Progress Operation // filled in where one is asked for
}

// HandoverFilter narrows a list of exports or imports.
type HandoverFilter struct {
	Org    string
	Unit   string
	Before string // id: older ones only
	Limit  int
}

// handoverReader and handoverWriter keep exports, imports and their archives.
type handoverReader interface {
	Export(ctx context.Context, org, id string) (UnitExport, error)
	ExportByOperation(ctx context.Context, org, operationID string) (UnitExport, error)
	Exports(ctx context.Context, f HandoverFilter) ([]UnitExport, error) // newest first
	// ExpiredExports gives ready exports of all organisations that ran out before the time.
	ExpiredExports(ctx context.Context, before time.Time, limit int) ([]UnitExport, error)
	// HandoverFile gives the archive of an export or import. NotFound where there is none.
	HandoverFile(ctx context.Context, org, id string) (Blob, error)
	importReader
}

type handoverWriter interface {
	InsertExport(ctx context.Context, e UnitExport) error
	UpdateExport(ctx context.Context, e *UnitExport) error // compare-and-swapped (Conflict "stale")
	// OutdateExports takes the archives of a unit's exports away, and makes those that
	// run begin anew: something in them was destroyed, or moved to where it may be.
	OutdateExports(ctx context.Context, org, unit string) error
	InsertHandoverFile(ctx context.Context, id string, b Blob) error
	// DropHandoverFile removes the row of an archive, and its key.
	DropHandoverFile(ctx context.Context, org, id string) error
	importWriter
}

// mayExport asks for every right that an archive's content needs.
func mayExport(a access.Actor, unit string) error {
	for _, do := range []access.Action{access.ManageSettings, access.ReadDocument, access.ReadEvent} {
		if err := access.Allowed(a, do); err != nil {
			return err
		}
	}
	if !a.InUnit(unit) {
		return access.NotFound()
	}
	return nil
}

// StartExport begins to write everything that a business unit owns into one archive.
//
// Faults: NotFound; Forbidden "missing_scope"; Conflict "export_running" where one of
// the unit is being written.
func (s *Service) StartExport(ctx context.Context, call Call, unit string) (Result[UnitExport], error) {
	if err := mayExport(call.Actor, unit); err != nil {
		return Result[UnitExport]{}, err
	}
	if err := s.unitThere(ctx, call.Actor.Org, unit); err != nil {
		return Result[UnitExport]{}, err
	}
	exportID := id.New(ExportPrefix, s.Clock.Now())
	key, err := s.Vault.NewKey(ctx, Place{Org: call.Actor.Org, Unit: unit, Document: exportID, New: true})
	if err != nil {
		return Result[UnitExport]{}, err
	}
	start := func(ctx context.Context, c *change) (UnitExport, error) {
		newest, err := c.Exports(ctx, HandoverFilter{Org: call.Actor.Org, Unit: unit, Limit: 1})
		if err != nil {
			return UnitExport{}, err
		}
		if len(newest) == 1 && newest[0].State == HandoverRunning {
			op, err := c.Operation(ctx, newest[0].Org, newest[0].Operation)
			if err != nil {
				return UnitExport{}, err
			}
			if !op.State.Ended() {
				return UnitExport{}, fault.New(fault.Conflict, "export_running", "Export %s of the business unit is being written. Wait for its end, or end it.", newest[0].ID)
			}
		}
		op := Operation{ID: id.New("op", c.Now()), Org: call.Actor.Org, Unit: unit, Kind: OpExport, State: OperationPending, CreatedAt: c.Now(), Revision: 1}
		e := UnitExport{Org: op.Org, ID: exportID, Unit: unit, Operation: op.ID, State: HandoverRunning, By: call.Actor.Principal, CreatedAt: c.Now(), Revision: 1, Progress: op}
		if err := c.logOperation(&op, nil, journal.OperationStarted); err != nil {
			return e, err
		}
		if err := c.InsertDocumentKey(ctx, key); err != nil {
			return e, err
		}
		if err := c.InsertExport(ctx, e); err != nil {
			return e, err
		}
		return e, c.InsertOperation(ctx, op)
	}
	return keyed(ctx, s, unit, &key, func() (Result[UnitExport], error) { return run(ctx, s, call, false, start) })
}

// unitThere is fault NotFound where the organisation has no such unit.
func (s *Service) unitThere(ctx context.Context, org, unit string) error {
	return s.Store.Read(Within(ctx, org), func(ctx context.Context, tx Reader) error {
		_, err := tx.Unit(ctx, org, unit)
		return err
	})
}

// UnitExportOf gives an export of a unit with its operation. Faults: NotFound.
func (s *Service) UnitExportOf(ctx context.Context, a access.Actor, unit, exportID string) (e UnitExport, err error) {
	if err := mayExport(a, unit); err != nil {
		return e, err
	}
	err = s.Store.Read(Within(ctx, a.Org), func(ctx context.Context, tx Reader) error {
		e, err = exportOf(ctx, tx, a.Org, unit, exportID)
		return err
	})
	return e, err
}

func exportOf(ctx context.Context, tx Reader, org, unit, exportID string) (e UnitExport, err error) {
	if e, err = tx.Export(ctx, org, exportID); err != nil {
		return e, err
	}
	if e.Unit != unit {
		return UnitExport{}, access.NotFound()
	}
	e.Progress, err = tx.Operation(ctx, org, e.Operation)
	return e, err
}

// UnitExports lists the exports of a unit, newest first. Faults: NotFound.
func (s *Service) UnitExports(ctx context.Context, a access.Actor, unit, before string, most int) (out []UnitExport, err error) {
	if err := mayExport(a, unit); err != nil {
		return nil, err
	}
	err = s.Store.Read(Within(ctx, a.Org), func(ctx context.Context, tx Reader) error {
		if _, err := tx.Unit(ctx, a.Org, unit); err != nil {
			return err
		}
		if out, err = tx.Exports(ctx, HandoverFilter{Org: a.Org, Unit: unit, Before: before, Limit: limit(most)}); err != nil {
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

// ExportArchive opens the archive of an export, a zip file. The caller closes it.
// Faults: NotFound; Conflict "export_not_ready"; Gone "export_gone".
func (s *Service) ExportArchive(ctx context.Context, a access.Actor, unit, exportID string) (UnitExport, Content, error) {
	e, err := s.UnitExportOf(ctx, a, unit, exportID)
	if err != nil {
		return e, nil, err
	}
	switch e.State {
	case HandoverRunning:
		return e, nil, fault.New(fault.Conflict, "export_not_ready", "The archive is not written yet. Wait for operation %s.", e.Operation)
	case HandoverEnded:
		return e, nil, exportGone(&e)
	}
	var b Blob
	err = s.Store.Read(Within(ctx, a.Org), func(ctx context.Context, tx Reader) error {
		b, err = tx.HandoverFile(ctx, a.Org, e.ID)
		return err
	})
	if fault.KindOf(err) == fault.NotFound {
		return e, nil, exportGone(&e)
	}
	if err != nil {
		return e, nil, err
	}
	content, err := s.Vault.Open(ctx, b)
	return e, content, err
}

func exportGone(e *UnitExport) error {
	return fault.New(fault.Gone, "export_gone", "The archive is not there any more (%s). Make another export.", cmp.Or(e.Code, "restored from a backup, which holds no archives"))
}

// EndExport ends an export that is being written, and deletes the archive of one that
// was. One that has ended stays as it is. Faults: NotFound.
func (s *Service) EndExport(ctx context.Context, call Call, unit, exportID string) (Result[UnitExport], error) {
	if err := mayExport(call.Actor, unit); err != nil {
		return Result[UnitExport]{}, err
	}
	return run(ctx, s, call, false, func(ctx context.Context, c *change) (UnitExport, error) {
		e, err := exportOf(ctx, c, call.Actor.Org, unit, exportID)
		if err != nil || e.State == HandoverEnded {
			return e, err
		}
		code := EndedDeleted
		if e.State == HandoverRunning {
			code = EndedCancelled
			if err := c.cancel(ctx, &e.Progress); err != nil {
				return e, err
			}
		}
		return e, c.endExport(ctx, &e, code)
	})
}

// cancel ends an operation that belongs to no document, because somebody wants that.
func (c *change) cancel(ctx context.Context, op *Operation) error {
	if op.State.Ended() {
		return nil
	}
	op.State, op.EndedAt, op.Retryable, op.Code, op.Reason = OperationFailed, c.Now(), false, EndedCancelled, "Somebody ended it."
	if err := c.logOperation(op, nil, journal.OperationFailed); err != nil {
		return err
	}
	return c.UpdateOperation(ctx, op)
}

// endExport takes an export's archive away. Its bytes cannot be read from here on; the
// collector of orphans removes them.
func (c *change) endExport(ctx context.Context, e *UnitExport, code string) error {
	e.State, e.Code, e.EndedAt = HandoverEnded, code, c.Now()
	if err := c.UpdateExport(ctx, e); err != nil {
		return err
	}
	return c.DropHandoverFile(ctx, e.Org, e.ID)
}

// ExportWork gives the export that an operation makes, for the worker. Fault Conflict
// "operation_ended" where it is not to be made.
func (s *Service) ExportWork(ctx context.Context, org, opID string) (e UnitExport, err error) {
	err = s.Store.Read(Within(ctx, org), func(ctx context.Context, tx Reader) error {
		e, err = tx.ExportByOperation(ctx, org, opID)
		if err == nil && e.State != HandoverRunning {
			err = fault.New(fault.Conflict, "operation_ended", "The export has ended.")
		}
		return err
	})
	return e, err
}

// Written is an archive that a worker has written.
type Written struct {
	Blob      Blob
	Manifest  string // SHA-256
	Counts    json.RawMessage
	Documents int64
	LogSize   int64
}

// FinishExport records an archive that was written for the export as it was when the
// unit was looked at. Fault Conflict "operation_ended" where it was ended, Unavailable
// "export_outdated" where a document was destroyed since: it is written anew.
func (s *Service) FinishExport(ctx context.Context, call Call, seen UnitExport, w Written) error {
	_, err := run(ctx, s, call, false, func(ctx context.Context, c *change) (UnitExport, error) {
		e, err := c.Export(ctx, seen.Org, seen.ID)
		if err != nil {
			return e, err
		}
		op, err := c.Operation(ctx, e.Org, e.Operation)
		switch {
		case err != nil:
			return e, err
		case e.State != HandoverRunning || op.State.Ended():
			return e, fault.New(fault.Conflict, "operation_ended", "The export has ended.")
		case e.Revision != seen.Revision:
			return e, fault.New(fault.Unavailable, "export_outdated", "A document of the business unit was destroyed while the archive was written. It is written anew.")
		}
		e.State, e.Manifest, e.Counts, e.LogSize, e.Size, e.SHA256 = HandoverReady, w.Manifest, w.Counts, w.LogSize, w.Blob.Size, w.Blob.SHA256
		e.EndedAt, e.ExpiresAt = c.Now(), c.Now().Add(exportLife)
		data := event.UnitExport{Name: e.Unit, ExportID: e.ID, OperationID: op.ID, Documents: w.Documents, LogSize: e.LogSize, ManifestSHA256: e.Manifest}
		if err := c.log(e.Org, e.Unit, note{kind: journal.UnitExported, subject: "unit", id: e.Unit, data: data, behalf: e.By, digests: map[string]string{"archive": e.SHA256, "manifest": e.Manifest}}); err != nil {
			return e, err
		}
		if err := c.succeed(ctx, &op, nil); err != nil {
			return e, err
		}
		if err := c.InsertHandoverFile(ctx, e.ID, w.Blob); err != nil {
			return e, err
		}
		return e, c.UpdateExport(ctx, &e)
	})
	return err
}

// CollectExports takes away the archives whose time is over, and tells how many.
func (s *Service) CollectExports(ctx context.Context) (n int, err error) {
	var old []UnitExport
	err = s.Store.Read(ctx, func(ctx context.Context, tx Reader) error {
		old, err = tx.ExpiredExports(ctx, tx.Now(), 100)
		return err
	})
	for _, e := range old {
		_, err := run(ctx, s, SystemCall(e.Org, "handover", ""), false, func(ctx context.Context, c *change) (struct{}, error) {
			now, err := c.Export(ctx, e.Org, e.ID)
			if err != nil || now.State != HandoverReady {
				return struct{}{}, err
			}
			return struct{}{}, c.endExport(ctx, &now, EndedExpired)
		})
		if err != nil {
			return n, err
		}
		n++
	}
	return n, err
}

// UnitDocuments gives a part of a unit's documents, oldest first, behind the one given.
func UnitDocuments(ctx context.Context, tx Reader, org, unit string, after *document.Document, n int) ([]document.Document, error) {
	f := DocumentFilter{Org: org, Unit: unit, Sort: DocumentSort{By: "created_at"}, Limit: n}
	if after != nil {
		f.Sort.After = &SortPlace{Time: after.CreatedAt, ID: after.ID}
	}
	return tx.Documents(ctx, f)
}
