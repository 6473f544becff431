// Package event is the catalogue of what subscribers hear: each public kind of
// journal entry with the form of its data and an example, and how an entry is
// written as a CloudEvent 1.0.
//
// There is one registry, the table in catalogue.go. The contract for events
// (api/asyncapi.yaml), the JSON Schemas, the page of events and the samples are
// made from it (internal/httpapi); webhooks and buses send what Append writes.
//
// Pure rules: no SQL, no HTTP, no clock.
package event

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/paraph/paraph/internal/journal"
)

// Type is one type of event.
type Type struct {
	Kind    journal.Kind
	About   string // one line for people
	Subject string // kind of thing it is about: "document", "task", …
	// Data is an example of its data; its Go type is the data's form. It shows
	// every member that may be there.
	Data any
}

// Types lists every type that subscribers can hear of, in the order of the guide.
func Types() []Type {
	var out []Type
	for _, k := range journal.Kinds {
		if !k.Public {
			continue
		}
		line := catalogue[k.Kind]
		out = append(out, Type{Kind: k.Kind, About: k.About, Subject: line.subject, Data: line.data})
	}
	return out
}

// AboutWebhooks tells whether events of the kind tell of webhooks themselves.
func AboutWebhooks(k journal.Kind) bool { return strings.HasPrefix(string(k), "webhook.") }

// Sample gives an entry of the type as it could stand in the journal.
func (t Type) Sample() (journal.Entry, error) {
	data, err := json.Marshal(t.Data)
	if err != nil {
		return journal.Entry{}, err
	}
	e := journal.Entry{
		ID: sampleID("evt"), Org: sampleID("org"), Unit: "purchasing", Kind: t.Kind, SubjectType: t.Subject, SubjectID: sampleID(prefixes[t.Subject]),
		At:     time.Date(2026, 3, 2, 9, 30, 0, 120_000_000, time.UTC),
		Actor:  journal.Actor{Kind: journal.ActorClient, ID: sampleID("cli"), Principal: "erp@example.com"},
		Source: journal.Source{RequestID: sampleID("req")}, Data: data,
		Salt: [32]byte{1}, // it is not erased
	}
	if named := names[t.Subject]; named != "" {
		e.SubjectID = named
	}
	var of struct {
		Document string `json:"document_id"`
	}
	if err := json.Unmarshal(data, &of); err != nil {
		return e, err
	}
	if of.Document != "" && t.Subject != "inbound_event" { // which stands beside the document's chain
		e.DocumentID, e.DocSeq = of.Document, 7
	}
	return e, nil
}

// prefixes are those of the ids of subjects.
var prefixes = map[string]string{"grant": "gra", "document": "doc", "task": "task", "envelope": "env", "bulk_send": "blk", "operation": "op", "inbound_event": "inb", "endpoint": "ep", "delegation": "dlg", "client": "cli",
	"user": "usr", "group": "grp", "organisation": "org", "directory_token": "dirt"}

// names stand for subjects that have a name instead of an id.
var names = map[string]string{"document_type": "purchase_order", "unit": "purchasing", "role": "clerk", "key": "tok_1", "device_rule": "board"}

// sampleID makes an id for examples.
func sampleID(prefix string) string { return prefix + "_01kb0q7m4b1s9v3d8r5x2c6e7f" }
