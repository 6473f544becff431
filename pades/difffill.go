package pades

import (
	"slices"

	"github.com/paraph/paraph/pades/pdffile"
)

// fieldOf is a form field, or a widget of one, as the old document had it.
type fieldOf struct {
	name   string
	ref    pdffile.Ref
	kind   pdffile.Object // its type, /FT
	widget bool           // an object of its own that shows the field
	parent pdffile.Ref    // of a widget: the field
}

// fillKeys are what filling a field or showing its new value changes.
var fillKeys = []pdffile.Name{"V", "RV", "I", "AP", "AS", "M", "MK"}

// fillings finds fields other than signatures that got another value. Whether they
// may is for the caller to say.
func (c *comparison) fillings() error {
	pending := false
	for num := range c.changed {
		pending = pending || !c.explained[num] && !c.added[num]
	}
	if !pending {
		return nil
	}
	fields, err := c.oldFields()
	if err != nil {
		return err
	}
	own := map[uint32]bool{} // fields and widgets that were filled
	for _, f := range fields {
		if !c.changed[f.ref.Num] || c.explained[f.ref.Num] || f.kind == pdffile.Object(pdffile.Name("Sig")) {
			continue
		}
		if err := c.filling(f); err != nil {
			return err
		}
		own[f.ref.Num] = true
	}
	// Some programs write the new appearance over the old one, which is well as
	// long as nothing but the field shows it.
	return c.overwritten(own)
}

// oldFields lists the fields of the old document and their widgets.
func (c *comparison) oldFields() ([]fieldOf, error) {
	var list []fieldOf
	err := c.old.WalkFields(func(name string, ref pdffile.Ref, d pdffile.Dict, kind pdffile.Object) error {
		list = append(list, fieldOf{name: decodeText(name), ref: ref, kind: kind})
		kids, err := c.old.Array(d["Kids"])
		if err != nil {
			return err
		}
		for _, kid := range kids {
			r, ok := kid.(pdffile.Ref)
			if !ok {
				continue
			}
			k, err := c.old.Dict(r)
			if err != nil {
				return err
			}
			if k["T"] == nil {
				list = append(list, fieldOf{name: decodeText(name), ref: r, kind: kind, widget: true, parent: ref})
			}
		}
		return nil
	})
	return list, err
}

func (c *comparison) filling(f fieldOf) error {
	before, err := c.old.Dict(f.ref)
	if err != nil {
		return err
	}
	o, err := c.new.Object(f.ref)
	if err != nil {
		return err
	}
	after, ok := o.(pdffile.Dict)
	if !ok {
		return forbid("the form field %s was replaced", f.name)
	}
	if key, differs := otherKeys(before, after, fillKeys...); differs {
		return forbid("the form field %s: its entry /%s was changed", f.name, key)
	}
	if !same(before["V"], after["V"]) {
		had, err := c.old.Resolve(before["V"])
		if err != nil {
			return err
		}
		if blank(had) {
			c.found.filled = append(c.found.filled, f.name)
		} else {
			c.found.replaced = append(c.found.replaced, f.name)
		}
	} else if !slices.Contains(c.found.filled, f.name) {
		// Another face for the same value: as good as another value.
		c.found.replaced = append(c.found.replaced, f.name)
	}
	c.explained[f.ref.Num] = true
	for _, key := range fillKeys {
		if err := c.explainNew(after[key], 0); err != nil {
			return err
		}
	}
	return c.seenAt(f.ref, after, true, "the form field "+f.name)
}

// blank tells whether a field's value is none.
func blank(o pdffile.Object) bool {
	switch v := o.(type) {
	case nil, pdffile.Null:
		return true
	case pdffile.String:
		return v == ""
	case pdffile.Name:
		return v == "Off" || v == ""
	case pdffile.Array:
		return len(v) == 0
	}
	return false
}

// overwritten explains appearances of filled fields that were changed in place.
func (c *comparison) overwritten(own map[uint32]bool) error {
	if len(own) == 0 {
		return nil
	}
	streams := map[uint32]bool{}
	for num := range own {
		ref, _, _, _ := c.old.Place(num)
		d, err := c.old.Dict(ref)
		if err != nil {
			return err
		}
		reach, err := reachable(c.old, d["AP"], nil)
		if err != nil {
			return err
		}
		for n := range reach {
			if c.changed[n] && !c.explained[n] {
				streams[n] = true
			}
		}
	}
	if len(streams) == 0 {
		return nil
	}
	barrier := map[uint32]bool{}
	for num := range own {
		barrier[num] = true
	}
	t := c.old.Trailer()
	elsewhere, err := reachable(c.old, pdffile.Array{t["Root"], t["Info"]}, barrier)
	if err != nil {
		return err
	}
	for num := range streams {
		if elsewhere[num] {
			return forbid("object %d, which a form field shows, was changed, and other parts of the document show it too", num)
		}
		ref, _, _, ok := c.new.Place(num)
		if !ok {
			return forbid("the appearance of a form field was removed")
		}
		o, err := c.new.Object(ref)
		if err != nil {
			return err
		}
		c.explained[num] = true
		if err := c.explainNew(o, 0); err != nil {
			return err
		}
	}
	return nil
}
