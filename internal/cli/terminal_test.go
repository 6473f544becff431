package cli

import (
	"strings"
	"testing"
	"time"
)

func TestTerminal(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 4, 17, 9, 0, 0, 0, time.UTC)
	for got, want := range map[string]string{
		barLine("order.pdf", 5_000_000, 20_000_000): "order.pdf  ██████░░░░░░░░░░░░░░░░░░  25 %  5000 kB of 20 MB",
		barLine("order.pdf", 7000, -1):              "order.pdf  7000 bytes",
		barLine("x", 30, 20):                        "x  " + strings.Repeat("█", 24) + "  150 %  30 bytes of 20 bytes",
		pagesOf(1):                                  "1 page",
		pagesOf(2):                                  "2 pages",
		size(9_999):                                 "9999 bytes",
		size(64_000_000_000):                        "64 GB",
		when(now.Add(-30*time.Second), now):         "just now",
		when(now.Add(-90*time.Minute), now):         "1 h ago",
		when(now.Add(-50*time.Hour), now):           now.Add(-50 * time.Hour).Local().Format(time.DateOnly),
		plain("Ä\x1b[2J\u202eb\u0085"):              "Ä [2J b ",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	var b strings.Builder
	table(&b, []string{"A", "B"}, [][]string{{"1\n2", "x"}, {"longer", ""}})
	if want := "A       B\n1 2     x\nlonger  \n"; b.String() != want {
		t.Errorf("%q, want %q", b.String(), want)
	}
}

func TestPeopleAreAddresses(t *testing.T) {
	t.Parallel()
	var p people
	for _, s := range []string{"Mara Lind <mara@example.com>", "jonas@example.com"} {
		if err := p.Set(s); err != nil {
			t.Fatal(err)
		}
	}
	if p[0].Name != "Mara Lind" || p[0].Email != "mara@example.com" || p[1].Name != "jonas" {
		t.Errorf("%+v", p)
	}
	if p.Set("Mara") == nil || (pairs{}).Set("=x") == nil || (pairs{}).Set("x") == nil {
		t.Error("nonsense was taken")
	}
}
