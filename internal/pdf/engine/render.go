package engine

import (
	"bufio"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"math"
	"os"

	"github.com/klippa-app/go-pdfium/enums"
	"github.com/klippa-app/go-pdfium/requests"

	"github.com/paraph/paraph/internal/pdf"
)

// Render writes a picture of one page to out.
//
// Faults: those of opening, pdf.ErrNoSuchPage, pdf.ErrDamaged when the page
// cannot be drawn.
func (e *Engine) Render(file, out *os.File, options pdf.RenderOptions, limits pdf.Limits) (*pdf.Rendered, error) {
	picture, made, err := e.Raster(file, options, limits)
	if err != nil {
		return nil, err
	}
	buffered := bufio.NewWriterSize(out, 64<<10)
	if err := encode(buffered, picture, options); err != nil {
		return nil, fmt.Errorf("write the picture: %w", err)
	}
	if err := buffered.Flush(); err != nil {
		return nil, fmt.Errorf("write the picture: %w", err)
	}
	return made, nil
}

func encode(w io.Writer, picture image.Image, options pdf.RenderOptions) error {
	switch options.Format {
	case pdf.FormatPNG:
		encoder := png.Encoder{CompressionLevel: png.BestSpeed}
		return encoder.Encode(w, picture)
	case pdf.FormatJPEG:
		quality := options.Quality
		if quality <= 0 || quality > 100 {
			quality = 85
		}
		return jpeg.Encode(w, picture, &jpeg.Options{Quality: quality})
	case pdf.FormatGray:
		gray := toGray(picture)
		for y := range gray.Rect.Dy() {
			row := gray.Pix[y*gray.Stride:]
			if _, err := w.Write(row[:gray.Rect.Dx()]); err != nil {
				return err
			}
		}
		return nil
	}
	return fmt.Errorf("unknown picture format %q", options.Format)
}

// Raster gives a picture of one page: *image.Gray or *image.RGBA. It is what
// other work inside the child, such as preparing a page for recognition,
// starts from.
func (e *Engine) Raster(file *os.File, options pdf.RenderOptions, limits pdf.Limits) (image.Image, *pdf.Rendered, error) {
	doc, err := e.open(file, limits)
	if err != nil {
		return nil, nil, err
	}
	defer doc.close()
	g, err := doc.geometry(options.Page)
	if err != nil {
		return nil, nil, err
	}
	made := &pdf.Rendered{}
	made.PageWidth, made.PageHeight = g.size()
	if options.Native {
		if picture := doc.lift(options.Page, g, limits); picture != nil {
			if options.Gray {
				picture = toGray(picture)
			}
			made.Native = true
			made.Width, made.Height = picture.Bounds().Dx(), picture.Bounds().Dy()
			return picture, made, nil
		}
	}
	made.Width, made.Height, err = pixels(options, made.PageWidth, made.PageHeight, limits)
	if err != nil {
		return nil, nil, err
	}
	picture, err := doc.draw(options, made)
	return picture, made, err
}

// pixels chooses the size of the picture within the bound.
func pixels(options pdf.RenderOptions, pageWidth, pageHeight float64, limits pdf.Limits) (int, int, error) {
	var scale float64
	switch {
	case options.DPI > 0 && options.Width == 0:
		scale = options.DPI / 72
	case options.Width > 0 && options.DPI == 0:
		scale = float64(options.Width) / pageWidth
	default:
		return 0, 0, fmt.Errorf("either a resolution or a width is needed")
	}
	most := limits.WithDefaults().Pixels
	if !options.Gray {
		most = min(most, 60_000_000) // four bytes each must fit pdfium's memory
	}
	if options.MaxPixels > 0 {
		most = min(most, options.MaxPixels)
	}
	if area := pageWidth * pageHeight * scale * scale; area > float64(most) {
		scale *= math.Sqrt(float64(most) / area)
	}
	width, height := int(math.Round(pageWidth*scale)), int(math.Round(pageHeight*scale))
	return max(1, width), max(1, height), nil
}

func (d *document) draw(options pdf.RenderOptions, made *pdf.Rendered) (image.Image, error) {
	page, err := d.page(options.Page)
	if err != nil {
		return nil, err
	}
	format := requests.RenderImageFormatRGBA
	if options.Gray {
		format = requests.RenderImageFormatGrayscale
	}
	form, err := d.pdfium.FPDF_GetFormType(&requests.FPDF_GetFormType{Document: d.ref})
	rendered, err := d.pdfium.RenderPageInPixels(&requests.RenderPageInPixels{
		Page: page, Width: made.Width, Height: made.Height, ImageFormat: format,
		RenderFlags: enums.FPDF_RENDER_FLAG_ANNOT,
		RenderForm:  err == nil && form.FormType != enums.FPDF_FORMTYPE_NONE,
		Document:    &d.ref,
	})
	if err != nil {
		return nil, pdf.ErrDamaged.With("page %d cannot be drawn: %v", options.Page, err)
	}
	// The pixels live in pdfium's memory, which goes when the document is closed.
	picture := copied(rendered.Result.RenderedImage)
	made.Width, made.Height = picture.Bounds().Dx(), picture.Bounds().Dy()
	rendered.Cleanup()
	return picture, nil
}

func copied(picture image.Image) image.Image {
	switch source := picture.(type) {
	case *image.Gray:
		c := image.NewGray(image.Rect(0, 0, source.Rect.Dx(), source.Rect.Dy()))
		for y := range c.Rect.Dy() {
			copy(c.Pix[y*c.Stride:][:c.Rect.Dx()], source.Pix[y*source.Stride:])
		}
		return c
	case *image.RGBA:
		c := image.NewRGBA(image.Rect(0, 0, source.Rect.Dx(), source.Rect.Dy()))
		for y := range c.Rect.Dy() {
			copy(c.Pix[y*c.Stride:][:4*c.Rect.Dx()], source.Pix[y*source.Stride:])
		}
		return c
	}
	return picture
}

// toGray gives the lightness of a picture, on white where it is see-through.
func toGray(picture image.Image) *image.Gray {
	bounds := picture.Bounds()
	gray := image.NewGray(image.Rect(0, 0, bounds.Dx(), bounds.Dy()))
	switch source := picture.(type) {
	case *image.Gray:
		if bounds.Min == (image.Point{}) {
			return source
		}
	case *image.YCbCr: // its Y plane is the lightness already
		for y := range bounds.Dy() {
			copy(gray.Pix[y*gray.Stride:][:bounds.Dx()], source.Y[source.YOffset(bounds.Min.X, bounds.Min.Y+y):])
		}
		return gray
	case *image.RGBA:
		for y := range bounds.Dy() {
			in, out := source.Pix[y*source.Stride:], gray.Pix[y*gray.Stride:][:bounds.Dx()]
			for x := range out {
				r, g, b := uint32(in[4*x]), uint32(in[4*x+1]), uint32(in[4*x+2])
				missing := 255 - uint32(in[4*x+3]) // colours are premultiplied
				out[x] = uint8((299*r+587*g+114*b+500)/1000 + missing)
			}
		}
		return gray
	}
	for y := range bounds.Dy() {
		for x := range bounds.Dx() {
			r, g, b, a := picture.At(bounds.Min.X+x, bounds.Min.Y+y).RGBA()
			gray.Pix[y*gray.Stride+x] = uint8(((299*r+587*g+114*b)/1000 + 0xffff - a) >> 8)
		}
	}
	return gray
}
