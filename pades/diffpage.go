package pades

import (
	"slices"

	"github.com/paraph/paraph/pades/pdffile"
)

// area is a part of a page where a revision shows something new.
type area struct {
	page    int // counted from 0
	rect    pdffile.Rect
	planned bool // a field that the document had already when it was signed
	mark    bool // an annotation of a reader, which a certification allows
	what    string
}

// seenAt notes where an annotation shows itself; one without area shows nothing.
func (c *comparison) seenAt(ref pdffile.Ref, d pdffile.Dict, planned bool, what string) error {
	rect, err := c.new.Rect(d["Rect"])
	if err != nil {
		return err
	}
	if rect.Width() == 0 || rect.Height() == 0 {
		return nil
	}
	page, ok, err := c.placeOf(ref, d)
	if err != nil {
		return err
	}
	if !ok {
		return nil // no page lists it, so none shows it
	}
	c.found.areas = append(c.found.areas, area{page: page, rect: rect, planned: planned, what: what})
	return nil
}

// placeOf finds the page that lists an annotation.
func (c *comparison) placeOf(ref pdffile.Ref, d pdffile.Dict) (int, bool, error) {
	if err := c.readPlaces(); err != nil {
		return 0, false, err
	}
	if named, ok := d["P"].(pdffile.Ref); ok {
		if page, ok := c.places[named.Num]; ok {
			return page, true, nil
		}
	}
	found, at := false, 0
	err := c.new.WalkPages(func(p *pdffile.Page) error {
		notes, err := c.new.Array(p.Dict["Annots"])
		if err == nil && slices.Contains(notes, pdffile.Object(ref)) {
			found, at = true, p.Index
		}
		return err
	})
	return at, found, err
}

func (c *comparison) readPlaces() error {
	if c.places != nil {
		return nil
	}
	c.places = map[uint32]int{}
	return c.new.WalkPages(func(p *pdffile.Page) error {
		c.places[p.Ref.Num] = p.Index
		return nil
	})
}

// pages allows pages to list new signature fields at the end of /Annots and, where
// the certification says so, to get, change and lose annotations of readers.
func (c *comparison) pages() error {
	changed := false
	for num := range c.changed {
		changed = changed || !c.explained[num] && !c.added[num]
	}
	if !changed && len(c.widgets) == 0 {
		return nil
	}
	return c.old.WalkPages(func(p *pdffile.Page) error {
		list, isRef := p.Dict["Annots"].(pdffile.Ref)
		if !c.changed[p.Ref.Num] && !(isRef && c.changed[list.Num]) && c.level != 3 {
			return nil
		}
		return c.page(p)
	})
}

func (c *comparison) page(p *pdffile.Page) error {
	o, err := c.new.Object(p.Ref)
	if err != nil {
		return err
	}
	after, ok := o.(pdffile.Dict)
	if !ok {
		return forbid("page %d was replaced", p.Index+1)
	}
	if key, differs := otherKeys(p.Dict, after, "Annots"); differs {
		return forbid("page %d: the entry /%s of the page was changed", p.Index+1, key)
	}
	before, err := c.old.Array(p.Dict["Annots"])
	if err != nil {
		return err
	}
	now, err := c.new.Array(after["Annots"])
	if err != nil {
		return err
	}
	if err := c.annotations(p, before, now); err != nil {
		return err
	}
	if c.changed[p.Ref.Num] {
		c.explained[p.Ref.Num] = true
	}
	if ref, ok := after["Annots"].(pdffile.Ref); ok && (same(p.Dict["Annots"], ref) || c.added[ref.Num]) && c.changed[ref.Num] {
		c.explained[ref.Num] = true
	}
	return nil
}

// annotations compares what a page lists.
func (c *comparison) annotations(p *pdffile.Page, before, now pdffile.Array) error {
	kept := slices.DeleteFunc(now.Clone(), func(o pdffile.Object) bool {
		ref, ok := o.(pdffile.Ref)
		return ok && c.widgets[ref.Num] && !slices.Contains(before, o)
	})
	if c.level != 3 {
		if same(before, kept) && same(before, now[:len(before)]) {
			return nil
		}
		return forbid("page %d: an annotation was added to the page, or taken from it", p.Index+1)
	}
	for _, o := range before {
		if err := c.annotation(p, o, slices.ContainsFunc(kept, func(k pdffile.Object) bool { return same(k, o) })); err != nil {
			return err
		}
	}
	for _, o := range kept {
		if slices.ContainsFunc(before, func(b pdffile.Object) bool { return same(b, o) }) {
			continue
		}
		ref, ok := o.(pdffile.Ref)
		if !ok || !c.added[ref.Num] {
			return forbid("page %d: an annotation was added to the page that is no new object", p.Index+1)
		}
		d, err := c.new.Dict(ref)
		if err != nil {
			return err
		}
		if err := c.readersMark(p, d); err != nil {
			return err
		}
		c.explained[ref.Num] = true
		if err := c.explainNew(d, 0); err != nil {
			return err
		}
		if err := c.markSeen(p, c.new, d); err != nil {
			return err
		}
	}
	return nil
}

// annotation judges one that was there before.
func (c *comparison) annotation(p *pdffile.Page, o pdffile.Object, stays bool) error {
	ref, ok := o.(pdffile.Ref)
	if stays && (!ok || !c.changed[ref.Num] || c.explained[ref.Num]) {
		return nil
	}
	before, err := c.old.Dict(o)
	if err != nil {
		return err
	}
	if err := c.readersMark(p, before); err != nil {
		return err
	}
	if err := c.markSeen(p, c.old, before); err != nil || !stays {
		return err
	}
	after, err := c.new.Dict(ref)
	if err != nil {
		return err
	}
	if err := c.readersMark(p, after); err != nil {
		return err
	}
	c.explained[ref.Num] = true
	if err := c.explainNew(after, 0); err != nil {
		return err
	}
	return c.markSeen(p, c.new, after)
}

// markKinds are the annotations that readers make (12.5.6.2), without those that
// play or run something.
var markKinds = []pdffile.Name{
	"Text", "FreeText", "Line", "Square", "Circle", "Polygon", "PolyLine", "Highlight", "Underline", "Squiggly", "StrikeOut", "Stamp", "Caret", "Ink", "Popup",
}

func (c *comparison) readersMark(p *pdffile.Page, d pdffile.Dict) error {
	kind, _ := d["Subtype"].(pdffile.Name)
	if !slices.Contains(markKinds, kind) || d["A"] != nil || d["AA"] != nil {
		return forbid("page %d: an annotation of the kind %q was added, changed or taken away, which the certification does not allow", p.Index+1, kind)
	}
	c.found.annotations++
	return nil
}

func (c *comparison) markSeen(p *pdffile.Page, f *pdffile.File, d pdffile.Dict) error {
	rect, err := f.Rect(d["Rect"])
	if err != nil {
		return err
	}
	if rect.Width() > 0 && rect.Height() > 0 {
		c.found.areas = append(c.found.areas, area{page: p.Index, rect: rect, mark: true, what: "an annotation"})
	}
	return nil
}
