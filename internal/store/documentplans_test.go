package store

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/service"
)

// manyDocuments fills a store with documents of two types, units and creators; each has
// two labels and an approver, every third a task for one person and a grant for another.
var manyDocuments = []string{
	`INSERT INTO document (org, id, unit, doc_type, title, external_id, labels, metadata, approvers, created_by, created_at, updated_at, state,
		current_version, pages, proc_status, proc_step, proc_operation, proc_code, proc_reason, revision, entry_seq, last_leaf)
		WITH RECURSIVE n(i) AS (SELECT 100000 UNION ALL SELECT i + 1 FROM n WHERE i < 119999)
		SELECT 'org', 'doc_' || i, CASE i % 5 WHEN 0 THEN 'sales' ELSE 'general' END, CASE i % 4 WHEN 0 THEN 'order' ELSE 'document' END, 'Order ' || i, 'ext-' || i,
		'{"batch":"' || (i / 1000) || '","kind":"x"}', '{}', '["ann@example.org"]', CASE i % 3 WHEN 0 THEN 'ann@example.org' ELSE 'cli_1' END, CAST(i AS bigint) * 1000000, CAST(i AS bigint) * 1000000,
		CASE i % 5 WHEN 0 THEN 'draft' WHEN 1 THEN 'in_review' ELSE 'approved' END, 0, 0, 'done', '', '', '', '', 1, 1, no_salt FROM n`,
	`INSERT INTO approval (org, id, unit, document_id, document_version, document_sha256, initiator_user, initiator_email, mode, quorum, state, created_at, revision)
		SELECT d.org, 'apr_' || d.id, d.unit, d.id, 0, '', '', '', 'parallel', 1, 'open', d.created_at, 1 FROM document d WHERE d.entry_seq = 1 AND d.created_by = 'ann@example.org'`,
	`INSERT INTO task (org, id, approval_id, document_id, position, assignee, state, comment, decided_by, on_behalf_of)
		SELECT a.org, 'tsk_' || a.document_id, a.id, a.document_id, 1, 'ann@example.org', 'open', '', '', '' FROM approval a`,
	`INSERT INTO document_grant (org, id, document_id, principal, purpose, granted_by, from_at, until_at, created_at)
		SELECT a.org, 'gra_' || a.document_id, a.document_id, 'ann@example.org', '', '', 0, 4000000000000000, 0 FROM approval a`,
	"ANALYZE",
}

// TestPlansOfDocuments: whatever lists of documents ask for is found by an index that
// holds it in the order of the list.
func TestPlansOfDocuments(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, database string, s *Store) {
		if database == "sqlite" {
			plansOfDocuments(t, s) // of PostgreSQL, plans of empty tables say nothing
		}
		filled(t, s, manyDocuments)
		plansOfDocuments(t, s)
	})
}

func plansOfDocuments(t *testing.T, s *Store) {
	t.Helper()
	of := func(i int64) time.Time { return time.UnixMicro(i * 1000000) }
	filters := map[string]service.DocumentFilter{
		"all": {}, "page": {Before: "doc_110000"}, "unit": {Unit: "sales"}, "creator": {CreatedBy: "ann@example.org"}, "external id": {ExternalID: "ext-100007"},
		"state": {States: []string{"draft"}}, "states": {States: []string{"draft", "in_review"}, Before: "doc_110000"},
		"type": {Types: []string{"order"}}, "types": {Types: []string{"order", "document"}}, "type and states": {Types: []string{"order"}, States: []string{"draft", "approved"}},
		"label": {Labels: map[string]string{"batch": "107"}}, "labels": {Labels: map[string]string{"batch": "107", "kind": "x"}, States: []string{"draft"}, Before: "doc_110000"},
		"approver": {Approver: "ann@example.org", Before: "doc_110000"}, "seen": {Units: []string{"sales"}, Principal: "ann@example.org"},
		"created": {Since: of(105000), Until: of(110000)}, "created, next": {Since: of(105000), Before: "doc_110000"},
		"changed": {UpdatedSince: of(100005)}, "changed, in that order": {UpdatedSince: of(100005), Sort: service.DocumentSort{By: "updated_at"}},
		"by title": {Sort: service.DocumentSort{By: "title", Down: true, After: &service.SortPlace{Text: "Order 110000", ID: "doc_110000"}}},
	}
	asks := map[string]func(context.Context, *Reader) error{}
	for name, f := range filters {
		f.Org, f.Limit = "org", 20
		asks[name] = func(ctx context.Context, r *Reader) error { return second(r.Documents(ctx, f)) }
	}
	plansOf(t, s, asks)
}

// TestPlansByTwoAndThree: where a list is narrowed by unit, type and state, all of them are
// looked up together. One after the other, the newest documents of one may hold nothing of
// another, and there may be a million of them.
func TestPlansByTwoAndThree(t *testing.T) {
	t.Parallel()
	unit, kinds, states := "d.unit", "d.doc_type", "d.state"
	asked := []struct {
		f  service.DocumentFilter
		by []string
	}{
		{service.DocumentFilter{Types: []string{"order"}, States: []string{"draft"}}, []string{kinds, states}},
		{service.DocumentFilter{Types: []string{"order", "document"}, States: []string{"draft", "approved"}, Before: "doc_110000"}, []string{kinds, states}},
		{service.DocumentFilter{Unit: "sales", States: []string{"draft"}}, []string{unit, states}},
		{service.DocumentFilter{Unit: "sales", States: []string{"draft", "approved"}}, []string{unit, states}},
		{service.DocumentFilter{Unit: "sales", Types: []string{"order"}}, []string{unit, kinds, states}},
		{service.DocumentFilter{Unit: "sales", Types: []string{"order", "document"}, Before: "doc_110000"}, []string{unit, kinds, states}},
		{service.DocumentFilter{Unit: "sales", Types: []string{"order"}, States: []string{"draft"}}, []string{unit, kinds, states}},
		{service.DocumentFilter{Units: []string{"sales", "general"}, States: []string{"draft", "approved"}}, []string{unit, states}},
		{service.DocumentFilter{Units: []string{"sales"}, Types: []string{"order"}}, []string{unit, kinds, states}},
		{service.DocumentFilter{Units: []string{"sales", "general"}, Types: []string{"order"}, States: []string{"draft"}}, []string{unit, kinds, states}},
	}
	onBoth(t, func(t *testing.T, database string, s *Store) {
		filled(t, s, manyDocuments)
		err := s.Read(t.Context(), func(ctx context.Context, tx service.Reader) error {
			if err := inOrder(ctx, tx.(*Reader).c); err != nil {
				return err
			}
			for _, a := range asked {
				l := listing{DocumentFilter: a.f, r: tx.(*Reader)}
				l.Org, l.Limit = "org", 20
				leads := l.leads()
				for _, lead := range leads {
					if lead.condition != "" || !strings.Contains("draft in_review approved", strings.Join(lead.of.States, "")) {
						continue // PostgreSQL has counted that there is nothing in the other states
					}
					from, id, w := l.led(lead)
					plan, err := planOf(ctx, l.r.c, question{"SELECT " + id + from + w.clause(id+" DESC", l.Limit), w.args})
					if err != nil {
						return err
					}
					for _, by := range a.by {
						if !lookedUp(database, plan, by) {
							t.Errorf("%+v: %s is not looked up\n%s", a.f, by, plan)
						}
					}
				}
				if len(leads) == 0 {
					t.Errorf("%+v has no leads", a.f)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// lookedUp tells whether a plan looks a column up in the index that it goes through.
func lookedUp(database, plan, column string) bool {
	_, name, _ := strings.Cut(column, ".")
	if database == "sqlite" {
		return strings.Contains(plan, name+"=?")
	}
	for line := range strings.SplitSeq(plan, "\n") {
		if strings.Contains(line, "Index Cond:") && strings.Contains(line, "("+name+" = ") {
			return true
		}
	}
	return false
}
