package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// alike is a place at which many mutants do the same to other things: a route left out, a
// table without its policy. with gives the text for several of them at once.
type alike struct{ with func(ones []string) string }

// setSize is how many mutants that are alike are tried in one run.
const setSize = 20

// set is a mutant that is many: the tests have to name each of its members.
type set struct {
	mutant
	members []*mutant
}

// mutant makes one of those that are alike.
func (a *alike) mutant(file, text, what, old, one, told string, by []tests) mutant {
	m := replace(file, text, what, old, a.with([]string{one}), by)
	m.alike, m.one, m.told = a, one, told
	return m
}

// cases lists texts as a switch has them.
func cases(ones []string) string {
	out := make([]string, len(ones))
	for i, one := range ones {
		out[i] = fmt.Sprintf("%q", one)
	}
	return strings.Join(out, ", ")
}

// setsOf gathers mutants that are alike, by the names under which they are switched.
func setsOf(mutants []*mutant) map[string]*set {
	var order []*alike
	of := map[*alike][]*mutant{}
	for _, m := range mutants {
		if m.alike != nil {
			if of[m.alike] == nil {
				order = append(order, m.alike)
			}
			of[m.alike] = append(of[m.alike], m)
		}
	}
	out := map[string]*set{}
	for _, a := range order {
		for members := range slices.Chunk(of[a], setSize) {
			ones := make([]string, len(members))
			for i, m := range members {
				ones[i] = m.one
			}
			s := &set{*members[0], members}
			s.new = a.with(ones)
			out[fmt.Sprintf("set%04d", len(out)+1)] = s
		}
	}
	return out
}

// inSets tries mutants that are alike together. Of those that the tests do not name
// nothing is known yet.
func (r *runner) inSets(b *built, turn int, sets map[string]*set, asIs map[tests]*baseline) error {
	return r.atOnceEach(slices.Sorted(maps.Keys(sets)), func(name string) error {
		s := sets[name]
		before := asIs[s.by[turn]]
		pattern := before.pattern(name)
		if pattern == "" {
			return nil
		}
		_, green, said := b.run(r.root, pattern, before.within, []string{living + "=" + name})
		for _, m := range s.members {
			if !green && strings.Contains(said, m.told) {
				if err := r.saw(m, b.pkg, true, said); err != nil {
					return err
				}
			}
		}
		return nil
	})
}
