package pades

import (
	"fmt"
	"image"
	"maps"
	"math"
	"slices"

	"github.com/paraph/paraph/pades/pdffile"
)

// compareSeen draws the pages on which a revision shows something new, as they were
// and as they are. Nothing may differ but where the object that was added shows
// itself, and a mark that nobody had planned may not hide what was there. Pages to
// which nothing visible was added need no drawing: the comparison of their objects
// has shown that they are the same.
func (v *verifier) compareSeen(k int, old, current *pdffile.File, areas []area) error {
	pages := map[int][]area{}
	for _, a := range areas {
		pages[a.page] = append(pages[a.page], a)
	}
	for _, n := range slices.Sorted(maps.Keys(pages)) {
		if v.opts.Renderer == nil {
			v.unseen[k] = finding{CheckVisible, fmt.Sprintf("%s can be seen on page %d; the page before and after could not be drawn here to be compared", pages[n][0].what, n+1), true}
			return nil
		}
		before, err := v.draw(k-1, n)
		if err == nil {
			var after *image.Gray
			if after, err = v.draw(k, n); err == nil {
				err = seen(old, current, before, after, pages[n])
			}
		}
		if err == nil {
			continue
		}
		if err := v.ctx.Err(); err != nil {
			return err
		}
		bad, ok := err.(*difference) //nolint:errorlint // made here, never wrapped
		if !ok {
			v.unseen[k] = finding{CheckVisible, fmt.Sprintf("page %d could not be drawn to be compared: %v", n+1, err), true}
			return nil
		}
		v.unseen[k] = finding{CheckVisible, fmt.Sprintf("page %d: %s", n+1, bad.why), bad.doubt}
		if !bad.doubt {
			return nil
		}
	}
	return nil
}

func (v *verifier) draw(k, page int) (*image.Gray, error) {
	return v.opts.Renderer.Render(v.ctx, v.in, v.revisions[k].End, v.opts.Password, page)
}

// difference is what is seen and should not be.
type difference struct {
	why   string
	doubt bool
}

func (d *difference) Error() string { return d.why }

// Bounds of the comparison of two pictures.
const (
	faint     = 40   // two pixels that differ by less look the same
	dark      = 160  // below that there is ink
	border    = 2    // pixels around an area that its edges may touch
	coverable = 24   // so few pixels of ink may be hidden: a rule to sign on
	hidden    = 0.25 // of the ink in an area
	blackened = 0.6  // of an area
)

// seen compares two pictures of a page.
func seen(old, current *pdffile.File, before, after *image.Gray, areas []area) error {
	if before.Rect.Size() != after.Rect.Size() {
		return &difference{why: "the page has another size now"}
	}
	page, err := current.Page(areas[0].page)
	if err != nil {
		return err
	}
	if was, err := old.Page(areas[0].page); err != nil || was.CropBox != page.CropBox || was.Rotate != page.Rotate {
		return &difference{why: "the page is shown otherwise now"}
	}
	size := before.Rect.Size()
	boxes := make([]image.Rectangle, len(areas))
	for i, a := range areas {
		boxes[i] = onPicture(page, a.rect, size)
	}
	for y := range size.Y {
		p, q := before.Pix[y*before.Stride:], after.Pix[y*after.Stride:]
		for x := range size.X {
			if differs(p[x], q[x]) && !slices.ContainsFunc(boxes, func(b image.Rectangle) bool { return image.Pt(x, y).In(b.Inset(-border)) }) {
				return &difference{why: fmt.Sprintf("what is seen changed outside of what was added (at %d, %d of %d × %d)", x, y, size.X, size.Y)}
			}
		}
	}
	for i, a := range areas {
		if a.planned || !covers(before, after, boxes[i]) {
			continue
		}
		return &difference{a.what + " hides something that was seen before", a.mark}
	}
	return nil
}

func differs(a, b uint8) bool { return max(a, b)-min(a, b) > faint }

// covers tells whether ink that was there in a box is not seen any more.
func covers(before, after *image.Gray, box image.Rectangle) bool {
	box = box.Intersect(before.Rect)
	ink, lost, black := 0, 0, 0
	for y := box.Min.Y; y < box.Max.Y; y++ {
		for x := box.Min.X; x < box.Max.X; x++ {
			was, is := before.GrayAt(x, y).Y, after.GrayAt(x, y).Y
			if was < dark {
				ink++
				if is > was && differs(was, is) {
					lost++
				}
			}
			if is < dark {
				black++
			}
		}
	}
	area := float64(box.Dx() * box.Dy())
	if ink <= coverable {
		return false
	}
	return float64(lost) > hidden*float64(ink) || float64(black) > blackened*area && float64(ink) < blackened*area
}

// onPicture gives where a rectangle of a page's own space lies on its picture.
func onPicture(page *pdffile.Page, r pdffile.Rect, size image.Point) image.Rectangle {
	c := page.CropBox
	// The corners as shares of the page as it is shown, y growing downwards.
	x0, x1 := (r.X0-c.X0)/c.Width(), (r.X1-c.X0)/c.Width()
	y0, y1 := (c.Y1-r.Y1)/c.Height(), (c.Y1-r.Y0)/c.Height()
	switch page.Rotate {
	case 90:
		x0, x1, y0, y1 = 1-y1, 1-y0, x0, x1
	case 180:
		x0, x1, y0, y1 = 1-x1, 1-x0, 1-y1, 1-y0
	case 270:
		x0, x1, y0, y1 = y0, y1, 1-x1, 1-x0
	}
	w, h := float64(size.X), float64(size.Y)
	whole := func(f float64) int { return int(math.Max(-1e6, math.Min(1e6, f))) }
	return image.Rect(whole(math.Floor(x0*w)), whole(math.Floor(y0*h)), whole(math.Ceil(x1*w)), whole(math.Ceil(y1*h)))
}
