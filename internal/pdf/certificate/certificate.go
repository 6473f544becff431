// Package certificate draws certificates of completion: what was signed, by
// whom, when, how they were known, and how anyone can check it.
package certificate

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"codeberg.org/go-pdf/fpdf"
	"github.com/boombuler/barcode/qr"

	"github.com/paraph/paraph/internal/pdf"
)

// Measures in points; the page is A4.
const (
	pageWidth, pageHeight = 595.28, 841.89
	margin                = 56
	inner                 = pageWidth - 2*margin
	bottom                = pageHeight - 64
	labelWidth            = 108
)

// colour is an RGB colour of the product's light theme.
type colour [3]int

var (
	ink    = colour{0x1b, 0x1f, 0x24}
	ink2   = colour{0x4a, 0x51, 0x59}
	line   = colour{0xe3, 0xe0, 0xd8}
	accent = colour{0x1f, 0x4b, 0x99}
)

// Bounds of what is printed; the evidence file holds everything.
const (
	maxSigners = 200
	maxEvents  = 500
	maxText    = 4000 // characters of any one text
)

// Build draws the certificate. fontDir is searched for fonts of scripts that
// the built-in ones lack; empty or unreadable, such letters print as "?".
func Build(c pdf.Certificate, fontDir string) (document []byte, pages int, err error) {
	bound(&c)
	// The first pass counts the pages, for the footers of the second. Fonts of
	// the system may be odd: without them the certificate still must come.
	for _, dir := range []string{fontDir, ""} {
		if _, pages, err = pass(c, dir, 0); err != nil {
			continue
		}
		if document, pages, err = pass(c, dir, pages); err == nil {
			return document, pages, nil
		}
	}
	return nil, 0, fmt.Errorf("draw the certificate: %w", err)
}

func bound(c *pdf.Certificate) {
	cut := func(texts ...*string) {
		for _, text := range texts {
			*text = strings.ToValidUTF8(*text, "?")
			if letters := []rune(*text); len(letters) > maxText {
				*text = string(letters[:maxText]) + "…"
			}
		}
	}
	cut(&c.EnvelopeID, &c.DocumentID, &c.Title, &c.SenderName, &c.SenderEmail, &c.OriginalSHA256, &c.SignedSHA256, &c.VerifyText, &c.VerifyCode)
	c.Signers = c.Signers[:min(len(c.Signers), maxSigners)]
	for i := range c.Signers {
		s := &c.Signers[i]
		cut(&s.Name, &s.Email, &s.Authentication, &s.ConsentText, &s.ConsentSHA256, &s.DocumentSHA256, &s.Address, &s.TimeZone, &s.UserAgent, &s.Typed)
	}
	c.Events = c.Events[:min(len(c.Events), maxEvents)]
	for i := range c.Events {
		cut(&c.Events[i].What, &c.Events[i].Who, &c.Events[i].Address)
	}
}

// drawing is a certificate being drawn; y is where the next thing goes.
type drawing struct {
	pdf   *fpdf.Fpdf
	text  *typesetter
	c     *pdf.Certificate
	y     float64
	total int // pages, for the footer; 0 while counting
}

func pass(c pdf.Certificate, fontDir string, total int) (document []byte, pages int, err error) {
	defer func() {
		// The PDF writer panics on fonts it does not understand.
		if cause := recover(); cause != nil {
			err = fmt.Errorf("%v", cause)
		}
	}()
	writer := fpdf.New("P", "pt", "A4", "")
	writer.SetCatalogSort(true)
	writer.SetCreationDate(c.CompletedAt.UTC())
	writer.SetModificationDate(c.CompletedAt.UTC())
	writer.SetProducer("Paraph", true)
	writer.SetTitle("Certificate of completion: "+c.Title, true)
	writer.SetLang("en")
	writer.SetMargins(margin, margin, margin)
	writer.SetAutoPageBreak(false, 0)
	text, err := newTypesetter(writer, fontDir)
	if err != nil {
		return nil, 0, err
	}
	d := &drawing{pdf: writer, text: text, c: &c, total: total}
	d.page()
	d.head()
	d.document()
	d.signers()
	d.consents()
	d.events()
	d.verify()
	var out bytes.Buffer
	if err := writer.Output(&out); err != nil {
		return nil, 0, err
	}
	return out.Bytes(), writer.PageCount(), nil
}

func (d *drawing) ink(c colour) { d.pdf.SetTextColor(c[0], c[1], c[2]) }

func (d *drawing) pen(c colour, width float64) {
	d.pdf.SetDrawColor(c[0], c[1], c[2])
	d.pdf.SetLineWidth(width)
}

func (d *drawing) page() {
	d.pdf.AddPage()
	d.y = margin
	footer := d.c.EnvelopeID + " · page " + fmt.Sprint(d.pdf.PageNo())
	if d.total > 0 {
		footer += fmt.Sprintf(" of %d", d.total)
	}
	d.pen(line, 0.75)
	d.pdf.Line(margin, pageHeight-48, pageWidth-margin, pageHeight-48)
	d.ink(ink2)
	d.text.write(margin, pageHeight-34, regular, 8, footer)
	right := "Certificate of completion"
	d.text.write(pageWidth-margin-d.text.width(regular, 8, right), pageHeight-34, regular, 8, right)
}

// need begins a new page unless so much room is left on this one.
func (d *drawing) need(height float64) {
	if d.y+height > bottom {
		d.page()
	}
}

func (d *drawing) head() {
	drawMark(d.pdf, margin-6, d.y-10, 52)
	d.y += 62
	d.ink(ink)
	d.text.write(margin, d.y, bold, 20, "Certificate of completion")
	d.y += 18
	d.ink(ink2)
	d.text.write(margin, d.y, regular, 10, "Everyone asked to sign has signed. All times are UTC.")
	d.y += 10
}

// section begins a part with its heading, and with room for its first lines.
func (d *drawing) section(title string, room float64) {
	d.need(34 + room)
	d.y += 14
	d.pen(line, 0.75)
	d.pdf.Line(margin, d.y, pageWidth-margin, d.y)
	d.y += 20
	d.ink(ink)
	d.text.write(margin, d.y, bold, 13, title)
	d.y += 8
}

// row prints a label and its value; an empty value leaves it out.
func (d *drawing) row(label, value, face string) {
	if strings.TrimSpace(value) == "" {
		return
	}
	size := 9.5
	if face == mono {
		size = 8.5
	}
	lines := d.text.wrap(face, size, inner-labelWidth, value)
	for i, text := range lines {
		d.need(14)
		d.y += 14
		if i == 0 {
			d.ink(ink2)
			d.text.write(margin, d.y, regular, 9.5, label)
		}
		d.ink(ink)
		d.text.write(margin+labelWidth, d.y, face, size, text)
	}
}

func (d *drawing) document() {
	c := d.c
	d.section("Document", 60)
	d.row("Title", c.Title, regular)
	if c.Pages > 0 {
		d.row("Pages", fmt.Sprint(c.Pages), regular)
	}
	d.row("Document", c.DocumentID, mono)
	d.row("Envelope", c.EnvelopeID, mono)
	d.row("Sent by", person(c.SenderName, c.SenderEmail), regular)
	d.row("Sent", moment(c.SentAt), regular)
	d.row("Completed", moment(c.CompletedAt), regular)
	d.row("Signed SHA-256", digest(c.SignedSHA256), mono)
	if c.OriginalSHA256 != c.SignedSHA256 {
		d.row("Original SHA-256", digest(c.OriginalSHA256), mono)
	}
}

func (d *drawing) signers() {
	title := "Signers"
	if len(d.c.Signers) == 1 {
		title = "Signer"
	}
	d.section(title, 120)
	for i := range d.c.Signers {
		d.signer(&d.c.Signers[i], i > 0)
	}
}

func (d *drawing) signer(s *pdf.CertificateSigner, further bool) {
	d.need(150)
	if further {
		d.y += 14
	}
	d.y += 10
	const boxWidth, boxHeight = 150.0, 44.0
	d.mark(s, pageWidth-margin-boxWidth, d.y-4, boxWidth, boxHeight)
	d.ink(ink)
	nameTop := d.y
	for _, text := range d.text.wrap(bold, 11, inner-boxWidth-16, s.Name) {
		d.y += 14
		d.text.write(margin, d.y, bold, 11, text)
	}
	d.ink(ink2)
	for _, text := range d.text.wrap(regular, 9.5, inner-boxWidth-16, s.Email) {
		d.y += 14
		d.text.write(margin, d.y, regular, 9.5, text)
	}
	d.y = max(d.y, nameTop+boxHeight-2)
	d.row("Known by", s.Authentication, regular)
	d.row("Asked", moment(s.SentAt), regular)
	d.row("Opened", moment(s.OpenedAt), regular)
	d.row("Saw the pages", moment(s.ViewedAt), regular)
	d.row("Agreed", moment(s.ConsentedAt), regular)
	d.row("Signed", moment(s.SignedAt), regular)
	d.row("Address", s.Address, regular)
	d.row("Time zone", s.TimeZone, regular)
	d.row("Device", s.UserAgent, regular)
	if s.DocumentSHA256 != "" && s.DocumentSHA256 != d.c.SignedSHA256 {
		d.row("Was shown", digest(s.DocumentSHA256), mono)
	}
	d.row("Consent SHA-256", digest(s.ConsentSHA256), mono)
}

// mark draws the signature over a hairline.
func (d *drawing) mark(s *pdf.CertificateSigner, x, y, width, height float64) {
	d.pen(line, 0.75)
	d.pdf.Line(x, y+height, x+width, y+height)
	switch {
	case len(s.Strokes) > 0 && s.Width > 0 && s.Height > 0:
		d.strokes(s, x, y, width, height-4)
	case s.Typed != "":
		size := 20.0
		for size > 8 && d.text.width(italic, size, s.Typed) > width {
			size--
		}
		d.ink(ink)
		d.text.write(x, y+height-8, italic, size, s.Typed)
	}
}

func (d *drawing) strokes(s *pdf.CertificateSigner, x, y, width, height float64) {
	scale := min(width/s.Width, height/s.Height)
	d.pen(ink, 1.1)
	d.pdf.SetLineCapStyle("round")
	d.pdf.SetLineJoinStyle("round")
	at := func(p pdf.Point) (float64, float64) {
		px, py := min(max(p.X, 0), s.Width), min(max(p.Y, 0), s.Height)
		return x + px*scale, y + py*scale
	}
	for _, stroke := range s.Strokes {
		if len(stroke) == 0 {
			continue
		}
		d.pdf.MoveTo(at(stroke[0]))
		if len(stroke) == 1 { // a dot
			d.pdf.LineTo(at(stroke[0]))
		}
		for _, point := range stroke[1:] {
			d.pdf.LineTo(at(point))
		}
		d.pdf.DrawPath("D")
	}
	d.pdf.SetLineCapStyle("butt")
	d.pdf.SetLineJoinStyle("miter")
}

// consents prints each text that was agreed to, once.
func (d *drawing) consents() {
	seen := map[string]bool{}
	for i := range d.c.Signers {
		text := strings.TrimSpace(d.c.Signers[i].ConsentText)
		if text == "" || seen[text] {
			continue
		}
		if len(seen) == 0 {
			d.section("What was agreed to", 30)
		}
		seen[text] = true
		d.y += 2
		d.paragraph(text, inner)
		if hash := d.c.Signers[i].ConsentSHA256; hash != "" {
			d.need(14)
			d.y += 14
			d.ink(ink2)
			d.text.write(margin, d.y, mono, 8, "SHA-256 "+shortened(hash))
		}
	}
}

func (d *drawing) paragraph(text string, width float64) {
	d.ink(ink)
	for _, text := range d.text.wrap(regular, 9.5, width, text) {
		d.need(14)
		d.y += 14
		d.ink(ink)
		d.text.write(margin, d.y, regular, 9.5, text)
	}
}

func (d *drawing) events() {
	if len(d.c.Events) == 0 {
		return
	}
	d.section("What happened", 40)
	const timeWidth, addressWidth = 116.0, 110.0
	for i := range d.c.Events {
		event := &d.c.Events[i]
		what := event.What
		if event.Who != "" {
			what += " · " + event.Who
		}
		lines := d.text.wrap(regular, 9.5, inner-timeWidth-addressWidth-8, what)
		from := d.text.wrap(regular, 9, addressWidth, event.Address)
		d.need(14 * float64(max(len(lines), len(from))))
		top := d.y
		d.ink(ink2)
		d.text.write(margin, top+14, mono, 8.5, event.At.UTC().Format("2006-01-02 15:04:05"))
		for i, text := range from {
			width := d.text.width(regular, 9, text)
			d.text.write(pageWidth-margin-width, top+14*float64(i+1), regular, 9, text)
		}
		d.ink(ink)
		for i, text := range lines {
			d.text.write(margin+timeWidth, top+14*float64(i+1), regular, 9.5, text)
		}
		d.y = top + 14*float64(max(len(lines), len(from)))
	}
}

const defaultVerify = "This file carries a digital seal over all its bytes, which any PDF reader that checks signatures can verify. " +
	"Whoever holds the file and the proof that came with it can also run “paraph verify” on both: it works offline, " +
	"trusts no server, and says which step of the record it could not confirm."

func (d *drawing) verify() {
	const codeSize = 84.0
	text := d.c.VerifyText
	if text == "" {
		text = defaultVerify
	}
	width := inner
	if d.c.VerifyCode != "" {
		width = inner - codeSize - 20
	}
	d.section("How to verify", codeSize+8)
	top := d.y
	d.y += 2
	d.paragraph(text, width)
	if d.c.VerifyCode != "" {
		d.code(pageWidth-margin-codeSize, top+4, codeSize)
		d.y = max(d.y, top+4+codeSize)
	}
}

// code draws the QR code as squares; a text too long for one is left out, the
// words beside it say the same.
func (d *drawing) code(x, y, size float64) {
	code, err := qr.Encode(d.c.VerifyCode, qr.M, qr.Auto)
	if err != nil {
		return
	}
	modules := code.Bounds().Dx()
	step := size / float64(modules)
	d.pdf.SetFillColor(ink[0], ink[1], ink[2])
	for row := range modules {
		for start := 0; start < modules; {
			if !dark(code.At(start, row)) {
				start++
				continue
			}
			end := start
			for end < modules && dark(code.At(end, row)) {
				end++
			}
			d.pdf.Rect(x+float64(start)*step, y+float64(row)*step, float64(end-start)*step, step+0.05, "F")
			start = end
		}
	}
}

func dark(c interface{ RGBA() (r, g, b, a uint32) }) bool {
	r, _, _, _ := c.RGBA()
	return r < 0x8000
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

func moment(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format("2 January 2006, 15:04:05")
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
