package hook

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/paraph/paraph/internal/fault"
)

// Via says by which way an event came in.
type Via string

// The ways.
const (
	ViaHook Via = "hook" // a webhook of a Source
	ViaBus  Via = "bus"  // a message on the event bus, of a client
)

// State is how far the processing of an event has come.
type State string

// The states of an event that came in.
const (
	Received    State = "received"    // stored; a worker will take it, or tries again
	Processed   State = "processed"   // its command has taken effect, or there was nothing to do
	Quarantined State = "quarantined" // it cannot be processed; the reason says why
	Discarded   State = "discarded"   // somebody decided that nothing comes of it
)

// Action is what moves an event from one state to another.
type Action string

// The actions.
const (
	Finish     Action = "finish"
	Quarantine Action = "quarantine"
	Redrive    Action = "redrive"
	Discard    Action = "discard"
)

// moves is the whole life of an event.
var moves = map[State]map[Action]State{
	Received:    {Finish: Processed, Quarantine: Quarantined},
	Quarantined: {Redrive: Received, Discard: Discarded},
}

// Next gives the state an action leads to. Fault Conflict "event_not_quarantined",
// or "event_ended" for what a worker does too late.
func (s State) Next(do Action) (State, error) {
	if to, ok := moves[s][do]; ok {
		return to, nil
	}
	if do == Redrive || do == Discard {
		return s, fault.New(fault.Conflict, "event_not_quarantined", "The event is %s; only one in quarantine can be redriven or discarded.", s)
	}
	return s, fault.New(fault.Conflict, "event_ended", "The event is %s already.", s)
}

// Bounds of events.
const (
	MaxEventID   = 200 // bytes of a name
	MaxEventType = 100
)

// Event is an event that came in, as it is kept.
type Event struct {
	ID       string // inb_…
	Org      string
	Unit     string
	Via      Via
	SourceID string // of the Source, or of the client on the bus
	EventID  string // the sender's name for it; unique for each source
	Type     string
	Trust    Trust
	State    State
	Code     string // why it is in quarantine, or why the last attempt failed
	Reason   string
	Attempts int
	// Document is the document that it changed; "" none.
	DocumentID string
	Payload    []byte // sealed Content; nil once its time is over
	Size       int64  // bytes of what came
	ReceivedAt time.Time
	EndedAt    time.Time // zero: it is not processed, discarded or in quarantine
	Revision   int64
}

// Content is what came in with an event.
type Content struct {
	Header map[string][]string `json:"header,omitempty"` // those that the scheme keeps, and Content-Type
	Body   []byte              `json:"body"`
}

// Apply moves the event and sets or takes away its end.
func (e *Event) Apply(do Action, now time.Time) error {
	to, err := e.State.Next(do)
	if err != nil {
		return err
	}
	e.State, e.EndedAt = to, now
	if do == Redrive {
		e.EndedAt, e.Code, e.Reason, e.Attempts = time.Time{}, "", "", 0
	}
	return nil
}

// events finds the events of a request that was proven.
func (c *compiled) events(m *message) ([]Incoming, error) {
	items, err := c.items(m)
	if err != nil {
		return nil, err
	}
	out := make([]Incoming, 0, len(items))
	for _, item := range items {
		one := c.of(m, item)
		e := Incoming{ID: c.name(one), Body: one.content()}
		if kind, err := c.kind.fill(one, nil); err == nil {
			e.Type = plain(string(kind), MaxEventType)
		}
		out = append(out, e)
	}
	return out, nil
}

// of is the message as one of its events sees it.
func (c *compiled) of(m *message, item []byte) *message {
	if c.each == nil {
		return m
	}
	return &message{Request: m.Request, timestamp: m.timestamp, received: m.received, item: item}
}

// items cuts a body into its events, each byte for byte.
func (c *compiled) items(m *message) ([][]byte, error) {
	if c.each == nil {
		return [][]byte{m.Body}, nil
	}
	bad := func(why string) error {
		return fault.New(fault.Invalid, "bad_event", "The body does not hold its events where this source has them: %s.", why)
	}
	contents, err := m.contents(Place{root: c.each.root, name: c.each.name})
	if err != nil || len(contents) != 1 {
		return nil, bad("there is nothing at " + c.Each)
	}
	if deep([]byte(contents[0])) {
		return nil, bad("it is nested too deep")
	}
	items, err := cut([]byte(contents[0]), c.each.pointer)
	if err != nil {
		return nil, bad("it is not JSON, or has nothing at " + c.Each)
	}
	if len(items) > maxEvents {
		return nil, fault.New(fault.TooLarge, "too_many_events", "The request tells of %d events; at most %d are taken at once.", len(items), maxEvents)
	}
	return items, nil
}

// cut gives the values that a pointer leads to as they are written.
func cut(raw []byte, pointer []string) ([][]byte, error) {
	if len(pointer) == 0 {
		return [][]byte{raw}, nil
	}
	if pointer[0] == "*" {
		var list []json.RawMessage
		if err := json.Unmarshal(raw, &list); err != nil || string(raw) == "null" {
			return nil, errUnread
		}
		var out [][]byte
		for _, inner := range list {
			found, err := cut(inner, pointer[1:])
			if err != nil {
				return nil, err
			}
			out = append(out, found...)
		}
		return out, nil
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(raw, &object); err != nil {
		return nil, err
	}
	inner, ok := object[pointer[0]]
	if !ok {
		return nil, errMissing
	}
	return cut(inner, pointer[1:])
}

// name is by what a repetition is known: the name the scheme finds, or the digest
// where it finds none, or one that cannot be kept.
func (c *compiled) name(m *message) string {
	digest, err := Template{text: []string{"", ""}, at: []Place{{root: rootDigest}}}.fill(m, nil)
	if err != nil {
		return ""
	}
	id, err := c.id.fill(m, nil)
	if s := string(id); err != nil || s == "" {
		return string(digest)
	} else if len(s) <= MaxEventID && plain(s, MaxEventID) == s {
		return s
	}
	sum, err := Template{text: []string{"", ""}, at: []Place{{root: rootDigest}}}.fill(&message{item: id}, nil)
	if err != nil {
		return string(digest)
	}
	return string(sum)
}

// plain cuts a text to n bytes and takes out what no line of text holds.
func plain(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, s)
	for len(s) > n || !utf8.ValidString(s) {
		s = s[:min(len(s)-1, n)]
	}
	return s
}

// Address gives where the facts of an event are read. Each value becomes one
// segment, or one part of the query: it cannot lead elsewhere.
func (f *Fetch) Address(content Content) (string, error) {
	t, err := ParseTemplate(f.URL)
	if err != nil {
		return "", err
	}
	var bad error
	m := &message{Request: &Request{Header: content.Header, Body: content.Body}}
	out, err := t.fill(m, func(v string) string {
		if v == "" || v == "." || v == ".." || len(v) > 500 {
			bad = errors.New("it is empty, too long, or no name")
		}
		return escaped(v)
	})
	if err = errors.Join(err, bad); err != nil {
		return "", fault.New(fault.Invalid, "bad_event", "The address of the facts cannot be made of this event: %s.", err)
	}
	return string(out), nil
}

// escaped writes everything but RFC 3986's unreserved characters as %XX, so that a
// value has no meaning of its own in a path or a query.
func escaped(v string) string {
	var b strings.Builder
	for i := range len(v) {
		if c := v[i]; c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// Input is what a mapping is given, as JSON.
type Input struct {
	Source     InputSource       `json:"source"`
	ID         string            `json:"id"`
	Type       string            `json:"type"`
	ReceivedAt time.Time         `json:"received_at"`
	Headers    map[string]string `json:"headers"` // kept ones, by name in lower case
	// Event is the body: JSON, the fields of a form, or else text. Of a hint it is null,
	// and so are type and headers: what it says led to the facts, and that is all.
	Event any             `json:"event"`
	Fact  json.RawMessage `json:"fact,omitempty"`
}

// InputSource names the source of an Input.
type InputSource struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// NewInput makes a mapping's input of an event, or, for a hint, of its facts. Fault
// Invalid "bad_event" where its body is nothing that can be read.
func NewInput(e *Event, name string, content Content, fact []byte) ([]byte, error) {
	in := Input{Source: InputSource{e.SourceID, name}, ID: e.EventID, Type: e.Type, ReceivedAt: e.ReceivedAt.UTC(), Headers: map[string]string{}, Fact: fact}
	if fact != nil {
		in.Type = ""
		return json.Marshal(in)
	}
	for n, values := range content.Header {
		in.Headers[strings.ToLower(n)] = strings.Join(values, ", ")
	}
	m := &message{Request: &Request{Header: content.Header, Body: content.Body}}
	form, err := m.fields()
	switch v, jsonErr := parseJSON(content.Body); {
	case err != nil:
		return nil, fault.New(fault.Invalid, "bad_event", "The event's form cannot be read.")
	case form != nil:
		in.Event = fieldsOf(form)
	case jsonErr == nil:
		in.Event = v
	case utf8.Valid(content.Body):
		in.Event = string(content.Body)
	default:
		return nil, fault.New(fault.Invalid, "bad_event", "The event's body is neither JSON, nor a form, nor text.")
	}
	return json.Marshal(in)
}

// fieldsOf gives a form's fields: a text where a name stands once, else a list.
func fieldsOf(form url.Values) map[string]any {
	out := map[string]any{}
	for name, values := range form {
		if out[name] = values; len(values) == 1 {
			out[name] = values[0]
		}
	}
	return out
}
