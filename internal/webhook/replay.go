package webhook

import "time"

// ReplayPrefix is the id prefix of a replay: rpl_….
const ReplayPrefix = "rpl"

// Which says which events a replay sends.
type Which string

// What a replay can be of.
const (
	DeadOnes Which = "dead"    // deliveries whose attempts are used up: a redrive
	Missing  Which = "missing" // events of which no delivery was ever made
	Every    Which = "all"     // every event, those that were received too
)

// Selection says which events a replay sends: all that every part of it allows,
// and that the endpoint itself wants. Events that are named go whatever the endpoint wants.
type Selection struct {
	Which     Which     `json:"which"`
	Types     []string  `json:"types,omitempty"`
	Condition string    `json:"condition,omitempty"`
	Since     time.Time `json:"since,omitzero"`
	Until     time.Time `json:"until,omitzero"`
	Events    []int64   `json:"events,omitempty"` // places in the log, in order
}

// Replay sends past events to an endpoint. It goes through the log from Place to
// End, some at a time.
type Replay struct {
	ID       string
	Org      string
	Endpoint int64 // its No
	Selection
	State   string // ReplayRunning, ReplayDone or ReplayFailed
	Waiting string // why it stands still; "": it does not
	Reason  string // why it failed
	Entry   string // its own entry, up to which "past" goes
	From    int64
	Place   int64 // -1: it has not begun
	End     int64
	Made    int64 // deliveries
	By      string
	Created time.Time
	Ended   time.Time // zero: it runs
}

// The states of a replay.
const (
	ReplayRunning = "running"
	ReplayDone    = "succeeded"
	ReplayFailed  = "failed"
)
