package service

import (
	"strings"
	"unicode"
	"unicode/utf8"

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
	out := make([]searchWord, 0, len(text)/8)
	from, single := -1, false // single: the word began with a character that is a word by itself
	end := func(to int) {
		if from >= 0 {
			if folded := foldWord(text[from:to]); folded != "" {
				out = append(out, searchWord{folded, from, to})
			}
			from, single = -1, false
		}
	}
	for i, r := range text {
		if r < utf8.RuneSelf { // most text
			switch {
			case !alphanumeric(byte(r)):
				end(i)
			case from < 0:
				from = i
			case single:
				end(i)
				from = i
			}
			continue
		}
		switch {
		case !inWords(r):
			end(i)
		case r >= firstSpaceless && unicode.In(r, spaceless...) && !unicode.IsMark(r):
			end(i)
			from, single = i, unicode.In(r, characters...)
		case from < 0:
			from = i
		case single && !unicode.IsMark(r):
			end(i)
			from = i
		}
	}
	end(len(text))
	return out
}

// spaceless are the scripts that write no spaces between words; of characters, even a
// letter of another script behind a character begins a word of its own.
var (
	spaceless  = []*unicode.RangeTable{unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar}
	characters = spaceless[:3]
)

// firstSpaceless is the first character of Thai, which comes before the others.
const firstSpaceless = 0x0E00

func alphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || 'A' <= c && c <= 'Z'
}

func inWords(r rune) bool {
	return r != unicode.ReplacementChar && (unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r))
}

// foldWord gives a word as it is compared. What is plain ASCII needs no tables.
func foldWord(s string) string {
	plain := true
	for i := 0; i < len(s) && plain; i++ {
		plain = s[i] < utf8.RuneSelf
	}
	if plain {
		return strings.ToLower(s[:min(len(s), maxWord)])
	}
	folded := strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) || !inWords(r) {
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
