package ocr

import (
	"context"
	"testing"

	"github.com/paraph/paraph/internal/testneed"
)

func TestReadsAPage(t *testing.T) {
	t.Parallel()
	testneed.Command(t, "tesseract")
	img := page(1200, 800, 32, 80, 100, "The quick brown fox jumps", "over the lazy dog.", "Invoice total 1,234.50 EUR")
	r := Reader{Engine: NewTesseract(TesseractConfig{})}
	for _, turns := range []int{0, 1, 2, 3} {
		got, err := r.Recognise(context.Background(), quarters(img, turns), 200, ReadOptions{})
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%d: %q %v up %d conf %.0f %+v", turns, got.Text(), got.Steps, got.Upright, got.Confidence, got.Measures)
	}
}
