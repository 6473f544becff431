package store

import (
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// fold brings text to the form it is searched in, the same for both databases:
// compatibility forms resolved (ﬁ is fi), accents removed, case folded (ß is ss),
// every run of blanks and line ends one space.
func fold(s string) string {
	s = cases.Fold().String(norm.NFKD.String(s))
	var b strings.Builder
	b.Grow(len(s))
	gap := false
	for _, r := range s {
		switch {
		case unicode.IsSpace(r) || r == 0 || r == unicode.ReplacementChar:
			gap = true
			continue
		case unicode.Is(unicode.Mn, r):
			continue
		}
		if gap && b.Len() > 0 {
			b.WriteByte(' ')
		}
		gap = false
		b.WriteRune(r)
	}
	return b.String()
}

// keepable removes what PostgreSQL cannot keep in a text. It is for recognised
// text only, whose exact characters are in a blob of their own.
func keepable(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "")
}
