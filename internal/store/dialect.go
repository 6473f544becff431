package store

import "strings"

// dialect is what the two databases do not say in the same words. Everything
// else is one SQL text.
type dialect struct {
	name string
	// labelIs is true where the document d has the label ? with the value ?.
	labelIs string
	// approverIs is true where ? stands in the approver list of the document d.
	approverIs string
	// pageContains is a condition on the page p with one argument made from the
	// folded text by pageArgument.
	pageContains func(folded string) (condition, argument string)
}

var sqliteDialect = &dialect{
	name:       "sqlite",
	labelIs:    "EXISTS (SELECT 1 FROM json_each(d.labels) j WHERE j.key = ? AND j.value = ?)",
	approverIs: "EXISTS (SELECT 1 FROM json_each(d.approvers) j WHERE j.value = ?)",
	pageContains: func(folded string) (string, string) {
		if len([]rune(folded)) < 3 { // a trigram index knows nothing shorter
			return likeCondition, likePattern(folded)
		}
		return "p.rid IN (SELECT rowid FROM page_fts WHERE page_fts MATCH ?)", `"` + strings.ReplaceAll(folded, `"`, `""`) + `"`
	},
}

var postgresDialect = &dialect{
	name:       "postgres",
	labelIs:    "EXISTS (SELECT 1 FROM json_each_text(d.labels::json) j WHERE j.key = ? AND j.value = ?)",
	approverIs: "EXISTS (SELECT 1 FROM json_array_elements_text(d.approvers::json) j WHERE j.value = ?)",
	pageContains: func(folded string) (string, string) {
		return likeCondition, likePattern(folded) // the trigram index serves LIKE
	},
}

const likeCondition = `p.folded LIKE ? ESCAPE '\'`

// likePattern finds the text anywhere, with the signs that LIKE would read taken literally.
func likePattern(s string) string {
	return "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(s) + "%"
}
