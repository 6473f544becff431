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
	return anyPart(relations, func(r access.Relation) (string, []any) { return partAs(r, org, document, principal, now) })
}

// partSet is part for a query that looks at all documents d of an organisation: what
// the principal has a part in is gathered once, since a look-up for each document
// would cost more than the counting.
func partSet(relations access.Relation, org, principal string, now time.Time) (string, []any) {
	return anyPart(relations, func(r access.Relation) (string, []any) {
		table, condition, args := relating(r, principal, now)
		switch {
		case table == "document":
			return "d.created_by = ?", args
		case table == "":
			return "", nil
		}
		return "d.id IN (SELECT r.document_id FROM " + table + " r WHERE r.org = ? AND " + condition + ")", append([]any{org}, args...)
	})
}

func anyPart(relations access.Relation, as func(access.Relation) (string, []any)) (string, []any) {
	var either []string
	var args []any
	for _, relation := range access.Relations() {
		if relations&relation == 0 {
			continue
		}
		if condition, more := as(relation); condition != "" {
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
	table, condition, args := relating(relation, principal, now)
	if table == "" {
		return "", nil
	}
	id := "r.document_id"
	if table == "document" {
		id = "r.id"
	}
	return "EXISTS (SELECT 1 FROM " + table + " r WHERE r.org = " + org + " AND " + id + " = " + document + " AND " + condition + ")", args
}

// relating gives the table whose rows r put the principal into a relation to their
// document, and which of them do; none where nobody is meant.
func relating(relation access.Relation, principal string, now time.Time) (table, condition string, args []any) {
	who := approval.Normalise(principal)
	if who == "" || (relation == access.AsCreator && !access.Person(principal)) {
		return "", "", nil
	}
	switch relation {
	case access.AsCreator:
		return "document", "r.created_by = ?", []any{principal}
	case access.AsApprover:
		return "task", "r.assignee = ?", []any{who}
	case access.AsRecipient:
		return "recipient", "r.email = ?", []any{who}
	case access.AsGuest:
		return "document_grant", "r.principal = ? AND r.from_at <= ? AND r.until_at > ? AND r.revoked_at IS NULL", []any{who, now, now}
	}
	return "", "", nil
}

func anys[T any](values []T) []any {
	out := make([]any, len(values))
	for i, v := range values {
		out[i] = v
	}
	return out
}
