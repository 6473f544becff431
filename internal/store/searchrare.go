package store

import "github.com/paraph/paraph/internal/service"

// A full-text index that is asked for a rare word and a common one goes through the long
// list of the common one for every document that holds the rare one, which costs more than
// to look at the document. So it is asked for the rare words alone, and what it gives is
// asked for the whole query: at least one in four holds a common word.
const (
	latelyLook  = 80 // so many of the newest documents tell which words are common:
	latelyOften = 4  // those that one of so many holds
)

// rare gives what the index is asked for, where so many of some documents hold the wanted
// words of a search. part tells that it is not all of it: what the index gives is to be
// asked for the whole.
func rare(search []service.SearchClause, held []int64, of int) (query []service.SearchClause, part bool) {
	common := make([]bool, len(held))
	for i, n := range held {
		common[i] = int(n) > of/latelyOften
	}
	if len(common) > 1 {
		query = withoutCommon(search, common)
	}
	if query == nil {
		return search, false
	}
	return query, true
}

// wantedWords gives the words that are to be there, each as a query.
func wantedWords(query []service.SearchClause) (words [][]service.SearchClause) {
	for _, c := range query {
		if c.Not {
			continue
		}
		for i := range c.Words {
			words = append(words, []service.SearchClause{pieceOf(c, i, i+1)})
		}
	}
	return words
}

// pieceOf gives some of a clause's words as a clause.
func pieceOf(c service.SearchClause, from, to int) service.SearchClause {
	return service.SearchClause{Words: c.Words[from:to], Prefix: c.Prefix && to == len(c.Words)}
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
			rare = append(rare, pieceOf(c, from, to))
			from = to - 1
		}
	}
	if !wanted || !left {
		return nil
	}
	return rare
}
