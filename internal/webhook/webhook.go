// Package webhook holds the rules of webhooks: what an endpoint is and which
// events it wants, how what is sent is signed, what an answer means, when the
// next attempt is made, and when an endpoint is left alone for a while.
//
// An event that is to be sent to an endpoint is a Delivery. It waits until an
// attempt at it succeeds, or until its attempts are used up: then it is dead, and
// stays, to be looked at and sent anew. Truth is the journal; a delivery names
// its entry and holds nothing of it.
//
// Pure rules: no SQL, no HTTP, no clock but the one handed in.
package webhook

import (
	"encoding/json"
	"time"
)

// Prefix is the id prefix of an endpoint: ep_….
const Prefix = "ep"

// Order says what may overtake what on the way to an endpoint.
type Order string

// The orders.
const (
	// Free sends whatever is due.
	Free Order = "none"
	// ByDocument sends the events of one document one after another; those of
	// other documents are not held up.
	ByDocument Order = "by_document"
	// Strict sends one event after another.
	Strict Order = "strict"
)

// Orders lists the orders.
func Orders() []Order { return []Order{Free, ByDocument, Strict} }

// OnDead says what a strict queue does when the event at its head is dead.
type OnDead string

// What a strict queue does.
const (
	Block OnDead = "block" // it waits until somebody sends the event anew, or skips it
	Skip  OnDead = "skip"  // it goes on with the next
)

// Endpoint is an address that events are sent to.
type Endpoint struct {
	No          int64 // short name in rows of deliveries; unique, never seen outside
	ID          string
	Org         string
	Unit        string // only events of this business unit; "": of the whole organisation
	URL         string
	Description string
	Types       []string // kinds, or beginnings of kinds with ".*"; none: all
	Condition   string   // CEL over the event; "": none
	Order       Order
	OnDead      OnDead
	Rate        float64 // attempts a second at most; 0: no limit
	Timeout     time.Duration
	Retries     []time.Duration // waits between attempts; nil: DefaultRetries
	Headers     []string        // names of the additional headers, whose values are kept apart
	Certificate string          // PEM of the client certificate; "": none

	Enabled    bool
	DisabledAt time.Time
	DisabledBy string // a code of Disabled…
	Reason     string // the same for people

	// Since is the entry from which on the endpoint hears: that of its making.
	Since     string
	CreatedAt time.Time
	UpdatedAt time.Time
	DeletedAt time.Time // zero: it is there
	Revision  int64
}

// Why an endpoint takes nothing.
const (
	DisabledByOwner   = "by_owner" // somebody said so
	DisabledByGone    = "gone"     // it answered 410
	DisabledByFailing = "failing"  // nothing reached it for days
)

// State is how far a delivery has come.
type State int

// The states of a delivery. Their numbers rest in the database.
const (
	Pending   State = 0
	Delivered State = 1
	Dead      State = 2 // its attempts are used up
	// Skipped was given up by somebody, or has nothing to send any more: its
	// document was disposed of.
	Skipped State = 3
)

var stateNames = [...]string{"pending", "delivered", "dead", "skipped"}

// String gives the state's name in the API.
func (s State) String() string { return stateNames[s] }

// StateOf reads a name; false where there is no such state.
func StateOf(name string) (State, bool) {
	for i, n := range stateNames {
		if n == name {
			return State(i), true
		}
	}
	return 0, false
}

// Delivery is one event on its way to one endpoint.
type Delivery struct {
	Endpoint int64 // its No
	Index    int64 // place of the event in the log
	State    State
	// Key is what it must not overtake others of: "" anything, a document's id, or
	// WholeQueue. It is settled when the delivery is made.
	Key      string
	Form     int64     // in which the event is written; the same for all attempts
	Attempts int       // since it was made or sent anew; probes are not counted
	Tries    int       // all attempts ever
	Next     time.Time // not before; zero: at once, in its place in the queue
	Ended    time.Time // zero: pending
	Status   int       // HTTP status of the last attempt; 0: none was received
	Code     string    // of the last attempt: why it failed; "" where it did not
}

// WholeQueue is the key of deliveries of a strict queue.
const WholeQueue = "*"

// KeyFor gives the key of a delivery of an event of that document.
func (e *Endpoint) KeyFor(documentID string) string {
	switch e.Order {
	case ByDocument:
		return documentID
	case Strict:
		return WholeQueue
	}
	return ""
}

// Attempt is one try to deliver, as it is kept.
type Attempt struct {
	Endpoint int64
	Index    int64
	No       int // from 1
	At       time.Time
	Took     time.Duration
	Status   int    // 0: no answer came
	Code     string // "" where it succeeded
	Reason   string // for people
	Probe    bool   // made to find out whether the endpoint is back
	Header   json.RawMessage
	Answer   []byte // the first MaxAnswer bytes
	Cut      bool   // the answer was longer, or did not end in time
}

// MaxAnswer is how much of an answer is kept, in bytes.
const MaxAnswer = 4 << 10

// Queue is what waits for an endpoint, and how it fares.
type Queue struct {
	Endpoint int64
	Pending  int64
	Dead     int64
	// Behind is the place in the log from which on nothing was queued, because the
	// queue was full; -1: it is not behind. What is missing is queued once there is room.
	Behind int64
	// Blocked is the event that a strict queue cannot pass: it is dead; -1: none.
	Blocked int64
	// Poked counts how often deliveries were made or sent anew beside the ordinary way.
	Poked  int64
	Health Health
}
