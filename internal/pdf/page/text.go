package page

import (
	"github.com/paraph/paraph/pades/pdffile"
	"github.com/paraph/paraph/pades/pdftext"
)

// cell is a text in a column of a row.
type cell struct {
	element *element
	text    Text
	start   float64 // from where columns begin
	width   float64
	lines   []pdftext.Line
	link    string
}

func (w *Writer) cell(e *element, t Text, start, width float64) cell {
	c := cell{element: e, text: t, start: start, width: width}
	c.lines = w.set.Lines(t.Face, t.Text, width*1000/t.Size)
	return c
}

// Heading writes a heading of level 1 to 6.
func (w *Writer) Heading(level int, t Text, width float64) {
	w.block("H"+string(rune('0'+min(max(level, 1), 6))), t, width)
}

// Paragraph writes a paragraph in a column of a width that begins at the margin.
func (w *Writer) Paragraph(t Text, width float64) { w.block("P", t, width) }

func (w *Writer) block(tag string, t Text, width float64) {
	if e := w.at.add(tag); width > 0 {
		w.row([]cell{w.cell(e, t, 0, width)})
	}
}

// Link writes a line or more that leads to an address.
func (w *Writer) Link(t Text, address string, width float64) {
	c := w.cell(w.at.add("P").add("Link"), t, 0, width)
	c.link = address
	w.row([]cell{c})
}

// Height tells how high a text would stand in a column.
func (w *Writer) Height(t Text, width float64) float64 {
	return float64(len(w.set.Lines(t.Face, t.Text, width*1000/t.Size))) * t.leading()
}

// Width tells how wide a text would be on one line.
func (w *Writer) Width(t Text) float64 { return w.set.Width(t.Face, t.Text) * t.Size / 1000 }

// row writes texts side by side, each in its column, over as many pages as they need.
func (w *Writer) row(cells []cell) {
	step, hang, lines := 0.0, 0.0, 0
	for i := range cells {
		step, lines = max(step, cells[i].text.leading()), max(lines, len(cells[i].lines))
		hang = max(hang, 0.3*cells[i].text.Size) // texts of several sizes share their baselines
	}
	for from := 0; from < lines; {
		w.Need(step)
		fit := max(1, int((w.bottom()-w.y)/step+1e-6))
		to := min(lines, from+fit)
		for i := range cells {
			if end := min(to, len(cells[i].lines)); from < end {
				w.lines(&cells[i], cells[i].lines[from:end], step, hang)
			}
		}
		w.y += float64(to-from) * step
		from = to
	}
}

// lines writes a cell's lines on the current page from the current height on, a
// step apart, with baselines so much above each step's bottom.
func (w *Writer) lines(c *cell, lines []pdftext.Line, step, hang float64) {
	top := w.y
	w.mark(c.element, func(b []byte) []byte {
		b = appendColor(b, c.text.Color, "rg")
		for i := range lines {
			l := &lines[i]
			if c.text.Align == Justified {
				l.Justify(c.width * 1000 / c.text.Size)
			}
			x := w.lineStart(c, l)
			b = l.Draw(b, w.fonts, x, w.flip(top+float64(i+1)*step-hang), c.text.Size)
		}
		return b
	})
	if c.link != "" {
		for i := range lines {
			x, y := w.lineStart(c, &lines[i]), top+float64(i)*step
			w.annotateLink(c, pdffile.Rect{X0: x, Y0: w.flip(y + step), X1: x + lines[i].Width*c.text.Size/1000, Y1: w.flip(y)})
		}
	}
}

func (w *Writer) lineStart(c *cell, l *pdftext.Line) float64 {
	left, spare := w.left(c.start, c.width), c.width-l.Width*c.text.Size/1000
	right := false
	switch c.text.Align {
	case Column:
		right = w.o.RTL
	case Natural, Justified:
		right = l.RTL
	case Opposite:
		right = !w.o.RTL
	case Center:
		return left + spare/2
	}
	if right {
		return left + spare
	}
	return left
}

func (w *Writer) annotateLink(c *cell, box pdffile.Rect) {
	s := w.sheet()
	annotation := pdffile.Dict{
		"Type": pdffile.Name("Annot"), "Subtype": pdffile.Name("Link"), "Rect": box.Array(), "F": pdffile.Integer(4),
		"Border": pdffile.Array{pdffile.Integer(0), pdffile.Integer(0), pdffile.Integer(0)}, "Contents": pdftext.TextString(c.text.Text),
		"A": pdffile.Dict{"S": pdffile.Name("URI"), "URI": pdffile.String(c.link)},
	}
	s.annots = append(s.annots, w.object(s, c.element, annotation))
}

// Row is a line of a table: the first column heads the row.
type Row struct{ Head, Value Text }

// Rows writes a table of two columns whose first one heads its rows.
func (w *Writer) Rows(rows []Row, head float64) {
	if len(rows) == 0 {
		return
	}
	table := w.at.add("Table")
	for _, r := range rows {
		tr := table.add("TR")
		th, td := tr.add("TH"), tr.add("TD")
		th.attributes = scope("Row")
		w.row([]cell{w.cell(th, r.Head, 0, head-6), w.cell(td, r.Value, head, w.Inner()-head)})
	}
}

func scope(of string) pdffile.Dict {
	return pdffile.Dict{"O": pdffile.Name("Table"), "Scope": pdffile.Name(of)}
}

// Table writes a table with a head. widths are the columns' parts of the whole;
// space lies between them.
func (w *Writer) Table(head []Text, rows [][]Text, widths []float64, space float64) {
	table := w.at.add("Table")
	w.tableRow(table.add("THead").add("TR"), "TH", head, widths, space)
	body := table.add("TBody")
	for _, r := range rows {
		w.tableRow(body.add("TR"), "TD", r, widths, space)
	}
}

func (w *Writer) tableRow(tr *element, tag string, texts []Text, widths []float64, space float64) {
	cells := make([]cell, len(texts))
	start, all := 0.0, w.Inner()-space*float64(len(widths)-1)
	for i, t := range texts {
		e := tr.add(tag)
		if tag == "TH" {
			e.attributes = scope("Column")
		}
		cells[i] = w.cell(e, t, start, all*widths[i])
		start += all*widths[i] + space
	}
	w.row(cells)
}
