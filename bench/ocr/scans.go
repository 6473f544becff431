package main

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gomono"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

// A4 at 300 dpi, in pixels.
const (
	scanDPI    = 300
	scanWidth  = 2480
	scanHeight = 3508
)

// scan is one generated page and what stands on it.
type scan struct {
	name  string
	jpeg  []byte
	truth string
	class string
}

// scans makes the pages: the same ones for the same seed and fonts.
func scans(seed uint64, count int) ([]scan, error) {
	fonts, err := loadFonts()
	if err != nil {
		return nil, err
	}
	classes := []string{"dense", "invoice", "letter", "contract"}
	var out []scan
	for i := range count {
		random := rand.New(rand.NewPCG(seed, uint64(i)))
		class := classes[i%len(classes)]
		switch { // in the middle, so that a lost page would show
		case count >= 12 && i == count/2:
			class = "blank"
		case count >= 12 && (i == count/3 || i == count*3/4):
			class = "near-blank"
		}
		sheet := newSheet(fonts, random)
		sheet.fill(class)
		dirty := damage(sheet.img, random, i%5 == 4, class == "near-blank")
		var data bytes.Buffer
		if err := jpeg.Encode(&data, dirty, &jpeg.Options{Quality: 80}); err != nil {
			return nil, err
		}
		out = append(out, scan{fmt.Sprintf("%02d-%s", i, class), data.Bytes(), sheet.truth.String(), class})
	}
	return out, nil
}

// loadFonts takes the system's DejaVu and Noto fonts where they are installed,
// and Go's own fonts always.
func loadFonts() ([]*opentype.Font, error) {
	sources := [][]byte{goregular.TTF, gomono.TTF}
	for _, name := range []string{"dejavu/DejaVuSans.ttf", "dejavu/DejaVuSerif.ttf", "noto/NotoSans-Regular.ttf", "noto/NotoSerif-Regular.ttf"} {
		if data, err := os.ReadFile(filepath.Join("/usr/share/fonts/truetype", name)); err == nil {
			sources = append(sources, data)
		}
	}
	var out []*opentype.Font
	for _, source := range sources {
		parsed, err := opentype.Parse(source)
		if err != nil {
			return nil, err
		}
		out = append(out, parsed)
	}
	return out, nil
}

// sheet is a page being written.
type sheet struct {
	img    *image.Gray
	random *rand.Rand
	family *opentype.Font
	ink    uint8
	y      int
	truth  strings.Builder
	faces  map[float64]font.Face
}

const margin = 260

func newSheet(fonts []*opentype.Font, random *rand.Rand) *sheet {
	s := &sheet{
		img: image.NewGray(image.Rect(0, 0, scanWidth, scanHeight)), random: random, y: margin,
		family: fonts[random.IntN(len(fonts))], ink: uint8(20 + random.IntN(40)), faces: map[float64]font.Face{},
	}
	draw.Draw(s.img, s.img.Rect, image.White, image.Point{}, draw.Src)
	return s
}

func (s *sheet) face(points float64) font.Face {
	if s.faces[points] == nil {
		face, err := opentype.NewFace(s.family, &opentype.FaceOptions{Size: points, DPI: scanDPI, Hinting: font.HintingNone})
		if err != nil {
			panic(err) // parsed before; only a bug gets here
		}
		s.faces[points] = face
	}
	return s.faces[points]
}

// cell is a text that starts at x, or ends there when right is set.
type cell struct {
	x     int
	right bool
	text  string
}

// row writes cells on one line and moves down.
func (s *sheet) row(points float64, cells ...cell) {
	face := s.face(points)
	s.y += int(points * scanDPI / 72 * 1.35)
	var texts []string
	for _, c := range cells {
		drawer := font.Drawer{Dst: s.img, Src: image.NewUniform(color.Gray{Y: s.ink}), Face: face}
		x := c.x
		if c.right {
			x -= drawer.MeasureString(c.text).Ceil()
		}
		drawer.Dot = fixed.P(x, s.y)
		drawer.DrawString(c.text)
		texts = append(texts, c.text)
	}
	s.truth.WriteString(strings.Join(texts, " ") + "\n")
}

func (s *sheet) line(points float64, text string) { s.row(points, cell{x: margin, text: text}) }

// paragraph breaks text into lines of the page's width.
func (s *sheet) paragraph(points float64, text string) {
	drawer := font.Drawer{Face: s.face(points)}
	current := ""
	for _, word := range strings.Fields(text) {
		longer := strings.TrimSpace(current + " " + word)
		if drawer.MeasureString(longer).Ceil() > scanWidth-2*margin && current != "" {
			s.line(points, current)
			longer = word
		}
		current = longer
	}
	s.line(points, current)
	s.y += int(points * 3)
}

func (s *sheet) pick(from []string) string { return from[s.random.IntN(len(from))] }

func (s *sheet) prose(n int) string {
	var out []string
	for range n {
		out = append(out, s.pick(sentences))
	}
	return strings.Join(out, " ")
}

func (s *sheet) full() bool { return s.y > scanHeight-margin-320 }

func (s *sheet) fill(class string) {
	switch class {
	case "dense":
		size := 9 + float64(s.random.IntN(3))
		s.line(size+4, s.pick(headings))
		for !s.full() {
			s.paragraph(size, s.prose(3+s.random.IntN(4)))
		}
	case "contract":
		for clause := 1; !s.full(); clause++ {
			s.y += 40
			s.line(12, fmt.Sprintf("%d. %s", clause, s.pick(headings)))
			for part := 1; part <= 1+s.random.IntN(3) && !s.full(); part++ {
				s.paragraph(10, fmt.Sprintf("%d.%d %s", clause, part, s.prose(2)))
			}
		}
	case "letter":
		s.address()
		s.y += 160
		s.line(11, fmt.Sprintf("%s, %d %s 20%02d", s.pick(towns), 1+s.random.IntN(28), months[s.random.IntN(12)], 18+s.random.IntN(8)))
		s.y += 80
		s.line(11, "Dear Sir or Madam,")
		s.y += 40
		for range 4 {
			s.paragraph(11, s.prose(3))
		}
		s.line(11, "Yours faithfully,")
		s.y += 200
		s.line(11, s.pick(firms))
	case "invoice":
		s.invoice()
	}
}

var months = []string{"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"}

func (s *sheet) address() {
	s.line(14, s.pick(firms))
	s.line(10, s.pick(streets)+", "+s.pick(towns))
}

func (s *sheet) invoice() {
	s.address()
	s.y += 100
	s.line(10, s.pick(firms))
	s.line(10, s.pick(streets))
	s.line(10, s.pick(towns))
	s.y += 100
	s.line(16, fmt.Sprintf("Invoice %d-%04d", 2018+s.random.IntN(8), s.random.IntN(10000)))
	s.line(10, fmt.Sprintf("Date: %02d.%02d.20%02d", 1+s.random.IntN(28), 1+s.random.IntN(12), 18+s.random.IntN(8)))
	s.y += 60
	const quantity, price, amount = 1400, 1800, scanWidth - margin
	s.row(10, cell{x: margin, text: "Description"}, cell{quantity, true, "Quantity"}, cell{price, true, "Price"}, cell{amount, true, "Amount"})
	s.y += 20
	sum := 0
	for range 8 + s.random.IntN(10) {
		n, each := 1+s.random.IntN(20), 95+s.random.IntN(29900)
		sum += n * each
		s.row(10, cell{x: margin, text: s.pick(items)}, cell{quantity, true, fmt.Sprint(n)}, cell{price, true, money(each)}, cell{amount, true, money(n * each)})
	}
	s.y += 40
	tax := sum * 19 / 100
	s.row(10, cell{x: price - 300, text: "Net"}, cell{amount, true, money(sum)})
	s.row(10, cell{x: price - 300, text: "Tax 19 %"}, cell{amount, true, money(tax)})
	s.row(12, cell{x: price - 300, text: "Total EUR"}, cell{amount, true, money(sum + tax)})
	s.y += 100
	s.paragraph(10, s.prose(3))
}

func money(cents int) string {
	whole := fmt.Sprint(cents / 100)
	if len(whole) > 3 {
		whole = whole[:len(whole)-3] + "," + whole[len(whole)-3:]
	}
	return fmt.Sprintf("%s.%02d", whole, cents%100)
}

// damage does to a clean page what paper and scanner do.
func damage(clean *image.Gray, random *rand.Rand, spine, dirty bool) *image.Gray {
	turned := turn(clean, (random.Float64()*2-1)*1.2)
	blurred := blur(turned, 0.7+random.Float64()*0.8)
	paper, tilt, direction := 225+random.Float64()*25, random.Float64()*0.18, random.Float64()*2*math.Pi
	sigma := 3 + random.Float64()*6
	dx, dy := math.Cos(direction), math.Sin(direction)
	depth, reach := 0.45+random.Float64()*0.2, 150+random.Float64()*250
	for y := range scanHeight {
		for x := range scanWidth {
			light := 1 - tilt*(0.5+dx*(float64(x)/scanWidth-0.5)+dy*(float64(y)/scanHeight-0.5))
			if spine {
				light *= 1 - depth*math.Exp(-float64(x)/reach)
			}
			v := float64(blurred.Pix[y*blurred.Stride+x])/255*paper*light + random.NormFloat64()*sigma
			blurred.Pix[y*blurred.Stride+x] = uint8(min(max(v, 0), 255))
		}
	}
	specks := 150
	if dirty {
		specks = 400
	}
	for range specks {
		cx, cy, r, tone := random.IntN(scanWidth), random.IntN(scanHeight), 1+random.IntN(3), uint8(random.IntN(120))
		for y := max(cy-r, 0); y <= min(cy+r, scanHeight-1); y++ {
			for x := max(cx-r, 0); x <= min(cx+r, scanWidth-1); x++ {
				if (x-cx)*(x-cx)+(y-cy)*(y-cy) <= r*r {
					blurred.Pix[y*blurred.Stride+x] = tone
				}
			}
		}
	}
	return blurred
}

func turn(img *image.Gray, degrees float64) *image.Gray {
	out := image.NewGray(img.Rect)
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	for y := range scanHeight {
		for x := range scanWidth {
			dx, dy := float64(x)-scanWidth/2, float64(y)-scanHeight/2
			u, v := dx*cos+dy*sin+scanWidth/2, -dx*sin+dy*cos+scanHeight/2
			out.Pix[y*out.Stride+x] = bilinear(img, u, v)
		}
	}
	return out
}

func bilinear(img *image.Gray, u, v float64) uint8 {
	x, y := int(math.Floor(u)), int(math.Floor(v))
	if x < 0 || y < 0 || x >= scanWidth-1 || y >= scanHeight-1 {
		return 255
	}
	fx, fy := u-float64(x), v-float64(y)
	at := y*img.Stride + x
	upper := float64(img.Pix[at])*(1-fx) + float64(img.Pix[at+1])*fx
	lower := float64(img.Pix[at+img.Stride])*(1-fx) + float64(img.Pix[at+img.Stride+1])*fx
	return uint8(upper*(1-fy) + lower*fy + 0.5)
}

func blur(img *image.Gray, sigma float64) *image.Gray {
	reach := int(math.Ceil(3 * sigma))
	kernel, sum := make([]float64, 2*reach+1), 0.0
	for i := range kernel {
		d := float64(i - reach)
		kernel[i] = math.Exp(-d * d / (2 * sigma * sigma))
		sum += kernel[i]
	}
	for i := range kernel {
		kernel[i] /= sum
	}
	pass := func(from *image.Gray, sx, sy int) *image.Gray {
		out := image.NewGray(from.Rect)
		for y := range scanHeight {
			for x := range scanWidth {
				v := 0.5
				for i, k := range kernel {
					d := i - reach
					nx, ny := min(max(x+d*sx, 0), scanWidth-1), min(max(y+d*sy, 0), scanHeight-1)
					v += k * float64(from.Pix[ny*from.Stride+nx])
				}
				out.Pix[y*out.Stride+x] = uint8(v)
			}
		}
		return out
	}
	return pass(pass(img, 1, 0), 0, 1)
}
