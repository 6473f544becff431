package store

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/paraph/paraph/internal/service"
)

// Row is one row of a table as a backup takes it. Values are string, int64,
// float64, bool, []byte or nil, in the order of the table's columns.
type Row struct {
	Clear    []any
	Personal []any
	// Key is the key of the row's document; nil where the row belongs to none. A
	// destroyed one says that the personal columns are blank already.
	Key *service.DocumentKey
}

// EachRow reads a table from this snapshot, row by row, however long it is.
func (r *Reader) EachRow(ctx context.Context, t *Table, fn func(Row) error) error {
	columns := t.Columns()
	query := "SELECT t." + strings.Join(names(columns), ", t.")
	if t.Of != "" {
		query += ", k." + strings.Join(documentKeyColumns, ", k.") + " FROM " + t.Name + " t LEFT JOIN document_key k ON k.document_id = " + t.Of
	} else {
		query += " FROM " + t.Name + " t"
	}
	if t.Where != "" {
		query += " WHERE " + t.Where
	}
	return r.each(ctx, query, columns, t.Of != "", func(values []any, key *service.DocumentKey) error {
		return fn(Row{Clear: values[:len(t.Clear)], Personal: values[len(t.Clear):], Key: key})
	})
}

// each runs a query of the columns, and of a document's key behind them, and
// hands on each row.
func (r *Reader) each(ctx context.Context, query string, columns []Column, keyed bool, fn func([]any, *service.DocumentKey) error) error {
	found, err := r.c.query(ctx, query, nil)
	if err != nil {
		return err
	}
	defer found.Close()
	for found.Next() {
		cells := make([]cell, len(columns))
		targets := make([]any, 0, len(columns)+len(documentKeyColumns))
		for i, c := range columns {
			cells[i].kind = c.Kind
			targets = append(targets, &cells[i])
		}
		var k keyCells
		if keyed {
			targets = append(targets, k.targets()...)
		}
		if err := found.Scan(targets...); err != nil {
			return err
		}
		values := make([]any, len(cells))
		for i := range cells {
			values[i] = cells[i].value
		}
		if err := fn(values, k.key()); err != nil {
			return err
		}
	}
	if err := found.Err(); err != nil {
		return err
	}
	return found.Close()
}

// cell reads one value of a known kind from either driver.
type cell struct {
	kind  Kind
	value any
}

// Scan implements sql.Scanner.
func (c *cell) Scan(src any) error {
	if src == nil {
		c.value = nil
		return nil
	}
	switch c.kind {
	case Bytes:
		var b []byte
		switch v := src.(type) {
		case []byte:
			b = append([]byte{}, v...)
		case string:
			b = []byte(v)
		default:
			return fmt.Errorf("bytes are stored as %T", src)
		}
		c.value = b
		return nil
	case Integer:
		var v sql.NullInt64
		err := v.Scan(src)
		c.value = v.Int64
		return err
	case Real:
		var v sql.NullFloat64
		err := v.Scan(src)
		c.value = v.Float64
		return err
	case Boolean:
		var v sql.NullBool
		err := v.Scan(src)
		c.value = v.Bool
		return err
	}
	var v sql.NullString
	err := v.Scan(src)
	c.value = v.String
	return err
}

// keyCells read a document's key behind a row, where there is one.
type keyCells struct {
	id, org, document, wrappedBy sql.NullString
	wrapped                      []byte
	k                            service.DocumentKey
}

func (k *keyCells) targets() []any {
	return []any{&k.id, &k.org, &k.document, &k.wrappedBy, &k.wrapped, stamp{&k.k.CreatedAt}, stamp{&k.k.DestroyedAt}}
}

func (k *keyCells) key() *service.DocumentKey {
	if !k.id.Valid {
		return nil
	}
	out := k.k
	out.ID, out.Org, out.DocumentID, out.KeyID, out.Wrapped = k.id.String, k.org.String, k.document.String, k.wrappedBy.String, k.wrapped
	return &out
}

// JobTable is the queue's work that has not ended, as a table of a backup. The
// queue's own tables differ between the databases and are made anew by a restore.
var JobTable = table("river_job", "", "kind queue priority# max_attempts# args metadata scheduled_at#", "", "")

// unfinishedJobs read the jobs in the two databases' forms.
var unfinishedJobs = map[string][2]string{
	"sqlite": {"SELECT 1 FROM sqlite_master WHERE name = 'river_job'",
		`SELECT kind, queue, priority, max_attempts, json(args), json(metadata), CAST(strftime('%s', scheduled_at) AS INTEGER) * 1000000 FROM river_job`},
	"postgres": {"SELECT 1 FROM (SELECT to_regclass('river_job') AS r) x WHERE r IS NOT NULL",
		`SELECT kind, queue, priority::bigint, max_attempts::bigint, args::text, metadata::text, (extract(epoch FROM scheduled_at) * 1000000)::bigint FROM river_job`},
}

// EachJob reads the jobs that have not ended, those at work included.
func (r *Reader) EachJob(ctx context.Context, fn func(Row) error) error {
	q := unfinishedJobs[r.c.dialect().name]
	there, err := exists(ctx, r.c, q[0])
	if err != nil || !there {
		return err
	}
	return r.each(ctx, q[1]+" WHERE state IN ('available', 'pending', 'retryable', 'running', 'scheduled')", JobTable.Clear, false,
		func(values []any, _ *service.DocumentKey) error { return fn(Row{Clear: values}) })
}

// Missing is what the column holds of a row from a backup that is older than it.
func (c Column) Missing() any {
	switch {
	case c.Kind == Integer && strings.HasSuffix(c.Name, "_at"):
		return nil
	case c.Kind == Integer && c.Name == "weight":
		return int64(1)
	case c.Kind == Integer:
		return int64(0)
	case c.Kind == Boolean:
		return false
	}
	return c.Blank
}

// Decode brings a value that came out of JSON back to its column's kind.
func (c Column) Decode(v any) (any, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil
	case bool:
		if c.Kind == Boolean {
			return v, nil
		}
	case json.Number:
		if c.Kind == Integer {
			return v.Int64()
		}
		if c.Kind == Real {
			return v.Float64()
		}
	case string:
		if c.Kind == Bytes {
			return base64.StdEncoding.DecodeString(v)
		}
		if c.Kind == Text {
			return v, nil
		}
	}
	return nil, fmt.Errorf("column %s cannot hold %T", c.Name, v)
}
