package fair

import (
	"math/rand/v2"
	"testing"
)

func flow(org, kind, unit string, weights ...int) Path {
	p := Path{{org, 1}, {kind, 1}, {unit, 1}}
	for i, w := range weights {
		p[i].Weight = w
	}
	return p
}

// serve gives n turns among paths that always wait and counts each one's.
func serve(tags Tags, paths []Path, n int) []int {
	got := make([]int, len(paths))
	for range n {
		i := tags.Next(paths)
		tags.Charge(paths[i])
		got[i]++
	}
	return got
}

// TestEachGetsItsShare: whatever the weights, and whatever happened before, who
// always waits gets its share of any stretch of turns but for one.
func TestEachGetsItsShare(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		tags := Tags{}
		paths := make([]Path, 2+r.IntN(6))
		for i := range paths {
			paths[i] = flow("o", "t", string(rune('a'+i)), 1, 1, 1+r.IntN(5))
		}
		for range r.IntN(200) { // a past in which anybody may have been alone
			some := paths[r.IntN(len(paths)):]
			tags.Charge(some[tags.Next(some)])
		}
		serve(tags, paths, 500) // until all have caught up
		sum := 0
		for _, p := range paths {
			sum += p[2].Weight
		}
		n := 1 + r.IntN(400)
		for i, got := range serve(tags, paths, n) {
			share := float64(n) * float64(paths[i][2].Weight) / float64(sum)
			if d := float64(got) - share; d > 2 || d < -2 {
				t.Errorf("seed %d: %d of %d turns for weight %d of %d", seed, got, n, paths[i][2].Weight, sum)
			}
		}
	}
}

// TestEqualUnitsAlternate: with equal weights no stretch gives one more than one turn above another.
func TestEqualUnitsAlternate(t *testing.T) {
	t.Parallel()
	paths := []Path{flow("o", "t", "a"), flow("o", "t", "b"), flow("o", "t", "c")}
	tags := Tags{}
	for n := 1; n <= 50; n++ {
		got := serve(tags, paths, n)
		for i := range got {
			for j := range got {
				if got[i]-got[j] > 1 {
					t.Fatalf("of %d turns: %v", n, got)
				}
			}
		}
	}
}

// TestNewcomerWaitsForAsManyAsThereAre: however long others have been at it, and
// however much waits with them, who comes new is served within one round.
func TestNewcomerWaitsForAsManyAsThereAre(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 2))
		tags := Tags{}
		var old []Path
		for i := range 1 + r.IntN(8) {
			old = append(old, flow("o", "t", string(rune('a'+i))))
		}
		serve(tags, old, r.IntN(5000))
		all := append(old, flow("o", "t", "new"))
		for waited := 0; ; waited++ {
			i := tags.Next(all)
			if i == len(old) {
				break
			}
			tags.Charge(all[i])
			if waited >= len(old) {
				t.Fatalf("seed %d: the newcomer waited for more than %d turns", seed, len(old))
			}
		}
	}
}

// TestNobodyGainsByDividing: an organisation with many types, units and high
// weights has no more than another with one of each.
func TestNobodyGainsByDividing(t *testing.T) {
	t.Parallel()
	paths := []Path{flow("small", "t", "u")}
	for _, kind := range []string{"a", "b", "c"} {
		for _, unit := range []string{"x", "y"} {
			paths = append(paths, flow("large", kind, unit, 1, MaxWeight, MaxWeight))
		}
	}
	if got := serve(Tags{}, paths, 1000); got[0] < 499 || got[0] > 501 {
		t.Errorf("the small organisation had %d of 1000 turns", got[0])
	}
}

// TestIdleTimeIsNotOwed: who worked while nobody else wanted to is not made to
// wait for it afterwards.
func TestIdleTimeIsNotOwed(t *testing.T) {
	t.Parallel()
	a, b := flow("o", "t", "a"), flow("o", "t", "b")
	tags := Tags{}
	serve(tags, []Path{a}, 1000)
	if got := serve(tags, []Path{a, b}, 10); got[0] < 4 {
		t.Errorf("after a thousand turns alone it had %d of 10", got[0])
	}
	if (Tags{}).Next(nil) != -1 {
		t.Error("somebody is next where nobody waits")
	}
}
