package page

import (
	"strconv"

	"github.com/paraph/paraph/pades/pdffile"
	"github.com/paraph/paraph/pades/pdftext"
)

// element is an element of the structure tree (14.7.2).
type element struct {
	tag        string
	parent     *element
	alt        string
	attributes pdffile.Dict
	kids       []kid
	ref        pdffile.Ref
}

// kid is what an element holds: another one, marked content, or an object.
type kid struct {
	element *element
	sheet   *sheet
	mcid    int
	object  pdffile.Ref
}

func (e *element) add(tag string) *element {
	child := &element{tag: tag, parent: e}
	e.kids = append(e.kids, kid{element: child})
	return child
}

// In writes what write writes as parts of an element, such as a Sect.
func (w *Writer) In(tag string, write func()) {
	outer := w.at
	w.at = outer.add(tag)
	write()
	w.at = outer
}

// mark draws content of an element on the current page.
func (w *Writer) mark(e *element, draw func([]byte) []byte) {
	s := w.sheet()
	if !w.o.Tagged {
		s.content = append(draw(append(s.content, "q "...)), "Q\n"...)
		return
	}
	mcid := len(s.marked)
	s.marked = append(s.marked, e)
	e.kids = append(e.kids, kid{sheet: s, mcid: mcid})
	s.content = append(s.content, "/"+e.tag+" <</MCID "+strconv.Itoa(mcid)+">> BDC q "...)
	s.content = append(draw(s.content), "Q EMC\n"...)
}

// object adds an annotation that belongs to an element.
func (w *Writer) object(s *sheet, e *element, annotation pdffile.Dict) pdffile.Ref {
	ref := w.u.Reserve()
	annotation["P"] = s.ref
	if w.o.Tagged {
		e.kids = append(e.kids, kid{sheet: s, object: ref})
	}
	w.u.Set(ref, annotation)
	return ref
}

// Field adds an empty signature field at a place of the current page.
func (w *Writer) Field(name, alt string, start, y, width, height float64) {
	s := w.sheet()
	x := w.left(start, width)
	blank := w.u.AddStream(pdffile.Dict{
		"Type": pdffile.Name("XObject"), "Subtype": pdffile.Name("Form"), "Resources": pdffile.Dict{},
		"BBox": pdffile.Array{pdffile.Integer(0), pdffile.Integer(0), pdffile.Real(width), pdffile.Real(height)},
	}, nil)
	const printLocked = 4 | 128 // annotation flags Print and Locked (12.5.3)
	e := w.at.add("Form")
	e.alt = alt
	ref := w.object(s, e, pdffile.Dict{
		"Type": pdffile.Name("Annot"), "Subtype": pdffile.Name("Widget"), "FT": pdffile.Name("Sig"), "T": pdftext.TextString(name),
		"TU": pdftext.TextString(alt), "F": pdffile.Integer(printLocked), "AP": pdffile.Dict{"N": blank},
		"Rect": pdffile.Rect{X0: x, Y0: w.flip(y + height), X1: x + width, Y1: w.flip(y)}.Array(),
	})
	s.annots, w.fields = append(s.annots, ref), append(w.fields, ref)
}

// tree writes the structure: below the root that the document has, or as its first one.
func (w *Writer) tree(catalog pdffile.Dict) error {
	root, err := w.u.File().Dict(catalog["StructTreeRoot"])
	if err != nil {
		return err
	}
	rootRef, _ := catalog["StructTreeRoot"].(pdffile.Ref)
	if rootRef.IsZero() {
		rootRef = w.u.Reserve()
		catalog["StructTreeRoot"] = rootRef
	}
	if root = root.Clone(); root == nil {
		root = pdffile.Dict{"Type": pdffile.Name("StructTreeRoot")}
	} else {
		w.root.tag = "Sect"
	}
	parent, err := w.hang(root, rootRef)
	if err != nil {
		return err
	}
	w.element(w.root, parent)
	if err := w.parents(root); err != nil {
		return err
	}
	w.u.Set(rootRef, root)
	info, err := w.u.File().Dict(catalog["MarkInfo"])
	if err != nil {
		return err
	}
	if info = info.Clone(); info == nil {
		info = pdffile.Dict{}
	}
	info["Marked"] = pdffile.Bool(true)
	catalog["MarkInfo"] = info
	return nil
}

// hang puts the pages' element where it belongs: under the document's own
// element, if it has a single one, else under the root.
func (w *Writer) hang(root pdffile.Dict, rootRef pdffile.Ref) (parent pdffile.Ref, err error) {
	w.root.ref = w.u.Reserve()
	old, err := w.u.File().Resolve(root["K"])
	if err != nil {
		return parent, err
	}
	only := root["K"]
	if list, ok := old.(pdffile.Array); ok {
		if len(list) != 1 {
			root["K"] = append(list.Clone(), w.root.ref)
			return rootRef, nil
		}
		only = list[0]
	}
	if ref, ok := only.(pdffile.Ref); ok {
		d, err := w.u.File().Dict(ref)
		if err != nil {
			return parent, err
		}
		if d != nil {
			kids, err := w.u.File().Resolve(d["K"])
			if err != nil {
				return parent, err
			}
			list, isList := kids.(pdffile.Array)
			if _, none := kids.(pdffile.Null); !isList && !none {
				list = pdffile.Array{d["K"]}
			}
			d = d.Clone()
			d["K"] = append(list.Clone(), w.root.ref)
			w.u.Set(ref, d)
			return ref, nil
		}
	}
	if _, isDict := only.(pdffile.Dict); isDict {
		root["K"] = pdffile.Array{only, w.root.ref}
	} else {
		root["K"] = w.root.ref
	}
	return rootRef, nil
}

// element writes an element with all below it.
func (w *Writer) element(e *element, parent pdffile.Ref) {
	if e.ref.IsZero() {
		e.ref = w.u.Reserve()
	}
	d := pdffile.Dict{"Type": pdffile.Name("StructElem"), "S": pdffile.Name(e.tag), "P": parent}
	if e.alt != "" {
		d["Alt"] = pdftext.TextString(e.alt)
	}
	if e.attributes != nil {
		d["A"] = e.attributes
	}
	if e == w.root && w.o.Language != "" {
		d["Lang"] = pdffile.String(w.o.Language)
	}
	kids := pdffile.Array{}
	for _, k := range e.kids {
		switch {
		case k.element != nil:
			w.element(k.element, e.ref)
			kids = append(kids, k.element.ref)
		case !k.object.IsZero():
			kids = append(kids, pdffile.Dict{"Type": pdffile.Name("OBJR"), "Obj": k.object, "Pg": k.sheet.ref})
		default:
			kids = append(kids, pdffile.Dict{"Type": pdffile.Name("MCR"), "Pg": k.sheet.ref, "MCID": pdffile.Integer(k.mcid)})
		}
	}
	if len(kids) > 0 {
		d["K"] = kids
	}
	w.u.Set(e.ref, d)
}

// parents writes how to find an element from a page's content and from an
// annotation (14.7.4.4), behind the entries that the document has.
func (w *Writer) parents(root pdffile.Dict) error {
	next, err := w.nextKey(root)
	if err != nil {
		return err
	}
	first := next
	nums := pdffile.Array{}
	for _, s := range w.pages {
		refs := make(pdffile.Array, len(s.marked))
		for i, e := range s.marked {
			refs[i] = e.ref
		}
		nums = append(nums, pdffile.Integer(next), refs)
		w.keyOf(s.ref, "StructParents", next)
		next++
	}
	var visit func(e *element)
	visit = func(e *element) {
		for _, k := range e.kids {
			if k.element != nil {
				visit(k.element)
			} else if !k.object.IsZero() {
				nums = append(nums, pdffile.Integer(next), e.ref)
				w.keyOf(k.object, "StructParent", next)
				next++
			}
		}
	}
	visit(w.root)
	root["ParentTreeNextKey"] = pdffile.Integer(next)
	old, err := w.u.File().Dict(root["ParentTree"])
	if err != nil {
		return err
	}
	root["ParentTree"], err = w.grown(old, nums, first, next-1)
	return err
}

func (w *Writer) keyOf(ref pdffile.Ref, key pdffile.Name, n int) {
	o, _ := w.u.Get(ref) // one of our own
	if d, ok := o.(pdffile.Dict); ok {
		d[key] = pdffile.Integer(n)
	}
}

// grown gives a number tree (7.9.7) with entries behind those it has.
func (w *Writer) grown(old pdffile.Dict, nums pdffile.Array, first, last int) (pdffile.Object, error) {
	if old == nil {
		return w.u.Add(pdffile.Dict{"Nums": nums}), nil
	}
	if kids, err := w.u.File().Array(old["Kids"]); err != nil || len(kids) > 0 {
		leaf := w.u.Add(pdffile.Dict{"Limits": pdffile.Array{pdffile.Integer(first), pdffile.Integer(last)}, "Nums": nums})
		return w.u.Add(pdffile.Dict{"Kids": append(kids.Clone(), leaf)}), err
	}
	list, err := w.u.File().Array(old["Nums"])
	return w.u.Add(pdffile.Dict{"Nums": append(list.Clone(), nums...)}), err
}

// nextKey finds the first free key of the tree.
func (w *Writer) nextKey(root pdffile.Dict) (int, error) {
	highest := -1
	if n, ok := root["ParentTreeNextKey"].(pdffile.Integer); ok && n > 0 && n < 1<<30 {
		highest = int(n) - 1
	}
	tree, err := w.u.File().Dict(root["ParentTree"])
	for depth := 0; err == nil && tree != nil && depth < 30; depth++ {
		var list pdffile.Array
		if list, err = w.u.File().Array(tree["Nums"]); err == nil && len(list) >= 2 {
			if n, ok := list[len(list)-2].(pdffile.Integer); ok && n < 1<<30 {
				highest = max(highest, int(n))
			}
		}
		if list, err = w.u.File().Array(tree["Kids"]); err != nil || len(list) == 0 {
			break
		}
		tree, err = w.u.File().Dict(list[len(list)-1])
	}
	return highest + 1, err
}
