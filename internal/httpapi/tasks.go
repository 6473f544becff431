package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/approval"
	"github.com/paraph/paraph/internal/service"
)

// Task is one approver's part in an approval.
type Task struct {
	ID         string     `json:"id" example:"task_01kb0q7m4b1s9v3d8r5x2c6e7f"`
	ApprovalID string     `json:"approval_id"`
	DocumentID string     `json:"document_id"`
	Position   int        `json:"position" example:"1"`
	Assignee   string     `json:"assignee" example:"mgr@example.com"`
	State      string     `json:"state" enum:"waiting,open,approved,rejected,returned,cancelled"`
	Comment    string     `json:"comment,omitempty"`
	DecidedBy  string     `json:"decided_by,omitempty"`
	OnBehalfOf string     `json:"on_behalf_of,omitempty" doc:"Where somebody else decided for the assignee."`
	OpenedAt   *time.Time `json:"opened_at,omitempty"`
	DecidedAt  *time.Time `json:"decided_at,omitempty"`
}

func taskOf(t *approval.Task) Task {
	return Task{
		ID: t.ID, ApprovalID: t.ApprovalID, DocumentID: t.DocumentID, Position: t.Position, Assignee: t.Assignee, State: string(t.State),
		Comment: t.Comment, DecidedBy: t.DecidedBy, OnBehalfOf: t.OnBehalfOf, OpenedAt: at(t.OpenedAt), DecidedAt: at(t.DecidedAt),
	}
}

func (a *api) tasks() {
	handle(a, route{id: "listTasks", method: http.MethodGet, path: "/v1/tasks", tag: "tasks", does: access.ReadTask,
		summary: "List tasks", about: "Newest first."}, a.listTasks)
	handle(a, route{id: "getTask", method: http.MethodGet, path: "/v1/tasks/{id}", tag: "tasks", does: access.ReadTask,
		summary: "Get a task", about: "One approver's part in an approval.", codes: []string{"not_found"}}, a.getTask)
	handle(a, route{id: "decideTask", atomic: true, method: http.MethodPost, path: "/v1/tasks/{id}/decision", tag: "tasks", does: access.DecideTask,
		summary: "Decide a task", about: "The client's principal decides its own tasks. With the scope tasks:decide_for it may decide for the assignee it names in on_behalf_of; the log says so. Answers with the approval as it is now.",
		codes: []string{"not_found", "invalid_decision", "task_not_open", "not_your_task", "four_eyes", "action_not_allowed"}}, a.decideTask)
}

type listTasksInput struct {
	Paged
	Assignee   string `query:"assignee"`
	State      string `query:"state" enum:"waiting,open,approved,rejected,returned,cancelled"`
	DocumentID string `query:"document_id"`
}

func (a *api) listTasks(ctx context.Context, in *listTasksInput) (*Listed[Task], error) {
	rows, err := a.Service.Tasks(ctx, actorOf(ctx), service.TaskFilter{
		Assignee: approval.Normalise(in.Assignee), State: in.State, DocumentID: in.DocumentID, Before: in.After, Limit: in.want(),
	})
	if err != nil {
		return nil, err
	}
	return pageOf(rows, in.Paged, taskOf, func(t *approval.Task) string { return t.ID }), nil
}

// TaskPath is the path parameter of one task.
type TaskPath struct {
	ID string `path:"id" maxLength:"64" example:"task_01kb0q7m4b1s9v3d8r5x2c6e7f" doc:"Id of the task."`
}

func (a *api) getTask(ctx context.Context, in *TaskPath) (*struct{ Body Task }, error) {
	t, err := a.Service.Task(ctx, actorOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return &struct{ Body Task }{taskOf(&t)}, nil
}

// Decision is what an approver says.
type Decision struct {
	Outcome    string `json:"outcome" enum:"approve,reject,return" doc:"return sends the document back for correction."`
	Comment    string `json:"comment,omitempty" example:"Within budget." doc:"At most 4000 bytes."`
	OnBehalfOf string `json:"on_behalf_of,omitempty" doc:"The assignee, where the caller decides for them."`
}

type decideTaskInput struct {
	TaskPath
	Keyed
	Body Decision
}

func (a *api) decideTask(ctx context.Context, in *decideTaskInput) (*oneApproval, error) {
	out, err := a.Service.Decide(ctx, callOf(ctx), in.ID, service.Decision{
		Outcome: approval.Outcome(in.Body.Outcome), Comment: in.Body.Comment, OnBehalfOf: in.Body.OnBehalfOf,
	})
	if err != nil {
		return nil, err
	}
	return &oneApproval{Replayed: replayed(out.Replayed), Body: approvalOf(&out.Value)}, nil
}
