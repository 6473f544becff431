// Package draw makes the demo's inputs: it sets pages in type, then treats them
// as a scanner or a phone would. The same seed gives the same picture.
package draw

import (
	"image"
	"image/color"
	"image/draw"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

// sheet is a page under the pen; lengths are millimetres from its upper left
// corner, type sizes points.
type sheet struct {
	img *image.Gray
	dpi float64
	err error // the first fault; later strokes do nothing
}

func newSheet(width, height, dpi float64) *sheet {
	s := &sheet{dpi: dpi}
	s.img = image.NewGray(image.Rect(0, 0, int(s.px(width)+0.5), int(s.px(height)+0.5)))
	draw.Draw(s.img, s.img.Bounds(), image.NewUniform(color.Gray{Y: 246}), image.Point{}, draw.Src)
	return s
}

func (s *sheet) px(mm float64) float64 { return mm / 25.4 * s.dpi }

// ink is never quite black on paper.
var ink = color.Gray{Y: 34}

// text sets a line with its baseline at y.
func (s *sheet) text(x, y, size float64, bold bool, line string) {
	face := s.face(size, bold)
	if s.err != nil {
		return
	}
	d := font.Drawer{Dst: s.img, Src: image.NewUniform(ink), Face: face}
	d.Dot = fixed.Point26_6{X: fixed.Int26_6(s.px(x) * 64), Y: fixed.Int26_6(s.px(y) * 64)}
	d.DrawString(line)
}

// right sets a line that ends at x.
func (s *sheet) right(x, y, size float64, bold bool, line string) {
	face := s.face(size, bold)
	if s.err != nil {
		return
	}
	width := float64(font.MeasureString(face, line)) / 64 / s.dpi * 25.4
	s.text(x-width, y, size, bold, line)
}

func (s *sheet) face(size float64, bold bool) font.Face {
	raw := goregular.TTF
	if bold {
		raw = gobold.TTF
	}
	f, err := opentype.Parse(raw)
	if err != nil {
		s.err = err
		return nil
	}
	face, err := opentype.NewFace(f, &opentype.FaceOptions{Size: size, DPI: s.dpi, Hinting: font.HintingNone})
	if err != nil {
		s.err = err
	}
	return face
}

// rule draws a level line, width in millimetres.
func (s *sheet) rule(x0, x1, y, width float64) { s.fill(x0, y, x1, y+width, ink) }

func (s *sheet) fill(x0, y0, x1, y1 float64, c color.Gray) {
	r := image.Rect(int(s.px(x0)), int(s.px(y0)), int(s.px(x1)+0.5), int(s.px(y1)+0.99))
	draw.Draw(s.img, r, image.NewUniform(c), image.Point{}, draw.Src)
}
