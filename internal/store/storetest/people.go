package storetest

import (
	"context"
	"errors"
	"testing"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/approval"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/signing"
)

func approvals(t *testing.T, s service.Store) {
	d := put(t, s, newDocument(org, "apr"))
	a := newApproval(d, "apr1@example.org", "apr2@example.org")
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		if err := tx.InsertApproval(ctx, a); err != nil {
			return err
		}
		refused(t, tx.InsertApproval(ctx, newApproval(d, "x@example.org")), fault.Conflict, "stale")
		return nil
	})
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		got, err := tx.Approval(ctx, org, a.ID)
		same(t, "approval", got, a)
		open, err2 := tx.OpenApproval(ctx, org, d.ID)
		same(t, "open approval", open, a)
		task, err3 := tx.Task(ctx, org, a.Tasks[1].ID)
		same(t, "task", task, a.Tasks[1])
		return errors.Join(err, err2, err3)
	})
	old := a
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		got, err := tx.Approval(ctx, org, a.ID)
		if err != nil {
			return err
		}
		for i := range got.Tasks {
			if _, _, err := got.Decide(got.Tasks[i].ID, approval.Approve, at(9)); err != nil {
				return err
			}
			got.Tasks[i].Comment, got.Tasks[i].DecidedBy, got.Tasks[i].OnBehalfOf = "fine", "me", "you"
		}
		if err := tx.UpdateApproval(ctx, &got); err != nil {
			return err
		}
		same(t, "revision", got.Revision, int64(2))
		a = got
		return nil
	})
	refused(t, s.Write(t.Context(), func(ctx context.Context, tx service.Tx) error {
		lost := old
		return tx.UpdateApproval(ctx, &lost)
	}), fault.Conflict, "stale")
	next := newApproval(d, "apr1@example.org")
	write(t, s, func(ctx context.Context, tx service.Tx) error { return tx.InsertApproval(ctx, next) })
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		all, err := tx.Approvals(ctx, org, d.ID)
		same(t, "approvals", all, []approval.Approval{a, next})
		if err != nil {
			return err
		}
		for name, c := range map[string]struct {
			f    service.TaskFilter
			want []approval.Task
		}{
			"assignee":  {service.TaskFilter{Assignee: "APR1@example.org"}, []approval.Task{next.Tasks[0], a.Tasks[0]}},
			"state":     {service.TaskFilter{Assignee: "apr1@example.org", State: "open"}, next.Tasks},
			"document":  {service.TaskFilter{DocumentID: d.ID, Limit: 2}, []approval.Task{next.Tasks[0], a.Tasks[1]}},
			"before":    {service.TaskFilter{DocumentID: d.ID, Before: a.Tasks[1].ID}, a.Tasks[:1]},
			"no unit":   {service.TaskFilter{DocumentID: d.ID, Units: []string{}}, nil},
			"principal": {service.TaskFilter{DocumentID: d.ID, Units: []string{}, Principal: "apr2@example.org"}, []approval.Task{next.Tasks[0], a.Tasks[1], a.Tasks[0]}},
			"unit":      {service.TaskFilter{DocumentID: d.ID, Units: []string{"apr"}}, []approval.Task{next.Tasks[0], a.Tasks[1], a.Tasks[0]}},
		} {
			c.f.Org = org
			got, err := tx.Tasks(ctx, c.f)
			if err != nil {
				return err
			}
			same(t, name, got, c.want)
		}
		return nil
	})
}

func envelopes(t *testing.T, s service.Store) {
	d := put(t, s, newDocument(org, "env"))
	e := newEnvelope(d, "env1@example.org", "env2@example.org", "env0@example.org")
	link := signing.Link{TokenHash: signing.HashToken(e.ID), Org: org, EnvelopeID: e.ID, RecipientID: e.Recipients[0].ID, Channel: "email", CreatedAt: at(1), ExpiresAt: at(2)}
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		return errors.Join(tx.InsertEnvelope(ctx, e), tx.InsertLink(ctx, link))
	})
	old := e
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		got, err := tx.Envelope(ctx, org, e.ID)
		if err != nil {
			return err
		}
		same(t, "envelope", got, e)
		r := &got.Recipients[1]
		r.State, r.SignedAt, r.ConsentedAt, r.Reminders, r.Reason = signing.RecipientSigned, at(8), at(7), 2, "r"
		r.Evidence = signing.Evidence{Address: "192.0.2.7", UserAgent: "ua", ConsentText: "I agree"}
		r.Signature = signing.Signature{Kind: signing.Drawn, Width: 3, Height: 4, Strokes: [][]signing.Point{{{X: 1.5, Y: 2}}}}
		got.SealedVersion, got.State = 4, signing.Sealing
		e = got
		return tx.UpdateEnvelope(ctx, &e)
	})
	refused(t, s.Write(t.Context(), func(ctx context.Context, tx service.Tx) error {
		lost := old
		return tx.UpdateEnvelope(ctx, &lost)
	}), fault.Conflict, "stale")
	second := newEnvelope(d, "env9@example.org")
	second.Unit, second.State = "env_b", signing.Voided
	second.Recipients[0].State, second.Recipients[0].SignedAt = signing.RecipientSigned, at(9)
	write(t, s, func(ctx context.Context, tx service.Tx) error { return tx.InsertEnvelope(ctx, second) })
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		got, err := tx.Envelope(ctx, org, e.ID)
		if err != nil {
			return err
		}
		same(t, "updated", got, e)
		r, err := tx.CompletedSignature(ctx, org, d.ID, " ENV2@example.org")
		if err != nil {
			return err
		}
		same(t, "completed", r, e.Recipients[1])
		_, err = tx.CompletedSignature(ctx, org, d.ID, "env1@example.org")
		gone(t, "a signature not given", err)
		_, err = tx.CompletedSignature(ctx, org, d.ID, "env9@example.org")
		gone(t, "a signature in a voided envelope", err)
		l, err := tx.Link(ctx, link.TokenHash)
		if err != nil {
			return err
		}
		same(t, "link", l, link)
		_, err = tx.Link(ctx, signing.HashToken("x"))
		gone(t, "an unknown link", err)
		for name, c := range map[string]struct {
			f    service.EnvelopeFilter
			want []signing.Envelope
		}{
			"document":  {service.EnvelopeFilter{DocumentID: d.ID, Limit: 5}, []signing.Envelope{second, e}},
			"state":     {service.EnvelopeFilter{DocumentID: d.ID, State: "sealing"}, []signing.Envelope{e}},
			"before":    {service.EnvelopeFilter{DocumentID: d.ID, Before: second.ID}, []signing.Envelope{e}},
			"unit":      {service.EnvelopeFilter{DocumentID: d.ID, Units: []string{"env_b"}}, []signing.Envelope{second}},
			"principal": {service.EnvelopeFilter{DocumentID: d.ID, Units: []string{}, Principal: "Env2@example.org"}, []signing.Envelope{second, e}},
		} {
			c.f.Org = org
			got, err := tx.Envelopes(ctx, c.f)
			if err != nil {
				return err
			}
			same(t, name, got, c.want)
		}
		return nil
	})
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		n, err := tx.PurgeExpired(ctx, at(3), at(3))
		if n < 1 || err != nil {
			t.Errorf("purged %d, %v", n, err)
		}
		_, err = tx.Link(ctx, link.TokenHash)
		gone(t, "a purged link", err)
		return nil
	})
}

func tenants(t *testing.T, s service.Store) {
	d := put(t, s, newDocument(org, "ten"))
	a, e := newApproval(d, "ten@example.org"), newEnvelope(d, "ten@example.org")
	op := service.Operation{ID: newID("op"), Org: org, Kind: service.OpCapture, DocumentID: d.ID, State: service.OperationPending, Revision: 1}
	rec := service.ArchiveRecord{ID: newID("arc"), Org: org, DocumentID: d.ID, Version: 1}
	entry := newEntry(t, org, "ten", "document.created", d.ID, 1)
	blob := service.Blob{ID: newID("blb"), Org: org}
	client := access.OAuthClient{ID: newID("cli"), Org: org, Name: "c", Principal: "p", Scopes: []access.Scope{access.Admin}, Roles: []access.Role{access.RoleViewer}, Units: []string{"u"}, SecretHash: []byte{1}, CreatedAt: at(1), Profile: fullProfile, Revision: 1}
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		return errors.Join(tx.InsertApproval(ctx, a), tx.InsertEnvelope(ctx, e), tx.InsertOperation(ctx, op), tx.InsertArchiveRecord(ctx, rec), tx.InsertEntry(ctx, entry), tx.InsertBlob(ctx, blob), tx.InsertClient(ctx, client))
	})
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		kept, err := tx.Client(ctx, client.ID)
		if same(t, "client", kept, client); err != nil {
			return err
		}
		for name, ask := range map[string]func(org string) error{
			"document":  func(o string) error { _, err := tx.Document(ctx, o, d.ID); return err },
			"approval":  func(o string) error { _, err := tx.Approval(ctx, o, a.ID); return err },
			"open":      func(o string) error { _, err := tx.OpenApproval(ctx, o, d.ID); return err },
			"task":      func(o string) error { _, err := tx.Task(ctx, o, a.Tasks[0].ID); return err },
			"envelope":  func(o string) error { _, err := tx.Envelope(ctx, o, e.ID); return err },
			"operation": func(o string) error { _, err := tx.Operation(ctx, o, op.ID); return err },
			"archive":   func(o string) error { _, err := tx.ArchiveRecord(ctx, o, rec.ID); return err },
			"entry":     func(o string) error { _, err := tx.Entry(ctx, o, entry.ID); return err },
			"blob":      func(o string) error { _, err := tx.Blob(ctx, o, blob.ID); return err },
		} {
			if err := ask(org); err != nil {
				t.Errorf("%s at home: %v", name, err)
			}
			gone(t, name, ask(other))
		}
		for name, count := range map[string]func(org string) (int, error){
			"documents": func(o string) (int, error) {
				v, err := tx.Documents(ctx, service.DocumentFilter{Org: o, Unit: "ten"})
				return len(v), err
			},
			"versions": func(o string) (int, error) { v, err := tx.Approvals(ctx, o, d.ID); return len(v), err },
			"tasks": func(o string) (int, error) {
				v, err := tx.Tasks(ctx, service.TaskFilter{Org: o, DocumentID: d.ID})
				return len(v), err
			},
			"envelopes": func(o string) (int, error) {
				v, err := tx.Envelopes(ctx, service.EnvelopeFilter{Org: o, DocumentID: d.ID})
				return len(v), err
			},
			"operations": func(o string) (int, error) {
				v, err := tx.Operations(ctx, service.OperationFilter{Org: o, DocumentID: d.ID})
				return len(v), err
			},
			"archives": func(o string) (int, error) {
				v, err := tx.ArchiveRecords(ctx, service.ArchiveFilter{Org: o, DocumentID: d.ID})
				return len(v), err
			},
			"clients": func(o string) (int, error) { v, err := tx.Clients(ctx, o); return len(v), err },
		} {
			if n, err := count(org); n != 1 || err != nil {
				t.Errorf("%s at home: %d, %v", name, n, err)
			}
			if n, err := count(other); n != 0 || err != nil {
				t.Errorf("%s elsewhere: %d, %v", name, n, err)
			}
		}
		c, err := tx.Client(ctx, client.ID)
		same(t, "client", c, client)
		return err
	})
	for name, change := range map[string]func(ctx context.Context, tx service.Tx) error{
		"document": func(ctx context.Context, tx service.Tx) error {
			v := d
			v.Org = other
			return tx.UpdateDocument(ctx, &v)
		},
		"approval": func(ctx context.Context, tx service.Tx) error {
			v := a
			v.Org = other
			return tx.UpdateApproval(ctx, &v)
		},
		"envelope": func(ctx context.Context, tx service.Tx) error {
			v := e
			v.Org = other
			return tx.UpdateEnvelope(ctx, &v)
		},
		"operation": func(ctx context.Context, tx service.Tx) error {
			v := op
			v.Org = other
			return tx.UpdateOperation(ctx, &v)
		},
		"client": func(ctx context.Context, tx service.Tx) error {
			v := client
			v.Org = other
			return tx.UpdateClient(ctx, &v)
		},
	} {
		gone(t, "change of another's "+name, s.Write(t.Context(), change))
	}
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		late := client
		client.Name, client.RevokedAt, client.SecretHash, client.OldHash, client.OldUntil = "d", at(5), []byte{2}, []byte{1}, at(9)
		client.Scopes, client.Roles, client.Units = nil, []access.Role{access.RoleAuditor}, nil
		err := tx.UpdateClient(ctx, &client)
		refused(t, tx.UpdateClient(ctx, &late), fault.Conflict, "stale")
		return err
	})
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		c, err := tx.Client(ctx, client.ID)
		same(t, "client", c, client)
		o, err2 := tx.Organisation(ctx, org)
		same(t, "organisation", o, access.Organisation{ID: org, Name: "Name of " + org, CreatedAt: at(0), Revision: 1})
		all, err3 := tx.Organisations(ctx)
		same(t, "organisations", len(all) >= 2, true)
		_, err4 := tx.Organisation(ctx, "org_none")
		gone(t, "organisation", err4)
		return errors.Join(err, err2, err3)
	})
}
