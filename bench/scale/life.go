package main

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/paraph/paraph/internal/approval"
	"github.com/paraph/paraph/internal/blob"
	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/id"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/service"
)

// places is what the rows of a generated store belong to.
type places struct {
	org    string
	units  []string
	types  []string
	people []string
	keys   *blob.KeyRing // of the units; wraps the documents' keys
}

// life is one document with everything that happened to it.
type life struct {
	doc      document.Document
	key      blob.DocumentKeyRow
	approval approval.Approval
	entries  []journal.Entry
}

// scribe makes lives. The same seed makes the same documents, ids and salts;
// only their keys are drawn anew.
type scribe struct {
	rnd   *rand.Rand
	at    places
	steps int // entries of a document
	from  time.Time
	ids   uint64
}

func newScribe(seed uint64, at places, steps int, from time.Time) *scribe {
	return &scribe{rnd: rand.New(rand.NewPCG(seed, 1)), at: at, steps: steps, from: from}
}

// id makes an id of the product's form that sorts by time, then by birth.
func (s *scribe) id(prefix string, at time.Time) string {
	s.ids++
	var b [26]byte
	low, high := s.ids, uint64(at.UnixMilli())
	for i := 25; i >= 10; i-- {
		b[i] = id.Alphabet[low&31]
		low >>= 5
	}
	for i := 9; i >= 0; i-- {
		b[i] = id.Alphabet[high&31]
		high >>= 5
	}
	return prefix + "_" + string(b[:])
}

func pick[T any](r *rand.Rand, of []T) T { return of[r.IntN(len(of))] }

// live makes the n-th document: created, corrected a few times, and handed in;
// of ten, six are approved, two wait, one is rejected and one voided.
func (s *scribe) live(ctx context.Context, n int) (*life, error) {
	// Documents come evenly, a second apart, and each lives for an hour.
	born := s.from.Add(time.Duration(n) * time.Second)
	unit, kind, who := pick(s.rnd, s.at.units), pick(s.rnd, s.at.types), pick(s.rnd, s.at.people)
	l := &life{doc: document.Document{
		Org: s.at.org, ID: s.id("doc", born), Unit: unit, Type: kind, Title: fmt.Sprintf("Invoice %d of %s", s.rnd.IntN(90000)+10000, unit),
		ExternalID: fmt.Sprintf("ext-%d", n), Labels: map[string]string{"batch": fmt.Sprint(n / 1000)}, CreatedBy: who, ApproverList: []string{who},
		CreatedAt: born, UpdatedAt: born, State: document.Draft,
		Metadata: json.RawMessage(fmt.Sprintf(`{"amount": %d, "currency": "EUR", "supplier": "Supplier %d GmbH", "due": "2026-%02d-%02d"}`, s.rnd.IntN(1e6), s.rnd.IntN(5000), 1+s.rnd.IntN(12), 1+s.rnd.IntN(28))),
	}}
	last := [...]journal.Kind{journal.DocumentApproved, journal.DocumentApproved, journal.DocumentApproved, journal.DocumentApproved,
		journal.DocumentApproved, journal.DocumentApproved, journal.TaskOpened, journal.TaskOpened, journal.DocumentRejected, journal.DocumentVoided}[n%10]
	end := map[journal.Kind][]journal.Kind{
		journal.DocumentApproved: {journal.DocumentSubmitted, journal.DocumentInReview, journal.TaskOpened, journal.TaskDecided, journal.DocumentApproved},
		journal.TaskOpened:       {journal.DocumentSubmitted, journal.DocumentInReview, journal.TaskOpened},
		journal.DocumentRejected: {journal.DocumentSubmitted, journal.DocumentInReview, journal.TaskOpened, journal.TaskDecided, journal.DocumentRejected},
		journal.DocumentVoided:   {journal.DocumentSubmitted, journal.DocumentInReview, journal.TaskOpened, journal.TaskCancelled, journal.DocumentVoided},
	}[last]
	kinds := []journal.Kind{journal.DocumentCreated}
	for len(kinds)+len(end) < s.steps {
		kinds = append(kinds, journal.DocumentMetadataChanged)
	}
	kinds = append(kinds, end...)
	s.review(l, last, born.Add(time.Hour))
	for i, kind := range kinds {
		if err := s.happen(l, kind, born.Add(time.Duration(i)*6*time.Minute)); err != nil {
			return nil, err
		}
	}
	l.doc.UpdatedAt = l.entries[len(l.entries)-1].At
	var err error
	l.key, _, err = s.at.keys.NewDocumentKey(ctx, blob.Scope{Org: s.at.org, Unit: unit, Class: service.ClassDocuments}, l.doc.ID)
	return l, err
}

// review gives the document its approval, in the state of its end.
func (s *scribe) review(l *life, last journal.Kind, closed time.Time) {
	d := &l.doc
	a := approval.Approval{
		Org: d.Org, ID: s.id("apr", d.CreatedAt), Unit: d.Unit, DocumentID: d.ID, Initiator: approval.Initiator{UserID: d.CreatedBy, Email: d.CreatedBy},
		Mode: approval.Sequential, Quorum: 1, State: approval.Open, CreatedAt: d.CreatedAt, Revision: 1,
	}
	t := approval.Task{Org: d.Org, ID: s.id("tsk", d.CreatedAt), ApprovalID: a.ID, DocumentID: d.ID, Position: 1, Assignee: d.CreatedBy, State: approval.Open, OpenedAt: d.CreatedAt}
	d.State = document.InReview
	switch last {
	case journal.DocumentApproved:
		d.State, a.State, t.State = document.Approved, approval.Approved, approval.Approved
	case journal.DocumentRejected:
		d.State, a.State, t.State = document.Rejected, approval.Rejected, approval.Rejected
	case journal.DocumentVoided:
		d.State, a.State, t.State = document.Voided, approval.Cancelled, approval.Cancelled
	}
	if a.State != approval.Open {
		a.ClosedAt, t.DecidedAt, t.DecidedBy = closed, closed, d.CreatedBy
	}
	a.Tasks = []approval.Task{t}
	l.approval = a
}

// happen adds an entry to the document's chain.
func (s *scribe) happen(l *life, kind journal.Kind, at time.Time) error {
	d := &l.doc
	e := journal.Entry{
		ID: s.id(journal.Prefix, at), Org: d.Org, Unit: d.Unit, Kind: kind, SubjectType: "document", SubjectID: d.ID, At: at,
		Actor:  journal.Actor{Kind: "client", ID: "cli_bench", Principal: d.CreatedBy},
		Source: journal.Source{Peer: "203.0.113.7", UserAgent: "bench", RequestID: s.id("req", at)},
		Data: json.RawMessage(fmt.Sprintf(`{"document_id":%q,"document_type":%q,"business_unit":%q,"state":%q,"title":%q,"external_id":%q}`,
			d.ID, d.Type, d.Unit, d.State, d.Title, d.ExternalID)),
	}
	if kind == journal.DocumentCreated {
		sum := sha256.Sum256(d.Metadata)
		e.Digests = map[string]string{"metadata": journal.Digest(sum)}
	}
	for i := 0; i < len(e.Salt); i += 8 {
		binary.LittleEndian.PutUint64(e.Salt[i:], s.rnd.Uint64())
	}
	d.EntrySeq++
	d.Revision++
	e.DocumentID, e.DocSeq, e.DocVersion = d.ID, d.EntrySeq, d.Revision
	if kind == journal.TaskOpened || kind == journal.TaskDecided || kind == journal.TaskCancelled {
		e.SubjectType, e.SubjectID = "task", l.approval.Tasks[0].ID
	}
	var prev journal.Hash
	copy(prev[:], d.LastLeaf)
	if err := journal.Seal(&e, prev); err != nil {
		return err
	}
	leaf := e.LeafHash()
	d.LastLeaf = leaf[:]
	l.entries = append(l.entries, e)
	return nil
}
