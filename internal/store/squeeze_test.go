package store

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/paraph/paraph/internal/service"
)

const gone = "vanishing"

// TestSqueeze: what was taken out of the full-text index is in no file of the database once
// that was scrubbed, also while others are indexed, and where an earlier scrub was broken off.
func TestSqueeze(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	path := s.engine.(*sqliteEngine).path
	index := func(from, to int, some ...string) {
		t.Helper()
		for first := from; first < to; first += 10 {
			if err := s.Write(t.Context(), func(ctx context.Context, tx service.Tx) error {
				var all []service.DocumentWords
				for i := first; i < min(first+10, to); i++ {
					words := []string{"invoice", fmt.Sprint("number", i)}
					for w := range 40 {
						words = append(words, fmt.Sprint("word", (i*w)%997))
					}
					all = append(all, service.DocumentWords{Org: "org", ID: fmt.Sprint("doc_", i), Words: append(words, some...)})
				}
				return tx.IndexDocuments(ctx, all)
			}); err != nil {
				t.Fatal(err)
			}
		}
	}
	there := func() bool {
		for _, end := range []string{"", "-wal"} {
			if raw, err := os.ReadFile(path + end); err == nil && bytes.Contains(raw, []byte(gone)) {
				return true
			}
		}
		return false
	}
	remove := func(from, to int) {
		t.Helper()
		if err := s.Write(t.Context(), func(ctx context.Context, tx service.Tx) error {
			var all []service.DocumentWords
			for i := from; i < to; i++ {
				all = append(all, service.DocumentWords{Org: "org", ID: fmt.Sprint("doc_", i)})
			}
			return tx.IndexDocuments(ctx, all)
		}); err != nil {
			t.Fatal(err)
		}
	}
	index(0, 1000)
	index(1000, 1100, gone, gone+"too")
	index(1100, 2000)
	remove(1000, 1100)
	if !there() {
		t.Fatal("the words went by themselves: this test would prove nothing")
	}
	// Broken off after the first of its steps.
	if err := s.Write(t.Context(), func(ctx context.Context, tx service.Tx) error {
		return tx.(*Tx).squeezeOn(ctx, squeezing{erased: 100})
	}); err != nil {
		t.Fatal(err)
	}
	var others sync.WaitGroup
	others.Go(func() { index(2000, 2600) })
	if err := s.Scrub(t.Context()); err != nil {
		t.Fatal(err)
	}
	others.Wait()
	if err := s.Scrub(t.Context()); err != nil { // nothing to squeeze: the log of writes alone
		t.Fatal(err)
	}
	if there() {
		t.Error("the words are still in the files")
	}
	for word, want := range map[string]int64{"invoice": 2500, gone: 0, "number1000": 0, "number1999": 1, "number2599": 1} {
		if n := asked(t, s, "SELECT COUNT(*) FROM search_fts WHERE search_fts MATCH ?", word); n != want {
			t.Errorf("%s: %d documents, want %d", word, n, want)
		}
	}
	// What has the words it had is not written anew.
	size := func() int64 {
		i, err := os.Stat(path + "-wal")
		if err != nil {
			t.Fatal(err)
		}
		return i.Size()
	}
	before := size()
	index(0, 1000)
	if after := size(); after-before > 64<<10 {
		t.Errorf("indexing what is indexed wrote %d bytes", after-before)
	}
}

// asked gives the one number that a question is answered with.
func asked(t *testing.T, s *Store, question string, args ...any) (n int64) {
	t.Helper()
	if err := s.Read(t.Context(), func(ctx context.Context, tx service.Reader) (err error) {
		n, err = one(ctx, tx.(*Reader).c, scanInt, question, args...)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestWordsGoInAtOnce: a batch of documents makes one piece of the index, new ones and such
// as were indexed before.
func TestWordsGoInAtOnce(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	for round := range 2 {
		err := s.Write(t.Context(), func(ctx context.Context, tx service.Tx) error {
			var all []service.DocumentWords
			for i := range 3 {
				all = append(all, service.DocumentWords{Org: "org", ID: fmt.Sprint("doc_", i), Words: []string{"invoice", fmt.Sprint("round", round)}})
			}
			return tx.IndexDocuments(ctx, all)
		})
		if err != nil {
			t.Fatal(err)
		}
		if n := asked(t, s, "SELECT COUNT(DISTINCT segid) FROM search_fts_idx"); n != int64(round+1) {
			t.Errorf("round %d: the index has %d pieces", round, n)
		}
		for word, want := range map[string]int64{"invoice": 3, fmt.Sprint("round", round): 3, fmt.Sprint("round", 1-round): 0} {
			if n := asked(t, s, "SELECT COUNT(*) FROM search_fts WHERE search_fts MATCH ?", word); n != want {
				t.Errorf("round %d: %s: %d documents, want %d", round, word, n, want)
			}
		}
	}
}

// TestTheProgramBeforeIndexes: statements of the program before, which knows nothing of
// batches, find the triggers that tell the index; also over rows that came in a batch.
func TestTheProgramBeforeIndexes(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	before := func(id, words string) {
		t.Helper()
		if err := s.Write(t.Context(), func(ctx context.Context, tx service.Tx) error {
			_, err := exec(ctx, tx.(*Tx).c, "INSERT INTO search_document (org, document_id, words) VALUES (?, ?, ?) ON CONFLICT (org, document_id) DO UPDATE SET words = excluded.words", "org", id, words)
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	now := func(id, words string) {
		t.Helper()
		if err := s.Write(t.Context(), func(ctx context.Context, tx service.Tx) error {
			return tx.IndexDocuments(ctx, []service.DocumentWords{{Org: "org", ID: id, Words: []string{words}}})
		}); err != nil {
			t.Fatal(err)
		}
	}
	before("doc_1", "old")
	now("doc_1", "new")
	now("doc_2", "new")
	before("doc_2", "old")
	before("doc_3", "old")
	before("doc_3", "older")
	for word, want := range map[string]int64{"old": 1, "new": 1, "older": 1} {
		if n := asked(t, s, "SELECT COUNT(*) FROM search_fts WHERE search_fts MATCH ?", word); n != want {
			t.Errorf("%s: %d documents, want %d", word, n, want)
		}
	}
}
