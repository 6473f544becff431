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
	below := int64(math.MaxInt64)
	if l.Before != "" {
		below = searchPlace(l.Before) + placeSlack
	}
	d, rest := l.r.c.dialect(), *l
	rest.Search = nil
	// Few are all found upwards: FTS5 goes down a long list in steps that each take as long as
	// a part of the list, and up in one go.
	many, err := l.heldBy(ctx, 3*l.Limit)
	if err != nil {
		return nil, false, err
	}
	order := " LIMIT ?"
	if many {
		order = " DESC LIMIT ?"
	}
	for most := 3 * l.Limit; ; {
		hits, err := list(ctx, l.r.c, scanIndexed, d.hits+order, d.search(l.Search), below, most)
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
		if len(hits) < most || many && len(page) == l.Limit && searchPlace(page[len(page)-1].ID) >= hits[len(hits)-1].row {
			return page, true, nil
		}
		if most >= manyHits {
			return nil, false, nil
		}
		most = min(manyHits, further(most, l.Limit, len(page)))
	}
}

// further is how many to look at where so many gave a part of the page: so many that it
// fills, if those before fit as often, and half as many again.
func further(looked, limit, found int) int { return looked * (1 + 3*limit/(2*found+1)) }

// PostgreSQL's full-text index has no order, and gives all or none: it costs what there is
// to find. So the newest documents are looked through where that fills the page, as it
// does for words that many of them hold.
const (
	firstLook = 4    // documents for each of the page
	farLook   = 2000 // documents at most
	lastID    = "~"  // after every id
)

// newestHolders is newestHits where the full-text index has no order.
func (l *listing) newestHolders(ctx context.Context) (page []document.Document, whole bool, err error) {
	d, rest, before := l.r.c.dialect(), *l, cmp.Or(l.Before, lastID)
	rest.Search = nil
	for look := firstLook * l.Limit; look <= farLook; {
		ids, err := list(ctx, l.r.c, scanString, d.latest, l.Org, before, look, d.search(l.Search))
		if err != nil {
			return nil, false, err
		}
		if page, err = rest.among(ctx, ids); err != nil || len(page) == l.Limit {
			return page, err == nil, err
		}
		if len(page) == 0 {
			break
		}
		look = further(look, l.Limit, len(page))
	}
	n := 0
	scan := func(s scanner) (id string, err error) { return id, s.Scan(&n, &id) }
	ids, err := list(ctx, l.r.c, scan, d.newestHolders, l.Org, before, d.search(l.Search), fewFound+1, max(manyHits, 3*l.Limit)) // all were gathered to tell the newest
	if err != nil || n > fewFound { // of very many, these need not be the newest
		return nil, false, err
	}
	page, err = rest.among(ctx, ids)
	return page, err == nil && (len(page) == l.Limit || n == len(ids)), err
}
