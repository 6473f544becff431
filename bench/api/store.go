package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	_ "modernc.org/sqlite"             // the driver "sqlite"

	"github.com/paraph/paraph/bench/rig"
	"github.com/paraph/paraph/internal/config"
	"github.com/paraph/paraph/internal/server"
)

// sized is a store of some size, with a server on it.
type sized struct {
	documents      int
	data, database string
	process        *rig.Process
	login          rig.Login
	token          string
	ids            []string // of documents all over the store
}

// open fills the store, unless that was done before, and starts a server on it.
func (s *sized) open(ctx context.Context, bin, filler string) error {
	if _, err := os.Stat(filepath.Join(s.data, "filled")); err != nil {
		if err := s.fill(ctx, filler); err != nil {
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

// fill has bench/scale write the documents, and writes the full-text index past the
// product's own ways: it would make it by reading the whole log.
func (s *sized) fill(ctx context.Context, filler string) error {
	began := time.Now()
	cmd := exec.CommandContext(ctx, filler, "load", "-data", s.data, "-database", s.database, "-documents", fmt.Sprint(s.documents), "-entries", "6")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("filling: %w: %s", err, out)
	}
	text := "lower(title || ' ' || external_id || ' ' || labels || ' ' || metadata)"
	c := config.Default()
	c.DataDir = s.data
	spaced := text // letters and digits alone are words, as the product cuts them
	for _, sign := range `{}":,.-` {
		spaced = fmt.Sprintf("replace(%s, '%c', ' ')", spaced, sign)
	}
	driver, place, words, last := "sqlite", "file:"+server.DatabaseURL(&c)+"?_pragma=synchronous(OFF)&_pragma=cache_size(-500000)", spaced, "ANALYZE"
	if s.database != "" {
		driver, place, words, last = "pgx", s.database, "to_tsvector('simple', "+spaced+")", "VACUUM ANALYZE"
	}
	db, err := sql.Open(driver, place)
	if err != nil {
		return err
	}
	defer db.Close()
	for _, statement := range []string{
		"DELETE FROM search_document",
		"INSERT INTO search_document (org, document_id, words) SELECT org, id, " + words + " FROM document ORDER BY id",
		"UPDATE search_cursor SET next = (SELECT size FROM log_head)",
		last,
	} {
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
