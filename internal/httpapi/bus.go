package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/paraph/paraph/internal/access"
)

// BusState is how the event bus stands.
type BusState struct {
	Kind         string     `json:"kind" enum:"nats,kafka"`
	Began        int64      `json:"began" doc:"The place in the log from which on events go to the bus."`
	Published    int64      `json:"published" doc:"How far they have gone."`
	LogSize      int64      `json:"log_size"`
	Lag          int64      `json:"lag" doc:"Entries of the log that are not published yet."`
	FailingSince *time.Time `json:"failing_since,omitempty" doc:"Since when the bus takes nothing; absent: it goes well. Events wait in the journal."`
	TriedAt      *time.Time `json:"tried_at,omitempty"`
	Reason       string     `json:"reason,omitempty"`
}

func (a *api) bus() {
	handle(a, route{id: "getBusState", method: http.MethodGet, path: "/v1/bus", tag: "events", does: access.ManageSettings,
		summary: "Get the state of the event bus", about: "How far events have been published, and why not further.", codes: []string{"no_bus"}}, a.getBusState)
}

func (a *api) getBusState(ctx context.Context, _ *struct{}) (*struct{ Body BusState }, error) {
	v, err := a.Service.Bus(ctx, actorOf(ctx))
	if err != nil {
		return nil, err
	}
	return &struct{ Body BusState }{BusState{Kind: v.Kind, Began: v.Began, Published: v.Published, LogSize: v.LogSize, Lag: max(0, v.LogSize-v.Published),
		FailingSince: at(v.FailingSince), TriedAt: at(v.TriedAt), Reason: v.Reason}}, nil
}
