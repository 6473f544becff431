package engine

import (
	"bufio"
	"fmt"
	"os"

	"github.com/klippa-app/go-pdfium/requests"

	"github.com/paraph/paraph/internal/pdf"
)

// Normalise writes the document anew, without encryption and with a sound
// cross-reference table, so that the strict reader takes it.
//
// Faults: those of opening; pdf.ErrSigned when it carries a signature, since a
// rewritten file would no longer be the signed one; pdf.ErrDamaged when even
// the new file cannot be read strictly or has lost pages.
func (e *Engine) Normalise(file, out *os.File, limits pdf.Limits) error {
	pages, err := e.rewrite(file, out, limits)
	if err != nil {
		return err
	}
	check, err := e.open(out, limits)
	if err != nil {
		return err
	}
	defer check.close()
	if check.pages != pages {
		return pdf.ErrDamaged.With("of %d pages %d could be saved", pages, check.pages)
	}
	if check.strict == nil {
		return pdf.ErrDamaged.With("the document could not be mended: %v", check.reason)
	}
	if err := check.strict.check(); err != nil {
		return pdf.ErrDamaged.With("the document could not be mended: %v", err)
	}
	return nil
}

func (e *Engine) rewrite(file, out *os.File, limits pdf.Limits) (pages int, err error) {
	doc, err := e.open(file, limits)
	if err != nil {
		return 0, err
	}
	defer doc.close()
	var found pdf.Inspection
	doc.inspectSignatures(&found)
	if found.Signatures > 0 {
		return 0, pdf.ErrSigned
	}
	buffered := bufio.NewWriterSize(out, 256<<10)
	_, err = doc.pdfium.FPDF_SaveAsCopy(&requests.FPDF_SaveAsCopy{
		Document: doc.ref, Flags: requests.SaveFlagRemoveSecurity, FileWriter: buffered,
	})
	if err != nil {
		return 0, pdf.ErrDamaged.With("the document could not be saved anew: %v", err)
	}
	if err := buffered.Flush(); err != nil {
		return 0, fmt.Errorf("write the document: %w", err)
	}
	return doc.pages, nil
}
