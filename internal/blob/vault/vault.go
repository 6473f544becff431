// Package vault gives the commands of internal/service their Vault: the
// encrypted blob store, with the database for its keys.
package vault

import (
	"context"
	"io"
	"sync"
	"time"

	"github.com/paraph/paraph/internal/blob"
	"github.com/paraph/paraph/internal/blob/crypt"
	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/service"
)

// Vault implements service.Vault. Its other methods are blob.Vault's.
type Vault struct {
	*blob.Vault
	db    service.Store
	keys  *blob.KeyRing
	clock clock.Clock

	mu     sync.Mutex           // guards what follows
	looked time.Time            // when keys that were destroyed were looked for
	gone   map[string]time.Time // such, by when they were first missed
}

var _ service.Vault = (*Vault)(nil)

// New makes a vault over a store of objects, the database and the master key.
func New(objects blob.Store, db service.Store, master crypt.Wrapper, clk clock.Clock) *Vault {
	keys := blob.NewKeyRing(rows{db}, master, clk)
	return &Vault{Vault: blob.NewVault(objects, keys, clk), db: db, keys: keys, clock: clk, gone: map[string]time.Time{}}
}

// Put implements service.Vault.
func (v *Vault) Put(ctx context.Context, at service.Place, r io.Reader) (service.Blob, error) {
	ctx = service.Within(ctx, at.Org)
	if at.Key != nil {
		return v.putUnder(ctx, at, r)
	}
	if err := v.ready(ctx, at); err != nil {
		return service.Blob{}, err
	}
	s, key, err := v.Vault.PutFor(ctx, scopeOf(at.Org, at.Unit), blob.Document{ID: at.Document, New: at.New}, r)
	if err != nil {
		return service.Blob{}, err
	}
	out := service.Blob{ID: s.ID, Org: at.Org, KeyID: s.KeyID, DataKey: s.DataKey, Size: s.Size, SHA256: s.SHA256, CreatedAt: v.clock.Now()}
	if key != nil {
		made := keyOf(*key)
		out.Key = &made
	}
	return out, nil
}

// putUnder puts a file of a new document under the key that was made for it.
func (v *Vault) putUnder(ctx context.Context, at service.Place, r io.Reader) (service.Blob, error) {
	row := RowOf(*at.Key)
	kek, err := v.keys.ByID(ctx, row.KeyID)
	if err != nil {
		return service.Blob{}, err
	}
	key, err := blob.OpenDocumentKey(ctx, kek, row)
	if err != nil {
		return service.Blob{}, err
	}
	s, err := v.PutUnder(ctx, key, r)
	return service.Blob{ID: s.ID, Org: at.Org, KeyID: s.KeyID, DataKey: s.DataKey, Size: s.Size, SHA256: s.SHA256, CreatedAt: v.clock.Now()}, err
}

func scopeOf(org, unit string) blob.Scope {
	return blob.Scope{Org: org, Unit: unit, Class: service.ClassDocuments}
}

// Open implements service.Vault.
func (v *Vault) Open(ctx context.Context, b service.Blob) (service.Content, error) {
	file, err := v.Vault.Open(service.Within(ctx, b.Org), Stored(b))
	if err != nil {
		return nil, err
	}
	return file, nil
}

// Stored gives what a row says of its object.
func Stored(b service.Blob) blob.Stored {
	return blob.Stored{ID: b.ID, KeyID: b.KeyID, DataKey: b.DataKey, Size: b.Size, SHA256: b.SHA256}
}

// rows is blob.KeyRows over the database, each call a transaction of its own:
// a key is there for good before the first object lies under it.
type rows struct{ db service.Store }

func (r rows) KeyFor(ctx context.Context, scope blob.Scope) (blob.KeyRow, error) {
	return r.read(ctx, func(ctx context.Context, tx service.Reader) (service.Key, error) {
		return tx.Key(ctx, scope.Org, scope.Unit, scope.Class)
	})
}

func (r rows) KeyByID(ctx context.Context, keyID string) (blob.KeyRow, error) {
	return r.read(ctx, func(ctx context.Context, tx service.Reader) (service.Key, error) {
		return tx.KeyByID(ctx, keyID)
	})
}

func (r rows) read(ctx context.Context, get func(context.Context, service.Reader) (service.Key, error)) (blob.KeyRow, error) {
	var k service.Key
	err := r.db.Read(ctx, func(ctx context.Context, tx service.Reader) (err error) {
		k, err = get(ctx, tx)
		return err
	})
	return unitRow(k), err
}

func (r rows) InsertKey(ctx context.Context, row blob.KeyRow) error {
	return r.db.Write(ctx, func(ctx context.Context, tx service.Tx) error {
		inForce, err := tx.Setting(ctx, service.SettingMaster)
		if err != nil && fault.KindOf(err) != fault.NotFound {
			return err
		}
		if err == nil && inForce != row.MasterID {
			return fault.New(fault.Unavailable, blob.CodeRotated, "The master key was rotated a moment ago. Try again.")
		}
		return tx.InsertKey(ctx, unitKey(row))
	})
}

func (r rows) MasterInForce(ctx context.Context) (id string, err error) {
	err = r.db.Read(ctx, func(ctx context.Context, tx service.Reader) error {
		id, err = tx.Setting(ctx, service.SettingMaster)
		return err
	})
	if fault.KindOf(err) == fault.NotFound {
		return "", nil
	}
	return id, err
}

func unitRow(k service.Key) blob.KeyRow {
	return blob.KeyRow{ID: k.ID, Scope: blob.Scope{Org: k.Org, Unit: k.Unit, Class: k.Class}, MasterID: k.MasterID, Wrapped: k.Wrapped, CreatedAt: k.CreatedAt}
}

func unitKey(r blob.KeyRow) service.Key {
	return service.Key{ID: r.ID, Org: r.Scope.Org, Unit: r.Scope.Unit, Class: r.Scope.Class, MasterID: r.MasterID, Wrapped: r.Wrapped, CreatedAt: r.CreatedAt}
}
