package ocr

import (
	"cmp"
	"image"
	"slices"
)

// A page that is read with doubt is read once more in another way, as one block
// of lines, which finds what the search for columns lost. Of words that both
// readings place alike the surer one stays; what only one of them found stays
// when it is sure enough.
const (
	alike        = 0.5  // overlap, of the smaller and of the larger box, at which two words are one
	surerBy      = 3.0  // points by which the second reading's word must win
	sureAddition = 60.0 // confidence of a word that only the second reading has
)

// merged takes what is better of two readings of the same picture. Boxes of
// both are in the same pixels.
func merged(first, second []Line) []Line {
	type place struct{ line, word int }
	out := make([]Line, len(first))
	var boxes []image.Rectangle
	var places []place
	for i, line := range first {
		line.Words = slices.Clone(line.Words)
		out[i] = line
		for j, w := range line.Words {
			boxes, places = append(boxes, w.Box), append(places, place{i, j})
		}
	}
	for _, line := range second {
		var extra []Word
		for _, w := range line.Words {
			touched := false
			for k, box := range boxes {
				common := area(box.Intersect(w.Box))
				if common == 0 {
					continue
				}
				smaller, larger := min(area(box), area(w.Box)), max(area(box), area(w.Box))
				if float64(common) > 0.2*float64(smaller) {
					touched = true
				}
				own := &out[places[k].line].Words[places[k].word]
				if float64(common) >= alike*float64(larger) && w.Confidence > own.Confidence+surerBy {
					own.Text, own.Confidence = w.Text, w.Confidence
				}
			}
			if !touched && w.Confidence >= sureAddition && len([]rune(w.Text)) > 1 {
				extra = append(extra, w)
			}
		}
		if len(extra) > 0 {
			out = insert(out, extra)
		}
	}
	return out
}

func area(r image.Rectangle) int { return r.Dx() * r.Dy() }

// insert puts words that stand on one line where they belong.
func insert(lines []Line, words []Word) []Line {
	box := words[0].Box
	for _, w := range words {
		box = box.Union(w.Box)
	}
	for i := range lines {
		if !level(lines[i].Box, box) {
			continue
		}
		lines[i].Words = append(lines[i].Words, words...)
		slices.SortStableFunc(lines[i].Words, func(a, b Word) int { return cmp.Compare(a.Box.Min.X, b.Box.Min.X) })
		lines[i].Box = lines[i].Box.Union(box)
		return lines
	}
	at := slices.IndexFunc(lines, func(l Line) bool { return center(l.Box) > center(box) })
	if at < 0 {
		at = len(lines)
	}
	added := Line{Words: words, Box: box, Block: 1, Paragraph: 1}
	if at > 0 {
		added.Block, added.Paragraph = lines[at-1].Block, lines[at-1].Paragraph
	}
	return slices.Insert(lines, at, added)
}
