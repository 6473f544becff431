package store

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/id"
	"github.com/paraph/paraph/internal/service"
)

// TestSearchPlaces: of two documents, the one with the later id has no earlier place.
func TestSearchPlaces(t *testing.T) {
	now, ids := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), []string{"doc_", "doc_0", "doc_1i", "doc_zzzzzzzzzzzzzzzzzzzzzzzzzz"}
	for i := range 3000 {
		ids = append(ids, id.New("doc", now.Add(time.Duration(i/100)*time.Millisecond)))
	}
	slices.Sort(ids)
	for i := range ids[1:] {
		if a, b := searchPlace(ids[i]), searchPlace(ids[i+1]); a > b || a < 0 {
			t.Fatalf("%s has the place %d, and %s %d", ids[i], a, ids[i+1], b)
		}
	}
}

// manySearched is how many documents TestSearchedPages makes: more than are looked at by
// their words alone.
const manySearched = 2 * manyHits

// searchedID makes ids of which hundreds have the same place in the index.
func searchedID(i int) string {
	return fmt.Sprintf("doc_01kb0q7m%02d%02d%014d", i/400, i/100%4, i)
}

func searchedState(i int) string {
	if i < 100 && i%2 == 0 {
		return "draft"
	}
	return "approved"
}

var searchedWords = map[string]func(i int) bool{
	"all": func(int) bool { return true }, "tenth": func(i int) bool { return i%10 == 0 }, "early": func(i int) bool { return i < 30 },
	"two": func(i int) bool { return i == 77 || i == 1777 }, "none": func(int) bool { return false },
}

// TestSearchedPages: page after page, a search gives the documents that hold the words,
// each once and from new to old, in whatever order they were indexed.
func TestSearchedPages(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, database string, s *Store) {
		order := rand.New(rand.NewPCG(1, 2)).Perm(manySearched)
		err := s.Write(t.Context(), func(ctx context.Context, tx service.Tx) error {
			var all []service.DocumentWords
			for _, i := range order {
				d := document.Document{ID: searchedID(i), Org: "org", Unit: "general", Type: "document", Title: "x", State: document.State(searchedState(i)), CreatedAt: time.Unix(1, 0), UpdatedAt: time.Unix(1, 0), Revision: 1}
				if err := tx.InsertDocument(ctx, d); err != nil {
					return err
				}
				var words []string
				for word, holds := range searchedWords {
					if holds(i) {
						words = append(words, word)
					}
				}
				for _, org := range []string{"org", "other"} { // whose documents are none
					all = append(all, service.DocumentWords{Org: org, ID: d.ID, Words: words})
				}
			}
			return tx.IndexDocuments(ctx, all)
		})
		if err != nil {
			t.Fatal(err)
		}
		searchedAll(t, s)
		if database == "sqlite" {
			misplaced(t, s)
			searchedAll(t, s)
		}
	})
}

// searchedAll goes through the pages of every search.
func searchedAll(t *testing.T, s *Store) {
	t.Helper()
	for word, holds := range searchedWords {
		for _, state := range []string{"", "draft", "approved"} {
			var want []string
			for i := manySearched - 1; i >= 0; i-- {
				if holds(i) && (state == "" || state == searchedState(i)) {
					want = append(want, searchedID(i))
				}
			}
			for _, limit := range []int{7, 100} {
				if got := searchedPages(t, s, word, state, limit, len(want)); !slices.Equal(got, want) {
					t.Errorf("%s %s by %d: %d documents, want %d", word, state, limit, len(got), len(want))
				}
			}
		}
	}
}

// misplaced numbers the rows as no program does, and has the migration place them.
func misplaced(t *testing.T, s *Store) {
	t.Helper()
	steps, err := migrations("sqlite")
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(steps, func(m Migration) bool { return m.Name == "search_places" })
	for _, statement := range []string{"UPDATE search_document SET rid = -rid", steps[at].sql} {
		if _, err := s.engine.(*sqliteEngine).db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
}

func searchedPages(t *testing.T, s *Store, word, state string, limit, most int) (ids []string) {
	t.Helper()
	f := service.DocumentFilter{Org: "org", Search: []service.SearchClause{{Words: []string{word}}}, Limit: limit}
	if state != "" {
		f.States = []string{state}
	}
	for len(ids) <= most {
		var page []document.Document
		err := s.Read(t.Context(), func(ctx context.Context, tx service.Reader) (err error) {
			page, err = tx.Documents(ctx, f)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range page {
			ids = append(ids, d.ID)
		}
		if len(page) < limit {
			break
		}
		f.Before = ids[len(ids)-1]
	}
	return ids
}
