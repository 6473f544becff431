package document

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"

	"github.com/paraph/paraph/internal/fault"
)

// Limits of what a caller may send; they keep rows, mails and index small.
const (
	MaxTitle    = 300
	MaxExternal = 200
	MaxLabels   = 50
	MaxLabelKey = 60
	MaxLabelVal = 200
	MaxMetadata = 64 << 10 // bytes of JSON
)

var slug = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)

// Slug tells whether s can name a document type or a business unit.
func Slug(s string) bool { return slug.MatchString(s) }

// Check lists everything wrong with the document's own fields into l.
// Whether type and unit exist, and the metadata's schema, is checked where those are known.
func (d *Document) Check(l *fault.List) {
	if !Slug(d.Type) {
		l.Add("/document_type", "bad_slug", "A document type is 1 to 63 characters of a-z, 0-9, _ and -, and starts with a letter or digit.")
	}
	if !Slug(d.Unit) {
		l.Add("/business_unit", "bad_slug", "A business unit is 1 to 63 characters of a-z, 0-9, _ and -, and starts with a letter or digit.")
	}
	if len(d.Title) > MaxTitle {
		l.Add("/title", "too_long", "The title has %d bytes; at most %d are kept.", len(d.Title), MaxTitle)
	}
	if strings.ContainsAny(d.Title, "\r\n\x00") {
		l.Add("/title", "bad_character", "A title is one line without control characters.")
	}
	if len(d.ExternalID) > MaxExternal {
		l.Add("/external_id", "too_long", "The external id has %d bytes; at most %d are kept.", len(d.ExternalID), MaxExternal)
	}
	checkLabels(d.Labels, l)
	checkMetadata(d.Metadata, l)
}

func checkLabels(labels map[string]string, l *fault.List) {
	if len(labels) > MaxLabels {
		l.Add("/labels", "too_many", "There are %d labels; at most %d are kept.", len(labels), MaxLabels)
	}
	for k, v := range labels {
		if k == "" || len(k) > MaxLabelKey || len(v) > MaxLabelVal {
			l.Add("/labels/"+pointerEscape(k), "bad_label", "A label's name has 1 to %d bytes and its value at most %d.", MaxLabelKey, MaxLabelVal)
		}
	}
}

func checkMetadata(raw json.RawMessage, l *fault.List) {
	if len(raw) == 0 {
		return
	}
	if len(raw) > MaxMetadata {
		l.Add("/metadata", "too_long", "The metadata has %d bytes; at most %d are kept.", len(raw), MaxMetadata)
		return
	}
	trimmed := bytes.TrimLeft(raw, " \t\r\n")
	if !json.Valid(raw) || len(trimmed) == 0 || trimmed[0] != '{' {
		l.Add("/metadata", "not_an_object", "Metadata is a JSON object.")
	}
}

// pointerEscape makes a name fit for a JSON pointer (RFC 6901 section 3).
func pointerEscape(s string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(s)
}
