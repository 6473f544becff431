package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

// postgresLoader copies rows in.
type postgresLoader struct {
	db    *pgx.Conn
	after []string // statements that put back what was dropped for the loading
}

func openPostgres(ctx context.Context, url string) (*postgresLoader, error) {
	db, err := pgx.Connect(ctx, url)
	if err != nil {
		return nil, err
	}
	l := &postgresLoader{db: db}
	// What backs a constraint stays.
	rows, err := db.Query(ctx, `SELECT i.indexname, i.tablename, i.indexdef FROM pg_indexes i
		WHERE i.schemaname = current_schema() AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conname = i.indexname)`)
	if err != nil {
		return nil, err
	}
	type index struct{ Name, Table, Text string }
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[index])
	if err != nil {
		return nil, err
	}
	for _, i := range all {
		if slices.Contains(loaded, i.Table) {
			if _, err := db.Exec(ctx, "DROP INDEX "+i.Name); err != nil {
				return nil, err
			}
			l.after = append(l.after, i.Text)
		}
	}
	_, err = db.Exec(ctx, "ALTER TABLE document DISABLE TRIGGER document_marked; SET synchronous_commit = off; SET maintenance_work_mem = '512MB'")
	return l, err
}

func (l *postgresLoader) write(ctx context.Context, t table) error {
	n, err := l.db.CopyFrom(ctx, pgx.Identifier{t.name}, t.columns, pgx.CopyFromRows(t.rows))
	if err == nil && n != int64(len(t.rows)) {
		err = fmt.Errorf("%d of %d rows were copied", n, len(t.rows))
	}
	return err
}

func (l *postgresLoader) finish(ctx context.Context, size int64, root []byte) error {
	if _, err := l.db.Exec(ctx, "UPDATE log_head SET size = $1, root = $2, epoch = 1", size, root); err != nil {
		return err
	}
	if _, err := l.db.Exec(ctx, "INSERT INTO dispatch_cursor (name, next) VALUES ('jobs', $1) ON CONFLICT (name) DO UPDATE SET next = excluded.next", size); err != nil {
		return err
	}
	marks := `INSERT INTO document_mark SELECT d.org, 'label', j.key, j.value, d.id FROM document d, json_each_text(d.labels::json) j
		UNION ALL SELECT d.org, 'approver', '', j.value, d.id FROM document d, json_array_elements_text(d.approvers::json) j ORDER BY 1, 2, 3, 4, 5`
	for _, text := range append(append([]string{marks, "ALTER TABLE document ENABLE TRIGGER document_marked"}, l.after...), "VACUUM ANALYZE", "CHECKPOINT") {
		if _, err := l.db.Exec(ctx, text); err != nil {
			return fmt.Errorf("%s: %w", text, err)
		}
	}
	return nil
}

func (l *postgresLoader) close() error { return l.db.Close(context.Background()) }
