package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/paraph/paraph/internal/store"
)

// rounds measures a store with so many callers, each run paired with its floor.
func rounds(ctx context.Context, o options, dir, kind string, callers int) ([]result, error) {
	var pg *cluster
	if kind == "postgres" && o.database == "" {
		var err error
		if pg, err = startPostgres(ctx, dir); err != nil {
			return nil, err
		}
		defer pg.stop()
	}
	var all []result
	for n := range o.rounds {
		r, err := round(ctx, o, dir, kind, callers, n, pg)
		if err != nil {
			return nil, err
		}
		all = append(all, *r)
	}
	return all, nil
}

func round(ctx context.Context, o options, dir, kind string, callers, n int, pg *cluster) (*result, error) {
	data, database := o.data, o.database
	if data == "" {
		data = filepath.Join(dir, fmt.Sprintf("%s-%d-%d", kind, callers, n))
		defer os.RemoveAll(data)
	}
	if pg != nil {
		var err error
		if database, err = pg.database(ctx, fmt.Sprintf("run%d_%d", callers, n)); err != nil {
			return nil, err
		}
	}
	p, err := serve(ctx, o.bin, data, database)
	if err != nil {
		return nil, err
	}
	t, err := p.people()
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, p.log.Bytes())
	}
	var server, db, mine time.Duration
	edge := func(sign time.Duration) func() {
		return func() {
			server += sign * cpu(p.cmd.Process.Pid)
			mine += sign * own()
			if pg != nil {
				db += sign * cpu(pg.cmd.Process.Pid)
			}
		}
	}
	length := time.Duration(o.seconds * float64(time.Second))
	from := time.Now()
	r, err := drive(ctx, p.host(), t, callers, length/4, length, edge(-1), edge(1))
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, p.log.Bytes())
	}
	if err := p.stop(); err != nil {
		return nil, fmt.Errorf("stop: %w: %s", err, p.log.Bytes())
	}
	r.server, r.database, r.callers = server, db, mine
	url := database
	if url == "" {
		url = filepath.Join(data, "paraph.db")
	}
	lags, err := lags(ctx, url, from)
	if err != nil {
		return nil, err
	}
	if len(lags) > 0 {
		slices.Sort(lags)
		r.lag50, r.lag99 = lags[len(lags)/2], lags[len(lags)*99/100]
	}
	if o.data == "" {
		fresh := filepath.Join(dir, "floor.db")
		if pg != nil {
			if fresh, err = pg.database(ctx, fmt.Sprintf("floor%d_%d", callers, n)); err != nil {
				return nil, err
			}
		} else {
			defer removeDatabase(fresh)
		}
		if r.floor, err = bare(ctx, url, fresh); err != nil {
			return nil, fmt.Errorf("the bare rows: %w", err)
		}
	}
	return r, nil
}

func removeDatabase(path string) {
	for _, end := range []string{"", "-wal", "-shm"} {
		_ = os.Remove(path + end)
	}
}

// lags gives, for entries made since a time, how long each waited for the
// checkpoint that covers it, by the store's own times: from the beginning of the
// transaction that wrote the entry to that of the one that signed.
func lags(ctx context.Context, url string, since time.Time) ([]time.Duration, error) {
	db, err := openRows(ctx, url)
	if err != nil {
		return nil, err
	}
	defer db.close()
	rows, err := db.all(ctx, `SELECT e.at, (SELECT c.at FROM checkpoint c WHERE c.size > e.idx ORDER BY c.size LIMIT 1)
		FROM entry e WHERE e.idx IS NOT NULL AND e.at > `+fmt.Sprint(since.UnixMicro())+` ORDER BY e.idx LIMIT 200000`)
	if err != nil {
		return nil, err
	}
	var out []time.Duration
	for _, r := range rows {
		made, ok1 := r[0].(int64)
		signed, ok2 := r[1].(int64)
		if ok1 && ok2 {
			out = append(out, time.Duration(signed-made)*time.Microsecond)
		}
	}
	return out, nil
}

// schema makes the product's tables and indexes in an empty database.
func schema(ctx context.Context, url string) error {
	s, err := store.Open(ctx, store.Options{URL: url, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	return s.Close()
}
