package soak

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"strings"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"

	"github.com/paraph/paraph/internal/e2e/programtest"
)

// textPDF makes a small PDF of one page of real text.
func textPDF(line string) []byte {
	var content strings.Builder
	for i := range 6 {
		fmt.Fprintf(&content, "BT /F1 12 Tf 72 %d Td (%s, line %d, in plain words.) Tj ET\n", 760-20*i, line, i+1)
	}
	return programtest.TextPDF(content.String())
}

// scan draws a small picture of a line of text, which has to be recognised.
func scan(line string) ([]byte, error) {
	parsed, err := opentype.Parse(goregular.TTF)
	if err != nil {
		return nil, err
	}
	face, err := opentype.NewFace(parsed, &opentype.FaceOptions{Size: 40, DPI: 72})
	if err != nil {
		return nil, err
	}
	page := image.NewGray(image.Rect(0, 0, 900, 260))
	draw.Draw(page, page.Bounds(), image.White, image.Point{}, draw.Src)
	pen := font.Drawer{Dst: page, Src: image.NewUniform(color.Black), Face: face}
	for i, text := range []string{"Delivery note", line} {
		pen.Dot = fixed.P(60, 90+90*i)
		pen.DrawString(text)
	}
	var b bytes.Buffer
	err = png.Encode(&b, page)
	return b.Bytes(), err
}
