package service

import (
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/paraph/paraph/internal/fault"
)

const (
	maxSearchWords = 32      // of one query
	maxWord        = 120     // bytes of an indexed word; longer ones are cut
	maxIndexed     = 100_000 // words of one document that are indexed
)

// searchWord is one word of a text and where it stands in it.
type searchWord struct {
	text     string // as it is compared: compatibility forms resolved, accents and case gone
	from, to int    // bytes of the original
}

// searchWords cuts a text into words, the same for every language and database:
// runs of letters, digits and marks. Scripts that write no spaces are cut into
// single characters, so that a query of several is a phrase of them.
func searchWords(text string) []searchWord {
	var out []searchWord
	from := -1
	end := func(to int) {
		if from >= 0 {
			if folded := foldWord(text[from:to]); folded != "" {
				out = append(out, searchWord{folded, from, to})
			}
			from = -1
		}
	}
	for i, r := range text {
		switch {
		case r == unicode.ReplacementChar || !(unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r)):
			end(i)
		case unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar) && !unicode.IsMark(r):
			end(i)
			from = i
		case from < 0:
			from = i
		default:
			if first := firstRune(text[from:]); unicode.In(first, unicode.Han, unicode.Hiragana, unicode.Katakana) && !unicode.IsMark(r) {
				end(i)
				from = i
			}
		}
	}
	end(len(text))
	return out
}

func firstRune(s string) rune {
	for _, r := range s {
		return r
	}
	return 0
}

func foldWord(s string) string {
	folded := strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) || !(unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r)) {
			return -1
		}
		return r
	}, cases.Fold().String(norm.NFKD.String(s)))
	if len(folded) > maxWord {
		folded = strings.ToValidUTF8(folded[:maxWord], "")
	}
	return folded
}

// SearchClause is a part of a query: words that stand one behind the other.
type SearchClause struct {
	Words  []string
	Prefix bool // the last word may go on
	Not    bool // documents with it are left out
}

// parseSearch reads a query: words, "phrases in quotes", beginnings* and -words or
// -"phrases" that must not be there. Every text is a query; one without a word
// that is to be there is fault Invalid "empty_query".
func parseSearch(q string) ([]SearchClause, error) {
	var out []SearchClause
	wanted, n := false, 0
	for rest := strings.TrimSpace(q); rest != ""; rest = strings.TrimSpace(rest) {
		var c SearchClause
		if tail, not := strings.CutPrefix(rest, "-"); not {
			c.Not, rest = true, tail
		}
		var piece string
		if tail, quoted := strings.CutPrefix(rest, `"`); quoted {
			piece, rest, _ = strings.Cut(tail, `"`)
		} else if at := strings.IndexFunc(rest, func(r rune) bool { return unicode.IsSpace(r) || r == '"' }); at >= 0 {
			piece, rest = rest[:at], rest[at:]
		} else {
			piece, rest = rest, ""
		}
		if tail, more := strings.CutPrefix(rest, "*"); more {
			rest, c.Prefix = tail, true
		}
		c.Prefix = c.Prefix || strings.HasSuffix(piece, "*")
		for _, w := range searchWords(piece) {
			c.Words = append(c.Words, w.text)
		}
		if n += len(c.Words); n > maxSearchWords {
			return nil, fault.New(fault.Invalid, "empty_query", "The search text has more than %d words.", maxSearchWords).
				With(fault.Detail{Pointer: "query/q", Code: "too_long", Message: "Search for fewer words."})
		}
		if len(c.Words) > 0 {
			out, wanted = append(out, c), wanted || !c.Not
		}
	}
	if !wanted {
		return nil, fault.New(fault.Invalid, "empty_query", "Say what to search for: at least one word that is to be there.").
			With(fault.Detail{Pointer: "query/q", Code: "required", Message: "There is no word in it that is to be there."})
	}
	return out, nil
}

// standsAt gives the place of a clause's words in a text's, from the word start on; -1 where they do not stand there.
func (c *SearchClause) standsAt(words []searchWord, start int) int {
next:
	for at := start; at+len(c.Words) <= len(words); at++ {
		for i, want := range c.Words {
			got := words[at+i].text
			if got != want && !(c.Prefix && i == len(c.Words)-1 && strings.HasPrefix(got, want)) {
				continue next
			}
		}
		return at
	}
	return -1
}
