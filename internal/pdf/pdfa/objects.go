package pdfa

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/paraph/paraph/pades/pdffile"
)

// filters that PDF/A allows (6.1.7.2).
var filters = []pdffile.Name{"ASCIIHexDecode", "ASCII85Decode", "FlateDecode", "RunLengthDecode", "CCITTFaxDecode", "JBIG2Decode", "DCTDecode"}

// actions that PDF/A forbids (6.5.1).
var actions = []pdffile.Name{"Launch", "Sound", "Movie", "ResetForm", "ImportData", "JavaScript", "Hide", "SetOCGState", "Rendition", "Trans", "GoTo3DView"}

// walk looks at everything that a value leads to.
func (c *checker) walk(o pdffile.Object, where string, depth int) error {
	if depth > 90 {
		c.breach("it is nested too deeply to be looked at")
		return nil
	}
	if ref, ok := o.(pdffile.Ref); ok {
		if c.seen[ref] {
			return nil
		}
		c.seen[ref] = true
		if c.objects++; c.objects > maxObjects {
			c.breach("it has too many objects to be looked at")
			return nil
		}
		resolved, err := c.f.Object(ref)
		if err != nil {
			return err
		}
		if s, ok := resolved.(*pdffile.Stream); ok {
			return c.stream(ref, s, where, depth)
		}
		if d, ok := resolved.(pdffile.Dict); ok && d["Type"] == pdffile.Object(pdffile.Name("Page")) {
			return nil // visited by itself
		}
		return c.walk(resolved, where, depth+1)
	}
	switch v := o.(type) {
	case pdffile.Dict:
		return c.dict(v, where, depth)
	case pdffile.Array:
		if err := c.colourSpaceArray(v, where); err != nil {
			return err
		}
		for _, e := range v {
			if err := c.walk(e, where, depth+1); err != nil {
				return err
			}
		}
	case pdffile.String:
		if len(v) > 32767 {
			c.breach("a string in it is too long")
		}
	case pdffile.Name:
		if len(v) > 127 {
			c.breach("a name in it is too long")
		}
	case pdffile.Integer:
		if v > math.MaxInt32 || v < math.MinInt32 {
			c.breach("a number in it is too large")
		}
	}
	return nil
}

func (c *checker) dict(d pdffile.Dict, where string, depth int) error {
	if !isNull(d["AA"]) {
		c.breach("it has actions that run by themselves")
	}
	if s, ok := d["S"].(pdffile.Name); ok {
		if slices.Contains(actions, s) {
			c.breach("it has an action of the kind %s", s)
		}
		if n, ok := d["N"].(pdffile.Name); ok && s == "Named" && !slices.Contains([]pdffile.Name{"NextPage", "PrevPage", "FirstPage", "LastPage"}, n) {
			c.breach("it has an action named %s", n)
		}
	}
	if d["Type"] == pdffile.Object(pdffile.Name("ExtGState")) || !isNull(d["SMask"]) && isNull(d["Subtype"]) || !isNull(d["BM"]) || !isNull(d["TR"]) || !isNull(d["TR2"]) || !isNull(d["HT"]) {
		if err := c.state(d); err != nil {
			return err
		}
	}
	if !isNull(d["ShadingType"]) {
		if err := c.colour(d["ColorSpace"], where); err != nil {
			return err
		}
	}
	for _, key := range sorted(d) {
		if key == "Parent" || key == "P" || key == "Pg" || key == "Dest" {
			continue // leads back
		}
		if key == "Metadata" && depth > 0 {
			c.breach("a part of it carries metadata of its own")
		}
		if len(key) > 127 {
			c.breach("a name in it is too long")
		}
		if err := c.walk(d[key], where, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// state looks at a graphics state (6.2.5, 6.2.10).
func (c *checker) state(d pdffile.Dict) error {
	get := func(key pdffile.Name) pdffile.Object {
		o, err := c.f.Resolve(d[key])
		if err != nil {
			return pdffile.Null{}
		}
		return o
	}
	if !isNull(d["TR"]) || !isNull(d["TR2"]) && get("TR2") != pdffile.Object(pdffile.Name("Default")) || !isNull(d["HTP"]) ||
		!isNull(d["HT"]) && get("HT") != pdffile.Object(pdffile.Name("Default")) {
		c.breach("it asks for transfer functions or halftones")
	}
	if opm, ok := get("OPM").(pdffile.Integer); ok && opm != 0 {
		c.breach("it overprints in a way that depends on the press")
	}
	modes := pdffile.Array{get("BM")}
	if list, ok := modes[0].(pdffile.Array); ok {
		modes = list
	}
	for _, m := range modes {
		if name, ok := m.(pdffile.Name); ok && !slices.Contains(blendModes, name) {
			c.breach("it blends colours in the unknown way %s", name)
		}
	}
	if ri, ok := get("RI").(pdffile.Name); ok {
		c.intent(ri)
	}
	return nil
}

var blendModes = []pdffile.Name{"Normal", "Compatible", "Multiply", "Screen", "Overlay", "Darken", "Lighten", "ColorDodge", "ColorBurn", "HardLight", "SoftLight",
	"Difference", "Exclusion", "Hue", "Saturation", "Color", "Luminosity"}

func (c *checker) intent(name pdffile.Name) {
	if !slices.Contains([]pdffile.Name{"RelativeColorimetric", "AbsoluteColorimetric", "Perceptual", "Saturation"}, name) {
		c.breach("it renders colours by the unknown intent %s", name)
	}
}

// stream looks at a stream and what its kind demands.
func (c *checker) stream(ref pdffile.Ref, s *pdffile.Stream, where string, depth int) error {
	d := s.Dict
	if !isNull(d["F"]) || !isNull(d["FFilter"]) || !isNull(d["FDecodeParms"]) {
		c.breach("a part of it lies in another file")
	}
	if err := c.filter(d["Filter"]); err != nil {
		return err
	}
	switch subtype, _ := d["Subtype"].(pdffile.Name); {
	case subtype == "Image":
		if err := c.image(d, where); err != nil {
			return err
		}
	case subtype == "Form" || d["PatternType"] == pdffile.Object(pdffile.Integer(1)):
		if !isNull(d["PS"]) || !isNull(d["OPI"]) || !isNull(d["Ref"]) || d["Subtype2"] == pdffile.Object(pdffile.Name("PS")) {
			c.breach("it has a part that only some readers show")
		}
		if err := c.drawing(ref, s, where); err != nil {
			return err
		}
	case subtype == "PS":
		c.breach("it has a part in PostScript")
	}
	return c.dict(d, where, depth+1)
}

// drawing looks at the content of a form or a pattern, once.
func (c *checker) drawing(ref pdffile.Ref, s *pdffile.Stream, where string) error {
	if c.scanned[ref] {
		return nil
	}
	c.scanned[ref] = true
	resources, err := c.f.Dict(s.Dict["Resources"])
	if err != nil {
		return err
	}
	data, err := c.f.Decoded(s)
	if err != nil {
		return err
	}
	return c.scan(data, resources, where)
}

func (c *checker) filter(o pdffile.Object) error {
	resolved, err := c.f.Resolve(o)
	if err != nil || isNull(resolved) {
		return err
	}
	list, ok := resolved.(pdffile.Array)
	if !ok {
		list = pdffile.Array{resolved}
	}
	for _, e := range list {
		e, err := c.f.Resolve(e)
		if err != nil {
			return err
		}
		if name, _ := e.(pdffile.Name); !slices.Contains(filters, name) {
			c.breach("a part of it is packed by %s", name)
		}
	}
	return nil
}

func (c *checker) image(d pdffile.Dict, where string) error {
	if !isNull(d["Alternates"]) || !isNull(d["OPI"]) {
		c.breach("a picture on %s has alternates", where)
	}
	if o, err := c.f.Resolve(d["Interpolate"]); err != nil {
		return err
	} else if o == pdffile.Object(pdffile.Bool(true)) {
		c.breach("a picture on %s is to be smoothed by the reader", where)
	}
	if ri, ok := d["Intent"].(pdffile.Name); ok {
		c.intent(ri)
	}
	if mask, err := c.f.Resolve(d["ImageMask"]); err != nil || mask == pdffile.Object(pdffile.Bool(true)) {
		return err
	}
	bits, err := c.f.Resolve(d["BitsPerComponent"])
	if err != nil {
		return err
	}
	if n, _ := bits.(pdffile.Integer); !slices.Contains([]pdffile.Integer{1, 2, 4, 8, 16}, n) {
		c.breach("a picture on %s has an odd depth", where)
	}
	return c.colour(d["ColorSpace"], where)
}

// colour looks at a colour space (6.2.4).
func (c *checker) colour(o pdffile.Object, where string) error {
	o, err := c.f.Resolve(o)
	if err != nil {
		return err
	}
	switch v := o.(type) {
	case pdffile.Name:
		switch v {
		case "DeviceRGB", "RGB":
			if !c.rgb {
				c.breach("%s has colours that no profile describes", where)
			}
		case "DeviceCMYK", "CMYK":
			if !c.cmyk {
				c.breach("%s has colours for printing (CMYK) that no profile describes", where)
			}
		case "DeviceGray", "G", "Pattern":
		default:
			c.breach("%s has colours of the unknown kind %s", where, v)
		}
	case pdffile.Array:
		return c.colourSpaceArray(v, where)
	case pdffile.Null:
		c.breach("%s has a picture without colours", where)
	}
	return nil
}

// colourSpaceArray looks at an array that may be a colour space.
func (c *checker) colourSpaceArray(a pdffile.Array, where string) error {
	if len(a) < 2 {
		return nil
	}
	kind, _ := a[0].(pdffile.Name)
	switch kind {
	case "ICCBased":
		o, err := c.f.Resolve(a[1])
		if err != nil {
			return err
		}
		s, ok := o.(*pdffile.Stream)
		if !ok {
			c.breach("%s has colours without their profile", where)
			return nil
		}
		_, err = c.profile(s)
		return err
	case "Indexed", "I":
		return c.colour(a[1], where)
	case "Pattern":
		return c.colour(a[1], where)
	case "Separation":
		name, _ := a[1].(pdffile.Name)
		if len(a) != 4 {
			c.breach("%s has an odd spot colour", where)
			return nil
		}
		tint := pdffile.Array{a[2], a[3]}
		if old, ok := c.spots[name].(pdffile.Array); ok && (!same(old[0], tint[0]) || !same(old[1], tint[1])) {
			c.breach("%s shows the spot colour %s in two ways", where, name)
		}
		c.spots[name] = tint
		return c.colour(a[2], where)
	case "DeviceN":
		c.breach("%s mixes spot colours", where)
	}
	return nil
}

// same compares two values that are references or names.
func same(a, b pdffile.Object) bool {
	switch a.(type) {
	case pdffile.Ref, pdffile.Name:
		return a == b
	}
	return false
}

// profile looks at an ICC profile and gives its colour space.
func (c *checker) profile(s *pdffile.Stream) (space string, err error) {
	data, err := c.f.Decoded(s)
	if err != nil {
		return "", err
	}
	if len(data) < 132 || string(data[36:40]) != "acsp" || int(binary.BigEndian.Uint32(data)) > len(data) || data[8] > 4 {
		c.breach("a colour profile in it is damaged or too new")
		return "", nil
	}
	space = string(data[16:20])
	components := map[string]pdffile.Integer{"GRAY": 1, "RGB ": 3, "Lab ": 3, "CMYK": 4}
	n, err := c.f.Resolve(s.Dict["N"])
	if err != nil {
		return "", err
	}
	if want := components[space]; want == 0 || n != pdffile.Object(want) || !slices.Contains([]string{"scnr", "mntr", "prtr", "spac"}, string(data[12:16])) {
		c.breach("a colour profile in it is of another kind than it should be")
	}
	return space, nil
}

// annotations looks at what is put upon a page (6.3).
func (c *checker) annotations(o pdffile.Object, where string) error {
	list, err := c.f.Array(o)
	if err != nil {
		return err
	}
	for _, entry := range list {
		d, err := c.f.Dict(entry)
		if err != nil {
			return err
		}
		if err := c.annotation(entry, d, where); err != nil {
			return err
		}
	}
	return nil
}

var annotationKinds = []pdffile.Name{"Link", "Widget", "Text", "FreeText", "Line", "Square", "Circle", "Polygon", "PolyLine", "Highlight", "Underline", "Squiggly",
	"StrikeOut", "Stamp", "Caret", "Ink", "Popup"}

func (c *checker) annotation(entry pdffile.Object, d pdffile.Dict, where string) error {
	kind, _ := d["Subtype"].(pdffile.Name)
	if !slices.Contains(annotationKinds, kind) {
		c.breach("%s has an annotation of the kind %s", where, kind)
		return nil
	}
	if kind == "Widget" && (!isNull(d["A"]) || !isNull(d["AA"])) {
		c.breach("%s has a field with actions", where)
	}
	if kind == "Popup" {
		return nil
	}
	o, err := c.f.Resolve(d["F"])
	if err != nil {
		return err
	}
	const printed, unseen = 4, 1 | 2 | 32 | 256
	flags, _ := o.(pdffile.Integer)
	if flags&unseen != 0 {
		c.breach("%s has a hidden annotation", where)
	}
	if flags&printed == 0 {
		ref, indirect := entry.(pdffile.Ref)
		if kind != "Link" || !indirect {
			c.breach("%s has an annotation that is not printed", where)
		} else {
			mended := d.Clone()
			mended["F"] = flags | printed
			c.found.mended[ref] = mended
		}
	}
	return c.appearance(kind, d, where)
}

func (c *checker) appearance(kind pdffile.Name, d pdffile.Dict, where string) error {
	box, err := c.f.Rect(d["Rect"])
	if err != nil {
		return err
	}
	looks, err := c.f.Dict(d["AP"])
	if err != nil {
		return err
	}
	if looks == nil {
		if kind != "Link" && (box.Width() != 0 || box.Height() != 0) {
			c.breach("%s has an annotation that each reader draws in its own way", where)
		}
		return nil
	}
	normal, err := c.f.Resolve(looks["N"])
	if err != nil {
		return err
	}
	field, err := c.f.Resolve(d["FT"])
	if err != nil {
		return err
	}
	_, several := normal.(pdffile.Dict)
	_, one := normal.(*pdffile.Stream)
	button := kind == "Widget" && field == pdffile.Object(pdffile.Name("Btn"))
	if len(looks) != 1 || button != several || !button && !one {
		c.breach("%s has an annotation with several looks", where)
	}
	return nil
}
