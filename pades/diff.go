package pades

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/paraph/paraph/pades/pdffile"
)

// forbidden is a change that no policy allows.
type forbidden struct{ why string }

func (f *forbidden) Error() string { return f.why }

func forbid(format string, args ...any) error { return &forbidden{fmt.Sprintf(format, args...)} }

// additions counts what a revision brought.
type additions struct{ signatures, timestamps, fieldsOnly int }

// comparison explains the changes between a revision and the one before. What
// is left unexplained is forbidden: the list of what is allowed is short, and
// everything else counts as an attack.
type comparison struct {
	old, new  *pdffile.File
	changed   map[uint32]bool // differing or added objects
	added     map[uint32]bool // those of them that were not there before
	explained map[uint32]bool
	service   map[uint32]bool // cross-reference and object streams of the revision
	widgets   map[uint32]bool // new signature fields, which pages may list
	found     additions
}

// compare returns what a revision added, or a *forbidden error with the reason.
func compare(old, current *pdffile.File, r pdffile.Revision) (additions, error) {
	c := &comparison{
		old: old, new: current, changed: map[uint32]bool{}, added: map[uint32]bool{},
		explained: map[uint32]bool{}, service: map[uint32]bool{}, widgets: map[uint32]bool{},
	}
	for _, step := range []func() error{
		func() error { return c.collect(r) },
		c.trailer, c.catalog, c.form, c.filledFields, c.validationData, c.rest, c.dangling,
	} {
		if err := step(); err != nil {
			return c.found, err
		}
	}
	return c.found, nil
}

// collect finds the objects that the revision changed, and refuses entries
// that point at anything but the revision's own bytes.
func (c *comparison) collect(r pdffile.Revision) error {
	own := map[uint32]bool{}
	for _, s := range r.Sections {
		own[s.Self] = true
	}
	containers := map[uint32]bool{}
	for _, num := range r.Numbers() {
		ref, offset, container, ok := c.new.Place(num)
		oldRef, oldOffset, oldContainer, was := c.old.Place(num)
		if ok == was && ref == oldRef && offset == oldOffset && container == oldContainer {
			continue
		}
		switch {
		case !ok && was:
			return forbid("object %d was removed", num)
		case !ok:
			continue
		case container == 0 && (offset < r.Start || offset >= r.End):
			return forbid("object %d was redirected to bytes of another revision", num)
		case container != 0:
			if _, at, _, ok := c.new.Place(container); !ok || at < r.Start || at >= r.End {
				return forbid("object %d was redirected to an object stream of another revision", num)
			}
			containers[container] = true
		}
		if own[num] && !was {
			c.service[num] = true
			continue
		}
		if err := c.compareObject(num, oldRef, ref, was); err != nil {
			return err
		}
	}
	for num := range containers {
		if c.added[num] {
			c.explained[num] = true
		}
	}
	return nil
}

func (c *comparison) compareObject(num uint32, oldRef, ref pdffile.Ref, was bool) error {
	if !was {
		c.changed[num], c.added[num] = true, true
		return nil
	}
	before, err := c.old.Object(oldRef)
	if err != nil {
		return err
	}
	after, err := c.new.Object(ref)
	if err != nil {
		return err
	}
	same, err := c.equal(before, after)
	if err == nil && !same {
		c.changed[num] = true
	}
	return err
}

// equal compares without following references.
func (c *comparison) equal(a, b pdffile.Object) (bool, error) {
	x, isStream := a.(*pdffile.Stream)
	y, both := b.(*pdffile.Stream)
	if isStream != both {
		return false, nil
	}
	if !isStream {
		return same(a, b), nil
	}
	if !same(x.Dict, y.Dict) || x.Length != y.Length {
		return false, nil
	}
	p, q := sha256.New(), sha256.New()
	if _, err := io.Copy(p, c.old.Raw(x)); err != nil {
		return false, err
	}
	if _, err := io.Copy(q, c.new.Raw(y)); err != nil {
		return false, err
	}
	return bytes.Equal(p.Sum(nil), q.Sum(nil)), nil
}

// same compares two objects by how they are written, which is unambiguous.
func same(a, b pdffile.Object) bool {
	for _, o := range []pdffile.Object{a, b} {
		if _, ok := o.(*pdffile.Stream); ok {
			return false
		}
	}
	return bytes.Equal(pdffile.AppendObject(nil, a, 0), pdffile.AppendObject(nil, b, 0))
}

func (c *comparison) trailer() error {
	a, b := c.old.Trailer(), c.new.Trailer()
	for _, key := range []pdffile.Name{"Root", "Info"} {
		if !same(a[key], b[key]) {
			return forbid("the trailer's /%s was changed", key)
		}
	}
	x, err := c.old.Array(a["ID"])
	if err != nil {
		return err
	}
	y, err := c.new.Array(b["ID"])
	if err != nil {
		return err
	}
	if len(x) == 2 && (len(y) != 2 || !same(x[0], y[0])) {
		return forbid("the permanent identifier of the file was changed")
	}
	return nil
}

// otherKeys gives the first key, outside those named, whose value differs.
func otherKeys(a, b pdffile.Dict, allowed ...pdffile.Name) (pdffile.Name, bool) {
	keys := map[pdffile.Name]bool{}
	for k := range a {
		keys[k] = true
	}
	for k := range b {
		keys[k] = true
	}
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		if !slices.Contains(allowed, k) && !same(a[k], b[k]) {
			return k, true
		}
	}
	return "", false
}

func (c *comparison) catalog() error {
	a, err := c.old.Catalog()
	if err != nil {
		return err
	}
	b, err := c.new.Catalog()
	if err != nil {
		return err
	}
	if key, differs := otherKeys(a, b, "DSS", "AcroForm", "Extensions", "Version"); differs {
		return forbid("the catalog's entry /%s was changed", key)
	}
	va, _ := a["Version"].(pdffile.Name)
	vb, _ := b["Version"].(pdffile.Name)
	if vb < va || len(vb) > 3 {
		return forbid("the version of the file was changed to %q", vb)
	}
	if err := c.extensions(a, b); err != nil {
		return err
	}
	c.explain(c.new.Trailer()["Root"])
	return nil
}

// extensions may be added, never changed (ISO 32000-1, 7.12).
func (c *comparison) extensions(a, b pdffile.Dict) error {
	x, err := c.old.Dict(a["Extensions"])
	if err != nil {
		return err
	}
	y, err := c.new.Dict(b["Extensions"])
	if err != nil {
		return err
	}
	for key, value := range x {
		if !same(value, y[key]) {
			return forbid("the extension /%s was changed", key)
		}
	}
	for key, value := range y {
		if _, old := x[key]; old || key == "Type" {
			continue
		}
		switch value.(type) {
		case pdffile.Dict, pdffile.Array:
		default:
			return forbid("the extension /%s is not declared as it must be", key)
		}
	}
	if _, ok := b["Extensions"].(pdffile.Ref); ok {
		c.explain(b["Extensions"])
	}
	return nil
}

func (c *comparison) explain(o pdffile.Object) {
	if ref, ok := o.(pdffile.Ref); ok {
		c.explained[ref.Num] = true
	}
}

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
	if key, differs := otherKeys(x, y, "Fields", "SigFlags"); differs {
		return forbid("the form's entry /%s was changed", key)
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
	if err := c.signatureValue(d); err != nil {
		return err
	}
	return c.pageOf(d)
}

// signatureValue counts the value of a field that was added or filled.
func (c *comparison) signatureValue(d pdffile.Dict) error {
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

// pageOf allows the field's page to list the new widget at the end of /Annots.
func (c *comparison) pageOf(field pdffile.Dict) error {
	ref, ok := field["P"].(pdffile.Ref)
	if !ok {
		return nil
	}
	before, err := c.old.Object(ref)
	if err != nil {
		return err
	}
	after, err := c.new.Object(ref)
	if err != nil {
		return err
	}
	x, wasPage := before.(pdffile.Dict)
	y, isPage := after.(pdffile.Dict)
	if !wasPage || !isPage {
		return nil
	}
	if key, differs := otherKeys(x, y, "Annots"); differs {
		return forbid("a page's entry /%s was changed", key)
	}
	list, err := c.appended(x["Annots"], y["Annots"], "a page's list of annotations")
	if err != nil {
		return err
	}
	for _, o := range list {
		if w, ok := o.(pdffile.Ref); !ok || !c.widgets[w.Num] && !c.isNewField(w) {
			return forbid("an annotation was added to a page")
		}
	}
	c.explained[ref.Num] = true
	return nil
}

// isNewField tells whether the form lists the object as a new field.
func (c *comparison) isNewField(w pdffile.Ref) bool {
	form, err := c.new.AcroForm()
	if err != nil {
		return false
	}
	fields, err := c.new.Array(form["Fields"])
	return err == nil && c.added[w.Num] && slices.Contains(fields, pdffile.Object(w))
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
		if err := c.signatureValue(d); err != nil {
			return err
		}
	}
	return nil
}

// rest refuses every change that nothing has explained.
func (c *comparison) rest() error {
	for _, num := range slices.Sorted(maps.Keys(c.changed)) {
		if c.explained[num] {
			continue
		}
		return c.describe(num)
	}
	return nil
}

// dangling refuses objects that the signed document asked for in vain and
// that are supplied now: they would appear wherever it asked for them.
func (c *comparison) dangling() error {
	if len(c.added)+len(c.service) == 0 {
		return nil
	}
	t := c.old.Trailer()
	wanted, err := reachable(c.old, pdffile.Array{t["Root"], t["Info"]}, nil)
	if err != nil {
		return err
	}
	for num := range wanted {
		if c.added[num] || c.service[num] {
			return forbid("object %d was missing in the signed document and was supplied later", num)
		}
	}
	return nil
}

func (c *comparison) describe(num uint32) error {
	if c.added[num] {
		return forbid("object %d was added, which nothing allowed needs", num)
	}
	ref, _, _, _ := c.old.Place(num)
	d, err := c.old.Dict(ref)
	if err != nil || d == nil {
		return forbid("object %d was changed", num)
	}
	switch kind, _ := d["Type"].(pdffile.Name); kind {
	case "Page":
		return forbid("a page was changed (object %d)", num)
	case "Pages":
		before, err1 := c.old.NumPages()
		after, err2 := c.new.NumPages()
		if err1 == nil && err2 == nil && before != after {
			return forbid("the document had %d pages and has %d now", before, after)
		}
		return forbid("the page tree was changed")
	case "":
		if d["FT"] != nil || d["Parent"] != nil && d["T"] != nil {
			return forbid("a form field was changed (object %d)", num)
		}
		return forbid("object %d was changed", num)
	default:
		return forbid("object %d of type %s was changed", num, kind)
	}
}
