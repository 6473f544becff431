package pades

import (
	"bytes"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/paraph/paraph/pades/mark"
	"github.com/paraph/paraph/pades/pdffile"
	"github.com/paraph/paraph/pades/pdftext"
)

// signature makes the signature dictionary (ISO 32000-1, 12.8.1; EN 319 142-1, 5.3).
func (l *layout) signature(contentsDigits int) pdffile.Dict {
	l.byteRange = &pdffile.Verbatim{Data: emptyRange}
	l.contents = &pdffile.Verbatim{Data: placeholder(contentsDigits)}
	if l.timestamp {
		return pdffile.Dict{
			"Type": pdffile.Name("DocTimeStamp"), "Filter": pdffile.Name("Adobe.PPKLite"), "SubFilter": pdffile.Name("ETSI.RFC3161"),
			"ByteRange": l.byteRange, "Contents": l.contents,
		}
	}
	d := pdffile.Dict{
		"Type": pdffile.Name("Sig"), "Filter": pdffile.Name("Adobe.PPKLite"), "SubFilter": pdffile.Name("ETSI.CAdES.detached"),
		"ByteRange": l.byteRange, "Contents": l.contents, "M": pdffile.String(pdfDate(l.opts.Time)),
	}
	for _, e := range [...]struct {
		key  pdffile.Name
		text string
	}{{"Name", l.opts.Name}, {"Reason", l.opts.Reason}, {"Location", l.opts.Location}, {"ContactInfo", l.opts.Contact}} {
		if e.text != "" {
			d[e.key] = pdftext.TextString(e.text)
		}
	}
	if refs := l.references(); len(refs) > 0 {
		d["Reference"] = refs
	}
	return d
}

// emptyRange has room for three numbers of ten digits after the leading zero. It is not changed.
var emptyRange = []byte("[0" + strings.Repeat(" ", 3*11) + "]")

// emptyContents is the placeholder that was made last; a server makes the same again and again.
var emptyContents atomic.Pointer[[]byte]

// placeholder is an empty hexadecimal string of so many digits. It is not changed.
func placeholder(digits int) []byte {
	if p := emptyContents.Load(); p != nil && len(*p) == digits+2 {
		return *p
	}
	b := bytes.Repeat([]byte{'0'}, digits+2)
	b[0], b[digits+1] = '<', '>'
	if digits < 1<<16 {
		emptyContents.Store(&b)
	}
	return b
}

// widget makes the field, merged with its one widget, and hangs it on its page.
func (l *layout) widget(sig pdffile.Ref) (pdffile.Ref, error) {
	index := 0
	if l.opts.Visible != nil {
		index = l.opts.Visible.Page
	}
	n, err := l.file.NumPages()
	if err != nil {
		return pdffile.Ref{}, err
	}
	if index < 0 || index >= n {
		return pdffile.Ref{}, fmt.Errorf("%w: page %d of %d does not exist", mark.ErrMark, index+1, n)
	}
	page, err := l.file.Page(index)
	if err != nil {
		return pdffile.Ref{}, err
	}
	look, rect, rotate := pdffile.Ref{}, noPlace, 0
	if l.opts.Visible == nil {
		look = l.update.Add(unseen)
	} else {
		form, _, box, err := l.pen().Form(page, *l.opts.Visible, true)
		if err != nil {
			return pdffile.Ref{}, err
		}
		look, rect, rotate = form, box.Array(), page.Rotate
	}
	const printLocked = 4 | 128 // annotation flags Print and Locked (12.5.3)
	d := pdffile.Dict{
		"Type": pdffile.Name("Annot"), "Subtype": pdffile.Name("Widget"), "FT": pdffile.Name("Sig"),
		"T": pdftext.TextString(l.field), "V": sig, "P": page.Ref, "F": pdffile.Integer(printLocked),
		"Rect": rect, "AP": pdffile.Dict{"N": look},
	}
	if rotate != 0 {
		d["MK"] = pdffile.Dict{"R": pdffile.Integer(rotate)}
	}
	if l.lock != nil {
		d["Lock"] = l.update.Add(l.lock.dict("SigFieldLock"))
	}
	ref := l.update.Add(d)
	return ref, l.annotate(page, ref)
}

// noPlace is the rectangle of what is not to be seen; it is not changed.
var noPlace = pdffile.Array{pdffile.Integer(0), pdffile.Integer(0), pdffile.Integer(0), pdffile.Integer(0)}

// unseen is the look of a field that shows nothing: PDF/A-1 wants one of every
// field (ISO 19005-1, 6.9). It is not changed.
var unseen = &pdffile.Stream{Dict: pdffile.Dict{
	"Type": pdffile.Name("XObject"), "Subtype": pdffile.Name("Form"), "BBox": noPlace, "Resources": pdffile.Dict{}, "Length": pdffile.Integer(0),
}}

// annotate adds the widget to the page's /Annots, touching as little as it can:
// where the list is an object of its own, the page stays as it is.
func (l *layout) annotate(page *pdffile.Page, widget pdffile.Ref) error {
	v, err := l.update.Get(page.Ref)
	if err != nil {
		return err
	}
	d, ok := v.(pdffile.Dict)
	if !ok {
		return fmt.Errorf("%w: the page is no dictionary", pdffile.ErrDamaged)
	}
	list, err := l.file.Array(d["Annots"])
	if err != nil {
		return err
	}
	list = append(list.Clone(), widget)
	if ref, ok := d["Annots"].(pdffile.Ref); ok {
		if old, err := l.file.Object(ref); err == nil && old != pdffile.Object(pdffile.Null{}) {
			l.update.Set(ref, list)
			return nil
		}
	}
	d = d.Clone()
	d["Annots"] = list
	l.update.Set(page.Ref, d)
	return nil
}

// form adds the field, where one is given, to the interactive form (12.7.2) and
// says that the file has signatures and may only be appended to (SigFlags 3,
// Table 219).
func (l *layout) form(field pdffile.Ref) error {
	form, err := l.file.Dict(l.catalog["AcroForm"])
	if err != nil {
		return err
	}
	if form == nil {
		form = pdffile.Dict{}
	}
	form = form.Clone()
	indirect := true
	if !field.IsZero() {
		fields, err := l.file.Array(form["Fields"])
		if err != nil {
			return err
		}
		fields = append(fields.Clone(), field)
		var list pdffile.Ref
		if list, indirect = form["Fields"].(pdffile.Ref); indirect {
			l.update.Set(list, fields)
		} else {
			form["Fields"] = fields
		}
	}
	flags, err := l.file.Resolve(form["SigFlags"])
	if err != nil {
		return err
	}
	old, _ := flags.(pdffile.Integer)
	if indirect && old&3 == 3 {
		return nil
	}
	form["SigFlags"] = old | 3
	if ref, ok := l.catalog["AcroForm"].(pdffile.Ref); ok {
		l.update.Set(ref, form)
		return nil
	}
	l.catalog["AcroForm"] = form
	l.changed = true
	return nil
}

// certify makes the signature the document's certification (12.8.4).
func (l *layout) certify(sig pdffile.Ref) error {
	perms, err := l.file.Dict(l.catalog["Perms"])
	if err != nil {
		return err
	}
	if perms = perms.Clone(); perms == nil {
		perms = pdffile.Dict{}
	}
	perms["DocMDP"] = sig
	l.catalog["Perms"] = perms
	l.changed = true
	return nil
}

// extensions declares the ETSI extension below PDF 2.0 (ISO 32000-1, 7.12).
func (l *layout) extensions() error {
	version, err := l.file.Version()
	if err != nil || version >= "2.0" {
		return err
	}
	ext, err := l.file.Dict(l.catalog["Extensions"])
	if err != nil {
		return err
	}
	if _, there := ext["ESIC"]; there {
		return nil
	}
	if ext == nil {
		ext = esic
	} else {
		ext = ext.Clone()
		ext["ESIC"] = esic["ESIC"]
	}
	l.catalog["Extensions"] = ext
	l.changed = true
	return nil
}

// esic is what says that the file uses ETSI's extension of PDF 1.7. It is not changed.
var esic = pdffile.Dict{"ESIC": pdffile.Dict{"BaseVersion": pdffile.Name("1.7"), "ExtensionLevel": pdffile.Integer(1)}}

// pdfDate writes a date as 7.9.4 says, in UTC.
func pdfDate(t time.Time) string { return t.UTC().Format("D:20060102150405+00'00'") }
