package httpapi

import (
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	json "github.com/go-json-experiment/json/v1"

	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/service"
)

// Sorted is part of the input of a list of documents: a page of it, in an order.
type Sorted struct {
	Limit int    `query:"limit" minimum:"1" maximum:"100" default:"50" doc:"Items of a page."`
	After string `query:"after" maxLength:"4096" example:"doc_01kb0q7m4b1s9v3d8r5x2c6e7f" doc:"The next of the page before, with the same sort."`
	Sort  string `query:"sort" enum:"created_at,-created_at,updated_at,-updated_at,title,-title" doc:"With - from large to small. What has the same value stands in the order of ids. Default: newest first."`
}

func (s Sorted) want() int { return Paged{Limit: s.Limit}.want() }

// sortCursor is the place of the last document of a page.
type sortCursor struct {
	Sort  string `json:"s"`
	Text  string `json:"t,omitempty"`
	Micro int64  `json:"m,omitempty"`
	ID    string `json:"i"`
}

// order reads the order and where the page begins in it. Fault Invalid "bad_cursor".
func (s Sorted) order() (o service.DocumentSort, before string, err error) {
	if s.Sort == "" {
		return o, s.After, nil
	}
	o.By, o.Down = strings.TrimPrefix(s.Sort, "-"), strings.HasPrefix(s.Sort, "-")
	if s.After == "" {
		return o, "", nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(s.After)
	var c sortCursor
	if err == nil {
		err = json.Unmarshal(raw, &c)
	}
	if err != nil || c.Sort != s.Sort || c.ID == "" {
		return o, "", fault.New(fault.Invalid, "bad_cursor", "This cursor is not one of this list. Take the next of the page before, with the same sort.").
			With(fault.Detail{Pointer: "query/after", Code: "bad_value", Message: "This is no cursor of a list sorted by " + s.Sort + "."})
	}
	o.After = &service.SortPlace{Text: c.Text, Time: time.UnixMicro(c.Micro).UTC(), ID: c.ID}
	return o, "", nil
}

// cursor gives the place of a document in the order.
func (s Sorted) cursor(f *service.Found) string {
	c := sortCursor{Sort: s.Sort, ID: f.ID}
	switch strings.TrimPrefix(s.Sort, "-") {
	case "":
		return f.ID
	case "created_at":
		c.Micro = f.CreatedAt.UnixMicro()
	case "updated_at":
		c.Micro = f.UpdatedAt.UnixMicro()
	case "title":
		c.Text = f.Title
	}
	raw, err := json.Marshal(c)
	if err != nil {
		return "" // a title is UTF-8, and so can be written
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}

// FoundDocument is a document in a list: all of it, or the members that were asked for.
type FoundDocument struct {
	Document
	Matches []DocumentMatch `json:"matches,omitempty" doc:"Where the document holds what q asks for; the first few places."`

	only []string
}

// DocumentMatch is a place of a document that holds what was searched for.
type DocumentMatch struct {
	In         string      `json:"in" enum:"title,external_id,labels,metadata,page"`
	Page       int         `json:"page,omitempty" doc:"Where it is a page."`
	Text       string      `json:"text" example:"… the purchase order of steel …" doc:"What stands there and around it."`
	Highlights []Highlight `json:"highlights" doc:"The words found, in the order of the text."`
}

// Highlight is a part of a text, counted in Unicode code points.
type Highlight struct {
	Start int `json:"start"`
	End   int `json:"end"`
}

func matchesOf(all []service.Match) []DocumentMatch {
	var out []DocumentMatch
	for _, m := range all {
		v := DocumentMatch{In: m.In, Page: m.Page, Text: m.Text, Highlights: []Highlight{}}
		for _, mark := range m.Marks {
			v.Highlights = append(v.Highlights, Highlight{mark[0], mark[1]})
		}
		out = append(out, v)
	}
	return out
}

// TransformSchema implements huma.SchemaTransformer: with fields, only the id is sure to be there.
func (FoundDocument) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	s.Required = []string{"id"}
	return s
}

// MarshalJSON implements json.Marshaler.
func (f FoundDocument) MarshalJSON() ([]byte, error) {
	type all struct {
		Document
		Matches []DocumentMatch `json:"matches,omitempty"`
	}
	raw, err := json.Marshal(all{f.Document, f.Matches})
	if err != nil || len(f.only) == 0 {
		return raw, err
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return nil, err
	}
	for name := range members {
		if name != "id" && !slices.Contains(f.only, name) {
			delete(members, name)
		}
	}
	return json.Marshal(members)
}
