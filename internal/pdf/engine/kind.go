package engine

import (
	"bytes"
	"mime"
	"os"
	"path"
	"strings"

	"github.com/paraph/paraph/internal/pdf"
)

// pdfHeaderWindow is how far into a file readers look for %PDF- (ISO 32000-1,
// Annex H.3.4.1).
const pdfHeaderWindow = 1024

// kindOf tells a file's format by its first bytes.
func kindOf(file *os.File) (pdf.Kind, error) {
	head := make([]byte, pdfHeaderWindow)
	n, err := file.ReadAt(head, 0)
	if n == 0 {
		if info, statErr := file.Stat(); statErr == nil && info.Size() == 0 {
			return "", pdf.ErrEmpty
		}
		return "", err
	}
	head = head[:n]
	switch {
	case bytes.HasPrefix(head, []byte("\x89PNG\r\n\x1a\n")):
		return pdf.KindPNG, nil
	case bytes.HasPrefix(head, []byte("\xff\xd8\xff")):
		return pdf.KindJPEG, nil
	case bytes.HasPrefix(head, []byte("II*\x00")), bytes.HasPrefix(head, []byte("MM\x00*")):
		return pdf.KindTIFF, nil
	case len(head) >= 12 && string(head[:4]) == "RIFF" && string(head[8:12]) == "WEBP":
		return pdf.KindWebP, nil
	case bytes.Contains(head, []byte("%PDF-")):
		return pdf.KindPDF, nil
	}
	return "", pdf.ErrUnsupported
}

var kindNames = map[string]pdf.Kind{
	"application/pdf": pdf.KindPDF, "application/x-pdf": pdf.KindPDF, "pdf": pdf.KindPDF,
	"image/png": pdf.KindPNG, "png": pdf.KindPNG,
	"image/jpeg": pdf.KindJPEG, "image/jpg": pdf.KindJPEG, "image/pjpeg": pdf.KindJPEG, "jpg": pdf.KindJPEG, "jpeg": pdf.KindJPEG,
	"image/tiff": pdf.KindTIFF, "image/tif": pdf.KindTIFF, "tif": pdf.KindTIFF, "tiff": pdf.KindTIFF,
	"image/webp": pdf.KindWebP, "webp": pdf.KindWebP,
}

// misnamed tells whether what a file was declared as, a media type or a file
// name, contradicts its bytes. A declaration that says nothing never does.
func misnamed(declared string, kind pdf.Kind) bool {
	declared = strings.ToLower(strings.TrimSpace(declared))
	if declared == "" {
		return false
	}
	// A media type has a slash and no folder; its parameters do not matter here.
	if media, _, err := mime.ParseMediaType(declared); err == nil && strings.Contains(media, "/") {
		if media == "application/octet-stream" {
			return false
		}
		return kindNames[media] != kind
	}
	ext := strings.TrimPrefix(path.Ext(declared), ".")
	return ext != "" && kindNames[ext] != kind
}
