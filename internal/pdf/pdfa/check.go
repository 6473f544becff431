package pdfa

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/paraph/paraph/pades/pdffile"
)

// Findings are what a look at a document found.
type Findings struct {
	Claimed Claim    // what it says of itself
	Reasons []string // why it does not keep to PDF/A-3; empty where it does

	metadata []byte                       // as it stands in the document
	mended   map[pdffile.Ref]pdffile.Dict // what can be set right without changing what is seen
}

// Keeps tells whether the document can be declared PDF/A-3.
func (f *Findings) Keeps() bool { return len(f.Reasons) == 0 }

// Conformance is the level that can be declared: what the document claims
// itself, or the basic one.
func (f *Findings) Conformance() string {
	if f.Claimed.Part > 0 && (f.Claimed.Conformance == "A" || f.Claimed.Conformance == "U") {
		return f.Claimed.Conformance
	}
	return "B"
}

// Level names that level; it is empty where the document does not keep to any.
func (f *Findings) Level() string {
	if !f.Keeps() {
		return ""
	}
	return Claim{Part: 3, Conformance: f.Conformance()}.Level()
}

// Bounds of what is looked at. A document beyond them counts as one that does
// not keep to PDF/A: nobody could say.
const (
	maxReasons = 8
	maxObjects = 200_000
	maxContent = 64 << 20
)

// checker looks at everything a document reaches from its catalog. It is strict
// on purpose: what it does not know counts as a breach.
type checker struct {
	f       *pdffile.File
	found   *Findings
	seen    map[pdffile.Ref]bool
	scanned map[pdffile.Ref]bool
	objects int
	content int
	rgb     bool // device RGB is described by the output intent
	cmyk    bool
	spots   map[pdffile.Name]pdffile.Object // separations by name
	fonts   map[pdffile.Ref]*fontUse
	inline  []*fontUse // fonts that are no objects of their own
}

// Check tells whether a document keeps to PDF/A-3b (ISO 19005-3), apart from
// its metadata and output intent, which can be added. Only a fault of reading is
// an error.
func Check(file *pdffile.File) (*Findings, error) {
	c := &checker{
		f: file, found: &Findings{mended: map[pdffile.Ref]pdffile.Dict{}}, seen: map[pdffile.Ref]bool{}, scanned: map[pdffile.Ref]bool{},
		spots: map[pdffile.Name]pdffile.Object{}, fonts: map[pdffile.Ref]*fontUse{},
	}
	err := c.document()
	if pdffile.IsRefusal(err) {
		c.breach("part of it cannot be read: %v", err)
		err = nil
	}
	return c.found, err
}

// breach notes why the document does not keep to PDF/A.
func (c *checker) breach(format string, args ...any) {
	reason := fmt.Sprintf(format, args...)
	if len(c.found.Reasons) < maxReasons && !slices.Contains(c.found.Reasons, reason) {
		c.found.Reasons = append(c.found.Reasons, reason)
	}
}

func (c *checker) document() error {
	catalog, err := c.f.Catalog()
	if err != nil {
		return err
	}
	if err := c.claims(catalog); err != nil {
		return err
	}
	if err := c.syntax(); err != nil {
		return err
	}
	if err := c.intents(catalog); err != nil {
		return err
	}
	if err := c.forms(catalog); err != nil {
		return err
	}
	for key, why := range map[pdffile.Name]string{
		"AA": "it has actions of its own", "OCProperties": "it has layers", "Requirements": "it makes requirements of its reader", "Collection": "it is a portfolio",
	} {
		if !isNull(catalog[key]) {
			c.breach("%s", why)
		}
	}
	if err := c.names(catalog); err != nil {
		return err
	}
	if err := c.f.WalkPages(c.page); err != nil {
		return err
	}
	rest := catalog.Clone()
	for _, done := range []pdffile.Name{"Pages", "Metadata", "OutputIntents"} {
		delete(rest, done)
	}
	if err := c.walk(rest, "", 0); err != nil {
		return err
	}
	return c.checkFonts()
}

var claimed = regexp.MustCompile(`pdfaid:(part|conformance)\s*(?:=\s*["']\s*|>\s*)([0-9A-Za-z]+)`)

// claims reads what the document says of itself in its metadata.
func (c *checker) claims(catalog pdffile.Dict) error {
	o, err := c.f.Resolve(catalog["Metadata"])
	if err != nil {
		return err
	}
	s, ok := o.(*pdffile.Stream)
	if !ok {
		return nil
	}
	if c.found.metadata, err = c.f.Decoded(s); err != nil {
		return err
	}
	for _, m := range claimed.FindAllSubmatch(c.found.metadata, -1) {
		if string(m[1]) == "part" {
			c.found.Claimed.Part, _ = strconv.Atoi(string(m[2]))
		} else {
			c.found.Claimed.Conformance = strings.ToUpper(string(m[2]))
		}
	}
	if claimedUA.Match(c.found.metadata) {
		c.found.Claimed.UA = 1
	}
	return nil
}

var claimedUA = regexp.MustCompile(`pdfuaid:part\s*(?:=\s*["']\s*|>\s*)1`)

// intents reads which device colours the document's own output intent describes.
// Without one, ours describes RGB.
func (c *checker) intents(catalog pdffile.Dict) error {
	list, err := c.f.Array(catalog["OutputIntents"])
	if err != nil {
		return err
	}
	c.rgb = true
	for i, entry := range list {
		d, err := c.f.Dict(entry)
		if err != nil {
			return err
		}
		o, err := c.f.Resolve(d["DestOutputProfile"])
		if err != nil {
			return err
		}
		profile, ok := o.(*pdffile.Stream)
		if d["S"] != pdffile.Object(pdffile.Name("GTS_PDFA1")) || !ok || i > 0 {
			c.breach("it has an output intent of another kind")
			return nil
		}
		space, err := c.profile(profile)
		if err != nil {
			return err
		}
		c.rgb, c.cmyk = space == "RGB ", space == "CMYK"
		if !c.rgb {
			c.breach("its output intent is not for RGB, in which the certificate is written")
		}
	}
	return nil
}

func (c *checker) forms(catalog pdffile.Dict) error {
	form, err := c.f.Dict(catalog["AcroForm"])
	if err != nil || form == nil {
		return err
	}
	if !isNull(form["XFA"]) {
		c.breach("it has an XFA form")
	}
	if needed, err := c.f.Resolve(form["NeedAppearances"]); err != nil {
		return err
	} else if needed == pdffile.Object(pdffile.Bool(true)) {
		c.breach("its form leaves the look of fields to the reader")
	}
	return nil
}

// names looks at the catalog's name trees.
func (c *checker) names(catalog pdffile.Dict) error {
	names, err := c.f.Dict(catalog["Names"])
	if err != nil {
		return err
	}
	if !isNull(names["JavaScript"]) {
		c.breach("it runs scripts")
	}
	if !isNull(names["AlternatePresentations"]) {
		c.breach("it has alternate presentations")
	}
	associated, err := c.f.Array(catalog["AF"])
	if err != nil {
		return err
	}
	entries, err := attached(c.f, names["EmbeddedFiles"])
	if err != nil {
		return err
	}
	for _, e := range entries {
		spec, err := c.f.Dict(e.file)
		if err != nil {
			return err
		}
		files, err := c.f.Dict(spec["EF"])
		if err != nil {
			return err
		}
		o, err := c.f.Resolve(files["F"])
		if err != nil {
			return err
		}
		data, ok := o.(*pdffile.Stream)
		related := slices.ContainsFunc(associated, func(o pdffile.Object) bool { return o == e.file })
		if !ok || isNull(data.Dict["Subtype"]) || isNull(spec["F"]) || isNull(spec["UF"]) || isNull(spec["AFRelationship"]) || !related {
			c.breach("an attached file does not say what it is to the document")
		}
	}
	return nil
}

// page looks at a page and all it shows.
func (c *checker) page(p *pdffile.Page) error {
	where := fmt.Sprintf("page %d", p.Index+1)
	for _, key := range []pdffile.Name{"AA", "PresSteps"} {
		if !isNull(p.Dict[key]) {
			c.breach("%s has %s", where, map[pdffile.Name]string{"AA": "actions of its own", "PresSteps": "a presentation"}[key])
		}
	}
	for _, side := range []float64{p.MediaBox.Width(), p.MediaBox.Height(), p.CropBox.Width(), p.CropBox.Height()} {
		if side < 3 || side > 14400 {
			c.breach("%s is too small or too large", where)
		}
	}
	resources, err := c.f.Dict(p.Resources)
	if err != nil {
		return err
	}
	if isNull(p.Dict["Resources"]) && resources != nil { // 6.2.2: they must be the page's own
		d := p.Dict.Clone()
		d["Resources"] = p.Resources
		c.found.mended[p.Ref] = d
	}
	if err := c.annotations(p.Dict["Annots"], where); err != nil {
		return err
	}
	content, err := c.contents(p.Dict["Contents"])
	if err != nil {
		return err
	}
	if err := c.scan(content, resources, where); err != nil {
		return err
	}
	if err := c.walk(resources, where, 1); err != nil {
		return err
	}
	rest := p.Dict.Clone()
	for _, done := range []pdffile.Name{"Parent", "Contents", "Resources"} {
		delete(rest, done)
	}
	return c.walk(rest, where, 1)
}

// contents gives a page's content, its parts joined.
func (c *checker) contents(o pdffile.Object) ([]byte, error) {
	resolved, err := c.f.Resolve(o)
	if err != nil {
		return nil, err
	}
	list, ok := resolved.(pdffile.Array)
	if !ok {
		list = pdffile.Array{resolved}
	}
	var all []byte
	for _, part := range list {
		o, err := c.f.Resolve(part)
		if err != nil {
			return nil, err
		}
		s, ok := o.(*pdffile.Stream)
		if !ok {
			continue
		}
		data, err := c.f.Decoded(s)
		if err != nil {
			return nil, err
		}
		all = append(append(all, data...), '\n')
	}
	return all, nil
}

func isNull(o pdffile.Object) bool {
	if o == nil {
		return true
	}
	_, null := o.(pdffile.Null)
	return null
}

// sorted visits a dictionary in a fixed order, so that reasons are told in it.
func sorted(d pdffile.Dict) []pdffile.Name { return slices.Sorted(maps.Keys(d)) }
