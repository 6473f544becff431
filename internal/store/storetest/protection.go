package storetest

import (
	"context"
	"testing"

	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/service"
)

// protections keeps how signed files fare, and what was added to archive packages.
func protections(t *testing.T, s service.Store) {
	const own = "org_guarded" // counts and what is due are of this test alone
	d := newDocument(own, "u1")
	d.State = document.Archived
	put(t, s, d)
	for no := 1; no <= 2; no++ {
		v := document.Version{Org: own, DocumentID: d.ID, No: no, Kind: document.Sealed, MediaType: "application/pdf", Blob: newID("blb"), SHA256: "ab", Size: 3, Signatures: 1, CreatedAt: at(1)}
		write(t, s, func(ctx context.Context, tx service.Tx) error {
			if err := tx.InsertBlob(ctx, service.Blob{ID: v.Blob, Org: own, SHA256: v.SHA256}); err != nil {
				return err
			}
			return tx.InsertVersion(ctx, v)
		})
	}
	unprotected := func(want ...string) {
		t.Helper()
		read(t, s, func(ctx context.Context, tx service.Reader) error {
			found, err := tx.Unprotected(ctx, own, "", 10)
			var ids []string
			for _, f := range found {
				if f.Org == own {
					ids = append(ids, f.ID)
				}
			}
			same(t, "unprotected", ids, want)
			return err
		})
	}
	unprotected(d.ID)
	full := document.Protection{
		Org: own, DocumentID: d.ID, Line: 1, Version: 1, Own: true, Standing: document.Standing{Level: document.LevelB, Until: at(100), Because: "the certificate ends", Stamped: at(3)},
		Wanted: document.LevelLTA, Renew: true, Code: "timestamp_http", Reason: "status 500", Since: at(5), Attempts: 2, DueAt: at(10),
	}
	bare := document.Protection{Org: own, DocumentID: d.ID, Line: 2, Version: 2, Wanted: document.LevelB}
	save := func(lines ...document.Protection) {
		t.Helper()
		write(t, s, func(ctx context.Context, tx service.Tx) error {
			for _, l := range lines {
				if err := tx.SaveProtection(ctx, l); err != nil {
					return err
				}
			}
			return nil
		})
	}
	save(bare, document.Protection{Org: own, DocumentID: d.ID, Line: 1, Version: 1, Wanted: document.LevelT}, full) // the later one stays
	unprotected()
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		lines, err := tx.Protections(ctx, own, d.ID)
		same(t, "lines", lines, []document.Protection{full, bare})
		if err != nil {
			return err
		}
		foreign, err := tx.Protections(ctx, other, d.ID)
		same(t, "another organisation's", len(foreign), 0)
		return err
	})
	protectionsDue(t, s, own, full)
	protectionsCounted(t, s, own, d, full)
	additions(t, s, own, d)
}

// protectionsDue looks for what is to be done.
func protectionsDue(t *testing.T, s service.Store, own string, full document.Protection) {
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		for minute, want := range map[int]int{9: 0, 10: 1} {
			due, err := tx.ProtectionsDue(ctx, own, at(minute), 5)
			if err != nil {
				return err
			}
			same(t, "due", len(due), want)
		}
		for level, want := range map[document.Level]int{document.LevelLTA: 0, document.LevelB: 0} {
			wanting, err := tx.ProtectionsWanting(ctx, level, true, 5)
			if err != nil {
				return err
			}
			same(t, "wanting less than "+string(level), len(wanting), want)
		}
		wanting, err := tx.ProtectionsWanting(ctx, document.LevelT, false, 5)
		same(t, "others' that want less than t", len(wanting), 1)
		return err
	})
}

// protectionsCounted looks at the report and the list of documents.
func protectionsCounted(t *testing.T, s service.Store, own string, d document.Document, full document.Protection) {
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		counts, err := tx.ProtectionReport(ctx, own, nil, at(100))
		same(t, "report", counts, []service.ProtectionCount{
			{Wanted: document.LevelB, Files: 1},
			{Level: document.LevelB, Wanted: document.LevelLTA, Code: "timestamp_http", Files: 1, Ended: 1, Month: 1, Quarter: 1, Year: 1, First: at(100)},
		})
		if err != nil {
			return err
		}
		for unit, want := range map[string]int{"u1": 2, "u2": 0} {
			counts, err := tx.ProtectionReport(ctx, own, []string{unit}, at(0))
			if err != nil {
				return err
			}
			same(t, "rows for "+unit, len(counts), want)
		}
		for want, f := range map[string]service.DocumentFilter{
			"in time":     {ProtectedUntil: full.Until},
			"running out": {ProtectedUntil: full.Until.Add(1000)},
			"delayed":     {ProtectionDelayed: true},
		} {
			f.Org, f.Limit = own, 5
			found, err := tx.Documents(ctx, f)
			if err != nil {
				return err
			}
			if (len(found) == 1 && found[0].ID == d.ID) != (want != "in time") {
				t.Errorf("%s: %d documents", want, len(found))
			}
		}
		return nil
	})
}

// additions keeps what came after an archive package was closed.
func additions(t *testing.T, s service.Store, own string, d document.Document) {
	one := service.ArchiveAddition{Org: own, RecordID: "arc_guarded", No: 1, DocumentID: d.ID, Version: 2, SHA256: "ab", Package: "blb_x", PackageSHA256: "cd", PackageSize: 7, Files: []byte(`{"a":{"size":1}}`), AddedAt: at(7)}
	two := one
	two.No, two.Version, two.AddedAt = 2, 3, at(8)
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		if err := tx.InsertAddition(ctx, two); err != nil {
			return err
		}
		return tx.InsertAddition(ctx, one)
	})
	err := s.Write(t.Context(), func(ctx context.Context, tx service.Tx) error { return tx.InsertAddition(ctx, one) })
	refused(t, err, fault.Conflict, "stale")
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		all, err := tx.Additions(ctx, own, one.RecordID)
		same(t, "additions", all, []service.ArchiveAddition{one, two})
		if err != nil {
			return err
		}
		for of, want := range map[string]int{own: 2, other: 0} {
			all, err := tx.AdditionsOf(ctx, of, []string{d.ID, "doc_none"})
			if err != nil {
				return err
			}
			same(t, "additions of "+of, len(all), want)
		}
		return nil
	})
}
