package ocr

import (
	"cmp"
	"image"
	"math"
	"slices"
)

// mark is a connected piece of ink.
type mark struct {
	box  image.Rectangle
	area int // pixels
}

// maxMarks bounds the work on a page that is all grain; no page of text has as many.
const maxMarks = 60_000

// inkLevel gives the brightness under which an evened picture is ink: half way
// between the paper and the mean of what is clearly darker than its grain.
func inkLevel(evened *image.Gray) (level uint8, grain float64) {
	var counts [256]int
	w := evened.Rect.Dx()
	for y := range evened.Rect.Dy() {
		for _, v := range evened.Pix[y*evened.Stride:][:w] {
			counts[v]++
		}
	}
	// The grain is measured on the side of the paper where no ink is.
	total, squares := 0, 0.0
	for v := paperWhite; v < 255; v++ {
		d := float64(v - paperWhite)
		total += counts[v]
		squares += d * d * float64(counts[v])
	}
	if total > 0 {
		grain = squares / float64(total)
	}
	clear := paperWhite - int(max(40, 4*math.Sqrt(grain)))
	ink, sum := 0, 0
	for v := range max(clear, 0) {
		ink += counts[v]
		sum += v * counts[v]
	}
	if ink == 0 {
		return uint8(max(clear, 1)), math.Sqrt(grain)
	}
	return uint8(max(min((paperWhite+sum/ink)/2, clear), 1)), math.Sqrt(grain)
}

// run is a stretch of ink in a row; parent leads to the first run of its mark.
type run struct {
	from, to, row int
	parent        int
}

// marksOf gives the pieces of ink darker than level, joined also over corners.
func marksOf(img *image.Gray, level uint8) []mark {
	var runs []run
	w := img.Rect.Dx()
	aboveFrom, aboveTo := 0, 0 // runs of the row above
	for y := range img.Rect.Dy() {
		row := img.Pix[y*img.Stride:][:w]
		start, above := len(runs), aboveFrom
		for x := 0; x < w; x++ {
			if row[x] >= level {
				continue
			}
			from := x
			for x++; x < w && row[x] < level; x++ {
			}
			if len(runs) >= 64*maxMarks {
				return nil // grain, not writing
			}
			n := len(runs)
			runs = append(runs, run{from, x, y, n})
			for above < aboveTo && runs[above].to < from {
				above++
			}
			for i := above; i < aboveTo && runs[i].from <= x; i++ {
				join(runs, i, n)
			}
		}
		aboveFrom, aboveTo = start, len(runs)
	}
	return collect(runs)
}

func root(runs []run, i int) int {
	for runs[i].parent != i {
		runs[i].parent = runs[runs[i].parent].parent
		i = runs[i].parent
	}
	return i
}

func join(runs []run, a, b int) {
	a, b = root(runs, a), root(runs, b)
	if a < b {
		runs[b].parent = a
	} else {
		runs[a].parent = b
	}
}

func collect(runs []run) []mark {
	var marks []mark
	of := make([]int, len(runs)) // the number of the mark of a first run
	for i := range runs {
		r := &runs[i]
		box := image.Rect(r.from, r.row, r.to, r.row+1)
		first := root(runs, i)
		if first == i {
			of[i] = len(marks)
			marks = append(marks, mark{box, r.to - r.from})
			continue
		}
		m := &marks[of[first]]
		m.box, m.area = m.box.Union(box), m.area+r.to-r.from
	}
	return marks
}

// Bounds of what can be a letter, in pixels of the reduced copy.
const (
	smallestLetter = 4
	largestLetter  = 90
)

// letters picks the marks that have the size and shape of letters; grain and
// dust are smaller, lines and pictures larger or longer.
func letters(marks []mark) []mark {
	var out []mark
	for _, m := range marks {
		w, h := m.box.Dx(), m.box.Dy()
		long, short := max(w, h), min(w, h)
		if long < smallestLetter || long > largestLetter || m.area < 5 || long > 12*short || m.area*12 < w*h {
			continue
		}
		out = append(out, m)
	}
	return out
}

// neighbours is how letters lie to the letter nearest to them.
type neighbours struct {
	beside, below int // number whose nearest lies beside them, or above or below
	paired        []mark
}

// neighboursOf looks for each letter's nearest other letter of similar size no
// further away than its own size.
func neighboursOf(marks []mark) neighbours {
	slices.SortFunc(marks, func(a, b mark) int {
		return cmp.Or(cmp.Compare(a.box.Min.X, b.box.Min.X), cmp.Compare(a.box.Min.Y, b.box.Min.Y))
	})
	var out neighbours
	const far = 1 << 30
	best, beside := make([]int, len(marks)), make([]bool, len(marks))
	for i := range best {
		best[i] = far
	}
	for i := range marks {
		a := marks[i].box
		reach := 3 * max(a.Dx(), a.Dy()) / 2
		for j := i + 1; j < len(marks) && marks[j].box.Min.X <= a.Max.X+reach; j++ {
			b := marks[j].box
			gap, sideways, ok := gapBetween(a, b)
			if !ok || gap > reach {
				continue
			}
			for _, k := range [2]int{i, j} {
				if gap < best[k] {
					best[k], beside[k] = gap, sideways
				}
			}
		}
	}
	for i, m := range marks {
		if best[i] == far {
			continue
		}
		out.paired = append(out.paired, m)
		if beside[i] {
			out.beside++
		} else {
			out.below++
		}
	}
	return out
}

// gapBetween gives the distance of two boxes that overlap in one direction by
// at least half of the smaller and lie apart in the other.
func gapBetween(a, b image.Rectangle) (gap int, sideways, ok bool) {
	if sa, sb := max(a.Dx(), a.Dy()), max(b.Dx(), b.Dy()); sa > 3*sb || sb > 3*sa {
		return 0, false, false
	}
	overlapX := min(a.Max.X, b.Max.X) - max(a.Min.X, b.Min.X)
	overlapY := min(a.Max.Y, b.Max.Y) - max(a.Min.Y, b.Min.Y)
	switch {
	case overlapX <= 0 && 2*overlapY >= min(a.Dy(), b.Dy()):
		return -overlapX, true, true
	case overlapY <= 0 && 2*overlapX >= min(a.Dx(), b.Dx()):
		return -overlapY, false, true
	}
	return 0, false, false
}

// letterHeight is the height in the middle of all: in ordinary text that of a
// small letter without stem or tail, in capitals and figures theirs.
func letterHeight(marks []mark, sideways bool) int {
	sizes := make([]int, 0, len(marks))
	for _, m := range marks {
		size := m.box.Dy()
		if sideways {
			size = m.box.Dx()
		}
		if size >= smallestLetter {
			sizes = append(sizes, size)
		}
	}
	if len(sizes) == 0 {
		return 0
	}
	slices.Sort(sizes)
	return sizes[len(sizes)/2]
}
