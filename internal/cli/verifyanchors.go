package cli

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/paraph/paraph/internal/anchor"
)

// packedAnchors are the time stamps of an archive package, and what its own proofs
// have shown.
type packedAnchors struct {
	all    map[string]*anchor.Packed
	leaves map[string][]byte // of the entries that are proved, by id
}

// check verifies each time stamp and says which entries it vouches for. A package
// without any is as good as before there were any.
func (p *packedAnchors) check(t *trust, v *verdict) {
	if t.log == nil || len(p.all) == 0 {
		return // what lacks the log's key was said of the proofs
	}
	var found []stampedEntries
	for _, id := range slices.Sorted(maps.Keys(p.all)) {
		one := p.all[id]
		shown, err := one.Verify(t.log, t.stamps, p.leaves)
		if err != nil {
			v.refuse("time stamp %s: %s", id, plain(err))
			continue
		}
		found = append(found, stampedEntries{shown, len(one.Proofs)})
	}
	slices.SortFunc(found, func(a, b stampedEntries) int { return cmp.Compare(a.Checkpoint.Head.Size, b.Checkpoint.Head.Size) })
	covered := 0
	for _, f := range found {
		covered += f.entries
		v.Facts = append(v.Facts, fmt.Sprintf("%d of %d entries stood in the log by %s", covered, len(p.leaves), f.Verified))
	}
	if t.stamps == nil && len(found) > 0 {
		v.Facts = append(v.Facts, "who made the time stamps was not checked: use --tsa-ca")
	}
}

// stampedEntries is a good time stamp with how many entries it is the first to cover.
type stampedEntries struct {
	anchor.Verified
	entries int
}
