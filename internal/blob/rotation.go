package blob

import (
	"context"
	"strings"

	"github.com/paraph/paraph/internal/blob/crypt"
)

// supersededMark stands in the class of a key that is out of force, between the
// class it served and its id: so its place is free for the next one.
const supersededMark = "#"

// Rewrapped gives a unit's key wrapped by the present master key.
func (k *KeyRing) Rewrapped(ctx context.Context, row KeyRow) (KeyRow, error) {
	return k.moved(ctx, row, row.Scope)
}

// Superseded gives a unit's key for its place out of force, wrapped anew since
// what wraps it is bound to the place.
func (k *KeyRing) Superseded(ctx context.Context, row KeyRow) (KeyRow, error) {
	to := row.Scope
	to.Class += supersededMark + row.ID
	return k.moved(ctx, row, to)
}

// moved wraps a unit's key by the present master key for a scope.
func (k *KeyRing) moved(ctx context.Context, row KeyRow, to Scope) (KeyRow, error) {
	master := crypt.Fixed(k.master)
	key, err := master.Unwrap(ctx, row.MasterID, row.Wrapped, boundKey(row.ID, row.Scope))
	if err != nil {
		return row, unopened(err)
	}
	defer clear(key[:])
	row.Scope, row.MasterID = to, master.KeyID()
	if row.Wrapped, err = master.Wrap(ctx, key, boundKey(row.ID, to)); err != nil {
		return row, Away(err)
	}
	return row, nil
}

// DocumentRewrapped gives a document's key wrapped by the present key of the
// place that its unit's key, which is out of force, once served.
func (k *KeyRing) DocumentRewrapped(ctx context.Context, row DocumentKeyRow, old KeyRow) (DocumentKeyRow, error) {
	scope := old.Scope
	scope.Class, _, _ = strings.Cut(scope.Class, supersededMark)
	k.Supersede(old.ID)
	return k.rewrapped(ctx, row, scope)
}

func (k *KeyRing) rewrapped(ctx context.Context, row DocumentKeyRow, scope Scope) (DocumentKeyRow, error) {
	from, err := k.ByID(ctx, row.KeyID)
	if err != nil {
		return row, err
	}
	to, err := k.For(ctx, scope)
	if err != nil {
		return row, err
	}
	key, err := from.Unwrap(ctx, row.KeyID, row.Wrapped, boundDocument(&row))
	if err != nil {
		return row, damaged(err)
	}
	defer clear(key[:])
	row.KeyID = to.KeyID()
	if row.Wrapped, err = to.Wrap(ctx, key, boundDocument(&row)); err != nil {
		return row, Away(err)
	}
	return row, nil
}

// DocumentRekeyed gives the key of a document that stands nowhere yet wrapped by
// the key of the scope that is in force.
func (k *KeyRing) DocumentRekeyed(ctx context.Context, row DocumentKeyRow, scope Scope) (DocumentKeyRow, error) {
	k.Supersede(row.KeyID)
	return k.rewrapped(ctx, row, scope)
}

// Supersede makes the ring wrap nothing more by a key that is out of force; it
// still reads by it.
func (k *KeyRing) Supersede(keyID string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for scope, last := range k.scopes {
		if last.keyID == keyID {
			delete(k.scopes, scope)
		}
	}
}
