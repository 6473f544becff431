package pades

import (
	"errors"
	"fmt"

	"github.com/paraph/paraph/pades/mark"
	"github.com/paraph/paraph/pades/pdffile"
)

// fill puts the signature into the form's own empty field. The field keeps its
// page and place; only its value and its appearance change.
func (l *layout) fill(sig pdffile.Ref) error {
	ref := l.existing.Field
	v, err := l.update.Get(ref)
	if err != nil {
		return err
	}
	d, ok := v.(pdffile.Dict)
	if !ok {
		return fmt.Errorf("%w: the signature field is no dictionary", pdffile.ErrDamaged)
	}
	d = d.Clone()
	d["V"] = sig
	l.update.Set(ref, d)
	widget, err := l.widgetOf(ref, d)
	if err != nil {
		return err
	}
	if l.opts.Visible != nil && !widget.IsZero() {
		if widget != ref && l.signed {
			// Validators take a changed widget for a change of the page.
			return fmt.Errorf("%w: the field %s shows itself by an object of its own, so it can only be signed without an appearance", ErrSignedContent, l.field)
		}
		if err := l.dress(widget); err != nil {
			return err
		}
	}
	return l.form(pdffile.Ref{})
}

// widgetOf gives the field's widget: the field itself, or the first of its kids.
func (l *layout) widgetOf(ref pdffile.Ref, d pdffile.Dict) (pdffile.Ref, error) {
	kids, err := l.file.Array(d["Kids"])
	if err != nil || len(kids) == 0 {
		return ref, err
	}
	kid, _ := kids[0].(pdffile.Ref)
	return kid, nil
}

// dress draws the mark as the appearance of an existing widget, in its size. A
// widget without area stays invisible.
func (l *layout) dress(widget pdffile.Ref) error {
	v, err := l.update.Get(widget)
	if err != nil {
		return err
	}
	d, ok := v.(pdffile.Dict)
	if !ok {
		return fmt.Errorf("%w: a signature field's widget is no dictionary", pdffile.ErrDamaged)
	}
	rect, err := l.file.Rect(d["Rect"])
	if err != nil || rect.Width() == 0 || rect.Height() == 0 {
		return err
	}
	page, err := l.pageOf(widget, d)
	if err != nil {
		return err
	}
	m := *l.opts.Visible
	m.Page, m.Rect = page.Index, mark.Place(page, rect)
	form, _, _, err := l.pen().Form(page, m, true)
	if err != nil {
		return err
	}
	d = d.Clone()
	d["AP"] = pdffile.Dict{"N": form}
	if flags, _ := d["F"].(pdffile.Integer); flags&annotHidden != 0 || flags&annotPrint == 0 {
		d["F"] = flags&^annotHidden | annotPrint
	}
	l.update.Set(widget, d)
	return nil
}

// Annotation flags (12.5.3).
const (
	annotPrint  = 4
	annotHidden = 1 | 2 | 32 // Invisible, Hidden and NoView
	annotLocked = 128
)

var errFound = errors.New("found")

// pageOf finds the page that shows a widget: the one it names, or the one that lists it.
func (l *layout) pageOf(widget pdffile.Ref, d pdffile.Dict) (*pdffile.Page, error) {
	named, _ := d["P"].(pdffile.Ref)
	var found *pdffile.Page
	err := l.file.WalkPages(func(p *pdffile.Page) error {
		if p.Ref == named {
			found = p
			return errFound
		}
		notes, err := l.file.Array(p.Dict["Annots"])
		if err != nil {
			return err
		}
		for _, o := range notes {
			if o == pdffile.Object(widget) {
				found = p
				return errFound
			}
		}
		return nil
	})
	if err != nil && !errors.Is(err, errFound) {
		return nil, err
	}
	if found == nil {
		return nil, fmt.Errorf("%w: no page shows the signature field", mark.ErrMark)
	}
	return found, nil
}
