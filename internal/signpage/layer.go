package signpage

import (
	"fmt"
	"strings"

	"github.com/paraph/paraph/internal/document"
)

// layer is the text of one page as it lies over the picture: SVG text, since it
// stretches to the words' boxes and scales with the page without any script or
// inline style.
type layer struct {
	No            int
	Width, Height float64 // points, as displayed
	// Transform turns text of a page that lies on its side into place.
	Transform string
	Runs      []run
	Lines     []string // the same text line by line, for reading as plain text
}

// run is a piece of a line without wide gaps.
type run struct {
	X, Y, Width, Size string // start, baseline, length and font size in points
	Text              string
}

// layerOf lays the words of a page out, in the order they are given.
func layerOf(p *document.Page, words []document.Word) layer {
	l := layer{No: p.No, Width: p.Width, Height: p.Height}
	l.Transform = upright(p.Turned, p.Width, p.Height)
	var line []document.Word
	for i := range words {
		w := turn(words[i], p.Turned, p.Width, p.Height)
		if len(line) > 0 && w.Line != line[0].Line {
			l.add(line)
			line = line[:0]
		}
		line = append(line, w)
	}
	l.add(line)
	return l
}

// add appends one line, split where a gap is so wide (a table's next column)
// that one stretched piece would not meet its words.
func (l *layer) add(line []document.Word) {
	if len(line) == 0 {
		return
	}
	start := 0
	texts := make([]string, 0, len(line))
	for i := range line {
		texts = append(texts, line[i].Text)
		if i > 0 {
			gap := line[i].X - (line[i-1].X + line[i-1].Width)
			if gap > 1.2*line[i].Height || gap < -line[i].Height {
				l.Runs = append(l.Runs, runOf(line[start:i]))
				start = i
			}
		}
	}
	l.Runs = append(l.Runs, runOf(line[start:]))
	l.Lines = append(l.Lines, strings.Join(texts, " "))
}

func runOf(words []document.Word) run {
	x0, x1 := words[0].X, words[0].X+words[0].Width
	y0, y1 := words[0].Y, words[0].Y+words[0].Height
	texts := make([]string, len(words))
	for i, w := range words {
		x0, x1 = min(x0, w.X), max(x1, w.X+w.Width)
		y0, y1 = min(y0, w.Y), max(y1, w.Y+w.Height)
		texts[i] = w.Text
	}
	h := y1 - y0
	// Boxes end about where the descenders do: a fifth above lies the baseline.
	return run{X: short(x0), Y: short(y1 - h/5), Width: short(max(x1-x0, 0.1)), Size: short(max(h, 1)), Text: strings.Join(texts, " ")}
}

func short(v float64) string {
	return strings.TrimSuffix(fmt.Sprintf("%.1f", v), ".0")
}

// turn gives a word's box in the frame of a reader who has turned the page
// clockwise by that many degrees.
func turn(w document.Word, degrees int, width, height float64) document.Word {
	t := w
	switch degrees {
	case 90:
		t.X, t.Y, t.Width, t.Height = height-w.Y-w.Height, w.X, w.Height, w.Width
	case 180:
		t.X, t.Y = width-w.X-w.Width, height-w.Y-w.Height
	case 270:
		t.X, t.Y, t.Width, t.Height = w.Y, width-w.X-w.Width, w.Height, w.Width
	}
	return t
}

// upright is turn's way back, as an SVG transform.
func upright(degrees int, width, height float64) string {
	switch degrees {
	case 90:
		return fmt.Sprintf("matrix(0 -1 1 0 0 %s)", short(height))
	case 180:
		return fmt.Sprintf("matrix(-1 0 0 -1 %s %s)", short(width), short(height))
	case 270:
		return fmt.Sprintf("matrix(0 1 -1 0 %s 0)", short(width))
	}
	return ""
}
