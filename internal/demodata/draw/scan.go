package draw

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"math/rand/v2"

	xdraw "golang.org/x/image/draw"
	"golang.org/x/image/math/f64"
)

func colorOf(y uint8) color.Gray { return color.Gray{Y: y} }

// scanDPI is the resolution of the scanned pages.
const scanDPI = 200

// PurchaseOrder draws the scanned order as a PDF.
func PurchaseOrder() ([]byte, error) {
	pages := []struct {
		sheet  *sheet
		skew   float64 // degrees
		turned bool
	}{
		{orderFront(scanDPI), 0.7, false},
		{orderTerms(scanDPI), -0.5, false},
		{orderBack(scanDPI), 0.3, false},
		{orderSchedule(scanDPI), 0.4, true},
	}
	var pictures []picture
	for i, p := range pages {
		if p.sheet.err != nil {
			return nil, p.sheet.err
		}
		img := p.sheet.img
		if p.turned {
			img = quarter(img)
		}
		scanned := scan(img, p.skew, rand.New(rand.NewPCG(417, uint64(i))))
		var buf bytes.Buffer
		if err := jpeg.Encode(&buf, scanned, &jpeg.Options{Quality: 52}); err != nil {
			return nil, err
		}
		pictures = append(pictures, picture{buf.Bytes(), scanned.Bounds().Dx(), scanned.Bounds().Dy()})
	}
	return pdf(pictures), nil
}

// quarter turns a picture a quarter against the clock.
func quarter(src *image.Gray) *image.Gray {
	b := src.Bounds()
	dst := image.NewGray(image.Rect(0, 0, b.Dy(), b.Dx()))
	for y := range b.Dy() {
		for x := range b.Dx() {
			dst.SetGray(y, b.Dx()-1-x, src.GrayAt(x, y))
		}
	}
	return dst
}

// scan lays a page slightly skew on the glass: soft edges, a shade towards one
// side, the paper's grain and a few specks of dust.
func scan(page *image.Gray, degrees float64, rnd *rand.Rand) *image.Gray {
	b := page.Bounds()
	w, h := float64(b.Dx()), float64(b.Dy())
	laid := image.NewGray(b)
	xdraw.Draw(laid, b, image.NewUniform(colorOf(246)), image.Point{}, xdraw.Src)
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	turn := f64.Aff3{cos, -sin, w/2 - cos*w/2 + sin*h/2, sin, cos, h/2 - sin*w/2 - cos*h/2}
	xdraw.BiLinear.Transform(laid, turn, page, b, xdraw.Over, nil)

	for range 12 + rnd.IntN(8) {
		x, y := rnd.IntN(b.Dx()), rnd.IntN(b.Dy())
		shade := colorOf(uint8(110 + rnd.IntN(80)))
		for range 1 + rnd.IntN(4) {
			laid.SetGray(x+rnd.IntN(2), y+rnd.IntN(2), shade)
		}
	}
	out := image.NewGray(b)
	for y := range b.Dy() {
		for x := range b.Dx() {
			v := float64(laid.Pix[laid.PixOffset(x, y)])
			v += -7*float64(x)/w + rnd.NormFloat64()*2.2
			out.Pix[out.PixOffset(x, y)] = clamp(v)
		}
	}
	return out
}

func clamp(v float64) uint8 { return uint8(math.Round(max(0, min(255, v)))) }

// picture is a JPEG with its size in pixels.
type picture struct {
	jpeg          []byte
	width, height int
}

// pdf wraps gray JPEG pictures as pages, one each, as scanners do (ISO 32000-2,
// 7.5; the pictures stay as they are, by DCTDecode).
func pdf(pictures []picture) []byte {
	var out bytes.Buffer
	var at []int
	object := func(format string, args ...any) {
		at = append(at, out.Len())
		fmt.Fprintf(&out, "%d 0 obj\n", len(at))
		fmt.Fprintf(&out, format, args...)
		out.WriteString("\nendobj\n")
	}
	out.WriteString("%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
	kids := ""
	for i := range pictures {
		kids += fmt.Sprintf("%d 0 R ", 3+3*i)
	}
	object("<< /Type /Catalog /Pages 2 0 R >>")
	object("<< /Type /Pages /Count %d /Kids [ %s] >>", len(pictures), kids)
	for i, p := range pictures {
		w, h := float64(p.width)*72/scanDPI, float64(p.height)*72/scanDPI
		draw := fmt.Sprintf("q %.3f 0 0 %.3f 0 0 cm /Im0 Do Q", w, h)
		n := 3 + 3*i
		object("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %.3f %.3f] /Contents %d 0 R /Resources << /XObject << /Im0 %d 0 R >> >> >>", w, h, n+1, n+2)
		object("<< /Length %d >>\nstream\n%s\nendstream", len(draw), draw)
		object("<< /Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace /DeviceGray /BitsPerComponent 8 /Filter /DCTDecode /Length %d >>\nstream\n%s\nendstream",
			p.width, p.height, len(p.jpeg), p.jpeg)
	}
	start := out.Len()
	fmt.Fprintf(&out, "xref\n0 %d\n0000000000 65535 f \n", len(at)+1)
	for _, a := range at {
		fmt.Fprintf(&out, "%010d 00000 n \n", a)
	}
	fmt.Fprintf(&out, "trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(at)+1, start)
	return out.Bytes()
}
