// Package fair says whose turn is next where many wait for few places. It is
// start-time fair queuing (Goyal, Vin, Cheng 1996) at each level of a tree: at
// every node the children share what the node gets by their weights, whatever
// each of them has waiting.
//
// Every node has a clock, and every child a finish tag. A child's next turn
// starts at its finish tag or the clock, whichever is later; the earliest start
// is next; its start becomes the clock and its tag moves on by a turn divided by
// its weight. So who comes new stands at the clock and not at the end of a queue:
// at a node with n children of equal weight it waits for n-1 turns at most,
// however many wait with the others. What was used while nobody else
// wanted it is not held against anybody.
//
// The package is pure: the same tags and candidates give the same choice.
package fair

import "strings"

// MaxWeight is the greatest weight of a node; the least is 1.
const MaxWeight = 1000

// turn is what one turn moves the finish tag of a node of weight 1.
const turn = 1 << 20

// Node is one step on the way from the root to who waits.
type Node struct {
	Name   string
	Weight int // among its siblings, 1 to MaxWeight; others are brought to the nearer end
}

// Path leads from the root to who waits. All paths of a tree have one length.
type Path []Node

// Key names the node at the end of a path; the root's is "".
func Key(names ...string) string {
	var b strings.Builder
	for _, n := range names {
		b.WriteString(n)
		b.WriteByte(0)
	}
	return b.String()
}

func (p Path) key(level int) string {
	names := make([]string, level)
	for i, n := range p[:level] {
		names[i] = n.Name
	}
	return Key(names...)
}

// Tag is what a node remembers.
type Tag struct {
	Clock  int64 // start of its children's last turn
	Finish int64 // where its own last turn ended, by its parent's clock
}

// Tags are the nodes' tags by Key. A node that is not there has the zero Tag.
type Tags map[string]Tag

// Next gives the index of the path whose turn it is, -1 where there are none. Of
// those whose turns start together, the first of the list is next.
func (t Tags) Next(waiting []Path) int {
	if len(waiting) == 0 {
		return -1
	}
	left := make([]int, len(waiting))
	for i := range waiting {
		left[i] = i
	}
	for level := range len(waiting[0]) {
		clock := t[waiting[left[0]].key(level)].Clock
		best, first := left[0], int64(-1)
		for _, i := range left {
			start := max(clock, t[waiting[i].key(level+1)].Finish)
			if first < 0 || start < first {
				best, first = i, start
			}
		}
		name := waiting[best][level].Name
		same := left[:0]
		for _, i := range left {
			if waiting[i][level].Name == name {
				same = append(same, i)
			}
		}
		left = same
	}
	return left[0]
}

// Charge notes that the path had a turn, and gives the keys of the tags it
// changed, the root's first.
func (t Tags) Charge(p Path) []string {
	changed := []string{""}
	for level, n := range p {
		at, below := p.key(level), p.key(level+1)
		parent, child := t[at], t[below]
		start := max(parent.Clock, child.Finish)
		parent.Clock = start
		child.Finish = start + turn/int64(min(max(n.Weight, 1), MaxWeight))
		t[at], t[below] = parent, child
		changed = append(changed, below)
	}
	return changed
}
