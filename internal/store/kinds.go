package store

import (
	"context"

	"github.com/paraph/paraph/internal/document"
)

var (
	unitColumns = []string{"org", "name", "title", "weight", "created_at", "closed_at", "limits", "revision"}
	selectUnit  = selectFrom("unit", "u", unitColumns)
)

func scanUnit(s scanner) (u document.Unit, err error) {
	err = s.Scan(&u.Org, &u.Name, &u.Title, &u.Weight, stamp{&u.CreatedAt}, stamp{&u.ClosedAt}, asJSON{&u.Limits}, &u.Revision)
	return
}

// Unit implements service.Reader.
func (r *Reader) Unit(ctx context.Context, org, name string) (document.Unit, error) {
	return one(ctx, r.c, scanUnit, selectUnit+"WHERE u.org = ? AND u.name = ?", org, name)
}

// Units implements service.Reader; by name.
func (r *Reader) Units(ctx context.Context, org string) ([]document.Unit, error) {
	return list(ctx, r.c, scanUnit, selectUnit+"WHERE u.org = ? ORDER BY u.name", org)
}

// InsertUnit implements service.Tx.
func (t *Tx) InsertUnit(ctx context.Context, u document.Unit) error {
	ok, err := change(ctx, t.c, 1, insertInto("unit", unitColumns, 1, "ON CONFLICT DO NOTHING"), u.Org, u.Name, u.Title, max(u.Weight, 1), u.CreatedAt, u.ClosedAt, encode(u.Limits), max(u.Revision, 1))
	if err == nil && !ok {
		return taken("a business unit of this name")
	}
	return err
}

// UpdateUnit implements service.Tx.
func (t *Tx) UpdateUnit(ctx context.Context, u *document.Unit) error {
	ok, err := change(ctx, t.c, 1, "UPDATE unit SET title = ?, weight = ?, closed_at = ?, limits = ?, revision = revision + 1 WHERE org = ? AND name = ? AND revision = ?",
		u.Title, max(u.Weight, 1), u.ClosedAt, encode(u.Limits), u.Org, u.Name, u.Revision)
	return advanced(ok, err, &u.Revision)
}

var (
	typeColumns = []string{"org", "name", "title", "schema", "weight", "max_running", "revision", "created_at", "updated_at", "four_eyes"}
	selectType  = selectFrom("document_type", "t", typeColumns)
)

func scanType(s scanner) (d document.Type, err error) {
	err = s.Scan(&d.Org, &d.Name, &d.Title, rawJSON{(*[]byte)(&d.Schema)}, &d.Weight, &d.MaxRunning, &d.Revision, stamp{&d.CreatedAt}, stamp{&d.UpdatedAt}, &d.FourEyes)
	return
}

// DocumentType implements service.Reader.
func (r *Reader) DocumentType(ctx context.Context, org, name string) (document.Type, error) {
	return one(ctx, r.c, scanType, selectType+"WHERE t.org = ? AND t.name = ?", org, name)
}

// DocumentTypeTerms implements service.Reader.
func (r *Reader) DocumentTypeTerms(ctx context.Context, org, name string) (document.TypeTerms, error) {
	return one(ctx, r.c, scanTerms, "SELECT revision, four_eyes FROM document_type WHERE org = ? AND name = ?", org, name)
}

func scanTerms(s scanner) (t document.TypeTerms, err error) {
	err = s.Scan(&t.Revision, &t.FourEyes)
	return
}

// DocumentTypes implements service.Reader; by name.
func (r *Reader) DocumentTypes(ctx context.Context, org string) ([]document.Type, error) {
	return list(ctx, r.c, scanType, selectType+"WHERE t.org = ? ORDER BY t.name", org)
}

// SaveDocumentType implements service.Tx. Revision 0 says that there is none
// yet; where another transaction made it first, that too is Conflict "stale", so
// that Write lets the command look again.
func (t *Tx) SaveDocumentType(ctx context.Context, d document.Type) error {
	var ok bool
	var err error
	if d.Revision == 0 {
		ok, err = change(ctx, t.c, 1, insertInto("document_type", typeColumns, 1, "ON CONFLICT DO NOTHING"),
			d.Org, d.Name, d.Title, raw(d.Schema), max(d.Weight, 1), d.MaxRunning, 1, d.CreatedAt, d.UpdatedAt, d.FourEyes)
	} else {
		ok, err = change(ctx, t.c, 1, "UPDATE document_type SET title = ?, schema = ?, weight = ?, max_running = ?, revision = ?, updated_at = ?, four_eyes = ? WHERE org = ? AND name = ? AND revision = ?",
			d.Title, raw(d.Schema), max(d.Weight, 1), d.MaxRunning, d.Revision+1, d.UpdatedAt, d.FourEyes, d.Org, d.Name, d.Revision)
	}
	if err == nil && !ok {
		return stale()
	}
	return err
}
