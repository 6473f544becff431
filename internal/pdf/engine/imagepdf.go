package engine

import (
	"bufio"
	"compress/zlib"
	"errors"
	"fmt"
	"image"
	"image/color"
	"io"
	"os"

	"github.com/paraph/paraph/internal/pdf"
)

// ImagesToPDF writes a PDF with one page for every picture of the files, in
// order, all pages of a TIFF included. JPEG data goes in as it is; everything
// else is packed without loss. It gives the number of pages.
//
// Faults: pdf.ErrEmpty, ErrUnsupported, ErrDamaged, ErrTooLarge, ErrTooManyPages.
func (e *Engine) ImagesToPDF(files []*os.File, out *os.File, limits pdf.Limits) (int, error) {
	limits = limits.WithDefaults()
	w := &pdfWriter{w: bufio.NewWriterSize(out, 256<<10)}
	w.printf("%%PDF-1.7\n%%\xE2\xE3\xCF\xD3\n")
	w.reserve(2) // 1 catalogue, 2 page tree
	var pages []int
	for _, file := range files {
		kind, err := kindOf(file)
		if err != nil {
			return 0, err
		}
		if kind == pdf.KindPDF {
			return 0, pdf.ErrUnsupported.With("the file is a PDF already, not a picture")
		}
		pictures, err := openImages(file, kind, limits)
		if err != nil {
			return 0, err
		}
		if len(pages)+len(pictures) > limits.Pages {
			return 0, pdf.ErrTooManyPages.With("the pictures make more than %d pages", limits.Pages)
		}
		for _, picture := range pictures {
			page, err := w.picturePage(picture, file)
			if err != nil {
				return 0, err
			}
			pages = append(pages, page)
		}
	}
	w.object(1, "<</Type/Catalog/Pages 2 0 R>>")
	kids := ""
	for _, page := range pages {
		kids += fmt.Sprintf("%d 0 R ", page)
	}
	w.object(2, fmt.Sprintf("<</Type/Pages/Count %d/Kids[%s]>>", len(pages), kids))
	w.finish()
	if w.err == nil {
		w.err = w.w.Flush()
	}
	if w.err != nil {
		return 0, fmt.Errorf("write the document: %w", w.err)
	}
	return len(pages), e.checkRare(out, w.unsure, limits)
}

// pdfWriter writes a PDF from front to back; the first error sticks.
type pdfWriter struct {
	w       *bufio.Writer
	at      int64
	offsets []int64 // of object i+1; 0 = not yet written
	pages   int
	unsure  []int // pages whose picture pdfium must still decode
	err     error
}

// Write implements io.Writer and keeps count.
func (w *pdfWriter) Write(data []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	n, err := w.w.Write(data)
	w.at += int64(n)
	w.err = err
	return n, err
}

func (w *pdfWriter) printf(format string, args ...any) {
	fmt.Fprintf(w, format, args...) // the error sticks in w
}

// reserve gives the first of n new object numbers.
func (w *pdfWriter) reserve(n int) int {
	first := len(w.offsets) + 1
	w.offsets = append(w.offsets, make([]int64, n)...)
	return first
}

func (w *pdfWriter) begin(number int) {
	w.offsets[number-1] = w.at
	w.printf("%d 0 obj\n", number)
}

func (w *pdfWriter) object(number int, body string) {
	w.begin(number)
	w.printf("%s\nendobj\n", body)
}

// stream writes a stream whose length is known only afterwards; the length is
// an object of its own.
func (w *pdfWriter) stream(number int, dict string, fill func(io.Writer) error) error {
	length := w.reserve(1)
	w.begin(number)
	w.printf("<<%s/Length %d 0 R>>\nstream\n", dict, length)
	start := w.at
	if err := fill(w); err != nil {
		return err
	}
	size := w.at - start
	w.printf("\nendstream\nendobj\n")
	w.object(length, fmt.Sprint(size))
	return nil
}

func (w *pdfWriter) finish() {
	start := w.at
	w.printf("xref\n0 %d\n0000000000 65535 f \n", len(w.offsets)+1)
	for _, offset := range w.offsets {
		w.printf("%010d 00000 n \n", offset)
	}
	w.printf("trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n", len(w.offsets)+1, start)
}

// picturePage writes page, content and picture, and gives the page's number.
func (w *pdfWriter) picturePage(p *picture, file *os.File) (int, error) {
	config, err := p.config()
	if err != nil {
		return 0, err
	}
	known := p.facts(file)
	// Decoding shows whether the picture is whole, before it becomes a page.
	decoded, err := p.decode()
	rare := p.kind == pdf.KindJPEG && errors.Is(err, pdf.ErrUnsupported) && known.components > 0
	if err != nil && !rare {
		return 0, err
	}
	width, height, _ := p.pageSize(config, known)
	first := w.reserve(3)
	page, content, xobject := first, first+1, first+2
	w.pages++
	if rare { // Go cannot decode it, but pdfium may
		w.unsure = append(w.unsure, w.pages)
	}
	w.object(page, fmt.Sprintf("<</Type/Page/Parent 2 0 R/MediaBox[0 0 %.4f %.4f]/Contents %d 0 R/Resources<</XObject<</Im %d 0 R>>>>>>",
		width, height, content, xobject))
	draw := fmt.Sprintf("q %s cm /Im Do Q", placement(known.orientation, width, height))
	w.object(content, fmt.Sprintf("<</Length %d>>\nstream\n%s\nendstream", len(draw), draw))
	size := fmt.Sprintf("/Type/XObject/Subtype/Image/Width %d/Height %d", config.Width, config.Height)
	if p.kind == pdf.KindJPEG {
		err = w.stream(xobject, size+jpegDict(known), func(out io.Writer) error {
			_, err := io.Copy(out, p.reader())
			return err
		})
	} else {
		rows := rowsOf(decoded)
		err = w.stream(xobject, fmt.Sprintf("%s%s/BitsPerComponent %d/Filter/FlateDecode/DecodeParms<</Predictor 15/Colors %d/BitsPerComponent %d/Columns %d>>",
			size, rows.space, rows.bits, rows.colours, rows.bits, config.Width), rows.pack)
	}
	return page, err
}

// placement is the matrix that puts a picture of an EXIF orientation upright
// on a page of the given (turned) size.
func placement(orientation int, w, h float64) string {
	m := [6]float64{w, 0, 0, h, 0, 0}
	switch orientation {
	case 2:
		m = [6]float64{-w, 0, 0, h, w, 0}
	case 3:
		m = [6]float64{-w, 0, 0, -h, w, h}
	case 4:
		m = [6]float64{w, 0, 0, -h, 0, h}
	case 5:
		m = [6]float64{0, -h, -w, 0, w, h}
	case 6:
		m = [6]float64{0, -h, w, 0, 0, h}
	case 7:
		m = [6]float64{0, h, w, 0, 0, 0}
	case 8:
		m = [6]float64{0, h, -w, 0, w, 0}
	}
	return fmt.Sprintf("%.4f %.4f %.4f %.4f %.4f %.4f", m[0], m[1], m[2], m[3], m[4], m[5])
}

func jpegDict(known facts) string {
	const dict = "/BitsPerComponent 8/Filter/DCTDecode/ColorSpace"
	switch known.components {
	case 1:
		return dict + "/DeviceGray"
	case 4:
		if known.adobe {
			return dict + "/DeviceCMYK/Decode[1 0 1 0 1 0 1 0]"
		}
		return dict + "/DeviceCMYK"
	}
	return dict + "/DeviceRGB"
}

// checkRare lets pdfium decode the pictures that Go could not.
func (e *Engine) checkRare(out *os.File, pages []int, limits pdf.Limits) error {
	if len(pages) == 0 {
		return nil
	}
	doc, err := e.open(out, limits)
	if err != nil {
		return err
	}
	defer doc.close()
	for _, number := range pages {
		object, ok := doc.onlyImage(number)
		if !ok || doc.bitmapOf(object) == nil {
			return pdf.ErrUnsupported.With("the picture uses a form of JPEG that cannot be read")
		}
	}
	return nil
}

// rows gives a picture row by row as PDF samples.
type rows struct {
	space         string
	colours, bits int
	width, height int
	row           func(y int, into []byte)
}

// pack writes the rows with PNG's "Up" filter, which suits scans and flat
// colour, under Flate.
func (r *rows) pack(out io.Writer) error {
	z, err := zlib.NewWriterLevel(out, zlib.DefaultCompression)
	if err != nil {
		return err
	}
	size := (r.width*r.colours*r.bits + 7) / 8
	above, line, packed := make([]byte, size), make([]byte, size), make([]byte, size+1)
	packed[0] = 2
	for y := range r.height {
		clear(line)
		r.row(y, line)
		for i := range line {
			packed[i+1] = line[i] - above[i]
		}
		if _, err := z.Write(packed); err != nil {
			return err
		}
		above, line = line, above
	}
	return z.Close()
}

// rowsOf chooses the smallest form that keeps what is seen: one bit, gray or
// colour, eight bits each. Transparency is laid on white; the lower half of
// 16-bit samples is dropped, since no scanner means it.
func rowsOf(picture image.Image) *rows {
	b := picture.Bounds()
	r := &rows{space: "/ColorSpace/DeviceRGB", colours: 3, bits: 8, width: b.Dx(), height: b.Dy()}
	switch source := picture.(type) {
	case *image.Gray:
		r.space, r.colours = "/ColorSpace/DeviceGray", 1
		if bilevel(source) {
			r.bits = 1
			r.row = func(y int, into []byte) {
				for x, v := range source.Pix[y*source.Stride:][:r.width] {
					into[x/8] |= (v & 0x80) >> (x % 8)
				}
			}
			return r
		}
		r.row = func(y int, into []byte) { copy(into, source.Pix[y*source.Stride:][:r.width]) }
		return r
	case *image.Gray16:
		r.space, r.colours = "/ColorSpace/DeviceGray", 1
		r.row = func(y int, into []byte) {
			for x := range into {
				into[x] = source.Pix[y*source.Stride+2*x]
			}
		}
		return r
	case *image.CMYK:
		r.space, r.colours = "/ColorSpace/DeviceCMYK", 4
		r.row = func(y int, into []byte) { copy(into, source.Pix[y*source.Stride:][:4*r.width]) }
		return r
	}
	r.row = func(y int, into []byte) {
		for x := range r.width {
			into[3*x], into[3*x+1], into[3*x+2] = onWhite(picture.At(b.Min.X+x, b.Min.Y+y))
		}
	}
	return r
}

func bilevel(picture *image.Gray) bool {
	for y := range picture.Rect.Dy() {
		for _, v := range picture.Pix[y*picture.Stride:][:picture.Rect.Dx()] {
			if v != 0 && v != 255 {
				return false
			}
		}
	}
	return true
}

func onWhite(c color.Color) (r, g, b byte) {
	r16, g16, b16, a16 := c.RGBA() // premultiplied
	missing := 0xffff - a16
	return byte((r16 + missing) >> 8), byte((g16 + missing) >> 8), byte((b16 + missing) >> 8)
}
