package service

import (
	"strings"
	"testing"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// TestWords cuts texts of several scripts.
func TestWords(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Invoice No. 4711-A, EUR 12.50":   "invoice|no|4711|a|eur|12|50",
		"Straße ÉCOLE naïve ﬁn":           "strasse|ecole|naive|fin",
		"請求書 2026年 No5":                   "請|求|書|2026|年|no5",
		"請A求b":                            "請|a|求|b",
		"ไทยA":                            "ไ|ท|ยa",
		"e\u0301te\u0301 a\ufffdb":        "ete|a|b",
		"かﾞ \u3099x":                      "か|x",
		"__ -- \x00 ":                     "",
		strings.Repeat("x", 130) + " end": strings.Repeat("x", 120) + "|end",
	} {
		var got []string
		for _, w := range searchWords(text) {
			got = append(got, w.text)
			if w.from >= w.to || w.to > len(text) {
				t.Errorf("%q: %q stands at %d–%d", text, w.text, w.from, w.to)
			}
		}
		if joined := strings.Join(got, "|"); joined != want {
			t.Errorf("%q: %q, want %q", text, joined, want)
		}
	}
}

// FuzzFold compares words that are folded without tables with the tables.
func FuzzFold(f *testing.F) {
	for _, s := range []string{"Invoice", "K", "straße", "İ", "ﬁ"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, w := range searchWords(s) {
			want := strings.Map(func(r rune) rune {
				if unicode.Is(unicode.Mn, r) || !inWords(r) {
					return -1
				}
				return r
			}, cases.Fold().String(norm.NFKD.String(s[w.from:w.to])))
			if len(want) > maxWord {
				want = strings.ToValidUTF8(want[:maxWord], "")
			}
			if w.text != want {
				t.Errorf("%q: %q, want %q", s[w.from:w.to], w.text, want)
			}
		}
	})
}
