package storetest

import (
	"context"
	"errors"
	"testing"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/service"
)

// administration: organisations, roles and set-up links are changed by one at a time,
// and a client knows whether its organisation is closed.
func administration(t *testing.T, s service.Store) {
	closing := access.Organisation{ID: newID("org"), Name: "Closing", CreatedAt: at(0)}
	client := access.OAuthClient{ID: newID("cli"), Org: closing.ID, Name: "c", Principal: "p", Scopes: []access.Scope{access.Admin}, CreatedAt: at(1)}
	role := access.OwnRole{Org: closing.ID, Name: "clerk", Title: "Clerk", Scopes: []access.Scope{access.TasksRead}, CreatedAt: at(1), UpdatedAt: at(1)}
	link := service.SetupLink{Hash: []byte{1, 2}, Org: closing.ID, CreatedAt: at(0), ExpiresAt: at(10)}
	over := service.SetupLink{Hash: []byte{3}, CreatedAt: at(0), ExpiresAt: at(1)}
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		return errors.Join(tx.InsertOrganisation(ctx, closing), tx.InsertClient(ctx, client), tx.SaveRole(ctx, &role), tx.InsertSetupLink(ctx, link), tx.InsertSetupLink(ctx, over))
	})
	closing.Revision = 1
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		lateOrg, lateRole := closing, role
		closing.Name, closing.ClosedAt = "Closed", at(3)
		role.Title, role.Scopes = "Scribe", []access.Scope{access.TasksRead, access.DocumentsRead}
		err := errors.Join(tx.UpdateOrganisation(ctx, &closing), tx.SaveRole(ctx, &role), tx.PurgeSetupLinks(ctx, at(5)))
		refused(t, tx.UpdateOrganisation(ctx, &lateOrg), fault.Conflict, "stale")
		refused(t, tx.SaveRole(ctx, &lateRole), fault.Conflict, "stale")
		refused(t, tx.RemoveRole(ctx, lateRole), fault.Conflict, "stale")
		second := access.OwnRole{Org: closing.ID, Name: "clerk"}
		refused(t, tx.SaveRole(ctx, &second), fault.Conflict, "stale")
		return err
	})
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		o, err1 := tx.Organisation(ctx, closing.ID)
		same(t, "organisation", o, closing)
		roles, err2 := tx.OwnRoles(ctx, closing.ID)
		same(t, "roles", roles, []access.OwnRole{role})
		elsewhere, err3 := tx.OwnRoles(ctx, org)
		same(t, "roles elsewhere", len(elsewhere), 0)
		c, err4 := tx.Client(ctx, client.ID)
		same(t, "closed", c.Closed, true)
		l, err5 := tx.SetupLink(ctx, link.Hash)
		same(t, "link", l, link)
		_, gone6 := tx.SetupLink(ctx, over.Hash)
		gone(t, "a link that ran out", gone6)
		return errors.Join(err1, err2, err3, err4, err5)
	})
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		err := errors.Join(tx.UseSetupLink(ctx, link.Hash), tx.RemoveRole(ctx, role))
		refused(t, tx.UseSetupLink(ctx, link.Hash), fault.Conflict, "stale")
		return err
	})
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		_, err := tx.SetupLink(ctx, link.Hash)
		gone(t, "a used link", err)
		roles, err := tx.OwnRoles(ctx, closing.ID)
		same(t, "roles", len(roles), 0)
		return err
	})
}
