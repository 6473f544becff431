package storetest

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/approval"
	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/signing"
)

const (
	org   = "org_a"
	other = "org_b"
)

var made atomic.Int64

// newID makes ids that sort in the order they were made.
func newID(prefix string) string { return fmt.Sprintf("%s_%026d", prefix, made.Add(1)) }

func at(minutes int) time.Time { return Start.Add(time.Duration(minutes) * time.Minute) }

// seed makes what every test leans on: two organisations.
func seed(t *testing.T, s service.Store) {
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		for _, o := range []string{org, other} {
			if err := tx.InsertOrganisation(ctx, access.Organisation{ID: o, Name: "Name of " + o, CreatedAt: at(0)}); err != nil {
				return err
			}
		}
		return nil
	})
}

// newDocument is a document with every field set.
func newDocument(orgID, unit string) document.Document {
	return document.Document{
		ID: newID("doc"), Org: orgID, Unit: unit, Type: "purchase_order", Title: "Örder 7", Labels: map[string]string{"colour": "red", "a\"b": "c'd%"},
		Metadata: []byte(`{"amount": 12345, "z":1,  "a":2}`), ApproverList: []string{"ann@example.org", "bob@example.org"},
		CreatedBy: "cli_1", CreatedAt: at(1), UpdatedAt: at(2), State: document.Draft, Current: 1, Pages: 3,
		Processing: document.Processing{Status: document.StatusFailed, Step: "capture", Operation: "op_1", Code: "bad", Reason: "why"},
		Revision:   1, EntrySeq: 4, LastLeaf: []byte{1, 2, 3},
	}
}

// put writes a document and gives it back.
func put(t testing.TB, s service.Store, d document.Document) document.Document {
	t.Helper()
	write(t, s, func(ctx context.Context, tx service.Tx) error { return tx.InsertDocument(ctx, d) })
	return d
}

func newApproval(d document.Document, assignees ...string) approval.Approval {
	a := approval.Approval{ID: newID("apr"), Org: d.Org, Unit: d.Unit, DocumentID: d.ID, DocumentVersion: 1, DocumentSHA256: "ab",
		Initiator: approval.Initiator{UserID: "u1", Email: "u1@example.org"}, Mode: approval.Parallel, Quorum: len(assignees),
		DueAt: at(60), State: approval.Open, CreatedAt: at(3), Revision: 1}
	for i, who := range assignees {
		a.Tasks = append(a.Tasks, approval.Task{ID: newID("tsk"), Org: d.Org, ApprovalID: a.ID, DocumentID: d.ID, Position: i + 1, Assignee: who, State: approval.Open, OpenedAt: at(3)})
	}
	return a
}

func newEnvelope(d document.Document, emails ...string) signing.Envelope {
	e := signing.Envelope{ID: newID("env"), Org: d.Org, Unit: d.Unit, DocumentID: d.ID, Version: 1, SHA256: "cd", Subject: "Please", Message: "Sign",
		SenderID: "cli_1", State: signing.Sent, ExpiresAt: at(99), CreatedAt: at(4), SentAt: at(5), Revision: 1}
	for i, mail := range emails {
		e.Recipients = append(e.Recipients, signing.Recipient{ID: newID("rcp"), Org: d.Org, EnvelopeID: e.ID, Order: 1 + i/2, Name: "N", Email: mail, State: signing.RecipientSent, SentAt: at(5),
			Fields: []signing.Field{{Page: i + 1, X: 72.5, Y: 640, Width: 180, Height: 48}}[:i%2]})
	}
	return e
}

// newEntry is a sealed entry of a document's chain, or of none.
func newEntry(t testing.TB, orgID, unit string, kind journal.Kind, docID string, seq int64) journal.Entry {
	t.Helper()
	e := journal.Entry{ID: entryID(), Index: journal.Unsequenced, Org: orgID, Unit: unit, Kind: kind, SubjectType: "document", SubjectID: docID,
		DocumentID: docID, DocVersion: seq, DocSeq: seq, At: at(6), Actor: journal.Actor{Kind: journal.ActorClient, ID: "cli_1", Principal: "ann@example.org", OnBehalfOf: "bob@example.org"},
		Source:  journal.Source{Peer: "192.0.2.1", Forwarded: "198.51.100.2", UserAgent: "ua", RequestID: "req_1"},
		Digests: map[string]string{"b": journal.Digest([32]byte{1}), "a": journal.Digest([32]byte{2})}, Data: []byte(`{"x":  1}`), Trace: "00-ab-cd-01"}
	if docID == "" {
		e.SubjectType, e.SubjectID, e.DocSeq, e.DocVersion = "client", "cli_"+e.ID, 0, 0
	}
	var prev journal.Hash
	if e.DocSeq > 1 {
		prev = journal.Hash{9}
	}
	if err := journal.Seal(&e, prev); err != nil {
		t.Fatal(err)
	}
	return e
}

// entryID makes an entry id whose text is a valid one and that sorts.
func entryID() string { return fmt.Sprintf("evt_%026d", made.Add(1)) }
