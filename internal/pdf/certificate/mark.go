package certificate

import (
	"strconv"
	"strings"
	"unicode"

	"codeberg.org/go-pdf/fpdf"

	"github.com/paraph/paraph/internal/brand"
)

// drawMark draws Paraph's mark, one unbroken stroke, in a square at x, y.
func drawMark(writer *fpdf.Fpdf, x, y, size float64) {
	scale := size / brand.Size
	writer.SetDrawColor(accent[0], accent[1], accent[2])
	writer.SetLineWidth(brand.StrokeWidth * scale * 0.8)
	writer.SetLineCapStyle("round")
	writer.SetLineJoinStyle("round")
	at := func(p [2]float64) (float64, float64) { return x + p[0]*scale, y + p[1]*scale }
	for i, curve := range curves(brand.Path) {
		if i == 0 {
			writer.MoveTo(at(curve[0]))
		}
		x1, y1 := at(curve[1])
		x2, y2 := at(curve[2])
		x3, y3 := at(curve[3])
		writer.CurveBezierCubicTo(x1, y1, x2, y2, x3, y3)
	}
	writer.DrawPath("D")
	writer.SetLineCapStyle("butt")
	writer.SetLineJoinStyle("miter")
}

// cubic is one Bézier curve: from, two controls, to.
type cubic [4][2]float64

// curves reads an SVG path made of M, C and S commands, absolute or relative,
// as the mark is one; anything else ends the reading.
func curves(path string) []cubic {
	var result []cubic
	var at, control [2]float64 // where the pen is, and the last curve's second control
	command, rest := byte(0), path
	point := func(relative bool) (p [2]float64, ok bool) {
		from := at
		for i := range p {
			if p[i], rest, ok = number(rest); !ok {
				return p, false
			}
			if relative {
				p[i] += from[i]
			}
		}
		return p, true
	}
	for {
		rest = strings.TrimLeft(rest, " ,")
		if rest == "" {
			return result
		}
		if unicode.IsLetter(rune(rest[0])) {
			command, rest = rest[0], rest[1:]
		}
		relative := command >= 'a'
		switch command {
		case 'M':
			p, ok := point(false)
			if !ok {
				return result
			}
			at, control = p, p
		case 'C', 'c', 'S', 's':
			curve := cubic{at, {2*at[0] - control[0], 2*at[1] - control[1]}}
			for i := 1; i < 4; i++ {
				if i == 1 && (command == 'S' || command == 's') {
					continue // the mirrored control of the curve before
				}
				p, ok := point(relative)
				if !ok {
					return result
				}
				curve[i] = p
			}
			result = append(result, curve)
			control, at = curve[2], curve[3]
		default:
			return result
		}
	}
}

// number cuts the first number off a path.
func number(path string) (float64, string, bool) {
	path = strings.TrimLeft(path, " ,")
	end, dot := 0, false
	for end < len(path) {
		c := path[end]
		if c == '-' && end > 0 || c == '.' && dot || c != '-' && c != '.' && (c < '0' || c > '9') {
			break
		}
		dot = dot || c == '.'
		end++
	}
	v, err := strconv.ParseFloat(path[:end], 64)
	return v, path[end:], err == nil
}
