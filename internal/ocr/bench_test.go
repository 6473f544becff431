package ocr

import "testing"

func BenchmarkPrepareA4(b *testing.B) {
	img := page(2480, 3508, 42, 200, 300, manyLines(45)...)
	img = straighten(img, 0.7, 255)
	for b.Loop() {
		Prepare(img, PrepareOptions{DPI: 300})
	}
}

func manyLines(n int) []string {
	lines := make([]string, n)
	for i := range lines {
		lines[i] = "Goods remain the property of the seller until the full amount has been paid, in 30 days."
	}
	return lines
}
