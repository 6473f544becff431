package store

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/approval"
	"github.com/paraph/paraph/internal/service"
)

var (
	approvalColumns = []string{"org", "id", "unit", "document_id", "document_version", "document_sha256", "initiator_user",
		"initiator_email", "mode", "quorum", "due_at", "state", "created_at", "closed_at", "revision", "four_eyes", "submitted_by"}
	selectApproval = selectFrom("approval", "a", approvalColumns)
	// A document has one open approval; a second one has lost a race.
	insertApproval = insertInto("approval", approvalColumns, 1, "ON CONFLICT (org, document_id) WHERE state = 'open' DO NOTHING")

	taskColumns = []string{"org", "id", "approval_id", "document_id", "position", "assignee", "state", "comment",
		"decided_by", "on_behalf_of", "opened_at", "decided_at"}
	selectTask = selectFrom("task", "t", taskColumns)
	saveTask   = `ON CONFLICT (org, id) DO UPDATE SET position = excluded.position, assignee = excluded.assignee, state = excluded.state,
		comment = excluded.comment, decided_by = excluded.decided_by, on_behalf_of = excluded.on_behalf_of,
		opened_at = excluded.opened_at, decided_at = excluded.decided_at`
)

func approvalRow(a *approval.Approval, revision int64) []any {
	return []any{a.Unit, a.DocumentID, a.DocumentVersion, a.DocumentSHA256, a.Initiator.UserID, a.Initiator.Email, string(a.Mode),
		a.Quorum, a.DueAt, string(a.State), a.CreatedAt, a.ClosedAt, revision, a.FourEyes, a.SubmittedBy}
}

func scanApproval(s scanner) (a approval.Approval, err error) {
	err = s.Scan(&a.Org, &a.ID, &a.Unit, &a.DocumentID, &a.DocumentVersion, &a.DocumentSHA256, &a.Initiator.UserID,
		&a.Initiator.Email, &a.Mode, &a.Quorum, stamp{&a.DueAt}, &a.State, stamp{&a.CreatedAt}, stamp{&a.ClosedAt}, &a.Revision, &a.FourEyes, &a.SubmittedBy)
	return
}

// taskRow gives the values of taskColumns after org and id.
func taskRow(a *approval.Approval, k *approval.Task) []any {
	return []any{a.ID, a.DocumentID, k.Position, k.Assignee, string(k.State), k.Comment, k.DecidedBy, k.OnBehalfOf, k.OpenedAt, k.DecidedAt}
}

func scanTask(s scanner) (t approval.Task, err error) {
	err = s.Scan(&t.Org, &t.ID, &t.ApprovalID, &t.DocumentID, &t.Position, &t.Assignee, &t.State, &t.Comment,
		&t.DecidedBy, &t.OnBehalfOf, stamp{&t.OpenedAt}, stamp{&t.DecidedAt})
	return
}

// Approval implements service.Reader.
func (r *Reader) Approval(ctx context.Context, org, id string) (approval.Approval, error) {
	return r.approval(ctx, "WHERE a.org = ? AND a.id = ?", org, id)
}

// OpenApproval implements service.Reader.
func (r *Reader) OpenApproval(ctx context.Context, org, documentID string) (approval.Approval, error) {
	return r.approval(ctx, "WHERE a.org = ? AND a.document_id = ? AND a.state = 'open'", org, documentID)
}

func (r *Reader) approval(ctx context.Context, condition string, args ...any) (approval.Approval, error) {
	a, err := one(ctx, r.c, scanApproval, selectApproval+condition, args...)
	if err != nil {
		return a, err
	}
	a.Tasks, err = list(ctx, r.c, scanTask, selectTask+"WHERE t.org = ? AND t.approval_id = ? ORDER BY t.position, t.id", a.Org, a.ID)
	if s := remembers(r.c); s != nil && err == nil {
		s.keep("approval", a.Org, a.ID, approvalRow(&a, a.Revision))
		for i := range a.Tasks {
			s.keep("task", a.Org, a.Tasks[i].ID, taskRow(&a, &a.Tasks[i]))
		}
	}
	return a, err
}

// Approvals implements service.Reader.
func (r *Reader) Approvals(ctx context.Context, org, documentID string) ([]approval.Approval, error) {
	found, err := list(ctx, r.c, scanApproval, selectApproval+"WHERE a.org = ? AND a.document_id = ? ORDER BY a.id", org, documentID)
	if err != nil || len(found) == 0 {
		return found, err
	}
	tasks, err := list(ctx, r.c, scanTask, `SELECT t.`+joined(taskColumns, ", t.")+` FROM approval a
		JOIN task t ON t.org = a.org AND t.approval_id = a.id
		WHERE a.org = ? AND a.document_id = ? ORDER BY t.approval_id, t.position, t.id`, org, documentID)
	for _, t := range tasks {
		if i := slices.IndexFunc(found, func(a approval.Approval) bool { return a.ID == t.ApprovalID }); i >= 0 {
			found[i].Tasks = append(found[i].Tasks, t)
		}
	}
	return found, err
}

// Task implements service.Reader.
func (r *Reader) Task(ctx context.Context, org, id string) (approval.Task, error) {
	return one(ctx, r.c, scanTask, selectTask+"WHERE t.org = ? AND t.id = ?", org, id)
}

// Tasks implements service.Reader.
func (r *Reader) Tasks(ctx context.Context, f service.TaskFilter) ([]approval.Task, error) {
	var w where
	w.add("t.org = ?", f.Org)
	mine, args := part(access.Parts(access.ReadTask), "t.org", "t.document_id", f.Principal, r.now)
	w.within("d.unit", f.Units, mine, args...)
	if f.Assignee != "" {
		w.is("t.assignee", approval.Normalise(f.Assignee))
	}
	w.is("t.state", f.State)
	w.is("t.document_id", f.DocumentID)
	w.before("t.id", f.Before)
	join := "JOIN document d ON d.org = t.org AND d.id = t.document_id "
	return list(ctx, r.c, scanTask, selectTask+join+w.clause("t.id DESC", f.Limit), w.args...)
}

// InsertApproval implements service.Tx. The document must be there. Fault
// Conflict "stale" where it has an open approval already.
func (t *Tx) InsertApproval(ctx context.Context, a approval.Approval) error {
	if ok, err := change(ctx, t.c, 1, insertApproval, append([]any{a.Org, a.ID}, approvalRow(&a, a.Revision)...)...); err != nil || !ok {
		return cmp.Or(err, stale())
	}
	return t.saveTasks(ctx, &a)
}

// UpdateApproval implements service.Tx.
func (t *Tx) UpdateApproval(ctx context.Context, a *approval.Approval) error {
	ok, err := rewrite(ctx, t.c, "approval", a.Org, a.ID, approvalColumns[2:], approvalRow(a, a.Revision+1), a.Revision)
	if err := swapped(ctx, t.c, ok, err, &a.Revision, "approval", a.Org, a.ID); err != nil {
		return err
	}
	return t.saveTasks(ctx, a)
}

// saveTasks writes the tasks. They belong to the approval whatever they say of
// themselves, so that no task of another approval can be overwritten by mistake.
func (t *Tx) saveTasks(ctx context.Context, a *approval.Approval) error {
	var fresh [][]any
	for i := range a.Tasks {
		k := &a.Tasks[i]
		if remembers(t.c)[seenKey("task", a.Org, k.ID)] == nil {
			fresh = append(fresh, append([]any{a.Org, k.ID}, taskRow(a, k)...))
			continue
		}
		if err := t.rewriteTask(ctx, a, k); err != nil {
			return err
		}
	}
	ok, err := insertRows(ctx, t.c, "task", taskColumns, saveTask+" WHERE task.approval_id = excluded.approval_id", fresh)
	return cmp.Or(err, elsewhere(ok))
}

// rewriteTask writes what has changed of a task that was read.
func (t *Tx) rewriteTask(ctx context.Context, a *approval.Approval, k *approval.Task) error {
	row, err := bind(taskRow(a, k))
	if err != nil {
		return err
	}
	query, args := remembers(t.c).update("task", a.Org, k.ID, taskColumns[2:], row, "org = ? AND id = ? AND approval_id = ?", a.Org, k.ID, a.ID)
	if query == "" {
		return nil
	}
	ok, err := change(ctx, t.c, 1, query, args...)
	return cmp.Or(err, elsewhere(ok))
}

func elsewhere(ok bool) error {
	if ok {
		return nil
	}
	return errors.New("a task belongs to another approval")
}
