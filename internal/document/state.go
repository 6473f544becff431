package document

import (
	"fmt"

	"github.com/paraph/paraph/internal/fault"
)

// State is where a document stands in its life. What happens to it technically
// (reading, sealing) is its Processing and never hides in here.
type State string

// The states, in the order a document usually meets them.
const (
	Draft     State = "draft"
	Submitted State = "submitted"
	InReview  State = "in_review"
	Approved  State = "approved"
	Signed    State = "signed"
	Archived  State = "archived"
	Rejected  State = "rejected"
	Declined  State = "declined"
	Voided    State = "voided"
	Expired   State = "expired"
	Disposed  State = "disposed"
)

// Action is what moves a document from one state to the next.
type Action string

// The actions.
const (
	Submit     Action = "submit"
	OpenReview Action = "open_review"
	Approve    Action = "approve"
	Reject     Action = "reject"
	Return     Action = "return"
	Sign       Action = "sign"
	Decline    Action = "decline"
	Archive    Action = "archive"
	Void       Action = "void"
	Expire     Action = "expire"
	Dispose    Action = "dispose"
)

// table is the document's life: what leads from where to where. It is the only
// place in the code where states are compared.
var table = map[State]map[Action]State{
	Draft:     {Submit: Submitted, Void: Voided},
	Submitted: {OpenReview: InReview, Return: Draft, Void: Voided, Expire: Expired},
	InReview:  {Approve: Approved, Reject: Rejected, Return: Draft, Void: Voided, Expire: Expired},
	Approved:  {Sign: Signed, Decline: Declined, Archive: Archived, Void: Voided, Expire: Expired},
	Signed:    {Archive: Archived},
	Archived:  {Dispose: Disposed},
	Rejected:  {Dispose: Disposed},
	Declined:  {Dispose: Disposed},
	Voided:    {Dispose: Disposed},
	Expired:   {Dispose: Disposed},
	Disposed:  {},
}

// States lists every state in the order of a document's life.
func States() []State {
	return []State{Draft, Submitted, InReview, Approved, Signed, Archived, Rejected, Declined, Voided, Expired, Disposed}
}

// Actions lists every action.
func Actions() []Action {
	return []Action{Submit, OpenReview, Approve, Reject, Return, Sign, Decline, Archive, Void, Expire, Dispose}
}

// Valid tells whether s is a state of the table.
func (s State) Valid() bool { _, ok := table[s]; return ok }

// Final tells whether s is an end of a document's life: of one that did not
// come into the archive, or was disposed of.
func (s State) Final() bool {
	return s != Archived && (len(table[s]) == 0 || len(table[s]) == 1 && s.Allows(Dispose))
}

// Kept tells whether the document's bytes are settled and to be kept, so that
// their signatures are to be protected: signed, or in the archive.
func (s State) Kept() bool { return s == Signed || s == Archived }

// Arriving gives the state in which a document begins here that was in s elsewhere.
// What ended there has ended. What is settled by a signature stays settled; everything
// else is a draft, since nobody here has agreed to it.
func (s State) Arriving(signed bool) State {
	switch {
	case s.Final() && s != Disposed:
		return s
	case signed && s.Kept():
		return Signed
	}
	return Draft
}

// Allows tells whether action leads out of s.
func (s State) Allows(a Action) bool { _, ok := table[s][a]; return ok }

// Next gives the state that action leads to.
//
// It returns fault Conflict "action_not_allowed" where the table has no such way.
func (s State) Next(a Action) (State, error) {
	next, ok := table[s][a]
	if !ok {
		return s, fault.New(fault.Conflict, "action_not_allowed", "%s", refusal(s, a))
	}
	return next, nil
}

func refusal(s State, a Action) string {
	if len(table[s]) == 0 {
		return fmt.Sprintf("The document is %s, which is an end: nothing can be done with it any more, so it cannot %s.", s, a)
	}
	var can string
	for _, other := range Actions() {
		if s.Allows(other) {
			if can != "" {
				can += ", "
			}
			can += string(other)
		}
	}
	return fmt.Sprintf("The document is %s and cannot %s now. What can be done: %s.", s, a, can)
}
