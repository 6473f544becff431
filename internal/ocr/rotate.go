package ocr

import (
	"image"
	"math"
)

// straighten turns a picture clockwise by a small angle around its middle. The
// size stays; corners that come from outside are paper.
func straighten(img *image.Gray, degrees float64, paper uint8) *image.Gray {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	out := image.NewGray(image.Rect(0, 0, w, h))
	size := image.Pt(w, h)
	back := rotation(size, size, degrees)
	const one = 1 << 16
	stepX, stepY := int64(math.Round(back.A*one)), int64(math.Round(back.D*one))
	for y := range h {
		// The middle of an output pixel, less half a source pixel, so that the
		// whole part is the upper left one of the four to blend.
		start := back.Apply(Point{0.5, float64(y) + 0.5})
		u, v := int64(math.Round((start.X-0.5)*one)), int64(math.Round((start.Y-0.5)*one))
		target := out.Pix[y*out.Stride:][:w]
		for x := range target {
			ix, iy := int(u>>16), int(v>>16)
			if uint(ix) < uint(w-1) && uint(iy) < uint(h-1) {
				at := iy*img.Stride + ix
				upper := img.Pix[at : at+2 : at+2]
				lower := img.Pix[at+img.Stride : at+img.Stride+2 : at+img.Stride+2]
				fx, fy := uint32(u>>8)&0xFF, uint32(v>>8)&0xFF
				above := uint32(upper[0])*(256-fx) + uint32(upper[1])*fx
				below := uint32(lower[0])*(256-fx) + uint32(lower[1])*fx
				target[x] = uint8((above*(256-fy) + below*fy + 1<<15) >> 16)
			} else {
				target[x] = paper
			}
			u += stepX
			v += stepY
		}
	}
	return out
}
