// Package approval holds the rules by which people say yes or no to a document:
// the canonical payload that starts an approval, the tasks it opens, and what a
// decision leads to.
//
// Pure rules: no SQL, no HTTP, no clock.
package approval

import (
	"strings"
	"time"

	"github.com/paraph/paraph/internal/fault"
)

// Mode is the order in which approvers are asked.
type Mode string

// The modes.
const (
	Sequential Mode = "sequential" // one after the other, in the order of the list
	Parallel   Mode = "parallel"   // all at once
)

// State is where an approval, or one of its tasks, stands.
type State string

// The states of an approval and of a task. A task knows Waiting and Open
// beside the outcomes; an approval knows Open and the outcomes.
const (
	Waiting   State = "waiting" // sequential: its turn has not come
	Open      State = "open"
	Approved  State = "approved"
	Rejected  State = "rejected"
	Returned  State = "returned"
	Cancelled State = "cancelled" // decided without this task, or the document was voided or expired
)

// Outcome is what an approver decides.
type Outcome string

// The outcomes of a decision.
const (
	Approve Outcome = "approve"
	Reject  Outcome = "reject"
	Return  Outcome = "return" // back to the initiator for correction
)

// Approval is one round of review of a document.
type Approval struct {
	ID         string
	Org        string
	Unit       string
	DocumentID string
	// DocumentVersion and DocumentSHA256 name exactly the bytes under review.
	DocumentVersion int
	DocumentSHA256  string
	Initiator       Initiator
	Mode            Mode
	Quorum          int       // yeses needed; for sequential always the number of approvers
	DueAt           time.Time // zero: none
	SubmittedBy     string    // principal of the credential that handed it in
	FourEyes        bool      // nobody who brought it in decides, and nobody twice
	State           State
	CreatedAt       time.Time
	ClosedAt        time.Time
	Revision        int64
	Tasks           []Task // in the order of the approver list
}

// Initiator is who hands the document in.
type Initiator struct {
	UserID string `json:"user_id"`
	Email  string `json:"email"`
}

// Task is one approver's part in an approval.
type Task struct {
	ID         string
	Org        string
	ApprovalID string
	DocumentID string
	Position   int    // 1, 2, 3 …
	Assignee   string // e-mail address or user id, lower case
	State      State
	Comment    string
	DecidedBy  string // principal who decided
	OnBehalfOf string // set where somebody else than the assignee decided for them
	OpenedAt   time.Time
	DecidedAt  time.Time
}

// Start opens the tasks that are due at once. It returns the tasks it opened.
func (a *Approval) Start(now time.Time) []*Task {
	var opened []*Task
	for i := range a.Tasks {
		t := &a.Tasks[i]
		if a.Mode == Sequential && i > 0 {
			t.State = Waiting
			continue
		}
		t.State, t.OpenedAt = Open, now
		opened = append(opened, t)
	}
	return opened
}

// Effect is what a decision led to.
type Effect struct {
	Closed    bool    // the approval is decided; its State says how
	Opened    []*Task // tasks whose turn has come
	Cancelled []*Task // tasks that nobody needs any more
}

// Decide records one approver's decision and works out what follows.
//
// It returns fault NotFound "task_not_found", Conflict "task_not_open" where its
// turn has not come or it is over, and Invalid "bad_outcome".
func (a *Approval) Decide(taskID string, out Outcome, now time.Time) (*Task, Effect, error) {
	task := a.Task(taskID)
	if task == nil {
		return nil, Effect{}, fault.New(fault.NotFound, "task_not_found", "There is no such task.")
	}
	if task.State != Open {
		return nil, Effect{}, notOpen(task)
	}
	task.DecidedAt = now
	switch out {
	case Approve:
		task.State = Approved
		return task, a.advance(now), nil
	case Reject:
		task.State = Rejected
		return task, a.close(Rejected, now), nil
	case Return:
		task.State = Returned
		return task, a.close(Returned, now), nil
	}
	return nil, Effect{}, fault.New(fault.Invalid, "bad_outcome", "A decision is approve, reject or return.")
}

func notOpen(t *Task) error {
	if t.State == Waiting {
		return fault.New(fault.Conflict, "task_not_open", "It is not this approver's turn yet: someone before them has to decide first.")
	}
	return fault.New(fault.Conflict, "task_not_open", "This task is closed: it was %s.", t.State)
}

// advance closes the approval when the quorum is reached, or opens the next task.
func (a *Approval) advance(now time.Time) Effect {
	yes := 0
	for i := range a.Tasks {
		if a.Tasks[i].State == Approved {
			yes++
		}
	}
	if yes >= a.Quorum {
		return a.close(Approved, now)
	}
	for i := range a.Tasks {
		if t := &a.Tasks[i]; t.State == Waiting {
			t.State, t.OpenedAt = Open, now
			return Effect{Opened: []*Task{t}}
		}
	}
	return Effect{}
}

func (a *Approval) close(s State, now time.Time) Effect {
	a.State, a.ClosedAt = s, now
	return Effect{Closed: true, Cancelled: a.cancelOpen(now)}
}

// Cancel closes an approval from outside: the document was voided, returned or expired.
func (a *Approval) Cancel(now time.Time) []*Task {
	a.State, a.ClosedAt = Cancelled, now
	return a.cancelOpen(now)
}

func (a *Approval) cancelOpen(now time.Time) []*Task {
	var out []*Task
	for i := range a.Tasks {
		if t := &a.Tasks[i]; t.State == Open || t.State == Waiting {
			t.State, t.DecidedAt = Cancelled, now
			out = append(out, t)
		}
	}
	return out
}

// Task gives the task with the id, or nil.
func (a *Approval) Task(id string) *Task {
	for i := range a.Tasks {
		if a.Tasks[i].ID == id {
			return &a.Tasks[i]
		}
	}
	return nil
}

// Normalise brings an approver's address to the form it is compared in.
func Normalise(assignee string) string { return strings.ToLower(strings.TrimSpace(assignee)) }
