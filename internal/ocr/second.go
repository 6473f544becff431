package ocr

import (
	"cmp"
	"image"
	"slices"
)

// A page that is read with doubt is read once more in another way. Where both
// readings found words in one place the surer ones stay, be they as many or
// not; what only the second found is added when it is sure enough.
const (
	samePlace    = 0.3  // overlap, of the smaller box, from which words lie in one place
	surerBy      = 3.0  // points of mean confidence by which the second reading must win
	sureAddition = 60.0 // confidence of a word that only the second reading has
	sureFigure   = 80.0 // and of a single figure; other single characters are dirt as often as not
)

// Engines at times drop whole columns of a table. So letters that lie in no
// word's box are counted; a page with many of them is read a second time, too.
const (
	fewestOverlooked = 16
	overlookedShare  = 0.06
)

// overlooked tells whether a reading left out much of what looks like letters.
func overlooked(img *image.Gray, lines []Line) bool {
	factor := reduction(img.Rect.Size())
	found := look(reduce(img, factor)).letters
	missing := 0
	for _, m := range found {
		middle := m.box.Min.Add(m.box.Max).Mul(factor).Div(2)
		if !slices.ContainsFunc(lines, func(l Line) bool {
			return middle.In(l.Box.Inset(-factor)) && slices.ContainsFunc(l.Words, func(w Word) bool { return middle.In(w.Box.Inset(-2 * factor)) })
		}) {
			missing++
		}
	}
	return missing >= fewestOverlooked && float64(missing) > overlookedShare*float64(len(found))
}

// spot names a word by its line and its place there.
type spot struct{ line, word int }

// group is words of two readings that lie in one place.
type group struct{ first, second []spot }

// merged takes what is better of two readings. Boxes of both are in pixels of
// the same picture.
func merged(first, second []Line) []Line {
	groups, alone := match(first, second)
	replaced := map[spot][]Word{} // by the first word that gives way
	gone := map[spot]bool{}
	for _, g := range groups {
		if !oneLine(g.first) || !oneLine(g.second) || meanOf(second, g.second) <= meanOf(first, g.first)+surerBy {
			continue
		}
		for _, s := range g.first {
			gone[s] = true
		}
		for _, s := range g.second {
			replaced[g.first[0]] = append(replaced[g.first[0]], second[s.line].Words[s.word])
		}
	}
	out := make([]Line, 0, len(first))
	for i, line := range first {
		words := make([]Word, 0, len(line.Words))
		for j, w := range line.Words {
			words = append(words, replaced[spot{i, j}]...)
			if !gone[spot{i, j}] {
				words = append(words, w)
			}
		}
		line.Words = words
		out = append(out, line)
	}
	for _, words := range alone {
		out = insert(out, words)
	}
	return out
}

// match finds the words of both readings that lie in one place, and, line by
// line, the sure ones of the second that lie where the first found nothing.
func match(first, second []Line) (groups []group, alone [][]Word) {
	a, b := spotsOf(first), spotsOf(second)
	parent := make([]int, len(a)+len(b)) // words tied together, however indirectly, have one root
	for i := range parent {
		parent[i] = i
	}
	root := func(i int) int {
		for parent[i] != i {
			parent[i] = parent[parent[i]]
			i = parent[i]
		}
		return i
	}
	for j, s := range b {
		box := second[s.line].Words[s.word].Box
		for i, f := range a {
			other := first[f.line].Words[f.word].Box
			if common := area(box.Intersect(other)); common > 0 && float64(common) >= samePlace*float64(min(area(box), area(other))) {
				parent[root(len(a)+j)] = root(i)
			}
		}
	}
	byRoot := make([]group, len(parent))
	for i, s := range a {
		byRoot[root(i)].first = append(byRoot[root(i)].first, s)
	}
	for j, s := range b {
		byRoot[root(len(a)+j)].second = append(byRoot[root(len(a)+j)].second, s)
	}
	previous := -1
	for _, g := range byRoot {
		switch {
		case len(g.first) > 0 && len(g.second) > 0:
			groups = append(groups, g)
		case len(g.second) > 0:
			s := g.second[0]
			w := second[s.line].Words[s.word]
			if w.Confidence < sureAddition || len(w.Text) == 1 && (w.Text[0] < '0' || w.Text[0] > '9' || w.Confidence < sureFigure) {
				continue
			}
			if s.line != previous {
				alone = append(alone, nil)
			}
			alone[len(alone)-1], previous = append(alone[len(alone)-1], w), s.line
		}
	}
	return groups, alone
}

func spotsOf(lines []Line) []spot {
	var out []spot
	for i, line := range lines {
		for j := range line.Words {
			out = append(out, spot{i, j})
		}
	}
	return out
}

// oneLine tells whether there are words and all stand on one line.
func oneLine(spots []spot) bool {
	return len(spots) > 0 && spots[0].line == spots[len(spots)-1].line
}

func meanOf(lines []Line, spots []spot) float64 {
	var r Result
	for _, s := range spots {
		r.Lines = append(r.Lines, Line{Words: lines[s.line].Words[s.word : s.word+1]})
	}
	return r.MeanConfidence()
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
