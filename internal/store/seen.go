package store

import (
	"context"
	"slices"
	"strings"
)

// seen are the rows that a command has read to write them back, each under its table
// and its key: the bound values of all columns behind org and id. An UPDATE then names
// only the columns that have become others. A database takes a row out of every index
// of which a column is named, and puts it in again, be the value the same or not; a
// document stands in ten, and has perhaps megabytes of metadata.
//
// What was read is what stands there as long as the row's revision does, which every
// such UPDATE compares.
type seen map[string][]any

func seenKey(table, org, id string) string { return table + " " + org + " " + id }

// remembers gives what a conn keeps in mind of rows; nil where it carries statements out
// at once, and commands are few.
func remembers(c conn) seen {
	if p, ok := c.(*proposal); ok {
		return p.seen
	}
	return nil
}

// keep keeps a row in mind. One that cannot be bound was not written either.
func (s seen) keep(table, org, id string, row []any) {
	if bound, err := bind(row); err == nil {
		s[seenKey(table, org, id)] = bound
	}
}

// has tells whether a row that was read holds the value at that place.
func (s seen) has(table, org, id string, place int, value any) bool {
	row := s[seenKey(table, org, id)]
	return row != nil && same(row[place], value)
}

// update writes the UPDATE of the columns that differ from what was read, all of them
// where nothing is known of the row, with the arguments, and keeps in mind what will stand
// there. Nothing has to be written where the text is empty. The row is bound.
func (s seen) update(table, org, id string, columns []string, row []any, where string, of ...any) (string, []any) {
	key := seenKey(table, org, id)
	before := s[key]
	if s != nil {
		s[key] = row
	}
	var set strings.Builder
	args := make([]any, 0, len(row)+len(of))
	for i, column := range columns {
		if before != nil && same(before[i], row[i]) {
			continue
		}
		if len(args) > 0 {
			set.WriteString(", ")
		}
		set.WriteString(column + " = ?")
		args = append(args, row[i])
	}
	if len(args) == 0 {
		return "", nil
	}
	return "UPDATE " + table + " SET " + set.String() + " WHERE " + where, append(args, of...)
}

// same tells whether two bound values are one. Bytes never are: their owner may have
// written over them.
func same(a, b any) bool {
	switch a.(type) {
	case string, int, int64, bool, nil:
		return a == b
	}
	return false
}

// rewrite is the compare-and-swap of a row of which org, id and revision are columns.
func rewrite(ctx context.Context, c conn, table, org, id string, columns []string, row []any, revision int64) (bool, error) {
	row, err := bind(row)
	if err != nil {
		return false, err
	}
	known := remembers(c)
	if !known.has(table, org, id, slices.Index(columns, "revision"), revision) {
		delete(known, seenKey(table, org, id)) // it was read at another revision: nothing is known of this one
	}
	query, args := known.update(table, org, id, columns, row, "org = ? AND id = ? AND revision = ?", org, id, revision)
	return change(ctx, c, 1, query, args...)
}
