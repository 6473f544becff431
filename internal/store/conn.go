package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	json "github.com/go-json-experiment/json/v1"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/fault"
)

// conn runs SQL inside one transaction. Statements are written with ? for every
// database; arguments go through bind first.
type conn interface {
	exec(ctx context.Context, query string, args []any) (affected int64, err error)
	// change runs a statement that is to change exactly want rows, and tells whether it did.
	change(ctx context.Context, query string, args []any, want int64) (bool, error)
	query(ctx context.Context, query string, args []any) (rows, error)
	dialect() *dialect
}

// rows is a result, read from top to bottom and then closed.
type rows interface {
	scanner
	Next() bool
	Close() error
	Err() error
}

// scanner is one row of a result.
type scanner interface{ Scan(dest ...any) error }

// bind brings arguments to what both drivers take: times as microseconds, zero
// times as NULL. Text that PostgreSQL cannot keep is refused for both databases:
// fault Invalid "bad_character".
func bind(args []any) ([]any, error) {
	for i, a := range args {
		switch v := a.(type) {
		case time.Time:
			if v.IsZero() {
				args[i] = nil
			} else {
				args[i] = v.UnixMicro()
			}
		case string:
			if !utf8.ValidString(v) || strings.IndexByte(v, 0) >= 0 {
				return nil, fault.New(fault.Invalid, "bad_character", "A text holds a zero byte or is not UTF-8, and cannot be kept. Remove those characters.")
			}
		}
	}
	return args, nil
}

// exec runs a statement and gives the number of rows it changed.
func exec(ctx context.Context, c conn, query string, args ...any) (int64, error) {
	args, err := bind(args)
	if err != nil {
		return 0, err
	}
	n, err := c.exec(ctx, query, args)
	return n, mapped(err)
}

// change runs a statement that is to change exactly want rows, and tells whether
// it did. Unlike exec it can be proposed: see proposal.
func change(ctx context.Context, c conn, want int, query string, args ...any) (bool, error) {
	args, err := bind(args)
	if err != nil {
		return false, err
	}
	ok, err := c.change(ctx, query, args, int64(want))
	return ok, mapped(err)
}

// counted is change for a conn that carries statements out at once.
func counted(ctx context.Context, c conn, query string, args []any, want int64) (bool, error) {
	n, err := c.exec(ctx, query, args)
	return n == want, err
}

// list runs a query and reads every row with scan.
func list[T any](ctx context.Context, c conn, scan func(scanner) (T, error), query string, args ...any) ([]T, error) {
	args, err := bind(args)
	if err != nil {
		return nil, err
	}
	rows, err := c.query(ctx, query, args)
	if err != nil {
		return nil, mapped(err)
	}
	defer rows.Close()
	var out []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, mapped(err)
		}
		out = append(out, v)
	}
	if err := rows.Err(); err != nil {
		return nil, mapped(err)
	}
	return out, mapped(rows.Close())
}

// one runs a query that gives at most one row. Without a row it is fault NotFound "not_found".
func one[T any](ctx context.Context, c conn, scan func(scanner) (T, error), query string, args ...any) (T, error) {
	found, err := list(ctx, c, scan, query, args...)
	if err != nil || len(found) == 0 {
		var none T
		if err == nil {
			err = access.NotFound()
		}
		return none, err
	}
	return found[0], nil
}

// exists tells whether a query gives a row.
func exists(ctx context.Context, c conn, query string, args ...any) (bool, error) {
	found, err := list(ctx, c, scanInt, query, args...)
	return len(found) > 0, err
}

func scanInt(s scanner) (n int64, err error)     { err = s.Scan(&n); return }
func scanString(s scanner) (v string, err error) { err = s.Scan(&v); return }
func scanBytes(s scanner) (v []byte, err error)  { err = s.Scan(&v); return }

// insertInto writes an INSERT of n rows. suffix is the ON CONFLICT clause, if any.
func insertInto(table string, columns []string, n int, suffix string) string {
	var b strings.Builder
	b.WriteString("INSERT INTO " + table + " (" + strings.Join(columns, ", ") + ") VALUES ")
	row := "(" + marks(len(columns)) + ")"
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(row)
	}
	if suffix != "" {
		b.WriteString(" " + suffix)
	}
	return b.String()
}

// selectFrom writes a SELECT of the columns under the alias.
func selectFrom(table, alias string, columns []string) string {
	return "SELECT " + alias + "." + strings.Join(columns, ", "+alias+".") + " FROM " + table + " " + alias + " "
}

// marks writes n placeholders.
func marks(n int) string {
	if n == 0 {
		return ""
	}
	return strings.Repeat("?, ", n-1) + "?"
}

// chunks cuts n rows into a few fixed sizes, so that only a few statements exist
// however long the list is.
func chunks(n int, each func(from, to int) error) error {
	for from := 0; from < n; {
		size := 1
		for _, s := range []int{256, 64, 16, 4} {
			if n-from >= s {
				size = s
				break
			}
		}
		if err := each(from, from+size); err != nil {
			return err
		}
		from += size
	}
	return nil
}

// insertRows inserts many rows in few statements and tells whether all were written.
func insertRows(ctx context.Context, c conn, table string, columns []string, suffix string, all [][]any) (bool, error) {
	whole := true
	err := chunks(len(all), func(from, to int) error {
		args := make([]any, 0, (to-from)*len(columns))
		for _, r := range all[from:to] {
			args = append(args, r...)
		}
		ok, err := change(ctx, c, to-from, insertInto(table, columns, to-from, suffix), args...)
		whole = whole && ok
		return err
	})
	return whole, err
}

// stamp reads microseconds into a time; NULL is the zero time.
type stamp struct{ t *time.Time }

var _ sql.Scanner = stamp{}

// Scan implements sql.Scanner.
func (s stamp) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*s.t = time.Time{}
	case int64:
		*s.t = time.UnixMicro(v).UTC()
	default:
		return fmt.Errorf("a time is stored as %T", src)
	}
	return nil
}

// asJSON reads a JSON text into a value. Empty lists and maps become nil.
type asJSON struct{ into any }

// Scan implements sql.Scanner.
func (j asJSON) Scan(src any) error {
	var raw []byte
	switch v := src.(type) {
	case nil:
		return nil
	case string:
		raw = []byte(v)
	case []byte:
		raw = v
	default:
		return fmt.Errorf("JSON is stored as %T", src)
	}
	if s := string(raw); s == "" || s == "{}" || s == "null" {
		return nil
	}
	return json.Unmarshal(raw, j.into)
}

// rawJSON reads a JSON text byte for byte; NULL is nil.
type rawJSON struct{ into *[]byte }

// Scan implements sql.Scanner.
func (j rawJSON) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*j.into = nil
	case string:
		*j.into = []byte(v)
	case []byte:
		*j.into = slices.Clone(v)
	default:
		return fmt.Errorf("JSON is stored as %T", src)
	}
	return nil
}

// fixed reads exactly 32 bytes.
type fixed struct{ into *[32]byte }

// Scan implements sql.Scanner.
func (f fixed) Scan(src any) error {
	raw, ok := src.([]byte)
	if !ok || len(raw) != 32 {
		return fmt.Errorf("a hash is stored as %T of %d bytes", src, len(raw))
	}
	copy(f.into[:], raw)
	return nil
}

// encode writes a list, map or struct as JSON text. The types it is used for
// cannot fail to encode.
func encode(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("store: %T cannot be written as JSON: %v", v, err))
	}
	return string(raw)
}

// raw gives a JSON value as it was sent, NULL where there is none.
func raw(j []byte) any {
	if j == nil {
		return nil
	}
	return string(j)
}

var rebound sync.Map // statement with ? → statement with $n

// rebind numbers the placeholders as PostgreSQL wants them. No statement of ours
// holds a ? of any other meaning.
func rebind(query string) string {
	if known, ok := rebound.Load(query); ok {
		return known.(string)
	}
	var b strings.Builder
	n := 0
	for i := 0; i < len(query); i++ {
		if query[i] != '?' {
			b.WriteByte(query[i])
			continue
		}
		n++
		fmt.Fprintf(&b, "$%d", n)
	}
	out := b.String()
	rebound.Store(query, out)
	return out
}
