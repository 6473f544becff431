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

// lead is a part of a list that an index holds in the order of the ids, so that a page
// costs what it shows.
type lead struct {
	of        service.DocumentFilter // what is asked of its documents
	table     string                 // whose rows r name them; "": document itself
	condition string                 // on those rows; on document itself, the filter says it all
	args      []any
	often     bool // several rows may name the same document
}

const (
	mostLeads  = 24   // where there would be more, the documents are walked through in their order
	fewChanges = 1000 // so many are picked out beforehand
	fewFound   = 5000 // so many are looked up; more of them are met on the way
	mostAsked  = 400  // so many are asked for by their ids in one question
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
	switch leads := l.leads(); len(leads) {
	case 0:
		return l.walked(ctx)
	case 1:
		from, id, w := l.led(leads[0])
		return list(ctx, l.r.c, scanDocument, "SELECT d."+joined(documentColumns, ", d.")+from+w.clause(id+" DESC", l.Limit), w.args...)
	default:
		return l.merged(ctx, leads)
	}
}

// merged reads the newest documents of several leads: by one question, and first their ids,
// which stand in an index, since each lead gives a page of them.
func (l *listing) merged(ctx context.Context, leads []lead) ([]document.Document, error) {
	var parts []string
	var args []any
	for _, lead := range leads {
		from, id, w := l.led(lead)
		parts = append(parts, "SELECT x.id FROM (SELECT "+id+" AS id"+from+w.clause(id+" DESC", l.Limit)+") x")
		args = append(args, w.args...)
	}
	ids, err := list(ctx, l.r.c, scanString, strings.Join(parts, " UNION ALL "), args...)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(ids, func(a, b string) int { return cmp.Compare(b, a) })
	if ids = slices.Compact(ids); l.Limit > 0 {
		ids = ids[:min(len(ids), l.Limit)]
	}
	// They were found in this same state of the store, so nothing else is asked of them.
	page := listing{DocumentFilter: service.DocumentFilter{Org: l.Org, Limit: l.Limit}, r: l.r}
	return page.among(ctx, ids)
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

// among reads some of the documents, as many as the page takes: at first twice as many as
// it has, and twice as many each time.
func (l *listing) among(ctx context.Context, ids []string) (out []document.Document, err error) {
	for most := cmp.Or(2*l.Limit, mostAsked); len(ids) > 0; most = min(2*most, mostAsked) {
		part := ids[:min(most, len(ids))]
		ids = ids[len(part):]
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
// not see all, with the documents that he has a part in, and each of the types and the
// states that are asked for. nil: one walk is as good.
func (l *listing) leads() (out []lead) {
	switch {
	case l.ExternalID != "" || len(l.Search) > 0 && !l.often: // few are left
		return nil
	case len(l.Labels) > 0:
		name := sortedKeys(l.Labels)[0]
		return []lead{l.marked("label", name, l.Labels[name])}
	case l.Approver != "":
		return []lead{l.marked("approver", "", l.Approver)}
	case len(l.Units) > mostLeads:
		return nil
	}
	parts := []service.DocumentFilter{l.DocumentFilter}
	if l.Units != nil {
		f := l.DocumentFilter
		f.Units = nil
		out, parts = l.related(f), nil
		for _, f.Unit = range l.Units {
			if l.Unit == "" || l.Unit == f.Unit {
				parts = append(parts, f)
			}
		}
	}
	parts = each(parts, l.Types, func(f *service.DocumentFilter, kind string) { f.Types = []string{kind} })
	states := l.States
	if (l.Unit != "" || l.Units != nil) && len(l.Types) > 0 && len(states) == 0 { // the index of both has them by state
		for _, s := range document.States() {
			states = append(states, string(s))
		}
	}
	for _, f := range each(parts, states, func(f *service.DocumentFilter, state string) { f.States = []string{state} }) {
		out = append(out, lead{of: f})
	}
	return out
}

// each parts filters further by a value, unless that would make too many of them.
func each(parts []service.DocumentFilter, values []string, set func(*service.DocumentFilter, string)) (out []service.DocumentFilter) {
	if len(values) == 0 || len(parts)*len(values) > mostLeads {
		return parts
	}
	for _, f := range parts {
		for _, v := range values {
			set(&f, v)
			out = append(out, f)
		}
	}
	return out
}

// related gives the leads by which an actor finds the documents that he has a part in.
func (l *listing) related(f service.DocumentFilter) (out []lead) {
	for _, relation := range access.Relations() {
		if access.Parts(access.ReadDocument)&relation == 0 {
			continue
		}
		if table, condition, args := relating(relation, l.Principal, l.r.now); table == "document" {
			out = append(out, lead{of: f, condition: "d.created_by = ?", args: args})
		} else if table != "" {
			out = append(out, lead{f, table, condition, args, true})
		}
	}
	return out
}

// marked is what triggers have written for a label, or for one of the approvers. Long
// texts stand there cut, so the document itself is asked as well.
func (l *listing) marked(kind, name, value string) lead {
	cut := func(s string, n int) string { r := []rune(s); return string(r[:min(len(r), n)]) }
	return lead{l.DocumentFilter, "document_mark", "r.kind = ? AND r.name = ? AND r.value = ?", []any{kind, cut(name, 100), cut(value, 200)}, false}
}

// led says where the documents of a lead are found, what their id is called there, and
// what is asked of them.
func (l listing) led(by lead) (from, id string, w *where) {
	l.DocumentFilter = by.of
	if by.table == "" {
		w = l.visible()
		if by.condition != "" {
			w.add(by.condition, by.args...)
		}
		w.before("d.id", l.Before)
		return " FROM document d ", "d.id", w
	}
	w = &where{}
	w.add("r.org = ?", l.Org)
	w.add(by.condition, by.args...)
	w.before("r.document_id", l.Before)
	if by.often { // of the rows that name the same document, one is enough
		w.add("NOT EXISTS (SELECT 1 FROM "+by.table+" o WHERE o.org = r.org AND o.document_id = r.document_id AND o.id > r.id AND "+strings.ReplaceAll(by.condition, "r.", "o.")+")", by.args...)
	}
	w.add("d.org = r.org AND d.id = r.document_id")
	of := l.visible()
	w.add(strings.Join(of.conditions, " AND "), of.args...)
	// The join is written so that SQLite keeps its order.
	return " FROM " + by.table + " r CROSS JOIN document d ", "r.document_id", w
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
