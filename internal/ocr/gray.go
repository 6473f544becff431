package ocr

import (
	"image"
	"image/color"
)

// ToGray gives the picture in gray with its corner at (0, 0). What is
// transparent is shown on white paper. A gray picture is not copied.
func ToGray(img image.Image) *image.Gray {
	bounds := img.Bounds()
	width, height := bounds.Dx(), bounds.Dy()
	if source, ok := img.(*image.Gray); ok {
		if bounds.Min == (image.Point{}) {
			return source
		}
		return &image.Gray{Pix: source.Pix[source.PixOffset(bounds.Min.X, bounds.Min.Y):], Stride: source.Stride, Rect: image.Rect(0, 0, width, height)}
	}
	out := image.NewGray(image.Rect(0, 0, width, height))
	for y := range height {
		row := out.Pix[y*out.Stride:][:width]
		switch source := img.(type) {
		case *image.YCbCr:
			copy(row, source.Y[source.YOffset(bounds.Min.X, bounds.Min.Y+y):])
		case *image.RGBA:
			grayRow(row, source.Pix[source.PixOffset(bounds.Min.X, bounds.Min.Y+y):], false)
		case *image.NRGBA:
			grayRow(row, source.Pix[source.PixOffset(bounds.Min.X, bounds.Min.Y+y):], true)
		default:
			for x := range row {
				row[x] = onWhite(img.At(bounds.Min.X+x, bounds.Min.Y+y))
			}
		}
	}
	return out
}

// grayRow weighs colours as JPEG does (ITU-R BT.601), in 16-bit fractions.
func grayRow(row, pix []byte, straight bool) {
	for x := range row {
		p := pix[4*x : 4*x+4 : 4*x+4]
		luma := (19595*uint32(p[0]) + 38470*uint32(p[1]) + 7471*uint32(p[2]) + 1<<15) >> 16
		if alpha := uint32(p[3]); alpha != 255 {
			if straight {
				luma = (luma*alpha + 127) / 255
			}
			luma = min(luma+255-alpha, 255)
		}
		row[x] = uint8(luma)
	}
}

func onWhite(c color.Color) uint8 {
	r, g, b, a := c.RGBA()
	luma := (19595*r+38470*g+7471*b+1<<15)>>16 + 0xFFFF - a
	return uint8(min(luma, 0xFFFF) >> 8)
}

// quarters turns a picture clockwise by quarter turns.
func quarters(img *image.Gray, turns int) *image.Gray {
	turns = ((turns % 4) + 4) % 4
	if turns == 0 {
		return img
	}
	w, h := img.Rect.Dx(), img.Rect.Dy()
	size := image.Rect(0, 0, w, h)
	if turns != 2 {
		size = image.Rect(0, 0, h, w)
	}
	out := image.NewGray(size)
	for y := range h {
		row := img.Pix[y*img.Stride:][:w]
		at, step := 0, 0 // where the row goes, and how far apart its pixels lie
		switch turns {
		case 1:
			at, step = h-1-y, out.Stride
		case 2:
			at, step = (h-1-y)*out.Stride+w-1, -1
		case 3:
			at, step = (w-1)*out.Stride+y, -out.Stride
		}
		for _, v := range row {
			out.Pix[at] = v
			at += step
		}
	}
	return out
}
