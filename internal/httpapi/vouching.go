package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/paraph/paraph/internal/access"
)

// LogState is the log with those who vouch for it from outside.
type LogState struct {
	Origin      string         `json:"origin" example:"paraph.example.com/audit" doc:"The log's name; empty while it has no entries."`
	Size        int64          `json:"size" doc:"Entries under the newest signed checkpoint."`
	Quorum      string         `json:"quorum,omitempty" doc:"Whom the policy demands cosignatures of; absent: the log has no witnesses."`
	Witnessed   int64          `json:"witnessed" doc:"Entries under the newest checkpoint that reached the quorum: the one /log/checkpoint shows."`
	WitnessedAt *time.Time     `json:"witnessed_at,omitempty"`
	Witnesses   []WitnessState `json:"witnesses"`
	Anchored    *Anchor        `json:"anchored,omitempty" doc:"The newest time stamp over a checkpoint."`
	Anchoring   *Anchoring     `json:"anchoring,omitempty" doc:"How the next one fares; absent: the log is not time-stamped."`
}

// WitnessState is how the log stands with one witness.
type WitnessState struct {
	Name       string     `json:"name" doc:"In the policy file."`
	Key        string     `json:"key" example:"witness.example.com/w1+1a2b3c4d+BAAA"`
	Size       int64      `json:"size" doc:"Entries under the newest checkpoint it cosigned."`
	Lag        int64      `json:"lag" doc:"Entries of the log that it has not cosigned."`
	CosignedAt *time.Time `json:"cosigned_at,omitempty"`
	TriedAt    *time.Time `json:"tried_at,omitempty"`
	Code       string     `json:"code,omitempty" example:"witness_unreachable" doc:"Why it cosigns nothing at the moment."`
	Reason     string     `json:"reason,omitempty" doc:"The same for people."`
}

func (a *api) vouching() {
	handle(a, route{id: "getLogState", method: http.MethodGet, path: "/v1/log", tag: "events", does: access.ReadSettings,
		summary: "Get the state of the log", about: "How long it is, how far each witness has cosigned it and why not further, and when it was time-stamped last."}, a.getLogState)
}

type logStateOutput struct{ Body LogState }

func (a *api) getLogState(ctx context.Context, _ *struct{}) (*logStateOutput, error) {
	s, err := a.Service.Vouching(ctx, actorOf(ctx))
	if err != nil {
		return nil, err
	}
	out := LogState{Origin: s.Origin, Size: s.Size, Quorum: s.Quorum, Witnessed: s.Witnessed.Size, WitnessedAt: at(s.Witnessed.At), Witnesses: []WitnessState{}}
	for _, w := range s.Witnesses {
		p, _ := s.Policy.Witness(w.Witness)
		out.Witnesses = append(out.Witnesses, WitnessState{Name: p.Name, Key: w.Witness, Size: w.Size, Lag: max(0, s.Size-w.Size),
			CosignedAt: at(w.At), TriedAt: at(w.TriedAt), Code: w.Code, Reason: w.Reason})
	}
	if s.Anchor != nil {
		anchor := anchorOf(s.Anchor)
		out.Anchored = &anchor
	}
	if s.Anchors != nil {
		out.Anchoring = anchoringOf(s.Anchors, s.Anchoring)
	}
	return &logStateOutput{out}, nil
}
