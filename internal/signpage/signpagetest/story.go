package signpagetest

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"math"
	"strings"
	"sync"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"

	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/signpage"
)

// texts are the pages of the purchase order; "\t" starts the next column.
var texts = []string{
	`Purchase order PO-4711
Lind & Berg Trading, Harbour Street 12, 20457 Hamburg
To: Aoba Tools K.K., 3-5 Aomi, Koto-ku, Tokyo

Item	Quantity	Price each	Total
Torque wrench 40-200 Nm	20	118.00	2,360.00
Bit set, 32 pieces	45	24.50	1,102.50
Work lamp, rechargeable	30	61.20	1,836.00
Steel cabinet, lockable	4	512.75	2,051.00
Shipping and insurance	1	640.00	640.00

Total in EUR			7,989.50

The prices hold until 31 December 2026. Payment is due 30 days after
delivery. The goods remain the seller's property until they are paid.`,
	`Delivery

The goods are delivered in one shipment on 14 January 2027 to the
warehouse in Hamburg, gate 3, between 7 and 15 o'clock. The carrier
calls the evening before. Partial deliveries need our consent.

Warranty

The seller answers for defects for 24 months from delivery. A defect is
reported within ten days after it was found, with a picture of it.`,
	``,
	`Annex: packing list

Pallet	Goods	Weight
1	Torque wrenches, bit sets	212 kg
2	Work lamps	148 kg
3, 4	Steel cabinets	390 kg`,
}

const pageW, pageH = 595.28, 841.89

// story lays the texts out as pages and words.
func story() ([]document.Page, map[int][]document.Word) {
	var pages []document.Page
	words := map[int][]document.Word{}
	for i, text := range texts {
		p := document.Page{Org: "org_1", DocumentID: "doc_1", Version: 2, No: i + 1, Width: pageW, Height: pageH, Source: "ocr", Blank: text == ""}
		w := layout(text)
		if i == 3 { // lies on its side: a reader turns it by 90 degrees
			p.Width, p.Height, p.Turned = pageH, pageW, 90
			w = lying(w)
		}
		p.Words = len(w)
		words[p.No], pages = w, append(pages, p)
	}
	return pages, words
}

const size = 12.0

func face(pixels float64) font.Face {
	f, err := opentype.Parse(goregular.TTF)
	if err != nil {
		panic(err)
	}
	made, err := opentype.NewFace(f, &opentype.FaceOptions{Size: pixels, DPI: 72})
	if err != nil {
		panic(err)
	}
	return made
}

func layout(text string) []document.Word {
	var words []document.Word
	f := face(size * 10)
	width := func(s string) float64 { return float64(font.MeasureString(f, s)) / 64 / 10 }
	y := 72.0
	for n, line := range strings.Split(text, "\n") {
		for col, cell := range strings.Split(line, "\t") {
			x := 56 + float64(col)*130
			if col > 0 {
				x += 60
			}
			for _, word := range strings.Fields(cell) {
				words = append(words, document.Word{Text: word, X: x, Y: y, Width: width(word), Height: size * 1.15, Confidence: 96, Line: n + 1})
				x += width(word + " ")
			}
		}
		y += 20
	}
	return words
}

// lying turns the boxes of an upright A4 page so that text runs upwards on a
// page lying on its side.
func lying(words []document.Word) []document.Word {
	out := make([]document.Word, len(words))
	for i, w := range words {
		out[i] = w
		out[i].X, out[i].Y, out[i].Width, out[i].Height = w.Y, pageW-w.X-w.Width, w.Height, w.Width
	}
	return out
}

// Renderer draws the story's pages. It counts what it had to draw.
type Renderer struct {
	Err error

	mu    sync.Mutex
	Drawn []signpage.Want
}

// RenderPage implements signpage.Renderer.
func (r *Renderer) RenderPage(_ context.Context, _ service.Content, want signpage.Want) (signpage.Picture, error) {
	r.mu.Lock()
	r.Drawn = append(r.Drawn, want)
	r.mu.Unlock()
	if r.Err != nil {
		return signpage.Picture{}, r.Err
	}
	pages, words := story()
	p := pages[(want.Page-1)%len(pages)]
	k := float64(want.Width) / p.Width
	img := image.NewRGBA(image.Rect(0, 0, want.Width, int(math.Round(p.Height*k))))
	draw.Draw(img, img.Bounds(), image.White, image.Point{}, draw.Src)
	if p.Turned == 0 {
		d := font.Drawer{Dst: img, Src: image.NewUniform(color.Gray{40}), Face: face(size * k)}
		for _, w := range words[p.No] {
			d.Dot = fixed.Point26_6{X: fixed.Int26_6(w.X * k * 64), Y: fixed.Int26_6((w.Y + w.Height*0.8) * k * 64)}
			d.DrawString(w.Text)
		}
	} else {
		drawLying(img, words[p.No], k, p.Height)
	}
	var b bytes.Buffer
	err := png.Encode(&b, img)
	return signpage.Picture{MediaType: "image/png", Data: b.Bytes()}, err
}

// drawLying draws upright on a page of its own and turns it counter-clockwise.
func drawLying(img *image.RGBA, words []document.Word, k, height float64) {
	b := img.Bounds()
	up := image.NewRGBA(image.Rect(0, 0, b.Dy(), b.Dx()))
	draw.Draw(up, up.Bounds(), image.White, image.Point{}, draw.Src)
	d := font.Drawer{Dst: up, Src: image.NewUniform(color.Gray{40}), Face: face(size * k)}
	for _, w := range words {
		d.Dot = fixed.Point26_6{X: fixed.Int26_6((height - w.Y - w.Height) * k * 64), Y: fixed.Int26_6((w.X + w.Width*0.8) * k * 64)}
		d.DrawString(w.Text)
	}
	for y := range b.Dy() {
		for x := range b.Dx() {
			img.Set(x, y, up.At(b.Dy()-1-y, x))
		}
	}
}
