package httpapi

import (
	"encoding/json"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// maxPage is the largest page of a list.
const maxPage = 100

// Paged is part of the input of every list.
type Paged struct {
	Limit int    `query:"limit" minimum:"1" maximum:"100" default:"50" doc:"Items of a page."`
	After string `query:"after" maxLength:"64" example:"doc_01kb0q7m4b1s9v3d8r5x2c6e7f" doc:"The next of the page before."`
}

// want is how many rows to ask for: one more than the page holds tells whether
// another page follows.
func (p Paged) want() int { return min(max(p.Limit, 1), maxPage) + 1 }

// Page is one page of a list, newest items first.
type Page[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty" doc:"Cursor of the next page; absent on the last one."`
}

// Listed is the output of a list.
type Listed[T any] struct {
	Body Page[T]
}

// pageOf makes a page of up to want rows, with the id of its last item as cursor.
func pageOf[R, T any](rows []R, p Paged, view func(*R) T, id func(*R) string) *Listed[T] {
	out := &Listed[T]{Body: Page[T]{Items: make([]T, 0, len(rows))}}
	size := p.want() - 1
	for i := range rows {
		if i == size {
			out.Body.Next = id(&rows[i-1])
			break
		}
		out.Body.Items = append(out.Body.Items, view(&rows[i]))
	}
	return out
}

// Items is a list that is short enough to come whole.
type Items[T any] struct {
	Items []T `json:"items"`
}

// at gives a time for JSON; nil where it is not set.
func at(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// Object is a JSON object that is kept byte for byte as it came.
type Object json.RawMessage

// Schema implements huma.SchemaProvider.
func (Object) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true, Examples: []any{map[string]any{"amount": 12345, "currency": "EUR"}}}
}

// MarshalJSON implements json.Marshaler. What was never set is an empty object;
// a replayed result holds it as null.
func (o Object) MarshalJSON() ([]byte, error) {
	if len(o) == 0 || string(o) == "null" {
		return []byte("{}"), nil
	}
	return o, nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (o *Object) UnmarshalJSON(raw []byte) error {
	*o = append(Object(nil), raw...)
	return nil
}

// refTo gives the schema of a type by reference.
func refTo[T any](r huma.Registry, hint string) *huma.Schema {
	return r.Schema(reflect.TypeFor[T](), true, hint)
}

// itemsOf makes the output of a list that comes whole.
func itemsOf[R, T any](rows []R, view func(*R) T) *struct{ Body Items[T] } {
	out := &struct{ Body Items[T] }{Body: Items[T]{Items: make([]T, 0, len(rows))}}
	for i := range rows {
		out.Body.Items = append(out.Body.Items, view(&rows[i]))
	}
	return out
}
