package service

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/journal"
)

// searchReader and searchWriter keep the full-text index of documents.
type searchReader interface {
	// PageTexts gives the texts of the pages that a document shows, by number; with a
	// word only of those that hold it somewhere, folded as SearchPages folds.
	PageTexts(ctx context.Context, org, documentID, word string, limit int) ([]document.Page, error)
	// SearchCursor is the index of the next entry that the search index looks at.
	SearchCursor(ctx context.Context) (int64, error)
	// ChangedDocuments gives the documents, of all organisations, that entries of SearchKinds
	// with from ≤ index < to are about, as they are now: each once, in the order of its first
	// such entry. Those that entries with to ≤ index < head tell of too are left to these.
	ChangedDocuments(ctx context.Context, from, to, head int64, limit int) ([]ChangedDocument, error)
}

// ChangedDocument is a document whose words may have changed, with the index of the
// entry that says so.
type ChangedDocument struct {
	document.Document
	Index int64
}

// DocumentWords are the words by which a document is found, in their order.
type DocumentWords struct {
	Org, ID string
	Words   []string
}

type searchWriter interface {
	// IndexDocuments puts the words of documents into the search index, in the place of
	// those before; one without words is taken out. No document comes twice.
	IndexDocuments(ctx context.Context, documents []DocumentWords) error
	// SetSearchCursor moves the cursor from a place to another. Conflict "stale"
	// where it is elsewhere.
	SetSearchCursor(ctx context.Context, from, to int64) error
	// ClearSearch empties the index and begins it anew.
	ClearSearch(ctx context.Context) error
}

// SearchKinds are the entries after which a document is indexed anew.
var SearchKinds = []journal.Kind{journal.DocumentCreated, journal.DocumentImported, journal.DocumentMetadataChanged, journal.DocumentVersionAdded, journal.DocumentCaptured, journal.DocumentDisposed}

// SearchText gives the words by which a document is found: of its title, its
// external id, its labels and metadata, and its pages. None for one that is disposed of.
func SearchText(ctx context.Context, tx Reader, d *document.Document) ([]string, error) {
	if d.Disposed() {
		return nil, nil
	}
	var words []string
	add := func(text string) {
		for _, w := range searchWords(text) {
			if len(words) == maxIndexed {
				return
			}
			words = append(words, w.text)
		}
	}
	for _, p := range detailsOf(d) {
		add(p.text)
	}
	if d.Pages == 0 {
		return words, nil
	}
	pages, err := tx.PageTexts(ctx, d.Org, d.ID, "", 0)
	for i := range pages {
		add(pages[i].Text)
	}
	return words, err
}

// passage is a text of a document that can be searched.
type passage struct {
	in   string
	page int
	text string
}

// The places of a document in which a search text can stand.
const (
	InTitle    = "title"
	InExternal = "external_id"
	InLabels   = "labels"
	InMetadata = "metadata"
	InPage     = "page"
)

// detailsOf gives them always in the same order: the index's words would become others
// with each look, and so would what is shown of a document.
func detailsOf(d *document.Document) []passage {
	out := []passage{{InTitle, 0, d.Title}, {InExternal, 0, d.ExternalID}}
	for _, name := range slices.Sorted(maps.Keys(d.Labels)) {
		out = append(out, passage{InLabels, 0, d.Labels[name]})
	}
	var metadata any
	if json.Unmarshal(d.Metadata, &metadata) == nil {
		out = scalars(metadata, out)
	}
	return out
}

// scalars gives the texts and numbers of a JSON value.
func scalars(v any, out []passage) []passage {
	switch v := v.(type) {
	case string:
		return append(out, passage{InMetadata, 0, v})
	case float64:
		if raw, err := json.Marshal(v); err == nil {
			return append(out, passage{InMetadata, 0, string(raw)})
		}
	case []any:
		for _, item := range v {
			out = scalars(item, out)
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			out = scalars(v[name], out)
		}
	}
	return out
}

// Match is a place of a document where a search text stands.
type Match struct {
	In   string // InTitle …
	Page int    // of InPage
	Text string // what stands around it
	// Marks are the words found: begin and end in Text, in code points.
	Marks [][2]int
}

const (
	maxMatches  = 3  // of one document
	matchBefore = 60 // bytes of text shown before the first word found, about
	matchLength = 240
)

// matchesOf shows where documents hold what was searched for.
func (s *Service) matchesOf(ctx context.Context, found []Found, query []SearchClause) error {
	var paged []*Found // whose pages have to be read for it
	for i := range found {
		f := &found[i]
		for _, p := range detailsOf(&f.Document) {
			if m, ok := matchIn(p, query); ok && len(f.Matches) < maxMatches {
				f.Matches = append(f.Matches, m)
			}
		}
		if f.Pages > 0 && len(f.Matches) < maxMatches {
			paged = append(paged, f)
		}
	}
	if len(paged) == 0 {
		return nil
	}
	return s.Store.Read(Within(ctx, paged[0].Org), func(ctx context.Context, tx Reader) error {
		for _, f := range paged {
			if err := f.matchPages(ctx, tx, query); err != nil {
				return err
			}
		}
		return nil
	})
}

// matchPages adds the first pages that hold what was searched for.
func (f *Found) matchPages(ctx context.Context, tx Reader, query []SearchClause) error {
	for _, c := range query {
		if c.Not || len(f.Matches) >= maxMatches {
			continue
		}
		pages, err := tx.PageTexts(ctx, f.Org, f.ID, c.Words[0], maxMatches)
		if err != nil {
			return err
		}
		for i := range pages {
			if m, ok := matchIn(passage{InPage, pages[i].No, pages[i].Text}, query); ok && len(f.Matches) < maxMatches && !shown(f.Matches, pages[i].No) {
				f.Matches = append(f.Matches, m)
			}
		}
	}
	return nil
}

func shown(all []Match, page int) bool {
	for _, m := range all {
		if m.In == InPage && m.Page == page {
			return true
		}
	}
	return false
}

// matchIn cuts out of a text what stands around the first place that the query finds in it.
func matchIn(p passage, query []SearchClause) (Match, bool) {
	words := searchWords(p.text)
	first := -1
	for i := range query {
		if at := query[i].standsAt(words, 0); at >= 0 && !query[i].Not && (first < 0 || at < first) {
			first = at
		}
	}
	if first < 0 {
		return Match{}, false
	}
	from := max(0, words[first].from-matchBefore)
	for from > 0 && !utf8.RuneStart(p.text[from]) {
		from--
	}
	to := min(len(p.text), from+matchLength)
	for to < len(p.text) && !utf8.RuneStart(p.text[to]) {
		to++
	}
	m := Match{In: p.in, Page: p.page, Text: strings.ToValidUTF8(p.text[from:to], "\uFFFD")}
	points := func(at int) int { return utf8.RuneCountInString(p.text[from:at]) }
	for i := first; i < len(words) && words[i].to <= to; i++ {
		for c := range query {
			if query[c].Not || query[c].standsAt(words[:min(len(words), i+len(query[c].Words))], i) != i {
				continue
			}
			last := words[i+len(query[c].Words)-1]
			if last.to <= to {
				m.Marks = append(m.Marks, [2]int{points(words[i].from), points(last.to)})
				i += len(query[c].Words) - 1
			}
			break
		}
	}
	return m, true
}

// RebuildSearch empties the full-text index; the process that keeps it fills it
// again from the beginning of the journal.
func (s *Service) RebuildSearch(ctx context.Context) error {
	return s.Store.Write(ctx, func(ctx context.Context, tx Tx) error {
		tx.Notify(TopicJournal)
		return tx.ClearSearch(ctx)
	})
}
