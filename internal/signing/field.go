package signing

import (
	"fmt"

	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/fault"
)

// Field is a place on a page where a recipient's mark goes. Lengths are points
// from the upper left corner of the page as shown.
type Field struct {
	Page   int     `json:"page"` // from 1
	X      float64 `json:"x"`
	Y      float64 `json:"y"`
	Width  float64 `json:"width"`
	Height float64 `json:"height"`
}

// Limits of fields.
const (
	MaxFields      = 50   // of one recipient
	MinFieldWidth  = 40.0 // a mark of a name is readable, in points
	MinFieldHeight = 18.0
)

// meets tells whether two fields cover each other.
func (f *Field) meets(o *Field) bool {
	return f.Page == o.Page && f.X < o.X+o.Width && o.X < f.X+f.Width && f.Y < o.Y+o.Height && o.Y < f.Y+f.Height
}

// CheckFields lists what is wrong with the fields of all recipients, by recipient,
// into l: each lies on a page of the document, is large enough, and covers no other.
func CheckFields(l *fault.List, fields [][]Field, pages []document.Page) {
	var before []*Field
	for i, own := range fields {
		if len(own) > MaxFields {
			l.Add(fmt.Sprintf("/recipients/%d/fields", i), "bad_count", "A recipient has at most %d fields.", MaxFields)
			continue
		}
		for j := range own {
			f, at := &own[j], fmt.Sprintf("/recipients/%d/fields/%d", i, j)
			if f.Page < 1 || f.Page > len(pages) {
				l.Add(at+"/page", "no_such_page", "The document has %d pages.", len(pages))
				continue
			}
			p := &pages[f.Page-1]
			switch {
			case !(f.Width >= MinFieldWidth && f.Height >= MinFieldHeight):
				l.Add(at, "too_small", "A field is at least %.0f points wide and %.0f high.", MinFieldWidth, MinFieldHeight)
			case !(f.X >= 0 && f.Y >= 0 && f.X+f.Width <= p.Width && f.Y+f.Height <= p.Height):
				l.Add(at, "outside_page", "The field does not lie on page %d, which is %.0f points wide and %.0f high.", f.Page, p.Width, p.Height)
			}
			for _, o := range before {
				if f.meets(o) {
					l.Add(at, "overlap", "The field covers another one.")
					break
				}
			}
			before = append(before, f)
		}
	}
}
