package store

import (
	"context"
	"slices"
	"time"
)

const (
	tidyEvery = time.Minute // an index that stood still for so long is at rest
	fewPieces = 6           // as many as cost a search nothing that it would notice
	// tidyShare says how much there must be beside the largest piece, as a part of it. All
	// is written anew, so that a store which grows writes each of its words so many times.
	tidyShare = 16
)

// tidier merges the pieces of SQLite's full-text indexes while nobody writes to them. Each
// search asks every piece for each of its words, and where documents come in small groups
// FTS5 leaves up to seven pieces of every size (decision 0123).
type tidier struct {
	e    *sqliteEngine
	seen map[string][]piece // what an index had when it was last looked at
}

// piece is one of those of which an index consists.
type piece struct{ id, pages int64 }

// run works until the writer has ended.
func (t *tidier) run() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() { // a step may be waiting for its turn
		select {
		case <-t.e.writer.ended:
			cancel()
		case <-ctx.Done():
		}
	}()
	tick := time.NewTicker(tidyEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := t.look(ctx); err != nil && ctx.Err() == nil {
			t.e.writer.log.Warn("the pieces of the full-text index were not merged; searches take longer until they are", "error", err)
		}
	}
}

// look merges the indexes that are as they were when it last looked, if that is worth it.
func (t *tidier) look(ctx context.Context) error {
	for _, index := range indexes {
		var now []piece
		err := t.e.read(ctx, func(ctx context.Context, r *Reader) (err error) {
			now, err = pieces(ctx, r.c, index)
			return err
		})
		if err != nil {
			return err
		}
		rests := slices.Equal(now, t.seen[index])
		if t.seen[index] = now; !rests || !untidy(now) {
			continue
		}
		if err := t.e.tidy(ctx, index); err != nil {
			return err
		}
	}
	return nil
}

// pieces gives those of an index, and about how many pages each has.
func pieces(ctx context.Context, c conn, index string) ([]piece, error) {
	scan := func(s scanner) (p piece, err error) { err = s.Scan(&p.id, &p.pages); return }
	return list(ctx, c, scan, "SELECT segid, COUNT(*) FROM "+index+"_idx GROUP BY segid")
}

// untidy tells whether pieces are many, and enough of an index to write all of it anew.
func untidy(all []piece) bool {
	sum, most := int64(0), int64(0)
	for _, p := range all {
		sum, most = sum+p.pages, max(most, p.pages)
	}
	return len(all) > fewPieces && (sum-most)*tidyShare >= most
}

// tidy merges the pieces of an index into one, in steps that rest as long as they took.
func (e *sqliteEngine) tidy(ctx context.Context, index string) error {
	pages := -squeezePages // less than nothing: all pieces, from here on
	for more := true; more; pages = squeezePages {
		began := time.Now()
		err := e.write(ctx, func(ctx context.Context, t *Tx) (err error) {
			more, err = t.merge(ctx, index, pages)
			return err
		})
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Since(began)):
		}
	}
	return nil
}
