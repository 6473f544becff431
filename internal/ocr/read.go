package ocr

import (
	"context"
	"errors"
	"image"
	"math"
	"slices"
)

// PageResult is what stands on one page. Boxes and quads are in pixels of the
// picture as stored.
type PageResult struct {
	Result
	// Blank pages have no lines and keep their place in the document.
	Blank bool `json:"blank,omitempty"`
	// Upright is by how many degrees clockwise the stored picture must be
	// turned so that its text stands upright: 0, 90, 180 or 270.
	Upright int `json:"upright,omitempty"`
	// Skew is by how many degrees its lines fall to the right even then.
	Skew       float64  `json:"skew,omitempty"`
	Confidence float64  `json:"confidence"` // mean, weighed by length
	DPI        int      `json:"dpi"`        // that the engine worked at
	Steps      []string `json:"steps,omitempty"`
	Measures   Measures `json:"measures"`
	Width      int      `json:"width"` // of the picture as stored
	Height     int      `json:"height"`
}

// ReadOptions say how to read.
type ReadOptions struct {
	Languages []string // engine's codes; default eng
}

// Reader reads prepared pages with an engine. It may be used by several at once.
type Reader struct {
	Engine Engine
}

const (
	surePage       = 89.0 // mean confidence under which a page is read a second time
	secondScale    = 0.7  // of each side, at which the second reading sees the page
	doubtful       = 65.0 // mean confidence under which a page may be turned the wrong way
	clearlyBetter  = 8.0  // points by which another direction must win
	believable     = 40.0 // mean confidence under which few words are grain, not text
	fewWords       = 4
	retryScale     = 0.7 // of each side, after a failure on a page
	sampleHeight   = 520 // pixels of a page read to find its direction
	sampleMinWords = 3
)

// Read recognises a prepared page. A failure of the engine on this very page
// is tried once more at a lower resolution; what then remains is ErrTimeout,
// ErrMemory or ErrCrashed, and the document goes on without the page's text.
// ErrMissingEngine and ErrMissingLanguage are not the page's fault.
func (r *Reader) Read(ctx context.Context, page *Prepared, options ReadOptions) (*PageResult, error) {
	if len(options.Languages) == 0 {
		options.Languages = []string{"eng"}
	}
	out := &PageResult{
		Blank: page.Blank, Skew: page.Skew, DPI: page.DPI, Steps: append([]string(nil), page.Steps...), Measures: page.Measures,
		Width: page.StoredWidth, Height: page.StoredHeight, Upright: page.Turn,
	}
	out.Languages = options.Languages
	if page.Blank {
		return out, nil
	}
	work := working{img: page.Image, dpi: page.DPI, toStored: page.ToStored}
	if page.DirectionOpen {
		turn, err := r.direction(ctx, work, options, 0, 2)
		if err != nil {
			return nil, err
		}
		work = work.turned(turn)
	}
	result, used, err := r.recognise(ctx, work, options)
	if err != nil {
		return nil, err
	}
	if confidence := result.MeanConfidence(); confidence < doubtful && !page.DirectionOpen && page.Measures.Letters >= fewestToTurn {
		turn, err := r.direction(ctx, work, options, 0, 2, 1, 3)
		if err != nil {
			return nil, err
		}
		if turn != 0 {
			other, otherUsed, err := r.recognise(ctx, work.turned(turn), options)
			if err != nil {
				return nil, err
			}
			if other.MeanConfidence() > confidence+clearlyBetter {
				result, used = other, otherUsed
			}
		}
	}
	if page.Measures.Letters > 0 && (result.MeanConfidence() < surePage || overlooked(used.img, result.Lines)) {
		if result, err = r.again(ctx, result, &used, options); err != nil {
			return nil, err
		}
	}
	out.take(result, used)
	return out, nil
}

// take fills in what was read, in pixels of the stored picture.
func (p *PageResult) take(result Result, used working) {
	if words(result) <= fewWords && result.MeanConfidence() < believable {
		result.Lines = nil
	}
	result.Lines = joinRows(result.Lines)
	joinAmounts(result.Lines)
	if oneDecimalSign(result.Lines) {
		p.Steps = append(p.Steps, "decimal sign")
	}
	p.Result, p.Confidence, p.DPI = result, result.MeanConfidence(), used.dpi
	p.Steps = append(p.Steps, used.steps...)
	p.Upright = (p.Upright + 90*used.turns) % 360
	p.Blank = len(result.Lines) == 0
	stored := image.Rect(0, 0, p.Width, p.Height)
	for i := range p.Lines {
		line := &p.Lines[i]
		line.Box = around(used.toStored.quad(line.Box), stored)
		for j := range line.Words {
			w := &line.Words[j]
			w.Quad = used.toStored.quad(w.Box)
			w.Box = around(w.Quad, stored)
		}
	}
}

func words(result Result) int {
	n := 0
	for _, line := range result.Lines {
		n += len(line.Words)
	}
	return n
}

// working is a picture given to the engine and the way back from it.
type working struct {
	img      *image.Gray
	dpi      int
	toStored Affine
	turns    int // quarter turns clockwise beyond those of the preparation
	steps    []string
}

func (w working) turned(turns int) working {
	if turns == 0 {
		return w
	}
	before := w.img.Rect.Size()
	w.img = quarters(w.img, turns)
	w.toStored = w.toStored.after(rotation(before, w.img.Rect.Size(), float64(90*turns)))
	w.turns += turns
	w.steps = append(append([]string(nil), w.steps...), "turn")
	return w
}

func (w working) scaled(factor float64) working {
	before := w.img.Rect.Size()
	after := image.Pt(max(int(float64(before.X)*factor), 1), max(int(float64(before.Y)*factor), 1))
	w.img = scale(w.img, after.X, after.Y)
	w.toStored = w.toStored.after(scaling(before, after))
	w.dpi = max(int(math.Round(float64(w.dpi)*factor)), 70)
	w.steps = append(append([]string(nil), w.steps...), "retry smaller")
	return w
}

func (r *Reader) recognise(ctx context.Context, work working, options ReadOptions) (Result, working, error) {
	result, err := r.Engine.Recognise(ctx, Page{Image: work.img, DPI: work.dpi, Languages: options.Languages})
	if errors.Is(err, ErrMemory) || errors.Is(err, ErrCrashed) || errors.Is(err, ErrTimeout) {
		first := err
		work = work.scaled(retryScale)
		if result, err = r.Engine.Recognise(ctx, Page{Image: work.img, DPI: work.dpi, Languages: options.Languages}); err != nil {
			return Result{}, work, errors.Join(err, first)
		}
	}
	return result, work, err
}

// again reads the page as one block of lines, at another size, and takes what
// is better of both readings. A second reading that fails changes nothing.
func (r *Reader) again(ctx context.Context, first Result, used *working, options ReadOptions) (Result, error) {
	other := used.scaled(secondScale)
	second, err := r.Engine.Recognise(ctx, Page{Image: other.img, DPI: other.dpi, Languages: options.Languages, Layout: LayoutBlock})
	switch {
	case errors.Is(err, ErrMemory) || errors.Is(err, ErrCrashed) || errors.Is(err, ErrTimeout):
		return first, nil
	case err != nil:
		return Result{}, err
	}
	x, y := float64(used.img.Rect.Dx())/float64(other.img.Rect.Dx()), float64(used.img.Rect.Dy())/float64(other.img.Rect.Dy())
	for i := range second.Lines {
		line := &second.Lines[i]
		line.Box = grown(line.Box, x, y)
		for j := range line.Words {
			line.Words[j].Box = grown(line.Words[j].Box, x, y)
		}
	}
	first.Lines = merged(joinRows(first.Lines), second.Lines)
	used.steps = append(slices.Clip(used.steps), "second reading")
	return first, nil
}

func grown(r image.Rectangle, x, y float64) image.Rectangle {
	scaled := func(v int, by float64) int { return int(math.Round(float64(v) * by)) }
	return image.Rect(scaled(r.Min.X, x), scaled(r.Min.Y, y), scaled(r.Max.X, x), scaled(r.Max.Y, y))
}

// direction reads a strip of the page in each of the given directions (quarter
// turns clockwise) and gives the one whose words are surest.
func (r *Reader) direction(ctx context.Context, work working, options ReadOptions, turns ...int) (int, error) {
	best, bestScore := turns[0], -1.0
	for _, turn := range turns {
		strip := sample(work.img, turn%2 == 1)
		result, err := r.Engine.Recognise(ctx, Page{Image: quarters(strip, turn), DPI: work.dpi, Languages: options.Languages})
		switch {
		case errors.Is(err, ErrMemory) || errors.Is(err, ErrCrashed) || errors.Is(err, ErrTimeout):
			continue // it says nothing for this direction
		case err != nil:
			return 0, err
		}
		if score := result.MeanConfidence(); words(result) >= sampleMinWords && score > bestScore+clearlyBetter {
			best, bestScore = turn, score
		}
	}
	return best, nil
}

// sample cuts the strip with the most ink across the lines of a page; upright
// pages have lines across, so a strip of them is as wide as the page.
func sample(img *image.Gray, sideways bool) *image.Gray {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	along := h
	if sideways {
		along = w
	}
	if along <= sampleHeight {
		return img
	}
	dark := make([]int, along)
	for y := 0; y < h; y += 2 {
		for x := 0; x < w; x += 2 {
			v := 255 - int(img.Pix[y*img.Stride+x])
			if sideways {
				dark[x] += v
			} else {
				dark[y] += v
			}
		}
	}
	sum := 0
	for _, v := range dark[:sampleHeight] {
		sum += v
	}
	best, bestSum := 0, sum
	for i := sampleHeight; i < along; i++ {
		if sum += dark[i] - dark[i-sampleHeight]; sum > bestSum {
			best, bestSum = i-sampleHeight+1, sum
		}
	}
	r := image.Rect(0, best, w, best+sampleHeight)
	if sideways {
		r = image.Rect(best, 0, best+sampleHeight, h)
	}
	return ToGray(img.SubImage(r))
}

// Recognise prepares and reads a picture in this process. Use it only where
// the picture was decoded from bytes that are trusted.
func (r *Reader) Recognise(ctx context.Context, img image.Image, dpi int, options ReadOptions) (*PageResult, error) {
	return r.Read(ctx, Prepare(img, PrepareOptions{DPI: dpi}), options)
}

// StraightBox is a word's box in a page straightened around its middle.
type StraightBox struct{ X0, Y0, X1, Y1 float64 }

// Angle is by how many degrees counter-clockwise the text lies on the picture
// as stored.
func (p *PageResult) Angle() float64 {
	return math.Mod(float64(p.Upright)-p.Skew+360, 360)
}

// Straight gives a word's box after the stored picture was turned clockwise by
// Angle around its middle; so text layers want it.
func (p *PageResult) Straight(w *Word) StraightBox {
	sin, cos := math.Sincos(p.Angle() * math.Pi / 180)
	mx, my := float64(p.Width)/2, float64(p.Height)/2
	box := StraightBox{math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)}
	for _, corner := range w.Quad {
		dx, dy := corner.X-mx, corner.Y-my
		x, y := mx+cos*dx-sin*dy, my+sin*dx+cos*dy
		box = StraightBox{min(box.X0, x), min(box.Y0, y), max(box.X1, x), max(box.Y1, y)}
	}
	return box
}
