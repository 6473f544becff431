// Package bulk holds the rules of bulk sends: one document sent to many, each of
// them a row of a table that came as CSV or JSON lines. It reads the rows (rows.go),
// fills a template with them (template.go), and knows the life of the whole and of
// each row.
//
// Pure rules: no SQL, no HTTP, no clock.
package bulk

import (
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/fault"
)

// Prefix is the id prefix of a bulk send: blk_….
const Prefix = "blk"

// State is where a bulk send stands.
type State string

// The states of a bulk send.
const (
	Running   State = "running"   // rows are being sent, or wait for a worker
	Paused    State = "paused"    // somebody paused it, or it cannot go on; the reason says why
	Finished  State = "finished"  // every row was sent or refused
	Cancelled State = "cancelled" // the rows that were not sent never will be
)

// Action is what moves a bulk send from one state to another.
type Action string

// The actions.
const (
	Pause  Action = "pause"
	Resume Action = "resume"
	Cancel Action = "cancel"
	Finish Action = "finish"
	Retry  Action = "retry" // its refused rows are tried again
)

// moves is the whole life of a bulk send.
var moves = map[State]map[Action]State{
	Running:  {Pause: Paused, Cancel: Cancelled, Finish: Finished},
	Paused:   {Pause: Paused, Resume: Running, Cancel: Cancelled, Retry: Running},
	Finished: {Retry: Running},
}

// Next gives the state an action leads to. Fault Conflict "bulk_send_not_open".
func (s State) Next(do Action) (State, error) {
	if to, ok := moves[s][do]; ok {
		return to, nil
	}
	return s, fault.New(fault.Conflict, "bulk_send_not_open", "The bulk send is %s, so it cannot be asked to %s.", s, do)
}

// RowState is what became of a row.
type RowState string

// The states of a row.
const (
	Waiting RowState = "waiting"
	Sent    RowState = "sent"    // its document and its envelope are there, and its recipients asked
	Refused RowState = "refused" // nothing was made of it; the reason says why
)

// Caller is as whom rows are sent: whoever started the bulk send, or resumed it. What
// the caller could do then is no more than a bound: each row asks what is left of it.
type Caller struct {
	Kind       access.Kind    `json:"kind"`
	ID         string         `json:"id"`
	Client     string         `json:"client"`
	Delegation string         `json:"delegation,omitempty"`
	Principal  string         `json:"principal"`
	OnBehalfOf string         `json:"on_behalf_of,omitempty"`
	Scopes     []access.Scope `json:"scopes"`
	Units      []string       `json:"units"` // nil: all
	RequestID  string         `json:"request_id,omitempty"`
	UserAgent  string         `json:"user_agent,omitempty"`
	Trace      string         `json:"trace,omitempty"`
}

// Send is one bulk send.
type Send struct {
	ID         string
	Org        string
	Unit       string
	DocumentID string // the source, of which each row gets a copy
	Template   Template
	Columns    []string // in the order of the rows' table
	By         Caller
	Operation  string // the one that sends its rows, or did last
	State      State
	Code       string // why it is paused
	Reason     string
	Total      int // rows
	Sent       int
	Refused    int
	CreatedAt  time.Time
	EndedAt    time.Time // zero: it is running or paused
	Revision   int64
}

// Left tells how many rows wait.
func (s *Send) Left() int { return s.Total - s.Sent - s.Refused }

// Apply moves the bulk send, and sets or takes away its end and what kept it.
func (s *Send) Apply(do Action, now time.Time) error {
	to, err := s.State.Next(do)
	if err != nil {
		return err
	}
	s.State, s.EndedAt = to, time.Time{}
	if to == Finished || to == Cancelled {
		s.EndedAt = now
	}
	if to != Paused {
		s.Code, s.Reason = "", ""
	}
	return nil
}

// Row is one row with what became of it.
type Row struct {
	Number     int // from 1, without the header
	State      RowState
	Values     Values // nil once they went with the row's document, or their time was over
	DocumentID string
	EnvelopeID string
	Code       string // why it was refused
	Reason     string
	Faults     []fault.Detail // everything that stands against it, where more was said
	SettledAt  time.Time      // zero: it waits
}
