package work

import (
	"context"
	"fmt"

	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/sandbox/childmain"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/signing"
	"github.com/paraph/paraph/pades/mark"
)

// Sizes of the visible marks, in points.
const (
	markWidth, markHeight = 150.0, 44.0
	markMargin            = 30.0 // from the page's edges
	markGap               = 10.0 // between marks, and from words
	markStep              = 12.0 // of the search for room
)

// marks places each signer's mark: into the fields that the sender placed, or else
// on one page, as low as there is room beside the words and the fields. A mark for
// which there is none is left out: the certificate of completion shows all of them.
func (s *Sealer) marks(ctx context.Context, in *service.SealInput) ([]childmain.SealMark, error) {
	if len(in.Pages) == 0 {
		return nil, nil
	}
	last := markPage(in.Pages)
	call := service.SystemCall(in.Envelope.Org, "seal", "")
	_, words, err := s.Service.PageWords(ctx, call.Actor, in.Document.ID, last.No)
	if err != nil {
		return nil, err
	}
	taken := make([]rect, 0, len(words))
	for _, w := range words {
		taken = append(taken, rect{w.X, w.Y, w.Width, w.Height}.grown(markGap/2))
	}
	out, placed := inFields(&in.Envelope)
	for _, m := range out {
		if m.Page == last.No {
			taken = append(taken, rect{m.X, m.Y, m.Width, m.Height}.grown(markGap/2))
		}
	}
	for i := range in.Envelope.Recipients {
		if placed[i] {
			continue
		}
		place, ok := room(last, taken)
		if !ok {
			return out, nil
		}
		taken = append(taken, place.grown(markGap/2))
		out = append(out, sealMark(&in.Envelope.Recipients[i], last.No, place))
	}
	return out, nil
}

// inFields gives the marks of the recipients that have fields, and which those are.
func inFields(e *signing.Envelope) (out []childmain.SealMark, placed map[int]bool) {
	placed = map[int]bool{}
	for i := range e.Recipients {
		r := &e.Recipients[i]
		for _, f := range r.Fields {
			placed[i] = true
			out = append(out, sealMark(r, f.Page, rect{f.X, f.Y, f.Width, f.Height}))
		}
	}
	return out, placed
}

// markPage chooses the page for the marks: the last one that has something on it
// and is read upright, so that marks stand beside text the same way up; or else
// the last one.
func markPage(pages []document.Page) document.Page {
	for i := len(pages) - 1; i >= 0; i-- {
		if p := pages[i]; !p.Blank && p.Turned == 0 {
			return p
		}
	}
	return pages[len(pages)-1]
}

// rect is a place on a page, in points from its upper left corner.
type rect struct{ x, y, w, h float64 }

func (r rect) grown(by float64) rect { return rect{r.x - by, r.y - by, r.w + 2*by, r.h + 2*by} }

func (r rect) meets(o rect) bool {
	return r.x < o.x+o.w && o.x < r.x+r.w && r.y < o.y+o.h && o.y < r.y+r.h
}

// room finds a free place for a mark: the lowest one, and of those the leftmost.
func room(page document.Page, taken []rect) (rect, bool) {
	w, h := min(markWidth, page.Width/2-markMargin/2), min(markHeight, page.Height/8)
	if w < markWidth/3 || h < markHeight/2 {
		return rect{}, false
	}
	for y := page.Height - markMargin/2 - h; y >= page.Height/3; y -= markStep {
		for x := markMargin; x+w <= page.Width-markMargin/2; x += markStep {
			place := rect{x, y, w, h}
			if free(place, taken) {
				return place, true
			}
		}
	}
	return rect{}, false
}

func free(place rect, taken []rect) bool {
	for _, t := range taken {
		if place.meets(t) {
			return false
		}
	}
	return true
}

func sealMark(r *signing.Recipient, page int, place rect) childmain.SealMark {
	m := childmain.SealMark{
		Page: page, X: place.x, Y: place.y, Width: place.w, Height: place.h,
		Typed: r.Signature.Text, Canvas: mark.Point{X: r.Signature.Width, Y: r.Signature.Height},
		Caption: fmt.Sprintf("%s\n%s · %s", r.Name, r.SignedAt.Format("2006-01-02 15:04 UTC"), r.Email),
	}
	for _, stroke := range r.Signature.Strokes {
		var line []mark.Point
		for _, p := range stroke {
			line = append(line, mark.Point{X: p.X, Y: p.Y})
		}
		m.Strokes = append(m.Strokes, line)
	}
	return m
}
