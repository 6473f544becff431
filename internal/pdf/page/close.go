package page

import (
	"errors"

	"github.com/paraph/paraph/pades/pdffile"
)

// Close writes the pages behind those the document has, with their fonts, their
// structure and their fields, and gives their number.
func (w *Writer) Close() (pages int, err error) {
	w.footers()
	if w.err != nil {
		return 0, w.err
	}
	u := w.u
	o, err := u.Get(u.Root())
	if err != nil {
		return 0, err
	}
	catalog, ok := o.(pdffile.Dict)
	if !ok {
		return 0, errors.New("the document has no catalog")
	}
	catalog = catalog.Clone()
	parent, ok := catalog["Pages"].(pdffile.Ref)
	if !ok {
		return 0, errors.New("the document names no page tree")
	}
	// One dictionary of fonts serves all pages: which of them a page needs is not worth keeping apart.
	fonts := u.Add(w.fonts.Dict())
	for _, s := range w.pages {
		if err := w.page(s, parent, fonts); err != nil {
			return 0, err
		}
	}
	if err := w.fonts.Close(); err != nil {
		return 0, err
	}
	if err := w.hangPages(parent); err != nil {
		return 0, err
	}
	if w.o.Tagged {
		if err := w.tree(catalog); err != nil {
			return 0, err
		}
	}
	if err := w.form(catalog); err != nil {
		return 0, err
	}
	u.Set(u.Root(), catalog)
	return len(w.pages), nil
}

func (w *Writer) footers() {
	if w.o.Footer == nil {
		return
	}
	const down = 34 // of the baseline from the page's foot
	for i, s := range w.pages {
		start, end := w.o.Footer(i+1, len(w.pages))
		end.Align = Opposite
		s.artifact("Footer", func(b []byte) []byte {
			width := w.Width(end)
			for _, c := range []cell{w.cell(nil, start, 0, max(w.Inner()-width-12, 40)), w.cell(nil, end, 0, w.Inner())} {
				if len(c.lines) > 0 {
					b = appendColor(b, c.text.Color, "rg")
					b = c.lines[0].Draw(b, w.fonts, w.lineStart(&c, &c.lines[0]), down, c.text.Size)
				}
			}
			return b
		})
	}
}

func (w *Writer) page(s *sheet, parent, fonts pdffile.Ref) error {
	content, err := pdffile.Deflate(s.content)
	if err != nil {
		return err
	}
	resources := pdffile.Dict{"Font": fonts}
	if len(s.objects) > 0 {
		resources["XObject"] = s.objects
	}
	rgb, err := w.pen.RGB()
	if err != nil {
		return err
	}
	if rgb != nil {
		resources["ColorSpace"] = pdffile.Dict{"DefaultRGB": rgb}
	}
	d := pdffile.Dict{
		"Type": pdffile.Name("Page"), "Parent": parent, "MediaBox": pdffile.Rect{X1: w.o.Width, Y1: w.o.Height}.Array(),
		"CropBox": pdffile.Rect{X1: w.o.Width, Y1: w.o.Height}.Array(), "Rotate": pdffile.Integer(0), // else inherited from the document's tree
		"Resources": resources, "Contents": w.u.AddStream(pdffile.Dict{"Filter": pdffile.Name("FlateDecode")}, content),
	}
	if w.o.Tagged {
		d["Tabs"] = pdffile.Name("S")
	}
	if len(s.annots) > 0 {
		d["Annots"] = s.annots
	}
	w.u.Set(s.ref, d)
	return nil
}

func (w *Writer) hangPages(parent pdffile.Ref) error {
	o, err := w.u.Get(parent)
	if err != nil {
		return err
	}
	root, ok := o.(pdffile.Dict)
	if !ok {
		return errors.New("the document's page tree has no root")
	}
	kids, err := w.u.File().Array(root["Kids"])
	if err != nil {
		return err
	}
	total, err := w.u.File().NumPages()
	if err != nil {
		return err
	}
	root, kids = root.Clone(), kids.Clone()
	for _, s := range w.pages {
		kids = append(kids, s.ref)
	}
	root["Kids"], root["Count"] = kids, pdffile.Integer(total+len(w.pages))
	w.u.Set(parent, root)
	return nil
}

// form adds the fields to the document's interactive form (12.7.2).
func (w *Writer) form(catalog pdffile.Dict) error {
	if len(w.fields) == 0 {
		return nil
	}
	form, err := w.u.File().Dict(catalog["AcroForm"])
	if err != nil {
		return err
	}
	if form = form.Clone(); form == nil {
		form = pdffile.Dict{}
	}
	fields, err := w.u.File().Array(form["Fields"])
	if err != nil {
		return err
	}
	form["Fields"] = append(fields.Clone(), w.fields...)
	if ref, ok := catalog["AcroForm"].(pdffile.Ref); ok {
		w.u.Set(ref, form)
	} else {
		catalog["AcroForm"] = form
	}
	return nil
}
