package main

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

// perCommit is how many changes one bare commit holds.
const perCommit = 64

// bareTables are the tables that state changes write. Documents, approvals and
// tasks are also written again by later changes, as often as given.
var bareTables = []struct {
	name, key string
	columns   []string
}{
	{name: "idempotency"},
	{name: "document", key: "org, id"},
	{name: "approval", key: "org, id"},
	{name: "task", key: "org, id"},
	{name: "entry"},
	{name: "tree_hash"},
	{name: "checkpoint"},
}

// rows is a database that plain statements are sent to.
type rows interface {
	all(ctx context.Context, query string) ([][]any, error)
	columns(ctx context.Context, table string) ([]string, error)
	// commit runs statements in one transaction that is synced when it returns.
	commit(ctx context.Context, batch []statement) error
	close() error
}

type statement struct {
	query string
	args  []any
}

// bare writes the rows of a store anew, into an empty one of the same tables and
// indexes, 64 changes a commit, and gives the changes a second. Nothing is asked,
// checked, hashed, encrypted or signed: it is what the disk and the database take.
func bare(ctx context.Context, from, to string) (float64, error) {
	if err := schema(ctx, to); err != nil {
		return 0, err
	}
	src, err := openRows(ctx, from)
	if err != nil {
		return 0, err
	}
	defer src.close()
	dst, err := openRows(ctx, to)
	if err != nil {
		return 0, err
	}
	defer dst.close()
	batches, changes, err := plan(ctx, src, dst)
	if err != nil {
		return 0, err
	}
	started := time.Now()
	for _, b := range batches {
		if err := dst.commit(ctx, b); err != nil {
			return 0, err
		}
	}
	return float64(changes) / time.Since(started).Seconds(), nil
}

// maxChanges bounds what is held in memory.
const maxChanges = 30000

// plan spreads the rows of all tables evenly over the commits.
func plan(ctx context.Context, src, dst rows) (batches [][]statement, changes int, err error) {
	changes = 1
	born := map[any]int{} // the commit that writes a document
	for _, t := range bareTables {
		columns, err := dst.columns(ctx, t.name)
		if err != nil {
			return nil, 0, err
		}
		limit := ""
		if t.name == "idempotency" {
			limit = fmt.Sprintf(" LIMIT %d", maxChanges)
		}
		list, err := src.all(ctx, "SELECT "+strings.Join(columns, ", ")+" FROM "+t.name+limit)
		if err != nil {
			return nil, 0, err
		}
		if t.name == "idempotency" {
			if changes = len(list); changes == 0 {
				return nil, 0, fmt.Errorf("there is nothing to write")
			}
			batches = make([][]statement, (changes+perCommit-1)/perCommit)
		}
		insert := statement{query: "INSERT INTO " + t.name + " (" + strings.Join(columns, ", ") + ") VALUES (" + strings.Repeat("?, ", len(columns)-1) + "?) ON CONFLICT DO NOTHING"}
		total, err := src.all(ctx, "SELECT COUNT(*) FROM idempotency")
		if err != nil {
			return nil, 0, err
		}
		// Where only a part of the changes is taken, so is that part of the rows.
		n := len(list) * changes / max(int(total[0][0].(int64)), 1)
		if t.name == "idempotency" {
			n = changes
		}
		for i, r := range list[:min(n, len(list))] {
			at := i * len(batches) / max(n, 1)
			if t.name == "document" {
				born[r[idColumn(columns, "id")]] = at
			} else if k := idColumn(columns, "document_id"); k >= 0 && t.key != "" {
				// What belongs to a document cannot come before it.
				b, there := born[r[k]]
				if !there {
					continue
				}
				at = max(at, b)
			}
			batches[at] = append(batches[at], statement{insert.query, r})
			if t.key == "" {
				continue
			}
			// Each document and each of its tasks is written once more, later.
			set := make([]string, 0, len(columns))
			for _, c := range columns {
				if c != "org" && c != "id" {
					set = append(set, c+" = ?")
				}
			}
			args := append([]any{}, r[:0]...)
			var org, id any
			for k, c := range columns {
				switch c {
				case "org":
					org = r[k]
				case "id":
					id = r[k]
				default:
					args = append(args, r[k])
				}
			}
			later := min(at+1, len(batches)-1)
			batches[later] = append(batches[later], statement{"UPDATE " + t.name + " SET " + strings.Join(set, ", ") + " WHERE org = ? AND id = ?", append(args, org, id)})
		}
	}
	return batches, changes, nil
}

func idColumn(columns []string, name string) int { return slices.Index(columns, name) }

func openRows(ctx context.Context, url string) (rows, error) {
	if strings.HasPrefix(url, "postgres") {
		c, err := pgx.Connect(ctx, url)
		return pgRows{c}, err
	}
	db, err := sql.Open("sqlite", "file:"+url+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=busy_timeout(10000)&_pragma=cache_size(-32768)&_txlock=immediate")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	return &sqliteRows{db: db, stmts: map[string]*sql.Stmt{}}, nil
}

type sqliteRows struct {
	db    *sql.DB
	stmts map[string]*sql.Stmt
}

func (s *sqliteRows) close() error { return s.db.Close() }

func (s *sqliteRows) all(ctx context.Context, query string) (out [][]any, err error) {
	res, err := s.db.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer res.Close()
	columns, err := res.Columns()
	if err != nil {
		return nil, err
	}
	for res.Next() {
		r := make([]any, len(columns))
		into := make([]any, len(columns))
		for i := range r {
			into[i] = &r[i]
		}
		if err := res.Scan(into...); err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, res.Err()
}

func (s *sqliteRows) columns(ctx context.Context, table string) (out []string, err error) {
	list, err := s.all(ctx, "SELECT name FROM pragma_table_info('"+table+"')")
	for _, r := range list {
		out = append(out, r[0].(string))
	}
	return out, err
}

func (s *sqliteRows) commit(ctx context.Context, batch []statement) error {
	for _, b := range batch {
		if s.stmts[b.query] == nil {
			st, err := s.db.PrepareContext(ctx, b.query)
			if err != nil {
				return err
			}
			s.stmts[b.query] = st
		}
	}
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	for _, b := range batch {
		if _, err := tx.StmtContext(ctx, s.stmts[b.query]).ExecContext(ctx, b.args...); err != nil {
			return err
		}
	}
	return tx.Commit()
}

type pgRows struct{ c *pgx.Conn }

func (p pgRows) close() error { return p.c.Close(context.Background()) }

func (p pgRows) all(ctx context.Context, query string) (out [][]any, err error) {
	res, err := p.c.Query(ctx, query)
	if err != nil {
		return nil, err
	}
	defer res.Close()
	for res.Next() {
		r, err := res.Values()
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, res.Err()
}

func (p pgRows) columns(ctx context.Context, table string) (out []string, err error) {
	list, err := p.all(ctx, "SELECT column_name::text FROM information_schema.columns WHERE table_schema = 'public' AND table_name = '"+table+"' ORDER BY ordinal_position")
	for _, r := range list {
		out = append(out, r[0].(string))
	}
	return out, err
}

func (p pgRows) commit(ctx context.Context, batch []statement) error {
	b := &pgx.Batch{}
	b.Queue("BEGIN")
	for _, s := range batch {
		query, n := s.query, 0
		for strings.Contains(query, "?") {
			n++
			query = strings.Replace(query, "?", fmt.Sprintf("$%d", n), 1)
		}
		b.Queue(query, s.args...)
	}
	b.Queue("COMMIT")
	return p.c.SendBatch(ctx, b).Close()
}
