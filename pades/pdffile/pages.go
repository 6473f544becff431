package pdffile

import "math"

// Rect is a rectangle with its lower left and upper right corner, in points.
type Rect struct{ X0, Y0, X1, Y1 float64 }

// Width is the horizontal extent in points.
func (r Rect) Width() float64 { return r.X1 - r.X0 }

// Height is the vertical extent in points.
func (r Rect) Height() float64 { return r.Y1 - r.Y0 }

// Array gives the rectangle as PDF writes it.
func (r Rect) Array() Array { return Array{Real(r.X0), Real(r.Y0), Real(r.X1), Real(r.Y1)} }

// Page is a page with its inherited attributes filled in (7.7.3.4).
type Page struct {
	Index     int // counted from 0
	Ref       Ref
	Dict      Dict // as in the file, without inherited values
	MediaBox  Rect
	CropBox   Rect // what is shown: the crop box within the media box
	Rotate    int  // 0, 90, 180 or 270 degrees clockwise
	Resources Object
}

// letter is what readers assume for a page without a media box.
var letter = Rect{0, 0, 612, 792}

// inherited are the attributes that come down the page tree.
type inherited struct{ media, crop, rotate, resources Object }

func (in inherited) with(d Dict) inherited {
	set := func(field *Object, key Name) {
		if !isNull(d[key]) {
			*field = d[key]
		}
	}
	set(&in.media, "MediaBox")
	set(&in.crop, "CropBox")
	set(&in.rotate, "Rotate")
	set(&in.resources, "Resources")
	return in
}

// NumPages gives the number of pages the page tree's root declares.
func (f *File) NumPages() (int, error) {
	root, err := f.pageRoot()
	if err != nil {
		return 0, err
	}
	d, err := f.Dict(root)
	if err != nil {
		return 0, err
	}
	return f.pageCount(d)
}

func (f *File) pageRoot() (Ref, error) {
	cat, err := f.Catalog()
	if err != nil {
		return Ref{}, err
	}
	root, ok := cat["Pages"].(Ref)
	if !ok {
		return Ref{}, damaged(-1, "the catalog names no page tree")
	}
	return root, nil
}

func (f *File) pageCount(d Dict) (int, error) {
	o, err := f.Resolve(d["Count"])
	if err != nil {
		return 0, err
	}
	n, ok := o.(Integer)
	if !ok || n < 0 || n > maxObjectNumber {
		return 0, damaged(-1, "a page tree node has no usable /Count")
	}
	return int(n), nil
}

// Page finds a page by its index from 0, reading only the nodes on the way.
func (f *File) Page(index int) (*Page, error) {
	if index == 0 && f.front != nil {
		p := *f.front
		return &p, nil
	}
	total, err := f.NumPages()
	if err != nil {
		return nil, err
	}
	if index < 0 || index >= total {
		return nil, damaged(-1, "page %d of %d does not exist", index+1, total)
	}
	w := pageWalk{f: f, skip: index, seen: map[uint32]bool{}}
	var found *Page
	w.visit = func(p *Page) error { found = p; return errStop }
	root, err := f.pageRoot()
	if err != nil {
		return nil, err
	}
	if err := w.node(root, inherited{}, 0); err != nil && err != errStop { //nolint:errorlint // a private mark, never wrapped
		return nil, err
	}
	if found == nil {
		return nil, damaged(-1, "the page tree holds fewer pages than its /Count")
	}
	return found, nil
}

// WalkPages visits every page in order and checks that the page tree is a tree
// whose counts are true. An error of visit ends the walk and is returned.
func (f *File) WalkPages(visit func(*Page) error) error {
	root, err := f.pageRoot()
	if err != nil {
		return err
	}
	w := pageWalk{f: f, visit: visit, seen: map[uint32]bool{}}
	return w.node(root, inherited{}, 0)
}

type stop struct{}

func (stop) Error() string { return "found" }

var errStop error = stop{}

type pageWalk struct {
	f     *File
	visit func(*Page) error
	skip  int // leaves still to pass over
	next  int // index of the next leaf
	seen  map[uint32]bool
}

func (w *pageWalk) node(o Object, in inherited, depth int) error {
	ref, ok := o.(Ref)
	if !ok {
		return damaged(-1, "the page tree holds something that is no reference")
	}
	if depth > w.f.lim.Depth {
		return overLimit("the page tree is deeper than %d", w.f.lim.Depth)
	}
	if w.seen[ref.Num] {
		return damaged(-1, "the page tree reaches object %d twice", ref.Num)
	}
	w.seen[ref.Num] = true
	v, err := w.f.Object(ref)
	if err != nil {
		return err
	}
	d, ok := v.(Dict)
	if !ok {
		return damaged(-1, "the page tree's object %d is no dictionary", ref.Num)
	}
	if isNull(d["Kids"]) {
		return w.leaf(ref, d, in.with(d))
	}
	if t, ok := d["Type"].(Name); ok && t != "Pages" {
		return damaged(-1, "the page tree's object %d has kids but the type %s", ref.Num, t)
	}
	count, err := w.f.pageCount(d)
	if err != nil {
		return err
	}
	if w.skip >= count && w.skip > 0 {
		w.skip -= count
		w.next += count
		return nil
	}
	kids, err := w.f.Array(d["Kids"])
	if err != nil {
		return err
	}
	before := w.next
	in = in.with(d)
	for _, kid := range kids {
		if err := w.node(kid, in, depth+1); err != nil {
			return err
		}
	}
	if w.next-before != count {
		return damaged(-1, "a page tree node counts %d pages and has %d", count, w.next-before)
	}
	return nil
}

func (w *pageWalk) leaf(ref Ref, d Dict, in inherited) error {
	switch t, ok := d["Type"].(Name); {
	case !ok && isNull(d["Type"]):
		w.f.deviate(-1, "the page in object %d does not say that it is one", ref.Num)
	case t != "Page":
		return damaged(-1, "the page tree's object %d is no page", ref.Num)
	}
	index := w.next
	w.next++
	if w.skip > 0 {
		w.skip--
		return nil
	}
	p := &Page{Index: index, Ref: ref, Dict: d, Resources: in.resources}
	var err error
	if p.MediaBox, err = w.f.rect(in.media, letter); err != nil {
		return err
	}
	if p.CropBox, err = w.f.rect(in.crop, p.MediaBox); err != nil {
		return err
	}
	p.CropBox = intersect(p.CropBox, p.MediaBox)
	rot, err := w.f.Resolve(in.rotate)
	if err != nil {
		return err
	}
	if n, ok := Number(rot); ok && math.Mod(n, 90) == 0 {
		p.Rotate = int(math.Mod(math.Mod(n, 360)+360, 360))
	}
	return w.visit(p)
}

// Rect reads a rectangle; null gives one without area.
func (f *File) Rect(o Object) (Rect, error) { return f.rect(o, Rect{}) }

// rect reads a rectangle with its corners in any order (7.9.5).
func (f *File) rect(o Object, fallback Rect) (Rect, error) {
	a, err := f.Resolve(o)
	if err != nil || isNull(a) {
		return fallback, err
	}
	list, ok := a.(Array)
	if !ok || len(list) != 4 {
		return Rect{}, damaged(-1, "a page box has not four numbers")
	}
	var v [4]float64
	for i := range v {
		e, err := f.Resolve(list[i])
		if err != nil {
			return Rect{}, err
		}
		if v[i], ok = Number(e); !ok || math.Abs(v[i]) > 1e6 {
			return Rect{}, damaged(-1, "a page box has not four usable numbers")
		}
	}
	return Rect{min(v[0], v[2]), min(v[1], v[3]), max(v[0], v[2]), max(v[1], v[3])}, nil
}

// intersect gives the common part, or b when there is none.
func intersect(a, b Rect) Rect {
	r := Rect{max(a.X0, b.X0), max(a.Y0, b.Y0), min(a.X1, b.X1), min(a.Y1, b.Y1)}
	if r.X0 >= r.X1 || r.Y0 >= r.Y1 {
		return b
	}
	return r
}
