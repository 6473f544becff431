package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/approval"
	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/service"
)

// rewrites: a command that writes back what it has read, once or several times, leaves what
// it wrote last, and leaves alone what it did not touch.
func rewrites(t *testing.T, s service.Store) {
	d := put(t, s, newDocument(org, "j"))
	a := newApproval(d, "ann@example.org", "bob@example.org")
	write(t, s, func(ctx context.Context, tx service.Tx) error { return tx.InsertApproval(ctx, a) })
	for name, steps := range map[string][]func(d *document.Document, a *approval.Approval){
		"nothing but revisions": {func(*document.Document, *approval.Approval) {}},
		"state, and a task": {func(d *document.Document, a *approval.Approval) {
			d.State, d.LastLeaf = document.InReview, []byte{9}
			a.Tasks[1].State, a.Tasks[1].Comment = approval.Approved, "fine"
		}},
		"there and back": {
			func(d *document.Document, a *approval.Approval) {
				d.Title, a.Quorum, a.Tasks[0].Comment = "another", 7, "hm"
				d.LastLeaf[0] = 77
			},
			func(d *document.Document, a *approval.Approval) {
				d.Title, a.Quorum, a.Tasks[0].Comment = "Örder 7", 2, ""
			},
		},
		"all but the rest": {func(d *document.Document, a *approval.Approval) {
			d.Labels, d.Metadata, d.ApproverList, d.ExternalID = map[string]string{"new": "one"}, nil, nil, "x-"+d.ID
			a.ClosedAt, a.DueAt = at(99), time.Time{}
			a.Tasks = append(a.Tasks, approval.Task{ID: newID("tsk"), Org: org, ApprovalID: a.ID, DocumentID: d.ID, Position: 3, Assignee: "cy@example.org", State: approval.Open, OpenedAt: at(4)})
		}},
	} {
		var wantD document.Document
		var wantA approval.Approval
		if err := s.Propose(t.Context(), func(ctx context.Context, tx service.Tx) error {
			d, err := tx.Document(ctx, org, d.ID)
			if err != nil {
				return err
			}
			a, err := tx.Approval(ctx, org, a.ID)
			if err != nil {
				return err
			}
			for _, step := range steps {
				step(&d, &a)
				if err := tx.UpdateApproval(ctx, &a); err != nil {
					return err
				}
				if err := tx.UpdateDocument(ctx, &d); err != nil {
					return err
				}
			}
			wantD, wantA = d, a
			return nil
		}); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		read(t, s, func(ctx context.Context, tx service.Reader) error {
			got, err := tx.Document(ctx, org, d.ID)
			same(t, name+": document", got, wantD)
			if err != nil {
				return err
			}
			gotA, err := tx.Approval(ctx, org, a.ID)
			same(t, name+": approval", gotA, wantA)
			return err
		})
	}
}
