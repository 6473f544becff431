package store

import "strings"

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
	hashes:     "CAST(group_concat(t.hash, '') AS BLOB)",
	pageContains: func(folded string) (string, string, bool) {
		if len([]rune(folded)) < 3 { // a trigram index knows nothing shorter
			return likeCondition, likePattern(folded), false
		}
		phrase := `"` + strings.ReplaceAll(folded, `"`, `""`) + `"`
		return "p.rid IN (SELECT rowid FROM page_fts WHERE page_fts MATCH ?)", phrase, true
	},
}

var postgresDialect = &dialect{
	name:       "postgres",
	updateMany: true,
	lock:       " FOR UPDATE",
	share:      " FOR KEY SHARE",
	now:        "EXTRACT(EPOCH FROM clock_timestamp()) * 1000000",
	noSalt:     "decode(repeat('00', 32), 'hex')",
	hashes:     "string_agg(t.hash, ''::bytea ORDER BY t.pos)",
	whileIdle:  ", set_config('idle_in_transaction_session_timeout', ?, true)",
	labelIs:    "EXISTS (SELECT 1 FROM json_each_text(d.labels::json) j WHERE j.key = ? AND j.value = ?)",
	approverIs: "EXISTS (SELECT 1 FROM json_array_elements_text(d.approvers::json) j WHERE j.value = ?)",
	pageContains: func(folded string) (string, string, bool) {
		return likeCondition, likePattern(folded), false // the trigram index serves LIKE, and the planner knows when
	},
}

const likeCondition = `p.folded LIKE ? ESCAPE '\'`

// likePattern finds the text anywhere, with the signs that LIKE would read taken literally.
func likePattern(s string) string {
	return "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(s) + "%"
}
