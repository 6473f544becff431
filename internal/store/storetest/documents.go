package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/service"
)

var errBoom = errors.New("boom")

func same(t testing.TB, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func documents(t *testing.T, s service.Store) {
	full, empty := newDocument(org, "docs"), document.Document{ID: newID("doc"), Org: org, Unit: "docs", State: document.Draft}
	full.ExternalID = "PO-7"
	put(t, s, full)
	put(t, s, empty)
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		for _, want := range []document.Document{full, empty} {
			got, err := tx.Document(ctx, org, want.ID)
			if err != nil {
				return err
			}
			same(t, "document", got, want)
		}
		return nil
	})
	twin := newDocument(org, "docs")
	twin.ExternalID = full.ExternalID
	err := s.Write(t.Context(), func(ctx context.Context, tx service.Tx) error {
		if err := tx.InsertDocument(ctx, twin); fault.CodeOf(err) != "external_id_taken" {
			t.Errorf("a second external id: %v", err)
		}
		// The transaction is still good after a conflict.
		twin.ExternalID = "PO-8"
		return tx.InsertDocument(ctx, twin)
	})
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := newDocument(other, "docs")
	elsewhere.ExternalID = full.ExternalID
	put(t, s, elsewhere)

	old := full
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		d := full
		d.Title, d.State, d.Revision = "Neu", document.Submitted, 1
		if err := tx.UpdateDocument(ctx, &d); err != nil {
			return err
		}
		if d.Revision != 2 {
			t.Errorf("revision %d after the update", d.Revision)
		}
		got, err := tx.Document(ctx, org, d.ID)
		same(t, "updated", got, d)
		return err
	})
	runs := 0
	err = s.Write(t.Context(), func(ctx context.Context, tx service.Tx) error {
		runs++
		d := old
		return tx.UpdateDocument(ctx, &d)
	})
	refused(t, err, fault.Conflict, "stale")
	if runs < 2 || runs > 11 {
		t.Errorf("a stale write ran %d times", runs)
	}
	err = s.Write(t.Context(), func(ctx context.Context, tx service.Tx) error {
		d := newDocument(org, "docs")
		return tx.UpdateDocument(ctx, &d)
	})
	gone(t, "an update of nothing", err)
	err = s.Write(t.Context(), func(ctx context.Context, tx service.Tx) error {
		d := twin
		d.ExternalID = "PO-7"
		return tx.UpdateDocument(ctx, &d)
	})
	refused(t, err, fault.Conflict, "external_id_taken")
}

func lists(t *testing.T, s service.Store) {
	var all []document.Document
	for i := range 30 {
		d := newDocument(org, []string{"l_buy", "l_sell", "l_fin"}[i%3])
		d.CreatedBy, d.CreatedAt = "cli_lists", at(i)
		d.State = []document.State{document.Draft, document.Signed}[i%2]
		d.Type = []string{"invoice", "order", "note"}[i%3]
		d.Labels = map[string]string{"n": fmt.Sprint(i % 5), `we"ird.$ key`: "100%"}
		d.ApproverList = []string{fmt.Sprintf("boss%d@example.org", i%4)}
		all = append(all, put(t, s, d))
	}
	fin := all[2]
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		if err := tx.InsertApproval(ctx, newApproval(fin, "part@example.org")); err != nil {
			return err
		}
		return tx.InsertEnvelope(ctx, newEnvelope(all[5], "part@example.org"))
	})
	keep := func(which func(i int, d document.Document) bool) []string {
		var out []string
		for i, d := range slices.Backward(all) {
			if which(i, d) {
				out = append(out, d.ID)
			}
		}
		return out
	}
	base := service.DocumentFilter{Org: org, CreatedBy: "cli_lists"}
	for name, c := range map[string]struct {
		change func(*service.DocumentFilter)
		want   func(i int, d document.Document) bool
	}{
		"all":       {func(*service.DocumentFilter) {}, func(int, document.Document) bool { return true }},
		"unit":      {func(f *service.DocumentFilter) { f.Unit = "l_buy" }, func(i int, _ document.Document) bool { return i%3 == 0 }},
		"units":     {func(f *service.DocumentFilter) { f.Units = []string{"l_buy", "l_sell"} }, func(i int, _ document.Document) bool { return i%3 != 2 }},
		"no unit":   {func(f *service.DocumentFilter) { f.Units = []string{} }, func(int, document.Document) bool { return false }},
		"part":      {func(f *service.DocumentFilter) { f.Units, f.Principal = []string{}, "Part@Example.org" }, func(i int, _ document.Document) bool { return i == 2 || i == 5 }},
		"unit+part": {func(f *service.DocumentFilter) { f.Units, f.Principal = []string{"l_buy"}, "part@example.org" }, func(i int, _ document.Document) bool { return i%3 == 0 || i == 2 || i == 5 }},
		"states":    {func(f *service.DocumentFilter) { f.States = []string{"signed", "voided"} }, func(i int, _ document.Document) bool { return i%2 == 1 }},
		"types":     {func(f *service.DocumentFilter) { f.Types = []string{"order", "note"} }, func(i int, _ document.Document) bool { return i%3 != 0 }},
		"label":     {func(f *service.DocumentFilter) { f.Labels = map[string]string{"n": "3", `we"ird.$ key`: "100%"} }, func(i int, _ document.Document) bool { return i%5 == 3 }},
		"label%":    {func(f *service.DocumentFilter) { f.Labels = map[string]string{`we"ird.$ key`: "1%"} }, func(int, document.Document) bool { return false }},
		"approver":  {func(f *service.DocumentFilter) { f.Approver = "boss1@example.org" }, func(i int, _ document.Document) bool { return i%4 == 1 }},
		"since":     {func(f *service.DocumentFilter) { f.Since, f.Until = at(10), at(20) }, func(i int, _ document.Document) bool { return i >= 10 && i < 20 }},
		"before":    {func(f *service.DocumentFilter) { f.Before = all[4].ID }, func(i int, _ document.Document) bool { return i < 4 }},
		"limit":     {func(f *service.DocumentFilter) { f.Limit = 3 }, func(i int, _ document.Document) bool { return i > 26 }},
		"other org": {func(f *service.DocumentFilter) { f.Org = other }, func(int, document.Document) bool { return false }},
	} {
		f := base
		c.change(&f)
		read(t, s, func(ctx context.Context, tx service.Reader) error {
			found, err := tx.Documents(ctx, f)
			var ids []string
			for _, d := range found {
				ids = append(ids, d.ID)
			}
			same(t, name, ids, keep(c.want))
			return err
		})
	}
	// Page by page gives the same as at once.
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		var ids []string
		f := base
		for f.Limit = 7; ; {
			found, err := tx.Documents(ctx, f)
			if err != nil || len(found) == 0 {
				same(t, "pages", ids, keep(func(int, document.Document) bool { return true }))
				return err
			}
			for _, d := range found {
				ids = append(ids, d.ID)
			}
			f.Before = found[len(found)-1].ID
		}
	})
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		for who, want := range map[string]bool{"PART@example.org": true, "nobody@example.org": false, "": false} {
			got, err := tx.Part(ctx, org, fin.ID, who)
			if (got != 0) != want || err != nil {
				t.Errorf("part of %q: %v, %v", who, got, err)
			}
		}
		if got, err := tx.Part(ctx, other, fin.ID, "part@example.org"); got != 0 || err != nil {
			t.Errorf("part in another organisation: %v, %v", got, err)
		}
		return nil
	})
}

// marks: labels and approvers are found as they stand now, however long; and who has
// several parts in a document finds it once, on the page it belongs to.
func marks(t *testing.T, s service.Store) {
	long := strings.Repeat("lång ", 200)
	first, second, third := newDocument(org, "marks"), newDocument(org, "marks"), newDocument(org, "marks")
	first.Labels, first.ApproverList = map[string]string{"long": long + "1", long: "x"}, []string{"a@example.org", "a@example.org"}
	second.Labels = map[string]string{"long": long + "2"}
	for _, d := range []document.Document{first, second, third} {
		put(t, s, d)
	}
	find := func(what string, f service.DocumentFilter, want ...string) {
		t.Helper()
		f.Org, f.Unit = org, "marks"
		read(t, s, func(ctx context.Context, tx service.Reader) error {
			found, err := tx.Documents(ctx, f)
			var ids []string
			for _, d := range found {
				ids = append(ids, d.ID)
			}
			same(t, what, ids, want)
			return err
		})
	}
	find("a long value", service.DocumentFilter{Labels: map[string]string{"long": long + "2"}}, second.ID)
	find("a long name", service.DocumentFilter{Labels: map[string]string{long: "x"}}, first.ID)
	find("an approver", service.DocumentFilter{Approver: "a@example.org"}, first.ID)
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		d := first
		d.Revision, d.Labels, d.ApproverList = 1, map[string]string{"long": long + "2"}, []string{"b@example.org"}
		return tx.UpdateDocument(ctx, &d)
	})
	find("a changed label", service.DocumentFilter{Labels: map[string]string{"long": long + "2"}}, second.ID, first.ID)
	find("a label that is gone", service.DocumentFilter{Labels: map[string]string{"long": long + "1"}})
	find("an approver who is none", service.DocumentFilter{Approver: "a@example.org"})
	find("a new approver", service.DocumentFilter{Approver: "b@example.org"}, first.ID)
	find("the label, of what nobody may see", service.DocumentFilter{Approver: "b@example.org", Units: []string{}})

	write(t, s, func(ctx context.Context, tx service.Tx) error {
		for _, d := range []document.Document{first, second, third} {
			if err := errors.Join(tx.InsertApproval(ctx, newApproval(d, "many@example.org", "twice@example.org", "twice@example.org", "many@example.org")), tx.InsertEnvelope(ctx, newEnvelope(d, "many@example.org"))); err != nil {
				return err
			}
		}
		return nil
	})
	many := service.DocumentFilter{Units: []string{"elsewhere"}, Principal: "many@example.org", Limit: 2}
	find("the first page", many, third.ID, second.ID)
	many.Before = second.ID
	find("the second page", many, first.ID)
	find("a page of who has several tasks and nothing else", service.DocumentFilter{Units: []string{"elsewhere"}, Principal: "twice@example.org", Limit: 2}, third.ID, second.ID)
}

func versions(t *testing.T, s service.Store) {
	d := put(t, s, newDocument(org, "ver"))
	want := []document.Version{
		{DocumentID: d.ID, Org: org, No: 1, Kind: document.Original, MediaType: "image/png", FileName: "ä.png", Blob: newID("blb"), SHA256: "aa", Size: 1 << 40, CreatedAt: at(1)},
		{DocumentID: d.ID, Org: org, No: 2, Kind: document.Sealed, DerivedFrom: 1, MediaType: "application/pdf", Blob: newID("blb"), SHA256: "bb", Size: 5, Pages: 3, Signatures: 2, CreatedAt: at(2)},
	}
	pages := make([]document.Page, 300)
	for i := range pages {
		pages[i] = document.Page{DocumentID: d.ID, Org: org, Version: 2, No: i + 1, Width: 595.28, Height: 841.89, Turned: 90, Blank: i == 1, Source: "ocr", Engine: "e", Confidence: 91.5, Words: i, Blob: "blb_x"}
	}
	blob := service.Blob{ID: want[0].Blob, Org: org, KeyID: "key_1", DataKey: []byte{0, 1}, Size: 9, SHA256: "aa", CreatedAt: at(1), DestroyedAt: at(2)}
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		for _, v := range slices.Backward(want) {
			if err := tx.InsertVersion(ctx, v); err != nil {
				return err
			}
		}
		if err := tx.InsertPages(ctx, pages); err != nil {
			return err
		}
		return tx.InsertBlob(ctx, blob)
	})
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		got, err := tx.Versions(ctx, org, d.ID)
		same(t, "versions", got, want)
		if err != nil {
			return err
		}
		one, err := tx.Version(ctx, org, d.ID, 2)
		same(t, "version", one, want[1])
		if err != nil {
			return err
		}
		_, err = tx.Version(ctx, org, d.ID, 3)
		gone(t, "a version that is not there", err)
		gotPages, err := tx.Pages(ctx, org, d.ID, 2)
		same(t, "pages", gotPages, pages)
		if err != nil {
			return err
		}
		b, err := tx.Blob(ctx, org, blob.ID)
		same(t, "blob", b, blob)
		if known, err := tx.KnownBlob(ctx, "blb_unknown"); known || err != nil {
			t.Errorf("an unknown blob: %v, %v", known, err)
		}
		if known, err := tx.KnownBlob(ctx, blob.ID); !known || err != nil {
			t.Errorf("a known blob: %v, %v", known, err)
		}
		return err
	})
	want[0].MediaType, want[0].Pages, want[0].Signatures = "application/pdf", 7, 1
	describe := func(no int) func(ctx context.Context, tx service.Tx) error {
		return func(ctx context.Context, tx service.Tx) error {
			return tx.DescribeVersion(ctx, org, d.ID, no, "application/pdf", 7, 1)
		}
	}
	write(t, s, describe(1))
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		got, err := tx.Versions(ctx, org, d.ID)
		same(t, "versions once one is described", got, want)
		return err
	})
	gone(t, "describing a version that is not there", s.Write(t.Context(), describe(3)))
	again := func(ctx context.Context, tx service.Tx) error { return tx.InsertVersion(ctx, want[0]) }
	refused(t, s.Write(t.Context(), again), fault.Conflict, "stale")
	again = func(ctx context.Context, tx service.Tx) error { return tx.InsertPages(ctx, pages[:1]) }
	refused(t, s.Write(t.Context(), again), fault.Conflict, "stale")
	if err := s.Write(t.Context(), func(ctx context.Context, tx service.Tx) error {
		return tx.InsertVersion(ctx, document.Version{DocumentID: "doc_none", Org: org, No: 1})
	}); err == nil {
		t.Error("a version without a document was taken")
	}
}

func search(t *testing.T, s service.Store) {
	texts := map[string]string{
		"a": "Rechnung Nr. 4711\nMüller & Söhne   Straße 5, 100% sicher a_b",
		"b": "rechnung über Äpfel; eﬃzient C:\\temp it's \"quoted\"",
		"c": "nothing to see here",
	}
	docs := map[string]document.Document{}
	for _, name := range []string{"a", "b", "c"} {
		d := newDocument(org, "s_"+name)
		d.Current = 2
		docs[name] = put(t, s, d)
		write(t, s, func(ctx context.Context, tx service.Tx) error {
			return tx.InsertPages(ctx, []document.Page{
				{DocumentID: d.ID, Org: org, Version: 1, No: 1, Text: "superseded zebra " + texts[name]},
				{DocumentID: d.ID, Org: org, Version: 2, No: 1, Text: texts[name]},
				{DocumentID: d.ID, Org: org, Version: 2, No: 2, Text: ""},
			})
		})
	}
	names := func(q service.PageQuery) (out []string) {
		read(t, s, func(ctx context.Context, tx service.Reader) error {
			hits, err := tx.SearchPages(ctx, q)
			for _, h := range hits {
				for name, d := range docs {
					if d.ID == h.Document.ID {
						out = append(out, fmt.Sprint(name, h.Page.No))
						same(t, "hit", h.Document, d)
						same(t, "text", h.Page.Text, texts[name])
					}
				}
			}
			return err
		})
		return out
	}
	for query, want := range map[string][]string{
		"4711": {"a1"}, "RECHNUNG": {"b1", "a1"}, "chnun": {"b1", "a1"}, "müller & söhne": {"a1"}, "MULLER": {"a1"},
		"söhne straße": {"a1"}, "strasse": {"a1"}, "äpfel": {"b1"}, "effizient": {"b1"}, "ü": {"b1", "a1"}, "nr": {"a1"},
		"100%": {"a1"}, "1%0": nil, "0%": {"a1"}, "_": {"a1"}, "a_b": {"a1"}, "axb": nil, `c:\temp`: {"b1"}, `\`: {"b1"},
		`"quoted"`: {"b1"}, "it's": {"b1"}, "zebra": nil, "": nil, "  ": nil, "rechnung OR nothing": nil, "see*": nil,
	} {
		same(t, "query "+query, names(service.PageQuery{Org: org, Text: query, Limit: 20}), want)
	}
	same(t, "another organisation", names(service.PageQuery{Org: other, Text: "rechnung", Limit: 20}), []string(nil))
	same(t, "another organisation, too short for an index", names(service.PageQuery{Org: other, Text: "nr", Limit: 20}), []string(nil))
	same(t, "another organisation, one document", names(service.PageQuery{Org: other, DocumentID: docs["a"].ID, Text: "rechnung", Limit: 20}), []string(nil))
	same(t, "one document", names(service.PageQuery{Org: org, DocumentID: docs["a"].ID, Text: "rechnung", Limit: 20}), []string{"a1"})
	same(t, "units", names(service.PageQuery{Org: org, Units: []string{"s_b"}, Text: "rechnung", Limit: 20}), []string{"b1"})
	same(t, "first", names(service.PageQuery{Org: org, Text: "rechnung", Limit: 1}), []string{"b1"})
	same(t, "after", names(service.PageQuery{Org: org, Text: "rechnung", Limit: 1, After: service.PageHit{Document: docs["b"], Page: document.Page{No: 1}}}), []string{"a1"})
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		return tx.InsertEnvelope(ctx, newEnvelope(docs["a"], "reader@example.org"))
	})
	// What was sealed after it was read has the pages of the version it was made of.
	sealed := docs["a"]
	sealed.Current = 4
	write(t, s, func(ctx context.Context, tx service.Tx) error { return tx.UpdateDocument(ctx, &sealed) })
	docs["a"] = sealed
	same(t, "sealed", names(service.PageQuery{Org: org, Text: "rechnung", Limit: 20}), []string{"b1", "a1"})
	same(t, "sealed, before it was read again", names(service.PageQuery{Org: org, DocumentID: sealed.ID, Text: "zebra", Limit: 20}), []string(nil))
	// While another file is read, there is nothing to be found.
	read0 := docs["c"]
	read0.Current = 0
	write(t, s, func(ctx context.Context, tx service.Tx) error { return tx.UpdateDocument(ctx, &read0) })
	docs["c"] = read0
	same(t, "being read", names(service.PageQuery{Org: org, Text: "nothing to see", Limit: 20}), []string(nil))
	same(t, "part", names(service.PageQuery{Org: org, Units: []string{}, Principal: "reader@example.org", Text: "rechnung", Limit: 20}), []string{"a1"})
}

func settings(t *testing.T, s service.Store) {
	unit := document.Unit{Org: org, Name: "buying", Title: "Buying", Weight: 3, CreatedAt: at(1), Limits: document.UnitLimits{Bytes: 5}, Revision: 1}
	kind := document.Type{Org: org, Name: "invoice", Title: "Invoice", Schema: json.RawMessage(`{"type":  "object"}`), Weight: 2, CreatedAt: at(1), UpdatedAt: at(2)}
	key := service.Key{ID: newID("key"), Org: org, Unit: "buying", Class: "standard", MasterID: "m1", Wrapped: []byte{7}, CreatedAt: at(1)}
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		return errors.Join(tx.InsertUnit(ctx, unit), tx.SaveDocumentType(ctx, kind), tx.InsertKey(ctx, key), tx.SetSetting(ctx, "k", "v1"), tx.SetSetting(ctx, "k", "v2"), tx.SetCursor(ctx, "jobs", 3), tx.SetCursor(ctx, "jobs", 5))
	})
	kind.Revision = 1
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		refused(t, tx.InsertUnit(ctx, unit), fault.Conflict, "exists")
		second := key
		second.ID = newID("key")
		refused(t, tx.InsertKey(ctx, second), fault.Conflict, "exists")
		fresh := kind
		fresh.Revision = 0
		refused(t, tx.SaveDocumentType(ctx, fresh), fault.Conflict, "stale")
		fresh.Revision = 8
		refused(t, tx.SaveDocumentType(ctx, fresh), fault.Conflict, "stale")
		kind.Title, kind.Schema, kind.Weight, kind.MaxRunning = "Bill", nil, 4, 5
		unit.Title, unit.Weight, unit.ClosedAt, unit.Limits = "Purchasing", 7, at(9), document.UnitLimits{Bytes: 1 << 40, Documents: 2, FileBytes: 3, Pages: 4}
		strange, late := unit, unit
		strange.Org, late.Revision = other, 2
		refused(t, tx.UpdateUnit(ctx, &strange), fault.Conflict, "stale")
		refused(t, tx.UpdateUnit(ctx, &late), fault.Conflict, "stale")
		return errors.Join(tx.SaveDocumentType(ctx, kind), tx.UpdateUnit(ctx, &unit))
	})
	kind.Revision = 2
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		u, err1 := tx.Unit(ctx, org, "buying")
		same(t, "unit", u, unit)
		units, err2 := tx.Units(ctx, org)
		same(t, "units", units, []document.Unit{unit})
		k, err3 := tx.DocumentType(ctx, org, "invoice")
		same(t, "type", k, kind)
		types, err4 := tx.DocumentTypes(ctx, org)
		same(t, "types", types, []document.Type{kind})
		got, err5 := tx.Key(ctx, org, "buying", "standard")
		same(t, "key", got, key)
		got, err6 := tx.KeyByID(ctx, key.ID)
		same(t, "key by id", got, key)
		v, err7 := tx.Setting(ctx, "k")
		same(t, "setting", v, "v2")
		n, err8 := tx.Cursor(ctx, "jobs")
		same(t, "cursor", n, int64(5))
		n, err9 := tx.Cursor(ctx, "none")
		same(t, "no cursor", n, int64(0))
		return errors.Join(err1, err2, err3, err4, err5, err6, err7, err8, err9)
	})
}
