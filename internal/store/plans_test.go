package store

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/webhook"
)

// watching is a conn that keeps what was asked.
type watching struct {
	conn
	asked []question
}

type question struct {
	query string
	args  []any
}

func (w *watching) query(ctx context.Context, query string, args []any) (rows, error) {
	w.asked = append(w.asked, question{query, args})
	return w.conn.query(ctx, query, args)
}

// manyDeliveries fills a store: each event goes to three endpoints, and of the first
// one's deliveries as many are dead as have come, and some wait for their own time.
var manyDeliveries = []string{
	`INSERT INTO entry (id, idx, org, unit, kind, subject_type, subject_id, document_id, doc_version, doc_seq, at, actor_kind, actor_id, principal, on_behalf_of, peer, forwarded, user_agent, request_id, digests, data, trace, salt, prev_leaf, leaf)
		WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 29999)
		SELECT 'evt_' || i, i, 'org', '', 'document.created', 'document', 'doc_' || i, 'doc_' || i, 1, 0, 1000000 + i, 'system', '', '', '', '', '', '', '', '{}', '{}', '', no_salt, no_salt, '' FROM n`,
	`INSERT INTO delivery SELECT e.idx, p.i, CASE e.idx % 4 WHEN 0 THEN 1 WHEN 1 THEN 2 WHEN 2 THEN 3 ELSE 0 END, CASE WHEN p.i = 3 THEN e.document_id ELSE '' END, 1, 1, 1,
		CASE e.idx % 8 WHEN 3 THEN 5000000 + e.idx ELSE 0 END, CASE e.idx % 4 WHEN 3 THEN NULL ELSE e.at END, 200, ''
		FROM entry e, (SELECT 1 AS i UNION SELECT 2 UNION SELECT 3) p`,
	`INSERT INTO attempt SELECT d.idx, d.endpoint, 1, 1000000, 5, 200, '', FALSE, FALSE, '', '{}', NULL FROM delivery d`,
	"ANALYZE",
}

// TestPlansOfDeliveries: whatever is asked of many deliveries is found by an index that
// holds it in the order that is wanted, whether the database knows its tables or not.
func TestPlansOfDeliveries(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, database string, s *Store) {
		if database == "sqlite" {
			plansOfDeliveries(t, s) // of PostgreSQL, plans of empty tables say nothing
		}
		filled(t, s, manyDeliveries)
		plansOfDeliveries(t, s)
	})
}

// filled carries statements out.
func filled(t *testing.T, s *Store, statements []string) {
	t.Helper()
	err := s.Write(t.Context(), func(ctx context.Context, tx service.Tx) error {
		for _, statement := range statements {
			c := tx.(*Tx).c
			if _, err := exec(ctx, c, strings.ReplaceAll(statement, "no_salt", c.dialect().noSalt)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func plansOfDeliveries(t *testing.T, s *Store) {
	t.Helper()
	all := []webhook.State{webhook.Pending, webhook.Delivered, webhook.Dead, webhook.Skipped}
	place := webhook.Delivery{Index: 1003, Next: time.UnixMicro(5001003)}
	asks := map[string]func(context.Context, *Reader) error{
		"list": func(ctx context.Context, r *Reader) error {
			return second(r.Deliveries(ctx, service.DeliveryFilter{Endpoint: 1, States: all, Before: 20000, Limit: 50}))
		},
		"dead": func(ctx context.Context, r *Reader) error { return second(r.DeadDeliveries(ctx, 1, 5000, 20000, 500)) },
		"at": func(ctx context.Context, r *Reader) error {
			return second(r.DeliveriesAt(ctx, 1, []int64{5, 5000, 9999, 20000}))
		},
		"tries":   func(ctx context.Context, r *Reader) error { return second(r.Attempts(ctx, 1, 9999)) },
		"fresh":   func(ctx context.Context, r *Reader) error { return second(r.FreshDeliveries(ctx, 20000, 20100)) },
		"waiting": func(ctx context.Context, r *Reader) error { return second(r.WaitingDeliveries(ctx, 1, 10000, 256)) },
		"due": func(ctx context.Context, r *Reader) error {
			return second(r.DueDeliveries(ctx, 1, place, time.UnixMicro(5020000), 256))
		},
		"next":  func(ctx context.Context, r *Reader) error { return second(r.NextDue(ctx, 1, place)) },
		"keyed": func(ctx context.Context, r *Reader) error { return second(r.KeyedDeliveries(ctx, 3, "doc_1003", 17)) },
		"events": func(ctx context.Context, r *Reader) error {
			return second(r.EntriesAt(ctx, []int64{5, 5000, 9999, 20000}))
		},
		"old": func(ctx context.Context, r *Reader) error {
			return second(list(ctx, r.c, scanInt, endedBefore, int64(1), int(webhook.Delivered), time.UnixMicro(1005000), 500))
		},
		"gone": func(ctx context.Context, r *Reader) error {
			return second(list(ctx, r.c, scanInt, ofEndpoint, int64(1), 500))
		},
	}
	plansOf(t, s, asks)
}

// plansOf asks, and wants no plan that reads or sorts more than the answer.
func plansOf(t *testing.T, s *Store, asks map[string]func(context.Context, *Reader) error) {
	t.Helper()
	for name, ask := range asks {
		err := s.Read(t.Context(), func(ctx context.Context, tx service.Reader) error {
			r := *tx.(*Reader)
			w := &watching{conn: r.c}
			r.c = w
			if err := inOrder(ctx, r.c); err != nil {
				return err
			}
			if err := ask(ctx, &r); err != nil && name != "next" { // which finds NULL where there is none
				return err
			}
			for _, q := range w.asked {
				plan, err := planOf(ctx, w.conn, q)
				if err != nil {
					return err
				}
				plan = small.Replace(plan)
				for _, bad := range []string{"SCAN ", "USE TEMP B-TREE", "Seq Scan", "Sort"} {
					if strings.Contains(plan, bad) {
						t.Errorf("%s: %s\n%s", name, q.query, plan)
						break
					}
				}
			}
			return nil
		})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// inOrder keeps PostgreSQL from sorting: it may sort what is little, but must not have to.
func inOrder(ctx context.Context, c conn) error {
	if c.dialect() != postgresDialect {
		return nil
	}
	for _, way := range []string{"sort", "seqscan", "bitmapscan"} {
		if _, err := exec(ctx, c, "SET LOCAL enable_"+way+" = off"); err != nil {
			return err
		}
	}
	return nil
}

// small are scans of one document's JSON, and of what a subquery has limited.
var small = strings.NewReplacer("SCAN j ", "", "SCAN x", "")

// planOf gives how the database would answer.
func planOf(ctx context.Context, c conn, q question) (string, error) {
	explain, scan := "EXPLAIN ", scanString
	if c.dialect() == sqliteDialect {
		explain, scan = "EXPLAIN QUERY PLAN ", func(s scanner) (v string, err error) {
			var id, parent, unused int
			err = s.Scan(&id, &parent, &unused, &v)
			return
		}
	}
	lines, err := list(ctx, c, scan, explain+q.query, q.args...)
	return strings.Join(lines, "\n"), err
}

func second[T any](_ T, err error) error { return err }

// TestPlansOfReports: counting reads an index alone, and never a row of a document.
func TestPlansOfReports(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	for _, by := range [][]string{{}, {service.ByState}, {service.ByType, service.ByState}, {service.ByUnit, service.ByMonth}} {
		q := service.ReportQuery{DocumentFilter: service.DocumentFilter{Org: "org", Units: []string{"a", "b"}, Principal: "ann@example.com"}, Zone: time.UTC}
		for _, name := range by {
			q.By = append(q.By, service.ReportGroup{Name: name, Column: name})
		}
		err := s.Read(t.Context(), func(ctx context.Context, tx service.Reader) error {
			r := *tx.(*Reader)
			w := &watching{conn: r.c}
			r.c = w
			if _, err := r.ReportDocuments(ctx, q); err != nil {
				return err
			}
			plan, err := planOf(ctx, w.conn, w.asked[len(w.asked)-1])
			if !strings.Contains(plan, "d USING COVERING INDEX document_") {
				t.Errorf("%v\n%s", by, plan)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestLimitsAreNotPlannedWith: a statement of several parts is prepared once, whatever
// limits its parts are given. SQLite writes a limit that it has read into the program.
func TestLimitsAreNotPlannedWith(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	const parts = "EXPLAIN SELECT x.id FROM (SELECT d.id FROM document d WHERE d.org = ? ORDER BY d.id LIMIT ?) x UNION ALL SELECT x.id FROM (SELECT d.id FROM document d WHERE d.org = ? ORDER BY d.id LIMIT ?) x"
	for range 2 { // as it comes, and prepared
		err := s.Read(t.Context(), func(ctx context.Context, tx service.Reader) error {
			scan := func(s scanner) (p int64, err error) {
				var op string
				var rest any
				if err = s.Scan(&rest, &op, &p, &rest, &rest, &rest, &rest, &rest); op != "Integer" {
					p = 0
				}
				return p, err
			}
			found, err := list(ctx, tx.(*Reader).c, scan, parts, "org", 4711, "org", 4712)
			if slices.Contains(found, 4711) || slices.Contains(found, 4712) {
				t.Error("the limits stand in the program")
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
