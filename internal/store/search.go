package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/service"
)

// PageTexts implements service.Reader.
func (r *Reader) PageTexts(ctx context.Context, org, documentID, word string, limit int) ([]document.Page, error) {
	var w where
	w.add("p.org = ?", org)
	w.add("p.document_id = ?", documentID)
	w.add(shownPage)
	if word != "" {
		w.add(likeCondition, likePattern(fold(word)))
	}
	scan := func(s scanner) (p document.Page, err error) { err = s.Scan(&p.No, &p.Text); return }
	return list(ctx, r.c, scan, "SELECT p.number, p.text FROM page p JOIN document d ON d.org = p.org AND d.id = p.document_id "+w.clause("p.number", limit), w.args...)
}

// SearchCursor implements service.Reader.
func (r *Reader) SearchCursor(ctx context.Context) (int64, error) {
	return one(ctx, r.c, scanInt, "SELECT next FROM search_cursor")
}

// ChangedDocuments implements service.Reader.
func (r *Reader) ChangedDocuments(ctx context.Context, from, to, head int64, limit int) ([]service.ChangedDocument, error) {
	var kinds []any
	for _, k := range service.SearchKinds {
		kinds = append(kinds, string(k))
	}
	args := slices.Concat([]any{from, to}, kinds, []any{to, head}, kinds, []any{limit})
	scan := func(s scanner) (d service.ChangedDocument, err error) {
		err = s.Scan(append(documentTargets(&d.Document), &d.Index)...)
		return
	}
	return list(ctx, r.c, scan, selectChanged, args...)
}

// selectChanged asks for later entries by the document's chain; the sign keeps it from
// asking by their index, of which there may be millions.
var selectChanged = "SELECT d." + strings.Join(documentColumns, ", d.") + `, c.first FROM (SELECT e.org, e.document_id, MIN(e.idx) AS first FROM entry e
	WHERE e.idx >= ? AND e.idx < ? AND e.kind IN (` + marks(len(service.SearchKinds)) + `) AND e.document_id <> '' AND NOT EXISTS
		(SELECT 1 FROM entry l WHERE l.document_id = e.document_id AND l.document_id <> '' AND l.doc_seq > e.doc_seq
		AND +l.idx >= ? AND +l.idx < ? AND l.kind IN (` + marks(len(service.SearchKinds)) + `))
	GROUP BY e.org, e.document_id ORDER BY 3 LIMIT ?) c JOIN document d ON d.org = c.org AND d.id = c.document_id ORDER BY c.first`

// IndexDocuments implements service.Tx.
func (t *Tx) IndexDocuments(ctx context.Context, documents []service.DocumentWords) error {
	var changed []reworded
	for _, d := range documents {
		c, err := t.reword(ctx, d)
		if err != nil {
			return err
		}
		if c.old != c.new {
			changed = append(changed, c)
		}
	}
	// By number: FTS5 begins another piece where one is lower than the last.
	slices.SortFunc(changed, func(a, b reworded) int { return cmp.Compare(a.rid, b.rid) })
	for _, c := range changed {
		if err := t.indexWords(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

// reworded is a row of search_document whose words became others, where the full-text
// index has to be told; none where the database tells it by itself.
type reworded struct {
	rid      int64
	old, new string
}

// insertSearched gives a row its place, or the first free one behind it.
const insertSearched = `INSERT INTO search_document (rid, org, document_id, words, given) VALUES (
	(WITH RECURSIVE at(n) AS (SELECT ? UNION ALL SELECT n + 1 FROM at WHERE EXISTS (SELECT 1 FROM search_document WHERE rid = n)) SELECT MAX(n) FROM at), ?, ?, ?, 1) RETURNING rid`

// reword gives a document its words.
func (t *Tx) reword(ctx context.Context, d service.DocumentWords) (reworded, error) {
	if len(d.Words) == 0 {
		_, err := exec(ctx, t.c, "DELETE FROM search_document WHERE org = ? AND document_id = ?", d.Org, d.ID)
		return reworded{}, err
	}
	form, words := t.c.dialect().words(d.Words)
	if t.c.dialect().wordsApart {
		return t.rewordApart(ctx, d, words)
	}
	// Most of what is indexed anew has the words it had, and is left as it is.
	_, err := exec(ctx, t.c, "INSERT INTO search_document (org, document_id, words) VALUES (?, ?, "+form+") ON CONFLICT (org, document_id) DO UPDATE SET words = excluded.words WHERE search_document.words <> excluded.words",
		d.Org, d.ID, words)
	return reworded{}, err
}

// rewordApart is reword where the full-text index stands apart from the table, and tells
// which words the index has to forget: none of a document that is new. The column given
// keeps the triggers from telling the index, as they do for the program before.
func (t *Tx) rewordApart(ctx context.Context, d service.DocumentWords, words string) (reworded, error) {
	scan := func(s scanner) (c reworded, err error) { err = s.Scan(&c.rid, &c.old); return }
	found, err := list(ctx, t.c, scan, "SELECT rid, words FROM search_document WHERE org = ? AND document_id = ?", d.Org, d.ID)
	if err != nil {
		return reworded{}, err
	}
	if len(found) == 0 {
		rid, err := one(ctx, t.c, scanInt, insertSearched, searchPlace(d.ID), d.Org, d.ID, words)
		return reworded{rid: rid, new: words}, err
	}
	c := found[0]
	if c.new = words; c.old == words {
		return c, nil // as most of what is indexed anew
	}
	_, err = exec(ctx, t.c, "UPDATE search_document SET words = ?, given = given + 1 WHERE rid = ?", words, c.rid)
	return c, err
}

// indexWords tells FTS5 the words of a row. Nothing but such statements may stand between
// those of one batch: FTS5 gathers words in memory, and writes them as a piece of their own,
// which has to be merged later, as soon as a statement that could be undone alone touches
// another table.
func (t *Tx) indexWords(ctx context.Context, c reworded) error {
	if c.old != "" {
		if _, err := exec(ctx, t.c, "INSERT INTO search_fts (search_fts, rowid, words) VALUES ('delete', ?, ?)", c.rid, c.old); err != nil {
			return err
		}
	}
	_, err := exec(ctx, t.c, "INSERT INTO search_fts (rowid, words) VALUES (?, ?)", c.rid, c.new)
	return err
}

// SetSearchCursor implements service.Tx.
func (t *Tx) SetSearchCursor(ctx context.Context, from, to int64) error {
	ok, err := change(ctx, t.c, 1, "UPDATE search_cursor SET next = ? WHERE next = ?", to, from)
	if err == nil && !ok {
		return stale()
	}
	return err
}

// ClearSearch implements service.Tx.
func (t *Tx) ClearSearch(ctx context.Context) error {
	if _, err := exec(ctx, t.c, "DELETE FROM search_document"); err != nil {
		return err
	}
	_, err := exec(ctx, t.c, "UPDATE search_cursor SET next = 0")
	return err
}

// found is true of documents that hold what is searched for.
func (w *where) found(condition string, d *dialect, org string, query []service.SearchClause) {
	if len(query) > 0 {
		w.add(condition, org, d.search(query))
	}
}

// wordsHold looks into the words of one document, which stand there with one space
// between them, instead of asking FTS5 for all documents that hold them.
func wordsHold(org string, query []service.SearchClause) (string, []any) {
	condition, args := "EXISTS (SELECT 1 FROM search_document s WHERE s.org = ? AND s.document_id = d.id", []any{org}
	for _, c := range query {
		end, sign := " ", "> 0"
		if c.Prefix {
			end = ""
		}
		if c.Not {
			sign = "= 0"
		}
		condition += " AND instr(' ' || s.words || ' ', ?) " + sign
		args = append(args, " "+strings.Join(c.Words, " ")+end)
	}
	return condition + ")", args
}

// rowsHold counts the newest rows of the full-text index that hold each query.
func rowsHold(queries [][]service.SearchClause, of int) (string, []any) {
	const part = "(SELECT COUNT(*) FROM search_fts WHERE search_fts MATCH ? AND rowid >= (SELECT MIN(rid) FROM (SELECT rid FROM search_document ORDER BY rid DESC LIMIT ?) x))"
	var parts []string
	var args []any
	for _, q := range queries {
		parts, args = append(parts, part), append(args, ftsQuery(q), of)
	}
	return "SELECT " + strings.Join(parts, ", "), args
}

// lookedThrough reads the newest documents of an organisation below an id.
func lookedThrough(org, before string, most int, query []service.SearchClause, words [][]service.SearchClause) (string, []any) {
	s := "SELECT COUNT(*), COALESCE(MIN(x.document_id), ''), COALESCE(MAX(x.document_id), ''), COALESCE(string_agg(x.document_id, ' ' ORDER BY x.document_id DESC) FILTER (WHERE x.words @@ CAST(? AS tsquery)), '')"
	args, read := []any{tsQuery(query)}, "s.words"
	if len(words) > 0 { // else the words of a long document would be unpacked for each question
		read = "s.words || CAST('' AS tsvector) AS words"
	}
	for _, q := range words {
		s += ", COUNT(*) FILTER (WHERE x.words @@ CAST(? AS tsquery))"
		args = append(args, tsQuery(q))
	}
	return s + " FROM (SELECT s.document_id, " + read + " FROM search_document s WHERE s.org = ? AND s.document_id < ? ORDER BY s.document_id DESC LIMIT ?) x", append(args, org, before, most)
}

// ftsQuery writes a query in the language of SQLite's FTS5. Words are letters and
// digits alone, so nothing in them can be read as a sign of that language.
func ftsQuery(query []service.SearchClause) string {
	var wanted, not []string
	for _, c := range query {
		s := `"` + strings.Join(c.Words, " ") + `"`
		if c.Prefix {
			s += " *"
		}
		if c.Not {
			not = append(not, s)
		} else {
			wanted = append(wanted, s)
		}
	}
	s := "(" + strings.Join(wanted, " AND ") + ")"
	if len(not) > 0 {
		s += " NOT (" + strings.Join(not, " OR ") + ")"
	}
	return s
}

// tsQuery writes a query as a tsquery.
func tsQuery(query []service.SearchClause) string {
	all := make([]string, len(query))
	for i, c := range query {
		words := make([]string, len(c.Words))
		for n, word := range c.Words {
			words[n] = "'" + word + "'"
			if c.Prefix && n == len(c.Words)-1 {
				words[n] += ":*"
			}
		}
		all[i] = "(" + strings.Join(words, " <-> ") + ")"
		if c.Not {
			all[i] = "!" + all[i]
		}
	}
	return strings.Join(all, " & ")
}

const (
	maxPosition  = 16383     // the last place that a tsvector tells from the next
	maxPositions = 255       // of one word
	maxVector    = 900 << 10 // bytes of a tsvector; it takes 1 MB
)

// tsVector writes words as a tsvector. Phrases are found among the first 16,383
// words; single words in all of them that it has room for.
func tsVector(words []string) string {
	at := map[string][]int{}
	var order []string
	size := 0
	for i, word := range words {
		places, known := at[word]
		if !known {
			size += len(word) + 8
		}
		if size += 2; size > maxVector {
			break
		}
		if !known {
			order = append(order, word)
		}
		if len(places) < maxPositions {
			at[word] = append(places, min(i+1, maxPosition))
		}
	}
	var b strings.Builder
	for _, word := range order {
		b.WriteString("'" + word + "':")
		for i, n := range at[word] {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprint(&b, n)
		}
		b.WriteByte(' ')
	}
	return b.String()
}
