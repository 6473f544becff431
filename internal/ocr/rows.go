package ocr

import (
	"cmp"
	"image"
	"slices"
)

// Engines take the columns of a table for columns of prose and read them one
// below the other, so that an amount ends far from its name. Blocks that stand
// side by side with their lines level, one of them of few words a line, are a
// table: its lines are joined to rows.
const (
	fewWordsALine = 3.0
	levelShare    = 0.6 // of the lines beside the other block that must be level with one of its lines
)

// block is the lines that an engine found to belong together.
type block struct {
	box   image.Rectangle
	lines []int
	words int
	table int // the first block of the table it belongs to
}

// joinRows joins the lines of tables; other lines keep their order.
func joinRows(lines []Line) []Line {
	blocks := blocksOf(lines)
	joined := false
	for i := range blocks {
		for j := i + 1; j < len(blocks); j++ {
			if sideBySide(lines, &blocks[i], &blocks[j]) {
				from, to := blocks[j].table, blocks[i].table
				from, to = max(from, to), min(from, to)
				for k := range blocks {
					if blocks[k].table == from {
						blocks[k].table = to
					}
				}
				joined = true
			}
		}
	}
	if !joined {
		return lines
	}
	var out []Line
	for i := range blocks {
		if blocks[i].table != i {
			continue // its lines went with the first block of the table
		}
		var parts []Line
		for k := range blocks {
			if blocks[k].table == i {
				for _, n := range blocks[k].lines {
					parts = append(parts, lines[n])
				}
			}
		}
		if len(parts) > len(blocks[i].lines) {
			parts = rows(parts)
		}
		out = append(out, parts...)
	}
	return out
}

func blocksOf(lines []Line) []block {
	var out []block
	for i, line := range lines {
		if n := len(out); n == 0 || lines[out[n-1].lines[0]].Block != line.Block {
			out = append(out, block{table: n})
		}
		b := &out[len(out)-1]
		b.box, b.words = b.box.Union(line.Box), b.words+len(line.Words)
		b.lines = append(b.lines, i)
	}
	return out
}

func sideBySide(lines []Line, a, b *block) bool {
	if min(a.box.Max.X, b.box.Max.X) > max(a.box.Min.X, b.box.Min.X) || min(a.box.Max.Y, b.box.Max.Y) <= max(a.box.Min.Y, b.box.Min.Y) {
		return false
	}
	if float64(a.words) > fewWordsALine*float64(len(a.lines)) && float64(b.words) > fewWordsALine*float64(len(b.lines)) {
		return false
	}
	share := func(a, b *block) (matched, beside int) {
		for _, i := range a.lines {
			if middle := center(lines[i].Box); middle < b.box.Min.Y || middle > b.box.Max.Y {
				continue
			}
			beside++
			if slices.ContainsFunc(b.lines, func(j int) bool { return level(lines[i].Box, lines[j].Box) }) {
				matched++
			}
		}
		return matched, beside
	}
	matchedA, besideA := share(a, b)
	matchedB, besideB := share(b, a)
	return matchedA > 0 && matchedB > 0 &&
		max(float64(matchedA)/float64(besideA), float64(matchedB)/float64(besideB)) >= levelShare
}

func center(r image.Rectangle) int { return (r.Min.Y + r.Max.Y) / 2 }

// level tells whether two boxes stand on one line.
func level(a, b image.Rectangle) bool {
	apart := center(a) - center(b)
	return 2*max(apart, -apart) < min(a.Dy(), b.Dy())
}

// rows joins lines that are level, from the left to the right.
func rows(parts []Line) []Line {
	slices.SortStableFunc(parts, func(a, b Line) int { return cmp.Compare(center(a.Box), center(b.Box)) })
	var out []Line
	for _, part := range parts {
		at := slices.IndexFunc(out, func(row Line) bool {
			return level(row.Box, part.Box) && !slices.ContainsFunc(row.Words, func(w Word) bool { return overlapX(w.Box, part.Box) > 2 })
		})
		if at < 0 {
			part.Block, part.Paragraph = parts[0].Block, parts[0].Paragraph
			out = append(out, part)
			continue
		}
		row := &out[at]
		row.Words = append(slices.Clip(row.Words), part.Words...)
		row.Box = row.Box.Union(part.Box)
	}
	for i := range out {
		slices.SortStableFunc(out[i].Words, func(a, b Word) int { return cmp.Compare(a.Box.Min.X, b.Box.Min.X) })
	}
	return out
}

func overlapX(a, b image.Rectangle) int { return min(a.Max.X, b.Max.X) - max(a.Min.X, b.Min.X) }
