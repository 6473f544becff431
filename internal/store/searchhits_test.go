package store

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
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

// searchedID makes ids of which hundreds have the same place in the index, and which are of several eras.
func searchedID(i int) string {
	return fmt.Sprintf("doc_01kb%02d7m00%02d%014d", i/400, i/100%4, i)
}

// TestEras: a span of time has few eras, which begin the ids of all its times and of no
// time long before.
func TestEras(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	of := func(ago time.Duration) string { return id.New("doc", at.Add(-ago)) }
	if got, want := placeTime(of(0)), at.UnixMilli(); got != want {
		t.Errorf("the time of an id is %d, want %d", got, want)
	}
	for _, span := range []time.Duration{0, time.Second, time.Minute, time.Hour, 24 * time.Hour, 150 * 24 * time.Hour} {
		eras := erasOf(at.Add(-span).UnixMilli(), at.UnixMilli())
		among := func(documentID string) bool {
			return slices.ContainsFunc(eras, func(era string) bool { return strings.HasPrefix(documentID, era) })
		}
		if len(eras) == 0 || len(eras) > mostEras || !among(of(0)) || !among(of(span/3)) || !among(of(span)) {
			t.Errorf("%s: %v", span, eras)
		}
		if among(of(33*span + 33*time.Second)) {
			t.Errorf("%s goes back much further: %v", span, eras)
		}
	}
	if eras := erasOf(0, at.UnixMilli()); eras != nil {
		t.Errorf("all of time has %d eras", len(eras))
	}
}

func searchedState(i int) string {
	if i < 100 && i%2 == 0 {
		return "draft"
	}
	return "approved"
}

// searchedWords are the words of the documents, in this order.
var searchedWords = []held{
	{"all", func(int) bool { return true }}, {"early", func(i int) bool { return i < 30 }}, {"none", func(int) bool { return false }},
	{"tenth", func(i int) bool { return i%10 == 0 }}, {"thirtieth", func(i int) bool { return i%30 == 0 }}, {"third", func(i int) bool { return i%3 == 0 }},
	{"two", func(i int) bool { return i == 77 || i == 1777 }},
}

type held struct {
	word  string
	holds func(i int) bool
}

func holding(word string) func(i int) bool {
	return searchedWords[slices.IndexFunc(searchedWords, func(w held) bool { return w.word == word })].holds
}

// searches are what is searched for. In some, words that very many documents hold stand with others.
var searches = func() (out []search) {
	for _, w := range searchedWords {
		out = append(out, search{w.word, []service.SearchClause{{Words: []string{w.word}}}, w.holds})
	}
	clause := func(words ...string) service.SearchClause { return service.SearchClause{Words: words} }
	not := service.SearchClause{Words: []string{"thirtieth"}, Not: true}
	begins := service.SearchClause{Words: []string{"all", "te"}, Prefix: true}
	tenth, third := holding("tenth"), holding("third")
	return append(out,
		search{"all tenth", []service.SearchClause{clause("all"), clause("tenth")}, tenth},
		search{"third all", []service.SearchClause{clause("third"), clause("all")}, third},
		search{"all two", []service.SearchClause{clause("all"), clause("two")}, holding("two")},
		search{"all early third", []service.SearchClause{clause("all"), clause("early"), clause("third")}, func(i int) bool { return i < 30 && i%3 == 0 }},
		search{"all none", []service.SearchClause{clause("all"), clause("none")}, holding("none")},
		search{`"all tenth"`, []service.SearchClause{clause("all", "tenth")}, func(i int) bool { return i >= 30 && tenth(i) }},
		search{`"all two" tenth`, []service.SearchClause{clause("all", "two"), clause("tenth")}, holding("none")},
		search{`"tenth all"`, []service.SearchClause{clause("tenth", "all")}, holding("none")},
		search{`"all third"`, []service.SearchClause{clause("all", "third")}, func(i int) bool { return i >= 30 && third(i) && !tenth(i) }},
		search{`"all te"*`, []service.SearchClause{begins}, func(i int) bool { return i >= 30 && tenth(i) }},
		search{"all tenth -thirtieth", []service.SearchClause{clause("all"), clause("tenth"), not}, func(i int) bool { return tenth(i) && i%30 != 0 }},
		search{"all -thirtieth", []service.SearchClause{clause("all"), not}, func(i int) bool { return i%30 != 0 }},
	)
}()

type search struct {
	name  string
	query []service.SearchClause
	holds func(i int) bool
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
				for _, w := range searchedWords {
					if w.holds(i) {
						words = append(words, w.word)
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
		} else {
			byIndex(t, s)
		}
	})
}

// byIndex wants PostgreSQL to find words by their index wherever they are asked for: below
// a policy it could not, whatever it costs.
func byIndex(t *testing.T, s *Store) {
	t.Helper()
	filled(t, s, []string{"SELECT gin_clean_pending_list('search_words')", "ANALYZE"}) // what waits there makes it look dear
	query := []service.SearchClause{{Words: []string{"two"}}}
	err := s.Read(service.Within(t.Context(), "org"), func(ctx context.Context, tx service.Reader) error {
		r := *tx.(*Reader)
		w := &watching{conn: r.c}
		r.c = w
		for _, f := range []service.DocumentFilter{{}, {Sort: service.DocumentSort{By: "title"}}} {
			f.Org, f.Search, f.Limit = "org", query, 20
			if _, err := r.Documents(ctx, f); err != nil {
				return err
			}
		}
		if _, err := r.ReportDocuments(ctx, service.ReportQuery{DocumentFilter: service.DocumentFilter{Org: "org", Search: query}, Zone: time.UTC}); err != nil {
			return err
		}
		if _, err := exec(ctx, w.conn, "SET LOCAL enable_seqscan = off"); err != nil {
			return err
		}
		seen := 0
		for _, q := range w.asked {
			if !strings.Contains(q.query, "@@") || strings.HasPrefix(q.query, "SELECT COUNT(*), ") { // looks through the newest
				continue
			}
			plan, err := planOf(ctx, w.conn, q)
			if seen++; err != nil || !strings.Contains(plan, "Bitmap Index Scan on search_words") {
				t.Errorf("%s\n%s %v", q.query, plan, err)
			}
		}
		if seen < 4 {
			t.Errorf("only %d of %d questions are about words", seen, len(w.asked))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// searchedAll goes through the pages of every search.
func searchedAll(t *testing.T, s *Store) {
	t.Helper()
	for _, by := range searches {
		for _, state := range []string{"", "draft", "approved"} {
			var want []string
			for i := manySearched - 1; i >= 0; i-- {
				if by.holds(i) && (state == "" || state == searchedState(i)) {
					want = append(want, searchedID(i))
				}
			}
			for _, limit := range []int{23, 100} {
				if got := searchedPages(t, s, by.query, state, limit, len(want)); !slices.Equal(got, want) {
					t.Errorf("%s %s by %d: %d documents, want %d", by.name, state, limit, len(got), len(want))
				}
				for _, often := range []bool{false, true} {
					if got := searchedBy(t, s, by.query, state, limit, often); !slices.Equal(got, want[:min(limit, len(want))]) {
						t.Errorf("%s %s by %d, held often: %t: %d documents, want %d", by.name, state, limit, often, len(got), len(want))
					}
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

func searching(query []service.SearchClause, state string, limit int) service.DocumentFilter {
	f := service.DocumentFilter{Org: "org", Search: query, Limit: limit}
	if state != "" {
		f.States = []string{state}
	}
	return f
}

// searchedBy gives the first page as one of the ways finds it: the holders are gathered,
// or met among the documents.
func searchedBy(t *testing.T, s *Store, query []service.SearchClause, state string, limit int, often bool) (ids []string) {
	t.Helper()
	err := s.Read(t.Context(), func(ctx context.Context, tx service.Reader) error {
		l := listing{DocumentFilter: searching(query, state, limit), r: tx.(*Reader), often: often}
		page, err := l.listed(ctx)
		for _, d := range page {
			ids = append(ids, d.ID)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

func searchedPages(t *testing.T, s *Store, query []service.SearchClause, state string, limit, most int) (ids []string) {
	t.Helper()
	f := searching(query, state, limit)
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
