package ocr

import (
	"fmt"
	"image"
	"math"
)

// PrepareOptions say what may be done to a page. The zero value is for a page
// of which nothing is known.
type PrepareOptions struct {
	// DPI of the picture as stored; 0 where it is not known. It is used only
	// where the page has too few letters to measure.
	DPI int `json:"dpi,omitempty"`
	// Plain leaves out every step but the change to gray, for measuring them.
	Plain bool `json:"plain,omitempty"`
}

// Measures are what decided over the steps.
type Measures struct {
	Letters      int     `json:"letters"`       // marks that look like letters beside letters
	LetterHeight float64 `json:"letter_height"` // pixels of the stored picture; half of the letters are higher
	Unevenness   float64 `json:"unevenness"`    // share of the light that the darkest paper lacks, 0 to 1
	Grain        float64 `json:"grain"`         // standard deviation of evened paper, of 255, at reduced size
	Skew         float64 `json:"skew"`          // degrees clockwise
	SkewSureness float64 `json:"skew_sureness"` // 1: none
	Sideways     float64 `json:"sideways"`      // share of letters whose nearest letter is above or below
}

// Prepared is a page ready for an engine, and how to find its pixels in the
// picture as stored.
type Prepared struct {
	Image *image.Gray `json:"-"`

	Width  int `json:"width"` // of Image
	Height int `json:"height"`
	DPI    int `json:"dpi"` // of Image, such that letters have their usual size
	// Blank: there is nothing on the page that could be a letter. Image is nil.
	Blank bool `json:"blank,omitempty"`
	// Turn is by how many degrees clockwise the stored picture was turned: 0 or
	// 90. After 90 the text may still stand on its head: DirectionOpen.
	Turn          int      `json:"turn,omitempty"`
	DirectionOpen bool     `json:"direction_open,omitempty"`
	Skew          float64  `json:"skew,omitempty"` // degrees clockwise that were turned back, after Turn
	Steps         []string `json:"steps,omitempty"`
	Measures      Measures `json:"measures"`

	StoredWidth  int    `json:"stored_width"`
	StoredHeight int    `json:"stored_height"`
	ToStored     Affine `json:"to_stored"` // from pixels of Image
}

// The rules of the steps, found on generated A4 scans and on half of a set of
// real receipts; bench/ocr measures both.
const (
	reducedPixels    = 2_200_000 // of the copy that is measured: A4 at 150 dpi
	paperTile        = 12        // pixels of that copy
	goodLetter       = 14.0      // pixels: a small letter of 10 points at 200 dpi
	roomyLetter      = 28.0      // pixels: what worn print, as of tills, is read best at
	affordablePixels = 3_000_000 // A4 at 175 dpi
	largestScale     = 2.0
	workingDPI       = 200
	evenEnough       = 0.10 // lower unevenness is left alone
	fewestToTurn     = 40   // letters needed to call a page sideways
	sidewaysShare    = 0.65
	maxPixels        = 24_000_000 // of a prepared page
	blankLetters     = 2          // fewer letters beside letters: nothing to read
	enoughToSize     = 12         // letters needed to trust their height
	paperAfterSkew   = paperWhite
)

// Prepare makes a page ready. It is deterministic and does not change img.
func Prepare(img image.Image, options PrepareOptions) *Prepared {
	gray := ToGray(img)
	size := gray.Rect.Size()
	p := &Prepared{StoredWidth: size.X, StoredHeight: size.Y, ToStored: identity, DPI: options.DPI}
	if size.X < 2 || size.Y < 2 {
		p.Blank = true
		return p
	}
	if options.Plain {
		p.DPI = max(p.DPI, 70)
		p.put(gray)
		return p
	}
	factor := reduction(size)
	found := look(reduce(gray, factor))
	p.Measures = found.measures
	p.Measures.LetterHeight *= float64(factor)
	if found.measures.Letters < blankLetters {
		p.Blank = true
		p.step("blank")
		return p
	}
	work := p.resize(gray, found)
	if found.measures.Unevenness > evenEnough {
		work = found.paper.even(work)
		p.step("even %.2f", found.measures.Unevenness)
	}
	if found.sideways {
		before := work.Rect.Size()
		work = quarters(work, 1)
		p.ToStored = p.ToStored.after(rotation(before, work.Rect.Size(), 90))
		p.Turn, p.DirectionOpen = 90, true
		p.step("turn 90")
	}
	if skew := found.measures.Skew; math.Abs(skew) >= leastSkew && found.measures.SkewSureness >= sureSkew {
		size := work.Rect.Size()
		work = straighten(work, -skew, paperAfterSkew)
		p.ToStored = p.ToStored.after(rotation(size, size, -skew))
		p.Skew = skew
		p.step("straighten %.2f", skew)
	}
	p.put(work)
	return p
}

// reduction is by how much a picture is reduced to be measured.
func reduction(size image.Point) int {
	return max(1, int(math.Round(math.Sqrt(float64(size.X)*float64(size.Y)/reducedPixels))))
}

func (p *Prepared) step(format string, args ...any) {
	p.Steps = append(p.Steps, fmt.Sprintf(format, args...))
}

func (p *Prepared) put(img *image.Gray) {
	p.Image, p.Width, p.Height = img, img.Rect.Dx(), img.Rect.Dy()
}

// finding is what a look at the reduced copy gave.
type finding struct {
	measures Measures
	paper    *background
	sideways bool
	letters  []mark // those beside other letters
}

func look(small *image.Gray) finding {
	f := finding{paper: paperOf(small, paperTile)}
	f.measures.Unevenness = f.paper.unevenness()
	evened := f.paper.even(small)
	level, grain := inkLevel(evened)
	f.measures.Grain = grain
	candidates := letters(marksOf(evened, level))
	if len(candidates) > maxMarks {
		candidates = candidates[:maxMarks]
	}
	around := neighboursOf(candidates)
	f.letters, f.measures.Letters = around.paired, len(around.paired)
	if len(around.paired) == 0 {
		return f
	}
	f.measures.Sideways = float64(around.below) / float64(around.below+around.beside)
	f.sideways = len(around.paired) >= fewestToTurn && f.measures.Sideways >= sidewaysShare
	f.measures.LetterHeight = float64(letterHeight(around.paired, f.sideways))
	f.measures.Skew, f.measures.SkewSureness = skewOf(around.paired, f.sideways)
	return f
}

// resize brings letters to the size that is read best for its cost.
func (p *Prepared) resize(img *image.Gray, found finding) *image.Gray {
	size := img.Rect.Size()
	factor := 1.0
	height := p.Measures.LetterHeight
	switch {
	case found.measures.Letters >= enoughToSize && height > 0:
		// Letters as large as the budget of pixels allows, never smaller than good.
		affordable := math.Sqrt(affordablePixels / (float64(size.X) * float64(size.Y)))
		factor = min(max(goodLetter/height, min(roomyLetter/height, affordable)), largestScale)
	case p.DPI > workingDPI:
		factor = float64(workingDPI) / float64(p.DPI)
	}
	if factor > 0.85 && factor < 1.25 {
		factor = 1 // not worth the blur
	}
	if pixels := float64(size.X) * float64(size.Y) * factor * factor; pixels > maxPixels {
		factor *= math.Sqrt(maxPixels / pixels)
	}
	if height > 0 && found.measures.Letters >= enoughToSize {
		p.DPI = int(math.Round(workingDPI * height * factor / goodLetter))
	} else if p.DPI > 0 {
		p.DPI = int(math.Round(float64(p.DPI) * factor))
	} else {
		p.DPI = workingDPI
	}
	p.DPI = min(max(p.DPI, 70), 600)
	if factor == 1 {
		return img
	}
	to := image.Pt(max(int(math.Round(float64(size.X)*factor)), 1), max(int(math.Round(float64(size.Y)*factor)), 1))
	p.ToStored = scaling(size, to)
	p.step("scale %.3f", factor)
	return scale(img, to.X, to.Y)
}

// Pixels gives the gray bytes of the page, rows without padding.
func (p *Prepared) Pixels() []byte {
	if p.Image == nil {
		return nil
	}
	if p.Image.Stride == p.Width {
		return p.Image.Pix[:p.Width*p.Height]
	}
	out := make([]byte, 0, p.Width*p.Height)
	for y := range p.Height {
		out = append(out, p.Image.Pix[y*p.Image.Stride:][:p.Width]...)
	}
	return out
}

// SetPixels puts the gray bytes back after the journey from the child. What
// the child says is not trusted: an error tells that it does not fit together.
func (p *Prepared) SetPixels(pix []byte) error {
	if p.Blank {
		p.Image = nil
		return nil
	}
	if p.Width < 1 || p.Height < 1 || p.Width > 1<<16 || p.Height > 1<<16 || len(pix) != p.Width*p.Height {
		return fmt.Errorf("a prepared page of %d by %d pixels has %d bytes", p.Width, p.Height, len(pix))
	}
	if p.StoredWidth < 1 || p.StoredHeight < 1 || !p.ToStored.finite() || p.Turn%90 != 0 {
		return fmt.Errorf("a prepared page cannot be mapped to one of %d by %d pixels", p.StoredWidth, p.StoredHeight)
	}
	p.DPI = min(max(p.DPI, 70), 2400)
	p.Image = &image.Gray{Pix: pix, Stride: p.Width, Rect: image.Rect(0, 0, p.Width, p.Height)}
	return nil
}
