package main

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/paraph/paraph/internal/config"
	"github.com/paraph/paraph/internal/server"
)

func open(ctx context.Context, o loadOptions) (loader, error) {
	if o.database != "" {
		return openPostgres(ctx, o.database)
	}
	c := config.Default()
	c.DataDir = o.data
	return openSQLite(ctx, server.DatabaseURL(&c))
}

// sqliteLoader writes with all safety off, and syncs once at the end.
type sqliteLoader struct {
	path  string
	db    *sql.DB
	stmts map[string]*sql.Stmt
	after []string // statements that put back what was dropped for the loading
}

func openSQLite(ctx context.Context, path string) (*sqliteLoader, error) {
	q := url.Values{"_pragma": {"journal_mode(OFF)", "synchronous(OFF)", "locking_mode(EXCLUSIVE)", "cache_size(-1500000)", "foreign_keys(0)"}}
	db, err := sql.Open("sqlite", "file:"+path+"?"+q.Encode())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	l := &sqliteLoader{path: path, db: db, stmts: map[string]*sql.Stmt{}}
	rows, err := db.QueryContext(ctx, "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE type IN ('index', 'trigger') AND sql IS NOT NULL ORDER BY type")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var drop []string
	for rows.Next() {
		var kind, name, of, text string
		if err := rows.Scan(&kind, &name, &of, &text); err != nil {
			return nil, err
		}
		if slices.Contains(loaded, of) {
			drop, l.after = append(drop, "DROP "+kind+" "+name), append(l.after, text)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	return l, l.all(ctx, drop)
}

func (l *sqliteLoader) all(ctx context.Context, statements []string) error {
	for _, s := range statements {
		if _, err := l.db.ExecContext(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	return nil
}

// atOnce is how many rows one statement writes.
const atOnce = 100

func (l *sqliteLoader) write(ctx context.Context, t table) error {
	tx, err := l.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	for from := 0; from < len(t.rows); {
		n := atOnce
		if len(t.rows)-from < n {
			n = 1
		}
		st, err := l.prepare(ctx, tx, t, n)
		if err != nil {
			return err
		}
		args := make([]any, 0, n*len(t.columns))
		for _, r := range t.rows[from : from+n] {
			args = append(args, r...)
		}
		if _, err := tx.StmtContext(ctx, st).ExecContext(ctx, args...); err != nil {
			return err
		}
		from += n
	}
	return tx.Commit()
}

func (l *sqliteLoader) prepare(ctx context.Context, tx *sql.Tx, t table, n int) (*sql.Stmt, error) {
	key := fmt.Sprint(t.name, n)
	if st := l.stmts[key]; st != nil {
		return st, nil
	}
	row := "(?" + strings.Repeat(",?", len(t.columns)-1) + ")"
	st, err := tx.PrepareContext(ctx, "INSERT INTO "+t.name+" ("+strings.Join(t.columns, ",")+") VALUES "+row+strings.Repeat(","+row, n-1))
	if err == nil {
		l.stmts[key] = st
	}
	return st, err
}

func (l *sqliteLoader) finish(ctx context.Context, size int64, root []byte) error {
	if _, err := l.db.ExecContext(ctx, "UPDATE log_head SET size = ?, root = ?, epoch = 1", size, root); err != nil {
		return err
	}
	if _, err := l.db.ExecContext(ctx, "INSERT INTO dispatch_cursor (name, next) VALUES ('jobs', ?), ('webhooks', ?) ON CONFLICT (name) DO UPDATE SET next = excluded.next", size, size); err != nil {
		return err
	}
	marks := `INSERT INTO document_mark SELECT d.org, 'label', j.key, j.value, d.id FROM document d, json_each(d.labels) j
		UNION ALL SELECT d.org, 'approver', '', j.value, d.id FROM document d, json_each(d.approvers) j ORDER BY 1, 2, 3, 4, 5`
	if err := l.all(ctx, append(append([]string{marks}, l.after...), "PRAGMA optimize", "PRAGMA locking_mode(NORMAL)", "PRAGMA journal_mode(WAL)")); err != nil {
		return err
	}
	f, err := os.Open(l.path)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

func (l *sqliteLoader) close() error { return l.db.Close() }
