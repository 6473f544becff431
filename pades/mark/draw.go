package mark

import (
	"bytes"
	"fmt"
	"math"
	"slices"

	"github.com/paraph/paraph/pades/pdfcolor"
	"github.com/paraph/paraph/pades/pdffile"
	"github.com/paraph/paraph/pades/pdffont"
	"github.com/paraph/paraph/pades/pdftext"
)

// maxPoints bounds a drawing; more than this no pen makes.
const maxPoints = 200_000

// Pen draws marks into one update; fonts are shared by all of its marks.
type Pen struct {
	u     *pdffile.Update
	text  *pdftext.Setter
	fonts *pdftext.Fonts

	rgb   pdffile.Object // what red, green and blue mean, once asked; nil where nothing needs to be said
	asked bool
}

// NewPen begins drawing. Characters that the built-in faces lack are taken from
// the fallbacks, in order; for what none has a sign is shown.
func NewPen(u *pdffile.Update, fallbacks []*pdffont.Face) *Pen {
	return &Pen{u: u, text: pdftext.New("", fallbacks), fonts: pdftext.NewFonts(u)}
}

// NewSharedPen begins drawing with the fonts of pages that are being written;
// whoever writes those closes them.
func NewSharedPen(u *pdffile.Update, text *pdftext.Setter, fonts *pdftext.Fonts) *Pen {
	return &Pen{u: u, text: text, fonts: fonts}
}

// Close writes the fonts that were used.
func (p *Pen) Close() error {
	err := p.fonts.Close()
	p.fonts = pdftext.NewFonts(p.u)
	return err
}

// RGB gives what resources must name as /DefaultRGB for the marks' colours; nil
// where nothing needs to be said.
func (p *Pen) RGB() (pdffile.Object, error) {
	if p.asked {
		return p.rgb, nil
	}
	var err error
	p.rgb, err = pdfcolor.Default(p.u)
	p.asked = err == nil
	return p.rgb, err
}

// drawing is the content of one mark.
type drawing struct {
	pen   *Pen
	mark  Rect
	out   bytes.Buffer
	fonts pdffile.Dict

	images pdffile.Dict
}

// Form draws a mark as a Form XObject and tells where it stands: matrix maps
// the form to the page's user space, box is the rectangle it covers there.
// With turned, the form carries the rotation itself, as an annotation's
// appearance must.
func (p *Pen) Form(page *pdffile.Page, m Mark, turned bool) (form pdffile.Ref, matrix [6]float64, box pdffile.Rect, err error) {
	if matrix, box, err = place(page, m.Rect); err != nil {
		return form, matrix, box, err
	}
	d := &drawing{pen: p, mark: m.Rect, fonts: pdffile.Dict{}}
	if m.Frame {
		fmt.Fprintf(&d.out, "q 0.6 G 0.5 w 0.25 0.25 %s %s re S Q\n", num(m.Rect.Width-0.5), num(m.Rect.Height-0.5))
	}
	for _, item := range m.Items {
		if err := item.draw(d); err != nil {
			return form, matrix, box, err
		}
	}
	resources, err := d.resources()
	if err != nil {
		return form, matrix, box, err
	}
	dict := pdffile.Dict{
		"Type": pdffile.Name("XObject"), "Subtype": pdffile.Name("Form"), "FormType": pdffile.Integer(1),
		"BBox":      pdffile.Array{pdffile.Integer(0), pdffile.Integer(0), pdffile.Real(m.Rect.Width), pdffile.Real(m.Rect.Height)},
		"Resources": resources,
	}
	if turned && page.Rotate != 0 {
		dict["Matrix"] = pdffile.Array{
			pdffile.Real(matrix[0]), pdffile.Real(matrix[1]), pdffile.Real(matrix[2]), pdffile.Real(matrix[3]),
			pdffile.Integer(0), pdffile.Integer(0),
		}
	}
	return p.u.AddStream(dict, d.out.Bytes()), matrix, box, nil
}

func (d *drawing) resources() (pdffile.Dict, error) {
	res := pdffile.Dict{}
	rgb, err := d.pen.RGB()
	if rgb != nil {
		res["ColorSpace"] = pdffile.Dict{"DefaultRGB": rgb}
	}
	if len(d.fonts) > 0 {
		res["Font"] = d.fonts
	}
	if len(d.images) > 0 {
		res["XObject"] = d.images
	}
	return res, err
}

// box gives an item's place in form space: left, top (from below), width, height.
func (d *drawing) box(r Rect) (x, top, w, h float64, err error) {
	if r == (Rect{}) {
		r = Rect{0, 0, d.mark.Width, d.mark.Height}
	}
	if !finite(r.X, r.Y, r.Width, r.Height) || r.Width <= 0 || r.Height <= 0 {
		return 0, 0, 0, 0, fault("an item in it has no usable place")
	}
	return r.X, d.mark.Height - r.Y, r.Width, r.Height, nil
}

// num writes a number with three decimals at most.
func num(v float64) string {
	var room [24]byte
	return string(pdftext.AppendNumber(room[:0], v))
}

// point writes a place.
func (d *drawing) point(x, y float64) {
	b := append(pdftext.AppendNumber(d.out.AvailableBuffer(), x), ' ')
	d.out.Write(append(pdftext.AppendNumber(b, y), ' '))
}

func (d *drawing) color(c Color, op string) {
	clamp := func(v float64) float64 {
		if !(v > 0) {
			return 0
		}
		return min(v, 1)
	}
	fmt.Fprintf(&d.out, "%s %s %s %s\n", num(clamp(c.R)), num(clamp(c.G)), num(clamp(c.B)), op)
}

func (s Strokes) draw(d *drawing) error {
	x, top, w, h, err := d.box(s.Box)
	if err != nil {
		return err
	}
	if !finite(s.Width, s.Height, s.Pen) || s.Width <= 0 || s.Height <= 0 {
		return fault("a drawing's canvas has no usable size")
	}
	scale := min(w/s.Width, h/s.Height)
	x += (w - s.Width*scale) / 2
	top -= (h - s.Height*scale) / 2
	pen := s.Pen
	if pen <= 0 {
		pen = 1.2 / scale
	}
	d.out.WriteString("q 1 J 1 j\n")
	d.color(s.Color, "RG")
	fmt.Fprintf(&d.out, "%s w\n", num(max(0.2, pen*scale)))
	total := 0
	for _, line := range s.Lines {
		if total += len(line); total > maxPoints {
			return fault("a drawing has more than %d points", maxPoints)
		}
		for i, p := range line {
			if !finite(p.X, p.Y) {
				return fault("a drawing has an impossible point")
			}
			op := "l\n"
			if i == 0 {
				op = "m\n"
			}
			d.point(x+p.X*scale, top-p.Y*scale)
			d.out.WriteString(op)
			if len(line) == 1 { // a dot: a line of no length with round ends
				d.point(x+p.X*scale, top-p.Y*scale)
				d.out.WriteString("l\n")
			}
		}
		if len(line) > 0 {
			d.out.WriteString("S\n")
		}
	}
	d.out.WriteString("Q\n")
	return nil
}

func (t Text) draw(d *drawing) error {
	x, top, w, h, err := d.box(t.Box)
	if err != nil {
		return err
	}
	if !finite(t.Size) || t.Size < 0 {
		return fault("a text has no usable size")
	}
	lines := d.pen.text.Lines(t.Style.face(), t.Text, 0)
	const leading = 1.2
	size := t.Size
	if size == 0 {
		size = h / (leading * float64(len(lines)))
	}
	widest := 0.0
	for i := range lines {
		widest = max(widest, lines[i].Width)
	}
	if widest*size/1000 > w {
		size = math.Floor(w/widest*1000*100) / 100
	}
	if size <= 0 {
		return nil
	}
	d.out.WriteString("q\n")
	d.color(t.Color, "rg")
	baseline := top - size*0.95
	for i := range lines {
		for _, run := range lines[i].Runs {
			d.pen.fonts.Into(d.fonts, run.Face)
		}
		left := x + (w-lines[i].Width*size/1000)*float64(t.Align)/2
		d.out.Write(lines[i].Draw(nil, d.pen.fonts, left, baseline, size))
		baseline -= size * leading
	}
	d.out.WriteString("Q\n")
	return nil
}

// Stamp draws marks as content of their pages: in front of what is there,
// marked as artifacts so that the structure of tagged files stays as it is.
// It must not be used on a file that carries a signature.
func (p *Pen) Stamp(marks []Mark) error {
	byPage := map[int][]Mark{}
	for _, m := range marks {
		byPage[m.Page] = append(byPage[m.Page], m)
	}
	for _, m := range marks {
		if list := byPage[m.Page]; list != nil {
			if err := p.stampPage(m.Page, list); err != nil {
				return err
			}
			delete(byPage, m.Page)
		}
	}
	return nil
}

func (p *Pen) stampPage(index int, marks []Mark) error {
	n, err := p.u.File().NumPages()
	if err != nil {
		return err
	}
	if index < 0 || index >= n {
		return fault("page %d of %d does not exist", index+1, n)
	}
	page, err := p.u.File().Page(index)
	if err != nil {
		return err
	}
	d, err := p.dict(page.Ref)
	if err != nil {
		return err
	}
	d = d.Clone()
	res, err := p.dict(page.Resources)
	if err != nil {
		return err
	}
	objects, err := p.dict(res["XObject"])
	if err != nil {
		return err
	}
	res, objects = clone(res), clone(objects)
	var after bytes.Buffer
	after.WriteString("\nQ\n")
	for _, m := range marks {
		form, matrix, _, err := p.Form(page, m, false)
		if err != nil {
			return err
		}
		name := pdffile.Name(fmt.Sprintf("Mark%d", form.Num))
		objects[name] = form
		after.WriteString("/Artifact BMC q ")
		for _, v := range matrix {
			after.WriteString(num(v) + " ")
		}
		fmt.Fprintf(&after, "cm /%s Do Q EMC\n", name)
	}
	res["XObject"] = objects
	d["Resources"] = res
	if d["Contents"], err = p.wrap(d["Contents"], after.Bytes()); err != nil {
		return err
	}
	p.u.Set(page.Ref, d)
	return nil
}

// wrap saves the graphics state before the old content and restores it behind.
func (p *Pen) wrap(old pdffile.Object, after []byte) (pdffile.Object, error) {
	list := pdffile.Array{p.u.AddStream(nil, []byte("q\n"))}
	content, err := p.u.Resolve(old)
	if err != nil {
		return nil, err
	}
	switch v := content.(type) {
	case pdffile.Array:
		list = append(list, slices.Clone(v)...)
	case *pdffile.Stream:
		list = append(list, old)
	}
	return append(list, p.u.AddStream(nil, after)), nil
}

func (p *Pen) dict(o pdffile.Object) (pdffile.Dict, error) {
	v, err := p.u.Resolve(o)
	if err != nil {
		return nil, err
	}
	d, _ := v.(pdffile.Dict)
	return d, nil
}

func clone(d pdffile.Dict) pdffile.Dict {
	if d == nil {
		return pdffile.Dict{}
	}
	return d.Clone()
}
