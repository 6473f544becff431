package store

import (
	"context"

	"github.com/paraph/paraph/internal/service"
)

// A full-text index that is asked for a rare word and a common one goes through the long
// list of the common one for every document that holds the rare one, which costs more than
// to look at the document. So it is asked for the rare words alone, and what it gives is
// asked for the whole query: at least one in four holds a common word.
const (
	latelyLook  = 80 // so many of the newest documents tell which words are common:
	latelyOften = 4  // those that one of so many holds
)

// rarely gives the part of the search that the index is asked for, and the list without
// it: its conditions are asked of what the index gives.
func (l *listing) rarely(ctx context.Context) (rare []service.SearchClause, rest listing, err error) {
	rest = *l
	words := wantedWords(l.Search)
	if len(words) > 1 {
		common, err := l.common(ctx, words)
		if err != nil {
			return nil, rest, err
		}
		if rare = withoutCommon(l.Search, common); rare != nil {
			rest.often = true // they are few, and each is asked by itself
			return rare, rest, nil
		}
	}
	rest.Search = nil
	return l.Search, rest, nil
}

// wantedWords gives the words that are to be there, each as a query.
func wantedWords(query []service.SearchClause) (words [][]service.SearchClause) {
	for _, c := range query {
		if c.Not {
			continue
		}
		for i := range c.Words {
			words = append(words, []service.SearchClause{wordOf(c, i)})
		}
	}
	return words
}

// wordOf gives one of a clause's words as a clause.
func wordOf(c service.SearchClause, i int) service.SearchClause {
	return service.SearchClause{Words: c.Words[i : i+1], Prefix: c.Prefix && i == len(c.Words)-1}
}

// common tells which of some words very many documents hold, by what the newest hold.
func (l *listing) common(ctx context.Context, words [][]service.SearchClause) ([]bool, error) {
	held := make([]int64, len(words))
	targets := make([]any, len(words))
	for i := range held {
		targets[i] = &held[i]
	}
	query, args := l.r.c.dialect().lately(l.Org, words, latelyLook)
	if _, err := one(ctx, l.r.c, func(s scanner) (any, error) { return nil, s.Scan(targets...) }, query, args...); err != nil {
		return nil, err
	}
	common := make([]bool, len(words))
	for i, n := range held {
		common[i] = n > latelyLook/latelyOften
	}
	return common, nil
}

// withoutCommon leaves the common words out of a query, in the order of wantedWords. Of a
// phrase, what stands together without them stays together. nil: there are none in it, or no others.
func withoutCommon(query []service.SearchClause, common []bool) (rare []service.SearchClause) {
	wanted, left := false, false
	for _, c := range query {
		if c.Not {
			rare = append(rare, c)
			continue
		}
		here := common[:len(c.Words)]
		common = common[len(c.Words):]
		for from := 0; from < len(here); from++ {
			if here[from] {
				left = true
				continue
			}
			to := from + 1
			for to < len(here) && !here[to] {
				to++
			}
			wanted = true
			rare = append(rare, service.SearchClause{Words: c.Words[from:to], Prefix: c.Prefix && to == len(here)})
			from = to - 1
		}
	}
	if !wanted || !left {
		return nil
	}
	return rare
}
