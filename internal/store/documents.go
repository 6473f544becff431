package store

import (
	"context"
	"slices"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/fault"
)

var (
	documentColumns = []string{"org", "id", "unit", "doc_type", "title", "external_id", "labels", "metadata", "approvers",
		"created_by", "created_at", "updated_at", "state", "current_version", "pages", "proc_status", "proc_step",
		"proc_operation", "proc_code", "proc_reason", "revision", "entry_seq", "last_leaf"}
	externalAt     = slices.Index(documentColumns, "external_id") - 2 // in a documentRow
	selectDocument = selectFrom("document", "d", documentColumns)
	insertDocument = insertInto("document", documentColumns, 1, "ON CONFLICT (org, external_id) WHERE external_id <> '' DO NOTHING")
)

// documentRow gives the values of documentColumns after org and id.
func documentRow(d *document.Document, revision int64) []any {
	labels := d.Labels
	if labels == nil {
		labels = map[string]string{}
	}
	approvers := d.ApproverList
	if approvers == nil {
		approvers = []string{}
	}
	p := d.Processing
	return []any{d.Unit, d.Type, d.Title, d.ExternalID, encode(labels), raw(d.Metadata), encode(approvers),
		d.CreatedBy, d.CreatedAt, d.UpdatedAt, string(d.State), d.Current, d.Pages, string(p.Status), p.Step,
		p.Operation, p.Code, p.Reason, revision, d.EntrySeq, d.LastLeaf}
}

// documentTargets gives where a row of documentColumns is read into.
func documentTargets(d *document.Document) []any {
	p := &d.Processing
	return []any{&d.Org, &d.ID, &d.Unit, &d.Type, &d.Title, &d.ExternalID, asJSON{&d.Labels}, rawJSON{(*[]byte)(&d.Metadata)}, asJSON{&d.ApproverList},
		&d.CreatedBy, stamp{&d.CreatedAt}, stamp{&d.UpdatedAt}, &d.State, &d.Current, &d.Pages, &p.Status, &p.Step,
		&p.Operation, &p.Code, &p.Reason, &d.Revision, &d.EntrySeq, &d.LastLeaf}
}

func scanDocument(s scanner) (d document.Document, err error) {
	err = s.Scan(documentTargets(&d)...)
	if len(d.ApproverList) == 0 {
		d.ApproverList = nil
	}
	return
}

// Document implements service.Reader.
func (r *Reader) Document(ctx context.Context, org, id string) (document.Document, error) {
	d, err := one(ctx, r.c, scanDocument, selectDocument+"WHERE d.org = ? AND d.id = ?", org, id)
	if s := remembers(r.c); s != nil && err == nil {
		s.keep("document", org, id, documentRow(&d, d.Revision))
	}
	return d, err
}

// InsertDocument implements service.Tx. The revision is written as given.
func (t *Tx) InsertDocument(ctx context.Context, d document.Document) error {
	if err := checkLabels(d.Labels); err != nil {
		return err
	}
	t.orderBy(d.ID)
	ok, err := change(ctx, t.c, 1, insertDocument, append([]any{d.Org, d.ID}, documentRow(&d, d.Revision)...)...)
	if err == nil && !ok {
		return externalTaken(d.ExternalID)
	}
	return err
}

func externalTaken(external string) error {
	return fault.New(fault.Conflict, "external_id_taken", "Another document of the organisation has the external id %q. Find it by that id, or choose another.", external)
}

// checkLabels refuses text that only one of the databases could look up again.
func checkLabels(labels map[string]string) error {
	for k, v := range labels {
		if _, err := bind([]any{k, v}); err != nil {
			return err
		}
	}
	return nil
}

// UpdateDocument implements service.Tx. Fault Conflict "external_id_taken" as InsertDocument.
func (t *Tx) UpdateDocument(ctx context.Context, d *document.Document) error {
	if err := checkLabels(d.Labels); err != nil {
		return err
	}
	if d.ExternalID != "" && !remembers(t.c).has("document", d.Org, d.ID, externalAt, d.ExternalID) {
		other, err := exists(ctx, t.c, "SELECT 1 FROM document WHERE org = ? AND external_id = ? AND external_id <> '' AND id <> ?", d.Org, d.ExternalID, d.ID)
		if err != nil {
			return err
		}
		if other {
			return externalTaken(d.ExternalID)
		}
	}
	t.orderBy(d.ID)
	ok, err := rewrite(ctx, t.c, "document", d.Org, d.ID, documentColumns[2:], documentRow(d, d.Revision+1), d.Revision)
	return swapped(ctx, t.c, ok, err, &d.Revision, "document", d.Org, d.ID)
}

// swapped ends a compare-and-swap: one row changed is a new revision, none is
// fault Conflict "stale", or NotFound where there is no such row.
func swapped(ctx context.Context, c conn, ok bool, err error, revision *int64, table, org, id string) error {
	if err != nil {
		return err
	}
	if ok {
		*revision++
		return nil
	}
	known, err := exists(ctx, c, "SELECT 1 FROM "+table+" WHERE org = ? AND id = ?", org, id)
	if err != nil {
		return err
	}
	if !known {
		return access.NotFound()
	}
	return stale()
}

// advanced counts a row's revision on once a compare-and-swap has held; fault
// Conflict "stale" where it has not. It is swapped for rows that were read in the
// same command, and so are there or have changed.
func advanced(ok bool, err error, revision *int64) error {
	if err != nil {
		return err
	}
	if !ok {
		return stale()
	}
	*revision++
	return nil
}

var (
	versionColumns = []string{"org", "document_id", "number", "kind", "derived_from", "media_type", "file_name", "blob",
		"sha256", "size", "pages", "signatures", "created_at", "level", "protected_until", "protected_by", "stamped_at"}
	selectVersion = selectFrom("version", "v", versionColumns)
	insertVersion = insertInto("version", versionColumns, 1, "ON CONFLICT (org, document_id, number) DO NOTHING")
)

func scanVersion(s scanner) (v document.Version, err error) {
	err = s.Scan(&v.Org, &v.DocumentID, &v.No, &v.Kind, &v.DerivedFrom, &v.MediaType, &v.FileName, &v.Blob,
		&v.SHA256, &v.Size, &v.Pages, &v.Signatures, stamp{&v.CreatedAt}, &v.Level, stamp{&v.Until}, &v.Because, stamp{&v.Stamped})
	return
}

// Version implements service.Reader.
func (r *Reader) Version(ctx context.Context, org, documentID string, no int) (document.Version, error) {
	return one(ctx, r.c, scanVersion, selectVersion+"WHERE v.org = ? AND v.document_id = ? AND v.number = ?", org, documentID, no)
}

// Versions implements service.Reader.
func (r *Reader) Versions(ctx context.Context, org, documentID string) ([]document.Version, error) {
	return list(ctx, r.c, scanVersion, selectVersion+"WHERE v.org = ? AND v.document_id = ? ORDER BY v.number", org, documentID)
}

// InsertVersion implements service.Tx. The document must be there. Fault Conflict
// "stale" where another transaction made a version of the number first.
func (t *Tx) InsertVersion(ctx context.Context, v document.Version) error {
	ok, err := change(ctx, t.c, 1, insertVersion, v.Org, v.DocumentID, v.No, string(v.Kind), v.DerivedFrom, v.MediaType, v.FileName, v.Blob,
		v.SHA256, v.Size, v.Pages, v.Signatures, v.CreatedAt, string(v.Level), v.Until, v.Because, v.Stamped)
	if err == nil && !ok {
		return stale()
	}
	return err
}

// DescribeVersion implements service.Tx.
func (t *Tx) DescribeVersion(ctx context.Context, org, documentID string, no int, mediaType string, pages, signatures int) error {
	ok, err := change(ctx, t.c, 1, "UPDATE version SET media_type = ?, pages = ?, signatures = ? WHERE org = ? AND document_id = ? AND number = ?",
		mediaType, pages, signatures, org, documentID, no)
	if err == nil && !ok {
		return access.NotFound()
	}
	return err
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
