package service

import (
	"context"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"unicode"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/fault"
)

// Document gives one document. Faults: NotFound, Forbidden "missing_scope".
func (s *Service) Document(ctx context.Context, a access.Actor, docID string) (d document.Document, err error) {
	err = s.Store.Read(Within(ctx, a.Org), func(ctx context.Context, tx Reader) error {
		d, err = documentFor(ctx, tx, a, docID, access.ReadDocument)
		return err
	})
	return d, err
}

// Documents lists documents the actor may see, newest first.
func (s *Service) Documents(ctx context.Context, a access.Actor, f DocumentFilter) (out []document.Document, err error) {
	if err := access.Allowed(a, access.ReadDocument); err != nil {
		return nil, err
	}
	f.Org, f.Units, f.Principal, f.Limit = a.Org, a.Units, a.Principal, limit(f.Limit)
	err = s.Store.Read(Within(ctx, a.Org), func(ctx context.Context, tx Reader) error {
		out, err = tx.Documents(ctx, f)
		return err
	})
	return out, err
}

// Found is a document of a list, with where it holds what was searched for.
type Found struct {
	document.Document
	Matches []Match
}

// FindDocuments is Documents with a search over the full text of documents and
// their pages; "" searches for nothing. What is new is found once its entries have
// been looked through, a moment after its commit.
//
// Faults: Invalid "empty_query" where no word is searched for.
func (s *Service) FindDocuments(ctx context.Context, a access.Actor, f DocumentFilter, text string) (out []Found, err error) {
	if text != "" {
		if f.Search, err = parseSearch(text); err != nil {
			return nil, err
		}
	}
	rows, err := s.Documents(ctx, a, f)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	out = make([]Found, len(rows))
	for i := range rows {
		out[i].Document = rows[i]
	}
	if text == "" {
		return out, nil
	}
	return out, s.matchesOf(ctx, out, f.Search)
}

// Versions lists a document's versions by number.
func (s *Service) Versions(ctx context.Context, a access.Actor, docID string) (out []document.Version, err error) {
	err = s.Store.Read(Within(ctx, a.Org), func(ctx context.Context, tx Reader) error {
		if _, err := documentFor(ctx, tx, a, docID, access.ReadDocument); err != nil {
			return err
		}
		out, err = tx.Versions(ctx, a.Org, docID)
		return err
	})
	return out, err
}

// Content opens a version's bytes; version 0 is the current one. The caller closes it.
// Faults: NotFound; Conflict "document_processing" where there is no current version yet, or
// where files are looked through for malware and this one was not, "document_quarantined",
// "document_failed" or "version_not_scanned" where it was not and will not be.
func (s *Service) Content(ctx context.Context, a access.Actor, docID string, version int) (document.Version, Content, error) {
	var v document.Version
	var b Blob
	err := s.Store.Read(Within(ctx, a.Org), func(ctx context.Context, tx Reader) error {
		d, err := documentFor(ctx, tx, a, docID, access.ReadDocument)
		if err != nil {
			return err
		}
		if err := d.Gone(); err != nil {
			return err
		}
		if version == 0 {
			version = d.Current
		}
		if version == 0 {
			return d.NotReady()
		}
		if v, err = tx.Version(ctx, a.Org, docID, version); err != nil {
			return err
		}
		if err := s.lookedThrough(&d, &v); err != nil {
			return err
		}
		b, err = tx.Blob(ctx, a.Org, v.Blob)
		return err
	})
	if err != nil {
		return v, nil, err
	}
	content, err := s.Vault.Open(ctx, b)
	return v, content, err
}

// lookedThrough refuses a file that is to be looked through for malware before anybody gets
// it, and was not: an original without pages was not read, which comes after that.
func (s *Service) lookedThrough(d *document.Document, v *document.Version) error {
	switch {
	case !s.Scans || v.Kind != document.Original || v.Pages > 0:
		return nil
	case d.Processing.Status == document.StatusDone:
		return fault.New(fault.Conflict, "version_not_scanned", "This version was never read, so nobody knows whether it holds malware, and it is not handed out. Take another version.")
	}
	return d.NotReady()
}

// Pages lists the pages of the document's current version.
// Faults: NotFound; Conflict "document_processing".
func (s *Service) Pages(ctx context.Context, a access.Actor, docID string) (pages []document.Page, err error) {
	err = s.Store.Read(Within(ctx, a.Org), func(ctx context.Context, tx Reader) error {
		d, err := documentFor(ctx, tx, a, docID, access.ReadDocument)
		if err != nil {
			return err
		}
		pages, err = currentPages(ctx, tx, &d)
		return err
	})
	return pages, err
}

// currentPages gives the pages as they were captured. Versions made later (a
// seal) show the same pages, so theirs are those of the captured version.
func currentPages(ctx context.Context, tx Reader, d *document.Document) ([]document.Page, error) {
	if err := d.Gone(); err != nil {
		return nil, err
	}
	if !d.Ready() {
		return nil, d.NotReady()
	}
	for no := d.Current; no > 0; {
		pages, err := tx.Pages(ctx, d.Org, d.ID, no)
		if err != nil || len(pages) > 0 {
			return pages, err
		}
		v, err := tx.Version(ctx, d.Org, d.ID, no)
		if err != nil {
			return nil, err
		}
		no = v.DerivedFrom
	}
	return nil, fault.New(fault.NotFound, "not_found", "This document has no pages.")
}

// PageWords gives one page of the current version with its words.
// Faults: NotFound; Conflict "document_processing".
func (s *Service) PageWords(ctx context.Context, a access.Actor, docID string, no int) (document.Page, []document.Word, error) {
	var page document.Page
	var blob Blob
	err := s.Store.Read(Within(ctx, a.Org), func(ctx context.Context, tx Reader) error {
		d, err := documentFor(ctx, tx, a, docID, access.ReadDocument)
		if err != nil {
			return err
		}
		pages, err := currentPages(ctx, tx, &d)
		if err != nil {
			return err
		}
		if no < 1 || no > len(pages) {
			return fault.New(fault.NotFound, "not_found", "The document has %d pages.", len(pages))
		}
		if page = pages[no-1]; page.Blob != "" {
			blob, err = tx.Blob(ctx, a.Org, page.Blob)
		}
		return err
	})
	if err != nil || page.Blob == "" {
		return page, nil, err
	}
	words, err := s.words(ctx, blob)
	return page, words, err
}

func (s *Service) words(ctx context.Context, blob Blob) ([]document.Word, error) {
	content, err := s.Vault.Open(ctx, blob)
	if err != nil {
		return nil, err
	}
	defer content.Close()
	var words []document.Word
	if err := json.NewDecoder(content).Decode(&words); err != nil && err != io.EOF {
		return nil, fault.Wrap(err, fault.Internal, "internal", "The words of the page cannot be read.")
	}
	return words, nil
}

// Hit is one place where a search text stands.
type Hit struct {
	Document document.Document
	Page     document.Page
	Words    []document.Word // the words that hold the text, in reading order
}

// MaxHits is the most places one search gives: a single letter stands thousands
// of times on a full page.
const MaxHits = 500

// Search finds a text on the pages of one document, or of all the actor may see
// where docID is "". At most 50 pages are looked through in one answer, and at
// most MaxHits places are given.
//
// Faults: Invalid "empty_query".
func (s *Service) Search(ctx context.Context, a access.Actor, docID, text string, max int) ([]Hit, error) {
	if err := access.Allowed(a, access.ReadDocument); err != nil {
		return nil, err
	}
	folded := fold(text)
	if folded == "" {
		return nil, fault.New(fault.Invalid, "empty_query", "Say what to search for.").With(fault.Detail{Pointer: "query/q", Code: "required", Message: "The search text is missing."})
	}
	var pages []PageHit
	blobs := map[string]Blob{}
	err := s.Store.Read(Within(ctx, a.Org), func(ctx context.Context, tx Reader) (err error) {
		if docID != "" {
			if _, err := documentFor(ctx, tx, a, docID, access.ReadDocument); err != nil {
				return err
			}
		}
		pages, err = tx.SearchPages(ctx, PageQuery{Org: a.Org, Units: a.Units, Principal: a.Principal, DocumentID: docID, Text: strings.Join(strings.Fields(text), " "), Limit: min(limit(max), 50)})
		if err != nil {
			return err
		}
		for _, p := range pages {
			if blobs[p.Page.Blob], err = tx.Blob(ctx, a.Org, p.Page.Blob); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var hits []Hit
	for _, p := range pages {
		words, err := s.words(ctx, blobs[p.Page.Blob])
		if err != nil {
			return nil, err
		}
		for _, run := range find(words, folded, MaxHits-len(hits)) {
			hits = append(hits, Hit{Document: p.Document, Page: p.Page, Words: run})
		}
		if len(hits) >= MaxHits {
			break
		}
	}
	return hits, nil
}

// find gives the first runs of words, at most max, whose text, joined by single
// spaces, contains the folded query.
func find(words []document.Word, query string, max int) [][]document.Word {
	var text strings.Builder
	starts := make([]int, 0, len(words)) // offset of each word in text
	for _, w := range words {
		if text.Len() > 0 {
			text.WriteByte(' ')
		}
		starts = append(starts, text.Len())
		text.WriteString(fold(w.Text))
	}
	all := text.String()
	var runs [][]document.Word
	for from := 0; ; {
		at := strings.Index(all[from:], query)
		if at < 0 || len(runs) >= max {
			return runs
		}
		begin, end := from+at, from+at+len(query)
		first, last := wordAt(starts, begin), wordAt(starts, end-1)
		runs = append(runs, words[first:last+1])
		from = end
	}
}

// wordAt gives the last word that starts at the offset or before it.
func wordAt(starts []int, offset int) int {
	i, exact := slices.BinarySearch(starts, offset)
	if exact {
		return i
	}
	return i - 1
}

// fold brings text to the form in which search compares: lower case, runs of
// white space as one space.
func fold(s string) string {
	return strings.Map(unicode.ToLower, strings.Join(strings.Fields(s), " "))
}
