package ocr

import (
	"image"
	"math"
)

// Weights are fractions of 2^12: eight bits of pixel and some overshoot of the
// cubic kernel fit into 32 bits twice over.
const (
	weightBits = 12
	weightOne  = 1 << weightBits
)

// taps are the source pixels of one output pixel and their weights.
type taps struct {
	first   int
	weights []int32
}

// scale gives the picture in another size: by the area that a pixel covers
// when it shrinks, by a cubic curve when it grows.
func scale(img *image.Gray, width, height int) *image.Gray {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	if width == w && height == h {
		return img
	}
	if width*2 == w && height*2 == h {
		return halve(img)
	}
	out := image.NewGray(image.Rect(0, 0, width, height))
	across, down := kernel(w, width), kernel(h, height)
	sums := make([]int32, w)
	// Rows first: they are added up whole, which is the cheap direction.
	for y := range height {
		tap := down[y]
		for i, weight := range tap.weights {
			row := img.Pix[(tap.first+i)*img.Stride:][:w]
			if i == 0 {
				for x, v := range row {
					sums[x] = int32(v) * weight
				}
				continue
			}
			if weight == 0 {
				continue
			}
			into := sums[:len(row)]
			for x, v := range row {
				into[x] += int32(v) * weight
			}
		}
		for x := range sums {
			sums[x] = (sums[x] + 8) >> 4 // keeps 8 of the 12 bits
		}
		target := out.Pix[y*out.Stride:][:width]
		for x := range target {
			tap := &across[x]
			source := sums[tap.first:][:len(tap.weights)]
			sum := int32(1 << 19)
			for i, weight := range tap.weights {
				sum += source[i] * weight
			}
			target[x] = clamp(sum >> 20)
		}
	}
	return out
}

func clamp(v int32) uint8 {
	if uint32(v) > 255 {
		if v < 0 {
			return 0
		}
		return 255
	}
	return uint8(v)
}

// kernel gives the taps of every output pixel of a row.
func kernel(from, to int) []taps {
	out := make([]taps, to)
	ratio := float64(from) / float64(to)
	for i := range out {
		var first int
		var raw []float64
		if ratio >= 1 {
			first, raw = areaTaps(float64(i)*ratio, float64(i+1)*ratio, from)
		} else {
			first, raw = cubicTaps((float64(i)+0.5)*ratio-0.5, from)
		}
		out[i] = taps{first, fractions(raw)}
	}
	return out
}

func areaTaps(from, to float64, size int) (int, []float64) {
	first := int(from)
	last := min(int(math.Ceil(to-1e-9)), size)
	weights := make([]float64, 0, last-first)
	for i := first; i < last; i++ {
		weights = append(weights, min(to, float64(i+1))-max(from, float64(i)))
	}
	return first, weights
}

// cubicTaps are those of the Catmull-Rom curve; beyond the edge, the edge repeats.
func cubicTaps(at float64, size int) (int, []float64) {
	base := int(math.Floor(at))
	t := at - float64(base)
	curve := [4]float64{
		-0.5*t + t*t - 0.5*t*t*t, 1 - 2.5*t*t + 1.5*t*t*t,
		0.5*t + 2*t*t - 1.5*t*t*t, -0.5*t*t + 0.5*t*t*t,
	}
	first := min(max(base-1, 0), size-1)
	last := min(max(base+2, 0), size-1)
	weights := make([]float64, last-first+1)
	for i, weight := range curve {
		weights[min(max(base-1+i, first), last)-first] += weight
	}
	return first, weights
}

// fractions turns weights into fractions that add up to exactly one.
func fractions(raw []float64) []int32 {
	sum := 0.0
	for _, w := range raw {
		sum += w
	}
	out := make([]int32, len(raw))
	left, largest := int32(weightOne), 0
	for i, w := range raw {
		out[i] = int32(math.Round(w / sum * weightOne))
		left -= out[i]
		if out[i] > out[largest] {
			largest = i
		}
	}
	out[largest] += left
	return out
}

// halve averages two by two pixels.
func halve(img *image.Gray) *image.Gray {
	width, height := img.Rect.Dx()/2, img.Rect.Dy()/2
	out := image.NewGray(image.Rect(0, 0, width, height))
	for y := range height {
		upper := img.Pix[2*y*img.Stride:][:2*width]
		lower := img.Pix[(2*y+1)*img.Stride:][:2*width]
		target := out.Pix[y*out.Stride:][:width]
		for x := range target {
			target[x] = uint8((uint32(upper[2*x]) + uint32(upper[2*x+1]) + uint32(lower[2*x]) + uint32(lower[2*x+1]) + 2) >> 2)
		}
	}
	return out
}

// reduce averages whole blocks of pixels; what is left over at the right and
// bottom edge is dropped.
func reduce(img *image.Gray, factor int) *image.Gray {
	switch {
	case factor <= 1:
		return img
	case factor == 2:
		return halve(img)
	}
	width, height := max(img.Rect.Dx()/factor, 1), max(img.Rect.Dy()/factor, 1)
	out := image.NewGray(image.Rect(0, 0, width, height))
	sums := make([]uint32, width)
	area := uint32(factor * factor)
	for y := range height {
		clear(sums)
		for i := range factor {
			row := img.Pix[min(y*factor+i, img.Rect.Dy()-1)*img.Stride:][:img.Rect.Dx()]
			for x := range sums {
				for _, v := range row[min(x*factor, len(row)-1):min((x+1)*factor, len(row))] {
					sums[x] += uint32(v)
				}
			}
		}
		for x, sum := range sums {
			out.Pix[y*out.Stride+x] = uint8(min((sum+area/2)/area, 255))
		}
	}
	return out
}
