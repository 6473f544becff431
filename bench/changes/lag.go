package main

import (
	"context"
	"database/sql"
	"net/url"
	"path/filepath"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

// watch is a caller beside the others who looks into the database how long each
// of its changes waits, from its answer to the commit of the checkpoint over it.
type watch struct {
	caller *caller
	db     *sql.DB
	query  string
	lags   []time.Duration
}

const (
	watchEvery = 50 * time.Millisecond // between two changes of the watch
	watchLook  = time.Millisecond      // between two looks
)

func newWatch(ctx context.Context, at storePlace, address, token string) (*watch, error) {
	w := &watch{query: "SELECT count(*) FROM entry WHERE document_id = ? AND document_id <> '' AND idx IS NOT NULL"}
	var err error
	if at.database == "" {
		w.db, err = sql.Open("sqlite", (&url.URL{Scheme: "file", Opaque: filepath.Join(at.data, "paraph.db"), RawQuery: "mode=ro&_pragma=busy_timeout(5000)"}).String())
	} else {
		w.db, err = sql.Open("pgx", at.database)
		w.query = "SELECT count(*) FROM entry WHERE document_id = $1 AND document_id <> '' AND idx IS NOT NULL"
	}
	if err != nil {
		return nil, err
	}
	w.db.SetMaxOpenConns(1)
	if err := w.db.PingContext(ctx); err != nil {
		return nil, err
	}
	w.caller, err = dial(address, token, -1)
	return w, err
}

func (w *watch) run(ctx context.Context, end time.Time) error {
	for time.Now().Before(end) && ctx.Err() == nil {
		if err := w.caller.create(); err != nil {
			return err
		}
		doc := w.caller.drafts[0]
		w.caller.drafts = w.caller.drafts[:0]
		began := time.Now()
		for n := 0; n == 0; {
			if err := w.db.QueryRowContext(ctx, w.query, doc).Scan(&n); err != nil {
				return err
			}
			if n == 0 {
				time.Sleep(watchLook)
			}
		}
		w.lags = append(w.lags, time.Since(began))
		time.Sleep(watchEvery)
	}
	return nil
}

func (w *watch) close() {
	w.db.Close()
	w.caller.conn.Close()
}
