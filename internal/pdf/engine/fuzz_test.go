package engine

import (
	"bytes"
	"image"
	"image/jpeg"
	"os"
	"path/filepath"
	"testing"

	"github.com/paraph/paraph/internal/pdf"
)

// FuzzPictureFacts feeds the readers of picture headers, which are our own:
// whatever comes, they end and give sizes a page can have.
func FuzzPictureFacts(f *testing.F) {
	var sample bytes.Buffer
	if err := jpeg.Encode(&sample, image.NewGray(image.Rect(0, 0, 8, 8)), nil); err != nil {
		f.Fatal(err)
	}
	f.Add(sample.Bytes())
	f.Add([]byte("\xff\xd8\xff\xe1\x00\x20Exif\x00\x00MM\x00\x2a\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00"))
	f.Add([]byte("II*\x00\x08\x00\x00\x00\x01\x00\x1a\x01\x05\x00\x01\x00\x00\x00\x08\x00\x00\x00\x08\x00\x00\x00"))
	f.Add([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x09pHYs\x00\x00\x0b\x13\x00\x00\x0b\x13\x01"))
	f.Add([]byte("RIFF\x00\x00\x00\x00WEBPVP8 "))
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "picture")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		kind, err := kindOf(file)
		if err != nil || kind == pdf.KindPDF {
			return
		}
		limits := pdf.Limits{Pages: 50, Pixels: 1 << 20}
		pictures, err := openImages(file, kind, limits)
		if err != nil {
			return
		}
		for _, p := range pictures {
			known := p.facts(file)
			width, height, _ := p.pageSize(image.Config{Width: 100, Height: 50}, known)
			if !(width > 0) || !(height > 0) || width > 14_400 || height > 14_400*4800/30 {
				t.Errorf("a page of %v by %v points", width, height)
			}
		}
	})
}
