package blob

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/paraph/paraph/internal/blob/crypt"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/id"
)

// DocumentKeyPrefix is the id prefix of a document's key: dky_….
const DocumentKeyPrefix = "dky"

// ErrDestroyed says that the key of a document was destroyed, and with it all
// that lay under it.
var ErrDestroyed = fault.New(fault.Gone, "document_disposed", "The document was disposed of: its key is destroyed, and its files can never be read again.")

// DocumentKeyRow is the key of one document as the database keeps it: the keys
// of all the document's objects are wrapped by it, and it by the key of its
// unit. Where it is destroyed, the objects are unreadable wherever their bytes
// live on: in storage that does not delete, in copies, in backups.
type DocumentKeyRow struct {
	ID          string
	Org         string
	Document    string
	KeyID       string // the key that wraps it
	Wrapped     []byte // empty once it is destroyed
	CreatedAt   time.Time
	DestroyedAt time.Time // zero: in force
}

// Document names the document that an object belongs to.
type Document struct {
	ID string
	// New says that the document's row is written later, in the transaction that
	// names the object. Its key is then handed back, to be written there too.
	New bool
}

// boundDocument ties a wrapped document key to its document.
func boundDocument(r *DocumentKeyRow) []byte {
	return []byte(strings.Join([]string{"document key", r.ID, r.Org, r.Document}, "\x00"))
}

// ForDocument implements Keys. Document keys are not kept in memory: one that
// was destroyed by another process must not open anything here.
func (k *KeyRing) ForDocument(ctx context.Context, scope Scope, doc Document) (crypt.Wrapper, *DocumentKeyRow, error) {
	if doc.New {
		row, w, err := k.NewDocumentKey(ctx, scope, doc.ID)
		return w, &row, err
	}
	w, err := k.openDocument(ctx, func() (DocumentKeyRow, error) { return k.rows.DocumentKey(ctx, scope.Org, doc.ID) })
	return w, nil, err
}

// NewDocumentKey draws the key of a document; the caller writes its row.
func (k *KeyRing) NewDocumentKey(ctx context.Context, scope Scope, docID string) (DocumentKeyRow, crypt.Wrapper, error) {
	kek, err := k.For(ctx, scope)
	if err != nil {
		return DocumentKeyRow{}, nil, err
	}
	now := k.clock.Now()
	row := DocumentKeyRow{ID: id.New(DocumentKeyPrefix, now), Org: scope.Org, Document: docID, KeyID: kek.KeyID(), CreatedAt: now}
	w, wrapped, err := crypt.NewKEK(ctx, kek, row.ID, boundDocument(&row))
	if err != nil {
		return row, nil, Away(err)
	}
	row.Wrapped = wrapped
	return row, w, nil
}

// openDocument unwraps the key of the document whose row is read. Where a rotation
// ended between the row and the key that it names, the row names another one by
// now and is read again. ErrDestroyed, ErrDamaged, ErrAway.
func (k *KeyRing) openDocument(ctx context.Context, read func() (DocumentKeyRow, error)) (*crypt.Ring, error) {
	for missing := ""; ; {
		row, err := read()
		if err != nil {
			return nil, err
		}
		if !row.DestroyedAt.IsZero() {
			return nil, ErrDestroyed
		}
		kek, err := k.ByID(ctx, row.KeyID)
		switch {
		case err == nil:
			return OpenDocumentKey(ctx, kek, row)
		case fault.KindOf(err) != fault.NotFound:
			return nil, err
		case row.KeyID == missing:
			return nil, because(err, ErrDamaged)
		}
		missing = row.KeyID
	}
}

// OpenDocumentKey unwraps a document's key with the key of its unit. ErrDamaged, ErrAway.
func OpenDocumentKey(ctx context.Context, kek crypt.Wrapper, row DocumentKeyRow) (*crypt.Ring, error) {
	ring, err := crypt.OpenKEK(ctx, kek, row.KeyID, row.ID, row.Wrapped, boundDocument(&row))
	if errors.Is(err, crypt.ErrWrongKey) {
		return nil, because(err, ErrDamaged)
	}
	if err != nil {
		return nil, Away(err)
	}
	return ring, nil
}
