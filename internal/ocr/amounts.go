package ocr

import (
	"regexp"
	"slices"
	"strings"
)

// Engines part an amount behind its decimal sign where the type gives every
// character the same room, and take a worn point for a comma. Both can be told
// from the page itself and are mended, because an amount that is not found as
// it is printed is lost to whoever looks for it.

var (
	// partedAmount is the first part: an amount up to its decimal sign.
	partedAmount = regexp.MustCompile(`^[^\d\s]{0,4}\d{1,3}(?:[,.]?\d{3})*[.,]$`)
	// cents are the second part.
	cents = regexp.MustCompile(`^\d\d\D{0,2}$`)
	// amountWord is an amount with two decimals: before, sign, after.
	amountWord = regexp.MustCompile(`^([^\d\s]{0,4}(?:\d{1,3}(?:[,.]\d{3})+|\d{1,6}))([.,])(\d\d\D{0,2})$`)
)

// joinGap is the largest gap inside an amount, as a share of its height. Words
// of prose stand further apart than a point and a figure of one amount.
const joinGap = 0.75

// joinAmounts joins amounts that were parted behind their decimal sign.
func joinAmounts(lines []Line) {
	for i := range lines {
		words := lines[i].Words
		for j := 0; j+1 < len(words); j++ {
			a, b := words[j], words[j+1]
			if !partedAmount.MatchString(a.Text) || !cents.MatchString(b.Text) {
				continue
			}
			if gap := b.Box.Min.X - a.Box.Max.X; float64(gap) > joinGap*float64(max(a.Box.Dy(), b.Box.Dy())) {
				continue
			}
			a.Text += b.Text
			a.Confidence = min(a.Confidence, b.Confidence)
			a.Box = a.Box.Union(b.Box)
			words = slices.Concat(words[:j], []Word{a}, words[j+2:])
		}
		lines[i].Words = words
	}
}

// A page keeps to one decimal sign; the other is a misreading only where the
// page's own is beyond doubt.
const (
	fewestAmounts = 3
	dominance     = 3
)

// oneDecimalSign gives all amounts the sign that most amounts of the page have,
// and tells whether it changed any.
func oneDecimalSign(lines []Line) bool {
	counts := map[string]int{}
	for _, line := range lines {
		for _, w := range line.Words {
			if m := amountWord.FindStringSubmatch(w.Text); m != nil {
				counts[m[2]]++
			}
		}
	}
	own, other := ".", ","
	if counts[","] > counts["."] {
		own, other = ",", "."
	}
	if counts[other] == 0 || counts[own] < fewestAmounts || counts[own] < dominance*counts[other] {
		return false
	}
	for _, line := range lines {
		for j := range line.Words {
			w := &line.Words[j]
			if m := amountWord.FindStringSubmatch(w.Text); m != nil && m[2] == other && !strings.Contains(m[1], own) {
				w.Text = m[1] + own + m[3]
			}
		}
	}
	return true
}
