package document

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/paraph/paraph/internal/fault"
)

// TestTableIsClosed walks every state and action: what is allowed leads to a
// known state, what is not is refused with one code, and every state can be reached.
func TestTableIsClosed(t *testing.T) {
	t.Parallel()
	reached := map[State]bool{Draft: true}
	for _, s := range States() {
		if !s.Valid() {
			t.Errorf("%s is listed but not in the table", s)
		}
		for _, a := range Actions() {
			next, err := s.Next(a)
			if s.Allows(a) {
				if err != nil || !next.Valid() || next == s {
					t.Errorf("%s %s → %s, %v", s, a, next, err)
				}
				reached[next] = true
				continue
			}
			if fault.CodeOf(err) != "action_not_allowed" || fault.KindOf(err) != fault.Conflict || next != s {
				t.Errorf("%s %s: want a refusal, got %s, %v", s, a, next, err)
			}
		}
	}
	if len(table) != len(States()) {
		t.Errorf("the table has %d states, the list %d", len(table), len(States()))
	}
	for _, s := range States() {
		if !reached[s] {
			t.Errorf("no way leads to %s", s)
		}
	}
}

// TestTransitions: the table in words, kept apart from it, so that a step that is added
// or dropped shows.
func TestTransitions(t *testing.T) {
	t.Parallel()
	var words []string
	for _, from := range States() {
		for _, do := range Actions() {
			if to, err := from.Next(do); err == nil {
				words = append(words, fmt.Sprintf("%s %s %s", from, do, to))
			}
		}
	}
	want := strings.Split("draft submit submitted|draft void voided|submitted open_review in_review|submitted return draft|submitted void voided|submitted expire expired|"+
		"in_review approve approved|in_review reject rejected|in_review return draft|in_review void voided|in_review expire expired|"+
		"approved sign signed|approved decline declined|approved archive archived|approved void voided|approved expire expired|signed archive archived|"+
		"archived dispose disposed|rejected dispose disposed|declined dispose disposed|voided dispose disposed|expired dispose disposed", "|")
	if !slices.Equal(words, want) {
		t.Errorf("the table says %q", words)
	}
}

// TestMainWay is the life in the plan, word for word.
func TestMainWay(t *testing.T) {
	t.Parallel()
	d := Document{State: Draft}
	for _, step := range []struct {
		do   Action
		want State
	}{{Submit, Submitted}, {OpenReview, InReview}, {Return, Draft}, {Submit, Submitted}, {OpenReview, InReview}, {Approve, Approved}, {Sign, Signed}, {Archive, Archived}, {Dispose, Disposed}} {
		if err := d.Apply(step.do); err != nil || d.State != step.want {
			t.Fatalf("%s: %s, %v; want %s", step.do, d.State, err, step.want)
		}
	}
	if !d.State.Final() {
		t.Error("disposed is an end")
	}
}

func TestCheckListsEverythingAtOnce(t *testing.T) {
	t.Parallel()
	d := Document{Type: "No Slug", Unit: "", Title: "a\nb", Labels: map[string]string{"": "x"}, Metadata: []byte(`[1]`)}
	var l fault.List
	d.Check(&l)
	f := fault.From(l.Err("invalid_document", "x"))
	if len(f.Details) != 5 {
		t.Fatalf("want 5 details, got %v", f.Details)
	}
}
