package store

import (
	"context"
	"time"
)

// squeezePages is about how many pages of an index are written anew in one transaction.
const squeezePages = 64

// indexes are SQLite's full-text indexes.
var indexes = []string{"search_fts", "page_fts"}

// squeezing is where it stands: how often rows have been deleted from the indexes, how many
// of these deletions are being squeezed out, and how many have been.
type squeezing struct{ erased, begun, ended int64 }

func scanSqueezing(s scanner) (q squeezing, err error) {
	err = s.Scan(&q.erased, &q.begun, &q.ended)
	return q, err
}

// squeeze takes the words of all rows that were deleted so far out of the indexes' pages.
// FTS5 only notes beside them that a row is gone; what is gone drops out when all parts of an
// index are merged into one. That is done in steps, with a pause after each for those who
// write; whoever disposes of many documents has it done once, by who comes first. A step that
// was not reached is done when the next document is disposed of, or its disposal tried again.
func (e *sqliteEngine) squeeze(ctx context.Context) error {
	wanted := int64(-1)
	for {
		began, done := time.Now(), false
		err := e.write(ctx, func(ctx context.Context, t *Tx) error {
			now, err := one(ctx, t.c, scanSqueezing, "SELECT erased, begun, ended FROM search_squeeze")
			if err != nil {
				return err
			}
			if wanted < 0 {
				wanted = now.erased
			}
			if done = now.ended >= wanted; done {
				return nil
			}
			return t.squeezeOn(ctx, now)
		})
		if err != nil || done {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Since(began)):
		}
	}
}

// squeezeOn does one step.
func (t *Tx) squeezeOn(ctx context.Context, now squeezing) error {
	if now.begun == now.ended {
		for _, index := range indexes {
			if _, err := t.merge(ctx, index, -squeezePages); err != nil { // less than nothing: all parts, from here on
				return err
			}
		}
		_, err := exec(ctx, t.c, "UPDATE search_squeeze SET begun = erased")
		return err
	}
	more := false
	for _, index := range indexes {
		m, err := t.merge(ctx, index, squeezePages/2)
		if err == nil && m { // small new parts may have been all that was merged
			m, err = t.merge(ctx, index, squeezePages/2)
		}
		if err != nil {
			return err
		}
		more = more || m
	}
	if more {
		return nil
	}
	_, err := exec(ctx, t.c, "UPDATE search_squeeze SET ended = begun")
	return err
}

// merge merges parts of an index until about so many pages are written, and tells whether
// there was something to merge (sqlite.org/fts5.html, 6.8: fewer than two changes are none).
func (t *Tx) merge(ctx context.Context, index string, pages int) (bool, error) {
	before, err := one(ctx, t.c, scanInt, "SELECT total_changes()")
	if err != nil {
		return false, err
	}
	if _, err := exec(ctx, t.c, "INSERT INTO "+index+" ("+index+", rank) VALUES ('merge', ?)", pages); err != nil {
		return false, err
	}
	after, err := one(ctx, t.c, scanInt, "SELECT total_changes()")
	return after-before >= 2, err
}
