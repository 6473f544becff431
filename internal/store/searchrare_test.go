package store

import (
	"reflect"
	"testing"

	"github.com/paraph/paraph/internal/service"
)

// TestRare: common words are left out of what the index is asked for, as long as others stay.
func TestRare(t *testing.T) {
	t.Parallel()
	clause := func(words ...string) service.SearchClause { return service.SearchClause{Words: words} }
	not := service.SearchClause{Words: []string{"draft"}, Not: true}
	begins := service.SearchClause{Words: []string{"acme", "in"}, Prefix: true}
	type query = []service.SearchClause
	for name, c := range map[string]struct {
		search query
		held   []int64 // of 80
		want   query   // nil: all of it
	}{
		"one word":                   {query{clause("invoice")}, []int64{80}, nil},
		"both rare":                  {query{clause("acme"), clause("steel")}, []int64{0, 20}, nil},
		"both common":                {query{clause("invoice"), clause("of")}, []int64{80, 21}, nil},
		"one common":                 {query{clause("invoice"), clause("acme")}, []int64{80, 3}, query{clause("acme")}},
		"one in four is rare":        {query{clause("invoice"), clause("acme")}, []int64{21, 20}, query{clause("acme")}},
		"excluded words stay":        {query{clause("invoice"), not, clause("acme")}, []int64{80, 3}, query{not, clause("acme")}},
		"only excluded are left":     {query{clause("invoice"), not, clause("of")}, []int64{80, 80}, nil},
		"a phrase":                   {query{clause("of", "acme", "steel", "invoice", "4711")}, []int64{80, 3, 3, 80, 0}, query{clause("acme", "steel"), clause("4711")}},
		"a beginning that is common": {query{begins}, []int64{0, 80}, query{clause("acme")}},
		"a beginning that is rare":   {query{begins}, []int64{80, 0}, query{{Words: []string{"in"}, Prefix: true}}},
	} {
		got, part := rare(c.search, c.held, 80)
		want := c.want
		if want == nil {
			want = c.search
		}
		if !reflect.DeepEqual(got, want) || part != (c.want != nil) {
			t.Errorf("%s: %v, %t", name, got, part)
		}
	}
}
