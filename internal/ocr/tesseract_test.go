package ocr

import (
	"context"
	"errors"
	"image"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/testneed"
)

// impostor writes a program that answers like Tesseract when asked about itself
// and does something else with pages.
func impostor(t *testing.T, withPages string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tesseract")
	script := "#!/bin/sh\ncase \"$*\" in\n*--version*) echo 'tesseract 5.3.0'; exit;;\n*--list-langs*) printf 'List:\\neng\\n'; exit;;\nesac\n" + withPages + "\n"
	if err := os.WriteFile(path, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFailuresHaveTypes(t *testing.T) {
	t.Parallel()
	img := page(60, 40, 12, 5, 20, "x")
	for _, c := range []struct {
		name, does string
		timeout    time.Duration
		want       error
	}{
		{"killed", "kill -9 $$", 0, ErrCrashed},
		{"aborted", "exit 134", 0, ErrMemory},
		{"aborted by signal", "kill -6 $$", 0, ErrMemory},
		{"complains of memory", "cat >/dev/null; echo 'std::bad_alloc' >&2; exit 1", 0, ErrMemory},
		{"no table", "cat >/dev/null; printf 'head\\nnonsense\\n'", 0, ErrCrashed},
		{"hangs with a child", "tail -f /dev/null & wait", 300 * time.Millisecond, ErrTimeout},
		{"out of processor time", "kill -s XCPU $$", 0, ErrTimeout},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			engine := NewTesseract(TesseractConfig{Command: impostor(t, c.does), Timeout: c.timeout})
			if c.timeout > 0 { // only the page may take that long, not the questions before it
				engine.description = &Description{Engine: "tesseract", Version: "5", Languages: []string{"eng"}}
			}
			_, err := engine.Recognise(t.Context(), Page{Image: img, DPI: 100, Languages: []string{"eng"}})
			if !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

// TestNoShell: arguments reach the program as they are, whatever a shell would make of them.
func TestNoShell(t *testing.T) {
	t.Parallel()
	tool := &Tesseract{config: TesseractConfig{Command: "/bin/echo"}}
	out, err := tool.command(t.Context(), []string{"a  b", "$(id)", ";id", "`id`", "'"}).Output()
	if want := "a  b $(id) ;id `id` '\n"; err != nil || string(out) != want {
		t.Errorf("%q, %v", out, err)
	}
}

func TestWhatIsMissingIsNamed(t *testing.T) {
	t.Parallel()
	img := image.NewGray(image.Rect(0, 0, 9, 9))
	engine := NewTesseract(TesseractConfig{Command: filepath.Join(t.TempDir(), "none")})
	if _, err := engine.Recognise(t.Context(), Page{Image: img, Languages: []string{"eng"}}); !errors.Is(err, ErrMissingEngine) {
		t.Errorf("without the program: %v", err)
	}
	engine = NewTesseract(TesseractConfig{Command: impostor(t, "exit 1")})
	for _, languages := range [][]string{nil, {"eng", "deu"}} {
		if _, err := engine.Recognise(t.Context(), Page{Image: img, Languages: languages}); !errors.Is(err, ErrMissingLanguage) {
			t.Errorf("languages %v: %v", languages, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	engine = NewTesseract(TesseractConfig{Command: impostor(t, "exit 1")})
	engine.description = &Description{Languages: []string{"eng"}}
	if _, err := engine.Recognise(ctx, Page{Image: img, Languages: []string{"eng"}}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestRealMemoryCap(t *testing.T) {
	t.Parallel()
	testneed.Command(t, "tesseract")
	engine := NewTesseract(TesseractConfig{Memory: 90 << 20})
	_, err := engine.Recognise(t.Context(), Page{Image: page(2400, 3400, 42, 100, 200, manyLines(40)...), DPI: 300, Languages: []string{"eng"}})
	if !errors.Is(err, ErrMemory) && !errors.Is(err, ErrCrashed) {
		t.Errorf("got %v", err)
	}
}

// TestReadsTurnedAndSkewedPages reads a page however it lies, and checks that
// every word's box holds the word's ink on the page as stored.
func TestReadsTurnedAndSkewedPages(t *testing.T) {
	t.Parallel()
	testneed.Command(t, "tesseract")
	lines := []string{"Goods remain the property of the seller", "until the full amount has been paid.", "Invoice 2041-77 of 3 March 2024", "Total amount 1,234.50 EUR"}
	clean := page(1240, 700, 28, 120, 150, lines...)
	reader := Reader{Engine: NewTesseract(TesseractConfig{})}
	for _, c := range []struct {
		name    string
		turns   int
		angle   float64
		upright int
	}{{"skewed", 0, 1.2, 0}, {"on its left side", 3, 0, 90}, {"on its head, skewed", 2, -0.9, 180}, {"on its right side", 1, 0.6, 270}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			stored := straighten(quarters(clean, c.turns), c.angle, 255)
			got, err := reader.Recognise(t.Context(), stored, 200, ReadOptions{})
			if err != nil {
				t.Fatal(err)
			}
			read := strings.Fields(got.Text())
			wrong := 0
			for _, word := range strings.Fields(strings.Join(lines, " ")) {
				if !slices.Contains(read, word) {
					wrong++
				}
			}
			if wrong > 1 { // blur may cost a digit, depending on the engine's version
				t.Errorf("read %q", got.Text())
			}
			if got.Upright != c.upright {
				t.Errorf("upright after %d degrees, want %d; steps %v", got.Upright, c.upright, got.Steps)
			}
			if math.Abs(math.Remainder(got.Skew-c.angle, 360)) > 0.15 {
				t.Errorf("skew %v, want %v", got.Skew, c.angle)
			}
			boxesHoldInk(t, got, stored)
		})
	}
}

// boxesHoldInk takes all boxes off the page; hardly any ink may be left.
func boxesHoldInk(t *testing.T, got *PageResult, stored *image.Gray) {
	t.Helper()
	covered := image.NewGray(stored.Rect)
	for _, line := range got.Lines {
		for _, w := range line.Words {
			const tolerance = 2 // pixels
			for y := w.Box.Min.Y - tolerance; y < w.Box.Max.Y+tolerance; y++ {
				for x := w.Box.Min.X - tolerance; x < w.Box.Max.X+tolerance; x++ {
					if (image.Point{X: x, Y: y}).In(covered.Rect) {
						covered.Pix[y*covered.Stride+x] = 1
					}
				}
			}
			if w.Box.Dx()*w.Box.Dy() > 300*80 {
				t.Errorf("the box of %q is %v", w.Text, w.Box)
			}
		}
	}
	ink, outside := 0, 0
	for i, v := range stored.Pix {
		if v < 120 {
			ink++
			if covered.Pix[i] == 0 {
				outside++
			}
		}
	}
	if outside*100 > ink {
		t.Errorf("%d of %d dark pixels lie outside of all boxes", outside, ink)
	}
}

func TestGrainGivesNoWords(t *testing.T) {
	t.Parallel()
	testneed.Command(t, "tesseract")
	reader := Reader{Engine: NewTesseract(TesseractConfig{})}
	img := grainy(page(1240, 1754, 20, 0, 0), 30, 1500)
	got, err := reader.Recognise(t.Context(), img, 150, ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if !got.Blank || got.Text() != "" {
		t.Errorf("blank %v, text %q", got.Blank, got.Text())
	}
}
