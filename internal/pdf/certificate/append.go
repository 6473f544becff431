package certificate

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/paraph/paraph/internal/pdf"
	"github.com/paraph/paraph/pades/pdffile"
)

// Append writes the file to out with the certificate's pages after its own, as
// an incremental update, and gives the number of pages added.
func Append(file *pdffile.File, c pdf.Certificate, fontDir string, out io.Writer) (int, error) {
	document, pages, err := Build(c, fontDir)
	if err != nil {
		return 0, err
	}
	source, err := pdffile.Open(bytes.NewReader(document), int64(len(document)))
	if err != nil {
		return 0, fmt.Errorf("read the certificate back: %w", err)
	}
	update := pdffile.NewUpdate(file)
	if err := appendPages(update, source); err != nil {
		return 0, err
	}
	_, err = update.WriteTo(out)
	return pages, err
}

// importer copies objects of one file into an update of another.
type importer struct {
	from *pdffile.File
	into *pdffile.Update
	refs map[pdffile.Ref]pdffile.Ref
}

// appendPages puts all pages of a file after those of the updated one.
func appendPages(update *pdffile.Update, source *pdffile.File) error {
	catalog, err := update.File().Catalog()
	if err != nil {
		return err
	}
	rootRef, ok := catalog["Pages"].(pdffile.Ref)
	if !ok {
		return errors.New("the document names no page tree")
	}
	root, err := update.File().Dict(rootRef)
	if err != nil {
		return err
	}
	kids, err := update.File().Array(root["Kids"])
	if err != nil {
		return err
	}
	total, err := update.File().NumPages()
	if err != nil {
		return err
	}
	root, kids = root.Clone(), kids.Clone()
	copier := &importer{from: source, into: update, refs: map[pdffile.Ref]pdffile.Ref{}}
	err = source.WalkPages(func(page *pdffile.Page) error {
		ref, err := copier.page(page, rootRef)
		kids = append(kids, ref)
		total++
		return err
	})
	if err != nil {
		return err
	}
	root["Kids"], root["Count"] = kids, pdffile.Integer(total)
	update.Set(rootRef, root)
	return nil
}

// page copies a page. It states all that it would otherwise inherit from its
// new parents.
func (i *importer) page(page *pdffile.Page, parent pdffile.Ref) (pdffile.Ref, error) {
	resources, err := i.copy(page.Resources, 0)
	if err != nil {
		return pdffile.Ref{}, err
	}
	contents, err := i.copy(page.Dict["Contents"], 0)
	if err != nil {
		return pdffile.Ref{}, err
	}
	return i.into.Add(pdffile.Dict{
		"Type": pdffile.Name("Page"), "Parent": parent, "Resources": resources, "Contents": contents,
		"MediaBox": page.MediaBox.Array(), "CropBox": page.CropBox.Array(), "Rotate": pdffile.Integer(page.Rotate),
	}), nil
}

// copy gives a value with all it refers to copied and renumbered.
func (i *importer) copy(o pdffile.Object, depth int) (pdffile.Object, error) {
	if depth > 100 {
		return nil, errors.New("the certificate is nested too deeply")
	}
	switch v := o.(type) {
	case pdffile.Ref:
		return i.reference(v, depth)
	case pdffile.Dict:
		return i.dict(v, depth)
	case pdffile.Array:
		list := make(pdffile.Array, len(v))
		for n, entry := range v {
			var err error
			if list[n], err = i.copy(entry, depth+1); err != nil {
				return nil, err
			}
		}
		return list, nil
	case *pdffile.Stream:
		return i.stream(v, depth)
	}
	return o, nil
}

func (i *importer) dict(d pdffile.Dict, depth int) (pdffile.Dict, error) {
	result := pdffile.Dict{}
	for key, value := range d {
		copied, err := i.copy(value, depth+1)
		if err != nil {
			return nil, err
		}
		result[key] = copied
	}
	return result, nil
}

func (i *importer) reference(ref pdffile.Ref, depth int) (pdffile.Object, error) {
	if known, ok := i.refs[ref]; ok {
		return known, nil
	}
	object, err := i.from.Object(ref)
	if err != nil {
		return nil, err
	}
	fresh := i.into.Reserve()
	i.refs[ref] = fresh // before copying: objects may refer to each other
	copied, err := i.copy(object, depth+1)
	if err != nil {
		return nil, err
	}
	i.into.Set(fresh, copied)
	return fresh, nil
}

func (i *importer) stream(s *pdffile.Stream, depth int) (pdffile.Object, error) {
	data, err := io.ReadAll(i.from.Raw(s))
	if err != nil {
		return nil, err
	}
	dict, err := i.dict(s.Dict, depth)
	if err != nil {
		return nil, err
	}
	dict["Length"] = pdffile.Integer(len(data))
	return &pdffile.Stream{Dict: dict, Data: data, Length: int64(len(data))}, nil
}
