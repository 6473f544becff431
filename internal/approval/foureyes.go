package approval

import (
	"fmt"
	"slices"

	"github.com/paraph/paraph/internal/fault"
)

// Four eyes: whoever brought a document in or handed it in does not decide on it,
// and nobody decides twice, whoever they act for. A person is known by the
// address the credential speaks for.

// Approvable refuses an approval that four eyes could never decide: without
// approvers, or with one who has brought it in. Fault Invalid "invalid_approval".
func (a *Approval) Approvable(broughtBy ...string) error {
	var l fault.List
	if len(a.Tasks) == 0 {
		l.Add("/approvers", "four_eyes", "Documents of this type are decided by somebody else than who hands them in: name at least one approver.")
	}
	for i := range a.Tasks {
		if a.involved(a.Tasks[i].Assignee, broughtBy...) {
			l.Add(fmt.Sprintf("/approvers/%d", i), "four_eyes", "%s brought the document in, and documents of this type are decided by somebody else.", a.Tasks[i].Assignee)
		}
	}
	return l.Err("invalid_approval", "The approval payload has faults.")
}

// MayDecide refuses a decider whose eyes have been on the matter already, where
// the approval asks for four. Fault Forbidden "four_eyes".
func (a *Approval) MayDecide(decider, createdBy string) error {
	if !a.FourEyes {
		return nil
	}
	if a.involved(decider, createdBy) {
		return fault.New(fault.Forbidden, "four_eyes", "You brought this document in. Documents of this type are decided by somebody else.")
	}
	if slices.ContainsFunc(a.Tasks, func(t Task) bool { return t.DecidedBy != "" && Normalise(t.DecidedBy) == Normalise(decider) }) {
		return fault.New(fault.Forbidden, "four_eyes", "You have decided on this document already. Documents of this type need another pair of eyes for each decision.")
	}
	return nil
}

// involved tells whether somebody brought the matter up: as initiator, or as one
// of those named.
func (a *Approval) involved(who string, broughtBy ...string) bool {
	who = Normalise(who)
	return slices.ContainsFunc(append(broughtBy, a.SubmittedBy, a.Initiator.Email, a.Initiator.UserID), func(other string) bool { return other != "" && Normalise(other) == who })
}
