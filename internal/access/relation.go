package access

import "strings"

// Relation is what a principal has to do with a document: a set, for one may be
// its creator and an approver too.
type Relation uint8

// The relations.
const (
	AsCreator   Relation = 1 << iota // a person who brought it in
	AsApprover                       // was asked to decide on it
	AsRecipient                      // was asked to sign it, or to receive it
	AsGuest                          // was let in by a grant that runs
)

var relationNames = []string{"creator", "approver", "recipient", "guest"}

// Relations lists each relation alone.
func Relations() []Relation { return []Relation{AsCreator, AsApprover, AsRecipient, AsGuest} }

// String names the relations of the set.
func (r Relation) String() string {
	var names []string
	for i, name := range relationNames {
		if r&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	if names == nil {
		return "none"
	}
	return strings.Join(names, ", ")
}

// Person tells whether a principal is a person, known by an e-mail address. A
// service's name may be shared by programs of several business units, so it gives
// nobody a part in what another of them created.
func Person(principal string) bool { return strings.Contains(principal, "@") }
