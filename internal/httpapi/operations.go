package httpapi

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/service"
)

// Operation is long work that can be polled, awaited or heard of.
type Operation struct {
	ID         string     `json:"id" example:"op_01kb0q7m4b1s9v3d8r5x2c6e7f"`
	Kind       string     `json:"kind" enum:"capture,seal,protect,archive,dispose,rotate_key,bulk_send,export_unit,import_unit"`
	State      string     `json:"state" enum:"pending,running,succeeded,failed"`
	DocumentID string     `json:"document_id,omitempty" doc:"Absent where it belongs to no document."`
	EnvelopeID string     `json:"envelope_id,omitempty" doc:"Of a seal."`
	Progress   *Progress  `json:"progress,omitempty"`
	Waiting    *Waiting   `json:"waiting,omitempty" doc:"Of one operation that no worker has: since when, and for what."`
	Attempts   int        `json:"attempts"`
	Code       string     `json:"code,omitempty" example:"child_crashed" doc:"Why it failed."`
	Reason     string     `json:"reason,omitempty" doc:"The same for people."`
	Retryable  bool       `json:"retryable" doc:"A failed operation that can be started again."`
	CreatedAt  time.Time  `json:"created_at"`
	StartedAt  *time.Time `json:"started_at,omitempty"`
	EndedAt    *time.Time `json:"ended_at,omitempty"`
}

// Progress is how far a running operation has come.
type Progress struct {
	Step  string `json:"step,omitempty" example:"read"`
	Done  int    `json:"done"`
	Total int    `json:"total"`
}

func operationOf(o *service.Operation) Operation {
	out := Operation{
		ID: o.ID, Kind: o.Kind, State: string(o.State), DocumentID: o.DocumentID, EnvelopeID: o.EnvelopeID,
		Attempts: o.Attempts, Code: o.Code, Reason: o.Reason, Retryable: o.Retryable,
		CreatedAt: o.CreatedAt, StartedAt: at(o.StartedAt), EndedAt: at(o.EndedAt),
	}
	if o.Total > 0 || o.Step != "" {
		out.Progress = &Progress{Step: o.Step, Done: o.Done, Total: o.Total}
	}
	return out
}

// Awaited is part of the input of operations whose result can be waited for.
type Awaited struct {
	Prefer string `header:"Prefer" example:"wait=10" doc:"wait=N waits up to N seconds, 60 at most, for the operation to end."`
}

func (w Awaited) duration() time.Duration { return preferWait(w.Prefer) }

func (w Awaited) applied() string {
	return "wait=" + strconv.Itoa(int(w.duration().Seconds()))
}

// startedOperation is the answer to a command that starts an operation: 202, or
// 200 where the caller waited for its end.
type startedOperation struct {
	Replayed
	Status   int
	Location string `header:"Location" doc:"The operation."`
	Body     Operation
}

// started answers with an operation, after the wait the caller asked for.
func (a *api) started(ctx context.Context, wait Awaited, out service.Result[service.Operation]) (*startedOperation, error) {
	op := out.Value
	res := &startedOperation{Replayed: replayed(out.Replayed), Status: http.StatusAccepted, Location: "/v1/operations/" + op.ID}
	if d := wait.duration(); d > 0 {
		var err error
		res.applied(wait.applied())
		if op, err = a.Service.AwaitOperation(ctx, actorOf(ctx), op.ID, d); err != nil {
			return nil, err
		}
		if op.State.Ended() {
			res.Status = http.StatusOK
		}
	}
	res.Body = operationOf(&op)
	return res, nil
}

// OperationPath is the path parameter of one operation.
type OperationPath struct {
	ID string `path:"id" maxLength:"64" example:"op_01kb0q7m4b1s9v3d8r5x2c6e7f" doc:"Id of the operation."`
}

func (a *api) operations() {
	handle(a, route{id: "listOperations", method: http.MethodGet, path: "/v1/operations", tag: "operations", does: access.ReadSettings,
		summary: "List operations", about: "Newest first: all, the open ones, or those that are stuck."}, a.listOperations)
	handle(a, route{id: "getOperation", method: http.MethodGet, path: "/v1/operations/{id}", tag: "operations", does: access.ReadSettings,
		summary: "Get an operation, or wait for its end", about: "One that no worker has says what it waits for. With `Prefer: wait=10` the answer is held back until the operation has ended, or for so many seconds.", codes: []string{"not_found"}}, a.getOperation)
	handle(a, route{id: "retryOperation", method: http.MethodPost, path: "/v1/operations/{id}/retry", tag: "operations", does: access.WriteDocument, status: http.StatusAccepted,
		summary: "Start a failed operation again", about: "For one that failed for a reason that may have passed. Where the file itself is the reason, upload a corrected one.", codes: []string{"not_found", "operation_not_failed", "operation_not_retryable"}}, a.retryOperation)
}

type listOperationsInput struct {
	Paged
	State      string `query:"state" enum:"pending,running,succeeded,failed"`
	Kind       string `query:"kind" enum:"capture,seal,protect,archive,dispose,rotate_key,bulk_send,export_unit,import_unit"`
	DocumentID string `query:"document_id"`
}

func (a *api) listOperations(ctx context.Context, in *listOperationsInput) (*Listed[Operation], error) {
	rows, err := a.Service.Operations(ctx, actorOf(ctx), service.OperationFilter{State: in.State, Kind: in.Kind, DocumentID: in.DocumentID, Before: in.After, Limit: in.want()})
	if err != nil {
		return nil, err
	}
	return pageOf(rows, in.Paged, operationOf, func(o *service.Operation) string { return o.ID }), nil
}

type getOperationInput struct {
	OperationPath
	Awaited
}

type getOperationOutput struct {
	PreferenceApplied string `header:"Preference-Applied"`
	Body              Operation
}

func (a *api) getOperation(ctx context.Context, in *getOperationInput) (*getOperationOutput, error) {
	op, err := a.Service.AwaitOperation(ctx, actorOf(ctx), in.ID, in.duration())
	if err != nil {
		return nil, err
	}
	res := &getOperationOutput{Body: operationOf(&op)}
	if res.Body.Waiting, err = a.waiting(ctx, op); err != nil {
		return nil, err
	}
	if in.duration() > 0 {
		res.PreferenceApplied = in.applied()
	}
	return res, nil
}

type retryOperationInput struct {
	OperationPath
	Keyed
}

func (a *api) retryOperation(ctx context.Context, in *retryOperationInput) (*startedOperation, error) {
	out, err := a.Service.RetryOperation(ctx, callOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return a.started(ctx, in.awaited(), out)
}
