package ocr

import "image"

// paperWhite is what evened paper becomes: a little below white, so that noise
// on it is not cut off on one side.
const paperWhite = 235

// background is the brightness of the paper, one value a tile.
type background struct {
	pixels        image.Point // size of the picture it was measured on
	tile          int         // pixels a side
	width, height int         // tiles
	level         []uint8
}

// paperOf measures the brightness of the paper: in each tile the mean of what
// is brighter than half way between its darkest and its brightest pixel. Tiles
// that are ink or picture all over take their neighbours' word.
func paperOf(img *image.Gray, tile int) *background {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	b := &background{pixels: image.Pt(w, h), tile: tile, width: (w + tile - 1) / tile, height: (h + tile - 1) / tile}
	b.level = make([]uint8, b.width*b.height)
	for ty := range b.height {
		for tx := range b.width {
			b.level[ty*b.width+tx] = brightMean(img, image.Rect(tx*tile, ty*tile, min((tx+1)*tile, w), min((ty+1)*tile, h)))
		}
	}
	b.fill()
	b.smooth()
	return b
}

func brightMean(img *image.Gray, r image.Rectangle) uint8 {
	low, high := uint8(255), uint8(0)
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for _, v := range img.Pix[y*img.Stride+r.Min.X : y*img.Stride+r.Max.X] {
			low, high = min(low, v), max(high, v)
		}
	}
	middle := uint8((uint16(low) + uint16(high)) / 2)
	if high-low < 40 {
		middle = low // nothing but paper and its grain
	}
	sum, n := uint32(0), uint32(0)
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for _, v := range img.Pix[y*img.Stride+r.Min.X : y*img.Stride+r.Max.X] {
			if v >= middle {
				sum += uint32(v)
				n++
			}
		}
	}
	return uint8(sum / max(n, 1))
}

// fill lifts tiles that are much darker than the paper around them, such as
// bars, stamps and pictures, to the middle of their surroundings; a shadow
// falls off slowly and stays.
func (b *background) fill() {
	out := make([]uint8, len(b.level))
	for y := range b.height {
		for x := range b.width {
			own := b.level[y*b.width+x]
			var near [49]uint8
			n := 0
			for ny := max(y-3, 0); ny <= min(y+3, b.height-1); ny++ {
				for nx := max(x-3, 0); nx <= min(x+3, b.width-1); nx++ {
					near[n] = b.level[ny*b.width+nx]
					n++
				}
			}
			if upper := kth(near[:n], n*3/4); uint16(own)*4 < uint16(upper)*3 {
				own = max(own, uint8(uint16(upper)*3/4))
			}
			out[y*b.width+x] = max(own, 16) // black is no paper
		}
	}
	b.level = out
}

// kth gives the element that sorting would put at k.
func kth(values []uint8, k int) uint8 {
	var counts [256]int
	for _, v := range values {
		counts[v]++
	}
	for v, n := range counts {
		if k -= n; k < 0 {
			return uint8(v)
		}
	}
	return 255
}

func (b *background) smooth() {
	out := make([]uint8, len(b.level))
	for y := range b.height {
		for x := range b.width {
			sum, n := 0, 0
			for ny := max(y-1, 0); ny <= min(y+1, b.height-1); ny++ {
				for nx := max(x-1, 0); nx <= min(x+1, b.width-1); nx++ {
					sum += int(b.level[ny*b.width+nx])
					n++
				}
			}
			out[y*b.width+x] = uint8(sum / n)
		}
	}
	b.level = out
}

// unevenness is by how much of the bright paper's light the dark paper lacks,
// from 0 to 1, leaving out the darkest and brightest twentieth.
func (b *background) unevenness() float64 {
	dark, bright := kth(b.level, len(b.level)/20), kth(b.level, len(b.level)*19/20)
	return 1 - float64(dark)/float64(max(bright, 1))
}

// even divides a picture by the brightness of its paper, which may have been
// measured on a smaller copy; between the middles of tiles it is blended.
func (b *background) even(img *image.Gray) *image.Gray {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	out := image.NewGray(image.Rect(0, 0, w, h))
	gain := make([]int32, len(b.level)) // fractions of 2^12
	for i, v := range b.level {
		gain[i] = paperWhite << 12 / int32(v)
	}
	across := blend(w, b.width, float64(b.tile*w)/float64(b.pixels.X))
	row := make([]int32, b.width)
	for y, d := range blend(h, b.height, float64(b.tile*h)/float64(b.pixels.Y)) {
		upper, lower := gain[d.first*b.width:][:b.width], gain[d.second*b.width:][:b.width]
		for i := range row {
			row[i] = upper[i] + (lower[i]-upper[i])*d.share>>8
		}
		source, target := img.Pix[y*img.Stride:][:w], out.Pix[y*out.Stride:][:w]
		for x, v := range source {
			a := &across[x]
			g := row[a.first] + (row[a.second]-row[a.first])*a.share>>8
			target[x] = uint8(min(int32(v)*g>>12, 255))
		}
	}
	return out
}

// between says which two tiles a pixel lies between, and the second's share in 256ths.
type between struct {
	first, second int
	share         int32
}

func blend(pixels, tiles int, tile float64) []between {
	out := make([]between, pixels)
	for i := range out {
		at := (float64(i)+0.5)/tile - 0.5
		first := min(max(int(at), 0), tiles-1)
		share := min(max(at-float64(first), 0), 1)
		out[i] = between{first, min(first+1, tiles-1), int32(share * 256)}
	}
	return out
}
