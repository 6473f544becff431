package storetest

import (
	"context"
	"errors"
	"testing"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/service"
)

// relations holds the decision's question (what has somebody to do with a
// document) and the lists' answer to each other, relation by relation: each is
// the only way by which one person comes to see one document.
func relations(t *testing.T, s service.Store) {
	created, byProgram := newDocument(org, "rel"), newDocument(org, "rel")
	created.CreatedBy, byProgram.CreatedBy = "Maker@example.org", "erp"
	put(t, s, created)
	put(t, s, byProgram)
	decided, signed, shared := put(t, s, newDocument(org, "rel")), put(t, s, newDocument(org, "rel")), put(t, s, newDocument(org, "rel"))
	runs := access.Grant{ID: newID("gra"), Org: org, DocumentID: shared.ID, Principal: "guest@example.org", Purpose: "audit", By: "boss@example.org", From: Start, Until: at(60), CreatedAt: at(0)}
	early, late, back := runs, runs, runs
	early.ID, early.Principal, early.From = newID("gra"), "early@example.org", at(30)
	late.ID, late.Principal, late.From, late.Until = newID("gra"), "late@example.org", at(-30), Start
	back.ID, back.Principal, back.RevokedAt = newID("gra"), "back@example.org", Start
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		return errors.Join(tx.InsertApproval(ctx, newApproval(decided, "approver@example.org")), tx.InsertEnvelope(ctx, newEnvelope(signed, "signer@example.org")),
			tx.InsertGrant(ctx, runs), tx.InsertGrant(ctx, early), tx.InsertGrant(ctx, late), tx.InsertGrant(ctx, back))
	})
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		for who, want := range map[string]struct {
			id   string
			part access.Relation
		}{
			"Maker@example.org": {created.ID, access.AsCreator}, "erp": {byProgram.ID, 0}, "approver@example.org": {decided.ID, access.AsApprover},
			"Signer@example.org": {signed.ID, access.AsRecipient}, "guest@example.org": {shared.ID, access.AsGuest},
			"early@example.org": {shared.ID, 0}, "late@example.org": {shared.ID, 0}, "back@example.org": {shared.ID, 0}, "": {shared.ID, 0},
		} {
			for _, id := range []string{created.ID, byProgram.ID, decided.ID, signed.ID, shared.ID} {
				if got, err := tx.Part(ctx, org, id, who); err != nil || (id == want.id && got != want.part) || (id != want.id && got != 0) {
					t.Errorf("%q has the part %s in %s, %v", who, got, id, err)
				}
			}
			if got, err := tx.Part(ctx, other, want.id, who); got != 0 || err != nil {
				t.Errorf("%q has the part %s in another organisation, %v", who, got, err)
			}
			seen, err := tx.Documents(ctx, service.DocumentFilter{Org: org, Unit: "rel", Units: []string{}, Principal: who})
			if found := len(seen) == 1 && seen[0].ID == want.id; err != nil || found != (want.part != 0) || len(seen) > 1 {
				t.Errorf("%q finds %d documents, %v", who, len(seen), err)
			}
			tasks, err := tx.Tasks(ctx, service.TaskFilter{Org: org, DocumentID: want.id, Units: []string{}, Principal: who})
			if found := len(tasks) > 0; err != nil || found != (want.part == access.AsApprover) {
				t.Errorf("%q finds %d tasks, %v", who, len(tasks), err)
			}
			envelopes, err := tx.Envelopes(ctx, service.EnvelopeFilter{Org: org, DocumentID: want.id, Units: []string{}, Principal: who})
			if found := len(envelopes) > 0; err != nil || found != (want.part == access.AsRecipient) {
				t.Errorf("%q finds %d envelopes, %v", who, len(envelopes), err)
			}
		}
		all, err := tx.Grants(ctx, org, shared.ID)
		same(t, "grants", all, []access.Grant{back, late, early, runs})
		_, err2 := tx.Grant(ctx, other, runs.ID)
		gone(t, "a grant, asked for by another organisation", err2)
		return err
	})
	write(t, s, func(ctx context.Context, tx service.Tx) error { return tx.RevokeGrant(ctx, org, runs.ID, at(1)) })
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		part, err := tx.Part(ctx, org, shared.ID, "guest@example.org")
		if part != 0 || err != nil {
			t.Errorf("a grant that was taken back lets in as %s, %v", part, err)
		}
		got, err := tx.Grant(ctx, org, runs.ID)
		runs.RevokedAt = at(1)
		same(t, "the grant", got, runs)
		return err
	})
	refused(t, s.Write(t.Context(), func(ctx context.Context, tx service.Tx) error { return tx.InsertGrant(ctx, runs) }), fault.Conflict, "exists")
	gone(t, "a grant of another organisation", s.Write(t.Context(), func(ctx context.Context, tx service.Tx) error { return tx.RevokeGrant(ctx, other, runs.ID, at(2)) }))
}
