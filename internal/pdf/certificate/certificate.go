// Package certificate writes certificates of completion: what was signed, by
// whom, when, how they were known, and how anyone can check it.
package certificate

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/paraph/paraph/internal/brand"
	"github.com/paraph/paraph/internal/pdf"
	"github.com/paraph/paraph/internal/pdf/page"
	"github.com/paraph/paraph/internal/pdf/pdfa"
	"github.com/paraph/paraph/pades/pdffile"
	"github.com/paraph/paraph/pades/pdffont"
	"github.com/paraph/paraph/pades/pdftext"
)

// Bounds of what is printed; the evidence file holds everything.
const (
	maxSigners = 200
	maxEvents  = 500
	maxText    = 4000 // characters of any one text
)

// Build writes a certificate as a document of its own, which keeps to PDF/A-3a
// and PDF/UA-1. The same certificate always becomes the same bytes.
func Build(c pdf.Certificate, files []pdfa.File, fonts *pdffont.Library, out io.Writer) (made pdf.Completed, err error) {
	bound(&c)
	content, err := json.Marshal(c)
	if err != nil {
		return made, err
	}
	sum := sha256.Sum256(content) // the file's identifier comes from all that it states (14.4)
	u := pdffile.Create("1.7", sum[:16])
	w := wordsFor(c.Language)
	claim := pdfa.Claim{
		Part: 3, Conformance: "A", UA: 1, Title: w.Title + ": " + pdftext.Clean(c.Title), Language: w.Lang, Producer: brand.Name, Created: c.CompletedAt,
	}
	u.SetInfo(pdffile.Dict{"Title": pdftext.TextString(claim.Title), "Producer": pdffile.String(brand.Name)})
	if err := write(u, &c, w, fonts, page.Options{Tagged: true}, &made); err != nil {
		return made, err
	}
	if err := pdfa.Attach(u, files); err != nil {
		return made, err
	}
	if err := pdfa.Declare(u, claim); err != nil {
		return made, err
	}
	made.Level, made.Attached = claim.Level(), len(files)
	_, err = u.WriteTo(out)
	return made, err
}

// Append writes the file to out with the certificate's pages after its own and
// with the files attached, as an incremental update. A document that claims to
// be PDF/A stays it: one that may hold no files gets none, and Completed says so.
func Append(file *pdffile.File, c pdf.Certificate, files []pdfa.File, fonts *pdffont.Library, out io.Writer) (made pdf.Completed, err error) {
	bound(&c)
	w := wordsFor(c.Language)
	own, err := pdfa.Read(file)
	if err != nil {
		return made, err
	}
	o, err := options(file)
	if err != nil {
		return made, err
	}
	holds, reason := own.MayHold()
	if !holds && len(files) > 0 {
		files, made.Reason = nil, reason
	}
	u := pdffile.NewUpdate(file)
	if err := own.Keep(u, len(files) > 0); err != nil {
		return made, err
	}
	if err := write(u, &c, w, fonts, o, &made); err != nil {
		return made, err
	}
	if err := pdfa.Attach(u, files); err != nil {
		return made, err
	}
	made.Level, made.Attached = own.Level(), len(files)
	_, err = u.WriteTo(out)
	return made, err
}

// options fit the certificate's pages to the document's: of the size of its
// last page where that is one for reading, and tagged where it is tagged. Tags
// on the last pages alone would hide all others from a screen reader.
func options(file *pdffile.File) (o page.Options, err error) {
	catalog, err := file.Catalog()
	if err != nil {
		return o, err
	}
	info, err := file.Dict(catalog["MarkInfo"])
	if err != nil {
		return o, err
	}
	tree, err := file.Dict(catalog["StructTreeRoot"])
	if err != nil {
		return o, err
	}
	marked, _ := info["Marked"].(pdffile.Bool)
	o.Tagged = bool(marked) && tree != nil
	n, err := file.NumPages()
	if err != nil || n == 0 {
		return o, err
	}
	last, err := file.Page(n - 1)
	if err != nil {
		return o, err
	}
	width, height := last.CropBox.Width(), last.CropBox.Height()
	if last.Rotate == 90 || last.Rotate == 270 {
		width, height = height, width
	}
	const narrow, short, huge = 280, 400, 1300
	if width >= narrow && height >= short && width <= huge && height <= huge && last.Dict["UserUnit"] == nil {
		o.Width, o.Height = width, height
	}
	return o, nil
}

// texts gives all that is printed in letters not our own, to choose fonts by.
func texts(c *pdf.Certificate) []string {
	out := []string{c.Title, c.SenderName, c.SenderEmail, c.VerifyText, c.SealName}
	for i := range c.Signers {
		s := &c.Signers[i]
		out = append(out, s.Name, s.Email, s.Typed, s.ConsentText, s.Authentication, s.UserAgent, s.TimeZone)
	}
	for i := range c.Events {
		out = append(out, c.Events[i].What, c.Events[i].Who)
	}
	return out
}

// write draws the certificate into the update.
func write(u *pdffile.Update, c *pdf.Certificate, w *Words, fonts *pdffont.Library, o page.Options, made *pdf.Completed) error {
	faces, missing := fonts.Faces(c.Language, texts(c)...)
	for _, m := range missing {
		made.Missing = append(made.Missing, pdf.MissingFont{Script: m.Script, Package: m.Package})
	}
	o.Fonts, o.Language, o.RTL, o.Foot = faces, w.Lang, w.RTL, 10
	if o.Width > 0 && o.Width < 450 {
		o.Margin = 34
	}
	o.Footer = func(n, total int) (start, end page.Text) {
		left := c.EnvelopeID + " · " + fmt.Sprintf(w.PageOf, n, total)
		return small(left), small(w.Footer)
	}
	d := &drawing{Writer: page.New(u, o), c: c, w: w}
	if c.SealName != "" {
		field, err := freeField(u.File())
		if err != nil {
			return err
		}
		d.field, made.Field = field, field
	}
	d.draw()
	var err error
	made.Pages, err = d.Close()
	return err
}

// freeField gives a name for the seal's field that the form does not have yet.
func freeField(file *pdffile.File) (string, error) {
	taken, err := file.FieldNames()
	if err != nil {
		return "", err
	}
	name := "Seal"
	for n := 2; taken[name]; n++ {
		name = fmt.Sprintf("Seal %d", n)
	}
	return name, nil
}

func bound(c *pdf.Certificate) {
	cut := func(texts ...*string) {
		for _, text := range texts {
			*text = strings.ToValidUTF8(*text, "\ufffd")
			if letters := []rune(*text); len(letters) > maxText {
				*text = string(letters[:maxText]) + "…"
			}
		}
	}
	cut(&c.EnvelopeID, &c.DocumentID, &c.Title, &c.SenderName, &c.SenderEmail, &c.OriginalSHA256, &c.SignedSHA256, &c.VerifyText, &c.VerifyURL, &c.SealName)
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
