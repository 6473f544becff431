package engine

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/paraph/paraph/internal/pdf"
	"github.com/paraph/paraph/internal/pdf/certificate"
	"github.com/paraph/paraph/internal/pdf/pdfa"
	"github.com/paraph/paraph/pades/pdffile"
	"github.com/paraph/paraph/pades/pdffont"
)

// Fonts gives the fonts of the system, which are found when first needed and
// kept for the life of the child.
var Fonts = sync.OnceValue(func() *pdffont.Library { return pdffont.NewLibrary(pdf.FontDir) })

// Certificate writes a certificate of completion as a document of its own.
func (e *Engine) Certificate(out, bundle *os.File, args pdf.CertificateArgs) (*pdf.Completed, error) {
	files, err := attachments(bundle, args.Attachments)
	if err != nil {
		return nil, err
	}
	buffered := bufio.NewWriterSize(out, 64<<10)
	made, err := certificate.Build(args.Certificate, files, Fonts(), buffered)
	if err != nil {
		return nil, err
	}
	if err := buffered.Flush(); err != nil {
		return nil, fmt.Errorf("write the certificate: %w", err)
	}
	return &made, nil
}

// AppendCertificate writes the document to out with the certificate's pages at
// its end and with the attachments. Faults as with AddTextLayer.
func (e *Engine) AppendCertificate(file, out, bundle *os.File, args pdf.CertificateArgs) (*pdf.Completed, error) {
	files, err := attachments(bundle, args.Attachments)
	if err != nil {
		return nil, err
	}
	made := &pdf.Completed{}
	err = e.extend(file, out, args.Limits, func(opened *pdffile.File, w *bufio.Writer) error {
		var err error
		*made, err = certificate.Append(opened, args.Certificate, files, Fonts(), w)
		return err
	})
	if err != nil {
		return nil, err
	}
	return made, nil
}

// attachments takes the files out of the bundle in which they came.
func attachments(bundle *os.File, list []pdf.Attachment) (files []pdfa.File, err error) {
	at := int64(0)
	for _, a := range list {
		data := make([]byte, a.Size)
		if _, err := io.ReadFull(io.NewSectionReader(bundle, at, int64(a.Size)), data); err != nil {
			return nil, fmt.Errorf("read an attachment: %w", err)
		}
		at += int64(a.Size)
		files = append(files, pdfa.File{
			Name: a.Name, MediaType: a.MediaType, Description: a.Description, Relationship: "Supplement", Modified: a.Modified, Data: data,
		})
	}
	return files, nil
}
