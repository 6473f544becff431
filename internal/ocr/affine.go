package ocr

import (
	"image"
	"math"
)

// Affine maps a point (x, y) to (A·x + B·y + C, D·x + E·y + F).
type Affine struct{ A, B, C, D, E, F float64 }

var identity = Affine{A: 1, E: 1}

// Apply maps one point.
func (m Affine) Apply(p Point) Point {
	return Point{m.A*p.X + m.B*p.Y + m.C, m.D*p.X + m.E*p.Y + m.F}
}

// after gives the map that does first and then m.
func (m Affine) after(first Affine) Affine {
	return Affine{
		A: m.A*first.A + m.B*first.D, B: m.A*first.B + m.B*first.E, C: m.A*first.C + m.B*first.F + m.C,
		D: m.D*first.A + m.E*first.D, E: m.D*first.B + m.E*first.E, F: m.D*first.C + m.E*first.F + m.F,
	}
}

func (m Affine) finite() bool {
	sum := math.Abs(m.A) + math.Abs(m.B) + math.Abs(m.C) + math.Abs(m.D) + math.Abs(m.E) + math.Abs(m.F)
	return sum < 1e9 && math.Abs(m.A*m.E-m.B*m.D) > 1e-9 // NaN fails both
}

// quad maps the corners of a box, clockwise from its top left.
func (m Affine) quad(box image.Rectangle) [4]Point {
	x0, y0, x1, y1 := float64(box.Min.X), float64(box.Min.Y), float64(box.Max.X), float64(box.Max.Y)
	return [4]Point{m.Apply(Point{x0, y0}), m.Apply(Point{x1, y0}), m.Apply(Point{x1, y1}), m.Apply(Point{x0, y1})}
}

// around gives the smallest box of whole pixels around a quad, within limits.
func around(quad [4]Point, limits image.Rectangle) image.Rectangle {
	x0, y0, x1, y1 := math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)
	for _, p := range quad {
		x0, y0, x1, y1 = min(x0, p.X), min(y0, p.Y), max(x1, p.X), max(y1, p.Y)
	}
	const hair = 0.25 // so that rounding does not add a row of pixels to every box
	box := image.Rect(int(math.Floor(x0+hair)), int(math.Floor(y0+hair)), int(math.Ceil(x1-hair)), int(math.Ceil(y1-hair)))
	return box.Intersect(limits)
}

// scaling maps pixels of a picture scaled from size to size back to the first.
func scaling(from, to image.Point) Affine {
	return Affine{A: float64(from.X) / float64(to.X), E: float64(from.Y) / float64(to.Y)}
}

// rotation maps a picture of size to, turned clockwise by degrees around its
// middle, back to the picture of size from it was made of.
func rotation(from, to image.Point, degrees float64) Affine {
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	if math.Mod(degrees, 90) == 0 {
		sin, cos = math.Round(sin), math.Round(cos)
	}
	fx, fy, tx, ty := float64(from.X)/2, float64(from.Y)/2, float64(to.X)/2, float64(to.Y)/2
	return Affine{A: cos, B: sin, C: fx - cos*tx - sin*ty, D: -sin, E: cos, F: fy + sin*tx - cos*ty}
}
