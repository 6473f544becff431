package pades

import (
	"slices"

	"github.com/paraph/paraph/pades/pdffile"
)

// form allows new signature fields at the end of /Fields, and the /SigFlags.
func (c *comparison) form() error {
	a, err := c.old.Catalog()
	if err != nil {
		return err
	}
	b, err := c.new.Catalog()
	if err != nil {
		return err
	}
	x, err := c.old.AcroForm()
	if err != nil {
		return err
	}
	y, err := c.new.AcroForm()
	if err != nil {
		return err
	}
	if y == nil && x != nil {
		return forbid("the form was removed")
	}
	if _, isRef := a["AcroForm"].(pdffile.Ref); isRef && !same(a["AcroForm"], b["AcroForm"]) {
		return forbid("the form was replaced")
	}
	if key, differs := otherKeys(x, y, "Fields", "SigFlags", "DR", "NeedAppearances"); differs {
		return forbid("the form's entry /%s was changed", key)
	}
	if err := c.resources(x["DR"], y["DR"]); err != nil {
		return err
	}
	c.explain(b["AcroForm"])
	fields, err := c.appended(x["Fields"], y["Fields"], "the list of form fields")
	if err != nil {
		return err
	}
	for _, o := range fields {
		if err := c.newField(o); err != nil {
			return err
		}
	}
	return nil
}

// appended compares two arrays and gives what the newer has at its end.
func (c *comparison) appended(before, after pdffile.Object, what string) (pdffile.Array, error) {
	x, err := c.old.Array(before)
	if err != nil {
		return nil, err
	}
	y, err := c.new.Array(after)
	if err != nil {
		return nil, err
	}
	if len(y) < len(x) || !same(x, y[:len(x)]) {
		return nil, forbid("%s was changed", what)
	}
	if ref, ok := after.(pdffile.Ref); ok {
		// A list that was an object before must stay that object, or it could
		// be one that something else shows.
		if same(before, after) || c.added[ref.Num] {
			c.explained[ref.Num] = true
		}
	}
	return y[len(x):], nil
}

// fieldKeys are what a signature field with its widget may hold; actions are not among them.
var fieldKeys = []pdffile.Name{
	"Type", "Subtype", "FT", "T", "TU", "V", "P", "F", "Ff", "Rect", "AP", "MK", "Lock", "SV", "M", "NM", "DA", "Q", "Border", "BS", "StructParent",
}

func (c *comparison) newField(o pdffile.Object) error {
	ref, ok := o.(pdffile.Ref)
	if !ok || !c.added[ref.Num] {
		return forbid("a form field was added that is no new object")
	}
	v, err := c.new.Object(ref)
	if err != nil {
		return err
	}
	d, ok := v.(pdffile.Dict)
	if !ok || d["FT"] != pdffile.Object(pdffile.Name("Sig")) {
		return forbid("a form field was added that is no signature field")
	}
	for key := range d {
		if !slices.Contains(fieldKeys, key) {
			return forbid("the added signature field has the entry /%s", key)
		}
	}
	c.explained[ref.Num], c.widgets[ref.Num] = true, true
	if err := c.signatureValue(d, d["T"]); err != nil {
		return err
	}
	return c.seenAt(ref, d, false, "a new signature field")
}

// resources lets the form's default resources get more of them: what was there
// stays as it was.
func (c *comparison) resources(before, after pdffile.Object) error {
	if same(before, after) {
		if ref, ok := after.(pdffile.Ref); !ok || !c.changed[ref.Num] {
			return nil
		}
	}
	x, err := c.old.Dict(before)
	if err != nil {
		return err
	}
	y, err := c.new.Dict(after)
	if err != nil {
		return err
	}
	for kind, value := range x {
		p, err := c.old.Resolve(value)
		if err != nil {
			return err
		}
		q, err := c.new.Resolve(y[kind])
		if err != nil {
			return err
		}
		list, isDict := p.(pdffile.Dict)
		more, both := q.(pdffile.Dict)
		if !isDict || !both {
			if !same(p, q) {
				return forbid("the form's default resources /%s were changed", kind)
			}
			continue
		}
		for name, o := range list {
			if !same(o, more[name]) {
				return forbid("the form's default resource /%s was changed", name)
			}
		}
	}
	if ref, ok := after.(pdffile.Ref); ok && (c.added[ref.Num] || same(before, after)) {
		c.explained[ref.Num] = true
	}
	return c.explainNew(after, 0)
}

// signatureValue counts the value of a field that was added or filled.
func (c *comparison) signatureValue(d pdffile.Dict, name pdffile.Object) error {
	sig, err := c.new.Dict(d["V"])
	if err != nil {
		return err
	}
	switch {
	case sig == nil:
		c.found.fieldsOnly++
	case sig["SubFilter"] == pdffile.Object(pdffile.Name("ETSI.RFC3161")):
		c.found.timestamps++
		rect, err := c.new.Array(d["Rect"])
		if err != nil {
			return err
		}
		if d["AP"] != nil && !empty(rect) {
			return forbid("a document timestamp has a visible appearance")
		}
	default:
		c.found.signatures++
		text, _ := name.(pdffile.String)
		c.found.signed = append(c.found.signed, decodeText(string(text)))
	}
	for _, key := range []pdffile.Name{"V", "AP", "MK", "Lock", "SV"} {
		if err := c.explainNew(d[key], 0); err != nil {
			return err
		}
	}
	return nil
}

// empty tells whether a rectangle has no area.
func empty(r pdffile.Array) bool {
	if len(r) != 4 {
		return len(r) == 0
	}
	return same(r[0], r[2]) || same(r[1], r[3])
}

// explainNew explains objects that the revision added, as far as they are
// reached from o; objects that were there before are not followed.
func (c *comparison) explainNew(o pdffile.Object, depth int) error {
	if depth > 40 {
		return forbid("what was added is nested too deeply")
	}
	switch v := o.(type) {
	case pdffile.Ref:
		if !c.added[v.Num] || c.explained[v.Num] {
			return nil
		}
		c.explained[v.Num] = true
		target, err := c.new.Object(v)
		if err != nil {
			return err
		}
		return c.explainNew(target, depth+1)
	case pdffile.Array:
		for _, e := range v {
			if err := c.explainNew(e, depth+1); err != nil {
				return err
			}
		}
	case pdffile.Dict:
		for _, e := range v {
			if err := c.explainNew(e, depth+1); err != nil {
				return err
			}
		}
	case *pdffile.Stream:
		return c.explainNew(v.Dict, depth+1)
	}
	return nil
}

// filledFields allows empty signature fields to be filled.
func (c *comparison) filledFields() error {
	fields, err := c.old.SignatureFields()
	if err != nil {
		return err
	}
	for _, f := range fields {
		if f.Signed() || !c.changed[f.Field.Num] {
			continue
		}
		before, err := c.old.Dict(f.Field)
		if err != nil {
			return err
		}
		after, err := c.new.Object(f.Field)
		if err != nil {
			return err
		}
		d, ok := after.(pdffile.Dict)
		if !ok {
			return forbid("a signature field was replaced")
		}
		if key, differs := otherKeys(before, d, "V", "AP", "MK", "F"); differs {
			return forbid("a signature field's entry /%s was changed", key)
		}
		c.explained[f.Field.Num] = true
		if err := c.signatureValue(d, pdffile.String(f.Name)); err != nil {
			return err
		}
		if d["Rect"] != nil && !same(before["AP"], d["AP"]) {
			if err := c.seenAt(f.Field, d, true, "a signature in a field of the form"); err != nil {
				return err
			}
		}
		if err := c.filledWidgets(d); err != nil {
			return err
		}
	}
	return nil
}

// filledWidgets allows the widgets of a filled field to get their appearance.
func (c *comparison) filledWidgets(field pdffile.Dict) error {
	kids, err := c.old.Array(field["Kids"])
	if err != nil {
		return err
	}
	for _, kid := range kids {
		ref, ok := kid.(pdffile.Ref)
		if !ok || !c.changed[ref.Num] {
			continue
		}
		before, err := c.old.Dict(ref)
		if err != nil {
			return err
		}
		after, err := c.new.Dict(ref)
		if err != nil {
			return err
		}
		if key, differs := otherKeys(before, after, "AP", "MK", "F"); differs {
			return forbid("a signature widget's entry /%s was changed", key)
		}
		c.explained[ref.Num] = true
		if err := c.seenAt(ref, after, true, "a signature in a field of the form"); err != nil {
			return err
		}
		for _, key := range []pdffile.Name{"AP", "MK"} {
			if err := c.explainNew(after[key], 0); err != nil {
				return err
			}
		}
	}
	return nil
}
