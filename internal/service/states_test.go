package service_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/approval"
	"github.com/paraph/paraph/internal/blob/crypt"
	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/id"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/signing"
	"github.com/paraph/paraph/internal/store"
	"github.com/paraph/paraph/internal/store/storetest"
)

// The words of what may be done with a document. They are written down here without a
// look at the rules: a line that is dropped or widened on either side turns TestStates red.
//
// Which roles may do it at all; who may from another business unit, by a part in the
// document; and in which states it can be done.
const deeds = `
look at it          | viewer approver signer_manager auditor integration administrator | creator approver recipient guest | every
look at its tasks   | viewer approver auditor integration                | creator approver recipient guest | every
look at its signing | viewer signer_manager auditor integration          | creator approver recipient guest | every
look at its archive | auditor integration                                |                                  | every
rename it           | uploader integration                               |                                  | draft
label it            | uploader integration                               |                                  | draft submitted in_review approved signed archived
give it a new file  | uploader integration                               |                                  | draft
withdraw it         | uploader integration                               |                                  | draft submitted in_review approved
hand it in          | integration                                        |                                  | draft
decide on it        | approver                                           | approver                         | in_review
send it for signing | signer_manager integration                         |                                  | approved
share it            | administrator                                      |                                  | every, but not disposed
destroy it          | administrator                                      |                                  | archived rejected declined voided expired disposed
`

// said is one line of them.
type said struct {
	name                 string
	roles, parts, states []string
}

func sayings() (out []said) {
	for l := range strings.Lines(strings.TrimSpace(deeds)) {
		f := strings.Split(l, "|")
		s := said{strings.TrimSpace(f[0]), strings.Fields(f[1]), strings.Fields(f[2]), strings.Fields(strings.ReplaceAll(f[3], ",", ""))}
		if s.states[0] == "every" {
			except := s.states[1:]
			s.states = nil
			for _, st := range document.States() {
				if !slices.Contains(except, string(st)) {
					s.states = append(s.states, string(st))
				}
			}
		}
		out = append(out, s)
	}
	return out
}

// want is what comes of it, in one word.
func (s *said) want(role, part string, ownUnit bool, state document.State) string {
	switch {
	case !slices.Contains(s.roles, role):
		return "no right"
	case !ownUnit && !slices.Contains(s.parts, part):
		return "hidden"
	case s.name == "decide on it" && part != "approver":
		return "no right" // a task is its assignee's
	case !slices.Contains(s.states, string(state)):
		return "not now"
	}
	return "done"
}

// came names the outcome of a deed that was tried.
func came(err error) string {
	switch {
	case err == nil || errors.Is(err, errUndone):
		return "done"
	case fault.KindOf(err) == fault.Forbidden:
		return "no right"
	case fault.KindOf(err) == fault.NotFound:
		return "hidden"
	case fault.KindOf(err) == fault.Conflict || fault.KindOf(err) == fault.Gone:
		return "not now"
	}
	return err.Error()
}

// undoing is a store that takes back whatever a command has done: so each can be tried
// on the same document.
type undoing struct{ *store.Store }

var errUndone = errors.New("undone")

// Propose implements service.Store.
func (u undoing) Propose(ctx context.Context, fn func(context.Context, service.Tx) error) error {
	return u.Write(ctx, func(ctx context.Context, tx service.Tx) error {
		if err := fn(ctx, tx); err != nil {
			return err
		}
		return errUndone
	})
}

// specimen is a document in a state, with a task, an envelope and an archive record.
type specimen struct {
	document.Document
	task, approval, envelope, record string
}

// specimens makes one for each state. Who has which part in it is called so.
func (b *bench) specimens() (out []specimen) {
	b.user.Actor.Principal = "creator@example.org"
	for _, state := range document.States() {
		up := b.upload()
		b.must(b.read(up.Operation.ID, 1))
		s := specimen{Document: b.document(up.Document.ID), task: id.New("task", b.clock.Now()), approval: id.New("apr", b.clock.Now()), envelope: id.New("env", b.clock.Now()), record: id.New("arc", b.clock.Now())}
		a := approval.Approval{ID: s.approval, Org: s.Org, Unit: s.Unit, DocumentID: s.ID, DocumentVersion: 1, Mode: approval.Parallel, Quorum: 1, State: approval.Open, CreatedAt: b.clock.Now(), Revision: 1,
			Tasks: []approval.Task{{ID: s.task, Org: s.Org, ApprovalID: s.approval, DocumentID: s.ID, Position: 1, Assignee: "approver@example.org", State: approval.Open, OpenedAt: b.clock.Now()}}}
		e := signing.Envelope{ID: s.envelope, Org: s.Org, Unit: s.Unit, DocumentID: s.ID, Version: 1, State: signing.Voided, CreatedAt: b.clock.Now(), ExpiresAt: b.clock.Now().AddDate(1, 0, 0), Revision: 1,
			Recipients: []signing.Recipient{{ID: id.New("rcp", b.clock.Now()), Org: s.Org, EnvelopeID: s.envelope, Order: 1, Name: "R", Email: "recipient@example.org", State: signing.RecipientSent}}}
		g := access.Grant{ID: id.New("gra", b.clock.Now()), Org: s.Org, DocumentID: s.ID, Principal: "guest@example.org", Purpose: "to look", From: b.clock.Now(), Until: b.clock.Now().AddDate(0, 1, 0), CreatedAt: b.clock.Now()}
		r := service.ArchiveRecord{ID: s.record, Org: s.Org, Unit: s.Unit, DocumentID: s.ID, Version: 1, ArchivedAt: b.clock.Now(), Files: []byte("{}")}
		if state == document.Draft { // what is handed in is asked about anew
			a.State, a.Tasks[0].State = approval.Cancelled, approval.Cancelled
		}
		b.must(b.store.Write(b.t.Context(), func(ctx context.Context, tx service.Tx) error {
			s.State = state
			return errors.Join(tx.InsertApproval(ctx, a), tx.InsertEnvelope(ctx, e), tx.InsertGrant(ctx, g), tx.InsertArchiveRecord(ctx, r), tx.UpdateDocument(ctx, &s.Document))
		}))
		out = append(out, s)
	}
	return out
}

// trials are how each deed is tried.
func trials(svc *service.Service) map[string]func(ctx context.Context, call service.Call, s *specimen) error {
	title := "Another"
	first := func(_ any, err error) error { return err }
	return map[string]func(ctx context.Context, call service.Call, s *specimen) error{
		"look at it": func(ctx context.Context, c service.Call, s *specimen) error {
			return first(svc.Document(ctx, c.Actor, s.ID))
		},
		"look at its tasks": func(ctx context.Context, c service.Call, s *specimen) error {
			return first(svc.Task(ctx, c.Actor, s.task))
		},
		"look at its signing": func(ctx context.Context, c service.Call, s *specimen) error {
			return first(svc.Envelope(ctx, c.Actor, s.envelope))
		},
		"look at its archive": func(ctx context.Context, c service.Call, s *specimen) error {
			return first(svc.ArchiveRecord(ctx, c.Actor, s.record))
		},
		"rename it": func(ctx context.Context, c service.Call, s *specimen) error {
			return first(svc.EditDocument(ctx, c, s.ID, service.Edit{Title: &title}))
		},
		"label it": func(ctx context.Context, c service.Call, s *specimen) error {
			return first(svc.EditDocument(ctx, c, s.ID, service.Edit{Labels: map[string]string{"a": "b"}}))
		},
		"give it a new file": func(ctx context.Context, c service.Call, s *specimen) error {
			return first(svc.Replace(ctx, c, s.ID, service.File{Name: "b.pdf", MediaType: "application/pdf", Body: strings.NewReader("second")}))
		},
		"withdraw it": func(ctx context.Context, c service.Call, s *specimen) error { return first(svc.Void(ctx, c, s.ID, "")) },
		"hand it in": func(ctx context.Context, c service.Call, s *specimen) error {
			return first(svc.Submit(ctx, c, approval.Payload{DocumentID: s.ID, DocumentType: "document", Initiator: approval.Initiator{UserID: "u", Email: "u@example.org"}, Approvers: []string{"x@example.org"}}))
		},
		"decide on it": func(ctx context.Context, c service.Call, s *specimen) error {
			return first(svc.Decide(ctx, c, s.task, service.Decision{Outcome: approval.Approve}))
		},
		"send it for signing": func(ctx context.Context, c service.Call, s *specimen) error {
			return first(svc.CreateEnvelope(ctx, c, service.NewEnvelope{DocumentID: s.ID, Recipients: []service.NewRecipient{{Name: "Ada", Email: "ada@example.org"}}}))
		},
		"share it": func(ctx context.Context, c service.Call, s *specimen) error {
			return first(svc.ShareDocument(ctx, c, s.ID, service.NewGrant{Principal: "x@example.org", Purpose: "to look", Until: storetest.Start.AddDate(0, 1, 0)}))
		},
		"destroy it": func(ctx context.Context, c service.Call, s *specimen) error {
			return first(svc.Dispose(ctx, c, s.ID, service.Disposal{Reason: "It is over.", Authority: "records@example.org"}))
		},
	}
}

// TestStates tries every deed, in every role, with every part in the document and none,
// from its business unit and from another, in every state of a document's life, and
// holds what comes of it against the words above.
func TestStates(t *testing.T) {
	each(t, func(b *bench) {
		all := b.specimens()
		ring, err := crypt.NewRing(crypt.NamedKey{ID: "master-1", Key: crypt.NewKey()})
		b.must(err)
		try := trials(service.New(service.Config{Store: undoing{b.store.Store}, Vault: b.vault, Clock: b.clock, Box: crypt.NewBox(ring), Meter: noMeter{}, Log: slog.New(slog.DiscardHandler), PublicURL: "https://paraph.example"}))
		words := sayings()
		if len(try) != len(words) {
			b.t.Fatalf("%d deeds in words, %d that are tried", len(words), len(try))
		}
		seen := map[string]int{}
		var wrong []string
		for i := range words {
			s := &words[i]
			for role, scopes := range access.BuiltIn() {
				// Rights are decided before anything is read: who has none is tried on one database.
				if strings.HasSuffix(b.t.Name(), "postgres") && !slices.Contains(s.roles, string(role)) && role != access.RoleViewer {
					continue
				}
				for _, part := range []string{"nobody", "creator", "approver", "recipient", "guest"} {
					for _, units := range [][]string{nil, {"elsewhere"}} {
						call := service.Call{Actor: access.Actor{Kind: access.Human, Org: b.user.Actor.Org, ID: "usr_1", Principal: part + "@example.org", Scopes: scopes, Units: units}}
						for j := range all {
							got, want := came(try[s.name](b.t.Context(), call, &all[j])), s.want(string(role), part, units == nil, all[j].State)
							if seen[got]++; got != want {
								wrong = append(wrong, fmt.Sprintf("%s, %s, %v, %s, %s: %s, want %s", s.name, role, units, part, all[j].State, got, want))
							}
						}
					}
				}
			}
		}
		if len(wrong) > 0 {
			b.t.Errorf("%d differ:\n%s", len(wrong), strings.Join(wrong[:min(len(wrong), 20)], "\n"))
		}
		if len(seen) != 4 {
			b.t.Errorf("not every outcome comes about: %v", seen)
		}
		b.t.Logf("%v", seen)
	})
}
