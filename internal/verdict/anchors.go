package verdict

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/paraph/paraph/internal/anchor"
)

// anchored are the time stamps of an archive package, and what its own proofs
// have shown.
type anchored struct {
	all    map[string]*anchor.Packed
	leaves map[string][]byte // of the entries that are proved, by id
}

// check verifies each time stamp and says which entries it vouches for. A package
// without any is as good as before there were any.
func (p *anchored) check(j *Judge, v *Verdict) {
	if j.Log == nil || len(p.all) == 0 {
		return // what lacks the log's key was said of the proofs
	}
	var found []stampedEntries
	for _, id := range slices.Sorted(maps.Keys(p.all)) {
		one := p.all[id]
		shown, err := one.Verify(j.Log, j.Stamps, p.leaves)
		if err != nil {
			v.refuse("time stamp %s: %s", id, strings.TrimSpace(err.Error()))
			continue
		}
		found = append(found, stampedEntries{shown, len(one.Proofs)})
	}
	slices.SortFunc(found, func(a, b stampedEntries) int { return cmp.Compare(a.Checkpoint.Head.Size, b.Checkpoint.Head.Size) })
	covered := 0
	for _, f := range found {
		covered += f.entries
		v.fact("%d of %d entries stood in the log by %s", covered, len(p.leaves), f.Verified)
	}
	if j.Stamps == nil && len(found) > 0 {
		v.fact("who made the time stamps was not checked: no certificates of their authorities were given")
		v.lack(LackStampRoots)
	}
}

// stampedEntries is a good time stamp with how many entries it is the first to cover.
type stampedEntries struct {
	anchor.Verified
	entries int
}
