package store

import (
	"context"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/service"
)

var (
	// pageFacts are the columns of a page without its text.
	pageFacts = []string{"org", "document_id", "version", "number", "width", "height", "turned", "blank", "source",
		"engine", "confidence", "words", "blob"}
	pageColumns = append(pageFacts[:len(pageFacts):len(pageFacts)], "text", "folded")
	selectPage  = selectFrom("page", "p", pageFacts)
	selectHit   = "SELECT d." + joined(documentColumns, ", d.") + ", p." + joined(pageFacts, ", p.") + ", p.text FROM page p " +
		"JOIN document d ON d.org = p.org AND d.id = p.document_id "
)

// shownPage is true of the pages that a document shows: those of its current
// version, or of the newest before it that has any. What is sealed, or otherwise
// made of a version that was read, is not read again.
const shownPage = `p.version = (SELECT MAX(x.version) FROM page x WHERE x.org = p.org AND x.document_id = p.document_id AND x.version <= d.current_version)`

func joined(columns []string, by string) string {
	s := columns[0]
	for _, c := range columns[1:] {
		s += by + c
	}
	return s
}

func pageTargets(p *document.Page) []any {
	return []any{&p.Org, &p.DocumentID, &p.Version, &p.No, &p.Width, &p.Height, &p.Turned, &p.Blank, &p.Source,
		&p.Engine, &p.Confidence, &p.Words, &p.Blob}
}

func scanPage(s scanner) (p document.Page, err error) {
	err = s.Scan(pageTargets(&p)...)
	return
}

func scanHit(s scanner) (h service.PageHit, err error) {
	err = s.Scan(append(append(documentTargets(&h.Document), pageTargets(&h.Page)...), &h.Page.Text)...)
	if len(h.Document.ApproverList) == 0 {
		h.Document.ApproverList = nil
	}
	return
}

// Pages implements service.Reader.
func (r *Reader) Pages(ctx context.Context, org, documentID string, version int) ([]document.Page, error) {
	return list(ctx, r.c, scanPage, selectPage+"WHERE p.org = ? AND p.document_id = ? AND p.version = ? ORDER BY p.number", org, documentID, version)
}

// SearchPages implements service.Reader: documents from new to old, their pages
// by number, each with its text. An empty query finds nothing.
func (r *Reader) SearchPages(ctx context.Context, q service.PageQuery) ([]service.PageHit, error) {
	text := fold(q.Text)
	if text == "" {
		return nil, nil
	}
	condition, argument, lead := r.c.dialect().pageContains(text)
	var w where
	if lead && q.DocumentID == "" {
		w.add("p.org || '' = ?", q.Org)
	} else {
		w.add("p.org = ?", q.Org)
	}
	w.add(condition, argument)
	w.add(shownPage)
	w.is("p.document_id", q.DocumentID)
	mine, args := part(access.Parts(access.ReadDocument), "d.org", "d.id", q.Principal, r.now)
	w.within("d.unit", q.Units, mine, args...)
	if after := q.After.Document.ID; after != "" {
		w.add("(p.document_id < ? OR (p.document_id = ? AND p.number > ?))", after, after, q.After.Page.No)
	}
	return list(ctx, r.c, scanHit, selectHit+w.clause("p.document_id DESC, p.number", q.Limit), w.args...)
}

// InsertPages implements service.Tx. Their text can be searched once their
// version, or one made of it, is the document's current one. Fault Conflict "stale" where the version
// has such pages already.
func (t *Tx) InsertPages(ctx context.Context, pages []document.Page) error {
	all := make([][]any, len(pages))
	for i, p := range pages {
		text := keepable(p.Text)
		all[i] = []any{p.Org, p.DocumentID, p.Version, p.No, p.Width, p.Height, p.Turned, p.Blank, p.Source,
			p.Engine, p.Confidence, p.Words, p.Blob, text, fold(text)}
	}
	ok, err := insertRows(ctx, t.c, "page", pageColumns, "ON CONFLICT (org, document_id, version, number) DO NOTHING", all)
	if err == nil && !ok {
		return stale()
	}
	return err
}
