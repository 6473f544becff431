package engine

import (
	"os"
	"unicode"

	"github.com/klippa-app/go-pdfium/enums"
	"github.com/klippa-app/go-pdfium/requests"

	"github.com/paraph/paraph/internal/pdf"
)

// Bounds of the look at one page: enough to judge it, few enough that a page
// of a million glyphs costs no more than a page of some thousand.
const (
	maxSampledGlyphs = 400
	maxSeenObjects   = 300
)

// Inspect says what a file is and what is in it.
//
// Faults: pdf.ErrEmpty, ErrUnsupported, ErrDamaged, ErrEncrypted,
// ErrTooManyPages, ErrTooLarge.
func (e *Engine) Inspect(file *os.File, declared string, limits pdf.Limits) (*pdf.Inspection, error) {
	kind, err := kindOf(file)
	if err != nil {
		return nil, err
	}
	found := &pdf.Inspection{Kind: kind, Misnamed: misnamed(declared, kind)}
	if kind != pdf.KindPDF {
		return found, inspectImage(file, found, limits)
	}
	doc, err := e.open(file, limits)
	if err != nil {
		return nil, err
	}
	defer doc.close()
	if err := doc.inspect(found); err != nil {
		return nil, err
	}
	return found, nil
}

func (d *document) inspect(found *pdf.Inspection) error {
	if err := d.inspectWhole(found); err != nil {
		return err
	}
	for number := 1; number <= d.pages; number++ {
		found.Pages = append(found.Pages, d.inspectPage(number))
	}
	readable := false
	for i := range found.Pages {
		readable = readable || found.Pages[i].Width > 0
	}
	if !readable {
		return pdf.ErrDamaged.With("none of the document's %d pages can be read", d.pages)
	}
	return nil
}

func (d *document) inspectWhole(found *pdf.Inspection) error {
	security, err := d.pdfium.FPDF_GetSecurityHandlerRevision(&requests.FPDF_GetSecurityHandlerRevision{Document: d.ref})
	if err != nil {
		return pdf.ErrDamaged.With("%v", err)
	}
	found.Encrypted = security.SecurityHandlerRevision >= 0
	xref, err := d.pdfium.FPDF_DocumentHasValidCrossReferenceTable(&requests.FPDF_DocumentHasValidCrossReferenceTable{Document: d.ref})
	if err != nil {
		return pdf.ErrDamaged.With("%v", err)
	}
	found.Repaired = !xref.DocumentHasValidCrossReferenceTable
	if form, err := d.pdfium.FPDF_GetFormType(&requests.FPDF_GetFormType{Document: d.ref}); err == nil {
		found.Forms = form.FormType != enums.FPDF_FORMTYPE_NONE
		found.XFA = form.FormType == enums.FPDF_FORMTYPE_XFA_FULL || form.FormType == enums.FPDF_FORMTYPE_XFA_FOREGROUND
	}
	if scripts, err := d.pdfium.FPDFDoc_GetJavaScriptActionCount(&requests.FPDFDoc_GetJavaScriptActionCount{Document: d.ref}); err == nil {
		found.JavaScript = scripts.JavaScriptActionCount > 0
	}
	if files, err := d.pdfium.FPDFDoc_GetAttachmentCount(&requests.FPDFDoc_GetAttachmentCount{Document: d.ref}); err == nil {
		found.EmbeddedFiles = files.AttachmentCount
	}
	d.inspectSignatures(found)
	reason := d.reason
	if d.strict != nil {
		if reason = d.strict.check(); reason == nil {
			found.Strict = true
		}
		d.strict.actions(found)
	}
	if reason != nil {
		found.StrictReason = reason.Error()
	}
	return nil
}

func (d *document) inspectSignatures(found *pdf.Inspection) {
	count, err := d.pdfium.FPDF_GetSignatureCount(&requests.FPDF_GetSignatureCount{Document: d.ref})
	if err != nil {
		return
	}
	for i := range min(count.Count, 1000) {
		object, err := d.pdfium.FPDF_GetSignatureObject(&requests.FPDF_GetSignatureObject{Document: d.ref, Index: i})
		if err != nil {
			continue
		}
		// pdfium lists fields; only one with contents is a signature.
		contents, err := d.pdfium.FPDFSignatureObj_GetContents(&requests.FPDFSignatureObj_GetContents{Signature: object.Signature})
		if err != nil || len(contents.Contents) == 0 {
			continue
		}
		found.Signatures++
		mdp, err := d.pdfium.FPDFSignatureObj_GetDocMDPPermission(&requests.FPDFSignatureObj_GetDocMDPPermission{Signature: object.Signature})
		if err == nil && mdp.DocMDPPermission > 0 && (found.DocMDP == 0 || mdp.DocMDPPermission < found.DocMDP) {
			found.DocMDP = mdp.DocMDPPermission
		}
	}
}

// inspectPage looks at one page. A page that cannot be read has no size; the
// document may still be worth keeping.
func (d *document) inspectPage(number int) pdf.PageInfo {
	info := pdf.PageInfo{Number: number, UserUnit: 1}
	g, err := d.geometry(number)
	if err != nil {
		return info
	}
	info.Width, info.Height = g.size()
	info.Rotate, info.UserUnit = g.rotate, g.unit
	page, err := d.page(number)
	if err != nil {
		return info
	}
	info.Text = d.textQuality(page)
	onlyImages := true
	if count, err := d.pdfium.FPDFPage_CountObjects(&requests.FPDFPage_CountObjects{Page: page}); err == nil {
		info.Objects = count.Count
	}
	for i := range min(info.Objects, maxSeenObjects) {
		if !onlyImages {
			break
		}
		onlyImages = d.objectType(page, i) == enums.FPDF_PAGEOBJ_IMAGE
	}
	annotations, err := d.pdfium.FPDFPage_GetAnnotCount(&requests.FPDFPage_GetAnnotCount{Page: page})
	annotated := err == nil && annotations.Count > 0
	info.Blank = info.Objects == 0 && !annotated
	info.ImageOnly = info.Objects > 0 && info.Objects <= maxSeenObjects && onlyImages
	return info
}

func (d *document) objectType(page requests.Page, index int) enums.FPDF_PAGEOBJ {
	object, err := d.pdfium.FPDFPage_GetObject(&requests.FPDFPage_GetObject{Page: page, Index: index})
	if err != nil {
		return enums.FPDF_PAGEOBJ_UNKNOWN
	}
	kind, err := d.pdfium.FPDFPageObj_GetType(&requests.FPDFPageObj_GetType{PageObject: object.PageObject})
	if err != nil {
		return enums.FPDF_PAGEOBJ_UNKNOWN
	}
	return kind.Type
}

func (d *document) textQuality(page requests.Page) pdf.TextQuality {
	text, err := d.pdfium.GetPageText(&requests.GetPageText{Page: page})
	if err != nil {
		return pdf.TextQuality{}
	}
	quality := pdf.TextQuality{Mapped: 1}
	garbage := 0
	for _, r := range text.Text {
		if unicode.IsSpace(r) {
			continue
		}
		quality.Characters++
		if isGarbage(r) {
			garbage++
		}
	}
	if quality.Characters == 0 {
		return quality
	}
	quality.Garbage = float64(garbage) / float64(quality.Characters)
	quality.Mapped = d.mappedShare(page)
	return quality
}

// isGarbage tells characters that no reader wants: replacement characters,
// private use (symbol fonts without a mapping), and controls.
func isGarbage(r rune) bool {
	return r == unicode.ReplacementChar || unicode.Is(unicode.Co, r) || unicode.IsControl(r) || r == 0xFFFE || r == 0xFFFF
}

// mappedShare asks pdfium about a sample of the page's glyphs.
func (d *document) mappedShare(page requests.Page) float64 {
	loaded, err := d.pdfium.FPDFText_LoadPage(&requests.FPDFText_LoadPage{Page: page})
	if err != nil {
		return 0
	}
	defer func() {
		_, _ = d.pdfium.FPDFText_ClosePage(&requests.FPDFText_ClosePage{TextPage: loaded.TextPage}) // freed with the instance in any case
	}()
	count, err := d.pdfium.FPDFText_CountChars(&requests.FPDFText_CountChars{TextPage: loaded.TextPage})
	if err != nil || count.Count == 0 {
		return 0
	}
	step := max(1, count.Count/maxSampledGlyphs)
	seen, sound := 0, 0
	for i := 0; i < count.Count; i += step {
		bad, err := d.pdfium.FPDFText_HasUnicodeMapError(&requests.FPDFText_HasUnicodeMapError{TextPage: loaded.TextPage, Index: i})
		if err != nil {
			continue
		}
		seen++
		if !bad.HasUnicodeMapError {
			sound++
		}
	}
	if seen == 0 {
		return 0
	}
	return float64(sound) / float64(seen)
}
