package certificate

import (
	"fmt"
	"strings"

	"github.com/paraph/paraph/internal/brand"
	"github.com/paraph/paraph/internal/pdf"
	"github.com/paraph/paraph/internal/pdf/page"
	"github.com/paraph/paraph/internal/pdf/qr"
	"github.com/paraph/paraph/pades/mark"
	"github.com/paraph/paraph/pades/pdffont"
)

// The colours of the product's light theme.
var (
	ink    = page.Color{R: 0x1b / 255.0, G: 0x1f / 255.0, B: 0x24 / 255.0}
	ink2   = page.Color{R: 0x4a / 255.0, G: 0x51 / 255.0, B: 0x59 / 255.0}
	line   = page.Color{R: 0xe3 / 255.0, G: 0xe0 / 255.0, B: 0xd8 / 255.0}
	accent = page.Color{R: 0x1f / 255.0, G: 0x4b / 255.0, B: 0x99 / 255.0}
)

// drawing is a certificate being drawn.
type drawing struct {
	*page.Writer
	c     *pdf.Certificate
	w     *Words
	field string // of the seal; empty for none
}

func plain(text string, size float64, c page.Color) page.Text {
	return page.Text{Text: text, Face: pdffont.Regular(), Size: size, Color: c}
}

func bold(text string, size float64) page.Text {
	return page.Text{Text: text, Face: pdffont.Bold(), Size: size, Color: ink}
}

func mono(text string) page.Text {
	return page.Text{Text: text, Face: pdffont.Mono(), Size: 8, Color: ink}
}

func small(text string) page.Text { return plain(text, 8, ink2) }
func body(text string) page.Text  { return plain(text, 9.5, ink) }

func (d *drawing) draw() {
	const size = 52
	d.Figure("", -6, d.Y()-10, size, size, flourish(accent))
	d.Move(46)
	d.Heading(1, bold(d.w.Title, 20), d.Inner())
	d.Paragraph(plain(d.w.Intro, 10, ink2), d.Inner())
	d.document()
	d.signers()
	d.consents()
	d.events()
	d.verify()
}

// flourish is Paraph's mark as a drawing.
func flourish(c page.Color) mark.Item {
	return mark.Path{Width: brand.Size, Height: brand.Size, Data: brand.Path, Pen: brand.StrokeWidth * 0.8, Color: c}
}

// section writes a part with its heading, and with room for its first lines.
func (d *drawing) section(title string, room float64, write func()) {
	d.Need(40 + room)
	if d.Y() > d.Margin() { // at the head of a page there is nothing to part from
		d.Move(14)
		d.Rule(line)
		d.Move(8)
	}
	d.In("Sect", func() {
		d.Heading(2, bold(title, 13), d.Inner())
		write()
	})
}

// rows are labels with their values; one without a value is left out.
type rows []page.Row

func (r *rows) add(label, value string, set func(string) page.Text) {
	if strings.TrimSpace(value) != "" {
		*r = append(*r, page.Row{Head: plain(label, 9.5, ink2), Value: set(value)})
	}
}

func (d *drawing) labelWidth() float64 { return min(112, d.Inner()*0.34) }

func (d *drawing) document() {
	c, w := d.c, d.w
	d.section(w.Document, 60, func() {
		var r rows
		r.add(w.TitleOf, c.Title, body)
		if c.Pages > 0 {
			r.add(w.Pages, fmt.Sprint(c.Pages), body)
		}
		r.add(w.DocumentID, c.DocumentID, mono)
		r.add(w.EnvelopeID, c.EnvelopeID, mono)
		r.add(w.SentBy, person(c.SenderName, c.SenderEmail), body)
		r.add(w.Sent, w.moment(c.SentAt), body)
		r.add(w.Complete, w.moment(c.CompletedAt), body)
		r.add(w.SignedDigest, digest(c.SignedSHA256), mono)
		if c.OriginalSHA256 != c.SignedSHA256 {
			r.add(w.OriginalDigest, digest(c.OriginalSHA256), mono)
		}
		d.Rows(r, d.labelWidth())
	})
}

func (d *drawing) signers() {
	title := d.w.Signers
	if len(d.c.Signers) == 1 {
		title = d.w.Signer
	}
	d.section(title, 120, func() {
		for i := range d.c.Signers {
			d.In("Sect", func() { d.signer(&d.c.Signers[i], i > 0) })
		}
	})
}

func (d *drawing) signer(s *pdf.CertificateSigner, further bool) {
	d.Need(150)
	if further {
		d.Move(14)
	}
	d.Move(6)
	const boxHeight = 44.0
	boxWidth := min(150, d.Inner()*0.4)
	top, column := d.Y(), d.Inner()-boxWidth-16
	d.mark(s, d.Inner()-boxWidth, top, boxWidth, boxHeight)
	beside := d.Pages()
	d.Heading(3, bold(s.Name, 11), column)
	if s.Email != "" {
		d.Paragraph(plain(s.Email, 9.5, ink2), column)
	}
	if d.Pages() == beside {
		d.Move(max(0, top+boxHeight+4-d.Y()))
	}
	w := d.w
	var r rows
	r.add(w.KnownBy, w.authentication(s.Authentication), body)
	r.add(w.Asked, w.moment(s.SentAt), body)
	r.add(w.Opened, w.moment(s.OpenedAt), body)
	r.add(w.Saw, w.moment(s.ViewedAt), body)
	r.add(w.Consented, w.moment(s.ConsentedAt), body)
	r.add(w.Signed, w.moment(s.SignedAt), body)
	r.add(w.Address, s.Address, body)
	r.add(w.TimeZone, s.TimeZone, body)
	r.add(w.Device, s.UserAgent, body)
	if s.DocumentSHA256 != d.c.SignedSHA256 {
		r.add(w.WasShown, digest(s.DocumentSHA256), mono)
	}
	r.add(w.ConsentDigest, digest(s.ConsentSHA256), mono)
	d.Rows(r, d.labelWidth())
}

func (w *Words) authentication(how string) string {
	if text, ok := w.Authentication[how]; ok {
		return text
	}
	return how
}

// mark draws the signature over a hairline.
func (d *drawing) mark(s *pdf.CertificateSigner, start, y, width, height float64) {
	under := mark.Path{Width: width, Height: height, Data: fmt.Sprintf("M0 %g H%g", height-0.5, width), Pen: 0.75, Color: line}
	items := []mark.Item{under}
	box := mark.Rect{Width: width, Height: height - 6}
	switch {
	case len(s.Strokes) > 0 && s.Width > 0 && s.Height > 0:
		items = append(items, strokes(s, box))
	case s.Typed != "":
		items = append(items, mark.Text{Box: mark.Rect{Y: height - 34, Width: width, Height: 28}, Text: s.Typed, Size: 20, Style: mark.Italic, Color: ink})
	default:
		return
	}
	d.Figure(fmt.Sprintf(d.w.MarkAlt, s.Name), start, y, width, height, items...)
}

// strokes keeps a drawing within its canvas.
func strokes(s *pdf.CertificateSigner, box mark.Rect) mark.Item {
	out := mark.Strokes{Box: box, Width: s.Width, Height: s.Height, Pen: 1.1 / min(box.Width/s.Width, box.Height/s.Height), Color: ink}
	for _, stroke := range s.Strokes {
		points := make([]mark.Point, len(stroke))
		for i, p := range stroke {
			points[i] = mark.Point{X: min(max(p.X, 0), s.Width), Y: min(max(p.Y, 0), s.Height)}
		}
		out.Lines = append(out.Lines, points)
	}
	return out
}

// consents prints each text that was agreed to, once.
func (d *drawing) consents() {
	type consent struct{ text, hash string }
	var all []consent
	seen := map[string]bool{}
	for i := range d.c.Signers {
		text := strings.TrimSpace(d.c.Signers[i].ConsentText)
		if text != "" && !seen[text] {
			seen[text] = true
			all = append(all, consent{text, d.c.Signers[i].ConsentSHA256})
		}
	}
	if len(all) == 0 {
		return
	}
	d.section(d.w.Agreed, 30, func() {
		for _, c := range all {
			text := body(c.text)
			text.Align = page.Natural
			d.Move(2)
			d.Paragraph(text, d.Inner())
			if c.hash != "" {
				d.Paragraph(page.Text{Text: "SHA-256 " + shortened(c.hash), Face: pdffont.Mono(), Size: 8, Color: ink2}, d.Inner())
			}
		}
	})
}

func (d *drawing) events() {
	if len(d.c.Events) == 0 {
		return
	}
	w := d.w
	d.section(w.Happened, 50, func() {
		table := make([][]page.Text, len(d.c.Events))
		for i := range d.c.Events {
			e := &d.c.Events[i]
			what, ok := w.Events[e.Kind]
			if !ok {
				what = e.What
			}
			if e.Who != "" {
				what += " · " + e.Who
			}
			table[i] = []page.Text{
				{Text: e.At.UTC().Format("2006-01-02 15:04:05"), Face: pdffont.Mono(), Size: 8, Color: ink2}, body(what), plain(e.Address, 9, ink2),
			}
		}
		heads := []page.Text{small(w.When), small(w.What), small(w.From)}
		d.Table(heads, table, []float64{0.22, 0.56, 0.22}, 10)
	})
}

func (d *drawing) verify() {
	const codeSize = 84.0
	code := codeOf(d.c.VerifyURL)
	d.section(d.w.Verify, codeSize+60, func() {
		text := d.c.VerifyText
		if text == "" {
			text = d.w.VerifyText
		}
		width, top := d.Inner(), d.Y()+4
		if code != nil {
			width -= codeSize + 20
			d.Figure(fmt.Sprintf(d.w.CodeAlt, d.c.VerifyURL), d.Inner()-codeSize, top, codeSize, codeSize, code)
		}
		pages := d.Pages()
		d.Paragraph(body(text), width)
		if d.c.VerifyURL != "" {
			d.Move(4)
			d.Paragraph(small(d.w.VerifyOnline), width)
			d.Link(plain(d.c.VerifyURL, 8, accent), d.c.VerifyURL, width)
		}
		if code != nil && d.Pages() == pages {
			d.Move(max(0, top+codeSize-d.Y()))
		}
	})
	d.seal()
}

// seal leaves a place for the mark of the seal.
func (d *drawing) seal() {
	if d.field == "" {
		return
	}
	const height = 40.0
	d.Need(height + 16)
	d.Move(14)
	d.Field(d.field, fmt.Sprintf(d.w.SealAlt, d.c.SealName), 0, d.Y(), min(220, d.Inner()), height)
	d.Move(height)
}

// codeOf draws a QR code (ISO/IEC 18004) as one path; nil for an address that
// is too long for one, or for none.
func codeOf(address string) mark.Item {
	if address == "" {
		return nil
	}
	code, err := qr.Encode(address)
	if err != nil {
		return nil
	}
	var path strings.Builder
	for row := range code.Size {
		for start := 0; start < code.Size; start++ {
			end := start
			for end < code.Size && code.At(end, row) {
				end++
			}
			if end > start {
				fmt.Fprintf(&path, "M%d %dh%dv1h%dz", start, row, end-start, start-end)
				start = end
			}
		}
	}
	return mark.Path{Width: float64(code.Size), Height: float64(code.Size), Data: path.String(), Color: ink}
}

func person(name, email string) string {
	switch {
	case name == "":
		return email
	case email == "":
		return name
	}
	return name + " <" + email + ">"
}

// digest groups a digest by eight for the eye.
func digest(hex string) string {
	if len(hex) != 64 {
		return hex
	}
	var groups []string
	for i := 0; i < len(hex); i += 8 {
		groups = append(groups, hex[i:i+8])
	}
	return strings.Join(groups, " ")
}

// shortened gives the first and the last eight digits.
func shortened(hex string) string {
	if len(hex) <= 17 {
		return hex
	}
	return hex[:8] + "…" + hex[len(hex)-8:]
}
