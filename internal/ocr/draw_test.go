package ocr

import (
	"image"
	"image/color"
	"image/draw"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

// page draws lines of text of so many pixels on white paper.
func page(width, height int, size float64, left, top int, lines ...string) *image.Gray {
	img := image.NewGray(image.Rect(0, 0, width, height))
	draw.Draw(img, img.Rect, image.White, image.Point{}, draw.Src)
	write(img, size, left, top, lines...)
	return img
}

func write(img *image.Gray, size float64, left, top int, lines ...string) {
	parsed, err := opentype.Parse(goregular.TTF)
	if err != nil {
		panic(err)
	}
	face, err := opentype.NewFace(parsed, &opentype.FaceOptions{Size: size, DPI: 72, Hinting: font.HintingNone})
	if err != nil {
		panic(err)
	}
	drawer := font.Drawer{Dst: img, Src: image.NewUniform(color.Gray{20}), Face: face}
	for i, line := range lines {
		drawer.Dot = fixed.P(left, top+int(float64(i)*size*1.5))
		drawer.DrawString(line)
	}
}
