package bulk

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/paraph/paraph/internal/approval"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/signing"
)

// Template is what is made of each row: a document and an envelope, whose texts hold
// placeholders, {{column}}.
type Template struct {
	Type       string            `json:"type"`
	Unit       string            `json:"unit"`
	Title      string            `json:"title"` // "": that of the source
	ExternalID string            `json:"external_id,omitempty"`
	Labels     map[string]string `json:"labels,omitempty"`
	Metadata   json.RawMessage   `json:"metadata,omitempty"`
	Subject    string            `json:"subject,omitempty"`
	Message    string            `json:"message,omitempty"`
	Recipients []Recipient       `json:"recipients"`
	ExpiresAt  time.Time         `json:"expires_at,omitzero"`
	// Initiator is who hands the documents in.
	Initiator approval.Initiator `json:"initiator"`
}

// Recipient is somebody who is to sign.
type Recipient struct {
	Name   string          `json:"name"`
	Email  string          `json:"email"`
	Order  int             `json:"order,omitempty"`
	Fields []signing.Field `json:"fields,omitempty"`
}

var placeholder = regexp.MustCompile(`\{\{\s*([^{}]*?)\s*\}\}`)

// texts calls fn with each text that may hold placeholders, by its JSON pointer, and
// puts what fn gives in its place.
func (t *Template) texts(fn func(at, text string) string) {
	set := func(at string, s *string) { *s = fn(at, *s) }
	set("/document/title", &t.Title)
	set("/document/external_id", &t.ExternalID)
	for _, name := range slices.Sorted(maps.Keys(t.Labels)) {
		t.Labels[name] = fn("/document/labels/"+escaped(name), t.Labels[name])
	}
	set("/subject", &t.Subject)
	set("/message", &t.Message)
	for i := range t.Recipients {
		set(fmt.Sprintf("/recipients/%d/name", i), &t.Recipients[i].Name)
		set(fmt.Sprintf("/recipients/%d/email", i), &t.Recipients[i].Email)
	}
}

// Check lists the placeholders that name no column, and the braces that make none.
func (t *Template) Check(columns []string, l *fault.List) {
	look := func(at, text string) {
		for _, m := range placeholder.FindAllStringSubmatch(text, -1) {
			if !slices.Contains(columns, m[1]) {
				l.Add(at, "unknown_column", "There is no column %q.", m[1])
			}
		}
		if rest := placeholder.ReplaceAllString(text, ""); strings.Contains(rest, "{{") || strings.Contains(rest, "}}") {
			l.Add(at, "bad_placeholder", "A placeholder is a column's name in double braces: {{name}}.")
		}
	}
	copied := t.clone()
	copied.texts(func(at, text string) string { look(at, text); return text })
	value, err := decoded(t.Metadata)
	if err != nil {
		l.Add("/document/metadata", "bad_json", "The metadata is no JSON object.")
		return
	}
	walk(value, "/document/metadata", func(at, text string) any { look(at, text); return text })
}

// Fill gives the template with a row's cells in the place of the placeholders. In the
// metadata, a text that is one placeholder and nothing else becomes the cell itself: a
// number stays a number.
func (t *Template) Fill(v Values) Template {
	out := t.clone()
	fill := func(_, text string) string {
		return placeholder.ReplaceAllStringFunc(text, func(m string) string { return v.Text(nameIn(m)) })
	}
	out.texts(func(at, text string) string { return strings.TrimSpace(fill(at, text)) })
	value, err := decoded(t.Metadata)
	if err != nil || value == nil {
		return out
	}
	value = walk(value, "", func(at, text string) any {
		if m := placeholder.FindString(text); m != "" && m == text {
			if raw := v[nameIn(m)]; len(raw) > 0 {
				return raw
			}
			return ""
		}
		return fill(at, text)
	})
	if raw, err := json.Marshal(value); err == nil {
		out.Metadata = raw
	}
	return out
}

// Behind gives the column whose cell makes the text at a pointer; "" where none does.
func (t *Template) Behind(pointer string) (column string) {
	look := func(at, text string) {
		if m := placeholder.FindStringSubmatch(text); at == pointer && m != nil {
			column = m[1]
		}
	}
	copied := t.clone()
	copied.texts(func(at, text string) string { look(at, text); return text })
	if value, err := decoded(t.Metadata); err == nil {
		walk(value, "/document/metadata", func(at, text string) any { look(at, text); return text })
	}
	return column
}

func nameIn(m string) string { return placeholder.FindStringSubmatch(m)[1] }

func (t *Template) clone() Template {
	out := *t
	out.Labels, out.Recipients = maps.Clone(t.Labels), slices.Clone(t.Recipients)
	return out
}

// decoded reads metadata, with its numbers as they are written; nil where there are none.
func decoded(raw json.RawMessage) (value any, err error) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&value); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("there is something behind the value")
	}
	return value, nil
}

// walk calls fn with each text below a value, and puts what it gives in its place.
func walk(value any, at string, fn func(at, text string) any) any {
	switch v := value.(type) {
	case string:
		return fn(at, v)
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			v[name] = walk(v[name], at+"/"+escaped(name), fn)
		}
	case []any:
		for i := range v {
			v[i] = walk(v[i], fmt.Sprintf("%s/%d", at, i), fn)
		}
	}
	return value
}
