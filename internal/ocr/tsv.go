package ocr

import (
	"bufio"
	"bytes"
	"fmt"
	"image"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Rows of Tesseract's table: a line of text, and a word of the line before it.
const (
	tsvLine = "4"
	tsvWord = "5"
)

// maxTSVRow bounds one row; a word of a page is never longer.
const maxTSVRow = 1 << 20

// parseTSV reads the table that Tesseract writes: twelve columns, one row for
// each page, block, paragraph, line and word. Boxes are clipped to the page.
func parseTSV(data []byte, page image.Rectangle) ([]Line, error) {
	var lines []Line
	rows := bufio.NewScanner(bytes.NewReader(data))
	rows.Buffer(make([]byte, 0, 64<<10), maxTSVRow)
	for number := 1; rows.Scan(); number++ {
		columns := strings.SplitN(rows.Text(), "\t", 12)
		if len(columns) < 11 || columns[0] == "level" {
			if number == 1 || strings.TrimSpace(rows.Text()) == "" {
				continue
			}
			return nil, fmt.Errorf("row %d of the table has %d columns, not 12", number, len(columns))
		}
		switch columns[0] {
		case tsvLine, tsvWord:
		default:
			continue
		}
		row, err := parseRow(columns)
		if err != nil {
			return nil, fmt.Errorf("row %d of the table: %w", number, err)
		}
		box := row.box.Intersect(page)
		if columns[0] == tsvLine {
			lines = append(lines, Line{Box: box, Block: row.block, Paragraph: row.paragraph})
			continue
		}
		text := ""
		if len(columns) == 12 {
			text = clean(columns[11])
		}
		if text == "" || box.Empty() || len(lines) == 0 {
			continue
		}
		line := &lines[len(lines)-1]
		line.Words = append(line.Words, Word{Text: text, Confidence: row.confidence, Box: box})
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the table: %w", err)
	}
	return withoutEmpty(lines), nil
}

type tsvRow struct {
	block, paragraph int
	box              image.Rectangle
	confidence       float64
}

func parseRow(columns []string) (tsvRow, error) {
	var n [10]int
	for i := 2; i < 10; i++ {
		v, err := strconv.ParseInt(columns[i], 10, 32)
		if err != nil {
			return tsvRow{}, fmt.Errorf("column %d: %w", i+1, err)
		}
		n[i] = int(v)
	}
	confidence, err := strconv.ParseFloat(strings.TrimSpace(columns[10]), 64)
	if err != nil {
		return tsvRow{}, fmt.Errorf("column 11: %w", err)
	}
	if !(confidence >= 0) { // -1 for rows that are not words, and NaN
		confidence = 0
	}
	return tsvRow{
		block: n[2], paragraph: n[3], confidence: min(confidence, 100),
		box: image.Rectangle{Min: image.Pt(n[6], n[7]), Max: image.Pt(n[6]+n[8], n[7]+n[9])},
	}, nil
}

// clean drops control characters and broken encoding, which have no place in a
// word, and the spaces around it.
func clean(text string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r == utf8.RuneError || unicode.IsControl(r) {
			return -1
		}
		return r
	}, text))
}

func withoutEmpty(lines []Line) []Line {
	kept := lines[:0]
	for _, line := range lines {
		if len(line.Words) > 0 {
			kept = append(kept, line)
		}
	}
	return kept
}
