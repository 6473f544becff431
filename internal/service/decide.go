package service

import (
	"context"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/approval"
	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/journal"
)

// MaxComment is the longest comment or reason kept, in bytes.
const MaxComment = 4000

// Decision is what an approver says.
type Decision struct {
	Outcome    approval.Outcome
	Comment    string
	OnBehalfOf string // the assignee, where somebody else decides for them
}

// Decide records one approver's decision and what follows from it.
//
// Faults: NotFound; Invalid "invalid_decision"; Conflict "task_not_open";
// Forbidden "not_your_task" where the task is another's and the caller may not
// decide for others, or does not say for whom; Forbidden "four_eyes".
func (s *Service) Decide(ctx context.Context, call Call, taskID string, in Decision) (Result[approval.Approval], error) {
	if err := checkDecision(in); err != nil {
		return Result[approval.Approval]{}, err
	}
	closed := ""
	out, err := run(ctx, s, call, false, func(ctx context.Context, c *change) (approval.Approval, error) {
		closed = ""
		a, d, err := c.taskFor(ctx, taskID)
		if err != nil {
			return a, err
		}
		behalf, err := mayDecide(c.actor, a.Task(taskID), in)
		if err != nil {
			return a, err
		}
		if err := a.MayDecide(c.actor.Principal, d.CreatedBy); err != nil {
			return a, err
		}
		task, effect, err := a.Decide(taskID, in.Outcome, c.Now())
		if err != nil {
			return a, err
		}
		task.Comment, task.DecidedBy, task.OnBehalfOf = in.Comment, c.actor.Principal, behalf
		if err := logTasks(c, &d, journal.TaskDecided, []*approval.Task{task}); err != nil {
			return a, err
		}
		if err := c.afterDecision(&d, &a, effect, in.Comment); err != nil {
			return a, err
		}
		if effect.Closed {
			closed = string(a.State)
		}
		d.UpdatedAt = c.Now()
		if err := c.UpdateApproval(ctx, &a); err != nil {
			return a, err
		}
		return a, c.UpdateDocument(ctx, &d)
	})
	if err == nil && closed != "" && !out.Replayed {
		s.Meter.ApprovalDecided(closed)
	}
	return out, err
}

func checkDecision(in Decision) error {
	var l fault.List
	switch in.Outcome {
	case approval.Approve, approval.Reject, approval.Return:
	default:
		l.Add("/outcome", "bad_outcome", "A decision is approve, reject or return.")
	}
	if len(in.Comment) > MaxComment {
		l.Add("/comment", "too_long", "The comment has %d bytes; at most %d are kept.", len(in.Comment), MaxComment)
	}
	return l.Err("invalid_decision", "The decision has faults.")
}

// taskFor reads a task's approval and document for the actor who will decide.
func (c *change) taskFor(ctx context.Context, taskID string) (a approval.Approval, d document.Document, err error) {
	if err := access.Allowed(c.actor, access.DecideTask); err != nil {
		return a, d, err
	}
	t, err := c.Task(ctx, c.actor.Org, taskID)
	if err != nil {
		return a, d, err
	}
	if d, err = c.document(ctx, t.DocumentID, access.DecideTask); err != nil {
		return a, d, err
	}
	a, err = c.Approval(ctx, c.actor.Org, t.ApprovalID)
	return a, d, err
}

// mayDecide tells on whose behalf the actor decides: "" for itself.
func mayDecide(actor access.Actor, t *approval.Task, in Decision) (string, error) {
	switch {
	case t == nil:
		return "", access.NotFound()
	case approval.Normalise(actor.Principal) == t.Assignee && actor.HasAny(access.TasksDecide):
		return "", nil
	case actor.HasAny(access.TasksDecideFor) && approval.Normalise(in.OnBehalfOf) == t.Assignee:
		return t.Assignee, nil
	}
	return "", fault.New(fault.Forbidden, "not_your_task", "This task is assigned to somebody else. To decide for them, the token needs the scope %s and the request names them in on_behalf_of.", access.TasksDecideFor)
}

// afterDecision carries a decision's effect over to the document.
func (c *change) afterDecision(d *document.Document, a *approval.Approval, effect approval.Effect, comment string) error {
	if err := logTasks(c, d, journal.TaskOpened, effect.Opened); err != nil {
		return err
	}
	if err := logTasks(c, d, journal.TaskCancelled, effect.Cancelled); err != nil {
		return err
	}
	if !effect.Closed {
		return nil
	}
	follows := map[approval.State]struct {
		do   document.Action
		kind journal.Kind
	}{
		approval.Approved: {document.Approve, journal.DocumentApproved},
		approval.Rejected: {document.Reject, journal.DocumentRejected},
		approval.Returned: {document.Return, journal.DocumentReturned},
	}[a.State]
	if err := d.Apply(follows.do); err != nil {
		return err
	}
	data := dataOf(d)
	data.Version, data.Reason = a.DocumentVersion, comment
	return c.logDocument(d, note{kind: follows.kind, data: data, digests: versionDigest(a)})
}

// Void withdraws a document: open tasks and envelopes end with it.
// Faults: NotFound; Conflict "action_not_allowed"; Invalid "invalid_void".
func (s *Service) Void(ctx context.Context, call Call, docID, reason string) (Result[document.Document], error) {
	if len(reason) > MaxComment {
		return Result[document.Document]{}, fault.New(fault.Invalid, "invalid_void", "The reason has %d bytes; at most %d are kept.", len(reason), MaxComment)
	}
	return run(ctx, s, call, false, func(ctx context.Context, c *change) (document.Document, error) {
		d, err := c.document(ctx, docID, access.WriteDocument)
		if err != nil {
			return d, err
		}
		return d, c.end(ctx, &d, document.Void, journal.DocumentVoided, reason)
	})
}

// ExpireDue ends a document whose review was due and is still open. It is called
// by a timer, and does nothing where the approval was decided or has another date.
func (s *Service) ExpireDue(ctx context.Context, call Call, docID string, due time.Time) error {
	_, err := run(ctx, s, call, false, func(ctx context.Context, c *change) (document.Document, error) {
		d, err := c.Document(ctx, call.Actor.Org, docID)
		if err != nil {
			return d, err
		}
		a, err := c.OpenApproval(ctx, d.Org, d.ID)
		if fault.KindOf(err) == fault.NotFound || (err == nil && (!a.DueAt.Equal(due) || c.Now().Before(due))) {
			return d, nil
		}
		if err != nil {
			return d, err
		}
		return d, c.end(ctx, &d, document.Expire, journal.DocumentExpired, "the review was not finished by "+due.Format(time.RFC3339))
	})
	return err
}

// end takes a document out of its life early, with everything open on it.
func (c *change) end(ctx context.Context, d *document.Document, do document.Action, kind journal.Kind, reason string) error {
	if err := d.Apply(do); err != nil {
		return err
	}
	if err := c.cancelApproval(ctx, d); err != nil {
		return err
	}
	if err := c.endEnvelopes(ctx, d, do, reason); err != nil {
		return err
	}
	data := dataOf(d)
	data.Reason = reason
	if err := c.logDocument(d, note{kind: kind, data: data}); err != nil {
		return err
	}
	d.UpdatedAt = c.Now()
	return c.UpdateDocument(ctx, d)
}

func (c *change) cancelApproval(ctx context.Context, d *document.Document) error {
	a, err := c.OpenApproval(ctx, d.Org, d.ID)
	if fault.KindOf(err) == fault.NotFound {
		return nil
	} else if err != nil {
		return err
	}
	if err := logTasks(c, d, journal.TaskCancelled, a.Cancel(c.Now())); err != nil {
		return err
	}
	return c.UpdateApproval(ctx, &a)
}

// Recall takes a document back to draft while it is being reviewed.
// Faults: NotFound; Conflict "action_not_allowed".
func (s *Service) Recall(ctx context.Context, call Call, docID, reason string) (Result[document.Document], error) {
	return run(ctx, s, call, false, func(ctx context.Context, c *change) (document.Document, error) {
		d, err := c.document(ctx, docID, access.SubmitDocument)
		if err != nil {
			return d, err
		}
		return d, c.end(ctx, &d, document.Return, journal.DocumentReturned, reason)
	})
}

// Approval gives an approval with its tasks. Faults: NotFound.
func (s *Service) Approval(ctx context.Context, a access.Actor, approvalID string) (out approval.Approval, err error) {
	if err := access.Allowed(a, access.ReadTask); err != nil {
		return out, err
	}
	err = s.Store.Read(Within(ctx, a.Org), func(ctx context.Context, tx Reader) error {
		if out, err = tx.Approval(ctx, a.Org, approvalID); err != nil {
			return err
		}
		return check(ctx, tx, a, access.ReadTask, out.Unit, out.DocumentID)
	})
	return out, err
}

// Approvals lists a document's approvals, oldest first. Faults: NotFound.
func (s *Service) Approvals(ctx context.Context, a access.Actor, docID string) (out []approval.Approval, err error) {
	err = s.Store.Read(Within(ctx, a.Org), func(ctx context.Context, tx Reader) error {
		if _, err := documentFor(ctx, tx, a, docID, access.ReadTask); err != nil {
			return err
		}
		out, err = tx.Approvals(ctx, a.Org, docID)
		return err
	})
	return out, err
}

// Tasks lists tasks the actor may see, newest first.
func (s *Service) Tasks(ctx context.Context, a access.Actor, f TaskFilter) (out []approval.Task, err error) {
	if err := access.Allowed(a, access.ReadTask); err != nil {
		return nil, err
	}
	f.Org, f.Units, f.Principal, f.Limit = a.Org, a.Units, a.Principal, limit(f.Limit)
	err = s.Store.Read(Within(ctx, a.Org), func(ctx context.Context, tx Reader) error {
		out, err = tx.Tasks(ctx, f)
		return err
	})
	return out, err
}

// Task gives one task. Faults: NotFound.
func (s *Service) Task(ctx context.Context, a access.Actor, taskID string) (t approval.Task, err error) {
	if err := access.Allowed(a, access.ReadTask); err != nil {
		return t, err
	}
	err = s.Store.Read(Within(ctx, a.Org), func(ctx context.Context, tx Reader) error {
		if t, err = tx.Task(ctx, a.Org, taskID); err != nil {
			return err
		}
		_, err := documentFor(ctx, tx, a, t.DocumentID, access.ReadTask)
		return err
	})
	return t, err
}
