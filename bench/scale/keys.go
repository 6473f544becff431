package main

import (
	"context"

	"github.com/paraph/paraph/internal/blob"
	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/internal/server"
	"github.com/paraph/paraph/internal/service"
)

// held answers a key ring while the loader alone has the store: with the keys
// that the units had when the server stopped. Nothing else is asked of it.
type held struct {
	blob.KeyRows
	units map[string]blob.KeyRow
}

// KeyFor implements blob.KeyRows.
func (h held) KeyFor(_ context.Context, scope blob.Scope) (blob.KeyRow, error) {
	return h.units[scope.Unit], nil
}

// keysOf makes the units' keys, and gives a ring that wraps documents' keys by
// them once the server is stopped. A document without a key would be given one
// by the server in the background, while something else is measured.
func keysOf(ctx context.Context, srv *server.Server, org string, units []string) (*blob.KeyRing, error) {
	h := held{units: map[string]blob.KeyRow{}}
	ctx = service.Within(ctx, org)
	for _, unit := range units {
		scope := blob.Scope{Org: org, Unit: unit, Class: service.ClassDocuments}
		if _, err := srv.Vault.Keys().For(ctx, scope); err != nil {
			return nil, err
		}
		err := srv.Store.Read(ctx, func(ctx context.Context, tx service.Reader) error {
			k, err := tx.Key(ctx, org, unit, scope.Class)
			h.units[unit] = blob.KeyRow{ID: k.ID, Scope: scope, MasterID: k.MasterID, Wrapped: k.Wrapped, CreatedAt: k.CreatedAt}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return blob.NewKeyRing(h, srv.Keys.Master, clock.System{}), nil
}
