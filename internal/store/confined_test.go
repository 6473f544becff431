package store

import (
	"context"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/store/pgtest"
)

// two are organisations with one row of every table each, under the same ids.
type two struct {
	*testing.T
	store *Store
}

func newTwo(t *testing.T) two {
	t.Helper()
	s := openTest(t, func(o *Options) { o.Across = "a test" })
	rowOf(t, s, "org_a", 1)
	rowOf(t, s, "org_b", 2)
	return two{t, s}
}

// after changes the rows and asks as a reader.
func (o two) after(change string, ask func(ctx context.Context, r *Reader) error) {
	o.Helper()
	if _, err := o.store.engine.(*sqliteEngine).db.ExecContext(o.Context(), change); err != nil {
		o.Fatalf("%s: %v", change, err)
	}
	err := o.store.Read(o.Context(), func(ctx context.Context, r service.Reader) error { return ask(ctx, r.(*Reader)) })
	if err != nil {
		o.Fatal(err)
	}
}

// TestReported: a report's times are those of what was approved or signed, after it was
// begun, and its months begin with the organisation's own first document.
func TestReported(t *testing.T) {
	t.Parallel()
	o := newTwo(t)
	q := service.ReportQuery{DocumentFilter: service.DocumentFilter{Org: "org_a"}, Zone: time.UTC}
	for _, c := range []struct {
		change string
		want   int64
	}{
		{"UPDATE approval SET state = 'approved', created_at = 1, closed_at = 5; UPDATE envelope SET state = 'completed', sent_at = 1, closed_at = 5", 1},
		{"UPDATE approval SET closed_at = 1; UPDATE envelope SET closed_at = 1", 0},
		{"UPDATE approval SET state = 'rejected', closed_at = 5; UPDATE envelope SET state = 'declined', closed_at = 5", 0},
	} {
		o.after(c.change, func(ctx context.Context, r *Reader) error {
			for _, of := range []service.ReportOf{service.TimesOfApproval, service.TimesOfSigning} {
				rows, err := r.ReportTimes(ctx, q, of)
				if err != nil {
					return err
				}
				if len(rows) != 1 || rows[0].Documents != c.want {
					t.Errorf("%s after %q: %+v, want %d", of, c.change, rows, c.want)
				}
			}
			return nil
		})
	}
	q.By = []service.ReportGroup{{Name: service.ByMonth, Column: service.ByMonth}}
	o.after("UPDATE document SET created_at = CASE org WHEN 'org_a' THEN 1000000000000000 ELSE -1000000000000000 END", func(ctx context.Context, r *Reader) error { // the clock stands at 1e9 seconds
		rows, err := r.ReportDocuments(ctx, q)
		if err != nil || len(rows) != 1 || rows[0].Documents != 1 {
			t.Errorf("by month: %+v %v", rows, err)
		}
		return nil
	})
}

// TestPartsAreOnesOwn: a part in another organisation's document of the same id opens nothing.
func TestPartsAreOnesOwn(t *testing.T) {
	t.Parallel()
	const ben = "ben@example.org"
	newTwo(t).after("UPDATE task SET assignee = '"+ben+"' WHERE org = 'org_b'", func(ctx context.Context, r *Reader) error {
		for org, want := range map[string]int{"org_a": 0, "org_b": 1} {
			f := service.DocumentFilter{Org: org, Units: []string{}, Principal: ben}
			listed, err := r.Documents(ctx, f)
			if err != nil || len(listed) != want {
				t.Errorf("%s lists %d documents, want %d: %v", org, len(listed), want, err)
			}
			f.Sort.By = "title"
			sorted, err := r.Documents(ctx, f)
			if err != nil || len(sorted) != want {
				t.Errorf("%s sorts %d documents, want %d: %v", org, len(sorted), want, err)
			}
			hits, err := r.SearchPages(ctx, service.PageQuery{Org: org, Text: "x", Units: []string{}, Principal: ben})
			if err != nil || len(hits) != want {
				t.Errorf("%s finds %d pages, want %d: %v", org, len(hits), want, err)
			}
			rows, err := r.ReportDocuments(ctx, service.ReportQuery{DocumentFilter: f, Zone: time.UTC})
			if err != nil || len(rows) != 1 || int(rows[0].Documents) != want {
				t.Errorf("%s counts %+v, want %d: %v", org, rows, want, err)
			}
		}
		return nil
	})
}

// TestWordsAreOnesOwn: the words of another organisation's document of the same id find
// nothing, in each of the ways in which documents are looked up.
func TestWordsAreOnesOwn(t *testing.T) {
	t.Parallel()
	wordsAreOnesOwn(t, openTest(t, func(o *Options) { o.Across = "a test" }))
}

// TestWordsAreOnesOwnBeforeTheWall is the same on PostgreSQL, where nothing but the condition confines.
func TestWordsAreOnesOwnBeforeTheWall(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	wordsAreOnesOwn(t, openTest(t, func(o *Options) { o.URL, o.MaxConns, o.Across = url, 2, "a test" }))
}

func wordsAreOnesOwn(t *testing.T, s *Store) {
	t.Helper()
	err := s.Write(t.Context(), func(ctx context.Context, tx service.Tx) error {
		var words []service.DocumentWords
		for org, word := range map[string]string{"org_a": "alpha", "org_b": "beta"} {
			d := document.Document{ID: "doc_x", Org: org, Unit: "general", Type: "document", Title: "x", State: document.Draft, CreatedAt: time.Unix(1, 0), UpdatedAt: time.Unix(1, 0), Revision: 1}
			if err := tx.InsertDocument(ctx, d); err != nil {
				return err
			}
			words = append(words, service.DocumentWords{Org: org, ID: d.ID, Words: []string{word}})
		}
		return tx.IndexDocuments(ctx, words)
	})
	if err != nil {
		t.Fatal(err)
	}
	err = s.reading(t.Context(), func(ctx context.Context, c conn) error {
		d := c.dialect()
		for word, want := range map[string]int64{"alpha": 1, "beta": 0} {
			query := []service.SearchClause{{Words: []string{word}}}
			often, args := d.foundOften("org_a", query)
			for condition, args := range map[string][]any{d.found: {"org_a", d.search(query)}, d.foundFew: {"org_a", d.search(query)}, often: args} {
				n, err := one(ctx, c, scanInt, "SELECT COUNT(*) FROM document d WHERE d.org = 'org_a' AND "+condition, args...)
				if err != nil || n != want {
					t.Errorf("%s finds %d documents, want %d: %v\n%s", word, n, want, err, condition)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestPagesGoOn: page after page, a list gives what was asked for, each document once and
// in its order, whatever another organisation has under the same ids.
func TestPagesGoOn(t *testing.T) {
	t.Parallel()
	s := openTest(t, func(o *Options) { o.Across = "a test" })
	err := s.Write(t.Context(), func(ctx context.Context, tx service.Tx) error {
		var words []service.DocumentWords
		for _, org := range []string{"abroad", "org"} {
			for i, id := range []string{"a", "b", "c", "d"} {
				d := document.Document{ID: id, Org: org, Unit: "general", Type: "document", Title: "dcba"[i : i+1], State: document.Draft, CreatedAt: time.Unix(int64(100+i), 0), UpdatedAt: time.Unix(int64(200+i), 0), Revision: 1}
				if id == "b" {
					d.ApproverList = []string{"boss@example.org"}
				}
				if org == "abroad" {
					d.CreatedAt = time.Unix(50, 0)
				}
				if err := tx.InsertDocument(ctx, d); err != nil {
					return err
				}
				words = append(words, service.DocumentWords{Org: org, ID: id, Words: []string{"word" + id}})
			}
		}
		return tx.IndexDocuments(ctx, words)
	})
	if err != nil {
		t.Fatal(err)
	}
	search := []service.SearchClause{{Words: []string{"wordb"}}}
	title, down, changed := service.DocumentSort{By: "title"}, service.DocumentSort{By: "title", Down: true}, service.DocumentSort{By: "updated_at"}
	err = s.Read(t.Context(), func(ctx context.Context, r service.Reader) error {
		for _, c := range []struct {
			f    service.DocumentFilter
			want string
		}{
			{service.DocumentFilter{}, "dcba"},
			{service.DocumentFilter{Since: time.Unix(101, 0)}, "dcb"},
			{service.DocumentFilter{Sort: title}, "dcba"},
			{service.DocumentFilter{Sort: down}, "abcd"},
			{service.DocumentFilter{Sort: changed, UpdatedSince: time.Unix(202, 0)}, "cd"},
			{service.DocumentFilter{Sort: title, Search: search}, "b"},
			{service.DocumentFilter{Sort: title, Approver: "boss@example.org"}, "b"},
			{service.DocumentFilter{Search: search}, "b"},
			{service.DocumentFilter{States: []string{"draft", "signed"}}, "dcba"},
		} {
			f, got := c.f, ""
			for f.Org, f.Limit = "org", 1; len(got) <= len(c.want); {
				found, err := r.Documents(ctx, f)
				if err != nil {
					return err
				}
				if len(found) == 0 {
					break
				}
				last := &found[0]
				got += last.ID
				if f.Before = last.ID; f.Sort.By != "" {
					f.Before, f.Sort.After = "", &service.SortPlace{Text: last.Title, Time: last.UpdatedAt, ID: last.ID}
				}
			}
			if got != c.want {
				t.Errorf("%+v gives %s, want %s", c.f, got, c.want)
			}
		}
		f := service.DocumentFilter{Org: "org", Search: search, Limit: 5}
		l := listing{DocumentFilter: f, r: r.(*Reader), often: true} // as where thousands hold the word
		if found, err := l.walked(ctx); err != nil || len(found) != 1 || found[0].ID != "b" {
			t.Errorf("a word that very many hold finds %d documents: %v", len(found), err)
		}
		rows, err := r.ReportDocuments(ctx, service.ReportQuery{DocumentFilter: f, Zone: time.UTC})
		if err != nil || len(rows) != 1 || rows[0].Documents != 1 {
			t.Errorf("a word is counted: %+v %v", rows, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
