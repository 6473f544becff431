package condition

import (
	"strings"
	"testing"
)

func language(t testing.TB) *Language {
	l, err := New("event")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

var event = map[string]any{"type": "document.submitted", "businessunit": "purchasing", "data": map[string]any{
	"title": "Order", "pages": 3.0, "metadata": map[string]any{"amount": 4711.5, "tags": []any{"a", "b"}}, "empty": nil,
}}

func TestHolds(t *testing.T) {
	t.Parallel()
	l := language(t)
	for expression, want := range map[string]string{
		`event.type == "document.submitted"`:                                       "true",
		`event.type.startsWith("envelope.")`:                                       "false",
		`event.data.metadata.amount > 1000`:                                        "true",
		`event.data.pages == 3 && event.data.pages < 4.5`:                          "true",
		`"b" in event.data.metadata.tags`:                                          "true",
		`has(event.data.metadata.project) && event.data.metadata.project == "x"`:   "false",
		`event.data.metadata.tags.exists(t, t == "a")`:                             "true",
		`event.data.title.matches("^Or")`:                                          "true",
		`event.data.missing == 1`:                                                  "error",
		`event.data.title`:                                                         "error",
		`event.data.metadata.tags.all(a, [1,2,3,4,5,6,7,8,9].all(b, b > 0))`:       "true",
		`event.data.empty == null`:                                                 "true",
		`event.data.metadata.amount + event.data.pages > 4714.0`:                   "true",
		`size(event.data.title) == 5 && event.businessunit in ["purchasing", "x"]`: "true",
	} {
		p, err := l.Compile(expression)
		if err != nil {
			t.Errorf("%s: %v", expression, err)
			continue
		}
		got := "false"
		if holds, err := p.Holds(event); err != nil {
			got = "error"
		} else if holds {
			got = "true"
		}
		if got != want {
			t.Errorf("%s is %s, want %s", expression, got, want)
		}
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	l := language(t)
	for _, expression := range []string{
		"", "  ", "1 + 1", `"text"`, "event.type ==", "other == 1", "event.type == 1 ||", strings.Repeat("(", 60) + "true" + strings.Repeat(")", 60),
		`event.type == "` + strings.Repeat("x", maxLength) + `"`, "system('rm')", `"a" == 1`,
	} {
		if _, err := l.Compile(expression); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%.60q: %v", expression, err)
		}
	}
}

// TestCostIsBounded: what would take for ever is broken off.
func TestCostIsBounded(t *testing.T) {
	t.Parallel()
	l := language(t)
	list := "[" + strings.TrimSuffix(strings.Repeat("1,", 60), ",") + "]"
	p, err := l.Compile(list + ".all(a, " + list + ".all(b, " + list + ".all(c, " + list + ".all(d, a + b + c + d > 0))))")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Holds(event); err == nil {
		t.Error("13 million steps were made")
	}
}

func BenchmarkHolds(b *testing.B) {
	p, err := language(b).Compile(`event.type.startsWith("document.") && event.data.metadata.amount > 1000`)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if ok, err := p.Holds(event); !ok || err != nil {
			b.Fatal(err)
		}
	}
}
