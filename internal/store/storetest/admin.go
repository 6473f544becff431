package storetest

import (
	"context"
	"errors"
	"testing"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/document"
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

// use: what a unit uses is counted by anybody as long as it stays below, and by one at a
// time where it is set; a count from what is stored finds what lies there.
func use(t *testing.T, s service.Store) {
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		return errors.Join(tx.AddUse(ctx, org, "counted", "bytes", 5, 0), tx.AddUse(ctx, org, "counted", "bytes", 7, 13))
	})
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		refused(t, tx.AddUse(ctx, org, "counted", "bytes", 1, 13), fault.Conflict, "stale")
		u, err := tx.LockUse(ctx, org, "counted", "bytes")
		same(t, "use", u, service.UnitUse{Used: 12})
		none, err2 := tx.LockUse(ctx, org, "counted", "other")
		same(t, "nothing used", none, service.UnitUse{})
		return errors.Join(err, err2, tx.SetUse(ctx, org, "counted", "bytes", service.UnitUse{Used: 20, Told: 80}))
	})
	d := put(t, s, newDocument(org, "counted"))
	v := document.Version{Org: org, DocumentID: d.ID, No: 1, Kind: document.Original, Blob: newID("blb")}
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		return errors.Join(tx.InsertBlob(ctx, service.Blob{ID: v.Blob, Org: org, Size: 99}), tx.InsertVersion(ctx, v), tx.InsertBlob(ctx, service.Blob{ID: newID("blb"), Org: org, Size: 1}))
	})
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		u, err := tx.UnitUse(ctx, org, "counted", "bytes")
		same(t, "use", u, service.UnitUse{Used: 20, Told: 80})
		elsewhere, err2 := tx.UnitUse(ctx, other, "counted", "bytes")
		same(t, "elsewhere", elsewhere, service.UnitUse{})
		stored, err3 := tx.StoredBytes(ctx, org, "counted")
		same(t, "stored", stored, int64(99))
		return errors.Join(err, err2, err3)
	})
}
