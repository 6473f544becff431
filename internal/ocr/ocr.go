// Package ocr reads the text of scanned pages: words with their places and a
// confidence each.
//
// The work is split in two, because pictures are untrusted bytes:
//
//   - Prepare takes a decoded picture and makes of it a gray page that an
//     engine reads well and fast: scaled by the height of its letters, light
//     evened out, turned upright, straightened; each step only where a
//     measurement of this very picture asks for it. It is pure computation
//     without state and runs where the picture is decoded, in the sandboxed
//     child. Its result, Prepared, travels to the worker: a small JSON record
//     and the raw gray bytes (Prepared.Pixels, Prepared.SetPixels).
//   - Reader.Read runs in the worker. It hands the prepared page to an Engine,
//     decides whether the answer is good enough or the page must be tried
//     upside down or at a lower resolution, and maps every box back to the
//     picture as it was stored.
//
// Recognise does both in one process, for tools that trust their input.
//
// Units: pictures are 8-bit gray, rows from the top; positions are pixels from
// the top left corner, x to the right, y downwards, and boxes exclude their
// right and bottom edge. Confidence goes from 0 to 100. Angles are degrees.
package ocr

import (
	"context"
	"errors"
	"image"
	"strings"
)

// What an engine can fail with. Compare with errors.Is; the words of an actual
// error say more.
var (
	ErrTimeout         = errors.New("recognition took too long and was stopped")
	ErrMemory          = errors.New("recognition needed more memory than allowed")
	ErrCrashed         = errors.New("the recognition engine failed on this page")
	ErrMissingEngine   = errors.New("the recognition engine is not installed")
	ErrMissingLanguage = errors.New("the recognition engine lacks a language")
)

// Engine recognises one page at a time and may be called by several at once.
type Engine interface {
	// Recognise reads a page. Boxes are in pixels of the page it was given. It
	// gives one of the errors above, wrapped, or the context's own.
	Recognise(ctx context.Context, page Page) (Result, error)
	// Describe says what would recognise, for the record kept with each result.
	Describe(ctx context.Context) (Description, error)
}

// Description names an engine and what it can read.
type Description struct {
	Engine    string   `json:"engine"`    // such as tesseract
	Version   string   `json:"version"`   // such as 5.3.0
	Languages []string `json:"languages"` // installed, by the engine's own codes
}

// Layout tells an engine what to expect of a page.
type Layout int

const (
	LayoutPage   Layout = iota // find columns, blocks and lines
	LayoutColumn               // one column of lines of various sizes
	LayoutBlock                // one uniform block of text
	LayoutLine                 // a single line
)

// Page is what an engine is given.
type Page struct {
	Image     *image.Gray
	DPI       int      // of Image
	Languages []string // engine's codes, such as eng; at least one
	Layout    Layout
	Letters   string // only these characters may be read; empty: all
}

// Result is what an engine read.
type Result struct {
	Lines     []Line   `json:"lines"`
	Engine    string   `json:"engine"`
	Version   string   `json:"version"`
	Languages []string `json:"languages"`
	// Settings are those that can change the text, by the engine's own names.
	Settings map[string]string `json:"settings,omitempty"`
}

// Line is a line of words in reading order.
type Line struct {
	Words []Word          `json:"words"`
	Box   image.Rectangle `json:"box"`
	// Block counts the blocks of a page, Paragraph those of its block, from 1.
	Block     int `json:"block"`
	Paragraph int `json:"paragraph"`
}

// Word is one word.
type Word struct {
	Text       string          `json:"text"`
	Confidence float64         `json:"confidence"`
	Box        image.Rectangle `json:"box"`
	// Quad is the word's own box, which on a skewed or turned page is not
	// parallel to the edges: top left, top right, bottom right, bottom left as
	// the word is read. The engine leaves it zero; Reader fills it in.
	Quad [4]Point `json:"-"`
}

// Point is a position in pixels.
type Point struct{ X, Y float64 }

// Text gives the words of a line.
func (l *Line) Text() string {
	words := make([]string, len(l.Words))
	for i, w := range l.Words {
		words[i] = w.Text
	}
	return strings.Join(words, " ")
}

// Text gives all lines, an empty line between paragraphs.
func (r *Result) Text() string {
	var out strings.Builder
	for i := range r.Lines {
		line := &r.Lines[i]
		if i > 0 {
			if before := &r.Lines[i-1]; before.Block != line.Block || before.Paragraph != line.Paragraph {
				out.WriteByte('\n')
			}
		}
		out.WriteString(line.Text())
		out.WriteByte('\n')
	}
	return out.String()
}

// MeanConfidence weighs words by their length; 0 when there are none.
func (r *Result) MeanConfidence() float64 {
	sum, letters := 0.0, 0
	for _, line := range r.Lines {
		for _, w := range line.Words {
			n := len([]rune(w.Text))
			sum += w.Confidence * float64(n)
			letters += n
		}
	}
	if letters == 0 {
		return 0
	}
	return sum / float64(letters)
}
