package store

import (
	"strings"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/approval"
)

// where gathers the conditions of a list query with their arguments.
type where struct {
	conditions []string
	args       []any
}

func (w *where) add(condition string, args ...any) {
	w.conditions = append(w.conditions, condition)
	w.args = append(w.args, args...)
}

// is adds column = value unless the value is empty.
func (w *where) is(column, value string) {
	if value != "" {
		w.add(column+" = ?", value)
	}
}

// in adds column IN (…) unless there are no values.
func (w *where) in(column string, values []string) {
	if len(values) > 0 {
		w.add(column+" IN ("+marks(len(values))+")", anys(values)...)
	}
}

// before adds the cursor of lists that run from new to old.
func (w *where) before(column, id string) {
	if id != "" {
		w.add(column+" < ?", id)
	}
}

// within confines a list to business units; nil is all of them. part, where it
// is not empty, is a condition that opens a row whatever its unit.
func (w *where) within(column string, units []string, part string, partArgs ...any) {
	if units == nil {
		return
	}
	var either []string
	var args []any
	if len(units) > 0 {
		either = append(either, column+" IN ("+marks(len(units))+")")
		args = append(args, anys(units)...)
	}
	if part != "" {
		either = append(either, part)
		args = append(args, partArgs...)
	}
	if len(either) == 0 {
		w.add("1 = 0")
		return
	}
	w.add("("+strings.Join(either, " OR ")+")", args...)
}

// clause writes the conditions with order and limit.
func (w *where) clause(order string, limit int) string {
	s := "WHERE " + strings.Join(w.conditions, " AND ") + " ORDER BY " + order
	if limit > 0 {
		w.args = append(w.args, limit)
		s += " LIMIT ?"
	}
	return s
}

// part is true where the principal stands in one of the relations to the document
// whose organisation and id stand in these columns: the condition with its
// arguments, nothing where nobody is meant. Decisions and lists both ask it, so
// that who finds a document may open it.
func part(relations access.Relation, org, document, principal string, now time.Time) (string, []any) {
	var either []string
	var args []any
	for _, relation := range access.Relations() {
		if relations&relation == 0 {
			continue
		}
		if condition, more := partAs(relation, org, document, principal, now); condition != "" {
			either, args = append(either, condition), append(args, more...)
		}
	}
	if either == nil {
		return "", nil
	}
	return "(" + strings.Join(either, " OR ") + ")", args
}

// partAs is part for one relation.
func partAs(relation access.Relation, org, document, principal string, now time.Time) (string, []any) {
	who := approval.Normalise(principal)
	if who == "" || (relation == access.AsCreator && !access.Person(principal)) {
		return "", nil
	}
	from := func(table, condition string) string {
		return "EXISTS (SELECT 1 FROM " + table + " r WHERE r.org = " + org + " AND r.document_id = " + document + " AND " + condition + ")"
	}
	switch relation {
	case access.AsCreator:
		return "EXISTS (SELECT 1 FROM document r WHERE r.org = " + org + " AND r.id = " + document + " AND r.created_by = ?)", []any{principal}
	case access.AsApprover:
		return from("task", "r.assignee = ?"), []any{who}
	case access.AsRecipient:
		return from("recipient", "r.email = ?"), []any{who}
	case access.AsGuest:
		return from("document_grant", "r.principal = ? AND r.from_at <= ? AND r.until_at > ? AND r.revoked_at IS NULL"), []any{who, now, now}
	}
	return "", nil
}

func anys(values []string) []any {
	out := make([]any, len(values))
	for i, v := range values {
		out[i] = v
	}
	return out
}
