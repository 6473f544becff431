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

// additions is what a revision brought.
type additions struct {
	signatures, timestamps, fieldsOnly int
	signed                             []string // names of the fields that were signed
	info, metadata                     bool     // date or producer; the document's XMP
	filled, replaced                   []string // names of fields that had no value before, or another
	annotations                        int      // added, changed or taken away
	areas                              []area   // where something may be seen
	unused                             int      // objects that nothing leads to
}

// comparison explains the changes between a revision and the one before. What
// is left unexplained is forbidden: the list of what is allowed is short, and
// everything else counts as an attack.
type comparison struct {
	old, new  *pdffile.File
	level     int             // what the certification allows; 0: there is none
	changed   map[uint32]bool // differing or added objects
	added     map[uint32]bool // those of them that were not there before
	explained map[uint32]bool
	service   map[uint32]bool // cross-reference and object streams of the revision
	widgets   map[uint32]bool // new signature fields, which pages may list
	places    map[uint32]int  // pages by object, counted from 0
	found     additions
}

// compare returns what a revision added, or a *forbidden error with the reason.
func compare(old, current *pdffile.File, r pdffile.Revision, level int) (additions, error) {
	c := &comparison{
		old: old, new: current, level: level, changed: map[uint32]bool{}, added: map[uint32]bool{},
		explained: map[uint32]bool{}, service: map[uint32]bool{}, widgets: map[uint32]bool{},
	}
	for _, step := range []func() error{
		func() error { return c.collect(r) },
		c.trailer, c.information, c.catalog, c.form, c.filledFields, c.fillings, c.pages, c.validationData, c.rest, c.dangling,
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

// information allows the /ModDate and /Producer that programs write with every
// update (14.3.3); nothing of them is shown on a page.
func (c *comparison) information() error {
	ref, ok := c.new.Trailer()["Info"].(pdffile.Ref)
	if !ok || !c.changed[ref.Num] {
		return nil
	}
	before, err := c.old.Dict(ref)
	if err != nil {
		return err
	}
	after, err := c.new.Dict(ref)
	if err != nil {
		return err
	}
	if key, differs := otherKeys(before, after, "ModDate", "Producer"); differs {
		return forbid("the document information's entry /%s was changed", key)
	}
	for _, key := range []pdffile.Name{"ModDate", "Producer"} {
		if _, text := after[key].(pdffile.String); !text && after[key] != nil {
			return forbid("the document information's entry /%s is no text", key)
		}
	}
	c.found.info = true
	c.explained[ref.Num] = true
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
	if key, differs := otherKeys(a, b, "DSS", "AcroForm", "Extensions", "Version", "Metadata"); differs {
		return forbid("the catalog's entry /%s was changed", key)
	}
	if err := c.metadata(a, b); err != nil {
		return err
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

// metadata allows the document's XMP to be written anew, which programs do with
// every update to note its date (14.3.2); no page shows it.
func (c *comparison) metadata(a, b pdffile.Dict) error {
	before, wasRef := a["Metadata"].(pdffile.Ref)
	after, isRef := b["Metadata"].(pdffile.Ref)
	if !isRef {
		if b["Metadata"] == nil && a["Metadata"] == nil {
			return nil
		}
		return forbid("the document's metadata was removed or is no stream")
	}
	if !c.changed[after.Num] {
		if !wasRef || before != after {
			return forbid("the document's metadata was exchanged for an object that was there before")
		}
		return nil
	}
	o, err := c.new.Object(after)
	if err != nil {
		return err
	}
	stream, ok := o.(*pdffile.Stream)
	if !ok || stream.Dict["Type"] != pdffile.Object(pdffile.Name("Metadata")) || stream.Dict["Subtype"] != pdffile.Object(pdffile.Name("XML")) {
		return forbid("the document's metadata is no XMP")
	}
	if !c.added[after.Num] {
		shared, err := c.usedBeside(map[uint32]bool{after.Num: true}, "Metadata")
		if err != nil {
			return err
		}
		if shared {
			return forbid("metadata was changed that other parts of the document use")
		}
	}
	c.found.metadata = true
	c.explained[after.Num] = true
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

// rest refuses every change that nothing has explained. New objects that nothing
// leads to are counted: programs leave such behind, and nobody is shown them.
func (c *comparison) rest() error {
	var used map[uint32]bool
	for _, num := range slices.Sorted(maps.Keys(c.changed)) {
		if c.explained[num] {
			continue
		}
		if !c.added[num] {
			return c.describe(num)
		}
		if used == nil {
			t := c.new.Trailer()
			var err error
			if used, err = reachable(c.new, pdffile.Array{t["Root"], t["Info"]}, nil); err != nil {
				return err
			}
		}
		if used[num] {
			return c.describe(num)
		}
		c.found.unused++
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
