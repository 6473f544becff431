package store

import (
	"cmp"
	"context"
	"strings"

	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/id"
	"github.com/paraph/paraph/internal/service"
)

// PostgreSQL's full-text index has no order, and gives all or none: it costs what there is
// to find. So it holds the eras of each document, too, which are the beginnings of its id and
// so of its time: of half a minute, a quarter of an hour, nine hours, and twelve days. Asked
// for words and the last eras, it gives the newest documents that hold them, and no others.
const (
	eraColumn = "(ARRAY[substr(s.document_id, 1, 8), substr(s.document_id, 1, 9), substr(s.document_id, 1, 10), substr(s.document_id, 1, 11)])"
	mostEras  = 16 // in one question
)

// eraLetters are how many letters of an id, behind its prefix, an era has: from short eras to long.
var eraLetters = [...]int{7, 6, 5, 4}

const (
	placePrefix = "doc_"
	timeLetters = 10 // of an id: 5 bits each, its time in milliseconds
)

// placeTime is the time of a document's id, in milliseconds; of one after all, it is after all.
func placeTime(documentID string) int64 {
	return searchPlace(documentID) >> (5 * (placeLetters - timeLetters))
}

// erasOf gives the eras that lie between two times, the later one included and as few
// as reach so far; nil where they would be too many.
func erasOf(from, to int64) (eras []string) {
	for _, letters := range eraLetters {
		shift := 5 * (timeLetters - letters)
		first, last := max(0, from)>>shift, to>>shift
		if last-first >= mostEras {
			continue
		}
		for era := first; era <= last; era++ {
			eras = append(eras, placePrefix+eraName(era, letters))
		}
		return eras
	}
	return nil
}

// eraName writes a number as so many letters of an id.
func eraName(n int64, letters int) string {
	name := make([]byte, letters)
	for i := letters - 1; i >= 0; i, n = i-1, n>>5 {
		name[i] = id.Alphabet[n&31]
	}
	return string(name)
}

const (
	firstLook = 4   // documents for each of the page are looked through at first
	farLook   = 256 // times as far is looked where none of them fits
	lastID    = "~" // after every id
)

// glimpse is what the newest documents tell of a search: when the first and the last of them
// were made, how many they are, and which of them hold it.
type glimpse struct {
	from, to int64 // milliseconds
	n        int
	hold     []string
}

func (l *listing) look(ctx context.Context, before string, most int) (out glimpse, err error) {
	d, holds := l.r.c.dialect(), false
	scan := func(s scanner) (id string, err error) {
		if err = s.Scan(&id, &holds); holds {
			out.hold = append(out.hold, id)
		}
		return id, err
	}
	ids, err := list(ctx, l.r.c, scan, d.latest, d.search(l.Search), l.Org, before, most)
	if out.n = len(ids); out.n > 0 {
		out.from, out.to = placeTime(ids[out.n-1]), placeTime(ids[0])
	}
	return out, err
}

// newestHolders is newestHits where the full-text index has no order.
func (l *listing) newestHolders(ctx context.Context) (page []document.Document, whole bool, err error) {
	plain, before := *l, cmp.Or(l.Before, lastID)
	plain.Search = nil
	seen, err := l.look(ctx, before, firstLook*l.Limit)
	if err != nil {
		return nil, false, err
	}
	if page, err = plain.among(ctx, seen.hold); err != nil || len(page) == l.Limit || seen.n < firstLook*l.Limit {
		return page, err == nil, err
	}
	rare, rest, err := l.rarely(ctx)
	if err != nil {
		return nil, false, err
	}
	if page, whole, err = l.lastEras(ctx, rare, rest, before, seen, len(page)); whole || err != nil {
		return page, whole, err
	}
	if page, whole, err = l.holders(ctx, rare, rest, before); whole || err != nil || rest.Search == nil {
		return page, whole, err
	}
	return l.holders(ctx, l.Search, plain, before)
}

// lastEras reads a page from the last eras, as many as it takes if those before held as much.
func (l *listing) lastEras(ctx context.Context, query []service.SearchClause, rest listing, before string, seen glimpse, fit int) (page []document.Document, whole bool, err error) {
	d, span, times := l.r.c.dialect(), seen.to-seen.from+1, farLook
	if fit > 0 {
		times = further(1, l.Limit, fit)
	}
	for {
		span *= int64(times)
		eras := erasOf(seen.to-span, seen.to)
		if eras == nil {
			return nil, false, nil
		}
		n := 0
		scan := func(s scanner) (id string, err error) { return id, s.Scan(&n, &id) }
		ids, err := list(ctx, l.r.c, scan, d.holdersOf, l.Org, before, d.search(query), "{"+strings.Join(eras, ",")+"}", fewFound+1, max(manyHits, 3*l.Limit))
		if err != nil || n > fewFound || n == 0 {
			return nil, false, err
		}
		if page, err = rest.among(ctx, ids); err != nil || len(page) == l.Limit {
			return page, err == nil, err
		}
		if len(page) == 0 {
			return nil, false, nil
		}
		times = further(1, l.Limit, len(page))
	}
}

// holders gathers the documents that hold a query, to tell the newest of them that fit rest.
func (l *listing) holders(ctx context.Context, query []service.SearchClause, rest listing, before string) (page []document.Document, whole bool, err error) {
	d := l.r.c.dialect()
	for _, most := range []int{5 * l.Limit, max(manyHits, 3*l.Limit)} {
		n := 0
		scan := func(s scanner) (id string, err error) { return id, s.Scan(&n, &id) }
		ids, err := list(ctx, l.r.c, scan, d.newestHolders, l.Org, before, d.search(query), fewFound+1, most)
		if err != nil || n > fewFound { // of very many, these need not be the newest
			return nil, false, err
		}
		if page, err = rest.among(ctx, ids); err != nil || len(page) == l.Limit || n == len(ids) {
			return page, err == nil, err
		}
	}
	return nil, false, nil
}
