package httpapi

import (
	"strconv"
	"strings"
)

// IfMatch is part of the input of operations that change a thing with a revision.
type IfMatch struct {
	IfMatch string `header:"If-Match" maxLength:"255" example:"\"3\"" doc:"The ETag that the thing had when you read it (RFC 9110 section 13.1.1): where it has changed since, the answer is 412 and nothing is done. Absent: whatever it is by now."`
}

// revision gives the revision that the caller saw; 0 where it does not say. What is no
// strong ETag of ours matches nothing. Behind the revision may stand a digest of what
// was shown.
func (m IfMatch) revision() int64 {
	tag := strings.TrimSpace(m.IfMatch)
	if tag == "" || tag == "*" {
		return 0
	}
	if len(tag) > 2 && tag[0] == '"' && tag[len(tag)-1] == '"' {
		number, _, _ := strings.Cut(tag[1:len(tag)-1], ".")
		if n, err := strconv.ParseInt(number, 10, 64); err == nil && n > 0 {
			return n
		}
	}
	return -1
}

// Tagged is part of the output of what has a revision.
type Tagged struct {
	ETag string `header:"ETag" doc:"Its revision, for If-Match."`
}

func tagged(revision int64) Tagged { return Tagged{`"` + strconv.FormatInt(revision, 10) + `"`} }
