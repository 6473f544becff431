package signpage

import (
	"reflect"
	"testing"

	"github.com/paraph/paraph/internal/document"
)

func TestLayer(t *testing.T) {
	t.Parallel()
	line := []document.Word{
		{Text: "Total", X: 50, Y: 100, Width: 30, Height: 10, Line: 1},
		{Text: "in", X: 83, Y: 100, Width: 10, Height: 10, Line: 1},
		{Text: "7,989", X: 300, Y: 101, Width: 35, Height: 10, Line: 1},
		{Text: "Next", X: 50, Y: 120, Width: 25, Height: 10, Line: 2},
	}
	flat := []run{{"50", "108", "43", "10", "Total in"}, {"300", "109", "35", "10", "7,989"}, {"50", "128", "25", "10", "Next"}}
	turned := func(degrees int, width, height float64) []document.Word {
		out := make([]document.Word, len(line))
		for i, w := range line { // the way back of turn: by what is left of the full circle
			out[i] = turn(w, (360-degrees)%360, width, height)
		}
		return out
	}
	cases := []struct {
		name          string
		degrees       int
		width, height float64
		words         []document.Word
		transform     string
	}{
		{"upright", 0, 600, 800, line, ""},
		{"reads upwards", 90, 800, 600, turned(90, 600, 800), "matrix(0 -1 1 0 0 600)"},
		{"upside down", 180, 600, 800, turned(180, 600, 800), "matrix(-1 0 0 -1 600 800)"},
		{"reads downwards", 270, 800, 600, turned(270, 600, 800), "matrix(0 1 -1 0 800 0)"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := layerOf(&document.Page{No: 1, Width: c.width, Height: c.height, Turned: c.degrees}, c.words)
			if !reflect.DeepEqual(l.Runs, flat) || l.Transform != c.transform {
				t.Errorf("%v %s", l.Runs, l.Transform)
			}
			if !reflect.DeepEqual(l.Lines, []string{"Total in 7,989", "Next"}) {
				t.Errorf("lines %q", l.Lines)
			}
		})
	}
	if l := layerOf(&document.Page{No: 1, Width: 1, Height: 1}, nil); l.Runs != nil {
		t.Errorf("a blank page has %v", l.Runs)
	}
}

// No sentence is missing in any language.
func TestWordsAreComplete(t *testing.T) {
	t.Parallel()
	v := reflect.ValueOf(*wordsFor(""))
	for i := range v.NumField() {
		if v.Field(i).String() == "" {
			t.Errorf("%s is empty", v.Type().Field(i).Name)
		}
	}
}

func TestShellQuote(t *testing.T) {
	t.Parallel()
	if got := shellQuote("it's; rm -rf"); got != `'it'\''s; rm -rf'` {
		t.Error(got)
	}
}
