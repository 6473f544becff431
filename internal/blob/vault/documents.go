package vault

import (
	"context"

	"github.com/paraph/paraph/internal/blob"
	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/service"
)

// adoptBatch is how many documents are asked for at a time.
const adoptBatch = 100

// AdoptAll gives a key of its own to every document that is older than such
// keys, and wraps the keys of its files by it. It may be broken off at any
// moment and goes on where it was. It tells how many documents it did.
func (v *Vault) AdoptAll(ctx context.Context) (int, error) {
	var last *document.Document // begun anew for each batch, a store of a million would be gone through ten thousand times
	for done := 0; ; {
		var waiting []document.Document
		err := v.db.Read(ctx, func(ctx context.Context, tx service.Reader) (err error) {
			waiting, err = tx.Unkeyed(ctx, last, adoptBatch)
			return err
		})
		if err != nil || len(waiting) == 0 {
			return done, err
		}
		last = &waiting[len(waiting)-1]
		for _, d := range waiting {
			if err := v.adopt(ctx, &d); err != nil {
				return done, err
			}
			done++
		}
	}
}

// adopt makes the key of one document. Files are wrapped by it in the same
// transaction, so a document that has a key has no file beside it.
func (v *Vault) adopt(ctx context.Context, d *document.Document) error {
	scope := scopeOf(d.Org, d.Unit)
	row, key, err := v.keys.NewDocumentKey(ctx, scope, d.ID)
	if err != nil {
		return err
	}
	err = v.db.Write(ctx, func(ctx context.Context, tx service.Tx) error {
		if err := tx.InsertDocumentKey(ctx, keyOf(row)); err != nil {
			return err
		}
		blobs, err := tx.BlobsOf(ctx, d.Org, d.ID)
		if err != nil {
			return err
		}
		for _, b := range blobs {
			s, err := v.Vault.RewrapUnder(ctx, Stored(b), key)
			if err != nil {
				return err
			}
			from := b.KeyID
			b.KeyID, b.DataKey = s.KeyID, s.DataKey
			if err := tx.RewrapBlob(ctx, b, from); err != nil {
				return err
			}
		}
		return nil
	})
	if fault.KindOf(err) == fault.Conflict {
		return nil // another process came first
	}
	return err
}

// Keys gives the keys of units and documents, for backups.
func (v *Vault) Keys() blob.Keys { return v.keys }

// NewKey implements service.Vault.
func (v *Vault) NewKey(ctx context.Context, at service.Place) (service.DocumentKey, error) {
	row, _, err := v.keys.NewDocumentKey(service.Within(ctx, at.Org), scopeOf(at.Org, at.Unit), at.Document)
	return keyOf(row), err
}

// ready makes sure that an existing document has a key.
func (v *Vault) ready(ctx context.Context, at service.Place) error {
	if at.New {
		return nil
	}
	_, err := rows{v.db}.DocumentKey(ctx, at.Org, at.Document)
	if fault.KindOf(err) == fault.NotFound {
		return v.adopt(ctx, &document.Document{ID: at.Document, Org: at.Org, Unit: at.Unit})
	}
	return err
}

func keyOf(r blob.DocumentKeyRow) service.DocumentKey {
	return service.DocumentKey{ID: r.ID, Org: r.Org, DocumentID: r.Document, KeyID: r.KeyID, Wrapped: r.Wrapped, CreatedAt: r.CreatedAt, DestroyedAt: r.DestroyedAt}
}

// RowOf gives a document's key as package blob speaks of it.
func RowOf(k service.DocumentKey) blob.DocumentKeyRow {
	return blob.DocumentKeyRow{ID: k.ID, Org: k.Org, Document: k.DocumentID, KeyID: k.KeyID, Wrapped: k.Wrapped, CreatedAt: k.CreatedAt, DestroyedAt: k.DestroyedAt}
}

func (r rows) DocumentKey(ctx context.Context, org, documentID string) (blob.DocumentKeyRow, error) {
	return r.readDocument(ctx, func(ctx context.Context, tx service.Reader) (service.DocumentKey, error) {
		return tx.DocumentKey(ctx, org, documentID)
	})
}

func (r rows) DocumentKeyByID(ctx context.Context, keyID string) (blob.DocumentKeyRow, error) {
	return r.readDocument(ctx, func(ctx context.Context, tx service.Reader) (service.DocumentKey, error) {
		return tx.DocumentKeyByID(ctx, keyID)
	})
}

func (r rows) readDocument(ctx context.Context, get func(context.Context, service.Reader) (service.DocumentKey, error)) (blob.DocumentKeyRow, error) {
	var k service.DocumentKey
	err := r.db.Read(ctx, func(ctx context.Context, tx service.Reader) (err error) {
		k, err = get(ctx, tx)
		return err
	})
	return RowOf(k), err
}
