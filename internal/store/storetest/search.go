package storetest

import (
	"context"
	"strings"
	"testing"

	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/service"
)

// changed: a part of the journal gives the documents it tells of, but for those that the
// journal tells of again behind the part.
func changed(t *testing.T, s service.Store) {
	named := map[string]string{}
	var docs []document.Document
	for _, name := range []string{"a", "b", "c"} {
		d := put(t, s, newDocument(org, "j"))
		named[d.ID], docs = name, append(docs, d)
	}
	created, again, silent := journal.DocumentCreated, journal.DocumentMetadataChanged, journal.TaskOpened
	var first int64
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		if err := number(ctx, tx, 0); err != nil {
			return err
		}
		head, err := tx.LogHead(ctx)
		first = head.Size
		if err != nil {
			return err
		}
		seq := map[int]int64{}
		for _, e := range []struct {
			doc  int
			kind journal.Kind
		}{{0, created}, {1, created}, {2, created}, {1, again}, {0, silent}, {2, again}, {2, again}} {
			seq[e.doc]++
			if err := tx.InsertEntry(ctx, newEntry(t, org, "j", e.kind, docs[e.doc].ID, seq[e.doc])); err != nil {
				return err
			}
		}
		return number(ctx, tx, 0)
	})
	for _, c := range []struct {
		from, to, head int64
		limit          int
		want           string
	}{
		{0, 7, 7, 9, "a0 b1 c2"}, {0, 7, 7, 2, "a0 b1"}, {0, 3, 3, 9, "a0 b1 c2"}, {0, 3, 4, 9, "a0 c2"}, {0, 3, 7, 9, "a0"},
		{0, 4, 7, 9, "a0 b1"}, {3, 5, 7, 9, "b3"}, {3, 6, 7, 9, "b3"}, {3, 7, 7, 9, "b3 c5"}, {4, 5, 7, 9, ""}, {7, 7, 7, 9, ""},
	} {
		var got []string
		read(t, s, func(ctx context.Context, tx service.Reader) error {
			found, err := tx.ChangedDocuments(ctx, first+c.from, first+c.to, first+c.head, c.limit)
			for _, d := range found {
				got = append(got, named[d.ID]+string(rune('0'+d.Index-first)))
			}
			return err
		})
		if strings.Join(got, " ") != c.want {
			t.Errorf("from %d to %d of %d, %d at most: %q, want %q", c.from, c.to, c.head, c.limit, got, c.want)
		}
	}
}
