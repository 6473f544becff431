package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	_ "modernc.org/sqlite"             // the driver "sqlite"

	"github.com/paraph/paraph/bench/rig"
	"github.com/paraph/paraph/internal/config"
	"github.com/paraph/paraph/internal/id"
	"github.com/paraph/paraph/internal/server"
)

// sized is a store of some size, with a server on it.
type sized struct {
	documents      int
	data, database string
	pg             *rig.Postgres // nil: it is SQLite
	process        *rig.Process
	login          rig.Login
	token          string
	ids            []string // of documents all over the store
}

// open fills the store, unless that was done before, and starts a server on it.
func (s *sized) open(ctx context.Context, bin, filler string) error {
	if _, err := os.Stat(filepath.Join(s.data, "filled")); err != nil {
		fill := func(database string) error { return s.fill(ctx, filler, database) }
		if s.pg == nil {
			err = fill("")
		} else {
			err = s.pg.Filled(ctx, s.name(), fill)
		}
		if err != nil {
			return err
		}
	}
	var err error
	s.process, err = rig.Serve(bin, []string{"PARAPH_DATABASE=" + s.database},
		"--data-dir", s.data, "--listen", "127.0.0.1:0", "--rate-limit", "0", "--token-lifetime", "1h", "--log-level", "error", "--audit-interval", "240h")
	if err != nil {
		return err
	}
	raw, err := os.ReadFile(filepath.Join(s.data, "bench-admin.json"))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, &s.login); err != nil {
		return err
	}
	s.login.URL = s.process.URL
	if s.token, err = s.login.Token(ctx); err != nil {
		return err
	}
	return s.known(ctx)
}

// name is that of its database.
func (s *sized) name() string { return fmt.Sprint("documents", s.documents) }

// fill has bench/scale write the documents, and writes the full-text index past the
// product's own ways: it would make it by reading the whole log.
func (s *sized) fill(ctx context.Context, filler, database string) error {
	began := time.Now()
	cmd := exec.CommandContext(ctx, filler, "load", "-data", s.data, "-database", database, "-documents", fmt.Sprint(s.documents), "-entries", "6", "-unindexed")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("filling: %w: %s", err, out)
	}
	c := config.Default()
	c.DataDir = s.data
	driver, place, statements := "sqlite", "file:"+server.DatabaseURL(&c)+"?_pragma=synchronous(OFF)&_pragma=cache_size(-500000)", inSQLite()
	if database != "" {
		driver, place, statements = "pgx", database, inPostgres
	}
	db, err := sql.Open(driver, place)
	if err != nil {
		return err
	}
	defer db.Close()
	db.SetMaxOpenConns(1) // settings are a connection's
	for _, statement := range slices.Concat(apart, statements, []string{"UPDATE search_cursor SET next = (SELECT size FROM log_head)"}) {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("%w: %s", err, statement)
		}
	}
	if err := db.Close(); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%d documents after %.0f s\n", s.documents, time.Since(began).Seconds())
	return os.WriteFile(filepath.Join(s.data, "filled"), nil, 0o600)
}

// apart makes documents of a type and a state that the newest of either lack together: only
// the first of all have both, one in ten of the older half have the state alone, and all
// others have the type alone.
var apart = []string{
	"UPDATE document SET doc_type = 'order', state = 'expired' WHERE external_id LIKE '%0' AND created_at < (SELECT (MIN(created_at) + MAX(created_at)) / 2 FROM document)",
	"UPDATE document SET doc_type = 'document' WHERE state = 'expired' AND created_at < (SELECT MIN(created_at) + 200000000 FROM document)",
}

// words is what documents are found by, in the product's order and with letters and digits
// alone, as it cuts them; json says how the database takes a column for JSON.
func words(json string) string {
	text := "lower(title || ' ' || external_id"
	for _, value := range []string{"labels%s->>'batch'", "metadata%s->>'amount'", "metadata%s->>'currency'", "metadata%s->>'due'", "metadata%s->>'supplier'"} {
		text += " || ' ' || (" + fmt.Sprintf(value, json) + ")"
	}
	text += ")"
	for _, sign := range ",.-" {
		text = fmt.Sprintf("replace(%s, '%c', ' ')", text, sign)
	}
	return text
}

// inSQLite fills the index at once: the numbers of its rows begin as the documents' ids
// do (decision 0109), and no two documents of a bench were made in the same millisecond. Its
// pieces are merged, as in a store that has come to rest (decision 0123), and there are no
// statistics, since the product makes none.
func inSQLite() []string {
	var place []string
	for i := range 12 {
		place = append(place, fmt.Sprintf("((instr('%s', substr(id, %d, 1)) - 1) << %d)", id.Alphabet, len("doc_")+1+i, 55-5*i))
	}
	const again = "CREATE TRIGGER search_inserted AFTER INSERT ON search_document WHEN new.given = 0 BEGIN INSERT INTO search_fts (rowid, words) VALUES (new.rid, new.words); END"
	return []string{"DROP TRIGGER search_inserted",
		"INSERT INTO search_document (rid, org, document_id, words) SELECT " + strings.Join(place, " + ") + ", org, id, " + words("") + " FROM document ORDER BY id",
		"INSERT INTO search_fts (search_fts) VALUES ('rebuild')", "INSERT INTO search_fts (search_fts) VALUES ('optimize')", again}
}

// inPostgres does the same there, and makes the index as the product's migrations say.
var inPostgres = []string{"SET maintenance_work_mem = '512MB'", "CREATE TEMP TABLE made AS SELECT indexdef FROM pg_indexes WHERE indexname = 'search_words'", "DROP INDEX search_words",
	"INSERT INTO search_document (org, document_id, words) SELECT org, id, to_tsvector('simple', " + words("::json") + ") FROM document ORDER BY id",
	"DO $$ BEGIN EXECUTE (SELECT indexdef FROM made); END $$", "VACUUM ANALYZE"}

// known gathers ids from all over the store, one of each of many moments.
func (s *sized) known(ctx context.Context) error {
	const many = 500
	for i := range many {
		var page struct{ Items []struct{ ID string } }
		at := born(i * s.documents / many)
		if err := s.ask(ctx, "GET", "/v1/documents?limit=1&fields=id&sort=created_at&created_after="+stamp(at), nil, &page); err != nil {
			return err
		}
		if len(page.Items) == 0 {
			return fmt.Errorf("no document of %s", at)
		}
		s.ids = append(s.ids, page.Items[0].ID)
	}
	return nil
}

// born is when bench/scale has the n-th document made.
func born(n int) time.Time {
	return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(n) * time.Second)
}

func stamp(t time.Time) string { return t.Format("2006-01-02T15:04:05Z") }
