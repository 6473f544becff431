package main

import (
	"regexp"
	"strings"
	"unicode"
)

// score is an error rate over several pages.
type score struct {
	edits, letters, missed, words int
}

// cer is the character error rate in per cent: edits by letters of the truth.
func (s score) cer() float64 { return 100 * float64(s.edits) / float64(max(s.letters, 1)) }

// lost is the share of the truth's words, in per cent, that were not found, in
// whatever order.
func (s score) lost() float64 { return 100 * float64(s.missed) / float64(max(s.words, 1)) }

func (s *score) add(truth, read string, upper bool) {
	if upper {
		truth, read = strings.ToUpper(truth), strings.ToUpper(read)
	}
	a, b := strings.Fields(normal(truth)), strings.Fields(normal(read))
	x, y := []rune(strings.Join(a, " ")), []rune(strings.Join(b, " "))
	s.edits += distance(x, y)
	s.letters += len(x)
	found := map[string]int{}
	for _, w := range b {
		found[w]++
	}
	for _, w := range a {
		s.words++
		if found[w] == 0 {
			s.missed++
		} else {
			found[w]--
		}
	}
}

var normaliser = strings.NewReplacer(
	"‘", "'", "’", "'", "`", "'", "“", `"`, "”", `"`, "„", `"`, "–", "-", "—", "-", "‐", "-", "−", "-",
	"ﬁ", "fi", "ﬂ", "fl", "ﬀ", "ff", "\u00ad", "", "|", " ", "•", " ", "*", " ", "©", " ",
)

// normal evens out what is not an error of reading: kinds of quotes, dashes,
// ligatures and spaces, and signs that specks are read as.
func normal(text string) string { return normaliser.Replace(text) }

// distance is Levenshtein's.
func distance(a, b []rune) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i, r := range a {
		diagonal := row[0]
		row[0] = i + 1
		for j, q := range b {
			cost := diagonal
			if r != q {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}

// hasTotal tells whether an amount can be read in a text: the same digits and
// decimal point stand there with no digit, point or comma joined to either
// side that would make it another number. Currency signs and letters around it
// and thousands separators do not matter.
func hasTotal(text, key string) bool {
	amount := strings.ReplaceAll(onlyAmount.FindString(key), ",", "")
	if amount == "" {
		return false
	}
	for _, found := range numbers.FindAllString(text, -1) {
		if strings.ReplaceAll(strings.Trim(found, ".,"), ",", "") == amount {
			return true
		}
	}
	return false
}

var (
	onlyAmount = regexp.MustCompile(`\d[\d,]*(\.\d+)?`)
	numbers    = regexp.MustCompile(`\d[\d.,]*`)
)

// hasDate tells whether a date can be read in a text in its printed form: case
// does not matter, nor do spaces between its characters on one line, and no
// further digit may be joined to either end, unless a time follows.
func hasDate(text, key string) bool {
	var pattern strings.Builder
	pattern.WriteString(`(?i)(?:^|[^0-9])`)
	n := 0
	for _, r := range normal(key) {
		if unicode.IsSpace(r) {
			continue
		}
		if n > 0 {
			pattern.WriteString(`[ \t]*`)
		}
		pattern.WriteString(regexp.QuoteMeta(string(r)))
		n++
	}
	pattern.WriteString(`(?:[^0-9]|$|\d{1,2}:\d\d)`)
	found, err := regexp.MatchString(pattern.String(), normal(text))
	return n > 0 && err == nil && found
}
