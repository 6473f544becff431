package store

import (
	"strings"

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

// hasPart is true where the principal has a task on the document, or is a
// recipient of one of its envelopes. It takes the principal twice.
func hasPart(orgColumn, documentColumn string) string {
	of := func(table, who string) string {
		return "EXISTS (SELECT 1 FROM " + table + " r WHERE r.org = " + orgColumn + " AND r." + who + " = ? AND r.document_id = " + documentColumn + ")"
	}
	return "(" + of("task", "assignee") + " OR " + of("recipient", "email") + ")"
}

// part gives the condition hasPart with its arguments, nothing without a principal.
func part(orgColumn, documentColumn, principal string) (string, []any) {
	if principal == "" {
		return "", nil
	}
	p := approval.Normalise(principal)
	return hasPart(orgColumn, documentColumn), []any{p, p}
}

func anys(values []string) []any {
	out := make([]any, len(values))
	for i, v := range values {
		out[i] = v
	}
	return out
}
