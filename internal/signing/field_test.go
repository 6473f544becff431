package signing

import (
	"math"
	"testing"

	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/fault"
)

// TestCheckFields: a field lies on its page, can be read, and covers no other.
func TestCheckFields(t *testing.T) {
	t.Parallel()
	pages := []document.Page{{No: 1, Width: 595, Height: 842}, {No: 2, Width: 842, Height: 595}}
	good := Field{Page: 1, X: 50, Y: 700, Width: 150, Height: 40}
	for name, c := range map[string]struct {
		fields [][]Field
		code   string // of the first fault; "": none
		at     string
	}{
		"none":           {[][]Field{nil, {}}, "", ""},
		"one each":       {[][]Field{{good}, {{Page: 1, X: 200, Y: 700, Width: 150, Height: 40}}}, "", ""},
		"to the edge":    {[][]Field{{{Page: 2, X: 692, Y: 555, Width: 150, Height: 40}}}, "", ""},
		"same elsewhere": {[][]Field{{good, {Page: 2, X: 50, Y: 500, Width: 150, Height: 40}}}, "", ""},
		"no page":        {[][]Field{nil, {{Page: 3, Width: 50, Height: 20}}}, "no_such_page", "/recipients/1/fields/0/page"},
		"page nought":    {[][]Field{{{Width: 50, Height: 20}}}, "no_such_page", "/recipients/0/fields/0/page"},
		"outside":        {[][]Field{{{Page: 1, X: 500, Y: 10, Width: 150, Height: 40}}}, "outside_page", "/recipients/0/fields/0"},
		"left of it":     {[][]Field{{{Page: 1, X: -1, Y: 10, Width: 150, Height: 40}}}, "outside_page", "/recipients/0/fields/0"},
		"too small":      {[][]Field{{{Page: 1, X: 5, Y: 10, Width: 150, Height: 4}}}, "too_small", "/recipients/0/fields/0"},
		"not a number":   {[][]Field{{{Page: 1, X: math.NaN(), Y: 10, Width: 150, Height: 40}}}, "outside_page", "/recipients/0/fields/0"},
		"over another's": {[][]Field{{good}, {{Page: 1, X: 199, Y: 739, Width: 150, Height: 40}}}, "overlap", "/recipients/1/fields/0"},
		"too many":       {[][]Field{make([]Field, MaxFields+1)}, "bad_count", "/recipients/0/fields"},
	} {
		var l fault.List
		CheckFields(&l, c.fields, pages)
		f := fault.From(l.Err("invalid_envelope", "no"))
		switch {
		case c.code == "" && f == nil:
		case c.code == "" || f == nil || f.Details[0].Code != c.code || f.Details[0].Pointer != c.at:
			t.Errorf("%s: want %q at %s, got %+v", name, c.code, c.at, f)
		}
	}
}
