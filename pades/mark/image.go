package mark

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"

	"github.com/paraph/paraph/pades/pdffile"
)

// Image is a picture, JPEG or PNG, fitted into Box without distortion. A JPEG
// stands in the file as it is; of a PNG the transparency is kept.
type Image struct {
	Box  Rect // within the mark; the zero Rect is the whole mark
	Data []byte
}

// maxPixels bounds a picture; a signature needs far less.
const maxPixels = 16 << 20

func (i Image) draw(d *drawing) error {
	x, top, w, h, err := d.box(i.Box)
	if err != nil {
		return err
	}
	config, format, err := image.DecodeConfig(bytes.NewReader(i.Data))
	if err != nil {
		return fault("a picture cannot be read: %v", err)
	}
	if config.Width <= 0 || config.Height <= 0 || config.Width > maxPixels/config.Height {
		return fault("a picture of %d×%d pixels is too large", config.Width, config.Height)
	}
	var ref pdffile.Ref
	switch format {
	case "jpeg":
		ref, err = d.jpeg(i.Data, config)
	case "png":
		ref, err = d.png(i.Data)
	default:
		err = fault("a picture is neither JPEG nor PNG but %s", format)
	}
	if err != nil {
		return err
	}
	name := fmt.Sprintf("Im%d", ref.Num)
	if d.images == nil {
		d.images = pdffile.Dict{}
	}
	d.images[pdffile.Name(name)] = ref
	scale := min(w/float64(config.Width), h/float64(config.Height))
	wide, high := scale*float64(config.Width), scale*float64(config.Height)
	fmt.Fprintf(&d.out, "q %s 0 0 %s %s %s cm /%s Do Q\n", num(wide), num(high), num(x+(w-wide)/2), num(top-(h+high)/2), name)
	return nil
}

func (d *drawing) picture(config image.Config, more pdffile.Dict, data []byte) pdffile.Ref {
	dict := pdffile.Dict{
		"Type": pdffile.Name("XObject"), "Subtype": pdffile.Name("Image"), "BitsPerComponent": pdffile.Integer(8),
		"Width": pdffile.Integer(config.Width), "Height": pdffile.Integer(config.Height),
	}
	for key, value := range more {
		dict[key] = value
	}
	return d.pen.u.AddStream(dict, data)
}

func (d *drawing) jpeg(data []byte, config image.Config) (pdffile.Ref, error) {
	decoded, err := jpeg.Decode(bytes.NewReader(data))
	if err != nil {
		return pdffile.Ref{}, fault("a JPEG picture is damaged: %v", err)
	}
	more := pdffile.Dict{"Filter": pdffile.Name("DCTDecode"), "ColorSpace": pdffile.Name("DeviceRGB")}
	switch config.ColorModel {
	case color.GrayModel:
		more["ColorSpace"] = pdffile.Name("DeviceGray")
	case color.CMYKModel: // inks mean something only where a press is described
		return d.pixels(decoded)
	}
	return d.picture(config, more, data), nil
}

func (d *drawing) png(data []byte) (pdffile.Ref, error) {
	decoded, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		return pdffile.Ref{}, fault("a PNG picture is damaged: %v", err)
	}
	return d.pixels(decoded)
}

// pixels writes a picture in red, green and blue, and its transparency where it has one.
func (d *drawing) pixels(decoded image.Image) (pdffile.Ref, error) {
	bounds := decoded.Bounds()
	config := image.Config{Width: bounds.Dx(), Height: bounds.Dy()}
	pixels := config.Width * config.Height
	colors, alpha := make([]byte, 0, 3*pixels), make([]byte, 0, pixels)
	opaque := true
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			c := color.NRGBAModel.Convert(decoded.At(x, y)).(color.NRGBA)
			colors = append(colors, c.R, c.G, c.B)
			alpha = append(alpha, c.A)
			opaque = opaque && c.A == 0xFF
		}
	}
	packed, err := pdffile.Deflate(colors)
	if err != nil {
		return pdffile.Ref{}, err
	}
	more := pdffile.Dict{"Filter": pdffile.Name("FlateDecode"), "ColorSpace": pdffile.Name("DeviceRGB")}
	if !opaque {
		mask, err := pdffile.Deflate(alpha)
		if err != nil {
			return pdffile.Ref{}, err
		}
		more["SMask"] = d.picture(config, pdffile.Dict{"Filter": pdffile.Name("FlateDecode"), "ColorSpace": pdffile.Name("DeviceGray")}, mask)
	}
	return d.picture(config, more, packed), nil
}
