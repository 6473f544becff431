package pdfa

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/paraph/paraph/pades/pdffile"
)

// fontUse is a font with the codes that are shown in it.
type fontUse struct {
	dict  pdffile.Dict
	name  pdffile.Name
	where string
	wide  bool            // codes have two bytes
	codes map[uint16]bool // that are seen
}

// use finds a font of the resources.
func (c *checker) use(o pdffile.Object, where string) (*fontUse, error) {
	ref, indirect := o.(pdffile.Ref)
	if u := c.fonts[ref]; indirect && u != nil {
		return u, nil
	}
	d, err := c.f.Dict(o)
	if err != nil || d == nil {
		return nil, err
	}
	u := &fontUse{dict: d, where: where, codes: map[uint16]bool{}}
	u.name, _ = d["BaseFont"].(pdffile.Name)
	u.wide = d["Subtype"] == pdffile.Object(pdffile.Name("Type0"))
	if indirect {
		c.fonts[ref] = u
	} else {
		c.inline = append(c.inline, u)
	}
	return u, nil
}

func (u *fontUse) show(text string, unseen bool) {
	if unseen {
		return
	}
	if !u.wide {
		for i := range len(text) {
			u.codes[uint16(text[i])] = true
		}
		return
	}
	for i := 0; i+1 < len(text); i += 2 {
		u.codes[uint16(text[i])<<8|uint16(text[i+1])] = true
	}
}

func (c *checker) checkFonts() error {
	all := slices.Clone(c.inline)
	for _, ref := range slices.SortedFunc(maps.Keys(c.fonts), func(a, b pdffile.Ref) int { return int(a.Num) - int(b.Num) }) {
		all = append(all, c.fonts[ref])
	}
	for _, u := range all {
		wrong, err := c.font(u)
		if err != nil {
			return err
		}
		if wrong != "" {
			c.breach("the font %s on %s %s", u.name, u.where, wrong)
		}
	}
	return nil
}

// outlines are the glyphs of an embedded font program.
type outlines interface {
	// width of a glyph in thousandths of the type size; ok is false where there is no such glyph.
	width(gid int) (w float64, ok bool)
}

// font looks at one font (6.2.11) and says what is wrong with it.
func (c *checker) font(u *fontUse) (wrong string, err error) {
	kind, _ := u.dict["Subtype"].(pdffile.Name)
	if len(u.codes) == 0 {
		return "", nil // its text is invisible
	}
	switch kind {
	case "Type0":
		return c.composite(u)
	case "TrueType", "Type1":
		return c.simple(u, kind)
	}
	return fmt.Sprintf("is of the kind %s, which cannot be looked at here", kind), nil
}

// program reads the embedded font of a descriptor.
func (c *checker) program(o pdffile.Object) (d pdffile.Dict, file *pdffile.Stream, key pdffile.Name, err error) {
	if d, err = c.f.Dict(o); err != nil {
		return nil, nil, "", err
	}
	for _, key := range []pdffile.Name{"FontFile", "FontFile2", "FontFile3"} {
		v, err := c.f.Resolve(d[key])
		if err != nil {
			return nil, nil, "", err
		}
		if s, ok := v.(*pdffile.Stream); ok {
			if ref, ok := o.(pdffile.Ref); ok && (!isNull(d["CIDSet"]) || !isNull(d["CharSet"])) {
				mended := d.Clone() // lists that need not be there, and are seldom right
				delete(mended, "CIDSet")
				delete(mended, "CharSet")
				c.found.mended[ref] = mended
			}
			return d, s, key, nil
		}
	}
	return d, nil, "", nil
}

const notEmbedded = "is not embedded"

func (c *checker) composite(u *fontUse) (wrong string, err error) {
	encoding, err := c.f.Resolve(u.dict["Encoding"])
	if err != nil {
		return "", err
	}
	if encoding != pdffile.Object(pdffile.Name("Identity-H")) && encoding != pdffile.Object(pdffile.Name("Identity-V")) {
		return "has an encoding that cannot be looked at here", nil
	}
	list, err := c.f.Array(u.dict["DescendantFonts"])
	if err != nil || len(list) != 1 {
		return "is not whole", err
	}
	d, err := c.f.Dict(list[0])
	if err != nil || d == nil {
		return "is not whole", err
	}
	_, file, key, err := c.program(d["FontDescriptor"])
	if err != nil {
		return "", err
	}
	if file == nil {
		return notEmbedded, nil
	}
	data, err := c.f.Decoded(file)
	if err != nil {
		return "", err
	}
	var glyphs outlines
	gid := func(cid int) int { return cid }
	switch {
	case key == "FontFile2" && d["Subtype"] == pdffile.Object(pdffile.Name("CIDFontType2")):
		if glyphs, err = readTrueType(data); err == nil {
			gid, wrong, err = c.gidMap(d["CIDToGIDMap"])
		}
	case key == "FontFile3" && d["Subtype"] == pdffile.Object(pdffile.Name("CIDFontType0")) && file.Dict["Subtype"] == pdffile.Object(pdffile.Name("CIDFontType0C")):
		var f *compact
		if f, err = readCompact(data); err == nil {
			glyphs, gid = f, f.gidOf
		}
	default:
		return "has a font program that cannot be looked at here", nil
	}
	if err != nil || wrong != "" {
		if err != nil && !pdffile.IsRefusal(err) {
			wrong, err = "has a damaged font program", nil
		}
		return wrong, err
	}
	widths, err := c.cidWidths(d)
	if err != nil {
		return "", err
	}
	for _, code := range slices.Sorted(maps.Keys(u.codes)) {
		if wrong := glyphFault(glyphs, gid(int(code)), widths(int(code))); wrong != "" {
			return wrong, nil
		}
	}
	return "", nil
}

// glyphFault says what is wrong with a glyph that is shown (6.2.11.5, 6.2.11.8).
func glyphFault(glyphs outlines, gid int, declared float64) string {
	w, ok := glyphs.width(gid)
	switch {
	case !ok:
		return "lacks a character that is shown"
	case gid == 0:
		return "shows its sign for a missing character"
	case math.Abs(w-declared) > 1:
		return "declares other widths than it has"
	}
	return ""
}

func (c *checker) gidMap(o pdffile.Object) (gid func(int) int, wrong string, err error) {
	v, err := c.f.Resolve(o)
	if err != nil {
		return nil, "", err
	}
	switch v := v.(type) {
	case pdffile.Name:
		if v == "Identity" {
			return func(cid int) int { return cid }, "", nil
		}
	case *pdffile.Stream:
		data, err := c.f.Decoded(v)
		return func(cid int) int {
			if 2*cid+1 >= len(data) {
				return 0
			}
			return int(data[2*cid])<<8 | int(data[2*cid+1])
		}, "", err
	}
	return nil, "does not say which glyph is which", nil
}

// cidWidths reads the widths of a CID font (9.7.4.3).
func (c *checker) cidWidths(d pdffile.Dict) (func(cid int) float64, error) {
	byCID := map[int]float64{}
	standard := 1000.0
	if o, err := c.f.Resolve(d["DW"]); err != nil {
		return nil, err
	} else if v, ok := pdffile.Number(o); ok {
		standard = v
	}
	list, err := c.f.Array(d["W"])
	if err != nil {
		return nil, err
	}
	number := func(o pdffile.Object) float64 {
		o, err := c.f.Resolve(o)
		if err != nil {
			return 0
		}
		v, _ := pdffile.Number(o)
		return v
	}
	for i := 0; i+1 < len(list); {
		first := int(number(list[i]))
		next, err := c.f.Resolve(list[i+1])
		if err != nil {
			return nil, err
		}
		if each, ok := next.(pdffile.Array); ok {
			for n, w := range each {
				byCID[first+n] = number(w)
			}
			i += 2
			continue
		}
		if i+2 >= len(list) {
			break
		}
		for cid := first; cid <= min(int(number(next)), 0xFFFF); cid++ {
			byCID[cid] = number(list[i+2])
		}
		i += 3
	}
	return func(cid int) float64 {
		if w, ok := byCID[cid]; ok {
			return w
		}
		return standard
	}, nil
}

func (c *checker) simple(u *fontUse, kind pdffile.Name) (wrong string, err error) {
	descriptor, file, key, err := c.program(u.dict["FontDescriptor"])
	if err != nil {
		return "", err
	}
	if file == nil {
		return notEmbedded, nil
	}
	data, err := c.f.Decoded(file)
	if err != nil {
		return "", err
	}
	encoding, err := c.encoding(u.dict["Encoding"])
	if err != nil {
		return "", err
	}
	var glyphs outlines
	var gid func(code byte) int
	switch {
	case kind == "TrueType" && key == "FontFile2":
		t, err := readTrueType(data)
		if err != nil {
			return "has a damaged font program", nil //nolint:nilerr // it is told
		}
		flags, _ := descriptor["Flags"].(pdffile.Integer)
		if gid, wrong = t.simple(encoding, flags); wrong != "" {
			return wrong, nil
		}
		glyphs = t
	case kind == "Type1" && key == "FontFile3" && file.Dict["Subtype"] == pdffile.Object(pdffile.Name("Type1C")):
		f, err := readCompact(data)
		if err != nil {
			return "has a damaged font program", nil //nolint:nilerr // it is told
		}
		if encoding == nil {
			return "has an encoding that cannot be looked at here", nil
		}
		glyphs, gid = f, func(code byte) int { return f.named(encoding[code]) }
	default:
		return "has a font program of a kind that cannot be looked at here", nil
	}
	first, _ := u.dict["FirstChar"].(pdffile.Integer)
	widths, err := c.f.Array(u.dict["Widths"])
	if err != nil {
		return "", err
	}
	for _, code := range slices.Sorted(maps.Keys(u.codes)) {
		declared := 0.0
		if at := int(code) - int(first); at >= 0 && at < len(widths) {
			o, err := c.f.Resolve(widths[at])
			if err != nil {
				return "", err
			}
			declared, _ = pdffile.Number(o)
		}
		if wrong := glyphFault(glyphs, gid(byte(code)), declared); wrong != "" {
			return wrong, nil
		}
	}
	return "", nil
}

// encoding reads a simple font's encoding as glyph names by code; nil where it
// names none.
func (c *checker) encoding(o pdffile.Object) (*[256]string, error) {
	v, err := c.f.Resolve(o)
	if err != nil || isNull(v) {
		return nil, err
	}
	names := &[256]string{}
	base, _ := v.(pdffile.Name)
	var differences pdffile.Array
	if d, ok := v.(pdffile.Dict); ok {
		base, _ = d["BaseEncoding"].(pdffile.Name)
		if differences, err = c.f.Array(d["Differences"]); err != nil {
			return nil, err
		}
	}
	if base != "" {
		runes, known := baseEncodings[base]
		if !known {
			return nil, nil
		}
		for code, r := range runes() {
			names[code] = glyphName(r)
		}
	}
	code := 0
	for _, e := range differences {
		switch v := e.(type) {
		case pdffile.Integer:
			code = int(v)
		case pdffile.Name:
			if code >= 0 && code < 256 {
				names[code] = string(v)
			}
			code++
		}
	}
	return names, nil
}
