package access

import (
	"slices"
	"testing"
)

// oracle is the rule in words: same organisation; system may all; a client or a
// person needs one of the action's scopes; then unit, or a part in the document where
// the action knows parts.
func oracle(a Actor, do Action, on Resource) bool {
	if a.Org != on.Org || a.Org == "" {
		return false
	}
	if a.Kind == System {
		return true
	}
	r, ok := rules[do]
	if a.Kind != Client && a.Kind != Person || !ok {
		return false
	}
	scoped := false
	for _, s := range r.scopes {
		scoped = scoped || slices.Contains(a.Scopes, s)
	}
	unit := on.Unit == "" || a.Units == nil || slices.Contains(a.Units, on.Unit)
	return scoped && (unit || (r.related && on.Related))
}

// TestExhaustive holds Can against the oracle for every action, scope, unit,
// organisation and relation.
func TestExhaustive(t *testing.T) {
	t.Parallel()
	n, allowed := 0, 0
	for _, kind := range []Kind{Client, Person, Recipient, System} {
		for _, do := range append(Actions(), "unknown.action", SignAsRecipient) {
			for scope := range Scopes() {
				for _, units := range [][]string{nil, {}, {"a"}, {"b", "a"}} {
					for _, org := range []string{"", "o1", "o2"} {
						for _, on := range []Resource{{Org: "o1"}, {Org: "o1", Unit: "a"}, {Org: "o1", Unit: "c"}, {Org: "o1", Unit: "c", Related: true}, {Org: "o2", Unit: "a"}} {
							a := Actor{Kind: kind, Org: org, Scopes: []Scope{scope}, Units: units}
							got := Can(a, do, on)
							if got.Allow != oracle(a, do, on) {
								t.Fatalf("%+v %s on %+v: %+v", a, do, on, got)
							}
							if got.Rule == "" {
								t.Fatalf("no rule named for %s", do)
							}
							n++
							if got.Allow {
								allowed++
							}
						}
					}
				}
			}
		}
	}
	if allowed == 0 || allowed == n {
		t.Fatalf("%d of %d allowed: the test compares nothing", allowed, n)
	}
}
