package store

import (
	"context"
	"database/sql"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/approval"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/signing"
)

// ReportDocuments implements service.Reader.
func (r *Reader) ReportDocuments(ctx context.Context, q service.ReportQuery) ([]service.ReportRow, error) {
	w, span, err := r.reported(ctx, &q, access.ReadDocument)
	if err != nil {
		return nil, err
	}
	columns, args := r.groups(&q, "d.created_at", span)
	for i, path := range q.Sums {
		expression, more := r.c.dialect().numberAt(path)
		columns, args = append(columns, fmt.Sprintf("%s AS v%d", expression, i)), append(args, more...)
	}
	var of []string
	for i := range q.Sums {
		plain, sum := r.c.dialect().sum(fmt.Sprintf("x.v%d", i))
		of = append(of, "COUNT(*) FILTER (WHERE "+plain+"), "+sum)
	}
	from := "SELECT " + strings.Join(append(columns, "1 AS one"), ", ") + " FROM document d WHERE " + strings.Join(w.conditions, " AND ")
	if len(of) > 0 {
		from += onceEach
	}
	text := countedBy(len(q.By), append([]string{"COUNT(*)"}, of...), from)
	return list(ctx, r.c, func(s scanner) (row service.ReportRow, err error) {
		keys, into := keyTargets(len(q.By))
		sums := make([]sql.NullString, len(q.Sums))
		row.Sums = make([]service.ReportSum, len(q.Sums))
		into = append(into, &row.Documents)
		for i := range sums {
			into = append(into, &row.Sums[i].Documents, &sums[i])
		}
		err = s.Scan(into...)
		row.Keys = keysOf(keys)
		for i := range sums {
			row.Sums[i].Value = decimal(sums[i].String)
		}
		return row, err
	}, text, append(append(args, w.args...), service.MaxReportRows+1)...)
}

// ReportTimes implements service.Reader.
func (r *Reader) ReportTimes(ctx context.Context, q service.ReportQuery, of service.ReportOf) ([]service.TimesRow, error) {
	do, table, began, state := access.ReadTask, "approval", "t.created_at", string(approval.Approved)
	if of == service.TimesOfSigning {
		do, table, began, state = access.ReadEnvelope, "envelope", "t.sent_at", string(signing.Completed)
	}
	w, span, err := r.reported(ctx, &q, do)
	if err != nil {
		return nil, err
	}
	w.add("t.state = ?", state)
	w.add("t.closed_at > " + began)
	columns, args := r.groups(&q, "t.closed_at", span)
	names := numbered("g", len(q.By))
	took := "SELECT " + strings.Join(append(columns, "t.closed_at - "+began+" AS took"), ", ") +
		" FROM " + table + " t JOIN document d ON d.org = t.org AND d.id = t.document_id WHERE " + strings.Join(w.conditions, " AND ")
	over := ""
	if len(names) > 0 {
		over = "PARTITION BY " + strings.Join(names, ", ")
	}
	// The value at rank ⌈n/2⌉, or ⌈9n/10⌉, of the times in their order.
	ranked := "SELECT " + strings.Join(append(names, "y.took", "ROW_NUMBER() OVER ("+over+" ORDER BY y.took) AS r", "COUNT(*) OVER ("+over+") AS n"), ", ") + " FROM (" + took + ") y"
	text := countedBy(len(q.By), []string{"COUNT(*)", "MAX(CASE WHEN x.r = (x.n + 1) / 2 THEN x.took END)", "MAX(CASE WHEN x.r = (x.n * 9 + 9) / 10 THEN x.took END)"}, ranked)
	return list(ctx, r.c, func(s scanner) (row service.TimesRow, err error) {
		keys, into := keyTargets(len(q.By))
		var median, ninth sql.NullInt64
		err = s.Scan(append(into, &row.Documents, &median, &ninth)...)
		row.Keys, row.Median, row.Ninth = keysOf(keys), time.Duration(median.Int64)*time.Microsecond, time.Duration(ninth.Int64)*time.Microsecond
		return row, err
	}, text, append(append(args, w.args...), service.MaxReportRows+1)...)
}

// onceEach keeps both databases from writing an expression of a subquery wherever its
// column is used, which would read the metadata a dozen times for each document.
const onceEach = " LIMIT 9223372036854775807"

// reported gives the conditions of a report, and the months it may be about.
func (r *Reader) reported(ctx context.Context, q *service.ReportQuery, do access.Action) (*where, []time.Time, error) {
	mine, args := partSet(access.Parts(do), q.Org, q.Principal, r.now)
	w := r.matching(q.DocumentFilter, mine, args...)
	w.found(r.c.dialect().found, r.c.dialect(), q.Org, q.Search)
	if !q.ByMonth() {
		return w, nil, nil
	}
	first, err := one(ctx, r.c, func(s scanner) (t time.Time, err error) { err = s.Scan(stamp{&t}); return },
		"SELECT MIN(created_at) FROM document WHERE org = ?", q.Org)
	if err != nil || first.IsZero() { // there are none
		return w, nil, err
	}
	if q.Since.After(first) {
		first = q.Since
	}
	months := q.Months(first, r.now)
	if len(months) > service.MaxReportMonths {
		return nil, nil, fault.New(fault.Invalid, "report_too_large", "The documents reach over more than %d months. Ask for those created after a later time.", service.MaxReportMonths)
	}
	return w, months, nil
}

// groups gives the expressions that a report counts by, as g0, g1 and so on.
func (r *Reader) groups(q *service.ReportQuery, at string, months []time.Time) (columns []string, args []any) {
	for i, by := range q.By {
		var expression string
		var more []any
		switch by.Column {
		case service.ByState:
			expression = "d.state"
			if q.Units != nil {
				expression += " || ''" // SQLite would take the index that has the states in order, and read each row for its unit
			}
		case service.ByType:
			expression = "d.doc_type || ''" // as the states, and the index that lists have
		case service.ByUnit:
			expression = "d.unit"
		case service.ByMonth:
			expression = monthOf(at, months)
		default:
			expression, more = r.c.dialect().textAt(by.Path)
		}
		columns, args = append(columns, fmt.Sprintf("%s AS g%d", expression, i)), append(args, more...)
	}
	return columns, args
}

// monthOf names the month in which a time lies, by the beginnings of months in their
// order: a search by halves, since neither database knows the time zones of the other.
func monthOf(at string, months []time.Time) string {
	if len(months) == 1 {
		return "'" + months[0].Format("2006-01") + "'"
	}
	if len(months) == 0 {
		return "''"
	}
	half := len(months) / 2
	return fmt.Sprintf("CASE WHEN %s < %d THEN %s ELSE %s END", at, months[half].UnixMicro(), monthOf(at, months[:half]), monthOf(at, months[half:]))
}

// countedBy counts the rows of a query x by its first columns, in their order.
func countedBy(by int, what []string, from string) string {
	names := numbered("x.g", by)
	s := "SELECT " + strings.Join(append(names[:by:by], what...), ", ") + " FROM (" + from + ") x"
	if by > 0 {
		s += " GROUP BY " + strings.Join(names, ", ") + " ORDER BY " + strings.Join(names, ", ")
	}
	return s + " LIMIT ?"
}

func numbered(name string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprint(name, i)
	}
	return out
}

func keyTargets(n int) ([]sql.NullString, []any) {
	keys, into := make([]sql.NullString, n), make([]any, n)
	for i := range keys {
		into[i] = &keys[i]
	}
	return keys, into
}

func keysOf(keys []sql.NullString) []*string {
	out := make([]*string, len(keys))
	for i := range keys {
		if keys[i].Valid {
			out[i] = &keys[i].String
		}
	}
	return out
}

// decimal writes a sum as dialect.sum gives it: whole ones, a colon, millionths.
func decimal(sum string) string {
	whole, millionths, _ := strings.Cut(sum, ":")
	a, okA := new(big.Int).SetString(whole, 10)
	b, okB := new(big.Int).SetString(millionths, 10)
	if !okA || !okB {
		return "0"
	}
	a.Add(a.Mul(a, big.NewInt(1_000_000)), b)
	text := new(big.Rat).SetFrac(a, big.NewInt(1_000_000)).FloatString(6)
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}

// sqlitePath writes the way to a member, in whose names there is no quote.
func sqlitePath(path []string) string {
	at := "$"
	for _, name := range path {
		at += "." + jsonName(name)
	}
	return at
}

func sqliteText(path []string) (string, []any) {
	at := sqlitePath(path)
	return "CASE json_type(d.metadata, ?) WHEN 'text' THEN json_extract(d.metadata, ?) WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' WHEN 'integer' THEN d.metadata -> ? WHEN 'real' THEN d.metadata -> ? END",
		[]any{at, at, at, at}
}

// sqliteNumber gives the digits as they stand in the metadata, so that a sum is exact.
func sqliteNumber(path []string) (string, []any) {
	at := sqlitePath(path)
	return "CASE WHEN json_type(d.metadata, ?) IN ('integer', 'real') THEN d.metadata -> ? END", []any{at, at}
}

func sqliteSum(v string) (plain, sum string) {
	fraction := "CASE WHEN instr(" + v + ", '.') > 0 THEN CAST(substr(substr(" + v + ", instr(" + v + ", '.') + 1) || '000000', 1, 6) AS INTEGER) ELSE 0 END"
	plain = v + " NOT GLOB '*[eE]*' AND CAST(" + v + " AS INTEGER) BETWEEN -999999999999999 AND 999999999999999"
	of := " FILTER (WHERE " + plain + ")"
	return plain, "SUM(CAST(" + v + " AS INTEGER))" + of + " || ':' || SUM(CASE WHEN " + v + " LIKE '-%' THEN -(" + fraction + ") ELSE " + fraction + " END)" + of
}

// postgresMember are the arguments of json_extract_path. JSON's zero character has no text in
// PostgreSQL, and the whole statement would fail on it: it is read as a replacement character.
const postgresMember = `(replace(d.metadata, '\u0000', '\ufffd')::json, VARIADIC string_to_array(?, ?))`

func postgresText(path []string) (string, []any) {
	at, separator := strings.Join(path, "\x1f"), "\x1f"
	return "CASE WHEN json_typeof(json_extract_path" + postgresMember + ") IN ('string', 'number', 'boolean') THEN json_extract_path_text" + postgresMember + ` END COLLATE "C"`,
		[]any{at, separator, at, separator}
}

func postgresNumber(path []string) (string, []any) {
	at, separator := strings.Join(path, "\x1f"), "\x1f"
	return "CASE WHEN json_typeof(json_extract_path" + postgresMember + ") = 'number' THEN json_extract_path_text" + postgresMember + " END",
		[]any{at, separator, at, separator}
}

func postgresSum(v string) (plain, sum string) {
	plain = v + ` ~ '^(-|)[0-9]{1,15}(\.[0-9]+|)$'`
	of := " FILTER (WHERE " + plain + ")"
	return plain, "(SUM(trunc(" + v + "::numeric))" + of + ")::bigint || ':' || (SUM(trunc(mod(" + v + "::numeric, 1), 6) * 1000000)" + of + ")::bigint"
}
