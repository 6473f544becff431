package ocr

import (
	"encoding/json"
	"image"
	"image/color"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestSkewIsFoundAndTurnedBack(t *testing.T) {
	t.Parallel()
	clean := page(1240, 1754, 21, 100, 200, manyLines(20)...)
	for _, angle := range []float64{-1.2, -0.4, 0, 0.7, 1.2, 4} {
		got := Prepare(straighten(clean, angle, 255), PrepareOptions{DPI: 150})
		if math.Abs(got.Measures.Skew-angle) > 0.1 {
			t.Errorf("a page turned by %v degrees was measured as %v", angle, got.Measures.Skew)
		}
		if turned := got.Skew != 0; turned != (angle != 0) {
			t.Errorf("a page turned by %v degrees was turned back by %v", angle, got.Skew)
		}
	}
}

func TestShadowsAreEvenedAndEvenLightIsLeftAlone(t *testing.T) {
	t.Parallel()
	clean := page(1240, 1754, 21, 100, 200, manyLines(20)...)
	if got := Prepare(clean, PrepareOptions{}); slices.ContainsFunc(got.Steps, isStep("even")) {
		t.Errorf("an evenly lit page went through %v", got.Steps)
	}
	dark := shadowed(clean)
	got := Prepare(dark, PrepareOptions{})
	if !slices.ContainsFunc(got.Steps, isStep("even")) {
		t.Fatalf("a shadow of %.2f was left: %v", got.Measures.Unevenness, got.Steps)
	}
	middle := got.Height / 2
	row := got.Image.Pix[middle*got.Image.Stride:][:got.Width]
	low := slices.Max(row)
	for x := 0; x+20 < got.Width; x += 20 {
		low = min(low, slices.Max(row[x:x+20]))
	}
	if low < paperWhite-40 {
		t.Errorf("paper in the shadow is still at %d", low)
	}
}

func isStep(name string) func(string) bool {
	return func(step string) bool { return strings.HasPrefix(step, name) }
}

// shadowed darkens a page towards its left edge, as the spine of a book does.
func shadowed(img *image.Gray) *image.Gray {
	out := image.NewGray(img.Rect)
	for y := range img.Rect.Dy() {
		for x := range img.Rect.Dx() {
			light := 1 - 0.55*math.Exp(-float64(x)/180)
			out.Pix[y*out.Stride+x] = uint8(float64(img.Pix[y*img.Stride+x]) * light)
		}
	}
	return out
}

// grainy adds noise and specks.
func grainy(img *image.Gray, sigma float64, specks int) *image.Gray {
	random := rand.New(rand.NewPCG(7, 7))
	out := image.NewGray(img.Rect)
	for i, v := range img.Pix {
		out.Pix[i] = uint8(min(max(float64(v)*0.95+random.NormFloat64()*sigma, 0), 255))
	}
	for range specks {
		x, y, size := random.IntN(img.Rect.Dx()-4), random.IntN(img.Rect.Dy()-4), 1+random.IntN(3)
		for dy := range size {
			for dx := range size {
				out.SetGray(x+dx, y+dy, color.Gray{40})
			}
		}
	}
	return out
}

func TestBlankPages(t *testing.T) {
	t.Parallel()
	white := page(2480, 3508, 40, 0, 0)
	for _, c := range []struct {
		name  string
		img   *image.Gray
		blank bool
	}{
		{"white", white, true},
		{"specks and grain", grainy(white, 8, 400), true},
		{"shadow", grainy(shadowed(white), 4, 100), true},
		{"one small line", grainy(page(2480, 3508, 29, 1100, 1700, "page left empty"), 6, 200), false},
		{"a page number", grainy(page(2480, 3508, 42, 1200, 3300, "- 12 -"), 5, 100), false},
		{"one pixel", image.NewGray(image.Rect(0, 0, 1, 1)), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := Prepare(c.img, PrepareOptions{DPI: 300}); got.Blank != c.blank {
				t.Errorf("blank = %v, measured %+v", got.Blank, got.Measures)
			}
		})
	}
}

func TestGrainIsNoText(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	img := image.NewGray(image.Rect(0, 0, 2480, 3508))
	for i := range img.Pix {
		img.Pix[i] = uint8(random.IntN(256))
	}
	got := Prepare(img, PrepareOptions{DPI: 300}) // must end; what it makes of it is the engine's to judge
	t.Logf("blank %v, %+v", got.Blank, got.Measures)
}

// TestPixelsAreFoundAgain marks two places on a page and looks for them in the
// prepared page through its map.
func TestPixelsAreFoundAgain(t *testing.T) {
	t.Parallel()
	clean := page(2480, 3508, 42, 300, 500, manyLines(30)...)
	for _, c := range []struct {
		name  string
		turns int
		angle float64
	}{{"straight", 0, 0}, {"skewed", 0, 1.2}, {"skewed the other way", 0, -1.1}, {"turned", 1, 0}, {"turned and skewed", 3, 0.8}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			stored := straighten(quarters(clean, c.turns), c.angle, 255)
			got := Prepare(stored, PrepareOptions{DPI: 300})
			size := stored.Rect.Size()
			if got.StoredWidth != size.X || got.StoredHeight != size.Y {
				t.Fatalf("stored size %d x %d", got.StoredWidth, got.StoredHeight)
			}
			// Ink of the prepared page must lie on ink of the stored one.
			on, all := 0, 0
			for y := 0; y < got.Height; y += 3 {
				for x := 0; x < got.Width; x += 3 {
					if got.Image.GrayAt(x, y).Y > 70 {
						continue
					}
					all++
					p := got.ToStored.Apply(Point{float64(x) + 0.5, float64(y) + 0.5})
					if stored.GrayAt(int(p.X), int(p.Y)).Y < 140 {
						on++
					}
				}
			}
			if all < 1000 || float64(on) < 0.97*float64(all) {
				t.Errorf("%d of %d dark pixels lie on ink; steps %v", on, all, got.Steps)
			}
		})
	}
}

func TestPreparedTravels(t *testing.T) {
	t.Parallel()
	made := Prepare(page(900, 700, 30, 50, 80, manyLines(8)...), PrepareOptions{})
	data, err := json.Marshal(made)
	if err != nil {
		t.Fatal(err)
	}
	var got Prepared
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if err := got.SetPixels(made.Pixels()); err != nil || got.Image.Rect != made.Image.Rect || got.ToStored != made.ToStored {
		t.Fatalf("%v, %+v", err, got)
	}
	for name, spoil := range map[string]func(*Prepared){
		"size":   func(p *Prepared) { p.Width++ },
		"map":    func(p *Prepared) { p.ToStored = Affine{} },
		"turn":   func(p *Prepared) { p.Turn = 45 },
		"stored": func(p *Prepared) { p.StoredWidth = -1 },
	} {
		bad := got
		spoil(&bad)
		if bad.SetPixels(made.Pixels()) == nil {
			t.Errorf("a wrong %s was taken", name)
		}
	}
}

func TestScale(t *testing.T) {
	t.Parallel()
	flat := image.NewGray(image.Rect(0, 0, 301, 173))
	for i := range flat.Pix {
		flat.Pix[i] = 201
	}
	for _, to := range []image.Point{{200, 115}, {150, 86}, {602, 346}, {17, 9}, {301, 173}, {1, 1}} {
		got := scale(flat, to.X, to.Y)
		if got.Rect.Size() != to || slices.Min(got.Pix) != 201 || slices.Max(got.Pix) != 201 {
			t.Errorf("scaled to %v: %v, %d to %d", to, got.Rect, slices.Min(got.Pix), slices.Max(got.Pix))
		}
	}
	ramp := image.NewGray(image.Rect(0, 0, 240, 10))
	for i := range ramp.Pix {
		ramp.Pix[i] = uint8(i % 240)
	}
	for _, width := range []int{160, 120, 80, 400} {
		got := scale(ramp, width, 10)
		for x := 4; x < width-4; x++ {
			want := (float64(x)+0.5)*240/float64(width) - 0.5
			if v := float64(got.Pix[x]); math.Abs(v-want) > 1 {
				t.Fatalf("width %d: pixel %d is %v, not %v", width, x, v, want)
			}
		}
	}
}

func TestToGray(t *testing.T) {
	t.Parallel()
	r := image.Rect(3, 5, 9, 8)
	rgba, nrgba, paletted := image.NewRGBA(r), image.NewNRGBA(r), image.NewPaletted(r, color.Palette{color.White, color.RGBA{255, 0, 0, 255}})
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			rgba.Set(x, y, color.RGBA{255, 0, 0, 255})
			nrgba.Set(x, y, color.NRGBA{0, 0, 0, 0})
			paletted.SetColorIndex(x, y, 1)
		}
	}
	for name, c := range map[string]struct {
		img  image.Image
		want uint8
	}{"red": {rgba, 76}, "nothing": {nrgba, 255}, "palette": {paletted, 76}} {
		got := ToGray(c.img)
		if got.Rect != image.Rect(0, 0, 6, 3) || got.Pix[0] != c.want || got.Pix[17] != c.want {
			t.Errorf("%s: %v %v", name, got.Rect, got.Pix)
		}
	}
	part := page(100, 100, 20, 0, 30, "xx").SubImage(image.Rect(10, 10, 40, 50))
	if got := ToGray(part); got.Rect != image.Rect(0, 0, 30, 40) || got.GrayAt(5, 15) != part.At(15, 25) {
		t.Error("a part of a picture was moved")
	}
}
