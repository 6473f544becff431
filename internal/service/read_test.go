package service

import (
	"testing"

	"github.com/paraph/paraph/internal/document"
)

func TestFindGivesTheWordsOfEachPlace(t *testing.T) {
	t.Parallel()
	words := []document.Word{{Text: "One"}, {Text: "two"}, {Text: "three"}, {Text: "one"}, {Text: "two"}}
	for name, tc := range map[string]struct {
		query string
		max   int
		want  []string // first and last word of each run
	}{
		"a word":               {"three", 9, []string{"three three"}},
		"across words":         {"ne tw", 9, []string{"One two", "one two"}},
		"the end of a word":    {"e", 9, []string{"One One", "three three", "three three", "one one"}},
		"no more than allowed": {"e", 3, []string{"One One", "three three", "three three"}},
		"nowhere":              {"four", 9, nil},
		"nothing allowed":      {"one", 0, nil},
	} {
		runs := find(words, tc.query, tc.max)
		var got []string
		for _, r := range runs {
			got = append(got, r[0].Text+" "+r[len(r)-1].Text)
		}
		if len(got) != len(tc.want) {
			t.Errorf("%s: found %v, want %v", name, got, tc.want)
			continue
		}
		for i := range got {
			if got[i] != tc.want[i] {
				t.Errorf("%s: found %v, want %v", name, got, tc.want)
			}
		}
	}
}
