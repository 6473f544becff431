package engine

import (
	"context"
	"fmt"
	"image"
	"io"
	"time"

	"github.com/klippa-app/go-pdfium/requests"

	"github.com/paraph/paraph/internal/pdf"
)

// Drawer draws pages of any beginning of a file, as whoever compares the revisions
// of a signed document needs it.
type Drawer struct{ *Engine }

// drawDPI is enough to see a digit that was changed.
const drawDPI = 72

// Render draws a page, counted from 0, of the file that in's first size bytes are,
// with its annotations and form, in gray on white.
//
// Faults: those of opening, pdf.ErrNoSuchPage, pdf.ErrDamaged.
func (d Drawer) Render(_ context.Context, in io.ReaderAt, size int64, password string, page int) (*image.Gray, error) {
	pool, err := d.pdfium()
	if err != nil {
		return nil, err
	}
	instance, err := pool.GetInstance(30 * time.Second)
	if err != nil {
		return nil, fmt.Errorf("start an instance of pdfium: %w", err)
	}
	doc := &document{pdfium: instance}
	defer doc.close()
	request := &requests.OpenDocument{FileReader: io.NewSectionReader(in, 0, size), FileReaderSize: size}
	if password != "" {
		request.Password = &password
	}
	opened, err := instance.OpenDocument(request)
	if err != nil {
		return nil, openFault(err)
	}
	doc.ref = opened.Document
	count, err := instance.FPDF_GetPageCount(&requests.FPDF_GetPageCount{Document: doc.ref})
	if err != nil {
		return nil, pdf.ErrDamaged.With("the pages cannot be counted: %v", err)
	}
	doc.pages = count.PageCount
	g, err := doc.geometry(page + 1)
	if err != nil {
		return nil, err
	}
	made := &pdf.Rendered{}
	made.PageWidth, made.PageHeight = g.size()
	options := pdf.RenderOptions{Page: page + 1, DPI: drawDPI, MaxPixels: 4_000_000}
	if made.Width, made.Height, err = pixels(options, made.PageWidth, made.PageHeight, pdf.Limits{}); err != nil {
		return nil, err
	}
	picture, err := doc.draw(options, made)
	if err != nil {
		return nil, err
	}
	return toGray(picture), nil
}
