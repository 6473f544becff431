package engine

import (
	"os"

	"github.com/paraph/paraph/internal/pdf"
	"github.com/paraph/paraph/pades/pdffile"
)

// strictView is what the strict reader sees of a file. pdfium mends and hides;
// this reader does not, so it answers where exactness matters.
type strictView struct{ file *pdffile.File }

// openStrict opens the file; check verifies all of it besides, which costs a
// read per object.
func openStrict(file *os.File, size int64) (*strictView, error) {
	opened, err := pdffile.Open(file, size)
	if err != nil {
		return nil, err
	}
	return &strictView{opened}, nil
}

// check adds to the reader's own check that every page's content can be read:
// new content could not be put beside it otherwise.
func (s *strictView) check() error {
	if err := s.file.Check(); err != nil {
		return err
	}
	return s.file.WalkPages(func(page *pdffile.Page) error {
		content, err := s.file.Resolve(page.Dict["Contents"])
		if err != nil {
			return err
		}
		list, _ := content.(pdffile.Array)
		for _, part := range list {
			if _, err := s.file.Resolve(part); err != nil {
				return err
			}
		}
		return nil
	})
}

// userUnit gives the points per unit of a page's own space (ISO 32000-1,
// table 30); pages that say nothing usable have 1.
func (s *strictView) userUnit(number int) float64 {
	page, err := s.file.Page(number - 1)
	if err != nil {
		return 1
	}
	unit, err := s.file.Resolve(page.Dict["UserUnit"])
	if err != nil {
		return 1
	}
	if v, ok := pdffile.Number(unit); ok && v > 0 && v <= 75_000 {
		return v
	}
	return 1
}

// imageTraits tells what forbids taking a page's picture as it is stored:
// masked = some picture of the page is masked, so its pixels are not all that
// is seen; mapped = its samples go through a Decode array.
func (s *strictView) imageTraits(number int) (masked, mapped bool) {
	page, err := s.file.Page(number - 1)
	if err != nil {
		return true, true
	}
	resources, err := s.file.Dict(page.Resources)
	if err != nil {
		return true, true
	}
	pictures, err := s.file.Dict(resources["XObject"])
	if err != nil {
		return true, true
	}
	for _, entry := range pictures {
		dict, err := s.file.Dict(entry)
		if err != nil {
			return true, true
		}
		masked = masked || present(dict["SMask"]) || present(dict["Mask"]) || present(dict["ImageMask"])
		mapped = mapped || present(dict["Decode"])
	}
	return masked, mapped
}

func present(o pdffile.Object) bool {
	switch v := o.(type) {
	case nil, pdffile.Null:
		return false
	case pdffile.Bool:
		return bool(v)
	}
	return true
}

// maxAnnotations bounds the search for actions in a document.
const maxAnnotations = 50_000

// actions looks for scripts and program starts where readers run them: when
// the document opens, in its names, forms, pages and annotations.
func (s *strictView) actions(found *pdf.Inspection) {
	catalog, err := s.file.Catalog()
	if err != nil {
		return // Check has said so already
	}
	s.action(catalog["OpenAction"], found, 0)
	s.triggers(catalog["AA"], found)
	if names, err := s.file.Dict(catalog["Names"]); err == nil && present(names["JavaScript"]) {
		found.JavaScript = true
	}
	left := maxAnnotations
	// A fault in the middle ends the search; what was found counts.
	_ = s.file.WalkPages(func(page *pdffile.Page) error {
		s.triggers(page.Dict["AA"], found)
		notes, err := s.file.Array(page.Dict["Annots"])
		if err != nil {
			return nil
		}
		for _, note := range notes {
			if left--; left < 0 {
				return pdf.ErrUnsupported
			}
			if dict, err := s.file.Dict(note); err == nil {
				s.action(dict["A"], found, 0)
				s.triggers(dict["AA"], found)
			}
		}
		return nil
	})
}

func (s *strictView) triggers(o pdffile.Object, found *pdf.Inspection) {
	dict, err := s.file.Dict(o)
	if err != nil {
		return
	}
	for _, action := range dict {
		s.action(action, found, 0)
	}
}

// action follows a chain of actions (12.6.2).
func (s *strictView) action(o pdffile.Object, found *pdf.Inspection, depth int) {
	resolved, err := s.file.Resolve(o)
	if err != nil || depth > 20 {
		return
	}
	dict, ok := resolved.(pdffile.Dict)
	if !ok {
		return // an OpenAction may be a plain destination
	}
	switch dict["S"] {
	case pdffile.Name("JavaScript"):
		found.JavaScript = true
	case pdffile.Name("Launch"):
		found.Launch = true
	}
	next, err := s.file.Resolve(dict["Next"])
	if err != nil {
		return
	}
	if list, ok := next.(pdffile.Array); ok {
		for _, one := range list[:min(len(list), 100)] {
			s.action(one, found, depth+1)
		}
		return
	}
	s.action(next, found, depth+1)
}
