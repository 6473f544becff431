package store

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/paraph/paraph/internal/service"
)

// dialect is what the two databases do not say in the same words. Everything
// else is one SQL text.
type dialect struct {
	name string
	// updateMany tells that one UPDATE of many rows is faster than many. SQLite
	// has no round trips to save, and would read the whole table for it.
	updateMany bool
	// labelIs is true where the document d has the label ? with the value ?.
	labelIs string
	// approverIs is true where ? stands in the approver list of the document d.
	approverIs string
	// pageContains is a condition on the page p with one argument made from the
	// folded text. lead says that it finds the pages by itself, and that no other
	// index should be taken.
	pageContains func(folded string) (condition, argument string, lead bool)
	// found is a condition on the document d with an organisation and a query as
	// search writes it; words gives the expression and the value of what is indexed.
	found string
	// foundFew is the same where few documents hold it: they are gathered first. foundOften
	// asks one document after the other, for what very many hold. holders gives so many of them.
	foundFew, holders string
	foundOften        func(org string, query []service.SearchClause) (string, []any)
	// hits lists so many of the rows of the full-text index that hold a query, below a number,
	// from the last one on; "" where the index has no order. hitRows gives just the numbers, from
	// the first one on, rowSpan the lowest and the highest of all, and rowsOf begins a list of
	// rows s by number.
	hits, hitRows, rowSpan, rowsOf string
	// lately counts, of so many of the newest rows, those that hold each query.
	lately func(queries [][]service.SearchClause, of int) (string, []any)
	// Where the index has no order, latest looks through so many of the newest documents below an
	// id: how many they are, the first and the last, which hold a query, and how many each of
	// others. newestHolders counts the documents that hold a query below an id, up to so many, and
	// tells which of so many of the newest hold another one, too; holdersOf only asks those of some eras.
	latest                   func(org, before string, most int, query []service.SearchClause, words [][]service.SearchClause) (string, []any)
	newestHolders, holdersOf string
	search                   func(query []service.SearchClause) string
	words                    func(words []string) (expression, value string)
	// wordsApart: the full-text index is a table of its own, and has to be told words.
	wordsApart bool
	// metadataIs is a condition on a member of the metadata of the document d.
	metadataIs func(path []string, value string) (condition string, args []any)
	// textAt gives a member of the metadata of the document d as text where it is a
	// string, a number or a boolean, and NULL where it is not. numberAt gives it where
	// it is a number, as its digits. sum adds up such as plain is true of, those without
	// an exponent and with 15 digits at most before the point, and gives the whole ones
	// and the millionths, with a colon between.
	textAt, numberAt func(path []string) (expression string, args []any)
	sum              func(column string) (plain, sum string)
	// lock makes rows that were read stay as they are until the transaction ends.
	// SQLite has one writer, and nothing to lock.
	lock string
	// share keeps a row that was read from being deleted or moved until the
	// transaction ends, and lets others read it so too.
	share string
	// now is the database's clock in microseconds.
	now string
	// whileIdle follows a RETURNING list and says for how long, in milliseconds,
	// the transaction may stand still from here on before it is undone.
	whileIdle string
	// joined writes the texts of a row as one, with zero bytes between; nil where
	// the database knows no zero byte in texts, and hands columns over fast enough.
	joined func(texts []string) string
	// hashes joins the column hash of the rows t, which come in the order of pos.
	hashes string
	// noSalt is the salt of an erased entry.
	noSalt string
}

var sqliteDialect = &dialect{
	name:       "sqlite",
	now:        "CAST(unixepoch('subsec') * 1000000 AS INTEGER)",
	labelIs:    "EXISTS (SELECT 1 FROM json_each(d.labels) j WHERE j.key = ? AND j.value = ?)",
	approverIs: "EXISTS (SELECT 1 FROM json_each(d.approvers) j WHERE j.value = ?)",
	joined:     func(texts []string) string { return "concat_ws(char(0), " + strings.Join(texts, ", ") + ")" },
	noSalt:     "zeroblob(32)",
	found:      "d.id IN (SELECT s.document_id FROM search_document s WHERE s.org = ? AND s.rid IN (SELECT rowid FROM search_fts WHERE search_fts MATCH ?))",
	foundFew:   "d.id IN (SELECT s.document_id FROM search_document s WHERE s.org = ? AND s.rid IN (SELECT rowid FROM search_fts WHERE search_fts MATCH ?))",
	holders:    "SELECT 1 FROM search_fts WHERE ? <> '' AND search_fts MATCH ? LIMIT ?",
	foundOften: wordsHold,
	hits: "SELECT s.rid, s.org, s.document_id FROM search_fts CROSS JOIN search_document s ON s.rid = search_fts.rowid " +
		"WHERE search_fts MATCH ? AND search_fts.rowid < ? ORDER BY search_fts.rowid DESC LIMIT ?",
	hitRows:    "SELECT rowid FROM search_fts WHERE search_fts MATCH ? AND rowid < ? ORDER BY rowid LIMIT ?",
	rowSpan:    "SELECT (SELECT MIN(rid) FROM search_document), (SELECT MAX(rid) FROM search_document)",
	rowsOf:     "SELECT s.rid, s.org, s.document_id FROM search_document s ",
	lately:     rowsHold,
	search:     ftsQuery,
	words:      func(words []string) (string, string) { return "?", strings.Join(words, " ") },
	wordsApart: true,
	metadataIs: func(path []string, value string) (string, []any) {
		at := sqlitePath(path)
		if isNumber(value) {
			return "CASE WHEN json_type(d.metadata, ?) IN ('integer', 'real') THEN CAST(json_extract(d.metadata, ?) AS REAL) = CAST(? AS REAL) ELSE json_extract(d.metadata, ?) = ? END",
				[]any{at, at, value, at, value}
		}
		return "CASE json_type(d.metadata, ?) WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' ELSE CAST(json_extract(d.metadata, ?) AS TEXT) END = ?", []any{at, at, value}
	},
	textAt:   sqliteText,
	numberAt: sqliteNumber,
	sum:      sqliteSum,
	hashes:   "CAST(group_concat(t.hash, '') AS BLOB)",
	pageContains: func(folded string) (string, string, bool) {
		if len([]rune(folded)) < 3 { // a trigram index knows nothing shorter
			return likeCondition, likePattern(folded), false
		}
		phrase := `"` + strings.ReplaceAll(folded, `"`, `""`) + `"`
		return "p.rid IN (SELECT rowid FROM page_fts WHERE page_fts MATCH ?)", phrase, true
	},
}

var postgresDialect = &dialect{
	name:          "postgres",
	updateMany:    true,
	lock:          " FOR UPDATE",
	share:         " FOR KEY SHARE",
	now:           "EXTRACT(EPOCH FROM clock_timestamp()) * 1000000",
	noSalt:        "decode(repeat('00', 32), 'hex')",
	found:         "d.id IN (SELECT s.document_id FROM search_document s WHERE s.org = ? AND s.words @@ CAST(? AS tsquery))",
	foundFew:      "d.id = ANY (ARRAY(SELECT s.document_id FROM search_document s WHERE s.org = ? AND s.words @@ CAST(? AS tsquery)))",
	holders:       "SELECT 1 FROM search_document s WHERE s.org = ? AND s.words @@ CAST(? AS tsquery) LIMIT ?",
	latest:        lookedThrough,
	newestHolders: fmt.Sprintf(newestHolders, ""),
	holdersOf:     fmt.Sprintf(newestHolders, " AND "+eraColumn+" && CAST(? AS text[])"),
	foundOften: func(org string, query []service.SearchClause) (string, []any) {
		return "EXISTS (SELECT 1 FROM search_document s WHERE s.org = ? AND s.document_id = d.id AND s.words @@ CAST(? AS tsquery) OFFSET 0)", []any{org, tsQuery(query)}
	},
	search: tsQuery,
	words:  func(words []string) (string, string) { return "CAST(? AS tsvector)", tsVector(words) },
	metadataIs: func(path []string, value string) (string, []any) {
		at, separator := strings.Join(path, "\x1f"), "\x1f"
		member, text := "json_extract_path"+postgresMember, "json_extract_path_text"+postgresMember
		if isNumber(value) {
			return "CASE WHEN json_typeof(" + member + ") = 'number' THEN CAST(" + text + " AS double precision) = CAST(CAST(? AS text) AS double precision) ELSE " + text + " = ? END",
				[]any{at, separator, at, separator, value, at, separator, value}
		}
		return text + " = ?", []any{at, separator, value}
	},
	textAt:     postgresText,
	numberAt:   postgresNumber,
	sum:        postgresSum,
	hashes:     "string_agg(t.hash, ''::bytea ORDER BY t.pos)",
	whileIdle:  ", set_config('idle_in_transaction_session_timeout', ?, true)",
	labelIs:    "EXISTS (SELECT 1 FROM json_each_text(d.labels::json) j WHERE j.key = ? AND j.value = ?)",
	approverIs: "EXISTS (SELECT 1 FROM json_array_elements_text(d.approvers::json) j WHERE j.value = ?)",
	pageContains: func(folded string) (string, string, bool) {
		return likeCondition, likePattern(folded), false // the trigram index serves LIKE, and the planner knows when
	},
}

const newestHolders = "SELECT COALESCE(MAX(x.n), 0), COALESCE(string_agg(x.document_id, ' ' ORDER BY x.document_id DESC) FILTER (WHERE x.words @@ CAST(? AS tsquery)), '') " +
	"FROM (SELECT COUNT(*) OVER () AS n, y.document_id, y.words FROM " +
	"(SELECT s.document_id, s.words FROM search_document s WHERE s.org = ? AND s.document_id < ? AND s.words @@ CAST(? AS tsquery)%s LIMIT ?) y ORDER BY y.document_id DESC LIMIT ?) x"

const likeCondition = `p.folded LIKE ? ESCAPE '\'`

// likePattern finds the text anywhere, with the signs that LIKE would read taken literally.
func likePattern(s string) string {
	return "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(s) + "%"
}

// isNumber tells whether a text is a number as JSON writes it, as far as a float goes.
func isNumber(s string) bool {
	_, err := strconv.ParseFloat(s, 64)
	return err == nil && strings.Trim(s, "0123456789+-.eE") == ""
}

// jsonName writes a member's name, in which there is no quote, as a part of a path of SQLite's.
func jsonName(name string) string { return `"` + name + `"` }
