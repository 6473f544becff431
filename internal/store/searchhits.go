package store

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"

	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/id"
)

// SQLite's full-text index names what it finds in the order of its rows' numbers, either
// way. So the number of a document's row begins as its id does: who wants the newest
// documents that hold a word asks the index for its last rows, and no more.
const (
	placeLetters = 12   // of an id: 48 bits of its time, 10 that are random
	placeSlack   = 1000 // so far a row may lie behind its place, because others had taken it
	manyHits     = 1000 // so many are looked at; where fewer fit, another way is taken
	fewRows      = 3000 // so many are all read, upwards
)

// searchPlace is where the row of a document belongs: of two documents, the one with the
// later id has no earlier place. Where the place is taken, the row has the next free one.
func searchPlace(documentID string) (place int64) {
	_, tail, _ := strings.Cut(documentID, "_")
	for i := range placeLetters {
		digit := 0
		if i < len(tail) {
			if digit = strings.IndexFunc(id.Alphabet, func(r rune) bool { return byte(r) >= tail[i] }); digit < 0 {
				digit = len(id.Alphabet) - 1
			}
		}
		place = place<<5 | int64(digit)
	}
	return place
}

// hit is a row of the full-text index that holds what is searched for.
type hit struct {
	row     int64
	org, id string
}

func scanIndexed(s scanner) (h hit, err error) { return h, s.Scan(&h.row, &h.org, &h.id) }

// searched reads a page of a search where the index's newest rows tell it: whole. Else it
// finds out whether very many documents hold what is searched for.
func (l *listing) searched(ctx context.Context) (page []document.Document, whole bool, err error) {
	if newest := l.Sort.By == "" && l.Since.IsZero() && l.Until.IsZero() && l.ExternalID == "" && l.Limit > 0; newest {
		way := l.newestHits
		if l.r.c.dialect().hits == "" {
			way = l.newestHolders
		}
		if page, whole, err = way(ctx); whole || err != nil {
			return page, whole, err
		}
	}
	l.often, err = l.heldBy(ctx, fewFound)
	return nil, false, err
}

// heldBy tells whether more documents than that hold what is searched for.
func (l *listing) heldBy(ctx context.Context, most int) (bool, error) {
	d := l.r.c.dialect()
	n, err := one(ctx, l.r.c, scanInt, "SELECT COUNT(*) FROM ("+d.holders+") x", l.Org, d.search(l.Search), most+1)
	return n > int64(most), err
}

// newestHits reads a page from the newest rows of the full-text index that hold what is
// searched for. whole is false where they do not tell it for certain: the others would
// have to be looked at, since few of these fit the other conditions.
func (l *listing) newestHits(ctx context.Context) (page []document.Document, whole bool, err error) {
	held, err := l.lately(ctx)
	if err != nil {
		return nil, false, err
	}
	asked, part := rare(l.Search, held, latelyLook)
	rest := *l
	if rest.often = part; !part { // else each is asked by itself
		rest.Search = nil
	}
	query, below := l.r.c.dialect().search(asked), int64(math.MaxInt64)
	if l.Before != "" {
		below = searchPlace(l.Before) + placeSlack
	}
	var rows []int64                             // all that hold it, where they are known
	if len(held) == 1 || slices.Min(held) == 0 { // else they are many, or it will be as long a way from either end
		found, all, err := l.upwards(ctx, query, below)
		if err != nil || all && len(found) == 0 {
			return nil, err == nil, err
		}
		rows = found
	}
	for most := 3 * l.Limit; ; {
		if rows != nil {
			most = min(most, len(rows))
		}
		hits, end, err := l.newestRows(ctx, query, below, most, rows)
		if err != nil {
			return nil, false, err
		}
		var ids []string
		for _, h := range hits {
			if h.org == l.Org && (l.Before == "" || h.id < l.Before) {
				ids = append(ids, h.id)
			}
		}
		slices.SortFunc(ids, func(a, b string) int { return cmp.Compare(b, a) })
		if page, err = rest.among(ctx, ids); err != nil {
			return nil, false, err
		}
		// What was not looked at lies before the last row, and so does its place.
		if most == len(rows) || len(hits) < most || len(page) == l.Limit && searchPlace(page[len(page)-1].ID) >= end {
			return page, true, nil
		}
		if most >= manyHits {
			return nil, false, nil
		}
		most = min(manyHits, further(most, l.Limit, len(page)))
	}
}

// lately counts the newest rows that hold each word; of one word alone it is not asked.
func (l *listing) lately(ctx context.Context) ([]int64, error) {
	words := wantedWords(l.Search)
	if len(words) == 1 {
		return make([]int64, 1), nil
	}
	held, targets := counts(len(words))
	query, args := l.r.c.dialect().lately(words, latelyLook)
	_, err := one(ctx, l.r.c, func(s scanner) (any, error) { return nil, s.Scan(targets...) }, query, args...)
	return held, err
}

// counts are so many numbers, and where they are read into.
func counts(n int) (held []int64, targets []any) {
	held = make([]int64, n)
	for i := range held {
		targets = append(targets, &held[i])
	}
	return held, targets
}

// upwards gives the rows that hold a query, by number, where they are few enough: FTS5 goes
// down a long list in steps that each take as long as a part of the list, and up in one go.
func (l *listing) upwards(ctx context.Context, query string, below int64) (rows []int64, all bool, err error) {
	d, few := l.r.c.dialect(), 3*l.Limit
	if rows, err = list(ctx, l.r.c, scanInt, d.hitRows, query, below, few+1); err != nil || len(rows) <= few {
		return rows, err == nil, err
	}
	// A row's number begins with a time. If the others come as often as these, they are so many:
	first, last := int64(0), int64(0)
	scan := func(s scanner) (any, error) { return nil, s.Scan(&first, &last) }
	if _, err = one(ctx, l.r.c, scan, d.rowSpan); err != nil {
		return nil, false, err
	}
	if float64(few)*float64(min(below, last)-first) > fewRows*float64(rows[few]-first) {
		return nil, false, nil
	}
	if rows, err = list(ctx, l.r.c, scanInt, d.hitRows, query, below, fewRows+1); err != nil || len(rows) > fewRows {
		return nil, false, err
	}
	return rows, true, nil
}

// newestRows gives so many of the newest rows that hold a query: of those that are known,
// or by asking downwards. end is the last one.
func (l *listing) newestRows(ctx context.Context, query string, below int64, most int, known []int64) (hits []hit, end int64, err error) {
	d := l.r.c.dialect()
	if known == nil {
		if hits, err = list(ctx, l.r.c, scanIndexed, d.hits, query, below, most); len(hits) > 0 {
			end = hits[len(hits)-1].row
		}
		return hits, end, err
	}
	newest := known[len(known)-most:]
	var w where
	w.add("s.rid IN ("+marks(most)+")", anys(newest)...)
	hits, err = list(ctx, l.r.c, scanIndexed, d.rowsOf+w.clause("s.rid DESC", 0), w.args...)
	return hits, newest[0], err
}

// further is how many to look at where so many gave a part of the page: so many that it
// fills, if those before fit as often, and half as many again.
func further(looked, limit, found int) int { return looked * (1 + 3*limit/(2*found+1)) }
