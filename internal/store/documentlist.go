package store

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/service"
)

// lead is what a part of a list begins with: an index that has the documents of a
// condition in the order of their ids, so that a page costs what it shows.
type lead struct {
	table     string // whose rows r name the documents; "": document itself
	condition string
	args      []any
	seen      bool // the actor may see all of them
}

const (
	mostLeads  = 24   // where there would be more, the documents are walked through in their order
	fewChanges = 1000 // so many are picked out beforehand
	fewFound   = 5000 // so many are looked up; more of them are met on the way
)

// listing is a list of documents on its way.
type listing struct {
	service.DocumentFilter
	r     *Reader
	often bool // very many documents hold what is searched for
}

// Documents implements service.Reader.
func (r *Reader) Documents(ctx context.Context, f service.DocumentFilter) ([]document.Document, error) {
	l := listing{DocumentFilter: f, r: r}
	if len(f.Search) > 0 {
		if page, whole, err := l.searched(ctx); whole || err != nil {
			return page, err
		}
	}
	return l.listed(ctx)
}

// listed reads a page by whatever way its conditions have.
func (l *listing) listed(ctx context.Context) ([]document.Document, error) {
	f := l.DocumentFilter
	if f.Sort.By != "" {
		return l.walked(ctx)
	}
	if !f.Since.IsZero() || !f.Until.IsZero() { // newest first, by the times that were asked for
		return l.created(ctx)
	}
	if changed, err := l.fewChanged(ctx); changed != nil || err != nil {
		if err != nil {
			return nil, err
		}
		return l.among(ctx, changed)
	}
	leads := l.leads()
	if leads == nil {
		return l.walked(ctx)
	}
	var out []document.Document
	for _, lead := range leads {
		part, err := l.led(ctx, lead)
		if err != nil {
			return nil, err
		}
		out = append(out, part...)
	}
	return newest(out, f.Limit), nil
}

// newest brings parts of a list together.
func newest(all []document.Document, limit int) []document.Document {
	slices.SortFunc(all, func(a, b document.Document) int { return cmp.Compare(b.ID, a.ID) })
	all = slices.CompactFunc(all, func(a, b document.Document) bool { return a.ID == b.ID })
	if limit > 0 {
		all = all[:min(len(all), limit)]
	}
	return all
}

// matching gives the conditions of the filter; mine opens a document whatever its unit.
func (l *listing) matching(mine string, args ...any) *where {
	w := l.r.matching(l.DocumentFilter, mine, args...)
	d := l.r.c.dialect()
	if !l.often {
		w.found(d.foundFew, d, l.Org, l.Search)
		return w
	}
	condition, more := d.foundOften(l.Org, l.Search)
	w.add(condition, more...)
	return w
}

// visible gives the conditions of the filter, with whom it is for.
func (l *listing) visible() *where {
	mine, args := part(access.Parts(access.ReadDocument), "d.org", "d.id", l.Principal, l.r.now)
	return l.matching(mine, args...)
}

// walked goes through the documents in the order of the list.
func (l *listing) walked(ctx context.Context) ([]document.Document, error) {
	w := l.visible()
	w.before("d.id", l.Before)
	return list(ctx, l.r.c, scanDocument, selectDocument+w.clause(w.order(l.Sort), l.Limit), w.args...)
}

// created goes through the documents of a span of time, from new to old.
func (l *listing) created(ctx context.Context) ([]document.Document, error) {
	w := l.visible()
	if l.Before != "" {
		w.add("(d.created_at, d.id) < (COALESCE((SELECT b.created_at FROM document b WHERE b.org = ? AND b.id = ?), 9223372036854775807), ?)", l.Org, l.Before, l.Before)
	}
	return list(ctx, l.r.c, scanDocument, selectDocument+w.clause("d.created_at DESC, d.id DESC", l.Limit), w.args...)
}

// fewChanged gives the documents that have changed since the time that is asked for, from
// new to old; nil where they are many.
func (l *listing) fewChanged(ctx context.Context) ([]string, error) {
	if l.UpdatedSince.IsZero() {
		return nil, nil
	}
	ids, err := list(ctx, l.r.c, scanString, "SELECT d.id FROM document d WHERE d.org = ? AND d.updated_at >= ? ORDER BY d.updated_at LIMIT ?", l.Org, l.UpdatedSince, fewChanges+1)
	if len(ids) > fewChanges {
		return nil, err
	}
	slices.SortFunc(ids, func(a, b string) int { return cmp.Compare(b, a) })
	return slices.DeleteFunc(append([]string{}, ids...), func(id string) bool { return l.Before != "" && id >= l.Before }), err
}

// among reads some of the documents, as many as the page takes.
func (l *listing) among(ctx context.Context, ids []string) (out []document.Document, err error) {
	for part := range slices.Chunk(ids, 100) {
		w := l.visible()
		w.in("d.id", part)
		found, err := list(ctx, l.r.c, scanDocument, selectDocument+w.clause("d.id DESC", l.Limit), w.args...)
		if err != nil {
			return nil, err
		}
		if out = append(out, found...); l.Limit > 0 && len(out) >= l.Limit {
			return out[:l.Limit], nil
		}
	}
	return out, nil
}

// leads gives the parts of a list in the default order: the units of an actor who does
// not see all, with the documents that he has a part in, or else the states or the types
// that are asked for. nil: one walk is as good.
func (l *listing) leads() (out []lead) {
	same := func(column string, values []string, seen bool) {
		for _, v := range values {
			out = append(out, lead{condition: column + " = ?", args: []any{v}, seen: seen})
		}
	}
	switch {
	case l.ExternalID != "" || len(l.Search) > 0 && !l.often: // few are left
	case len(l.Labels) > 0:
		name := sortedKeys(l.Labels)[0]
		return []lead{marked("label", name, l.Labels[name])}
	case l.Approver != "":
		return []lead{marked("approver", "", l.Approver)}
	case l.Units != nil && len(l.Units) <= mostLeads:
		same("d.unit", l.Units, true)
		for _, relation := range access.Relations() {
			if access.Parts(access.ReadDocument)&relation == 0 {
				continue
			}
			if table, condition, args := relating(relation, l.Principal, l.r.now); table == "document" {
				out = append(out, lead{condition: "d.created_by = ?", args: args, seen: true})
			} else if table != "" {
				out = append(out, lead{table, condition, args, true})
			}
		}
	case l.Units != nil:
	case len(l.States) > 1:
		same("d.state", l.States, false)
	case len(l.Types) > 1 && len(l.Types) <= mostLeads:
		same("d.doc_type", l.Types, false)
	}
	return out
}

// marked is what triggers have written for a label, or for one of the approvers. Long
// texts stand there cut, so the document itself is asked as well.
func marked(kind, name, value string) lead {
	cut := func(s string, n int) string { r := []rune(s); return string(r[:min(len(r), n)]) }
	return lead{table: "document_mark", condition: "r.kind = ? AND r.name = ? AND r.value = ?", args: []any{kind, cut(name, 100), cut(value, 200)}}
}

// led lists the documents of a part.
func (l listing) led(ctx context.Context, by lead) ([]document.Document, error) {
	if by.seen {
		l.Units = nil
	}
	switch by.condition {
	case "d.state = ?":
		l.States = nil
	case "d.doc_type = ?":
		l.Types = nil
	}
	if by.table == "" {
		w := l.visible()
		w.add(by.condition, by.args...)
		w.before("d.id", l.Before)
		return list(ctx, l.r.c, scanDocument, selectDocument+w.clause("d.id DESC", l.Limit), w.args...)
	}
	w := &where{}
	w.add("r.org = ?", l.Org)
	w.add(by.condition, by.args...)
	w.before("r.document_id", l.Before)
	if by.seen { // of the rows that name the same document, one is enough
		w.add("NOT EXISTS (SELECT 1 FROM "+by.table+" o WHERE o.org = r.org AND o.document_id = r.document_id AND o.id > r.id AND "+strings.ReplaceAll(by.condition, "r.", "o.")+")", by.args...)
	}
	w.add("d.org = r.org AND d.id = r.document_id")
	of := l.visible()
	w.add(strings.Join(of.conditions, " AND "), of.args...)
	// The join is written so that SQLite keeps its order.
	return list(ctx, l.r.c, scanDocument, "SELECT d."+joined(documentColumns, ", d.")+" FROM "+by.table+" r CROSS JOIN document d "+w.clause("r.document_id DESC", l.Limit), w.args...)
}

// matching gives the conditions of a filter on the documents d without its search; mine
// opens a document whatever its unit.
func (r *Reader) matching(f service.DocumentFilter, mine string, args ...any) *where {
	w := &where{}
	w.add("d.org = ?", f.Org)
	w.within("d.unit", f.Units, mine, args...)
	w.is("d.unit", f.Unit)
	w.in("d.state", f.States)
	w.in("d.doc_type", f.Types)
	w.is("d.created_by", f.CreatedBy)
	if f.ExternalID != "" {
		w.add("d.external_id = ? AND d.external_id <> ''", f.ExternalID) // as its index has it
	}
	if f.Approver != "" {
		w.add(r.c.dialect().approverIs, f.Approver)
	}
	for _, name := range sortedKeys(f.Labels) {
		w.add(r.c.dialect().labelIs, name, f.Labels[name])
	}
	if !f.Since.IsZero() {
		w.add("d.created_at >= ?", f.Since)
	}
	if !f.Until.IsZero() {
		w.add("d.created_at < ?", f.Until)
	}
	protected := "EXISTS (SELECT 1 FROM protection p WHERE p.org = d.org AND p.document_id = d.id AND "
	if !f.ProtectedUntil.IsZero() {
		w.add(protected+"p.until < ?)", f.ProtectedUntil)
	}
	if f.ProtectionDelayed {
		w.add(protected + "p.code <> '')")
	}
	if !f.UpdatedSince.IsZero() {
		w.add("d.updated_at >= ?", f.UpdatedSince)
	}
	for _, path := range sortedKeys(f.Metadata) {
		if strings.Contains(path, `"`) { // SQLite has no way to write it, and both are to find the same
			w.add("1 = 0")
			continue
		}
		condition, args := r.c.dialect().metadataIs(strings.Split(path, "."), f.Metadata[path])
		w.add(condition, args...)
	}
	return w
}

// order adds where a page of documents begins, and gives the order that it is in.
func (w *where) order(s service.DocumentSort) string {
	column, direction, beyond := "", " DESC", "<"
	switch s.By {
	case "created_at", "updated_at", "title":
		column = "d." + s.By
	}
	if s.By != "" && !s.Down {
		direction, beyond = "", ">"
	}
	if column == "" {
		return "d.id" + direction
	}
	if s.After != nil {
		var value any = s.After.Time
		if s.By == "title" {
			value = s.After.Text
		}
		w.add("("+column+", d.id) "+beyond+" (?, ?)", value, s.After.ID)
	}
	return column + direction + ", d.id" + direction
}
