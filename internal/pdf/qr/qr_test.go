package qr_test

import (
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/paraph/paraph/internal/pdf/qr"
	"github.com/paraph/paraph/internal/testneed"
)

// TestReadByOthers lets a reader that nobody here wrote read codes of many sizes.
func TestReadByOthers(t *testing.T) {
	t.Parallel()
	zbar := testneed.Command(t, "zbarimg")
	for _, n := range []int{1, 13, 14, 60, 83, 106, 120, 180, 213, 300, 450, 700, 1200, 2331} {
		text := strings.Repeat("https://sign.example.org/verify/Grüße?", 70)[:n-1] + "."
		code, err := qr.Encode(text)
		if err != nil {
			t.Fatalf("%d bytes: %v", n, err)
		}
		out, err := exec.Command(zbar, "--quiet", "--raw", "-Sbinary", "--oneshot", picture(t, code)).Output()
		if err != nil {
			out, err = exec.Command(zbar, "--quiet", "--raw", picture(t, code)).Output()
		}
		if strings.TrimRight(string(out), "\n") != text {
			t.Errorf("%d bytes, %d modules: read %q (%v)", n, code.Size, out, err)
		}
	}
	if _, err := qr.Encode(strings.Repeat("x", 2332)); err == nil {
		t.Error("a text that is too long became a code")
	}
}

func picture(t *testing.T, code *qr.Code) string {
	const scale, quiet = 4, 4
	side := (code.Size + 2*quiet) * scale
	img := image.NewGray(image.Rect(0, 0, side, side))
	for y := range side {
		for x := range side {
			mx, my := x/scale-quiet, y/scale-quiet
			dark := mx >= 0 && my >= 0 && mx < code.Size && my < code.Size && code.At(mx, my)
			if !dark {
				img.SetGray(x, y, color.Gray{Y: 255})
			}
		}
	}
	path := filepath.Join(t.TempDir(), "code.png")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := png.Encode(f, img); err != nil {
		t.Fatal(err)
	}
	return path
}

func BenchmarkEncode(b *testing.B) {
	for b.Loop() {
		if _, err := qr.Encode("https://sign.example.org/verify/env_01K9ZQ3T5V8X2B4D6F8H0J2M4P#0123456789012345678901234567890123456789012345678901234567890123"); err != nil {
			b.Fatal(err)
		}
	}
}
