package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/service"
)

// Waiting says since when an operation waits, and for what.
type Waiting struct {
	Since   time.Time  `json:"since"`
	Code    string     `json:"code" enum:"log,no_worker,retry,suspected,type_limit,turn,pages"`
	Reason  string     `json:"reason" doc:"The same for people."`
	Ahead   int        `json:"ahead" doc:"How many of its business unit and type are before it, counted up to 1000."`
	RetryAt *time.Time `json:"retry_at,omitempty"`
}

func (a *api) waiting(ctx context.Context, op service.Operation) (*Waiting, error) {
	w, err := a.Service.Waiting(ctx, op)
	if err != nil || w == nil {
		return nil, err
	}
	return &Waiting{Since: w.Since, Code: string(w.Code), Reason: w.Reason, Ahead: w.Ahead, RetryAt: at(w.RetryAt)}, nil
}

// Queue is what waits and works of one kind of operation, document type and business unit.
type Queue struct {
	Kind         string     `json:"kind" enum:"capture,pages,seal,archive,dispose,rotate_key,bulk_send,inbound" doc:"pages: a part of the capture of a long document."`
	DocumentType string     `json:"document_type"`
	BusinessUnit string     `json:"business_unit"`
	Waiting      int        `json:"waiting" doc:"Operations that could be worked now."`
	Later        int        `json:"later" doc:"Operations that failed and are tried again later."`
	Running      int        `json:"running" doc:"Operations that a worker has, or of which workers read the pages."`
	Oldest       *time.Time `json:"oldest,omitempty" doc:"Since when the first of them could be worked."`
	NextRetry    *time.Time `json:"next_retry,omitempty"`
	Code         string     `json:"code,omitempty" enum:"no_worker,retry,suspected,type_limit,turn" doc:"Why it waits."`
	Reason       string     `json:"reason,omitempty" doc:"The same for people."`
}

func queueOf(q *service.QueueState) Queue {
	return Queue{
		Kind: q.Kind, DocumentType: q.Type, BusinessUnit: q.Unit, Waiting: q.Waiting, Later: q.Later, Running: q.Running,
		Oldest: at(q.Oldest), NextRetry: at(q.Next), Code: string(q.Code), Reason: q.Reason,
	}
}

// Queues are all queues that hold something.
type Queues struct {
	Workers int     `json:"workers" doc:"Worker processes that are alive."`
	Items   []Queue `json:"items"`
}

func (a *api) queues() {
	handle(a, route{id: "listQueues", method: http.MethodGet, path: "/v1/queues", tag: "operations", does: access.ManageSettings,
		summary: "See what waits, and why", about: "By kind of operation, document type and business unit; only what holds something."}, a.listQueues)
}

func (a *api) listQueues(ctx context.Context, _ *struct{}) (*struct{ Body Queues }, error) {
	rows, workers, err := a.Service.Queues(ctx, actorOf(ctx))
	if err != nil {
		return nil, err
	}
	return &struct{ Body Queues }{Queues{Workers: workers, Items: itemsOf(rows, queueOf).Body.Items}}, nil
}
