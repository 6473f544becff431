package service

import (
	"context"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/approval"
	"github.com/paraph/paraph/internal/event"
	"github.com/paraph/paraph/internal/id"
	"github.com/paraph/paraph/internal/journal"
)

// NewGrant says whom to let into a document, and for how long.
type NewGrant struct {
	Principal string
	Purpose   string
	From      time.Time // zero: at once
	Until     time.Time
}

// ShareDocument lets a person read a document for a time, whatever business unit
// the person's client is confined to. It gives no scope: the person's token has
// to have that of reading.
//
// Faults: NotFound; Invalid "invalid_grant_request"; Forbidden "missing_scope";
// Gone "document_disposed".
func (s *Service) ShareDocument(ctx context.Context, call Call, docID string, in NewGrant) (Result[access.Grant], error) {
	return run(ctx, s, call, false, func(ctx context.Context, c *change) (access.Grant, error) {
		d, err := c.document(ctx, docID, access.ShareDocument)
		if err != nil {
			return access.Grant{}, err
		}
		if err := d.Gone(); err != nil {
			return access.Grant{}, err
		}
		g := access.Grant{
			ID: id.New("gra", c.Now()), Org: d.Org, DocumentID: d.ID, Principal: approval.Normalise(in.Principal), Purpose: in.Purpose,
			By: c.actor.Principal, From: in.From, Until: in.Until, CreatedAt: c.Now(),
		}
		if g.From.IsZero() {
			g.From = c.Now()
		}
		if err := g.Check(c.Now()); err != nil {
			return g, err
		}
		if err := c.InsertGrant(ctx, g); err != nil {
			return g, err
		}
		n := note{kind: journal.DocumentShared, subject: "grant", id: g.ID, data: event.Grant{
			GrantID: g.ID, DocumentID: d.ID, Principal: g.Principal, Purpose: g.Purpose, From: &g.From, Until: &g.Until}}
		if err := c.logDocument(&d, n); err != nil {
			return g, err
		}
		return g, c.UpdateDocument(ctx, &d)
	})
}

// UnshareDocument takes a grant back; a repetition does nothing.
// Faults: NotFound; Forbidden "missing_scope".
func (s *Service) UnshareDocument(ctx context.Context, call Call, docID, grantID string) (Result[access.Grant], error) {
	return run(ctx, s, call, false, func(ctx context.Context, c *change) (access.Grant, error) {
		d, err := c.document(ctx, docID, access.ShareDocument)
		if err != nil {
			return access.Grant{}, err
		}
		g, err := c.Grant(ctx, d.Org, grantID)
		if err != nil || !g.RevokedAt.IsZero() {
			return g, err
		}
		if g.DocumentID != d.ID {
			return access.Grant{}, access.NotFound()
		}
		if err := c.RevokeGrant(ctx, d.Org, g.ID, c.Now()); err != nil {
			return g, err
		}
		g.RevokedAt = c.Now()
		n := note{kind: journal.DocumentUnshared, subject: "grant", id: g.ID, data: event.Grant{GrantID: g.ID, DocumentID: d.ID, Principal: g.Principal}}
		if err := c.logDocument(&d, n); err != nil {
			return g, err
		}
		return g, c.UpdateDocument(ctx, &d)
	})
}

// Grants lists whom a document was shared with, newest first, also what has
// ended. Faults: NotFound; Forbidden "missing_scope".
func (s *Service) Grants(ctx context.Context, a access.Actor, docID string) (out []access.Grant, err error) {
	err = s.Store.Read(Within(ctx, a.Org), func(ctx context.Context, tx Reader) error {
		d, err := documentFor(ctx, tx, a, docID, access.ShareDocument)
		if err != nil {
			return err
		}
		out, err = tx.Grants(ctx, d.Org, d.ID)
		return err
	})
	return out, err
}

// Explanation is how a question to the access rules was decided.
type Explanation struct {
	access.Decision
	Action access.Action
	Part   access.Relation // what the principal has to do with the document
}

// Explain tells what a client may do with a document, and by which rule: for each
// action that a document knows, in the order of their names. It asks the same
// function as the commands do. Faults: NotFound; Forbidden "missing_scope".
func (s *Service) Explain(ctx context.Context, a access.Actor, docID, clientID string) (out []Explanation, err error) {
	if err := access.Allowed(a, access.ManageSettings); err != nil {
		return nil, err
	}
	err = s.Store.Read(Within(ctx, a.Org), func(ctx context.Context, tx Reader) error {
		cl, err := tx.Client(ctx, clientID)
		if err != nil {
			return err
		}
		d, err := tx.Document(ctx, a.Org, docID)
		if err != nil {
			return err
		}
		if cl.Org != a.Org || !manages(a, cl) || !a.InUnit(d.Unit) {
			return access.NotFound()
		}
		part, err := tx.Part(ctx, d.Org, d.ID, cl.Principal)
		if err != nil {
			return err
		}
		scopes, err := s.scopesOf(ctx, tx, &cl)
		if err != nil {
			return err
		}
		who := access.Actor{Kind: access.Client, Org: cl.Org, ID: cl.ID, Client: cl.ID, Principal: cl.Principal, Scopes: scopes, Units: cl.Units, Roles: cl.Roles}
		rules, err := tx.DeviceRules(ctx, cl.Org)
		if err != nil {
			return err
		}
		for _, do := range access.DocumentActions() {
			e := Explanation{Decision: access.Can(who, do, access.Resource{Org: d.Org, Unit: d.Unit, Part: part}), Action: do, Part: part}
			if !cl.RevokedAt.IsZero() {
				e.Decision = access.Decision{Rule: "client revoked"}
			}
			for i := range rules {
				if e.Allow && rules[i].Concerns(who) && rules[i].For.Covers(do) {
					e.Rule += "; where the device rule " + rules[i].Name + " is met"
				}
			}
			out = append(out, e)
		}
		return nil
	})
	return out, err
}
