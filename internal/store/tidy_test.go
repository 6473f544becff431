package store

import (
	"context"
	"fmt"
	"testing"

	"github.com/paraph/paraph/internal/service"
)

// TestTidy: pieces of an index that stands still are merged, and all is found as before;
// while it grows, or where there is little beside one large piece, it is left alone.
func TestTidy(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	e := s.engine.(*sqliteEngine)
	n := 0
	grow := func(times, by int) {
		t.Helper()
		for range times {
			var all []service.DocumentWords
			for range by {
				n++
				words := []string{"invoice", fmt.Sprint("number", n)}
				for w := range 40 {
					words = append(words, fmt.Sprint("word", (n*w)%997))
				}
				all = append(all, service.DocumentWords{Org: "org", ID: fmt.Sprint("doc_", n), Words: words})
			}
			if err := s.Write(t.Context(), func(ctx context.Context, tx service.Tx) error { return tx.IndexDocuments(ctx, all) }); err != nil {
				t.Fatal(err)
			}
		}
	}
	tidier := &tidier{e: e, seen: map[string][]piece{}}
	look := func() (before, after int) {
		t.Helper()
		count := func() (n int) {
			err := s.Read(t.Context(), func(ctx context.Context, tx service.Reader) error {
				all, err := pieces(ctx, tx.(*Reader).c, "search_fts")
				n = len(all)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		before = count()
		if err := tidier.look(t.Context()); err != nil {
			t.Fatal(err)
		}
		return before, count()
	}
	grow(15, 400)
	if before, after := look(); before <= fewPieces || after != before {
		t.Fatalf("%d pieces became %d of an index that is just growing", before, after)
	}
	if before, after := look(); before <= fewPieces || after > 2 {
		t.Errorf("%d pieces became %d of an index that rests", before, after)
	}
	grow(7, 1)
	look()
	if before, after := look(); before <= fewPieces || after != before {
		t.Errorf("%d pieces became %d, of which all but one are tiny", before, after)
	}
	for word, want := range map[string]int64{"invoice": int64(n), "number1": 1, fmt.Sprint("number", n): 1, "number0": 0} {
		if got := asked(t, s, "SELECT COUNT(*) FROM search_fts WHERE search_fts MATCH ?", word); got != want {
			t.Errorf("%s: %d documents, want %d", word, got, want)
		}
	}
}
