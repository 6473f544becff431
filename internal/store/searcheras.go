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
	farLooks  = 3   // so often, before all are asked
	lastID    = "~" // after every id
)

// glimpse is what the newest documents tell of a search: how many they are, when the first
// and the last of them were made, which hold it, and how many hold each of its words.
type glimpse struct {
	n        int
	from, to int64 // milliseconds
	hold     []string
	held     []int64
}

// glance looks through so many of the newest documents below an id.
func (l *listing) glance(ctx context.Context, before string, most int) (out glimpse, err error) {
	words := wantedWords(l.Search)
	first, last, hold := "", "", ""
	held, targets := counts(len(words))
	if len(words) == 1 { // they are those that hold it
		words, targets = nil, nil
	}
	scan := func(s scanner) (any, error) {
		return nil, s.Scan(append([]any{&out.n, &first, &last, &hold}, targets...)...)
	}
	query, args := l.r.c.dialect().latest(l.Org, before, most, l.Search, words)
	_, err = one(ctx, l.r.c, scan, query, args...)
	out.from, out.to, out.hold, out.held = placeTime(first), placeTime(last), strings.Fields(hold), held
	return out, err
}

// newestHolders is newestHits where the full-text index has no order.
func (l *listing) newestHolders(ctx context.Context) (page []document.Document, whole bool, err error) {
	plain, before := *l, cmp.Or(l.Before, lastID)
	plain.Search = nil
	seen, err := l.glance(ctx, before, firstLook*l.Limit)
	if err != nil {
		return nil, false, err
	}
	if page, err = plain.among(ctx, seen.hold); err != nil || len(page) == l.Limit || seen.n < firstLook*l.Limit {
		return page, err == nil, err
	}
	asked, part := rare(l.Search, seen.held, seen.n)
	if page, whole, err = plain.lastEras(ctx, holders{l, asked, before}, seen, len(page)); whole || err != nil {
		return page, whole, err
	}
	if page, whole, err = plain.holding(ctx, holders{l, asked, before}); whole || err != nil || !part {
		return page, whole, err
	}
	return plain.holding(ctx, holders{l, l.Search, before})
}

// lastEras reads a page from the last eras, as many as it takes if those before held as much.
func (l *listing) lastEras(ctx context.Context, of holders, seen glimpse, fit int) (page []document.Document, whole bool, err error) {
	span, times, most := seen.to-seen.from+1, farLook, 5*l.Limit
	if fit > 0 {
		times = further(1, l.Limit, fit)
	}
	for range farLooks {
		span *= int64(times)
		eras := erasOf(seen.to-span, seen.to)
		if eras == nil {
			return nil, false, nil
		}
		ids, n, err := of.newest(ctx, eras, most)
		if err != nil || n == 0 || n > fewFound {
			return nil, false, err
		}
		if times = 3 * l.Limit / n; times > 1 { // they would not fill the page
			continue
		}
		if page, err = l.among(ctx, ids); err != nil || len(page) == l.Limit {
			return page, err == nil, err
		}
		switch times = further(1, l.Limit, len(page)); {
		case len(page) == 0, most == manyHits:
			return nil, false, nil
		case n > most:
			times, most = 1, manyHits
		}
	}
	return nil, false, nil
}

// holding reads a page from all that hold a query.
func (l *listing) holding(ctx context.Context, of holders) (page []document.Document, whole bool, err error) {
	for _, most := range []int{5 * l.Limit, manyHits} {
		ids, n, err := of.newest(ctx, nil, most)
		if err != nil || n > fewFound {
			return nil, false, err
		}
		if page, err = l.among(ctx, ids); err != nil || len(page) == l.Limit || n <= most {
			return page, err == nil, err
		}
	}
	return nil, false, nil
}

// holders are the documents that hold the search of a list, below an id. The index is
// asked for a part of it.
type holders struct {
	*listing
	query  []service.SearchClause
	before string
}

// newest gives the newest of them, of some eras or of all, among so many that hold the part.
// n is how many these are; where they are more than fewFound, it need not be the newest.
func (h holders) newest(ctx context.Context, eras []string, most int) (ids []string, n int, err error) {
	d := h.r.c.dialect()
	statement, args := d.newestHolders, []any{d.search(h.Search), h.Org, h.before, d.search(h.query)}
	if eras != nil {
		statement, args = d.holdersOf, append(args, "{"+strings.Join(eras, ",")+"}")
	}
	hold := ""
	_, err = one(ctx, h.r.c, func(s scanner) (any, error) { return nil, s.Scan(&n, &hold) }, statement, append(args, fewFound+1, most)...)
	return strings.Fields(hold), n, err
}
