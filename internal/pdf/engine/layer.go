package engine

import (
	"bufio"
	"errors"
	"fmt"
	"os"

	"github.com/paraph/paraph/internal/pdf"
	"github.com/paraph/paraph/internal/pdf/layer"
	"github.com/paraph/paraph/pades/pdffile"
)

// AddTextLayer writes the document to out with the words of the given pages
// under them, as an incremental update.
//
// Faults: those of opening; pdf.ErrSigned when it carries a signature, which
// new page content would break; pdf.ErrDamaged when the strict reader refuses
// it, so that it must be normalised first.
func (e *Engine) AddTextLayer(file, out *os.File, pages []pdf.PageWords, limits pdf.Limits) error {
	return e.extend(file, out, limits, func(opened *pdffile.File, w *bufio.Writer) error {
		err := layer.Add(opened, pages, w)
		if errors.Is(err, layer.ErrNoSuchPage) {
			return pdf.ErrNoSuchPage.With("%v", err)
		}
		return err
	})
}

// extend opens an unsigned document strictly and lets write append to it.
func (e *Engine) extend(file, out *os.File, limits pdf.Limits, write func(*pdffile.File, *bufio.Writer) error) error {
	doc, err := e.open(file, limits)
	if err != nil {
		return err
	}
	defer doc.close()
	var found pdf.Inspection
	doc.inspectSignatures(&found)
	if found.Signatures > 0 {
		return pdf.ErrSigned
	}
	if doc.strict == nil {
		return pdf.ErrDamaged.With("the document must be normalised first: %v", doc.reason)
	}
	buffered := bufio.NewWriterSize(out, 256<<10)
	if err := write(doc.strict.file, buffered); err != nil {
		if pdffile.IsRefusal(err) {
			return pdf.ErrDamaged.With("the document must be normalised first: %v", err)
		}
		return err
	}
	if err := buffered.Flush(); err != nil {
		return fmt.Errorf("write the document: %w", err)
	}
	return nil
}
