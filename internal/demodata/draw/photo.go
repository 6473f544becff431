package draw

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"math/rand/v2"
)

// The photo as it is meant to be seen, in pixels; it is stored on its side.
const (
	photoWidth  = 1800
	photoHeight = 2400
)

// DeliveryPhoto draws the photo of the delivery note as a JPEG with EXIF
// orientation 6 (EXIF 2.32, 4.6.4: the 0th row is the right-hand side).
func DeliveryPhoto() ([]byte, error) {
	s := note(420)
	if s.err != nil {
		return nil, s.err
	}
	seen := photograph(s.img, rand.New(rand.NewPCG(88213, 6)))
	stored := image.NewRGBA(image.Rect(0, 0, photoHeight, photoWidth))
	for y := range photoHeight {
		for x := range photoWidth {
			stored.SetRGBA(y, photoWidth-1-x, seen.RGBAAt(x, y))
		}
	}
	var buf bytes.Buffer
	if err := jpeg.Encode(&buf, stored, &jpeg.Options{Quality: 62}); err != nil {
		return nil, err
	}
	return withOrientation(buf.Bytes(), 6), nil
}

// photograph sees the page from above and a little from the side, on a dark
// table, under a lamp at the upper left, with a soft shadow across.
func photograph(page *image.Gray, rnd *rand.Rand) *image.RGBA {
	b := page.Bounds()
	toPage := homography(
		[4][2]float64{{178, 150}, {1590, 214}, {1672, 2272}, {96, 2214}},
		[4][2]float64{{0, 0}, {float64(b.Dx()), 0}, {float64(b.Dx()), float64(b.Dy())}, {0, float64(b.Dy())}},
	)
	out := image.NewRGBA(image.Rect(0, 0, photoWidth, photoHeight))
	for y := range photoHeight {
		for x := range photoWidth {
			fx, fy := float64(x), float64(y)
			r, g, bl := table(fx, fy)
			u, v := toPage.at(fx, fy)
			if u >= 0 && v >= 0 && u < float64(b.Dx()) && v < float64(b.Dy()) {
				p := smooth(page, u, v)
				r, g, bl = p, p*0.985, p*0.945
			}
			l := light(fx, fy)
			n := rnd.NormFloat64() * 1.8
			out.SetRGBA(x, y, color.RGBA{clamp(r*l + n), clamp(g*l + n), clamp(bl*l + n), 255})
		}
	}
	return out
}

func table(x, y float64) (r, g, b float64) {
	grain := 8 * math.Sin(x*0.031+3*math.Sin(y*0.0021))
	return 92 + grain, 66 + grain*0.8, 48 + grain*0.6
}

// light is the share of light that falls on a point.
func light(x, y float64) float64 {
	d := math.Hypot(x-500, y-400) / 2600
	l := 1.02 - 0.42*d*d - 0.1*d
	shadow := (x + 0.55*y - 2050) / 240 // a soft edge across the lower right
	return l * (1 - 0.2/(1+math.Exp(-shadow)))
}

// smooth takes the mean of the four by four points around a place, as a lens
// does of a page finer than its sensor.
func smooth(page *image.Gray, u, v float64) float64 {
	sum, n := 0.0, 0.0
	for dy := -1; dy <= 1; dy++ {
		for dx := -1; dx <= 1; dx++ {
			p := image.Pt(int(u)+dx, int(v)+dy)
			if p.In(page.Bounds()) {
				sum += float64(page.GrayAt(p.X, p.Y).Y)
				n++
			}
		}
	}
	return sum / n
}

// plane maps one plane onto another: the eight free numbers of a 3×3 matrix.
type plane [8]float64

func (p plane) at(x, y float64) (u, v float64) {
	w := p[6]*x + p[7]*y + 1
	return (p[0]*x + p[1]*y + p[2]) / w, (p[3]*x + p[4]*y + p[5]) / w
}

// homography finds the mapping that takes four points to four others, by
// elimination with pivots.
func homography(from, to [4][2]float64) plane {
	var m [8][9]float64
	for i := range from {
		x, y, u, v := from[i][0], from[i][1], to[i][0], to[i][1]
		m[2*i] = [9]float64{x, y, 1, 0, 0, 0, -u * x, -u * y, u}
		m[2*i+1] = [9]float64{0, 0, 0, x, y, 1, -v * x, -v * y, v}
	}
	for c := range 8 {
		best := c
		for r := c + 1; r < 8; r++ {
			if math.Abs(m[r][c]) > math.Abs(m[best][c]) {
				best = r
			}
		}
		m[c], m[best] = m[best], m[c]
		for r := range 8 {
			if r == c {
				continue
			}
			f := m[r][c] / m[c][c]
			for k := c; k < 9; k++ {
				m[r][k] -= f * m[c][k]
			}
		}
	}
	var p plane
	for i := range p {
		p[i] = m[i][8] / m[i][i]
	}
	return p
}

// withOrientation puts an APP1 segment with one EXIF entry, the orientation,
// behind the start of a JPEG.
func withOrientation(raw []byte, orientation uint16) []byte {
	var tiff bytes.Buffer
	tiff.WriteString("MM\x00\x2a")
	for _, v := range []any{
		uint32(8), uint16(1), // one entry in the directory at 8
		uint16(0x0112), uint16(3), uint32(1), orientation, uint16(0),
		uint32(0), // no further directory
	} {
		binary.Write(&tiff, binary.BigEndian, v) //nolint:errcheck // a buffer takes every write
	}
	var out bytes.Buffer
	out.Write(raw[:2])
	out.WriteString("\xff\xe1")
	size := uint16(2 + 6 + tiff.Len())
	out.Write([]byte{byte(size >> 8), byte(size)})
	out.WriteString("Exif\x00\x00")
	out.Write(tiff.Bytes())
	out.Write(raw[2:])
	return out.Bytes()
}
