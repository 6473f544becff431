package engine

import (
	"bytes"
	"image"
	"image/jpeg"
	"math"

	"github.com/klippa-app/go-pdfium/enums"
	"github.com/klippa-app/go-pdfium/references"
	"github.com/klippa-app/go-pdfium/requests"
	"github.com/klippa-app/go-pdfium/structs"

	"github.com/paraph/paraph/internal/pdf"
)

// lift gives the picture that is the whole of a page, as it was scanned but
// turned the way the page is displayed; nil when the page is anything else, or
// the picture needs more than copying. Drawing the page then is right, only slower.
func (d *document) lift(number int, g geometry, limits pdf.Limits) image.Image {
	if d.strict == nil {
		return nil
	}
	if masked, _ := d.strict.imageTraits(number); masked {
		return nil
	}
	object, ok := d.onlyImage(number)
	if !ok {
		return nil
	}
	matrix, err := d.pdfium.FPDFPageObj_GetMatrix(&requests.FPDFPageObj_GetMatrix{PageObject: object})
	if err != nil {
		return nil
	}
	turn, ok := fills(matrix.Matrix, g)
	if !ok {
		return nil
	}
	size, err := d.pdfium.FPDFImageObj_GetImagePixelSize(&requests.FPDFImageObj_GetImagePixelSize{ImageObject: object})
	if err != nil || size.Width < 2 || size.Height < 2 || int64(size.Width)*int64(size.Height) > limits.WithDefaults().Pixels {
		return nil
	}
	picture := d.jpegOf(number, object)
	if picture == nil {
		picture = d.bitmapOf(object)
	}
	if picture == nil || picture.Bounds().Dx() != int(size.Width) || picture.Bounds().Dy() != int(size.Height) {
		return nil
	}
	picture = turned(picture, turn)
	// Unequal scales, as of a fax, would show letters out of shape.
	width, height := g.size()
	across, down := float64(picture.Bounds().Dx())/width, float64(picture.Bounds().Dy())/height
	if math.Abs(across/down-1) > 0.03 {
		return nil
	}
	return picture
}

// onlyImage gives the page's one object if that is an opaque picture and
// nothing is annotated.
func (d *document) onlyImage(number int) (references.FPDF_PAGEOBJECT, bool) {
	page, err := d.page(number)
	if err != nil {
		return "", false
	}
	count, err := d.pdfium.FPDFPage_CountObjects(&requests.FPDFPage_CountObjects{Page: page})
	if err != nil || count.Count != 1 {
		return "", false
	}
	if notes, err := d.pdfium.FPDFPage_GetAnnotCount(&requests.FPDFPage_GetAnnotCount{Page: page}); err != nil || notes.Count != 0 {
		return "", false
	}
	object, err := d.pdfium.FPDFPage_GetObject(&requests.FPDFPage_GetObject{Page: page, Index: 0})
	if err != nil {
		return "", false
	}
	kind, err := d.pdfium.FPDFPageObj_GetType(&requests.FPDFPageObj_GetType{PageObject: object.PageObject})
	if err != nil || kind.Type != enums.FPDF_PAGEOBJ_IMAGE {
		return "", false
	}
	clear, err := d.pdfium.FPDFPageObj_HasTransparency(&requests.FPDFPageObj_HasTransparency{PageObject: object.PageObject})
	if err != nil || clear.HasTransparency {
		return "", false
	}
	return object.PageObject, true
}

// orientation is how a picture must be turned: mirrored left to right first,
// then by quarter turns clockwise.
type orientation struct {
	mirror   bool
	quarters int
}

// fills tells whether an image matrix maps the unit square onto the visible
// box, upright or by quarter turns, and how the picture then lies on the
// displayed page. An image's own top edge is y = 1 of its unit square (ISO
// 32000-1, 8.9.5.2).
func fills(m structs.FPDF_FS_MATRIX, g geometry) (orientation, bool) {
	corner := func(u, v float64) (float64, float64) {
		return float64(m.A)*u + float64(m.C)*v + float64(m.E), float64(m.B)*u + float64(m.D)*v + float64(m.F)
	}
	width, height := g.size()
	tolerance := 0.005 * max(width, height)
	at := func(u, v float64) (int, bool) { // which corner of the page: 0 top left, clockwise
		x, y := g.point(corner(u, v))
		near := func(a, b float64) bool { return math.Abs(a-b) <= tolerance }
		switch {
		case near(x, 0) && near(y, 0):
			return 0, true
		case near(x, width) && near(y, 0):
			return 1, true
		case near(x, width) && near(y, height):
			return 2, true
		case near(x, 0) && near(y, height):
			return 3, true
		}
		return 0, false
	}
	topLeft, ok1 := at(0, 1)
	topRight, ok2 := at(1, 1)
	bottomRight, ok3 := at(1, 0)
	if !ok1 || !ok2 || !ok3 {
		return orientation{}, false
	}
	switch {
	case topRight == (topLeft+1)%4 && bottomRight == (topLeft+2)%4:
		return orientation{quarters: topLeft}, true
	case topRight == (topLeft+3)%4 && bottomRight == (topLeft+2)%4:
		// Mirrored, the picture's top right corner takes the place of its top left.
		return orientation{mirror: true, quarters: topRight}, true
	}
	return orientation{}, false
}

// jpegOf decodes a picture stored as JPEG in gray or colour; nil otherwise.
func (d *document) jpegOf(number int, object references.FPDF_PAGEOBJECT) image.Image {
	filters, err := d.pdfium.FPDFImageObj_GetImageFilterCount(&requests.FPDFImageObj_GetImageFilterCount{ImageObject: object})
	if err != nil || filters.Count != 1 {
		return nil
	}
	filter, err := d.pdfium.FPDFImageObj_GetImageFilter(&requests.FPDFImageObj_GetImageFilter{ImageObject: object, Index: 0})
	if err != nil || filter.ImageFilter != "DCTDecode" {
		return nil
	}
	page, err := d.page(number)
	if err != nil {
		return nil
	}
	meta, err := d.pdfium.FPDFImageObj_GetImageMetadata(&requests.FPDFImageObj_GetImageMetadata{ImageObject: object, Page: page})
	if err != nil {
		return nil
	}
	switch meta.ImageMetadata.Colorspace {
	case enums.FPDF_COLORSPACE_DEVICEGRAY, enums.FPDF_COLORSPACE_DEVICERGB, enums.FPDF_COLORSPACE_CALGRAY,
		enums.FPDF_COLORSPACE_CALRGB, enums.FPDF_COLORSPACE_ICCBASED:
	default:
		return nil // CMYK, Lab, palettes: let pdfium do the colours
	}
	if _, mapped := d.strict.imageTraits(number); mapped {
		return nil // the samples are inverted or may be; pdfium knows how
	}
	raw, err := d.pdfium.FPDFImageObj_GetImageDataRaw(&requests.FPDFImageObj_GetImageDataRaw{ImageObject: object})
	if err != nil {
		return nil
	}
	picture, err := jpeg.Decode(bytes.NewReader(raw.Data))
	if err != nil {
		return nil
	}
	if _, cmyk := picture.(*image.CMYK); cmyk {
		return nil
	}
	return picture
}

// bitmapOf lets pdfium decode a picture at its own size.
func (d *document) bitmapOf(object references.FPDF_PAGEOBJECT) image.Image {
	bitmap, err := d.pdfium.FPDFImageObj_GetBitmap(&requests.FPDFImageObj_GetBitmap{ImageObject: object})
	if err != nil {
		return nil
	}
	defer func() {
		_, _ = d.pdfium.FPDFBitmap_Destroy(&requests.FPDFBitmap_Destroy{Bitmap: bitmap.Bitmap}) // freed with the instance in any case
	}()
	format, err1 := d.pdfium.FPDFBitmap_GetFormat(&requests.FPDFBitmap_GetFormat{Bitmap: bitmap.Bitmap})
	width, err2 := d.pdfium.FPDFBitmap_GetWidth(&requests.FPDFBitmap_GetWidth{Bitmap: bitmap.Bitmap})
	height, err3 := d.pdfium.FPDFBitmap_GetHeight(&requests.FPDFBitmap_GetHeight{Bitmap: bitmap.Bitmap})
	stride, err4 := d.pdfium.FPDFBitmap_GetStride(&requests.FPDFBitmap_GetStride{Bitmap: bitmap.Bitmap})
	buffer, err5 := d.pdfium.FPDFBitmap_GetBuffer(&requests.FPDFBitmap_GetBuffer{Bitmap: bitmap.Bitmap})
	if err1 != nil || err2 != nil || err3 != nil || err4 != nil || err5 != nil {
		return nil
	}
	return fromBitmap(format.Format, buffer.Buffer, width.Width, height.Height, stride.Stride)
}

// fromBitmap copies pdfium's pixels; nil for formats that carry transparency.
func fromBitmap(format enums.FPDF_BITMAP_FORMAT, pix []byte, width, height, stride int) image.Image {
	size := map[enums.FPDF_BITMAP_FORMAT]int{enums.FPDF_BITMAP_FORMAT_GRAY: 1, enums.FPDF_BITMAP_FORMAT_BGR: 3, enums.FPDF_BITMAP_FORMAT_BGRX: 4}[format]
	if size == 0 || width <= 0 || height <= 0 || stride < width*size || len(pix) < stride*(height-1)+width*size {
		return nil
	}
	if size == 1 {
		gray := image.NewGray(image.Rect(0, 0, width, height))
		for y := range height {
			copy(gray.Pix[y*gray.Stride:][:width], pix[y*stride:])
		}
		return gray
	}
	colour := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		in, out := pix[y*stride:], colour.Pix[y*colour.Stride:]
		for x := range width {
			out[4*x], out[4*x+1], out[4*x+2], out[4*x+3] = in[size*x+2], in[size*x+1], in[size*x], 255
		}
	}
	return colour
}

// turned applies an orientation.
func turned(picture image.Image, how orientation) image.Image {
	if how == (orientation{}) {
		return picture
	}
	bounds := picture.Bounds()
	w, h := bounds.Dx(), bounds.Dy()
	outW, outH := w, h
	if how.quarters%2 == 1 {
		outW, outH = h, w
	}
	// from gives the source pixel of an output pixel.
	from := func(x, y int) (int, int) {
		var u, v int
		switch how.quarters {
		case 0:
			u, v = x, y
		case 1:
			u, v = y, h-1-x
		case 2:
			u, v = w-1-x, h-1-y
		default:
			u, v = w-1-y, x
		}
		if how.mirror {
			u = w - 1 - u
		}
		return u, v
	}
	if source, ok := picture.(*image.Gray); ok {
		out := image.NewGray(image.Rect(0, 0, outW, outH))
		for y := range outH {
			for x := range outW {
				u, v := from(x, y)
				out.Pix[y*out.Stride+x] = source.Pix[v*source.Stride+u]
			}
		}
		return out
	}
	out := image.NewRGBA(image.Rect(0, 0, outW, outH))
	for y := range outH {
		for x := range outW {
			u, v := from(x, y)
			out.Set(x, y, picture.At(bounds.Min.X+u, bounds.Min.Y+v))
		}
	}
	return out
}
