package store

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/service"
)

// TestLeadsGiveWhatAWalkGives: however a page is put together, it is the one that a walk
// through all documents gives.
func TestLeadsGiveWhatAWalkGives(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, _ string, s *Store) {
		filled(t, s, manyDocuments)
		dice := rand.New(rand.NewPCG(3, 4))
		some := func(of ...string) (out []string) {
			for _, v := range of {
				if dice.IntN(2) == 0 {
					out = append(out, v)
				}
			}
			return out
		}
		one := func(of ...string) string { return of[dice.IntN(len(of))] }
		led := 0
		err := s.Read(t.Context(), func(ctx context.Context, tx service.Reader) error {
			for range 80 {
				f := service.DocumentFilter{Org: "org", Limit: 1 + dice.IntN(40), Types: some("order", "document", "none"), States: some("draft", "in_review", "approved", "voided"),
					Unit: one("", "", "sales", "general", "none"), CreatedBy: one("", "", "cli_1"), Before: one("", "doc_110000", "doc_100020", "doc_1")}
				if dice.IntN(2) == 0 {
					f.Units, f.Principal = append([]string{}, some("sales", "general", "none")...), one("", "ann@example.org", "bob@example.org")
				}
				l := listing{DocumentFilter: f, r: tx.(*Reader)}
				want, err := l.walked(ctx)
				if err != nil {
					return err
				}
				got, err := l.listed(ctx)
				if err != nil {
					return err
				}
				if !slices.EqualFunc(got, want, func(a, b document.Document) bool { return a.ID == b.ID }) {
					t.Errorf("%+v: %d documents, a walk gives %d", f, len(got), len(want))
				}
				if len(want) > 0 && len(l.leads()) > 1 {
					led++
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if led < 20 {
			t.Errorf("only %d lists were put together of several leads", led)
		}
	})
}
