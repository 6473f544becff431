package service

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"
)

// tally counts things that are alike.
type tally struct {
	count        int
	since, until time.Time
}

func (t *tally) add(more tally) {
	if t.since.IsZero() || more.since.Before(t.since) {
		t.since = more.since
	}
	if more.until.After(t.until) {
		t.until = more.until
	}
	t.count += more.count
}

// tallies gathers what is written into the log together: whoever floods fills neither
// the memory nor the log. The zero value is empty.
type tallies[K comparable] struct {
	mu sync.Mutex
	by map[K]tally
}

// add counts one of a kind, at a time. Where there are too many kinds to be told
// apart, it counts as rest.
func (t *tallies[K]) add(kind, rest K, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.by == nil {
		t.by = map[K]tally{}
	}
	if _, known := t.by[kind]; !known && len(t.by) >= maxFailures {
		kind = rest
	}
	sum := t.by[kind]
	sum.add(tally{1, now, now})
	t.by[kind] = sum
}

// take gives what was gathered, and begins anew.
func (t *tallies[K]) take() map[K]tally {
	t.mu.Lock()
	defer t.mu.Unlock()
	noted := t.by
	t.by = nil
	return noted
}

// mostFrequent orders kinds by how often they are, with no more than most of them, and
// sums up the others.
func mostFrequent[K comparable](list map[K]tally, most int, compare func(a, b K) int) (first []K, rest tally) {
	order := slices.SortedFunc(maps.Keys(list), func(a, b K) int { return cmp.Or(cmp.Compare(list[b].count, list[a].count), compare(a, b)) })
	for _, k := range order[min(len(order), most):] {
		rest.add(list[k])
	}
	return order[:min(len(order), most)], rest
}
