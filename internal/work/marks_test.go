package work

import (
	"testing"

	"github.com/paraph/paraph/internal/document"
)

// TestMarksNeverCoverWordsOrEachOther fills pages more and more densely and
// asks for room until there is none.
func TestMarksNeverCoverWordsOrEachOther(t *testing.T) {
	t.Parallel()
	for name, page := range map[string]document.Page{"A4": {Width: 595, Height: 842}, "receipt": {Width: 222, Height: 486}, "stamp": {Width: 60, Height: 60}} {
		for lines := range 60 {
			var taken []rect
			for i := range lines {
				taken = append(taken, rect{40, page.Height - 20 - float64(i*14), page.Width - 80, 10})
			}
			placed := 0
			for {
				place, ok := room(page, taken)
				if !ok {
					break
				}
				if place.x < 0 || place.y < 0 || place.x+place.w > page.Width || place.y+place.h > page.Height {
					t.Fatalf("%s: %+v lies outside", name, place)
				}
				if !free(place, taken) {
					t.Fatalf("%s with %d lines: %+v covers something", name, lines, place)
				}
				taken = append(taken, place)
				if placed++; placed > 100 {
					t.Fatal("room without end")
				}
			}
			if lines == 0 && name == "A4" && placed < 10 {
				t.Errorf("an empty page has room for only %d marks", placed)
			}
		}
	}
}
