package id

import (
	"testing"
	"time"
)

func TestNewIsValidUniqueAndSorted(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	seen := map[string]bool{}
	last := ""
	for i := range 1000 {
		s := New("doc", at.Add(time.Duration(i)*time.Millisecond))
		if !Valid("doc", s) {
			t.Fatalf("%q is not valid", s)
		}
		if seen[s] || s <= last {
			t.Fatalf("%q after %q: not unique or not sorted", s, last)
		}
		seen[s], last = true, s
	}
}

func TestValidRefuses(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "doc_", "env_01hzzzzzzzzzzzzzzzzzzzzzzz", "doc_01HZZZZZZZZZZZZZZZZZZZZZZZ", "doc_01hzzzzzzzzzzzzzzzzzzzzzz", "doc_01hzzzzzzzzzzzzzzzzzzzzzzzu", "doc_01hzzzzzzzzzzzzzzzzzzzzzzi"} {
		if Valid("doc", s) {
			t.Errorf("%q passed", s)
		}
	}
}

func TestNextSortsRightAfter(t *testing.T) {
	t.Parallel()
	for prev, want := range map[string]string{"evt_01a0": "evt_01a1", "evt_01az": "evt_01b0", "evt_0zzz": "evt_1000", "evt_01ah": "evt_01aj"} {
		if got := Next(prev); got != want || got <= prev {
			t.Errorf("after %s comes %s, want %s", prev, got, want)
		}
	}
}
