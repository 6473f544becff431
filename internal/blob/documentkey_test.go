package blob_test

import (
	"bytes"
	"context"
	"io"
	"slices"
	"testing"

	"github.com/paraph/paraph/internal/blob"
	"github.com/paraph/paraph/internal/fault"
)

// rotated keeps a document's key that a rotation moves, and its unit's old key that
// it destroys, right after the row of the document's key was read.
type rotated struct {
	*rows
	row, next blob.DocumentKeyRow
}

func (r *rotated) DocumentKeyByID(context.Context, string) (blob.DocumentKeyRow, error) {
	read := r.row
	r.row = r.next
	r.list = slices.DeleteFunc(r.list, func(k blob.KeyRow) bool { return k.ID != r.next.KeyID })
	return read, nil
}

func (r *rotated) DocumentKey(ctx context.Context, _, _ string) (blob.DocumentKeyRow, error) {
	return r.DocumentKeyByID(ctx, "")
}

// TestARotationEndsBetweenRowAndKey reads a file at the worst moment of a rotation.
func TestARotationEndsBetweenRowAndKey(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ring := blob.NewKeyRing(f.rows, f.master, clk)
	old, _, err := ring.NewDocumentKey(t.Context(), scope, "doc_1")
	if err != nil {
		t.Fatal(err)
	}
	sealed := f.rows.list[0]
	now, err := ring.Superseded(t.Context(), sealed)
	if err != nil {
		t.Fatal(err)
	}
	f.rows.list = []blob.KeyRow{now}
	next, err := ring.DocumentRewrapped(t.Context(), old, now)
	if err != nil || next.KeyID == old.KeyID {
		t.Fatalf("the key stayed under %s, %v", next.KeyID, err)
	}

	moving := &rotated{rows: f.rows, row: next, next: next}
	vault := blob.NewVault(f.store, blob.NewKeyRing(moving, f.master, clk), clk)
	s, _, err := vault.PutFor(t.Context(), scope, blob.Document{ID: "doc_1"}, bytes.NewReader([]byte("x")))
	if err != nil {
		t.Fatal(err)
	}
	f.rows.list, moving.row = append(f.rows.list, now), old
	file, err := blob.NewVault(f.store, blob.NewKeyRing(moving, f.master, clk), clk).Open(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(file); err != nil || string(got) != "x" {
		t.Errorf("read %q, %v", got, err)
	}

	f.rows.list, moving.row, moving.next = nil, old, old // its key is lost for good
	if _, err := blob.NewVault(f.store, blob.NewKeyRing(moving, f.master, clk), clk).Open(t.Context(), s); fault.CodeOf(err) != fault.CodeOf(blob.ErrDamaged) {
		t.Errorf("a document whose unit's key is lost: %v", err)
	}
}
