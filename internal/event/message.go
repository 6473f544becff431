package event

import (
	"encoding/json"
	"hash/fnv"
	"strings"

	"github.com/paraph/paraph/internal/journal"
)

// Message is an event on its way to a bus.
type Message struct {
	ID   string // of the event: the same at each repetition, so that buses and consumers know it again
	Org  string
	Unit string // "" where it belongs to the whole organisation
	// DocumentType is the type of the document that the event is about; "" where it
	// is about none.
	DocumentType string
	Kind         journal.Kind
	Body         []byte // the structured CloudEvent, of MediaType
}

// Partitions is into how many parts events are divided. It is fixed: with another
// number the events of a key would go on in another part.
const Partitions = 32

// NewMessage makes the message of an entry that is not erased. source is as of Attributes.
func NewMessage(e *journal.Entry, source string) Message {
	var of struct {
		DocumentType string `json:"document_type"`
	}
	_ = json.Unmarshal(e.Data, &of) // data without that member, or none at all, is of no type
	return Message{ID: e.ID, Org: e.Org, Unit: e.Unit, DocumentType: of.DocumentType, Kind: e.Kind, Body: Append(make([]byte, 0, 640+len(e.Data)), e, source)}
}

// Key is by what events are kept in order and divided: organisation, business unit
// and document type, with _ where there is none. All events of a document have one key.
func (m *Message) Key() string { return m.joined("/") }

// Subject is the key with the kind behind it, as the tokens of a subject.
func (m *Message) Subject() string { return m.joined(".") + "." + string(m.Kind) }

func (m *Message) joined(by string) string {
	parts := []string{m.Org, m.Unit, m.DocumentType}
	for i, p := range parts {
		if parts[i] = token(p); p == "" {
			parts[i] = "_"
		}
	}
	return strings.Join(parts, by)
}

// token writes a name so that it is one token of a subject. Names are made of letters
// that need nothing; whatever else a row may hold cannot become a wildcard.
func token(s string) string {
	return strings.Map(func(r rune) rune {
		if r <= ' ' || r == 0x7f || strings.ContainsRune(".*>/", r) {
			return '-'
		}
		return r
	}, s)
}

// Partition is the part of the key, from 0: FNV-1a of it, modulo Partitions.
func (m *Message) Partition() int {
	h := fnv.New32a()
	h.Write([]byte(m.Key()))
	return int(h.Sum32() % Partitions)
}

// Order is a command message as a bus hands it over.
type Order struct {
	Client string // as which it is to be carried out, as its address says
	ID     string // the bus's own name for it, where it has one
	Body   []byte
}

// DeadLetter is a command message that nothing came of, with the reason.
type DeadLetter struct {
	ID     string // unique; the same at each repetition
	Client string
	Code   string
	Reason string
	Body   []byte // as it came
}
