package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/paraph/paraph/internal/event"
	"github.com/paraph/paraph/internal/service"
)

func handovers(t *testing.T, s service.Store) {
	exports(t, s)
	imports(t, s)
}

func newExport(orgID, unit string) service.UnitExport {
	return service.UnitExport{Org: orgID, ID: newID(service.ExportPrefix), Unit: unit, Operation: newID("op"), State: service.HandoverRunning, By: "ann@example.org", CreatedAt: at(1), Revision: 1}
}

// exports keeps exports of units, their archives, and lets those go that have run out or
// hold what is gone.
func exports(t *testing.T, s service.Store) {
	first, second, foreign := newExport(org, "exp_u"), newExport(org, "exp_u"), newExport(other, "exp_u")
	key := service.Key{ID: newID("key"), Org: org, Unit: "exp_u", Class: "standard", MasterID: "m1", Wrapped: []byte{7}, CreatedAt: at(1)}
	file := service.Blob{Org: org, ID: newID("blb"), KeyID: newID("dky"), DataKey: []byte{1, 2}, Size: 7, SHA256: "aa"}
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		return errors.Join(tx.InsertKey(ctx, key), tx.InsertExport(ctx, first), tx.InsertExport(ctx, second), tx.InsertExport(ctx, foreign), tx.InsertHandoverFile(ctx, first.ID, file),
			tx.InsertDocumentKey(ctx, service.DocumentKey{ID: file.KeyID, Org: org, DocumentID: first.ID, KeyID: key.ID, Wrapped: []byte{3}, CreatedAt: at(1)}))
	})
	old := first
	first.State, first.Manifest, first.Counts, first.LogSize, first.Size, first.SHA256 = service.HandoverReady, "m", json.RawMessage(`{"documents": 2}`), 9, 7, "aa"
	first.EndedAt, first.ExpiresAt = at(2), at(30)
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		changed := first
		return tx.UpdateExport(ctx, &changed)
	})
	first.Revision++
	isStale(t, s, func(ctx context.Context, tx service.Tx) error {
		lost := old
		return tx.UpdateExport(ctx, &lost)
	})
	expired := func(minutes int) (ids []string) {
		read(t, s, func(ctx context.Context, tx service.Reader) error {
			list, err := tx.ExpiredExports(ctx, at(minutes), 10)
			for _, e := range list {
				ids = append(ids, e.ID)
			}
			return err
		})
		return ids
	}
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		got, err1 := tx.Export(ctx, org, first.ID)
		same(t, "an export", got, first)
		got, err2 := tx.ExportByOperation(ctx, org, second.Operation)
		same(t, "by its operation", got, second)
		_, err := tx.Export(ctx, other, first.ID)
		gone(t, "another organisation's export", err)
		_, err = tx.ExportByOperation(ctx, other, second.Operation)
		gone(t, "another organisation's, by its operation", err)
		list, err3 := tx.Exports(ctx, service.HandoverFilter{Org: org, Unit: "exp_u", Limit: 10})
		same(t, "newest first", list, []service.UnitExport{second, first})
		list, err4 := tx.Exports(ctx, service.HandoverFilter{Org: org, Unit: "exp_u", Before: second.ID, Limit: 10})
		same(t, "the next page", list, []service.UnitExport{first})
		kept, err5 := tx.HandoverFile(ctx, org, first.ID)
		same(t, "its archive", kept, file)
		_, err = tx.HandoverFile(ctx, other, first.ID)
		gone(t, "another organisation's archive", err)
		return errors.Join(err1, err2, err3, err4, err5)
	})
	same(t, "expired too early", expired(29), []string(nil))
	same(t, "expired", expired(30), []string{first.ID})
	// Something in them was destroyed: what is ready goes, what is written begins anew.
	write(t, s, func(ctx context.Context, tx service.Tx) error { return tx.OutdateExports(ctx, org, "exp_u") })
	isStale(t, s, func(ctx context.Context, tx service.Tx) error {
		begun := second
		return tx.UpdateExport(ctx, &begun)
	})
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		got, err1 := tx.Export(ctx, org, first.ID)
		if got.State != service.HandoverEnded || got.Code != service.EndedOutdated {
			t.Errorf("%+v", got)
		}
		_, err := tx.HandoverFile(ctx, org, first.ID)
		gone(t, "the archive", err)
		_, err = tx.DocumentKey(ctx, org, first.ID)
		gone(t, "its key", err)
		got, err2 := tx.Export(ctx, org, second.ID)
		if got.State != service.HandoverRunning || got.Revision != second.Revision+1 {
			t.Errorf("%+v", got)
		}
		got, err3 := tx.Export(ctx, other, foreign.ID)
		same(t, "another organisation's export", got, foreign)
		return errors.Join(err1, err2, err3)
	})
}

// imports keeps imports into units, and what became of each document of an archive.
func imports(t *testing.T, s service.Store) {
	m := service.UnitImport{Org: org, ID: newID(service.ImportPrefix), Unit: "imp_u", Operation: newID("op"), State: service.HandoverRunning, By: "ann@example.org", Size: 9, SHA256: "bb", CreatedAt: at(1), Revision: 1}
	file := service.Blob{Org: org, ID: newID("blb"), KeyID: newID("key"), DataKey: []byte{1}, Size: 9, SHA256: "bb"}
	row := func(number int64, origin string, outcome service.Outcome, documentID string) service.ImportRow {
		return service.ImportRow{Org: org, Import: m.ID, Number: number, Unit: "imp_u", Manifest: "m", Origin: origin, Document: documentID, Outcome: outcome}
	}
	made, failed := row(1, "doc_there", service.ImportMade, "doc_here"), row(2, "doc_bad", service.ImportFailed, "")
	failed.Code, failed.Reason = "external_id_taken", "why"
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		return errors.Join(tx.InsertImport(ctx, m), tx.InsertHandoverFile(ctx, m.ID, file), tx.KeepImportRow(ctx, made), tx.KeepImportRow(ctx, row(2, "doc_bad", service.ImportKnown, "")), tx.KeepImportRow(ctx, failed))
	})
	old := m
	m.State, m.Manifest, m.Origin, m.Documents, m.Made, m.Failed, m.EndedAt = service.HandoverDone, "m", event.Origin{Installation: "https://there.example", Unit: "buying"}, 2, 1, 1, at(3)
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		changed := m
		return tx.UpdateImport(ctx, &changed)
	})
	m.Revision++
	isStale(t, s, func(ctx context.Context, tx service.Tx) error {
		lost := old
		return tx.UpdateImport(ctx, &lost)
	})
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		got, err1 := tx.Import(ctx, org, m.ID)
		same(t, "an import", got, m)
		got, err2 := tx.ImportByOperation(ctx, org, m.Operation)
		same(t, "by its operation", got, m)
		_, err := tx.Import(ctx, other, m.ID)
		gone(t, "another organisation's import", err)
		list, err3 := tx.Imports(ctx, service.HandoverFilter{Org: org, Unit: "imp_u", Limit: 10})
		same(t, "imports", list, []service.UnitImport{m})
		rows, err4 := tx.ImportRows(ctx, service.ImportRowFilter{Org: org, Import: m.ID, Limit: 10})
		same(t, "rows", rows, []service.ImportRow{made, failed})
		rows, err5 := tx.ImportRows(ctx, service.ImportRowFilter{Org: org, Import: m.ID, Outcome: service.ImportFailed, After: 1, Limit: 10})
		same(t, "what failed", rows, []service.ImportRow{failed})
		for after, want := range map[int64]int{0: 2, 1: 1, 2: 0} {
			rows, err := tx.ImportRows(ctx, service.ImportRowFilter{Org: org, Import: m.ID, After: after, Limit: 10})
			if err != nil || len(rows) != want {
				t.Errorf("%d rows after the first %d, want %d: %v", len(rows), after, want, err)
			}
		}
		rows, err6 := tx.ImportRows(ctx, service.ImportRowFilter{Org: other, Import: m.ID, Limit: 10})
		same(t, "another organisation's rows", rows, []service.ImportRow(nil))
		one, err7 := tx.ImportRow(ctx, org, m.ID, 2)
		same(t, "a row", one, failed)
		before, err8 := tx.ImportedBefore(ctx, org, "imp_u", "m", "doc_there")
		same(t, "made before", before, "doc_here")
		for what, err := range map[string]error{
			"what failed": second(tx.ImportedBefore(ctx, org, "imp_u", "m", "doc_bad")), "in another unit": second(tx.ImportedBefore(ctx, org, "other", "m", "doc_there")),
			"of another archive": second(tx.ImportedBefore(ctx, org, "imp_u", "n", "doc_there")), "in another organisation": second(tx.ImportedBefore(ctx, other, "imp_u", "m", "doc_there")),
		} {
			gone(t, what, err)
		}
		counts, err9 := tx.CountImportRows(ctx, org, m.ID)
		same(t, "counts", counts, map[service.Outcome]int64{service.ImportMade: 1, service.ImportFailed: 1})
		return errors.Join(err1, err2, err3, err4, err5, err6, err7, err8, err9)
	})
	write(t, s, func(ctx context.Context, tx service.Tx) error { return tx.DropHandoverFile(ctx, org, m.ID) })
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		_, err := tx.HandoverFile(ctx, org, m.ID)
		gone(t, "the archive", err)
		return nil
	})
}

func second[T any](_ T, err error) error { return err }
