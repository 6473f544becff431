package ocr

import (
	"math"
)

const (
	maxSkew      = 6.0  // degrees searched to either side
	leastSkew    = 0.1  // below it, turning blurs more than it helps
	sureSkew     = 1.35 // how far the best angle's profile must stand out
	fewestToSkew = 24   // letters; fewer can line up by chance
)

// skewOf finds the angle, clockwise in degrees, by which lines of letters fall
// to the right, and how far it stands out (1: not at all). At the true angle
// the feet of the letters fall together in few rows, one a line, so the sum of
// the squares of a row's count is largest there.
func skewOf(marks []mark, sideways bool) (degrees, sureness float64) {
	if len(marks) < fewestToSkew {
		return 0, 1
	}
	feet := make([]Point, len(marks))
	for i, m := range marks {
		feet[i] = Point{float64(m.box.Min.X+m.box.Max.X) / 2, float64(m.box.Max.Y)}
		if sideways { // as seen after a quarter turn clockwise: x' = -y, y' = x
			feet[i] = Point{-float64(m.box.Min.Y+m.box.Max.Y) / 2, float64(m.box.Max.X)}
		}
	}
	profile := newProfile(feet)
	const coarse = 0.2
	var scores []float64
	best, bestScore := 0.0, -1.0
	for a := -maxSkew; a <= maxSkew+1e-9; a += coarse {
		score := profile.score(a)
		scores = append(scores, score)
		if score > bestScore {
			best, bestScore = a, score
		}
	}
	typical := 0.0
	for _, s := range scores {
		typical += s / float64(len(scores))
	}
	for step := coarse / 2; step > 0.02; step /= 2 {
		for _, a := range [2]float64{best - step, best + step} {
			if score := profile.score(a); score > bestScore {
				best, bestScore = a, score
			}
		}
	}
	if straight := profile.score(0); bestScore < 1.02*straight {
		best, bestScore = 0, straight
	}
	return best, bestScore / max(typical, 1e-9)
}

type profile struct {
	feet   []Point
	origin Point
	rows   []float64
}

func newProfile(feet []Point) *profile {
	low, high := feet[0], feet[0]
	for _, p := range feet {
		low = Point{min(low.X, p.X), min(low.Y, p.Y)}
		high = Point{max(high.X, p.X), max(high.Y, p.Y)}
	}
	reach := math.Tan((maxSkew+1)*math.Pi/180) * (high.X - low.X)
	return &profile{
		feet: feet, origin: Point{(low.X + high.X) / 2, low.Y - reach},
		rows: make([]float64, int(high.Y-low.Y+2*reach)+4),
	}
}

// score counts feet by rows that fall by so many degrees. A foot is shared out
// between the two rows it lies nearest to, or scores would leap with the angle.
func (p *profile) score(degrees float64) float64 {
	clear(p.rows)
	slope := math.Tan(degrees * math.Pi / 180)
	for _, foot := range p.feet {
		at := foot.Y - (foot.X-p.origin.X)*slope - p.origin.Y
		row := int(at)
		if row < 0 || row+1 >= len(p.rows) {
			continue
		}
		share := at - float64(row)
		p.rows[row] += 1 - share
		p.rows[row+1] += share
	}
	sum := 0.0
	for _, n := range p.rows {
		sum += n * n
	}
	return sum
}
